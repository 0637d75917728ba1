# SPDX-License-Identifier: GPL-2.0
"""Turn what a boot left into verdicts."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from vm import console, ktap
from vm.matrix import SWITCH_TEST, TESTS, Boot, Config
from vm.qemu import Outcome

FW_REG_TESTS = frozenset(test.name for test in TESTS if test.fw_regs)
# The row of the table for the kernel itself: came up as asked, no splat, the
# counters say that the asked side served the calls.
BOOT = "boot"
NO_RESULT = "no result"

# (configuration, test) -> (what its failure says, cause)
Expected = dict[tuple[str, str], tuple[str, str]]


@dataclass
class Verdict:
    name: str
    status: str  # pass, fail, skip or xfail
    reason: str = ""
    log: list[str] = field(default_factory=list)


@dataclass
class BootResult:
    boot: Boot
    seconds: float
    kvm: str
    linux: str
    counts: dict[str, int]
    verdicts: list[Verdict]
    console: Path

    @property
    def failed(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.status == "fail"]

    def tally(self) -> Counter[str]:
        return Counter(v.status for v in self.verdicts)


def _rows(path: Path, columns: str) -> list[list[str]]:
    """The rows of a file that has these columns."""
    rows: list[list[str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        rows.append([word.strip() for word in line.split("|")])
        if len(rows[-1]) != len(columns.split("|")) or not all(rows[-1]):
            raise ValueError(f"{path}:{number}: not '{columns}'")
    return rows


def read_expected(path: Path) -> Expected:
    """Tests that fail with C alone, too."""
    return {(config, test): (message, cause) for config, test, message, cause
            in _rows(path, "configuration | test | message | cause")}


def read_racy(path: Path) -> dict[str, str]:
    """Tests that lose a race of their own, and what they say then."""
    return {test: message for test, message in _rows(path, "test | message")}


def _linux(lines: list[str]) -> str:
    for line in console.unstamped(lines[:20]):
        if line.startswith("Linux version "):
            return line.split()[2]
    return "unknown"


def _kernel_problems(config: Config, log: console.KernelLog, outcome: Outcome,
                     ended: bool) -> list[str]:
    problems = [outcome.problem] if outcome.problem else []
    if log.kvm is None:
        problems.append("KVM did not come up")
    elif log.kvm != config.expected_kvm:
        problems.append(f"KVM came up as '{log.kvm}', not '{config.expected_kvm}'")
    if log.gic != config.gic:
        problems.append(f"the host's GIC is {log.gic}, not {config.gic}")
    if log.splats:
        more = f" (and {len(log.splats) - 1} more)" if len(log.splats) > 1 else ""
        problems.append(f"kernel: {log.splats[0]}{more}")
    if not ended and not outcome.problem:
        problems.append("the guest ended before its tests did")
    return problems


def _difference(found: console.Results) -> dict[str, int]:
    """Calls of all surfaces while the tests ran in the mode asked for."""
    before, after = found.stats.get("before", {}), found.stats.get("after", {})
    total = [0, 0, 0]
    for surface, now in after.items():
        was = before.get(surface, (0, 0, 0))
        total = [t + n - w for t, n, w in zip(total, now, was, strict=True)]
    return dict(zip(("c", "rust", "mismatches"), total, strict=True)) if after else {}


def _switched(found: console.Results) -> bool:
    """Both sides served calls while fw_reg_switch ran."""
    after, last = found.stats.get("after", {}), found.stats.get("last", {})
    return all(any(now[side] > after.get(surface, (0, 0, 0))[side]
                   for surface, now in last.items()) for side in (0, 1))


def _counter_problems(boot: Boot, found: console.Results, counts: dict[str, int]) -> list[str]:
    if not counts:
        return ["no counters: /sys/kernel/debug/kvm/arm_abi/stats is missing"]
    problems = [f"mode is {found.modes[when]} {when} the tests, not {boot.abi}"
                for when in ("before", "after") if found.modes.get(when, boot.abi) != boot.abi]
    # What only one side may serve shows in any test, that it does in these.
    tested = not FW_REG_TESTS.isdisjoint(boot.tests)
    if boot.abi == "c" and counts["rust"]:
        problems.append(f"{counts['rust']} calls served by Rust in mode c")
    if boot.abi == "rust" and counts["c"]:
        problems.append(f"{counts['c']} calls served by C in mode rust")
    for side in {"c": ["c"], "rust": ["rust"], "check": ["c", "rust"]}[boot.abi]:
        if tested and not counts[side]:
            problems.append(f"no call served by {side} in mode {boot.abi}")
    switch = found.tests.get(SWITCH_TEST)
    if switch and switch.status == "pass" and not _switched(found):
        problems.append(f"{SWITCH_TEST} passed, but did not reach both sides")
    last = found.stats.get("last", {})
    mismatches = max(counts["mismatches"], sum(row[2] for row in last.values()))
    if mismatches:
        problems.append(f"{mismatches} mismatches between C and Rust")
    return problems


def _test_verdict(config: Config, name: str, found: console.Results,
                  expected: Expected) -> Verdict:
    message, cause = expected.get((config.name, name), (None, ""))
    raw = found.tests.get(name)
    if raw is None:
        hung = found.unfinished == name
        return Verdict(name, "fail", "did not end" if hung else NO_RESULT,
                       found.unfinished_log if hung else found.tail)
    if message is None:
        return Verdict(name, raw.status, raw.reason, raw.log)
    if raw.status != "fail":
        return Verdict(name, "fail", f"expected to fail ({cause}), but: {raw.status}", raw.log)
    if message not in raw.reason:
        return Verdict(name, "fail", f"{raw.reason}; expected to fail with '{message}'", raw.log)
    return Verdict(name, "xfail", cause, raw.log)


def selftests(boot: Boot, outcome: Outcome, console_path: Path, results_path: Path,
              expected: Expected, stock: bool) -> BootResult:
    lines = console.read(console_path)
    log = console.kernel_log(lines)
    found = console.results(console.read(results_path))
    counts = _difference(found)
    problems = _kernel_problems(boot.config, log, outcome, found.ended)
    if not stock and (found.ended or counts):
        problems += _counter_problems(boot, found, counts)
    tail = [line for line in lines if line][-20:]
    if log.splats:
        first = next(i for i, line in enumerate(lines) if log.splats[0] in line)
        tail = lines[first:first + 40]
    status = "fail" if problems else "pass"
    verdicts = [Verdict(BOOT, status, "; ".join(problems), tail)]
    verdicts += [_test_verdict(boot.config, name, found, expected) for name in boot.tests]
    return BootResult(boot, outcome.seconds, log.kvm or "none", _linux(lines), counts,
                      verdicts, console_path)


def kunit(boot: Boot, outcome: Outcome, console_path: Path, results_path: Path) -> BootResult:
    lines = console.read(console_path)
    log = console.kernel_log(lines)
    found = console.results(console.read(results_path))
    problems = _kernel_problems(boot.config, log, outcome, found.ended)
    suites, wrong = ktap.parse(console.unstamped(lines))
    problems += wrong
    tail = [line for line in lines if line][-20:]
    verdicts = [Verdict(BOOT, "fail" if problems else "pass", "; ".join(problems), tail)]
    verdicts += [Verdict(f"{suite.name}.{case.name}", case.status, case.reason, case.log)
                 for suite in suites for case in suite.cases]
    return BootResult(boot, outcome.seconds, log.kvm or "none", _linux(lines), {},
                      verdicts, console_path)
