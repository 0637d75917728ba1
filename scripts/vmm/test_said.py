# SPDX-License-Identifier: GPL-2.0
"""What QEMU says, and which registers that names."""

import unittest

from vmm import said

TRACE = ("12@1700000000.1:kvm_failed_reg_set Warning: Unable to set ONEREG 6931039826524504064 to "
         "KVM: Invalid argument\n")


class Parsing(unittest.TestCase):
    def test_nothing(self) -> None:
        self.assertEqual(said.parse(""), said.Said())

    def test_traces_are_no_messages(self) -> None:
        found = said.parse(TRACE * 2 + "qemu: load of migration failed: Operation not permitted\n")
        self.assertEqual(found.messages,
                         ("qemu: load of migration failed: Operation not permitted",))
        self.assertEqual(found.refused, {0x6030000000140000: "Invalid argument"})
        self.assertEqual(found.named, frozenset())

    def test_lists_of_different_lengths(self) -> None:
        found = said.parse("qemu: Invalid value 258 expecting positive value <= 257\n"
                           "qemu: Failed to load cpu:cpreg_vmstate_array_len\n")
        self.assertEqual(found.lengths, (258, 257))

    def test_the_names_of_registers(self) -> None:
        for text, number in (
                ("system register op0:3 op1:0 crn:2 crm:0 op2:3", 0x603000000013c103),
                ("fw reg 0", 0x6030000000140000), ("fw feat reg 3", 0x6030000000160003),
                ("demuxed reg 5", 0x6020000000110005),
                ("register 0x6030000000140000 (PSCI_VERSION) could not be set", 0x6030000000140000),
                ("KVM in this kernel does not support PSCI version 1.3", 0x6030000000140000)):
            line = f"qemu: f: {text} in the incoming stream but unknown: fail migration\n"
            self.assertEqual(said.parse(line).named, {number}, text)

    def test_what_is_skipped_is_not_what_fails(self) -> None:
        found = said.parse("qemu: f: fw feat reg 3 expected by the destination but not in the "
                           "incoming stream: skip it\n")
        self.assertEqual((found.named, len(found.messages)), (frozenset(), 1))


if __name__ == "__main__":
    unittest.main()
