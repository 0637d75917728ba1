# SPDX-License-Identifier: GPL-2.0
"""What a run says, in each form."""

import json
import tempfile
import unittest
from pathlib import Path

from docs import moves
from docs.results import NotWhole
from vmm import boots, report
from vmm.boots import Saved
from vmm.cells import Attempt, Cell
from vmm.page import page
from vmm.report import Boot, Machine, Results
from vmm.said import Said
from vmm.test_cells import MISSING, YES

LINE = "qemu: f: system register op0:3 in the incoming stream but unknown: fail migration"


def cell(source: str, on: str, vmm: str = "qemu-11", **changes: object) -> Cell:
    values: dict[str, object] = {
        "vm": Saved(source, vmm, "probe"), "kernel": on, "attempt": Attempt(Said(), 0, ""),
        "plan": YES, "how": "resumed", "problems": (), "differences": ()}
    return Cell(**(values | changes))  # type: ignore[arg-type]


def results(*cells: Cell, silent: tuple[str, ...] = ()) -> Results:
    return Results({"qemu-11": "QEMU 11.1.3", "command": "make vmm", "date": "2026-01-02",
                    "qemu": "QEMU 10.0.2", "kvmfit": "0.1.0", "jobs": "2"},
                   {"6.12": "6.12", "rust": "this (Rust)"},
                   (Machine("neoverse-n1", 3, cells),), silent,
                   (Boot("neoverse-n1, GICv3", ("6.12",), "save", 4, 59.7),
                    Boot("neoverse-n1, GICv3", ("6.12",), "resume", 8, 120.4)), {"6.12": "6.12.1-1"},
                   {"6.1": "the archive no longer has it"})


REFUSED = cell("6.12", "rust", attempt=Attempt(Said((LINE,)), 1, ""), plan=MISSING, how="named")
GOOD = cell("6.12", "6.12")
CHANGED = cell("rust", "6.12", differences=(
    "- cpu0 mrs s3_3_c0_c0_1 0x1", "- cpu0 ccsidr 3 0x0", "- cpu0 ccsidr 4 0x0",
    "- cpu1 mrs s3_3_c0_c0_1 0x1", "+ cpu0 mrs s3_3_c0_c0_1 0x2", "+ cpu0 ccsidr 3 0x2",
    "+ cpu0 ccsidr 4 0x2", "+ cpu1 mrs s3_3_c0_c0_1 0x2", "+ hvc 0x84000000 0x10003",
    "- cpu0 mrs A 0x0", "+ cpu0 mrs A 0x1", "- cpu1 mrs A 0x0", "+ cpu1 mrs A 0x3"))
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
            f"ok 3 - {name} rust -> 6.12: resumed, as planned; 13 lines of its view differ",
            f"not ok 4 - {name} rust -> rust: the count went back",
            "not ok 5 - a boot"])
        self.assertEqual(report.tap(results(cell("6.12", "6.12", time=3)))[-1],
                         f"ok 1 - {name} 6.12 -> 6.12, time 3: resumed, as planned; the guest sees "
                         "the same")
        self.assertIn("not ok 1 - no VM was resumed", report.tap(results()))

    def test_json_has_each_move(self) -> None:
        found = report.whole(results(REFUSED))["cells"]
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0]["refused"], ["PIR_EL1", "TCR2_EL1"])
        self.assertEqual(found[0]["messages"], [LINE])
        self.assertEqual((found[0]["from"], found[0]["on"]), ("6.12", "rust"))

    def test_the_page(self) -> None:
        text = page(results(REFUSED, GOOD, CHANGED, WRONG, silent=("a boot",)))
        for words in ("| 6.12 | yes | no |", "| this (Rust) | yes, differs | **wrong** |",
                      "`PIR_EL1`, `TCR2_EL1` | 6.12 → this (Rust) |", "fail migration`",
                      "neoverse-n1, GICv3, guest `probe`:",
                      "| `CTR_EL0` | 0x1 | 0x2 | this (Rust) → 6.12 | qemu-11 |\n"
                      "| `ccsidr 3 – 4` | 0x0 | 0x2 | this (Rust) → 6.12 | qemu-11 |\n"
                      "| `hvc 0x84000000` | nothing | 0x10003 | this (Rust) → 6.12 | qemu-11 |\n",
                      "| `cpu1 A` | 0x0 | 0x3 | this (Rust) → 6.12 | qemu-11 |", "**4 moves** of 2 saved VMs: 3 went well, 1 were",
                      "in 3 moves the outcome", "in 2 something is wrong.",
                      "- Wrong: neoverse-n1, GICv3, qemu-11 with probe", "- Wrong: a boot\n",
                      "of 1 refusals, 1 name no register", "0 of 3 moves from it",
                      "- Left out: 6.1: the archive no longer has it.",
                      "2 boots took 3 minutes in all, 2 at a time: 45 seconds",
                      "| neoverse-n1, GICv3 | 6.12 | 1:00 (4 VMs) | 2:00 (8 VMs) |",
                      "| 6.12 | 6.12.1-1 |\n| this (Rust) | this tree |"):
            self.assertIn(words, text)
        self.assertLess(max(len(line) for line in text.splitlines() if not line.startswith("|")), 81)
        self.assertIn("Every resumed guest sees what it saw", page(results(GOOD)))

    def test_a_guest_that_sees_something_else_is_shown_once(self) -> None:
        other = cell("rust", "6.12", vm=Saved("rust", "qemu-11", "debian"))
        text = page(results(CHANGED, other, cell("rust", "6.12", "firecracker",
                                                 differences=CHANGED.differences)))
        self.assertIn("| this (Rust) | yes, differs | – |", text)
        self.assertIn("| `CTR_EL0` | 0x1 | 0x2 | this (Rust) → 6.12 | qemu-11, firecracker |", text)

    def test_messages_that_differ_in_numbers_are_counted(self) -> None:
        said = Said(tuple(f"qemu: register {n:x} is unknown" for n in (0x20, 0x2a, 0x30)))
        text = page(results(cell("6.12", "rust", attempt=Attempt(said, 1, ""), plan=MISSING,
                                 how="named")))
        self.assertIn("| `register 20 is unknown` and 2 like it |", text)

    def test_this_kernel_is_compared_with_the_newest_stock_kernel(self) -> None:
        same = cell("rust", "rust"), cell("rust", "6.12"), cell("6.12", "rust"), GOOD
        self.assertIn("3 of 3 moves from it", page(results(*same)))
        self.assertIn("2 of 3 moves from it", page(results(REFUSED, same[0], same[1], GOOD)))


class Page(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.place / "docs").mkdir()

    def written(self, found: object) -> str:
        (self.place / "vmm.json").write_text(json.dumps(found), encoding="utf-8")
        (self.place / "vmm.md").write_text("the page", encoding="utf-8")
        moves.write_vmms(self.place, self.place)
        return (self.place / "docs/matrix-vmms.md").read_text(encoding="utf-8")

    def test_it_is_of_a_whole_run(self) -> None:
        cells = [{"machine": machine.cpu, "vmm": vmm, "from": source, "on": kernel}
                 for machine in boots.MACHINES for vmm in boots.VMMS for source in boots.KERNELS
                 for kernel in boots.KERNELS]
        self.assertEqual(self.written({"cells": cells, "gone": {}}), "the page")
        with self.assertRaisesRegex(NotWhole, "left out cortex-a72: cloud-hypervisor, "
                                    "at-6.18 → at-6.18$"):
            self.written({"cells": cells[:-1], "gone": {}})
        left = [cell for cell in cells if "6.1" not in (cell["from"], cell["on"])]
        with self.assertRaisesRegex(NotWhole, "and 135 more"):
            self.written({"cells": left, "gone": {}})
        self.assertEqual(self.written({"cells": left, "gone": {"6.1": "why"}}), "the page")

    def test_no_run(self) -> None:
        with self.assertRaisesRegex(NotWhole, "there is no .*vmm.json"):
            moves.write_vmms(self.place, self.place)
        with self.assertRaisesRegex(NotWhole, "is not what 'make vmm' writes"):
            self.written({})


if __name__ == "__main__":
    unittest.main()
