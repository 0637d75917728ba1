# SPDX-License-Identifier: GPL-2.0
"""Lines of code, what QEMU has run of them, and the figures."""

import unittest

from coverage import lines, main, report
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


LCOV = """\
SF:/a/rust/kvm_abi/src/fw_reg/mod.rs
DA:1,0
DA:2,5
end_of_record
SF:/a/tests/fw_reg.rs
DA:9,9
end_of_record
SF:/a/rust/kvm_abi/src/fw_reg/mod.rs
DA:1,3
DA:4,0
end_of_record
SF:/a/rust/kvm_abi/src/lib.rs
DA:7,1
end_of_record
"""


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
        in_kernel = report.by_module(self.code.places, ran)
        self.assertEqual({name: str(share) for name, share in in_kernel.items()},
                         {"crate": "0 of 1 (0.0 %)", "fw_reg": "1 of 2 (50.0 %)"})
        on_host = report.by_module(*report.host(LCOV.splitlines(keepends=True)))
        self.assertEqual(str(report.total(on_host)), "3 of 4 (75.0 %)")
        table = report.table(on_host, {"check": in_kernel})
        self.assertRegex(table[-1], r"^all +3 of 4 \(75.0 %\) +1 of 3 \(33.3 %\)$")
        self.assertEqual(report.missed(self.code.places, ran),
                         ["cast.rs: 7", "fw_reg/access.rs: 21"])

    def test_a_line_has_run_on_the_host_if_it_has_in_one_program(self) -> None:
        there, ran = report.host(LCOV.splitlines(keepends=True))
        self.assertEqual(there - ran, {("fw_reg/mod.rs", 4)})
        self.assertEqual(ran, {("fw_reg/mod.rs", 1), ("fw_reg/mod.rs", 2), ("lib.rs", 7)})

    def test_instructions_by_part(self) -> None:
        names = {"kvm_arm_rust_smccc_call_handler", "kvm_arm_rust_get_fw_reg",
                 "kvm_arm_check_smccc_call", "DATA"}
        symbols = ["1000 0008 T kvm_arm_rust_smccc_call_handler",
                   "2000 000c t kvm_arm_rust_get_fw_reg",
                   "3000 0004 T kvm_arm_check_smccc_call", "4000 0008 T kvm_smccc_call_handler",
                   "5000 0008 D DATA", "6000 T no_size"]
        code = lines.in_parts(symbols, names)
        self.assertEqual(code, {"smccc": {0x1000, 0x1004}, "fw_reg": {0x2000, 0x2004, 0x2008},
                                "mode check": {0x3000}})
        found = report.by_part(code, {0x1000, 0x2004, 0x2008, 0x3000, 0x4000})
        self.assertEqual({name: str(share) for name, share in found.items()},
                         {"smccc": "1 of 2 (50.0 %)", "fw_reg": "2 of 3 (66.7 %)",
                          "serves": "3 of 5 (60.0 %)", "mode check": "1 of 1 (100.0 %)"})
        table = report.part_table({"check": found, "rust": report.by_part(code, set())})
        self.assertRegex(table[-2], r"^serves +3 of 5 \(60.0 %\) +0 of 5 \(0.0 %\)$")
        self.assertEqual(report.plain(found)["serves"], {"run": 3, "of": 5})

    def test_in_mode_check_no_test_flips(self) -> None:
        self.assertIn("abi_flip", main.TESTS["rust"])
        self.assertNotIn("abi_flip", main.TESTS["check"])
        self.assertEqual(main.filter_of({0x1008, 0x2000}), "0x1008+0xffc")

    def test_lines_that_did_not_run_are_ranges(self) -> None:
        places = {("a.rs", number) for number in (1, 2, 3, 5, 7, 8)}
        self.assertEqual(report.missed(places, {("a.rs", 7)}), ["a.rs: 1-3, 5, 8"])


if __name__ == "__main__":
    unittest.main()
