# SPDX-License-Identifier: GPL-2.0
"""What the guest's init says before its shell."""

import re
import subprocess
import unittest
from pathlib import Path

INIT = Path(__file__).resolve().parent / "init"
DEBUGFS = "/sys/kernel/debug/kvm/arm_abi"
# The guest's kernel, as far as it is asked
GUEST = """
uname() { echo 7.3.4; }
dmesg() { echo '[    0.1] kvm [1]: VHE mode initialized successfully'; }
"""


class Hint(unittest.TestCase):
    def hint(self, abi: str, there: bool) -> list[str]:
        found = re.search(r"^try\(\) \{\n.*?^hint\(\) \{\n.*?^\}\n", INIT.read_text(encoding="utf-8"), re.M | re.S)
        assert found
        text = found[0].replace("[ -d $abi ]", str(there).lower())
        done = subprocess.run(["sh", "-euc", f"{GUEST}abi={abi}\n{text}hint"], check=True,
                              capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.splitlines() if line]

    def test_it_is_short_and_names_what_can_be_tried(self) -> None:
        lines = self.hint(DEBUGFS, there=True)
        self.assertEqual(lines[0], "Linux 7.3.4, KVM: VHE mode")
        self.assertLessEqual(len(lines), 7)
        self.assertLessEqual(max(map(len, lines)), 80)
        for words in ("kvm/fw_reg_matrix", "run_kselftest.sh -l", f"echo check >{DEBUGFS}/mode",
                      f"cat {DEBUGFS}/stats", "exit", "Ctrl-A x"):
            self.assertTrue(any(words in line for line in lines), words)

    def test_without_the_overlay_it_names_none_of_its_files(self) -> None:
        lines = self.hint(DEBUGFS, there=False)
        self.assertEqual(len(lines), 4)
        self.assertFalse(any(DEBUGFS in line for line in lines), lines)


if __name__ == "__main__":
    unittest.main()
