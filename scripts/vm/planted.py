# SPDX-License-Identifier: GPL-2.0
"""Boots with a planted mistake, each of which must be judged red for only that mistake, and one
boot without a mistake, which must be green."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from vm.judge import BOOT, NO_RESULT, BootResult
from vm.matrix import MAIN, Boot

COUNT = "judge.count"
N1, A72 = MAIN
# Short tests. The boots differ in their tests, which makes each boot unique.
TESTS = ("kvm-uuid", "hypercalls", "psci_test")


@dataclass(frozen=True)
class Case:
    name: str
    # The boot as the judge expects it
    boot: Boot
    # The verdicts that must be red: name -> patterns. Each part of the reason must match one of
    # them, and one part must match the first.
    red: dict[str, tuple[str, ...]]
    # A test that the guest's init does not get
    lost: str = ""
    # A mistake that the guest's init plants
    mistake: str = ""

    @property
    def slug(self) -> str:
        return self.name.replace(" ", "-")

    @property
    def sent(self) -> Boot:
        return replace(self.boot, tests=tuple(t for t in self.boot.tests if t != self.lost))

    @property
    def plant(self) -> str:
        return f"plant={self.mistake}" if self.mistake else ""


_MISMATCH = (r"\d+ mismatch(es)? between C and Rust on \w+",
             r"kernel: .*\bC gives .*\bRust gives .*")
_LOCKDEP = (r"kernel: .*possible circular locking dependency detected.*",
            r"kernel: WARNING: .*", r"lockdep switched itself off")

_BASE = (
    Case("nothing", Boot(N1, "check", TESTS[:2]), {}),
    Case("a false mismatch", Boot(N1, "check", TESTS[:1]), {BOOT: _MISMATCH}, mistake="mismatch"),
    Case("a warning", Boot(A72, "check", TESTS[:1]), {BOOT: (r"kernel: .*WARNING: .*",)},
         mistake="warn"),
    Case("a lost test", Boot(A72, "check", TESTS), {TESTS[2]: (re.escape(NO_RESULT),)},
         lost=TESTS[2]),
)
_DEBUG = (
    Case("a wrong order of locks", Boot(A72, "check", TESTS[1:2]), {BOOT: _LOCKDEP},
         mistake="lockdep"),
)


def cases(debug: bool) -> tuple[Case, ...]:
    """The cases. Only the debug kernel checks the order of locks."""
    return _DEBUG if debug else _BASE


def wrong(case: Case, result: BootResult) -> list[str]:
    """What the judge missed, and what it reported in addition."""
    reds = {v.name: v.reason for v in result.failed}
    said = [f"{name} is red: {reason}" for name, reason in reds.items() if name not in case.red]
    for name, patterns in case.red.items():
        if name not in reds:
            said.append(f"{name} is not red")
            continue
        parts = reds[name].split("; ")
        if not any(re.fullmatch(patterns[0], part) for part in parts):
            said.append(f"{name} is red, but not because of the mistake: {reds[name]}")
        said += [f"{name} is red for another reason, too: {part}" for part in parts
                 if not any(re.fullmatch(pattern, part) for pattern in patterns)]
    return said


def report(out: Path, judged: list[tuple[Case, BootResult]]) -> bool:
    """Print how each was judged, and count those that were judged correctly."""
    bad = 0
    for case, result in judged:
        found = wrong(case, result)
        bad += bool(found)
        colour = "red, as it must be" if case.red else "green, as it must be"
        print(f"  {case.name}: {'; '.join(found) if found else colour}")
        if found:
            print(f"    console: {result.console}")
    print(f"\n{len(judged) - bad} passed, {bad} failed, 0 skipped\n", flush=True)
    (out / COUNT).write_text(f"{len(judged) - bad} {bad} 0\n", encoding="utf-8")
    return bad > 0
