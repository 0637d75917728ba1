# SPDX-License-Identifier: GPL-2.0
"""Levels: whether the VMs of this project's kernel at a level are as those of the real kernel.

The dumps of both must be equal, but for what is excepted here. Each exception has its reason in
Documentation/virt/kvm/arm/rust-compat.rst and in `kvmfit explain compat`; test_levels compares the
three. Any other difference needs a rule in rust/kvm_abi/src/compat, or is a bug of one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matrix.boots import Place
from matrix.machines import LEVELS

CNT, CNTPCT = 0x603000000013DF1A, 0x603000000013DF01
# What counts: the virtual and the physical counter
COUNTERS = frozenset((CNT, CNTPCT))
# By level, what is UNKNOWN after a reset and another value there: CNTV_CTL_EL0 and CNTP_CTL_EL0
# (ISTATUS), PMCR_EL0, PMEVTYPER<n>_EL0
TIMERS = frozenset((0x603000000013DF19, 0x603000000013DF11))
PMU = frozenset((0x603000000013DCE0, *range(0x603000000013DF60, 0x603000000013DF7F)))
UNKNOWN = {"6.1": TIMERS | PMU, "6.12": TIMERS, "6.16": TIMERS}
AARCH32_IDS = range(0x603000000013C008, 0x603000000013C020)
ID_PFR0_EL1, ID_DFR0_EL1 = 0x603000000013C008, 0x603000000013C00A
ID_AA64PFR0_EL1, ID_AA64DFR0_EL1 = 0x603000000013C020, 0x603000000013C028
# Digits of these registers that take fewer values, from the lowest on: EL0 and EL1, the version of
# the PMU
STRICTER = {ID_AA64PFR0_EL1: (0, 1), ID_DFR0_EL1: (6,), ID_AA64DFR0_EL1: (2,)}
DIGITS = 16
# By level, what only takes the value that it has where this kernel hides it: TCR2_EL1, PIRE0_EL1,
# PIR_EL1
SHOWN = {"6.12": frozenset((0x603000000013C103, 0x603000000013C512, 0x603000000013C513))}
NONE: frozenset[int] = frozenset()
# KVM_DEV_ARM_VGIC_GRP_DIST_REGS
GICD_IIDR = (1, "0x8")


@dataclass(frozen=True)
class Level:
    """A level on a machine."""
    machine: str
    name: str
    # A line for each difference that is not excepted
    differs: tuple[str, ...] = ()


def _takes(reg: int, takes: Any) -> Any:
    """What a register takes, without the digits that are excepted, and what is read back."""
    if not isinstance(takes, dict):
        return takes
    kept = {name: value for name, value in takes.items() if name != "stored"}
    if "digits" in kept:
        left_out = {DIGITS - 1 - digit for digit in STRICTER.get(reg, ())}
        kept["digits"] = ["-" if at in left_out else digit
                          for at, digit in enumerate(kept["digits"])]
    return kept


def _registers(vm: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    return {int(entry["id"], 16): entry for entry in vm["registers"]}


def _has_aarch32(registers: Mapping[int, Mapping[str, Any]]) -> bool:
    entry = registers.get(ID_PFR0_EL1)
    return bool(entry and int(entry["value"], 16))


def _values(old: Mapping[int, Mapping[str, Any]], new: Mapping[int, Mapping[str, Any]],
            level: str) -> Iterator[str]:
    """The values of registers, and what they take."""
    any_value = COUNTERS | UNKNOWN.get(level, NONE)
    for reg in old.keys() & new.keys():
        if reg in AARCH32_IDS and not _has_aarch32(new):
            continue
        before, after = old[reg], new[reg]
        if reg not in any_value and before["value"] != after["value"]:
            yield f"{reg:#x} is {after['value']}, not {before['value']}"
        wanted, found = (_takes(reg, entry.get("takes")) for entry in (before, after))
        if wanted != found and reg not in SHOWN.get(level, NONE):
            yield f"{reg:#x} takes {json.dumps(found)}, not {json.dumps(wanted)}"


def _lists(old: Sequence[int], new: Sequence[int]) -> Iterator[str]:
    """The registers, and their order."""
    yield from (f"{reg:#x} is missing" for reg in old if reg not in new)
    yield from (f"{reg:#x} is there" for reg in new if reg not in old)
    if set(old) == set(new) and list(old) != list(new):
        at = next(n for n, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
        yield f"{new[at]:#x} is listed before {old[at]:#x}"


def _masks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The writable masks, where the older kernel has any."""
    before = (old.get("masks") or {}).get("range 0", {})
    after = (new.get("masks") or {}).get("range 0", {})
    for reg in sorted(before.keys() | after.keys()):
        if before.get(reg, "0x0") != after.get(reg, "0x0"):
            yield f"the mask of {reg} is {after.get(reg)}, not {before.get(reg)}"


def _calls(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What the guest gets from hypercalls."""
    def by_call(dump: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
        calls = dump.get("hypercalls") or ()
        return {(call["id"], *call["args"]): call["returns"] for call in calls}

    before, after = by_call(old), by_call(new)
    for call in before.keys() & after.keys():
        if before[call] != after[call]:
            yield f"the call {' '.join(call)} returns {after[call]}, not {before[call]}"


def _attributes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The attributes of interrupt controllers, but for what GICD_IIDR takes."""
    def by_name(dump: Mapping[str, Any]) -> dict[str, Any]:
        return {f"{vgic['model']}, group {entry['group']}, {entry['attr']}":
                (entry.get("value"),
                 None if (entry["group"], entry["attr"]) == GICD_IIDR
                 else _takes(0, entry.get("takes")))
                for vgic in dump.get("vgic") or () for entry in vgic["attributes"]}

    before, after = by_name(old), by_name(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"GIC {name}: {after.get(name)}, not {before.get(name)}"


def differences(old: Mapping[str, Any], new: Mapping[str, Any], level: str) -> tuple[str, ...]:
    """What is not as in the dump of the older kernel, in words; the same of several VMs once."""
    found: dict[str, None] = {}
    vms = {tuple(sorted(vm["features"])): vm for vm in new["vms"]}
    for vm in old["vms"]:
        features = tuple(sorted(vm["features"]))
        # Without a level such VMs can have EL2, at a level they cannot.
        if "has_el2" in features:
            continue
        # A dump has VMs with an interrupt controller only if it makes a difference to registers.
        if features not in vms:
            features = tuple(name for name in features if not name.startswith("vgic_"))
        if features not in vms:
            found[f"no VM with {', '.join(features)}"] = None
            continue
        before, after = _registers(vm), _registers(vms[features])
        for line in (*_lists(tuple(before), tuple(after)), *sorted(_values(before, after, level))):
            found[line] = None
    for line in (*_masks(old, new), *_attributes(old, new), *sorted(_calls(old, new))):
        found[line] = None
    return tuple(found)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def of_places(places: Iterable[Place]) -> list[Level]:
    """Each level on each machine where the real kernel was measured, too."""
    known = {(place.machine, place.kernel.name): place.host.dump
             for place in places if place.measured}
    found = []
    for (machine, name), dump in known.items():
        kernel = name.partition("-")[2] if name in LEVELS else ""
        real = known.get((machine, kernel))
        if real:
            found.append(Level(machine.cpu, kernel, differences(_read(real), _read(dump), kernel)))
    return found
