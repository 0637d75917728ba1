// SPDX-License-Identifier: GPL-2.0

//! Calls of the true random number generator.
//!
//! Reference: Arm DEN 0098 (TRNG), `kvm_trng_call()`.

use super::Convention;

/// A function of the true random number generator, Arm DEN 0098.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
