# SPDX-License-Identifier: GPL-2.0
"""That a laid file which MAINTAINERS lacks is found, and a pattern without a file."""

import tempfile
import unittest
from pathlib import Path

from lint import maintained
from testing import said_by, written

# get_maintainer.pl as far as it is used: a pattern is a prefix here.
SCRIPT = r"""
open(my $f, '<', 'MAINTAINERS') or die;
my @lines = grep { !/^#/ } <$f>;
if ($ARGV[0] =~ /^--self-test/) {
	my @files = split /\n/, `git ls-files`;
	for my $line (@lines) {
		next unless $line =~ /^F:\s*(.*)/;
		my $start = $1;
		print "warning: no file matches\t$start\n" unless grep { index($_, $start) == 0 } @files;
	}
} elsif ("@ARGV[0..4]" eq "--no-tree --no-git --no-git-fallback --sections -f") {
	for my $line (@lines) {
		next unless $line =~ /^F:\s*(.*)/;
		if (index($ARGV[5], $1) == 0) { print @lines; last; }
	}
} else {
	die "unknown option";
}
"""
MAINTAINERS = "# A comment\n\nOURS\nL:\tlist@example.org\nS:\tMaintained\nF:\trust/kvm\nF:\tinclude/kvm.h\n"


class Maintained(unittest.TestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in (("laid/rust/kvm/vm.rs", ""), ("laid/include/kvm.h", ""),
                           ("script.pl", SCRIPT), ("MAINTAINERS", MAINTAINERS)):
            written(self.path / name, text)

    def run_main(self) -> tuple[int, str]:
        return said_by(maintained.main, *(self.path / name for name in
                                          ("laid", "script.pl", "MAINTAINERS")))

    def test_all_is_well(self) -> None:
        self.assertEqual(self.run_main(), (0, ""))

    def test_the_title_is_the_line_before_the_letters(self) -> None:
        self.assertEqual(maintained.titles(self.path / "MAINTAINERS"), {"OURS"})

    def test_a_file_that_no_pattern_matches(self) -> None:
        written(self.path / "laid/arch/x.c", "")
        self.assertEqual(self.run_main(),
                         (1, "arch/x.c: MAINTAINERS has no pattern that matches it\n"))

    def test_a_pattern_that_matches_no_file(self) -> None:
        written(self.path / "MAINTAINERS", MAINTAINERS + "F:\tarch/\n")
        self.assertEqual(self.run_main(), (1, "warning: no file matches\tarch/\n"))

    def test_a_script_that_does_not_work_finds_nothing_wrong_but_fails(self) -> None:
        for text in ("die 'broken';", "exit 1;", "warn 'broken';"):
            written(self.path / "script.pl", text)
            self.assertEqual(self.run_main()[0], 1, text)

    def test_nothing_is_laid(self) -> None:
        (self.path / "laid/rust/kvm/vm.rs").unlink()
        (self.path / "laid/include/kvm.h").unlink()
        self.assertIn("there is no file in", self.run_main()[1])


if __name__ == "__main__":
    unittest.main()
