# SPDX-License-Identifier: GPL-2.0
"""What is known about the tests before they run: the files expected, racy, skips and floors."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rows import Where, read_rows
from vm.matrix import HOST_STATES, SURFACES, TABLE, TEST_NAMES, Config

HERE = Path(__file__).resolve().parent
MACHINES = tuple(config.name for config in TABLE + HOST_STATES)
KUNIT_PREFIX = "kvm_arm64"
KERNELS = ("base", "debug")
# A name of a suite in scripts/test-host.sh
HOST_SUITE = re.compile(r"[a-z][a-z0-9_-]*")


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")))


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text; "*" matches any text."""
    return _pattern(pattern).fullmatch(text) is not None


def _machines(where: Where, text: str) -> tuple[str, ...]:
    patterns = tuple(word.strip() for word in text.split(","))
    for pattern in patterns:
        if not any(matches(pattern, name) for name in MACHINES):
            raise where.bad(f"no machine '{pattern}'; the machines are: {', '.join(MACHINES)}")
    return patterns


def _known_test(where: Where, name: str) -> str:
    if name not in TEST_NAMES and not name.startswith(KUNIT_PREFIX):
        raise where.bad(f"no test '{name}'; scripts/vm/tests lists them")
    return name


def _message(where: Where, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as why:
        raise where.bad(f"not a regular expression: {why}") from None


@dataclass(frozen=True)
class Failure:
    """The message of a failure, as a regular expression for the whole of it, and its cause."""
    message: re.Pattern[str]
    cause: str

    def says(self, reason: str) -> bool:
        return self.message.fullmatch(reason) is not None


# (configuration, test) -> its failure
Expected = dict[tuple[str, str], Failure]
# test -> its failure
Racy = dict[str, Failure]


def read_expected(path: Path = HERE / "expected") -> Expected:
    """Tests that fail with plain C, too."""
    found: Expected = {}
    for where, (config, test, message, cause) in read_rows(
            path, "configuration | test | message | cause"):
        if config not in MACHINES:
            raise where.bad(f"no machine '{config}'; the machines are: {', '.join(MACHINES)}")
        key = config, _known_test(where, test)
        if key in found:
            raise where.bad(f"{test} on {config} is listed twice")
        found[key] = Failure(_message(where, message), cause)
    return found


def read_racy(path: Path = HERE / "racy") -> Racy:
    """Tests that are flaky by themselves, and their messages when they fail."""
    found: Racy = {}
    for where, (test, message, cause) in read_rows(path, "test | message | proven cause"):
        if _known_test(where, test) in found:
            raise where.bad(f"{test} is listed twice")
        found[test] = Failure(_message(where, message), cause)
    return found


@dataclass(frozen=True)
class Skip:
    """On these machines the test is skipped, or each of its cases that the pattern matches."""
    where: Where
    machines: tuple[str, ...]
    test: str
    case: str | None
    reason: str

    def says(self, reason: str) -> bool:
        return matches(self.reason, reason)


@dataclass(frozen=True)
class Skips:
    rows: tuple[Skip, ...]

    def on(self, config: Config, test: str) -> list[Skip] | None:
        """The rows of a test, None if the file does not cover that machine."""
        if config.name not in MACHINES:
            return None
        return [row for row in self.rows if row.test == test
                and any(matches(machine, config.name) for machine in row.machines)]


def read_skips(path: Path = HERE / "skips", debug: bool = False) -> Skips:
    """The skips on the base kernel, or on the debug kernel."""
    rows = []
    for where, (machines, what, reason) in read_rows(
            path, "machines | test or test: case | reason"):
        kernel = None
        if found := re.fullmatch(r"(.*\S) +\((\w+)\)", machines):
            machines, kernel = found.groups()
            if kernel not in KERNELS:
                raise where.bad(f"no kernel '{kernel}'; the kernels are: {', '.join(KERNELS)}")
        test, _, case = what.partition(": ")
        row = Skip(where, _machines(where, machines), _known_test(where, test), case or None,
                   reason)
        if kernel in (None, KERNELS[debug]):
            rows.append(row)
    return Skips(tuple(rows))


@dataclass(frozen=True)
class Floor:
    kind: str
    name: str
    machines: tuple[str, ...]
    least: int


@dataclass(frozen=True)
class Ceiling:
    """How many of mode check's calls of a surface may be left unjudged."""
    percent: float
    more: int

    def of(self, calls: int) -> int:
        return int(calls * self.percent / 100) + self.more


@dataclass(frozen=True)
class Floors:
    rows: tuple[Floor, ...]
    unjudged: dict[str, Ceiling]

    def least(self, kind: str, name: str, machine: str) -> int | None:
        """The highest number in the matching rows; None without a matching row."""
        return max((row.least for row in self.rows if (row.kind, row.name) == (kind, name)
                    and any(matches(pattern, machine) for pattern in row.machines)), default=None)

    def names(self, kind: str) -> list[str]:
        return list(dict.fromkeys(row.name for row in self.rows if row.kind == kind))


KINDS = ("selftest", "kunit", "kunit-quick", "host", "unjudged")


def _known_name(where: Where, kind: str, name: str) -> None:
    good = {"selftest": name in TEST_NAMES, "host": bool(HOST_SUITE.fullmatch(name)),
            "unjudged": name in SURFACES}.get(kind, name.startswith(KUNIT_PREFIX))
    if not good:
        raise where.bad(f"no {kind} '{name}'")


def read_floors(path: Path = HERE / "floors") -> Floors:
    rows: list[Floor] = []
    unjudged: dict[str, Ceiling] = {}
    for where, (kind, name, machines, number) in read_rows(path, "what | name | machines | number"):
        if kind not in KINDS:
            raise where.bad(f"no kind '{kind}'; the kinds are: {', '.join(KINDS)}")
        _known_name(where, kind, name)
        if kind == "unjudged":
            if not (found := re.fullmatch(r"(\d+(?:\.\d+)?) % \+ (\d+)", number)):
                raise where.bad(f"'{number}' is not of the form '1 % + 100'")
            if name in unjudged or machines != "*":
                raise where.bad(f"{name} must have one ceiling, for all machines ('*')")
            unjudged[name] = Ceiling(float(found.group(1)), int(found.group(2)))
            continue
        if not re.fullmatch(r"\d+", number):
            raise where.bad(f"'{number}' is not a number")
        rows.append(Floor(kind, name, _machines(where, machines), int(number)))
    return Floors(tuple(rows), unjudged)


def host_floors(floors: Floors) -> Iterable[str]:
    """For scripts/test-host.sh: a line "suite number" for each suite."""
    return (f"{name} {floors.least('host', name, MACHINES[0])}" for name in floors.names("host"))


if __name__ == "__main__":
    print("\n".join(host_floors(read_floors())))
