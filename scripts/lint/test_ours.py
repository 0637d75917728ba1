# SPDX-License-Identifier: GPL-2.0
"""Finding the warnings about our lines in a log, and no others."""

import tempfile
import unittest
from pathlib import Path

from lint import ours
from testing import said_by, written

TREE = "/out/linux"
PLACES: ours.Places = {
    "arch/arm64/kvm/rust/switch.c": None,
    "arch/arm64/kvm/rust/opt_in.rs": None,
    "include/kvm/arm_rust.h": None,
    "Documentation/virt/kvm/arm/rust.rst": None,
    "arch/arm64/kvm/guest.c": {10, 11},
}

# As the tools write them
OURS = {
    "clang": "../linux/arch/arm64/kvm/rust/switch.c:31:6: warning: unused variable 'x' [-Wunused-variable]",
    "clang, an error": "../linux/arch/arm64/kvm/rust/switch.c:31:6: error: expected ';'",
    "sparse": "../linux/arch/arm64/kvm/guest.c:10:5: warning: symbol 'f' was not declared. Should it be static?",
    "sparse, with the whole path":
        "/out/linux/arch/arm64/kvm/guest.c:11:17: warning: incorrect type in argument 1",
    "kernel-doc": "Warning: ../linux/include/kvm/arm_rust.h:40 function parameter 'x' not described in 'f'",
    "Sphinx": "/out/linux/Documentation/virt/kvm/arm/rust.rst:12: WARNING: Title underline too short. [docutils]",
    "clippy": "   --> ../linux/arch/arm64/kvm/rust/opt_in.rs:51:5",
}
OTHERS = {
    "a line of Linux": "../linux/arch/arm64/kvm/guest.c:12:5: warning: symbol 'f' was not declared.",
    "another file": "../linux/arch/arm64/kvm/arm.c:10:5: warning: unused variable 'x'",
    "another file of that name": "../linux/drivers/arch/arm64/kvm/rust/switch.c:31:6: warning: unused",
    "no warning": "  CC      arch/arm64/kvm/rust/abi.o",
    "a place alone": "../linux/arch/arm64/kvm/rust/switch.c:31:6: note: declared here",
}
CLIPPY = "warning: this function has too many arguments"


def found(*lines: str) -> list[str]:
    return list(ours.warnings(ours.shown(lines, TREE), PLACES))


class Warnings(unittest.TestCase):
    def test_warnings_of_ours_are_found(self) -> None:
        for what, line in OURS.items():
            with self.subTest(what):
                self.assertEqual(len(found("  CC      a.o", line, "    5 | int x;")), 1)

    def test_other_lines_are_not_found(self) -> None:
        for what, line in OTHERS.items():
            with self.subTest(what):
                self.assertEqual(found(line), [])

    def test_the_message_of_rustc_before_the_place_is_printed_with_it(self) -> None:
        self.assertEqual(found(CLIPPY, OURS["clippy"]),
                         [f"{CLIPPY}   --> arch/arm64/kvm/rust/opt_in.rs:51:5"])

    def test_all_warnings_of_a_log_are_found(self) -> None:
        self.assertEqual(len(found(*OTHERS.values(), *OURS.values(), *OTHERS.values())), len(OURS))


class Unseen(unittest.TestCase):
    LOG = ("  CLIPPY [M] nothing.o", "  CLIPPY  arch/arm64/kvm/rust/kvm_arm64.o", "  CLIPPY L rust/kernel.o",
           "  CHECK   ../linux/arch/arm64/kvm/guest.c",
           "  CHECK   /out/linux/arch/arm64/kvm/arm.c", "  CC      arch/arm64/kvm/psci.o")

    def test_checked_files_are_not_reported(self) -> None:
        wanted = ("arch/arm64/kvm/rust/kvm_arm64.o:CLIPPY", "rust/kernel.o:CLIPPY",
                  "arch/arm64/kvm/guest.c:CHECK", "arch/arm64/kvm/arm.c:CHECK")
        self.assertEqual(list(ours.unseen(ours.shown(self.LOG, TREE), wanted)), [])

    def test_unchecked_files_are_reported(self) -> None:
        for entry in ("rust/kvm_abi.o:CLIPPY", "rust/kernel.o:CHECK", "arch/arm64/kvm/psci.c:CHECK",
                      "arch/arm64/kvm/psci.o:CHECK"):
            with self.subTest(entry):
                self.assertEqual(len(list(ours.unseen(ours.shown(self.LOG, TREE), (entry,)))), 1)


class Program(unittest.TestCase):
    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in (("stage/new.c", "int x;\n"), ("stage/old.c", "a\nb\nc\n"),
                           ("base/old.c", "a\nc\n"), ("linux/new.c", "int x;\n"),
                           ("linux/old.c", "a\nb\nc\n"), ("log", "  CHECK   ../linux/old.c\n")):
            written(self.path / name, text)

    def run_main(self, *more: str, stage: str = "stage", log: str = "log") -> tuple[int, str]:
        return said_by(ours.main, *(self.path / part for part in (stage, "base", "linux", log)),
                       *more)

    def test_lines_added_by_a_patch_and_new_files_are_ours(self) -> None:
        self.assertEqual(ours.places(*(self.path / part for part in ("stage", "base", "linux"))),
                         {"new.c": None, "old.c": {2}})

    def test_nothing_is_wrong(self) -> None:
        self.assertEqual(self.run_main("old.c:CHECK"), (0, ""))

    def test_a_warning_is_wrong(self) -> None:
        (self.path / "log").write_text("../linux/old.c:2:1: warning: b\n../linux/old.c:3:1: warning: c\n")
        self.assertEqual(self.run_main(), (1, "old.c:2:1: warning: b\n"))

    def test_a_checker_that_did_not_run_is_wrong(self) -> None:
        self.assertEqual(self.run_main("new.c:CHECK"),
                         (1, "new.c: not checked: the build's log has no line CHECK for it\n"))

    def test_unreadable_input_is_wrong(self) -> None:
        (self.path / "empty").mkdir()
        self.assertEqual(self.run_main(log="no-log")[0], 1)
        self.assertEqual(self.run_main(stage="empty")[0], 1)
        (self.path / "linux/old.c").unlink()
        self.assertEqual(self.run_main()[0], 1)


if __name__ == "__main__":
    unittest.main()
