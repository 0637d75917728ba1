# SPDX-License-Identifier: GPL-2.0
"""scripts/total.sh, which decides whether all stages together passed."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
STAGES = ("test-host", "fuzz-kvmfit", "objgate", "kunit", "judge", "vm", "matrix", "vmm")
# Each stage passes ten times as many tests as the one before it, and skips one more.
SUM = sum(10 ** number for number in range(len(STAGES)))
SKIPPED = sum(range(len(STAGES)))


def line(passed: int = SUM, failed: int = 0, skipped: int = SKIPPED) -> str:
    return f"{passed} passed, {failed} failed, {skipped} skipped"



class Total(unittest.TestCase):
    def setUp(self) -> None:
        self.out = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.out / ".kvm-arm64-rust").touch()
        self.results = self.out / "results"
        (self.results / "debug").mkdir(parents=True)
        for number, stage in enumerate(STAGES):
            self.count(stage, f"{10 ** number} 0 {number}\n")

    def count(self, stage: str, text: str) -> None:
        (self.results / f"{stage}.count").write_text(text, encoding="utf-8")

    def run_it(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), "O": str(self.out),
               **more}
        return subprocess.run([SCRIPTS / "total.sh", *arguments], check=False, env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def is_red(self, total: str, why: str, *arguments: str) -> None:
        done = self.run_it(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, f"{total}\n"))
        self.assertIn(why, done.stderr)

    def test_sum(self) -> None:
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{line()}\n", ""))

    def test_lint_counts_only_if_it_is_asked_for(self) -> None:
        self.is_red(line(), "lint gave no count", "--all")
        self.count("lint", "7 0 0\n")
        self.assertEqual(self.run_it("--all").stdout, f"{line(passed=SUM + 7)}\n")
        self.assertEqual(self.run_it().stdout, f"{line()}\n")

    def test_the_debug_kernel_counts_alone_if_that_is_asked_for(self) -> None:
        self.is_red("0 passed, 0 failed, 0 skipped", "debug/vm gave no count", "--debug")
        for stage in ("kunit", "judge", "vm"):
            self.count(f"debug/{stage}", "2 0 1\n")
        self.assertEqual(self.run_it("--debug").stdout, f"{line(passed=6, skipped=3)}\n")
        self.count("debug-run", "0 1 0\n")
        self.is_red(line(passed=6, failed=1, skipped=3), "", "--debug")

    def test_failure(self) -> None:
        self.count("test-host", "0 3 0\n")
        self.is_red(line(passed=SUM - 1, failed=3), "failed in test-host\n")

    def test_failures_are_named(self) -> None:
        tap = ("TAP version 14\n1..2\n# Subtest: max-check\n    1..3\n    ok 1 - good\n"
               "    not ok 2 - known # TODO it is expected\n    not ok 3 - bad\n"
               "      ---\n      message: \"it \\\"hung\\\"\"\n      ...\nnot ok 1 - max-check\n"
               "ok 2 - the run\n")
        named = ('failed in {}\n  max-check:     not ok 3 - bad\n'
                 '    message: "it \\"hung\\""\n  not ok 1 - max-check\n')
        for stage, name in (("kunit", "kunit"), ("vm", "results"), ("debug/vm", "debug/results")):
            with self.subTest(stage):
                (self.results / f"{name}.tap").write_text(tap, encoding="utf-8")
                self.count(stage, "1 1 0\n")
                self.assertIn(named.format(stage), self.run_it().stderr)
                (self.results / f"{stage}.count").unlink()

    def test_step_that_broke(self) -> None:
        self.count("debug-kernel", "0 1 0\n")
        self.is_red(line(failed=1), "")

    def test_stage_that_is_missing(self) -> None:
        for number, stage in enumerate(STAGES):
            with self.subTest(stage):
                (self.results / f"{stage}.count").unlink()
                self.is_red(line(passed=SUM - 10 ** number, skipped=SKIPPED - number),
                            f"{stage} gave no count: it did not finish")
                self.count(stage, f"{10 ** number} 0 {number}\n")

    def test_what_is_not_three_numbers(self) -> None:
        for text in ("", "1\n", "1 0\n", "1 0 0 0\n", "1 0 -1\n", "1 0 x\n"):
            with self.subTest(text):
                self.count("test-host", text)
                self.is_red(line(passed=SUM - 1), "results/test-host.count is not three numbers")

    def test_nothing_passed(self) -> None:
        for stage in STAGES:
            self.count(stage, "0 0 1\n")
        self.is_red(line(0, 0, len(STAGES)), "")

    def test_part_is_named(self) -> None:
        self.assertEqual(self.run_it(CPU="max").stdout, f"{line()} (part: CPU=max)\n")


if __name__ == "__main__":
    unittest.main()
