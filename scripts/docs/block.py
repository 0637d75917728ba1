# SPDX-License-Identifier: GPL-2.0
"""The parts of a page that `make docs` writes. They stand between two comments:

<!-- begin NAME -->
<!-- end NAME -->
"""

from pathlib import Path


class NoBlock(Exception):
    """A page lacks the comments, or has them twice."""


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"


def _split(path: Path, name: str) -> tuple[str, str, str]:
    begin, end = _marks(name)
    text = path.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise NoBlock(f"{path} does not have the comments of '{name}' once each, in their order")
    before, _, rest = text.partition(begin)
    inside, _, after = rest.partition(end)
    return before, inside, after


def read(path: Path, name: str) -> str:
    return _split(path, name)[1].strip("\n")


def replace(path: Path, name: str, lines: list[str]) -> None:
    """Whole or not at all."""
    begin, end = _marks(name)
    before, _, after = _split(path, name)
    body = "\n".join(lines).strip("\n")
    temp = path.with_name(f".{path.name}.new")
    temp.write_text(f"{before}{begin}\n{body}\n\n{end}{after}", encoding="utf-8")
    temp.replace(path)
