# SPDX-License-Identifier: GPL-2.0
"""A lie in one dump: a register takes a value that the host refuses. The comparison must find it,
and name the field; else its silence about the real dumps would prove nothing."""

import copy
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matrix import cells
from matrix.boots import Place
from matrix.cells import Cell

DIGITS = 16


@dataclass(frozen=True)
class Lie:
    """That a host takes a value."""
    # Of a cell in which the host refused it
    cell: str
    # The register, as `verify` names it
    register: str
    id: str
    value: int
    # What the report has to name
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What the comparison said about a lie."""
    lie: Lie
    said: str

    @property
    def named(self) -> bool:
        """Whether it named every field that the lie is about."""
        return all(name in self.said for name in self.lie.fields)


def lies(found: Iterable[Cell]) -> Iterator[Lie]:
    """A lie about each value that was refused, as predicted, for what it is."""
    for cell in found:
        for refusal in cell.refusals:
            small = refusal.value.startswith("0x") and len(refusal.value) <= 2 + DIGITS
            if cell.agrees and refusal.reason == "value" and refusal.id and small:
                yield Lie(cell.name, refusal.name, refusal.id, int(refusal.value, 16),
                          refusal.field_names)


def _accept(takes: dict[str, Any], new: int, value: int) -> None:
    if "values" in takes:
        takes["values"].append(f"{value:#x}")
        return
    takes["tried"] = []
    for n in range(DIGITS):
        if (new ^ value) >> 4 * n & 15:
            takes["digits"][DIGITS - 1 - n] = "*"


def plant(dump: Mapping[str, Any], lie: Lie) -> dict[str, Any] | None:
    """The dump with the lie, or None if what the register takes is not all that decides."""
    lied = copy.deepcopy(dict(dump))
    for vm in lied["vms"]:
        for affects in vm.get("affects", ()):
            if lie.id in (taken["id"] for taken in affects["takes"]):
                return None
        for register in vm["registers"]:
            if register["id"] == lie.id:
                takes = register.get("takes")
                if not isinstance(takes, dict) or not takes.get("independent", True):
                    return None
                _accept(takes, int(register["value"], 16), lie.value)
    return lied


def tell(kvmfit: Path, states: Path, place: Place,
         known: Mapping[str, tuple[tuple[str, str], str]], right: Iterable[Cell]) -> Found | None:
    """Tell the first possible lie about a host, and see what the comparison says. None if nothing
    was refused about which a lie is possible."""
    dump = json.loads(place.host.dump.read_text(encoding="utf-8"))
    for lie in lies(right):
        if (lied := plant(dump, lie)) is None:
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(lied, file)
            file.flush()
            wrong = cells.of_place(kvmfit, states, place, known, Path(file.name))
        return Found(lie, next(cell.disagreement for cell in wrong if cell.name == lie.cell))
    return None
