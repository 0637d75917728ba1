// SPDX-License-Identifier: GPL-2.0

//! Enabling a capability of a VM: look at the VM, enable the call sites, look again under the lock,
//! commit.
//!
//! The capabilities are a set of opt-ins, [`OptIns`], and a level, [`CompatLevel`]. A VM has one or
//! the other, and gets it before its first vCPU.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use core::ops::Deref;

use crate::{
    CompatLevel,
    OptIns,
    Reject, //
};

/// A request of `KVM_ENABLE_CAP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnableCap {
    /// The number of a capability.
    pub cap: u32,
    /// Flags; none is defined.
    pub flags: u32,
    /// The arguments: bits in the first one; zeros.
    pub args: [u64; 4],
    /// Reserved for later; zero.
    pub pad: [u8; 64],
}

/// What a VM has, as far as capabilities depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VmCaps {
    /// Whether there is no vCPU, and none is being created.
    pub is_new: bool,
    /// What the VM has opted in to; it cannot take that back.
    pub opt_ins: OptIns,
    /// The level of the VM.
    pub level: CompatLevel,
}

/// What a request asks for.
pub trait Capability: Copy {
    /// Returns what a request asks for.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if the request is not valid.
    fn wanted(request: &EnableCap) -> Result<Self, Reject>;

    /// Whether VMs can have it, if these opt-ins are offered; a level needs any of them.
    fn is_offered(self, offered: OptIns) -> bool;

    /// Whether a VM can have it, as it is now.
    fn fits(self, vm: &VmCaps) -> bool;

    /// Whether a VM has it.
    fn is_in(self, vm: &VmCaps) -> bool;
}

/// A VM that can enable a capability.
pub trait CapVm<C> {
    /// Evidence that the call sites of the capability are enabled.
    type InUse;

    /// The VM while no vCPU can be created.
    type Vcpus<'a>: Deref<Target: CapLocked<C, InUse = Self::InUse>>
    where
        Self: 'a;

    /// What VMs can opt in to, nothing if they cannot at all; the same until the host reboots.
    fn offered(&self) -> OptIns;

    /// Enables the call sites, for all VMs. The caller holds no lock of a VM.
    fn enable_call_sites(&self, wanted: C) -> Self::InUse;

    /// Keeps vCPUs from being created until the result is dropped.
    fn lock_vcpus(&self) -> Self::Vcpus<'_>;
}

/// A VM with a lock under which it can enable a capability.
pub trait CapLocked<C> {
    /// As [`CapVm::InUse`].
    type InUse;

    /// Looks at the VM.
    fn caps(&self) -> VmCaps;

    /// Stores the capability.
    fn store(&self, wanted: C, in_use: Self::InUse);
}

impl EnableCap {
    /// Enables a capability for a VM. A refused request changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Capability::wanted`]; [`Reject::InvalidValue`] if the capability is not offered,
    /// if the VM has a vCPU, or if the VM would have opt-ins together with a level.
    #[inline]
    pub fn enable<C: Capability>(&self, vm: &impl CapVm<C>) -> Result<(), Reject> {
        let wanted = C::wanted(self)?;
        if !wanted.is_offered(vm.offered()) {
            return Err(Reject::InvalidValue);
        }
        // Enabling waits for all CPUs, so the lock cannot be kept, and the VM is looked at twice.
        if !admit(wanted, &vm.lock_vcpus().caps())? {
            return Ok(());
        }
        let in_use = vm.enable_call_sites(wanted);
        let locked = vm.lock_vcpus();
        if admit(wanted, &locked.caps())? {
            locked.store(wanted, in_use);
        }
        Ok(())
    }

    /// Returns the only argument of a request for this capability. An `Option`, as there is only
    /// one reason to refuse: so the compiler knows the errno.
    #[inline]
    pub(crate) fn only_arg(&self, cap: u32) -> Option<u64> {
        let [arg, reserved @ ..] = self.args;
        let reserved_is_zero = reserved == [0; 3] && self.pad.iter().all(|byte| *byte == 0);
        (self.cap == cap && self.flags == 0 && reserved_is_zero).then_some(arg)
    }
}

/// Returns whether the VM changes. What it has is not stored again: with a level, that would take
/// back the version of PSCI that userspace has chosen since.
#[inline]
fn admit<C: Capability>(wanted: C, vm: &VmCaps) -> Result<bool, Reject> {
    if vm.is_new && wanted.fits(vm) {
        Ok(!wanted.is_in(vm))
    } else {
        Err(Reject::InvalidValue)
    }
}
