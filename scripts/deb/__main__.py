# SPDX-License-Identifier: GPL-2.0
"""Install the package of the kernel in a Debian system in QEMU, boot it there, and go back.

Leaves test-deb.tap and test-deb.count in the directory of the results. Exit status: 0, 1 if
something did not work, 2 for an error.
"""

import argparse
import sys
from pathlib import Path

import entry
from deb import machine, root, trial
from deb.machine import Hardware, Lost, Machine
from deb.packages import BadPackage
from deb.trial import Parts, Trial
from kernels.initramfs import CannotPack
from matrix import store
from rows import BadSelection
from vm import qemu
from vm.matrix import MAIN

# The first machine of `make run` that has VHE
MACHINE = next(config for config in MAIN if config.kvm == "vhe" and config.gic == 3)
PLACES = (("package", "the directory in which `make deb` has left the package"),
          ("debian", "where scripts/deb/root.sh puts Debian's packages"),
          ("kvmfit", "the directory with kvmfit for this machine and for arm64"),
          ("selftests", "the installed selftests"), ("busybox", "a static arm64 busybox"),
          ("out", "where the system and what it says are kept"),
          ("results", "directory for what a run gives"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="test-deb", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, text in PLACES:
        parser.add_argument(f"--{name}", type=Path, required=True, help=text)
    return parser.parse_args()


def package(place: Path) -> Path:
    """The only package of the directory."""
    found = sorted(place.glob("linux-image-*_arm64.deb"))
    if len(found) != 1:
        raise BadSelection(f"there are {len(found)} packages in {place}, not one: run 'make deb'")
    return found[0]


def run(args: argparse.Namespace) -> int:
    qemu.need_tools()
    parts = Parts(package(args.package), args.kvmfit / "aarch64/kvmfit",
                  args.kvmfit / "host/kvmfit", args.selftests, args.busybox)
    for path in (parts.kvmfit, parts.host_kvmfit, parts.busybox, args.debian / "of",
                 *(parts.selftests / "kvm" / name for name in trial.TESTS)):
        if not path.is_file():
            raise BadSelection(f"there is no {path}: run 'make test-deb'")
    args.out.mkdir(parents=True, exist_ok=True)
    there = root.make(args.debian, args.busybox, args.out / "root")
    archive = trial.archive(parts, args.out)
    firmware = args.debian / "firmware"
    hardware = Hardware(MACHINE, firmware / "AAVMF_CODE.fd",
                        machine.variables(firmware / "AAVMF_VARS.fd", args.out),
                        root.disks(root.USUAL, there.disk, archive, root.FORGOTTEN))
    with Machine(hardware, args.out) as running:
        verdicts = Trial(running, parts, there.release, args.out).run()
    archive.unlink()
    failed = sum(bool(verdict.problems) for verdict in verdicts)
    skipped = sum(bool(verdict.skipped) for verdict in verdicts)
    passed = len(verdicts) - failed - skipped
    store.write(args.results / "test-deb.tap", "\n".join(trial.tap(verdicts)) + "\n")
    store.write(args.results / "test-deb.count", f"{passed} {failed} {skipped}\n")
    print(f"test-deb: {passed} passed, {failed} failed, {skipped} skipped; {parts.package.name} on "
          f"{MACHINE.name}\nTAP: {args.results}/test-deb.tap, consoles: {args.out}")
    return int(failed > 0)


def main() -> int:
    args = arguments()
    return entry.command("test-deb", lambda: run(args), root.CannotMake, BadPackage, CannotPack,
                         Lost)


if __name__ == "__main__":
    sys.exit(main())
