# SPDX-License-Identifier: GPL-2.0
"""Measure what the C and the Rust code cost, in instructions, and compare the two.

  run   boot the kernels in QEMU, count, check the goals, and write the result
  list  list the boots
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import entry
from bench import boots, code, goals, machines, parts, plot, result, table
from bench.boots import Ended, Kernel, Lab
from bench.machines import WITH, WITHOUT
from bench.result import BadResult, Result
from vm import matrix, qemu
from vm.matrix import BadSelection, Config

SCRIPTS = Path(__file__).resolve().parents[1]
CLANG, RUSTC = "/usr/bin/clang-22", "/usr/bin/rustc"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("run", "list"))
    parser.add_argument("--kernel", type=Path, help="output directory of the kernel's build")
    parser.add_argument("--without", type=Path,
                        help="output directory of the build without the overlay")
    parser.add_argument("--selftests", type=Path, help="kselftest_install directory")
    parser.add_argument("--busybox", type=Path, help="a static arm64 busybox")
    parser.add_argument("--plugin", type=Path, help="QEMU's plugin, libhandlers.so")
    parser.add_argument("--build", type=Path, help="build times (JSON), if they were measured")
    parser.add_argument("--out", type=Path, help="directory for results and logs")
    parser.add_argument("--base", type=Path, help="an older result to compare with")
    parser.add_argument("--cpu", choices=matrix.CPUS)
    parser.add_argument("--gic", type=int, choices=matrix.GIC_VERSIONS)
    parser.add_argument("--mode", choices=matrix.KVM_MODES, help="KVM's mode")
    parser.add_argument("--cmdline", default="", help="additional kernel parameters")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1,
                        help="VMs at a time (default: the number of CPUs)")
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error("--jobs: must be at least 1")
    if "--" in args.cmdline.split():
        parser.error("--cmdline: must be kernel parameters only, without '--'")
    for name in ("kernel", "without", "selftests", "busybox", "plugin", "out"):
        if args.task == "run" and getattr(args, name) is None:
            parser.error(f"{args.task} needs --{name}")
    return args


def base(args: argparse.Namespace, configs: tuple[Config, ...]) -> Result | None:
    """The older result. It is read first, since this run may replace the file."""
    if args.base is None:
        return None
    old = result.load(args.base)
    result.check_machines(args.base, old, [config.name for config in configs])
    return old


def kernel(directory: Path) -> Kernel:
    found = Kernel(directory / "arch/arm64/boot/Image", directory / "System.map",
                   directory / "vmlinux")
    for path in (found.image, found.map, found.vmlinux):
        if not path.is_file():
            raise BadSelection(f"{path} is missing: run 'make bench', which builds both kernels")
    return found


def prepare(args: argparse.Namespace) -> Lab:
    """Check the inputs and pack the programs into an initramfs."""
    for tool in (qemu.QEMU, plot.GNUPLOT, code.OBJDUMP):
        if not shutil.which(tool):
            raise BadSelection(f"{tool} not found: run 'make setup'")
    if not args.plugin.is_file():
        raise BadSelection(f"{args.plugin} is missing: run 'make bench', which builds the plugin")
    programs = tuple(sorted(path.name for path in args.selftests.glob(f"kvm/{boots.PROGRAMS}")))
    if not programs:
        raise BadSelection(f"there are no {boots.PROGRAMS} in {args.selftests}/kvm: "
                           "run 'make selftests'")
    kernels = {WITH: kernel(args.kernel), WITHOUT: kernel(args.without)}
    logs = args.out / "bench"
    logs.mkdir(parents=True, exist_ok=True)
    initrd = args.out / "initrd.cpio"
    done = subprocess.run([SCRIPTS / "mkinitrd.sh", initrd, args.selftests], check=False,
                          env={**os.environ, "BUSYBOX_ARM64": str(args.busybox)})
    if done.returncode:
        sys.exit(done.returncode)
    return Lab(kernels, initrd, args.cmdline, programs, args.plugin, logs)


def version(*argv: str) -> str:
    """The first line of --version, without the packager's additions."""
    line = subprocess.run([*argv, "--version"], check=True, capture_output=True,
                          text=True).stdout.splitlines()[0]
    return line.split("(")[0].replace("emulator version ", "").strip()


def failures(ended: list[Ended]) -> list[str]:
    """The problems of each boot, with the end of its log, and the differences between boots."""
    lines: list[str] = []
    for one in ended:
        if one.problems:
            lines += ["", f"FAIL: {one.boot.name}:", *(f"  {line}" for line in one.problems[:20])]
            if len(one.problems) > 20:
                lines.append(f"  and {len(one.problems) - 20} more")
            if not one.run.ended or any(one.run.exits.values()):
                lines += [f"  | {line}" for line in one.tail]
            lines.append(f"  console: {one.console}")
    if differ := boots.pairs(ended):
        lines += ["", "FAIL: two boots of the same kind differ:", *(f"  {x}" for x in differ)]
    return lines


def measured(args: argparse.Namespace, lab: Lab, configs: tuple[Config, ...],
             ended: list[Ended]) -> Result:
    found: Result = {
        "kind": result.KIND, "schema": result.SCHEMA,
        "versions": {"linux": ended[0].linux, "qemu": version(qemu.QEMU),
                     "clang": version(CLANG), "rustc": version(RUSTC)},
        "cmdline": args.cmdline,
        "machines": {config.name: boots.machine(config, [e for e in ended
                                                         if e.boot.config == config])
                     for config in configs}}
    executed = [handler for machine in found["machines"].values()
                for modes in machine["handlers"].values() for handlers in modes.values()
                for handler in handlers.values()]
    seen = {name for handler in executed for name in handler["functions"]}
    found["code"] = code.functions(lab.kernels[WITH], seen)
    plain = code.demangled(sorted(seen))
    for handler in executed:
        handler["functions"] = {plain[name]: n for name, n in handler["functions"].items()}
    found["sizes"] = asdict(code.measure_sizes(args.kernel, lab.kernels[WITHOUT]))
    found["sizes"]["parts"] = parts.measure(args.kernel)
    if args.build and args.build.is_file():
        found["build"] = json.loads(args.build.read_text(encoding="utf-8"))
    return found


def comparison(path: Path, old: Result, new: Result) -> list[str]:
    """Print the comparison; returns the paths that cost more or are missing."""
    lost, remarks = result.compare(old, new)
    print(f"\nCompared with {path}:", *(f"  {line}" for line in remarks), sep="\n")
    if lost:
        print(f"FAIL: over {result.TOLERANCE} instructions more than before, or missing:",
              *(f"  {line}" for line in lost), sep="\n")
    else:
        print(f"  no path takes over {result.TOLERANCE} instructions more than before")
    return lost


def run(args: argparse.Namespace, configs: tuple[Config, ...], old: Result | None) -> bool:
    lab = prepare(args)
    plan = machines.boots(configs)
    print(f"Benchmark: {len(plan)} boots, {args.jobs} at a time, of "
          f"{', '.join(name.removeprefix('abi_bench_') for name in lab.programs)}", flush=True)
    ended = boots.run_all(plan, args.jobs, lab.boot)
    if wrong := failures(ended):
        print("\n".join(wrong), f"\n\nno result; logs: {lab.logs}", flush=True)
        return False
    new = measured(args, lab, configs, ended)
    found = goals.check(new)
    new["goals"] = [{"goal": goal.name, "met": goal.met, "of": goal.of,
                     "missed": goal.missed} for goal in found]
    for remark in dict.fromkeys(line for one in ended for line in one.run.remarks):
        print(f"  the minimum was rarely seen, but all boots have the same: {remark}")
    print(f"\n{table.text(new, found, everything=False)}", end="")
    result.put(lab.logs / "bench.txt", table.text(new, found, everything=True))
    result.put(lab.logs / "bench.md", table.markdown(new, found))
    plots = plot.write(new, lab.logs)
    lost = comparison(args.base, old, new) if old else []
    result.put(lab.logs / "bench.json", result.dump(new))
    print(f"\nresult: {lab.logs}/bench.json, bench.txt, bench.md, {', '.join(plots)}\n",
          flush=True)
    return all(goal.good_enough for goal in found) and not lost


def main() -> int:
    args = arguments()

    def do() -> int:
        configs = machines.select(args.cpu, args.gic, args.mode)
        old = base(args, configs)
        if args.task == "list":
            for boot in machines.boots(configs):
                print(boot.name)
        return 0 if args.task != "run" or run(args, configs, old) else 1

    return entry.command("bench", do, BadResult)
