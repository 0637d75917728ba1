# SPDX-License-Identifier: GPL-2.0
"""The machines that the kernel is booted on, and the tests that run there."""

from dataclasses import dataclass, replace

from rows import BadSelection
from vm import tables
# Others take these from here, too.
from vm.tables import (ABI_MODES, CPUS, CPUS_WITHOUT_VHE, GIC_VERSIONS, KVM_MODES, NO_EL2, NONE,
                       SURFACES, Config)

# How TCG runs the CPUs: all in turn in one host thread, or each in a thread. With a thread
# for each, a CPU can keep a translation of code that another CPU has just patched.
SINGLE = "single"
MULTI = "multi"

TESTS = tables.read_tests()
TEST_NAMES = tuple(test.name for test in TESTS)


def _flagged(flag: str) -> tuple[str, ...]:
    return tuple(test.name for test in TESTS if flag in test.flags)


FLIPPING = frozenset(_flagged("flips"))
OPT_IN_TESTS = _flagged("opt-in")
RACING = frozenset(_flagged("races"))
TIMED = _flagged("timed")
SEEDED = _flagged("seeded")
LONG = _flagged("long")
QUICK = _flagged("quick")
ALONE = frozenset(_flagged("alone"))
DEBUG = frozenset(_flagged("debug"))
ONLY_IN = {test.name: test.only_in for test in TESTS}
BRIEF = {test.name: test.brief for test in TESTS if test.brief}

_MACHINES = tables.read_machines(TEST_NAMES)
TABLE = tuple(machine.config for machine in _MACHINES if not machine.state)
MAIN = tuple(machine.config for machine in _MACHINES if machine.main)
HOST_STATES = tuple(machine.config for machine in _MACHINES if machine.state)
# Of the debug kernel
DEBUG_MODES = ("check", "rust")


@dataclass(frozen=True)
class Options:
    """How long the timed tests run, the seed of the random numbers, and whether the bugs of the
    base are fixed, so that no test makes the kernel warn."""
    seconds: int | None = None
    seed: str | None = None
    fixed: bool = False

    def of(self, test: str) -> tuple[str, ...]:
        timed = ("-t", str(self.seconds)) if self.seconds and test in TIMED else ()
        seeded = ("-s", self.seed) if self.seed and test in SEEDED else ()
        warning = ("-w",) if self.fixed and test == "base_bugs" else ()
        return (*timed, *seeded, *warning)


@dataclass(frozen=True)
class Boot:
    """One run of QEMU."""
    config: Config
    abi: str
    tests: tuple[str, ...]
    options: Options = Options()
    # SINGLE or MULTI
    threads: str = SINGLE
    # The kernel has to choose the mode by itself: its command line says nothing about the overlay.
    by_default: bool = False

    @property
    def slug(self) -> str:
        words = [self.config.slug, self.abi, "default" if self.by_default else "",
                 "races" if self.threads == MULTI else ""]
        return "-".join(word for word in words if word)

    @property
    def name(self) -> str:
        races = "(races)" if self.threads == MULTI else ""
        default = "(default)" if self.by_default else ""
        return " ".join(word for word in (self.config.name, self.abi, default, races) if word)

    @property
    def counted(self) -> bool:
        return not self.by_default and (self.abi != "rust" or self.config not in MAIN)

    @property
    def kernel_params(self) -> str:
        """The overlay's parameters for this boot. A host state's kvm-arm.abi is not overridden."""
        if self.by_default:
            return ""
        given = [param.split("=")[0] for param in self.config.params.split()]
        mode = "" if "kvm-arm.abi" in given else f"kvm-arm.abi={self.abi}"
        return f"{mode} kvm-arm.abi_count={int(self.counted)}".strip()

    @property
    def order(self) -> str:
        """The arguments of the guest's init: the tests that keep the mode, those that flip it ("-"
        if there are none), and the options of the tests that have some."""
        first = ",".join(t for t in self.tests if t not in FLIPPING)
        last = ",".join(t for t in self.tests if t in FLIPPING)
        given = [f"{t}={','.join(words)}" for t in self.tests if (words := self.options.of(t))]
        return " ".join([first or "-", last or "-", *given])


def check_tests(names: str | None, debug: bool = True) -> tuple[str, ...]:
    """The tests of these names, by default all; some need the debug kernel."""
    if not names:
        return tuple(name for name in TEST_NAMES if debug or name not in DEBUG)
    asked = [name.removeprefix("arm64/") for name in names.replace(",", " ").split()]
    unknown = [name for name in asked if name not in TEST_NAMES]
    if unknown:
        raise BadSelection(f"no test '{unknown[0]}'; the tests are: {', '.join(TEST_NAMES)}")
    if not debug and (needing := [name for name in asked if name in DEBUG]):
        raise BadSelection(f"{needing[0]} needs the debug kernel: CONFIG=debug")
    return tuple(name for name in TEST_NAMES if name in asked)


def select(cpu: str | None, gic: int | None, kvm: str | None,
           main: bool = False) -> tuple[Config, ...]:
    """The configurations that match, or else the one machine described. With `main` and no
    selection, only those of MAIN."""
    if main and not (cpu or gic or kvm):
        return MAIN
    found = tuple(c for c in TABLE + HOST_STATES
                  if cpu in (None, c.cpu) and gic in (None, c.gic) and kvm in (None, c.kvm))
    if any(c in TABLE for c in found):
        return found
    cpu = cpu or "max"
    kvm = kvm or ("nvhe" if cpu in CPUS_WITHOUT_VHE else "vhe")
    gic = gic or 3
    if why := tables.impossible(cpu, gic, kvm):
        raise BadSelection(why)
    return (Config(cpu, gic, kvm),)


def _with_kvm(config: Config, abi: str, tests: tuple[str, ...], options: Options) -> list[Boot]:
    """The tests that race run in a separate boot."""
    wanted = config.wanted(tests)
    parts = ((SINGLE, tuple(t for t in wanted if t not in RACING)),
             (MULTI, tuple(t for t in wanted if t in RACING)))
    return [Boot(config, abi, part, options, threads) for threads, part in parts if part]


def boots(configs: tuple[Config, ...], modes: tuple[str, ...], tests: tuple[str, ...],
          options: Options = Options(), bare: bool = True) -> list[Boot]:
    """The boots of each configuration and mode that have a test to run; with `bare`, also those
    without KVM."""
    def here(config: Config, abi: str, test: str) -> bool:
        # If the user selects a single mode, all tests run in it.
        if len(modes) == 1:
            return True
        # What VMs opt in to is served alike in all modes: rust adds something only where it runs
        # without counting. The state of a host names its tests and modes.
        if test in OPT_IN_TESTS and abi == "rust" and config not in MAIN and not config.only:
            return False
        return abi in ONLY_IN[test]

    found: list[Boot] = []
    for config in configs:
        for abi in (mode for mode in modes if mode in config.modes):
            if config.expected_kvm is not None:
                found += _with_kvm(config, abi, tuple(t for t in tests if here(config, abi, t)),
                                   options)
            elif bare:
                found.append(Boot(config, abi, ()))
    return found


def left_out(asked: list[Boot]) -> tuple[str, ...]:
    """The configurations without a boot among these."""
    there = {boot.config for boot in asked}
    return tuple(c.name for c in TABLE + HOST_STATES if c not in there)


def kunit_machines(configs: tuple[Config, ...]) -> tuple[Config, ...]:
    """One machine for each kind: for KUnit, only the CPU, the GIC and mode nested make a
    difference."""
    def key(config: Config) -> tuple[str, int, bool]:
        return config.cpu, config.gic, config.kvm == "nested"

    usable = [c for c in configs if c.expected_kvm is not None]
    # The first of each kind, without the parameters of a host state.
    found = {key(c): replace(c, only=(), params="", modes=ABI_MODES) for c in reversed(usable)}
    return tuple(found[k] for k in dict.fromkeys(map(key, usable)))


def alone(found: list[Boot]) -> list[Boot]:
    """For the debug kernel: in mode rust, keep only the tests marked `alone`, to save time."""
    part = [replace(boot, tests=tuple(t for t in boot.tests if boot.abi != "rust" or t in ALONE))
            for boot in found]
    return [boot for boot in part if boot.tests]


def briefly(found: list[Boot], debug: bool) -> list[Boot]:
    """The part that `make test` has time for; `make test-debug`: the tests marked `brief` for
    the machine. Otherwise: all modes on the main machines and host states, and on the other
    machines mode check without the tests marked `long`."""
    def marked(boot: Boot, test: str) -> bool:
        return boot.abi == "rust" or test in BRIEF and (
            boot.config not in MAIN or boot.config.cpu in BRIEF[test])

    if debug:
        part = [replace(boot, tests=tuple(t for t in boot.tests if marked(boot, t)))
                for boot in found]
        return [boot for boot in part if boot.tests]
    if not any(boot.config in MAIN for boot in found) or len({b.abi for b in found}) == 1:
        return found
    part = [boot if boot.config in MAIN or boot.config.only else
            replace(boot, tests=tuple(t for t in boot.tests if t not in LONG))
            for boot in found
            if boot.abi == "check" or boot.config in MAIN or boot.config.only]
    return [boot for boot in part if boot.tests or boot.config.expected_kvm is None]
