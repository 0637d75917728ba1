# SPDX-License-Identifier: GPL-2.0
"""Boot the kernel in QEMU (TCG) with KVM at emulated EL2 and run its tests.

  run    the KVM selftests in every mode of kvm-arm.abi, on two configurations (--all: on each)
  quick  the short selftests on one machine, in mode check
  fuzz   the test abi_fuzz, for longer
  kunit  the KUnit suites kvm_arm64* on every CPU model and GIC
  judge  boots with a planted mistake each, which must fail for the right reason
  boot   a shell in the booted kernel
  list   list the configurations and tests
"""

import argparse
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import entry
from vm import bare, judge, matrix, planted, qemu, report, rules
from vm.judge import BootResult
from vm.matrix import BadSelection, Boot, Config, Options

SCRIPTS = Path(__file__).resolve().parents[1]
# Limits that only a hang exceeds, though TCG is slow and the machine may be busy.
TEST_SECONDS = 600
BOOT_SECONDS = 1800
DEBUG_SLOWER = 3
SILENT_SECONDS = 60
# How long the timed tests run without --seconds.
FUZZ_SECONDS = 60
DEBUG_SECONDS = 15
SELFTESTS = ("run", "quick", "fuzz")

RunBoot = Callable[[Boot], BootResult]


def seed(word: str) -> str:
    """A number of up to 64 bits, in the notation of the tests."""
    if re.fullmatch(r"0[xX][0-9A-Fa-f]{1,16}", word) or (
            re.fullmatch(r"0|[1-9][0-9]{0,19}", word) and int(word) < 1 << 64):
        return word
    raise argparse.ArgumentTypeError(f"{word} is not a decimal or hexadecimal number of 64 bits")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m vm", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=(*SELFTESTS, "kunit", "judge", "boot", "list"))
    parser.add_argument("--image", type=Path, help="the kernel's Image")
    parser.add_argument("--selftests", type=Path, help="kselftest_install directory")
    parser.add_argument("--busybox", type=Path, help="a static arm64 busybox")
    parser.add_argument("--out", type=Path, help="directory for results and logs")
    parser.add_argument("--abi", choices=matrix.ABI_MODES, help="one mode instead of all")
    parser.add_argument("--default-abi", choices=matrix.ABI_MODES, metavar="MODE",
                        help="this mode, which the kernel has to choose without a parameter")
    parser.add_argument("--cpu", choices=matrix.CPUS)
    parser.add_argument("--gic", type=int, choices=matrix.GIC_VERSIONS)
    parser.add_argument("--mode", choices=matrix.KVM_MODES, help="KVM's mode")
    parser.add_argument("--tests", help="names separated by commas")
    parser.add_argument("--cmdline", default="", help="additional kernel parameters")
    parser.add_argument("--debug", action="store_true", help="the Image is the debug kernel")
    parser.add_argument("--fixed", action="store_true",
                        help="the bugs of the base are fixed: no test is expected to fail")
    parser.add_argument("--brief", action="store_true", help="only the part that `make test` runs")
    parser.add_argument("--all", action="store_true", help="every configuration")
    parser.add_argument("--seconds", type=int, help="how long the timed tests run")
    parser.add_argument("--seed", type=seed, default=hex(secrets.randbits(64)),
                        help="seed of the random numbers (default: a new one each time)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1,
                        help="VMs at a time (default: the number of CPUs), if memory allows it")
    parser.add_argument("--stock", action="store_true",
                        help="the kernel lacks the overlay: one boot for each configuration, no "
                        "counters. Shows which tests the C code fails (scripts/vm/expected)")
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error("--jobs: must be at least 1")
    if "--" in args.cmdline.split():
        parser.error("--cmdline: must be kernel parameters only, without '--'")
    if args.stock and args.abi not in (None, "c"):
        parser.error("--stock: a kernel without the overlay has no modes: omit --abi")
    if args.default_abi and (args.abi or args.stock):
        parser.error("--default-abi: not with --abi or --stock")
    needs = {"list": (), "kunit": ("image", "busybox", "out")}
    for name in needs.get(args.task, ("image", "busybox", "out", "selftests")):
        if getattr(args, name) is None:
            parser.error(f"{args.task} needs --{name}")
    return args


def prepare(args: argparse.Namespace) -> qemu.Machine:
    """Check the inputs and pack the initramfs; KUnit needs no selftests in it."""
    qemu.need_tools()
    if not args.image.is_file():
        raise BadSelection(f"there is no kernel at {args.image}: run 'make kernel'")
    args.out.mkdir(parents=True, exist_ok=True)
    initrd = args.out / ("initrd.cpio" if args.selftests else "initrd-kunit.cpio")
    command = [SCRIPTS / "mkinitrd.sh", initrd, *([args.selftests] if args.selftests else [])]
    done = subprocess.run(command, check=False,
                          env={**os.environ, "BUSYBOX_ARM64": str(args.busybox)})
    if done.returncode:
        sys.exit(done.returncode)
    memory = qemu.DEBUG_MEMORY_MIB if args.debug else qemu.MEMORY_MIB
    if (fitting := qemu.fitting(args.jobs, memory)) < args.jobs:
        print(f"running {fitting} VMs at a time, not {args.jobs}: there is not enough memory",
              flush=True)
        args.jobs = fitting
    # Page poisoning is off without this parameter.
    cmdline = f"page_poison=1 {args.cmdline}".strip() if args.debug else args.cmdline
    return qemu.Machine(args.image, initrd, cmdline, memory)


def installed(args: argparse.Namespace, wanted: tuple[str, ...]) -> None:
    """Raises BadSelection if a test was not built: that must not look like a skip."""
    path = args.selftests / "kselftest-list.txt"
    if not path.is_file():
        raise BadSelection(f"there are no installed selftests in {args.selftests}: "
                           "run 'make selftests'")
    if not (args.selftests / "kvm" / "vm_keeper").is_file():
        raise BadSelection(f"there is no kvm/vm_keeper in {args.selftests}: install the selftests "
                           "of a tree with the overlay")
    there = path.read_text(encoding="utf-8").split()
    missing = [name for name in wanted if f"kvm:{name}" not in there]
    if missing:
        raise BadSelection(f"these tests were not built: {', '.join(missing)} (not in {path})")


class Progress:
    """Prints a line for each boot that ended and, on a terminal, one for the running boots."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.running: list[str] = []
        self.lock = threading.Lock()
        self.live = sys.stdout.isatty()

    def _status(self) -> None:
        if self.live and self.running:
            columns = shutil.get_terminal_size().columns
            line = f"  [{self.done}/{self.total}] running: {', '.join(self.running)}"
            print(f"\r\033[K{line[:columns - 1]}", end="", flush=True)

    def begin(self, boot: Boot) -> None:
        with self.lock:
            self.running.append(boot.name)
            self._status()

    def end(self, result: BootResult) -> None:
        boot = result.boot
        tally = result.tally()
        words = ", ".join(f"{tally[s]} {s}" for s in ("pass", "fail", "skip", "xfail") if tally[s])
        with self.lock:
            self.done += 1
            self.running.remove(boot.name)
            clear = "\r\033[K" if self.live else ""
            print(f"{clear}  [{self.done:{len(str(self.total))}}/{self.total}] "
                  f"{boot.name:48}{result.seconds:6.1f} s  {words}", flush=True)
            self._status()


def run_all(boots: list[Boot], jobs: int, count: Path, one: RunBoot) -> list[BootResult]:
    """Boot them, the slow ones first; returns the results in the given order."""
    # If this run is cut short, an earlier run's count must not stand for it.
    count.unlink(missing_ok=True)
    progress = Progress(len(boots))

    def task(boot: Boot) -> BootResult:
        progress.begin(boot)
        result = one(boot)
        progress.end(result)
        return result

    slow_first = sorted(boots, key=lambda b: (b.abi != "check", b.config.kvm != "nested",
                                              b.config.cpu != "max", -len(b.tests)))
    with qemu.pool(jobs) as pool:
        futures = {boot: pool.submit(task, boot) for boot in slow_first}
        return [futures[boot].result() for boot in boots]


def finish(out: Path, stem: str, count: str, results: list[BootResult], text: str,
           remarks: tuple[str, ...] = (), whole: bool = False) -> bool:
    problems = judge.run_problems(results, whole)
    text += "\n" * bool(remarks) + "".join(f"{remark}\n" for remark in remarks)
    report.write(out, stem, results, text, problems)
    print(f"\n{text}", end="")
    if failed := report.failures(results) + report.run_failures(problems):
        print("\n".join(failed))
    print(f"\n{report.total_line(results, problems)}\nlogs and results: {out}\n", flush=True)
    report.write_count(out / count, results, problems)
    return not problems and not any(result.failed for result in results)


def files(out: Path, kind: str, boot: Boot, suffix: str = "") -> tuple[Path, Path]:
    logs = out / kind
    logs.mkdir(exist_ok=True)
    return logs / f"{boot.slug}{suffix}.console", logs / f"{boot.slug}{suffix}.results"


def options(args: argparse.Namespace) -> Options:
    """The options of the timed and the random tests."""
    seconds = args.seconds
    if not seconds and (args.task == "fuzz" or args.debug):
        seconds = FUZZ_SECONDS if args.task == "fuzz" else DEBUG_SECONDS
    return Options(seconds, args.seed, args.fixed)


def machines(args: argparse.Namespace) -> tuple[Config, ...]:
    """The configurations that the user chose, or a default set for the task."""
    if args.task == "quick":
        one = matrix.select(args.cpu, args.gic, args.mode, main=True)
        return one[:1]
    few = args.debug or not (args.all or args.brief or args.stock)
    return matrix.select(args.cpu, args.gic, args.mode, main=few and args.task != "fuzz")


def chosen(args: argparse.Namespace) -> list[Boot]:
    """The boots that the user's choices select."""
    modes: tuple[str, ...] = matrix.DEBUG_MODES if args.debug else matrix.ABI_MODES
    if args.task == "fuzz":
        tests, modes = ("abi_fuzz",), ("check",)
    else:
        tests = matrix.check_tests(args.tests, args.debug)
    if args.task == "quick":
        modes = ("check",)
        tests = tests if args.tests else matrix.QUICK
    if args.stock:
        modes = ("c",)
    if args.abi or args.default_abi:
        modes = (args.abi or args.default_abi,)
    found = matrix.boots(machines(args), modes, tests, options(args),
                         bare=not args.tests and args.task == "run")
    if args.default_abi:
        found = [replace(boot, by_default=True) for boot in found]
    if args.debug and not (args.tests or args.abi):
        found = matrix.alone(found)
    return matrix.briefly(found, args.debug) if args.brief and not args.tests else found


def remarks(args: argparse.Namespace, boots: list[Boot]) -> tuple[str, ...]:
    """How to repeat a run, and what it did not run."""
    said = [f"Random seed: {args.seed}. SEED={args.seed} repeats it."]
    if args.task != "run" or args.cpu or args.gic or args.mode:
        return tuple(said)
    if missing := matrix.left_out(boots):
        said += [f"Not run: {', '.join(missing)}."]
    if long := [name for name in matrix.LONG if args.brief and not args.debug and not args.tests]:
        said += [f"Only on the two main machines: {', '.join(long)}; modes c and rust."]
    return (*said, "`make run ALL=1` runs them everywhere.") if said[1:] else tuple(said)


class Selftests:
    """Boots KVM's selftests and judges them."""

    def __init__(self, args: argparse.Namespace, machine: qemu.Machine) -> None:
        self.args = args
        self.machine = machine
        self.expected = {} if args.fixed else rules.read_expected()
        self.skips = rules.read_skips(debug=args.debug)
        self.floors = rules.read_floors()
        slower = DEBUG_SLOWER if args.debug else 1
        self.test_seconds = TEST_SECONDS * slower + (args.seconds or 0)
        self.boot_seconds = BOOT_SECONDS * slower + len(matrix.TIMED) * (args.seconds or 0)

    def attempt(self, boot: Boot, suffix: str = "", sent: Boot | None = None,
                plant: str = "") -> BootResult:
        """Boot and judge. If `sent` is given, the guest gets its tests instead of `boot`'s."""
        kind = "run" if self.args.task == "run" else self.args.task
        console, results = files(self.args.out, kind, boot, suffix)
        params = "" if self.args.stock else boot.kernel_params
        task = f"run {self.test_seconds} {(sent or boot).order} {plant}".strip()
        argv = qemu.command(self.machine, boot.config, params, task,
                            options=qemu.tcg(boot.threads))
        # The guest ends a test that takes too long and reports it: a longer silence means that
        # the guest hangs.
        outcome = qemu.run(argv, console, results, self.boot_seconds,
                           self.test_seconds + SILENT_SECONDS)
        if boot.config.expected_kvm is None:
            return bare.judge(boot, outcome, console, results)
        return judge.selftests(boot, outcome, console, results, self.expected, self.skips,
                               self.floors, self.args.stock)


def selftests(args: argparse.Namespace, machine: qemu.Machine, version: str) -> bool:
    racy = rules.read_racy()
    boots = chosen(args)
    if not boots:
        raise BadSelection("none of these tests runs on that machine in that mode; see "
                           "scripts/vm/tests")
    runner = Selftests(args, machine)
    stem, count = {"run": ("results", "vm.count"), "quick": ("quick", "quick.count"),
                   "fuzz": ("fuzz", "fuzz.count")}[args.task]
    print(f"KVM selftests: {len(boots)} boots, {args.jobs} at a time, seed {args.seed}", flush=True)

    def one(boot: Boot) -> BootResult:
        result = runner.attempt(boot)
        for verdict in judge.lost_race(result, racy):
            again = replace(boot, tests=(verdict.name,))
            judge.retry(result, verdict, runner.attempt(again, f"-{verdict.name}-again"))
        return result

    results = run_all(boots, args.jobs, args.out / count, one)
    text = report.fuzz_text if args.task == "fuzz" else report.selftests_text
    return finish(args.out, stem, count, results, text(results, version), remarks(args, boots),
                  whole(args, boots))


def whole(args: argparse.Namespace, boots: list[Boot]) -> bool:
    """Whether nothing narrows the run and it includes mode rust, which must then show that Rust
    serves every surface."""
    narrowed = (args.cpu, args.gic, args.mode, args.abi, args.default_abi, args.tests, args.stock,
                args.cmdline)
    rust = not args.debug or any(boot.abi == "rust" for boot in boots)
    return args.task == "run" and rust and not any(narrowed)


def judge_planted(args: argparse.Namespace, machine: qemu.Machine) -> bool:
    """Boot with each planted mistake, and check that the judge finds it."""
    runner = Selftests(args, machine)
    cases = planted.cases(args.debug)
    boots = {case.boot: case for case in cases}
    print(f"planted mistakes: {len(cases)} boots, {args.jobs} at a time", flush=True)

    def one(boot: Boot) -> BootResult:
        case = boots[boot]
        return runner.attempt(boot, f"-{case.slug}", case.sent, case.plant)

    results = run_all(list(boots), args.jobs, args.out / planted.COUNT, one)
    wrong = planted.report(args.out, list(zip(cases, results, strict=True)))
    return not wrong


def kunit(args: argparse.Namespace, machine: qemu.Machine, version: str) -> bool:
    configs = matrix.select(args.cpu, args.gic, args.mode, args.debug)
    boots = [Boot(config, args.abi or "", ()) for config in matrix.kunit_machines(configs)]
    # Skip the slowest cases.
    quick = args.debug and args.brief
    skips = rules.read_skips(debug=args.debug)
    floors = None if "kunit." in args.cmdline else rules.read_floors()
    print(f"KUnit: {len(boots)} boots, {args.jobs} at a time", flush=True)

    def one(boot: Boot) -> BootResult:
        console, results = files(args.out, "kunit", boot)
        params = "kunit.enable=1 kunit.autorun=1 kunit.filter_glob=kvm_arm64*"
        if args.abi:
            params += f" kvm-arm.abi={args.abi}"
        if quick:
            params += " kunit.filter=speed>very_slow"
        argv = qemu.command(machine, boot.config, params, "kunit", options=qemu.tcg(boot.threads))
        outcome = qemu.run(argv, console, results, BOOT_SECONDS)
        return judge.kunit(boot, outcome, console, results, skips, floors, quick)

    results = run_all(boots, args.jobs, args.out / "kunit.count", one)
    return finish(args.out, "kunit", "kunit.count", results, report.kunit_text(results, version))


def shell(args: argparse.Namespace, machine: qemu.Machine) -> NoReturn:
    config = matrix.select(args.cpu or "max", args.gic, args.mode)[0]
    size = shutil.get_terminal_size()
    params = f"quiet kvm-arm.abi={args.abi}" if args.abi else "quiet"
    argv = qemu.command(machine, config, params, f"boot {size.lines} {size.columns}")
    print(f"booting {config.name}; Ctrl-A x ends QEMU", flush=True)
    # From here on the terminal belongs to the guest.
    os.execvp(argv[0], [*argv, "-serial", "mon:stdio"])


def show_list() -> None:
    print("configurations (cpu, gic, mode, host state):")
    for config in matrix.TABLE + matrix.HOST_STATES:
        only = f"  ({', '.join(config.only)} only)" if config.only else ""
        print(f"  {config.name}{only}")
    print("tests:")
    for name in matrix.TEST_NAMES:
        print(f"  {name}{'  (races)' if name in matrix.RACING else ''}")


def main() -> int:
    args = arguments()
    if args.task == "list":
        show_list()
        return 0

    def do() -> int:
        if args.task in SELFTESTS:
            installed(args, tuple(sorted({test for boot in chosen(args) for test in boot.tests})))
        if args.task == "judge":
            installed(args, planted.TESTS)
        machine = prepare(args)
        if args.task == "boot":
            shell(args, machine)
        if args.task == "judge":
            return 0 if judge_planted(args, machine) else 1
        version = subprocess.run([qemu.QEMU, "--version"], check=True, capture_output=True,
                                 text=True).stdout.split("(")[0].replace("emulator version ", "")
        run = kunit if args.task == "kunit" else selftests
        return 0 if run(args, machine, version.strip()) else 1

    return entry.command("vm", do)
