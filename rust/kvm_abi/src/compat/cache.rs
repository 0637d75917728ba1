// SPDX-License-Identifier: GPL-2.0

//! The caches of a host, by `CLIDR_EL1`.
//!
//! Reference: Arm ARM, "CLIDR_EL1, Cache Level ID Register".

use crate::cast::low_half;

/// The ids of `KVM_REG_ARM_DEMUX_ID_CCSIDR`, of 32 bits, without the number.
const CCSIDR_IDS: u64 = 0x6020_0000_0011_0000;
/// The number of such a register: a value of `CSSELR_EL1`.
const CCSIDR_NUMBER: u64 = 0xff;

/// The value of `CLIDR_EL1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Clidr(pub u64);

impl Clidr {
    /// Returns whether the id is that of a cache's `CCSIDR_EL1` that is not there.
    #[inline]
    pub fn lacks(self, id: u64) -> bool {
        id & !CCSIDR_NUMBER == CCSIDR_IDS && !self.has_cache(id & CCSIDR_NUMBER)
    }

    /// Returns whether there is the cache that this value of `CSSELR_EL1` selects: instructions in
    /// bit 0, the level in bits 3:1.
    #[inline]
    fn has_cache(self, csselr: u64) -> bool {
        let level = csselr >> 1;
        let instructions = csselr & 1 != 0;
        // CLIDR_EL1 has seven fields of three bits.
        if level > 6 {
            return false;
        }
        match self.0.wrapping_shr(low_half(level).wrapping_mul(3)) & 7 {
            // Instructions only
            1 => instructions,
            // Data only, or unified
            2 | 4 => !instructions,
            // Separate caches
            3 => true,
            _ => false,
        }
    }
}
