// SPDX-License-Identifier: GPL-2.0

//! The opt-ins of VMs.
//!
//! C headers: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h),
//! [`include/kvm/arm_abi.h`](srctree/include/kvm/arm_abi.h)

use crate::{
    bindings,
    build_assert::static_assert,
    ffi::{
        c_int,
        c_ulong, //
    }, //
};

use super::{
    abi::{
        CapLocked,
        CapVm,
        CompatLevel,
        EnableCap,
        FwLocked,
        FwMasks,
        GicV3State,
        OptIns,
        VmCaps, //
    },
    compat,
    view::{
        calls,
        fields, //
    },
    ConfigLock,
    Guard,
    Held,
    KvmLock,
    VcpusLock,
    Vm, //
};

/// The flag of a VM for bit 0 of [`OptIns`]; the flags for the other bits follow in order.
const FIRST_FLAG: u32 = bindings::KVM_ARCH_FLAG_FEATURE_LEVELS;

const fn is_flag(opt_ins: OptIns, flag: u32) -> bool {
    opt_ins.bits() == 1 << (flag - FIRST_FLAG)
}

static_assert!(EnableCap::MIGRATION == bindings::KVM_CAP_ARM_MIGRATION);
static_assert!(OptIns::FEATURE_LEVELS.bits() == bindings::KVM_ARM_MIGRATION_FEATURE_LEVELS);
static_assert!(OptIns::GIC_MASKS.bits() == bindings::KVM_ARM_MIGRATION_GIC_MASKS);
static_assert!(OptIns::FW_MASKS.bits() == bindings::KVM_ARM_MIGRATION_FW_MASKS);
static_assert!(OptIns::VM_REGS.bits() == bindings::KVM_ARM_MIGRATION_VM_REGS);
static_assert!(OptIns::REG_SCOPE.bits() == bindings::KVM_ARM_MIGRATION_REG_SCOPE);
static_assert!(OptIns::PSCI_FREEZE.bits() == bindings::KVM_ARM_MIGRATION_PSCI_FREEZE);
static_assert!(OptIns::VM_CONFIG.bits() == bindings::KVM_ARM_MIGRATION_VM_CONFIG);
static_assert!(OptIns::FILTER_LIST.bits() == bindings::KVM_ARM_MIGRATION_FILTER_LIST);
static_assert!(OptIns::CANONICAL_PMR.bits() == bindings::KVM_ARM_MIGRATION_CANONICAL_PMR);
static_assert!(OptIns::GIC_FIELDS.bits() == bindings::KVM_ARM_MIGRATION_GIC_FIELDS);

static_assert!(is_flag(
    OptIns::FEATURE_LEVELS,
    bindings::KVM_ARCH_FLAG_FEATURE_LEVELS
));
static_assert!(is_flag(
    OptIns::GIC_MASKS,
    bindings::KVM_ARCH_FLAG_GIC_MASKS
));
static_assert!(is_flag(OptIns::FW_MASKS, bindings::KVM_ARCH_FLAG_FW_MASKS));
static_assert!(is_flag(OptIns::VM_REGS, bindings::KVM_ARCH_FLAG_VM_REGS));
static_assert!(is_flag(
    OptIns::REG_SCOPE,
    bindings::KVM_ARCH_FLAG_REG_SCOPE
));
static_assert!(is_flag(
    OptIns::PSCI_FREEZE,
    bindings::KVM_ARCH_FLAG_PSCI_FREEZE
));
static_assert!(is_flag(
    OptIns::VM_CONFIG,
    bindings::KVM_ARCH_FLAG_VM_CONFIG
));
static_assert!(is_flag(
    OptIns::FILTER_LIST,
    bindings::KVM_ARCH_FLAG_FILTER_LIST
));
static_assert!(is_flag(
    OptIns::CANONICAL_PMR,
    bindings::KVM_ARCH_FLAG_CANONICAL_PMR
));
static_assert!(is_flag(
    OptIns::GIC_FIELDS,
    bindings::KVM_ARCH_FLAG_GIC_FIELDS
));

calls! {
    /// Returns whether VMs can opt in. Has no preconditions.
    fn is_offered() -> bool = kvm_arm_opt_in_offered;
    /// Returns whether any VM may have opted in, by a static key. Has no preconditions.
    pub fn are_used() -> bool = kvm_arm_opt_in_used;
    /// Returns whether VMs can have read-only fields of their own. Has no preconditions.
    fn are_gic_fields_offered() -> bool = kvm_arm_gic_fields_offered;
    /// Enables the call sites of opt-ins. Waits for all CPUs.
    fn use_opt_ins(opt_ins: u32) = kvm_arm_use_opt_ins;
}

calls! {
    impl Held<'_, ConfigLock> as Vm {
        /// Needs a VM whose lock is held, as it is by the type invariant.
        fn read_gicv3_state(state: &mut bindings::kvm_arm_gicv3_state) -> bool =
            kvm_arm_gicv3_state;
    }
}

fields! {
    impl Vm as Vm {
        /// C writes it under `kvm->lock`, in one store.
        fn created_vcpus_field() -> Shared<c_int> = created_vcpus;
        /// A word of bits, which C and Rust set atomically.
        fn flags_place() -> Place<c_ulong> = arch.flags;
    }
}

/// Evidence that the opt-in static key is enabled.
///
/// # Invariants
///
/// The static key of C's `kvm_arm_opted_in()` is on; nothing turns it off again.
#[derive(Clone, Copy)]
pub struct InUse(());

/// Converts a request of `KVM_ENABLE_CAP`.
#[inline]
pub fn enable_cap_from(raw: bindings::kvm_enable_cap) -> EnableCap {
    EnableCap {
        cap: raw.cap,
        flags: raw.flags,
        args: raw.args,
        pad: raw.pad,
    }
}

/// Returns what VMs can opt in to.
#[inline]
pub(super) fn offered() -> OptIns {
    if !is_offered() {
        OptIns::NONE
    } else if are_gic_fields_offered() {
        OptIns::ALL
    } else {
        OptIns::from_bits(!OptIns::GIC_FIELDS.bits())
    }
}

/// Answers `KVM_CHECK_EXTENSION` for a VM, or for any VM.
#[inline]
pub fn check_extension(number: i64, vm: Option<&Vm>) -> u32 {
    if number == i64::from(CompatLevel::CAP) {
        return compat::check_extension(vm);
    }
    // No older kernel has anything to opt in to.
    let offered = match compat::level_of_new_vms() {
        CompatLevel::Native => offered(),
        _ => OptIns::NONE,
    };
    OptIns::check_extension(number, offered, vm.map(Vm::opt_ins))
}

impl Vm {
    /// Returns the opt-ins of the VM; it cannot take them back.
    #[inline]
    pub fn opt_ins(&self) -> OptIns {
        // CAST: Drops no opt-in, because few flags follow the first one.
        OptIns::from_bits((self.flags() >> FIRST_FLAG) as u32)
    }
}

impl Held<'_, VcpusLock> {
    /// Returns what the capabilities of the VM depend on.
    #[inline]
    pub(super) fn vm_caps(&self) -> VmCaps {
        VmCaps {
            is_new: self.created_vcpus_field().load() == 0,
            opt_ins: self.opt_ins(),
            level: self.level(),
        }
    }
}

impl<L: KvmLock<Owner = Vm>> Held<'_, L> {
    /// Opts in; all CPUs see it at once.
    #[inline]
    fn set_opt_ins(&self, opt_ins: OptIns, _: InUse) {
        for flag in (0..u32::BITS).filter(|bit| opt_ins.bits() >> bit & 1 != 0) {
            // CAST: Widens; the sum is the number of a flag, so it is small.
            let flag = c_ulong::from(flag.wrapping_add(FIRST_FLAG) as u8);
            // SAFETY: The word is valid, and the flag is one of its bits.
            unsafe { bindings::set_bit(flag, self.flags_place().as_ptr()) };
        }
    }
}

impl CapVm<OptIns> for Vm {
    type InUse = InUse;
    type Vcpus<'a> = Guard<'a, VcpusLock>;

    #[inline]
    fn offered(&self) -> OptIns {
        offered()
    }

    #[inline]
    fn enable_call_sites(&self, wanted: OptIns) -> InUse {
        use_opt_ins(wanted.bits());
        // INVARIANT: The key is on now.
        InUse(())
    }

    #[inline]
    fn lock_vcpus(&self) -> Guard<'_, VcpusLock> {
        Guard::lock(self)
    }
}

impl CapLocked<OptIns> for Held<'_, VcpusLock> {
    type InUse = InUse;

    #[inline]
    fn caps(&self) -> VmCaps {
        self.vm_caps()
    }

    #[inline]
    fn store(&self, wanted: OptIns, in_use: InUse) {
        self.set_opt_ins(wanted, in_use);
    }
}

impl Held<'_, ConfigLock> {
    /// Returns what the writable masks of the VM's firmware registers depend on.
    #[inline]
    pub fn fw_masks(&self) -> FwMasks {
        FwMasks {
            ran: self.ran_once(),
        }
    }

    /// Returns what the writable masks of the VM's GICv3 depend on, `None` without a GICv3.
    #[inline]
    pub fn gicv3_state(&self) -> Option<GicV3State> {
        let mut raw = bindings::kvm_arm_gicv3_state {
            pri_bits: 0,
            el2: false,
            ich_hcr: 0,
        };
        let there = self.read_gicv3_state(&mut raw);
        there.then_some(GicV3State {
            pri_bits: raw.pri_bits,
            ich_hcr: raw.el2.then_some(raw.ich_hcr),
        })
    }
}
