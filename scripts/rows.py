# SPDX-License-Identifier: GPL-2.0
"""Files of rows: columns separated by "|", lines that begin with "#" are comments."""

from dataclasses import dataclass
from pathlib import Path


class BadSelection(Exception):
    """What the user selected does not exist; the message says what does."""


class BadRow(BadSelection):
    """A row of one of the files is wrong; the message says where and why."""


@dataclass(frozen=True)
class Where:
    """The place of a row."""
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}"

    def bad(self, why: str) -> BadRow:
        return BadRow(f"{self.path}:{self.line}: {why}")


def read_rows(path: Path, columns: str) -> list[tuple[Where, list[str]]]:
    """The rows of a file that has these columns."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split("|")]
        if len(words) != len(columns.split("|")) or not all(words):
            raise Where(path, number).bad(f"the columns must be '{columns}'")
        rows.append((Where(path, number), words))
    return rows
