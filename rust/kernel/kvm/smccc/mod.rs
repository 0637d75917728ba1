// SPDX-License-Identifier: GPL-2.0

//! Hypercalls: the vCPU that calls, power states, the time of day, and the filter.
//!
//! C header: [`include/kvm/arm_hypercalls.h`](srctree/include/kvm/arm_hypercalls.h)

mod exit;
pub mod filter;
mod notes;
mod power;
mod time;

pub use exit::{
    ExitedVcpu,
    TrappedVcpu, //
};
pub use notes::Notes;
pub use power::ResetState;
