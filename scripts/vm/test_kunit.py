# SPDX-License-Identifier: GPL-2.0
"""Verdicts on made-up KUnit reports."""

import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

from vm import judge
from vm.fake import Case, skips
from vm.judge import BootResult
from vm.matrix import TABLE, Boot, Config
from vm.qemu import Outcome
from vm.rules import Floor, Floors, Skips

V3 = TABLE[0]
UNLISTED = Config("cortex-a76", 3, "vhe")

KTAP = """Linux version 7.3.4
kvm [1]: GIC system register CPU interface enabled
kvm [1]: VHE mode initialized successfully
KTAP version 1
1..1
    KTAP version 1
    # Subtest: kvm_arm64_one
    1..2
    ok 1 a
    ok 2 b # SKIP no GICv3
ok 1 kvm_arm64_one
"""
KUNIT_FLOORS = Floors((Floor("kunit", "kvm_arm64_one", ("*",), 2),
                       Floor("kunit-quick", "kvm_arm64_one", ("*",), 1)), {})
KUNIT_SKIPS = skips(("max GICv3 vhe", "kvm_arm64_one", "b", "no GICv3"))


class KUnit(Case):
    def result(self, text: str = KTAP, listed: Skips = KUNIT_SKIPS,
               floors: Floors | None = KUNIT_FLOORS, quick: bool = False,
               change: Callable[[str], str] = lambda text: text,
               config: Config = V3) -> BootResult:
        with tempfile.TemporaryDirectory() as place:
            console, results = Path(place, "console"), Path(place, "results")
            console.write_text(change(text), encoding="utf-8")
            results.write_text("# vm: begin kunit\n# vm: end kunit\n", encoding="utf-8")
            return judge.kunit(Boot(config, "", ()), Outcome(1, None), console, results, listed,
                               floors, quick)

    def test_good_suite(self) -> None:
        result = self.result()
        self.good(result)
        self.assertEqual((result.kvm, result.linux), ("VHE", "7.3.4"))
        self.assertEqual([(v.name, v.status, v.cases, v.skipped) for v in result.verdicts[1:]],
                         [("kvm_arm64_one.a", "pass", 1, 0), ("kvm_arm64_one.b", "skip", 1, 1)])

    def test_an_unlisted_skip(self) -> None:
        self.boot_fails(self.result(listed=Skips(())),
                        "suite kvm_arm64_one: 'b' is skipped: no GICv3",
                        "'max GICv3 vhe | kvm_arm64_one: b | no GICv3'")

    def test_a_listed_skip_that_passes(self) -> None:
        self.boot_fails(self.result(change=lambda text: text.replace(" # SKIP no GICv3", "")),
                        "suite kvm_arm64_one: 'b' should be skipped")

    def test_an_unlisted_skip_of_a_parameter(self) -> None:
        nested = "        ok 1 first # SKIP not here\n    ok 1 a\n"
        result = self.result(change=lambda text: text.replace("    ok 1 a\n", nested))
        self.boot_fails(result, "'a, first' is skipped: not here", "'max GICv3 vhe")
        self.assertIn("kvm_arm64_one.a, first", [v.name for v in result.verdicts])

    def test_a_suite_with_too_few_cases(self) -> None:
        def one_less(text: str) -> str:
            return text.replace("    ok 1 a\n", "").replace("1..2", "1..1")
        self.boot_fails(self.result(change=one_less),
                        "suite kvm_arm64_one: 1 cases, at least 2 are expected")
        self.good(self.result(change=one_less, quick=True))
        self.good(self.result(change=one_less, floors=None, listed=Skips(())))

    def test_skips_are_not_checked_on_an_unlisted_machine(self) -> None:
        self.good(self.result(listed=Skips(()), config=UNLISTED))

    def test_the_log_is_the_end_of_the_console(self) -> None:
        log = self.result(change=lambda text: text + "BUG: x\n" + "line\n" * 30).verdicts[0].log
        self.assertEqual(log, ["line"] * 20)
        log = self.result(change=lambda text: text.replace("kvm [1]: VHE", "no")).verdicts[0].log
        self.assertEqual(log[0], "Linux version 7.3.4")

    def test_a_kernel_without_kvm(self) -> None:
        result = self.result(change=lambda text: text.replace("kvm [1]: VHE", "no"))
        self.assertEqual(result.kvm, "none")
        self.boot_fails(result, "KVM did not come up")

    def test_a_suite_without_a_row_of_kind_kunit_quick(self) -> None:
        floors = Floors(KUNIT_FLOORS.rows[:1], {})
        self.good(self.result(floors=floors, quick=True))

    def test_a_missing_suite(self) -> None:
        floors = Floors((*KUNIT_FLOORS.rows, Floor("kunit", "kvm_arm64_two", ("*",), 1)), {})
        self.boot_fails(self.result(floors=floors), "suite kvm_arm64_two did not run")

    def test_an_unlisted_suite(self) -> None:
        self.boot_fails(self.result(floors=Floors((), {})),
                        "suite kvm_arm64_one: its number of cases is not listed: add the row "
                        "'kunit | kvm_arm64_one | * | 2'")

    def test_problems_of_the_kernel_and_of_the_report_count_too(self) -> None:
        self.boot_fails(self.result(change=lambda text: text + "BUG: x\n"), "kernel: BUG: x")
        self.good(self.result(change=lambda text: text + "KVM: x: C gives 1; Rust gives 2\n"))
        self.boot_fails(self.result(change=lambda text: text.replace("\n1..1", "\n1..2")),
                        "2 suites planned, 1 run")


if __name__ == "__main__":
    unittest.main()
