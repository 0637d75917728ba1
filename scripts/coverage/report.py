# SPDX-License-Identifier: GPL-2.0
"""The figures, for people and for the next program."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage.lines import CORE, Lines, Place


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


def host(summary: dict[str, Any]) -> tuple[dict[str, Share], Share]:
    """Lines by module, and regions in all, of llvm-cov's summary."""
    run: Counter[str] = Counter()
    of: Counter[str] = Counter()
    regions = [0, 0]
    for file in summary["data"][0]["files"]:
        _, inside, path = file["filename"].partition(CORE)
        if not inside:
            continue
        lines = file["summary"]["lines"]
        run[module(path)] += lines["covered"]
        of[module(path)] += lines["count"]
        regions[0] += file["summary"]["regions"]["covered"]
        regions[1] += file["summary"]["regions"]["count"]
    return {name: Share(run[name], of[name]) for name in sorted(of)}, Share(*regions)


def kernel(places: set[Place], run: set[Place]) -> dict[str, Share]:
    """Lines by module."""
    of = Counter(module(path) for path, _ in places)
    ran = Counter(module(path) for path, _ in run)
    return {name: Share(ran[name], of[name]) for name in sorted(of)}


def total(shares: dict[str, Share]) -> Share:
    return Share(sum(s.run for s in shares.values()), sum(s.of for s in shares.values()))


def table(on_host: dict[str, Share], in_kernel: dict[str, Share]) -> list[str]:
    heads = ("module of the core", "lines: tests on the host", "lines: kernel, mode check")
    none = Share(0, 0)
    rows = [(name, str(on_host.get(name, none)), str(in_kernel.get(name, none)))
            for name in sorted({*on_host, *in_kernel})]
    rows.append(("all", str(total(on_host)), str(total(in_kernel))))
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in (heads, *rows)]
    return [lines[0], "-" * (sum(widths) + 4), *lines[1:]]


def missed(lines: Lines, run: set[Place]) -> list[str]:
    """The lines that did not run, as ranges by file."""
    found: dict[str, list[int]] = {}
    for path, number in sorted(lines.places - run):
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
    for name, content in (("coverage.json", json.dumps(figures, indent=1)),
                          ("coverage.txt", "\n".join(text))):
        temp = out / f".{name}.new"
        temp.write_text(content + "\n", encoding="utf-8")
        temp.replace(out / name)
