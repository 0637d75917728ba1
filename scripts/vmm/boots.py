# SPDX-License-Identifier: GPL-2.0
"""What is booted: one boot for each kernel and machine saves VMs, and one resumes all others'."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernels.boot import Job
from kernels.initramfs import Content
from vm.matrix import Config

HERE = Path(__file__).resolve().parent
VMMS = ("qemu-10", "qemu-11")
GUESTS = ("probe", "debian")
# The machines: as the CPU models of people who have a GICv3 and a GICv2.
MACHINES = (Config("neoverse-n1", 3, "vhe"), Config("cortex-a72", 2, "nvhe"))
# The modes of this project's kernel, which one boot can switch between
OWN = ("c", "rust", "check")
ABI = "/sys/kernel/debug/kvm/arm_abi/mode"
MEMORY_MIB = 1024
# Enough for the states of all VMs of a boot
DISK_MIB = 2048


@dataclass(frozen=True)
class Kernel:
    """A kernel under test: a stock one, or this project's in one of its modes."""
    name: str
    image: Path

    @property
    def own(self) -> bool:
        return self.name in OWN


@dataclass(frozen=True)
class Saved:
    """A VM that was saved: under which kernel, by which VMM, with which guest."""
    kernel: str
    vmm: str
    guest: str

    @property
    def name(self) -> str:
        return f"{self.kernel}-{self.vmm}-{self.guest}"


@dataclass(frozen=True)
class Parts:
    """What the kernels under test get."""
    busybox: Path
    kvmfit: Path
    # The archive that programs.py packs
    vmms: Path
    # The guests: a program without operating system; a kernel, and its initramfs
    probe: Path
    debian: Path
    debian_initrd: Path


def disk(own: bool, path: Path) -> tuple[tuple[str, ...], str]:
    """QEMU's options for a disk or channel to write to, and its device in the guest. Stock kernels
    have NVMe built in, but virtio in part as a module only; this project's has no PCI."""
    if own:
        return (("-device", "virtio-serial-device", "-chardev", f"file,id=out,path={path}",
                 "-device", "virtserialport,chardev=out"), "/dev/vport0p1")
    return (("-drive", f"if=none,id=out,format=raw,cache=unsafe,file={path}",
             "-device", "nvme,serial=out,drive=out"), "/dev/nvme0n1")


def _files(parts: Parts) -> dict[str, Content]:
    return {"vmm/vm.sh": HERE / "guest/vm.sh", "vmm/kvmfit": parts.kvmfit,
            "vmm/probe": parts.probe, "vmm/debian/vmlinuz": parts.debian,
            "vmm/debian/initrd": parts.debian_initrd}


def _begin(own: bool) -> list[str]:
    lines = [". /vmm/vm.sh", "uname -r"]
    return [*lines, "mount -t debugfs debugfs /sys/kernel/debug"] if own else lines


def _mode(kernel: Kernel) -> list[str]:
    """The modes of this project's kernel are switched while it runs."""
    return [f"echo {kernel.name} >{ABI}", f"cat {ABI}"] if kernel.own else []


def save(kernels: tuple[Kernel, ...], config: Config, parts: Parts, vmms: Iterable[str],
         guests: Iterable[str], out: Path) -> tuple[Job, list[Saved]]:
    """A boot that measures the host and saves VMs. `kernels` are one stock kernel, or modes of
    this project's. The states are written to `out` as a tar archive."""
    own = kernels[0].own
    options, device = disk(own, out)
    script = [*_begin(own), "mkdir /states"]
    vms = []
    for kernel in kernels:
        script += [*_mode(kernel), f"say dump; /vmm/kvmfit dump -o {kernel.name}.json"]
        for vmm in vmms:
            for guest in guests:
                vm = Saved(kernel.name, vmm, guest)
                script.append(f"save {vm.name} {vmm} {config.gic} {guest} /states/{vm.name}")
                vms.append(vm)
    script += ["say states", f"tar -c -C /states . >{device}", "sync", "say end"]
    job = Job(kernels[0].image, config, parts.busybox, "\n".join(script) + "\n", _files(parts),
              (parts.vmms,), memory_mib=MEMORY_MIB, options=options)
    return job, vms


def resume(kernels: tuple[Kernel, ...], config: Config, parts: Parts,
           states: Mapping[Saved, Path]) -> Job:
    """A boot that resumes these VMs from their states."""
    script = _begin(kernels[0].own)
    for kernel in kernels:
        script += _mode(kernel)
        for vm in states:
            script.append(f"resume {kernel.name}/{vm.name} {vm.vmm} {config.gic} {vm.guest} "
                          f"/states/{vm.name}")
    files = _files(parts) | {f"states/{vm.name}": path for vm, path in states.items()}
    # The initramfs is in memory twice while it is unpacked.
    size = sum(path.stat().st_size for path in states.values())
    return Job(kernels[0].image, config, parts.busybox, "\n".join([*script, "say end"]) + "\n",
               files, (parts.vmms,), memory_mib=MEMORY_MIB + (2 * size >> 20))
