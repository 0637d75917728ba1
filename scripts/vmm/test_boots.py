# SPDX-License-Identifier: GPL-2.0
"""What is booted, and that what is there already is not booted again."""

import io
import os
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kernels import boot
from kernels.boot import Job, Result
from matrix.jobs import Failed
from matrix.machines import Kernel
from vmm import __main__ as main
from vmm import boots, run
from vmm.boots import HERE, MACHINES, Parts, Saved

N1 = MACHINES[0]


class Fixture(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.parts = Parts(*(self.file(name) for name in
                             ("busybox", "kvmfit", "vmms", "small", "probe", "debian", "initrd", "api",
                              "example")))
        self.stock = Kernel("6.12", self.file("vmlinuz"))
        self.own = tuple(Kernel(mode, self.file("Image")) for mode in ("c", "rust"))

    def file(self, name: str) -> Path:
        path = self.place / name
        path.write_text(name, encoding="utf-8")
        return path


class Jobs(Fixture):
    def test_modes_of_one_kernel_share_a_boot(self) -> None:
        self.assertEqual(boots.groups((self.stock, *self.own)), ((self.stock,), self.own))
        self.assertEqual(boots.groups((self.stock,)), ((self.stock,),))

    def test_a_stock_kernel_saves_to_a_disk(self) -> None:
        job, vms = boots.save((self.stock,), N1, self.parts, ("qemu-10",), ("probe", "debian"),
                              self.place / "disk")
        self.assertEqual([vm.name for vm in vms], ["6.12-qemu-10-probe", "6.12-qemu-10-debian"])
        self.assertIn("\nsave 6.12-qemu-10-probe qemu-10 3 probe /states/6.12-qemu-10-probe\n",
                      job.script)
        self.assertIn(">/dev/nvme0n1\n", job.script)
        self.assertNotIn(boots.ABI, job.script)

    def test_this_kernel_is_switched_and_writes_to_a_channel(self) -> None:
        job, vms = boots.save(self.own, N1, self.parts, ("qemu-10",), ("probe",),
                              self.place / "disk")
        switches = [line for line in job.script.splitlines()
                    if boots.ABI in line or line.startswith("save ")]
        self.assertEqual(switches, [
            f"echo c >{boots.ABI}", "save c-qemu-10-probe qemu-10 3 probe "
            "/states/c-qemu-10-probe", f"echo rust >{boots.ABI}",
            "save rust-qemu-10-probe qemu-10 3 probe /states/rust-qemu-10-probe"])
        self.assertIn(">/dev/vport0p1\n", job.script)
        self.assertEqual(len(vms), 2)

    def test_a_level_is_chosen_by_a_boot_of_its_own(self) -> None:
        level = Kernel("at-6.12", self.file("Image"), "kvm-arm.compat=6.12")
        self.assertEqual(boots.groups((*self.own, level)), ((level,), self.own))
        job, vms = boots.save((level,), N1, self.parts, ("qemu-10",), ("probe",),
                              self.place / "disk")
        self.assertEqual((job.params, [vm.name for vm in vms]),
                         ("kvm-arm.compat=6.12", ["at-6.12-qemu-10-probe"]))
        self.assertIn(">/dev/vport0p1\n", job.script)
        self.assertNotIn(boots.ABI, job.script)
        self.assertIn("at-6.12", boots.KERNELS)
        self.assertNotIn("at-6.16", boots.KERNELS)

    def test_a_level_meets_only_its_release(self) -> None:
        for one, other, moves in (("at-6.12", "6.12", True), ("at-6.12", "at-6.12", True),
                                  ("at-6.12", "6.1", False), ("at-6.12", "at-6.1", False),
                                  ("at-6.12", "rust", False), ("6.12", "rust", True)):
            self.assertEqual((boots.meet(one, other), boots.meet(other, one)), (moves, moves))
        states = {Saved(name, "qemu-11", "probe"): self.file(name)
                  for name in ("6.1", "6.12", "at-6.12", "rust")}
        level = (Kernel("at-6.12", self.file("Image"), "kvm-arm.compat=6.12"),)
        self.assertEqual([vm.kernel for vm in boots.to_resume(level, states)], ["6.12", "at-6.12"])
        self.assertEqual(boots.to_resume(self.own, states),
                         tuple(vm for vm in states if vm.kernel != "at-6.12"))
        script = boots.resume(level, MACHINES[1], self.parts, states).script
        self.assertEqual([line.split()[1] for line in script.splitlines() if "resume " in line],
                         ["at-6.12/6.12-qemu-11-probe", "at-6.12/at-6.12-qemu-11-probe"])

    def test_moves_between_a_release_and_its_level_are_made_ten_times(self) -> None:
        stock, level = (Saved(name, "qemu-11", "probe") for name in ("6.12", "at-6.12"))
        for kernel, vm, times in (("6.12", level, 10), ("at-6.12", stock, 10), ("6.12", stock, 1),
                                  ("at-6.12", level, 1), ("rust", level, 0), ("rust", stock, 1)):
            names = boots.attempts(N1, kernel, vm)
            self.assertEqual((len(names), len(set(names))), (times, times), (kernel, vm))
            self.assertEqual(len(boots.attempts(MACHINES[1], kernel, vm)), min(times, 1))
        script = boots.resume((self.stock,), N1, self.parts, {level: self.file("state")}).script
        self.assertIn("\nresume 6.12/at-6.12-qemu-11-probe-10 qemu-11 3 probe "
                      "/states/at-6.12-qemu-11-probe\n", script)

    def test_a_kernel_that_is_not_there(self) -> None:
        gone = (Kernel("6.12", "the archive no longer has it"),)
        with self.assertRaisesRegex(Failed, "no longer"):
            boots.resume(gone, N1, self.parts, {})

    def test_all_vms_are_resumed_under_each_mode(self) -> None:
        states = {Saved("6.12", "qemu-11", "probe"): self.file("state")}
        job = boots.resume(self.own, MACHINES[1], self.parts, states)
        for mode in ("c", "rust"):
            self.assertIn(f"\nresume {mode}/6.12-qemu-11-probe qemu-11 2 probe "
                          "/states/6.12-qemu-11-probe\n", job.script)
        self.assertEqual(job.files["states/6.12-qemu-11-probe"], self.place / "state")

    def test_the_states_fit_into_memory(self) -> None:
        state = self.file("state")
        with state.open("wb") as file:
            file.truncate(1 << 30)
        states = {Saved("6.12", "qemu-11", "probe"): state}
        for group in (self.own, (self.stock,)):
            job = boots.resume(group, N1, self.parts, states)
            # The initramfs is not free yet, and the files get half of what is.
            self.assertGreater((job.memory_mib - 1024) // 2, 1024 + 256)

    def test_the_syntax_of_the_scripts(self) -> None:
        for name in ("vm.sh", "init"):
            subprocess.run(["sh", "-n", HERE / "guest" / name], check=True)
        # The guest's kernel would not run it.
        self.assertTrue(os.access(HERE / "guest/init", os.X_OK))


class Running(Fixture):
    def setUp(self) -> None:
        super().setUp()
        self.booted: list[Job] = []
        self.status = b"0\n"
        self.more: dict[str, bytes] = {}
        patch = mock.patch.object(boot, "boot", self.fake)
        patch.start()
        self.addCleanup(patch.stop)
        self.run_ = run.Run(self.parts, boots.groups((self.stock, *self.own)), (N1,), ("qemu-10",),
                            ("probe",), "QEMU 10", self.place / "out", 1, lambda _: None)

    def fake(self, job: Job, place: Path, name: str, timeout: float) -> Result:
        del name, timeout
        self.booted.append(job)
        saves = [line.split() for line in job.script.splitlines() if line.startswith("save ")]
        if saves:
            with tarfile.open(place / "disk", "w") as archive:
                for words in saves:
                    member = tarfile.TarInfo(f"./{words[1]}")
                    member.size = 5
                    archive.addfile(member, io.BytesIO(b"state"))
        return Result(1.0, None, {"status": self.status, "a/uart": b"end\n", **self.more})

    def test_each_kernel_saves_and_then_resumes_all(self) -> None:
        self.assertEqual(run.all_boots(self.run_), [])
        self.assertEqual(len(self.booted), 4)
        for job in self.booted[2:]:
            names = sorted(name for name in job.files if name.startswith("states/"))
            self.assertEqual(names, ["states/6.12-qemu-10-probe", "states/c-qemu-10-probe",
                                     "states/rust-qemu-10-probe"])
        self.assertEqual(
            (self.run_.place(N1, "save", (self.stock,)) / "a/uart").read_bytes(), b"end\n")

    def test_how_long_it_took(self) -> None:
        self.assertEqual(main.timed(self.run_), ())
        run.all_boots(self.run_)
        self.assertEqual([(boot.kernels, boot.what, boot.vms, boot.seconds)
                          for boot in main.timed(self.run_)],
                         [(("6.12",), "save", 1, 1.0), (("6.12",), "resume", 3, 1.0),
                          (("c", "rust"), "save", 2, 1.0), (("c", "rust"), "resume", 6, 1.0)])

    def test_a_vm_that_was_not_saved_is_named(self) -> None:
        run.all_boots(self.run_)
        self.assertEqual(main.not_saved(self.run_, N1, self.own), [])
        self.run_.states(N1, self.own)[Saved("rust", "qemu-10", "probe")].unlink()
        self.assertEqual(main.not_saved(self.run_, N1, self.own), [
            "neoverse-n1, GICv3: rust-qemu-10-probe was not saved: nothing says why"])
        problem = self.run_.place(N1, "save", self.own) / "rust-qemu-10-probe/problem"
        problem.parent.mkdir()
        problem.write_text("timeout: x\nno state was saved\n", encoding="utf-8")
        self.assertEqual(main.not_saved(self.run_, N1, self.own), [
            "neoverse-n1, GICv3: rust-qemu-10-probe was not saved: timeout: x; no state was saved"])

    def test_what_is_there_is_not_booted_again(self) -> None:
        run.all_boots(self.run_)
        self.booted.clear()
        run.all_boots(self.run_)
        self.assertEqual(self.booted, [])

    def test_a_changed_input_is(self) -> None:
        run.all_boots(self.run_)
        self.booted.clear()
        self.parts.probe.write_text("changed", encoding="utf-8")
        run.store.file_digest.cache_clear()
        run.all_boots(self.run_)
        self.assertEqual(len(self.booted), 4)

    def test_a_boot_with_a_vm_that_had_a_problem_is_tried_again(self) -> None:
        self.more = {"a/problem": b"timeout: runs\n"}
        self.assertEqual(run.all_boots(self.run_), [])
        self.booted.clear()
        run.all_boots(self.run_)
        self.assertEqual(len(self.booted), 4)
        self.assertEqual(len(main.timed(self.run_)), 4)

    def test_a_boot_that_fails_is_named_and_tried_again(self) -> None:
        self.status = b"1\n"
        problems = run.all_boots(self.run_)
        self.assertEqual(len(problems), 4)
        self.assertIn("neoverse-n1, GICv3, 6.12 saves 1 VMs: the job ended with 1", problems[0])
        self.status = b"0\n"
        self.assertEqual(run.all_boots(self.run_), [])


if __name__ == "__main__":
    unittest.main()
