# SPDX-License-Identifier: GPL-2.0
"""Read the output of a boot: the kernel's log and the guest's results."""

import re
from dataclasses import dataclass, field
from pathlib import Path

# "[    1.234567] " or, with CONFIG_PRINTK_CALLER, "[    1.234567][    T1] "
_STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
_KVM = re.compile(r"kvm \[1\]: (.*VHE\S*) mode initialized successfully")
_GICV3 = "kvm [1]: GIC system register CPU interface enabled"
_VGIC = "kvm [1]: vgic interrupt IRQ"
_SPLAT = re.compile(
    r"\bWARNING: |\bBUG: |\bBUG \S+ \(|\bOops\b|Kernel panic|Internal error: |SError Interrupt"
    r"|Unable to handle kernel"
    r"|possible (?:circular locking|recursive locking|irq lock inversion)"
    r"|trying to register non-static key|turning off the locking correctness validator"
    r"|lockdep is turned off|inconsistent lock state|suspicious RCU usage"
    r"|detected (?:expedited )?stall|kthread starved for|soft lockup|hard lockup"
    r"|INFO: task .* blocked|\bpagealloc: "
    # In lower case these only report that they are enabled.
    r"|(?-i:\b(?:UBSAN|KASAN|KCSAN|KFENCE): )"
    r"|page dumped because|kmemleak: .*(?:Memory pool empty|leak detector disabled|Cannot allocate)"
    r"|rust_kernel: panicked|hyp panic|Initramfs unpacking failed",
    re.IGNORECASE)
# A mismatch in mode check. KUnit plants mismatches, which are logged in the same words.
_DIFFERENCE = re.compile(r"\bC gives .*\bRust gives ")
_RESULT = re.compile(r"^(ok|not ok) \d+ selftests: kvm: (\S+)\s*(?:#\s*(.*))?$")
_START = re.compile(r"^# selftests: kvm: (\S+)$")
_SKIP = re.compile(r"SKIP[\s:-]*(\S.*)")
_ASSERT = "==== Test Assertion Failure ===="
# How many failed cases a reason names
MOST_CASES = 8
_CSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# In a test's output: its plan, a case, the totals of its cases
_PLAN = re.compile(r"^1\.\.([1-9]\d*)\b")
_CASE = re.compile(r"^(ok|not ok) \d+(?: -)?(?: (.*))?$")
_DIRECTIVE = re.compile(r"(?:^|\s)#\s+(SKIP|XFAIL|XPASS|TODO|error)\b\s*(.*)$")
_TOTALS = re.compile(r"^# Totals: pass:(\d+) fail:(\d+) xfail:(\d+) xpass:(\d+) skip:(\d+) "
                     r"error:(\d+)$")


@dataclass(frozen=True)
class Calls:
    """The kernel's counters of a surface at some time."""
    c: int = 0
    rust: int = 0
    mismatches: int = 0
    # Calls that mode check did not judge; None: the kernel does not count them.
    unjudged: int | None = None

    def since(self, before: "Calls") -> "Calls":
        unjudged = None if self.unjudged is None else self.unjudged - (before.unjudged or 0)
        return Calls(self.c - before.c, self.rust - before.rust,
                     self.mismatches - before.mismatches, unjudged)


Stats = dict[str, Calls]


def read(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return [_CSI.sub("", line).rstrip() for line in text.replace("\r", "").split("\n")]


def unstamped(lines: list[str]) -> list[str]:
    """The kernel's messages without their timestamps."""
    return [_STAMP.sub("", line) for line in lines]


@dataclass
class KernelLog:
    """Facts from the kernel's messages."""
    kvm: str | None = None
    gic: int | None = None
    splats: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def kernel_log(lines: list[str]) -> KernelLog:
    log = KernelLog()
    for line in unstamped(lines):
        if found := _KVM.search(line):
            log.kvm = found.group(1)
        if _GICV3 in line:
            log.gic = 3
        elif _VGIC in line and log.gic is None:
            log.gic = 2
        if _SPLAT.search(line):
            log.splats.append(line.strip())
        elif _DIFFERENCE.search(line):
            log.differences.append(line.strip())
    return log


@dataclass(frozen=True)
class Case:
    """A case of a test. Its status is pass, fail or skip, or another directive in lower case."""
    name: str
    status: str
    reason: str = ""


@dataclass
class RawTest:
    """A test as reported by kselftest's runner: pass, fail or skip."""
    status: str
    reason: str
    log: list[str]
    cases: list[Case] = field(default_factory=list)

    def count(self, status: str) -> int:
        return sum(case.status == status for case in self.cases)


# What init could not do before the tests
_FAILED = {"nokeeper": "no VM was held", "noprobe": "the probe failed",
           "noplant": "the mistake was not planted"}


@dataclass
class Results:
    """The output of the guest's init and of kselftest's runner."""
    ended: bool = False
    # Those of /dev/kvm and debugfs' directory arm_abi that exist; None: init did not look
    has: frozenset[str] | None = None
    # Whether a VM was held while the tests ran, and the number of VMs at the end
    keeper: bool = False
    vms: int | None = None
    modes: dict[str, str] = field(default_factory=dict)
    stats: dict[str, Stats] = field(default_factory=dict)
    tests: dict[str, RawTest] = field(default_factory=dict)
    # How long each test took
    seconds: dict[str, float] = field(default_factory=dict)
    # kmemleak's report about the tests
    leaks: list[str] = field(default_factory=list)
    # Checks of the debug kernel that switched themselves off
    off: list[str] = field(default_factory=list)
    # Errors in the output itself, and what init could not do
    problems: list[str] = field(default_factory=list)
    # The last test that began, if it has no result
    unfinished: str | None = None
    unfinished_log: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)


def _skip_reason(log: list[str]) -> str:
    for line in log:
        if found := _SKIP.search(line):
            return found.group(1)
    # A test without a harness prints the reason last.
    words = [line.strip() for line in log if line.strip()]
    return words[-1] if words else "no reason given"


def _assertion(log: list[str]) -> str | None:
    """The failed assertion. KVM's selftests print place and expression, pid, backtrace, message."""
    lines = [line.strip() for line in log]
    if _ASSERT not in lines:
        return None
    _, *rest = lines[lines.index(_ASSERT):]
    where = rest[0] if rest else "assertion failed"
    message = rest[-1] if len(rest) > 1 and not rest[-1].startswith("pid=") else ""
    return f"{where} ({message})" if message else where


def _fail_reason(directive: str, log: list[str]) -> str:
    """The assertion or the subtests that failed, or how the program ended."""
    if assertion := _assertion(log):
        return assertion
    cases = [line for line in log if line.startswith("not ok ")]
    if len(cases) > MOST_CASES:
        cases[MOST_CASES:] = [f"and {len(cases) - MOST_CASES} more"]
    return "; ".join(cases) or directive or "failed"


def _case(ok: str, text: str) -> Case:
    name, directive, reason = text, "", ""
    if found := _DIRECTIVE.search(text):
        name, (directive, reason) = text[:found.start()].strip(), found.groups()
        if not name:
            # kselftest.h puts the name after the directive; names can contain colons, too.
            split = reason.rpartition(": ") if ": " in reason else reason.partition(", ")
            name, _, reason = split
    status = "fail" if ok != "ok" else directive.lower() if directive else "pass"
    return Case(name.strip(), status, reason.strip() or ("-" if directive else ""))


def _cases(log: list[str]) -> list[Case]:
    return [_case(found.group(1), found.group(2) or "")
            for line in log if (found := _CASE.match(line))]


def _contradiction(test: RawTest) -> str | None:
    """Why a test that is reported as passed did not pass."""
    for case in test.cases:
        if case.status not in ("pass", "skip"):
            return f"it passed, but its case '{case.name}' did not: {case.status} {case.reason}"
    plan = next((found.group(1) for line in test.log if (found := _PLAN.match(line))), None)
    if plan and int(plan) != len(test.cases):
        return f"{plan} cases planned, {len(test.cases)} reported"
    totals = next((found.groups() for line in test.log if (found := _TOTALS.match(line))), None)
    if totals and (int(totals[0]), int(totals[4])) != (test.count("pass"), test.count("skip")):
        return (f"its totals report {totals[0]} cases passed and {totals[4]} skipped, its lines "
                f"{test.count('pass')} and {test.count('skip')}")
    return None


def _outcome(ok: str, directive: str, log: list[str]) -> RawTest:
    cases = _cases(log)
    if ok != "ok":
        return RawTest("fail", _fail_reason(directive, log), log, cases)
    if directive.startswith("XFAIL"):
        return RawTest("fail", "the test reported XFAIL; list it in scripts/vm/expected instead",
                       log, cases)
    if directive.startswith("SKIP"):
        # A skip at the end must not hide an earlier failure.
        failed = any(case.status == "fail" for case in cases) or _ASSERT in map(str.strip, log)
        if failed:
            return RawTest("fail", f"{_fail_reason('', log)}, and then it skipped the rest", log,
                           cases)
        return RawTest("skip", _skip_reason(log), log)
    test = RawTest("pass", "", log, cases)
    if why := _contradiction(test):
        return RawTest("fail", why, log, cases)
    if cases and test.count("skip") == len(cases):
        reasons = list(dict.fromkeys(case.reason for case in cases))
        return RawTest("skip", f"all {len(cases)} cases: {'; '.join(reasons)}", log, cases)
    return test


def _number(text: str) -> int:
    """Decimal digits only: int() would accept signs, blanks and underscores, too."""
    if not text.isascii() or not text.isdecimal():
        raise ValueError
    return int(text)


def _note(found: Results, line: str) -> None:
    """Read a line that init wrote."""
    try:
        match line.split()[2:]:
            case ["end", *_]:
                found.ended = True
            case ["has", *names]:
                found.has = frozenset(names)
            case ["keeper", *_]:
                found.keeper = True
            case ["vms", number]:
                found.vms = _number(number)
            case ["mode", when, mode]:
                found.modes[when] = mode
            case ["stats", when, surface, c, rust, mismatches, *unjudged] if len(unjudged) < 2:
                numbers = [_number(n) for n in (c, rust, mismatches, *unjudged)]
                found.stats.setdefault(when, {})[surface] = Calls(*numbers)
            case ["seconds", name, begin, end]:
                found.seconds[name] = round(float(end) - float(begin), 1)
            case [what, *words] if what in _FAILED:
                found.problems.append(f"{_FAILED[what]}: {' '.join(words)}")
            case ["leak", *_]:
                found.leaks.append(line.removeprefix("# vm: leak "))
            case ["lockdep" | "kmemleak" as what, "off"]:
                found.off.append(what)
            case ["stats" | "mode" | "vms" | "lockdep" | "kmemleak", *_]:
                raise ValueError
    except ValueError:
        found.problems.append(f"garbled: '{line}'")


def results(lines: list[str]) -> Results:
    found = Results(tail=[line for line in lines if line][-10:])
    for line in lines:
        if line.startswith("# vm: "):
            _note(found, line)
        elif start := _START.match(line):
            found.unfinished, found.unfinished_log = start.group(1), []
        elif end := _RESULT.match(line):
            ok, name, directive = end.groups()
            if name in found.tests:
                found.problems.append(f"{name} gave two results")
            else:
                found.tests[name] = _outcome(ok, directive or "", found.unfinished_log)
            found.unfinished = None
        elif found.unfinished and "addr2line: not found" not in line:
            found.unfinished_log.append(line.removeprefix("#").removeprefix(" "))
    return found
