# SPDX-License-Identifier: GPL-2.0
"""Read what a boot left: the kernel's log and the guest's results."""

import re
from dataclasses import dataclass, field
from pathlib import Path

# "[    1.234567] " or, with CONFIG_PRINTK_CALLER, "[    1.234567][    T1] "
_STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
_KVM = re.compile(r"kvm \[1\]: (.*VHE\S*) mode initialized successfully")
_GICV3 = "kvm [1]: GIC system register CPU interface enabled"
_VGIC = "kvm [1]: vgic interrupt IRQ"
_SPLAT = re.compile(
    r"\bWARNING: |\bBUG: |\bOops\b|Kernel panic|Internal error: |Unable to handle kernel"
    r"|possible (?:circular locking|recursive locking|irq lock inversion)"
    r"|trying to register non-static key|turning off the locking correctness validator"
    r"|inconsistent lock state|suspicious RCU usage|detected stall|\bUBSAN: |\bKASAN: |\bKCSAN: "
    r"|INFO: task .* blocked for|rust_kernel: panicked|hyp panic|Initramfs unpacking failed",
    re.IGNORECASE)
_RESULT = re.compile(r"^(ok|not ok) \d+ selftests: kvm: (\S+)\s*(?:#\s*(.*))?$")
_START = re.compile(r"^# selftests: kvm: (\S+)$")
_SKIP = re.compile(r"SKIP[\s:-]*(\S.*)")
_ASSERT = "==== Test Assertion Failure ===="
_CSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Stats = dict[str, tuple[int, int, int]]


def read(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return [_CSI.sub("", line).rstrip() for line in text.replace("\r", "").split("\n")]


def unstamped(lines: list[str]) -> list[str]:
    """The kernel's messages without their times."""
    return [_STAMP.sub("", line) for line in lines]


@dataclass
class KernelLog:
    """Facts from the kernel's messages."""
    kvm: str | None = None
    gic: int | None = None
    splats: list[str] = field(default_factory=list)


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
    return log


@dataclass
class RawTest:
    """A test as kselftest's runner saw it: pass, fail or skip."""
    status: str
    reason: str
    log: list[str]


@dataclass
class Results:
    """What the guest's init and kselftest's runner wrote."""
    begun: bool = False
    ended: bool = False
    modes: dict[str, str] = field(default_factory=dict)
    stats: dict[str, Stats] = field(default_factory=dict)
    tests: dict[str, RawTest] = field(default_factory=dict)
    # The report of kmemleak about what ran
    leaks: list[str] = field(default_factory=list)
    lockdep_off: bool = False
    # The test that had begun last and gave no result
    unfinished: str | None = None
    unfinished_log: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)


def _stats_line(results: Results, words: list[str]) -> None:
    when, surface, *numbers = words
    c, rust, mismatches, *_ = (int(n) for n in numbers)
    results.stats.setdefault(when, {})[surface] = (c, rust, mismatches)


def _skip_reason(log: list[str]) -> str:
    for line in log:
        if found := _SKIP.search(line):
            return found.group(1)
    # A test without a harness says it in its last words.
    words = [line.strip() for line in log if line.strip()]
    return words[-1] if words else "no reason given"


def _assertion(log: list[str]) -> str | None:
    """KVM's selftests print: place and expression, pid, backtrace, message."""
    lines = [line.strip() for line in log]
    if _ASSERT not in lines:
        return None
    _, *rest = lines[lines.index(_ASSERT):]
    where = rest[0] if rest else "assertion failed"
    message = rest[-1] if len(rest) > 1 and not rest[-1].startswith("pid=") else ""
    return f"{where} ({message})" if message else where


def _fail_reason(directive: str, log: list[str]) -> str:
    """The assertion or the first subtest that failed, or how the program ended."""
    if assertion := _assertion(log):
        return assertion
    for line in log:
        if line.startswith("not ok "):
            return line
    return directive or "failed"


def _outcome(ok: str, directive: str, log: list[str]) -> RawTest:
    if ok != "ok":
        return RawTest("fail", _fail_reason(directive, log), log)
    if directive.startswith("SKIP"):
        return RawTest("skip", _skip_reason(log), log)
    if directive.startswith("XFAIL"):
        return RawTest("fail", "the test says: expected to fail", log)
    return RawTest("pass", "", log)


def results(lines: list[str]) -> Results:
    found = Results(tail=[line for line in lines if line][-10:])
    for line in lines:
        words = line.split()
        if line.startswith("# vm: "):
            match words[2:]:
                case ["begin", *_]:
                    found.begun = True
                case ["end", *_]:
                    found.ended = True
                case ["mode", when, mode]:
                    found.modes[when] = mode
                case ["stats", _, _, _, _, _, *_]:
                    _stats_line(found, words[3:])
                case ["leak", *_]:
                    found.leaks.append(line.removeprefix("# vm: leak "))
                case ["lockdep", "off"]:
                    found.lockdep_off = True
        elif start := _START.match(line):
            found.unfinished, found.unfinished_log = start.group(1), []
        elif end := _RESULT.match(line):
            ok, name, directive = end.groups()
            found.tests[name] = _outcome(ok, directive or "", found.unfinished_log)
            found.unfinished = None
        elif found.unfinished and "addr2line: not found" not in line:
            found.unfinished_log.append(line.removeprefix("#").removeprefix(" "))
    return found
