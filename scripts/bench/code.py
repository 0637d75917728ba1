# SPDX-License-Identifier: GPL-2.0
"""Static properties of the built code: each function, and sizes."""

import re
import struct
import subprocess
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.boots import Kernel
from bench.result import Result

OBJDUMP = "/usr/bin/llvm-objdump-22"
NM = "/usr/bin/llvm-nm-22"
SIZE = "/usr/bin/llvm-size-22"
CXXFILT = "/usr/bin/llvm-cxxfilt-22"

KVM_OBJECT = "arch/arm64/kvm/rust/kvm_arm64.o"
CORE_OBJECT = "rust/kvm_abi.o"
KERNEL_OBJECT = "rust/kernel.o"


@dataclass(frozen=True)
class Surface:
    """The C functions of a surface, and a pattern for the names of the Rust ones."""
    name: str
    c: tuple[str, ...]
    rust: str
    # Tables of the C functions
    data: tuple[str, ...] = ()


# Some of these functions may be missing, since the compiler can inline them.
SURFACES = (
    Surface("smccc", (
        "kvm_smccc_call_handler", "kvm_smccc_default_allowed",
        "kvm_smccc_test_fw_bmap", "kvm_smccc_get_action", "kvm_smccc_filter_get_action",
        "kvm_prepare_hypercall_exit", "kvm_ptp_get_time", "kvm_psci_call",
        "kvm_psci_0_1_call", "kvm_psci_0_2_call", "kvm_psci_1_x_call", "kvm_psci_vcpu_on",
        "kvm_psci_vcpu_suspend", "kvm_psci_vcpu_affinity_info", "kvm_psci_narrow_to_32bit",
        "kvm_psci_check_allowed_function", "kvm_prepare_system_event", "kvm_psci_system_off",
        "kvm_psci_system_off2", "kvm_psci_system_reset", "kvm_psci_system_reset2",
        "kvm_psci_system_suspend"), r"^kvm_arm_rust_smccc(?!_set_attr)"),
    Surface("smccc_filter", (
        "kvm_vm_smccc_set_attr", "kvm_smccc_set_filter", "kvm_arm_c_smccc_set_filter",
        "kvm_smccc_filter_insert_reserved", "kvm_smccc_filter_configured"),
        r"^kvm_arm_rust_smccc_set_attr"),
    Surface("fw_reg", (
        "kvm_arm_init_hypercalls", "kvm_arm_copy_fw_reg_indices",
        "get_kernel_wa_level", "kvm_arm_get_fw_reg", "kvm_arm_c_get_fw_reg",
        "kvm_arm_set_fw_reg", "kvm_arm_c_set_fw_reg", "kvm_arm_set_fw_reg_bmap"),
        r"^kvm_arm_rust_((traced_)?[gs]et_fw|copy_fw|init_hypercalls)", ("kvm_arm_fw_reg_ids",)),
    Surface("id_reg", (
        "arm64_check_features", "kvm_arm64_ftr_safe_value", "set_id_reg", "set_imp_id_reg",
        "set_id_aa64dfr0_el1", "set_id_dfr0_el1", "set_id_aa64pfr0_el1", "set_id_aa64pfr1_el1",
        "set_id_aa64pfr2_el1", "set_id_aa64mmfr0_el1", "set_id_aa64mmfr2_el1", "set_ctr_el0",
        "kvm_arm_c_set_id_reg", "kvm_arm_c_read_id_reg"),
        r"^kvm_arm_rust_set_id_reg"),
    Surface("reg_masks", ("kvm_vm_ioctl_get_reg_writable_masks", "get_reg_writable_masks"),
            r"^kvm_arm_rust_get_reg_writable"),
    Surface("vgic_v2", (
        "vgic_v2_get_vmcr", "vgic_v2_set_vmcr", "vgic_mmio_read_vcpuif",
        "vgic_mmio_write_vcpuif"), r"^kvm_arm_rust_(vgic_v2|read_vcpuif|write_vcpuif)"),
)

# Functions of mode check, which compare and do not serve; functions of the tests
CHECKING = re.compile(r"^kvm_arm_check_|9kvm_arm645check")
KUNIT = re.compile(r"kunit|KUNIT")
KERNEL_KVM = re.compile(r"^_R.*_6kernel3kvm")

# The hash "[0123456789abcdef]" after the name of a crate
_HASH = re.compile(r"\[[0-9a-f]+\]")
_HEAD = re.compile(r"^[0-9a-f]+ <(\S+)>:$")
_INSN = re.compile(r"^\s*[0-9a-f]+:\s+([a-z][a-z0-9.]*)\s*(.*)$")
_PUSH = re.compile(r"\[sp, #-(0x[0-9a-f]+|\d+)\]!")
_SUB_SP = re.compile(r"^sp, sp, #(0x[0-9a-f]+|\d+)(?:, lsl #(\d+))?")
_BARRIERS = ("dmb", "dsb", "isb", "sb", "ssbb", "pssbb")
_ORDERED = ("ldar", "stlr", "ldapr", "ldlar", "stllr", "ldapur", "stlur")
_ATOMICS = ("ldxr", "ldaxr", "stxr", "stlxr", "ldxp", "ldaxp", "stxp", "stlxp", "cas", "swp",
            "ldadd", "ldclr", "ldset", "ldeor", "ldsmax", "ldsmin", "ldumax", "ldumin", "stadd",
            "stclr", "stset", "steor", "stsmax", "stsmin", "stumax", "stumin")


@dataclass
class Function:
    """A function's static code, whether or not a call executes it."""
    instructions: int = 0
    barriers: int = 0
    ordered: int = 0
    atomics: int = 0
    calls: int = 0
    # Calls of rust_helper_*: functions that are inline in C
    helpers: int = 0
    frame: int = 0
    static_keys: int = 0


def disassembled(text: str) -> dict[str, Function]:
    """The functions in llvm-objdump's output without raw instructions."""
    found: dict[str, Function] = {}
    now = Function()
    for line in text.split("\n"):
        if head := _HEAD.match(line):
            now = found.setdefault(head.group(1), Function())
        elif insn := _INSN.match(line):
            _count(now, insn.group(1), insn.group(2))
    return found


def _count(function: Function, name: str, operands: str) -> None:
    function.instructions += 1
    function.barriers += name in _BARRIERS
    function.ordered += name.startswith(_ORDERED)
    function.atomics += name.startswith(_ATOMICS)
    if name in ("bl", "blr") or name.startswith("blra"):
        function.calls += 1
        function.helpers += "<rust_helper_" in operands
    if push := _PUSH.search(operands):
        function.frame += int(push.group(1), 0)
    elif name == "sub" and (sub := _SUB_SP.match(operands)):
        function.frame += int(sub.group(1), 0) << int(sub.group(2) or 0)


def jump_table(vmlinux: bytes, begin: int, end: int) -> list[int]:
    """The sorted addresses of the static keys' branches."""
    data = _memory(vmlinux, begin, end)
    places = [begin + offset + struct.unpack_from("<i", data, offset)[0]
              for offset in range(0, len(data) - 15, 16)]
    return sorted(places)


def _memory(elf: bytes, begin: int, end: int) -> bytes:
    """The contents of an ELF file at these addresses."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ValueError("it is not a 64-bit little-endian ELF file")
    offset, = struct.unpack_from("<Q", elf, 0x20)
    size, number = struct.unpack_from("<HH", elf, 0x36)
    for place in range(offset, offset + size * number, size):
        kind, _, at, address, _, length = struct.unpack_from("<IIQQQQ", elf, place)
        if kind == 1 and address <= begin and end <= address + length:
            return elf[at + begin - address:at + end - address]
    raise ValueError(f"the ELF file has no segment at {begin:#x}")


def _output(*argv: str | Path) -> str:
    return subprocess.run([str(arg) for arg in argv], check=True, capture_output=True,
                          text=True).stdout


def sizes(nm: str) -> dict[str, tuple[str, int]]:
    """The kind and size of each symbol in the output of llvm-nm -S; the sizes of static symbols
    with the same name are added."""
    found: dict[str, tuple[str, int]] = {}
    for line in nm.splitlines():
        words = line.split()
        if len(words) == 4:
            _, size, kind, name = words
            found[name] = kind, found.get(name, (kind, 0))[1] + int(size, 16)
    return found


def symbols(path: Path) -> dict[str, tuple[str, int]]:
    """The kind and size of each symbol of an object."""
    return sizes(_output(NM, "-S", path))


def functions(kernel: Kernel, seen: set[str]) -> list[Result]:
    """The functions of SURFACES on both sides that exist in the kernel, and the Rust functions in
    `seen`, which are those that the handlers executed."""
    symbols = kernel.symbols()
    names: list[tuple[str, str, str]] = []
    for surface in SURFACES:
        names += [(surface.name, "c", name) for name in surface.c if name in symbols]
        rust = sorted(name for name in symbols if re.search(surface.rust, name))
        names += [(surface.name, "rust", name) for name in rust if not CHECKING.search(name)]
    names += [("", "rust", name) for name in sorted(seen & symbols.keys())
              if name.startswith(("_R", "rust_helper_"))]
    code = disassembled(_output(
        OBJDUMP, "-d", "--no-show-raw-insn",
        f"--disassemble-symbols={','.join(name for _, _, name in names)}", kernel.vmlinux))
    keys = jump_table(kernel.vmlinux.read_bytes(), symbols["__start___jump_table"],
                      symbols["__stop___jump_table"])
    rows: list[Result] = []
    for surface_name, side, name in names:
        function = code.get(name, Function())
        begin = symbols[name]
        function.static_keys = (bisect_left(keys, begin + 4 * function.instructions)
                                - bisect_left(keys, begin))
        rows.append({"surface": surface_name, "side": side, "name": name, **vars(function)})
    plain = demangled(row["name"] for row in rows)
    for row in rows:
        row["name"] = plain[row["name"]]
    return rows


def demangled(names: Iterable[str]) -> dict[str, str]:
    """Rust's names as in the sources."""
    asked = list(dict.fromkeys(names))
    found = _output(CXXFILT, *asked).splitlines() if asked else []
    return {name: _HASH.sub("", plain) for name, plain in zip(asked, found, strict=True)}


@dataclass
class Sizes:
    """Sizes in bytes."""
    # The C functions in the kernel without the overlay
    c_text: int = 0
    c_data: int = 0
    # The Rust code that serves, that compares (mode check), and the tests
    serving: int = 0
    checking: int = 0
    kunit: int = 0
    abstractions: int = 0
    core: int = 0
    rust_data: int = 0
    c_functions: dict[str, int] = field(default_factory=dict)


def is_text(kind: str) -> bool:
    return kind in "TtWw"


def rust_sizes(into: Sizes, kvm: dict[str, tuple[str, int]], kernel: dict[str, tuple[str, int]],
               core: dict[str, tuple[str, int]]) -> None:
    for name, (kind, size) in kvm.items():
        if not is_text(kind):
            continue
        if KUNIT.search(name):
            into.kunit += size
        elif CHECKING.search(name):
            into.checking += size
        else:
            into.serving += size
    for name, (kind, size) in kernel.items():
        if KERNEL_KVM.match(name) and not KUNIT.search(name):
            if is_text(kind):
                into.abstractions += size
            else:
                into.rust_data += size
    into.core = sum(size for kind, size in core.values() if is_text(kind))


def section_data(size_output: str) -> int:
    """The size of an object's data sections, from the output of llvm-size -A."""
    return sum(int(words[1]) for line in size_output.splitlines()
               if len(words := line.split()) == 3 and words[1].isdigit()
               and re.match(r"\.(ro)?data|\.bss", words[0]))


def measure_sizes(output: Path, without: Kernel | None) -> Sizes:
    found = Sizes()
    if without:
        there = symbols(without.vmlinux)
        for surface in SURFACES:
            for name in surface.c:
                if name in there:
                    found.c_functions[name] = there[name][1]
            found.c_data += sum(there[name][1] for name in surface.data if name in there)
        found.c_text = sum(found.c_functions.values())
    kvm = symbols(output / KVM_OBJECT)
    rust_sizes(found, kvm, symbols(output / KERNEL_OBJECT), symbols(output / CORE_OBJECT))
    # Subtract the named data of the tests. Constants have no names: those of the tests remain.
    named = sum(size for name, (kind, size) in kvm.items()
                if not is_text(kind) and KUNIT.search(name))
    found.rust_data += section_data(_output(SIZE, "-A", output / KVM_OBJECT)) - named
    return found
