# SPDX-License-Identifier: GPL-2.0
"""All results of a run, and what they say together."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from matrix.cells import LIST_ORDER, Cell, Refusal
from matrix.changes import Changes
from matrix.jobs import Mutated
from matrix.levels import Level
from matrix.machines import LEVELS, OWN, Kernel
from matrix.planted import Found
from matrix.states import DEFAULT

PLANNED = "planned"
# The share of changed VMs, from which on there are too many that the dump cannot tell.
VAGUE = 0.01
OWN_TITLES = tuple(Kernel(mode, "").title for mode in OWN)
# Which kernel this project's kernel is like at each level
LEVEL_TITLES = {Kernel(name, "").title: Kernel(name, "").is_as for name in LEVELS}


@dataclass(frozen=True)
class Host:
    """A kernel on a machine."""
    machine: str
    kernel: str
    # As `uname -r` prints it
    release: str = ""
    # The package's version
    version: str = ""
    # Why nothing is known of it, or why it did not answer
    problem: str = ""
    # Why there is no state of a kind
    lacks: tuple[tuple[str, str], ...] = ()
    # How long its two boots took
    seconds: tuple[float, float] = (0.0, 0.0)
    # Its VMs that were changed at random
    mutated: Mutated | None = None


@dataclass(frozen=True)
class Results:
    """A run."""
    # The command, the date, and versions
    about: dict[str, str]
    machines: tuple[str, ...]
    kernels: tuple[str, ...]
    hosts: tuple[Host, ...]
    cells: tuple[Cell, ...]
    changes: tuple[Changes, ...]
    planted: Found | None
    # Kernels that are left out since the archive does not have them
    gone: tuple[tuple[str, str], ...] = ()
    # Whether this kernel's VMs at a level are as those of the kernel
    levels: tuple[Level, ...] = ()

    @property
    def disagreements(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.agrees]

    @property
    def unpredicted(self) -> list[Cell]:
        """Cells that `kvmfit plan` cannot tell."""
        return [cell for cell in self.cells if cell.agrees and not cell.predicted]

    @property
    def silent(self) -> list[Host]:
        """Hosts that gave no results."""
        return [host for host in self.hosts if host.problem]

    @property
    def mutated(self) -> Mutated:
        """The VMs of all hosts that were changed at random."""
        each = [host.mutated for host in self.hosts if host.mutated]
        return Mutated(sum(one.vms for one in each), sum(one.cannot_tell for one in each),
                       sum(one.as_sets for one in each),
                       tuple(line for one in each for line in one.wrong))

    @property
    def vague(self) -> bool:
        """Whether too many predictions of changed VMs are that the dump cannot tell."""
        return self.mutated.cannot_tell >= max(1, VAGUE * self.mutated.vms)

    @property
    def red(self) -> bool:
        return bool(self.counts()[1])

    def counts(self) -> tuple[int, int, int]:
        """Passed, failed, skipped."""
        agreed = len(self.cells) - len(self.disagreements) - len(self.unpredicted)
        lie = self.planted.named if self.planted else None
        mutated = [not host.mutated.wrong for host in self.hosts if host.mutated]
        alike = [not level.differs for level in self.levels]
        return (agreed + (lie is True) + sum(mutated) + sum(alike),
                len(self.disagreements) + len(self.silent) + (lie is False) + (not self.cells)
                + mutated.count(False) + self.vague + alike.count(False),
                len(self.unpredicted) + len(self.gone) + (lie is None))

    def whole(self) -> dict[str, Any]:
        """For JSON."""
        return {"format": 1, **asdict(self)}


def one(cells: Iterable[Cell]) -> dict[tuple[tuple[str, str], tuple[str, str], str, str], Cell]:
    """Cells by their source, destination, kind and VMM."""
    return {(cell.source, cell.destination, cell.kind, cell.vmm): cell for cell in cells}


def spans(names: Iterable[str], order: Sequence[str]) -> str:
    """Names in their order, three and more that follow each other as a span."""
    there = [name in set(names) for name in order]
    said: list[str] = []
    n = 0
    while n < len(order):
        end = n
        while end < len(order) and there[end]:
            end += 1
        if end - n >= 3:
            said.append(f"{order[n]} – {order[end - 1]}")
        else:
            said += order[n:end]
        n = max(end, n + 1)
    return "all" if len(order) > 1 and all(there) else ", ".join(said)


@dataclass(frozen=True)
class Reason:
    """Refusals that have one pattern: who refuses whose, and why."""
    names: tuple[str, ...]
    reason: str
    kinds: tuple[str, ...]
    # From which kernels to which, and on which machines
    moves: frozenset[tuple[str, str]]
    machines: tuple[str, ...]
    remedies: tuple[str, ...]


def _subjects(refusal: Refusal) -> tuple[str, ...]:
    return refusal.field_names if refusal.reason == "value" else (refusal.name,)


def reasons(cells: Iterable[Cell]) -> list[Reason]:
    """Why moves on the same machine fail in the right order, the most frequent first. Registers
    that are refused in the same moves for the same reason are one line."""
    seen: dict[tuple[str, str], dict[str, set[Any]]] = {}
    for cell in cells:
        if cell.vmm != PLANNED or cell.source[0] != cell.destination[0]:
            continue
        for refusal in cell.refusals:
            for name in _subjects(refusal):
                entry = seen.setdefault((name, refusal.reason),
                                        {"kinds": set(), "moves": set(), "machines": set(),
                                         "remedies": set()})
                entry["kinds"].add(cell.kind)
                entry["moves"].add((cell.source[1], cell.destination[1]))
                entry["machines"].add(cell.source[0])
                entry["remedies"].add(refusal.remedy)
    groups: dict[tuple[Any, ...], list[tuple[str, set[str]]]] = {}
    for (name, reason), entry in seen.items():
        key = (reason, frozenset(entry["kinds"]), frozenset(entry["moves"]),
               frozenset(entry["machines"]))
        groups.setdefault(key, []).append((name, entry["remedies"]))
    found = [Reason(tuple(sorted(name for name, _ in names)), reason, tuple(sorted(kinds)), moves,
                    tuple(sorted(machines)),
                    tuple(sorted({text for _, remedies in names for text in remedies if text})))
             for (reason, kinds, moves, machines), names in groups.items()]
    return sorted(found, key=lambda item: (-len(item.moves) * len(item.machines), item.names))


@dataclass(frozen=True)
class OrderProblem:
    """A VM that its own host takes in the right order, and refuses in that of the list."""
    kind: str
    names: tuple[str, ...]
    remedy: str
    kernels: frozenset[str]
    machines: tuple[str, ...]


def order_problems(cells: Iterable[Cell]) -> list[OrderProblem]:
    """VMs that cannot be restored where they were saved, in the order of KVM_GET_REG_LIST."""
    known = one(cells)
    seen: dict[tuple[str, tuple[str, ...], str], set[tuple[str, str]]] = {}
    for (source, destination, kind, vmm), cell in known.items():
        right = known.get((source, destination, kind, PLANNED))
        if vmm != LIST_ORDER or source != destination or not right or not right.fits:
            continue
        early = [refusal for refusal in cell.refusals if refusal.reason == "order"]
        if cell.fits or not early:
            continue
        names = tuple(refusal.name for refusal in early)
        seen.setdefault((kind, names, early[0].remedy), set()).add(source)
    return [OrderProblem(kind, names, remedy, frozenset(kernel for _, kernel in places),
                         tuple(sorted({machine for machine, _ in places})))
            for (kind, names, remedy), places in sorted(seen.items())]


def between(results: Results, newer: bool) -> list[Cell]:
    """The moves of new VMs, in the right order and on the same machine, to a newer kernel or to
    an older one. This project's kernel is one, in either mode."""
    age = {kernel: n for n, kernel in enumerate(results.kernels)}
    age |= {kernel: len(age) for kernel in results.kernels if kernel in OWN_TITLES}
    age |= {kernel: age.get(LEVEL_TITLES[kernel], len(age)) for kernel in results.kernels
            if kernel in LEVEL_TITLES}
    found = []
    for cell in results.cells:
        step = age[cell.destination[1]] - age[cell.source[1]]
        if (step > 0 if newer else step < 0) and cell.vmm == PLANNED and cell.kind == DEFAULT \
                and cell.source[0] == cell.destination[0]:
            found.append(cell)
    return found


def alike_hosts(results: Results, kernels: Sequence[str]) -> tuple[int, list[str]]:
    """How many states all of these kernels were given, and the answers that are not the same."""
    said: dict[tuple[Any, ...], dict[str, tuple[str, ...]]] = {}
    for cell in results.cells:
        if cell.destination[1] in kernels:
            key = (cell.source, cell.kind, cell.destination[0], cell.vmm)
            said.setdefault(key, {})[cell.destination[1]] = tuple(
                refusal.name for refusal in cell.refusals)
    whole = {key: answers for key, answers in said.items() if len(answers) == len(kernels)}
    return len(whole), [f"{machine}: {source[1]}, {kind}, {vmm}"
                        for (source, kind, machine, vmm), answers in whole.items()
                        if len(set(answers.values())) > 1]


def refused(found: dict[Any, Cell], source: tuple[str, str], destination: tuple[str, str],
            kind: str = DEFAULT) -> int | None:
    """How many registers the destination refuses of a VM; None without an answer."""
    cell = found.get((source, destination, kind, PLANNED))
    return None if cell is None else len(cell.refusals)
