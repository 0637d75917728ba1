# SPDX-License-Identifier: GPL-2.0
"""Boots in which KVM must not come up: the kernel does, and nothing of the overlay shows."""

from pathlib import Path

from vm import console, facts
from vm.judge import BOOT, BootResult, Verdict
from vm.matrix import Boot
from vm.qemu import Outcome


def problems(log: console.KernelLog, found: facts.Facts, outcome: Outcome) -> list[str]:
    wrong = [outcome.problem] if outcome.problem else []
    if not found.ended and not outcome.problem:
        wrong.append("the guest ended before init did")
    if log.kvm is not None:
        wrong.append(f"KVM came up as '{log.kvm}'")
    if log.splats:
        more = f" (and {len(log.splats) - 1} more)" if len(log.splats) > 1 else ""
        wrong.append(f"kernel: {log.splats[0]}{more}")
    if found.ended and found.has is None:
        wrong.append("init did not look for /dev/kvm")
    return wrong + [f"{name} exists without KVM" for name in sorted(found.has or ())] \
        + found.problems


def judge(boot: Boot, outcome: Outcome, console_path: Path, results_path: Path) -> BootResult:
    lines = console.read(console_path)
    log = console.kernel_log(lines)
    wrong = problems(log, facts.read(console.read(results_path)), outcome)
    linux = next((line.split()[2] for line in console.unstamped(lines[:20])
                  if line.startswith("Linux version ")), None)
    if linux is None:
        wrong.append("the kernel did not come up")
    verdict = Verdict(BOOT, "fail" if wrong else "pass", "; ".join(wrong),
                      [line for line in lines if line][-20:])
    return BootResult(boot, outcome.seconds, log.kvm or "none", linux or "unknown", {}, [verdict],
                      console_path)
