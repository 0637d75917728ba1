# SPDX-License-Identifier: GPL-2.0
"""That a symbol of the project that modules can use is found."""

import tempfile
import unittest
from pathlib import Path

from objgate import exported
from testing import said_by

OTHERS = ("_RNvNtNtCsl7L7n58I0Vr_6kernel5print4emit", "_RNvNtCsl7L7n58I0Vr_6kernel8kvmalloc")
OURS = ("_RNvMs0_NtNtCsl7L7n58I0Vr_6kernel3kvm9reg_masksNtB5_8MadeOnce4make",
        "_RNvNtCs1234_7kvm_abi5field4mask")


class Exported(unittest.TestCase):
    def setUp(self) -> None:
        self.kout = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.kout / "rust").mkdir()

    def write(self, crate: str, *symbols: str) -> None:
        (self.kout / "rust" / f"exports_{crate}_generated.h").write_text(
            "".join(f"EXPORT_SYMBOL_RUST_GPL({symbol});\n" for symbol in symbols))

    def run_main(self) -> tuple[int, str]:
        return said_by(exported.main, self.kout)

    def test_what_others_export(self) -> None:
        self.write("kernel", *OTHERS)
        self.write("helpers", "rust_helper_mutex_lock")
        self.assertEqual(self.run_main(), (0, ""))

    def test_what_we_export_is_found_in_each_list(self) -> None:
        self.write("kernel", *OTHERS, OURS[0])
        self.write("core", OURS[1])
        self.write("helpers", "rust_helper_kvm_vm_has_ran_once")
        names = sorted((*OURS, "rust_helper_kvm_vm_has_ran_once"))
        self.assertEqual(self.run_main(),
                         (1, "".join(f"{name} is exported to modules\n" for name in names)))

    def test_a_kernel_without_rust_says_nothing(self) -> None:
        self.assertIn("is Rust in this kernel?", self.run_main()[1])
        self.write("helpers", "rust_helper_mutex_lock")
        self.assertEqual(self.run_main()[0], 1)


if __name__ == "__main__":
    unittest.main()
