// SPDX-License-Identifier: GPL-2.0

//! Code that cannot panic, including what KUnit's messages use from `core`: nothing is reported.

#![no_std]

#[inline(never)]
pub fn checked(slice: &[u8], index: usize, step: u32) -> Option<u32> {
    u32::from(*slice.get(index)?).checked_add(step)
}

#[inline(never)]
pub fn formatted(value: u32, out: &mut dyn core::fmt::Write) -> core::fmt::Result {
    write!(out, "{value} {value:#x}")
}
