// SPDX-License-Identifier: GPL-2.0

//! The feature-level registers: what a host has, as numbers whose meaning need not be known to
//! compare them.
//!
//! Their number is fixed, so no kernel lists a register that another one lacks. A field that a
//! kernel does not know is zero, "unknown", on its hosts: an older kernel accepts a newer kernel's
//! value, unless that value promises a feature. See [`Promise`](super::Promise).
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use crate::{
    cast,
    reg_id::{
        Class,
        RegId, //
    },
    FeatureLevel,
    Field,
    HostWorkarounds,
    Reject,
    Sign,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

/// A feature-level register.
///
/// # Invariants
///
/// The number is less than [`FeatureLevelReg::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureLevelReg(u8);

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
    pub const COUNT: usize = cast::index(Self::NR);

    pub(super) const NR: u8 = 8;

    /// The register of the workarounds, the only one that depends on the host.
    pub const WORKAROUNDS: Self = Self(0);

    /// The first of KVM's private registers, which have no names.
    pub const FIRST_PRIVATE: Self = Self(6);

    /// Returns all registers, in the order of their numbers.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        // INVARIANT: The range ends before the number of registers.
        (0..Self::NR).map(Self)
    }

    /// Returns the number of the register.
    #[inline]
    pub const fn index(self) -> usize {
        cast::index(self.0)
    }

    /// Returns the id by which userspace names the register.
    #[inline]
    pub fn id(self) -> u64 {
        Class::FEATURE_LEVEL.id(self.0)
    }

    /// Returns whether the id is in the group of these registers, with any size and number.
    #[inline]
    pub const fn is_in_group(id: u64) -> bool {
        RegId::new(id).is_of(Class::FEATURE_LEVEL)
    }

    /// Returns the register that has this id.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if no register has the id.
    #[inline]
    pub fn from_id(id: u64) -> Result<Self, Reject> {
        RegId::new(id).admit_size()?;
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

/// The position of a 4-bit field in a register, 0 (bits 3:0) to 15 (bits 63:60).
///
/// # Invariants
///
/// The index is at most 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldIndex(u8);

impl FieldIndex {
    /// `SMCCC_ARCH_WORKAROUND_1` in [`FeatureLevelReg::WORKAROUNDS`].
    pub const WORKAROUND_1: Self = Self(0);
    /// `SMCCC_ARCH_WORKAROUND_2` in [`FeatureLevelReg::WORKAROUNDS`].
    pub const WORKAROUND_2: Self = Self(1);
    /// `SMCCC_ARCH_WORKAROUND_3` in [`FeatureLevelReg::WORKAROUNDS`].
    pub const WORKAROUND_3: Self = Self(2);

    /// Returns the position with this index, `None` if a register has fewer fields.
    #[inline]
    pub const fn new(index: u8) -> Option<Self> {
        if index > 15 {
            return None;
        }
        // INVARIANT: Just checked.
        Some(Self(index))
    }

    /// Returns all positions, from the least significant.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        // INVARIANT: The range ends at 15.
        (0..=15).map(Self)
    }

    /// Returns the field at this position.
    #[inline]
    pub const fn field(self, sign: Sign) -> Field {
        Field::nibble(self.0, sign)
    }
}

/// A set of fields of a register: all four bits of each field that is in the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldMask(u64);

impl FieldMask {
    /// No field.
    pub const EMPTY: Self = Self(0);
    /// All sixteen fields.
    pub const ALL: Self = Self(u64::MAX);

    /// Returns the set of one field.
    #[inline]
    pub const fn of(field: FieldIndex) -> Self {
        Self(field.field(Sign::Signed).mask())
    }

    /// Returns the set of the fields that are in either set.
    #[inline]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether the field is in the set.
    #[inline]
    pub const fn contains(self, field: FieldIndex) -> bool {
        self.0 & Self::of(field).0 != 0
    }

    /// Returns whether no field is in the set.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the bits of the fields.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// A 64-bit register of sixteen feature levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FeatureLevels(u64);

impl FeatureLevels {
    /// Returns the levels in a register.
    #[inline]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the register.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the level in a field.
    #[inline]
    pub const fn level(self, field: FieldIndex) -> FeatureLevel {
        field.field(Sign::Signed).level(self.0)
    }

    /// Returns the register with a level in a field; only the lower four bits of the level count.
    #[inline]
    pub const fn with(self, field: FieldIndex, level: FeatureLevel) -> Self {
        let field = field.field(Sign::Signed);
        // The mask below removes bits outside the field.
        let bits = cast::sign_extended(level.get()) << field.shift_u32();
        Self((self.0 & !field.mask()) | (bits & field.mask()))
    }

    /// Returns the fields in which `self` is above `limit`.
    ///
    /// The fields in `signed` are compared as signed numbers, the others as unsigned ones.
    #[inline]
    pub fn exceeding(self, limit: Self, signed: FieldMask) -> FieldMask {
        let mut above = FieldMask::EMPTY;
        for field in FieldIndex::all() {
            let sign = if signed.contains(field) {
                Sign::Signed
            } else {
                Sign::Unsigned
            };
            let number = field.field(sign);
            if number.level(self.0) > number.level(limit.0) {
                above = above.union(FieldMask::of(field));
            }
        }
        above
    }
}
