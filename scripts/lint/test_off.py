# SPDX-License-Identifier: GPL-2.0
"""That a function which differs without the option is found, and no other one is."""

import tempfile
import unittest
from pathlib import Path

from lint import off

TEXT = """
arch/x.o:	file format elf64-littleaarch64

Disassembly of section .text:

0000000000000000 <first>:
       0:      	ldr	x8, [x0]
       4:      	b.ne	0x10 <second>
       8:      	bl	0x8 <first+0x8>
		0000000000000008:  R_AARCH64_CALL26	other
       c:      	ret

0000000000000010 <second>:
      10:      	mov	w0, #0x1                // =1
      14:      	ret
"""
# The same functions in another order
MOVED = """
0000000000000000 <second>:
       0:      	mov	w0, #0x1                // =1
       4:      	ret

0000000000000008 <first>:
       8:      	ldr	x8, [x0]
       c:      	b.ne	0x0 <second>
      10:      	bl	0x10 <first+0x8>
		0000000000000010:  R_AARCH64_CALL26	other
      14:      	ret
"""


class Off(unittest.TestCase):
    def found(self, text: str) -> list[str]:
        return list(off.different("x.c", off.functions(TEXT), off.functions(text)))

    def test_the_order_does_not_matter(self) -> None:
        self.assertEqual(self.found(TEXT), [])
        self.assertEqual(self.found(MOVED), [])
        self.assertEqual({name: len(lines) for name, lines in off.functions(TEXT).items()},
                         {"first": 5, "second": 2})

    def test_instructions_targets_and_relocations_matter(self) -> None:
        for old, new in (("ldr	x8, [x0]", "ldr	x9, [x0]"), ("CALL26	other", "CALL26	one"),
                         ("<second>\n      10", "<first>\n      10"), ("c:      	ret\n", "\n")):
            with self.subTest(old):
                self.assertIn(old, MOVED if old in MOVED else TEXT)
                text = (MOVED if old in MOVED else TEXT).replace(old, new, 1)
                self.assertEqual([line.partition(": ")[2].partition(":")[0]
                                  for line in self.found(text)], ["first"])

    def test_functions_of_one_side(self) -> None:
        more = TEXT + "\n0000000000000018 <third>:\n      18:      	ret\n"
        self.assertEqual(self.found(more), ["x.c: third: only with the patches"])
        self.assertEqual(list(off.different("x.c", off.functions(more), off.functions(TEXT))),
                         ["x.c: third: only without the patches"])

    def test_the_command_of_a_file(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            kout = Path(name)
            (kout / "a").mkdir()
            path = kout / "a/.x.o.cmd"
            path.write_text("savedcmd_a/x.o := ccache clang -Wp,-MMD,a/.x.o.d -DA='\"b c\"' -c -o "
                            "a/x.o /tree/a/x.c ; objtool a/x.o\n\nsource_a/x.o := /tree/a/x.c\n",
                            encoding="utf-8")
            self.assertEqual(off.command(kout, "a/x.c"), ["clang", '-DA="b c"', "-c"])
            for text in ("", "savedcmd_a/x.o := ld -r -o a/x.o a/y.o\n"):
                path.write_text(text, encoding="utf-8")
                with self.assertRaises(off.Unusable):
                    off.command(kout, "a/x.c")
            with self.assertRaises(off.Unusable):
                off.command(kout, "a/gone.c")


if __name__ == "__main__":
    unittest.main()
