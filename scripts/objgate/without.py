# SPDX-License-Identifier: GPL-2.0
"""A kernel without CONFIG_KVM_ARM64_RUST contains nothing of the project.

Usage: python3 -m objgate.without KOUT

KOUT is the build of such a kernel. No object of the project is built, and no symbol of
the project is in vmlinux.

What it prints is what is wrong, a line for each.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from findings import report
from objgate.panics import NM, Unusable, output

# Directories and files that only the project has
OBJECTS = ("arch/arm64/kvm/rust", "rust/kvm_abi.o")
VMLINUX = "vmlinux"
# Every kernel with KVM has this function. Without it the list of symbols is useless.
KVM = "kvm_arch_vcpu_ioctl_run"

# The names that the project gives
OURS = re.compile(
    # include/kvm, arch/arm64/kvm/rust
    r"kvm_arm_(?:rust|abi|c|slow|check|opt_in|compat)_"
    r"|kvm_arm_(?:(?:un)?lock_all_vcpus|(?:read|write)_vm_(?:id_regs?|gic(?:_cpus|_fields)?)"
    r"|(?:read|store)_promise|find_filter_range)\b"
    r"|kvm_arm_gic_\w+|kvm_arm_use_(?:gic_fields|compat)\b"
    r"|kvm_arm_host_c(?:lid|csid)r\b|kvm_arm_hides_sys_reg\b"
    r"|kvm_arm_(?:gicv3_state|note_(?:stored_)?id_reg|reg_masks_lock|sys_reg_mask|use_opt_ins)\b"
    # include/trace/events, rust/helpers
    r"|kvm_arm64_(?:rust|abi_mismatch|[gs]et_fw_reg)"
    r"|rust_helper_(?:kvm|vcpu|vgic)_"
    # Rust: the core crate, the exports, the module of the kernel's crate
    r"|kvm_abi|9kvm_arm64|6kernel3kvm"
    # Static functions that the patches add
    r"|^(?:check_set_id_reg|kvm_psci_\w+_watched|kvm_hyp_(?:handle|fast)_(?:hvc|smc)"
    r"|(?:get_reg_writable_masks|kvm_arm_init_hypercalls"
    r"|vgic_mmio_\w+_vcpuif)_(?:c|rust|slow))$")


def symbols(path: Path) -> set[str]:
    """The names in a symbol table."""
    return {line.split()[-1] for line in output(NM, str(path)).splitlines() if line.strip()}


def findings(kout: Path) -> Iterator[str]:
    """What is wrong with a build."""
    for name in OBJECTS:
        place = kout / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.o")):
            yield f"{path.relative_to(kout)}: is built"
    there = symbols(kout / VMLINUX)
    if KVM not in there:
        yield f"{VMLINUX}: has no {KVM}: is KVM in it?"
    for symbol in sorted(there):
        if OURS.search(symbol):
            yield f"{VMLINUX}: has {symbol}"


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m objgate.without KOUT", file=sys.stderr)
        return 2
    return report(lambda: findings(Path(sys.argv[1])), Unusable)


if __name__ == "__main__":
    sys.exit(main())
