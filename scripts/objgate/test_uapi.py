# SPDX-License-Identifier: GPL-2.0
"""Finding changes of the userspace ABI's headers."""

import tempfile
import unittest
from pathlib import Path

from objgate import uapi

KVM = "arch/arm64/include/uapi/asm/kvm.h"
MIGRATION = uapi.ADDED[0]
BITMAP = "#define KVM_REG_ARM_STD_BMAP 0\n"


class Headers(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.base, self.tree = Path(directory.name, "base"), Path(directory.name, "tree")
        for tree in (self.base, self.tree):
            self.write(tree, KVM, BITMAP)

    def write(self, tree: Path, name: str, content: str) -> None:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)

    def found(self) -> list[str]:
        return list(uapi.findings(self.base, self.tree))

    def test_same(self) -> None:
        self.write(self.tree, MIGRATION, "#define KVM_CAP_ARM_MIGRATION 3\n")
        self.write(self.tree, "arch/arm64/kvm/guest.c", "int here;\n")
        self.assertEqual(self.found(), [])

    def test_changed(self) -> None:
        self.write(self.tree, KVM, BITMAP + "\n")
        self.assertEqual(self.found(), [f"{KVM}: differs from Linux's"])

    def test_missing(self) -> None:
        (self.tree / KVM).unlink()
        self.assertEqual(self.found(), [f"{KVM}: is missing"])

    def test_added(self) -> None:
        self.write(self.tree, "include/uapi/linux/new.h", "")
        self.assertEqual(self.found(), [
            "include/uapi/linux/new.h: is new, but not in the list of the project's headers"])

    def test_a_count_that_can_grow(self) -> None:
        self.write(self.tree, MIGRATION, "enum { KVM_REG_ARM_STD_BMAP_BIT_COUNT };\n")
        self.assertEqual(self.found(), [
            f"{MIGRATION}: KVM_REG_ARM_STD_BMAP_BIT_COUNT is a count that can grow; do not expose "
            "it to userspace"])

    def test_no_tree(self) -> None:
        self.assertEqual(list(uapi.findings(self.base / "x", self.tree / "x")),
                         [f"there are no headers in {self.base / 'x'}"])


if __name__ == "__main__":
    unittest.main()
