# SPDX-License-Identifier: GPL-2.0
"""A real VMM's guests on this project's kernel: Debian's kernel boots, reboots three times and
unplugs a CPU, and is then moved from mode to mode of kvm-arm.abi, as is the guest without an
operating system, which sees more. The part that `make test` has time for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kernels.boot import Job
from matrix.jobs import Failed
from matrix.machines import Kernel
from vm.console import Calls
from vm.matrix import Config
from vmm import boots, cells, guests
from vmm.boots import GUESTS, MACHINES, Parts
from vmm.run import one as boot_one

MODES = ("c", "rust", "check", "c")
# How often the guest "debian" boots before it is asked
REBOOTS = 3
MACHINE = MACHINES[0]
VMM = "qemu-10"
# The sides that have to serve hypercalls in each mode, and no other side
SERVING = {"c": ("c",), "rust": ("rust",), "check": ("c", "rust")}
SURFACE = "smccc"
# It takes three minutes.
SECONDS = 1800.0


@dataclass(frozen=True)
class Verdict:
    """What was looked at, and what is wrong with it."""
    what: str
    problems: tuple[str, ...]


def job(image: Path, parts: Parts, config: Config = MACHINE, vmm: str = VMM) -> Job:
    """The boot."""
    script = [f"tour {guest} {vmm} {config.gic} {guest} {' '.join(MODES)}"
              for guest in GUESTS]
    return boots.job((Kernel("c", image),), config, parts, script)


def _stats(text: str) -> dict[str, Calls]:
    """The file stats of the kernel: a line for each surface, after a heading."""
    found = {}
    for line in text.splitlines()[1:]:
        name, *numbers = line.split()
        found[name] = Calls(*map(int, numbers))
    return found


def _served(mode: str, before: str, after: str) -> list[str]:
    """Who has served the guest's calls in a mode."""
    try:
        old, new = _stats(before), _stats(after)
        calls = new[SURFACE].since(old[SURFACE])
    except (KeyError, ValueError, TypeError):
        return ["the kernel's counters are not readable"]
    found = []
    for side, number in (("c", calls.c), ("rust", calls.rust)):
        if (number > 0) != (side in SERVING[mode]):
            found.append(f"{number} hypercalls were served by {side} in mode {mode}")
    return found + [f"C and Rust differ in {now.mismatches} calls of {name}"
                    for name, now in new.items() if now.mismatches]


def judge(files: Mapping[str, bytes]) -> list[Verdict]:
    """What each guest did in each mode, from the files that vm.sh's tour() leaves."""
    verdicts = []
    for guest in GUESTS:
        last: guests.Answers | None = None
        for n, mode in enumerate(MODES):
            place = f"{guest}/{n}-{mode}/"
            here = {name.removeprefix(place): data for name, data in files.items()
                    if name.startswith(place)}
            tried = cells.attempt(here)
            text = {name: here.get(name, b"").decode(errors="replace")
                    for name in ("before", "stats")}
            problems = _served(mode, text["before"], text["stats"])
            if tried.problem:
                problems.append(tried.problem)
            elif not tried.resumed:
                problems.append(f"QEMU ended with {tried.status}: "
                                f"{'; '.join(tried.said.messages) or 'no message'}")
            booted = 0 if n else 1 + REBOOTS * (guest == "debian")
            try:
                now = guests.parse(tried.uart, before=booted)
            except guests.Incomplete as why:
                problems.append(f"the guest: {why}")
            else:
                if last:
                    problems += guests.problems(last, now)
                    problems += guests.differences(last.view, now.view)
                last = now
            what = "boots" if not n else f"moves from {MODES[n - 1]}"
            if booted > 1:
                what += f", reboots {REBOOTS} times"
            verdicts.append(Verdict(f"{guest} {what} in mode {mode}" if not n else
                                    f"{guest} {what} to {mode}", tuple(problems)))
    return verdicts


def tap(verdicts: list[Verdict]) -> list[str]:
    """A line for each."""
    return ["TAP version 13", f"1..{len(verdicts)}",
            *(f"{'not ok' if verdict.problems else 'ok'} {n} - {verdict.what}"
              + (f": {'; '.join(verdict.problems)}".replace("#", "") if verdict.problems else "")
              for n, verdict in enumerate(verdicts, 1))]


def run(image: Path, parts: Parts, out: Path) -> list[Verdict]:
    """Boot, and judge what came of it."""
    try:
        files = boot_one(job(image, parts), out, "this kernel", SECONDS).files
    except Failed as why:
        return [Verdict(str(why), ("it gave no results",))]
    return judge(files)
