// SPDX-License-Identifier: GPL-2.0

//! Feature levels: fields of a register as numbers whose meaning need not be known to compare them.
//!
//! A higher level is better, 0 means unknown, and a negative level means known to be absent. Fields
//! of ID registers are levels, of any width and with or without a sign. So are the sixteen signed
//! 4-bit fields of [`FeatureLevels`]: a write of those asks for no more than the host has if none
//! of its fields is above the host's, whatever the field means.
//!
//! Reference: the scheme of the Arm ARM for fields in ID registers ("Principles of the ID scheme"),
//! `cpuid_feature_extract_field_width()`.

/// How to read a field as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Two's complement: four bits are -8 to 7.
    Signed,
    /// Four bits are 0 to 15.
    Unsigned,
}

/// The value of a field as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureLevel(i32);

impl FeatureLevel {
    /// Nothing is known about the feature.
    pub const UNKNOWN: Self = Self(0);

    /// Returns the level of this number.
    #[inline]
    pub const fn new(level: i32) -> Self {
        Self(level)
    }

    /// Returns the level as a number.
    #[inline]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Returns whether the feature is known to be absent.
    #[inline]
    pub const fn is_absent(self) -> bool {
        self.0 < 0
    }
}

/// A field of a register: its place, and how to read it.
///
/// # Invariants
///
/// The width is at least 1, and the field ends at bit 63 at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    shift: u8,
    width: u8,
    sign: Sign,
}

impl Field {
    /// Returns the field of `width` bits that begins at bit `shift`, `None` if there is none.
    #[inline]
    pub const fn new(shift: u8, width: u8, sign: Sign) -> Option<Self> {
        // CAST: Widens, `u32::from()` is not `const`; the sum of two bytes does not wrap.
        #[expect(clippy::as_conversions)]
        let end = (shift as u32).wrapping_add(width as u32);
        if width == 0 || end > 64 {
            return None;
        }
        // INVARIANT: Just checked.
        Some(Self { shift, width, sign })
    }

    /// Returns the index of the field's least significant bit.
    #[inline]
    pub const fn shift(self) -> u8 {
        self.shift
    }

    /// Returns the number of the field's bits.
    #[inline]
    pub const fn width(self) -> u8 {
        self.width
    }

    /// Returns the number of bits above the field.
    #[inline]
    const fn above(self) -> u32 {
        // By the type invariant this does not wrap and is below 64; the mask shows it to the
        // compiler.
        self.unused().wrapping_sub(self.shift_u32()) & 63
    }

    /// Returns the number of the register's bits outside the field, at most 63.
    #[inline]
    const fn unused(self) -> u32 {
        // CAST: Widens, `u32::from()` is not `const`.
        #[expect(clippy::as_conversions)]
        let width = self.width as u32;
        // By the type invariant this does not wrap and is below 64, as in `above()`.
        64u32.wrapping_sub(width) & 63
    }

    #[inline]
    const fn shift_u32(self) -> u32 {
        // CAST: Widens, `u32::from()` is not `const`.
        #[expect(clippy::as_conversions)]
        let shift = self.shift as u32;
        shift & 63
    }

    /// Returns the bits of the field.
    #[inline]
    pub const fn mask(self) -> u64 {
        (u64::MAX >> self.unused()) << self.shift_u32()
    }

    /// Returns the level in the field of this register.
    ///
    /// As in C, a level is a signed number of 32 bits: only the lower 32 bits of a wider field
    /// count, and bit 31 is the sign even of an unsigned field.
    #[inline]
    pub const fn level(self, register: u64) -> FeatureLevel {
        let top = register << self.above();
        // CAST: Reinterprets the bits, then keeps the 32 that C keeps.
        #[expect(clippy::as_conversions)]
        let level = match self.sign {
            Sign::Signed => ((top as i64) >> self.unused()) as i32,
            Sign::Unsigned => (top >> self.unused()) as i32,
        };
        FeatureLevel(level)
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
        // INVARIANT: The shift is at most 60, so the field ends at bit 63 at the latest.
        Field {
            shift: (self.0 & 15) << 2,
            width: 4,
            sign,
        }
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
        // CAST: Sign-extends; the mask below removes bits outside the field.
        #[expect(clippy::as_conversions)]
        let bits = (level.get() as u64) << field.shift_u32();
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
