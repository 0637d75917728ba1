# SPDX-License-Identifier: GPL-2.0
"""Boots each kernel on each machine, as far as the results are not there yet."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernels import boot
from kernels.boot import Job, Result
from matrix import jobs, store
from matrix.jobs import VMMS, Failed, Measured, Programs
from matrix.machines import Kernel, moves
from matrix.states import file_name, moved
from vm import qemu
from vm.matrix import Config

# A boot takes ten to thirty seconds; only a hang takes this long, though the machine may be busy.
TIMEOUT = 1800.0

RunJob = Callable[[Job, Path, str, float], Result]


@dataclass
class Place:
    """A kernel on a machine: what it gave, or why it gave nothing."""
    machine: Config
    kernel: Kernel
    host: store.Host
    key: str = ""
    measured: Measured | None = None
    # The answers, by the name of the state's file and the VMM
    answers: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    problem: str = ""

    @property
    def name(self) -> str:
        return f"{self.machine.name}, {self.kernel.title}"


class Boots:
    """The boots of a run."""

    def __init__(self, out: Path, programs: Programs, qemu_version: str, workers: int,
                 run: RunJob = boot.boot) -> None:
        self.out = out
        self.states = out / "states"
        self.programs = programs
        self.qemu_version = qemu_version
        self.workers = workers
        self._run = run
        self._lock = threading.Lock()
        # How many boots were made
        self.booted = 0

    def places(self, machines: Iterable[Config], kernels: tuple[Kernel, ...]) -> list[Place]:
        return [Place(machine, kernel, store.Host(self.out / machine.slug / kernel.name,
                                                  self.states))
                for machine in machines for kernel in kernels]

    def all(self, places: list[Place]) -> None:
        """Both boots of each, those of different places at the same time."""
        self._each(places, self._measure)
        self._each([place for place in places if place.measured],
                   lambda place: self._check(place, incoming(place, places)))

    def _each(self, places: list[Place], do: Callable[[Place], None]) -> None:
        with qemu.pool(self.workers) as pool:
            futures = [pool.submit(self._one, place, do) for place in places]
            for future in futures:
                future.result()

    def _one(self, place: Place, do: Callable[[Place], None]) -> None:
        try:
            do(place)
        except Failed as why:
            place.problem = str(why)
            self._say(f"      {place.name}: {why}")

    def _say(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)

    def _boot(self, place: Place, job: Job, what: str) -> Result:
        with self._lock:
            self.booted += 1
        result = self._run(job, place.host.place, what, TIMEOUT)
        self._say(f"      {place.name}: {what}, {result.seconds:.0f} s")
        return result

    def _measure(self, place: Place) -> None:
        job = jobs.measure(self.programs, place.kernel, place.machine)
        place.key = store.host_key(job, self.qemu_version)
        place.measured = place.host.measured(place.key)
        if place.measured:
            return
        found = jobs.measured(self._boot(place, job, "measured"), place.kernel)
        names = {kind: file_name(place.machine, place.kernel.name, kind) for kind in found.states}
        place.host.keep_measured(place.key, found, names)
        place.measured = found

    def _check(self, place: Place, names: list[str]) -> None:
        key = store.answer_key(place.key)
        kept = place.host.answers(key)
        digests = store.state_keys(self.states / name for name in names)
        missing = [name for name in names
                   if any(f"{digests[name]} {vmm}" not in kept for vmm in VMMS)]
        if missing:
            job = jobs.check(self.programs, place.kernel, place.machine, place.host.dump,
                             {name: self.states / name for name in missing})
            result = self._boot(place, job, "checked")
            for answer in jobs.checked(result, missing, place.kernel):
                name = Path(answer["file"]).name
                kept[f"{digests[name]} {answer['vmm']}"] = answer
            place.host.keep_answers(key, kept, result.seconds)
        for name in names:
            for vmm in VMMS:
                # The file may have had another name.
                place.answers[name, vmm] = {**kept[f"{digests[name]} {vmm}"], "file": name}


def incoming(place: Place, places: list[Place]) -> list[str]:
    """The names of the states that are moved to a place, its own included."""
    return [file_name(other.machine, other.kernel.name, kind)
            for other in places if other.measured and moves(other.machine, place.machine)
            for kind in other.measured.states if moved(kind, other.machine == place.machine)]
