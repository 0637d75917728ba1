# SPDX-License-Identifier: GPL-2.0
"""Boot kernels, see which VM can move between which of them, and whether that was predicted.

Leaves matrix.json, matrix.tap, matrix.md, matrix.svg and matrix.count in the directory of the
results. Exit status: 0, 1 if a prediction was wrong or a kernel gave no answer, 2 for an error.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from matrix import cells, changes, machines, page, picture, planted, store, tap
from matrix.boots import Boots, Place
from matrix.cells import Cell, CannotVerify
from matrix.jobs import Programs
from matrix.machines import Kernel
from matrix.results import Host, Results
from vm import qemu
from vm.matrix import CPUS, GIC_VERSIONS, BadSelection

# What a VM of kvmfit needs beside the guest's memory is little.
NAMES = ("matrix.json", "matrix.tap", "matrix.md", "matrix.svg")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, about in (("cache", "where scripts/kernels.sh puts stock kernels"),
                        ("image", "this project's kernel"),
                        ("busybox", "a static arm64 busybox"),
                        ("kvmfit", "the directory with kvmfit for x86_64 and aarch64"),
                        ("out", "where the boots' results are kept"),
                        ("results", "directory for what a run gives")):
        parser.add_argument(f"--{name}", type=Path, required=True, help=about)
    parser.add_argument("--kernels", default="", help="their names, separated by spaces")
    parser.add_argument("--cpu", choices=CPUS)
    parser.add_argument("--gic", type=int, choices=GIC_VERSIONS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="boots at a time")
    parser.add_argument("--brief", action="store_true", help="only the part that `make test` runs")
    parser.add_argument("--command", default="make matrix", help="the command, for the page")
    return parser.parse_args()


def version(*argv: str | Path) -> str:
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0].partition(" (")[0].strip()


def host(place: Place) -> Host:
    found = place.measured
    seconds = place.host.seconds()
    return Host(place.machine.cpu, place.kernel.title, found.release if found else "",
                place.kernel.version, place.problem, tuple(found.lacks.items()) if found else (),
                (seconds["measured"], seconds["answers"]))


def judge(boots: Boots, places: list[Place], kernels: tuple[Kernel, ...],
          gone: tuple[Kernel, ...], about: dict[str, str], kvmfit: Path) -> Results:
    """Compare what the hosts said with the predictions."""
    known = cells.sources(places)
    found: list[Cell] = []
    lie = None
    for place in places:
        if not place.answers:
            continue
        here = cells.of_place(kvmfit, boots.states, place, known)
        found += here
        lie = lie or planted.tell(kvmfit, boots.states, place, known, here)
    hosts = tuple(host(place) for place in places)
    return Results(about, tuple(dict.fromkeys(host.machine for host in hosts)),
                   tuple(kernel.title for kernel in kernels), hosts, tuple(found),
                   tuple(changes.of_places(kvmfit, places)), lie,
                   tuple((kernel.title, str(kernel.image)) for kernel in gone))


def report(results: Results, out: Path) -> None:
    """Write the files, and what a person has to know."""
    texts = (json.dumps(results.whole(), indent=1, ensure_ascii=False) + "\n",
             "\n".join(tap.lines(results)) + "\n", page.text(results), picture.svg(results))
    for name, text in zip(NAMES, texts, strict=True):
        store.write(out / name, text)
    passed, failed, skipped = results.counts()
    store.write(out / "matrix.count", f"{passed} {failed} {skipped}\n")
    for line in tap.lines(results):
        if line.startswith("not ok"):
            print(line)
    seconds = sum(sum(host.seconds) for host in results.hosts)
    print(f"matrix: {len(results.cells)} cells of {len(results.hosts)} hosts: {passed} passed, "
          f"{failed} failed, {skipped} skipped; {seconds / 60:.0f} minutes of boots\n"
          f"page, picture, JSON and TAP: {out}/matrix.*")


def run(args: argparse.Namespace) -> int:
    for tool, package in ((qemu.QEMU, "qemu-system-arm"), (qemu.WITH_PARENT[0], "util-linux")):
        if not shutil.which(tool):
            raise BadSelection(f"{tool} not found: apt-get install {package}")
    chosen = machines.select(args.cpu, args.gic, args.brief)
    kernels = machines.kernels(args.kernels.split(), args.cache, args.image, args.brief)
    # An archive may drop one; the others can be compared without it.
    gone = tuple(kernel for kernel in kernels
                 if isinstance(kernel.image, str) and (args.cache / f"{kernel.name}.gone").exists())
    if missing := [kernel for kernel in kernels
                   if isinstance(kernel.image, str) and kernel not in gone]:
        raise BadSelection(f"{missing[0].title}: {missing[0].image}")
    for kernel in gone:
        print(f"      {kernel.title} is left out: {kernel.image}")
    here, guest = (args.kvmfit / arch / "kvmfit" for arch in ("x86_64", "aarch64"))
    for path in (here, guest, args.busybox):
        if not path.is_file():
            raise BadSelection(f"there is no {path}: run 'make setup' and 'make kvmfit'")
    workers = qemu.fitting(max(1, args.jobs), qemu.MEMORY_MIB)
    boots = Boots(args.out, Programs(args.busybox, guest), version(qemu.QEMU, "--version"), workers)
    places = boots.places(chosen, tuple(kernel for kernel in kernels if kernel not in gone))
    begin = time.monotonic()
    print(f"matrix: {len(places)} hosts, two boots each, {workers} at a time", flush=True)
    boots.all(places)
    print(f"matrix: {boots.booted} boots in {(time.monotonic() - begin) / 60:.1f} minutes",
          flush=True)
    about = {"command": args.command, "date": datetime.now(timezone.utc).date().isoformat(),
             "qemu": boots.qemu_version.replace("emulator version ", ""),
             "kvmfit": version(here, "--version").rpartition(" ")[2]}
    results = judge(boots, places, kernels, gone, about, here)
    report(results, args.results)
    return int(results.red)


def main() -> int:
    args = arguments()
    # Treat SIGTERM as Ctrl-C: this program must not end before its VMs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return run(args)
    except (BadSelection, CannotVerify) as why:
        print(f"matrix: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nmatrix: interrupted; finished boots are kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
