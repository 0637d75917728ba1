# SPDX-License-Identifier: GPL-2.0
"""The runner: what it boots and how often, what it prints, and how it uses the judge's verdicts.
Guests are made up; the judge has its own tests."""

import contextlib
import io
import shlex
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from vm import bare, console, judge, matrix, planted, qemu, rules
from vm import main as runner
from vm.judge import BOOT, NO_RESULT, BootResult, Verdict
from vm.matrix import MAIN, Boot

INIT = """\
# vm: begin run
# vm: has kvm arm_abi
# vm: keeper
# vm: vms 0
# vm: end run
"""
LOG = "[    0.000000] Linux version 7.3.4 (kvm@arm64)\n"


def result(boot: Boot, verdicts: list[Verdict] | None = None) -> BootResult:
    good = [Verdict(BOOT, "pass"), *(Verdict(test, "pass") for test in boot.tests)]
    return BootResult(boot, 1.0, "VHE", "7.3.4", {}, verdicts or good, Path("console"),
                      rust_alone=set(rules.SURFACES))


class Runs(unittest.TestCase):
    """main() with guests whose output is INIT, and a judge that finds no fault."""

    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.out = self.place / "out"
        (self.place / "kvm").mkdir()
        (self.place / "kvm" / "vm_keeper").touch()
        names = "".join(f"kvm:{name}\n" for name in matrix.TEST_NAMES)
        (self.place / "kselftest-list.txt").write_text(names, encoding="utf-8")
        # The command of each boot, and the verdicts of boots that are not all green
        self.booted: list[str] = []
        self.verdicts: dict[str, list[Verdict]] = {}
        self.judged: list[Boot] = []
        for where, what, how in ((runner, "prepare", self.prepare),
                                 (qemu, "run", self.boot),
                                 (judge, "selftests", self.judge),
                                 (judge, "run_problems", lambda *_: [])):
            patch = mock.patch.object(where, what, how)
            patch.start()
            self.addCleanup(patch.stop)
        version = mock.patch.object(runner.subprocess, "run", return_value=mock.Mock(
            stdout="QEMU emulator version 10.0.2 (Debian)"))
        version.start()
        self.addCleanup(version.stop)

    def prepare(self, args: object) -> qemu.Machine:
        self.out.mkdir(exist_ok=True)
        return qemu.Machine(Path("Image"), Path("initrd"), "")

    def boot(self, argv: list[str], log: Path, results: Path, *_limits: float) -> qemu.Outcome:
        self.booted.append(shlex.join(argv))
        log.write_text(LOG, encoding="utf-8")
        results.write_text(INIT.replace(" kvm arm_abi", "" if "kvm-arm.mode=none" in argv[-1] or
                                        "virtualization=off" in argv[2] else " kvm arm_abi"),
                           encoding="utf-8")
        return qemu.Outcome(1.0, None)

    def judge(self, boot: Boot, *_rest: object) -> BootResult:
        self.judged.append(boot)
        return result(boot, self.verdicts.get(boot.name))

    def main(self, *words: str) -> tuple[int, str]:
        said = io.StringIO()
        argv = ["vm", *words, "--image", "i", "--busybox", "b", "--selftests", str(self.place),
                "--out", str(self.out), "--jobs", "1"]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), \
                mock.patch.object(runner.sys, "argv", argv):
            try:
                status = runner.main()
            except SystemExit as why:
                status = why.code
        return status, said.getvalue()


class Run(Runs):
    def test_by_default_it_runs_two_machines_and_prints_how_to_run_all(self) -> None:
        status, said = self.main("run")
        self.assertEqual(status, 0)
        self.assertEqual({boot.config for boot in self.judged}, set(MAIN))
        self.assertIn("Not run: max GICv3 vhe, max GICv2 vhe, a64fx GICv3 vhe,", said)
        self.assertIn("`make run ALL=1` runs them everywhere.", said)

    def test_all_of_them(self) -> None:
        status, said = self.main("run", "--all")
        self.assertEqual(status, 0)
        self.assertEqual(len(self.booted), len(matrix.boots(
            matrix.TABLE + matrix.HOST_STATES, matrix.ABI_MODES,
            matrix.check_tests(None, debug=False))))
        self.assertNotIn("Not run:", said)

    def test_a_selected_machine_prints_no_list_of_others(self) -> None:
        _, said = self.main("run", "--cpu", "a64fx", "--abi", "c", "--tests", "hypercalls")
        self.assertEqual([boot.name for boot in self.judged], ["a64fx GICv3 vhe c"])
        self.assertNotIn("Not run:", said)

    def test_a_default_mode_is_judged_and_not_asked_for(self) -> None:
        for mode in ("c", "check"):
            self.booted.clear()
            self.judged.clear()
            status, _ = self.main("run", "--cpu", "neoverse-n1", "--default-abi", mode,
                                  "--tests", "hypercalls,abi_flip")
            self.assertEqual(status, 0)
            self.assertEqual([(boot.abi, boot.by_default) for boot in self.judged],
                             [(mode, True)] * 2)
            self.assertFalse([argv for argv in self.booted if "kvm-arm.abi" in argv])

    def test_a_default_mode_is_not_asked_for_by_other_words(self) -> None:
        for words in (("--abi", "c"), ("--stock",)):
            status, said = self.main("run", "--default-abi", "c", *words)
            self.assertEqual(status, 2)
            self.assertIn("--default-abi: not with", said)

    def test_threads_follow_from_the_tests(self) -> None:
        self.main("run", "--cpu", "a64fx", "--tests", "hypercalls,abi_flip", "--abi", "check")
        one, two = sorted(self.booted, key=lambda argv: "thread=multi" in argv)
        self.assertIn("thread=single", one)
        self.assertIn(" hypercalls -", one)
        self.assertIn("thread=multi", two)
        self.assertIn(" - abi_flip", two)

    def test_a_seed_is_drawn_printed_and_passed_on(self) -> None:
        _, said = self.main("run", "--tests", "abi_fuzz", "--cpu", "a64fx")
        seed = said.split("seed ")[1].split()[0]
        self.assertIn(f"abi_fuzz=-s,{seed}'", self.booted[0])
        self.assertIn(f"SEED={seed} repeats it", said)
        _, again = self.main("run", "--tests", "abi_fuzz", "--cpu", "a64fx")
        self.assertNotIn(seed, again)

    def test_a_seed_that_is_given(self) -> None:
        for seed in ("0xffffffffffffffff", "18446744073709551615", "0"):
            self.booted.clear()
            self.main("run", "--tests", "fault_kill", "--cpu", "a64fx", "--seed", seed)
            self.assertIn(f"fault_kill=-s,{seed}'", self.booted[0])

    def test_an_invalid_seed(self) -> None:
        for seed in ("0x10000000000000000", "18446744073709551616", "-1", "1_0", "0x", "x"):
            status, said = self.main("run", f"--seed={seed}")
            self.assertEqual(status, 2, seed)
            self.assertIn("number of 64 bits", said)

    def test_a_hang_is_not_retried(self) -> None:
        hung = "hung: no output for 660 s, killed (registers of all CPUs: x)"
        self.verdicts["a64fx GICv3 vhe c"] = [Verdict(BOOT, "fail", hung)]
        status, said = self.main("run", "--cpu", "a64fx", "--abi", "c", "--tests", "hypercalls")
        self.assertEqual((status, len(self.booted)), (1, 1))
        self.assertIn("registers of all CPUs: x", said)

    def test_boots_without_kvm_do_not_go_to_the_judge(self) -> None:
        status, said = self.main("run", "--cpu", "neoverse-n1")
        self.assertEqual(status, 0)
        self.assertIn("neoverse-n1 GICv3 none", said)
        self.assertFalse([boot for boot in self.judged if not boot.tests])

    def test_a_test_that_was_not_built_is_an_error(self) -> None:
        (self.place / "kselftest-list.txt").write_text("kvm:hypercalls\n", encoding="utf-8")
        status, said = self.main("run", "--tests", "psci_test")
        self.assertEqual(status, 2)
        self.assertIn("psci_test", said)

    def test_selftests_without_the_keeper_are_an_error(self) -> None:
        (self.place / "kvm" / "vm_keeper").unlink()
        self.assertEqual(self.main("run")[0], 2)

    def test_the_quick_tests_run_in_one_boot(self) -> None:
        status, _ = self.main("quick")
        self.assertEqual((status, len(self.booted)), (0, 1))
        self.assertEqual((self.judged[0].config, self.judged[0].abi), (MAIN[0], "check"))
        self.assertEqual(self.judged[0].tests, matrix.QUICK)


RED = {"nothing": {}, "a false mismatch": {BOOT: "3 mismatches between C and Rust on fw_reg"},
       "a warning": {BOOT: "kernel: WARNING: CPU: 0 PID: 1 at plant"},
       "a lost test": {planted.TESTS[2]: NO_RESULT},
       "a wrong order of locks": {BOOT: "kernel: WARNING: possible circular locking dependency "
                                        "detected (and 1 more); lockdep switched itself off"}}


def as_red(case: planted.Case, red: dict[str, str]) -> BootResult:
    names = dict.fromkeys((BOOT, *case.boot.tests, *red))
    return result(case.boot, [Verdict(name, "fail" if name in red else "pass", red.get(name, ""))
                              for name in names])


class Planted(Runs):
    def setUp(self) -> None:
        super().setUp()
        for case in planted.cases(False) + planted.cases(True):
            self.verdicts[case.boot.name + case.boot.order] = as_red(case, RED[case.name]).verdicts

    def judge(self, boot: Boot, *_rest: object) -> BootResult:
        return result(boot, self.verdicts[boot.name + boot.order])

    def test_each_is_planted_and_each_is_found(self) -> None:
        status, said = self.main("judge")
        self.assertEqual(status, 0, said)
        self.assertIn("4 passed, 0 failed, 0 skipped", said)
        for mistake in ("plant=mismatch", "plant=warn"):
            self.assertEqual(sum(mistake in argv for argv in self.booted), 1)
        self.assertFalse([argv for argv in self.booted if planted.TESTS[2] in argv])
        self.assertEqual(self.main("judge", "--debug")[0], 0)
        self.assertTrue(any("plant=lockdep" in argv for argv in self.booted))

    def test_a_judge_that_finds_nothing_fails(self) -> None:
        for verdicts in self.verdicts.values():
            for verdict in verdicts:
                verdict.status, verdict.reason = "pass", ""
        status, said = self.main("judge")
        self.assertEqual(status, 1)
        self.assertIn("1 passed, 3 failed, 0 skipped", said)
        self.assertEqual((self.out / planted.COUNT).read_text(encoding="utf-8"), "1 3 0\n")

    def test_another_reason_is_not_enough(self) -> None:
        for case in planted.cases(False) + planted.cases(True):
            others = [red for name, red in RED.items() if name != case.name]
            for red in (*others, {"kvm-uuid": "SIGSEGV"}):
                self.assertTrue(planted.wrong(case, as_red(case, red)), (case.name, red))

    def test_nothing_else_may_be_red(self) -> None:
        for case in planted.cases(False) + planted.cases(True):
            red = RED[case.name]
            self.assertEqual(planted.wrong(case, as_red(case, red)), [])
            self.assertTrue(planted.wrong(case, as_red(case, {**red, "kvm-uuid": "SIGSEGV"})))
            boot = "; ".join(filter(None, (red.get(BOOT), "QEMU ended with 1: x")))
            self.assertTrue(planted.wrong(case, as_red(case, {**red, BOOT: boot})))


class Bare(unittest.TestCase):
    def problems(self, said: str = INIT.replace(" kvm arm_abi", ""), log: str = LOG,
                 problem: str | None = None) -> list[str]:
        found = console.results(said.splitlines())
        return bare.problems(console.kernel_log(log.splitlines()), found,
                             qemu.Outcome(1.0, problem))

    def test_a_kernel_without_kvm_is_good(self) -> None:
        self.assertEqual(self.problems(), [])

    def test_kvm_or_arm_abi_that_must_not_exist(self) -> None:
        self.assertEqual(self.problems(INIT), ["arm_abi exists without KVM",
                                               "kvm exists without KVM"])
        self.assertEqual(self.problems(INIT.replace(" kvm", "")), ["arm_abi exists without KVM"])

    def test_kvm_that_comes_up_nevertheless(self) -> None:
        log = LOG + "[    0.1] kvm [1]: VHE mode initialized successfully\n"
        self.assertEqual(self.problems(log=log), ["KVM came up as 'VHE'"])

    def test_a_splat(self) -> None:
        log = LOG + "[    0.1] WARNING: CPU: 0 PID: 1 at switch.c:1\n"
        self.assertIn("WARNING", self.problems(log=log)[0])

    def test_a_guest_that_ends_early(self) -> None:
        self.assertEqual(self.problems(""), ["the guest ended before init finished"])
        self.assertEqual(self.problems("", problem="hung: x"), ["hung: x"])

    def test_an_init_that_does_not_report(self) -> None:
        self.assertEqual(self.problems("# vm: end run"), [
            "init did not report whether /dev/kvm exists (no '# vm: has')"])

    def test_a_console_without_a_kernel(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            log, said = Path(place, "console"), Path(place, "results")
            log.write_text("", encoding="utf-8")
            said.write_text(INIT.replace(" kvm arm_abi", ""), encoding="utf-8")
            boot = Boot(replace(MAIN[0], kvm="none"), "rust", ())
            judged = bare.judge(boot, qemu.Outcome(1.0, None), log, said)
        self.assertEqual([v.reason for v in judged.failed], ["the kernel did not come up"])


class Init(unittest.TestCase):
    def test_garbled_seconds_are_a_problem(self) -> None:
        self.assertEqual(console.results(["# vm: seconds hypercalls 3.x 4.0"]).problems,
                         ["garbled: '# vm: seconds hypercalls 3.x 4.0'"])

    def test_what_init_could_not_do(self) -> None:
        found = console.results(["# vm: noprobe hypercalls 254", "# vm: noplant warn",
                                 "# vm: other"])
        self.assertEqual(found.problems, ["the probe failed: hypercalls 254",
                                          "the mistake was not planted: warn"])

    def test_a_test_cannot_write_lines_of_init(self) -> None:
        self.assertIsNone(console.results(["# # vm: has kvm"]).has)


if __name__ == "__main__":
    unittest.main()
