# SPDX-License-Identifier: GPL-2.0
"""Finding unclamped indices, and accepting clamped ones."""

import re
import unittest

from objgate import disasm, nospec
from objgate.disasm import Insn

# array[array_index_nospec(n, 4)], as compiled by clang
CLAMPED = """
0000000000000974 <read_apr>:
     974:      \tubfx\tw8, w1, #2, #5
     978:      \tldr\tw9, [x0, #0x1a4c]
     97c:      \tcmp\tw8, w9
     980:      \tb.hi\t0x9a0 <read_apr+0x2c>
     984:      \tcmp\tx8, #0x4
     988:      \tngc\tx9, xzr
     98c:      \tand\tw8, w8, w9
     990:      \tcsdb
     994:      \tadd\tx8, x0, w8, uxtw #2
     998:      \tldr\tw0, [x8, #0x18d4]
     99c:      \tret
     9a0:      \tmov\tw0, wzr
     9a4:      \tret
"""

# A match on a number from the guest, as compiled by rustc
TABLE = """
000000000000a79c <handler>:
    a79c:      \tldr\tx10, [x0, #0x110]
    a7a0:      \tcmp\tx10, #0x3
    a7a4:      \tb.hi\t0xa7bc <handler+0x20>
    a7a8:      \tadrp\tx8, 0xa000 <other>
    a7ac:      \tadd\tx8, x8, #0x0
    a7b0:      \tldr\tx2, [x8, x10, lsl #3]
    a7b4:      \tand\tx1, x2, x12
    a7b8:      \tbl\t0xb930 <affinity_info>
    a7bc:      \tret
"""

JUMPS = """
000000000000a628 <handler>:
    a628:      \tadd\tw8, w12, w8
    a62c:      \tcmp\tw8, #0x53
    a630:      \tb.hi\t0xa64c <handler+0x24>
    a634:      \tadr\tx11, 0xa64c <handler+0x24>
    a638:      \tldrh\tw13, [x9, x8, lsl #1]
    a63c:      \tadd\tx11, x11, x13, lsl #2
    a640:      \tbr\tx11
    a64c:      \tret
"""


def function(*insns: str) -> str:
    """A function of these instructions."""
    lines = [f"    {4 * i:x}:      \t{insn.replace(' ', chr(9), 1)}"
             for i, insn in enumerate(insns)]
    return "\n".join(["0000000000000000 <f>:", *lines])


def look(text: str) -> nospec.Found:
    (_, found), = disasm.functions(text)
    return nospec.look(found)


def unclamped(*insns: str) -> list[str]:
    return [insn.text for insn in look(function(*insns)).unclamped]


class Clamp(unittest.TestCase):
    def test_the_clamp_is_recognised(self) -> None:
        self.assertEqual(look(CLAMPED).clamped, 1)
        self.assertEqual(list(nospec.c_findings("o", CLAMPED, "read_apr", 1)), [])

    def test_each_instruction_of_the_clamp_is_needed(self) -> None:
        for name in ("ngc", "and", "csdb"):
            with self.subTest(name):
                text = re.sub(rf".*\t{name}\b.*\n", "", CLAMPED)
                self.assertNotEqual(text, CLAMPED)
                self.assertEqual(list(nospec.c_findings("o", text, "read_apr", 1)),
                                 ["o: read_apr: only 0 of 1 indices are clamped"])

    def test_the_clamped_index_must_be_used(self) -> None:
        text = CLAMPED.replace("and\tw8, w8, w9", "and\tw10, w8, w9")
        self.assertEqual(look(text).clamped, 0)

    def test_the_barrier_must_come_before_the_access(self) -> None:
        barrier = "     990:      \tcsdb\n"
        text = CLAMPED.replace(barrier, "")
        text = text.replace("     99c:", "     99c:      \tcsdb\n     99d:")
        self.assertEqual(look(text).clamped, 0)
        self.assertEqual([insn.name for insn in look(text).unclamped], [])
        text = CLAMPED.replace(barrier, "")
        before = text.replace("     984:", "     983:      \tcsdb\n     984:")
        self.assertEqual(look(before).clamped, 0)

    def test_barrier_and_mask_may_come_in_either_order(self) -> None:
        found = look(function("cmp x1, x2", "ngc x3, xzr", "csdb", "and x1, x1, x3",
                              "str w4, [x0, x1, lsl #2]", "ret"))
        self.assertEqual((found.clamped, found.unclamped), (1, []))

    def test_arguments_results_and_stored_values_are_uses(self) -> None:
        clamp = ("cmp x1, x2", "ngc x3, xzr", "csdb", "and w1, w1, w3")
        for uses in (("bl 0x100 <xa_load>",), ("str x1, [x9]",), ("umaddl x0, w1, w8, x10", "ret")):
            self.assertEqual(look(function(*clamp, *uses)).clamped, 1, uses)

    def test_all_paths_to_an_access_count(self) -> None:
        found = look(function("cbz x1, 0x14 <f+0x14>", "cmp x1, x2", "ngc x3, xzr", "csdb",
                              "and x1, x1, x3", "ldr x0, [x0, x1, lsl #3]", "ret"))
        self.assertEqual((found.clamped, len(found.unclamped)), (0, 1))

    def test_a_missing_function_is_reported(self) -> None:
        self.assertEqual(list(nospec.c_findings("o", CLAMPED, "write_apr", 1)),
                         ["o: there is no function write_apr"])


class Index(unittest.TestCase):
    def test_a_table_is_found(self) -> None:
        self.assertEqual(list(nospec.rust_findings("o", TABLE, re.compile(""))),
                         ["o: handler: the index is not clamped: ldr x2, [x8, x10, lsl #3]"])

    def test_a_jump_through_a_table_is_found(self) -> None:
        self.assertEqual(list(nospec.rust_findings("o", JUMPS, re.compile(""))),
                         ["o: handler: a jump through a table: br x11",
                          "o: handler: the index is not clamped: ldrh w13, [x9, x8, lsl #1]"])

    def test_other_functions_and_tests_are_not_checked(self) -> None:
        self.assertEqual(list(nospec.rust_findings("o", TABLE, re.compile("kvm"))), [])
        kunit = TABLE.replace("<handler>", "<kvm_arm64::kunit::oracle>")
        self.assertEqual(list(nospec.rust_findings("o", kunit, re.compile(""))), [])

    def test_no_more_accesses_are_allowed_than_listed(self) -> None:
        name, allowed = nospec.ALLOWED[0]
        access = "ldr x2, [x8, x10, lsl #3]"
        for more in (0, 1):
            text = function(*[access] * (allowed + more)).replace("<f>", f"<{name}>")
            found = list(nospec.rust_findings("o", text, re.compile("")))
            self.assertEqual(len(found), (allowed + more) * more)

    def test_an_index_within_a_page_is_accepted(self) -> None:
        for narrow in ("and x1, x1, #0x3", "ubfx w1, w1, #4, #9", "ldrb w1, [x5]", "cset w1, eq",
                       "mov w1, #0x8"):
            self.assertEqual(unclamped(narrow, "ldr x2, [x8, x1, lsl #3]"), [], narrow)
        self.assertEqual(unclamped("ldr x2, [x8, w1, uxtb #3]"), [])

    def test_bits_that_are_inserted_into_a_narrow_index_are_accepted(self) -> None:
        for kept, inserted, accepted in (("mov w1, #0x80", "bfi x1, x3, #3, #4", True),
                                         ("mov w1, #0x80", "bfi x1, x3, #3, #9", True),
                                         ("mov w1, #0x80", "bfi x1, x3, #3, #10", False),
                                         ("mov w1, #0x1000", "bfi x1, x3, #3, #4", False),
                                         ("ldr x1, [x5]", "bfi x1, x3, #3, #4", False)):
            text = function(kept, inserted, "ldr x0, [x2, x1]", "ret")
            found = nospec.look(next(iter(disasm.functions(text)))[1])
            self.assertEqual(not found.unclamped, accepted, inserted)

    def test_a_wider_index_is_found(self) -> None:
        access = "ldr x2, [x8, x1, lsl #3]"
        for wide in ("ldr w1, [x5]", "ldrh w1, [x5]", "ubfx w1, w1, #4, #10", "and x1, x1, #0x400",
                     "and x1, x1, #0xfffffffffffffff8", "sub w1, w1, #0x4", "mov w1, w2",
                     "bl 0x100 <f>", "ldp x0, x1, [x5]", "ldr x9, [x1], #8"):
            self.assertEqual(unclamped("ldrb w1, [x5]" if wide.startswith(("ldr x9", "bl")) else
                                       "nop", wide, access), [access], wide)

    def test_an_address_computed_from_an_index_is_found(self) -> None:
        for address in (("add x8, x0, w1, uxtw #2",), ("lsl x1, x1, #3", "add x8, x0, x1"),
                        ("madd x8, x1, x2, x0",), ("add x8, x0, x1, lsl #3", "add x8, x8, #0x10")):
            self.assertEqual(unclamped(*address, "ldr w3, [x8, #0xd4]"), ["ldr w3, [x8, #0xd4]"])

    def test_an_index_into_bytes_is_found_if_it_was_compared(self) -> None:
        for compare in ("cmp x1, x9", "cmp x9, x1", "cmp w1, #0x40", "ccmp x1, x9, #0x0, ne"):
            for address in (("add x8, x0, x1",), ("add x8, x1, x0",), ("add x8, x0, w1, uxtw",),
                            ("mov x2, x1", "add x8, x0, x2"), ("sub x1, x1, #0x4", "add x8, x0, x1")):
                self.assertEqual(unclamped(compare, "b.hs 0x40 <f+0x40>", *address, "ldrb w3, [x8]"),
                                 ["ldrb w3, [x8]"], (compare, address))

    def test_a_comparison_on_one_path_is_enough(self) -> None:
        self.assertEqual(unclamped("cbz x5, 0x8 <f+0x8>", "cmp x1, x9", "add x8, x0, x1",
                                   "strb w3, [x8]"), ["strb w3, [x8]"])

    def test_a_sum_without_a_comparison_is_taken_for_a_pointer(self) -> None:
        for before in ("nop", "cmp x4, x9", "add x1, x2, x3"):
            self.assertEqual(unclamped("cmp x1, x9" if before.startswith("add") else "nop", before,
                                       "add x8, x0, x1", "ldrb w3, [x8]"), [], before)

    def test_a_clamped_index_into_bytes_is_accepted(self) -> None:
        found = look(function("cmp x1, x2", "ngc x3, xzr", "csdb", "and x1, x1, x3",
                              "add x8, x0, x1", "ldrb w4, [x8]", "ret"))
        self.assertEqual((found.clamped, found.unclamped), (1, []))

    def test_plain_pointers_are_accepted(self) -> None:
        self.assertEqual(unclamped("ldr x8, [x0, #0x10]", "add x8, x8, #0x8", "ldr x9, [x8]",
                                   "str x9, [sp, #0x10]!", "ldr x0, [x9], #8", "blr x9", "ret"), [])

    def test_a_loop_can_be_followed(self) -> None:
        self.assertEqual(unclamped("mov x1, xzr", "ldr x2, [x8, x1, lsl #3]", "cinc x1, x1, ne",
                                   "cbnz x2, 0x4 <f+0x4>", "ret"), ["ldr x2, [x8, x1, lsl #3]"])


class Disassembly(unittest.TestCase):
    def test_operands(self) -> None:
        self.assertEqual(disasm.split("x0, x1, [x2, w3, uxtw #3], #8"),
                         ("x0", "x1", "[x2, w3, uxtw #3]", "#8"))

    def test_written(self) -> None:
        for text, written in (
                ("add x1, x2, x3", (1,)), ("cmp x1, x2", ()), ("str x1, [x2]", ()),
                ("str x1, [x2, #8]!", (2,)), ("ldp x1, x3, [x2], #16", (1, 3, 2)),
                ("swp w1, w2, [x3]", (2,)), ("stxr w1, x2, [x3]", (1,)), ("stset x1, [x2]", ()),
                ("ldr xzr, [x1]", ()), ("csdb", ())):
            name, _, operands = text.partition(" ")
            self.assertEqual(Insn(0, name, disasm.split(operands)).written(), written, text)
        self.assertIn(0, Insn(0, "bl", ("0x10 <f>",)).written())

    def test_comments_are_not_operands(self) -> None:
        (_, (insn,)), = disasm.functions(function("mov w12, #-0x7a000001     // =-2046820353"))
        self.assertEqual(insn.operands, ("w12", "#-0x7a000001"))

    def test_blocks(self) -> None:
        (_, insns), = disasm.functions(CLAMPED)
        self.assertEqual([block[0].address for block in disasm.blocks(insns)],
                         [0x974, 0x984, 0x9a0])


if __name__ == "__main__":
    unittest.main()
