# SPDX-License-Identifier: GPL-2.0
"""The warnings of a kernel build's log that are about our files or lines.

Usage: python3 -m lint.ours STAGE BASE TREE LOG [FILE:WHAT...]

STAGE holds the files that the overlay adds or changes, BASE is the pristine tree, TREE
the one with the overlay on it. In a file of Linux's only the lines that a patch adds
count. Each further argument is a file that has to have been looked at, and the word by
which kbuild says so: kbuild goes on without a checker that it does not like.

What it prints is what is wrong, a line for each.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_RUSTC = re.compile(r"(?:warning|error)(?:\[|:)")
_WARNING = re.compile(r"(?:[Ww]arning|WARNING|[Ee]rror|ERROR):?|^ *--> ")
_PLACE = re.compile(r"([A-Za-z0-9_./-]+):([0-9]+)")

# Of a file all lines are ours, or these
Places = dict[str, set[int] | None]


class Unusable(Exception):
    """Nothing can be said of the log."""


def places(stage: Path, base: Path, tree: Path) -> Places:
    """What is ours."""
    files = [str(path.relative_to(stage)) for path in sorted(stage.rglob("*")) if path.is_file()]
    if not files:
        raise Unusable(f"there is nothing in {stage}")
    return {file: added(base / file, tree / file) if (base / file).is_file() else None
            for file in files}


def added(before: Path, after: Path) -> set[int]:
    """The numbers of the lines of a file that it did not have before."""
    done = subprocess.run(
        ["diff", "--old-line-format=", "--unchanged-line-format=", "--new-line-format=%dn\n",
         str(before), str(after)], check=False, capture_output=True, text=True)
    if done.returncode > 1:
        raise Unusable(done.stderr.strip())
    return {int(line) for line in done.stdout.split()}


def shown(log: Iterable[str], tree: str) -> Iterator[str]:
    """The lines of a log, with the names of files as they are within the tree."""
    for line in log:
        yield line.rstrip().replace(f"{tree}/", "").replace("../linux/", "")


def warnings(log: Iterable[str], ours: Places) -> Iterator[str]:
    """Those of a log that are ours. A place is in the line itself (C, sparse, kernel-doc, Sphinx),
    or in one after it (rustc)."""
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
    """The files that no line of a log says were looked at."""
    words = [line.split() for line in log]
    for file, _, what in (entry.rpartition(":") for entry in wanted):
        if not any(line[:1] == [what] and file in line for line in words):
            yield f"{file}: the build's log has no {what} of it"


def main() -> int:
    if len(sys.argv) < 5:
        print("usage: python3 -m lint.ours STAGE BASE TREE LOG [FILE:WHAT...]", file=sys.stderr)
        return 2
    stage, base, tree, log = map(Path, sys.argv[1:5])
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
        lines = list(shown(text.splitlines(), str(tree)))
        found = sorted(set(warnings(lines, places(stage, base, tree))))
        found += unseen(lines, sys.argv[5:])
    except (Unusable, OSError) as why:
        found = [str(why)]
    for line in found:
        print(line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
