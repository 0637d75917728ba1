# SPDX-License-Identifier: GPL-2.0
"""The list of stock kernels is sound."""

import re
import tempfile
import unittest
from pathlib import Path

from kernels import pins
from rows import BadRow


class Listed(unittest.TestCase):
    def test_each_row_names_a_package_of_its_series(self) -> None:
        listed = pins.read()
        self.assertGreaterEqual(len(listed), 10)
        for pin in listed:
            self.assertRegex(pin.name, r"^[1-9]\.[0-9]+$")
            self.assertTrue(pin.version.startswith(f"{pin.name}."), pin)
            self.assertRegex(pin.package, r"^linux-(image|binary)-"
                             + re.escape(pin.name) + r"\..*-cloud-arm64$")
            self.assertTrue(pin.filename.startswith("pool/"), pin)
            self.assertEqual(pin.filename.rpartition("/")[2],
                             f"{pin.package}_{pin.version}_arm64.deb")
            self.assertRegex(pin.sha256, r"^[0-9a-f]{64}$")

    def test_the_oldest_is_the_first(self) -> None:
        names = [tuple(map(int, pin.name.split("."))) for pin in pins.read()]
        self.assertEqual(names, sorted(names))

    def test_the_suite_is_that_of_the_version(self) -> None:
        for pin in pins.read():
            self.assertEqual(pin.suite.endswith("-backports"), "~bpo" in pin.version, pin)


class Reading(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_a_series_twice(self) -> None:
        path = self.place / "pinned"
        path.write_text("6.1 | s | p | v | f | c\n" * 2, encoding="utf-8")
        with self.assertRaisesRegex(BadRow, "pinned:2: 6.1 is listed twice"):
            pins.read(path)

    def test_a_row_that_lacks_a_column(self) -> None:
        path = self.place / "pinned"
        path.write_text("6.1 | s | p | v | f\n", encoding="utf-8")
        with self.assertRaisesRegex(BadRow, "pinned:1: the columns must be"):
            pins.read(path)

    def test_a_kernel_in_the_cache_or_why_not(self) -> None:
        (self.place / "6.1").mkdir()
        (self.place / "6.1/vmlinuz").touch()
        (self.place / "6.12.gone").write_text("the archive no longer has x\n", encoding="utf-8")
        self.assertEqual(pins.image(self.place, "6.1"), self.place / "6.1/vmlinuz")
        self.assertEqual(pins.image(self.place, "6.12"), "the archive no longer has x")
        self.assertIn("kernels.sh", str(pins.image(self.place, "7.3")))


if __name__ == "__main__":
    unittest.main()
