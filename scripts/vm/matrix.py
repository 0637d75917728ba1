# SPDX-License-Identifier: GPL-2.0
"""The machines that the kernel is booted on, and the tests that run there."""

from dataclasses import dataclass, field, replace

ABI_MODES = ("c", "rust", "check")
GIC_VERSIONS = (2, 3)
KVM_MODES = ("vhe", "nvhe", "protected", "nested")
# KVM switched off (kvm-arm.mode=none), and a machine without EL2
NONE = "none"
NO_EL2 = "no-el2"
WITHOUT_KVM = (NONE, NO_EL2)

# QEMU's models of Armv8.0 have no VHE, the others do.
CPUS_WITHOUT_VHE = ("cortex-a53", "cortex-a57", "cortex-a72")
CPUS = ("max", "neoverse-n1", "neoverse-n2", "neoverse-v1", *CPUS_WITHOUT_VHE,
        "cortex-a76", "cortex-a710", "a64fx")
# CPUs with FEAT_NV2, which KVM needs for nested virtualization
CPUS_WITH_NV2 = ("max",)

# What these tests expect depends on the host's mitigations.
HOST_STATE_TESTS = ("fw_reg_matrix", "fw_reg_services")

# VMs can opt in only in mode rust: these tests switch to it, opt in, and switch back.
OPT_IN_TESTS = (
    "feature_levels", "feature_level_errors", "psci_version_freeze",
    "reg_mask_gic", "reg_mask_gic_ctlr", "reg_mask_fw", "reg_mask_opt_in",
    "vm_one_reg_early", "vm_one_reg", "vm_one_reg_errors", "vm_one_reg_addr",
    "reg_scope", "reg_scope_ids", "vgic_v2_canonical_pmr", "vgic_v2_canonical_move",
    "migration_matrix",
)

N1 = ("neoverse-n1",)
A72 = ("cortex-a72",)

CHECK = ("check",)
RUST = ("rust",)
OPTED_IN = ("rust", "check")

# How TCG runs the CPUs: all in turn in one host thread, or each in a thread. With a thread
# for each, a CPU can keep a translation of code that another CPU has just patched.
SINGLE = "single"
MULTI = "multi"


@dataclass(frozen=True)
class Test:
    name: str
    # Surfaces of kvm-arm.abi that it calls whenever it passes
    calls: tuple[str, ...] = ()
    # Flips the mode: it runs last, after the counters of the chosen mode were read.
    flips: bool = False
    # The modes to run it in. Some are enough if it calls no surface, goes through all modes
    # by itself, or tests VMs that opt in, for which check serves as c does and compares the
    # rest.
    only_in: tuple[str, ...] = ABI_MODES
    # The CPU models of the debug kernel's machines on which `make test` runs it: there is no
    # time to run all tests on both
    brief: tuple[str, ...] = ()
    # `make test` runs it only on the main machines: it takes more than ten seconds, or is
    # flaky by itself.
    long: bool = False
    # The debug kernel runs it in mode rust, too.
    alone: bool = False
    # Needs the debug kernel, and must not skip there.
    debug: bool = False
    # Option -t sets how long it runs.
    timed: bool = False
    # Option -s sets the seed of its random numbers.
    seeded: bool = False
    # Needs threads that run in parallel: its boot has a host thread for each CPU.
    races: bool = False


TESTS = (
    Test("get-reg-list", calls=("fw_reg", "id_reg")),
    Test("hypercalls", calls=("fw_reg", "smccc"), alone=True),
    Test("psci_test", calls=("smccc",)),
    Test("smccc_filter", calls=("smccc", "smccc_filter")),
    Test("set_id_regs", calls=("id_reg", "reg_masks"), alone=True),
    Test("vgic_init"),
    Test("kvm-uuid", calls=("smccc",)),
    Test("no-vgic"),
    Test("aarch32_id_regs"),
    Test("vcpu_width_config"),
    # Flaky by itself (see racy), more often where CPUs share a thread.
    Test("steal_time", calls=("smccc",), only_in=CHECK, long=True),
    Test("hidden_features"),
    Test("idreg-idst"),
    Test("mmio_sign_ext"),
    Test("vgic_irq"),
    Test("host_sve"),
    Test("vpmu_counter_access", only_in=RUST),
    Test("external_aborts"),
    *(Test(name, calls=("fw_reg",)) for name in HOST_STATE_TESTS),
    Test("fw_reg_errors", calls=("fw_reg",), alone=True),
    Test("fw_reg_list", calls=("fw_reg",)),
    Test("fw_reg_ebusy", calls=("fw_reg",), brief=N1),
    Test("id_reg_fields", calls=("id_reg",)),
    Test("id_reg_access", calls=("id_reg",)),
    Test("id_reg_impl", calls=("id_reg",)),
    Test("reg_mask_range", calls=("reg_masks",), alone=True),
    Test("reg_mask_memory", calls=("reg_masks",), brief=N1),
    Test("vgic_v2_cpuif", calls=("vgic_v2",), brief=A72, alone=True),
    Test("vgic_v2_errors", calls=("vgic_v2",)),
    Test("vgic_v2_busy", calls=("vgic_v2",)),
    Test("vgic_v2_guest", calls=("vgic_v2",)),
    Test("vgic_v2_migrate", calls=("vgic_v2",)),
    Test("smccc_matrix", calls=("smccc", "smccc_filter"), long=True),
    Test("smccc_psci", calls=("smccc",)),
    Test("smccc_features", calls=("smccc",)),
    Test("smccc_services", calls=("smccc",)),
    Test("smccc_aarch32", calls=("smccc",)),
    Test("smccc_filter_errors", calls=("smccc", "smccc_filter"), alone=True),
    Test("smccc_filter_ranges", calls=("smccc", "smccc_filter")),
    Test("psci_cpu_on", calls=("smccc",), alone=True),
    Test("psci_vcpu_states", calls=("smccc",)),
    Test("psci_system_events", calls=("smccc",)),
    Test("psci_affinity", calls=("smccc",)),
    Test("psci_many_vcpus", calls=("smccc",)),
    Test("psci_reboot", calls=("fw_reg", "smccc")),
    Test("first_run", calls=("fw_reg", "id_reg", "smccc", "smccc_filter")),
    Test("time_offset", calls=("smccc",)),
    Test("pvm_calls", calls=("fw_reg", "smccc")),
    Test("fw_reg_switch", only_in=CHECK, flips=True, races=True),
    Test("fw_reg_trace", only_in=CHECK, flips=True),
    Test("abi_flip", only_in=CHECK, flips=True, brief=N1, races=True),
    Test("abi_roundtrip", only_in=CHECK, flips=True, long=True),
    Test("smccc_filter_race", only_in=CHECK, flips=True, races=True),
    Test("psci_cpu_on_race", only_in=CHECK, flips=True, races=True),
    Test("psci_mpidr_race", only_in=CHECK, flips=True, races=True),
    *(Test(name, only_in=OPTED_IN, flips=True, long=name == "migration_matrix")
      for name in OPT_IN_TESTS),
    Test("opt_in_errors", flips=True),
    Test("opt_in_absent", flips=True),
    Test("vm_dead", flips=True),
    Test("reg_list_size", flips=True),
    Test("nested_calls", flips=True),
    Test("opt_in_flip", only_in=CHECK, flips=True, brief=N1, races=True),
    Test("opt_in_race", only_in=CHECK, flips=True, races=True),
    # Robustness
    Test("abi_trust", only_in=CHECK, flips=True),
    Test("abi_trust_log", only_in=CHECK, flips=True, brief=N1),
    Test("abi_lock_class", only_in=CHECK, flips=True, debug=True, brief=A72),
    Test("fault_page_end", only_in=CHECK, flips=True, long=True),
    Test("fault_usercopy", only_in=CHECK, flips=True, debug=True, brief=N1),
    Test("fault_alloc", only_in=CHECK, flips=True, debug=True, brief=A72),
    Test("fault_kill", only_in=CHECK, flips=True, seeded=True, races=True),
    Test("abi_stress", only_in=CHECK, flips=True, timed=True, seeded=True, brief=A72, races=True),
    Test("abi_fuzz", only_in=CHECK, flips=True, timed=True, seeded=True, brief=A72, races=True),
)
TEST_NAMES = tuple(test.name for test in TESTS)
FLIPPING = frozenset(test.name for test in TESTS if test.flips)
ONLY_IN = {test.name: test.only_in for test in TESTS}
RACING = frozenset(test.name for test in TESTS if test.races)
TIMED = tuple(test.name for test in TESTS if test.timed)
LONG = tuple(test.name for test in TESTS if test.long)
# `make quick`: tests of each surface and of each opt-in that take two seconds on average,
# 45 seconds together.
QUICK = tuple(name for name in TEST_NAMES if name in frozenset((
    "get-reg-list", "hypercalls", "psci_test", "smccc_filter", "set_id_regs", "kvm-uuid",
    "vgic_init", "fw_reg_services", "fw_reg_errors", "fw_reg_list", "fw_reg_trace",
    "id_reg_access", "id_reg_impl", "reg_mask_range", "reg_mask_memory", "vgic_v2_cpuif",
    "smccc_psci", "smccc_services", "smccc_filter_errors", "psci_cpu_on",
    "feature_levels", "feature_level_errors", "reg_mask_gic", "reg_mask_gic_ctlr", "reg_mask_fw",
    "reg_mask_opt_in", "vm_one_reg_early", "vm_one_reg", "vm_one_reg_addr", "reg_scope",
    "vgic_v2_canonical_pmr", "abi_trust", "abi_trust_log",
)))
ALONE = frozenset(test.name for test in TESTS if test.alone)
SEEDED = tuple(test.name for test in TESTS if test.seeded)
BRIEF = {test.name: test.brief for test in TESTS if test.brief}
DEBUG = frozenset(test.name for test in TESTS if test.debug)


class BadSelection(Exception):
    """What the user selected does not exist; the message says what does."""


@dataclass(frozen=True)
class Config:
    """A machine and how KVM is to run on it."""
    cpu: str
    gic: int
    kvm: str
    # Host state: kernel parameters such as those of mitigations
    params: str = ""
    # A host state runs only these tests; a configuration of TABLE runs every test.
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


TABLE = (
    Config("max", 3, "vhe"),
    Config("max", 2, "vhe"),
    Config("neoverse-n1", 3, "vhe"),
    Config("cortex-a72", 2, "nvhe"),
    Config("a64fx", 3, "vhe"),
    Config("cortex-a72", 3, "protected"),
    Config("max", 3, "nested"),
)

# VHE and nVHE, GICv3 and GICv2: without a selection, `make run` and the slow debug kernel run
# only on these. Mode rust runs here as in production, without counting: Rust alone serves,
# through the exports that neither count nor trace.
MAIN = (TABLE[2], TABLE[3])
DEBUG_MODES = ("check", "rust")

# Which workarounds a guest may see depends on the state of the host: these boots reach
# the values that the machines of TABLE do not.
HOST_STATES = (
    Config("neoverse-n1", 3, "vhe", "mitigations=off", HOST_STATE_TESTS),
    Config("neoverse-n1", 3, "vhe", "nospectre_bhb", HOST_STATE_TESTS),
    Config("cortex-a53", 2, "nvhe", "", HOST_STATE_TESTS),
    # PTP answers only if the host's clock is the counter.
    Config("neoverse-n1", 3, "vhe", "clocksource=jiffies", ("smccc_services", "time_offset"),
           CHECK),
    # An invalid parameter leaves the default mode.
    Config("neoverse-n1", 3, "vhe", "kvm-arm.abi=bogus", ("kvm-uuid",), RUST),
    Config("neoverse-n1", 3, "vhe", "kvm-arm.abi", ("kvm-uuid",), RUST),
    # Without KVM only the boot itself is tested.
    Config("neoverse-n1", 3, NONE, "", ("boot",), RUST),
    Config("neoverse-n1", 3, NO_EL2, "", ("boot",), RUST),
)


@dataclass(frozen=True)
class Options:
    """How long the timed tests run, and the seed of the random numbers."""
    seconds: int | None = None
    seed: str | None = None

    def of(self, test: str) -> tuple[str, ...]:
        timed = ("-t", str(self.seconds)) if self.seconds and test in TIMED else ()
        seeded = ("-s", self.seed) if self.seed and test in SEEDED else ()
        return (*timed, *seeded)


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
        mode = "" if "kvm-arm.abi" in self.config.params else f"kvm-arm.abi={self.abi}"
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


def _possible(cpu: str, gic: int, kvm: str) -> str | None:
    """Why there is no such machine, or None."""
    if kvm in ("vhe", "nested") and cpu in CPUS_WITHOUT_VHE:
        return f"{cpu} is Armv8.0 and has no VHE: it runs KVM in mode nvhe or protected"
    if kvm == "nested" and cpu not in CPUS_WITH_NV2:
        return f"{cpu} has no FEAT_NV2: mode nested runs on cpu {', '.join(CPUS_WITH_NV2)}"
    if kvm in ("nested", "protected") and gic == 2:
        return f"mode {kvm} needs a GICv3"
    return None


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
    why = _possible(cpu, gic, kvm)
    if why:
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
        # These tests switch from check to rust by themselves: rust adds something only where it
        # runs without counting.
        if test in OPT_IN_TESTS and abi == "rust" and config not in MAIN:
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
    """The part that `make test` has time for. On the debug kernel: the tests marked `brief` for
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
