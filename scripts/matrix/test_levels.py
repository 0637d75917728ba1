# SPDX-License-Identifier: GPL-2.0
"""Whether VMs at a level are found to be as under the older kernel, or not.

The tests of what is excepted run kvmfit itself: KVMFIT is its path.
"""

import copy
import json
import os
import re
import subprocess
import unittest
from pathlib import Path
from typing import Any

from matrix import levels
from matrix.machines import AT, LEVELS

PSCI, PIR, CNT = "0x6030000000140000", "0x603000000013c513", "0x603000000013df1a"
PFR0, MMFR0 = "0x603000000013c020", "0x603000000013c038"


def digits(*low: str) -> dict[str, Any]:
    """What a register takes, of which the lowest digits are given, the highest first."""
    return {"digits": ["0"] * (16 - len(low)) + list(low), "errno": 22}


OLD: dict[str, Any] = {
    "vms": [{"features": ["psci_0_2"], "registers": [
        {"id": PSCI, "value": "0x10001", "takes": {"values": ["0x10001"], "errno": 22}},
        {"id": CNT, "value": "0x1234"},
        {"id": PIR, "value": "0x0"},
        {"id": PFR0, "value": "0x11", "takes": digits("0-1", "0-1", "0-1")},
        {"id": MMFR0, "value": "0x5", "takes": digits("0-5")}]}],
    "masks": {"range 0": {PFR0: "0xff"}},
    "vgic": [{"model": "v3", "attributes": [
        {"group": 1, "attr": "0x8", "value": "0x4b00343b", "takes": digits("*")},
        {"group": 5, "attr": "0x4", "value": "0x0"}]}],
    "hypercalls": [{"id": "0x84000000", "args": [], "returns": ["0x10001"]}]}


class Levels(unittest.TestCase):
    def setUp(self) -> None:
        self.new = copy.deepcopy(OLD)
        self.registers = self.new["vms"][0]["registers"]

    def found(self) -> tuple[str, ...]:
        return levels.differences(OLD, self.new, "6.12")

    def test_the_same_is_as_under_the_older_kernel(self) -> None:
        self.assertEqual(self.found(), ())

    def test_what_counts_and_what_is_excepted_makes_no_difference(self) -> None:
        self.registers[1]["value"] = "0x5678"
        self.registers[3]["takes"] = digits("0-1", "1", "1")
        self.new["vgic"][0]["attributes"][0]["takes"] = digits("2-3")
        self.new["vms"].append({"features": ["pmu_v3", "psci_0_2"], "registers": []})
        self.assertEqual(self.found(), ())

    def test_what_is_excepted_at_one_level_is_a_difference_at_others(self) -> None:
        timer, pmcr = "0x603000000013df19", "0x603000000013dce0"
        for reg, value, takes, excepted in (
                (timer, "0x0", None, {"6.1", "6.12", "6.16"}),
                (pmcr, "0x0", None, {"6.1"}),
                (PIR, "0x1", digits("0"), {"6.12"})):
            old, new = copy.deepcopy(OLD), copy.deepcopy(OLD)
            old["vms"][0]["registers"].append({"id": reg, "value": "0x1", "takes": digits("*")})
            new["vms"][0]["registers"].append({"id": reg, "value": value,
                                               "takes": takes or digits("*")})
            for at_level in LEVELS:
                level = at_level.removeprefix(AT)
                found = levels.differences(old, new, level)
                self.assertEqual(len(found), int(level not in excepted), (reg, level, found))

    def test_a_register_that_is_missing_or_too_many_is_named(self) -> None:
        del self.registers[2]
        self.registers.append({"id": "0x6030000000160003", "value": "0x0"})
        self.assertEqual(self.found(), (f"{PIR} is missing", "0x6030000000160003 is there"))

    def test_another_order_is_a_difference(self) -> None:
        self.registers[0], self.registers[2] = self.registers[2], self.registers[0]
        self.assertEqual(self.found(), (f"{PIR} is listed before {PSCI}",))

    def test_another_value_and_what_is_taken_are_differences(self) -> None:
        self.registers[0]["value"] = "0x10003"
        self.registers[4]["takes"] = digits("0-6")
        found = self.found()
        self.assertIn(f"{MMFR0} takes", found[0])
        self.assertEqual(found[1], f"{PSCI} is 0x10003, not 0x10001")
        self.assertEqual(len(found), 2)

    def test_only_the_excepted_digits_may_take_less(self) -> None:
        self.registers[3]["takes"] = digits("0", "0-1", "0-1")
        self.assertEqual(len(self.found()), 1)

    def test_masks_attributes_and_calls_are_compared(self) -> None:
        self.new["masks"]["range 0"][MMFR0] = "0xf"
        self.new["vgic"][0]["attributes"][1]["value"] = "0x1"
        self.new["hypercalls"][0]["returns"] = ["0x10003"]
        self.assertEqual([line.split()[0] for line in self.found()], ["the", "GIC", "the"])

    def test_a_vm_that_cannot_be_made_is_a_difference_unless_it_has_el2(self) -> None:
        self.new["vms"][0]["features"] = ["psci_0_2", "sve"]
        self.assertEqual(self.found(), ("no VM with psci_0_2",))
        old = copy.deepcopy(OLD)
        old["vms"][0]["features"] = ["has_el2", "psci_0_2"]
        self.assertEqual(levels.differences(old, self.new, "6.12"), ())

    def test_a_vm_with_an_interrupt_controller_may_be_as_one_without(self) -> None:
        old = copy.deepcopy(OLD)
        old["vms"].append({**old["vms"][0], "features": ["psci_0_2", "vgic_v3"]})
        self.assertEqual(levels.differences(old, self.new, "6.12"), ())
        self.registers[0]["value"] = "0x10003"
        self.assertEqual(len(levels.differences(old, self.new, "6.12")), 1)

    def test_aarch32_registers_of_a_host_without_aarch32_are_not_compared(self) -> None:
        old = copy.deepcopy(OLD)
        dfr0 = {"id": "0x603000000013c00a", "value": "0x4000000"}
        old["vms"][0]["registers"].append(dfr0)
        self.registers.append({**dfr0, "value": "0x0"})
        self.assertEqual(levels.differences(old, self.new, "6.12"), ())
        for registers in (old["vms"][0]["registers"], self.registers):
            registers.append({"id": "0x603000000013c008", "value": "0x131"})
        self.assertEqual(len(levels.differences(old, self.new, "6.12")), 1)


DOCUMENT = Path(__file__).parents[2] / "Documentation/virt/kvm/arm/rust-compat.rst"
# KVM_REG_ARM_CONFIG: the attributes of an interrupt controller in a VM's configuration
CONFIG = 0x6030000000180000
# No machine of the matrix has what its fields MPAM_frac and RAS_frac would promise
ID_AA64PFR1_EL1 = 0x603000000013C021


def words(text: str) -> list[str]:
    """The words of a text, as sentences or as clauses."""
    return re.findall(r"\w(?:[\w.<>]*\w)?", text.lower())


def documented() -> list[tuple[list[str], list[str]]]:
    """The exceptions of the document: what they are, and for which levels and why."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.partition("\nExceptions\n====")[2].partition("\n====")[0]
    found = re.findall(r"^(\w.*)\n((?:  .*\n)+)", section, re.MULTILINE)
    return [(words(what), words(why)) for what, why in found]


class Exceptions(unittest.TestCase):
    """What is excepted is the same in the document, for kvmfit, and when dumps are compared."""

    def setUp(self) -> None:
        if "KVMFIT" not in os.environ:
            self.skipTest("KVMFIT is not set: scripts/test-host.sh sets it")

    def explain(self, *args: str) -> str:
        command = (os.environ["KVMFIT"], "explain", "KVM_CAP_ARM_COMPAT", *args)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def test_the_document_and_kvmfit_say_the_same(self) -> None:
        lines = re.findall(r"^(.+)\n  \((.+)\)$", self.explain(), re.MULTILINE)
        explained = [(words(what), words(why)) for what, why in lines]
        self.assertEqual(explained, documented())
        self.assertEqual(len(explained), len(json.loads(self.explain("--json"))["exceptions"]))

    def test_the_levels_are_those_of_the_matrix(self) -> None:
        self.assertCountEqual((AT + name for name in json.loads(self.explain("--json"))["levels"]),
                              LEVELS)

    def test_the_registers_that_are_excepted_at_a_level_are_those_of_kvmfit(self) -> None:
        for at_level in LEVELS:
            level = at_level.removeprefix(AT)
            explained = {reg for exception in json.loads(self.explain("--json"))["exceptions"]
                         if level in exception["levels"]
                         for registers in exception["registers"]
                         for reg in range(int(registers["first"], 16),
                                          int(registers["last"], 16) + 1)}
            compared = {*levels.UNKNOWN.get(level, ()), *levels.SHOWN.get(level, ()),
                        *levels.AARCH32_IDS, *levels.STRICTER,
                        CONFIG + int(levels.GICD_IIDR[1], 16)}
            hidden = set() if level == "6.18" else {ID_AA64PFR1_EL1}
            self.assertEqual(explained, compared | hidden, level)


if __name__ == "__main__":
    unittest.main()
