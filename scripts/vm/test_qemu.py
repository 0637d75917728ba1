# SPDX-License-Identifier: GPL-2.0
"""Running QEMU, replaced by programs that behave as guests may."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from unittest import mock

from vm import qemu, qmp
from vm.matrix import NO_EL2, NONE, Config
from vm.qemu import Machine

SCRIPTS = Path(qemu.__file__).resolve().parent.parent

# Finds the paths that run() adds to the command; serve() is a monitor with canned answers.
FAKE = """\
import json, os, socket, sys, time

def after(option, start):
    return next(word for word in sys.argv[sys.argv.index(option) + 1:] if start in word)

results = after("-chardev", "path=").split("path=")[1]
monitor = after("-qmp", "unix:").removeprefix("unix:").split(",")[0]

def ready():
    print(os.getpid(), file=open(results, "a"), flush=True)

def serve(answers):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(monitor)
        server.listen()
        ready()
        connection = server.accept()[0].makefile("rw")
        print(json.dumps({"QMP": {}}), file=connection, flush=True)
        for line in connection:
            request = json.loads(line)
            name = request.get("arguments", {}).get("command-line", request["execute"])
            print(json.dumps({"event": "RESET"}), file=connection)
            print(json.dumps(answers.get(name, {"error": {"desc": "what?"}})), file=connection,
                  flush=True)
    time.sleep(600)
"""
SPEAKS = 'serve({"qmp_capabilities": {"return": {}}, ' \
         '"info registers -a": {"return": "CPU#0\\r\\n PC=42\\r\\n"}})'
REFUSES = 'serve({"qmp_capabilities": {"return": {}}})'


class Clock:
    """For _wait(): stands still until the guest has written something, then jumps at each look,
    independent of the load on this machine."""

    def __init__(self, results: Path, step: float) -> None:
        self.results = results
        self.step = step
        self.now = 0.0

    def monotonic(self) -> float:
        if self.results.exists() and self.results.stat().st_size:
            self.now += self.step
        return self.now


class Fakes(unittest.TestCase):
    def setUp(self) -> None:
        # Longer than the path of a socket can be
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()), "long" * 30)
        self.place.mkdir()
        patch = mock.patch.object(qemu, "POLL_SECONDS", 0.05)
        patch.start()
        self.addCleanup(patch.stop)
        self.console = self.place / "a.console"
        self.results = self.place / "a.results"

    def fake(self, body: str) -> list[str]:
        path = self.place / "fake.py"
        path.write_text(FAKE + textwrap.dedent(body) + "\n", encoding="utf-8")
        return [sys.executable, str(path)]

    def run_fake(self, body: str, timeout: float = 600.0, silence: float | None = None,
                 step: float = 10.0) -> qemu.Outcome:
        with mock.patch.object(qemu, "time", Clock(self.results, step)):
            return qemu.run(self.fake(body), self.console, self.results, timeout, silence)


class Running(Fakes):
    def test_a_guest_that_ends_by_itself_has_no_problem(self) -> None:
        outcome = self.run_fake('open(results, "w").write("said")')
        self.assertIsNone(outcome.problem)
        self.assertEqual(self.results.read_text(encoding="utf-8"), "said")
        self.assertFalse(self.console.with_suffix(".registers").exists())

    def test_a_failure_of_qemu_is_reported_with_its_last_line(self) -> None:
        outcome = self.run_fake('sys.exit("no such machine")')
        self.assertEqual(outcome.problem, "QEMU ended with 1: no such machine")

    def test_a_qemu_killed_by_a_signal_is_a_problem(self) -> None:
        outcome = self.run_fake("os.kill(os.getpid(), 9)")
        self.assertEqual(outcome.problem, "QEMU ended with -9: no message")

    def test_the_registers_of_a_silent_guest_are_saved(self) -> None:
        outcome = self.run_fake(SPEAKS, silence=1.0)
        saved = self.console.with_suffix(".registers")
        self.assertEqual(outcome.problem, "hung: no output for 1 s, killed "
                                          f"(registers of all CPUs: {saved})")
        self.assertEqual(saved.read_text(encoding="utf-8"), "CPU#0\n PC=42\n")

    def test_the_registers_of_a_guest_that_runs_too_long_are_saved(self) -> None:
        outcome = self.run_fake(SPEAKS, timeout=1.0)
        self.assertIn("timeout: killed after 1 s (registers", outcome.problem or "")
        self.assertTrue(self.console.with_suffix(".registers").exists())

    def test_registers_of_an_earlier_boot_are_removed(self) -> None:
        self.console.with_suffix(".registers").write_text("old", encoding="utf-8")
        outcome = self.run_fake(REFUSES, silence=1.0)
        self.assertIn("(no registers: what?)", outcome.problem or "")
        self.assertFalse(self.console.with_suffix(".registers").exists())

    def test_a_guest_whose_monitor_does_not_answer_is_killed(self) -> None:
        with mock.patch.object(qmp, "ANSWER_SECONDS", 0.3):
            outcome = self.run_fake("ready(); time.sleep(600)", silence=1.0)
            self.assertIn("killed (no registers:", outcome.problem or "")
            outcome = self.run_fake("server = socket.socket(socket.AF_UNIX); server.bind(monitor)\n"
                                    "server.listen(); ready(); time.sleep(600)", silence=1.0)
            self.assertIn("killed (no registers:", outcome.problem or "")

    def waited(self, written: list[Path]) -> str | None:
        """The problem of a guest that runs for ten looks of ten seconds each and writes to one of
        these files before each look."""
        looks = 0

        def communicate(timeout: float) -> tuple[bytes, bytes]:
            nonlocal looks
            if (looks := looks + 1) > 10:
                return b"", b""
            for path in written[looks % len(written):][:1] if written else []:
                with path.open("a", encoding="utf-8") as file:
                    file.write("word")
            raise subprocess.TimeoutExpired("fake", timeout)

        self.console.touch()
        self.results.write_text("begun", encoding="utf-8")
        with mock.patch.object(qemu, "time", Clock(self.results, 10.0)):
            return qemu._wait(mock.Mock(communicate=communicate), (self.console, self.results),
                              600.0, 25.0)[1]

    def test_output_to_either_file_counts(self) -> None:
        self.assertIsNone(self.waited([self.console, self.results]))
        self.assertIsNone(self.waited([self.console]))
        self.assertIsNone(self.waited([self.results]))
        self.assertIn("hung", self.waited([]) or "")

    def test_it_ends_if_its_parent_is_killed(self) -> None:
        command = self.fake(SPEAKS)
        parent = subprocess.Popen(
            [sys.executable, "-B", "-c", "import sys; from pathlib import Path\n"
             "from vm import qemu\n"
             f"qemu.run({command!r}, Path({str(self.console)!r}), Path({str(self.results)!r}), "
             "600)"],
            env={**os.environ, "PYTHONPATH": str(SCRIPTS)})
        pid = 0
        for _ in range(200):
            said = self.results.read_text(encoding="utf-8") if self.results.exists() else ""
            if said.strip():
                pid = int(said)
                break
            time.sleep(0.05)
        self.assertTrue(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        for _ in range(200):
            try:
                state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2]
            except FileNotFoundError:
                return
            if state == "Z":
                return
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        self.fail("QEMU still runs after its parent was killed")


class Command(unittest.TestCase):
    def command(self, config: Config) -> str:
        machine = Machine(Path("Image"), Path("initrd"), "extra=1")
        return " ".join(qemu.command(machine, config, "params=1", "run 1 a -",
                                     options=qemu.tcg("single")))

    def test_the_option_for_threads(self) -> None:
        self.assertIn(" -accel tcg,thread=single ", self.command(Config("max", 3, "vhe")))

    def test_parameters_come_before_the_task(self) -> None:
        self.assertIn(" kvm-arm.mode=nested params=1 extra=1 rdinit=/init -- run 1 a -",
                      self.command(Config("max", 3, "nested")))

    def test_a_machine_without_el2(self) -> None:
        command = self.command(Config("neoverse-n1", 3, NO_EL2))
        self.assertIn("virt,virtualization=off,", command)
        self.assertNotIn("kvm-arm.mode", command)

    def test_a_kernel_without_kvm(self) -> None:
        command = self.command(Config("neoverse-n1", 3, NONE))
        self.assertIn("virt,virtualization=on,", command)
        self.assertIn(" kvm-arm.mode=none ", command)


class Memory(unittest.TestCase):
    def fitting(self, kib: int, jobs: int) -> int:
        with tempfile.NamedTemporaryFile("w") as meminfo:
            meminfo.write(f"MemTotal: 99999999 kB\nMemAvailable: {kib} kB\n")
            meminfo.flush()
            return qemu.fitting(jobs, 1024, Path(meminfo.name))

    def test_as_many_as_fit_into_memory(self) -> None:
        self.assertEqual(self.fitting(16 << 20, 16), 10)

    def test_no_more_than_asked_for(self) -> None:
        self.assertEqual(self.fitting(16 << 20, 2), 2)

    def test_at_least_one(self) -> None:
        self.assertEqual(self.fitting(1 << 20, 4), 1)


if __name__ == "__main__":
    unittest.main()
