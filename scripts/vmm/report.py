# SPDX-License-Identifier: GPL-2.0
"""What a run found: as JSON and in the Test Anything Protocol. For people: page.py."""

from dataclasses import asdict, dataclass, field
from typing import Any

from vmm.cells import Cell

# How match() of cells.py knows what the VMM refused, for people
HOW = {
    "resumed": "it resumed the VM",
    "named": "its message names the registers",
    "traced": "its message names none; its trace event kvm_failed_reg_set does",
    "counted": "its message has the numbers of registers on both sides, and these are those of the "
               "stream and of the dump",
    "first": "its message names the register at which it stopped",
    "unnamed": "its message names none",
    "compared": "it says nothing and KVM refused nothing: what is left is a register that only the "
                "stream has",
}


@dataclass(frozen=True)
class Machine:
    """The cells of a machine."""
    cpu: str
    gic: int
    cells: tuple[Cell, ...]

    @property
    def title(self) -> str:
        return f"{self.cpu}, GICv{self.gic}"


@dataclass(frozen=True)
class Boot:
    """A boot of kernels, which share it if they are modes of one."""
    machine: str
    kernels: tuple[str, ...]
    # "save" or "resume", how many VMs, and how long that took
    what: str
    vms: int
    seconds: float


@dataclass(frozen=True)
class Results:
    """A run."""
    # The command, the date, and versions
    about: dict[str, str]
    # By their names, as they are called in tables
    kernels: dict[str, str]
    machines: tuple[Machine, ...]
    # Boots that gave nothing
    silent: tuple[str, ...]
    boots: tuple[Boot, ...] = ()
    # Of stock kernels, the package's version
    packages: dict[str, str] = field(default_factory=dict)
    # The kernels that were left out, and why
    gone: dict[str, str] = field(default_factory=dict)

    @property
    def cells(self) -> list[tuple[Machine, Cell]]:
        return [(machine, cell) for machine in self.machines for cell in machine.cells]

    def counts(self) -> tuple[int, int, int]:
        """Passed, failed, skipped."""
        failed = sum(bool(cell.problems) for _, cell in self.cells)
        nothing = not self.cells
        return (len(self.cells) - failed, failed + len(self.silent) + nothing, 0)


def refused(cell: Cell) -> list[str]:
    """The registers for which the VM is refused: QEMU looks at values only if none is missing, and
    the small VMM stops at the first."""
    plan = cell.plan
    if cell.attempt.resumed:
        return []
    if cell.how == "first" and plan.first is not None:
        return [plan.refused[plan.first]]
    return sorted((plan.missing or plan.values).values())


def _record(machine: Machine, cell: Cell) -> dict[str, Any]:
    tried = cell.attempt
    return {
        "machine": machine.cpu, "gic": machine.gic, "vmm": cell.vm.vmm, "guest": cell.vm.guest,
        "from": cell.vm.kernel, "on": cell.kernel, "time": cell.time, "resumed": tried.resumed,
        "messages": list(tried.said.messages), "plan": cell.plan.verdict,
        "refused": refused(cell), "known": HOW.get(cell.how, ""),
        "differences": list(cell.differences), "problems": list(cell.problems),
    }


def whole(results: Results) -> dict[str, Any]:
    """For JSON."""
    return {"format": 1, "about": results.about, "kernels": results.kernels,
            "packages": results.packages, "gone": results.gone, "silent": list(results.silent),
            "boots": [asdict(boot) for boot in results.boots],
            "cells": [_record(machine, cell) for machine, cell in results.cells]}


def _name(machine: Machine, cell: Cell) -> str:
    return (f"{machine.title}: {cell.vm.vmm} with {cell.vm.guest}, {cell.vm.kernel} -> "
            f"{cell.kernel}{f', time {cell.time}' if cell.time > 1 else ''}")


def _said(cell: Cell) -> str:
    if cell.problems:
        return "; ".join(cell.problems)
    if not cell.attempt.resumed:
        return f"refused, as planned: {', '.join(refused(cell))}"
    same = f"{len(cell.differences)} lines of its view differ" if cell.differences else \
        "the guest sees the same"
    return f"resumed, as planned; {same}"


def tap(results: Results) -> list[str]:
    """A line for each cell."""
    tests = [(not cell.problems, f"{_name(machine, cell)}: {_said(cell)}")
             for machine, cell in results.cells]
    tests += [(False, text) for text in results.silent]
    if not results.cells:
        tests.append((False, "no VM was resumed"))
    # A line break or a number sign would mean something.
    return ["TAP version 13", f"1..{len(tests)}",
            *(f"{'ok' if good else 'not ok'} {n} - {' '.join(text.replace('#', '').split())}"
              for n, (good, text) in enumerate(tests, 1))]
