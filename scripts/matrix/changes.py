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
from matrix.machines import LEVELS


@dataclass(frozen=True)
class Changes:
    """What differs on one machine between a kernel and the next."""
    machine: str
    before: str
    after: str
    # Of VMs with these features, what is not so without them
    features: tuple[str, ...] = ()
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
    """From the rows of `kvmfit compare --all --json`, of a VM without further features."""
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
    return Changes(machine, before, after, (), tuple(gone), tuple(new), tuple(values),
                   *(tuple(names) for names in takes.values()))


def _further(whole: Changes, known: Changes, features: Sequence[str]) -> Changes:
    """What there is in VMs with more features alone."""
    left = {name: tuple(word for word in words if word not in getattr(known, name))
            for name, words in whole.what.items()}
    return Changes(whole.machine, whole.before, whole.after, tuple(features), **left)


def compare(kvmfit: Path, before: Path, after: Path,
            features: Sequence[str]) -> list[dict[str, Any]]:
    """How the VMs with these features of two dumps differ."""
    done = subprocess.run([kvmfit, "compare", "--all", "--json", "--features", ",".join(features),
                           before, after], check=False, capture_output=True, text=True)
    # 1: they differ
    if done.returncode not in (0, 1) or not done.stdout:
        raise CannotVerify(done.stderr.strip() or f"kvmfit compare ended with {done.returncode}")
    return list(json.loads(done.stdout)["rows"])


def _features(dump: Path) -> list[tuple[str, ...]]:
    """The features of the VMs of a dump, the fewest first."""
    try:
        return [tuple(vm["features"]) for vm in json.loads(dump.read_text(encoding="utf-8"))["vms"]]
    except (ValueError, KeyError, TypeError) as why:
        raise CannotVerify(f"{dump}: {why!r}") from None


def of_places(kvmfit: Path, places: Sequence[Place]) -> list[Changes]:
    """Each kernel against the one before it on the same machine, for each VM that both have."""
    found: list[Changes] = []
    known = [place for place in places if place.measured and place.kernel.name not in LEVELS]
    for before, after in zip(known, known[1:], strict=False):
        if before.machine != after.machine:
            continue
        old, new = before.host.dump, after.host.dump
        both = [features for features in _features(old) if features in _features(new)]
        first: Changes | None = None
        for features in both:
            rows = compare(kvmfit, old, new, features)
            whole = of_rows(after.machine.cpu, before.kernel.title, after.kernel.title, rows)
            found.append(_further(whole, first, features) if first else whole)
            first = first or whole
    return found
