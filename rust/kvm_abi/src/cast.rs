// SPDX-License-Identifier: GPL-2.0

//! The casts of the crate, which denies `as` elsewhere. They are `const`, unlike those of `From`.

/// Returns bits 31:0.
#[inline(always)]
pub(crate) const fn low_half(value: u64) -> u32 {
    // CAST: Drops the upper half.
    value as u32
}

/// Returns bits 7:0.
#[inline(always)]
pub(crate) const fn low_byte(value: u32) -> u8 {
    // CAST: Drops the other bits.
    value as u8
}

/// Returns the same number.
#[inline(always)]
pub(crate) const fn widen(value: u8) -> u32 {
    // CAST: Widens.
    value as u32
}

/// Returns the same number, as an index.
#[inline(always)]
pub(crate) const fn index(value: u8) -> usize {
    // CAST: Widens.
    value as usize
}

/// Returns the same number, as it is counted in userspace.
#[inline(always)]
pub(crate) const fn wide(value: u32) -> u64 {
    // CAST: Widens.
    value as u64
}

/// Returns the number as two's complement.
#[inline(always)]
pub(crate) const fn signed(value: u64) -> i64 {
    // CAST: Reinterprets the bits.
    value as i64
}

/// Returns bits 31:0 as two's complement.
#[inline(always)]
pub(crate) const fn low_half_signed(value: i64) -> i32 {
    // CAST: Drops the upper half.
    value as i32
}

/// Returns the number as two's complement of 64 bits.
#[inline(always)]
pub(crate) const fn sign_extended(value: i32) -> u64 {
    // CAST: Extends the sign.
    value as u64
}

/// Returns `-value` as a register holds it.
#[inline(always)]
pub(crate) const fn negative(value: u64) -> u64 {
    0u64.wrapping_sub(value)
}
