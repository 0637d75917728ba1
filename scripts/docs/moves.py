# SPDX-License-Identifier: GPL-2.0
"""What `make matrix` found, for docs/matrix.md."""

import json
import shutil
from pathlib import Path

from docs.results import NotWhole
from kernels import pins
from matrix import machines

COMMAND = "make matrix"
FILES = ("matrix.md", "matrix.svg")


def write(root: Path, out: Path) -> None:
    """Copy the page and the picture of a run of all kernels on all machines."""
    path = out / "matrix.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        ran = {(host["machine"], host["kernel"]) for host in found["hosts"]}
        gone = {name for name, _ in found["gone"]}
    except FileNotFoundError:
        raise NotWhole(f"there is no {path}; '{COMMAND}' writes it") from None
    except (ValueError, KeyError, TypeError) as why:
        raise NotWhole(f"{path} is not what '{COMMAND}' writes: {why!r}") from None
    kernels = [*(pin.name for pin in pins.read()),
               *(machines.Kernel(mode, "").title for mode in machines.OWN)]
    if missing := [f"{kernel} on {machine.cpu}" for machine in machines.MACHINES
                   for kernel in kernels
                   if kernel not in gone and (machine.cpu, kernel) not in ran]:
        raise NotWhole(f"the run left out {missing[0]}"
                       + (f" and {len(missing) - 1} more" if missing[1:] else ""))
    for name in FILES:
        shutil.copyfile(out / name, root / "docs" / name)
