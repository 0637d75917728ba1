# SPDX-License-Identifier: GPL-2.0
"""What is tried in the Debian system, on a system that a class stands for."""

import base64
import gzip
import re
import stat
import tarfile
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import cast
from unittest import mock

from deb import __main__ as program
from deb import trial
from deb.machine import Answer, Lost, Machine
from deb.test_packages import make
from deb.trial import Parts, Trial, Verdict
from rows import BadSelection
from vm.matrix import TEST_NAMES
from vmm.tour import SERVING

STOCK, OURS = "6.12.1-cloud-arm64", "7.3.4-kvm-rust-cloud-arm64"
DMESG = "[    1.000000] kvm [1]: VHE mode initialized successfully\n"
MENU = """Debian GNU/Linux, with Linux {0}
Debian GNU/Linux, with Linux {0} (recovery mode)
"""


class Console:
    """A serial console that has said everything."""

    def __init__(self) -> None:
        self.sent = b""
        self.length = 0

    def since(self, _begin: int) -> str:
        return "GNU GRUB  version 2.12"

    def send(self, data: bytes) -> None:
        self.sent += data


class System:
    """A Debian system that does all that it should, but for what a test changes: the words that a
    command has, and the answer."""

    def __init__(self) -> None:
        self.console = Console()
        self.kernel, self.installed = STOCK, [STOCK]
        self.mode, self.calls = "c", {"c": 0, "rust": 0}
        self.wrong: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.default_mode = "c"

    def ready(self) -> None:
        pass

    def awaits(self, pattern: str, _begin: int) -> None:
        self.asked.append(f"awaits {pattern}")

    def reboot(self, menu: Callable[["System", int], None] | None = None) -> str:
        self.kernel = max(self.installed)
        if menu:
            self.console.sent = b""
            menu(self, 0)
            # Each kernel has two entries.
            steps = self.console.sent.partition(b"\r")[2].count(trial.NEXT)
            self.kernel = sorted(self.installed, reverse=True)[steps // 2]
        self.mode = self.default_mode
        return "GNU GRUB  version 2.12"

    def ask(self, words: str, _seconds: float) -> Answer:
        self.asked.append(words)
        for part, answer in self.wrong.items():
            if part in words:
                return answer
        return self.answer(words)

    def answer(self, words: str) -> Answer:
        if found := re.match(r"echo (\w+) >\S+mode", words):
            self.mode = found[1]
        elif "dpkg --install" in words:
            self.installed.append(OURS)
        elif "dpkg --purge" in words:
            self.installed = [STOCK]
        elif "update-grub" in words:
            self.default_mode = "check"
        elif "qemu-system-aarch64" in words:
            for side in SERVING[self.mode]:
                self.calls[side] += 9
            return Answer(0, f"guest: Linux {STOCK} has booted\n")
        stats = f"surface c rust\nsmccc {self.calls['c']} {self.calls['rust']} 0 0"
        for part, text in (("uname -r", self.kernel), ("is-system-running", "running"),
                           ("dmesg", DMESG), ("/stats", stats), ("/mode", self.mode),
                           ("grep -m1", f"vmlinuz-{max(self.installed)}"),
                           ("awk", "".join(MENU.format(name) for name in
                                           sorted(self.installed, reverse=True))),
                           ("gzip -c", base64.b64encode(gzip.compress(b"{}")).decode())):
            if part in words and not words.startswith("echo"):
                return Answer(0, f"{text}\n")
        return Answer(0, "")


class Trying(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        kvmfit = self.place / "kvmfit"
        kvmfit.write_text("#!/bin/sh\necho 'yes: it fits'\n", encoding="utf-8")
        kvmfit.chmod(kvmfit.stat().st_mode | stat.S_IXUSR)
        self.parts = Parts(make(self.place, f"linux-image-{OURS}"), kvmfit, kvmfit,
                           self.place / "selftests", kvmfit)
        self.system = System()
        self.enterContext(mock.patch("builtins.print"))

    def run_it(self) -> list[Verdict]:
        return Trial(cast(Machine, self.system), self.parts, STOCK, self.place).run()

    def problems(self, **wrong: Answer) -> list[str]:
        self.system = System()
        self.system.wrong = {part.replace("__", " "): answer for part, answer in wrong.items()}
        return [f"{verdict.what}: {problem}" for verdict in self.run_it()
                for problem in verdict.problems]

    def test_a_good_package(self) -> None:
        verdicts = self.run_it()
        self.assertEqual([trial.line(v) for v in verdicts if v.problems], [])
        self.assertEqual(len(verdicts), 15 + 3 * (3 + len(trial.TESTS)))
        self.assertEqual(self.system.kernel, STOCK)
        self.assertEqual(self.system.installed, [STOCK])
        self.assertEqual(self.system.console.sent, b"\x0e\r\x0e\x0e\r")
        lines = trial.tap(verdicts)
        self.assertEqual(lines[1], f"1..{len(verdicts)}")
        self.assertEqual(lines[2], f"ok 1 - the stock kernel {STOCK} boots by EFI, GRUB and systemd")

    def test_what_goes_wrong_is_said(self) -> None:
        bad = Answer(1, "line\nE: why\n")
        for part, answer, said in (
                ("dpkg__--install", bad, "dpkg installs linux-image-.*: dpkg --install .*: ended with "
                                         "1: E: why"),
                ("is-system-running", Answer(1, "degraded\n"), "systemd is degraded: "),
                ("dmesg", Answer(0, DMESG + "WARNING: x\n"), "WARNING: x"),
                ("dmesg", Answer(0, ""), "KVM is absent"),
                ("cat__/sys/kernel/debug/kvm/arm_abi/mode", Answer(0, "rust\n"),
                 "C serves: the mode: rust, not c"),
                ("qemu-system", Answer(124, "hung\n"), "QEMU ended with 124: hung"),
                ("kvm/hypercalls", bad, "hypercalls in mode rust: it ended with 1: E: why"),
                ("/stats", Answer(0, "surface c rust\nsmccc 1 1 7 0\n"), "7 differences: smccc"),
                ("gzip", Answer(0, "AAAA"), "the dump did not arrive"),
                ("uname__-r", Answer(0, "5.10\n"), "the kernel: 5.10, not 6.12"),
                ("grep__-m1", Answer(0, ""), "GRUB's first choice: nothing, not vmlinuz-7.3"),
                ("ls__-d", Answer(0, "/boot/x\n"), "what is left: /boot/x, not ")):
            found = self.problems(**{part: answer})
            self.assertTrue(any(re.search(said, one) for one in found), (said, found))

    def test_a_skip_counts_as_such(self) -> None:
        self.system.wrong = {"kvm/vgic_v2_cpuif": Answer(4, "1..0 # SKIP no GICv2\n")}
        found = [trial.line(v) for v in self.run_it() if v.skipped]
        self.assertEqual(found, [f"ok - vgic_v2_cpuif in mode {mode} # SKIP no GICv2"
                                 for mode in ("c", "rust", "check")])

    def test_a_machine_that_is_lost_ends_the_trial(self) -> None:
        with mock.patch.object(System, "reboot", side_effect=Lost("no word")):
            last = self.run_it()[-1]
        self.assertEqual((last.what, last.problems),
                         ("ours boots", ["no word; what follows was not tried"]))

    def test_the_archive(self) -> None:
        for name in trial.TESTS:
            path = self.parts.selftests / "kvm" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        archive = trial.archive(self.parts, self.place)
        self.assertEqual(archive.stat().st_size % 512, 0)
        with tarfile.open(archive) as files:
            self.assertEqual(set(files.getnames()), {"package.deb", "kvmfit", "guest.cpio",
                                                     *(f"kvm/{name}" for name in trial.TESTS)})


class Choices(unittest.TestCase):
    def test_the_selftests(self) -> None:
        self.assertGreater(len(trial.TESTS), 15)
        self.assertLess(set(trial.TESTS), set(TEST_NAMES))
        self.assertIn("hypercalls", trial.TESTS)
        self.assertNotIn("abi_trust", trial.TESTS)

    def test_there_is_one_package(self) -> None:
        place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        with self.assertRaisesRegex(BadSelection, "there are 0 packages in .*: run 'make deb'"):
            program.package(place)
        for name in ("a", "b"):
            (place / f"linux-image-{name}_1_arm64.deb").touch()
            if name == "a":
                self.assertEqual(program.package(place).name, "linux-image-a_1_arm64.deb")
        with self.assertRaisesRegex(BadSelection, "there are 2 packages"):
            program.package(place)


if __name__ == "__main__":
    unittest.main()
