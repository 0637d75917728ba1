# SPDX-License-Identifier: GPL-2.0
"""Kernels for tests: what a few registers take is a table, and they answer as a kernel does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernels.boot import Job, Result
from matrix.jobs import VMMS
from matrix.states import ID_AA64PFR1_EL1, KINDS, MIDR_EL1, PSCI_VERSION, STD_BMAP

WORKAROUND_2 = PSCI_VERSION + 2
BMAP_2 = STD_BMAP + 3
TCR2_EL1 = 0x603000000013C103
# As kvmfit has them
NAMES = {PSCI_VERSION: "KVM_REG_ARM_PSCI_VERSION",
         WORKAROUND_2: "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2",
         STD_BMAP: "KVM_REG_ARM_STD_BMAP", BMAP_2: "KVM_REG_ARM_VENDOR_HYP_BMAP_2",
         MIDR_EL1: "MIDR_EL1", ID_AA64PFR1_EL1: "ID_AA64PFR1_EL1", TCR2_EL1: "TCR2_EL1"}
EINVAL, ENOENT = 22, 2


@dataclass(frozen=True)
class FakeKernel:
    """Its registers in the order of the list, with the value of a new VM and those it takes."""
    release: str
    registers: Mapping[int, tuple[int, tuple[int, ...] | None]]
    # What `kvmfit dump` says instead of measuring
    broken: str = ""
    hangs: bool = False
    # What `kvmfit agree` prints before its counts, and how many VMs it cannot tell
    wrong: tuple[str, ...] = ()
    cannot_tell: int = 0

    def dump(self) -> dict[str, Any]:
        """As `kvmfit dump`."""
        registers = [{"id": f"{number:#x}", "value": f"{value:#x}",
                      **({} if taken is None else {"takes": {
                          "values": [f"{one:#x}" for one in taken], "errno": EINVAL}})}
                     for number, (value, taken) in self.registers.items()]
        affects = [{"id": f"{ID_AA64PFR1_EL1:#x}", "digit": 1, "value": 0, "hides": [],
                    "changes": [{"id": f"{WORKAROUND_2:#x}", "value": "0x3"}],
                    "takes": [{"id": f"{WORKAROUND_2:#x}",
                               "takes": {"values": ["0x0", "0x1", "0x3"], "errno": EINVAL}}]}]
        return {"kvmfit_dump": 1, "tool": "fake",
                "host": {"kernel": self.release, "midr": "0x413fd0c1",
                         "capabilities": {"KVM_CAP_ARM_SVE": 0, "KVM_CAP_ARM_PMU_V3": 0,
                                          "KVM_CAP_ARM_PTRAUTH_ADDRESS": 0}},
                "vms": [{"features": ["psci_0_2"], "registers": registers,
                         "affects": affects if WORKAROUND_2 in self.registers else []}],
                "vgic": []}

    def states(self) -> tuple[dict[str, str], dict[str, str]]:
        """The states by their kind, and why there is none."""
        made, lacks = {}, {}
        for kind in KINDS:
            values = {number: value for number, (value, _) in self.registers.items()}
            if kind.features:
                lacks[kind.name] = "kvmfit: the host has no VM with it"
                continue
            for change in kind.changes:
                values[change.id] = change.value << change.shift
            if kind.changes and not all(self.takes(change.id, values[change.id], values)
                                        for change in kind.changes):
                lacks[kind.name] = "kvmfit: the template does not fit this host"
                continue
            if values.get(ID_AA64PFR1_EL1) == 0:
                values[WORKAROUND_2] = 3
            made[kind.name] = json.dumps(
                {"kvmfit_state": 1, "origin": {"format": "state", "kernel": self.release},
                 "features": ["psci_0_2"], "vcpus": [{"registers": [
                     {"id": f"{number:#x}", "value": f"{value:#x}"}
                     for number, value in values.items()]}]})
        return made, lacks

    def agreement(self, own: bool, count: int) -> str:
        """As `kvmfit agree`."""
        counts = {"vms": count, "cannot_tell": self.cannot_tell, "disagree": len(self.wrong),
                  "as_set": count * own}
        return "\n".join((*self.wrong, json.dumps(counts))) + "\n"

    def takes(self, number: int, value: int, now: Mapping[int, int]) -> bool:
        """Whether it takes a value, in a VM that has other values now."""
        if number not in self.registers:
            return False
        taken = self.registers[number][1]
        if number == WORKAROUND_2 and now.get(ID_AA64PFR1_EL1) == 0:
            taken = (0, 1, 3)
        return taken is None or value in taken

    def answer(self, name: str, text: str, vmm: str) -> dict[str, Any]:
        """As `kvmfit check --json`."""
        state = json.loads(text)
        written = [(int(one["id"], 16), int(one["value"], 16))
                   for one in state["vcpus"][0]["registers"]]
        if vmm == "planned":
            # ID registers before firmware
            written.sort(key=lambda one: 0x603000000014 == one[0] >> 16)
        now = {number: value for number, (value, _) in self.registers.items()}
        refusals = []
        for number, value in written:
            if self.takes(number, value, now):
                now[number] = value
                continue
            refusals.append({"vcpu": 0, "id": f"{number:#x}", "name": NAMES[number],
                             "value": f"{value:#x}", "fields": [],
                             "errno": EINVAL if number in self.registers else ENOENT})
        return {"file": f"/states/{name}", "vmm": vmm, "refusals": refusals, "misreads": [],
                "lacks": [], "fits": not refusals, "way": "set"}


OLD = FakeKernel("6.12.0", {
    PSCI_VERSION: (0x10001, (0x2, 0x10000, 0x10001)), WORKAROUND_2: (0, (0, 1)),
    STD_BMAP: (1, (0, 1)), MIDR_EL1: (0x413fd0c1, (0x413fd0c1,)),
    ID_AA64PFR1_EL1: (0x20, (0, 0x10, 0x20)), TCR2_EL1: (0, None)})
NEW = FakeKernel("7.3.0", {
    PSCI_VERSION: (0x10003, (0x2, 0x10000, 0x10001, 0x10002, 0x10003)), WORKAROUND_2: (0, (0, 1)),
    STD_BMAP: (1, (0, 1)), BMAP_2: (0, (0, 1, 2, 3)), MIDR_EL1: (0x413fd0c1, (0x413fd0c1,)),
    ID_AA64PFR1_EL1: (0x20, (0, 0x10, 0x20))})


class FakeBoots:
    """In place of QEMU: runs the jobs of the kernels that it knows by the names of their images."""

    def __init__(self, known: Mapping[str, FakeKernel]) -> None:
        self.known = dict(known)
        # The names of the boots that were made
        self.booted: list[str] = []

    def __call__(self, job: Job, place: Any, name: str, timeout: float) -> Result:
        at_level = "kvm-arm.compat=" in job.params
        # The older kernels are all alike here, and so is this one at a level.
        kernel = self.known["vmlinuz" if at_level else job.image.name]
        words = (job.config.cpu, job.image.name, job.params, name)
        self.booted.append(" ".join(word for word in words if word))
        if kernel.hangs:
            return Result(timeout, f"timeout: killed after {timeout:.0f} s", {})
        if kernel.broken:
            return Result(1.0, None, {"status": b"3\n", "dump.err": kernel.broken.encode()})
        files = {"status": b"0\n", "log": b"", "release": kernel.release.encode()}
        if name == "measured":
            made, lacks = kernel.states()
            files["dump.json"] = json.dumps(kernel.dump()).encode()
            own = job.params.startswith("kvm-arm.abi=") and not at_level
            count = int(job.script.partition("--count ")[2].split()[0])
            files["mutated"] = kernel.agreement(own, count).encode()
            files |= {f"states/{kind}": text.encode() for kind, text in made.items()}
            files |= {f"states/{kind}.err": text.encode() for kind, text in lacks.items()}
            return Result(20.0, None, files)
        states = {word.removeprefix("states/"): path.read_text(encoding="utf-8")
                  for word, path in job.files.items()
                  if word.startswith("states/") and not isinstance(path, str)}
        for vmm in VMMS:
            lines = [json.dumps(kernel.answer(word, states[word], vmm)) for word in sorted(states)]
            files[vmm] = ("\n".join(lines) + "\n").encode()
            files[f"{vmm}.status"] = b"1\n"
        if "--way registers" in job.script:
            files["registers"] = files["planned"].replace(b'"way": "set"', b'"way": "registers"')
            files["set.txt"] = files["registers.txt"] = b"yes\n"
        return Result(10.0, None, files)

