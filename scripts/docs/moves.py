# SPDX-License-Identifier: GPL-2.0
"""What `make matrix` and `make vmm` found, for docs/matrix.md and docs/matrix-vmms.md."""

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from docs.results import NotWhole
from kernels import pins
from matrix import machines
from vmm import boots

COMMAND = "make matrix"
VMM_COMMAND = "make vmm"
VMM_PAGE = "matrix-vmms.md"
FILES = ("matrix.md", "matrix.svg")


def _whole(path: Path, command: str, ran: Callable[[Any], Iterable[str]],
           all_of_it: Callable[[Any], Iterable[str]]) -> None:
    """Raises NotWhole if the results lack something of all that should be in them."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        there = set(ran(found))
        missing = [what for what in all_of_it(found) if what not in there]
    except FileNotFoundError:
        raise NotWhole(f"there is no {path}; '{command}' writes it") from None
    except (ValueError, KeyError, TypeError) as why:
        raise NotWhole(f"{path} is not what '{command}' writes: {why!r}") from None
    if missing:
        raise NotWhole(f"the run left out {missing[0]}"
                       + (f" and {len(missing) - 1} more" if missing[1:] else ""))


def _hosts(found: Any) -> Iterable[str]:
    gone = {name for name, _ in found["gone"]}
    kernels = [*(pin.name for pin in pins.read()),
               *(machines.Kernel(name, "").title for name in (*machines.OWN, *machines.LEVELS))]
    return [f"{kernel} on {machine.cpu}" for machine in machines.MACHINES for kernel in kernels
            if kernel not in gone]


def write(root: Path, out: Path) -> None:
    """Copy the page and the picture of a run of all kernels on all machines."""
    _whole(out / "matrix.json", COMMAND,
           lambda found: (f"{host['kernel']} on {host['machine']}" for host in found["hosts"]),
           _hosts)
    for name in FILES:
        shutil.copyfile(out / name, root / "docs" / name)


def _moves(found: Any) -> Iterable[str]:
    kernels = [name for name in boots.KERNELS if name not in found["gone"]]
    return [f"{machine.cpu}: {name}, {source} → {kernel}" for machine in boots.MACHINES
            for name in boots.VMMS for source in kernels for kernel in kernels]


def write_vmms(root: Path, out: Path) -> None:
    """Copy the page of a run of all kernels and VMMs on all machines."""
    _whole(out / "vmm.json", VMM_COMMAND,
           lambda found: (f"{cell['machine']}: {cell['vmm']}, {cell['from']} → {cell['on']}"
                          for cell in found["cells"]), _moves)
    shutil.copyfile(out / "vmm.md", root / "docs" / VMM_PAGE)
