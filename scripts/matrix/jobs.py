# SPDX-License-Identifier: GPL-2.0
"""What a kernel does in each of its two boots."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernels.boot import Job, Result
from kernels.initramfs import Content
from matrix.machines import OWN, Kernel
from matrix.states import KINDS
from vm.matrix import Config

# The VMMs that restore: one that knows the right order, and one that takes that of the list.
VMMS = ("planned", "list-order")

# Exit status of a job that could not measure.
NO_DUMP = 3

# With the seed the VMs that are changed at random are always the same of a dump.
SEED = 1

MEASURE = f"""\
uname -r >release
kvmfit dump --quiet --stats --output dump.json 2>dump.err || exit {NO_DUMP}
mkdir states
while read -r kind features; do
	set -- --features "$features"
	[ ! -e "/templates/$kind" ] || set -- "$@" --template "/templates/$kind"
	kvmfit state "$@" --output "states/$kind" 2>"states/$kind.err" || continue
	rm "states/$kind.err"
done </kinds
kvmfit agree --host dump.json --count COUNT --seed {SEED} >mutated 2>mutated.err
"""

CHECK = f"""\
for vmm in {' '.join(VMMS)}; do
	kvmfit check --json --quiet --host /dump.json --vmm "$vmm" /states/* >"$vmm" 2>"$vmm.err"
	echo $? >"$vmm.status"
done
"""

# What this project's kernel does besides: a VM that is written register by register is taken or
# refused in the same words as one that is written as a set.
WAYS = """\
kvmfit check --json --quiet --host /dump.json --way registers /states/* >registers 2>>ways.err
for way in set registers; do
	kvmfit check --quiet --host /dump.json --way $way /states/* >$way.txt 2>>ways.err
done
"""
# In which the answers of the two ways may differ
OF_THE_WAY = ("way", "ioctls")


class Failed(Exception):
    """A boot gave no results; the message says why."""


@dataclass(frozen=True)
class Programs:
    """What is put into each guest."""
    busybox: Path
    kvmfit: Path


@dataclass(frozen=True)
class Mutated:
    """VMs that were changed at random, and whether their host took them as predicted."""
    vms: int
    # The prediction is that the dump cannot tell.
    cannot_tell: int
    # How many were written as a set, too
    as_sets: int = 0
    # A line for each VM that was not taken as predicted, or in one way only
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What the first boot gave."""
    release: str
    dump: str
    # By kind
    states: Mapping[str, str]
    # Why there is no state of a kind
    lacks: Mapping[str, str]
    mutated: Mutated
    seconds: float


def _job(programs: Programs, kernel: Kernel, machine: Config, script: str,
         files: Mapping[str, Content]) -> Job:
    if isinstance(kernel.image, str):
        raise Failed(kernel.image)
    # A second CPU would only take time: nothing here runs at the same time as something else.
    return Job(kernel.image, machine, programs.busybox, script,
               {"bin/kvmfit": programs.kvmfit, **files}, params=kernel.params, cpus=1)


def measure(programs: Programs, kernel: Kernel, machine: Config) -> Job:
    """The first boot: the kernel is measured and makes the states of its VMs."""
    kinds = "".join(f"{kind.name} {kind.options(machine)}\n" for kind in KINDS)
    templates = {f"templates/{kind.name}": kind.template for kind in KINDS if kind.template}
    script = MEASURE.replace("COUNT", str(kernel.mutated))
    return _job(programs, kernel, machine, script, {"kinds": kinds, **templates})


def _text(result: Result, name: str) -> str:
    return result.files.get(name, b"").decode(errors="replace").strip()


def _completed(result: Result) -> None:
    if result.problem:
        raise Failed(result.problem)


def _mutated(result: Result, kernel: Kernel) -> Mutated:
    *wrong, last = _text(result, "mutated").splitlines() or [""]
    try:
        counts = json.loads(last)
        found = Mutated(counts["vms"], counts["cannot_tell"], counts["as_set"], tuple(wrong))
        whole = found.vms == kernel.mutated and counts["disagree"] == len(wrong) \
            and found.as_sets == (found.vms if kernel.name in OWN else 0)
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise Failed(_text(result, "mutated.err") or f"kvmfit agree printed '{last}'")
    return found


def measured(result: Result, kernel: Kernel) -> Measured:
    """What it gave. Raises Failed if that is nothing."""
    _completed(result)
    if result.status:
        said = _text(result, "dump.err") or result.log.strip() or f"exit status {result.status}"
        raise Failed(said.splitlines()[-1])
    states, lacks = {}, {}
    for kind in KINDS:
        if text := result.files.get(f"states/{kind.name}"):
            states[kind.name] = text.decode()
        else:
            lacks[kind.name] = _text(result, f"states/{kind.name}.err").removeprefix("kvmfit: ")
    return Measured(_text(result, "release"), result.files["dump.json"].decode(), states, lacks,
                    _mutated(result, kernel), result.seconds)


def check(programs: Programs, kernel: Kernel, machine: Config, dump: Path,
          states: Mapping[str, Path]) -> Job:
    """The second boot: the kernel says which states it takes."""
    files: dict[str, Content] = {"dump.json": dump}
    files |= {f"states/{name}": path for name, path in states.items()}
    return _job(programs, kernel, machine, CHECK + WAYS * (kernel.name in OWN), files)


def _ways(result: Result, as_sets: list[dict[str, Any]]) -> None:
    """Raises Failed unless both ways of writing a VM give the same answers."""
    def plain(answer: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in answer.items() if name not in OF_THE_WAY}

    try:
        one_by_one = [json.loads(line) for line in _text(result, "registers").splitlines()]
    except ValueError as why:
        raise Failed(f"kvmfit check --way registers: {why}") from None
    for answers, way in ((as_sets, "set"), (one_by_one, "registers")):
        if any(answer.get("way") != way for answer in answers):
            raise Failed(f"kvmfit check did not write a VM by way of {way}: "
                         f"{_text(result, 'ways.err') or 'no message'}")
    if len(one_by_one) != len(as_sets):
        raise Failed(f"kvmfit check --way registers answered for {len(one_by_one)} of "
                     f"{len(as_sets)} states: {_text(result, 'ways.err') or 'no message'}")
    for one, other in zip(as_sets, one_by_one, strict=True):
        if plain(one) != plain(other):
            raise Failed(f"{Path(one['file']).name} has another answer as a set than register by "
                         f"register: {json.dumps(plain(one))} and {json.dumps(plain(other))}")
    texts = [_text(result, f"{way}.txt") for way in ("set", "registers")]
    if texts[0] != texts[1] or not texts[0]:
        raise Failed("kvmfit check prints another text as a set than register by register")


def checked(result: Result, names: list[str], kernel: Kernel) -> list[dict[str, Any]]:
    """The answers of each VMM to each state. Raises Failed if one is missing, or if this project's
    kernel gives another one as a set."""
    _completed(result)
    answers = []
    for vmm in VMMS:
        lines = _text(result, vmm).splitlines()
        if _text(result, f"{vmm}.status") not in ("0", "1") or len(lines) != len(names):
            raise Failed(f"kvmfit check --vmm {vmm} answered for {len(lines)} of {len(names)} "
                         f"states: {_text(result, f'{vmm}.err') or 'no message'}")
        try:
            answers += [json.loads(line) for line in lines]
        except ValueError as why:
            raise Failed(f"kvmfit check --vmm {vmm}: {why}") from None
    if kernel.name in OWN:
        _ways(result, answers[:len(names)])
    return answers
