# SPDX-License-Identifier: GPL-2.0
"""What is booted: one boot for each kernel and machine saves VMs, and one resumes all others'."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driver.variables import GOOD
from kernels.boot import Job
from kernels.initramfs import Content
from matrix.jobs import Failed
from matrix.machines import LEVELS, OWN, Kernel
from vm.matrix import Config

HERE = Path(__file__).resolve().parent
VMMS = GOOD["VMM"]
QEMUS = tuple(name for name in VMMS if name.startswith("qemu-"))
# As which the small VMM (tools/kvmfit/crates/kvmfit-vmm) restores
SMALL = tuple(name for name in VMMS if name not in QEMUS)
PROBE, DEBIAN = GUESTS = ("probe", "debian")
# A machine with each interrupt controller
MACHINES = (Config("neoverse-n1", 3, "vhe"), Config("cortex-a72", 2, "nvhe"))
# Without a choice; levels of the kernels among them
STOCK = ("6.1", "6.12", "6.18", "7.3")
KERNELS = (*STOCK, *OWN, *(name for name in LEVELS if Kernel(name, "").is_as in STOCK))
# How often a VM moves between a release and this kernel at its level, and on which machine
TIMES, TIMES_ON = 10, MACHINES[0]
# The kernel of the guest "debian"
GUEST_KERNEL = "6.12"
ABI = "/sys/kernel/debug/kvm/arm_abi/mode"
MEMORY_MIB = 1024
# Room for the states of a boot's VMs
DISK_MIB = 2048


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
    # The small VMM
    small: Path
    # The guests: a program without operating system; a kernel, and its initramfs
    probe: Path
    debian: Path
    debian_initrd: Path
    # The program that speaks to the API of real VMMs, and those that the user has
    api: Path
    # The example of kvmfit-host that the documentation has
    example: Path
    real: Mapping[str, Path] = field(default_factory=dict)


def vms(kernels: Iterable[Kernel], vmms: Iterable[str], guests: Iterable[str],
        parts: Parts) -> tuple[Saved, ...]:
    """The VMs that are saved. The small VMM has no device that Linux would need, and what it
    stands for has no UART that the other guest knows."""
    guests = tuple(guests)
    only = {vmm: DEBIAN if vmm in parts.real else PROBE for vmm in SMALL}
    return tuple(Saved(kernel.name, vmm, guest) for kernel in kernels for vmm in vmms
                 for guest in guests if only.get(vmm, guest) == guest)


def groups(kernels: Iterable[Kernel]) -> tuple[tuple[Kernel, ...], ...]:
    """The kernels by their boots: the modes of this project's kernel share one; its levels are
    chosen when it boots."""
    kernels = tuple(kernels)
    own = tuple(kernel for kernel in kernels if kernel.name in OWN)
    return (*((kernel,) for kernel in kernels if kernel not in own), *((own,) if own else ()))


def meet(one: str, other: str) -> bool:
    """Whether VMs move between two kernels. One at a level stands for the release of that name:
    moves between it and others are those between that release and others."""
    as_release = [Kernel(name, "").is_as for name in (one, other)]
    return as_release[0] == as_release[1] or not {one, other} & set(LEVELS)


def attempts(config: Config, kernel: str, vm: Saved) -> list[str]:
    """The names of the attempts to resume a VM under a kernel; none if it does not move there."""
    if not meet(kernel, vm.kernel):
        return []
    often = config == TIMES_ON and (kernel in LEVELS) != (vm.kernel in LEVELS)
    return [f"{kernel}/{vm.name}", *(f"{kernel}/{vm.name}-{time}"
                                     for time in range(2, TIMES * often + 1))]


def to_resume(group: Iterable[Kernel], vms: Iterable[Saved]) -> tuple[Saved, ...]:
    """The VMs that some of the kernels resume."""
    return tuple(vm for vm in vms if any(meet(kernel.name, vm.kernel) for kernel in group))


def _own(group: tuple[Kernel, ...]) -> bool:
    return group[0].name in (*OWN, *LEVELS)


def disk(own: bool, path: Path) -> tuple[tuple[str, ...], str]:
    """QEMU's options for a disk or channel to write to, and its device in the guest. Stock kernels
    have NVMe built in, but virtio in part as a module only; this project's has no PCI."""
    if own:
        return (("-device", "virtio-serial-device", "-chardev", f"file,id=out,path={path}",
                 "-device", "virtserialport,chardev=out"), "/dev/vport0p1")
    return (("-drive", f"if=none,id=out,format=raw,cache=unsafe,file={path}",
             "-device", "nvme,serial=out,drive=out"), "/dev/nvme0n1")


def make_disk(group: tuple[Kernel, ...], path: Path) -> None:
    """A channel is written from its beginning, a disk must be there."""
    with path.open("wb") as file:
        if not _own(group):
            file.truncate(DISK_MIB << 20)


def job(group: tuple[Kernel, ...], config: Config, parts: Parts, script: list[str],
        states: Mapping[Saved, Path] | None = None, options: tuple[str, ...] = ()) -> Job:
    """A boot of kernels with the VMMs and their guests."""
    image = group[0].image
    if isinstance(image, str):
        raise Failed(image)
    begin = [". /vmm/vm.sh", "uname -r"]
    if _own(group):
        begin.append("mount -t debugfs debugfs /sys/kernel/debug")
    files: dict[str, Content] = {
        "vmm/vm.sh": HERE / "guest/vm.sh", "vmm/kvmfit": parts.kvmfit, "vmm/probe": parts.probe,
        "vmm/small": parts.small, "vmm/example": parts.example,
        "vmm/debian/vmlinuz": parts.debian, "vmm/debian/initrd": parts.debian_initrd}
    if parts.real:
        files |= {"vmm/api": parts.api, **{f"vmm/real/{name}": path
                                           for name, path in parts.real.items()}}
    files |= {f"states/{vm.name}": path for vm, path in (states or {}).items()}
    # While the initramfs is unpacked it is in memory, too, and the files may take half of the rest.
    size = sum(path.stat().st_size for path in (states or {}).values())
    return Job(image, config, parts.busybox, "\n".join([*begin, *script, "say end"]) + "\n", files,
               (parts.vmms,), params=group[0].params if group[0].name in LEVELS else "",
               memory_mib=MEMORY_MIB + (3 * size >> 20), options=options)


def _mode(kernel: Kernel) -> list[str]:
    """The modes of this project's kernel are switched while it runs."""
    return [f"echo {kernel.name} >{ABI}"] if kernel.name in OWN else []


def save(group: tuple[Kernel, ...], config: Config, parts: Parts, vmms: Iterable[str],
         guests: Iterable[str], out: Path) -> tuple[Job, tuple[Saved, ...]]:
    """A boot that measures the host and saves VMs. The states are written to `out` as a tar
    archive."""
    options, device = disk(_own(group), out)
    script = ["mkdir /states"]
    saved = vms(group, vmms, guests, parts)
    for kernel in group:
        script += [*_mode(kernel), f"say dump {kernel.name}",
                   f"/vmm/kvmfit dump --quiet -o {kernel.name}.json"]
        script += [f"save {vm.name} {vm.vmm} {config.gic} {vm.guest} /states/{vm.name}"
                   for vm in saved if vm.kernel == kernel.name]
    script += ["say states", f"tar -c -C /states . >{device}", "sync"]
    return job(group, config, parts, script, options=options), saved


def resume(group: tuple[Kernel, ...], config: Config, parts: Parts,
           states: Mapping[Saved, Path]) -> Job:
    """A boot that resumes these VMs from their states."""
    script = []
    for kernel in group:
        script += _mode(kernel)
        script += [f"resume {name} {vm.vmm} {config.gic} {vm.guest} /states/{vm.name}"
                   for vm in states for name in attempts(config, kernel.name, vm)]
    return job(group, config, parts, script, states)
