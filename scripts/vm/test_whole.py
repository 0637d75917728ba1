# SPDX-License-Identifier: GPL-2.0
"""The runner from the command line to the exit status, with made-up guests.

The guests behave as scripts/vm/skips and scripts/vm/floors require, unless a test changes them.
"""

import unittest
from collections.abc import Callable

from vm import fake
from vm.console import Calls
from vm.fake import Guest, Ran, assertion, failed, passed, skipped

RACE = failed(*assertion("include/kvm_syscalls.h:101: !r",
                         "pthread_getaffinity_np failed, rc: 3 errno: 4 (Interrupted system call)"))

# The cases of base_bugs, and which of them fail on each machine
BUGS = ("a VM with EL2: AArch32 ID registers are 0, and writes ignored",
        "KVM_CREATE_VM: each IPA size is what the VM gets, others EINVAL",
        "ICC_CTLR_EL1: a refused write changes nothing",
        "a first KVM_RUN that failed: what is hidden later is UNDEFINED",
        "WORKAROUND_2 and SSBS can be restored in the list's order",
        "ID_AA64PFR1_EL1 without MTE can be written back")
FOUND = {
    "max GICv3 vhe": (3, 4, 5), "max GICv2 vhe": (4, 5), "neoverse-n1 GICv3 vhe": (3, 5),
    "a64fx GICv3 vhe": (3,), "cortex-a72 GICv3 protected": (2, 3),
    "max GICv3 nested": (1, 3, 4, 5),
}


def bugs(*found: int) -> fake.Said:
    """The real output of base_bugs, without skips and details."""
    return failed(*fake.tap(*(f"{'!' * (number in found)}{case}"
                              for number, case in enumerate(BUGS, 1))))


# The real output of these tests, which scripts/vm/expected must match.
EXPECTED = {
    **{(machine, "base_bugs"): bugs(*found) for machine, found in FOUND.items()},
    ("max GICv3 nested", "set_id_regs"): failed(*assertion(
        "arm64/set_id_regs.c:690: val == reset_mutable_bits(uc.args[2], uc.args[3])",
        "0 != 0xa (val != reset_mutable_bits(uc.args[2], uc.args[3]))")),
    ("max GICv3 nested", "aarch32_id_regs"): failed(*assertion(
        "arm64/aarch32_id_regs.c:101: val == 0", "0x1020131 != 0 (val != 0)")),
    ("cortex-a72 GICv3 protected", "vgic_init"): failed(*assertion(
        "arm64/vgic_init.c:179: ret && errno == E2BIG", "dist address beyond IPA limit")),
}


class Whole(unittest.TestCase):
    def run_it(self, *arguments: str, change: Callable[[Guest], None] = lambda guest: None) -> Ran:
        def as_expected(guest: Guest) -> None:
            for test in guest.boot.tests:
                if said := EXPECTED.get((guest.boot.config.name, test)):
                    guest.said[test] = said
            change(guest)

        ran = fake.run("run", *arguments, change=as_expected)
        self.addCleanup(fake.forget, ran)
        return ran

    def is_red(self, ran: Ran, *words: str) -> None:
        self.assertEqual(ran.status, 1)
        self.assertNotIn(" 0 failed", ran.closing)
        flat = " ".join(ran.text.split())
        for word in words:
            self.assertIn(word, flat)


class OneMachine(Whole):
    WHERE = ("--cpu", "neoverse-n1", "--abi", "check", "--tests", "psci_test,steal_time,hypercalls")

    def test_a_good_guest(self) -> None:
        ran = self.run_it(*self.WHERE)
        self.assertEqual(ran.status, 0, ran.text)
        self.assertIn("tests: 3 passed, 0 failed, 0 skipped, 0 retried", ran.closing)
        self.assertEqual(ran.read("vm.count"), "3 0 0\n")

    def test_the_seconds_of_each_test_are_in_the_results(self) -> None:
        def change(guest: Guest) -> None:
            guest.notes = ["# vm: seconds hypercalls 3.10 4.90",
                           "# vm: seconds psci_test 5.00 7.00"]
        ran = self.run_it(*self.WHERE, change=change)
        self.assertEqual({test["name"]: test["seconds"] for test in ran.results()[0]["tests"]},
                         {"boot": None, "hypercalls": 1.8, "psci_test": 2.0, "steal_time": None})

    def test_what_init_could_not_do_fails_the_boot(self) -> None:
        def change(guest: Guest) -> None:
            guest.without("# vm: keeper").notes = ["# vm: nokeeper /dev/kvm: EIO"]
        self.is_red(self.run_it(*self.WHERE, change=change), "no VM was held: /dev/kvm: EIO")

    def test_a_hang_is_not_retried_and_hides_nothing(self) -> None:
        def change(guest: Guest) -> None:
            guest.said["psci_test"] = failed("not ok 3 the vCPU began twice")
            guest.hangs_in, guest.problem = "steal_time", "hung: no output for 660 s, killed"
        ran = self.run_it(*self.WHERE, change=change)
        self.is_red(ran, "hung: no output for 660 s", "not ok 3 the vCPU began twice",
                    "did not end")
        self.assertEqual(len(ran.boots), 1)

    def test_a_test_without_a_result(self) -> None:
        def change(guest: Guest) -> None:
            del guest.said["psci_test"]
        self.is_red(self.run_it(*self.WHERE, change=change), "psci_test", "no result")

    def test_splat(self) -> None:
        def change(guest: Guest) -> None:
            guest.splats = ["WARNING: possible circular locking dependency detected"]
        self.is_red(self.run_it(*self.WHERE, change=change), "possible circular locking")

    def test_mismatch(self) -> None:
        def change(guest: Guest) -> None:
            guest.put("last", "smccc", Calls(20, 20, 1))
        self.is_red(self.run_it(*self.WHERE, change=change), "1 mismatches between C and Rust")

    def test_an_unlisted_skip(self) -> None:
        def change(guest: Guest) -> None:
            guest.said = {name: skipped("not here") for name in guest.boot.tests}
        ran = self.run_it(*self.WHERE, change=change)
        self.is_red(ran, "it is skipped: not here",
                    "'neoverse-n1 GICv3 vhe | psci_test | not here'")
        self.assertEqual(ran.read("vm.count"), "0 3 0\n")

    def test_too_few_cases(self) -> None:
        def change(guest: Guest) -> None:
            guest.said["psci_test"] = fake.Said([])
            guest.said["hypercalls"] = passed()
            guest.said["steal_time"] = passed("vcpu0")
        self.is_red(self.run_it(*self.WHERE, change=change), "1 cases, at least 4")

    def test_garbled_statistics_do_not_end_the_run(self) -> None:
        def change(guest: Guest) -> None:
            guest.notes = ["# vm: stats last smccc 1 2 three"]
        self.is_red(self.run_it(*self.WHERE, change=change), "garbled: '# vm: stats last smccc")

    def test_a_race_of_steal_time_is_retried_alone(self) -> None:
        boots: list[Guest] = []

        def change(guest: Guest) -> None:
            boots.append(guest)
            if len(boots) == 1:
                guest.said["steal_time"] = RACE
        ran = self.run_it(*self.WHERE, change=change)
        self.assertEqual(ran.status, 0, ran.text)
        self.assertEqual([boot.tests for boot in ran.boots][1:], [("steal_time",)])
        self.assertIn("3 passed, 0 failed, 0 skipped, 1 retried", ran.closing)
        self.assertIn("steal_time was retried: first failed with include/kvm",
                      ran.read("results.tap"))
        (boot,) = ran.results()
        self.assertEqual([again["tests"][1]["name"] for again in boot["attempts"]], ["steal_time"])

    def test_a_retry_keeps_other_failures(self) -> None:
        boots: list[Guest] = []

        def change(guest: Guest) -> None:
            boots.append(guest)
            if len(boots) == 1:
                guest.said["steal_time"] = RACE
                guest.said["psci_test"] = failed("not ok 3 the vCPU began twice")
        ran = self.run_it(*self.WHERE, change=change)
        self.is_red(ran, "the vCPU began twice")
        self.assertIn("2 passed, 1 failed, 0 skipped, 1 retried", ran.closing)

    def test_a_retry_that_fails_again(self) -> None:
        def change(guest: Guest) -> None:
            guest.said["steal_time"] = RACE
        ran = self.run_it(*self.WHERE, change=change)
        self.is_red(ran, "retried: steal_time: include")
        self.assertEqual(len(ran.boots), 2)


    def test_a_bug_of_the_base_fails_only_as_expected(self) -> None:
        where = ("--cpu", "neoverse-n1", "--abi", "c", "--tests", "base_bugs")
        ran = self.run_it(*where)
        self.assertEqual(ran.status, 0, ran.text)
        self.assertIn("0 passed, 0 failed, 0 skipped, 1 failed as expected", ran.closing)
        # One more, one less, and none
        for found in ((2, 3, 5), (3,), ()):
            def change(guest: Guest, found: tuple[int, ...] = found) -> None:
                guest.said["base_bugs"] = bugs(*found) if found else passed(*BUGS)
            with self.subTest(found):
                self.is_red(self.run_it(*where, change=change), "expected to fail")

    def test_with_the_fixes_nothing_is_expected_to_fail(self) -> None:
        where = ("--cpu", "neoverse-n1", "--abi", "c", "--tests", "base_bugs", "--fixed")
        self.is_red(self.run_it(*where), f"not ok 3 {BUGS[2]}; not ok 5 {BUGS[4]}")

        def change(guest: Guest) -> None:
            self.assertIn("base_bugs=-w", guest.boot.order)
            guest.said["base_bugs"] = passed(
                f"~{BUGS[0]}: VMs cannot have EL2 here", *BUGS[1:3],
                f"~{BUGS[3]}: no FEAT_FGT, FEAT_TLBIRANGE or PMU", *BUGS[4:],
                "a VM with a PMU of version 0: no warning")
        ran = self.run_it(*where, change=change)
        self.assertEqual(ran.status, 0, ran.text)


class SeveralMachines(Whole):
    def test_a_second_retry_fails_the_run(self) -> None:
        def change(guest: Guest) -> None:
            if len(guest.boot.tests) > 1:
                guest.said["steal_time"] = RACE
        ran = self.run_it("--abi", "check", "--gic", "2", "--tests", "steal_time,kvm-uuid",
                          change=change)
        self.is_red(ran, "FAIL: the run: 2 tests were retried, at most 1 may be")
        self.assertIn("4 passed, 1 failed, 0 skipped, 2 retried", ran.closing)
        self.assertEqual(ran.read("vm.count"), "4 1 0\n")
        self.assertIn("not ok 3 - the run", ran.read("results.tap"))

    def test_a_whole_run_passes(self) -> None:
        ran = self.run_it("--brief")
        self.assertEqual(ran.status, 0, ran.text[-3000:])

    def test_calls_served_by_c_in_mode_rust_are_found(self) -> None:
        for arguments in ((), ("--brief",)):
            def change(guest: Guest) -> None:
                if guest.boot.abi == "rust":
                    served = guest.stats["after"]["id_reg"]
                    for when in ("probe", "after"):
                        if when in guest.stats:
                            guest.put(when, "id_reg", Calls(served.rust, 0))
            with self.subTest(arguments):
                self.is_red(self.run_it(*arguments, change=change),
                            "calls of id_reg served by c in mode rust",
                            "no boot in mode rust shows that only Rust serves id_reg")


if __name__ == "__main__":
    unittest.main()
