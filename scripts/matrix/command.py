# SPDX-License-Identifier: GPL-2.0
"""What the commands that boot many kernels have in common: their arguments, what they need, and
which kernels are left out."""

import argparse
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from matrix.machines import Kernel
from vm.matrix import BadSelection

# The files and directories that each of them gets
PLACES = (("cache", "where scripts/kernels.sh puts stock kernels"),
          ("image", "this project's kernel"),
          ("busybox", "a static arm64 busybox"),
          ("kvmfit", "the directory with kvmfit for this machine and for arm64"))
RESULTS = (("out", "where the boots' results are kept"),
           ("results", "directory for what a run gives"))


def parser(name: str, about: str | None, cpus: Iterable[str], gics: Iterable[int],
           places: Iterable[tuple[str, str]] = ()) -> argparse.ArgumentParser:
    """The parser of the command `make NAME`, which gets more `places`."""
    made = argparse.ArgumentParser(prog=name, description=about,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    for place, text in (*PLACES, *places, *RESULTS):
        made.add_argument(f"--{place}", type=Path, required=True, help=text)
    made.add_argument("--kernels", default="", help="their names, separated by spaces")
    made.add_argument("--cpu", choices=list(cpus))
    made.add_argument("--gic", type=int, choices=list(gics))
    made.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="boots at a time")
    made.add_argument("--brief", action="store_true", help="only the part that `make test` runs")
    made.add_argument("--command", default=f"make {name}", help="the command, for the page")
    return made


def version(*argv: str | Path) -> str:
    """The first line that a program prints, without the distribution's version."""
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0].partition(" (")[0].strip()


def there(kernels: Iterable[Kernel], cache: Path) -> tuple[tuple[Kernel, ...], tuple[Kernel, ...]]:
    """The kernels of this run, and those that are left out, which this says: an archive may drop
    one, and the others can be compared without it. Raises BadSelection if one is missing."""
    here: list[Kernel] = []
    gone: list[Kernel] = []
    for kernel in kernels:
        if not isinstance(kernel.image, str):
            here.append(kernel)
        elif (cache / f"{kernel.name}.gone").exists():
            gone.append(kernel)
        else:
            raise BadSelection(f"{kernel.title}: {kernel.image}")
    for kernel in gone:
        print(f"      {kernel.title} is left out: {kernel.image}")
    return tuple(here), tuple(gone)


def print_failures(lines: Iterable[str]) -> None:
    """Print what failed of a TAP."""
    for line in lines:
        if line.startswith("not ok"):
            print(line)
