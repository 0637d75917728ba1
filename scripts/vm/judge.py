# SPDX-License-Identifier: GPL-2.0
"""Turn the output of a boot into verdicts."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from vm import console, counters, ktap
from vm.matrix import Boot, Config
from vm.qemu import Outcome
from vm.rules import SURFACES, Expected, Floors, Racy, Skip, Skips, matches

# The row of the table for the kernel itself: KVM came up in the requested mode, there
# is no splat, and the counters show that the requested side served the calls.
BOOT = "boot"
NO_RESULT = "no result"
# In a whole run. Only the tests listed in scripts/vm/racy are retried.
MOST_RETRIES = 1


@dataclass
class Verdict:
    name: str
    status: str  # pass, fail, skip or xfail
    reason: str = ""
    log: list[str] = field(default_factory=list)
    cases: int = 0
    skipped: int = 0
    # By the guest's clock; None: not known
    seconds: float | None = None


@dataclass
class BootResult:
    boot: Boot
    seconds: float
    kvm: str
    linux: str
    counts: console.Stats
    verdicts: list[Verdict]
    console: Path
    # The boots in which single tests were retried
    attempts: list["BootResult"] = field(default_factory=list)
    # Surfaces that only Rust served
    rust_alone: set[str] = field(default_factory=set)

    @property
    def failed(self) -> list[Verdict]:
        return [v for v in self.verdicts if v.status == "fail"]

    def tally(self) -> Counter[str]:
        return Counter(v.status for v in self.verdicts)


def linux(lines: list[str]) -> str | None:
    """The version at the beginning of the kernel's log."""
    for line in console.unstamped(lines[:20]):
        if line.startswith("Linux version "):
            return line.split()[2]
    return None


def splats(log: console.KernelLog) -> list[str]:
    """The first splat, and the number of further ones."""
    more = f" (and {len(log.splats) - 1} more)" if len(log.splats) > 1 else ""
    return [f"kernel: {line}{more}" for line in log.splats[:1]]


def _kernel_problems(config: Config, log: console.KernelLog, outcome: Outcome,
                     found: console.Results) -> list[str]:
    problems = [outcome.problem] if outcome.problem else []
    if log.kvm is None:
        problems.append("KVM did not come up")
    elif log.kvm != config.expected_kvm:
        problems.append(f"KVM came up as '{log.kvm}', not '{config.expected_kvm}'")
    if log.gic != config.gic:
        problems.append(f"the host's GIC is {log.gic}, not {config.gic}")
    problems += splats(log)
    if not found.ended and not outcome.problem:
        problems.append("the guest ended before its tests finished")
    return problems + found.problems


def _guest_problems(found: console.Results) -> list[str]:
    """Problems that init reports after the tests, including the debug kernel's findings."""
    problems = [f"kmemleak: {found.leaks[0]}"] if found.leaks else []
    problems += [f"{what} switched itself off" for what in found.off]
    if not found.keeper and (found.ended or found.tests):
        problems.append("no VM was held while the tests ran (no '# vm: keeper')")
    if found.vms is None and found.ended:
        problems.append("the VMs were not counted at the end (no '# vm: vms')")
    if found.vms:
        problems.append(f"{found.vms} VMs are left")
    return problems


def _row_to_add(config: Config, what: str, reason: str) -> str:
    return f"if that is right, add to scripts/vm/skips: '{config.name} | {what} | {reason}'"


def _wrong_skips(config: Config, test: str, cases: list[console.Case],
                 rows: list[Skip]) -> list[str]:
    """Cases that are skipped but not listed, or listed but not skipped."""
    problems = []
    for case in cases:
        named = [row for row in rows if row.case and matches(row.case, case.name)]
        if case.status != "skip":
            problems += [f"'{case.name}' should be skipped ({row.where}: {row.reason}), but: "
                         f"{case.status}" for row in named]
        elif not any(row.says(case.reason) for row in named):
            instead = f", where {named[0].where} says '{named[0].reason}'" if named else ""
            problems.append(f"'{case.name}' is skipped: {case.reason}{instead}; "
                            + _row_to_add(config, f"{test}: {case.name}", case.reason))
    return problems + [f"'{row.case}' should be skipped ({row.where}: {row.reason}), but is "
                       "missing" for row in rows
                       if row.case and not any(matches(row.case, case.name) for case in cases)]


def _skip_problems(config: Config, name: str, raw: console.RawTest, skips: Skips) -> list[str]:
    if (rows := skips.on(config, name)) is None:
        return []
    whole = [row for row in rows if row.case is None]
    # A test that ran is judged case by case, even if all its cases were skipped.
    if raw.cases or raw.status != "skip":
        return [f"should be skipped ({row.where}: {row.reason}), but ran" for row in whole] + \
            _wrong_skips(config, name, raw.cases, rows)
    if any(row.says(raw.reason) for row in whole):
        return []
    instead = f", where {whole[0].where} says '{whole[0].reason}'" if whole else ""
    return [f"it is skipped: {raw.reason}{instead}; {_row_to_add(config, name, raw.reason)}"]


def _floor_problem(floors: Floors, kind: str, name: str, config: Config,
                   number: int) -> str | None:
    least = floors.least(kind, name, config.name)
    if least is None:
        return (f"its number of cases is not listed: add the row '{kind} | {name} | * | {number}' "
                "to scripts/vm/floors")
    return f"{number} cases, at least {least} are expected" if number < least else None


def _ran(config: Config, name: str, raw: console.RawTest, skips: Skips,
         floors: Floors, stock: bool) -> tuple[str, str]:
    """Status and reason of a test that passed or was skipped."""
    problems = [] if stock else _skip_problems(config, name, raw, skips)
    if raw.status == "pass" or raw.cases:
        floor = _floor_problem(floors, "selftest", name, config, len(raw.cases))
        problems += [floor] if floor and not stock else []
    return ("fail", "; ".join(problems)) if problems else (raw.status, raw.reason)


def _test_verdict(config: Config, name: str, found: console.Results, expected: Expected,
                  skips: Skips, floors: Floors, stock: bool) -> Verdict:
    raw = found.tests.get(name)
    if raw is None:
        hung = found.unfinished == name
        return Verdict(name, "fail", "did not end" if hung else NO_RESULT,
                       found.unfinished_log if hung else found.tail)
    failure = expected.get((config.name, name))
    if failure is None:
        status, reason = raw.status, raw.reason
        if status != "fail":
            status, reason = _ran(config, name, raw, skips, floors, stock)
    elif raw.status != "fail":
        status, reason = "fail", f"expected to fail ({failure.cause}), but: {raw.status}"
    elif not failure.says(raw.reason):
        status, reason = "fail", (f"{raw.reason}; expected to fail with "
                                  f"'{failure.message.pattern}' (scripts/vm/expected)")
    else:
        status, reason = "xfail", failure.cause
    return Verdict(name, status, reason, raw.log, len(raw.cases), raw.count("skip"),
                   found.seconds.get(name))


def selftests(boot: Boot, outcome: Outcome, console_path: Path, results_path: Path,
              expected: Expected, skips: Skips, floors: Floors, stock: bool) -> BootResult:
    lines = console.read(console_path)
    log = console.kernel_log(lines)
    found = console.results(console.read(results_path))
    problems = _kernel_problems(boot.config, log, outcome, found)
    # Semicolons separate problems, but the line has one, too.
    problems += [f"kernel: {line.replace(';', ',')}" for line in log.differences[:1]]
    problems += _guest_problems(found)
    if not stock and (found.ended or counters.TESTED[1] in found.stats):
        problems += counters.problems(boot, found, floors)
    tail = [line for line in lines if line][-20:]
    if log.splats:
        first = next(i for i, line in enumerate(lines) if log.splats[0] in line)
        tail = lines[first:first + 40]
    elif found.leaks:
        tail = found.leaks[:40]
    verdicts = [Verdict(BOOT, "fail" if problems else "pass", "; ".join(problems), tail)]
    verdicts += [_test_verdict(boot.config, name, found, expected, skips, floors, stock)
                 for name in boot.tests]
    return BootResult(boot, outcome.seconds, log.kvm or "none", linux(lines) or "unknown",
                      counters.difference(found, *counters.TESTED) if boot.counted else {},
                      verdicts, console_path,
                      rust_alone=counters.by_rust_alone(boot, found))


def lost_race(result: BootResult, racy: Racy) -> list[Verdict]:
    """The failures that may be retried: a known race's message, in a boot without other problems
    of the kernel."""
    if any(v.name == BOOT for v in result.failed):
        return []
    return [v for v in result.failed if v.name in racy and racy[v.name].says(v.reason)]


def retry(result: BootResult, verdict: Verdict, again: BootResult) -> None:
    """Add a retry of one test. It decides only about that test: all other verdicts of the first
    boot stay, and so does this failure unless everything passes in the retry."""
    result.attempts.append(again)
    good = not again.failed and any(v.name == verdict.name and v.status == "pass"
                                    for v in again.verdicts)
    if good:
        verdict.status, verdict.reason = "pass", f"first failed with {verdict.reason}"
    else:
        why = "; ".join(f"{v.name}: {v.reason}" for v in again.failed) or "not passed"
        verdict.reason += f" (retried: {why})"


def tries_again(results: list[BootResult]) -> int:
    return sum(len(result.attempts) for result in results)


def run_problems(results: list[BootResult], whole: bool) -> list[str]:
    """Problems that no single boot shows. whole: nothing narrowed the run."""
    problems = []
    if (number := tries_again(results)) > MOST_RETRIES:
        problems.append(f"{number} tests were retried, at most {MOST_RETRIES} may be")
    if whole:
        seen = {surface for result in results for surface in result.rust_alone}
        problems += [f"no boot in mode rust shows that only Rust serves {surface}"
                     for surface in SURFACES if surface not in seen]
    return problems


def _kunit_skips(config: Config, suites: list[ktap.Suite], skips: Skips) -> list[str]:
    problems = []
    for suite in suites:
        if (rows := skips.on(config, suite.name)) is not None:
            cases = [console.Case(case.name, case.status, case.reason) for case in suite.all_cases]
            problems += [f"suite {suite.name}: {wrong}"
                         for wrong in _wrong_skips(config, suite.name, cases, rows)]
    return problems


def _kunit_floors(config: Config, suites: list[ktap.Suite], floors: Floors,
                  quick: bool) -> list[str]:
    """Suites with too few cases. quick: the slowest cases did not run."""
    there = {suite.name: len(suite.cases) for suite in suites}
    problems = []
    for name in dict.fromkeys([*floors.names("kunit"), *there]):
        kind = "kunit-quick" if quick and floors.least("kunit-quick", name, config.name) \
            is not None else "kunit"
        if wrong := _floor_problem(floors, kind, name, config, there.get(name, 0)):
            problems.append(f"suite {name}: {wrong}" if name in there else
                            f"suite {name} did not run")
    return problems


def kunit(boot: Boot, outcome: Outcome, console_path: Path, results_path: Path, skips: Skips,
          floors: Floors | None, quick: bool) -> BootResult:
    """floors: None if the user selected cases. quick: the slowest cases did not run."""
    lines = console.read(console_path)
    log = console.kernel_log(lines)
    found = console.results(console.read(results_path))
    problems = _kernel_problems(boot.config, log, outcome, found)
    suites, wrong = ktap.parse(console.unstamped(lines))
    problems += wrong
    if floors:
        problems += _kunit_skips(boot.config, suites, skips)
        problems += _kunit_floors(boot.config, suites, floors, quick)
    tail = [line for line in lines if line][-20:]
    verdicts = [Verdict(BOOT, "fail" if problems else "pass", "; ".join(problems), tail)]
    verdicts += [Verdict(f"{suite.name}.{case.name}", case.status, case.reason, case.log, 1,
                         int(case.status == "skip"))
                 for suite in suites for case in suite.all_cases]
    return BootResult(boot, outcome.seconds, log.kvm or "none", linux(lines) or "unknown", {},
                      verdicts, console_path)
