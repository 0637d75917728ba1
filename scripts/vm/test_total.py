# SPDX-License-Identifier: GPL-2.0
"""scripts/total.sh, which decides whether all stages together are good."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
STAGES = ("test-host", "objgate", "kunit", "vm", "debug/kunit", "debug/vm")


class Total(unittest.TestCase):
    def setUp(self) -> None:
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.out = Path(place.name)
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

    def is_red(self, line: str, why: str, *arguments: str) -> None:
        done = self.run_it(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, f"{line}\n"))
        self.assertIn(why, done.stderr)

    def test_sum(self) -> None:
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, "111111 passed, 0 failed, 15 skipped\n", ""))

    def test_lint_counts_only_if_it_is_asked_for(self) -> None:
        self.is_red("111111 passed, 0 failed, 15 skipped", "lint gave no count", "--all")
        self.count("lint", "2000000 0 0\n")
        self.assertEqual(self.run_it("--all").stdout, "2111111 passed, 0 failed, 15 skipped\n")
        self.assertEqual(self.run_it().stdout, "111111 passed, 0 failed, 15 skipped\n")

    def test_failure(self) -> None:
        self.count("vm", "0 3 0\n")
        self.is_red("110111 passed, 3 failed, 12 skipped", "")

    def test_step_that_broke(self) -> None:
        self.count("debug-kernel", "0 1 0\n")
        self.is_red("111111 passed, 1 failed, 15 skipped", "")

    def test_stage_that_is_missing(self) -> None:
        for number, stage in enumerate(STAGES):
            with self.subTest(stage):
                (self.results / f"{stage}.count").unlink()
                self.is_red(f"{111111 - 10 ** number} passed, 0 failed, {15 - number} skipped",
                            f"{stage} gave no count: it did not come to its end")
                self.count(stage, f"{10 ** number} 0 {number}\n")

    def test_what_is_not_three_numbers(self) -> None:
        for text in ("", "1\n", "1 0\n", "1 0 0 0\n", "1 0 -1\n", "1 0 x\n"):
            with self.subTest(text):
                self.count("test-host", text)
                self.is_red("111110 passed, 0 failed, 15 skipped",
                            "results/test-host.count is not three numbers")

    def test_nothing_passed(self) -> None:
        for stage in STAGES:
            self.count(stage, "0 0 1\n")
        self.is_red("0 passed, 0 failed, 6 skipped", "")

    def test_part_is_named(self) -> None:
        self.assertEqual(self.run_it(CPU="max").stdout,
                         "111111 passed, 0 failed, 15 skipped (part: CPU=max)\n")


if __name__ == "__main__":
    unittest.main()
