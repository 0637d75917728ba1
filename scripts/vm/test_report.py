# SPDX-License-Identifier: GPL-2.0
"""The reports made of verdicts."""

import json
import tempfile
import unittest
from pathlib import Path

from vm import report
from vm.console import Calls
from vm.judge import BOOT, BootResult, Verdict
from vm.matrix import TABLE, Boot, Config

V3, V2, N1 = TABLE[:3]
STATE = Config("neoverse-n1", 3, "vhe", "nospectre_bhb", only=("psci_test", "first_run"))

WHOLE = """\
KVM selftests, Linux 7.3.4, QEMU 10 (TCG), kvm-arm.abi=c|rust|check

cpu        max    max
gic        GICv3  GICv2
kvm        vhe    vhe
-----------------------
boot       pass   pass
psci_test  pass   pass
abi_flip   pass

host state                           boot  psci_test  first_run
---------------------------------------------------------------
neoverse-n1 GICv3 vhe nospectre_bhb  pass  pass       pass

One word: the same result in every mode that ran there. Letters: one for each of c/rust/check: p
  pass, F fail, s skip, x xfail.
Only in check: abi_flip.
"boot": KVM came up in the requested mode, no splat, no VM left, counters match the mode.

                                     in c        in rust        in check
calls served                         C     Rust  C        Rust  C         Rust  differ
--------------------------------------------------------------------------------------
max GICv3 vhe                        4     6     4        6     -         -     -
max GICv2 vhe                        -     -     -        -     -         -     -
neoverse-n1 GICv3 vhe nospectre_bhb  -     -     -        -     -         -     -
--------------------------------------------------------------------------------------
fw_reg                               1     2     1        2     -         -     -
smccc                                3     4     3        4     -         -     -
"""


def result(*verdicts: Verdict, config: Config = V3, abi: str = "check",
           counts: dict[str, Calls] | None = None) -> BootResult:
    return BootResult(Boot(config, abi, tuple(v.name for v in verdicts if v.name != BOOT)), 12.34,
                      "VHE", "7.3.4", counts or {}, list(verdicts), Path("/x.console"))


def good(*verdicts: Verdict, config: Config = V3, abi: str = "check") -> BootResult:
    return result(Verdict(BOOT, "pass"), *verdicts, config=config, abi=abi)


A = Verdict("psci_test", "pass", cases=3, skipped=1)
FAILED = Verdict("hypercalls", "fail", "it broke", ["a line"])
SKIPPED = Verdict("no-vgic", "skip", "no such thing", cases=2, skipped=2)
EXPECTED = Verdict("set_id_regs", "xfail", "a cause")


class Totals(unittest.TestCase):
    def test_boots_and_expected_failures_do_not_count_as_passed_or_skipped(self) -> None:
        results = [good(A, SKIPPED, EXPECTED), good(A, FAILED)]
        self.assertEqual(report.total(results, []), (2, 1, 1))
        self.assertEqual(report.total_line(results, []),
                         "2 boots, 8 cases (4 skipped); tests: 2 passed, 1 failed, 1 skipped, "
                         "1 failed as expected, 0 retried")

    def test_a_failed_boot_and_problems_of_the_run_are_failures(self) -> None:
        results = [result(Verdict(BOOT, "fail", "splat"), A)]
        self.assertEqual(report.total(results, ["a", "b"]), (1, 3, 0))
        self.assertIn("3 failed", report.total_line(results, ["a", "b"]))

    def test_retries_are_counted_separately(self) -> None:
        one = good(A)
        one.attempts.append(good(A))
        self.assertEqual(report.total_line([one], []), "2 boots, 3 cases (1 skipped); tests: "
                         "1 passed, 0 failed, 0 skipped, 1 retried")

    def test_count_file(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, "vm.count")
            report.write_count(path, [good(A, SKIPPED, EXPECTED, FAILED)], ["p"])
            self.assertEqual(path.read_text(encoding="utf-8"), "1 2 1\n")


class Table(unittest.TestCase):
    def text(self, *results: BootResult) -> str:
        return report.selftests_text(list(results), "QEMU 10")

    def row(self, text: str, name: str) -> list[str]:
        return next(line.split()[1:] for line in text.splitlines() if line.startswith(f"{name} "))

    def test_word_or_letters(self) -> None:
        bad = Verdict("psci_test", "fail", "it broke")
        text = self.text(good(A, abi="c"), good(A, abi="rust"), good(bad, abi="check"))
        self.assertEqual(self.row(text, "psci_test"), ["p/p/F"])
        text = self.text(good(A, SKIPPED), good(A, FAILED, config=V2))
        self.assertEqual(self.row(text, "psci_test"), ["pass", "pass"])
        self.assertEqual(self.row(text, "no-vgic"), ["skip"])
        self.assertEqual(self.row(text, "hypercalls"), ["FAIL"])
        self.assertIn("no such thing [max GICv3 vhe]", text)

    def test_the_whole_text_of_modes_machines_and_a_host_state(self) -> None:
        served = {"fw_reg": Calls(1, 2, 0), "smccc": Calls(3, 4, 0)}
        flip = Verdict("abi_flip", "pass")
        text = self.text(
            result(Verdict(BOOT, "pass"), A, abi="c", counts=served),
            result(Verdict(BOOT, "pass"), A, abi="rust", counts=served),
            good(A, flip, abi="check"), good(A, config=V2, abi="c"),
            good(A, config=STATE, abi="c"),
            good(Verdict("first_run", "pass"), config=STATE, abi="c"))
        self.assertEqual(text, WHOLE)

    def test_a_text_without_calls_modes_or_machines_leaves_their_parts_out(self) -> None:
        self.assertNotIn("host state", self.text(good(A)))
        self.assertNotIn("calls served", self.text(good(A)))
        self.assertNotIn("One word", self.text(good(A)))
        self.assertEqual(self.text(good(A, config=STATE)).splitlines()[1:3],
                         ["", "host state                           boot  psci_test"])

    def test_of_two_boots_of_a_machine_the_worse_result_is_shown(self) -> None:
        bad = result(Verdict(BOOT, "fail", "splat"), FAILED)
        for results in ((good(A), bad), (bad, good(A))):
            text = self.text(*results)
            self.assertEqual(self.row(text, "boot"), ["FAIL"])
            self.assertEqual(self.row(text, "psci_test"), ["pass"])

    def test_calls_that_were_not_judged(self) -> None:
        def counted(abi: str, calls: Calls) -> BootResult:
            return result(Verdict(BOOT, "pass"), A, abi=abi, counts={"smccc": calls})
        text = self.text(counted("c", Calls(1, 0)), counted("check", Calls(5, 6, 7)))
        self.assertNotIn("not judged", text)
        self.assertEqual(self.row(text, "smccc"), ["1", "0", "5", "6", "7"])
        text = self.text(counted("c", Calls(1, 0, 0, 0)), counted("check", Calls(5, 6, 7, 8)))
        self.assertIn("differ  not judged", text)
        self.assertEqual(self.row(text, "smccc"), ["1", "0", "5", "6", "7", "8"])

    def test_retries_have_a_section(self) -> None:
        again = Verdict("steal_time", "pass", "first failed with rc: 3")
        text = self.text(good(again))
        self.assertIn("Flaky by itself; passed on retry:\n"
                      "  steal_time: first failed with rc: 3 [max GICv3 vhe]", text)
        self.assertNotIn("rc: 3", self.text(good(A)))

    def test_a_machine_without_listed_skips(self) -> None:
        self.assertNotIn("Skips are not checked", self.text(good(A)))
        text = self.text(good(A, config=Config("cortex-a76", 3, "vhe")))
        self.assertIn("Skips are not checked on these machines, which scripts/vm/skips does not "
                      "cover: cortex-a76 GICv3 vhe", " ".join(text.split()))

    def test_kunit(self) -> None:
        text = report.kunit_text([good(Verdict("kvm_arm64_x.a", "pass"),
                                       Verdict("kvm_arm64_x.b", "skip", "no"))], "QEMU 10")
        self.assertIn("kvm_arm64_x  1 pass, 1 skip", text)
        self.assertNotIn("nested", text)
        nested = Config("max", 3, "nested")
        self.assertIn("max GICv3 nested", report.kunit_text([good(A, config=nested)], "QEMU 10"))

    def test_a_reason_names_each_machine_once(self) -> None:
        text = self.text(good(SKIPPED, abi="c"), good(SKIPPED, abi="rust"), good(SKIPPED, config=V2))
        self.assertIn("no-vgic: no such thing [max GICv3 vhe, max GICv2 vhe]", text)

    def test_fuzz(self) -> None:
        text = report.fuzz_text([good(Verdict("abi_fuzz", "pass", log=[
            "# 5 steps, 0.5 s: 10 steps per second", "# 7 calls compared, 9 an hour",
            "ok 4 twice as many steps do not lose more"]))], "Q")
        row = next(line.split() for line in text.splitlines() if line.startswith("max "))
        self.assertEqual(row, "max GICv3 vhe check pass pass "
                         "7 calls compared, 9 an hour 5 steps, 0.5 s: 10 steps per second".split())
        self.assertEqual(text.count("max GICv3 vhe"), 1)


class Failures(unittest.TestCase):
    def test_a_failure_has_reason_log_and_console(self) -> None:
        long = Verdict(FAILED.name, "fail", FAILED.reason, [*"a" * 20, "a line"])
        self.assertEqual(sum(line == "  | a" for line in report.failures([good(long)])), 19)
        lines = report.failures([good(A, FAILED)])
        self.assertIn("FAIL: hypercalls on max GICv3 vhe, mode check: it broke", lines)
        self.assertIn("  | a line", lines)
        self.assertIn("  console: /x.console", lines)

    def test_tests_without_a_result_share_one_entry(self) -> None:
        lost = [Verdict(name, "fail", "no result") for name in ("psci_test", "no-vgic")]
        self.assertEqual(sum(line.startswith("FAIL") for line in report.failures([good(*lost)])), 1)

    def test_run(self) -> None:
        self.assertEqual(report.run_failures(["too many"]), ["", "FAIL: the run: too many"])
        self.assertEqual(report.run_failures([]), [])


class ForPrograms(unittest.TestCase):
    def test_tap(self) -> None:
        again = Verdict("steal_time", "pass", "first failed with rc: 3")
        lines = report.tap([good(A, SKIPPED, EXPECTED, FAILED, again), good(A)], []).splitlines()
        self.assertEqual(lines[:4], ["TAP version 14", "1..3",
                                     "# Subtest: max GICv3 vhe check", "    1..6"])
        for line in ("    ok 2 - psci_test", "    ok 3 - no-vgic # SKIP no such thing",
                     "    not ok 4 - set_id_regs # TODO a cause", "    not ok 5 - hypercalls",
                     '      message: "it broke"', "    ok 6 - steal_time",
                     "    # steal_time was retried: first failed with rc: 3",
                     "not ok 1 - max GICv3 vhe check", "ok 2 - max GICv3 vhe check",
                     "ok 3 - the run"):
            self.assertIn(line, lines)
        self.assertEqual(sum("was retried" in line for line in lines), 1)
        self.assertEqual(lines.count("      ---"), 1)

    def test_tap_of_a_failed_run(self) -> None:
        lines = report.tap([good(A)], ["too many"]).splitlines()
        self.assertEqual(lines[-2:], ["# too many", "not ok 2 - the run"])

    def test_json(self) -> None:
        noisy = Verdict("psci_test", "pass", log=["noise"], cases=3, skipped=1)
        one = result(Verdict(BOOT, "pass"), noisy, FAILED, counts={"smccc": Calls(1, 2, 3, 4)})
        one.attempts.append(good(A))
        with tempfile.TemporaryDirectory() as place:
            report.write(Path(place), "results", [one], "the text\n", [])
            (plain,) = json.loads(Path(place, "results.json").read_text(encoding="utf-8"))
            self.assertEqual(Path(place, "results.txt").read_text(encoding="utf-8"), "the text\n")
            self.assertTrue(Path(place, "results.tap").is_file())
        self.assertEqual(plain["calls"], {"smccc": {"c": 1, "rust": 2, "mismatches": 3,
                                                    "unjudged": 4}})
        self.assertEqual(plain["tests"][1], {"name": "psci_test", "status": "pass", "reason": "",
                                             "cases": 3, "skipped": 1, "seconds": None, "log": []})
        self.assertEqual(plain["tests"][2]["log"], ["a line"])
        self.assertEqual([again["seconds"] for again in plain["attempts"]], [12.3])


if __name__ == "__main__":
    unittest.main()
