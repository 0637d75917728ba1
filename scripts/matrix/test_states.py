# SPDX-License-Identifier: GPL-2.0
"""The kinds of VMs, and the templates that make them."""

import json
import re
import unittest

from matrix import states
from matrix.machines import MACHINES
from matrix.states import Change, Kind


class Kinds(unittest.TestCase):
    def test_names_can_be_names_of_files_and_are_all_different(self) -> None:
        names = [kind.name for kind in states.KINDS]
        self.assertEqual(len(names), len(set(names)))
        for kind in states.KINDS:
            self.assertRegex(kind.name, r"^[a-z][a-z0-9.-]*$")
            self.assertTrue(kind.about)

    def test_each_that_the_issue_of_moves_is_about_is_there(self) -> None:
        features = {name for kind in states.KINDS for name in kind.features}
        self.assertEqual(features, {"sve", "pmu", "pauth"})
        changed = {change.id for kind in states.KINDS for change in kind.changes}
        self.assertEqual(changed, {states.MIDR_EL1, states.ID_AA64PFR1_EL1, states.PSCI_VERSION,
                                   states.STD_BMAP})

    def test_the_interrupt_controller_is_that_of_the_machine(self) -> None:
        kind = Kind("a", "b", ("sve", "pmu"))
        self.assertEqual({kind.options(machine) for machine in MACHINES},
                         {"sve,pmu,vgic_v2", "sve,pmu,vgic_v3"})

    def test_the_name_of_a_file_tells_where_it_is_from(self) -> None:
        names = {states.file_name(machine, kernel, kind.name) for machine in MACHINES
                 for kernel in ("6.1", "6.12", "rust") for kind in states.KINDS}
        self.assertEqual(len(names), len(MACHINES) * 3 * len(states.KINDS))
        for name in names:
            self.assertRegex(name, r"^[a-z0-9.+-]+\.json$")

    def test_only_new_vms_move_to_another_cpu(self) -> None:
        across = [kind.name for kind in states.KINDS if states.moved(kind.name, False)]
        self.assertEqual(across, [states.DEFAULT])
        self.assertTrue(all(states.moved(kind.name, True) for kind in states.KINDS))


class Templates(unittest.TestCase):
    def test_the_bits_that_are_set_and_those_that_stay(self) -> None:
        for change, expected in ((Change(1, 4, 4, 0), "x" * 56 + "0000xxxx"),
                                 (Change(1, 0, 4, 15), "x" * 60 + "1111"),
                                 (Change(1, 60, 4, 5), "0101" + "x" * 60),
                                 (Change(1, 0, 32, 0x10000),
                                  "x" * 32 + "00000000000000010000000000000000")):
            self.assertEqual(change.bitmap, f"0b{expected}")

    def test_a_kind_without_changes_has_none(self) -> None:
        for kind in states.KINDS:
            self.assertEqual(kind.template is None, not kind.changes)

    def test_they_are_in_the_format_of_firecracker(self) -> None:
        for kind in states.KINDS:
            for one in json.loads(kind.template)["reg_modifiers"] if kind.template else ():
                self.assertRegex(one["addr"], r"^0x6030[0-9a-f]{12}$")
                self.assertTrue(re.fullmatch(r"0b[01x]{64}", one["bitmap"]), one)


if __name__ == "__main__":
    unittest.main()
