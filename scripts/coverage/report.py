# SPDX-License-Identifier: GPL-2.0
"""The figures, for people and for the next program."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.code import SURFACES
from bench.parts import CHECK, CONFIG, LEVELS, OPT_INS, OTHER
from coverage.lines import CORE, Place
from matrix import store
from vm.report import columns


@dataclass(frozen=True)
class Share:
    """How many of how many"""
    run: int
    of: int

    @property
    def percent(self) -> float:
        return 100 * self.run / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.run} of {self.of} ({self.percent:.1f} %)" if self.of else "-"


def module(path: str) -> str:
    """fw_reg of fw_reg/access.rs; the files beside the modules are those of the crate."""
    return path.split("/")[0] if "/" in path else "crate"


def host(lcov: Iterable[str]) -> tuple[set[Place], set[Place]]:
    """The lines of the core, and those that have run in any of the programs."""
    there: set[Place] = set()
    ran: set[Place] = set()
    path = ""
    for line in lcov:
        what, _, rest = line.strip().partition(":")
        if what == "SF":
            _, inside, path = rest.partition(CORE)
            path = path if inside else ""
        elif what == "DA" and path:
            number, times = rest.split(",")[:2]
            there.add((path, int(number)))
            if int(times):
                ran.add((path, int(number)))
    return there, ran


def by_module(places: set[Place], run: set[Place]) -> dict[str, Share]:
    """Lines by module."""
    of = Counter(module(path) for path, _ in places)
    ran = Counter(module(path) for path, _ in run)
    return {name: Share(ran[name], of[name]) for name in sorted(of)}


def total(shares: dict[str, Share]) -> Share:
    return Share(sum(s.run for s in shares.values()), sum(s.of for s in shares.values()))


def plain(shares: dict[str, Share]) -> dict[str, dict[str, int]]:
    """For JSON"""
    return {name: vars(share) for name, share in shares.items()}


def table(on_host: dict[str, Share], in_kernel: dict[str, dict[str, Share]]) -> list[str]:
    """The lines of the core by module: on the host, and in each mode of the kernel."""
    sides = (on_host, *in_kernel.values())
    none = Share(0, 0)
    rows = [[name, *(str(side.get(name, none)) for side in sides)]
            for name in sorted({name for side in sides for name in side})]
    rows.append(["all", *(str(total(side)) for side in sides)])
    heads = ["module of the core", "lines: tests on the host",
             *(f"lines: kernel, mode {mode}" for mode in in_kernel)]
    return columns([heads, *rows], 1)


SERVES = tuple(surface.name for surface in SURFACES)


def by_part(code: dict[str, set[int]], executed: set[int]) -> dict[str, Share]:
    """Instructions of each part of the Rust code: first the surfaces and their sum."""
    found = {name: Share(len(code[name] & executed), len(code[name]))
             for name in (*SERVES, OPT_INS, CONFIG, LEVELS, CHECK, OTHER) if name in code}
    serves = total({name: found[name] for name in SERVES if name in found})
    return {**{name: share for name, share in found.items() if name in SERVES}, "serves": serves,
            **{name: share for name, share in found.items() if name not in SERVES}}


def part_table(in_kernel: dict[str, dict[str, Share]]) -> list[str]:
    """The instructions of the parts, in each mode of the kernel."""
    names = next(iter(in_kernel.values()))
    heads = ["part of the Rust code", *(f"instructions: mode {mode}" for mode in in_kernel)]
    return columns([heads, *([name, *(str(side[name]) for side in in_kernel.values())]
                             for name in names)], 1)


def missed(places: set[Place], run: set[Place]) -> list[str]:
    """The lines that did not run, as ranges by file."""
    found: dict[str, list[int]] = {}
    for path, number in sorted(places - run):
        found.setdefault(path, []).append(number)
    said = []
    for path, numbers in found.items():
        ranges: list[list[int]] = []
        for number in numbers:
            if ranges and number == ranges[-1][1] + 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        words = (str(a) if a == b else f"{a}-{b}" for a, b in ranges)
        said.append(f"{path}: {', '.join(words)}")
    return said


def write(out: Path, figures: dict[str, Any], text: list[str]) -> None:
    store.write(out / "coverage.json", json.dumps(figures, indent=1) + "\n")
    store.write(out / "coverage.txt", "\n".join(text) + "\n")
