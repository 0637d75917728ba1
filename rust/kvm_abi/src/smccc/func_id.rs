// SPDX-License-Identifier: GPL-2.0

//! Function identifiers: the value of `w0` that names the function a guest calls.
//!
//! Reference: Arm DEN 0028 (SMCCC), section "SMC and HVC function identifiers".

use crate::cast;

/// How wide the arguments and results of a call are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convention {
    /// `SMC32`/`HVC32`: 32 bits.
    Smc32,
    /// `SMC64`/`HVC64`: 64 bits; not for guests in AArch32 state.
    Smc64,
}

/// A function identifier.
///
/// Bit 31: set for a fast call, clear for a yielding one. Bit 30: [`Convention`]. Bits 29:24: the
/// owner of the function. Bits 23:17: reserved. Bit 16: the caller's hint that it has no live SVE
/// state. Bits 15:0: the number of the function.
///
/// The identifiers of KVM's PSCI 0.1 are older than this layout and do not follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncId(u32);

impl FuncId {
    /// The owner of the architecture's calls.
    pub const OWNER_ARCH: u8 = 0;
    /// The owner of standard secure services, PSCI and TRNG.
    pub const OWNER_STANDARD: u8 = 4;
    /// The owner of standard hypervisor services, paravirtualised time.
    pub const OWNER_STANDARD_HYP: u8 = 5;
    /// The owner of vendor specific hypervisor services, KVM's own.
    pub const OWNER_VENDOR_HYP: u8 = 6;

    /// Returns the identifier that has this value.
    #[inline]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the identifier in the lower half of a register; the upper half is ignored.
    #[inline]
    pub const fn from_register(value: u64) -> Self {
        Self(cast::low_half(value))
    }

    /// Returns the identifier of a fast call.
    #[inline]
    pub const fn fast(convention: Convention, owner: u8, number: u16) -> Self {
        let kind = match convention {
            Convention::Smc32 => 1 << 31,
            Convention::Smc64 => 1 << 31 | 1 << 30,
        };
        let [low, high] = number.to_le_bytes();
        Self(kind | u32::from_le_bytes([low, high, 0, owner & 0x3f]))
    }

    /// Returns the value of the identifier.
    #[inline]
    pub const fn to_raw(self) -> u32 {
        self.0
    }

    /// Returns bits 31:24, the kind and the owner of the call, and bits 23:0.
    #[inline]
    pub(crate) const fn split(self) -> (u8, u32) {
        let [a, b, c, kind] = self.0.to_le_bytes();
        (kind, u32::from_le_bytes([a, b, c, 0]))
    }

    /// Returns the owner, bits 29:24.
    #[inline]
    pub const fn owner(self) -> u8 {
        let [_, _, _, kind] = self.0.to_le_bytes();
        kind & 0x3f
    }

    /// Returns the number of the function, bits 15:0.
    #[inline]
    pub const fn number(self) -> u16 {
        let [low, high, _, _] = self.0.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// Returns whether the identifier belongs to PSCI 0.2 or later, for which
    /// [`Call::decode()`](super::Call::decode) says [`Call::Psci`](super::Call::Psci).
    #[inline]
    pub const fn is_psci(self) -> bool {
        self.owner() == Self::OWNER_STANDARD && self.number() < 0x20
    }

    /// Returns how wide arguments and results are, bit 30.
    #[inline]
    pub const fn convention(self) -> Convention {
        match self.0 & 1 << 30 {
            0 => Convention::Smc32,
            _ => Convention::Smc64,
        }
    }
}
