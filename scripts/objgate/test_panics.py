# SPDX-License-Identifier: GPL-2.0
"""Rejecting objects that can panic in any way, and accepting others."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from objgate import panics
from testing import said_by

RUSTC = "/usr/bin/rustc"
TESTDATA = Path(__file__).resolve().parent / "testdata"
OURS = panics.PART

# A crate `kernel` with a part that is ours (kernel::kvm) and a part that is not
HEAD = """
#[inline(never)]
pub fn not_ours(value: Option<u32>) -> u32 { value.unwrap() }
pub mod kvm {
    #[inline(never)]
    pub fn sound(value: Option<u32>) -> u32 { value.map_or(0, |value| value & 1) }
"""
TAIL = "}\n"


class Objects(unittest.TestCase):
    """Objects built for this machine: the gate checks names, which all architectures share."""

    def setUp(self) -> None:
        self.path = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def build(self, source: Path, name: str = "of_a_test") -> Path:
        built = self.path / "built.o"
        subprocess.run([RUSTC, "--edition", "2021", "--crate-type", "rlib", "--crate-name", name,
                        "--emit", "obj", "-O", "-Cpanic=abort", "-Coverflow-checks=on",
                        "-Csymbol-mangling-version=v0", "-o", str(built), str(source)], check=True)
        return built

    def build_text(self, text: str, name: str = "of_a_test") -> Path:
        source = self.path / "text.rs"
        source.write_text(f"#![no_std]\n{text}")
        return self.build(source, name)

    def findings(self, built: Path, wanted: re.Pattern[str] | None = None, *used: str) -> list[str]:
        return panics.findings(built, "o", wanted, used)


class Panics(Objects):
    def test_each_way_to_panic_is_rejected(self) -> None:
        source = TESTDATA / "panics.rs"
        functions = re.findall(r"^pub fn (\w+)", source.read_text(), re.MULTILINE)
        self.assertEqual(len(functions), 17)
        found = self.findings(self.build(source))
        for name in functions:
            with self.subTest(name):
                self.assertTrue([line for line in found
                                 if line.startswith(f"o: of_a_test::{name} can panic: core::")])

    def test_code_that_cannot_panic_is_accepted(self) -> None:
        self.assertEqual(self.findings(self.build(TESTDATA / "sound.rs")), [])

    def test_a_pointer_to_a_function_of_core_is_rejected(self) -> None:
        built = self.build_text("pub static F: fn(&[u8]) -> Result<&str, core::str::Utf8Error> "
                                "= core::str::from_utf8;")
        self.assertEqual(self.findings(built), ["o: refers to core::str::converts::from_utf8"])

    def test_c_functions_are_accepted(self) -> None:
        self.assertEqual(panics.refused({"memcpy", "kvm_arm_abi_mismatch"}), set())

    def test_the_panic_handler_is_rejected_under_any_name(self) -> None:
        for name in ("rust_begin_unwind", "__rustc::rust_begin_unwind", "rust_panic"):
            self.assertEqual(panics.refused({name}), {name})

    def test_functions_of_the_kernel_are_accepted(self) -> None:
        for name in ("kernel::print::call_printk", "<kernel::error::Error>::name",
                     "<kernel::error::Error as core::fmt::Debug>::fmt", "<u64 as core::fmt::LowerHex>::fmt",
                     "<core::ffi::c_str::CStr as kernel::fmt::Display>::fmt", "kvm_abi::psci::LATEST"):
            self.assertEqual(panics.refused({name}), set(), name)
        for name in ("<core::option::Option<kernel::error::Error>>::unwrap", "alloc::vec::grow",
                     "<[u8]>::copy_from_slice", "kernels::unwrap"):
            self.assertEqual(panics.refused({name}), {name}, name)


class OfTheKernelsCrate(Objects):
    """rust/kernel.o, of which only a part is ours."""

    def test_others_may_panic(self) -> None:
        self.assertEqual(self.findings(self.build_text(HEAD + TAIL, "kernel"), OURS), [])

    def test_ours_may_not(self) -> None:
        built = self.build_text(HEAD + """
            #[inline(never)]
            pub fn ours(value: &[u32], index: usize) -> u32 { value[index] }""" + TAIL, "kernel")
        self.assertEqual(self.findings(built, OURS),
                         ["o: kernel::kvm::ours can panic: core::panicking::panic_bounds_check"])

    def test_functions_called_by_ours_may_not(self) -> None:
        built = self.build_text(HEAD + """
            #[inline(never)]
            pub fn ours(value: Option<u32>) -> u32 { super::not_ours(value) ^ 1 }""" + TAIL, "kernel")
        self.assertEqual(self.findings(built, OURS),
                         ["o: kernel::not_ours can panic: core::option::unwrap_failed"])

    def test_functions_used_by_our_other_objects_may_not(self) -> None:
        self.assertEqual(self.findings(self.build_text(HEAD + TAIL, "kernel"), OURS, "kernel::not_ours"),
                         ["o: kernel::not_ours can panic: core::option::unwrap_failed"])

    def test_an_object_without_our_functions_is_rejected(self) -> None:
        built = self.build(TESTDATA / "sound.rs")
        self.assertEqual(len(self.findings(built, OURS)), 1)


class Tools(Objects):
    def run_main(self, output: Path) -> tuple[int, str]:
        return said_by(panics.main, output)

    def test_a_missing_object_is_an_error(self) -> None:
        status, out = self.run_main(self.path)
        self.assertEqual(status, 1)
        self.assertIn("kvm_arm64.o", out)

    def test_a_file_that_is_not_an_object_is_an_error(self) -> None:
        for content in (b"", b"no object"):
            (self.path / "o").write_bytes(content)
            with self.assertRaises(panics.Unusable):
                self.findings(self.path / "o")

    def test_a_tool_that_fails_or_is_missing_is_an_error(self) -> None:
        for tool in ("/bin/false", str(self.path / "no-nm")):
            with mock.patch.object(panics, "NM", tool):
                status, out = self.run_main(self.path)
            self.assertEqual(status, 1)
            self.assertIn(tool, out)

    def test_calls_within_an_aarch64_object_are_followed(self) -> None:
        text = ("0000000000000000 <ours>:\n"
                "       0: 94000002     \tbl\t0x8 <other>\n"
                "       4: 14000001     \tb\t0x10 <third+0x4>\n"
                "0000000000000008 <other>:\n"
                "       8: 94000000     \tbl\t0x8 <other>\n"
                "\t\t0000000000000008:  R_AARCH64_CALL26\tcore::option::unwrap_failed\n"
                "000000000000000c <third>:\n"
                "       c: 90000000     \tadrp\tx0, 0x0 <ours>\n"
                "\t\t000000000000000c:  R_AARCH64_ADR_PREL_PG_HI21\tcore::fmt::write+0x8\n")
        self.assertEqual(panics.references(text),
                         {"ours": {"other", "third"}, "third": {"core::fmt::write"},
                          "other": {"other", "core::option::unwrap_failed"}})


if __name__ == "__main__":
    unittest.main()
