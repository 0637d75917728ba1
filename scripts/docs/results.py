# SPDX-License-Identifier: GPL-2.0
"""What `make run ALL=1` found, for README.md and docs/results.md."""

import json
import textwrap
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from docs import block
from vm import matrix
from vm.judge import BOOT

COMMAND = "make run ALL=1"
# Of the verdicts of the modes, the first of these counts.
WORST = ("fail", "xfail", "skip", "pass")

# One boot, as scripts/vm/report.py stores it.
Boot = dict[str, Any]


class NotWhole(Exception):
    """There is no run, it left something out, or something failed in it."""


def date(path: Path) -> str:
    """When a result was written."""
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).date().isoformat()


def _tests(boot: Boot) -> list[Boot]:
    return [test for test in boot["tests"] if test["name"] != BOOT]


def check(boots: list[Boot]) -> None:
    """Every machine in every mode, with every test, and none of them failed."""
    plan = matrix.boots(matrix.select(None, None, None), matrix.ABI_MODES,
                        matrix.check_tests(None, debug=False))
    ran: set[tuple[str, str, str]] = set()
    for boot in boots:
        ran |= {(boot["configuration"], boot["abi"], test["name"]) for test in boot["tests"]}
    for one in plan:
        for test in (BOOT, *one.tests):
            if (one.config.name, one.abi, test) not in ran:
                raise NotWhole(f"{test} was not run on {one.config.name} in mode {one.abi}; "
                               f"'{COMMAND}' runs all of them")
    for boot in boots:
        for test in boot["tests"]:
            if test["status"] == "fail":
                raise NotWhole(f"{test['name']} failed on {boot['configuration']} in mode "
                               f"{boot['abi']}")


def load(out: Path) -> list[Boot]:
    path = out / "results.json"
    try:
        boots: list[Boot] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise NotWhole(f"there is no {path}; '{COMMAND}' writes it") from None
    check(boots)
    return boots


def totals(boots: list[Boot]) -> str:
    tally = Counter(test["status"] for boot in boots for test in _tests(boot))
    cases = sum(test["cases"] for boot in boots for test in boot["tests"])
    return (f"{len(boots)} boots, {cases} cases; tests: {tally['pass']} passed, "
            f"{tally['fail']} failed, {tally['skip']} skipped, {tally['xfail']} failed as expected")


def machines(boots: list[Boot]) -> list[str]:
    """A row for each machine of the table: its tests by their worst result in any mode, and the
    calls that mode check compared."""
    lines = ["| CPU | GIC | KVM | pass | skip | xfail | calls compared | differ |",
             "|---|---|---|---:|---:|---:|---:|---:|"]
    for config in matrix.TABLE:
        status: dict[str, str] = {}
        compared = differ = 0
        for boot in (boot for boot in boots if boot["configuration"] == config.name):
            for test in _tests(boot):
                status[test["name"]] = min(status.get(test["name"], "pass"), test["status"],
                                           key=WORST.index)
            if boot["abi"] == "check":
                compared += sum(calls["rust"] for calls in boot["calls"].values())
                differ += sum(calls["mismatches"] for calls in boot["calls"].values())
        tally = Counter(status.values())
        lines.append(f"| {config.cpu} | GICv{config.gic} | {config.kvm} | {tally['pass']} | "
                     f"{tally['skip']} | {tally['xfail']} | {compared:,} | {differ} |")
    return lines


def write(root: Path, out: Path) -> None:
    boots = load(out)
    when = date(out / "results.json")
    text = (out / "results.txt").read_text(encoding="utf-8").strip("\n")
    versions = text.partition("\n")[0].removeprefix("KVM selftests, ").split(", kvm-arm.abi=")[0]
    block.replace(root / "docs/results.md", "results", [
        f"`{COMMAND}`, {when}, {versions}:", "", "```text", text, "", totals(boots), "```"])
    block.replace(root / "README.md", "results", [
        *machines(boots), "",
        *textwrap.wrap(f"`{COMMAND}`, {when}, {versions}: {totals(boots)}.", 80)])
