# SPDX-License-Identifier: GPL-2.0
"""Run the boots, and turn their output into the numbers of each machine."""

import re
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median_low

from bench import machines, parse
from bench.machines import COMMON_TRAP_MARK, WITH, WITHOUT, Boot
from bench.parse import Cost, GuestRun, Handlers
from bench.result import CHECKING, Result
from vm import console, qemu
from vm.matrix import Config
from vm.qemu import Machine, Outcome

# A limit that only a hang exceeds
BOOT_SECONDS = 3600
PROGRAMS = "abi_bench_*"
# The functions by which the code that exists in C and in Rust is entered; after "+" the Rust
# one and that of mode check, if the caller chooses between them
HANDLERS = (
    "kvm_smccc_call_handler+kvm_arm_rust_smccc_call_handler+kvm_arm_slow_smccc_call_handler",
    "kvm_psci_call", "kvm_hyp_fast_hvc", "kvm_hyp_fast_smc",
    "kvm_vm_smccc_set_attr+kvm_arm_rust_smccc_set_attr+kvm_arm_slow_smccc_set_attr",
    "kvm_arm_get_fw_reg+kvm_arm_rust_get_fw_reg+kvm_arm_slow_get_fw_reg",
    "kvm_arm_set_fw_reg+kvm_arm_rust_set_fw_reg+kvm_arm_slow_set_fw_reg",
    "kvm_arm_copy_fw_reg_indices",
    "kvm_arm_init_hypercalls", "kvm_vm_ioctl_get_reg_writable_masks", "set_id_reg",
    "vgic_v2_get_vmcr", "vgic_v2_set_vmcr", "vgic_mmio_read_vcpuif", "vgic_mmio_write_vcpuif",
)


@dataclass(frozen=True)
class Kernel:
    """A built kernel, to boot and to analyse."""
    image: Path
    map: Path
    vmlinux: Path

    def symbols(self) -> dict[str, int]:
        lines = self.map.read_text(encoding="utf-8").splitlines()
        return {words[2]: int(words[0], 16) for line in lines if len(words := line.split()) == 3}


def entries(symbols: dict[str, int]) -> str:
    """Those of HANDLERS that the kernel has, in the plugin's notation."""
    found = ("+".join(name for name in names.split("+") if name in symbols) for names in HANDLERS)
    return ":".join(names for names in found if names)


@dataclass
class Ended:
    """A boot, its numbers and its problems."""
    boot: Boot
    seconds: float = 0.0
    linux: str = ""
    run: GuestRun = field(default_factory=GuestRun)
    costs: dict[str, dict[str, Cost]] = field(default_factory=dict)
    handlers: Handlers = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    console: Path = Path()


@dataclass(frozen=True)
class Lab:
    """What all boots have in common."""
    kernels: dict[str, Kernel]
    initrd: Path
    cmdline: str
    programs: tuple[str, ...]
    plugin: Path
    logs: Path

    def boot(self, boot: Boot) -> Ended:
        kernel = self.kernels[boot.kernel]
        log, results, trace = (self.logs / f"{boot.slug}.{kind}"
                               for kind in ("console", "results", "trace"))
        options: tuple[str, ...] = machines.ICOUNT
        if boot.traced:
            trace.unlink(missing_ok=True)
            args = {"map": kernel.map, "out": trace,
                    "handlers": entries(kernel.symbols())}
            words = [str(self.plugin), *(f"{key}={value}" for key, value in args.items())]
            # QEMU wants commas in names doubled.
            options += ("-plugin", ",".join(word.replace(",", ",,") for word in words))
        argv = qemu.command(Machine(kernel.image, self.initrd, self.cmdline), boot.config,
                            boot.params, " ".join(["bench", ",".join(self.programs),
                                                   *boot.program_options]),
                            1, machines.CPU_OPTIONS, options)
        outcome = qemu.run(argv, log, results, BOOT_SECONDS)
        ended = judge(boot, outcome, console.read(log), console.read(results))
        ended.console = log
        if boot.traced and not ended.problems:
            try:
                ended.handlers, wrong = parse.trace(
                    trace.read_text(encoding="utf-8").splitlines() if trace.exists() else [],
                    ended.run)
                ended.problems += wrong
            except parse.BadTrace as why:
                ended.problems.append(str(why))
        return ended


def judge(boot: Boot, outcome: Outcome, log: list[str], results: list[str]) -> Ended:
    """Check what the boots of tests are checked for: KVM's mode, splats, the end. Then read the
    numbers."""
    facts = console.kernel_log(log)
    run = parse.guest(results)
    problems = [outcome.problem] if outcome.problem else []
    if facts.kvm != boot.config.expected_kvm:
        problems.append(f"KVM came up as '{facts.kvm}', not '{boot.config.expected_kvm}'")
    if facts.gic != boot.config.gic:
        problems.append(f"the host's GIC is {facts.gic}, not {boot.config.gic}")
    problems += [f"kernel: {line}" for line in facts.splats[:1]]
    if not run.ended and not outcome.problem:
        problems.append("the guest ended before its programs finished")
    problems += run.problems
    if not run.costs:
        problems.append("nothing was measured")
    costs, unequal = parse.by_mode(run)
    modes = {mode for cost in costs.values() for mode in cost} - set(CHECKING)
    wanted = {"stock"} if boot.kernel == WITHOUT else {"c", "rust"}
    if run.costs and modes != wanted:
        problems.append(f"the modes {', '.join(sorted(modes))} were measured, not "
                        f"{', '.join(sorted(wanted))}")
    found = re.search(r"Linux version (\S+)", "\n".join(log))
    tail = [line for line in results if line and not line.startswith(("bench ", "# path "))][-20:]
    return Ended(boot, outcome.seconds, found.group(1) if found else "unknown", run, costs,
                 {}, problems + unequal, tail)


def run_all(boots: list[Boot], jobs: int, one: Callable[[Boot], Ended]) -> list[Ended]:
    """Boot them, the slow ones first, and print a line for each that ended. Returns the results in
    the given order."""
    lock = threading.Lock()
    done = 0

    def task(boot: Boot) -> Ended:
        nonlocal done
        ended = one(boot)
        with lock:
            done += 1
            word = f"{len(ended.costs)} paths" if not ended.problems else "FAIL"
            print(f"  [{done:{len(str(len(boots)))}}/{len(boots)}] {boot.config.name:24}"
                  f"{boot.what:36}{ended.seconds:6.1f} s  {word}", flush=True)
        return ended

    slow_first = sorted(boots, key=lambda b: (b.common_trap, b.kernel != WITH,
                                              b.config.cpu != "max"))
    with qemu.pool(jobs) as pool:
        futures = {boot: pool.submit(task, boot) for boot in slow_first}
        return [futures[boot].result() for boot in boots]


def pairs(ended: list[Ended]) -> list[str]:
    """The differences between two boots of the same kind."""
    problems: list[str] = []
    by_kind: dict[tuple[Config, str, bool], list[Ended]] = {}
    for one in ended:
        boot = one.boot
        by_kind.setdefault((boot.config, boot.kernel, boot.common_trap), []).append(one)
    for boots in by_kind.values():
        if len(boots) != 2:
            problems.append(f"{boots[0].boot.name}: there is no second boot")
        elif all(one.costs for one in boots):
            problems += [f"{boots[0].boot.config.name}, {boots[0].boot.kernel} Rust: {line}"
                         for line in parse.disagreements(boots[0].costs, boots[1].costs)]
    return problems


def _cost(cost: Cost) -> dict[str, int]:
    return {"instructions": cost.instructions} | (
        {"remainder": cost.remainder} if cost.remainder else {})


def machine(config: Config, ended: list[Ended]) -> Result:
    """The numbers of one machine, from boots without differences."""
    paths: dict[str, dict[str, dict[str, int]]] = {}
    handlers: dict[str, dict[str, dict[str, Result]]] = {}
    skipped: dict[str, str] = {}
    about: dict[str, dict[str, list[int]]] = {}
    for one in ended:
        mark = COMMON_TRAP_MARK if one.boot.common_trap else ""
        for path, modes in one.costs.items():
            place = paths.setdefault(path + mark, {})
            place.update({mode: _cost(cost) for mode, cost in modes.items()})
        for path, by_mode in one.handlers.items():
            for mode, found in by_mode.items():
                for name, handler in found.items():
                    plain = asdict(handler)
                    handlers.setdefault(path + mark, {}).setdefault(mode, {})[name] = {
                        **plain.pop("counts"), **plain}
        for path, by_side in one.run.approximate.items():
            for mode, values in by_side.items():
                about.setdefault(path + mark, {}).setdefault(mode, []).extend(values)
        if not one.boot.common_trap:
            skipped |= one.run.skipped
            for path, why in one.run.absent.items():
                skipped |= {path: reason for mode, reason in why.items() if mode != "stock"}
    approximate = {path: {mode: {"instructions": median_low(values)}
                          for mode, values in modes.items()} for path, modes in about.items()}
    return {"cpu": config.cpu, "gic": config.gic, "kvm": config.kvm, "paths": paths,
            "approximate": approximate, "handlers": handlers, "skipped": skipped}
