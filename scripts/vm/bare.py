# SPDX-License-Identifier: GPL-2.0
"""Boots in which KVM must not come up: the kernel must boot without a trace of the overlay."""

from pathlib import Path

from vm import console
from vm.judge import BOOT, BootResult, Verdict, linux, splats
from vm.matrix import Boot
from vm.qemu import Outcome


def problems(log: console.KernelLog, found: console.Results, outcome: Outcome) -> list[str]:
    wrong = [outcome.problem] if outcome.problem else []
    if not found.ended and not outcome.problem:
        wrong.append("the guest ended before init finished")
    if log.kvm is not None:
        wrong.append(f"KVM came up as '{log.kvm}'")
    wrong += splats(log)
    if found.ended and found.has is None:
        wrong.append("init did not report whether /dev/kvm exists (no '# vm: has')")
    return wrong + [f"{name} exists without KVM" for name in sorted(found.has or ())] \
        + found.problems


def judge(boot: Boot, outcome: Outcome, console_path: Path, results_path: Path) -> BootResult:
    lines = console.read(console_path)
    log = console.kernel_log(lines)
    wrong = problems(log, console.results(console.read(results_path)), outcome)
    version = linux(lines)
    if version is None:
        wrong.append("the kernel did not come up")
    verdict = Verdict(BOOT, "fail" if wrong else "pass", "; ".join(wrong),
                      [line for line in lines if line][-20:])
    return BootResult(boot, outcome.seconds, log.kvm or "none", version or "unknown", {}, [verdict],
                      console_path)
