# SPDX-License-Identifier: GPL-2.0
"""A disk with a Debian system for arm64, made of packages alone: without root, and without a
program that runs arm64 code on the build machine. A stock kernel in QEMU installs them."""

import hashlib
import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deb import packages
from kernels import boot
from kernels.boot import Job
from matrix import store
from vm.matrix import Config
from vm.tables import NO_EL2

HERE = Path(__file__).resolve().parent
GUEST = HERE / "guest"
MIB = 1 << 20
# The partitions: for EFI, and for the system
EFI_MIB, DISK_MIB = 64, 4096
SYSTEM_AT = (1 + EFI_MIB) * MIB
LAYOUT = f"label: gpt\nstart=1MiB, size={EFI_MIB}MiB, type=U\nstart={1 + EFI_MIB}MiB, type=L\n"
# KVM is not needed here, and each CPU slows down the others.
MACHINE = Config("cortex-a72", 3, NO_EL2)
MEMORY_MIB = 1024
# Only a hang takes this long.
SECONDS = 5400.0
SFDISK, MKE2FS = "/usr/sbin/sfdisk", "/usr/sbin/mke2fs"
KERNEL = "./boot/vmlinuz-"
# What a stock kernel has built in, and what each virtual machine has
BUILT_IN, USUAL = "nvme", "virtio-blk-pci"
# What is written is forgotten when QEMU ends.
FORGOTTEN = "snapshot=on"
# Where the guest's files go
PLACES = {"agent": "usr/local/sbin/agent"}
ENABLED = ("etc/systemd/system/multi-user.target.wants/agent.service", "../agent.service")


class CannotMake(Exception):
    """There is no system; the message says why."""


@dataclass(frozen=True)
class Root:
    """A finished disk."""
    disk: Path
    # The release of its kernel, as `uname -r` prints it
    release: str


def _add(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    archive.addfile(member, io.BytesIO(data))


def _guest_files() -> Iterator[tuple[str, Path]]:
    """The files of the system that are not Debian's, by their names there."""
    for name, place in PLACES.items():
        yield place, GUEST / name
    for path in sorted((GUEST / "etc").rglob("*")):
        if path.is_file():
            yield str(path.relative_to(GUEST)), path


def name_of(package: Path) -> str:
    return package.name.partition("_")[0]


def _kernel(data: bytes) -> bytes | None:
    """The kernel of a package, if it has one."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if member.name.startswith(KERNEL):
                content = archive.extractfile(member)
                return content.read() if content else None
    return None


def pack(there: Path, output: Path) -> bytes:
    """Write the archive that the job reads, and return the stock kernel."""
    kernel = None
    with tarfile.open(output, "w") as archive:
        base = sorted((there / "base").glob("*.deb"))
        for package in [*base, *sorted((there / "system").glob("*.deb"))]:
            plain, data = packages.plain(package)
            _add(archive, f"debs/{name_of(package)}.deb", plain)
            if package.parent.name == "base":
                _add(archive, f"base/{name_of(package)}.tar", data)
            elif name_of(package).startswith("linux-image-"):
                kernel = _kernel(data) or kernel
        for name in ("base", "system"):
            listed = "".join(f"/new/debs/{name_of(package)}.deb\n"
                             for package in sorted((there / name).glob("*.deb")))
            _add(archive, f"{name}.list", listed.encode())
        for name, path in _guest_files():
            _add(archive, f"files/{name}", path.read_bytes(),
                 0o755 if os.access(path, os.X_OK) else 0o644)
        link = tarfile.TarInfo(f"files/{ENABLED[0]}")
        link.type, link.linkname = tarfile.SYMTYPE, ENABLED[1]
        archive.addfile(link)
    if kernel is None:
        raise CannotMake(f"no package in {there} has a kernel")
    return kernel


def _run(*argv: str | Path, text: str = "") -> None:
    try:
        subprocess.run(argv, input=text, text=True, check=True, capture_output=True)
    except FileNotFoundError:
        raise CannotMake(f"{argv[0]} is missing: run 'make test-deb'") from None
    except subprocess.CalledProcessError as why:
        raise CannotMake(f"{argv[0]}: {why.stderr.strip()}") from None


def _identifier() -> str:
    """That of the system's partition"""
    found = re.search(r"^UUID=(\S+) +/ ", (GUEST / "etc/fstab").read_text(encoding="utf-8"), re.M)
    assert found
    return found[1]


def blank(disk: Path) -> None:
    """An empty disk with both partitions; the file takes no room yet."""
    with disk.open("wb") as file:
        file.truncate(DISK_MIB * MIB)
    _run(SFDISK, "--quiet", disk, text=LAYOUT)
    # The end has a copy of the table.
    size = DISK_MIB - EFI_MIB - 2
    _run(MKE2FS, "-q", "-F", "-t", "ext4", "-U", _identifier(), "-E",
         f"offset={SYSTEM_AT},root_owner=0:0", disk, f"{size}M")


def _key(there: Path) -> str:
    """What the disk depends on."""
    own = [HERE / "root.py", GUEST / "install.sh", *(path for _, path in _guest_files())]
    texts = [(there / "of").read_text(encoding="utf-8")]
    texts += [hashlib.sha256(path.read_bytes()).hexdigest() for path in own]
    return store.digest(*texts)


def disks(device: str, disk: Path, archive: Path, *more: str) -> tuple[str, ...]:
    """The options of QEMU for the system's disk, with `more` about it, and for one that is an
    archive."""
    return ("-drive", ",".join((f"if=none,id=system,format=raw,file={disk},cache=unsafe", *more)),
            "-device", f"{device},serial=system,drive=system",
            "-drive", f"if=none,id=archive,format=raw,file={archive},readonly=on",
            "-device", f"{device},serial=archive,drive=archive")


def make(there: Path, busybox: Path, place: Path) -> Root:
    """The disk in `place`, made anew if something has changed of which it is made."""
    disk, release, key = place / "disk", place / "release", place / "key"
    now = _key(there)
    if not (key.is_file() and key.read_text(encoding="utf-8") == now):
        place.mkdir(parents=True, exist_ok=True)
        key.unlink(missing_ok=True)
        archive, image = place / "archive", place / "vmlinuz"
        image.write_bytes(pack(there, archive))
        # A whole number of sectors
        with archive.open("r+b") as file:
            file.truncate(-(-archive.stat().st_size // 512) * 512)
        blank(disk)
        job = Job(image, MACHINE, busybox, (GUEST / "install.sh").read_text(encoding="utf-8"),
                  memory_mib=MEMORY_MIB, options=disks(BUILT_IN, disk, archive))
        result = boot.boot(job, place, "install", SECONDS)
        (place / "install.log").write_text(result.log, encoding="utf-8")
        archive.unlink()
        if result.problem or result.status != 0:
            last = result.log.strip().splitlines()[-1:] or ["it said nothing"]
            raise CannotMake(f"the Debian system could not be installed: "
                             f"{result.problem or last[0]}; the whole log: {place}/install.log")
        release.write_bytes(result.files["release"])
        store.write(key, now)
    return Root(disk, release.read_text(encoding="utf-8").strip())
