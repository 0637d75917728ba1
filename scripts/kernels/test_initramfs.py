# SPDX-License-Identifier: GPL-2.0
"""What is packed is what cpio finds in the archive."""

import os
import re
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from kernels import initramfs


class Packing(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.output = self.place / "out/a.cpio"

    def unpacked(self) -> Path:
        there = self.place / "unpacked"
        there.mkdir()
        subprocess.run(["cpio", "--quiet", "-id"], cwd=there, check=True,
                       input=self.output.read_bytes())
        return there

    def test_files_and_texts_under_their_names(self) -> None:
        program = self.place / "program"
        program.write_bytes(b"\x7fELF")
        program.chmod(0o755)
        # A link is copied as the file that it stands for.
        link = self.place / "link"
        link.symlink_to("program")
        initramfs.write(self.output, {"bin/program": link, "job": "echo\n"})
        there = self.unpacked()
        self.assertEqual((there / "bin/program").read_bytes(), b"\x7fELF")
        self.assertFalse((there / "bin/program").is_symlink())
        self.assertEqual((there / "job").read_text(encoding="utf-8"), "echo\n")
        for name in ("bin/program", "job"):
            self.assertEqual(stat.S_IMODE((there / name).stat().st_mode), 0o755)

    def test_links_stay_links(self) -> None:
        initramfs.write(self.output, {"job": ""}, {"bin/sh": "busybox"})
        listed = subprocess.run(["cpio", "--quiet", "-tv"], check=True, capture_output=True,
                                input=self.output.read_bytes()).stdout
        self.assertIn(b" job\n", listed)
        # cpio stops at the end of the first archive; the kernel goes on.
        data = self.output.read_bytes()
        self.assertEqual(data.count(b"TRAILER!!!"), 2)
        self.assertIn(b"busybox", data)

    def test_archives_are_appended_as_they_are(self) -> None:
        more = self.place / "more.cpio"
        more.write_bytes(b"anything")
        initramfs.write(self.output, {"job": ""}, more=(more,))
        self.assertTrue(self.output.read_bytes().endswith(b"anything"))

    def test_the_same_content_gives_the_same_archive(self) -> None:
        program = self.place / "program"
        program.touch()
        os.utime(program, (7, 7))
        initramfs.write(self.output, {"bin/program": program, "job": ""}, {"bin/sh": "x"})
        # In a header of "newc", the time is the sixth number of eight digits.
        times = [int(head[40:], 16) for head in
                 re.findall(rb"070701([0-9A-F]{48})", self.output.read_bytes())]
        # bin, program, job, end; bin, sh, end
        self.assertEqual(times, [0, 7, 0, 0, 0, 0, 0])

    def test_the_owner_is_root(self) -> None:
        initramfs.write(self.output, {"job": ""})
        head = self.output.read_bytes()[:110]
        self.assertEqual((head[22:30], head[30:38]), (b"0" * 8, b"0" * 8))

    def test_what_is_missing_is_named_and_an_earlier_archive_stays(self) -> None:
        initramfs.write(self.output, {"job": "old"})
        before = self.output.read_bytes()
        for files, more in (({"a": self.place / "nowhere"}, ()), ({}, (self.place / "nowhere",))):
            with self.assertRaisesRegex(initramfs.CannotPack, "nowhere"):
                initramfs.write(self.output, files, more=more)
            self.assertEqual(self.output.read_bytes(), before)
            self.assertEqual([path.name for path in self.output.parent.iterdir()], ["a.cpio"])


if __name__ == "__main__":
    unittest.main()
