# SPDX-License-Identifier: GPL-2.0
"""What the guest's init says of itself, and not of a test."""

from dataclasses import dataclass, field

# Something that init was to do before the tests, and could not: what, in words
FAILED = {"nokeeper": "no VM was held", "noprobe": "the probe failed",
          "noplant": "the mistake was not planted"}


@dataclass
class Facts:
    ended: bool = False
    # Of /dev/kvm and the directory arm_abi of debugfs, those that exist; None: not looked
    has: frozenset[str] | None = None
    # How long each test took
    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read(lines: list[str]) -> Facts:
    facts = Facts()
    for line in lines:
        if not line.startswith("# vm: "):
            continue
        match line.split()[2:]:
            case ["end", *_]:
                facts.ended = True
            case ["has", *names]:
                facts.has = frozenset(names)
            case ["seconds", name, begin, end]:
                try:
                    facts.seconds[name] = round(float(end) - float(begin), 1)
                except ValueError:
                    facts.problems.append(f"garbled: '{line}'")
            case [what, *words] if what in FAILED:
                facts.problems.append(f"{FAILED[what]}: {' '.join(words)}")
    return facts
