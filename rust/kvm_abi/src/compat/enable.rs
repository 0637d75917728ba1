// SPDX-License-Identifier: GPL-2.0

//! Choosing a level: look at the VM, enable the call sites, look again under the lock, commit.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use core::ops::Deref;

use super::CompatLevel;
use crate::{
    EnableCap,
    Reject, //
};

/// A VM that can have a level.
pub trait CompatVm {
    /// Evidence that the call sites of the levels are enabled.
    type InUse;

    /// The VM while no vCPU can be created.
    type Vcpus<'a>: Deref<Target: CompatLocked<InUse = Self::InUse>>
    where
        Self: 'a;

    /// Whether VMs can choose a level; the same until the host reboots.
    fn is_offered(&self) -> bool;

    /// Enables the call sites, for all VMs. The caller holds no lock of a VM.
    fn enable_call_sites(&self) -> Self::InUse;

    /// Keeps vCPUs from being created until the result is dropped.
    fn lock_vcpus(&self) -> Self::Vcpus<'_>;
}

/// A VM with a lock under which it can choose a level.
pub trait CompatLocked {
    /// As [`CompatVm::InUse`].
    type InUse;

    /// Whether there is no vCPU.
    fn is_new(&self) -> bool;

    /// Whether the VM has opted in to something, which no older kernel has.
    fn has_opted_in(&self) -> bool;

    /// The level that the VM has.
    fn level(&self) -> CompatLevel;

    /// Stores the level, and the version of PSCI that a new VM has with it.
    fn store(&self, level: CompatLevel, in_use: Self::InUse);
}

impl CompatLevel {
    /// Gives a VM the level that it asks for. A refused request changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`CompatLevel::wanted`]; [`Reject::InvalidValue`] if levels are not offered, if the
    /// VM has a vCPU, or if it has opted in to something.
    #[inline]
    pub fn enable(request: &EnableCap, vm: &impl CompatVm) -> Result<(), Reject> {
        let wanted = Self::wanted(request)?;
        if !vm.is_offered() {
            return Err(Reject::InvalidValue);
        }
        // Enabling waits for all CPUs, so the lock cannot be kept, and the VM is looked at twice.
        if !Self::admit(wanted, &*vm.lock_vcpus())? {
            return Ok(());
        }
        let in_use = vm.enable_call_sites();
        let locked = vm.lock_vcpus();
        if Self::admit(wanted, &*locked)? {
            locked.store(wanted, in_use);
        }
        Ok(())
    }

    /// Returns whether the level changes. One that does not is not stored: that would take back the
    /// version of PSCI that userspace has chosen since.
    #[inline]
    fn admit(wanted: Self, locked: &(impl CompatLocked + ?Sized)) -> Result<bool, Reject> {
        let fits = wanted == Self::Native || !locked.has_opted_in();
        if locked.is_new() && fits {
            Ok(locked.level() != wanted)
        } else {
            Err(Reject::InvalidValue)
        }
    }
}
