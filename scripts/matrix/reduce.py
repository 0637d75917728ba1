# SPDX-License-Identifier: GPL-2.0
"""Reduce the dumps of a CPU to what the rules of the levels are tested with.

    python3 -B -m matrix.reduce OUT DUMP...

Each DUMP is a file of `kvmfit dump` that is named after its kernel: 6.1.json, and first own.json,
which is this project's. OUT is a file of rust/kvm_abi/tests/data/compat, named after the CPU; its
lines:

    kernel NAME        what follows is of this kernel
    mask ID VALUE      the bits of an ID register that userspace may change, of any VM
    vm FEATURES        what follows is of a new VM with these features
    list ID...         the ids of its registers, in order
    id ID VALUE        the value of an ID register that all vCPUs share, or of one about caches
    psci VALUE...      the versions of PSCI that it takes; the first one is that of a new VM

All numbers are hexadecimal. An id is a letter for its class, and its number there: s for a system
register, f for a firmware register, b for a bitmap, d for a cache. Registers of the core, of SVE,
and of the counters of the PMU are left out: no level changes them. So are lines that are as in
this project's kernel, but for those of lists.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLASSES = {0x11: "d", 0x13: "s", 0x14: "f", 0x16: "b"}
PSCI_VERSION = 0x6030000000140000
CLIDR_EL1, CTR_EL0 = "sc801", "sd801"
# PMEVCNTR<n>_EL0 and PMEVTYPER<n>_EL0
COUNTERS = range(0xdf40, 0xdf7f)
VMS = (["psci_0_2"], ["pmu_v3", "psci_0_2"])

# Apart from its value: both in a line would be this file's own
TAG = "SPDX-License-Identifier"


def short(reg: int) -> str:
    """The id as it is written here, "" for one that is left out."""
    letter = CLASSES.get(reg >> 16 & 0xfff, "")
    number = reg & 0xffff
    return "" if not letter or letter == "s" and number in COUNTERS else f"{letter}{number:x}"


def is_id(reg: str) -> bool:
    """Whether the value is compared."""
    return reg[0] == "d" or reg in (CLIDR_EL1, CTR_EL0) or "sc008" <= reg <= "sc03f"


def of_vm(vm: dict[str, Any]) -> Iterator[str]:
    """The lines of a VM, apart from the first one."""
    registers = {int(entry["id"], 16): entry for entry in vm["registers"]}
    ids = {short(reg): entry["value"] for reg, entry in registers.items() if short(reg)}
    yield " ".join(["list", *ids])
    for reg, value in ids.items():
        if is_id(reg):
            yield f"id {reg} {int(value, 16):x}"
    psci = registers[PSCI_VERSION]
    others = [value for value in psci["takes"]["values"] if value != psci["value"]]
    yield " ".join(["psci", *(f"{int(value, 16):x}" for value in (psci["value"], *others))])


Parts = dict[str, list[str]]


def parts(dump: dict[str, Any]) -> Parts:
    """The lines of a kernel, by the line before them."""
    masks = (dump.get("masks") or {}).get("range 0", {})
    found = {"": [f"mask {short(int(reg, 16))} {int(mask, 16):x}" for reg, mask in masks.items()]}
    for vm in dump["vms"]:
        if sorted(vm["features"]) in VMS:
            found[f"vm {','.join(sorted(vm['features']))}"] = list(of_vm(vm))
    return found


def differ(found: Parts, own: Parts) -> Iterator[str]:
    """The lines that are not as in this project's kernel."""
    for head, lines in found.items():
        if head:
            yield head
        as_own = set(own.get(head, [])) if found is not own else set()
        yield from (line for line in lines if line.startswith("list") or line not in as_own)
        if not head and found is not own and lines:
            named = {line.split()[1] for line in lines}
            yield from (f"mask {reg} 0" for reg in
                        (line.split()[1] for line in own[head]) if reg not in named)


def main() -> int:
    out, *dumps = map(Path, sys.argv[1:])
    lines = [f"# {TAG}: GPL-2.0",
             "# Made by scripts/matrix/reduce.py, which says what this means"]
    found = {path.stem: parts(json.loads(path.read_text(encoding="utf-8"))) for path in dumps}
    for name, of_kernel in found.items():
        lines += [f"kernel {name}", *differ(of_kernel, found["own"])]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
