# SPDX-License-Identifier: GPL-2.0
"""What a VMM says when it does not resume a VM, and which registers that names."""

import re
from dataclasses import dataclass, field

_SYSREG, _FIRMWARE, _BITMAP, _DEMUX = (
    0x6030000000130000, 0x6030000000140000, 0x6030000000160000, 0x6020000000110000)
_PSCI_VERSION = _FIRMWARE
# The trace event kvm_failed_reg_set
_TRACE = re.compile(r"kvm_failed_reg_set Warning: Unable to set ONEREG (\d+) to KVM: (.*)")
# Lists of different lengths: QEMU 10 takes no longer one than its own.
_LENGTH = re.compile(r"Invalid value (\d+) expecting positive value <= (\d+)")
_NAMES = (
    (re.compile(r"system register op0:(\d) op1:(\d) crn:(\d+) crm:(\d+) op2:(\d)"),
     lambda m: _SYSREG | m[0] << 14 | m[1] << 11 | m[2] << 7 | m[3] << 3 | m[4]),
    (re.compile(r"fw reg (\d+)"), lambda m: _FIRMWARE | m[0]),
    (re.compile(r"fw feat reg (\d+)"), lambda m: _BITMAP | m[0]),
    (re.compile(r"does not support PSCI version (\d+)\.(\d+)"), lambda m: _PSCI_VERSION),
)
# The small VMM
_NUMBER = re.compile(r"register (0x[0-9a-f]{16}) ")
_DEMUXED = re.compile(r"demuxed reg ([0-9a-f]+)")
# QEMU goes on after these: the register keeps the value of a new VM.
_SKIPPED = "expected by the destination but not in the incoming stream: skip it"


@dataclass(frozen=True)
class Said:
    """What QEMU said."""
    # Its messages, without the traces
    messages: tuple[str, ...] = ()
    # The registers that its messages name
    named: frozenset[int] = frozenset()
    # The registers that KVM refused, with the error, from the traces
    refused: dict[int, str] = field(default_factory=dict)
    # The number of registers in the stream, and of the new VM, if these do not fit
    lengths: tuple[int, int] | None = None


def registers(line: str) -> set[int]:
    """The registers that a message names."""
    found = {number(tuple(map(int, match))) for pattern, number in _NAMES
             for match in (m.groups() for m in pattern.finditer(line))}
    found |= {int(number, 16) for number in _NUMBER.findall(line)}
    return found | {_DEMUX | int(match, 16) & 0xffff for match in _DEMUXED.findall(line)}


def parse(text: str) -> Said:
    """What QEMU wrote to its standard error."""
    messages: list[str] = []
    named: set[int] = set()
    refused: dict[int, str] = {}
    lengths = None
    for line in text.splitlines():
        if match := _TRACE.search(line):
            refused[int(match[1])] = match[2]
        elif line.strip() and line not in messages:
            messages.append(line)
            if _SKIPPED not in line:
                named |= registers(line)
            if match := _LENGTH.search(line):
                lengths = int(match[1]), int(match[2])
    return Said(tuple(messages), frozenset(named), refused, lengths)
