# SPDX-License-Identifier: GPL-2.0
"""KUnit's KTAP in the kernel's log: suites and their cases."""

import re
from dataclasses import dataclass, field

_PLAN = re.compile(r"^( *)1\.\.(\d+)$")
_RESULT = re.compile(r"^( *)(ok|not ok) (\d+) (.*?)(?: # (SKIP)\b *(.*))?$")
_SUBTEST = re.compile(r"^ {4}# Subtest: (\S+)$")


@dataclass
class Case:
    name: str
    status: str
    reason: str
    log: list[str]


@dataclass
class Suite:
    name: str
    planned: int = 0
    ok: bool = False
    ended: bool = False
    cases: list[Case] = field(default_factory=list)
    # Skipped parameters of parameterised cases
    parameters: list[Case] = field(default_factory=list)

    @property
    def all_cases(self) -> list[Case]:
        return [*self.cases, *self.parameters]


def _case(name: str, ok: str, skip: str | None, why: str | None, log: list[str]) -> Case:
    # A failed case is not a skip, even with a SKIP directive.
    status = "fail" if ok != "ok" else "skip" if skip else "pass"
    return Case(name, status, why or ("no reason given" if skip else ""), log)


def parse(lines: list[str]) -> tuple[list[Suite], list[str]]:
    """Returns the suites, and errors in the report itself.

    Nesting is by four spaces: suites at 0, cases at 4, parameters deeper.
    """
    suites: list[Suite] = []
    problems: list[str] = []
    planned: int | None = None
    log: list[str] = []
    parameters: list[Case] = []
    inside = False
    for line in lines:
        if line.startswith("KTAP version"):
            inside = True
        if not inside:
            continue
        if plan := _PLAN.match(line):
            if not plan.group(1):
                planned = int(plan.group(2))
            elif len(plan.group(1)) == 4 and suites:
                suites[-1].planned = int(plan.group(2))
        elif (subtest := _SUBTEST.match(line)) and (not suites or suites[-1].ended):
            suites.append(Suite(subtest.group(1)))
            log = []
        elif result := _RESULT.match(line):
            indent, ok, _, name, skip, why = result.groups()
            name = name.removeprefix("- ")
            if not indent and suites:
                suites[-1].ok = ok == "ok"
                suites[-1].ended = True
            elif len(indent) == 4 and suites:
                case = _case(name, ok, skip, why, log)
                suites[-1].cases.append(case)
                suites[-1].parameters += [Case(f"{name}, {of.name}", of.status, of.reason, of.log)
                                          for of in parameters]
                log, parameters = [], []
            else:
                log.append(line)
                if len(indent) == 8 and skip:
                    parameters.append(_case(name, ok, skip, why, [line]))
        else:
            log.append(line)
    if planned is None:
        problems.append("no KTAP in the kernel's log: KUnit did not run")
    elif planned != len(suites):
        problems.append(f"{planned} suites planned, {len(suites)} run")
    if not suites and planned is not None:
        problems.append("no suite matched kvm_arm64*")
    for suite in suites:
        if not suite.ended:
            problems.append(f"suite {suite.name} did not end")
        elif suite.planned != len(suite.cases):
            problems.append(f"suite {suite.name}: {suite.planned} cases planned, "
                            f"{len(suite.cases)} run")
        elif not suite.ok and all(case.status != "fail" for case in suite.cases):
            problems.append(f"suite {suite.name} failed outside of its cases")
    return suites, problems
