# SPDX-License-Identifier: GPL-2.0
"""What a reader gets: the table, and the files for other programs."""

import json
import textwrap
from collections import Counter
from pathlib import Path

from vm.judge import BOOT, NO_RESULT, BootResult, Verdict
from vm.matrix import ABI_MODES, ONLY_IN, Config

WIDTH = 100
_LETTER = {"pass": "p", "fail": "F", "skip": "s", "xfail": "x", "": "-"}
_WORD = {"fail": "FAIL", "": "-"}


def _configs(results: list[BootResult]) -> list[Config]:
    return list(dict.fromkeys(r.boot.config for r in results))


def _modes(results: list[BootResult]) -> list[str]:
    return [mode for mode in ABI_MODES if any(r.boot.abi == mode for r in results)]


def _cell(results: list[BootResult], config: Config, test: str) -> str:
    """A word if all modes agree in which it is to run, else a letter for each."""
    boots = [r for r in results if r.boot.config == config]
    status: dict[str, str] = {}
    for result in boots:
        for v in result.verdicts:
            # The boot whose tests race has the same mode: the worse one counts.
            if v.name == test and status.get(result.boot.abi) != "fail":
                status[result.boot.abi] = v.status
    due = {r.boot.abi for r in boots if test == BOOT or test in r.boot.tests}
    found = [status.get(mode, "") for mode in _modes(results) if mode in due]
    if len(set(found)) == 1:
        return _WORD.get(found[0], found[0])
    return "/".join(_LETTER[one] for one in found)


def _columns(rows: list[list[str]], heads: int) -> list[str]:
    """Rows of cells as lines, with a rule under the heads."""
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
        lines += _columns(rows, 3)
    states = [c for c in _configs(results) if c.only]
    if states:
        names = list(dict.fromkeys(v.name for r in results if r.boot.config.only
                                   for v in r.verdicts))
        rows = [["host state", *names]]
        rows += [[c.name, *(_cell(results, c, name) for name in names)] for c in states]
        lines += ["", *_columns(rows, 1)]
    return lines


def _counters(results: list[BootResult]) -> list[str]:
    """Calls by which side served them: of each machine, and of each surface."""
    if not any(r.counts for r in results):
        return []
    modes = _modes(results)
    surfaces = list(dict.fromkeys(surface for r in results for surface in r.counts))
    machines = _rows(modes, [
        (config.name, [r for r in results if r.boot.config == config], surfaces)
        for config in _configs(results)])
    by_surface = _rows(modes, [(surface, results, [surface]) for surface in surfaces])
    lines = _columns([*machines, *by_surface[2:]], 2)
    # The surfaces again add up what the machines do.
    lines.insert(len(machines) + 1, lines[2])
    return ["", *lines]


def _rows(modes: list[str], what: list[tuple[str, list[BootResult], list[str]]]) -> list[list[str]]:
    """Two heads, and a row for each (name, results, surfaces) to be added up."""
    heads = [[], ["calls served"]]
    for mode in modes:
        sides = ["C", "Rust", "differ"] if mode == "check" else ["C", "Rust"]
        heads[0] += [f"in {mode}", *[""] * (len(sides) - 1)]
        heads[1] += sides
    rows = [["", *heads[0]], heads[1]]
    for name, results, surfaces in what:
        row = [name]
        for mode in modes:
            counts = [r.counts[surface] for r in results if r.boot.abi == mode
                      for surface in surfaces if surface in r.counts]
            keys = ["c", "rust", "mismatches"] if mode == "check" else ["c", "rust"]
            row += [str(sum(c[key] for c in counts)) if counts else "-" for key in keys]
        rows.append(row)
    return rows


def _wrap(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ",
                         break_on_hyphens=False)


def _reasons(results: list[BootResult], status: str) -> list[str]:
    """Each reason once, with where it applied."""
    where: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for v in result.verdicts:
            if v.status == status and (v.reason or status != "pass"):
                names = where.setdefault((v.name, v.reason), [])
                if result.boot.config.name not in names:
                    names.append(result.boot.config.name)
    # Tests that say the same of the same machines share a line.
    tests: dict[tuple[str, str], list[str]] = {}
    for (name, reason), names in sorted(where.items()):
        tests.setdefault((reason, ", ".join(names)), []).append(name)
    lines: list[str] = []
    for (reason, machines), names in tests.items():
        lines += _wrap(f"{', '.join(names)}: {reason} [{machines}]", "  ")
    return lines


def _sections(results: list[BootResult]) -> list[str]:
    lines: list[str] = []
    for status, title in (("pass", "Lost a race of its own, and passed when run again:"),
                          ("skip", "Skipped:"),
                          ("xfail", "xfail: the C code alone fails here too, and for this cause:")):
        if reasons := _reasons(results, status):
            lines += ["", title, *reasons]
    return lines


def _failure(result: BootResult, name: str, v: Verdict) -> list[str]:
    return ["", *_wrap(f"FAIL: {name} on {result.boot.config.name}, "
                       f"mode {result.boot.abi or 'default'}: {v.reason}", ""),
            *(f"  | {line}" for line in v.log[-20:]), f"  console: {result.console}"]


def failures(results: list[BootResult]) -> list[str]:
    """Every failure with the end of its log; tests that were not reached in one."""
    lines: list[str] = []
    for result in results:
        missing = [v for v in result.failed if v.reason == NO_RESULT]
        for v in result.failed:
            if v not in missing:
                lines += _failure(result, v.name, v)
        if missing:
            lines += _failure(result, ", ".join(v.name for v in missing), missing[0])
    return lines


def total(results: list[BootResult]) -> tuple[int, int, int]:
    tally: Counter[str] = sum((r.tally() for r in results), Counter())
    return tally["pass"], tally["fail"], tally["skip"] + tally["xfail"]


def total_line(results: list[BootResult]) -> str:
    passed, failed, skipped = total(results)
    expected = sum(r.tally()["xfail"] for r in results)
    line = f"{passed} passed, {failed} failed, {skipped} skipped"
    return f"{line} ({expected} of them expected to fail)" if expected else line


def selftests_text(results: list[BootResult], qemu: str) -> str:
    modes = _modes(results)
    lines = [f"KVM selftests, Linux {results[0].linux}, {qemu} (TCG), "
             f"kvm-arm.abi={'|'.join(modes)}", "", *_matrix(results)]
    if len(modes) > 1:
        lines += ["", *_wrap("A word holds in all modes that a machine ran in; else one letter "
                             f"each for {'/'.join(modes)}: p pass, F fail, s skip, x xfail.", "")]
        run = {v.name for r in results for v in r.verdicts}
        for some in dict.fromkeys(ONLY_IN.values()):
            names = [name for name in ONLY_IN if name in run and ONLY_IN[name] == some]
            if names and some != ABI_MODES:
                lines += _wrap(f"Only in {' and '.join(some)}: {', '.join(names)}.", "")
    lines += [f'"{BOOT}": came up as asked, no splat, the counters agree with the mode.']
    lines += _counters(results) + _sections(results)
    return "\n".join(lines) + "\n"


def _steps(v: Verdict) -> str:
    """How many steps of how many a second, as abi_fuzz says at its end."""
    return next((line for line in reversed(v.log) if "steps" in line), "").lstrip("# ")


def fuzz_text(results: list[BootResult], qemu: str) -> str:
    rows = [["machine", "mode", "boot", "result", "what it did"]]
    for r in results:
        status = {v.name: _WORD.get(v.status, v.status) for v in r.verdicts}
        rows += [[r.boot.config.name, r.boot.abi, status[BOOT], status[v.name], _steps(v)]
                 for v in r.verdicts if v.name != BOOT]
    return "\n".join([f"abi_fuzz, Linux {results[0].linux}, {qemu} (TCG)", "",
                      *_columns(rows, 1), *_sections(results)]) + "\n"


def kunit_text(results: list[BootResult], qemu: str) -> str:
    """One row for each suite and machine is enough: cases are in the TAP file."""
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
    return "\n".join([f"KUnit, Linux {results[0].linux}, {qemu} (TCG)", "", *_columns(rows, 1),
                      *_sections(results)]) + "\n"


def _tap_line(number: int, v: Verdict) -> str:
    ok = "ok" if v.status in ("pass", "skip") else "not ok"
    reason = v.reason.replace("#", "\\#")
    directive = {"skip": f" # SKIP {reason}", "xfail": f" # TODO {reason}"}.get(v.status, "")
    return f"    {ok} {number} - {v.name}{directive}"


def tap(results: list[BootResult]) -> str:
    """TAP 14: a subtest for each boot."""
    lines = ["TAP version 14", f"1..{len(results)}"]
    for number, result in enumerate(results, 1):
        name = result.boot.name
        lines += [f"# Subtest: {name}", f"    1..{len(result.verdicts)}"]
        for point, v in enumerate(result.verdicts, 1):
            lines.append(_tap_line(point, v))
            if v.status == "fail":
                lines += ["      ---", f"      message: {json.dumps(v.reason)}", "      ..."]
        lines.append(f"{'not ok' if result.failed else 'ok'} {number} - {name}")
    return "\n".join(lines) + "\n"


def _plain(result: BootResult) -> dict[str, object]:
    config = result.boot.config
    return {"configuration": config.name, "cpu": config.cpu, "gic": config.gic,
            "mode": config.kvm, "params": config.params, "abi": result.boot.abi,
            "threads": result.boot.threads,
            "linux": result.linux, "kvm": result.kvm, "seconds": round(result.seconds, 1),
            "calls": result.counts, "console": str(result.console),
            "tests": [{"name": v.name, "status": v.status, "reason": v.reason,
                       "seconds": v.seconds,
                       "log": v.log if v.status in ("fail", "xfail") else []}
                      for v in result.verdicts]}


def _put(path: Path, content: str) -> None:
    temp = path.with_name(f".{path.name}.new")
    temp.write_text(content, encoding="utf-8")
    temp.replace(path)


def write(out: Path, stem: str, results: list[BootResult], text: str) -> None:
    _put(out / f"{stem}.json", json.dumps([_plain(r) for r in results], indent=1) + "\n")
    _put(out / f"{stem}.tap", tap(results))
    _put(out / f"{stem}.txt", text)


def write_count(path: Path, results: list[BootResult]) -> None:
    """Last of all: that it exists says that the run came to its end."""
    _put(path, " ".join(str(n) for n in total(results)) + "\n")
