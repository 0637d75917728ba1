# SPDX-License-Identifier: GPL-2.0
"""The files cpus, machines and tests."""

import unittest
from collections.abc import Callable
from pathlib import Path

from rows import BadRow
from vm import matrix, tables
from vm.fake import read
from vm.tables import Config


def machines(path: Path) -> tuple[tables.Machine, ...]:
    return tables.read_machines(("hypercalls", "psci_test"), path)


class Tables(unittest.TestCase):
    def refused(self, reader: Callable[[Path], object], why: str, *rows: str) -> None:
        """The last row is, by the name of the file and the number of the line."""
        with self.subTest(rows), self.assertRaises(BadRow) as caught:
            read(reader, *rows)
        self.assertIn(f"/rows:{2 + len(rows)}: {why}", str(caught.exception))

    def test_a_cpu(self) -> None:
        found = read(tables.read_cpus, "max | vhe, nv2", "cortex-a53 | -")
        self.assertEqual([(cpu.name, cpu.vhe, cpu.nv2) for cpu in found],
                         [("max", True, True), ("cortex-a53", False, False)])
        self.refused(tables.read_cpus, "no feature 'sve'; good values: vhe, nv2", "max | vhe, sve")
        self.refused(tables.read_cpus, "max is listed twice", "max | vhe", "max | -")
        self.refused(tables.read_cpus, "the columns must be", "max")

    def test_a_test(self) -> None:
        one, other = read(tables.read_tests, "hypercalls | fw_reg, smccc | * | -",
                          "reg_scope | - | rust | flips, opt-in, brief=max, brief=a64fx")
        self.assertEqual((one.name, one.calls, one.only_in, one.flags, one.brief),
                         ("hypercalls", ("fw_reg", "smccc"), tables.ABI_MODES, frozenset(), ()))
        self.assertEqual((other.calls, other.only_in, other.flags, other.brief),
                         ((), ("rust",), {"flips", "opt-in"}, ("max", "a64fx")))

    def test_a_bad_test(self) -> None:
        for why, row in (("no surface 'fw_regs'; good values: fw_reg, ", "x | fw_regs | * | -"),
                         ("no mode 'C'; good values: c, rust, check", "x | - | C | -"),
                         ("x runs in no mode", "x | - | - | -"),
                         ("no flag 'slow'; good values: flips, ", "x | - | * | slow"),
                         ("no flag 'brief=a53'", "x | - | * | brief=a53"),
                         ("a flag is listed twice", "x | - | * | long, long"),
                         ("'a b' is not the name of a test", "a b | - | * | -"),
                         ("'all' is not the name of a test", "all | - | * | -"),
                         ("the columns must be", "x | - | *")):
            self.refused(tables.read_tests, why, row)
        self.refused(tables.read_tests, "x is listed twice", "x | - | * | -", "x | - | c | -")

    def test_a_machine(self) -> None:
        found = read(machines, "max | 3 | nested | - | all | *", "a64fx | 3 | vhe | - | main | *",
                     "a64fx | 3 | vhe | x=y | psci_test | check, c", "max | 3 | none | - | boot | *")
        self.assertEqual([machine.config for machine in found],
                         [Config("max", 3, "nested"), Config("a64fx", 3, "vhe"),
                          Config("a64fx", 3, "vhe", "x=y", ("psci_test",), ("check", "c")),
                          Config("max", 3, "none", "", ("boot",))])
        self.assertEqual([(machine.main, machine.state) for machine in found],
                         [(False, False), (True, False), (False, True), (False, True)])

    def test_a_bad_machine(self) -> None:
        for why, row in (("no CPU 'a53'; good values: max, ", "a53 | 3 | vhe | - | all | *"),
                         ("no GIC '4'; good values: 2, 3", "max | 4 | vhe | - | all | *"),
                         ("no mode of KVM 'hvhe'", "max | 3 | hvhe | - | all | *"),
                         ("no mode 'off'", "max | 3 | vhe | - | all | off"),
                         ("no test 'hypercall'", "max | 3 | vhe | x | hypercall | *"),
                         ("say what runs there", "max | 3 | vhe | x | - | *"),
                         ("say what runs there", "max | 3 | vhe | x | * | *"),
                         ("MODE=vhe: cortex-a72 is Armv8.0 ", "cortex-a72 | 3 | vhe | - | all | *"),
                         ("MODE=nested: a64fx has no ", "a64fx | 3 | nested | - | all | *"),
                         ("without KVM only the boot", "max | 3 | none | - | all | *"),
                         ("without KVM only the boot", "max | 3 | none | - | psci_test | *"),
                         ("without KVM only the boot", "max | 3 | vhe | - | boot | *"),
                         ("no kernel is booted", "max | 3 | vhe | - | all | -")):
            self.refused(machines, why, row)
        one = "max | 3 | vhe | - | all | *"
        self.refused(machines, "max GICv3 vhe is listed twice", one, one)
        self.refused(machines, "max GICv3 vhe runs every test: such machines come first",
                     "max | 3 | vhe | x | psci_test | *", one)

    def test_what_others_rely_on(self) -> None:
        # planted.py plants mistakes on a machine with each GIC, bench.py measures on both.
        self.assertEqual({config.gic for config in matrix.MAIN}, {2, 3})
        self.assertEqual({config.kvm for config in matrix.MAIN}, {"vhe", "nvhe"})
        self.assertEqual(len(matrix.MAIN), 2)
        for test in matrix.TESTS:
            self.assertLessEqual(set(test.brief), {config.cpu for config in matrix.MAIN})


if __name__ == "__main__":
    unittest.main()
