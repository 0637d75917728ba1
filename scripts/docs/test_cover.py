# SPDX-License-Identifier: GPL-2.0
"""Cover letters: figures from the sources, and what cannot be sent."""

import tempfile
import unittest
from pathlib import Path

from docs import cover
from docs.cover import BadLetter
from testing import written

REPO = Path(__file__).resolve().parent.parent.parent
SKELETON = """\
From 0000 Mon Sep 17 00:00:00 2001
From: a <a@localhost>
Subject: [PATCH 0/2] *** SUBJECT HERE ***

*** BLURB HERE ***

a (2):
  One
  Two
"""
README = """\
<!-- begin results -->

| CPU | GIC | KVM | pass | differ |
|---|---|---|---:|---:|
| max | GICv3 | vhe | 76 | 0 |

`make run`, today.

<!-- end results -->
"""
BENCH = """\
<!-- begin bench -->

### Instructions of kvm_smccc_call_handler()

| path | max GICv3 vhe | neoverse-n1 GICv3 vhe |
| --- | ---: | ---: |
{rows}

### Instructions per operation

| path | max GICv3 vhe | neoverse-n1 GICv3 vhe |
| --- | ---: | ---: |
| `all` | 9 / 9 / 9 / 9 | 9 / 9 / 9 / 9 |

<!-- end bench -->
"""
ROWS = [f"| `{name}` | 1 / 2 / -3 % / 4 | 65 / 26 / -60 % / 65 |" for name in cover.COSTS]
PATCH = """\
Subject: [PATCH] A

- not a line of a diff
---
diff --git a/arch/arm64/kvm/a.c b/arch/arm64/kvm/a.c
--- a/arch/arm64/kvm/a.c
+++ b/arch/arm64/kvm/a.c
@@ -1,2 +1,3 @@
 same
-old
+new
+new
diff --git a/rust/Makefile b/rust/Makefile
--- a/rust/Makefile
+++ b/rust/Makefile
@@ -1,1 +1,2 @@
 same
+new
"""
MAINTAINER = """\
my %who = (m => "M <m\\@x>", r => "R <r\\@x>", l => "l\\@x");
die "not at the top" unless -f "MAINTAINERS";
for my $kind ("m", "r", "l") { print "$who{$kind}\\n" unless grep { $_ eq "--no$kind" } @ARGV; }
print STDERR "a warning\\n";
"""


class Letters(unittest.TestCase):
    def setUp(self) -> None:
        self.dir = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name: str, text: str) -> Path:
        return written(self.dir / name, text)

    def test_heading_is_the_subject_and_comments_are_left_out(self) -> None:
        path = self.write("c.md", "<!-- For\nus -->\n\n# KVM: A\n\nText\n\nmore.\n")
        self.assertEqual(cover.parts(path), ("KVM: A", "Text\n\nmore."))
        for bad in ("KVM: A\n\nText\n", "# KVM: A\n", ""):
            with self.assertRaises(BadLetter):
                cover.parts(self.write("c.md", bad))

    def test_the_skeleton_is_filled(self) -> None:
        said = cover.letter(SKELETON, "KVM: A", "Text", ["To: M <m@x>", "Cc: l@x"], "base: v7")
        self.assertEqual(said.splitlines()[2:8], [
            "Subject: [PATCH 0/2] KVM: A", "To: M <m@x>", "Cc: l@x", "", "Text", ""])
        self.assertTrue(said.endswith("  Two\n\nbase: v7\n"))
        self.assertNotIn("***", said)

    def test_what_cannot_be_sent(self) -> None:
        with self.assertRaisesRegex(BadLetter, "more than 75 columns"):
            cover.letter(SKELETON, "KVM: A", "x" * 76, [], "base: v7")
        with self.assertRaisesRegex(BadLetter, "SUBJECT HERE"):
            cover.letter(SKELETON.replace("SUBJECT", "TITLE"), "KVM: A", "x", [], "base: v7")
        with self.assertRaisesRegex(BadLetter, r"no figure \{lines\}; they are: bugs, "):
            cover.fill("{lines}", {"bugs": "none"})

    def test_who_gets_it(self) -> None:
        self.write("scripts/get_maintainer.pl", MAINTAINER)
        self.write("MAINTAINERS", "")
        self.assertEqual(list(cover.recipients(self.dir, [])),
                         ["To: M <m@x>", "Cc: R <r@x>,\n\tl@x"])
        self.write("scripts/get_maintainer.pl", "exit 0;")
        with self.assertRaisesRegex(BadLetter, "names nobody for To"):
            list(cover.recipients(self.dir, []))

    def test_lines_that_the_patches_change(self) -> None:
        self.write("patches/7.3/kernel/0010-a.patch", PATCH)
        self.write("patches/7.3/selftests/0020-b.patch", PATCH)
        self.assertEqual(cover.changed_c(self.dir), "1 files of C, 2 lines added and 1 removed")

    def test_results_of_the_last_run(self) -> None:
        self.write("README.md", README)
        self.assertEqual(cover.results(self.dir), "    CPU GIC KVM    pass  differ\n"
                         "    max GICv3 vhe    76       0\n\n`make run`, today.")

    def test_costs_are_those_of_the_handler(self) -> None:
        self.write("docs/bench.md", BENCH.replace("{rows}", "\n".join(ROWS)))
        self.assertEqual(cover.costs(self.dir).splitlines()[-1].split(),
                         ["all", "65", "26", "-60", "%", "65"])
        self.write("docs/bench.md", BENCH.replace("{rows}", "\n".join(ROWS[1:])))
        with self.assertRaisesRegex(BadLetter, "SMCCC_VERSION"):
            cover.costs(self.dir)

    def test_titles_of_the_bugs(self) -> None:
        self.write("docs/base-bugs.md", "# Bugs\n\n## `A` is wrong\n\n### No\n\n## B\n")
        self.assertEqual(cover.bugs(self.dir), " - A is wrong\n - B")

    def test_the_letters_of_this_repository_have_their_figures(self) -> None:
        found = sorted(REPO.glob("patches/*/**/0000-cover-letter.md"))
        self.assertTrue(found)
        for path in found:
            subject, text = cover.parts(path)
            figures = {name: make(REPO) for name, make in cover.FIGURES.items()}
            self.assertTrue(all(figures.values()), figures)
            cover.letter(SKELETON, subject, cover.fill(text, figures), ["To: M <m@x>"], "base: v7")


if __name__ == "__main__":
    unittest.main()
