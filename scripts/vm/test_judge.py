# SPDX-License-Identifier: GPL-2.0
"""Verdicts on made-up guests."""

import re
import tempfile
import unittest
from pathlib import Path

from vm import console, fake, judge
from vm.fake import FLOORS, Case, assertion, failed, guest, judged, passed, skipped, skips
from vm.judge import BOOT, BootResult
from vm.matrix import MAIN, TABLE, Boot, Config
from vm.qemu import Outcome
from vm.rules import Failure, Floor, Floors, Skips

V3, V2, N1, A72 = TABLE[:4]
NESTED = TABLE[6]
UNLISTED = Config("cortex-a76", 3, "vhe")


class Kernel(Case):
    def test_a_good_guest_passes_in_every_mode_on_every_machine(self) -> None:
        for config in TABLE:
            for abi in ("c", "rust", "check"):
                with self.subTest(config.name, abi=abi):
                    result = judged(guest(config, abi))
                    self.good(result)
                    self.assertEqual(result.linux, "7.3.4")
                    self.assertEqual(result.kvm, config.expected_kvm)
                    self.assertEqual(result.seconds, fake.SECONDS)
                    self.assertEqual(bool(result.counts), abi != "rust" or config not in MAIN)

    def test_splat(self) -> None:
        one = guest()
        one.splats = ["WARNING: at x", "more", "BUG: y"]
        result = judged(one)
        self.boot_fails(result, "kernel: WARNING: at x (and 1 more)")
        self.assertIn("WARNING: at x", self.verdict(result, BOOT).log[0])
        one.splats = ["WARNING: at x"]
        self.assertTrue(self.verdict(judged(one), BOOT).reason.endswith("WARNING: at x"))

    def test_a_mismatch_that_is_only_logged(self) -> None:
        one = guest()
        one.splats = ["KVM: smccc 0x1: C gives 1, 0x2; Rust gives 2, 0x3"]
        self.boot_fails(judged(one), "kernel: KVM: smccc 0x1: C gives 1, 0x2, Rust gives")

    def test_wrong_machine(self) -> None:
        for config, words in ((Config("max", 3, "nvhe"), "not 'Hyp nVHE'"),
                              (Config("max", 3, "nested"), "not 'VHE+NV2'")):
            one = guest()
            one.boot = Boot(config, "check", one.boot.tests)
            written = guest().console()
            one.console = lambda text=written: text  # type: ignore[method-assign,misc]
            self.boot_fails(judged(one), words)
        one = guest(V2)
        one.console = lambda: guest(V3).console()  # type: ignore[method-assign]
        self.boot_fails(judged(one), "the host's GIC is 3, not 2")

    def test_kvm_does_not_come_up(self) -> None:
        one = guest()
        written = re.sub(r".*mode init.*\n", "", one.console())
        one.console = lambda: written  # type: ignore[method-assign]
        self.boot_fails(judged(one), "KVM did not come up")

    def test_a_guest_that_ends_early(self) -> None:
        one = guest()
        one.ends = False
        self.boot_fails(judged(one), "the guest ended before its tests finished")

    def test_hang(self) -> None:
        one = guest(V3, "check", hypercalls=passed("a", "b"), psci_test=passed("a"),
                    set_id_regs=passed("a"))
        one.hangs_in, one.problem = "psci_test", "hung: no output for 660 s, killed"
        del one.said["set_id_regs"]
        result = judged(one)
        self.boot_fails(result, "hung: no output for 660 s, killed")
        self.assertEqual(self.verdict(result, "hypercalls").status, "pass")
        self.fails(result, "psci_test", "did not end")
        self.assertIn("ok 1 a", self.verdict(result, "psci_test").log)
        self.fails(result, "set_id_regs", judge.NO_RESULT)
        self.assertEqual(self.verdict(result, "set_id_regs").log[-2], "# ok 1 a")

    def test_a_hang_while_the_mode_is_flipped(self) -> None:
        one = guest(abi_flip=passed("a"))
        one.hangs_in, one.problem = "abi_flip", "hung: no output for 660 s, killed"
        self.boot_fails(judged(one), "hung")

    def test_a_hang_while_the_mode_is_flipped_hides_no_mismatch(self) -> None:
        one = guest(abi_flip=passed("a"))
        one.hangs_in, one.problem = "abi_flip", "hung: no output for 660 s, killed"
        one.put("after", "smccc", console.Calls(10, 10, 1))
        self.boot_fails(judged(one), "hung", "1 mismatches between C and Rust on smccc")

    def test_the_log_begins_at_the_splat_or_leak(self) -> None:
        one = guest()
        one.splats = ["WARNING: at x", *(f"line {n}" for n in range(60))]
        log = self.verdict(judged(one), BOOT).log
        self.assertEqual(len(log), 40)
        self.assertIn("WARNING: at x", log[0])
        one.splats = []
        one.notes = [f"# vm: leak {n:02}." for n in range(60)]
        self.assertEqual(self.verdict(judged(one), BOOT).log, [f"{n:02}." for n in range(40)])

    def test_otherwise_the_log_is_the_end_of_the_console(self) -> None:
        one = guest()
        one.splats = [f"line {n}" for n in range(60)]
        log = self.verdict(judged(one), BOOT).log
        self.assertEqual(len(log), 20)
        self.assertIn("line 59", log[-1])

    def test_if_init_did_not_run_no_keeper_is_missed(self) -> None:
        one = guest().without("#").without("ok").without("not ok")
        self.boot_fails(judged(one), "the guest ended before its tests finished")
        one = guest().without("# vm:")
        self.boot_fails(judged(one), "the guest ended before", "no VM was held")

    def test_a_second_mismatch_in_the_log_is_not_another_problem(self) -> None:
        one = guest()
        one.splats = ["KVM: a: C gives 1; Rust gives 2", "KVM: b: C gives 1; Rust gives 2"]
        self.boot_fails(judged(one), "kernel: KVM: a: C gives 1, Rust gives 2")

    def test_no_output_at_all(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            result = judge.selftests(Boot(V3, "check", ("hypercalls",)), Outcome(1, None),
                                     Path(place, "none"), Path(place, "none"), {}, Skips(()),
                                     FLOORS, False)
        self.boot_fails(result, "KVM did not come up", "GIC is None", "the guest ended before")
        self.fails(result, "hypercalls", judge.NO_RESULT)
        self.assertEqual((result.linux, result.kvm), ("unknown", "none"))

    def test_findings_of_the_debug_kernel(self) -> None:
        for note, words in (("# vm: leak unreferenced object 0xffff", "kmemleak: unreferenced"),
                            ("# vm: lockdep off", "lockdep switched itself off"),
                            ("# vm: kmemleak off", "kmemleak switched itself off")):
            with self.subTest(note):
                one = guest()
                one.notes = [note]
                self.boot_fails(judged(one), words)

    def test_vms_that_are_left(self) -> None:
        one = guest()
        one.notes = ["# vm: vms 3"]
        self.boot_fails(judged(one), "3 VMs are left")

    def test_missing_lines_of_init(self) -> None:
        for line, words in (("# vm: vms", "the VMs were not counted"),
                            ("# vm: keeper", "no VM was held"),
                            ("# vm: stats before", "no counters of fw_reg, id_reg"),
                            ("# vm: stats before smccc_filter",
                             "no counters of smccc_filter (before)"),
                            ("# vm: stats last smccc_filter", "no counters of smccc_filter (last)"),
                            ("# vm: stats after vgic", "no counters of vgic_v2 (after)"),
                            ("# vm: stats after", "no counters: /sys"),
                            ("# vm: mode after", "mode is unknown after the tests, not check")):
            with self.subTest(line):
                self.boot_fails(judged(guest().without(line)), words)

    def test_a_garbled_line_fails_its_boot(self) -> None:
        one = guest()
        one.notes = ["# vm: stats after fw_reg 1x 2 3"]
        self.boot_fails(judged(one), "garbled: '# vm: stats after fw_reg 1x 2 3'")

    def test_a_kernel_without_the_overlay_needs_no_counters(self) -> None:
        self.good(judged(guest().without("# vm: stats"), stock=True))
        self.boot_fails(judged(guest().without("# vm: keeper"), stock=True), "no VM was held")

    def test_two_results_of_a_test(self) -> None:
        one = guest()
        written = one.results().replace("# vm: end", "ok 9 selftests: kvm: hypercalls\n# vm: end")
        one.results = lambda: written  # type: ignore[method-assign]
        self.boot_fails(judged(one), "hypercalls gave two results")


class SkippedTests(Case):
    LISTED = skips(("max GICv3 vhe", "vgic_v2_busy", None, "no GICv2"))

    def test_listed_skip(self) -> None:
        result = judged(guest(vgic_v2_busy=skipped("no GICv2")), listed=self.LISTED)
        self.good(result)
        self.assertEqual(self.verdict(result, "vgic_v2_busy").status, "skip")
        self.assertEqual(self.verdict(result, "vgic_v2_busy").reason, "no GICv2")

    def test_an_unlisted_skip_prints_the_row_to_add(self) -> None:
        for config, listed in ((V3, skips()), (V2, self.LISTED)):
            result = judged(guest(config, vgic_v2_busy=skipped("no GICv2")), listed=listed)
            self.fails(result, "vgic_v2_busy", "it is skipped: no GICv2",
                            f"'{config.name} | vgic_v2_busy | no GICv2'")

    def test_if_all_tests_are_skipped_all_fail(self) -> None:
        result = judged(guest(hypercalls=skipped("no"), psci_test=skipped("no")))
        self.assertEqual(len([v for v in result.failed if v.name != BOOT]), 2)

    def test_another_reason(self) -> None:
        result = judged(guest(vgic_v2_busy=skipped("no GICv2 at all")), listed=self.LISTED)
        self.fails(result, "vgic_v2_busy", "no GICv2 at all", "skips:7 says 'no GICv2'")

    def test_a_listed_test_that_runs(self) -> None:
        result = judged(guest(vgic_v2_busy=passed("a")), listed=self.LISTED)
        self.fails(result, "vgic_v2_busy", "should be skipped (skips:7: no GICv2), but ran")

    def test_a_failure_keeps_its_reason(self) -> None:
        result = judged(guest(vgic_v2_busy=failed("not ok 1 a")), listed=self.LISTED)
        self.assertEqual(self.verdict(result, "vgic_v2_busy").reason, "not ok 1 a")

    def test_skips_are_not_checked_on_an_unlisted_machine(self) -> None:
        everywhere = skips(("*", "vgic_v2_busy", None, "no GICv2"))
        result = judged(guest(UNLISTED, vgic_v2_busy=skipped("x"), hypercalls=passed("a", "b")),
                        listed=everywhere)
        self.good(result)
        self.assertEqual(self.verdict(result, "vgic_v2_busy").status, "skip")

    def test_skips_are_not_checked_on_a_stock_kernel(self) -> None:
        result = judged(guest(vgic_v2_busy=skipped("no such thing")), stock=True)
        self.assertEqual(self.verdict(result, "vgic_v2_busy").status, "skip")


class SkippedCases(Case):
    LISTED = skips(("max GICv3 vhe", "hypercalls", "b", "no SSBS"))

    def test_listed_case(self) -> None:
        result = judged(guest(hypercalls=passed("a", "~b: no SSBS")), listed=self.LISTED)
        self.good(result)
        v = self.verdict(result, "hypercalls")
        self.assertEqual((v.status, v.cases, v.skipped), ("pass", 2, 1))

    def test_another_case(self) -> None:
        result = judged(guest(hypercalls=passed("~a: not here", "~b: no SSBS")), listed=self.LISTED)
        self.fails(result, "hypercalls", "'a' is skipped: not here",
                        "'max GICv3 vhe | hypercalls: a | not here'")
        self.assertNotIn("'b'", self.verdict(result, "hypercalls").reason)

    def test_another_reason(self) -> None:
        result = judged(guest(hypercalls=passed("a", "~b: no SSBS2")), listed=self.LISTED)
        self.fails(result, "hypercalls", "'b' is skipped: no SSBS2", "where skips:7 says 'no SSBS'")

    def test_a_listed_case_that_passes(self) -> None:
        result = judged(guest(hypercalls=passed("a", "b")), listed=self.LISTED)
        self.fails(result, "hypercalls", "'b' should be skipped (skips:7: no SSBS), but: pass")

    def test_a_listed_case_that_is_missing(self) -> None:
        result = judged(guest(hypercalls=passed("a", "c")), listed=self.LISTED)
        self.fails(result, "hypercalls",
                   "'b' should be skipped (skips:7: no SSBS), but is missing")

    def test_one_row_for_several_cases(self) -> None:
        listed = skips(("*", "hypercalls", "b*", "no *"))
        self.good(judged(guest(hypercalls=passed("a", "~b1: no X", "~b2: no Y")), listed=listed))
        result = judged(guest(hypercalls=passed("a", "~b1: no X", "b2")), listed=listed)
        self.fails(result, "hypercalls", "'b2' should be skipped")
        result = judged(guest(hypercalls=passed("a", "b1", "b2")), listed=listed)
        self.fails(result, "hypercalls", "'b1' should be skipped", "'b2' should be skipped")

    def test_all_cases_are_skipped(self) -> None:
        listed = skips(("*", "hypercalls", "*", "not here"))
        result = judged(guest(hypercalls=passed("~a: not here", "~b: not here")), listed=listed)
        self.good(result)
        v = self.verdict(result, "hypercalls")
        self.assertEqual((v.status, v.reason, v.skipped), ("skip", "all 2 cases: not here", 2))
        result = judged(guest(hypercalls=passed("~a: not here", "~b: not here")))
        self.fails(result, "hypercalls", "'a' is skipped", "'b' is skipped")
        whole = skips(("*", "hypercalls", None, "all 2 cases: not here"))
        result = judged(guest(hypercalls=passed("~a: not here", "~b: not here")), listed=whole)
        self.assertEqual(self.verdict(result, "hypercalls").status, "fail")

    def test_a_skipped_test_need_not_call_its_surfaces(self) -> None:
        listed = skips(("*", "hypercalls", "*", "not here"))
        one = guest(V2, "rust", hypercalls=passed("~a: not here", "~b: not here"))
        one.put("after", "fw_reg", console.Calls())
        self.good(judged(one, listed=listed))


class FloorsOfTests(Case):
    def test_fewer_cases(self) -> None:
        self.good(judged(guest(hypercalls=passed("a", "b", "c"))))
        self.fails(judged(guest(hypercalls=passed("a"))), "hypercalls",
                        "1 cases, at least 2 are expected")
        self.fails(judged(guest(hypercalls=fake.Said([]))), "hypercalls", "0 cases, at least 2")

    def test_fewer_cases_all_of_them_skipped(self) -> None:
        listed = skips(("*", "hypercalls", "*", "no"))
        self.fails(judged(guest(hypercalls=passed("~a: no")), listed=listed), "hypercalls",
                        "1 cases, at least 2 are expected")

    def test_a_skipped_test_needs_no_cases(self) -> None:
        listed = skips(("*", "hypercalls", None, "no"))
        self.good(judged(guest(hypercalls=skipped("no")), listed=listed))

    def test_a_test_with_a_floor_of_zero_needs_no_cases(self) -> None:
        floors = Floors((Floor("selftest", "hypercalls", ("*",), 0),), FLOORS.unjudged)
        self.good(judged(guest(hypercalls=fake.Said(["Running"])), floors=floors))

    def test_a_test_without_a_floor(self) -> None:
        self.fails(judged(guest(host_sve=passed("a", "b", "c"))), "host_sve",
                        "add the row 'selftest | host_sve | * | 3' to scripts/vm/floors")

    def test_floors_do_not_hold_on_a_stock_kernel(self) -> None:
        self.good(judged(guest(hypercalls=passed("a")), stock=True))

    def test_the_highest_matching_floor_holds(self) -> None:
        floors = Floors((Floor("selftest", "hypercalls", ("*",), 1),
                         Floor("selftest", "hypercalls", ("* GICv2 *",), 3),
                         Floor("selftest", "hypercalls", ("max *",), 2)), {})
        self.assertEqual(floors.least("selftest", "hypercalls", V3.name), 2)
        self.assertEqual(floors.least("selftest", "hypercalls", V2.name), 3)
        self.assertEqual(floors.least("selftest", "hypercalls", N1.name), 1)
        self.assertEqual(floors.least("kunit", "hypercalls", N1.name), None)


class Expected(Case):
    EXPECTED = {("max GICv3 nested", "set_id_regs"):
                Failure(re.compile(r"arm64/set_id_regs\.c:\d+: a == b \(0 != 0xa\)"), "a cause")}

    def result(self, said: fake.Said, config: Config = NESTED) -> BootResult:
        return judged(guest(config, set_id_regs=said), self.EXPECTED)

    def test_it_fails_as_expected(self) -> None:
        result = self.result(failed(*assertion("arm64/set_id_regs.c:690: a == b", "0 != 0xa")))
        self.good(result)
        v = self.verdict(result, "set_id_regs")
        self.assertEqual((v.status, v.reason), ("xfail", "a cause"))

    def test_another_message_is_not_expected(self) -> None:
        for place, message in (("arm64/set_id_regs.c:690: a == b", "0x110 != 0xab"),
                               ("arm64/set_id_regs.c:690: a == b", "0 != 0xab"),
                               ("arm64/set_id_regs.c:690: c == b", "0 != 0xa"),
                               ("arm64/other.c:690: a == b", "0 != 0xa"),
                               ("lib/arm64/set_id_regs.c:690: a == b", "0 != 0xa")):
            with self.subTest(place, message=message):
                self.fails(self.result(failed(*assertion(place, message))), "set_id_regs",
                                f"{place} ({message}); expected to fail with 'arm64")

    def test_it_passes(self) -> None:
        self.fails(self.result(passed("a")), "set_id_regs",
                        "expected to fail (a cause), but: pass")
        self.fails(self.result(skipped("no")), "set_id_regs", "but: skip")

    def test_it_has_no_result(self) -> None:
        one = guest(NESTED, set_id_regs=passed("a"))
        del one.said["set_id_regs"]
        self.fails(judged(one, self.EXPECTED), "set_id_regs", judge.NO_RESULT)

    def test_another_machine(self) -> None:
        said = failed(*assertion("arm64/set_id_regs.c:690: a == b", "0 != 0xa"))
        self.fails(self.result(said, V3), "set_id_regs", "(0 != 0xa)")


RACE = failed(*assertion("include/kvm_syscalls.h:101: !r", "pthread_getaffinity_np failed, rc: 3"))
RACY = {"steal_time": Failure(re.compile(r"include/kvm_syscalls\.h:\d+: !r \(.*, rc: 3\)"),
                              "known")}


class Retry(Case):
    def first(self, **more: fake.Said) -> BootResult:
        return judged(guest(V3, "check", steal_time=RACE, **more))

    def test_a_known_race_is_retried(self) -> None:
        result = self.first()
        (verdict,) = judge.lost_race(result, RACY)
        judge.retry(result, verdict, judged(guest(steal_time=passed("a"))))
        self.good(result)
        self.assertTrue(verdict.reason.startswith("first failed with include/kvm_syscalls.h:101"))
        self.assertEqual(len(result.attempts), 1)
        self.assertEqual(judge.tries_again([result, self.first()]), 1)

    def test_another_failure_of_a_racy_test_is_not_retried(self) -> None:
        for said in (failed(*assertion("include/kvm_syscalls.h:101: !r", "failed, rc: 4")),
                     failed("not ok 1 vcpu0"),
                     failed(*assertion("x/include/kvm_syscalls.h:101: !r", "failed, rc: 3"))):
            self.assertEqual(judge.lost_race(judged(guest(steal_time=said)), RACY), [])

    def test_another_test_with_that_message_is_not_retried(self) -> None:
        self.assertEqual(judge.lost_race(judged(guest(hypercalls=RACE)), RACY), [])

    def test_nothing_is_retried_if_the_kernel_has_a_problem(self) -> None:
        one = guest(steal_time=RACE)
        one.splats = ["WARNING: at x"]
        self.assertEqual(judge.lost_race(judged(one), RACY), [])
        one = guest(steal_time=RACE)
        one.problem = "hung: no output for 660 s, killed"
        self.assertEqual(judge.lost_race(judged(one), RACY), [])

    def test_a_retry_hides_no_other_failure(self) -> None:
        result = self.first(psci_test=failed("not ok 3 began twice"))
        (verdict,) = judge.lost_race(result, RACY)
        judge.retry(result, verdict, judged(guest(steal_time=passed("a"))))
        self.assertEqual([v.name for v in result.failed], ["psci_test"])

    def test_a_retry_that_fails(self) -> None:
        ill = guest(steal_time=passed("a"))
        ill.splats = ["WARNING: at x"]
        listed = skips(("*", "steal_time", None, "no"))
        for again, words in ((judged(guest(steal_time=RACE)), "steal_time: include"),
                             (judged(ill), "boot: kernel: WARNING"),
                             (judged(guest(steal_time=skipped("no")), listed=listed), "not passed"),
                             (judged(guest(psci_test=passed("a"))), "not passed")):
            with self.subTest(words):
                result = self.first()
                (verdict,) = judge.lost_race(result, RACY)
                judge.retry(result, verdict, again)
                self.fails(result, "steal_time", "rc: 3", f"retried: {words}")
                self.assertEqual(result.attempts, [again])

    def test_more_than_one_retry_fails_the_run(self) -> None:
        results = []
        for number in range(1, 3):
            result = self.first()
            judge.retry(result, judge.lost_race(result, RACY)[0],
                        judged(guest(steal_time=passed("a"))))
            results.append(result)
            self.assertEqual(judge.run_problems(results, False),
                             [] if number == 1 else ["2 tests were retried, at most 1 may be"])


class Run(Case):
    def test_each_surface_must_be_served_by_only_rust_in_some_boot(self) -> None:
        rust = judged(guest(V3, "rust"))
        rust.rust_alone = {"smccc", "fw_reg", "id_reg"}
        other = judged(guest(V2, "rust"))
        other.rust_alone = {"reg_masks", "smccc_filter"}
        self.assertEqual(judge.run_problems([rust, other], True), [
            "no boot in mode rust shows that only Rust serves vgic_v2"])
        self.assertEqual(judge.run_problems([rust, other], False), [])
        self.assertEqual(len(judge.run_problems([judged(guest())], True)), 6)
        self.assertEqual(judge.run_problems([judged(guest(A72, "rust"))], True), [])


if __name__ == "__main__":
    unittest.main()
