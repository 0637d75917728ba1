// SPDX-License-Identifier: GPL-2.0

//! The feature-level registers: what a host has, as numbers whose meaning need not be known to
//! compare them.
//!
//! Their number is fixed, so no kernel lists a register that another one lacks. A field that a
//! kernel does not know reads as zero, "unknown", and a write to it is compared with zero: an older
//! kernel accepts a newer kernel's value, unless that value promises a feature.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use crate::{
    FeatureLevel,
    FeatureLevels,
    FieldIndex,
    FwReg,
    Mitigation,
    Reject,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

/// The ids of the group, without the number: `KVM_REG_ARM64 | KVM_REG_SIZE_U64 |
/// KVM_REG_ARM_FEATURE_LEVEL`.
const IDS: u64 = 0x6030_0000_0017_0000;

/// A feature-level register.
///
/// # Invariants
///
/// The number is less than [`FeatureLevelReg::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureLevelReg(u8);

/// The state of the host's mitigations of the vulnerabilities of the three workarounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostWorkarounds {
    /// Spectre-v2, `SMCCC_ARCH_WORKAROUND_1`.
    pub spectre_v2: Mitigation,
    /// Spectre-v4, `SMCCC_ARCH_WORKAROUND_2`.
    pub spectre_v4: Mitigation,
    /// Whether the guest sees SSBS in `ID_AA64PFR1_EL1`, now.
    pub ssbs: bool,
    /// Spectre-BHB, `SMCCC_ARCH_WORKAROUND_3`.
    pub spectre_bhb: Mitigation,
}

impl FeatureLevel {
    /// The workaround is known not to be available.
    pub const NOT_AVAILABLE: Self = Self::new(-1);
    /// The workaround can be called.
    pub const AVAILABLE: Self = Self::new(1);
    /// There is nothing to work around.
    pub const UNAFFECTED: Self = Self::new(2);
}

impl From<WorkaroundLevel> for FeatureLevel {
    #[inline]
    fn from(level: WorkaroundLevel) -> Self {
        match level {
            WorkaroundLevel::NotAvailable => Self::NOT_AVAILABLE,
            WorkaroundLevel::Available => Self::AVAILABLE,
            WorkaroundLevel::NotRequired => Self::UNAFFECTED,
        }
    }
}

impl From<WorkaroundLevel2> for FeatureLevel {
    #[inline]
    fn from(level: WorkaroundLevel2) -> Self {
        match level {
            WorkaroundLevel2::NotAvailable => Self::NOT_AVAILABLE,
            WorkaroundLevel2::NotRequired => Self::UNAFFECTED,
        }
    }
}

impl HostWorkarounds {
    /// Returns the levels of the host: `SMCCC_ARCH_WORKAROUND_1` in bits 3:0, `_2` in 7:4, `_3` in
    /// 11:8.
    #[inline]
    pub fn levels(self) -> FeatureLevels {
        let levels: [FeatureLevel; 3] = [
            WorkaroundLevel::of_host(self.spectre_v2).into(),
            WorkaroundLevel2::of_host(self.spectre_v4, self.ssbs).into(),
            WorkaroundLevel::of_host(self.spectre_bhb).into(),
        ];
        FieldIndex::all()
            .zip(levels)
            .fold(FeatureLevels::default(), |reg, (field, level)| {
                reg.with(field, level)
            })
    }
}

impl FeatureLevelReg {
    /// The number of registers, `KVM_ARM_NR_FEATURE_LEVEL_REGS`.
    pub const COUNT: usize = 8;

    /// The register of the workarounds, the only one that depends on the host.
    pub const WORKAROUNDS: Self = Self(0);

    /// The first of KVM's private registers, which have no names.
    pub const FIRST_PRIVATE: Self = Self(6);

    /// Returns all registers, in the order of their numbers.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        // INVARIANT: The range ends at 7.
        (0..=7).map(Self)
    }

    /// Returns the id by which userspace names the register.
    #[inline]
    pub fn id(self) -> u64 {
        IDS | u64::from(self.0)
    }

    /// Returns whether the id is in the group of these registers, with any size and number.
    #[inline]
    pub const fn is_in_group(id: u64) -> bool {
        // All bits except size and number; scope and reserved bits are included.
        const MASK: u64 = !((0xf << 52) | 0xffff);
        id & MASK == IDS & MASK
    }

    /// Returns the register that has this id.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if no register has the id.
    #[inline]
    pub fn from_id(id: u64) -> Result<Self, Reject> {
        FwReg::check_size(id)?;
        Self::all()
            .find(|reg| reg.id() == id)
            .ok_or(Reject::UnknownRegister)
    }

    /// Returns the value of the register on this host. Only that of the workarounds calls `host`.
    #[inline]
    pub fn levels(self, host: impl FnOnce() -> HostWorkarounds) -> FeatureLevels {
        if self == Self::WORKAROUNDS {
            host().levels()
        } else {
            FeatureLevels::default()
        }
    }
}

impl FeatureLevels {
    /// Decides a write to a register that reads `self` on this host; nothing is stored.
    ///
    /// # Errors
    ///
    /// [`Reject::AboveHost`] if a field is above the host's.
    #[inline]
    pub fn write(self, value: u64) -> Result<(), Reject> {
        Self::from_bits(value)
            .check(self)
            .map_err(|_| Reject::AboveHost)
    }
}
