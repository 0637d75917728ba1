# SPDX-License-Identifier: GPL-2.0
"""Booting, with a program in place of QEMU that behaves as guests may."""

import io
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kernels import boot
from kernels.boot import Job
from vm import qemu
from vm.matrix import Config


def archive(**files: str) -> bytes:
    """As init sends it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        top = tarfile.TarInfo(".")
        top.type = tarfile.DIRTYPE
        tar.addfile(top)
        for name, text in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


class Unpacking(unittest.TestCase):
    def test_files_by_their_names(self) -> None:
        self.assertEqual(boot.unpack(archive(status="0\n", log="x")),
                         {"status": b"0\n", "log": b"x"})

    def test_what_is_cut_off_anywhere_is_refused(self) -> None:
        whole = archive(status="0\n", log="some text that has a length " * 9)
        for end in range(len(whole)):
            with self.assertRaises(ValueError, msg=str(end)):
                boot.unpack(whole[:end])

    def test_what_is_damaged_is_refused(self) -> None:
        whole = archive(status="0\n", log="x" * 999)
        with self.assertRaises(ValueError):
            boot.unpack(whole[:-6] + b"\xff" + whole[-5:])
        with self.assertRaises(ValueError):
            boot.unpack(b"no archive")

    def test_it_has_a_status(self) -> None:
        with self.assertRaisesRegex(ValueError, "no status"):
            boot.unpack(archive(log="x"))


class Booting(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        patch = mock.patch.object(qemu, "POLL_SECONDS", 0.05)
        patch.start()
        self.addCleanup(patch.stop)
        self.busybox = self.place / "busybox"
        self.busybox.write_text("", encoding="utf-8")

    def boot(self, console: str, results: bytes, end: str = "",
             timeout: float = 60.0) -> boot.Result:
        """Boot a fake that writes these."""
        fake = self.place / "fake.py"
        fake.write_text(
            "import sys, time\n"
            "paths = [w.removeprefix('file:') for w in sys.argv if w.startswith('file:')]\n"
            f"open(paths[0], 'w').write({console!r})\nopen(paths[1], 'wb').write({results!r})\n"
            f"{end}\n", encoding="utf-8")
        job = Job(Path("Image"), Config("neoverse-n1", 3, "vhe"), self.busybox, "true\n",
                  files={"state.json": "{}"}, options=("-snapshot",))
        command = qemu.command

        def replaced(*args: object, **named: object) -> list[str]:
            self.argv = command(*args, **named)  # type: ignore[arg-type]
            return [sys.executable, str(fake), *self.argv[1:]]

        with mock.patch.object(qemu, "command", replaced):
            return boot.boot(job, self.place / "out", "n1-6.1", timeout)

    def test_the_results_of_a_job(self) -> None:
        result = self.boot("booting\n", archive(status="3\n", log="said", a="b"))
        self.assertEqual((result.problem, result.status, result.log), (None, 3, "said"))
        self.assertEqual(result.files["a"], b"b")
        self.assertIn("-snapshot", self.argv)
        # Only what a person reads is left.
        left = sorted(path.suffix for path in (self.place / "out").iterdir())
        self.assertEqual(left, [".cmd", ".console"])

    def test_a_kernel_that_panics(self) -> None:
        said = "Kernel panic - not syncing: No init found"
        result = self.boot(f"[ 1.0] {said}\n[ 1.1] Rebooting\n", b"")
        self.assertIn("no results", result.problem or "")
        self.assertTrue((result.problem or "").endswith(said))

    def test_a_kernel_that_hangs(self) -> None:
        result = self.boot("[ 1.0] the last line\n", b"", "time.sleep(600)", timeout=1.0)
        self.assertIn("timeout: killed after 1 s", result.problem or "")
        self.assertIn("the last line", result.problem or "")

    def test_a_kernel_that_says_nothing(self) -> None:
        self.assertTrue((self.boot("", b"").problem or "").endswith("its last words: none"))

    def test_the_results_come_through_the_second_uart(self) -> None:
        self.boot("", b"")
        command = (self.place / "out/n1-6.1.cmd").read_text(encoding="utf-8")
        self.assertEqual(command.count("-serial"), 2)
        self.assertNotIn("virtio", command)


class Init(unittest.TestCase):
    def test_its_syntax(self) -> None:
        subprocess.run(["sh", "-n", boot.HERE / "init"], check=True)


if __name__ == "__main__":
    unittest.main()
