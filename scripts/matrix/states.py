# SPDX-License-Identifier: GPL-2.0
"""The VMs whose states are moved: what features they have, and what a template changes in them."""

import json
from dataclasses import dataclass

from vm.matrix import Config


@dataclass(frozen=True)
class Change:
    """Bits of a register that a VMM sets before the VM runs."""
    id: int
    # Of which bit on, and how many
    shift: int
    width: int
    value: int

    @property
    def bitmap(self) -> str:
        """As CPU templates of Firecracker have it: x is a bit that stays."""
        digits = f"{self.value:0{self.width}b}{'x' * self.shift}"
        return f"0b{digits.rjust(64, 'x')}"


@dataclass(frozen=True)
class Kind:
    """A kind of VM."""
    name: str
    about: str
    # Names of kvmfit
    features: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def template(self) -> str | None:
        """A CPU template in Firecracker's format, which kvmfit reads."""
        if not self.changes:
            return None
        return json.dumps({"reg_modifiers": [
            {"addr": f"{change.id:#x}", "bitmap": change.bitmap} for change in self.changes]})

    def options(self, machine: Config) -> str:
        """The features, with the interrupt controller of the machine."""
        return ",".join((*self.features, f"vgic_v{machine.gic}"))


MIDR_EL1 = 0x603000000013C000
ID_AA64PFR1_EL1 = 0x603000000013C021
PSCI_VERSION = 0x6030000000140000
STD_BMAP = 0x6030000000160000

DEFAULT = "default"
KINDS = (
    Kind(DEFAULT, "a new VM"),
    Kind("pmu", "with a PMU", ("pmu",)),
    Kind("sve", "with SVE", ("sve",)),
    Kind("pauth", "with pointer authentication", ("pauth",)),
    Kind("all", "with SVE, a PMU and pointer authentication", ("sve", "pmu", "pauth")),
    Kind("ssbs-hidden", "ID_AA64PFR1_EL1.SSBS hidden by a CPU template",
         changes=(Change(ID_AA64PFR1_EL1, 4, 4, 0),)),
    Kind("psci-1.0", "PSCI 1.0 chosen", changes=(Change(PSCI_VERSION, 0, 32, 0x10000),)),
    Kind("trng-off", "the TRNG taken from the firmware's bitmap of standard services",
         changes=(Change(STD_BMAP, 0, 1, 0),)),
    Kind("midr-changed", "another revision in MIDR_EL1", changes=(Change(MIDR_EL1, 0, 4, 0xf),)),
)


def file_name(machine: Config, kernel: str, kind: str) -> str:
    """The name of a state's file."""
    return f"{machine.slug}+{kernel}+{kind}.json"


def moved(kind: str, same_machine: bool) -> bool:
    """Whether states of the kind are moved: to another CPU only new VMs are."""
    return same_machine or kind == DEFAULT
