# SPDX-License-Identifier: GPL-2.0
"""The machines that are measured, and the boots for each."""

from dataclasses import dataclass

from vm import matrix
from vm.matrix import Config

# VHE with all features of QEMU, VHE of current servers, nVHE
TABLE = (
    Config("max", 3, "vhe"),
    Config("neoverse-n1", 3, "vhe"),
    Config("cortex-a72", 2, "nvhe"),
)

# One tick of the guest's counter is one nanosecond, which is one instruction.
ICOUNT = ("-icount", "shift=0,sleep=off")
CPU_OPTIONS = "cntfrq=1000000000"
# The plugin needs the addresses of System.map. The timer of the hang detector is counted where it
# interrupts.
PARAMS = "nokaslr nowatchdog"
COMMON_TRAP = "kvm-arm.vgic_v3_common_trap=1"
COMMON_TRAP_PATHS = "icc/*"
# Marks the paths of these boots
COMMON_TRAP_MARK = "+common_trap"

WITH, WITHOUT = "with", "without"


@dataclass(frozen=True)
class Boot:
    """One run of QEMU."""
    config: Config
    # WITH or WITHOUT the overlay
    kernel: str = WITH
    common_trap: bool = False
    # 1 or 2: each kind is booted twice, with the same numbers
    number: int = 1

    @property
    def traced(self) -> bool:
        """The second boot has the plugin, which must not change the numbers."""
        return self.number == 2

    @property
    def what(self) -> str:
        words = ["without the overlay" if self.kernel == WITHOUT else "C and Rust",
                 "common trap" if self.common_trap else "", f"boot {self.number}"]
        return ", ".join(word for word in words if word)

    @property
    def name(self) -> str:
        return f"{self.config.name}, {self.what}"

    @property
    def slug(self) -> str:
        trap = "-common-trap" if self.common_trap else ""
        return f"{self.config.slug}-{self.kernel}{trap}-{self.number}"

    @property
    def params(self) -> str:
        return f"{PARAMS} {COMMON_TRAP}" if self.common_trap else PARAMS

    @property
    def program_options(self) -> list[str]:
        return [*(["-m"] if self.traced else []),
                *(["-p", COMMON_TRAP_PATHS] if self.common_trap else [])]


def select(cpu: str | None, gic: int | None, kvm: str | None) -> tuple[Config, ...]:
    """The machines that match, or else the one machine described."""
    found = tuple(c for c in TABLE
                  if cpu in (None, c.cpu) and gic in (None, c.gic) and kvm in (None, c.kvm))
    return found or matrix.select(cpu, gic, kvm)[:1]


def boots(configs: tuple[Config, ...]) -> list[Boot]:
    found: list[Boot] = []
    for config in configs:
        kinds = [(WITH, False), (WITHOUT, False)]
        if config.gic == 3:
            kinds.append((WITH, True))
        found += [Boot(config, kernel, trap, number)
                  for kernel, trap in kinds for number in (1, 2)]
    return found
