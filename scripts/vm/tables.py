# SPDX-License-Identifier: GPL-2.0
"""The files cpus, machines and tests: on what the kernel is booted, and what runs there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from driver.variables import GOOD
from rows import Where, read_rows

HERE = Path(__file__).resolve().parent
ABI_MODES = GOOD["ABI"]
GIC_VERSIONS = tuple(map(int, GOOD["GIC"]))
KVM_MODES = GOOD["MODE"]
# KVM switched off (kvm-arm.mode=none), and a machine without EL2
NONE = "none"
NO_EL2 = "no-el2"
WITHOUT_KVM = (NONE, NO_EL2)
# What runs on a machine, apart from tests
ALL, MAIN, BOOT = "all", "main", "boot"
SURFACES = ("fw_reg", "id_reg", "reg_masks", "vgic_v2", "smccc", "smccc_filter")
FEATURES = ("vhe", "nv2")
FLAGS = ("flips", "opt-in", "races", "quick", "long", "alone", "debug", "timed", "seeded")
BRIEF = "brief="


@dataclass(frozen=True)
class Cpu:
    name: str
    vhe: bool
    nv2: bool


@dataclass(frozen=True)
class Config:
    """A machine and how KVM is to run on it."""
    cpu: str
    gic: int
    kvm: str
    # Host state: kernel parameters such as those of mitigations
    params: str = ""
    # A host state runs only these tests; a configuration without any runs every test.
    only: tuple[str, ...] = field(default=())
    modes: tuple[str, ...] = ABI_MODES

    @property
    def name(self) -> str:
        words = [self.cpu, f"GICv{self.gic}", self.kvm, self.params]
        return " ".join(word for word in words if word)

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-").replace("=", "-")

    def wanted(self, tests: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(t for t in tests if not self.only or t in self.only)

    @property
    def el2(self) -> bool:
        """Whether the machine has EL2, which KVM needs."""
        return self.kvm != NO_EL2

    @property
    def kernel_params(self) -> str:
        plain = self.kvm in ("vhe", NO_EL2) or self.forced_nvhe
        mode = "" if plain else f"kvm-arm.mode={self.kvm}"
        return " ".join(word for word in (mode, self.params) if word)

    @property
    def forced_nvhe(self) -> bool:
        return self.kvm == "nvhe" and self.cpu in CPUS_WITHOUT_VHE

    @property
    def expected_kvm(self) -> str | None:
        """The mode that KVM reports in the kernel's log, or None if it must not come up."""
        if self.kvm in WITHOUT_KVM:
            return None
        if self.kvm == "protected":
            vhe = "nVHE" if self.cpu in CPUS_WITHOUT_VHE else "hVHE"
            return f"Protected {vhe}"
        return {"vhe": "VHE", "nvhe": "Hyp nVHE", "nested": "VHE+NV2"}[self.kvm]


@dataclass(frozen=True)
class Machine:
    """A row of the file machines."""
    config: Config
    main: bool

    @property
    def state(self) -> bool:
        """Whether it is a state of the host, which runs only some tests."""
        return bool(self.config.only)


@dataclass(frozen=True)
class Test:
    """A row of the file tests, which says what the flags mean."""
    name: str
    calls: tuple[str, ...]
    only_in: tuple[str, ...]
    flags: frozenset[str]
    # The CPUs of the debug kernel's machines on which `make test-debug` runs it
    brief: tuple[str, ...]


def _words(where: Where, what: str, text: str, good: Iterable[str]) -> tuple[str, ...]:
    """The words of a list; "-" is an empty one, "*" has all."""
    good = tuple(good)
    if text in ("-", "*"):
        return good if text == "*" else ()
    found = tuple(word.strip() for word in text.split(","))
    for word in found:
        if word not in good:
            raise where.bad(f"no {what} '{word}'; good values: {', '.join(good)}")
    if len(set(found)) < len(found):
        raise where.bad(f"a {what} is listed twice")
    return found


def _one(where: Where, what: str, text: str, good: Iterable[str]) -> str:
    good = tuple(good)
    if text not in good:
        raise where.bad(f"no {what} '{text}'; good values: {', '.join(good)}")
    return text


def read_cpus(path: Path = HERE / "cpus") -> tuple[Cpu, ...]:
    found: dict[str, Cpu] = {}
    for where, (name, text) in read_rows(path, "cpu | has"):
        if name in found:
            raise where.bad(f"{name} is listed twice")
        features = _words(where, "feature", text, FEATURES)
        found[name] = Cpu(name, "vhe" in features, "nv2" in features)
    return tuple(found.values())


_CPUS = read_cpus()
CPUS = tuple(cpu.name for cpu in _CPUS)
CPUS_WITHOUT_VHE = tuple(cpu.name for cpu in _CPUS if not cpu.vhe)
CPUS_WITH_NV2 = tuple(cpu.name for cpu in _CPUS if cpu.nv2)


def impossible(cpu: str, gic: int, kvm: str) -> str | None:
    """Why there is no such machine, or None."""
    if kvm == "vhe" and cpu in CPUS_WITHOUT_VHE:
        return (f"MODE=vhe: {cpu} is Armv8.0 and has no VHE; good values with it: nvhe, "
                "protected")
    if kvm == "nested" and cpu not in CPUS_WITH_NV2:
        return (f"MODE=nested: {cpu} has no nested virtualization in QEMU; good value with it: "
                f"CPU={', '.join(CPUS_WITH_NV2)}")
    if kvm in ("nested", "protected") and gic == 2:
        return f"MODE={kvm} needs GIC=3"
    return None


def read_tests(path: Path = HERE / "tests") -> tuple[Test, ...]:
    found: dict[str, Test] = {}
    good = (*FLAGS, *(f"{BRIEF}{cpu}" for cpu in CPUS))
    for where, (name, surfaces, modes, text) in read_rows(path, "test | surfaces | modes | flags"):
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or name in (ALL, MAIN, BOOT):
            raise where.bad(f"'{name}' is not the name of a test")
        if name in found:
            raise where.bad(f"{name} is listed twice")
        only_in = _words(where, "mode", modes, ABI_MODES)
        if not only_in:
            raise where.bad(f"{name} runs in no mode")
        flags = _words(where, "flag", text, good)
        found[name] = Test(name, _words(where, "surface", surfaces, SURFACES), only_in,
                           frozenset(flags).intersection(FLAGS),
                           tuple(flag.removeprefix(BRIEF) for flag in flags
                                 if flag.startswith(BRIEF)))
    return tuple(found.values())


def read_machines(tests: Iterable[str], path: Path = HERE / "machines") -> tuple[Machine, ...]:
    """The machines; those that run everything come first."""
    found: dict[str, Machine] = {}
    tests = tuple(tests)
    for where, (cpu, gic, kvm, params, runs, modes) in read_rows(
            path, "cpu | GIC | KVM | parameters | runs | modes"):
        only: tuple[str, ...] = ()
        if runs not in (ALL, MAIN):
            only = _words(where, "test", runs, (*tests, BOOT))
            if not only or runs == "*":
                raise where.bad(f"say what runs there: {ALL}, {MAIN} or names of tests")
        config = Config(_one(where, "CPU", cpu, CPUS),
                        int(_one(where, "GIC", gic, map(str, GIC_VERSIONS))),
                        _one(where, "mode of KVM", kvm, (*KVM_MODES, *WITHOUT_KVM)),
                        "" if params == "-" else params, only,
                        _words(where, "mode", modes, ABI_MODES))
        if why := impossible(cpu, config.gic, kvm):
            raise where.bad(why)
        if not config.modes:
            raise where.bad("no kernel is booted there in any mode")
        if (BOOT in only) != (config.expected_kvm is None) or BOOT in only and len(only) > 1:
            raise where.bad(f"without KVM only the boot is tested ('{BOOT}'), with it tests are")
        if config.name in found:
            raise where.bad(f"{config.name} is listed twice")
        if not only and any(machine.state for machine in found.values()):
            raise where.bad(f"{config.name} runs every test: such machines come first")
        found[config.name] = Machine(config, runs == MAIN)
    return tuple(found.values())
