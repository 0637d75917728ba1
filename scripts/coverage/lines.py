# SPDX-License-Identifier: GPL-2.0
"""Which instructions of a kernel belong to which line, and which of them QEMU has run."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import code, parts

DWARFDUMP = "/usr/bin/llvm-dwarfdump-22"
NM = code.NM
# Below this directory of the kernel tree is the core.
CORE = "rust/kvm_abi/src/"

_TABLE = re.compile(r"^debug_line\[")
_DIRECTORY = re.compile(r'^include_directories\[ *(\d+)\] = "(.*)"$')
_FILE = re.compile(r"^file_names\[ *(\d+)\]:$")
_NAME = re.compile(r'^ +name: "(.*)"$')
_DIR_INDEX = re.compile(r"^ +dir_index: (\d+)$")
# Address, line, column, file; the flags end the line.
_ROW = re.compile(r"^0x([0-9a-f]+) +(\d+) +\d+ +(\d+) +\d+ +\d+ +\d+(.*)$")
# Address, size, kind, name
_SYMBOL = re.compile(r"^([0-9a-f]+) ([0-9a-f]+) (\S) (\S+)$")
# An instruction in QEMU's log of what it translates
_TRANSLATED = re.compile(r"^0x([0-9a-f]+):")

Place = tuple[str, int]


@dataclass
class _Table:
    """The header of a line table."""
    directories: dict[int, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    indices: dict[int, int] = field(default_factory=dict)
    last: int = 0

    def header(self, line: str) -> None:
        if found := _DIRECTORY.match(line):
            self.directories[int(found[1])] = found[2]
        elif found := _FILE.match(line):
            self.last = int(found[1])
        elif found := _NAME.match(line):
            self.names[self.last] = found[1]
        elif found := _DIR_INDEX.match(line):
            self.indices[self.last] = int(found[1])

    def path(self, number: int) -> str:
        name = self.names.get(number, "")
        return name if name.startswith("/") else \
            f"{self.directories.get(self.indices.get(number, 0), '')}/{name}"


def parse(lines: Iterable[str], wanted: str = CORE) -> Iterator[tuple[int, int, Place]]:
    """(begin, end, place) of each piece of code that belongs to a line of a file below `wanted`."""
    table = _Table()
    paths: dict[int, str] = {}
    # The row whose code ends where the next one begins
    open_row: tuple[int, Place | None] | None = None
    for line in lines:
        if _TABLE.match(line):
            table, paths, open_row = _Table(), {}, None
        elif found := _ROW.match(line):
            address, number, file = int(found[1], 16), int(found[2]), int(found[3])
            if open_row and open_row[1] and open_row[0] < address:
                yield open_row[0], address, open_row[1]
            if "end_sequence" in found[4]:
                open_row = None
                continue
            if file not in paths:
                _, inside, rest = table.path(file).partition(wanted)
                paths[file] = rest if inside else ""
            # Line 0 is code without a place.
            open_row = address, (paths[file], number) if paths[file] and number else None
        else:
            table.header(line.rstrip("\n"))


@dataclass(frozen=True)
class Lines:
    """The code of each line of the core."""
    pieces: tuple[tuple[int, int, Place], ...]

    @property
    def places(self) -> set[Place]:
        return {place for _, _, place in self.pieces}

    @property
    def instructions(self) -> set[int]:
        return {at for begin, end, _ in self.pieces for at in range(begin, end, 4)}

    def run(self, executed: set[int]) -> set[Place]:
        """The places of which an instruction was executed."""
        return {place for begin, end, place in self.pieces
                if any(at in executed for at in range(begin, end, 4))}


def of_kernel(vmlinux: Path) -> Lines:
    with subprocess.Popen([DWARFDUMP, "--debug-line", str(vmlinux)], stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout is not None
        pieces = tuple(parse(process.stdout))
    if process.returncode:
        raise OSError(f"{DWARFDUMP} {vmlinux} failed")
    return Lines(pieces)


def in_parts(symbols: Iterable[str], rust: set[str]) -> dict[str, set[int]]:
    """The instructions of each part of the Rust code (bench/parts.py), from the symbols of the
    kernel and the names of the Rust object's functions."""
    found: dict[str, set[int]] = {}
    for line in symbols:
        if (symbol := _SYMBOL.match(line)) and code.is_text(symbol[3]) and symbol[4] in rust:
            begin, size = int(symbol[1], 16), int(symbol[2], 16)
            found.setdefault(parts.part(symbol[4]), set()).update(range(begin, begin + size, 4))
    return found


def parts_of_kernel(output: Path) -> dict[str, set[int]]:
    """From the built kernel's output directory"""
    rust = {name for name, (kind, _) in code.symbols(output / code.KVM_OBJECT).items()
            if code.is_text(kind)}
    done = subprocess.run([NM, "-S", str(output / "vmlinux")], check=True, stdout=subprocess.PIPE,
                          text=True)
    return in_parts(done.stdout.splitlines(), rust)


def translated(log: Iterable[str]) -> set[int]:
    """The instructions that QEMU has translated, which it does when it comes to them."""
    return {int(found[1], 16) for line in log if (found := _TRANSLATED.match(line))}
