# SPDX-License-Identifier: GPL-2.0
"""Which machines and kernels are chosen."""

import tempfile
import unittest
from pathlib import Path

from matrix import machines
from vm.matrix import CPUS, BadSelection



class Machines(unittest.TestCase):
    def names(self, cpu: str | None = None, gic: int | None = None,
              brief: bool = False) -> list[str]:
        return [machine.name for machine in machines.select(cpu, gic, brief)]

    def test_all_by_default(self) -> None:
        self.assertEqual(self.names(), [machine.name for machine in machines.MACHINES])
        self.assertTrue(all(machine.cpu in CPUS for machine in machines.MACHINES))

    def test_one_cpu_or_one_interrupt_controller(self) -> None:
        self.assertEqual(self.names("neoverse-v1"), ["neoverse-v1 GICv3 vhe"])
        self.assertEqual(self.names(gic=2), ["cortex-a72 GICv2 nvhe"])

    def test_a_machine_that_is_not_in_the_table(self) -> None:
        self.assertEqual(self.names("cortex-a76"), ["cortex-a76 GICv3 vhe"])
        self.assertEqual(self.names("max", 2), ["max GICv2 vhe"])

    def test_one_machine_for_make_test(self) -> None:
        self.assertEqual(self.names(brief=True), ["neoverse-n1 GICv3 vhe"])
        self.assertEqual(self.names("max", brief=True), ["max GICv3 vhe"])

    def test_moves_within_a_machine_and_between_some(self) -> None:
        allowed = {(a.cpu, b.cpu) for a in machines.MACHINES for b in machines.MACHINES
                   if a != b and machines.moves(a, b)}
        self.assertEqual(allowed, machines.CROSS)
        self.assertEqual(allowed, {(b, a) for a, b in allowed})
        self.assertTrue(all(machines.moves(machine, machine) for machine in machines.MACHINES))


class Kernels(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.place / "6.12").mkdir()
        (self.place / "6.12/vmlinuz").touch()
        self.own = self.place / "Image"
        self.own.touch()

    def kernels(self, *names: str, brief: bool = False) -> tuple[machines.Kernel, ...]:
        return machines.kernels(names, self.place, self.own, brief)

    def test_all_by_default_the_oldest_first(self) -> None:
        found = self.kernels()
        self.assertEqual([kernel.title for kernel in found[-6:-4]], ["this (C)", "this (Rust)"])
        self.assertEqual([kernel.title for kernel in found[-4:]],
                         [f"this (at {name})" for name in ("6.1", "6.12", "6.16", "6.18")])
        self.assertEqual(found[0].name, "6.1")
        self.assertEqual(len(found), 16)

    def test_those_that_are_asked_for(self) -> None:
        old, own = self.kernels("rust", "6.12")
        self.assertEqual((old.title, old.image), ("6.12", self.place / "6.12/vmlinuz"))
        self.assertTrue(old.version.startswith("6.12."))
        self.assertEqual((own.image, own.params), (self.own, "kvm-arm.abi=rust"))

    def test_a_level_is_a_parameter_of_this_kernel(self) -> None:
        (level,) = self.kernels("at-6.12")
        self.assertEqual((level.image, level.params, level.is_as),
                         (self.own, "kvm-arm.abi=rust kvm-arm.compat=6.12", "6.12"))
        self.assertIn(level.is_as, [pin.name for pin in machines.pins.read()])

    def test_one_that_is_not_known(self) -> None:
        with self.assertRaisesRegex(BadSelection, "no kernel '6.2'; the kernels are: 6.1, .*rust"):
            self.kernels("6.2")

    def test_what_is_missing_is_said(self) -> None:
        self.own.unlink()
        stock, own = self.kernels("6.1", "c")
        self.assertIn("scripts/kernels.sh", str(stock.image))
        self.assertIn("make kernel", str(own.image))

    def test_this_kernel_is_given_more_vms(self) -> None:
        given = {kernel.name: kernel.mutated for kernel in self.kernels("6.12", "c", "rust")}
        self.assertEqual(given, {"6.12": 200, "c": 200, "rust": 2500})
        self.assertEqual({kernel.mutated for kernel in self.kernels(brief=True)}, {200})

    def test_make_test_takes_a_few(self) -> None:
        self.assertEqual([kernel.name for kernel in self.kernels(brief=True)],
                         list(machines.BRIEF_KERNELS))


if __name__ == "__main__":
    unittest.main()
