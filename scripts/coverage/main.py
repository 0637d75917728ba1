# SPDX-License-Identifier: GPL-2.0
"""Which lines of the core run: in its tests on the host, and in a kernel in mode check under
KVM's selftests.

The tests of the host are counted by LLVM (scripts/coverage.sh). The kernel is not instrumented:
QEMU logs which instructions it translates, and it translates them when it comes to them. kcov would
record only the threads of tests that ask for it.
"""

import argparse
import json
import os
from pathlib import Path

import entry
from coverage import lines, report
from coverage.lines import Lines, Place
from vm import judge, matrix, qemu, rules
from vm import main as vm
from vm.matrix import BadSelection, Boot

# In mode check the tests that flip the mode would run Rust alone, too.
TESTS = tuple(test.name for test in matrix.TESTS if "flips" not in test.flags)


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


def filter_of(code: Lines) -> str:
    """The range of addresses that has all of it, for QEMU's option -dfilter."""
    begin = min(piece[0] for piece in code.pieces)
    end = max(piece[1] for piece in code.pieces)
    return f"{begin:#x}+{end - begin:#x}"


def run(args: argparse.Namespace) -> bool:
    places = args.out / "coverage"
    places.mkdir(parents=True, exist_ok=True)
    host = places / "host.json"
    image, vmlinux = args.kernel / "arch/arm64/boot/Image", args.kernel / "vmlinux"
    for path in (host, image, vmlinux):
        if not path.is_file():
            raise BadSelection(f"{path} is missing: run 'make coverage', which makes it")
    code = lines.of_kernel(vmlinux)
    if not code.pieces:
        raise BadSelection(f"{vmlinux} does not say which line its code belongs to")
    machine = vm.prepare(argparse.Namespace(
        image=image, selftests=args.selftests, busybox=args.busybox, out=args.out, debug=False,
        jobs=args.jobs, cmdline="nokaslr"))
    boots = matrix.boots(matrix.select(args.cpu, None, None, main=True), ("check",), TESTS)
    print(f"coverage in mode check: {len(boots)} boots", flush=True)
    executed: dict[str, set[int]] = {}

    def one(boot: Boot) -> judge.BootResult:
        log, results = vm.files(args.out, "coverage", boot)
        trace = log.with_suffix(".translated")
        trace.unlink(missing_ok=True)
        argv = qemu.command(machine, boot.config, boot.kernel_params,
                            f"run {vm.TEST_SECONDS} {boot.order}", options=(
                                *qemu.tcg(boot.threads), "-d", "in_asm", "-dfilter",
                                filter_of(code), "-D", str(trace)))
        outcome = qemu.run(argv, log, results, vm.BOOT_SECONDS,
                           vm.TEST_SECONDS + vm.SILENT_SECONDS)
        with trace.open(encoding="utf-8", errors="replace") as file:
            executed[boot.slug] = lines.translated(file)
        trace.unlink()
        return judge.selftests(boot, outcome, log, results, rules.read_expected(),
                               rules.read_skips(debug=False), rules.read_floors(), False)

    judged = vm.run_all(boots, args.jobs, args.out / "coverage.count", one)
    failed = [f"{result.boot.name}: {verdict.name}: {verdict.reason}"
              for result in judged for verdict in result.failed]
    there = set().union(*executed.values())
    ran: set[Place] = code.run(there)
    return show(args, code, ran, there, failed)


def show(args: argparse.Namespace, code: Lines, ran: set[Place], there: set[int],
         failed: list[str]) -> bool:
    place = args.out / "coverage"
    on_host, regions = report.host(json.loads((place / "host.json").read_text(encoding="utf-8")))
    in_kernel = report.kernel(code.places, ran)
    instructions = report.Share(len(code.instructions & there), len(code.instructions))
    text = [*report.table(on_host, in_kernel), "",
            f"regions, tests on the host: {regions}",
            f"instructions of the core in the kernel, mode check: {instructions}"]
    figures = {"host": {name: vars(share) for name, share in on_host.items()},
               "regions": vars(regions),
               "kernel": {name: vars(share) for name, share in in_kernel.items()},
               "instructions": vars(instructions)}
    report.write(place, figures, [*text, "", "Not run in the kernel in mode check:",
                                  *report.missed(code, ran)])
    print("\n" + "\n".join(text))
    for line in failed:
        print(f"FAIL: {line}")
    print(f"\nresult: {place}/coverage.json, coverage.txt\n", flush=True)
    return not failed and report.total(in_kernel).run > 0


def main() -> int:
    args = arguments()
    return entry.command("coverage", lambda: 0 if run(args) else 1)
