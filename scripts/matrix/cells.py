# SPDX-License-Identifier: GPL-2.0
"""The cells: what each host said to each state, and whether `kvmfit plan` predicted that."""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matrix.boots import Place
from matrix.states import file_name

LIST_ORDER = "list-order"


class CannotVerify(Exception):
    """kvmfit failed; the message says how."""


@dataclass(frozen=True)
class Refusal:
    """What a host refuses, by prediction or in truth."""
    # A register, an attribute of the interrupt controller, or what a VM has as a whole
    name: str
    # Why: missing, value, order; of what was not predicted, nothing
    reason: str = ""
    fields: tuple[str, ...] = ()
    value: str = ""
    errno: int = 0
    # What helps, in words
    remedy: str = ""
    # The register's number
    id: str = ""

    @property
    def field_names(self) -> tuple[str, ...]:
        """Its fields; it by itself if it has none, or is one of several of a kind."""
        if "[" in self.name:
            return (self.name,)
        return tuple(f"{self.name}.{name}" for name in self.fields) or (self.name,)


@dataclass(frozen=True)
class Cell:
    """A state on a host, restored by a VMM."""
    source: tuple[str, str]
    kind: str
    destination: tuple[str, str]
    vmm: str
    # What the host said
    fits: bool
    # What `kvmfit plan` said: yes, no, cannot-tell
    plan: str
    # Of what was refused, in the order in which the VMM meets it
    refusals: tuple[Refusal, ...] = ()
    only_plan: tuple[str, ...] = ()
    only_host: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    # Registers that were accepted and read back as something else
    misreads: tuple[str, ...] = ()
    # What was refused with another error number than predicted
    other_errno: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        return not self.only_plan and not self.only_host

    @property
    def predicted(self) -> bool:
        """Whether there was a prediction to agree with."""
        return self.plan != "cannot-tell"

    @property
    def name(self) -> str:
        (machine, kernel), (machine_to, kernel_to) = self.source, self.destination
        where = machine if machine == machine_to else f"{machine} -> {machine_to}"
        return f"{where}: {kernel} -> {kernel_to}, {self.kind}, {self.vmm}"

    @property
    def disagreement(self) -> str:
        """In one line, by the fields that matter."""
        said = [f"plan refuses {name}, the host takes it" for name in self._fields(self.only_plan)]
        said += [f"the host refuses {name}, plan takes it" for name in self._fields(self.only_host)]
        return "; ".join(said)

    def _fields(self, names: Iterable[str]) -> list[str]:
        known = {refusal.name: refusal for refusal in self.refusals}
        return [", ".join(known[name].field_names) if name in known else name for name in names]


def _attribute(group: int, attr: str) -> str:
    """As `verify` names it."""
    return f"group {group} attribute {attr}"


def _planned(refusal: Mapping[str, Any]) -> Refusal:
    reason, subject, name = refusal["reason"], refusal["subject"], refusal["name"]
    if attribute := subject.get("attribute"):
        name = _attribute(attribute["group"], attribute["attr"])
    return Refusal(name, "order" if isinstance(reason, dict) else reason,
                   tuple(part["name"] for part in refusal["fields"]),
                   str(refusal["value"] or ""), refusal["errno"], refusal["remedy"]["text"],
                   subject.get("register", ""))


def _met(refusal: Mapping[str, Any]) -> Refusal:
    """From the host's answer. Its fields say `NAME = value, the host has value`."""
    name = refusal["name"]
    if attribute := refusal.get("attribute"):
        name = _attribute(*attribute)
    return Refusal(name, fields=tuple(part.partition(" = ")[0] for part in refusal["fields"]),
                   value=str(refusal["value"]), errno=refusal["errno"],
                   id=refusal.get("id", ""))


def cell(source: tuple[str, str], kind: str, destination: tuple[str, str],
         answer: Mapping[str, Any], verified: Mapping[str, Any]) -> Cell:
    """From the line of `check --json` and that of `verify`."""
    planned = [_planned(refusal) for refusal in verified["refusals"]]
    met = [_met(refusal) for refusal in answer["refusals"]]
    errnos = {refusal.name: refusal.errno for refusal in planned}
    refusals = (*planned, *(refusal for refusal in met if refusal.name not in errnos),
                *(Refusal(lack) for lack in answer["lacks"] if not planned))
    return Cell(source, kind, destination, verified["vmm"], verified["fits"], verified["plan"],
                refusals, tuple(verified["only_plan"]), tuple(verified["only_host"]),
                tuple(verified["undecided"]),
                tuple(misread["name"] for misread in answer["misreads"]),
                tuple(refusal.name for refusal in met
                      if errnos.get(refusal.name, refusal.errno) != refusal.errno))


def alike(names: Sequence[str]) -> list[str]:
    """Registers of a kind, such as CCSIDR_EL1[L1 data], are counted, not listed."""
    counts: dict[str, set[str]] = {}
    for name in names:
        kind, bracket, _ = name.partition("[")
        counts.setdefault(f"{kind}[…]" if bracket else name, set()).add(name.partition("]")[0])
    return [f"{kind} × {len(those)}" if kind.endswith("[…]") else kind
            for kind, those in counts.items()]


def run_verify(kvmfit: Path, dump: Path, states: Path,
               answers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The prediction for each of the answers of a host, by its dump alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as lines:
        count = 0
        for answer in answers:
            lines.write(json.dumps(answer) + "\n")
            count += 1
        lines.flush()
        if not count:
            return []
        done = subprocess.run([kvmfit, "verify", "--host", dump, "--states", states, lines.name],
                              check=False, capture_output=True, text=True)
    # 1: a disagreement
    found = done.stdout.splitlines()
    if done.returncode not in (0, 1) or len(found) != count:
        raise CannotVerify(done.stderr.strip() or f"kvmfit verify ended with {done.returncode}")
    return [json.loads(line) for line in found]


def sources(places: Iterable[Place]) -> dict[str, tuple[tuple[str, str], str]]:
    """Where each state comes from, and its kind, by the name of its file."""
    return {file_name(place.machine, place.kernel.name, kind):
            ((place.machine.cpu, place.kernel.title), kind)
            for place in places if place.measured for kind in place.measured.states}


def of_place(kvmfit: Path, states: Path, place: Place,
             known: Mapping[str, tuple[tuple[str, str], str]],
             dump: Path | None = None) -> list[Cell]:
    """The cells of a destination, by its dump or another."""
    verified = run_verify(kvmfit, dump or place.host.dump, states, place.answers.values())
    here = (place.machine.cpu, place.kernel.title)
    return [cell(*known[answer["file"]], here, answer, line)
            for answer, line in zip(place.answers.values(), verified, strict=True)]
