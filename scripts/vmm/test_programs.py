# SPDX-License-Identifier: GPL-2.0
"""Which libraries are packed: those that a program loads, directly or not."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from kernels import initramfs
from vmm import programs

NEEDS = {"qemu-system-aarch64": ["libz.so.1", "libc.so.6"], "libz.so.1.3": ["libc.so.6"],
         "libc.so.6": ["ld-linux-aarch64.so.1"]}


class Packages(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        patch = mock.patch.object(programs, "needed",
                                  lambda path: NEEDS.get(path.resolve().name, []))
        patch.start()
        self.addCleanup(patch.stop)

    def file(self, name: str) -> Path:
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x7fELF")
        return path

    def fill(self, prefix: str, *packages: str) -> None:
        for name in packages:
            self.file(f"{prefix}/{name}")

    def test_the_packages_that_hold_a_library(self) -> None:
        self.fill("p", f"qemu-system-arm/{programs.PROGRAM}", "libc6/lib/ld-linux-aarch64.so.1",
                  "libc6/usr/lib/aarch64-linux-gnu/libc.so.6", "zlib1g/usr/lib/libz.so.1.3",
                  "libpam0g/usr/lib/libpam.so.0", "adduser/usr/sbin/adduser")
        (self.place / "p/zlib1g/usr/lib/libz.so.1").symlink_to("libz.so.1.3")
        self.assertEqual(programs.owners(self.place / "p"), ["libc6", "zlib1g"])

    def test_a_library_that_no_package_has_is_named(self) -> None:
        self.fill("p", f"qemu-system-arm/{programs.PROGRAM}", "libc6/lib/libc.so.6")
        with self.assertRaisesRegex(programs.Missing, "libz.so.1"):
            programs.owners(self.place / "p")

    def test_the_programs_share_the_libraries(self) -> None:
        self.fill("r", f"qemu-10/{programs.PROGRAM}", f"qemu-11/{programs.PROGRAM}",
                  *(f"lib/lib/{name}" for name in ("libc.so.6", "ld-linux-aarch64.so.1",
                                                   "libz.so.1", "libpam.so.0")))
        roots = [self.place / "r" / name for name in ("lib", "qemu-10", "qemu-11")]
        with mock.patch.object(initramfs, "write") as write:
            programs.pack(self.place / "out", roots)
        files = write.call_args.args[1]
        self.assertEqual(sorted(files), [
            "vmm/lib/ld-linux-aarch64.so.1", "vmm/lib/libc.so.6", "vmm/lib/libz.so.1",
            "vmm/qemu-10/qemu", "vmm/qemu-11/qemu"])


if __name__ == "__main__":
    unittest.main()
