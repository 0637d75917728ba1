# SPDX-License-Identifier: GPL-2.0
"""The machines and the kernels of the matrix."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from driver.variables import GOOD
from kernels import pins
from vm import matrix
from vm.matrix import BadSelection, Config

MACHINES = (
    Config("neoverse-n1", 3, "vhe"),
    Config("neoverse-v1", 3, "vhe"),
    Config("neoverse-n2", 3, "vhe"),
    Config("max", 3, "vhe"),
    Config("cortex-a72", 2, "nvhe"),
    Config("a64fx", 3, "vhe"),
)
# VMs move between these CPUs, too, in both directions.
_PAIRS = (("neoverse-n1", "neoverse-v1"), ("neoverse-v1", "neoverse-n2"))
CROSS = frozenset(_PAIRS + tuple((b, a) for a, b in _PAIRS))

# This project's kernel, by its mode; or by the level of its VMs, which are as under the kernel that
# is named after these letters
AT = "at-"
OWN = tuple(name for name in GOOD["KERNELS"] if not name.startswith(AT))
LEVELS = tuple(name for name in GOOD["KERNELS"] if name.startswith(AT))
# What `make test` has time for
BRIEF_KERNELS = ("6.12", "6.18", "rust")
BRIEF_CPU = "neoverse-n1"

# How many VMs each host is given that were changed at random. This project's kernel is also given
# each of them as a set, in one of its modes, and more of them: ten thousand on four machines.
MUTATED = 200
MUTATED_AS_SETS = 2500


@dataclass(frozen=True)
class Kernel:
    """A kernel, in a mode if it is this project's."""
    name: str
    # The kernel, or why there is none
    image: Path | str
    params: str = ""
    # The package's version; of this project's kernel, none
    version: str = ""
    # How many VMs it is given that were changed at random
    mutated: int = MUTATED

    @property
    def title(self) -> str:
        """In tables."""
        if self.name in LEVELS:
            return f"this (at {self.is_as})"
        return f"this ({self.name.title()})" if self.name in OWN else self.name

    @property
    def is_as(self) -> str:
        """The kernel whose behaviour its VMs have."""
        return self.name.removeprefix(AT)


def select(cpu: str | None, gic: int | None, brief: bool = False) -> tuple[Config, ...]:
    """The machines of the table, or the one that the user describes."""
    if brief and not cpu:
        cpu = BRIEF_CPU
    if not cpu and not gic:
        return MACHINES
    found = tuple(machine for machine in MACHINES
                  if cpu in (None, machine.cpu) and gic in (None, machine.gic))
    return found or matrix.select(cpu, gic, None)[:1]


def kernels(names: Iterable[str], cache: Path, own: Path,
            brief: bool = False) -> tuple[Kernel, ...]:
    """The kernels of these names, by default all, the oldest first."""
    listed = pins.read()
    known = [*(pin.name for pin in listed), *OWN, *LEVELS]
    wanted = tuple(names) or (BRIEF_KERNELS if brief else tuple(known))
    if unknown := [name for name in wanted if name not in known]:
        raise BadSelection(f"no kernel '{unknown[0]}'; the kernels are: {', '.join(known)}")
    stock = [Kernel(pin.name, pins.image(cache, pin.name), version=pin.version)
             for pin in listed if pin.name in wanted]
    image: Path | str = own if own.is_file() else f"there is no {own}: run 'make kernel'"
    more = {} if brief else {"rust": MUTATED_AS_SETS}
    return (*stock, *(Kernel(mode, image, f"kvm-arm.abi={mode}",
                             mutated=more.get(mode, MUTATED)) for mode in OWN if mode in wanted),
            *(Kernel(name, image, f"kvm-arm.abi=rust kvm-arm.compat={name.removeprefix(AT)}")
              for name in LEVELS if name in wanted))


def moves(source: Config, destination: Config) -> bool:
    """Whether VMs move between these machines."""
    return source == destination or (source.cpu, destination.cpu) in CROSS
