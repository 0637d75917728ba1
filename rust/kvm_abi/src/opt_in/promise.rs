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

use core::hint::black_box;

use super::{
    FeatureLevelReg,
    FeatureLevels,
    FieldIndex,
    FieldMask, //
};
use crate::{
    smccc::ret,
    FeatureLevel,
    FwLocked,
    FwVm,
    HostWorkarounds,
    RanOnce,
    Reject,
    WorkaroundQuery, //
};

impl FeatureLevels {
    /// Returns the fields of this promise that a host with these levels cannot keep.
    #[inline]
    pub fn broken_by(self, host: Self) -> FieldMask {
        self.exceeding(host.at_least_unknown(), FieldMask::ALL)
    }

    /// Returns these levels with 0 in the fields that are below.
    #[inline]
    fn at_least_unknown(self) -> Self {
        FieldIndex::all()
            .filter(|field| self.level(*field).is_absent())
            .fold(self, |levels, field| {
                levels.with(field, FeatureLevel::UNKNOWN)
            })
    }

    /// Returns this promise with the host's level in the fields that the host cannot keep.
    #[inline]
    pub fn kept_by(self, host: Self) -> Self {
        let broken = self.broken_by(host).bits();
        Self::from_bits((self.bits() & !broken) | (host.bits() & broken))
    }
}

/// What userspace has promised to the guest of the levels in a register, if anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Promise(Option<FeatureLevels>);

impl Promise {
    /// That of a new VM: the levels are the host's.
    pub const NONE: Self = Self(None);

    /// Returns a promise of these levels.
    #[inline]
    pub const fn new(levels: FeatureLevels) -> Self {
        Self(Some(levels))
    }

    /// Returns what userspace has written, `None` if nothing.
    #[inline]
    pub const fn written(self) -> Option<FeatureLevels> {
        self.0
    }

    /// Returns the value of the register on a host with these levels.
    ///
    /// Until the VM runs, the host's levels can still change with `ID_AA64PFR1_EL1.SSBS` of the
    /// guest. A promise that the host could no longer keep reads as the host's level.
    #[inline]
    pub fn seen(self, host: FeatureLevels) -> FeatureLevels {
        self.0.map_or(host, |promised| promised.kept_by(host))
    }

    /// Decides a write on a host with these levels, and returns the promise to store.
    ///
    /// # Errors
    ///
    /// - [`Reject::Frozen`] if the VM has run and the register reads another value.
    /// - [`Reject::AboveHost`] if the host cannot keep the promise.
    #[inline]
    pub fn decide(
        self,
        value: u64,
        host: FeatureLevels,
        ran: RanOnce,
    ) -> Result<FeatureLevels, Reject> {
        let promise = FeatureLevels::from_bits(value);
        // A host can keep a promise of its own levels: the fields need no comparison.
        if promise != host && !promise.broken_by(host).is_empty() {
            return Err(Reject::AboveHost);
        }
        if ran == RanOnce::Yes && promise != self.seen(host) {
            return Err(Reject::Frozen);
        }
        Ok(promise)
    }

    /// Returns the result of a guest's question about a workaround, in a VM with this promise for
    /// [`FeatureLevelReg::WORKAROUNDS`]. `host` is the result in a VM without one.
    #[inline]
    pub fn answer(self, query: WorkaroundQuery, vm: &impl FwVm, host: impl FnOnce() -> u64) -> u64 {
        if self == Self::NONE {
            return host();
        }
        query.answer_promised(self.seen(HostWorkarounds::of(vm).levels()))
    }

    /// Writes a register whose promise is `self`, of a VM whose configuration is locked.
    #[inline]
    pub(super) fn set(
        self,
        locked: &impl FwLocked,
        reg: FeatureLevelReg,
        value: u64,
        host: FeatureLevels,
    ) -> Result<(), Reject> {
        let ran = locked.ran_once();
        let promise = self.decide(value, host, ran)?;
        // In a VM that has run, this is the value that the register reads.
        if ran == RanOnce::No {
            locked.store_promise(reg, promise);
        }
        Ok(())
    }
}

/// What userspace has promised to the guest of a VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Promises([Promise; FeatureLevelReg::COUNT]);

impl Promises {
    /// Those of a new VM: the levels are the host's.
    pub const NONE: Self = Self([Promise::NONE; FeatureLevelReg::COUNT]);

    /// Returns those of a VM whose configuration is locked.
    #[inline]
    pub fn read(locked: &impl FwLocked) -> Self {
        let mut promises = Self::NONE;
        for reg in FeatureLevelReg::all() {
            promises.set(reg, locked.promise(reg));
        }
        promises
    }

    /// Stores those that differ from `old` in a VM whose configuration is locked, and that has not
    /// run.
    #[inline]
    pub fn commit(&self, old: &Self, locked: &impl FwLocked) {
        for reg in FeatureLevelReg::all() {
            let new = self.of(reg);
            if let (true, Some(levels)) = (new != old.of(reg), new.written()) {
                locked.store_promise(reg, levels);
            }
        }
    }

    /// Returns that of a register.
    #[inline]
    pub fn of(&self, reg: FeatureLevelReg) -> Promise {
        self.0.get(Self::place(reg)).copied().unwrap_or_default()
    }

    /// Stores a promise that was accepted.
    #[inline]
    pub fn store(&mut self, reg: FeatureLevelReg, promise: FeatureLevels) {
        self.set(reg, Promise::new(promise));
    }

    #[inline]
    fn set(&mut self, reg: FeatureLevelReg, promise: Promise) {
        if let Some(stored) = self.0.get_mut(Self::place(reg)) {
            *stored = promise;
        }
    }

    /// Returns the place of a register, less than the number of registers also under speculation:
    /// the id comes from userspace, and the compiler must not know that the mask changes nothing.
    #[inline]
    fn place(reg: FeatureLevelReg) -> usize {
        const _: () = assert!(FeatureLevelReg::COUNT.is_power_of_two(), "see the mask");
        black_box(reg.index()) & FeatureLevelReg::COUNT.saturating_sub(1)
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
    ///
    /// C: `kvm_arm_promised_workaround()`.
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
