# SPDX-License-Identifier: GPL-2.0
"""Reading the tools' output about the built code; judging the boots."""

import struct
import unittest

from bench import boots, code, machines, parts
from bench.machines import WITH, WITHOUT, Boot
from vm.qemu import Outcome

DISASSEMBLY = """
ffff800080060ae0 <kvm_smccc_call_handler>:
ffff800080060ae0:      \tpaciasp
ffff800080060ae4:      \tsub\tsp, sp, #0x60
ffff800080060ae8:      \tstp\tx29, x30, [sp, #0x20]
ffff800080060aec:      \tnop
ffff800080060af0:      \tbl\t0xffff800080098510 <rust_helper_lock>
ffff800080060af4:      \tdmb\tish
ffff800080060af8:      \tldaxr\tw8, [x0]
ffff800080060afc:      \tstlr\tw8, [x0]
ffff800080060b00:      \tblr\tx8
ffff800080060b04:      \tret

ffff800080060b08 <other>:
ffff800080060b08:      \tstp\tx29, x30, [sp, #-0x30]!
ffff800080060b0c:      \tsub\tsp, sp, #0x1, lsl #12
ffff800080060b10:      \tb\t0xffff800080060b08 <other>
"""


def elf(address: int, content: bytes) -> bytes:
    """One segment, at file offset 0x78."""
    head = bytearray(0x78)
    head[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", head, 0x20, 0x40)
    struct.pack_into("<HH", head, 0x36, 0x38, 1)
    struct.pack_into("<IIQQQQ", head, 0x40, 1, 0, 0x78, address, 0, len(content))
    return bytes(head) + content


class Code(unittest.TestCase):
    def test_disassembly(self) -> None:
        found = code.disassembled(DISASSEMBLY)
        handler = found["kvm_smccc_call_handler"]
        self.assertEqual(vars(handler), {
            "instructions": 10, "barriers": 1, "ordered": 1, "atomics": 1, "calls": 2,
            "helpers": 1, "frame": 0x60, "static_keys": 0})
        self.assertEqual((found["other"].frame, found["other"].calls), (0x1030, 0))

    def test_jump_table(self) -> None:
        at = 0xffff800080900000
        entries = b"".join(struct.pack("<iiq", place - (at + 16 * i), 0, 0)
                           for i, place in enumerate((at - 0x100, at - 0x800)))
        image = elf(at, entries)
        self.assertEqual(code.jump_table(image, at, at + 32), [at - 0x800, at - 0x100])
        with self.assertRaises(ValueError):
            code.jump_table(image, at, at + 48)
        with self.assertRaises(ValueError):
            code.jump_table(b"no ELF", at, at + 32)

    def test_sizes(self) -> None:
        found = code.sizes("0000 0010 t same\n0020 0008 t same\n0030 0004 r table\n  U other\n")
        self.assertEqual(found, {"same": ("t", 24), "table": ("r", 4)})
        into = code.Sizes()
        code.rust_sizes(into, {
            "kvm_arm_rust_smccc_call_handler": ("T", 100),
            "kvm_arm_check_fw_reg_ids": ("T", 10),
            "_RNvNtNtCs2FBrkgPYkiv_9kvm_arm645check6fw_reg5write": ("t", 20),
            "_RNvMs_NtCs2FBrkgPYkiv_9kvm_arm645kunitNtB4_4Pair3new": ("t", 1000),
        }, {"_RNvNtNtNtCsl7L7n58I0Vr_6kernel3kvm9reg_masks8populate": ("T", 7),
            "_RNvNtNtNtCsl7L7n58I0Vr_6kernel3net8populate": ("T", 9)}, {})
        self.assertEqual((into.serving, into.checking, into.kunit, into.abstractions),
                         (100, 30, 1000, 7))

    def test_parts(self) -> None:
        for name, part in (
                ("kvm_arm_rust_smccc_call_handler", "smccc"),
                ("_RNvNtCs2FBrkgPYkiv_9kvm_arm645smccc6handle", "smccc"),
                ("_RNvNtNtCs2FBrkgPYkiv_9kvm_arm645smccc6exited6cpu_on", "smccc"),
                ("kvm_arm_rust_smccc_set_attr", "smccc_filter"),
                ("kvm_arm_rust_traced_set_fw_reg", "fw_reg"),
                ("_RNvNtCs2FBrkgPYkiv_9kvm_arm646fw_reg7any_set", "fw_reg"),
                ("_RINvMs_NtNtCs1_7kvm_abi6id_reg7surfaceNtB5_5IdReg5weighNtB9_9SeenIdRegE",
                 "id_reg"),
                ("_RINvMs_NtNtCs1_7kvm_abi6id_reg7surfaceNtB5_5IdReg5amendNtB9_9SeenIdRegE",
                 parts.CONFIG),
                ("kvm_arm_rust_vgic_v2_get_vmcr", "vgic_v2"),
                ("kvm_arm_rust_get_reg_writable_masks", "reg_masks"),
                ("kvm_arm_rust_get_vm_reg_masks", parts.OPT_INS),
                ("_RNvNtNtCs2FBrkgPYkiv_9kvm_arm645smccc6exited19promised_workaround",
                 parts.OPT_INS),
                ("kvm_arm_rust_vm_config", parts.CONFIG),
                ("kvm_arm_rust_compat_limit", parts.LEVELS),
                ("_RNvNtCs2FBrkgPYkiv_9kvm_arm646opt_in12enable_level", parts.LEVELS),
                ("_RNvNtNtCs2FBrkgPYkiv_9kvm_arm645check6fw_reg5write", parts.CHECK),
                ("kvm_arm_check_smccc_call", parts.CHECK),
                ("_RNvMs_NtCs2FBrkgPYkiv_9kvm_arm645kunitNtB4_4Pair3new", parts.TESTS),
                ("memcpy", parts.OTHER)):
            self.assertEqual(parts.part(name), part, name)
        self.assertEqual(parts.split({"kvm_arm_rust_vm_config": ("T", 8), "memcpy": ("t", 4),
                                      "table": ("r", 100)}), {parts.CONFIG: 8, parts.OTHER: 4})

    def test_section_data(self) -> None:
        self.assertEqual(code.section_data("section size addr\n.text 100 0\n.rodata.cst8 8 0\n"
                                           ".data 4 0\n.bss 2 0\nTotal 114\n"), 14)


class Boots(unittest.TestCase):
    boot = Boot(machines.TABLE[0])
    console = ["[    0.0] Linux version 7.3.4 (kvm@arm64)",
               "[    0.1] kvm [1]: GIC system register CPU interface enabled",
               "[    0.1] kvm [1]: VHE mode initialized successfully"]
    results = ["# vm: begin bench", *(f"bench {i} {mode} a 1" for i, mode in
                                      enumerate(("c", "rust", "rust", "c"))), "# vm: end bench"]

    def problems(self, boot: Boot, console: list[str], results: list[str]) -> list[str]:
        return boots.judge(boot, Outcome(1.0, None), console, results).problems

    def test_each_machine_is_booted_twice(self) -> None:
        found = machines.boots(machines.select(None, None, None))
        self.assertEqual(len({boot.slug for boot in found}), len(found))
        for boot in found:
            self.assertEqual(sum((b.config, b.kernel, b.common_trap) ==
                                 (boot.config, boot.kernel, boot.common_trap) for b in found), 2)
        self.assertFalse(any(b.common_trap and b.config.gic == 2 for b in found))
        self.assertEqual({b.kernel for b in found}, {WITH, WITHOUT})

    def test_narrowed(self) -> None:
        self.assertEqual([c.cpu for c in machines.select("neoverse-n1", None, None)],
                         ["neoverse-n1"])
        self.assertEqual([c.name for c in machines.select("a64fx", None, None)],
                         ["a64fx GICv3 vhe"])
        self.assertEqual([c.name for c in machines.select(None, 2, None)],
                         ["cortex-a72 GICv2 nvhe"])

    def test_good(self) -> None:
        ended = boots.judge(self.boot, Outcome(1.0, None), self.console, self.results)
        self.assertEqual((ended.problems, ended.linux), ([], "7.3.4"))

    def test_bad(self) -> None:
        cut = self.results[:-1]
        stock = [line.replace(" c ", " stock ").replace(" rust ", " stock ")
                 for line in self.results]
        self.assertTrue(self.problems(self.boot, self.console, cut))
        self.assertTrue(self.problems(self.boot, self.console[:2], self.results))
        self.assertTrue(self.problems(self.boot, [*self.console, "[ 1.0] WARNING: at x"],
                                      self.results))
        self.assertTrue(self.problems(self.boot, self.console, stock))
        self.assertFalse(self.problems(Boot(machines.TABLE[0], WITHOUT), self.console, stock))
        self.assertTrue(self.problems(Boot(machines.TABLE[0], WITHOUT), self.console,
                                      self.results))

    def test_pairs(self) -> None:
        one = boots.judge(self.boot, Outcome(1.0, None), self.console, self.results)
        other = [line.replace("a 1", "a 2") for line in self.results]
        two = boots.judge(Boot(machines.TABLE[0], number=2), Outcome(1.0, None), self.console,
                          other)
        self.assertEqual(len(boots.pairs([one, two])), 2)
        self.assertEqual(len(boots.pairs([one])), 1)

    def test_handlers_of_a_kernel(self) -> None:
        self.assertEqual(boots.entries({"kvm_smccc_call_handler": 1, "set_id_reg": 2}),
                         "kvm_smccc_call_handler:set_id_reg")
        self.assertIn("kvm_smccc_call_handler+kvm_arm_rust_smccc_call_handler",
                      boots.entries({"kvm_smccc_call_handler": 1,
                                     "kvm_arm_rust_smccc_call_handler": 2}))


if __name__ == "__main__":
    unittest.main()
