# SPDX-License-Identifier: GPL-2.0
"""Packages without compression."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from deb import packages
from deb.packages import BadPackage


def make(place: Path, name: str, how: str = "xz", files: tuple[str, ...] = ("usr/x",)) -> Path:
    """A package with some files, compressed in this way."""
    tree = place / f"tree-{name}-{how}"
    for file in files:
        path = tree / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{file}\n" * 7, encoding="utf-8")
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: arm64\nMaintainer: nobody\n"
        "Description: some files\n", encoding="utf-8")
    deb = place / f"{name}_1_arm64.deb"
    deb.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "--root-owner-group", f"-Z{how}", "-b", tree, deb], check=True,
                   stdout=subprocess.DEVNULL)
    return deb


class Plain(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def files(self, deb: Path) -> list[str]:
        done = subprocess.run(["dpkg-deb", "-c", deb], check=True, capture_output=True, text=True)
        return [line.split()[-1] for line in done.stdout.splitlines()]

    def test_dpkg_reads_the_same_in_it(self) -> None:
        for how in ("xz", "gzip", "none"):
            deb = make(self.place, f"one-{how}", how, ("usr/a", "etc/b"))
            plain, data = packages.plain(deb)
            out = self.place / "plain.deb"
            out.write_bytes(plain)
            self.assertEqual(self.files(out), self.files(deb), how)
            info = [subprocess.run(["dpkg-deb", "-f", path], check=True, capture_output=True).stdout
                    for path in (deb, out)]
            self.assertEqual(*info)
            self.assertIn(b"./usr/a", data)
            self.assertIn(data, plain)

    def test_what_is_no_package_is_refused(self) -> None:
        whole = make(self.place, "two").read_bytes()
        bad = self.place / "bad.deb"
        for data, why in ((b"x", "no archive"), (whole[:-9], "too early"),
                          (whole[:38], "damaged at byte 8"), (packages.MAGIC, "nothing"),
                          (whole.replace(b".tar.xz", b".tar.yz"), "unknown way"),
                          (whole.replace(b"\xfd7zXZ", b"\xfd7zXY"), "control.tar.xz: ")):
            bad.write_bytes(data)
            with self.assertRaisesRegex(BadPackage, f"^bad.deb: .*{why}"):
                packages.plain(bad)


if __name__ == "__main__":
    unittest.main()
