# SPDX-License-Identifier: GPL-2.0
"""Find the warnings about our files or lines in the log of a kernel build.

Usage: python3 -m lint.ours STAGE BASE TREE LOG [FILE:WHAT...]

STAGE holds the files that the overlay adds or changes, BASE is the pristine tree, TREE
the tree with the overlay. In a file of BASE only the lines that a patch adds count.
Each FILE must have a line with the word WHAT in the log, by which kbuild reports that a
checker ran on FILE: if the checker does not work, kbuild continues without it.

Prints a line for each problem.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from findings import report

_RUSTC = re.compile(r"(?:warning|error)(?:\[|:)")
_WARNING = re.compile(r"(?:[Ww]arning|WARNING|[Ee]rror|ERROR):?|^ *--> ")
_PLACE = re.compile(r"([A-Za-z0-9_./-]+):([0-9]+)")

# File -> its lines that are ours; None: all of them
Places = dict[str, set[int] | None]


class Unusable(Exception):
    """The log cannot be judged; the message says why."""


def places(stage: Path, base: Path, tree: Path) -> Places:
    """The files and lines that are ours."""
    files = [str(path.relative_to(stage)) for path in sorted(stage.rglob("*")) if path.is_file()]
    if not files:
        raise Unusable(f"there are no files in {stage}")
    return {file: added(base / file, tree / file) if (base / file).is_file() else None
            for file in files}


def added(before: Path, after: Path) -> set[int]:
    """The numbers of the lines that were added to a file."""
    done = subprocess.run(
        ["diff", "--old-line-format=", "--unchanged-line-format=", "--new-line-format=%dn\n",
         str(before), str(after)], check=False, capture_output=True, text=True)
    if done.returncode > 1:
        raise Unusable(done.stderr.strip())
    return {int(line) for line in done.stdout.split()}


def shown(log: Iterable[str], tree: str) -> Iterator[str]:
    """The lines of a log, with the names of files relative to the tree."""
    for line in log:
        yield line.rstrip().replace(f"{tree}/", "").replace("../linux/", "")


def warnings(log: Iterable[str], ours: Places) -> Iterator[str]:
    """The warnings that are ours. The place is in the line itself (C, sparse, kernel-doc, Sphinx)
    or in a later line (rustc)."""
    message = ""
    for line in log:
        if _RUSTC.match(line):
            message = line
        if not _WARNING.search(line) or not (found := _PLACE.search(line)):
            continue
        file, number = found.groups()
        if file not in ours:
            continue
        lines = ours[file]
        if lines is None or int(number) in lines:
            yield message + line if line.lstrip().startswith("-->") else line


def unseen(log: Iterable[str], wanted: Iterable[str]) -> Iterator[str]:
    """The files for which the log does not show that the checker ran."""
    words = [line.split() for line in log]
    for file, _, what in (entry.rpartition(":") for entry in wanted):
        if not any(line[:1] == [what] and file in line for line in words):
            yield f"{file}: not checked: the build's log has no line {what} for it"


def main() -> int:
    if len(sys.argv) < 5:
        print("usage: python3 -m lint.ours STAGE BASE TREE LOG [FILE:WHAT...]", file=sys.stderr)
        return 2
    stage, base, tree, log = map(Path, sys.argv[1:5])

    def findings() -> Iterator[str]:
        text = log.read_text(encoding="utf-8", errors="replace")
        lines = list(shown(text.splitlines(), str(tree)))
        yield from sorted(set(warnings(lines, places(stage, base, tree))))
        yield from unseen(lines, sys.argv[5:])

    return report(findings, Unusable, OSError)


if __name__ == "__main__":
    sys.exit(main())
