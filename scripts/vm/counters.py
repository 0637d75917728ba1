# SPDX-License-Identifier: GPL-2.0
"""Which side served the calls: check the kernel's counters against the mode."""

from collections.abc import Iterator

from vm.console import Calls, Results, Stats
from vm.matrix import FLIPPING, TESTS, Boot, Config
from vm.rules import SURFACES, Floors

CALLS = {test.name: test.calls for test in TESTS}
# The sides that serve a call in each mode. The other side must not.
SERVING = {"c": ("c",), "rust": ("rust",), "check": ("c", "rust")}
# When init reads the counters: before and after the probe, before and after the tests that keep
# the mode, and after those that flip it.
PROBE = ("probe0", "probe")
TESTED = ("before", "after")
LAST = "last"


def difference(found: Results, begin: str, end: str) -> Stats:
    before = found.stats.get(begin, {})
    return {surface: calls.since(before.get(surface, Calls()))
            for surface, calls in found.stats.get(end, {}).items()}


def within_reach(config: Config) -> list[str]:
    """The surfaces that can be called on the machine."""
    return [name for name in SURFACES if name != "vgic_v2" or config.gic == 2]


def _incomplete(boot: Boot, found: Results, whens: list[str]) -> Iterator[str]:
    """Counters that were not read, and wrong modes."""
    for when in whens:
        if missing := [name for name in SURFACES if name not in found.stats.get(when, {})]:
            yield f"no counters of {', '.join(missing)} ({when})"
        # Tests that flip the mode may leave any mode.
        if when != LAST and (mode := found.modes.get(when, "unknown")) != boot.abi:
            yield f"mode is {mode} {when} the tests, not {boot.abi}"


def _wrong_side(boot: Boot, stats: Stats, called: set[str], where: str) -> Iterator[str]:
    serving = SERVING[boot.abi]
    for surface, calls in stats.items():
        for side, number in (("c", calls.c), ("rust", calls.rust)):
            if side not in serving and number:
                yield f"{number} calls of {surface} served by {side} in mode {boot.abi}{where}"
            if side in serving and surface in called and number <= 0:
                yield f"no call of {surface} served by {side} in mode {boot.abi}{where}"


def _differ(found: Results) -> Iterator[str]:
    """Mismatches. They are counted even where calls are not, and in any mode."""
    for surface in SURFACES:
        if most := max((stats[surface].mismatches for stats in found.stats.values()
                        if surface in stats), default=0):
            yield f"{most} mismatches between C and Rust on {surface}"


def _unjudged(found: Results, floors: Floors) -> Iterator[str]:
    latest = found.stats.get(LAST) or found.stats.get(TESTED[1], {})
    for surface, calls in latest.items():
        if calls.unjudged is None:
            continue
        if (ceiling := floors.unjudged.get(surface)) is None:
            yield (f"no ceiling for calls of {surface} that are not judged: add the row "
                   f"'unjudged | {surface} | * | 1 % + 100' to scripts/vm/floors")
        # Mode check counts a call on both sides.
        elif calls.unjudged > (most := ceiling.of(min(calls.c, calls.rust))):
            yield f"{calls.unjudged} calls of {surface} were not judged, at most {most} may be"


def _switched(found: Results) -> bool:
    """Whether both sides served calls during the tests that flip the mode."""
    last = difference(found, TESTED[1], LAST).values()
    return any(calls.c > 0 for calls in last) and any(calls.rust > 0 for calls in last)


def problems(boot: Boot, found: Results, floors: Floors) -> list[str]:
    counts = difference(found, *TESTED)
    if not counts:
        return ["no counters: /sys/kernel/debug/kvm/arm_abi/stats is missing"]
    probed = bool(found.stats.keys() & set(PROBE))
    whens = [*(PROBE if probed else ()), *TESTED, LAST]
    if not found.ended:
        # The cause, such as a hang, is reported already.
        whens = [when for when in whens if when in found.stats]
    wrong = [*_incomplete(boot, found, whens), *_differ(found), *_unjudged(found, floors)]
    if probed:
        wrong += _wrong_side(boot, difference(found, *PROBE), set(within_reach(boot.config)),
                             " (probe)")
    elif not boot.counted:
        wrong.append("the surfaces were not probed before the tests")
    if not boot.counted:
        return wrong + [f"calls of {surface} were counted, though counting is off"
                        for surface, calls in counts.items() if calls.c or calls.rust]
    # A side that must not serve is checked in all tests; one that must serve, in those that call
    # the surface.
    passed = {name for name, test in found.tests.items() if test.status == "pass"}
    called = {surface for name in passed for surface in CALLS.get(name, ())}
    wrong += _wrong_side(boot, counts, called, "")
    if (flipped := passed & FLIPPING) and not _switched(found):
        wrong.append(f"{', '.join(sorted(flipped))} passed, but not both sides served calls")
    return wrong


def by_rust_alone(boot: Boot, found: Results) -> set[str]:
    """The surfaces for which the counters show calls served by Rust, and none by C."""
    if boot.abi != "rust":
        return set()
    return {surface for when in (PROBE, TESTED)
            for surface, calls in difference(found, *when).items()
            if calls.rust > 0 and not calls.c}
