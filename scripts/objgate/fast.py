# SPDX-License-Identifier: GPL-2.0
"""Check what runs between an exit from a guest and the next entry, on VHE.

Usage: python3 -m objgate.fast KOUT

There RCU does not watch, the guest's registers are loaded, and the vectors are those of the
hypervisor, where an exception of the host is a panic. So the functions that answer a hypercall
without leaving the guest must call no others than those listed here, which read some words and
return; call nothing through a pointer; and not raise an exception on purpose. Instrumentation is
what the C code there has as well: reports of KASAN, which are not on the way of correct code.

The functions of a build (KOUT) are looked at, and the functions of the same object that they call.
Some of these need a vCPU that has left its guest. They ask whether it has before they call
anything, and return if not. The Rust functions have no probes, whose exception would be a panic,
too: they are in a section without.

Prints a line for each problem.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from findings import report
from objgate import disasm
from objgate.panics import Unusable, output

# Each object, and the functions that begin there
OBJECTS = {
    "arch/arm64/kvm/hyp/vhe/switch.o": ("kvm_hyp_handle_hvc", "kvm_hyp_handle_smc"),
    "arch/arm64/kvm/rust/kvm_arm64.o": ("kvm_arm_rust_smccc_fast_call",),
}
ALLOWED = re.compile(
    r"kvm_arm_rust_smccc_fast_call"
    # The IT state of 32-bit callers, and whether the host supports them
    r"|kvm_skip_instr32|read_sanitised_ftr_reg"
    r"|arm64_get_spectre_(?:v2|v4|bhb)_state"
    # Where helpers of C are out of line
    r"|rust_helper_(?:vcpu_has_feature|kvm_arm_opt_in_used|kvm_has_feat_ssbs)"
    r"|__asan_report_(?:load|store)(?:\d+|_n)_noabort|__asan_(?:load|store)(?:\d+|N)_noabort")

NO_PROBES = ".kprobes.text"
# They need a vCPU that has left its guest, and get its pointer and whether it has.
EXITED = re.compile(r"_RNv\w*_9kvm_arm645smccc6exited\w+")

_ASKS = re.compile(r"\t(?:cbn?z\tw1, |tbn?z\tw1, #0x0, )")
_CALL = re.compile(r"\t(?:bl?)\t0x[0-9a-f]+ <([^+>]+)(?:\+0x[0-9a-f]+)?>$")
_RELOCATION = re.compile(r"^\s*[0-9a-f]+:\s+R_AARCH64_(?:CALL|JUMP)26\s+(.+?)(?:[+-]0x[0-9a-f]+)?$")
_INDIRECT = re.compile(r"\t(blr\w*|br|bra[ab]z?)\t")
# cpus_have_final_cap() before the host has booted; the path is never taken
_BRK = re.compile(r"\tbrk\t#?(0x[0-9a-f]+)")
_BUG = "0x800"


def sections(text: str) -> dict[str, str]:
    """The section of each function."""
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("Disassembly of section "):
            section = line.split()[-1].rstrip(":")
        elif head := disasm.HEAD.match(line):
            found[head.group(1)] = section
    return found


def parts(text: str) -> dict[str, list[str]]:
    """The lines of each function."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if head := disasm.HEAD.match(line):
            name = head.group(1)
        elif name:
            found.setdefault(name, []).append(line)
    return found


def calls(lines: list[str]) -> Iterator[str]:
    """The functions that are called. In an object, a call of another object has a relocation, and
    its operand is the function itself."""
    for place, line in enumerate(lines):
        following = lines[place + 1] if place + 1 < len(lines) else ""
        if target := _RELOCATION.match(following):
            yield target.group(1)
        elif target := _CALL.search(line):
            yield target.group(1)


def asks_first(lines: list[str]) -> bool:
    """Whether a function looks at its second argument before its first call."""
    for place, line in enumerate(lines):
        if _ASKS.search(line):
            return True
        if _INDIRECT.search(line) or any(calls(lines[place:place + 2])):
            return False
    return False


def has_probes(shown: str, name: str, where: dict[str, str]) -> Iterator[str]:
    """In C, NOKPROBE_SYMBOL() does the same without a section."""
    if shown.endswith("kvm_arm64.o") and where.get(name) != NO_PROBES:
        yield f"{shown}: {name} can have a probe"


def findings(shown: str, text: str, begin: tuple[str, ...]) -> Iterator[str]:
    """The problems of an object, from its disassembly with relocations."""
    functions, where = parts(text), sections(text)
    todo = [name for name in begin if name in functions]
    for name in sorted(set(begin) - functions.keys()):
        yield f"{shown}: there is no {name}"
    seen = set(todo)
    while todo:
        name = todo.pop()
        lines = functions[name]
        yield from has_probes(shown, name, where)
        for line in lines:
            if found := _INDIRECT.search(line):
                yield f"{shown}: {name} has {found.group(1)}"
            if (found := _BRK.search(line)) and not (
                    found.group(1) == _BUG and shown.endswith("switch.o")):
                yield f"{shown}: {name} has brk {found.group(1)}"
        for target in sorted(set(calls(lines)) - {name}):
            if target in functions and EXITED.fullmatch(target):
                yield from has_probes(shown, target, where)
                if not asks_first(functions[target]):
                    yield (f"{shown}: {target} does not ask first whether the vCPU has left its "
                           "guest")
            elif target in functions and target not in seen:
                seen.add(target)
                todo.append(target)
            elif target not in functions and not ALLOWED.fullmatch(target):
                yield f"{shown}: {name} calls {target}"


def of_build(kout: Path) -> Iterator[str]:
    """The problems of a build."""
    for path, begin in OBJECTS.items():
        text = output(disasm.OBJDUMP, "-dr", "--no-show-raw-insn", str(kout / path))
        yield from findings(path, text, begin)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m objgate.fast KOUT", file=sys.stderr)
        return 2
    return report(lambda: of_build(Path(sys.argv[1])), Unusable)


if __name__ == "__main__":
    sys.exit(main())
