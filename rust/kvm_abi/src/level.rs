// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Feature levels: registers of sixteen 4-bit fields that are compared without being understood.
//!
//! A higher level is a better one, 0 says that nothing is known, and a negative level that the
//! feature is known to be absent. A write asks for no more than the host has if each of its fields
//! is at most the host's, whether or not anyone knows what the field means.
//!
//! Reference: the scheme of the Arm ARM for fields in ID registers ("Principles of the ID scheme"),
//! `cpuid_feature_extract_signed_field()`.

/// How a 4-bit field is read as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Two's complement, -8 to 7.
    Signed,
    /// 0 to 15.
    Unsigned,
}

/// The level in a signed 4-bit field, -8 to 7.
///
/// # Invariants
///
/// The number is at least -8 and at most 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureLevel(i8);

impl FeatureLevel {
    /// Nothing is known of the feature.
    pub const UNKNOWN: Self = Self(0);

    /// Returns the level of this number, `None` if it does not fit.
    #[inline]
    pub const fn new(level: i8) -> Option<Self> {
        if level < -8 || level > 7 {
            return None;
        }
        // INVARIANT: Just checked.
        Some(Self(level))
    }

    /// Returns the level in bits 3:0 of `field`; the other bits are ignored.
    #[inline]
    pub const fn from_field(field: u8) -> Self {
        // CAST: Reinterprets the bits, `i8::cast_signed()` is newer than the oldest compiler.
        #[expect(clippy::as_conversions)]
        let shifted = (field << 4) as i8;
        // INVARIANT: The arithmetic shift spreads bit 3, the sign, over bits 7:4.
        Self(shifted >> 4)
    }

    /// Returns the field, in bits 3:0.
    #[inline]
    pub const fn to_field(self) -> u8 {
        // CAST: Reinterprets the bits, of which four are kept.
        #[expect(clippy::as_conversions)]
        let bits = self.0 as u8;
        bits & 0xf
    }

    /// Returns the level as a number.
    #[inline]
    pub const fn get(self) -> i8 {
        self.0
    }

    /// Returns whether the feature is known to be absent.
    #[inline]
    pub const fn is_absent(self) -> bool {
        self.0 < 0
    }
}

/// The position of a field in a register, 0 (bits 3:0) to 15 (bits 63:60).
///
/// # Invariants
///
/// The index is at most 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldIndex(u8);

impl FieldIndex {
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

    /// Returns the index of the field's least significant bit.
    #[inline]
    pub const fn shift(self) -> u32 {
        // CAST: Widens, `u32::from()` is not `const`.
        #[expect(clippy::as_conversions)]
        let index = (self.0 & 15) as u32;
        index << 2
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
        Self(0xf << field.shift())
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

    /// Returns the four bits of a field.
    #[inline]
    const fn field(self, field: FieldIndex) -> u8 {
        // CAST: Four bits are left, so that nothing is lost.
        #[expect(clippy::as_conversions)]
        let bits = ((self.0 >> field.shift()) & 0xf) as u8;
        bits
    }

    /// Returns the level in a field.
    #[inline]
    pub const fn level(self, field: FieldIndex) -> FeatureLevel {
        FeatureLevel::from_field(self.field(field))
    }

    /// Returns a field as a number, read with the sign given.
    #[inline]
    pub const fn number(self, field: FieldIndex, sign: Sign) -> i8 {
        match sign {
            Sign::Signed => self.level(field).get(),
            // CAST: At most 15, so that the sign cannot change.
            #[expect(clippy::as_conversions)]
            Sign::Unsigned => self.field(field) as i8,
        }
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
            if self.number(field, sign) > limit.number(field, sign) {
                above = above.union(FieldMask::of(field));
            }
        }
        above
    }

    /// Checks that no level is above the host's.
    ///
    /// # Errors
    ///
    /// The fields that are.
    #[inline]
    pub fn check(self, host: Self) -> Result<(), FieldMask> {
        let above = self.exceeding(host, FieldMask::ALL);
        if above.is_empty() {
            Ok(())
        } else {
            Err(above)
        }
    }
}
