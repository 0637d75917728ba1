# SPDX-License-Identifier: GPL-2.0
"""Tests of how a check ends."""

import contextlib
import io
import unittest
from collections.abc import Callable, Iterable, Iterator

from findings import report


def ended(find: Callable[[], Iterable[str]], *reasons: type[Exception]) -> tuple[int, str]:
    """The exit status, and what was printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = report(find, *reasons)
    return status, out.getvalue()


def cut_short() -> Iterator[str]:
    yield "one"
    raise OSError("no file")


class ReportTest(unittest.TestCase):
    def test_nothing_is_wrong(self) -> None:
        self.assertEqual(ended(list), (0, ""))

    def test_each_finding_is_a_line(self) -> None:
        self.assertEqual(ended(lambda: ["one", "two"]), (1, "one\ntwo\n"))

    def test_a_reason_is_a_finding_after_those_before_it(self) -> None:
        self.assertEqual(ended(cut_short, OSError), (1, "one\nno file\n"))

    def test_another_error_is_not_caught(self) -> None:
        with self.assertRaises(OSError):
            ended(cut_short, ValueError)


if __name__ == "__main__":
    unittest.main()
