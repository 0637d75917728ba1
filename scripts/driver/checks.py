# SPDX-License-Identifier: GPL-2.0
"""What is checked before the first step, so that a mistake does not show only after the build.

scripts/vars.sh has checked what can be checked without Python.
"""

from collections.abc import Iterable

from bench import machines, result
from driver.settings import Settings, Wrong
from rows import BadSelection
from vm import matrix, rules

# The steps that run the tests of TESTS=, and those that look at what is known about tests
SELECTED = frozenset(("run", "quick"))
JUDGED = SELECTED | {"kunit", "judge", "fuzz"}


def tests(settings: Settings) -> None:
    """A misspelt test."""
    try:
        matrix.check_tests(settings["TESTS"], settings.config == "debug")
    except BadSelection as why:
        raise Wrong(f"TESTS: {why}") from None


def rows() -> None:
    """A wrong row in a file of scripts/vm."""
    try:
        rules.read_expected()
        rules.read_racy()
        rules.read_skips()
        rules.read_floors()
    except BadSelection as why:
        raise Wrong(str(why)) from None


def chosen(settings: Settings) -> tuple[str | None, int | None, str | None]:
    """The machine that is asked for: CPU, GIC and mode of KVM."""
    gic = int(settings["GIC"]) if settings["GIC"] else None
    return settings["CPU"] or None, gic, settings["MODE"] or None


def machine(settings: Settings) -> None:
    """A machine that does not exist."""
    try:
        matrix.select(*chosen(settings))
    except BadSelection as why:
        raise Wrong(str(why)) from None


def base(settings: Settings) -> None:
    """A result with which a run cannot be compared."""
    path = settings.path("BASE")
    try:
        configs = machines.select(*chosen(settings))
        result.check_machines(path, result.load(path), [config.name for config in configs])
    except (BadSelection, result.BadResult) as why:
        raise Wrong(f"BASE: {why}") from None


def check(settings: Settings, steps: Iterable[str]) -> None:
    """Raise Wrong if the steps cannot do what the user wants."""
    steps = frozenset(steps)
    machine(settings)
    if steps & JUDGED:
        rows()
    if settings["TESTS"] and steps & SELECTED:
        tests(settings)
    if settings["BASE"] and "bench" in steps:
        base(settings)
