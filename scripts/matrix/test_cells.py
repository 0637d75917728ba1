# SPDX-License-Identifier: GPL-2.0
"""Cells, from kernels whose rules are known to what kvmfit says about them.

These tests run kvmfit itself: KVMFIT is its path.
"""

import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path

from matrix import cells, changes, planted
from matrix.boots import Boots, Place
from matrix.cells import Cell, CannotVerify, Refusal
from matrix.fake import NEW, OLD, FakeBoots
from matrix.jobs import Programs
from matrix.machines import MACHINES, Kernel
from matrix.results import order_problems, reasons


class Kvmfit(unittest.TestCase):
    """Two kernels that have booted, and kvmfit."""

    def setUp(self) -> None:
        if "KVMFIT" not in os.environ:
            self.skipTest("KVMFIT is not set: scripts/test-host.sh sets it")
        self.kvmfit = Path(os.environ["KVMFIT"])
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("old", "new"):
            (self.place / name).touch()
        programs = Programs(self.place / "old", self.place / "new")
        self.boots = Boots(self.place / "out", programs, "10", 1,
                           FakeBoots({"old": OLD, "new": NEW}))
        self.places = self.boots.places((MACHINES[0],), tuple(
            Kernel(name, self.place / image) for name, image in (("6.12", "old"), ("7.3", "new"))))
        with contextlib.redirect_stdout(io.StringIO()):
            self.boots.all(self.places)
        self.known = cells.sources(self.places)

    def of(self, place: Place) -> list[Cell]:
        return cells.of_place(self.kvmfit, self.boots.states, place, self.known)

    def all(self) -> list[Cell]:
        return [cell for place in self.places for cell in self.of(place)]


class Whole(Kvmfit):
    def test_each_answer_was_predicted(self) -> None:
        found = self.all()
        self.assertEqual(len(found), 2 * 2 * 4 * 2)
        for cell in found:
            self.assertTrue(cell.agrees and cell.predicted, cell)
            self.assertEqual(cell.fits, cell.plan == "yes", cell)
            self.assertEqual(cell.fits, not cell.refusals, cell)
            self.assertEqual(cell.other_errno, ())

    def test_what_is_refused_and_why(self) -> None:
        found = {cell.name: {(one.name, one.reason) for one in cell.refusals}
                 for cell in self.all()}
        self.assertEqual(found["neoverse-n1: 7.3 -> 6.12, default, planned"],
                         {("KVM_REG_ARM_PSCI_VERSION", "value"),
                          ("KVM_REG_ARM_VENDOR_HYP_BMAP_2", "missing")})
        self.assertEqual(found["neoverse-n1: 6.12 -> 7.3, default, planned"],
                         {("TCR2_EL1", "missing")})
        self.assertEqual(found["neoverse-n1: 7.3 -> 7.3, default, planned"], set())

    def test_the_order_of_the_list_is_found_out(self) -> None:
        problem, = order_problems(self.all())
        self.assertEqual((problem.kind, problem.kernels), ("ssbs-hidden", {"6.12", "7.3"}))
        self.assertIn("write ID_AA64PFR1_EL1 before ", problem.remedy)
        self.assertIn("WORKAROUND_2", problem.names[0])

    def test_reasons_are_grouped(self) -> None:
        found = {item.names: item for item in reasons(self.all())}
        self.assertEqual(found["TCR2_EL1",].moves, {("6.12", "7.3")})
        self.assertEqual(found["TCR2_EL1",].kinds,
                         ("default", "psci-1.0", "ssbs-hidden", "trng-off"))
        # The version of PSCI is not refused of the VM that has 1.0.
        self.assertNotIn("psci-1.0", found["KVM_REG_ARM_PSCI_VERSION",].kinds)

    def test_changes_between_kernels(self) -> None:
        change, = changes.of_places(self.kvmfit, self.places)
        self.assertEqual((change.before, change.after, change.gone), ("6.12", "7.3", ("TCR2_EL1",)))
        self.assertEqual(change.new, ("KVM_REG_ARM_VENDOR_HYP_BMAP_2",))
        self.assertEqual(change.values, ("KVM_REG_ARM_PSCI_VERSION.minor 0x1 → 0x3",))


class Wrong(Kvmfit):
    """The comparison is red for each way in which a host can differ from its dump."""

    def cell(self, answer: dict, source: str = "7.3", destination: int = 0) -> Cell:
        """The new VM of a kernel, to which the other one answers so."""
        place = self.places[destination]
        name = f"{MACHINES[0].slug}+{source}+default.json"
        place.answers = {(name, "planned"): {**place.answers[name, "planned"], **answer}}
        found, = self.of(place)
        return found

    def test_a_host_that_takes_what_was_to_be_refused(self) -> None:
        found = self.cell({"refusals": []})
        self.assertFalse(found.agrees)
        self.assertIn("plan refuses KVM_REG_ARM_PSCI_VERSION, the host takes it",
                      found.disagreement)

    def test_a_host_that_refuses_what_was_to_be_taken(self) -> None:
        refused = {"vcpu": 0, "id": "0x603000000013c021", "name": "ID_AA64PFR1_EL1",
                   "value": "0x20", "errno": 22, "fields": ["SSBS = 0x2, the host has 0x0"]}
        found = self.cell({"refusals": [refused]}, "6.12")
        self.assertFalse(found.agrees)
        self.assertEqual(found.disagreement,
                         "the host refuses ID_AA64PFR1_EL1.SSBS, plan takes it")

    def test_a_host_that_lacks_the_vm(self) -> None:
        found = self.cell({"refusals": [], "lacks": ["no VM"]}, "6.12")
        self.assertFalse(found.agrees)
        self.assertIn("the host refuses no VM", found.disagreement)

    def test_another_error_number_is_noted(self) -> None:
        place = self.places[0]
        name = f"{MACHINES[0].slug}+7.3+default.json"
        refusals = [{**one, "errno": 5} for one in place.answers[name, "planned"]["refusals"]]
        found = self.cell({"refusals": refusals})
        self.assertTrue(found.agrees)
        self.assertEqual(found.other_errno, tuple(one["name"] for one in refusals))
        self.assertEqual(len(found.other_errno), 2)

    def test_a_planted_lie_is_found_by_the_name_of_the_field(self) -> None:
        place = self.places[0]
        found = planted.tell(self.kvmfit, self.boots.states, place, self.known, self.of(place))
        assert found
        self.assertEqual(found.lie.fields, ("KVM_REG_ARM_PSCI_VERSION",))
        self.assertTrue(found.named)
        self.assertIn("the host refuses", found.said)

    def test_without_a_refused_value_there_is_no_lie_to_tell(self) -> None:
        place = self.places[1]
        self.assertIsNone(planted.tell(self.kvmfit, self.boots.states, place, self.known,
                                       self.of(place)))

    def test_what_kvmfit_cannot_read(self) -> None:
        place = self.places[0]
        place.host.dump.write_text("{}", encoding="utf-8")
        with self.assertRaisesRegex(CannotVerify, "dump.json"):
            self.of(place)
        with self.assertRaisesRegex(CannotVerify, "dump.json"):
            changes.of_places(self.kvmfit, self.places)


class Reading(unittest.TestCase):
    VERIFIED = {"vmm": "planned", "fits": False, "plan": "no", "only_plan": [], "only_host": [],
                "undecided": [], "refusals": []}
    ANSWER = {"refusals": [], "lacks": [], "misreads": []}

    def test_an_attribute_has_one_name_in_both(self) -> None:
        planned = {"name": "GICv3 group 1 attribute 0x8", "reason": "value", "fields": [],
                   "subject": {"attribute": {"group": 1, "attr": "0x8"}}, "value": "0x1",
                   "errno": 22, "remedy": {"text": "none"}}
        met = {"attribute": [1, "0x8"], "name": "vGIC group 1 attribute 0x8", "fields": [],
               "value": "0x1", "errno": 22}
        found = cells.cell(("a", "b"), "default", ("a", "c"), {**self.ANSWER, "refusals": [met]},
                           {**self.VERIFIED, "refusals": [planned]})
        self.assertEqual([one.name for one in found.refusals], ["group 1 attribute 0x8"])

    def test_a_register_to_be_written_later(self) -> None:
        planned = {"name": "X", "reason": {"order": {"after": "0x1"}}, "fields": [],
                   "subject": {"register": "0x2"}, "value": "0x1", "errno": 22,
                   "remedy": {"text": "write Y before X"}}
        found = cells.cell(("a", "b"), "default", ("a", "b"), self.ANSWER,
                           {**self.VERIFIED, "refusals": [planned]})
        self.assertEqual(found.refusals, (Refusal("X", "order", (), "0x1", 22, "write Y before X",
                                                  "0x2"),))

    def test_a_vm_that_a_host_lacks_is_one_refusal(self) -> None:
        found = cells.cell(("a", "b"), "sve", ("a", "c"), {**self.ANSWER, "lacks": ["no SVE"]},
                           self.VERIFIED)
        self.assertEqual([one.name for one in found.refusals], ["no SVE"])

    def test_the_name_says_which_machines(self) -> None:
        for destination, words in ((("n1", "7.3"), "n1: 6.1 -> 7.3, default, planned"),
                                   (("v1", "7.3"), "n1 -> v1: 6.1 -> 7.3, default, planned")):
            found = cells.cell(("n1", "6.1"), "default", destination, self.ANSWER, self.VERIFIED)
            self.assertEqual(found.name, words)


class Lies(unittest.TestCase):
    DUMP = {"vms": [{"registers": [
        {"id": "0x1", "value": "0x20", "takes": {
            "digits": ["0"] * 14 + ["0-2", "0"], "errno": 22, "independent": True,
            "tried": [{"value": "0x31", "ok": False}]}},
        {"id": "0x2", "value": "0x1", "takes": {"values": ["0x1"], "errno": 22}},
        {"id": "0x3", "value": "0x1", "takes": "unknown"}]}]}

    def lie(self, number: str, value: int) -> planted.Lie:
        return planted.Lie("cell", "X", number, value, ("X.F",))

    def test_digits_take_the_value(self) -> None:
        lied = planted.plant(self.DUMP, self.lie("0x1", 0x31))
        assert lied
        takes = lied["vms"][0]["registers"][0]["takes"]
        self.assertEqual(takes["digits"], ["0"] * 14 + ["*", "*"])
        self.assertEqual(takes["tried"], [])
        # The dump stays as it is.
        self.assertEqual(self.DUMP["vms"][0]["registers"][0]["takes"]["digits"][-1], "0")

    def test_values_take_it(self) -> None:
        lied = planted.plant(self.DUMP, self.lie("0x2", 0x10))
        assert lied
        self.assertEqual(lied["vms"][0]["registers"][1]["takes"]["values"], ["0x1", "0x10"])

    def test_where_more_decides_no_lie_is_told(self) -> None:
        self.assertIsNone(planted.plant(self.DUMP, self.lie("0x3", 2)))
        affected = {"vms": [{**self.DUMP["vms"][0], "affects": [{"takes": [{"id": "0x2"}]}]}]}
        self.assertIsNone(planted.plant(affected, self.lie("0x2", 2)))
        self.assertIsNotNone(planted.plant(affected, self.lie("0x1", 2)))

    def test_only_values_that_were_refused_as_predicted(self) -> None:
        def cell(refusal: Refusal, **more: object) -> Cell:
            return Cell(("a", "b"), "default", ("a", "c"), "planned", False, "no", (refusal,),
                        **more)  # type: ignore[arg-type]

        value = Refusal("X", "value", ("F",), "0x31", id="0x1")
        lies = list(planted.lies([
            cell(value), cell(value, only_host=("Y",)), cell(Refusal("X", "missing", id="0x1")),
            cell(Refusal("group 1 attribute 0x8", "value", value="0x1")),
            cell(Refusal("X", "value", value=f"0x{'f' * 128}", id="0x1"))]))
        self.assertEqual([(lie.id, lie.value, lie.fields) for lie in lies],
                         [("0x1", 0x31, ("X.F",))])

    def test_each_field_has_to_be_named(self) -> None:
        lie = planted.Lie("cell", "X", "0x1", 1, ("X.A", "X.B"))
        self.assertTrue(planted.Found(lie, "the host refuses X.A, X.B").named)
        self.assertFalse(planted.Found(lie, "the host refuses X.A").named)
        self.assertFalse(planted.Found(lie, "").named)


if __name__ == "__main__":
    unittest.main()
