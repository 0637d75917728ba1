// SPDX-License-Identifier: GPL-2.0

//! The values of `x0` that functions return; negative ones in 64 bits even to 32-bit callers.

use crate::cast::negative;

/// `SUCCESS`.
pub const SUCCESS: u64 = 0;
/// `NOT_SUPPORTED`.
pub const NOT_SUPPORTED: u64 = negative(1);
/// `NOT_REQUIRED` of SMCCC.
pub const NOT_REQUIRED: u64 = negative(2);
/// `SMCCC_ARCH_FEATURES` of a workaround: it can be called, but need not be.
pub const WORKAROUND_UNAFFECTED: u64 = 1;
/// `INVALID_PARAMETERS`.
pub const INVALID_PARAMETERS: u64 = negative(2);
/// `ALREADY_ON`.
pub const ALREADY_ON: u64 = negative(4);
/// `INTERNAL_FAILURE`.
pub const INTERNAL_FAILURE: u64 = negative(6);
/// `AFFINITY_INFO`: at least one core of the affinity instance is on.
pub const AFFINITY_ON: u64 = 0;
/// `AFFINITY_INFO`: all cores of the affinity instance are off.
pub const AFFINITY_OFF: u64 = 1;
