# SPDX-License-Identifier: GPL-2.0
"""Let real VMMs save VMs under one kernel and resume them under another, and see whether that is
what kvmfit predicts.

Leaves vmm.json, vmm.tap, vmm.md and vmm.count in the directory of the results. Exit status: 0, 1 if
a prediction was wrong or a guest suffered, 2 for an error.
"""

import argparse
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import entry
from kernels.pins import COLUMNS
from matrix import command, machines, store
from matrix.machines import Kernel
from rows import read_rows
from vm import qemu
from vm.matrix import BadSelection, Config
from vmm import boots, cells, run, tour
from vmm.boots import GUESTS, HERE, MACHINES, QEMUS, SMALL, VMMS, Parts, Saved
from vmm.cells import Cell
from vmm.page import page
from vmm.report import Boot, Machine, Results, tap, whole
from vmm.run import Group, Run

# What it gets beside what `make matrix` gets
PLACES = (("vmms", "the archive of scripts/vmm/get.sh"),
          ("parts", "the directory of scripts/vmm/parts.sh"))
# Each boot has the states of all VMs in memory.
MEMORY_MIB = 3072


class CannotPlan(Exception):
    """kvmfit failed."""


def arguments() -> argparse.Namespace:
    parser = command.parser("vmm", __doc__, [machine.cpu for machine in MACHINES],
                            [machine.gic for machine in MACHINES], PLACES)
    parser.add_argument("--vmm", choices=VMMS, help="only this one")
    for name in SMALL:
        parser.add_argument(f"--{name}", type=Path, help="a real one, for arm64")
    return parser.parse_args()


def versions(real: Mapping[str, Path]) -> dict[str, str]:
    """The VMMs by their names, as `QEMU 10.0.13`."""
    rows = (words for _, words in read_rows(HERE / "pinned", COLUMNS))
    found = {name: f"QEMU {version.partition(':')[2].partition('+')[0]}"
             for name, _, _, version, *_ in rows if name in QEMUS}
    return found | {name: f"{name}, {real[name]}" if name in real else f"the small VMM as {name}"
                    for name in SMALL}


def real(args: argparse.Namespace) -> dict[str, Path]:
    """The real VMMs that the user has. Raises BadSelection if one cannot run on arm64."""
    found = {}
    for name in SMALL:
        path = getattr(args, name.replace("-", "_"))
        if path is None:
            continue
        head = path.open("rb").read(20) if path.is_file() else b""
        # ELF, 64 bits, little-endian, AArch64
        if head[:6] != b"\x7fELF\2\1" or head[18:20] != b"\xb7\0":
            raise BadSelection(f"{path} is not a program for arm64; give {name}'s")
        found[name] = path
    return found


def state_of(vm: Saved, archive: Path, source: Path) -> Path:
    """The file that kvmfit reads of a saved VM. What the small VMM and cloud-hypervisor save has
    one in it; Firecracker's is for its own programs, but its VM is a new one of the host."""
    if vm.vmm not in SMALL:
        return archive
    path = archive.with_name(f"{archive.name}.json")
    with tarfile.open(archive) as files:
        try:
            content = files.extractfile("./state.json")
        except KeyError:
            return source
        store.write(path, content.read().decode() if content else "")
    return path


def plan(kvmfit: Path, vmm: str, state: Path, dump: Path) -> dict[str, Any]:
    """What kvmfit says of a state and a host."""
    done = subprocess.run([kvmfit, "plan", "--json", "--vmm", vmm, state, dump], check=False,
                          capture_output=True, text=True)
    if done.returncode not in (0, 1, 2) or not done.stdout:
        raise CannotPlan(f"{state.name}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _texts(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()} \
        if place.is_dir() else {}


def judge(run_: Run, config: Config, group: Group, kvmfit: Path) -> list[Cell]:
    """What one boot says of all VMs."""
    found = []
    for kernel in group:
        dump_path = run_.place(config, "save", group) / f"{kernel.name}.json"
        dump = json.loads(dump_path.read_text(encoding="utf-8"))
        for source in run_.groups:
            for vm, state in run_.saved(config, source).items():
                names = boots.attempts(config, kernel.name, vm)
                if not names:
                    continue
                source_dump = run_.place(config, "save", source) / f"{vm.kernel}.json"
                said = plan(kvmfit, vm.vmm, state_of(vm, state, source_dump), dump_path)
                before = _texts(run_.place(config, "save", source) / vm.name)
                uart = before.get("uart", b"").decode()
                predicted = cells.predicted(said)
                lengths = (len(said["order"]), cells.sent(dump, said["features"]))
                for time, name in enumerate(names, 1):
                    tried = cells.attempt(_texts(run_.place(config, "resume", group) / name))
                    cell = cells.judge(vm, kernel.name, uart, tried, predicted, lengths)
                    found.append(replace(cell, time=time))
    return found


def not_saved(run_: Run, config: Config, group: Group) -> list[str]:
    """The VMs of a boot that should be there, and are not: they have no cells."""
    place = run_.place(config, "save", group)
    found = []
    for vm, path in run_.states(config, group).items():
        if not path.is_file():
            why = _texts(place / vm.name).get("problem", b"").decode(errors="replace").split("\n")
            found.append(f"{config.cpu}, GICv{config.gic}: {vm.name} was not saved: "
                         f"{'; '.join(filter(None, why)) or 'nothing says why'}")
    return found


def timed(run_: Run) -> tuple[Boot, ...]:
    """The boots that gave what is there."""
    found = []
    for config in run_.machines:
        saved = [vm for group in run_.groups for vm in run_.saved(config, group)]
        for group in run_.groups:
            names = tuple(kernel.name for kernel in group)
            for what, vms in (("save", len(run_.saved(config, group))),
                              ("resume", sum(len(boots.attempts(config, kernel.name, vm))
                                             for kernel in group for vm in saved))):
                seconds = run_.seconds(config, what, group)
                if seconds is not None:
                    found.append(Boot(f"{config.cpu}, GICv{config.gic}", names, what, vms, seconds))
    return tuple(found)


def results(run_: Run, kvmfit: Path, about: dict[str, str], problems: list[str],
            gone: Iterable[Kernel] = ()) -> Results:
    """What all boots say."""
    found = []
    problems = list(problems)
    for config in run_.machines:
        here: list[Cell] = []
        for group in run_.groups:
            if run_.seconds(config, "save", group) is not None:
                problems += not_saved(run_, config, group)
            if run_.seconds(config, "resume", group) is not None:
                here += judge(run_, config, group, kvmfit)
        found.append(Machine(config.cpu, config.gic, tuple(here)))
    kernels = [kernel for group in run_.groups for kernel in group]
    return Results(about, {kernel.name: kernel.title for kernel in kernels}, tuple(found),
                   tuple(problems), timed(run_),
                   {kernel.name: kernel.version for kernel in kernels if kernel.version},
                   {kernel.name: str(kernel.image) for kernel in gone})


def report(found: Results, out: Path) -> None:
    """Write the files, and what a person has to know."""
    lines = tap(found)
    store.write(out / "vmm.json", json.dumps(whole(found), indent=1, ensure_ascii=False) + "\n")
    store.write(out / "vmm.tap", "\n".join(lines) + "\n")
    store.write(out / "vmm.md", page(found))
    passed, failed, skipped = found.counts()
    store.write(out / "vmm.count", f"{passed} {failed} {skipped}\n")
    command.print_failures(lines)
    print(f"vmm: {len(found.cells)} moves: {passed} passed, {failed} failed\n"
          f"page, JSON and TAP: {out}/vmm.*")


def brief(args: argparse.Namespace, parts: Parts) -> int:
    """The part that `make test` runs."""
    if not args.image.is_file():
        raise BadSelection(f"there is no {args.image}: run 'make kernel'")
    verdicts = tour.run(args.image, parts, args.out / "tour")
    failed = sum(bool(verdict.problems) for verdict in verdicts)
    lines = tour.tap(verdicts)
    store.write(args.results / "vmm.tap", "\n".join(lines) + "\n")
    store.write(args.results / "vmm.count", f"{len(verdicts) - failed} {failed} 0\n")
    print("\n".join(f"      {line}" for line in lines[2:]))
    return int(failed > 0)


def chosen(args: argparse.Namespace) -> tuple[
        tuple[Kernel, ...], tuple[Kernel, ...], tuple[Config, ...]]:
    """The kernels of this run, those that are left out, and the machines."""
    kernels = machines.kernels(args.kernels.split() or boots.KERNELS, args.cache, args.image)
    there, gone = command.there(kernels, args.cache)
    configs = tuple(config for config in MACHINES
                    if args.cpu in (None, config.cpu) and args.gic in (None, config.gic))
    if not there or not configs:
        raise BadSelection("no kernel is left on any machine")
    return there, gone, configs


def full(args: argparse.Namespace, parts: Parts, kvmfit: Path) -> int:
    """All kernels on all machines, as far as the user does not narrow it."""
    kernels, gone, configs = chosen(args)
    jobs = qemu.fitting(max(1, args.jobs), MEMORY_MIB)
    qemu_version = command.version(qemu.QEMU, "--version")
    vmms = (args.vmm,) if args.vmm else VMMS
    run_ = Run(parts, boots.groups(kernels), configs, vmms, GUESTS, qemu_version, args.out, jobs,
               lambda text: print(text, flush=True))
    problems = run.all_boots(run_)
    about = {"command": args.command, "date": datetime.now(timezone.utc).date().isoformat(),
             "qemu": qemu_version.replace("emulator version ", ""), "jobs": str(jobs),
             "kvmfit": command.version(kvmfit, "--version").rpartition(" ")[2],
             **{vmm: name for vmm, name in versions(parts.real).items() if vmm in vmms}}
    found = results(run_, kvmfit, about, problems, gone)
    report(found, args.results)
    return int(found.counts()[1] > 0)


def parts_of(args: argparse.Namespace) -> Parts:
    """What the kernels under test get. Raises BadSelection if something is missing."""
    qemu.need_tools()
    built = args.parts
    parts = Parts(busybox=args.busybox, kvmfit=args.kvmfit / "aarch64/kvmfit", vmms=args.vmms,
                  small=built / "kvmfit-vmm", probe=built / "probe",
                  debian=args.cache / boots.GUEST_KERNEL / "vmlinuz",
                  debian_initrd=built / "debian.cpio", api=built / "vmm-api",
                  example=built / "restore", real=real(args))
    for path in (parts.busybox, parts.kvmfit, parts.vmms, parts.small, parts.probe, parts.debian,
                 parts.debian_initrd, parts.api, parts.example):
        if not path.is_file():
            raise BadSelection(f"there is no {path}: run 'make vmm'")
    return parts


def main() -> int:
    args = arguments()
    kvmfit = args.kvmfit / "host/kvmfit"

    def run_it() -> int:
        parts = parts_of(args)
        return brief(args, parts) if args.brief else full(args, parts, kvmfit)

    return entry.command("vmm", run_it, CannotPlan, ValueError, kept="finished boots are kept")


if __name__ == "__main__":
    sys.exit(main())
