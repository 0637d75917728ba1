# SPDX-License-Identifier: GPL-2.0
"""guest/vm.sh, with a program in place of QEMU and its guest."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from vmm import cells, guests, tour
from vmm.boots import HERE


class Script(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        loader = self.place / "root/lib/ld-linux-aarch64.so.1"
        loader.parent.mkdir(parents=True)
        shutil.copy(HERE / "fake_qemu.py", loader)
        loader.chmod(0o755)
        self.abi = self.place / "abi"
        self.abi.mkdir()
        (self.abi / "stats").write_text("surface c rust mismatches\nsmccc 0 0 0\n", encoding="utf-8")

    def run_script(self, script: str, how: str = "") -> None:
        (self.place / "root/lib/how").write_text(how, encoding="utf-8")
        # It goes on only if fake_qemu.py says so: no result depends on how busy this machine is.
        clock = self.place / "clock"
        clock.write_text("0", encoding="utf-8")
        subprocess.run(
            ["sh", "-c", f". {HERE}/guest/vm.sh\n{script}"], cwd=self.place, check=True, timeout=900,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "VMM_ROOT": str(self.place / "root"), "CONSOLE": "/dev/null",
                 "ABI": str(self.abi), "CLOCK": str(clock), "PATIENCE": "60"})

    def attempt(self, name: str) -> cells.Attempt:
        return cells.attempt({path.name: path.read_bytes()
                              for path in (self.place / name).iterdir()})

    def test_a_vm_is_saved_and_resumed(self) -> None:
        self.run_script("save a qemu-10 3 probe $PWD/state; resume b qemu-10 3 probe $PWD/state")
        before, after = self.attempt("a"), self.attempt("b")
        self.assertEqual((before.status, before.problem), (0, ""))
        self.assertEqual((after.status, after.problem), (0, ""))
        self.assertEqual(guests.problems(guests.parse(before.uart, 1), guests.parse(after.uart)), [])
        # What only the script needs is gone.
        self.assertEqual(sorted(path.name for path in (self.place / "b").iterdir()),
                         ["monitor", "said", "status", "uart"])

    def test_a_vm_that_is_refused(self) -> None:
        self.run_script("save a qemu-10 3 probe $PWD/state")
        self.run_script("resume b qemu-10 3 probe $PWD/state", "refuse")
        tried = self.attempt("b")
        self.assertEqual((tried.status, tried.problem, tried.uart), (1, "", ""))
        self.assertEqual(tried.said.messages,
                         ("qemu: load of migration failed: Operation not permitted",))

    def test_a_migration_that_fails(self) -> None:
        self.run_script("save a qemu-10 3 probe $PWD/state", "fail")
        self.assertIn("did not complete", self.attempt("a").problem)
        self.assertFalse((self.place / "state").exists())

    def test_a_vmm_that_ends_leaves_no_state(self) -> None:
        self.run_script("save a qemu-10 3 probe $PWD/state", "die")
        self.assertIn("no state was saved", self.attempt("a").problem)

    def test_a_guest_that_does_not_answer_ends_the_wait(self) -> None:
        self.run_script("save a qemu-10 3 probe $PWD/state", "mute")
        self.assertIn("timeout: answered a 1", self.attempt("a").problem)
        self.assertEqual(self.attempt("a").status, 0)

    def test_a_small_vmm_that_hangs_is_a_timeout(self) -> None:
        small = self.place / "root/small"
        small.write_text("#!/bin/sh\nexec sleep 900\n", encoding="utf-8")
        small.chmod(0o755)
        self.run_script("PATIENCE=0.1; save a firecracker 3 probe $PWD/state")
        self.assertIn("timeout: run --gic 3", self.attempt("a").problem)

    def test_a_small_tour_goes_through_all_modes_in_both_ways(self) -> None:
        small = self.place / "root/small"
        # Saves what `resume` prints, damaged or not.
        small.write_text("""#!/bin/sh
for last; do :; done
case $7 in
run)	mkdir -p "${11}"
	printf '"id": "%s",\\n"value": "0x1"\\n' 0x6030000000140000 >"${11}/state.json" ;;
*)	echo "$4 $(tail -n 1 "$last/state.json")" ;;
esac
""", encoding="utf-8")
        small.chmod(0o755)
        self.run_script("small_tour small 3 rust c")
        read = {path.parent.name: path.read_text(encoding="utf-8")
                for path in (self.place / "small").glob("*/uart")}
        self.assertEqual(read, {"saved": "", **{
            f"{mode}-{way}{what}": f'{way} "value": "{value}"\n' for mode in ("rust", "c")
            for way in ("set", "registers")
            for what, value in (("", "0x1"), ("-damaged", "0x10004"))}})
        self.assertFalse((self.place / "small.state").exists())
        self.assertEqual((self.abi / "mode").read_text(encoding="utf-8"), "c\n")

    def test_a_tour_goes_through_all_modes(self) -> None:
        self.run_script("tour debian qemu-10 3 debian c rust check c")
        found = sorted(path.name for path in (self.place / "debian").iterdir())
        self.assertEqual(found, ["0-c", "1-rust", "2-check", "3-c"])
        self.assertFalse((self.place / "debian.state").exists())
        files = {str(path.relative_to(self.place)): path.read_bytes()
                 for path in self.place.rglob("debian/*/*")}
        wrong = [problem for verdict in tour.judge(files) if verdict.what.startswith("debian")
                 for problem in verdict.problems if "hypercalls" not in problem
                 and "replugging" not in problem]
        self.assertEqual(wrong, [])
        self.assertEqual((self.abi / "mode").read_text(encoding="utf-8"), "c\n")
        self.assertEqual((self.abi / "count").read_text(encoding="utf-8"), "0\n")


if __name__ == "__main__":
    unittest.main()
