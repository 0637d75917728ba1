# SPDX-License-Identifier: GPL-2.0
"""A machine in QEMU that boots as a distribution does, from EFI firmware on, and goes on running
over reboots: what its serial console says, keys for its boot menu, and commands for its root."""

import base64
import re
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vm import qemu
from vm.matrix import SINGLE, Config

# How long the machine may be silent on its console, and how often the agent is asked whether it is
# there: it is emulated, and the build machine may be busy.
SILENCE = 900.0
ASK_EVERY = 10.0
# What systemd says when it does not start the rest
EMERGENCY = "You are in emergency mode."
# A line of what the agent says: number, status, text
ANSWER = re.compile(r"^(\d+) (\d+) ([A-Za-z0-9+/=]*)\n", re.MULTILINE)


class Lost(Exception):
    """The machine does not do what it should; the message says what that was."""


@dataclass(frozen=True)
class Answer:
    """What came of a command."""
    status: int
    text: str

    @property
    def last(self) -> str:
        """The last line that says something."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


class Line:
    """One end of a serial line. All that comes is kept, and written to a file."""

    def __init__(self, end: socket.socket, log: Path) -> None:
        self._socket, self._log = end, log.open("wb")
        self._text, self._open = "", True
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while data := self._receive():
            self._log.write(data)
            self._log.flush()
            with self._changed:
                self._text += data.decode("ascii", errors="replace").replace("\r", "")
                self._changed.notify_all()
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except OSError:
            return b""

    @property
    def length(self) -> int:
        with self._changed:
            return len(self._text)

    def since(self, begin: int) -> str:
        with self._changed:
            return self._text[begin:]

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as why:
            raise Lost(f"the machine has ended: {why.strerror}") from None

    def wait(self, pattern: re.Pattern[str], begin: int, seconds: float) -> re.Match[str] | None:
        """Wait until the text after `begin` has the pattern, but not longer."""
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                if found := pattern.search(self._text, begin):
                    return found
                if not self._open:
                    raise Lost("the machine has ended")
                if (left := end - time.monotonic()) <= 0:
                    return None
                self._changed.wait(left)

    def close(self) -> None:
        self._socket.close()
        self._reader.join(10)
        self._log.close()


@dataclass(frozen=True)
class Hardware:
    """What a machine is made of."""
    config: Config
    # The firmware, and a copy of its variables
    code: Path
    variables: Path
    disks: tuple[str, ...]
    memory_mib: int = 2048


def command(hardware: Hardware, console: int, agent: int) -> list[str]:
    """The command, with the descriptors of both serial lines."""
    config = hardware.config
    return [qemu.QEMU, "-M", f"virt,virtualization=on,gic-version={config.gic}", "-cpu", config.cpu,
            "-smp", str(qemu.CPUS), "-m", str(hardware.memory_mib), *qemu.tcg(SINGLE),
            "-nodefaults", "-display", "none",
            "-drive", f"if=pflash,format=raw,readonly=on,file={hardware.code}",
            "-drive", f"if=pflash,format=raw,file={hardware.variables}",
            *hardware.disks,
            "-chardev", f"socket,id=console,fd={console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=agent,fd={agent}", "-serial", "chardev:agent"]


class Machine:
    """A running machine, which ends with the block that has it."""

    def __init__(self, hardware: Hardware, place: Path) -> None:
        pairs = [socket.socketpair() for _ in range(2)]
        theirs = [pair[1].fileno() for pair in pairs]
        argv = command(hardware, *theirs)
        (place / "machine.cmd").write_text(shlex.join(argv) + "\n", encoding="utf-8")
        self._errors = (place / "machine.errors").open("wb")
        self._child = subprocess.Popen([*qemu.WITH_PARENT, *argv], pass_fds=theirs,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=self._errors)
        for _, end in pairs:
            end.close()
        self.console = Line(pairs[0][0], place / "console")
        self._agent = Line(pairs[1][0], place / "agent")
        self._number = 0

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _value: BaseException | None,
                 _trace: TracebackType | None) -> None:
        self._child.kill()
        self._child.wait()
        self.console.close()
        self._agent.close()
        self._errors.close()

    def _send(self, words: str) -> int:
        self._number += 1
        text = base64.b64encode(words.encode()).decode()
        self._agent.send(f"{self._number} {text}\n".encode())
        return self._number

    def _answer(self, begin: int, numbers: range, seconds: float) -> Answer | None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            found = self._agent.wait(ANSWER, begin, left)
            if found and int(found[1]) in numbers:
                return Answer(int(found[2]),
                              base64.b64decode(found[3]).decode(errors="replace"))
            begin = found.end() if found else begin
        return None

    def ask(self, words: str, seconds: float = 300.0) -> Answer:
        """Run a command in the machine, as root, by bash. Raises Lost if it takes longer."""
        begin = self._agent.length
        number = self._send(words)
        found = self._answer(begin, range(number, number + 1), seconds)
        if found is None:
            raise Lost(f"no answer after {seconds:.0f} s: {words.splitlines()[0][:60]}")
        return found

    def ready(self) -> None:
        """Wait until the system has booted and answers. What is asked before that is lost."""
        begin, first, start = self._agent.length, self._number + 1, self.console.length
        said, last = self.console.length, time.monotonic()
        while True:
            self._send(":")
            if self._answer(begin, range(first, self._number + 1), ASK_EVERY):
                return
            if said != (said := self.console.length):
                last = time.monotonic()
            if EMERGENCY in self.console.since(start):
                raise Lost(f"systemd has given up: '{EMERGENCY}'")
            if time.monotonic() - last > SILENCE:
                raise Lost(f"no word for {SILENCE:.0f} s, and it does not answer; its last ones: "
                           f"{Answer(0, self.console.since(0)).last}")

    def awaits(self, pattern: str, begin: int) -> re.Match[str]:
        """Wait until the console has said this after `begin`. Raises Lost after a long silence."""
        compiled = re.compile(pattern)
        said = self.console.length
        while True:
            if found := self.console.wait(compiled, begin, SILENCE):
                return found
            if said == (said := self.console.length):
                raise Lost(f"the console does not say '{pattern}'; its last words: "
                           f"{Answer(0, self.console.since(begin)).last}")

    def reboot(self, menu: Callable[["Machine", int], None] | None = None) -> str:
        """Reboot by systemd, do what is to be done at the boot menu, and wait until the system
        answers. Returns what the console said meanwhile."""
        begin = self.console.length
        self.ask("(sleep 2; systemctl reboot) >/dev/null 2>&1 &")
        self.awaits("reboot: Restarting system", begin)
        if menu:
            menu(self, begin)
        self.ready()
        return self.console.since(begin)


def variables(there: Path, place: Path) -> Path:
    """A copy of the firmware's variables, which it changes."""
    copy = place / "variables"
    shutil.copyfile(there, copy)
    copy.chmod(0o644)
    return copy
