# SPDX-License-Identifier: GPL-2.0
"""Read the output of the programs in the guest and of the plugin."""

import re
from collections import Counter
from dataclasses import dataclass, field

from bench.result import CHECKING, MODES

_MODE = "(" + "|".join(MODES) + ")"
_BENCH = re.compile(rf"^bench (\d+) {_MODE} (\S+) (-?\d+)(?: (-?\d+))?$")
# The cost of a path that varies from run to run
_APPROX = re.compile(rf"^# approx \d+ {_MODE} (\S+) (-?\d+)(?: -?\d+)?$")
_PATH = re.compile(rf"^# path (\d+) (\S+) (\d+) (\d+) {_MODE}$")
_SKIP = re.compile(r"^# skip (\S+?):? (.*)$")
# A path that exists only in another mode
_ABSENT = re.compile(rf"^# absent {_MODE} (\S+): (.*)$")
_UNSTABLE = re.compile(r"^# unstable (\S+): (.*)$")
_EXIT = re.compile(r"^# vm: exit (\S+) (\d+)$")
KSFT_SKIP = 4

# What the plugin counts of each call, in its order
COUNTS = ("instructions", "barriers", "ordered", "atomics", "calls", "loads", "stores", "helpers",
          "lines")


@dataclass(frozen=True, order=True)
class Cost:
    """Instructions of an operation; with a remainder, some operations took more."""
    instructions: int
    remainder: int = 0

    def __str__(self) -> str:
        return f"{self.instructions}+" if self.remainder else str(self.instructions)


@dataclass(frozen=True)
class Mark:
    """A measurement, to which the plugin refers by number."""
    path: str
    operations: int
    block: int
    mode: str


@dataclass
class GuestRun:
    """The output of one boot."""
    begun: bool = False
    ended: bool = False
    # path -> (block, mode) -> cost
    costs: dict[str, dict[tuple[int, str], Cost]] = field(default_factory=dict)
    # path -> mode -> approximate costs
    approximate: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    # path -> mode -> why the path does not exist there
    absent: dict[str, dict[str, str]] = field(default_factory=dict)
    exits: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def guest(lines: list[str]) -> GuestRun:
    run = GuestRun()
    for line in lines:
        if line.startswith("# vm: begin "):
            run.begun = True
        elif line.startswith("# vm: end "):
            run.ended = True
        elif found := _BENCH.match(line):
            block, mode, path, whole, rest = found.groups()
            costs = run.costs.setdefault(path, {})
            if (int(block), mode) in costs:
                run.problems.append(f"{path} was measured twice in block {block}")
            costs[int(block), mode] = Cost(int(whole), int(rest or 0))
        elif found := _APPROX.match(line):
            mode, path, whole = found.groups()
            run.approximate.setdefault(path, {}).setdefault(mode, []).append(int(whole))
        elif found := _PATH.match(line):
            number, path, operations, block, mode = found.groups()
            if int(number) in run.marks:
                run.problems.append(f"two measurements have the number {number}")
            run.marks[int(number)] = Mark(path, int(operations), int(block), mode)
        elif found := _SKIP.match(line):
            run.skipped[found.group(1)] = found.group(2)
        elif found := _ABSENT.match(line):
            mode, path, why = found.groups()
            run.absent.setdefault(path, {})[mode] = why
        elif found := _UNSTABLE.match(line):
            # Not a problem as long as all blocks and boots have the same value.
            run.remarks.append(f"{found.group(1)}: {found.group(2)}")
        elif found := _EXIT.match(line):
            run.exits[found.group(1)] = int(found.group(2))
        elif line.startswith("bench "):
            run.problems.append(f"garbled line: {line}")
    for program, status in run.exits.items():
        if status not in (0, KSFT_SKIP):
            run.problems.append(f"{program} ended with {status}")
    return run


def by_mode(run: GuestRun) -> tuple[dict[str, dict[str, Cost]], list[str]]:
    """Returns path -> mode -> cost, and the differences between blocks of one mode (A/A)."""
    found: dict[str, dict[str, Cost]] = {}
    problems: list[str] = []
    blocks = {(block, mode) for costs in run.costs.values() for block, mode in costs}
    for path, costs in run.costs.items():
        for mode in sorted({mode for _, mode in costs}):
            values = [cost for (_, m), cost in sorted(costs.items()) if m == mode]
            if len(set(values)) > 1:
                problems.append(f"{path}, mode {mode}: blocks of the same mode differ: "
                                f"{', '.join(map(str, values))}")
            found.setdefault(path, {})[mode] = min(values)
        absent = run.absent.get(path, {})
        problems += [f"{path} is absent in mode {mode}, but was measured"
                     for mode in sorted(absent) if any(m == mode for _, m in costs)]
        # Of those that mode check does not judge, no block has any.
        exempt = absent.keys() | (set(CHECKING) - {mode for _, mode in costs})
        if lacking := {(b, m) for b, m in blocks if m not in exempt} - costs.keys():
            where = ", ".join(f"{block} ({mode})" for block, mode in sorted(lacking))
            problems.append(f"{path} was not measured in block {where}")
    for mode in sorted({mode for _, mode in blocks}):
        if sum(m == mode for _, m in blocks) < 2:
            problems.append(f"only one block of mode {mode}: a second one is needed to compare")
    return found, problems


def disagreements(first: dict[str, dict[str, Cost]],
                  second: dict[str, dict[str, Cost]]) -> list[str]:
    """The differences between two boots of one machine."""
    problems: list[str] = []
    for path in dict.fromkeys([*first, *second]):
        modes = dict.fromkeys([*first.get(path, {}), *second.get(path, {})])
        for mode in modes:
            one, two = (run.get(path, {}).get(mode) for run in (first, second))
            if one != two:
                words = ["nothing" if cost is None else
                         f"{cost.instructions}" + (f" and {cost.remainder}" if cost.remainder
                                                   else "") for cost in (one, two)]
                problems.append(f"{path}, mode {mode}: {words[0]} in the first boot, "
                                f"{words[1]} in the second")
    return problems


@dataclass
class Handler:
    """The cost of a handler in one operation of a path."""
    # Calls of the handler, and how many of them Rust served
    entered: int = 0
    rust: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    # Instructions in each function
    functions: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Kind:
    """Calls that execute the same instructions."""
    handler: str
    rust: bool
    calls: int
    counts: tuple[int, ...]
    functions: tuple[tuple[str, int], ...]


class BadTrace(Exception):
    """The plugin's output is incomplete or garbled."""


def _kinds(lines: list[str]) -> dict[int, list[_Kind]]:
    found: dict[int, list[_Kind]] = {}
    if not lines or lines[-1] != "end":
        raise BadTrace("the plugin's results are incomplete: they have no line 'end'")
    for line in lines[:-1]:
        match line.split():
            case ["call", number, handler, side, calls, *rest] if len(rest) >= len(COUNTS):
                functions = (word.rsplit("=", 1) for word in rest[len(COUNTS):])
                found.setdefault(int(number), []).append(_Kind(
                    handler, side == "rust", int(calls),
                    tuple(int(n) for n in rest[:len(COUNTS)]),
                    tuple((name, int(n)) for name, n in functions)))
            case ["interrupted", _, _, _]:
                pass
            case _:
                raise BadTrace(f"garbled line of the plugin: {line}")
    return found


def _operation(kinds: list[_Kind], operations: int) -> dict[str, Handler]:
    """The handlers in one operation, without calls that happen only occasionally."""
    found: dict[str, Handler] = {}
    functions: dict[str, Counter[str]] = {}
    for kind in kinds:
        times = round(kind.calls / operations)
        if not times:
            continue
        handler = found.setdefault(kind.handler, Handler())
        handler.entered += times
        handler.rust += times * kind.rust
        for name, number in zip(COUNTS, kind.counts, strict=True):
            handler.counts[name] += times * number
        tally = functions.setdefault(kind.handler, Counter())
        for name, number in kind.functions:
            tally[name] += times * number
    for name, tally in functions.items():
        found[name].functions = dict(sorted(tally.items()))
    return found


Handlers = dict[str, dict[str, dict[str, Handler]]]


def trace(lines: list[str], run: GuestRun) -> tuple[Handlers, list[str]]:
    """Returns path -> mode -> handler -> its cost, and the differences between blocks of one
    mode."""
    marks = run.marks
    kinds = _kinds(lines)
    found: Handlers = {}
    problems = [f"the plugin counted for number {number}, but no measurement has it"
                for number in sorted(kinds.keys() - marks.keys())]
    for number, mark in sorted(marks.items()):
        if mark.path in run.approximate:
            continue
        cost = _operation(kinds.get(number, []), mark.operations)
        other = found.setdefault(mark.path, {}).setdefault(mark.mode, cost)
        for handler in sorted(cost.keys() | other.keys()):
            if cost.get(handler) != other.get(handler):
                one, two = (side[handler].counts["instructions"] if handler in side else 0
                            for side in (other, cost))
                problems.append(f"{handler} on {mark.path}, mode {mark.mode}: blocks of the "
                                f"same mode differ: {one}, {two}")
    return found, problems
