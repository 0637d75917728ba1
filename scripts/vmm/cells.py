# SPDX-License-Identifier: GPL-2.0
"""Cells: a VM that was saved under one kernel and resumed, or not, under another; and whether
that is what `kvmfit plan` says from the saved state and the dump of the destination alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmm import guests, said
from vmm.boots import SMALL, Saved
from vmm.said import Said

# What QEMU does not send by KVM's numbers: the core registers, and those of SVE
_OTHERWISE = (0x10, 0x15)


@dataclass(frozen=True)
class Predicted:
    """What `kvmfit plan --json` says."""
    verdict: str
    # The names of the refused registers, by their numbers
    missing: Mapping[int, str] = field(default_factory=dict)
    values: Mapping[int, str] = field(default_factory=dict)

    # The first that the VMM meets
    first: int | None = None

    @property
    def refused(self) -> Mapping[int, str]:
        return {**self.missing, **self.values}


def predicted(plan: Mapping[str, Any]) -> Predicted:
    """From the plan's JSON. Raises ValueError if something is refused that is no register."""
    missing: dict[int, str] = {}
    values: dict[int, str] = {}
    for refusal in plan["refusals"]:
        subject = refusal["subject"]
        if not isinstance(subject, dict) or "register" not in subject:
            raise ValueError(f"the plan refuses {refusal['name']}, which is no register")
        place = missing if refusal["reason"] == "missing" else values
        place[int(subject["register"], 16)] = refusal["name"]
    # Both are in the plan's order, but not with each other.
    numbers = [int(refusal["subject"]["register"], 16) for refusal in plan["refusals"]]
    return Predicted(plan["verdict"], missing, values, numbers[0] if numbers else None)


def sent(dump: Mapping[str, Any], features: list[str]) -> int:
    """How many registers QEMU has in its list for a VM with these features on the host."""
    for vm in dump["vms"]:
        if vm["features"] == features:
            classes = (int(register["id"], 16) >> 16 & 0xfff for register in vm["registers"])
            return sum(number not in _OTHERWISE for number in classes)
    raise ValueError(f"the dump has no VM with {', '.join(features)}")


@dataclass(frozen=True)
class Attempt:
    """What happened when a VM was to be resumed."""
    said: Said
    # The VMM's exit status, or None if it had to be killed
    status: int | None
    # What the guest wrote
    uart: str
    # What went wrong with the attempt itself, such as a timeout
    problem: str = ""

    @property
    def resumed(self) -> bool:
        """Whether the VMM took the VM, whatever the guest does afterwards."""
        return self.status == 0


def attempt(files: Mapping[str, bytes]) -> Attempt:
    """From the files that vm.sh leaves."""
    def text(name: str) -> str:
        return files.get(name, b"").decode(errors="replace")

    status = text("status").strip()
    return Attempt(said.parse(text("said")), int(status) if status.isdigit() else None,
                   text("uart"), text("problem").strip())


@dataclass(frozen=True)
class Cell:
    """A VM and a kernel that was to resume it."""
    vm: Saved
    kernel: str
    attempt: Attempt
    plan: Predicted
    # How what QEMU refused was matched with the plan: see match()
    how: str
    # Disagreements, and what the guest must not show
    problems: tuple[str, ...]
    # The guest's view before and after
    differences: tuple[str, ...]
    # The number of the attempt, if a VM moves more than once
    time: int = 1


def _names(numbers: set[int], plan: Predicted) -> str:
    return ", ".join(sorted(plan.refused.get(number, f"{number:#x}") for number in numbers))


def match(vmm: str, tried: Attempt, plan: Predicted,
          lengths: tuple[int, int]) -> tuple[str, list[str]]:
    """How the registers that the VMM refused are known, and in what the plan differs from it.
    `lengths` are how many registers QEMU's stream has, and how many the destination.

    The small VMM names the first register that is refused, which ends it; so do those for which it
    stands, or they name none.

    QEMU compares its lists first: a register that only the stream has makes the load fail. QEMU 11
    names it; QEMU 10 only says that the stream has more registers, or nothing. Yet both may write
    what they have loaded by then before they end. Which values KVM refuses is what the trace event
    kvm_failed_reg_set shows, in both.
    """
    if tried.resumed:
        if plan.verdict == "yes":
            return "resumed", []
        return "resumed", [f"the VMM resumed it, but the plan says {plan.verdict}: "
                           f"{_names(set(plan.refused), plan)}"]
    if plan.verdict != "no":
        return "", [f"the VMM refused it, but the plan says {plan.verdict}"]
    if vmm in SMALL:
        if not tried.said.named:
            return "unnamed", []
        first = {plan.first} if plan.first is not None else set()
        return "first", [] if set(tried.said.named) == first else [
            f"it stopped at {_names(set(tried.said.named), plan) or 'nothing'}, "
            f"the plan at {_names(first, plan)}"]
    found = set(tried.said.named) | set(tried.said.refused)
    wanted = set(plan.missing) or set(plan.values)
    if found:
        how = "named" if tried.said.named else "traced"
        problems = []
        if found - set(plan.refused):
            problems.append(f"only QEMU refused {_names(found - set(plan.refused), plan)}")
        if wanted - found and not (vmm == "qemu-10" and plan.missing):
            problems.append(f"only the plan refuses {_names(wanted - found, plan)}")
        return how, problems
    if tried.said.lengths:
        if tried.said.lengths != lengths:
            return "counted", [f"QEMU counted {tried.said.lengths}, the plan {lengths}"]
        return "counted", [] if plan.missing else ["the plan has no register that is missing"]
    if not plan.missing:
        return "", ["QEMU wrote all registers and KVM refused none, but the plan says that it does"]
    return "compared", []


def judge(vm: Saved, kernel: str, before: str, tried: Attempt, plan: Predicted,
          lengths: tuple[int, int]) -> Cell:
    """A cell; `before` is what the guest wrote before it was saved."""
    how, problems = match(vm.vmm, tried, plan, lengths)
    differences: list[str] = []
    if tried.problem:
        problems.append(tried.problem)
    elif tried.resumed:
        try:
            old = guests.parse(before, before=1)
            new = guests.parse(tried.uart)
        except guests.Incomplete as why:
            problems.append(f"the guest: {why}")
        else:
            problems += guests.problems(old, new)
            differences = guests.differences(old.view, new.view)
    return Cell(vm, kernel, tried, plan, how, tuple(problems), tuple(differences))
