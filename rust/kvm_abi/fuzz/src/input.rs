// SPDX-License-Identifier: GPL-2.0

//! Values built from bytes.

/// Bytes from which values are built, one after the other; zeros follow the last byte.
///
/// So every input is valid, and changing one byte changes one value.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Returns the input that has these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns whether there are bytes left.
    pub(crate) fn has_more(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        bytes[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        bytes
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.bytes())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.u8() & 1 != 0
    }

    /// Returns one of the values.
    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::from(self.u8()) % values.len()]
    }

    /// Returns a register's value, often one of `values` or close to one, because mistakes are at
    /// the ends of ranges.
    pub(crate) fn near(&mut self, values: &[u64]) -> u64 {
        let value = match values {
            [] => self.small(),
            _ => self.one_of(values),
        };
        match self.u8() % 8 {
            0 => self.u64(),
            1 => value ^ (1 << (self.u8() % 64)),
            2 => value.wrapping_add_signed(i64::from(self.u8() as i8)),
            // With noise above the lower half, for registers whose upper half is ignored.
            3 => value | u64::from(self.u32()) << 32,
            _ => value,
        }
    }

    /// Returns a number that is small, or close to the end of 64 bits.
    pub(crate) fn small(&mut self) -> u64 {
        i64::from(self.u8() as i8) as u64
    }
}
