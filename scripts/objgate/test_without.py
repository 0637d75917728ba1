# SPDX-License-Identifier: GPL-2.0
"""That whatever a kernel without the project contains of it is found."""

import contextlib
import io
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from objgate import panics, without

RUSTC = "/usr/bin/rustc"
ROOT = Path(__file__).resolve().parents[2]


def functions(*names: str) -> str:
    """Functions for C; each is another one, so that none is merged with another."""
    return "".join(f'#[no_mangle]\npub extern "C" fn {name}() -> usize {{ {number} }}\n'
                   for number, name in enumerate(names))


class Builds(unittest.TestCase):
    """A build for this machine: what is looked at are names, which all machines share."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.kout = Path(directory.name)

    def link(self, text: str, crate: str = "of_a_test") -> None:
        source = self.kout / "vmlinux.rs"
        source.write_text(f"#![no_std]\n{text}")
        subprocess.run([RUSTC, "--edition", "2021", "--crate-type", "rlib", "--crate-name", crate,
                        "--emit", "obj", "-O", "-Cpanic=abort", "-Csymbol-mangling-version=v0",
                        "-o", str(self.kout / "vmlinux"), str(source)], check=True)

    def put(self, name: str) -> None:
        (self.kout / name).parent.mkdir(parents=True, exist_ok=True)
        (self.kout / name).touch()

    def found(self) -> list[str]:
        return list(without.findings(self.kout))

    def run_main(self) -> tuple[int, str]:
        out = io.StringIO()
        with mock.patch("sys.argv", ["without", str(self.kout)]), contextlib.redirect_stdout(out):
            return without.main(), out.getvalue()


class Symbols(Builds):
    def test_the_base_is_not_found(self) -> None:
        self.link(functions(without.KVM, "vgic_v2_set_vmcr"))
        self.assertEqual(self.found(), [])
        self.assertEqual(self.run_main(), (0, ""))

    def test_a_symbol_that_is_planted_is_found(self) -> None:
        planted = ("__kvm_nvhe_kvm_arm_abi_planted", "__tracepoint_kvm_arm64_abi_mismatch",
                   "check_set_id_reg", "get_reg_writable_masks_slow", "kvm_arm_abi_planted",
                   "kvm_arm_c_planted", "kvm_arm_init_hypercalls_slow",
                   "kvm_arm_note_stored_id_reg", "kvm_arm_opt_in_planted",
                   "kvm_arm_rust_planted", "kvm_psci_vcpu_on_watched",
                   "rust_helper_kvm_planted", "vgic_mmio_read_vcpuif_slow")
        self.link(functions(without.KVM, *planted))
        lines = [f"vmlinux: has {name}" for name in planted]
        self.assertEqual(self.found(), lines)
        self.assertEqual(self.run_main(), (1, "".join(f"{line}\n" for line in lines)))

    def test_rust_that_is_planted_is_found_under_its_mangled_name(self) -> None:
        planted = "#[inline(never)] pub fn planted(a: u32) -> u32 { a ^ 1 }\n"
        for crate, text in (("kernel", f"pub mod kvm {{ {planted} }}"), ("kvm_abi", planted),
                            ("kvm_arm64", planted)):
            with self.subTest(crate):
                self.link(functions(without.KVM) + text, crate)
                line, = self.found()
                self.assertRegex(line, "^vmlinux: has _R.*planted$")

    def test_rust_of_others_is_not(self) -> None:
        self.link(functions(without.KVM) +
                  "#[inline(never)] pub fn planted(a: u32) -> u32 { a ^ 1 }\n", "kernel")
        self.assertEqual(self.found(), [])

    def test_a_symbol_that_is_only_referred_to_is_found(self) -> None:
        self.link(functions(without.KVM) +
                  'extern "C" { fn kvm_arm_rust_planted(); }\n'
                  "pub fn call() { unsafe { kvm_arm_rust_planted() } }\n")
        self.assertEqual(self.found(), ["vmlinux: has kvm_arm_rust_planted"])

    def test_a_kernel_without_kvm_says_nothing(self) -> None:
        self.link(functions("start_kernel"))
        self.assertEqual(self.found(), [f"vmlinux: has no {without.KVM}: is KVM in it?"])

    def test_the_names_of_linux_are_not_ours(self) -> None:
        for name in ("kvm_arm_copy_fw_reg_indices", "kvm_arm_get_fw_reg", "kvm_arm_set_fw_reg",
                     "kvm_arm_fw_reg_ids", "arm64_check_features", "kvm_vcpu_init_check_features",
                     "vgic_mmio_write_vcpuif", "kvm_psci_vcpu_on", "rust_helper_mutex_lock"):
            self.assertIsNone(without.OURS.search(name), name)

    def test_whatever_the_headers_declare_is_ours(self) -> None:
        text = "".join(path.read_text() for path in sorted((ROOT / "include/kvm").glob("*.h")))
        declared = re.findall(r"^(?:extern |int |void |bool |u32 |unsigned long )[^=;{]*?\b"
                              r"(\w+)(?:\(|\[\]|;)", text, re.MULTILINE)
        self.assertGreater(len(declared), 60)
        for name in set(declared):
            self.assertIsNotNone(without.OURS.search(name), name)


class Objects(Builds):
    def setUp(self) -> None:
        super().setUp()
        self.link(functions(without.KVM))

    def test_each_that_is_built_is_found(self) -> None:
        for name in ("arch/arm64/kvm/rust/abi.o", "arch/arm64/kvm/rust/deep/er.o",
                     "rust/kvm_abi.o"):
            with self.subTest(name):
                self.put(name)
                self.assertEqual(self.found(), [f"{name}: is built"])
                (self.kout / name).unlink()

    def test_others_are_not(self) -> None:
        for name in ("arch/arm64/kvm/psci.o", "arch/arm64/kvm/rust/Kconfig", "rust/kernel.o"):
            self.put(name)
        self.assertEqual(self.found(), [])


class Tools(Builds):
    def test_a_kernel_that_is_not_there_or_is_none_is_refused(self) -> None:
        for content in (None, b"", b"no object"):
            if content is not None:
                (self.kout / "vmlinux").write_bytes(content)
            status, out = self.run_main()
            self.assertEqual(status, 1, content)
            self.assertIn("vmlinux", out)

    def test_a_stripped_kernel_is_refused(self) -> None:
        self.link(functions(without.KVM))
        subprocess.run(["strip", str(self.kout / "vmlinux")], check=True)
        self.assertEqual(self.run_main()[0], 1)

    def test_a_tool_that_fails_or_is_missing_is_reported(self) -> None:
        self.link(functions(without.KVM))
        for tool in ("/bin/false", str(self.kout / "no-nm")):
            with mock.patch.object(without, "NM", tool):
                status, out = self.run_main()
            self.assertEqual(status, 1)
            self.assertIn(tool, out)

    def test_what_is_wrong_before_a_tool_fails_is_printed_as_well(self) -> None:
        self.put("rust/kvm_abi.o")
        status, out = self.run_main()
        self.assertEqual((status, len(out.splitlines())), (1, 2), out)
        self.assertEqual(panics.NM, without.NM)


if __name__ == "__main__":
    unittest.main()
