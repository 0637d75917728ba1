// SPDX-License-Identifier: GPL-2.0

//! Opting in: look at the VM, enable the call sites, look again under the lock, commit.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use core::ops::Deref;

use super::{
    EnableCap,
    OptIns, //
};
use crate::{
    NoAttribute,
    Reject, //
};

/// A VM that can opt in.
pub trait OptInVm {
    /// Evidence that the call sites of the opt-ins are enabled.
    type InUse;

    /// The VM while no vCPU can be created.
    type Vcpus<'a>: Deref<Target: OptInLocked<InUse = Self::InUse>>
    where
        Self: 'a;

    /// The VM while its interrupt controller cannot change.
    type Vgic<'a>: Deref<Target: OptInLocked<InUse = Self::InUse>>
    where
        Self: 'a;

    /// Whether VMs can opt in; the same until the host reboots.
    fn is_offered(&self) -> bool;

    /// What the VM has opted in to; it cannot take that back.
    fn opt_ins(&self) -> OptIns;

    /// Enables the call sites, for all VMs. The caller holds no lock of a VM.
    fn enable_call_sites(&self) -> Self::InUse;

    /// Keeps vCPUs from being created until the result is dropped.
    fn lock_vcpus(&self) -> Self::Vcpus<'_>;

    /// Keeps the interrupt controller as it is until the result is dropped.
    fn lock_vgic(&self) -> Self::Vgic<'_>;
}

/// A VM with a lock under which it can opt in.
pub trait OptInLocked {
    /// As [`OptInVm::InUse`].
    type InUse;

    /// Whether what the lock protects can still change its form: there is no vCPU, or the interrupt
    /// controller is not initialised and no vCPU has run.
    fn is_new(&self) -> bool;

    /// Opts in.
    fn opt_in(&self, opt_ins: OptIns, in_use: Self::InUse);
}

/// Opts a VM in under a lock, or gives `too_late`. A refused request has no effect on other VMs.
#[inline]
fn enable<V, L>(
    vm: &V,
    lock: impl Fn() -> L,
    opt_ins: OptIns,
    too_late: Reject,
) -> Result<(), Reject>
where
    V: OptInVm,
    L: Deref<Target: OptInLocked<InUse = V::InUse>>,
{
    // Checked before the call sites are enabled, and under the lock, because a vCPU counts until
    // its creation has failed. The lock cannot be kept: enabling waits for all CPUs.
    let is_new = lock().is_new();
    if !is_new {
        return Err(too_late);
    }
    // It cannot be taken back, so no lock is needed.
    if vm.opt_ins().contains(opt_ins) {
        return Ok(());
    }
    let in_use = vm.enable_call_sites();
    let locked = lock();
    if !locked.is_new() {
        return Err(too_late);
    }
    locked.opt_in(opt_ins, in_use);
    Ok(())
}

impl EnableCap {
    /// Opts a VM in to what it asks for, in addition to what it has. A refused request changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// Those of [`EnableCap::opt_ins`]; [`Reject::InvalidValue`] if opt-ins are not offered, or if
    /// the VM has a vCPU.
    #[inline]
    pub fn enable(&self, vm: &impl OptInVm) -> Result<(), Reject> {
        let wanted = self.opt_ins()?;
        if !vm.is_offered() {
            return Err(Reject::InvalidValue);
        }
        enable(vm, || vm.lock_vcpus(), wanted, Reject::InvalidValue)
    }
}

/// A request of `KVM_SET_DEVICE_ATTR` for the canonical `GICC_PMR`; `struct kvm_device_attr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalPmr {
    /// Flags; none is defined.
    pub flags: u32,
    /// The address of a value; there is none.
    pub addr: u64,
}

impl CanonicalPmr {
    /// The offset of `GICC_PMR` among the registers of the CPU interface.
    const OFFSET: i32 = 0x04;

    /// Checks whether a VM with a GICv2 has the attribute.
    ///
    /// # Errors
    ///
    /// [`NoAttribute`] if opt-ins are not offered.
    #[inline]
    pub fn admit(vm: &impl OptInVm) -> Result<(), NoAttribute> {
        if vm.is_offered() {
            Ok(())
        } else {
            Err(NoAttribute)
        }
    }

    /// Opts a VM with a GICv2 in to it. A refused request changes nothing.
    ///
    /// # Errors
    ///
    /// The first of: that of [`CanonicalPmr::admit`]; [`Reject::InvalidValue`] if the attribute has
    /// a flag or a value; [`Reject::Frozen`] if the GIC is initialised, or the VM has run.
    #[inline]
    pub fn enable<E>(self, vm: &impl OptInVm) -> Result<(), E>
    where
        E: From<NoAttribute> + From<Reject>,
    {
        Self::admit(vm)?;
        if self.flags != 0 || self.addr != 0 {
            return Err(Reject::InvalidValue.into());
        }
        let lock = || vm.lock_vgic();
        Ok(enable(vm, lock, OptIns::CANONICAL_PMR, Reject::Frozen)?)
    }

    /// Returns whether the userspace of a VM accesses all eight bits of the register at an offset.
    #[inline]
    pub fn is_at(offset: i32, vm: &impl OptInVm) -> bool {
        offset == Self::OFFSET && vm.opt_ins().contains(OptIns::CANONICAL_PMR)
    }
}
