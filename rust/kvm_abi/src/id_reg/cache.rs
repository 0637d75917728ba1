// SPDX-License-Identifier: GPL-2.0

//! The geometry of a vCPU's caches: `CLIDR_EL1` and `CCSIDR_EL1`, which each vCPU has for itself.
//!
//! KVM makes the values up, as a vCPU runs on CPUs whose caches differ. A guest must not rely on a
//! shorter line, or less maintenance, than the host has.
//!
//! Reference: `set_clidr()`, `get_ccsidr()`, `set_ccsidr()`, `demux_c15_set()`.

use crate::{
    cast,
    Field,
    Reject,
    Sign, //
};

/// What the host's CPUs have in common, from the sanitised `CTR_EL0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheGeometry {
    ctr: u64,
}

/// A cache by its number in `CSSELR_EL1`: the level in bits 3:1, and in bit 0 whether it holds
/// instructions only.
///
/// # Invariants
///
/// The number is less than [`CacheSelector::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheSelector(u8);

impl CacheSelector {
    const NR: u8 = 14;

    /// The number of selectors, `CSSELR_MAX`.
    pub const COUNT: usize = cast::index(Self::NR);

    /// Returns the selector that has this number, `None` if there is none.
    #[inline]
    pub const fn new(number: u8) -> Option<Self> {
        if number >= Self::NR {
            return None;
        }
        // INVARIANT: Just checked.
        Some(Self(number))
    }

    /// Returns all selectors.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        // INVARIANT: The range ends before the number of selectors.
        (0..Self::NR).map(Self)
    }

    #[inline]
    const fn is_instruction(self) -> bool {
        self.0 & 1 != 0
    }
}

/// `CTR_EL0.IDC`: the data cache need not be cleaned to the point of unification.
const IDC: u64 = 1 << 28;
/// `CTR_EL0.IminLine`, in words, as a binary logarithm.
const IMIN_LINE: Field = Field::nibble(0, Sign::Unsigned);
/// `CTR_EL0.DminLine`.
const DMIN_LINE: Field = Field::nibble(4, Sign::Unsigned);

/// Bits 63:47 of `CLIDR_EL1`, which are reserved.
const CLIDR_RES0: u64 = u64::MAX << 47;
/// `CLIDR_EL1.LoUU`.
const LOUU: u64 = 7 << 27;
/// `CLIDR_EL1.LoC`.
const LOC: u64 = 7 << 24;
/// `CLIDR_EL1.LoUIS`.
const LOUIS: u64 = 7 << 21;

/// `CCSIDR_EL1.LineSize`, in bytes, as a binary logarithm less 4.
const LINE_SIZE: u32 = 7;

impl CacheGeometry {
    /// Returns the geometry of a host with this `CTR_EL0`.
    #[inline]
    pub const fn of_host(ctr: u64) -> Self {
        Self { ctr }
    }

    /// Decides a write of `CLIDR_EL1`. It does not freeze.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a reserved bit is set, or if the guest would not clean a data
    /// cache that the host has to clean.
    #[inline]
    pub const fn decide_clidr(self, value: u64) -> Result<u64, Reject> {
        let cleans_nothing = value & LOC == 0 || value & (LOUIS | LOUU) == 0;
        if value & CLIDR_RES0 != 0 || (self.ctr & IDC == 0 && cleans_nothing) {
            return Err(Reject::InvalidValue);
        }
        Ok(value)
    }

    /// Returns the value of `CCSIDR_EL1` until userspace sets another one: one set, one way.
    #[inline]
    pub const fn initial_ccsidr(self, cache: CacheSelector) -> u32 {
        // The field takes the lower three bits of the difference, as in C.
        self.min_line(cache).wrapping_sub(4) & LINE_SIZE
    }

    /// Decides a write of `CCSIDR_EL1`. It does not freeze.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if the line is shorter than the host's.
    #[inline]
    pub const fn decide_ccsidr(self, cache: CacheSelector, value: u32) -> Result<u32, Reject> {
        // At most 11, so this does not wrap.
        let line = (value & LINE_SIZE).wrapping_add(4);
        if line < self.min_line(cache) {
            return Err(Reject::InvalidValue);
        }
        Ok(value)
    }

    /// Returns the shortest line of the host, in bytes, as a binary logarithm: at most 17.
    ///
    /// C: `get_min_cache_line_size()`.
    #[inline]
    const fn min_line(self, cache: CacheSelector) -> u32 {
        let field = if cache.is_instruction() {
            IMIN_LINE
        } else {
            DMIN_LINE
        };
        let words = (self.ctr & field.mask()) >> field.shift_u32();
        cast::low_half(words).wrapping_add(2)
    }
}
