# SPDX-License-Identifier: GPL-2.0
"""What changed from one kernel to the next: the list of registers, values, what is accepted."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matrix.boots import Place
from matrix.cells import CannotVerify


@dataclass(frozen=True)
class Changes:
    """What differs on one machine between a kernel and the next."""
    machine: str
    before: str
    after: str
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    # Values of a new VM, as `NAME.FIELD old → new`
    values: tuple[str, ...] = ()
    # Registers that take more values, fewer, or others
    more: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def what(self) -> dict[str, tuple[str, ...]]:
        found = {"gone": self.gone, "new": self.new, "values": self.values, "more": self.more,
                 "fewer": self.fewer, "other": self.other}
        return {name: words for name, words in found.items() if words}


def _values(row: Mapping[str, Any]) -> list[str]:
    """Field by field, or the whole register if its fields have no names."""
    said = []
    for part in row["fields"]:
        before, after = part["values"]
        said.append(f"{row['name']}.{part['name']} {before:#x} → {after:#x}")
    return said or [f"{row['name']} {row['values'][0]} → {row['values'][1]}"]


def of_rows(machine: str, before: str, after: str, rows: Sequence[Mapping[str, Any]]) -> Changes:
    """From the rows of `kvmfit compare --all --json`."""
    gone, new, values = [], [], []
    takes: dict[str, list[str]] = {"higher": [], "lower": [], "differs": []}
    for row in rows:
        old, now = row["values"]
        if now is None:
            gone.append(row["name"])
        elif old is None:
            new.append(row["name"])
        elif row["configures"]:
            if old != now:
                values += _values(row)
            # Of a register that takes only its own value, the value has changed.
            elif (relation := row["takes"][1]) in takes:
                takes[relation].append(row["name"])
    return Changes(machine, before, after, tuple(gone), tuple(new), tuple(values),
                   *(tuple(names) for names in takes.values()))


def compare(kvmfit: Path, before: Path, after: Path) -> list[dict[str, Any]]:
    """How the first VM of two dumps differs."""
    done = subprocess.run([kvmfit, "compare", "--all", "--json", before, after], check=False,
                          capture_output=True, text=True)
    # 1: they differ
    if done.returncode not in (0, 1) or not done.stdout:
        raise CannotVerify(done.stderr.strip() or f"kvmfit compare ended with {done.returncode}")
    return list(json.loads(done.stdout)["rows"])


def of_places(kvmfit: Path, places: Sequence[Place]) -> list[Changes]:
    """Each kernel against the one before it on the same machine."""
    found = []
    known = [place for place in places if place.measured]
    for before, after in zip(known, known[1:], strict=False):
        if before.machine == after.machine:
            rows = compare(kvmfit, before.host.dump, after.host.dump)
            found.append(of_rows(after.machine.cpu, before.kernel.title, after.kernel.title, rows))
    return found
