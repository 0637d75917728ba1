# SPDX-License-Identifier: GPL-2.0
"""A whole run, with a program in place of QEMU and kvmfit itself: KVMFIT is its path."""

import argparse
import contextlib
import functools
import io
import json
import os
import shutil
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from docs import moves
from docs.results import NotWhole
from matrix import __main__ as main
from matrix.boots import Boots
from matrix.fake import NEW, OLD, FakeBoots, FakeKernel
from matrix.machines import LEVELS, MACHINES, OWN
from vm.matrix import BadSelection


class Whole(unittest.TestCase):
    def setUp(self) -> None:
        if "KVMFIT" not in os.environ:
            self.skipTest("KVMFIT is not set: scripts/test-host.sh sets it")
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("6.12", "6.18", "host", "aarch64"):
            (self.place / name).mkdir()
        for name in ("6.12/vmlinuz", "6.18/vmlinuz", "Image", "busybox", "aarch64/kvmfit"):
            (self.place / name).write_text(name, encoding="utf-8")
        (self.place / "host/kvmfit").symlink_to(os.environ["KVMFIT"])
        self.fake = FakeBoots({"vmlinuz": OLD, "Image": NEW})
        self.results = self.place / "results"

    def run_main(self, kernels: str = "6.12 rust", cpu: str | None = "neoverse-n1",
                 brief: bool = False) -> tuple[int, str]:
        args = argparse.Namespace(
            cache=self.place, image=self.place / "Image", busybox=self.place / "busybox",
            kvmfit=self.place, out=self.place / "out", results=self.results, kernels=kernels,
            cpu=cpu, gic=None, jobs=1, brief=brief, command="make matrix")
        with contextlib.redirect_stdout(io.StringIO()) as said, \
                mock.patch("shutil.which", return_value="/bin/true"), \
                mock.patch.object(main.command, "version",
                                  lambda *argv: "QEMU emulator version 10.0.2"), \
                mock.patch.object(main, "Boots", functools.partial(Boots, run=self.fake)):
            status = main.run(args)
        return status, said.getvalue()

    def read(self, name: str) -> str:
        return (self.results / name).read_text(encoding="utf-8")

    def test_all_files_are_written(self) -> None:
        status, said = self.run_main()
        self.assertEqual(status, 0, said)
        self.assertIn("matrix: 32 cells of 2 hosts: 35 passed, 0 failed, 0 skipped", said)
        self.assertEqual(self.read("matrix.count"), "35 0 0\n")
        self.assertTrue(self.read("matrix.tap").startswith("TAP version 13\n1..35\nok 1 - "))
        self.assertEqual(json.loads(self.read("matrix.json"))["kernels"], ["6.12", "this (Rust)"])
        for name in ("matrix.md", "matrix.svg"):
            self.assertIn("TCR2_EL1", self.read(name))

    def test_a_host_that_says_something_else_fails_the_run(self) -> None:
        class Liar(FakeKernel):
            """Its dump says of PSCI what the kernel does not do."""

            def dump(self) -> dict:
                return json.loads(json.dumps(super().dump()).replace(
                    '"0x10001"]', '"0x10001", "0x10003"]'))

        self.fake.known["vmlinuz"] = Liar(OLD.release, OLD.registers)
        status, said = self.run_main()
        self.assertEqual(status, 1)
        self.assertRegex(said, r"not ok .* this \(Rust\) -> 6.12, default, planned: "
                         r"the host refuses KVM_REG_ARM_PSCI_VERSION, plan takes it")
        passed, failed, skipped = map(int, self.read("matrix.count").split())
        self.assertGreater(failed, 0)

    def test_a_host_that_takes_a_changed_vm_as_no_plan_said_fails_the_run(self) -> None:
        self.fake.known["vmlinuz"] = replace(OLD, wrong=('{"changed": ["X"]}',))
        status, said = self.run_main()
        self.assertEqual(status, 1)
        self.assertIn("neoverse-n1, 6.12: 200 VMs, changed at random: 1 not as planned; "
                      '{"changed": ["X"]}', said)

    def test_so_do_dumps_that_leave_too_much_open(self) -> None:
        # Below one in a hundred, and just that
        for count, expected in ((26, 0), (27, 1)):
            self.fake.known["vmlinuz"] = replace(OLD, cannot_tell=count)
            shutil.rmtree(self.place / "out", ignore_errors=True)
            status, said = self.run_main()
            self.assertEqual(status, expected, said)
            self.assertEqual("cannot tell 27" in said, bool(expected))

    def test_a_kernel_without_kvm_is_named_and_the_others_are_compared(self) -> None:
        self.fake.known["vmlinuz"] = FakeKernel("6.12", {}, broken="kvmfit: there is no /dev/kvm")
        status, said = self.run_main()
        self.assertEqual(status, 1)
        self.assertIn("neoverse-n1, 6.12: kvmfit: there is no /dev/kvm", said)
        self.assertIn("8 cells of 2 hosts", said)

    def test_a_kernel_that_is_gone_is_left_out(self) -> None:
        (self.place / "6.12/vmlinuz").unlink()
        (self.place / "6.12.gone").write_text("the archive no longer has it\n", encoding="utf-8")
        status, said = self.run_main("6.12 c rust")
        self.assertEqual(status, 0, said)
        self.assertIn("6.12 is left out: the archive no longer has it", said)
        self.assertEqual(json.loads(self.read("matrix.json"))["gone"],
                         [["6.12", "the archive no longer has it"]])

    def test_what_is_missing_is_an_error(self) -> None:
        for name, words in (("6.12/vmlinuz", "6.12: there is no "), ("busybox", "busybox"),
                            ("aarch64/kvmfit", "make kvmfit")):
            (self.place / name).rename(self.place / "kept")
            with self.assertRaisesRegex(BadSelection, words):
                self.run_main()
            (self.place / "kept").rename(self.place / name)

    def test_the_part_of_make_test(self) -> None:
        status, _ = self.run_main("", None, brief=True)
        self.assertEqual(status, 0)
        booted = {tuple(words.split()[:2]) for words in self.fake.booted}
        self.assertEqual(booted, {("neoverse-n1", "vmlinuz"), ("neoverse-n1", "Image")})

    def test_the_page_shows_no_part(self) -> None:
        (self.place / "docs").mkdir()
        with self.assertRaisesRegex(NotWhole, "there is no .*matrix.json"):
            moves.write(self.place, self.results)
        self.run_main()
        with self.assertRaisesRegex(NotWhole, "the run left out .* more"):
            moves.write(self.place, self.results)
        (self.results / "matrix.json").write_text("{}", encoding="utf-8")
        with self.assertRaisesRegex(NotWhole, "is not what"):
            moves.write(self.place, self.results)

    def test_the_page_of_a_whole_run(self) -> None:
        (self.place / "docs").mkdir()
        for pin in moves.pins.read():
            (self.place / pin.name).mkdir(exist_ok=True)
            (self.place / pin.name / "vmlinuz").touch()
        status, said = self.run_main("", None)
        self.assertEqual(status, 0, said)
        moves.write(self.place, self.results)
        self.assertEqual((self.place / "docs/matrix.md").read_text(encoding="utf-8"),
                         self.read("matrix.md"))
        hosts = json.loads(self.read("matrix.json"))["hosts"]
        self.assertEqual(len(hosts),
                         len(MACHINES) * (len(moves.pins.read()) + len(OWN) + len(LEVELS)))


if __name__ == "__main__":
    unittest.main()
