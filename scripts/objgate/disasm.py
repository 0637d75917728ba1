# SPDX-License-Identifier: GPL-2.0
"""AArch64 functions from llvm-objdump's output: instructions, blocks, written registers."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OBJDUMP = "/usr/bin/llvm-objdump-22"

HEAD = re.compile(r"^[0-9a-f]+ <(.+)>:$")
_INSN = re.compile(r"^\s*([0-9a-f]+):\s+([a-z][a-z0-9.]*)\s*(.*)$")
_TARGET = re.compile(r"\b0x([0-9a-f]+) <")
_REGISTER = re.compile(r"\b[wx](\d+)\b")

# Instructions that write no general register
_NO_RESULT = re.compile(
    r"(cmp|cmn|tst|ccmp|ccmn|b|b\..*|bl|blr.*|br.*|cbn?z|tbn?z|ret.*|nop|hint|csdb|dmb|dsb|isb|sb"
    r"|prf.*|brk|hvc|smc|svc|eret|msr|dc|ic|at|tlbi|bti|pac.*|aut.*|clrex|sev|sevl|wf[ei]|yield|udf"
    r"|st(r|rb|rh|ur|urb|urh|p|np|tr|trb|trh|lr|lrb|lrh|lur|lurb|lurh|add.*|clr.*|eor.*|set.*"
    r"|smax.*|smin.*|umax.*|umin.*))$")
_PAIR = re.compile(r"ld(p|psw|np|xp|axp)$")
# Instructions that load memory into their second register
_SECOND = re.compile(r"(swp|ldadd|ldclr|ldeor|ldset|ldsmax|ldsmin|ldumax|ldumin)")
_BRANCH = re.compile(r"(b|b\..*|cbn?z|tbn?z)$")
_END = re.compile(r"(b|br.*|ret.*|eret|brk|udf)$")
_CALLER_SAVED = tuple(range(19)) + (30,)


@dataclass(frozen=True)
class Insn:
    """An instruction."""
    address: int
    name: str
    operands: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"{self.name} {', '.join(self.operands)}".strip()

    @property
    def target(self) -> int | None:
        """The target of a branch, if it is an operand; calls have none."""
        found = _TARGET.search(self.operands[-1]) if self.operands else None
        return int(found.group(1), 16) if found and _BRANCH.match(self.name) else None

    @property
    def ends(self) -> bool:
        """Whether the next instruction is never executed directly after this one."""
        return bool(_END.match(self.name))

    @property
    def memory(self) -> tuple[str, ...] | None:
        """The parts of the address, if it accesses memory."""
        for operand in self.operands:
            if operand.startswith("["):
                return split(operand[1:operand.index("]")])
        return None

    def written(self) -> tuple[int, ...]:
        """The numbers of the general registers that it writes."""
        if self.name == "bl" or self.name.startswith("blr"):
            return _CALLER_SAVED
        found: list[str] = []
        if not _NO_RESULT.match(self.name):
            first = 1 if _SECOND.match(self.name) else 0
            found += self.operands[first:first + (2 if _PAIR.match(self.name) else 1)]
        for place, operand in enumerate(self.operands):
            # The address is written back: [x0, #8]!, or [x0], #8
            after = place + 1 < len(self.operands)
            if operand.startswith("[") and (after or operand.endswith("!")):
                found.append(split(operand[1:operand.index("]")])[0])
        return tuple(n for name in found if (n := register(name)) is not None)


def register(operand: str) -> int | None:
    """The number of a general register."""
    found = _REGISTER.fullmatch(operand)
    return int(found.group(1)) if found else None


def split(operands: str) -> tuple[str, ...]:
    """Split operands at the commas outside of addresses."""
    parts = re.split(r",\s*(?![^\[]*\])", operands.strip())
    return tuple(part.strip() for part in parts if part.strip())


def functions(text: str) -> Iterator[tuple[str, list[Insn]]]:
    """Each function of a disassembly without raw instructions."""
    name, found = "", list[Insn]()
    for line in text.split("\n"):
        if head := HEAD.match(line):
            if found:
                yield name, found
            name, found = head.group(1), []
        elif insn := _INSN.match(line):
            address, mnemonic, operands = insn.groups()
            operands = re.sub(r"\s*//.*$", "", operands)
            found.append(Insn(int(address, 16), mnemonic, split(operands)))
    if found:
        yield name, found


def blocks(function: list[Insn]) -> Iterator[list[Insn]]:
    """The basic blocks of a function: each can be entered only at its beginning."""
    begins = {insn.target for insn in function}
    block: list[Insn] = []
    for insn in function:
        if block and insn.address in begins:
            yield block
            block = []
        block.append(insn)
        if insn.ends or insn.target is not None:
            yield block
            block = []
    if block:
        yield block


def disassemble(path: Path) -> str:
    """Returns llvm-objdump's output for an object."""
    return subprocess.run(
        [OBJDUMP, "-d", "--no-show-raw-insn", "--demangle", str(path)],
        check=True, capture_output=True, text=True).stdout
