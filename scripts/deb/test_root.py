# SPDX-License-Identifier: GPL-2.0
"""The disk with a Debian system, with a function in place of the boot that installs it."""

import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from deb import root
from deb.root import CannotMake
from deb.test_packages import make
from kernels import boot
from kernels.boot import Job, Result

RELEASE = "6.12.1-cloud-arm64"


class Making(unittest.TestCase):
    def setUp(self) -> None:
        self.dir = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.there, self.place = self.dir / "there", self.dir / "place"
        make(self.there / "base", "base-files", files=("usr/base",))
        make(self.there / "system", "grub")
        make(self.there / "system", f"linux-image-{RELEASE}", files=(f"boot/vmlinuz-{RELEASE}",))
        for path in self.there.glob("*/tree-*"):
            subprocess.run(["rm", "-r", path], check=True)
        (self.there / "of").write_text("1\n", encoding="utf-8")
        self.jobs: list[Job] = []
        self.result = Result(1.0, None, {"status": b"0\n", "release": f"{RELEASE}\n".encode()})
        self.enterContext(mock.patch.object(boot, "boot", self.boot))

    def boot(self, job: Job, _place: Path, _name: str, _timeout: float) -> Result:
        self.jobs.append(job)
        return self.result

    def make(self) -> root.Root:
        return root.make(self.there, Path("/busybox"), self.place)

    def test_the_archive(self) -> None:
        output = self.dir / "archive"
        self.assertEqual(root.pack(self.there, output),
                         f"boot/vmlinuz-{RELEASE}\n".encode() * 7)
        with tarfile.open(output) as archive:
            names = archive.getnames()
            listed = archive.extractfile("base.list")
            assert listed
            self.assertEqual(listed.read(), b"/new/debs/base-files.deb\n")
            self.assertIn("system.list", archive.getnames())
            self.assertTrue(archive.getmember("files/usr/local/sbin/agent").mode & 0o100)
        self.assertEqual([name for name in names if name.startswith(("base/", "debs/"))],
                         ["debs/base-files.deb", "base/base-files.tar", "debs/grub.deb",
                          f"debs/linux-image-{RELEASE}.deb"])
        self.assertIn("files/etc/fstab", names)
        self.assertIn(f"files/{root.ENABLED[0]}", names)

    def test_without_a_kernel_there_is_no_system(self) -> None:
        next((self.there / "system").glob("linux-image-*")).unlink()
        with self.assertRaisesRegex(CannotMake, "no package in .* has a kernel"):
            self.make()

    def test_it_is_made_once(self) -> None:
        for _ in range(2):
            self.assertEqual(self.make(), root.Root(self.place / "disk", RELEASE))
        self.assertEqual(len(self.jobs), 1)
        self.assertIn("grub-install", self.jobs[0].script)
        self.assertFalse((self.place / "archive").exists())
        (self.there / "of").write_text("2\n", encoding="utf-8")
        self.make()
        self.assertEqual(len(self.jobs), 2)

    def test_one_that_failed_is_made_again(self) -> None:
        good = self.result
        for bad, why in ((Result(1.0, "timeout", {}), "timeout"),
                         (Result(1.0, None, {"status": b"1\n", "log": b"x\nE: no disk\n"}),
                          "E: no disk"),
                         (Result(1.0, None, {"status": b"1\n"}), "it said nothing")):
            self.result = bad
            with self.assertRaisesRegex(CannotMake, f"{why}; the whole log: "):
                self.make()
        self.result = good
        self.assertEqual(self.make().release, RELEASE)

    def test_both_partitions(self) -> None:
        disk = self.dir / "disk"
        root.blank(disk)
        done = subprocess.run([root.SFDISK, "--dump", disk], check=True, capture_output=True,
                              text=True)
        starts = [line.split("start=")[1].split(",")[0].strip()
                  for line in done.stdout.splitlines() if "start=" in line]
        self.assertEqual([int(start) * 512 for start in starts], [root.MIB, root.SYSTEM_AT])
        with disk.open("rb") as file:
            # The magic number of ext4
            file.seek(root.SYSTEM_AT + 1024 + 56)
            self.assertEqual(file.read(2), b"\x53\xef")
        self.assertEqual(disk.stat().st_size, root.DISK_MIB * root.MIB)
        with mock.patch.object(root, "SFDISK", "/nonexistent"), \
                self.assertRaisesRegex(CannotMake, "/nonexistent is missing"):
            root.blank(disk)
        with mock.patch.object(root, "SFDISK", "/usr/bin/false"), \
                self.assertRaisesRegex(CannotMake, "^/usr/bin/false: "):
            root.blank(disk)


if __name__ == "__main__":
    unittest.main()
