# SPDX-License-Identifier: GPL-2.0
"""A machine that boots and reboots, with a program in place of QEMU."""

import base64
import os
import select
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from deb import machine
from deb.machine import Answer, Hardware, Lost, Machine
from deb.root import GUEST
from deb.trial import STATE
from vm import qemu
from vm.matrix import Config

# Answers commands as the agent does, and says what it was asked on the console. "bye" ends it,
# "hush" is not answered, "systemctl reboot" restarts; then the first command is lost.
FAKE = """#!{python}
import base64, socket, sys, time
words = sys.argv[1:]
def line(name):
    fd = next(w for w in words if w.startswith(f"socket,id={{name}},")).rpartition("=")[2]
    return socket.socket(fileno=int(fd))
console, agent = line("console"), line("agent")
console.sendall(b"firmware\\r\\n")
lost = True
pending = b""
while data := agent.recv(4096):
    pending += data
    while b"\\n" in pending:
        text, _, pending = pending.partition(b"\\n")
        number, command = text.split()
        if lost:
            lost = False
            continue
        command = base64.b64decode(command).decode()
        console.sendall(f"asked: {{command}}\\n".encode())
        if command == "bye":
            sys.exit(0)
        if command == "hush":
            continue
        said = base64.b64encode(f"did {{command}}\\n".encode()).decode()
        agent.sendall(f"\\nnoise\\n{{number.decode()}} 3 {{said}}\\n".encode())
        if "reboot" in command:
            console.sendall(b"reboot: Restarting system\\nGNU GRUB\\n")
            key = console.recv(9)
            console.sendall(b"key " + key + b"\\n")
            lost = True
"""


class Running(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        fake = self.place / "qemu"
        fake.write_text(FAKE.format(python=sys.executable), encoding="utf-8")
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        self.enterContext(mock.patch.object(qemu, "QEMU", str(fake)))
        self.enterContext(mock.patch.object(machine, "ASK_EVERY", 0.5))
        self.enterContext(mock.patch.object(machine, "SILENCE", 1.5))
        self.hardware = Hardware(Config("neoverse-n1", 3, "vhe"), Path("/code"), Path("/variables"),
                                 ("-drive", "x"))
        self.machine = self.enterContext(Machine(self.hardware, self.place))

    def test_it_answers_once_it_has_booted(self) -> None:
        self.machine.ready()
        self.assertEqual(self.machine.ask("two\nlines"), Answer(3, "did two\nlines\n"))
        self.assertEqual(self.machine.ask("x").last, "did x")
        self.assertIn("firmware\n", (self.place / "console").read_text().replace("\r", ""))

    def test_a_reboot_with_a_choice_from_the_menu(self) -> None:
        self.machine.ready()

        def menu(here: Machine, begin: int) -> None:
            here.awaits("GNU GRUB", begin)
            here.console.send(b"n")

        said = self.machine.reboot(menu)
        self.assertRegex(said, r"(?s)Restarting.*GRUB.*key n\n")
        self.assertNotIn("firmware", said)

    def test_what_does_not_answer_is_lost(self) -> None:
        self.machine.ready()
        with self.assertRaisesRegex(Lost, "no answer after 0 s: hush"):
            self.machine.ask("hush", 0.3)
        self.assertEqual(self.machine.ask("y").text, "did y\n")
        with self.assertRaisesRegex(Lost, "does not say 'nonsense'; its last words: asked: y"):
            self.machine.awaits("nonsense", 0)
        with self.assertRaisesRegex(Lost, "the machine has ended"):
            self.machine.ask("bye", 60)
        with self.assertRaisesRegex(Lost, "the machine has ended"):
            self.machine.ask("z", 60)

    def test_one_that_never_boots_is_lost(self) -> None:
        # The machine gets no question.
        with mock.patch.object(Machine, "_send", lambda *_: 0), \
                self.assertRaisesRegex(Lost, "no word for 2 s, .* last ones: "):
            self.machine.ready()


class Agent(unittest.TestCase):
    """The real one, at a terminal"""

    def setUp(self) -> None:
        self.master, slave = os.openpty()
        child = subprocess.Popen([GUEST / "agent"], env={**os.environ, "UART": os.ttyname(slave)})
        for end in (self.master, slave):
            self.addCleanup(os.close, end)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        # Until it has made the terminal a plain line, that echoes.
        while True:
            if self.ask(1, "printf ready").text == "ready":
                break

    def ask(self, number: int, words: str) -> Answer:
        text = base64.b64encode(words.encode()).decode()
        os.write(self.master, f"{number} {text}\n".encode())
        said = ""
        while not (found := machine.ANSWER.search(said)):
            if not select.select([self.master], [], [], 1)[0]:
                return Answer(-1, "")
            said += os.read(self.master, 4096).decode().replace("\r", "")
        self.assertEqual(int(found[1]), number)
        return Answer(int(found[2]), base64.b64decode(found[3]).decode())

    def test_it_says_what_a_command_says_and_how_it_ended(self) -> None:
        self.assertEqual(self.ask(2, "echo one; echo two >&2; exit 7"), Answer(7, "one\ntwo\n"))
        self.assertEqual(self.ask(3, "cat"), Answer(0, ""))
        self.assertEqual(self.ask(4, "seq 9999").text.count("\n"), 9999)
        self.assertEqual(self.ask(5, "nonsense").status, 127)
        self.assertEqual(self.ask(6, "systemctl() { echo running; }\n" + STATE).text,
                         "running\n")

    def test_it_does_not_wait_for_what_goes_on(self) -> None:
        begin = time.monotonic()
        self.assertEqual(self.ask(2, "(sleep 60) >/dev/null 2>&1 &"), Answer(0, ""))
        self.assertLess(time.monotonic() - begin, 50)


class Command(unittest.TestCase):
    def test_its_parts(self) -> None:
        there = Hardware(Config("neoverse-n1", 3, "vhe"), Path("/code"), Path("/variables"),
                         ("-device", "nvme"))
        words = " ".join(machine.command(there, 4, 5))
        for part in ("virt,virtualization=on,gic-version=3 -cpu neoverse-n1 ", "thread=single",
                     "readonly=on,file=/code", "if=pflash,format=raw,file=/variables",
                     "-device nvme", "id=console,fd=4 -serial", "id=agent,fd=5 -serial"):
            self.assertIn(part, words)
        self.assertNotIn("-no-reboot", words)
        self.assertNotIn("-kernel", words)

    def test_the_variables_are_a_copy(self) -> None:
        place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        there = place / "there"
        there.write_bytes(b"x")
        there.chmod(0o444)
        copy = machine.variables(there, place)
        copy.write_bytes(b"y")
        self.assertEqual(there.read_bytes(), b"x")


if __name__ == "__main__":
    unittest.main()
