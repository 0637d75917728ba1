// SPDX-License-Identifier: GPL-2.0

//! Calls of the true random number generator.
//!
//! Reference: Arm DEN 0098 (TRNG), `kvm_trng_call()`.

use super::{
    ret::SUCCESS,
    Convention, //
};

/// A function of the true random number generator, Arm DEN 0098.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrngFunction {
    /// `TRNG_VERSION`.
    Version,
    /// `TRNG_FEATURES`.
    Features,
    /// `TRNG_GET_UUID`.
    GetUuid,
    /// `TRNG_RND`; the convention is the width of the registers that it fills.
    Rnd(Convention),
}

/// A call of `TRNG_RND` for no more bits than three registers hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RandomBits {
    // A byte, which fits beside the tag of the decision: so the decision has the registers of an
    // answer as whole words.
    bits: u8,
    convention: Convention,
}

impl RandomBits {
    /// Returns the call for this number of bits, `None` if they do not fit in three registers.
    #[inline(always)]
    pub fn new(bits: u32, convention: Convention) -> Option<Self> {
        let most = match convention {
            Convention::Smc32 => 3 * 32,
            Convention::Smc64 => 3 * 64,
        };
        let bits = u8::try_from(bits).ok().filter(|&bits| bits <= most)?;
        Some(Self { bits, convention })
    }

    /// Returns the number of words of 64 bits that the call needs, at most 3.
    #[inline]
    pub const fn words(self) -> usize {
        match self.bits {
            0 => 0,
            1..=64 => 1,
            65..=128 => 2,
            _ => 3,
        }
    }

    /// Returns the result of the call: bits of these words, the first bits in the last register.
    #[inline]
    pub fn to_registers(self, words: [u64; 3]) -> [u64; 4] {
        let [w0, w1, w2] = self.cut(words);
        match self.convention {
            Convention::Smc32 => [SUCCESS, low(w1), w0 >> 32, low(w0)],
            Convention::Smc64 => [SUCCESS, w2, w1, w0],
        }
    }

    /// Returns whether these registers can be the result of the call.
    #[inline]
    pub fn gives(self, registers: [u64; 4]) -> bool {
        let [_, x1, x2, x3] = registers;
        let words = match self.convention {
            Convention::Smc32 => [x2 << 32 | x3, x1, 0],
            Convention::Smc64 => [x3, x2, x1],
        };
        self.to_registers(words) == registers
    }

    /// Returns the words without the bits that the call does not ask for.
    #[inline]
    fn cut(self, [w0, w1, w2]: [u64; 3]) -> [u64; 3] {
        let first = |word: u64, below: u32| {
            let rest = 64u32.saturating_sub(u32::from(self.bits).saturating_sub(below));
            word & u64::MAX.checked_shr(rest).unwrap_or(0)
        };
        [first(w0, 0), first(w1, 64), first(w2, 128)]
    }
}

/// Returns bits 31:0.
#[inline(always)]
const fn low(word: u64) -> u64 {
    word & 0xffff_ffff
}
