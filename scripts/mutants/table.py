# SPDX-License-Identifier: GPL-2.0
"""Output for people: which test caught which mutant."""

from collections import Counter
from pathlib import Path

from mutants.core import CoreMutant
from mutants.planted import KINDS, Planted, Result

# Up to so many mutants of the core are listed one by one; of more, only the missed ones
FEW = 100


def _planted(slips: list[tuple[Planted, Result]]) -> list[str]:
    lines = ["Planted mutants, and how each of their tests failed:", ""]
    for mutant, result in slips:
        lines.append(f"{mutant.name}  {mutant.what}")
        for kind in KINDS:
            for test in mutant.tests[kind]:
                said = result.said[kind, test]
                where = f" on {mutant.machine}" if kind == "Kselftest" else ""
                lines.append(f"     {kind:10}{test}{where}")
                text = said or "MISSED: the test passed or gave no result"
                lines.append(f"     {'':10}  {text}"[:160])
        lines.append("")
    return lines


def _core(mutants: list[CoreMutant]) -> list[str]:
    """Every mutant and the first test that failed."""
    lines = ["Mutants of the core, and the first test that failed:", ""]
    for m in mutants:
        text = {"caught": m.test, "timeout": m.test, "equivalent": f"equivalent: {m.test}",
                "missed": "MISSED", "unviable": "does not compile"}[m.status]
        lines += [f"{m.place}  {m.name.partition(': ')[2]}", f"     {text}"]
    return [*lines, ""]


def _core_by_file(mutants: list[CoreMutant]) -> list[str]:
    heads = ["file", "mutants", "caught", "missed", "equivalent", "not compiling"]
    rows = []
    for file in dict.fromkeys(m.file for m in mutants):
        n = Counter(m.status for m in mutants if m.file == file)
        rows.append([file, sum(n.values()), n["caught"] + n["timeout"], n["missed"],
                     n["equivalent"], n["unviable"]])
    rows.append(["all", *(sum(row[i] for row in rows) for i in range(1, len(heads)))])
    width = max(len(str(row[0])) for row in rows)
    lines = ["  ".join([heads[0].ljust(width), *heads[1:]])]
    for row in rows:
        cells = [str(cell).rjust(len(head)) for cell, head in zip(row[1:], heads[1:], strict=True)]
        lines.append("  ".join([str(row[0]).ljust(width), *cells]))
    return [*lines, ""]


def finish(out: Path, slips: list[tuple[Planted, Result]], made: list[CoreMutant],
           problems: list[str]) -> int:
    """Write the full tables to a file, print a summary, and return the exit status."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "mutants.txt"
    whole = (_planted(slips) if slips else []) + (_core(made) + _core_by_file(made) if made else [])
    path.write_text("\n".join(whole), encoding="utf-8")

    lines = _planted(slips) if slips else []
    if made:
        short = [m for m in made if m.status == "missed"] if len(made) > FEW else made
        lines += (_core(short) if short else []) + _core_by_file(made)
    lines += [f"ERROR: {problem}" for problem in problems]
    escaped = [mutant for mutant, result in slips if not all(result.said.values())]
    n = Counter(m.status for m in made)
    caught = len(slips) - len(escaped) + n["caught"] + n["timeout"]
    missed = len(escaped) + n["missed"]
    print("\n".join(["", *lines]))
    print(f"{caught} caught, {missed} missed, {n['equivalent']} equivalent"
          + (f"; {n['unviable']} more do not compile" if n["unviable"] else "")
          + f"; all mutants and their tests: {path}")
    return 1 if missed or problems else 0
