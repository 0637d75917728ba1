// SPDX-License-Identifier: GPL-2.0

//! Fields of a register as numbers whose meaning need not be known to compare them.
//!
//! A higher level is better, 0 means unknown, and a negative level means known to be absent. Fields
//! of ID registers are levels, of any width and with or without a sign, and so are the sixteen
//! signed 4-bit fields of the feature-level registers.
//!
//! Reference: the scheme of the Arm ARM for fields in ID registers ("Principles of the ID scheme"),
//! `cpuid_feature_extract_field_width()`.

use crate::cast;

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
        // The sum of two bytes does not wrap.
        let end = cast::widen(shift).wrapping_add(cast::widen(width));
        if width == 0 || end > 64 {
            return None;
        }
        // INVARIANT: Just checked.
        Some(Self { shift, width, sign })
    }

    /// Returns a field of four bits, by its position; only the lower four bits of that count.
    #[inline]
    pub(crate) const fn nibble(position: u8, sign: Sign) -> Self {
        // INVARIANT: The shift is at most 60, so the field ends at bit 63 at the latest.
        Self {
            shift: (position & 15) << 2,
            width: 4,
            sign,
        }
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
        // By the type invariant this does not wrap and is below 64, as in `above()`.
        64u32.wrapping_sub(cast::widen(self.width)) & 63
    }

    /// Returns the index of the field's least significant bit, at most 63.
    #[inline]
    pub(crate) const fn shift_u32(self) -> u32 {
        cast::widen(self.shift) & 63
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
        FeatureLevel(match self.sign {
            Sign::Signed => cast::low_half_signed(cast::signed(top) >> self.unused()),
            Sign::Unsigned => cast::low_half_signed(cast::signed(top >> self.unused())),
        })
    }
}
