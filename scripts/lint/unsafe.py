# SPDX-License-Identifier: GPL-2.0
"""How much of the kernel's Rust is unsafe, and whether the documentation says so.

Usage: python3 -m lint.unsafe REPOSITORY

For each layer this counts the `unsafe` blocks, the share of the lines of code outside of them, and
the entries of the lists by which the abstractions use fields, functions and pointers of C: each
entry is a claim about C that the compiler cannot check, made good by one block in a macro.
Comments, doc comments and blank lines are no lines of code. `unsafe fn` and `unsafe impl` are no
blocks: the compiler demands a block within them.

Prints what is wrong: the rows of the table in Documentation/virt/kvm/arm/rust.rst that are not
those of the sources, and layers that have more blocks than they may have, or all together.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from findings import report

PAGE = "Documentation/virt/kvm/arm/rust.rst"
ARCH = "arch/arm64/kvm/rust"
# A layer, and the files and directories that it consists of; an earlier layer has them if two do.
LAYERS = (
    ("core", ("rust/kvm_abi/src",)),
    ("abstractions", ("rust/kernel/kvm.rs", "rust/kernel/kvm")),
    ("what compares", (f"{ARCH}/check",)),
    ("what tests", (f"{ARCH}/tests",)),
    ("what serves", (ARCH,)),
)
# The most blocks that a layer may have. An export has one, for its pointers.
MOST = {"core": 0, "abstractions": 60}
ONE_AN_EXPORT = ("what compares", "what serves")
MOST_IN_ALL = 100

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|(?P<string>b?c?r(?P<hashes>#*)\".*?\"(?P=hashes)|[bc]?\"(?:\\.|[^\"\\])*\")"
    r"|(?P<char>b?'(?:\\[^\n']+|\\'|[^\n\\'])')",
    re.DOTALL)
_BLOCK = re.compile(r"\bunsafe\s*\{")
_LIST = re.compile(r"\b(?:fields|calls)!\s*\{")
_KNOWN = re.compile(r"\bknown!\s*\{")
_ENTRY = re.compile(r"\bfn\s+\w+\([^()]*\)[^;{}=]*=[^;{}]+;")
_EXPORT = re.compile(r"^\s*#\[export\]", re.MULTILINE)


@dataclass
class Count:
    """What a layer has."""
    lines: int = 0
    unsafe: int = 0
    blocks: int = 0
    entries: int = 0
    exports: int = 0

    @property
    def outside(self) -> str:
        """The share of the lines that are outside of unsafe blocks, never rounded up to all."""
        per_mille = 1000 * (self.lines - self.unsafe) // self.lines if self.lines else 1000
        return f"{per_mille // 10}.{per_mille % 10} %"


def code(text: str) -> str:
    """The text without comments, and with empty strings; lines stay lines."""
    def without(found: re.Match[str]) -> str:
        kept = "" if found["comment"] else '""' if found["string"] else "''"
        return kept + "\n" * found.group().count("\n")

    return _TOKEN.sub(without, text)


def _end(text: str, begin: int) -> int:
    """The place after the brace that closes the one before `begin`."""
    depth = 1
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return place + 1
    return len(text)


def count(text: str) -> Count:
    """What a file has."""
    text = code(text)
    unsafe = set[int]()
    blocks = 0
    for block in _BLOCK.finditer(text):
        blocks += 1
        first = text.count("\n", 0, block.start())
        unsafe |= set(range(first, text.count("\n", 0, _end(text, block.end())) + 1))
    lines = {number for number, line in enumerate(text.split("\n")) if line.strip()}
    entries = sum(len(_ENTRY.findall(text[found.end():_end(text, found.end())]))
                  for found in _LIST.finditer(text)) + len(_KNOWN.findall(text))
    return Count(len(lines), len(lines & unsafe), blocks, entries, len(_EXPORT.findall(text)))


def layers(repo: Path) -> dict[str, Count]:
    """What each layer has."""
    seen = set[Path]()
    found = dict[str, Count]()
    for name, places in LAYERS:
        total = Count()
        for place in (repo / where for where in places):
            for path in [place] if place.is_file() else sorted(place.rglob("*.rs")):
                if path in seen:
                    continue
                seen.add(path)
                one = count(path.read_text(encoding="utf-8"))
                for field in vars(total):
                    setattr(total, field, getattr(total, field) + getattr(one, field))
        found[name] = total
    return found


def table(found: dict[str, Count]) -> list[str]:
    """The rows of the page's table."""
    order = ("core", "abstractions", "what serves", "what compares", "what tests")
    return [f"{name:14} {found[name].blocks:6}  {found[name].entries:7}  {found[name].outside:>7}"
            for name in order]


def findings(repo: Path) -> Iterator[str]:
    """What is wrong."""
    found = layers(repo)
    for name, it in found.items():
        if not it.lines:
            yield f"{name}: there is no file"
        most = it.exports if name in ONE_AN_EXPORT else MOST.get(name, it.blocks)
        if it.blocks > most:
            yield f"{name}: {it.blocks} unsafe blocks, but at most {most} are allowed"
    blocks = sum(it.blocks for it in found.values())
    if blocks > MOST_IN_ALL:
        yield f"{blocks} unsafe blocks in all, but at most {MOST_IN_ALL} are allowed"
    page = (repo / PAGE).read_text(encoding="utf-8").splitlines()
    for row in table(found):
        if row not in page:
            yield f"{PAGE}: lacks the row '{row}'"


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m lint.unsafe REPOSITORY", file=sys.stderr)
        return 2
    return report(lambda: findings(Path(sys.argv[1])), OSError)


if __name__ == "__main__":
    sys.exit(main())
