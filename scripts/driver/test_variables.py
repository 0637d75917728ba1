# SPDX-License-Identifier: GPL-2.0
"""The file variables."""

import tempfile
import unittest
from pathlib import Path

from driver import variables
from rows import BadRow


class Rows(unittest.TestCase):
    def read(self, *rows: str) -> dict[str, tuple[str, ...]]:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, "variables")
            path.write_text("\n".join(rows), encoding="utf-8")
            return variables.read(path)

    def test_values(self) -> None:
        self.assertEqual(self.read("ABI | c, rust", "O | *", "CPU | (scripts/vm/cpus)", "ALL | 0"),
                         {"ABI": ("c", "rust"), "O": (), "CPU": (), "ALL": ("0",)})

    def test_a_wrong_row(self) -> None:
        for why, row in (("'abi' is not the name", "abi | c"), ("ABI is listed twice", "ABI | c"),
                         ("'c rust' is not a value", "GIC | c rust"),
                         ("the columns must be", "GIC | 2 | 3")):
            with self.assertRaisesRegex(BadRow, f"variables:2: {why}"):
                self.read("ABI | c", row)


if __name__ == "__main__":
    unittest.main()
