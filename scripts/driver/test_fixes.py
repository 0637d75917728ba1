# SPDX-License-Identifier: GPL-2.0
"""FIXES=1: the fixes of the base's bugs are laid after the series, and only then."""

import subprocess
import unittest
from pathlib import Path

from driver.place import PACKAGE, Place

STAGE = '. scripts/lib.sh; . "$ROOT/scripts/overlay.sh"; mkdir "$1"; stage_patches "$1"'


def patch(before: str, after: str) -> str:
    """Put a line in between, where nothing else follows."""
    return (f"Subject: [PATCH] A\n---\n--- a/arch/arm64/kvm/x.c\n+++ b/arch/arm64/kvm/x.c\n"
            f"@@ -1 +1,2 @@\n {before}\n+{after}\n")


class Fixes(Place):
    def setUp(self) -> None:
        super().setUp()
        deb = self.kernel("7.3.4-1")
        self.repo = self.repository(deb=deb)
        tree = self.source / "linux-7.3.4-1"
        tree.parent.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "-x", deb, self.dir / "deb"], check=True)
        subprocess.run(["tar", "-C", self.dir, "-xJf", self.dir / f"deb/usr/src/{PACKAGE}.tar.xz"],
                       check=True)
        (self.dir / PACKAGE).rename(tree)
        self.fixes = self.repo / "patches/7.3/fixes"
        (self.fixes / "laid").mkdir(parents=True)

    def staged(self, **changes: str) -> str:
        ran = self.run_it("bash", "-c", STAGE, "bash", self.dir / "stage", repo=self.repo,
                          **changes)
        self.assertEqual(ran.status, 0, ran)
        return (self.dir / "stage/arch/arm64/kvm/x.c").read_text(encoding="utf-8")

    def test_they_are_laid_on_request(self) -> None:
        (self.fixes / "0020-b.patch").write_text(
            "--- a/arch/arm64/kvm/x.c\n+++ b/arch/arm64/kvm/x.c\n@@ -1,3 +1,3 @@\n int x;\n"
            " int y;\n-int a;\n+int b;\n", encoding="utf-8")
        (self.fixes / "0010-a.patch").write_text(
            "--- a/arch/arm64/kvm/x.c\n+++ b/arch/arm64/kvm/x.c\n@@ -1,2 +1,3 @@\n int x;\n"
            " int y;\n+int a;\n", encoding="utf-8")
        self.assertEqual(self.staged(FIXES="1"), "int x;\nint y;\nint b;\n")

    def test_they_are_not_laid_otherwise(self) -> None:
        (self.fixes / "0010-a.patch").write_text(patch("int x;", "int a;"), encoding="utf-8")
        self.assertEqual(self.staged(), "int x;\nint y;\n")

    def test_after_the_series_another_form_takes_its_place(self) -> None:
        (self.fixes / "0010-a.patch").write_text(patch("int x;", "int a;"), encoding="utf-8")
        (self.fixes / "laid/0010-a.patch").write_text(
            "--- a/arch/arm64/kvm/x.c\n+++ b/arch/arm64/kvm/x.c\n@@ -1,2 +1,3 @@\n int x;\n"
            "+int laid;\n int y;\n", encoding="utf-8")
        self.assertEqual(self.staged(FIXES="1"), "int x;\nint laid;\nint y;\n")

    def test_results_are_apart_and_the_sum_says_so(self) -> None:
        ran = self.run_it("bash", "-c", '. scripts/lib.sh; echo "$RESULTS $PART"', repo=self.repo,
                          FIXES="1", CONFIG="debug")
        results, part = ran.out.strip().split(" ", 1)
        self.assertEqual(Path(results).parts[-3:], ("results", "fixes", "debug"))
        self.assertEqual(part, "CONFIG=debug FIXES=1")

    def test_goals_that_test_the_base_refuse_them(self) -> None:
        for goal in ("lint", "test", "matrix", "series"):
            ran = self.run_it("make", goal, "FIXES=1", repo=self.repo)
            self.assertIn("FIXES=1 is for kernel, ", ran.err)
            self.assertNotEqual(ran.status, 0)


if __name__ == "__main__":
    unittest.main()
