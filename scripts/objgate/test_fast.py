# SPDX-License-Identifier: GPL-2.0
"""What may run before a vCPU has left its guest, in disassemblies as llvm-objdump prints them."""

import tempfile
import unittest

from objgate import fast
from testing import said_by

BEGIN = ("first",)

GOOD = """
0000000000000000 <first>:
       0:      \tcbz\tx0, 0x10 <first+0x10>
       4:      \tbl\t0x4 <first+0x4>
\t\t0000000000000004:  R_AARCH64_CALL26\tarm64_get_spectre_v2_state
       8:      \tbl\t0x20 <second>
       c:      \tret
      10:      \tb\t0x8 <first+0x8>

0000000000000020 <second>:
      20:      \tldr\tx8, [x0]
      24:      \tret

0000000000000030 <other>:
      30:      \tblr\tx8
      34:      \tbl\t0x34 <other+0x4>
\t\t0000000000000034:  R_AARCH64_CALL26\tprintk
"""


def found(text: str, shown: str = "o") -> list[str]:
    return list(fast.findings(shown, text, BEGIN))


class Fast(unittest.TestCase):
    def test_functions_that_only_read_are_accepted(self) -> None:
        self.assertEqual(found(GOOD), [])

    def test_other_functions_are_not(self) -> None:
        for name in ("printk", "rcu_read_lock", "__sanitizer_cov_trace_pc", "__rcu_read_lock",
                     "arm64_get_spectre_v2_state_of", "mt_find"):
            with self.subTest(name):
                self.assertEqual(found(GOOD.replace("arm64_get_spectre_v2_state", name)),
                                 [f"o: first calls {name}"])

    def test_what_a_function_calls_is_looked_at(self) -> None:
        self.assertEqual(found(GOOD.replace("0x20 <second>", "0x30 <other>")),
                         ["o: other has blr", "o: other calls printk"])

    def test_a_jump_is_a_call(self) -> None:
        text = GOOD.replace("      24:      \tret", "      24:      \tb\t0x24 <second+0x4>\n"
                            "\t\t0000000000000024:  R_AARCH64_JUMP26\tschedule")
        self.assertEqual(found(text), ["o: second calls schedule"])

    def test_what_needs_an_exit_asks_first(self) -> None:
        name = "_RNvNtNtCs1_9kvm_arm645smccc6exited6cpu_on"
        text = GOOD.replace("0x20 <second>", f"0x40 <{name}>") + f"""
0000000000000040 <{name}>:
      40:      \tstp\tx29, x30, [sp, #-0x10]!
      44:      \tcbz\tw1, 0x4c <{name}+0xc>
      48:      \tbl\t0x48 <{name}+0x8>
\t\t0000000000000048:  R_AARCH64_CALL26\tmutex_lock
      4c:      \tldp\tx29, x30, [sp], #0x10
      50:      \tret
"""
        problem = [f"o: {name} does not ask first whether the vCPU has left its guest"]
        self.assertEqual(found(text), [])
        self.assertEqual(found(text.replace("cbz\tw1,", "tbz\tw1, #0x0,")), [])
        for other in ("cbz\tw2,", "cbz\tx1,", "tbz\tw1, #0x1,"):
            self.assertEqual(found(text.replace("cbz\tw1,", other)), problem)
        early = text.replace("stp\tx29, x30, [sp, #-0x10]!", "bl\t0x30 <other>")
        self.assertEqual(found(early), problem)
        # Another function of the object is looked into.
        self.assertEqual(found(text.replace("exited6cpu_on", "handle")),
                         [f"o: {name.replace('exited6cpu_on', 'handle')} calls mutex_lock"])

    def test_rust_has_no_probes(self) -> None:
        head = "Disassembly of section {}:\n"
        good = head.format(".kprobes.text") + GOOD
        self.assertEqual(found(good, "a/kvm_arm64.o"), [])
        bad = good.replace("\n0000000000000020", head.format(".text") + "\n0000000000000020")
        self.assertEqual(found(bad, "a/kvm_arm64.o"), ["a/kvm_arm64.o: second can have a probe"])

    def test_pointers_are_refused(self) -> None:
        for name in ("br", "blr", "blraa", "braaz"):
            with self.subTest(name):
                self.assertEqual(found(GOOD.replace("\tldr\tx8, [x0]", f"\t{name}\tx8")),
                                 [f"o: second has {name}"])

    def test_exceptions_are_refused(self) -> None:
        text = GOOD.replace("\tldr\tx8, [x0]", "\tbrk\t#0x1")
        self.assertEqual(found(text), ["o: second has brk 0x1"])
        bug = text.replace("#0x1", "#0x800")
        self.assertEqual(found(bug), ["o: second has brk 0x800"])
        # Before the host has booted, in C only
        self.assertEqual(found(bug, "a/switch.o"), [])

    def test_a_missing_function_is_noticed(self) -> None:
        self.assertEqual(list(fast.findings("o", GOOD, ("first", "third"))),
                         ["o: there is no third"])

    def test_a_build_without_objects_is_a_problem(self) -> None:
        with tempfile.TemporaryDirectory() as kout:
            status, said = said_by(fast.main, kout)
        self.assertEqual(status, 1)
        self.assertIn("llvm-objdump", said)


if __name__ == "__main__":
    unittest.main()
