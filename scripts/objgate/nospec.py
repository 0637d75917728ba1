# SPDX-License-Identifier: GPL-2.0
"""Check that an index from a guest or a VMM is clamped also under speculation.

Usage: python3 -m objgate.nospec KOUT

A CPU that mispredicts a bounds check reads memory at an unchecked index, and its later
actions reveal the value that it read (Spectre-v1). C uses array_index_nospec(): compare,
turn the result into a mask, CSDB, index & mask.

This checks the objects of a build (KOUT):

- The Rust code must not access memory by an index that is neither masked in that way
  nor always within a page, and must not jump through a table. Our Rust code has no
  arrays that are indexed from outside, but the compiler can turn a `match` into an
  array, which the source does not show.
- The C code that shares a file with the shims, or that the Rust code relies on, must
  have the mask and use the masked index.

Not found is an index into bytes, which has no scale, if it is added to the address
before the comparison, in another function than the comparison, or after it was stored in
memory: then the sum looks like any pointer.

Prints a line for each problem.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from objgate import disasm
from objgate.disasm import Insn, register

# What is known about a register's value: the number of bits that it has at most, even
# under speculation, or one of the kinds below. Nothing is known about a register that
# is not in the state.
COMPARED = "compared"		# it was compared: it may be an index
MASK = "mask"			# all ones or zeros by a comparison, before CSDB
SAFE_MASK = "safe mask"		# the same after CSDB
MASKED = "masked"		# an index with its mask applied, before CSDB
CLAMPED = "clamped"		# the same after CSDB
SCALED = "scaled"		# an unclamped index times the size of an entry
INDEXED = "indexed"		# an address computed from an unclamped index
CLAMPED_ADDRESS = "clamped address"	# an address computed from a clamped index

Kind = str | int | None
State = dict[int, str | int]

# The bits of an offset in bytes that stays within a page
REACH = 12

_COMPARISONS = ("cmp", "cmn", "ccmp", "ccmn")
_EXTENDED = re.compile(r"(lsl|[us]xt[bhwx])(?: #(\d+))?$")
_WIDTHS = {"ldrb": 8, "ldurb": 8, "ldtrb": 8, "ldrh": 16, "ldurh": 16, "uxtb": 8, "uxth": 16,
           "cset": 1}


@dataclass
class Found:
    """Accesses and jumps found in a function."""
    unclamped: list[Insn] = field(default_factory=list)
    tables: list[Insn] = field(default_factory=list)
    clamped: int = 0


def look(function: list[Insn]) -> Found:
    """Follows the values of the registers through a function."""
    blocks = list(disasm.blocks(function))
    place = {block[0].address: i for i, block in enumerate(blocks)}
    ways = [_ways(block, i, place) for i, block in enumerate(blocks)]
    # Blocks that no branch leads to are entered by other means, such as an exception
    # table, a static key or a jump table: nothing is known at their beginning.
    reached = {following for way in ways for following in way}
    begin: dict[int, State] = {i: {} for i in range(len(blocks)) if i == 0 or i not in reached}
    todo = list(begin)
    while todo:
        now = todo.pop()
        state = dict(begin[now])
        for insn in blocks[now]:
            _step(insn, state)
        for following in ways[now]:
            met = _meet(begin.get(following), state)
            if met != begin.get(following):
                begin[following] = met
                todo.append(following)

    found = Found()
    for i, block in enumerate(blocks):
        # An unreachable loop has no state at its beginning.
        state = dict(begin.get(i, {}))
        for insn in block:
            _judge(insn, state, found)
            _step(insn, state)
    return found


def _ways(block: list[Insn], number: int, place: dict[int, int]) -> list[int]:
    """The blocks that may be executed next."""
    last = block[-1]
    following = [place[last.target]] if last.target in place else []
    if not last.ends and number + 1 < len(place):
        following.append(number + 1)
    return following


def _meet(one: State | None, other: State) -> State:
    """What is known where two paths join: for each register the worse of both."""
    if one is None:
        return dict(other)
    met: State = {}
    for reg in one.keys() | other.keys():
        a, b = one.get(reg), other.get(reg)
        if a == b and a is not None:
            met[reg] = a
        elif isinstance(a, int) and isinstance(b, int):
            met[reg] = max(a, b)
        elif worse := next((kind for kind in (INDEXED, SCALED, COMPARED) if kind in (a, b)), None):
            met[reg] = worse
    return met


def _kind(operand: str, state: State) -> Kind:
    if operand in ("xzr", "wzr"):
        return 0
    value = _immediate(operand)
    if value is not None:
        return value.bit_length() if value >= 0 else None
    number = register(operand)
    return None if number is None else state.get(number)


def _unknown(kind: Kind) -> bool:
    return kind in (None, COMPARED)


def _immediate(operand: str) -> int | None:
    return int(operand[1:], 0) if operand.startswith("#") else None


def _result(insn: Insn, state: State) -> Kind:
    """What is known about the first register that an instruction writes."""
    ops = insn.operands
    kinds = [_kind(op, state) for op in ops[1:]]
    widths = [kind for kind in kinds if isinstance(kind, int)]
    match insn.name:
        case "mov":
            return kinds[0]
        case "ngc" if widths == [0]:
            return MASK
        case "sbc" if widths == [0, 0]:
            return MASK
        case "and" if SAFE_MASK in kinds:
            return CLAMPED
        case "and" if MASK in kinds:
            return MASKED
        case "and" if len(ops) == 3:
            return min(widths, default=None)
        case "ubfx":
            return _immediate(ops[3])
        case "bfi" if isinstance(kept := _kind(ops[0], state), int):
            return max(kept, (_immediate(ops[2]) or 0) + (_immediate(ops[3]) or 0))
        case "csel" | "orr" | "eor" if len(widths) >= 2:
            return max(widths[:2])
        case "cinc" | "csinc" if len(widths) >= len(ops) - 2:
            return min(max(widths) + 1, 64)
        case "lsr" if isinstance(kinds[0], int):
            return max(kinds[0] - (_immediate(ops[2]) or 0), 0)
        case "lsl":
            if not _immediate(ops[2]):
                return None
            return SCALED if _unknown(kinds[0]) else kinds[0]
        case "mul" | "umull" | "smull":
            return _product(kinds[:2])
        case "madd" | "umaddl" | "smaddl":
            return _address(_product(kinds[:2]), kinds[2])
        case "add" if len(ops) > 2 and _immediate(ops[2]) is None:
            return _address(_extended(kinds[1], ops[3:]), kinds[0])
        case "add" | "sub" if kinds[0] in (INDEXED, CLAMPED_ADDRESS, COMPARED):
            return kinds[0]
    return _WIDTHS.get(insn.name)


def _extended(kind: Kind, how: tuple[str, ...]) -> Kind:
    """The kind of an index after a shift or an extension within another instruction."""
    if not how or not (found := _EXTENDED.match(how[0])):
        return kind
    if _unknown(kind) and found.group(1) == "uxtb":
        kind = 8
    shift = int(found.group(2) or 0)
    if isinstance(kind, int):
        return kind + shift
    return SCALED if _unknown(kind) and shift else kind


def _product(kinds: list[Kind]) -> Kind:
    if CLAMPED in kinds:
        return CLAMPED
    return SCALED if any(map(_unknown, kinds)) else REACH


def _address(index: Kind, base: Kind) -> Kind:
    """The kind of the sum of an index and a base, in either order."""
    kinds = (index, base)
    # An index into bytes has no scale.
    of_bytes = COMPARED in kinds and all(map(_unknown, kinds))
    if SCALED in kinds or INDEXED in kinds or of_bytes:
        return INDEXED
    if CLAMPED in kinds or CLAMPED_ADDRESS in kinds:
        return CLAMPED_ADDRESS
    return None


def _step(insn: Insn, state: State) -> None:
    if insn.name == "csdb":
        for reg, kind in state.items():
            state[reg] = {MASK: SAFE_MASK, MASKED: CLAMPED}.get(str(kind), kind)
        return
    if insn.name in _COMPARISONS:
        for reg in map(register, insn.operands):
            if reg is not None:
                state.setdefault(reg, COMPARED)
    written = insn.written()
    kind = _result(insn, state) if written else None
    for reg in written:
        state.pop(reg, None)
    if kind is not None and register(insn.operands[0]) == written[0]:
        state[written[0]] = kind


def _judge(insn: Insn, state: State, found: Found) -> None:
    if insn.name.startswith("br") and insn.name != "brk":
        found.tables.append(insn)
    elif insn.name == "bl":
        found.clamped += any(state.get(n) in (CLAMPED, CLAMPED_ADDRESS) for n in range(8))
    elif insn.name.startswith("ret"):
        found.clamped += state.get(0) in (CLAMPED, CLAMPED_ADDRESS)
    elif insn.memory:
        base, *index = insn.memory
        kinds = [_kind(base, state)]
        if index and register(index[0]) is not None:
            kind = _extended(_kind(index[0], state), tuple(index[1:]))
            far = _unknown(kind) or isinstance(kind, int) and kind > REACH
            kinds.append(INDEXED if far else kind)
        if {INDEXED, SCALED, MASK, MASKED, SAFE_MASK}.intersection(kinds):
            found.unclamped.append(insn)
        elif CLAMPED in kinds + _stored(insn, state) or CLAMPED_ADDRESS in kinds:
            found.clamped += 1


def _stored(insn: Insn, state: State) -> list[Kind]:
    return [_kind(op, state) for op in insn.operands[:-1]] if insn.name.startswith("st") else []


# ---- What is checked ----

# Objects with Rust code, and which of their functions belong to the project
RUST = (
    ("arch/arm64/kvm/rust/kvm_arm64.o", re.compile("")),
    ("rust/kvm_abi.o", re.compile("")),
    ("rust/kernel.o", re.compile(r"\bkernel::kvm\b|\bkvm_abi\b")),
)
# Neither a guest nor a VMM can call these.
TESTS = re.compile("kunit", re.IGNORECASE)

# C functions, and how often each uses an index that it has clamped
C = (
    ("arch/arm64/kvm/vgic/vgic-mmio-v2.o", "vgic_mmio_read_apr", 1),
    ("arch/arm64/kvm/vgic/vgic-mmio-v2.o", "vgic_mmio_write_apr", 1),
    ("arch/arm64/kvm/vgic/vgic-mmio-v2.o", "vgic_mmio_write_target", 1),
    # The vCPU that a VMM names
    ("arch/arm64/kvm/vgic/vgic-kvm-device.o", "vgic_v2_parse_attr", 1),
    # The vCPU that a guest turns on
    ("arch/arm64/kvm/arm.o", "kvm_mpidr_to_vcpu", 1),
    ("arch/arm64/kvm/guest.o", "sve_reg_to_region", 1),
)

# How many accesses of a function have an index that does not come from outside
ALLOWED = (
    # A loop over an array that ends where the array does
    ("kvm_arm_rust_copy_vm_reg_indices", 1),
    ("kvm_arm_rust_get_vm_reg_list", 1),
    ("kvm_arm_check_nr_reg_masks", 2),
    ("kvm_arm_check_smccc_call", 1),
    # As above: the answers, of two pairs of words; the fields that depend on others, of seven
    # words and bytes; and the firmware registers
    ("kvm_arm_rust_vm_config", 10),
    ("<kvm_abi::vm_config::config::VmConfig>::list::<kvm_arm64::opt_in::vm_config::Entry, "
     "kernel::kvm::vm_config::LockedVm>", 1),
    # As above, and an entry that has four pairs of words
    ("kvm_arm64::opt_in::vm_config::empty_entries", 4),
    # As above, and a range of three words, which is pushed if there is room
    ("kvm_arm_rust_get_filter_list", 2),
    # As above, and the flags of a VM, which are a single word
    ("kvm_arm_rust_enable_cap", 2),
    ("kvm_arm64::opt_in::enable_level", 1),
    # As above: the rules of levels, of five words and bytes, and the ids that one has, of which C
    # asks for one after the other
    ("kvm_arm_rust_compat_place", 5),
    ("kvm_arm_rust_compat_first", 6),
)


def rust_findings(path: str, text: str, wanted: re.Pattern[str]) -> Iterator[str]:
    """The problems in the Rust code of an object."""
    allowed = dict(ALLOWED)
    for name, function in disasm.functions(text):
        if TESTS.search(name) or not wanted.search(name):
            continue
        found = look(function)
        for insn in found.tables:
            yield f"{path}: {name}: a jump through a table: {insn.text}"
        if len(found.unclamped) > allowed.get(name, 0):
            for insn in found.unclamped:
                yield f"{path}: {name}: the index is not clamped: {insn.text}"


def c_findings(path: str, text: str, name: str, uses: int) -> Iterator[str]:
    """The problems of a C function that must clamp its indices."""
    function = dict(disasm.functions(text)).get(name)
    if function is None:
        yield f"{path}: there is no function {name}"
    elif (clamped := look(function).clamped) < uses:
        yield f"{path}: {name}: only {clamped} of {uses} indices are clamped"


def findings(output: Path) -> list[str]:
    """All problems of a build."""
    texts = {path: disasm.disassemble(output / path)
             for path in sorted({path for path, *_ in RUST + C})}
    found: list[str] = []
    for path, wanted in RUST:
        found += rust_findings(path, texts[path], wanted)
    for path, name, uses in C:
        found += c_findings(path, texts[path], name, uses)
    return found


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m objgate.nospec KOUT", file=sys.stderr)
        return 2
    found = findings(Path(sys.argv[1]))
    for line in found:
        print(line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
