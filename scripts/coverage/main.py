# SPDX-License-Identifier: GPL-2.0
"""Which lines of the core run: in its tests on the host, and in a kernel in the modes check and
rust under KVM's selftests. And which instructions of the Rust code run there.

The tests of the host are counted by LLVM (scripts/coverage.sh). The kernel is not instrumented:
QEMU logs which instructions it translates, and it translates them when it comes to them. kcov would
record only the threads of tests that ask for it.
"""

import argparse
import os
import threading
from pathlib import Path

import entry
from coverage import lines, report
from coverage.lines import Lines
from vm import judge, matrix, qemu, rules
from vm import main as vm
from vm.matrix import BadSelection, Boot

# In mode check the tests that flip the mode would run Rust alone, too.
TESTS = {"check": tuple(name for name in matrix.check_tests(None, debug=False)
                        if name not in matrix.FLIPPING),
         "rust": matrix.check_tests(None, debug=False)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m coverage", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("run",))
    parser.add_argument("--kernel", type=Path, required=True,
                        help="output directory of a kernel with the numbers of lines")
    parser.add_argument("--selftests", type=Path, required=True,
                        help="kselftest_install directory")
    parser.add_argument("--busybox", type=Path, required=True, help="a static arm64 busybox")
    parser.add_argument("--out", type=Path, required=True, help="directory for results and logs")
    parser.add_argument("--cpu", choices=matrix.CPUS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def filter_of(addresses: set[int]) -> str:
    """The range that has all of them, for QEMU's option -dfilter."""
    begin, end = min(addresses), max(addresses) + 4
    return f"{begin:#x}+{end - begin:#x}"


def run(args: argparse.Namespace) -> bool:
    places = args.out / "coverage"
    places.mkdir(parents=True, exist_ok=True)
    host = places / "host.info"
    image, vmlinux = args.kernel / "arch/arm64/boot/Image", args.kernel / "vmlinux"
    for path in (host, image, vmlinux):
        if not path.is_file():
            raise BadSelection(f"{path} is missing: run 'make coverage', which makes it")
    core = lines.of_kernel(vmlinux)
    if not core.pieces:
        raise BadSelection(f"{vmlinux} does not say which line its code belongs to")
    parts = lines.parts_of_kernel(args.kernel)
    wanted = filter_of(core.instructions.union(*parts.values()))
    machine = vm.prepare(argparse.Namespace(
        image=image, selftests=args.selftests, busybox=args.busybox, out=args.out, debug=False,
        jobs=args.jobs, cmdline="nokaslr"))
    configs = matrix.select(args.cpu, None, None, main=True)
    boots = [boot for mode, tests in TESTS.items()
             for boot in matrix.boots(configs, tuple(TESTS), tests, bare=False)
             if boot.abi == mode]
    print(f"coverage: {len(boots)} boots", flush=True)
    executed: dict[str, set[int]] = {mode: set() for mode in TESTS}
    lock = threading.Lock()

    def one(boot: Boot) -> judge.BootResult:
        log, results = vm.files(args.out, "coverage", boot)
        trace = log.with_suffix(".translated")
        trace.unlink(missing_ok=True)
        argv = qemu.command(machine, boot.config, boot.kernel_params,
                            f"run {vm.TEST_SECONDS} {boot.order}", options=(
                                *qemu.tcg(boot.threads), "-d", "in_asm", "-dfilter", wanted,
                                "-D", str(trace)))
        outcome = qemu.run(argv, log, results, vm.BOOT_SECONDS,
                           vm.TEST_SECONDS + vm.SILENT_SECONDS)
        with trace.open(encoding="utf-8", errors="replace") as file:
            there = lines.translated(file)
        trace.unlink()
        with lock:
            executed[boot.abi] |= there
        return judge.selftests(boot, outcome, log, results, rules.read_expected(),
                               rules.read_skips(debug=False), rules.read_floors(), False)

    judged = vm.run_all(boots, args.jobs, args.out / "coverage.count", one)
    failed = [f"{result.boot.name}: {verdict.name}: {verdict.reason}"
              for result in judged for verdict in result.failed]
    return show(places, core, parts, executed, failed)


def show(place: Path, core: Lines, parts: dict[str, set[int]], executed: dict[str, set[int]],
         failed: list[str]) -> bool:
    with (place / "host.info").open(encoding="utf-8") as file:
        lines_of_host, run_on_host = report.host(file)
    on_host = report.by_module(lines_of_host, run_on_host)
    run_in_kernel = {mode: core.run(there) for mode, there in executed.items()}
    in_kernel = {mode: report.by_module(core.places, ran) for mode, ran in run_in_kernel.items()}
    in_parts = {mode: report.by_part(parts, there) for mode, there in executed.items()}
    text = [*report.table(on_host, in_kernel), "", *report.part_table(in_parts)]
    figures = {"host": report.plain(on_host),
               "kernel": {mode: {"lines": report.plain(in_kernel[mode]),
                                 "instructions": report.plain(in_parts[mode])}
                          for mode in executed},
               "failed": failed}
    notes = ["", "Lines that did not run on the host:",
             *report.missed(lines_of_host, run_on_host)]
    for mode, ran in run_in_kernel.items():
        notes += ["", f"Lines that did not run in the kernel in mode {mode}:",
                  *report.missed(core.places, ran)]
    report.write(place, figures, [*text, *notes])
    print("\n" + "\n".join(text))
    for line in failed:
        print(f"FAIL: {line}")
    print(f"\nresult: {place}/coverage.json, coverage.txt\n", flush=True)
    return not failed and all(
        report.total(side).run for side in (on_host, *in_kernel.values()))


def main() -> int:
    args = arguments()
    return entry.command("coverage", lambda: 0 if run(args) else 1)
