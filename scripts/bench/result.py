# SPDX-License-Identifier: GPL-2.0
"""The stored result of a run, and its comparison with an older one."""

import json
from pathlib import Path
from typing import Any

KIND = "kvm-arm64-rust bench"
SCHEMA = 1
# Mode check compares each call, or one in SAMPLE calls.
SAMPLE = 1000
CHECKED, SAMPLED = CHECKING = ("check", f"check{SAMPLE}")
MODES = ("c", "rust", "stock", *CHECKING)
# How many instructions more than before a path may take
TOLERANCE = 2

Result = dict[str, Any]


class BadResult(Exception):
    """A file that is not a result, or cannot be compared with; the message says why."""


def load(path: Path) -> Result:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise BadResult(f"{path}: {why.strerror}") from None
    except ValueError:
        raise BadResult(f"{path} is not a result of `make bench`: it is not JSON") from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BadResult(f"{path} is not a result of `make bench`; give its bench.json")
    if found.get("schema") != SCHEMA:
        raise BadResult(f"{path} has schema {found.get('schema')}, but schema {SCHEMA} is needed: "
                        "measure that kernel again")
    _well_formed(path, found)
    return found


def _well_formed(path: Path, result: Result) -> None:
    """Check the parts that a comparison reads."""
    try:
        for machine in result["machines"].values():
            for modes in machine["paths"].values():
                for mode, cost in modes.items():
                    if mode not in MODES or type(cost["instructions"]) is not int:
                        raise TypeError
            for modes in machine["handlers"].values():
                for handlers in modes.values():
                    for handler in handlers.values():
                        if type(handler["instructions"]) is not int:
                            raise TypeError
    except (AttributeError, KeyError, TypeError):
        raise BadResult(f"{path} is damaged: `make bench` did not write it like this") from None


def check_machines(path: Path, old: Result, wanted: list[str]) -> None:
    """Every machine of this run must be in the old result."""
    if missing := [name for name in wanted if name not in old["machines"]]:
        raise BadResult(f"{path} has no numbers for {', '.join(missing)}, only for "
                        f"{', '.join(old['machines'])}")


def _numbers(machine: Result) -> dict[tuple[str, str], int]:
    """The numbers to compare: (path, or handler on path; mode) -> instructions."""
    found = {(path, mode): cost["instructions"]
             for path, modes in machine["paths"].items() for mode, cost in modes.items()}
    found |= {(f"{handler} on {path}", mode): cost["instructions"]
              for path, modes in machine["handlers"].items()
              for mode, handlers in modes.items() for handler, cost in handlers.items()}
    return found


def compare(old: Result, new: Result) -> tuple[list[str], list[str]]:
    """Returns what costs more than before or is no longer measured, and remarks."""
    lost: list[str] = []
    remarks = [f"{what} {old.get('versions', {}).get(what)} before, {version} now"
               for what, version in new["versions"].items()
               if version != old.get("versions", {}).get(what)]
    for name, machine in new["machines"].items():
        before, now = _numbers(old["machines"][name]), _numbers(machine)
        better = 0
        for what, mode in dict.fromkeys([*before, *now]):
            one, two = before.get((what, mode)), now.get((what, mode))
            place = f"{name}, {what}, mode {mode}"
            if two is None:
                lost.append(f"{place}: {one} before, not measured now")
            elif one is None:
                remarks.append(f"{place}: only in the new result")
            elif two - one > TOLERANCE:
                lost.append(f"{place}: {one} before, {two} now (+{two - one})")
            else:
                better += two < one
        remarks.append(f"{name}: {len(before.keys() & now.keys())} compared, {better} cheaper")
    remarks += [f"{name}: only in the old result"
                for name in old["machines"] if name not in new["machines"]]
    return lost, remarks


def put(path: Path, content: str) -> None:
    """Write a file as a whole or not at all."""
    temp = path.with_name(f".{path.name}.new")
    temp.write_text(content, encoding="utf-8")
    temp.replace(path)


def dump(result: Result) -> str:
    """JSON with one line for each path, for readable diffs."""
    return _flat(json.dumps(result, indent=1)) + "\n"


def _flat(text: str) -> str:
    """Put innermost objects and lists on one line."""
    lines: list[str] = []
    held: list[str] = []
    for line in text.split("\n"):
        if line.rstrip().endswith(("{", "[")):
            lines += held
            held = [line]
        elif held and line.strip() in ("}", "},", "]", "],"):
            lines.append(held[0] + " ".join(part.strip() for part in held[1:]) + line.strip())
            held = []
        elif held:
            held.append(line)
        else:
            lines.append(line)
    return "\n".join(lines + held)
