# SPDX-License-Identifier: GPL-2.0
"""What a run says, in each form."""

import unittest

from vmm import report
from vmm.boots import Saved
from vmm.cells import Attempt, Cell
from vmm.report import Machine, Results
from vmm.said import Said
from vmm.test_cells import MISSING, YES

LINE = "qemu: f: system register op0:3 in the incoming stream but unknown: fail migration"


def cell(source: str, on: str, vmm: str = "qemu-11", **changes: object) -> Cell:
    values: dict[str, object] = {
        "vm": Saved(source, vmm, "probe"), "kernel": on, "attempt": Attempt(Said(), 0, ""),
        "plan": YES, "how": "resumed", "problems": (), "differences": ()}
    return Cell(**(values | changes))  # type: ignore[arg-type]


def results(*cells: Cell, silent: tuple[str, ...] = ()) -> Results:
    return Results({"qemu-11": "QEMU 11.1.3"}, {"6.12": "6.12", "rust": "this (Rust)"},
                   (Machine("neoverse-n1", 3, cells),), silent)


REFUSED = cell("6.12", "rust", attempt=Attempt(Said((LINE,)), 1, ""), plan=MISSING, how="named")
GOOD = cell("6.12", "6.12")
CHANGED = cell("rust", "6.12", differences=("- a", "+ b"))
WRONG = cell("rust", "rust", problems=("the count # went\nback",))


class Report(unittest.TestCase):
    def test_counts(self) -> None:
        self.assertEqual(results(REFUSED, GOOD, CHANGED).counts(), (3, 0, 0))
        self.assertEqual(results(GOOD, WRONG, silent=("a boot",)).counts(), (1, 2, 0))
        self.assertEqual(results().counts(), (0, 1, 0))

    def test_tap(self) -> None:
        name = "neoverse-n1, GICv3: qemu-11 with probe,"
        self.assertEqual(report.tap(results(REFUSED, GOOD, CHANGED, WRONG, silent=("a boot",))), [
            "TAP version 13", "1..5",
            f"ok 1 - {name} 6.12 -> rust: refused, as planned: PIR_EL1, TCR2_EL1",
            f"ok 2 - {name} 6.12 -> 6.12: resumed, as planned; the guest sees the same",
            f"ok 3 - {name} rust -> 6.12: resumed, as planned; 2 lines of its view differ",
            f"not ok 4 - {name} rust -> rust: the count went back",
            "not ok 5 - a boot"])
        self.assertIn("not ok 1 - no VM was resumed", report.tap(results()))

    def test_json_has_each_move(self) -> None:
        found = report.whole(results(REFUSED))["cells"]
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0]["refused"], ["PIR_EL1", "TCR2_EL1"])
        self.assertEqual(found[0]["messages"], [LINE])
        self.assertEqual((found[0]["from"], found[0]["on"]), ("6.12", "rust"))

    def test_the_page(self) -> None:
        text = report.page(results(REFUSED, GOOD, CHANGED, WRONG))
        for words in ("| 6.12 | yes | no |", "| this (Rust) | yes, differs | **wrong** |",
                      "`PIR_EL1`, `TCR2_EL1` | 6.12 → this (Rust) |", "fail migration`",
                      "neoverse-n1, GICv3, guest `probe`, this (Rust) → 6.12:",
                      "```diff\n- a\n+ b\n```", "Of 4 moves 3 went well"):
            self.assertIn(words, text)
        self.assertIn("Every resumed guest sees what it saw", report.page(results(GOOD)))


if __name__ == "__main__":
    unittest.main()
