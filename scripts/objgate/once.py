# SPDX-License-Identifier: GPL-2.0
"""Check that the decision about a hypercall is in the object once.

Usage: python3 -m objgate.once KOUT

With and without a filter, and whether or not the vCPU has left its guest, the same function
decides. In mode check and in the tests there are others. The words of a UUID show which ones do.

Prints a line for each problem.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from findings import report
from objgate import disasm
from objgate.fast import calls, parts
from objgate.panics import Unusable, output

OBJECT = "arch/arm64/kvm/rust/kvm_arm64.o"
# The second half of a word of KVM's UID
_UUID = re.compile(r"\tmovk\t[wx]\d+, #0xb66f, lsl #16")
_OTHERS = re.compile(r"kvm_arm_check_|9kvm_arm645check|kunit|KUNIT")
# Those that must call the function that decides
CALLERS = re.compile(r"kvm_arm_rust_smccc_(?:call_handler|fast_call)"
                     r"|_RNv\w*_9kvm_arm645smccc6exited8filtered")
# A function of another section: in the object it has no name there
_AWAY = re.compile(r"R_AARCH64_(?:CALL|JUMP)26\s+\.text\+0x([0-9a-f]+)$", re.MULTILINE)
_PLACE = re.compile(r"^([0-9a-f]+) <(.+)>:$")


def places(text: str) -> dict[int, str]:
    """The functions of the section .text by their addresses."""
    found: dict[int, str] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("Disassembly of section "):
            section = line.split()[-1]
        elif section == ".text:" and (head := _PLACE.match(line)):
            found[int(head.group(1), 16)] = head.group(2)
    return found


def callees(lines: list[str], at: dict[int, str]) -> set[str]:
    """The functions that are called."""
    away = (at.get(int(place, 16), "") for place in _AWAY.findall("\n".join(lines)))
    return {*calls(lines), *away}


def findings(text: str) -> Iterator[str]:
    """The problems of the object, from its disassembly with relocations."""
    functions = {name: lines for name, lines in parts(text).items() if not _OTHERS.search(name)}
    decide = sorted(name for name, lines in functions.items()
                    if any(_UUID.search(line) for line in lines))
    if len(decide) != 1:
        yield f"{len(decide)} functions decide a hypercall: {' '.join(decide)}"
        return
    callers = [name for name in functions if CALLERS.fullmatch(name)]
    if len(callers) != 3:
        yield f"of the three ways to a decision there are: {' '.join(callers)}"
    at = places(text)
    for name in callers:
        if decide[0] not in callees(functions[name], at):
            yield f"{name} does not call {decide[0]}"


def of_build(kout: Path) -> Iterator[str]:
    """The problems of a build."""
    yield from findings(output(disasm.OBJDUMP, "-dr", "--no-show-raw-insn", str(kout / OBJECT)))


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m objgate.once KOUT", file=sys.stderr)
        return 2
    return report(lambda: of_build(Path(sys.argv[1])), Unusable)


if __name__ == "__main__":
    sys.exit(main())
