# SPDX-License-Identifier: GPL-2.0
"""What a run found: as JSON, in the Test Anything Protocol, and for people."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matrix.cells import alike
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
class Results:
    """A run."""
    # The command, the date, and versions
    about: dict[str, str]
    # By their names, as they are called in tables
    kernels: dict[str, str]
    machines: tuple[Machine, ...]
    # Boots that gave nothing
    silent: tuple[str, ...]

    @property
    def cells(self) -> list[tuple[Machine, Cell]]:
        return [(machine, cell) for machine in self.machines for cell in machine.cells]

    def counts(self) -> tuple[int, int, int]:
        """Passed, failed, skipped."""
        failed = sum(bool(cell.problems) for _, cell in self.cells)
        nothing = not self.cells
        return (len(self.cells) - failed, failed + len(self.silent) + nothing, 0)


def _registers(cell: Cell) -> list[str]:
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
        "from": cell.vm.kernel, "on": cell.kernel, "resumed": tried.resumed,
        "messages": list(tried.said.messages), "plan": cell.plan.verdict,
        "refused": _registers(cell), "known": HOW.get(cell.how, ""),
        "differences": list(cell.differences), "problems": list(cell.problems),
    }


def whole(results: Results) -> dict[str, Any]:
    """For JSON."""
    return {"format": 1, "about": results.about, "kernels": results.kernels,
            "silent": list(results.silent),
            "cells": [_record(machine, cell) for machine, cell in results.cells]}


def _name(machine: Machine, cell: Cell) -> str:
    return (f"{machine.title}: {cell.vm.vmm} with {cell.vm.guest}, {cell.vm.kernel} -> "
            f"{cell.kernel}")


def _said(cell: Cell) -> str:
    if cell.problems:
        return "; ".join(cell.problems)
    if not cell.attempt.resumed:
        return f"refused, as planned: {', '.join(_registers(cell))}"
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


def _short(cells: Iterable[Cell]) -> str:
    """What is in a table's field: the guests of a move, which should all fare alike."""
    words = []
    for cell in cells:
        if cell.problems:
            word = "**wrong**"
        elif not cell.attempt.resumed:
            word = "no"
        else:
            word = "yes, differs" if cell.differences else "yes"
        words.append(word)
    kinds = dict.fromkeys(words)
    return ", ".join(kinds) if kinds else "–"


def _table(results: Results, machine: Machine, vmm: str) -> list[str]:
    cells = [cell for cell in machine.cells if cell.vm.vmm == vmm]
    names = list(results.kernels)
    lines = [f"| from ↓ on → | {' | '.join(results.kernels.values())} |",
             f"|---{'|---' * len(names)}|"]
    for source in names:
        fields = [_short(cell for cell in cells if (cell.vm.kernel, cell.kernel) == (source, name))
                  for name in names]
        lines.append(f"| {results.kernels[source]} | {' | '.join(fields)} |")
    return [*lines, ""]


def _moves(results: Results, moves: Iterable[tuple[str, str]]) -> str:
    to: dict[str, list[str]] = {}
    for source, kernel in dict.fromkeys(moves):
        to.setdefault(results.kernels[source], []).append(results.kernels[kernel])
    return "<br>".join(f"{source} → {', '.join(names)}" for source, names in to.items())


def _refusals(results: Results) -> list[str]:
    """What is refused, and what QEMU says: one row for what is alike."""
    rows: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
    for _, cell in results.cells:
        if not cell.attempt.resumed and not cell.problems:
            last = cell.attempt.said.messages
            said = "<br>".join(f"`{line}`" for line in map(_plain, last)) or "nothing"
            names = ", ".join(f"`{name}`" for name in alike(_registers(cell)))
            key = (cell.vm.vmm, names, said, HOW[cell.how])
            rows.setdefault(key, []).append((cell.vm.kernel, cell.kernel))
    if not rows:
        return []
    return ["| VMM | refused | from → on | it says | how the registers are known |",
            "|---|---|---|---|---|",
            *(f"| {vmm} | {names} | {_moves(results, moves)} | {said} | {how} |"
              for (vmm, names, said, how), moves in rows.items()), ""]


def _plain(message: str) -> str:
    """Without the program's name and what would end a field of a table."""
    return message.partition(": ")[2].replace("|", "\\|") or message


def _differences(results: Results) -> list[str]:
    rows: dict[tuple[str, str, tuple[str, ...]], list[tuple[str, str]]] = {}
    for machine, cell in results.cells:
        if cell.differences:
            key = (machine.title, cell.vm.guest, cell.differences)
            rows.setdefault(key, []).append((cell.vm.kernel, cell.kernel))
    lines = []
    for (machine_title, guest, differences), moves in rows.items():
        lines += [f"{machine_title}, guest `{guest}`, {_moves(results, moves)}:", "", "```diff",
                  *differences, "```", ""]
    return lines


def page(results: Results) -> str:
    """A section of a page in Markdown."""
    passed, failed, _ = results.counts()
    resumed = sum(cell.attempt.resumed for _, cell in results.cells)
    about = results.about
    lines = [
        "## Real VMMs", "",
        f"{', '.join(about[name] for name in about if name.startswith('qemu-'))} of Debian saved "
        f"{len({(m.title, cell.vm) for m, cell in results.cells})} running VMs of two CPUs with "
        "`-cpu host`, each under one kernel, and resumed them under another. "
        f"Of {len(results.cells)} moves {resumed} went well; in {passed} moves the outcome, and "
        "the registers that were refused, are what `kvmfit plan --vmm` says from the stream and "
        f"the destination's dump alone; {failed} are wrong.", "",
    ]
    for machine in results.machines:
        for vmm in dict.fromkeys(cell.vm.vmm for cell in machine.cells):
            lines += [f"### {machine.title}, {about.get(vmm, vmm)}", "",
                      *_table(results, machine, vmm)]
    if refusals := _refusals(results):
        lines += ["### What is refused", "", *refusals]
    lines += ["### What the guest sees", ""]
    if differences := _differences(results):
        lines += ["After these moves the guest's view is not what it was:", "", *differences]
    else:
        lines += ["Every resumed guest sees what it saw before: each ID register and the answer to "
                  "each hypercall.", ""]
    return "\n".join(lines)
