# SPDX-License-Identifier: GPL-2.0
"""For the tests of this package: the output of a guest, made up without booting one.

By default nothing is wrong with a Guest; each test changes what it tests.
"""

import argparse
import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest import TestCase, mock

from rows import Where
from vm import judge, rules
from vm import main as runner
from vm.console import Calls
from vm.judge import BOOT, BootResult, Verdict
from vm.matrix import FLIPPING, TABLE, TEST_NAMES, Boot, Config
from vm.qemu import Outcome
from vm.rules import Ceiling, Floor, Floors, Skip, Skips

T = TypeVar("T")
SCRIPTS = Path(__file__).resolve().parent.parent
SECONDS = 12.0


def read(reader: Callable[[Path], T], *rows: str) -> T:
    """What a reader makes of a file with these rows."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "rows")
        path.write_text("\n".join(["# a comment", "", *rows, ""]), encoding="utf-8")
        return reader(path)


def tap(*cases: str) -> list[str]:
    """A test's output. Cases: "name" passed, "!name" failed, "~name: reason" was skipped."""
    lines = ["TAP version 13", f"1..{len(cases)}"]
    for number, case in enumerate(cases, 1):
        lines.append({"!": f"not ok {number} {case[1:]}", "~": f"ok {number} # SKIP {case[1:]}"}
                     .get(case[0], f"ok {number} {case}"))
    failed = sum(case[0] == "!" for case in cases)
    skipped = sum(case[0] == "~" for case in cases)
    return [*lines, f"# Totals: pass:{len(cases) - failed - skipped} fail:{failed} xfail:0 xpass:0 "
            f"skip:{skipped} error:0"]


def assertion(place: str, message: str) -> list[str]:
    return ["==== Test Assertion Failure ====", f"  {place}",
            "  pid=71 tid=71 errno=4 - Interrupted", "     1\t0x0000000000402a2b: ?? ??:0",
            f"  {message}"]


@dataclass
class Said:
    """A test's output, its result (ok or not ok), and the runner's remark."""
    output: list[str]
    ok: bool = True
    words: str = ""


def passed(*cases: str) -> Said:
    return Said(tap(*cases))


def skipped(reason: str) -> Said:
    return Said([f"1..0 # SKIP - {reason}"], True, "SKIP")


def failed(*output: str, words: str = "exit=254") -> Said:
    return Said(list(output), False, words)


def _as_listed(boot: Boot, test: str, skips: rules.Skips, floors: rules.Floors) -> Said:
    """The output of a test that behaves on the machine as the files skips and floors require."""
    rows = skips.on(boot.config, test) or []
    if whole := next((row for row in rows if row.case is None), None):
        return skipped(whole.reason.replace("*", "x"))
    names = [(row.case or "").replace("*", "x") for row in rows]
    least = floors.least("selftest", test, boot.config.name) or 1
    names += [f"case {number}" for number in range(least - len(names))]
    cases = []
    for name in names:
        row = next((row for row in rows if row.case and rules.matches(row.case, name)), None)
        cases.append(f"~{name}: {row.reason.replace('*', 'x')}" if row else name)
    return passed(*cases)


@dataclass
class Guest:
    boot: Boot
    splats: list[str] = field(default_factory=list)
    said: dict[str, Said] = field(default_factory=dict)
    # Lines of init. Each replaces the line that begins alike, or is added.
    notes: list[str] = field(default_factory=list)
    stats: dict[str, dict[str, Calls]] = field(default_factory=dict)
    problem: str | None = None
    # The test in which the guest goes silent
    hangs_in: str | None = None
    ends: bool = True

    def __post_init__(self) -> None:
        if missing := [test for test in self.boot.tests if test not in self.said]:
            skips, floors = rules.read_skips(), rules.read_floors()
            self.said |= {test: _as_listed(self.boot, test, skips, floors) for test in missing}
        nothing = dict.fromkeys(rules.SURFACES, Calls())
        served = {name: Calls(10 * (self.boot.abi != "rust"), 10 * (self.boot.abi != "c"))
                  for name in rules.SURFACES}
        if not self.boot.counted:
            self.stats = {"probe0": nothing, "probe": served, "before": served, "after": served,
                          "last": served}
            return
        last = {name: Calls(calls.c + 5, calls.rust + 5) for name, calls in served.items()}
        self.stats = {"before": nothing, "after": served, "last": last}

    def put(self, when: str, surface: str, calls: Calls) -> None:
        self.stats[when] = {**self.stats[when], surface: calls}

    def console(self) -> str:
        config = self.boot.config
        lines = ["Booting Linux on physical CPU 0x0000000000 [0x411fd070]",
                 "Linux version 7.3.4 (kvm@arm64)"]
        if config.gic == 3:
            lines.append("kvm [1]: GIC system register CPU interface enabled")
        lines.append("kvm [1]: vgic interrupt IRQ9")
        if config.expected_kvm:
            lines.append(f"kvm [1]: {config.expected_kvm} mode initialized successfully")
        return "".join(f"[    {number}.000000] {line}\r\n"
                       for number, line in enumerate(lines + self.splats))

    def _stats(self, when: str) -> list[str]:
        if when not in self.stats:
            return []
        return [f"# vm: mode {when} {self.boot.abi}",
                *(f"# vm: stats {when} {surface} {calls.c} {calls.rust} {calls.mismatches}"
                  + ("" if calls.unjudged is None else f" {calls.unjudged}")
                  for surface, calls in self.stats[when].items())]

    def _tests(self, flips: bool) -> Iterator[str]:
        for number, test in enumerate(self.boot.tests, 1):
            if (test in FLIPPING) != flips or test not in self.said:
                continue
            said = self.said[test]
            yield f"# selftests: kvm: {test}"
            yield from (f"# {line}" for line in said.output)
            if self.hangs_in == test:
                return
            words = f" # {said.words}" if said.words else ""
            yield f"{'ok' if said.ok else 'not ok'} {number} selftests: kvm: {test}{words}"

    def _lines(self) -> Iterator[str]:
        yield "# vm: begin run"
        yield "# vm: has kvm arm_abi"
        yield "# vm: keeper"
        for when in ("probe0", "probe", "before"):
            yield from self._stats(when)
        yield from self._tests(False)
        if self.hangs_in and self.hangs_in not in FLIPPING:
            return
        yield from self._stats("after")
        yield from self._tests(True)
        if self.hangs_in:
            return
        yield from self._stats("last")
        yield "# vm: vms 0"
        if self.ends:
            yield "# vm: end run"

    def results(self) -> str:
        lines = list(self._lines())
        for note in self.notes:
            # A number at the end is a value: "# vm: vms 3" replaces "# vm: vms 0".
            head = note.rsplit(" ", 1)[0] if note[-1].isdecimal() else note
            at = next((i for i, line in enumerate(lines) if line.startswith(head)), None)
            if at is None:
                lines.insert(-1, note)
            else:
                lines[at] = note
        return "\n".join([*lines, ""])

    def without(self, start: str) -> "Guest":
        """Drop the lines with that start from the results."""
        whole = self._lines
        self._lines = lambda: (line for line in whole()  # type: ignore[method-assign]
                               if not line.startswith(start))
        return self

    def outcome(self) -> Outcome:
        return Outcome(SECONDS, self.problem)

    def leave(self, console: Path, results: Path) -> Outcome:
        console.write_text(self.console(), encoding="utf-8")
        results.write_text(self.results(), encoding="utf-8")
        return self.outcome()


@dataclass
class Ran:
    status: int
    text: str
    out: Path
    boots: list[Boot]

    def results(self) -> list[dict[str, Any]]:
        return list(json.loads((self.out / "results.json").read_text(encoding="utf-8")))

    def read(self, name: str) -> str:
        return (self.out / name).read_text(encoding="utf-8")

    @property
    def closing(self) -> str:
        return next(line for line in self.text.splitlines() if " skipped); tests: " in line)


def _leave_bare(console: Path, results: Path) -> Outcome:
    """The output of a machine on which KVM cannot run."""
    console.write_text("Linux version 7.3.4 (kvm@arm64)\n", encoding="utf-8")
    results.write_text("# vm: begin run\n# vm: has\n# vm: end run\n", encoding="utf-8")
    return Outcome(SECONDS, None)


def run(*arguments: str, change: Callable[[Guest], None] = lambda guest: None) -> Ran:
    """`python3 -m vm ARGUMENTS` without QEMU: each boot has the output of a good guest that `change` may
    have changed."""
    out = Path(tempfile.mkdtemp(prefix="fake-"))
    image, install = out / "Image", out / "kselftest_install"
    image.touch()
    (install / "kvm").mkdir(parents=True)
    (install / "kvm" / "vm_keeper").touch()
    (install / "kselftest-list.txt").write_text(
        "".join(f"kvm:{name}\n" for name in TEST_NAMES), encoding="utf-8")
    boots: dict[Path, Boot] = {}
    order: list[Boot] = []
    files = runner.files

    def remember(*given: Any) -> tuple[Path, Path]:
        console, results = files(*given)
        boots[console] = next(one for one in given if isinstance(one, Boot))
        return console, results

    def qemu_run(_argv: list[str], console: Path, results: Path, *_: float) -> Outcome:
        order.append(boots[console])
        if boots[console].config.expected_kvm is None:
            return _leave_bare(console, results)
        guest = Guest(boots[console])
        change(guest)
        return guest.leave(console, results)

    done = argparse.Namespace(returncode=0, stdout="QEMU emulator version 10.0.2 (Debian)")
    argv = ["vm", *arguments, "--image", str(image), "--selftests", str(install),
            "--busybox", "/bin/true", "--out", str(out), "--jobs", "1"]
    text = io.StringIO()
    with (mock.patch.object(runner, "files", remember),
          mock.patch("vm.qemu.run", qemu_run), mock.patch("subprocess.run", return_value=done),
          mock.patch("shutil.which", return_value="/bin/true"), mock.patch("signal.signal"),
          mock.patch("sys.argv", argv), contextlib.redirect_stdout(text)):
        status = runner.main()
    return Ran(status, text.getvalue(), out, order)


def forget(ran: Ran) -> None:
    shutil.rmtree(ran.out)


# The floors of the tests that the made-up boots run
FLOORS = Floors((Floor("selftest", "hypercalls", ("*",), 2),
                 *(Floor("selftest", name, ("*",), 1) for name in (
                     "psci_test", "set_id_regs", "abi_flip", "vgic_v2_busy", "steal_time"))),
                dict.fromkeys(rules.SURFACES, Ceiling(1, 3)))


def skips(*rows: tuple[str, str, str | None, str]) -> Skips:
    return Skips(tuple(Skip(Where(Path("skips"), 7), (machine,), test, case, reason)
                       for machine, test, case, reason in rows))


def guest(config: Config = TABLE[0], abi: str = "check", **said: Said) -> Guest:
    """A guest that runs the given tests, or one that passes."""
    given = said or {"hypercalls": passed("a", "b")}
    return Guest(Boot(config, abi, tuple(given)), said=dict(given))


def judged(one: Guest, expected: rules.Expected | None = None, listed: Skips = Skips(()),
           floors: Floors = FLOORS, stock: bool = False) -> BootResult:
    with tempfile.TemporaryDirectory() as place:
        console, results = Path(place, "console"), Path(place, "results")
        outcome = one.leave(console, results)
        return judge.selftests(one.boot, outcome, console, results, expected or {}, listed, floors,
                               stock)


class Case(TestCase):
    def verdict(self, result: BootResult, name: str) -> Verdict:
        return next(v for v in result.verdicts if v.name == name)

    def good(self, result: BootResult) -> None:
        self.assertEqual([f"{v.name}: {v.reason}" for v in result.failed], [])

    def boot_fails(self, result: BootResult, *words: str) -> None:
        """The boot has exactly these problems."""
        reason = self.verdict(result, BOOT).reason
        self.assertEqual(self.verdict(result, BOOT).status, "fail")
        for word in words:
            self.assertIn(word, reason)
        self.assertEqual(len(reason.split("; ")), len(words), reason)

    def fails(self, result: BootResult, name: str, *words: str) -> None:
        v = self.verdict(result, name)
        self.assertEqual(v.status, "fail", v)
        for word in words:
            self.assertIn(word, v.reason)
