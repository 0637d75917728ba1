# SPDX-License-Identifier: GPL-2.0
"""Boot a kernel in QEMU with files and a job, and get back what the job leaves in /out.

Works with any arm64 kernel that has a PL011 and an initramfs built in: no module, no disk and no
virtio is needed. The job is a shell script for busybox; it runs in the directory /out.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kernels import initramfs
from kernels.initramfs import Content
from vm import qemu
from vm.matrix import SINGLE, Config

HERE = Path(__file__).resolve().parent
# What init writes besides the job's files: the job's output, and its exit status.
LOG, STATUS = "log", "status"


@dataclass(frozen=True)
class Job:
    """What to boot, and what to do there."""
    # An Image, or a vmlinuz that QEMU can unpack
    image: Path
    config: Config
    busybox: Path
    script: str
    # By their names in the guest
    files: Mapping[str, Content] = field(default_factory=dict)
    # Further archives for the initramfs
    archives: tuple[Path, ...] = ()
    # Additional kernel parameters
    params: str = ""
    memory_mib: int = qemu.MEMORY_MIB
    cpus: int = qemu.CPUS
    # Further options of QEMU, such as disks
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a boot left."""
    seconds: float
    # None if the job ran to its end, with whatever exit status.
    problem: str | None
    # By their names below /out
    files: Mapping[str, bytes]

    @property
    def log(self) -> str:
        return self.files.get(LOG, b"").decode(errors="replace")

    @property
    def status(self) -> int | None:
        """The exit status of the job."""
        text = self.files.get(STATUS, b"").strip()
        return int(text) if text.isdigit() else None


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of the archive that init sends. Raises ValueError if it is not whole."""
    found: dict[str, bytes] = {}
    try:
        # Whole first: tarfile does not look at the checksum at the end.
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    found[member.name.removeprefix("./")] = content.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as why:
        raise ValueError(str(why)) from None
    if STATUS not in found:
        raise ValueError(f"it has no {STATUS}")
    return found


def _last_words(console: Path) -> str:
    """The last line of a kernel's console that says something."""
    lines = console.read_text(encoding="utf-8", errors="replace").splitlines()
    panics = [line for line in lines if "Kernel panic" in line]
    last = [line.strip() for line in (panics or lines) if line.strip()]
    return last[-1] if last else "none"


def boot(job: Job, place: Path, name: str, timeout: float) -> Result:
    """Boot, with all that belongs to it in files `name`.* below `place`: the console in .console,
    QEMU's command in .cmd. QEMU is killed after `timeout` seconds."""
    place.mkdir(parents=True, exist_ok=True)
    initrd, console, sent = (place / f"{name}.{end}" for end in ("cpio", "console", "results"))
    files: dict[str, Content] = {"init": HERE / "init", "bin/busybox": job.busybox,
                                 "job": job.script, **job.files}
    initramfs.write(initrd, files, {"bin/sh": "busybox"}, job.archives)
    machine = qemu.Machine(job.image, initrd, "", job.memory_mib)
    argv = qemu.command(machine, job.config, job.params, "job", cpus=job.cpus,
                        options=(*qemu.tcg(SINGLE), *job.options))
    outcome = qemu.run(argv, console, sent, timeout, virtio=False)
    initrd.unlink()
    problem, found = outcome.problem, {}
    if not problem:
        try:
            found = unpack(sent.read_bytes())
        except ValueError as why:
            problem = f"it sent no results: {why}"
    if problem:
        problem += f"; its last words: {_last_words(console)}"
    sent.unlink(missing_ok=True)
    return Result(outcome.seconds, problem, found)
