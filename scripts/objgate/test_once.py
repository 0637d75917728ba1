# SPDX-License-Identifier: GPL-2.0
"""The decision about a hypercall, in disassemblies as llvm-objdump prints them."""

import unittest

from objgate import once

HANDLE = "_RNvNtCs1_9kvm_arm645smccc6handle"
FILTERED = "_RNvNtNtCs1_9kvm_arm645smccc6exited8filtered"
CHECK = "_RNvNtNtCs1_9kvm_arm645check5smccc6expect"

GOOD = f"""
Disassembly of section .text:

0000000000000040 <kvm_arm_rust_smccc_call_handler>:
      40:      \tcbnz\tx8, 0x48 <kvm_arm_rust_smccc_call_handler+0x8>
      44:      \tb\t0x60 <{HANDLE}>
      48:      \tb\t0x48 <kvm_arm_rust_smccc_call_handler+0x8>
\t\t0000000000000048:  R_AARCH64_JUMP26\t.text.unlikely.

0000000000000060 <{HANDLE}>:
      60:      \tmovk\tw8, #0xb66f, lsl #16
      64:      \tret

0000000000000080 <{CHECK}>:
      80:      \tmovk\tx9, #0xb66f, lsl #16
      84:      \tret

0000000000000090 <kvm_arm_rust_smccc_fast_call>:
      90:      \tbl\t0x60 <{HANDLE}>
      94:      \tret

Disassembly of section .text.unlikely.:

0000000000000000 <{FILTERED}>:
       0:      \tb\t0x0 <{FILTERED}>
\t\t0000000000000000:  R_AARCH64_JUMP26\t.text+0x60
"""


class Once(unittest.TestCase):
    def test_one_function_decides(self) -> None:
        self.assertEqual(list(once.findings(GOOD)), [])

    def test_two_do(self) -> None:
        text = GOOD.replace(f"\tbl\t0x60 <{HANDLE}>", "\tmovk\tw8, #0xb66f, lsl #16")
        self.assertEqual(list(once.findings(text)), [
            f"2 functions decide a hypercall: {HANDLE} kvm_arm_rust_smccc_fast_call"])

    def test_none_does(self) -> None:
        text = GOOD.replace("#0xb66f", "#0xb66e")
        self.assertEqual(list(once.findings(text)), ["0 functions decide a hypercall: "])

    def test_the_filter_does_not_go_there(self) -> None:
        self.assertEqual(list(once.findings(GOOD.replace(".text+0x60", ".text+0x80"))),
                         [f"{FILTERED} does not call {HANDLE}"])

    def test_a_way_is_missing(self) -> None:
        text = GOOD.replace(FILTERED, "other")
        self.assertEqual(list(once.findings(text)), [
            "of the three ways to a decision there are: kvm_arm_rust_smccc_call_handler "
            "kvm_arm_rust_smccc_fast_call"])


if __name__ == "__main__":
    unittest.main()
