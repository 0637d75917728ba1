# SPDX-License-Identifier: GPL-2.0
"""What is checked before the first step, so that a mistake does not show only after the build.

scripts/vars.sh has checked what can be checked without Python.
"""

from collections.abc import Iterable

from driver.settings import Settings, Wrong
from rows import BadSelection

# The steps that run the tests of TESTS=, and those that look at what is known about tests
SELECTED = frozenset(("run", "quick"))
JUDGED = SELECTED | {"kunit", "judge", "fuzz"}


def tests(settings: Settings) -> None:
    """A misspelt test."""
    from vm import matrix
    try:
        matrix.check_tests(settings["TESTS"], settings.config == "debug")
    except BadSelection as why:
        raise Wrong(f"TESTS: {why}") from None


def rows() -> None:
    """A wrong row in a file of scripts/vm."""
    try:
        from vm import rules
        rules.read_expected()
        rules.read_racy()
        rules.read_skips()
        rules.read_floors()
    except BadSelection as why:
        raise Wrong(str(why)) from None


def base(settings: Settings) -> None:
    """A result with which a run cannot be compared."""
    from bench import machines, result
    path = settings.path("BASE")
    gic = int(settings["GIC"]) if settings["GIC"] else None
    try:
        configs = machines.select(settings["CPU"] or None, gic, settings["MODE"] or None)
        result.check_machines(path, result.load(path), [config.name for config in configs])
    except (BadSelection, result.BadResult) as why:
        raise Wrong(f"BASE: {why}") from None


def check(settings: Settings, steps: Iterable[str]) -> None:
    """Raise Wrong if the steps cannot do what the user wants."""
    steps = frozenset(steps)
    if steps & JUDGED:
        rows()
    if settings["TESTS"] and steps & SELECTED:
        tests(settings)
    if settings["BASE"] and "bench" in steps:
        base(settings)
