# SPDX-License-Identifier: GPL-2.0
"""Output for people (the table and its sections) and for programs (JSON, TAP, counts)."""

import json
import textwrap
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from vm.console import Calls
from vm.judge import BOOT, NO_RESULT, BootResult, Verdict, tries_again
from vm.matrix import ABI_MODES, ONLY_IN, Config
from vm.rules import MACHINES

WIDTH = 100
_LETTER = {"pass": "p", "fail": "F", "skip": "s", "xfail": "x", "": "-"}
_WORD = {"fail": "FAIL", "": "-"}
# Of the verdicts of several boots, the one that comes first here is shown.
_WORST = ("fail", "xfail", "skip", "pass", "")


def _configs(results: list[BootResult]) -> list[Config]:
    return list(dict.fromkeys(r.boot.config for r in results))


def _modes(results: list[BootResult]) -> list[str]:
    return [mode for mode in ABI_MODES if any(r.boot.abi == mode for r in results)]


def _cell(results: list[BootResult], config: Config, test: str) -> str:
    """A word if all modes in which the test is to run agree, else a letter for each mode."""
    boots = [r for r in results if r.boot.config == config]
    status: dict[str, str] = {}
    for r in boots:
        for v in (v for v in r.verdicts if v.name == test):
            status[r.boot.abi] = min(status.get(r.boot.abi, ""), v.status, key=_WORST.index)
    due = {r.boot.abi for r in boots if test == BOOT or test in r.boot.tests}
    found = [status.get(mode, "") for mode in _modes(results) if mode in due]
    if len(set(found)) == 1:
        return _WORD.get(found[0], found[0])
    return "/".join(_LETTER[one] for one in found)


def columns(rows: list[list[str]], heads: int) -> list[str]:
    """Rows of cells as lines, with a line of dashes under the headings."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]
    lines.insert(heads, "-" * (sum(widths) + 2 * len(widths) - 2))
    return lines


def _matrix(results: list[BootResult]) -> list[str]:
    table = [c for c in _configs(results) if not c.only]
    lines: list[str] = []
    if table:
        names = list(dict.fromkeys(v.name for r in results if not r.boot.config.only
                                   for v in r.verdicts))
        rows = [["cpu", *(c.cpu for c in table)], ["gic", *(f"GICv{c.gic}" for c in table)],
                ["kvm", *(c.kvm for c in table)]]
        rows += [[name, *(_cell(results, c, name) for c in table)] for name in names]
        lines += columns(rows, 3)
    states = [c for c in _configs(results) if c.only]
    if states:
        names = list(dict.fromkeys(v.name for r in results if r.boot.config.only
                                   for v in r.verdicts))
        rows = [["host state", *names]]
        rows += [[c.name, *(_cell(results, c, name) for name in names)] for c in states]
        lines += [*([""] if lines else []), *columns(rows, 1)]
    return lines


def _counters(results: list[BootResult]) -> list[str]:
    """The calls that each side served: by machine, and by surface."""
    if not any(r.counts for r in results):
        return []
    modes = _modes(results)
    surfaces = list(dict.fromkeys(surface for r in results for surface in r.counts))
    machines = _rows(modes, [
        (config.name, [r for r in results if r.boot.config == config], surfaces)
        for config in _configs(results)])
    by_surface = _rows(modes, [(surface, results, [surface]) for surface in surfaces])
    lines = columns([*machines, *by_surface[2:]], 2)
    # The rows of surfaces count the same calls as those of machines: separate them.
    lines.insert(len(machines) + 1, lines[2])
    return ["", *lines]


def _sides(mode: str, unjudged: bool) -> dict[str, str]:
    """The columns of a mode, and the counter that each shows."""
    sides = {"C": "c", "Rust": "rust"}
    if mode == "check":
        sides["differ"] = "mismatches"
        if unjudged:
            sides["not judged"] = "unjudged"
    return sides


def _rows(modes: list[str], what: list[tuple[str, list[BootResult], list[str]]]) -> list[list[str]]:
    """Two rows of headings, and a row of sums for each (name, results, surfaces)."""
    unjudged = any(calls.unjudged is not None for _, results, _ in what for r in results
                   for calls in r.counts.values())
    heads = [[], ["calls served"]]
    for mode in modes:
        sides = _sides(mode, unjudged)
        heads[0] += [f"in {mode}", *[""] * (len(sides) - 1)]
        heads[1] += sides
    rows = [["", *heads[0]], heads[1]]
    for name, results, surfaces in what:
        row = [name]
        for mode in modes:
            counts: list[Calls] = [r.counts[surface] for r in results if r.boot.abi == mode
                                   for surface in surfaces if surface in r.counts]
            row += [str(sum(getattr(c, key) or 0 for c in counts)) if counts else "-"
                    for key in _sides(mode, unjudged).values()]
        rows.append(row)
    return rows


def _wrap(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ",
                         break_on_hyphens=False)


def _reasons(results: list[BootResult], status: str) -> list[str]:
    """Each reason once, with its tests and machines."""
    where: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for v in result.verdicts:
            if v.status == status and (v.reason or status != "pass"):
                names = where.setdefault((v.name, v.reason), [])
                if result.boot.config.name not in names:
                    names.append(result.boot.config.name)
    # Tests with the same reason on the same machines share a line.
    tests: dict[tuple[str, str], list[str]] = {}
    for (name, reason), names in sorted(where.items()):
        tests.setdefault((reason, ", ".join(names)), []).append(name)
    lines: list[str] = []
    for (reason, machines), names in tests.items():
        lines += _wrap(f"{', '.join(names)}: {reason} [{machines}]", "  ")
    return lines


def _sections(results: list[BootResult]) -> list[str]:
    lines: list[str] = []
    for status, title in (("pass", "Flaky by itself; passed on retry:"),
                          ("skip", "Skipped:"),
                          ("xfail", "Expected failures (xfail): plain C fails here as well:")):
        if reasons := _reasons(results, status):
            lines += ["", title, *reasons]
    return lines


def _failure(result: BootResult, name: str, v: Verdict) -> list[str]:
    return ["", *_wrap(f"FAIL: {name} on {result.boot.config.name}, "
                       f"mode {result.boot.abi or 'default'}: {v.reason}", ""),
            *(f"  | {line}" for line in v.log[-20:]), f"  console: {result.console}"]


def failures(results: list[BootResult]) -> list[str]:
    """Every failure with the end of its log. Tests without a result share one entry."""
    lines: list[str] = []
    for result in results:
        missing = [v for v in result.failed if v.reason == NO_RESULT]
        for v in result.failed:
            if v not in missing:
                lines += _failure(result, v.name, v)
        if missing:
            lines += _failure(result, ", ".join(v.name for v in missing), missing[0])
    return lines


def run_failures(problems: list[str]) -> list[str]:
    return [line for problem in problems for line in ("", *_wrap(f"FAIL: the run: {problem}", ""))]


def total(results: list[BootResult], problems: list[str]) -> tuple[int, int, int]:
    """Numbers of passed, failed and skipped tests. Failed boots and problems of the run count as
    failed tests; good boots do not count."""
    tally = Counter(v.status for r in results for v in r.verdicts
                    if v.name != BOOT or v.status == "fail")
    return tally["pass"], tally["fail"] + len(problems), tally["skip"]


def total_line(results: list[BootResult], problems: list[str]) -> str:
    passed, failed, skipped = total(results, problems)
    verdicts = [v for r in results for v in r.verdicts]
    expected = sum(v.status == "xfail" for v in verdicts)
    boots = len(results) + tries_again(results)
    words = [f"{passed} passed", f"{failed} failed", f"{skipped} skipped",
             *([f"{expected} failed as expected"] if expected else []),
             f"{tries_again(results)} retried"]
    return (f"{boots} boots, {sum(v.cases for v in verdicts)} cases "
            f"({sum(v.skipped for v in verdicts)} skipped); tests: {', '.join(words)}")


def selftests_text(results: list[BootResult], qemu: str) -> str:
    modes = _modes(results)
    lines = [f"KVM selftests, Linux {results[0].linux}, {qemu} (TCG), "
             f"kvm-arm.abi={'|'.join(modes)}", "", *_matrix(results)]
    lines.append("")
    if len(modes) > 1:
        lines += _wrap("One word: the same result in every mode that ran there. Letters: one for "
                       f"each of {'/'.join(modes)}: p pass, F fail, s skip, x xfail.", "")
        run = {v.name for r in results for v in r.verdicts}
        for some in dict.fromkeys(ONLY_IN.values()):
            names = [name for name in ONLY_IN if name in run and ONLY_IN[name] == some]
            if names and some != ABI_MODES:
                lines += _wrap(f"Only in {' and '.join(some)}: {', '.join(names)}.", "")
    lines += [f'"{BOOT}": KVM came up in the requested mode, no splat, no VM left, counters match '
              "the mode."]
    if others := [c.name for c in _configs(results) if c.name not in MACHINES]:
        lines += _wrap("Skips are not checked on these machines, which scripts/vm/skips does not "
                       "cover: " + ", ".join(others), "")
    lines += _counters(results) + _sections(results)
    return "\n".join(lines) + "\n"


def _said(v: Verdict, word: str) -> str:
    """What abi_fuzz says at its end: how many steps it made, and how many a second; how many calls
    mode check compared, and how many an hour."""
    return next((line for line in reversed(v.log) if word in line), "").lstrip("# ")


def fuzz_text(results: list[BootResult], qemu: str) -> str:
    rows = [["machine", "mode", "boot", "result", "compared", "steps"]]
    for r in results:
        status = {v.name: _WORD.get(v.status, v.status) for v in r.verdicts}
        rows += [[r.boot.config.name, r.boot.abi, status[BOOT], status[v.name],
                  _said(v, "calls compared"), _said(v, "steps per second")]
                 for v in r.verdicts if v.name != BOOT]
    return "\n".join([f"abi_fuzz, Linux {results[0].linux}, {qemu} (TCG)", "",
                      *columns(rows, 1), *_sections(results)]) + "\n"


def kunit_text(results: list[BootResult], qemu: str) -> str:
    """A row for each suite, a column for each machine. The cases are in the TAP file."""
    suites = list(dict.fromkeys(v.name.split(".")[0] for r in results for v in r.verdicts))
    rows = [["suite", *(f"{c.cpu} GICv{c.gic}{' nested' * (c.kvm == 'nested')}"
                        for r in results for c in [r.boot.config])]]
    for suite in suites:
        row = [suite]
        for result in results:
            tally = Counter(v.status for v in result.verdicts if v.name.split(".")[0] == suite)
            words = [f"{n} {_WORD.get(s, s)}" for s, n in tally.items()]
            row.append(", ".join(words) or "-")
        rows.append(row)
    return "\n".join([f"KUnit, Linux {results[0].linux}, {qemu} (TCG)", "", *columns(rows, 1),
                      *_sections(results)]) + "\n"


def _tap_line(number: int, v: Verdict) -> str:
    ok = "ok" if v.status in ("pass", "skip") else "not ok"
    reason = v.reason.replace("#", "\\#")
    directive = {"skip": f" # SKIP {reason}", "xfail": f" # TODO {reason}"}.get(v.status, "")
    return f"    {ok} {number} - {v.name}{directive}"


def tap(results: list[BootResult], problems: list[str]) -> str:
    """TAP 14: a subtest for each boot, and a point for the run as a whole."""
    lines = ["TAP version 14", f"1..{len(results) + 1}"]
    for number, result in enumerate(results, 1):
        name = result.boot.name
        lines += [f"# Subtest: {name}", f"    1..{len(result.verdicts)}"]
        for point, v in enumerate(result.verdicts, 1):
            lines.append(_tap_line(point, v))
            if v.status == "pass" and v.reason:
                lines.append(f"    # {v.name} was retried: {v.reason}")
            if v.status == "fail":
                lines += ["      ---", f"      message: {json.dumps(v.reason)}", "      ..."]
        lines.append(f"{'not ok' if result.failed else 'ok'} {number} - {name}")
    lines += [f"# {problem}" for problem in problems]
    lines.append(f"{'not ok' if problems else 'ok'} {len(results) + 1} - the run")
    return "\n".join(lines) + "\n"


def _plain(result: BootResult) -> dict[str, object]:
    config = result.boot.config
    return {"configuration": config.name, "cpu": config.cpu, "gic": config.gic,
            "mode": config.kvm, "params": config.params, "abi": result.boot.abi,
            "threads": result.boot.threads,
            "linux": result.linux, "kvm": result.kvm, "seconds": round(result.seconds, 1),
            "calls": {surface: asdict(calls) for surface, calls in result.counts.items()},
            "console": str(result.console),
            "attempts": [_plain(again) for again in result.attempts],
            "tests": [{"name": v.name, "status": v.status, "reason": v.reason, "cases": v.cases,
                       "skipped": v.skipped, "seconds": v.seconds,
                       "log": v.log if v.status in ("fail", "xfail") else []}
                      for v in result.verdicts]}


def _put(path: Path, content: str) -> None:
    temp = path.with_name(f".{path.name}.new")
    temp.write_text(content, encoding="utf-8")
    temp.replace(path)


def write(out: Path, stem: str, results: list[BootResult], text: str,
          problems: list[str]) -> None:
    _put(out / f"{stem}.json", json.dumps([_plain(r) for r in results], indent=1) + "\n")
    _put(out / f"{stem}.tap", tap(results, problems))
    _put(out / f"{stem}.txt", text)


def write_count(path: Path, results: list[BootResult], problems: list[str]) -> None:
    """Written last: a run that did not finish has no such file."""
    _put(path, " ".join(str(n) for n in total(results, problems)) + "\n")
