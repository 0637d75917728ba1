# SPDX-License-Identifier: GPL-2.0
"""Counting unsafe blocks, and finding a page that says otherwise."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from lint import unsafe

EXPORT = """\
// A comment: unsafe { }
/// A doc comment.
#[export]
pub unsafe extern "C" fn f(p: *const u32) -> u32 {
    // SAFETY: The caller guarantees it.
    let value = unsafe { *p };

    value
}
"""
VIEW = """\
fields! {
    impl Vm as Vm {
        /// C writes it in one store.
        fn flags_field() -> Shared<u64> = arch.flags;
        /// As above.
        fn psci_version_field() -> Shared<u32> = arch.psci_version;
    }
}
calls! {
    /// Has no preconditions.
    pub fn is_offered() -> bool = kvm_arm_opt_in_offered;
    fn use_opt_ins() = kvm_arm_use_opt_ins;
}
known! {
    /// A VM that is being created.
    pub struct NewVm<'_>(Vm);
}
fn two() -> u32 {
    unsafe {
        f(
            1,
        )
    }
}
"""
ROWS = """\
core                0        0  100.0 %
abstractions        1        5   75.0 %
what serves         1        0   80.0 %
what compares       0        0  100.0 %
what tests          0        0  100.0 %
"""


class Unsafe(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)
        for name, text in (("rust/kvm_abi/src/lib.rs", "pub fn f() {}\n"),
                           ("rust/kernel/kvm.rs", ""), ("rust/kernel/kvm/vm.rs", VIEW),
                           ("arch/arm64/kvm/rust/fw_reg.rs", EXPORT),
                           ("arch/arm64/kvm/rust/check/mod.rs", "fn f() {}\n"),
                           ("arch/arm64/kvm/rust/tests/kunit.rs", "fn f() {}\n"),
                           (unsafe.PAGE, ROWS)):
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run_main(self) -> tuple[int, str]:
        out = io.StringIO()
        with mock.patch("sys.argv", ["unsafe", str(self.path)]), contextlib.redirect_stdout(out):
            return unsafe.main(), out.getvalue()

    def test_all_is_well(self) -> None:
        self.assertEqual(self.run_main(), (0, ""))

    def test_an_export(self) -> None:
        self.assertEqual(unsafe.count(EXPORT), unsafe.Count(5, 1, 1, 0, 1))

    def test_lists_and_a_block_of_several_lines(self) -> None:
        self.assertEqual(unsafe.count(VIEW), unsafe.Count(20, 5, 1, 5, 0))

    def test_unsafe_functions_and_implementations_are_no_blocks(self) -> None:
        found = unsafe.count("unsafe impl Sync for A {}\npub unsafe fn f() {\n}\n")
        self.assertEqual(found, unsafe.Count(3, 0, 0, 0, 0))

    def test_words_that_are_no_code(self) -> None:
        for text in ('let a = "unsafe {";', 'let a = r#"" unsafe { "#;', "/* unsafe {\n} */",
                     "let a = '\"'; // unsafe {", "let a = b'\\''; /* unsafe { */"):
            self.assertEqual(unsafe.count(text).blocks, 0, text)

    def test_code_after_a_quote(self) -> None:
        for text in ("let a = '\"'; unsafe { f() }", 'let a = "\\""; unsafe { f() }',
                     "fn f<'a>(a: &'a u8) { unsafe { g('x') } }", 'let a = c"a"; unsafe { f() }'):
            self.assertEqual(unsafe.count(text).blocks, 1, text)

    def test_a_share_is_never_rounded_up_to_all(self) -> None:
        self.assertEqual(unsafe.Count(lines=10000, unsafe=1).outside, "99.9 %")
        self.assertEqual(unsafe.Count(lines=10000).outside, "100.0 %")

    def test_a_page_that_is_stale(self) -> None:
        self.write(unsafe.PAGE, ROWS.replace("75.0", "75.1"))
        self.assertEqual(self.run_main(), (
            1, f"{unsafe.PAGE}: lacks the row 'abstractions        1        5   75.0 %'\n"))

    def test_unsafe_code_in_the_core(self) -> None:
        self.write("rust/kvm_abi/src/lib.rs", "fn f() { unsafe { g() } }\n")
        self.assertIn("core: 1 unsafe blocks, but at most 0 are allowed", self.run_main()[1])

    def test_more_than_one_block_an_export(self) -> None:
        self.write("arch/arm64/kvm/rust/opt_in/mod.rs", "fn f() { unsafe { g() } }\n")
        self.assertIn("what serves: 2 unsafe blocks, but at most 1 are", self.run_main()[1])

    def test_more_than_all_may_have(self) -> None:
        self.write("arch/arm64/kvm/rust/tests/kunit.rs", 100 * "fn f() { unsafe { g() } }\n")
        self.assertIn("102 unsafe blocks in all, but at most 100 are", self.run_main()[1])

    def test_a_layer_without_files(self) -> None:
        (self.path / "rust/kvm_abi/src/lib.rs").unlink()
        self.assertIn("core: there is no file", self.run_main()[1])

    def test_there_is_no_page(self) -> None:
        (self.path / unsafe.PAGE).unlink()
        self.assertEqual(self.run_main()[0], 1)


if __name__ == "__main__":
    unittest.main()
