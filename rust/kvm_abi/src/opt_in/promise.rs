// SPDX-License-Identifier: GPL-2.0

//! Feature levels as promises, the second edition of the feature-level registers.
//!
//! The first edition compares a value with the host, and stores nothing. No field can ever be added
//! to it: a host that is known to be vulnerable, -1, refuses the 0 that every older kernel saved.
//!
//! Here a register holds what the guest is promised. It starts at the host's levels. Userspace may
//! lower fields before the first run, which freezes the register; `SMCCC_ARCH_FEATURES` answers
//! from it. So:
//!
//! - 0, nothing promised, is accepted by every host. What an older kernel saved loads on a newer
//!   one, whatever the newer one knows about the host.
//! - A level above 0 is accepted by a host that has at least this level, and by no kernel that does
//!   not know the field. A fleet that sets a new field to 0 can roll back.
//! - A level below 0, known to be absent, promises nothing either, and is accepted by every host:
//!   a newer kernel may know of the same host that it is worse still.
//!
//! In the kernel the promises are the `u64 [KVM_ARM_NR_FEATURE_LEVEL_REGS]` of a VM and a mask of
//! those that were written; both are read and written under the lock of the VM's configuration.

use super::{
    FeatureLevelReg,
    FeatureLevels,
    FieldIndex,
    FieldMask,
    VmReg, //
};
use crate::{
    smccc::ret,
    FeatureLevel,
    FwLocked,
    FwVm,
    HostWorkarounds,
    RanOnce,
    Reject,
    VcpuFeatures,
    WorkaroundQuery, //
};

impl FeatureLevels {
    /// Returns the fields of this promise that a host with these levels cannot keep.
    #[inline]
    pub fn broken_by(self, host: Self) -> FieldMask {
        let mut broken = FieldMask::EMPTY;
        for field in FieldIndex::all() {
            let level = self.level(field);
            if level > FeatureLevel::UNKNOWN && level > host.level(field) {
                broken = broken.union(FieldMask::of(field));
            }
        }
        broken
    }

    /// Returns this promise with the host's level in the fields that the host cannot keep.
    #[inline]
    pub fn kept_by(self, host: Self) -> Self {
        let broken = self.broken_by(host).bits();
        Self::from_bits((self.bits() & !broken) | (host.bits() & broken))
    }
}

/// What userspace has promised to the guest of a VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Promises([Option<FeatureLevels>; FeatureLevelReg::COUNT]);

impl Promises {
    /// Those of a new VM: the levels are the host's.
    pub const NONE: Self = Self([None; FeatureLevelReg::COUNT]);

    /// Returns what userspace has written to a register, `None` if nothing.
    #[inline]
    pub fn written(&self, reg: FeatureLevelReg) -> Option<FeatureLevels> {
        self.0.get(reg.index()).copied().flatten()
    }

    /// Returns the value of a register on a host with these levels.
    ///
    /// Until the VM runs, the host's levels can still change with `ID_AA64PFR1_EL1.SSBS` of the
    /// guest. A promise that the host could no longer keep reads as the host's level.
    #[inline]
    pub fn seen(&self, reg: FeatureLevelReg, host: FeatureLevels) -> FeatureLevels {
        self.written(reg)
            .map_or(host, |promised| promised.kept_by(host))
    }

    /// Decides a write on a host with these levels, and returns the promise to store.
    ///
    /// # Errors
    ///
    /// - [`Reject::Frozen`] if the VM has run and the register reads another value.
    /// - [`Reject::AboveHost`] if the host cannot keep the promise.
    #[inline]
    pub fn decide(
        &self,
        reg: FeatureLevelReg,
        value: u64,
        host: FeatureLevels,
        ran: RanOnce,
    ) -> Result<FeatureLevels, Reject> {
        let promise = FeatureLevels::from_bits(value);
        match ran {
            RanOnce::Yes if promise != self.seen(reg, host) => Err(Reject::Frozen),
            RanOnce::No if !promise.broken_by(host).is_empty() => Err(Reject::AboveHost),
            _ => Ok(promise),
        }
    }

    /// Stores a promise that was accepted.
    #[inline]
    pub fn store(&mut self, reg: FeatureLevelReg, promise: FeatureLevels) {
        if let Some(stored) = self.0.get_mut(reg.index()) {
            *stored = Some(promise);
        }
    }
}

/// A VM whose configuration is locked, and that has promises.
pub trait PromiseLocked: FwLocked {
    /// What userspace has promised.
    fn promises(&self) -> Promises;

    /// Stores a promise.
    fn store_promise(&self, reg: FeatureLevelReg, promise: FeatureLevels);
}

impl FeatureLevelReg {
    /// Reads the register of a VM with promises, whose configuration is locked.
    ///
    /// # Errors
    ///
    /// [`Reject::NotReady`] if the host's levels depend on the features of the VM's vCPUs, which
    /// are not known yet.
    #[inline]
    pub fn get_promised(self, vm: &impl FwVm, locked: &impl PromiseLocked) -> Result<u64, Reject> {
        let host = self.admit_host(vm, locked)?;
        Ok(locked.promises().seen(self, host).bits())
    }

    /// Writes the register of a VM with promises, whose configuration is locked. A refused write
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// - [`Reject::NotReady`] as in [`FeatureLevelReg::get_promised`].
    /// - Those of [`Promises::decide`].
    #[inline]
    pub fn set_promised(
        self,
        vm: &impl FwVm,
        locked: &impl PromiseLocked,
        value: u64,
    ) -> Result<(), Reject> {
        let host = self.admit_host(vm, locked)?;
        let ran = locked.ran_once();
        let promise = locked.promises().decide(self, value, host, ran)?;
        // In a VM that has run this is what it reads.
        if ran == RanOnce::No {
            locked.store_promise(self, promise);
        }
        Ok(())
    }

    /// Returns the host's levels.
    #[inline]
    fn admit_host(self, vm: &impl FwVm, locked: &impl FwLocked) -> Result<FeatureLevels, Reject> {
        let is_known = locked.features() != VcpuFeatures::Unknown;
        if VmReg::Level(self).needs_features() && !is_known {
            return Err(Reject::NotReady);
        }
        Ok(self.levels(|| HostWorkarounds::of(vm)))
    }
}

impl WorkaroundQuery {
    /// Returns the field of [`FeatureLevelReg::WORKAROUNDS`] that holds what is promised.
    #[inline]
    pub const fn field(self) -> FieldIndex {
        match self {
            Self::Workaround1 => FieldIndex::WORKAROUND_1,
            Self::Workaround2 => FieldIndex::WORKAROUND_2,
            Self::Workaround3 => FieldIndex::WORKAROUND_3,
        }
    }

    /// Returns the result of the call in a VM whose register of the workarounds reads `promised`.
    ///
    /// Where nothing was written, it is that of [`WorkaroundQuery::answer`].
    #[inline]
    pub fn answer_promised(self, promised: FeatureLevels) -> u64 {
        let level = promised.level(self.field());
        if level < FeatureLevel::AVAILABLE {
            return ret::NOT_SUPPORTED;
        }
        if level == FeatureLevel::AVAILABLE {
            return ret::SUCCESS;
        }
        match self {
            Self::Workaround1 | Self::Workaround3 => ret::WORKAROUND_UNAFFECTED,
            Self::Workaround2 => ret::NOT_REQUIRED,
        }
    }
}
