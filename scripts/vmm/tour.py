# SPDX-License-Identifier: GPL-2.0
"""A real VMM's guests on this project's kernel: Debian's kernel boots, reboots three times and
unplugs a CPU, and is then moved from mode to mode of kvm-arm.abi, as is the guest without an
operating system, which sees more. The small VMM saves a guest, too, and resumes it as a set and register by
register. The part that `make test` has time for."""

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
# The small VMM's guest; in which modes it is resumed, and how what configures it is written
SMALL = "small"
SMALL_MODES = ("rust", "check", "c")
WAYS = ("set", "registers")
AS_SET = "registers were set as a set"
# The registers that are damaged, in the order in which they are written one by one
DAMAGED = ("ID_AA64ISAR0_EL1", "KVM_REG_ARM_PSCI_VERSION")
EXAMPLE = "example"
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
    script += [f"small_tour {SMALL} {config.gic} {' '.join(SMALL_MODES)}",
               f"mkdir {EXAMPLE}", f"/vmm/example >{EXAMPLE}/uart 2>{EXAMPLE}/said",
               f"echo $? >{EXAMPLE}/status"]
    return boots.job((Kernel("c", image),), config, parts, script)


def _stats(text: str) -> dict[str, Calls]:
    """The file stats of the kernel: a line for each surface, after a heading."""
    found = {}
    for line in text.splitlines()[1:]:
        name, *numbers = line.split()
        found[name] = Calls(*map(int, numbers))
    return found


def served(mode: str, before: str, after: str) -> list[str]:
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
            problems = served(mode, text["before"], text["stats"])
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


def _resumed(before: guests.Answers | None, tried: cells.Attempt, said: str, way: str) -> list[str]:
    """What is wrong with a guest that the small VMM has resumed."""
    found = [tried.problem] if tried.problem else []
    if not tried.resumed:
        return [*found, f"it ended with {tried.status}: {said or 'no message'}"]
    if (AS_SET in said) != (way == "set"):
        found.append(f"it was written another way: {said or 'no message'}")
    try:
        after = guests.parse(tried.uart)
    except guests.Incomplete as why:
        return [*found, f"the guest: {why}"]
    if before:
        found += guests.problems(before, after) + guests.differences(before.view, after.view)
    return found


def _refused(tried: cells.Attempt, said: str, way: str) -> list[str]:
    """What is wrong with the refusal of a damaged guest: a set names each register."""
    if tried.problem or tried.status != 1 or tried.uart:
        return [tried.problem or f"it ended with {tried.status} after '{tried.uart}'"]
    names = DAMAGED if way == "set" else DAMAGED[:1]
    return [f"{'not ' if name in names else ''}named: {name}: {said or 'no message'}"
            for name in DAMAGED if (name in said) != (name in names)]


def judge_small(files: Mapping[str, bytes]) -> list[Verdict]:
    """What became of the small VMM's guest, from the files that vm.sh's small_tour() leaves."""
    def here(place: str) -> tuple[cells.Attempt, str]:
        found = {name.removeprefix(f"{place}/"): data for name, data in files.items()
                 if name.startswith(f"{place}/")}
        return cells.attempt(found), found.get("said", b"").decode(errors="replace").strip()

    tried, said = here(f"{SMALL}/saved")
    problems = [tried.problem] if tried.problem else []
    saved = None
    try:
        saved = guests.parse(tried.uart, before=1)
    except guests.Incomplete as why:
        problems.append(f"the guest: {why}; {said or 'no message'}")
    verdicts = [Verdict("the small VMM saves a guest", tuple(problems))]
    for mode in SMALL_MODES:
        for way in WAYS:
            what = f"in mode {mode} by way of {way}"
            tried, said = here(f"{SMALL}/{mode}-{way}")
            verdicts.append(Verdict(f"it is resumed {what}",
                                    tuple(_resumed(saved, tried, said, way))))
            tried, said = here(f"{SMALL}/{mode}-{way}-damaged")
            verdicts.append(Verdict(f"damaged it is refused {what}",
                                    tuple(_refused(tried, said, way))))
    tried, said = here(EXAMPLE)
    good = tried.status == 0 and "as a set" in tried.uart and "would be taken" in tried.uart
    verdicts.append(Verdict("the example of the documentation restores a VM",
                            () if good else (f"it ended with {tried.status}: {said or tried.uart}",)))
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
    return judge(files) + judge_small(files)
