# SPDX-License-Identifier: GPL-2.0
"""Lines of code, what QEMU has run of them, and the figures."""

import unittest
from typing import Any

from coverage import lines, report
from coverage.lines import Lines

TABLE = """\
debug_line[0x00000000]
Line table prologue:
    total_length: 0x000000f0
include_directories[  0] = "/build/linux"
include_directories[  1] = "/build/linux/rust/kvm_abi/src/fw_reg"
file_names[  0]:
           name: "arch/arm64/kvm/rust/kvm_arm64.rs"
      dir_index: 0
file_names[  1]:
           name: "access.rs"
      dir_index: 1
file_names[  2]:
           name: "rust/kvm_abi/src/cast.rs"
      dir_index: 0

Address            Line   Column File   ISA Discriminator OpIndex Flags
------------------ ------ ------ ------ --- ------------- ------- -------------
0xffff800080001000     10      5      0   0             0       0  is_stmt
0xffff800080001008     20      9      1   0             0       0  is_stmt prologue_end
0xffff800080001010     20     19      1   0             0       0
0xffff800080001014     21      9      1   0             0       0  is_stmt
0xffff800080001018      0      9      1   0             0       0
0xffff80008000101c      7      1      2   0             0       0  is_stmt
0xffff800080001020      7      1      2   0             0       0  is_stmt end_sequence
0xffff800080003000     21      1      1   0             0       0  is_stmt
0xffff800080003004     21      1      1   0             0       0  is_stmt end_sequence

debug_line[0x000000f4]
include_directories[  0] = "/build/linux"
file_names[  1]:
           name: "kernel/fork.c"
      dir_index: 0
0xffff800080009000      1      1      1   0             0       0  is_stmt
0xffff800080009100      1      1      1   0             0       0  is_stmt end_sequence
"""
# Two blocks, of which the second one is that of line 21's other copy
LOG = """\
----------------
IN: 
0xffff800080001000:  d503245f  bti      c
0xffff800080001010:  aa0003e1  mov      x1, x0

----------------
IN: 
0xffff800080003000:  d65f03c0  ret
"""
BEGIN = 0xffff800080001000


def summary(path: str, count: int, covered: int) -> dict[str, Any]:
    return {"filename": path, "summary": {"lines": {"count": count, "covered": covered},
                                          "regions": {"count": 2 * count, "covered": covered}}}


class Coverage(unittest.TestCase):
    def setUp(self) -> None:
        self.code = Lines(tuple(lines.parse(TABLE.splitlines(keepends=True))))

    def test_lines_of_the_core(self) -> None:
        access, cast = "fw_reg/access.rs", "cast.rs"
        self.assertEqual(self.code.pieces, (
            (BEGIN + 8, BEGIN + 16, (access, 20)), (BEGIN + 16, BEGIN + 20, (access, 20)),
            (BEGIN + 20, BEGIN + 24, (access, 21)), (BEGIN + 28, BEGIN + 32, (cast, 7)),
            (BEGIN + 0x2000, BEGIN + 0x2004, (access, 21))))
        self.assertEqual(len(self.code.instructions), 6)

    def test_a_line_has_run_if_one_of_its_instructions_has(self) -> None:
        executed = lines.translated(LOG.splitlines(keepends=True))
        self.assertEqual(executed, {BEGIN, BEGIN + 16, BEGIN + 0x2000})
        self.assertEqual(self.code.run(executed),
                         {("fw_reg/access.rs", 20), ("fw_reg/access.rs", 21)})
        self.assertEqual(self.code.run({BEGIN, BEGIN + 24}), set())

    def test_figures(self) -> None:
        ran = {("fw_reg/access.rs", 20)}
        in_kernel = report.kernel(self.code.places, ran)
        self.assertEqual({name: str(share) for name, share in in_kernel.items()},
                         {"crate": "0 of 1 (0.0 %)", "fw_reg": "1 of 2 (50.0 %)"})
        files = [summary("/a/rust/kvm_abi/src/fw_reg/mod.rs", 10, 9),
                 summary("/a/rust/kvm_abi/src/lib.rs", 4, 4), summary("/a/other.rs", 9, 0)]
        on_host, regions = report.host({"data": [{"files": files}]})
        self.assertEqual((str(report.total(on_host)), str(regions)),
                         ("13 of 14 (92.9 %)", "13 of 28 (46.4 %)"))
        table = report.table(on_host, in_kernel)
        self.assertRegex(table[-1], r"^all +13 of 14 \(92.9 %\) +1 of 3 \(33.3 %\)$")
        self.assertEqual(report.missed(self.code, ran),
                         ["cast.rs: 7", "fw_reg/access.rs: 21"])

    def test_lines_that_did_not_run_are_ranges(self) -> None:
        code = Lines(tuple((4 * n, 4 * n + 4, ("a.rs", n)) for n in (1, 2, 3, 5, 7, 8)))
        self.assertEqual(report.missed(code, {("a.rs", 7)}), ["a.rs: 1-3, 5, 8"])


if __name__ == "__main__":
    unittest.main()
