# SPDX-License-Identifier: GPL-2.0
"""Whether what a VMM did is what kvmfit said, for everything that both can say."""

import unittest

from vmm import cells
from vmm.boots import Saved
from vmm.cells import Attempt, Predicted
from vmm.said import Said
from vmm.test_guests import ANSWERS, NEW

VM = Saved("6.12", "qemu-10", "probe")
TCR2, PIR, PSCI = 0x603000000013c103, 0x603000000013c513, 0x6030000000140000
YES = Predicted("yes")
MISSING = Predicted("no", missing={TCR2: "TCR2_EL1", PIR: "PIR_EL1"})
VALUE = Predicted("no", values={PSCI: "PSCI_VERSION"})
BOTH = Predicted("no", MISSING.missing, VALUE.values)


def refused(**said: object) -> Attempt:
    return Attempt(Said(("load of migration failed",), **said), 1, "")  # type: ignore[arg-type]


class Planning(unittest.TestCase):
    def test_what_kvmfit_prints(self) -> None:
        found = cells.predicted({"verdict": "no", "refusals": [
            {"subject": {"register": f"{TCR2:#x}"}, "name": "TCR2_EL1", "reason": "missing"},
            {"subject": {"register": f"{PSCI:#x}"}, "name": "PSCI_VERSION", "reason": "value"},
            {"subject": {"register": f"{PIR:#x}"}, "name": "PIR_EL1",
             "reason": {"order": {"after": f"{PSCI:#x}"}}}]})
        self.assertEqual(found, Predicted("no", {TCR2: "TCR2_EL1"},
                                          {PSCI: "PSCI_VERSION", PIR: "PIR_EL1"}, TCR2))

    def test_a_refusal_that_is_no_register_is_not_dropped(self) -> None:
        with self.assertRaisesRegex(ValueError, "sve"):
            cells.predicted({"verdict": "no", "refusals": [
                {"subject": {"feature": "sve"}, "name": "sve", "reason": "missing"}]})

    def test_how_many_registers_qemu_counts(self) -> None:
        ids = ["0x6030000000100000", f"{TCR2:#x}", f"{PSCI:#x}", "0x606000000015ffff",
               "0x6020000000110000"]
        dump = {"vms": [{"features": ["a"], "registers": [{"id": number} for number in ids]}]}
        self.assertEqual(cells.sent(dump, ["a"]), 3)
        with self.assertRaisesRegex(ValueError, "b"):
            cells.sent(dump, ["b"])


class Matching(unittest.TestCase):
    def test_what_agrees_and_how_it_is_known(self) -> None:
        for how, tried, plan in (
                ("resumed", Attempt(Said(), 0, ANSWERS), YES),
                ("named", refused(named=frozenset(MISSING.missing)), MISSING),
                # Values are not looked at when a register is missing.
                ("named", refused(named=frozenset(MISSING.missing)), BOTH),
                ("traced", refused(refused={PSCI: "Invalid argument"}), VALUE),
                ("counted", refused(lengths=(258, 257)), MISSING),
                ("compared", refused(), MISSING)):
            self.assertEqual(cells.match("qemu-10", tried, plan, (258, 257)), (how, []), how)

    def test_values_that_are_written_beside_a_missing_register(self) -> None:
        everything = refused(named=frozenset(BOTH.refused))
        values = refused(refused={PSCI: "Invalid argument"})
        for vmm, tried, agreed in (
                ("qemu-11", everything, ("named", [])),
                ("qemu-10", values, ("traced", [])),
                # QEMU 11 names what is missing.
                ("qemu-11", values, ("traced", ["only the plan refuses PIR_EL1, TCR2_EL1"])),
                ("qemu-10", refused(refused={0x6030000000160003: ""}),
                 ("traced", ["only QEMU refused 0x6030000000160003"]))):
            self.assertEqual(cells.match(vmm, tried, BOTH, (258, 257)), agreed, vmm)

    def test_each_disagreement_is_named(self) -> None:
        for words, tried, plan in (
                ("the VMM resumed it, but the plan says no: PSCI_VERSION",
                 Attempt(Said(), 0, ANSWERS), VALUE),
                ("the VMM refused it, but the plan says yes", refused(), YES),
                ("the VMM refused it, but the plan says cannot-tell", refused(),
                 Predicted("cannot-tell")),
                ("only QEMU refused 0x603000000013c513", refused(refused={PSCI: "", PIR: ""}),
                 VALUE),
                ("QEMU counted (259, 257), the plan (258, 257)", refused(lengths=(259, 257)),
                 MISSING),
                ("no register that is missing", refused(lengths=(258, 257)), VALUE),
                ("KVM refused none", refused(), VALUE)):
            found = "; ".join(cells.match("qemu-10", tried, plan, (258, 257))[1])
            self.assertIn(words, found)

    def test_the_small_vmm_stops_at_the_first_register(self) -> None:
        plan = Predicted("no", MISSING.missing, VALUE.values, PSCI)
        for named, problems in ((PSCI, []),
                                (PIR, ["it stopped at PIR_EL1, the plan at PSCI_VERSION"])):
            self.assertEqual(cells.match("firecracker", refused(named=frozenset({named})), plan,
                                         (0, 0)), ("first", problems))


class Judging(unittest.TestCase):
    def judge(self, tried: Attempt, plan: Predicted = YES) -> cells.Cell:
        return cells.judge(VM, "7.3", NEW + ANSWERS, tried, plan, (258, 257))

    def test_a_guest_that_goes_on(self) -> None:
        after = ANSWERS.replace("counts 9 7", "counts 19 17").replace("counts 5 3", "counts 10 8")
        cell = self.judge(Attempt(Said(), 0, after))
        self.assertEqual((cell.problems, cell.differences), ((), ()))

    def test_what_the_guest_sees_differently(self) -> None:
        after = ANSWERS.replace("counts 9 7", "counts 19 17").replace("counts 5 3", "counts 10 8")
        cell = self.judge(Attempt(Said(), 0, after.replace("0x10003", "0x10001")))
        self.assertEqual(cell.problems, ())
        self.assertEqual(cell.differences, ("- hvc 0x84000000 0x0 -> 0x10003",
                                            "+ hvc 0x84000000 0x0 -> 0x10001"))

    def test_a_guest_that_suffers(self) -> None:
        for uart, words in ((ANSWERS, "went back"), ("", "0 answers instead of 4")):
            self.assertIn(words, "; ".join(self.judge(Attempt(Said(), 0, uart)).problems))

    def test_a_timeout_is_a_problem(self) -> None:
        cell = self.judge(Attempt(Said(), 0, "", "timeout: runs"))
        self.assertIn("timeout: runs", cell.problems)

    def test_the_files_of_an_attempt(self) -> None:
        tried = cells.attempt({"status": b"1\n", "said": b"qemu: x\n", "uart": b"y"})
        self.assertEqual(tried, Attempt(Said(("qemu: x",)), 1, "y"))
        self.assertFalse(tried.resumed)
        killed = cells.attempt({"problem": b"timeout\n"})
        self.assertEqual((killed.status, killed.resumed, killed.problem), (None, False, "timeout"))


if __name__ == "__main__":
    unittest.main()
