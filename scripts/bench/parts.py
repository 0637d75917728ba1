# SPDX-License-Identifier: GPL-2.0
"""What the text of the Rust code is for, in bytes beside that of the C functions."""

import re
from pathlib import Path

from bench import code
from bench.code import CHECKING, KUNIT, SURFACES
from bench.result import Result

# The text that serves may have this part of C's, in percent. C's is that of the surfaces without
# the writes of ID registers, which came later.
SERVES_PERCENT = 150
LATER = ("id_reg",)

OPT_INS, CONFIG, LEVELS = "opt-ins", "KVM_ARM_VM_CONFIG", "levels"
CHECK, TESTS, OTHER = "mode check", "KUnit tests", "other"

# The first pattern that a name has decides. Rust's names are mangled, but in the order of the
# sources: the type of an implementation or a function comes before its generic arguments.
_PARTS = (
    (TESTS, KUNIT),
    (CHECK, CHECKING),
    (CONFIG, re.compile(r"^kvm_arm_rust_vm_config|^_R.*9vm_config")),
    (LEVELS, re.compile(r"^kvm_arm_rust_(compat|num_level_regs)|^_R.*6compat"
                        r"|^_R.*12enable_level")),
    (OPT_INS, re.compile(
        r"^kvm_arm_rust_(extension|enable_cap|reg_mask_ranges|get_vm_reg|copy_vm_reg|has_canonical"
        r"|uaccess_canonical|has_filter_list|get_filter_list|vm_one_reg|one_reg|list_id"
        r"|vcpu_features_fit)"
        r"|^_R.*6opt_in|^_R.*promise|^_R.*Promise|^_R.*HostWorkarounds")),
    # What only KVM_ARM_VM_CONFIG calls
    (CONFIG, re.compile(r"^_R.*6id_reg7surface.*5amend")),
)
_SURFACES = tuple((surface.name, re.compile(pattern)) for surface in SURFACES
                  for pattern in (surface.rust, rf"^_R.*{len(surface.name)}{surface.name}"))


def part(name: str) -> str:
    """What a function of the Rust object is for: a surface that it serves, or one of the above."""
    for what, pattern in _PARTS + _SURFACES:
        if pattern.search(name):
            return what
    return OTHER


def split(kvm: dict[str, tuple[str, int]]) -> dict[str, int]:
    """The text of each part, from the symbols of the object."""
    found: dict[str, int] = {}
    for name, (kind, size) in kvm.items():
        if code.is_text(kind):
            found[part(name)] = found.get(part(name), 0) + size
    return found


def measure(output: Path) -> dict[str, int]:
    """The text of each part, from the built kernel's output directory."""
    return split(code.symbols(output / code.KVM_OBJECT))


def c_text(sizes: Result, surface: str) -> int:
    """The text of a surface's C functions, in the kernel without the overlay."""
    names = next(s.c for s in SURFACES if s.name == surface)
    return sum(sizes["c_functions"].get(name, 0) for name in names)


def serves(sizes: Result) -> tuple[int, int]:
    """The text of all surfaces in Rust, and that of C to compare it with."""
    names = [surface.name for surface in SURFACES]
    return (sum(sizes["parts"].get(name, 0) for name in names),
            sum(c_text(sizes, name) for name in names if name not in LATER))


def rows(sizes: Result) -> list[list[str]]:
    """[what, C, Rust] for each part."""
    names = [surface.name for surface in SURFACES]
    table = [[name, str(c_text(sizes, name)), str(sizes["parts"].get(name, 0))] for name in names]
    table.append(["serves", str(sum(int(c) for _, c, _ in table)),
                  str(sum(int(rust) for *_, rust in table))])
    for what in (OPT_INS, CONFIG, LEVELS, CHECK, TESTS, OTHER):
        table.append([what, "-", str(sizes["parts"].get(what, 0))])
    return table
