// SPDX-License-Identifier: GPL-2.0

//! Mode `check`: C decides and commits, Rust decides on the same state, differences are reported.

use kernel::{
    kvm::{
        switch::{
            self,
            Surface, //
        }, //
    },
    prelude::*, //
};
use kvm_abi::Reject;

use crate::errno::Errno;

pub mod fw_reg;
pub mod id_reg;
pub mod reg_masks;
pub mod smccc;
pub mod smccc_filter;
pub mod vgic_v2;

/// One side's result of an access.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// 0 or a negative errno.
    pub(crate) ret: c_int,
    /// The value read, or the value of the register after a write.
    pub(crate) val: u64,
}

impl Outcome {
    /// An access that succeeds, and its value.
    pub(crate) fn value(val: u64) -> Self {
        Self { ret: 0, val }
    }

    /// An access that fails.
    pub(crate) fn refused(reject: Reject) -> Self {
        Self {
            ret: Errno::from(reject).get(),
            val: 0,
        }
    }
}

/// Counts, traces and logs that the sides differ on a register.
pub(crate) fn mismatch(surface: Surface, id: u64, c: Outcome, rust: Outcome) {
    switch::mismatch(surface, id, (c.ret, c.val), (rust.ret, rust.val));
}

/// Counts a call that cannot be judged.
pub(crate) fn unjudged(surface: Surface) {
    switch::unjudged(surface);
}

/// Returns whether calls that began in another mode may be under way.
pub(crate) fn others_are_possible() -> bool {
    switch::was_switched()
}

/// Reports a mismatch if the outcomes differ.
pub(crate) fn compare(surface: Surface, id: u64, c: Outcome, rust: Outcome) {
    if c != rust {
        mismatch(surface, id, c, rust);
    }
}
