# SPDX-License-Identifier: GPL-2.0
"""Turn what a boot left into verdicts."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from vm import console, ktap
from vm.matrix import DEBUG, FLIPPING, TESTS, Boot, Config
from vm.qemu import Outcome

CALLS = {test.name: test.calls for test in TESTS}
# The row of the table for the kernel itself: came up as asked, no splat, the
# counters say that the asked side served the calls.
BOOT = "boot"
NO_RESULT = "no result"

# surface -> side, or "mismatches" -> number
Counts = dict[str, dict[str, int]]
# (configuration, test) -> (what its failure says, cause)
Expected = dict[tuple[str, str], tuple[str, str]]


@dataclass
class Verdict:
    name: str
    status: str  # pass, fail, skip or xfail
    reason: str = ""
    log: list[str] = field(default_factory=list)
    # By the guest's clock; None: not known
    seconds: float | None = None


@dataclass
class BootResult:
    boot: Boot
    seconds: float
    kvm: str
    linux: str
    counts: Counts
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


def _debug_problems(found: console.Results) -> list[str]:
    """What the debug kernel keeps to itself until it is asked."""
    problems = []
    if found.leaks:
        problems.append(f"kmemleak: {found.leaks[0]}")
    if found.lockdep_off:
        problems.append("lockdep switched itself off")
    return problems


def _difference(found: console.Results) -> Counts:
    """Calls of each surface while the tests ran in the mode asked for."""
    before = found.stats.get("before", {})
    return {surface: {key: n - w for key, n, w in zip(("c", "rust", "mismatches"), now,
                                                      before.get(surface, (0, 0, 0)),
                                                      strict=True)}
            for surface, now in found.stats.get("after", {}).items()}


def _switched(found: console.Results) -> bool:
    """Both sides served calls while the tests ran that flip the mode."""
    after, last = found.stats.get("after", {}), found.stats.get("last", {})
    return all(any(now[side] > after.get(surface, (0, 0, 0))[side]
                   for surface, now in last.items()) for side in (0, 1))


def _counter_problems(boot: Boot, found: console.Results, counts: Counts) -> list[str]:
    if not counts:
        return ["no counters: /sys/kernel/debug/kvm/arm_abi/stats is missing"]
    problems = [f"mode is {found.modes[when]} {when} the tests, not {boot.abi}"
                for when in ("before", "after") if found.modes.get(when, boot.abi) != boot.abi]
    last = found.stats.get("last", {})
    for surface, number in counts.items():
        # They are counted even where calls are not.
        if differ := max(number["mismatches"], last.get(surface, (0, 0, 0))[2]):
            problems.append(f"{differ} mismatches between C and Rust on {surface}")
    if not boot.counted:
        served = [surface for surface, number in counts.items() if number["c"] or number["rust"]]
        return problems + [f"calls of {surface} were counted" for surface in served]
    serving = {"c": ["c"], "rust": ["rust"], "check": ["c", "rust"]}[boot.abi]
    # What only one side may serve shows in any test; that it does, in those that call it.
    passed = {name for name, test in found.tests.items() if test.status == "pass"}
    called = {surface for name in passed for surface in CALLS.get(name, ())}
    for surface in sorted(called - counts.keys()):
        problems.append(f"no counters of {surface}")
    for surface, number in counts.items():
        for side in ("c", "rust"):
            if side not in serving and number[side]:
                problems.append(f"{number[side]} calls of {surface} served by {side} "
                                f"in mode {boot.abi}")
            if side in serving and surface in called and not number[side]:
                problems.append(f"no call of {surface} served by {side} in mode {boot.abi}")
    if flipped := passed & FLIPPING:
        if not _switched(found):
            problems.append(f"{', '.join(sorted(flipped))} passed, but not on both sides")
    return problems


def _test_verdict(config: Config, name: str, found: console.Results,
                  expected: Expected) -> Verdict:
    message, cause = expected.get((config.name, name), (None, ""))
    raw = found.tests.get(name)
    if raw is None:
        hung = found.unfinished == name
        return Verdict(name, "fail", "did not end" if hung else NO_RESULT,
                       found.unfinished_log if hung else found.tail)
    if raw.status == "skip" and name in DEBUG:
        return Verdict(name, "fail", f"must not skip on the debug kernel: {raw.reason}", raw.log)
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
    problems = _kernel_problems(boot.config, log, outcome, found.ended) + _debug_problems(found)
    if not stock and (found.ended or counts):
        problems += _counter_problems(boot, found, counts)
    tail = [line for line in lines if line][-20:]
    if log.splats:
        first = next(i for i, line in enumerate(lines) if log.splats[0] in line)
        tail = lines[first:first + 40]
    elif found.leaks:
        tail = found.leaks[:40]
    status = "fail" if problems else "pass"
    verdicts = [Verdict(BOOT, status, "; ".join(problems), tail)]
    verdicts += [_test_verdict(boot.config, name, found, expected) for name in boot.tests]
    return BootResult(boot, outcome.seconds, log.kvm or "none", _linux(lines),
                      counts if boot.counted else {}, verdicts, console_path)


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
