// SPDX-License-Identifier: GPL-2.0

//! The features that a VM can opt in to, and the capabilities for it.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use crate::{
    cast,
    MaskRange,
    Reject, //
};

mod enable;
mod levels;
mod promise;
mod scope;
mod vm_reg;

pub use enable::{
    CanonicalPmr,
    OptInLocked,
    OptInVm, //
};
pub use levels::{
    FeatureLevelReg,
    FeatureLevels,
    FieldIndex,
    FieldMask, //
};
pub use promise::{
    PromiseLocked,
    Promises, //
};
pub use scope::Scope;
pub use vm_reg::{
    Route,
    VmReg, //
};

/// A set of features that a VM has opted in to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OptIns(u32);

impl OptIns {
    /// The empty set: the VM behaves as under the C code.
    pub const NONE: Self = Self(0);
    /// Feature-level registers, [`crate::FeatureLevelReg`].
    pub const FEATURE_LEVELS: Self = Self(1 << 0);
    /// The writable masks of [`MaskRange::Gic`].
    pub const GIC_MASKS: Self = Self(1 << 1);
    /// The writable masks of [`MaskRange::Firmware`].
    pub const FW_MASKS: Self = Self(1 << 2);
    /// Registers of the VM's file descriptor, [`crate::VmReg`].
    pub const VM_ONE_REG: Self = Self(1 << 3);
    /// [`crate::Scope`] in the lists of registers.
    pub const REG_SCOPE: Self = Self(1 << 4);
    /// The version of PSCI freezes when the VM runs.
    pub const PSCI_VERSION_FREEZE: Self = Self(1 << 5);
    /// Userspace reads and writes eight bits of `GICC_PMR`.
    pub const CANONICAL_PMR: Self = Self(1 << 6);
    /// All features.
    pub const ALL: Self = Self(0x7f);

    /// Returns the set whose bits are those of the constants above; other bits are ignored.
    #[inline]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Returns the bits of the set.
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Returns whether the other set is a subset of this one.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns what there is for a VM that has opted in to `vm`: all if opt-ins are offered.
    #[inline]
    pub const fn there(offered: bool, vm: Self) -> Self {
        if offered {
            Self::ALL
        } else {
            vm
        }
    }

    /// Returns the union of both sets.
    #[inline]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the intersection of both sets.
    #[inline]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether the set is empty.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the ranges of writable masks in the set, as a set of [`MaskRange::bit`].
    #[inline]
    pub const fn mask_ranges(self) -> u32 {
        let gic = if self.contains(Self::GIC_MASKS) {
            MaskRange::Gic.bit()
        } else {
            0
        };
        let fw = if self.contains(Self::FW_MASKS) {
            MaskRange::Firmware.bit()
        } else {
            0
        };
        gic | fw
    }
}

/// A capability by which a VM opts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OptInCap {
    /// `KVM_CAP_ARM_FEATURE_LEVELS`.
    FeatureLevels,
    /// `KVM_CAP_ARM_REG_MASK_RANGES`.
    RegMaskRanges,
    /// `KVM_CAP_ARM_VM_ONE_REG`.
    VmOneReg,
    /// `KVM_CAP_ARM_REG_SCOPE`.
    RegScope,
    /// `KVM_CAP_ARM_PSCI_VERSION_FREEZE`.
    PsciVersionFreeze,
}

impl OptInCap {
    /// All capabilities, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::FeatureLevels,
        Self::RegMaskRanges,
        Self::VmOneReg,
        Self::RegScope,
        Self::PsciVersionFreeze,
    ];

    /// Returns the number of the capability.
    #[inline]
    pub const fn number(self) -> u32 {
        match self {
            Self::FeatureLevels => 0x4152_4d01,
            Self::RegMaskRanges => 0x4152_4d02,
            Self::VmOneReg => 0x4152_4d03,
            Self::RegScope => 0x4152_4d04,
            Self::PsciVersionFreeze => 0x4152_4d05,
        }
    }

    /// Returns the capability that has this number, `None` if there is none.
    #[inline]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|cap| u64::from(cap.number()) == number)
    }

    /// Answers `KVM_CHECK_EXTENSION` for a number, as [`OptInCap::extension`]; 0 if no capability
    /// has it.
    #[inline]
    pub fn check_extension(number: i64, there: OptIns) -> u32 {
        u64::try_from(number)
            .ok()
            .and_then(Self::from_number)
            .map_or(0, |cap| cap.extension(there))
    }

    /// Returns the features that a VM can opt in to by the capability.
    #[inline]
    pub const fn opt_ins(self) -> OptIns {
        match self {
            Self::FeatureLevels => OptIns::FEATURE_LEVELS,
            Self::RegMaskRanges => OptIns::GIC_MASKS.union(OptIns::FW_MASKS),
            Self::VmOneReg => OptIns::VM_ONE_REG,
            Self::RegScope => OptIns::REG_SCOPE,
            Self::PsciVersionFreeze => OptIns::PSCI_VERSION_FREEZE,
        }
    }

    /// Returns the result of `KVM_CHECK_EXTENSION` if KVM has the features of the set `there`: 0 if
    /// none of them is the capability's; otherwise the number of feature-level registers, the
    /// ranges of masks, or 1.
    #[inline]
    pub const fn extension(self, there: OptIns) -> u32 {
        let there = there.intersection(self.opt_ins());
        match self {
            _ if there.is_empty() => 0,
            Self::FeatureLevels => cast::widen(FeatureLevelReg::NR),
            Self::RegMaskRanges => there.mask_ranges(),
            Self::VmOneReg | Self::RegScope | Self::PsciVersionFreeze => 1,
        }
    }
}

/// A request of `KVM_ENABLE_CAP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnableCap {
    /// The number of a capability.
    pub cap: u32,
    /// Flags; none is defined.
    pub flags: u32,
    /// The arguments: for the masks, the ranges in the first one; otherwise zeros.
    pub args: [u64; 4],
    /// Reserved for later; zero.
    pub pad: [u8; 64],
}

impl EnableCap {
    /// Returns the features that the VM asks for.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if the capability does not exist, if a flag or a reserved field is
    /// not zero, or if the set of wanted ranges is empty or has a range that does not exist.
    #[inline]
    pub fn opt_ins(&self) -> Result<OptIns, Reject> {
        let cap = OptInCap::from_number(self.cap.into()).ok_or(Reject::InvalidValue)?;
        let [wanted, reserved @ ..] = self.args;
        let reserved_is_zero = reserved == [0; 3] && self.pad.iter().all(|byte| *byte == 0);
        if self.flags != 0 || !reserved_is_zero {
            return Err(Reject::InvalidValue);
        }
        match cap {
            OptInCap::RegMaskRanges => Self::mask_ranges(wanted),
            _ if wanted != 0 => Err(Reject::InvalidValue),
            _ => Ok(cap.opt_ins()),
        }
    }

    #[inline]
    fn mask_ranges(wanted: u64) -> Result<OptIns, Reject> {
        let ranges = [OptIns::GIC_MASKS, OptIns::FW_MASKS];
        let found = ranges
            .into_iter()
            .filter(|range| wanted & u64::from(range.mask_ranges()) != 0)
            .fold(OptIns::NONE, OptIns::union);
        // Reject an empty set, and one with unknown ranges.
        if found.is_empty() || u64::from(found.mask_ranges()) != wanted {
            return Err(Reject::InvalidValue);
        }
        Ok(found)
    }
}
