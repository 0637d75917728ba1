// SPDX-License-Identifier: GPL-2.0

//! The registers that all vCPUs of a VM share, accessed with a vCPU or without one.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use super::{
    FeatureLevelReg,
    OptIns,
    Scope, //
};
use crate::{
    FwReg,
    Reject, //
};

/// A register that can be accessed without a vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmReg {
    /// A firmware register.
    Fw(FwReg),
    /// A feature-level register.
    Level(FeatureLevelReg),
}

impl VmReg {
    /// Returns the registers of a VM with these opt-ins, in the order of the list.
    #[inline]
    pub fn all(opt_ins: OptIns) -> impl Iterator<Item = Self> {
        let levels = FeatureLevelReg::all().take(Self::count_levels(opt_ins));
        FwReg::ALL
            .into_iter()
            .map(Self::Fw)
            .chain(levels.map(Self::Level))
    }

    /// Returns the number of those registers.
    #[inline]
    pub const fn count(opt_ins: OptIns) -> usize {
        FwReg::ALL.len().saturating_add(Self::count_levels(opt_ins))
    }

    /// Returns the number of feature-level registers among them.
    #[inline]
    pub const fn count_levels(opt_ins: OptIns) -> usize {
        if opt_ins.contains(OptIns::FEATURE_LEVELS) {
            FeatureLevelReg::COUNT
        } else {
            0
        }
    }

    /// Returns the id by which userspace names the register.
    #[inline]
    pub fn id(self) -> u64 {
        match self {
            Self::Fw(reg) => reg.id(),
            Self::Level(reg) => reg.id(),
        }
    }

    /// Returns the register that has this id in a VM with these opt-ins.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if the VM has no register with this id.
    #[inline]
    pub fn from_id(id: u64, opt_ins: OptIns) -> Result<Self, Reject> {
        let id = Scope::strip(id, opt_ins);
        if FeatureLevelReg::is_in_group(id) && opt_ins.contains(OptIns::FEATURE_LEVELS) {
            return FeatureLevelReg::from_id(id).map(Self::Level);
        }
        FwReg::from_id(id).map(Self::Fw)
    }

    /// Returns whether the register cannot be accessed before the features of the VM's vCPUs are
    /// known.
    ///
    /// This holds for `SMCCC_ARCH_WORKAROUND_2` and for the levels of the workarounds, which
    /// include it: its value depends on whether the guest has SSBS.
    #[inline]
    pub fn needs_features(self) -> bool {
        match self {
            Self::Fw(reg) => reg == FwReg::Workaround2,
            Self::Level(reg) => reg == FeatureLevelReg::WORKAROUNDS,
        }
    }
}
