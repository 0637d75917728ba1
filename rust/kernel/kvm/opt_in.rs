// SPDX-License-Identifier: GPL-2.0

//! The opt-ins of VMs.
//!
//! C headers: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h),
//! [`include/kvm/arm_abi.h`](srctree/include/kvm/arm_abi.h)

use crate::{
    bindings,
    build_assert::static_assert,
    ffi::c_ulong,
    sync::atomic::{
        atomic_load,
        Relaxed, //
    }, //
};

use super::{
    abi::{
        EnableCap,
        FwLocked,
        FwMasks,
        GicV3State,
        OptIns,
        RanOnce, //
    },
    ConfigLock,
    Guard,
    Held,
    VcpusLock,
    Vm, //
};

/// The flag of a VM for bit 0 of [`OptIns`]; the flags for the other bits follow in order.
const FIRST_FLAG: u32 = bindings::KVM_ARCH_FLAG_FEATURE_LEVELS;

const fn is_flag(opt_ins: OptIns, flag: u32) -> bool {
    opt_ins.bits() == 1 << (flag - FIRST_FLAG)
}

static_assert!(is_flag(
    OptIns::FEATURE_LEVELS,
    bindings::KVM_ARCH_FLAG_FEATURE_LEVELS
));
static_assert!(is_flag(
    OptIns::GIC_MASKS,
    bindings::KVM_ARCH_FLAG_GIC_MASKS
));
static_assert!(is_flag(OptIns::FW_MASKS, bindings::KVM_ARCH_FLAG_FW_MASKS));
static_assert!(is_flag(
    OptIns::VM_ONE_REG,
    bindings::KVM_ARCH_FLAG_VM_ONE_REG
));
static_assert!(is_flag(
    OptIns::REG_SCOPE,
    bindings::KVM_ARCH_FLAG_REG_SCOPE
));
static_assert!(is_flag(
    OptIns::PSCI_VERSION_FREEZE,
    bindings::KVM_ARCH_FLAG_PSCI_VERSION_FREEZE
));
static_assert!(is_flag(
    OptIns::CANONICAL_PMR,
    bindings::KVM_ARCH_FLAG_CANONICAL_PMR
));

/// Returns whether VMs can opt in now, which depends on the mode.
#[inline]
pub fn is_offered() -> bool {
    // SAFETY: Has no preconditions.
    unsafe { bindings::kvm_arm_abi_offers() }
}

/// Evidence that the opt-in static key is enabled.
///
/// # Invariants
///
/// The static key of C's `kvm_arm_opted_in()` is on; nothing turns it off again.
#[derive(Clone, Copy)]
pub struct InUse(());

impl InUse {
    /// Enables the opt-in call sites. Hold no lock of a VM: this waits for all CPUs.
    #[inline]
    pub fn enable() -> Self {
        // SAFETY: Has no preconditions.
        unsafe { bindings::kvm_arm_use_opt_ins() };
        // INVARIANT: The key is on now.
        Self(())
    }
}

/// Copies a request of `KVM_ENABLE_CAP`.
///
/// # Safety
///
/// `ptr` must point to a valid `struct kvm_enable_cap` that nobody writes during the call.
#[inline]
pub unsafe fn enable_cap_from_raw(ptr: *const bindings::kvm_enable_cap) -> EnableCap {
    // SAFETY: The caller guarantees that all fields can be read.
    unsafe {
        EnableCap {
            cap: (*ptr).cap,
            flags: (*ptr).flags,
            args: (*ptr).args,
            pad: (*ptr).pad,
        }
    }
}

impl Vm {
    /// Returns the opt-ins of the VM; it cannot take them back.
    #[inline]
    pub fn opt_ins(&self) -> OptIns {
        // CAST: Drops no opt-in, because few flags follow the first one.
        OptIns::from_bits((self.flags() >> FIRST_FLAG) as u32)
    }

    /// Returns whether a vCPU was created, or is being created. A `false` stays true only under
    /// [`Vm::lock_vcpus`].
    #[inline]
    pub fn has_vcpus(&self) -> bool {
        // SAFETY: By the type invariant the VM is valid; C writes the field under its lock, in one
        // store.
        unsafe { atomic_load(&raw mut (*self.as_ptr()).created_vcpus, Relaxed) != 0 }
    }

    /// Opts in; all CPUs see it at once.
    #[inline]
    fn opt_in(&self, opt_ins: OptIns, _: InUse) {
        for flag in (0..u32::BITS).filter(|bit| opt_ins.bits() >> bit & 1 != 0) {
            // CAST: Widens; the sum is the number of a flag, so it is small.
            let flag = c_ulong::from(flag.wrapping_add(FIRST_FLAG) as u8);
            // SAFETY: By the type invariant the word is valid, and the flag is one of its bits.
            unsafe { bindings::set_bit(flag, &raw mut (*self.as_ptr()).arch.flags) };
        }
    }

    /// Takes `kvm->lock`, under which vCPUs are created.
    #[inline]
    pub fn lock_vcpus(&self) -> Guard<'_, VcpusLock> {
        Guard::lock(self)
    }
}

impl Held<'_, VcpusLock> {
    /// Returns evidence that the VM has no vCPU, `None` if it has one.
    #[inline]
    pub fn none(&self) -> Option<NoVcpus<'_>> {
        // INVARIANT: By the type invariant of `self`, the lock is held as long as it is borrowed.
        (!self.has_vcpus()).then_some(NoVcpus(self))
    }
}

/// Evidence that a VM has no vCPU.
///
/// # Invariants
///
/// `kvm->lock` is held for the lifetime `'a`, and no vCPU was created.
#[derive(Clone, Copy)]
pub struct NoVcpus<'a>(&'a Vm);

impl NoVcpus<'_> {
    /// Opts in to capabilities.
    #[inline]
    pub fn opt_in(self, opt_ins: OptIns, in_use: InUse) {
        self.0.opt_in(opt_ins, in_use);
    }
}

/// Evidence that a VM's interrupt controller can still be configured.
///
/// # Invariants
///
/// The `config_lock` is held for the lifetime `'a`, the interrupt controller is not initialised,
/// and no vCPU has run.
#[derive(Clone, Copy)]
pub struct NewVgic<'a>(&'a Vm);

impl NewVgic<'_> {
    /// Opts in to the canonical `GICC_PMR`.
    #[inline]
    pub fn opt_in_to_canonical_pmr(self, in_use: InUse) {
        self.0.opt_in(OptIns::CANONICAL_PMR, in_use);
    }
}

impl Held<'_, ConfigLock> {
    /// Returns whether the VM's interrupt controller is initialised.
    #[inline]
    pub fn has_initialised_vgic(&self) -> bool {
        // SAFETY: By the invariant of `Vm` it is valid, which is all that the helper needs.
        unsafe { bindings::vgic_initialized(self.as_ptr()) }
    }

    /// Returns what the writable masks of the VM's firmware registers depend on.
    #[inline]
    pub fn fw_masks(&self) -> FwMasks {
        FwMasks {
            features: self.features(),
            ran: self.ran_once(),
            psci_version_freezes: self.opt_ins().contains(OptIns::PSCI_VERSION_FREEZE),
        }
    }

    /// Returns what the writable masks of the VM's GICv3 depend on, `None` without a GICv3.
    #[inline]
    pub fn gicv3_state(&self) -> Option<GicV3State> {
        let mut raw = bindings::kvm_arm_gicv3_state {
            pri_bits: 0,
            id_bits: 0,
            el2: false,
            ich_hcr: 0,
        };
        // SAFETY: By the invariant of `Vm` it is valid, by the type invariant its lock is held, and
        // `raw` can be written.
        let there = unsafe { bindings::kvm_arm_gicv3_state(self.as_ptr(), &raw mut raw) };
        there.then_some(GicV3State {
            pri_bits: raw.pri_bits,
            id_bits: raw.id_bits,
            ich_hcr: raw.el2.then_some(raw.ich_hcr),
        })
    }

    /// Returns evidence that the interrupt controller can still be configured, `None` if it cannot.
    #[inline]
    pub fn new_vgic(&self) -> Option<NewVgic<'_>> {
        let new = !self.has_initialised_vgic() && self.ran_once() == RanOnce::No;
        // INVARIANT: By the type invariant of `self`, the lock is held as long as it is borrowed.
        new.then_some(NewVgic(self))
    }
}
