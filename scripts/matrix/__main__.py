# SPDX-License-Identifier: GPL-2.0
"""Boot kernels, see which VM can move between which of them, and whether that was predicted.

Leaves matrix.json, matrix.tap, matrix.md, matrix.svg and matrix.count in the directory of the
results. Exit status: 0, 1 if a prediction was wrong or a kernel gave no answer, 2 for an error.
"""

import argparse
import json
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import entry
from matrix import (cells, changes, command, levels, machines, page, picture, planted, store,
                    tap)
from matrix.boots import Boots, Place
from matrix.cells import Cell, CannotVerify
from matrix.jobs import Programs
from matrix.machines import Kernel
from matrix.results import Host, Results
from vm import qemu
from vm.matrix import CPUS, GIC_VERSIONS, BadSelection

NAMES = ("matrix.json", "matrix.tap", "matrix.md", "matrix.svg")


def host(place: Place) -> Host:
    found = place.measured
    seconds = place.host.seconds()
    return Host(place.machine.cpu, place.kernel.title, found.release if found else "",
                place.kernel.version, place.problem, tuple(found.lacks.items()) if found else (),
                (seconds["measured"], seconds["answers"]), found.mutated if found else None)


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
                   tuple((kernel.title, str(kernel.image)) for kernel in gone),
                   tuple(levels.of_places(places)))


def report(results: Results, out: Path) -> None:
    """Write the files, and what a person has to know."""
    texts = (json.dumps(results.whole(), indent=1, ensure_ascii=False) + "\n",
             "\n".join(tap.lines(results)) + "\n", page.text(results), picture.svg(results))
    for name, text in zip(NAMES, texts, strict=True):
        store.write(out / name, text)
    passed, failed, skipped = results.counts()
    store.write(out / "matrix.count", f"{passed} {failed} {skipped}\n")
    command.print_failures(tap.lines(results))
    seconds = sum(sum(host.seconds) for host in results.hosts)
    print(f"matrix: {len(results.cells)} cells of {len(results.hosts)} hosts: {passed} passed, "
          f"{failed} failed, {skipped} skipped; {seconds / 60:.0f} minutes of boots\n"
          f"page, picture, JSON and TAP: {out}/matrix.*")


def run(args: argparse.Namespace) -> int:
    qemu.need_tools()
    chosen = machines.select(args.cpu, args.gic, args.brief)
    kernels = machines.kernels(args.kernels.split(), args.cache, args.image, args.brief)
    there, gone = command.there(kernels, args.cache)
    here, guest = (args.kvmfit / name / "kvmfit" for name in ("host", "aarch64"))
    for path in (here, guest, args.busybox):
        if not path.is_file():
            raise BadSelection(f"there is no {path}: run 'make setup' and 'make kvmfit'")
    workers = qemu.fitting(max(1, args.jobs), qemu.MEMORY_MIB)
    boots = Boots(args.out, Programs(args.busybox, guest), command.version(qemu.QEMU, "--version"),
                  workers)
    places = boots.places(chosen, there)
    begin = time.monotonic()
    print(f"matrix: {len(places)} hosts, two boots each, {workers} at a time", flush=True)
    boots.all(places)
    print(f"matrix: {boots.booted} boots in {(time.monotonic() - begin) / 60:.1f} minutes",
          flush=True)
    about = {"command": args.command, "date": datetime.now(timezone.utc).date().isoformat(),
             "qemu": boots.qemu_version.replace("emulator version ", ""),
             "kvmfit": command.version(here, "--version").rpartition(" ")[2]}
    results = judge(boots, places, kernels, gone, about, here)
    report(results, args.results)
    return int(results.red)


def main() -> int:
    args = command.parser("matrix", __doc__, CPUS, GIC_VERSIONS).parse_args()
    return entry.command("matrix", lambda: run(args), CannotVerify,
                         kept="finished boots are kept")


if __name__ == "__main__":
    sys.exit(main())
