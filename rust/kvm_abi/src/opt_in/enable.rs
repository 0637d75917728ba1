// SPDX-License-Identifier: GPL-2.0

//! Opting in: look at the VM, enable the call sites, look again under the lock, commit.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use core::ops::Deref;

use super::{
    EnableCap,
    OptIns, //
};
use crate::Reject;

/// A VM that can opt in.
pub trait OptInVm {
    /// Evidence that the call sites of the opt-ins are enabled.
    type InUse;

    /// The VM while no vCPU can be created.
    type Vcpus<'a>: Deref<Target: OptInLocked<InUse = Self::InUse>>
    where
        Self: 'a;

    /// What VMs can opt in to, nothing if they cannot at all; the same until the host reboots.
    fn offered(&self) -> OptIns;

    /// What the VM has opted in to; it cannot take that back.
    fn opt_ins(&self) -> OptIns;

    /// Enables the call sites of these features, for all VMs. The caller holds no lock of a VM.
    fn enable_call_sites(&self, opt_ins: OptIns) -> Self::InUse;

    /// Keeps vCPUs from being created until the result is dropped.
    fn lock_vcpus(&self) -> Self::Vcpus<'_>;
}

/// A VM with a lock under which it can opt in.
pub trait OptInLocked {
    /// As [`OptInVm::InUse`].
    type InUse;

    /// Whether there is no vCPU.
    fn is_new(&self) -> bool;

    /// Opts in.
    fn opt_in(&self, opt_ins: OptIns, in_use: Self::InUse);
}

impl EnableCap {
    /// Opts a VM in to what it asks for, in addition to what it has. A refused request changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// Those of [`EnableCap::opt_ins`]; [`Reject::InvalidValue`] if opt-ins are not offered, or not
    /// what it asks for, or if the VM has a vCPU.
    #[inline]
    pub fn enable(&self, vm: &impl OptInVm) -> Result<(), Reject> {
        let wanted = self.opt_ins()?;
        let offered = vm.offered();
        if offered.is_empty() || !offered.contains(wanted) {
            return Err(Reject::InvalidValue);
        }
        // Checked before the call sites are enabled, and under the lock, because a vCPU counts
        // until its creation has failed. The lock cannot be kept: enabling waits for all CPUs.
        let is_new = vm.lock_vcpus().is_new();
        if !is_new {
            return Err(Reject::InvalidValue);
        }
        // It cannot be taken back, so no lock is needed.
        if vm.opt_ins().contains(wanted) {
            return Ok(());
        }
        let in_use = vm.enable_call_sites(wanted);
        let locked = vm.lock_vcpus();
        if !locked.is_new() {
            return Err(Reject::InvalidValue);
        }
        locked.opt_in(wanted, in_use);
        Ok(())
    }
}
