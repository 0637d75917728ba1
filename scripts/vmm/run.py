# SPDX-License-Identifier: GPL-2.0
"""Boots the kernels under test, as far as the results are not there yet: all save VMs first, then
all resume them."""

import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernels import boot
from kernels.boot import Job, Result
from matrix import store
from matrix.jobs import Failed
from matrix.machines import Kernel
from vm import qemu
from vm.matrix import Config
from vmm import boots
from vmm.boots import Parts, Saved

# A VM takes half a minute, and a boot has up to two dozen: only a hang takes this long.
TIMEOUT = 3600.0
# How long a boot took
SECONDS = "seconds"
_KEY, _STATES = "key", "states"

Group = tuple[Kernel, ...]


@dataclass(frozen=True)
class Run:
    """What to boot."""
    parts: Parts
    groups: tuple[Group, ...]
    machines: tuple[Config, ...]
    vmms: tuple[str, ...]
    guests: tuple[str, ...]
    qemu_version: str
    # Where the results are kept
    out: Path
    jobs: int
    say: Callable[[str], None]

    def place(self, config: Config, what: str, group: Group) -> Path:
        names = "+".join(kernel.name for kernel in group)
        return self.out / f"{config.cpu}-gicv{config.gic}" / f"{names}-{what}"

    def states(self, config: Config, group: Group) -> dict[Saved, Path]:
        """The VMs that a boot saves, with the places of their states."""
        place = self.place(config, "save", group) / _STATES
        return {vm: place / vm.name for vm in boots.vms(group, self.vmms, self.guests, self.parts)}

    def saved(self, config: Config, group: Group) -> dict[Saved, Path]:
        """The VMs that a boot has saved."""
        return {vm: path for vm, path in self.states(config, group).items() if path.is_file()}

    def seconds(self, config: Config, what: str, group: Group) -> float | None:
        """How long a boot took, if it is there."""
        place = self.place(config, what, group)
        if not (place / SECONDS).is_file():
            return None
        return float((place / SECONDS).read_text(encoding="utf-8"))


def _key(run: Run, job: Job) -> str:
    """What a boot's results depend on."""
    return store.digest(store.host_key(job, run.qemu_version), *map(store.file_digest, job.archives))


def _kept(place: Path, key: str) -> bool:
    path = place / _KEY
    return path.is_file() and path.read_text(encoding="utf-8") == key


def _keep(place: Path, key: str) -> None:
    """Unless a VM had a problem of its own, such as a timeout: then the next run boots again."""
    if not any(place.rglob("problem")):
        store.write(place / _KEY, key)


def _begin(place: Path) -> None:
    if place.exists():
        # First: without these the rest does not count.
        for name in (_KEY, SECONDS):
            (place / name).unlink(missing_ok=True)
        shutil.rmtree(place)
    place.mkdir(parents=True)


def one(job: Job, place: Path, what: str, seconds: float = TIMEOUT) -> Result:
    """Boot, and put the results into files. Raises Failed."""
    result = boot.boot(job, place, "boot", seconds)
    for name, data in result.files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    if result.problem or result.status != 0:
        raise Failed(f"{what}: {result.problem or f'the job ended with {result.status}'}")
    return result


def _boot(run: Run, job: Job, place: Path, what: str) -> None:
    result = one(job, place, what)
    store.write(place / SECONDS, f"{result.seconds:.1f}\n")
    run.say(f"  {what}: {result.seconds:.0f} s")


def _unpack(disk: Path, place: Path) -> None:
    """The files of a tar archive that has no directories."""
    place.mkdir()
    with tarfile.open(disk) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                with (place / Path(member.name).name).open("wb") as file:
                    shutil.copyfileobj(content, file)


def _title(config: Config, group: Group) -> str:
    return f"{config.cpu}, GICv{config.gic}, {' and '.join(kernel.title for kernel in group)}"


def save(run: Run, config: Config, group: Group) -> None:
    """Let kernels save VMs."""
    place = run.place(config, "save", group)
    disk = place / "disk"
    job, saved = boots.save(group, config, run.parts, run.vmms, run.guests, disk)
    key = _key(run, job)
    if _kept(place, key):
        return
    _begin(place)
    boots.make_disk(group, disk)
    _boot(run, job, place, f"{_title(config, group)} saves {len(saved)} VMs")
    _unpack(disk, place / _STATES)
    disk.unlink()
    _keep(place, key)


def resume(run: Run, config: Config, group: Group) -> None:
    """Let kernels resume the VMs that were saved."""
    saved = {vm: path for source in run.groups for vm, path in run.saved(config, source).items()}
    states = {vm: saved[vm] for vm in boots.to_resume(group, saved)}
    place = run.place(config, "resume", group)
    job = boots.resume(group, config, run.parts, states)
    key = _key(run, job)
    if _kept(place, key):
        return
    _begin(place)
    _boot(run, job, place, f"{_title(config, group)} resumes {len(states)} VMs")
    _keep(place, key)


def all_boots(run: Run) -> list[str]:
    """Boot all; returns which boots gave nothing, and why."""
    problems: list[str] = []
    with qemu.pool(run.jobs) as pool:
        for step in (save, resume):
            futures = [pool.submit(step, run, config, group)
                       for config in run.machines for group in run.groups]
            for future in futures:
                try:
                    future.result()
                except Failed as why:
                    problems.append(str(why))
    return problems
