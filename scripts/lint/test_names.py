# SPDX-License-Identifier: GPL-2.0
"""That a name on a page which no source has is found, and no other one is."""

import tempfile
import unittest
from pathlib import Path

from lint import names
from testing import said_by, written

PAGE = """
``kvm_door()`` calls ``Reg::set_it()`` of ``core/reg.rs``, see ``one_key`` and ``struct one_reg``,
``smccc_*``, ``GICC_APRn``, ``kvm_arm_x()``, ``c``, ``-EINVAL``, ``a + b_c``.

- host ``reg``: ``first_test``, ``second_test``; KUnit ``reg_suite``: ``in_suite``

::

    int helper_of_page(void);

``helper_of_page``
"""
SOURCES = {
    "include/kvm/door.h": "#define kvm_door(x) (x)\nextern int one_key, GICC_APR0;\n"
                          "struct one_reg { int smccc_call; };\n",
    "rust/core/reg.rs": "impl Reg { fn set_it() {} }\n",
    "arch/suite.c": "void in_suite(void) { name(\"kvm_arm64_reg_suite\"); }\n",
}
HOST = "fn first_test() {}\nfn second_test() {}\n"


class Names(unittest.TestCase):
    def setUp(self) -> None:
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.repo, self.stage, self.tree = (root / name for name in ("repo", "stage", "tree"))
        self.tree.mkdir()
        for name, text in SOURCES.items():
            written(self.stage / name, text)
        written(self.repo / names.TESTS / "reg.rs", HOST)

    def run_main(self, page: str) -> tuple[int, str]:
        written(self.stage / "Documentation/page.rst", page)
        return said_by(names.main, self.repo, self.stage, self.tree)

    def test_good_names(self) -> None:
        self.assertEqual(self.run_main(PAGE), (0, ""))

    def test_bad_names(self) -> None:
        for name, what in (("kvm_window()", "no source has this name"),
                           ("one_key()", "no source calls or defines it"),
                           ("Reg::get_it()", "no source has this name"),
                           ("Gone::set_it()", "no source has this name"),
                           ("struct two_reg", "no source has this name"),
                           ("no_key", "no source has this name"),
                           ("psci_*", "no source has such a name"),
                           ("GICD_APRn", "no source has such a name"),
                           ("core/gone.rs", "there is no such file"),
                           ("eg.rs", "there is no such file")):
            with self.subTest(name):
                self.assertEqual(self.run_main(f"{PAGE}\n``{name}``\n"),
                                 (1, f"Documentation/page.rst: {name}: {what}\n"))

    def test_names_of_another_file(self) -> None:
        for file, member in (("reg", "in_suite"), ("reg_suite", "first_test")):
            with self.subTest(file):
                self.assertEqual(self.run_main(f"{PAGE}\n``{file}``: ``{member}``\n"),
                                 (1, f"Documentation/page.rst: {file}: has no {member}\n"))

    def test_a_source_of_the_tree(self) -> None:
        written(self.tree / "virt/kvm/main.c", "int in_tree(void);\n")
        self.assertEqual(self.run_main("``in_tree()`` of ``main.c`` and ``virt/kvm/main.c``"),
                         (0, ""))

    def test_no_page_names_anything(self) -> None:
        self.assertEqual(self.run_main("nothing"),
                         (1, f"{self.stage}: no page names anything\n"))


if __name__ == "__main__":
    unittest.main()
