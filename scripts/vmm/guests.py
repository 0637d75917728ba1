# SPDX-License-Identifier: GPL-2.0
"""What guests answered before they were saved and after they were resumed."""

from dataclasses import dataclass

# The letters that vm.sh's show() sends, in this order
LETTERS = "cvpc"
Lines = tuple[str, ...]


class Incomplete(Exception):
    """A guest did not answer everything."""


@dataclass(frozen=True)
class Answers:
    """A guest's answers."""
    # How far it had counted before and after the others, on each CPU that counts
    first: tuple[int, ...]
    last: tuple[int, ...]
    # What it sees
    view: Lines
    # What it said when a CPU was switched off and on
    replug: Lines


def _counts(lines: Lines) -> tuple[int, ...]:
    words = [line.split() for line in lines if line.startswith("counts ")]
    if len(words) != 1 or not all(word.isdigit() for word in words[0][1:]):
        raise Incomplete(f"no counts in {lines}")
    return tuple(int(word) for word in words[0][1:])


def parse(text: str, before: int = 0) -> Answers:
    """The answers of a guest, from all that it wrote: it said something each time that it booted,
    `before` times in all. Raises Incomplete."""
    parts: list[Lines] = []
    lines: list[str] = []
    for line in text.replace("\r", "").splitlines():
        if line == "end":
            parts.append(tuple(lines))
            lines = []
        else:
            lines.append(line)
    wanted = len(LETTERS) + before
    if len(parts) != wanted:
        raise Incomplete(f"{len(parts)} answers instead of {wanted}")
    first, view, replug, last = parts[-len(LETTERS):]
    return Answers(_counts(first), _counts(last), view, replug)


def differences(before: Lines, after: Lines) -> list[str]:
    """The lines that only one of two views has: `- old` and `+ new`, in the order of the views."""
    there, here = set(before), set(after)
    gone = [f"- {line}" for line in before if line not in here]
    return gone + [f"+ {line}" for line in after if line not in there]


def problems(before: Answers, after: Answers) -> list[str]:
    """What a resumed guest must not show, apart from differences of the view."""
    found = []
    if any(now < then for then, now in zip(before.last, after.first, strict=True)):
        found.append(f"the count went back from {before.last} to {after.first}")
    if any(now <= then for then, now in zip(after.first, after.last, strict=True)):
        found.append(f"the guest no longer counts: {after.first}, then {after.last}")
    found += [f"replugging a CPU: {line}" for line in differences(before.replug, after.replug)]
    return found
