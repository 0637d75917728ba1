// SPDX-License-Identifier: GPL-2.0

//! A model of the protocol by which KVM/arm64 asks the core for decisions and carries them out.
//!
//! The core itself runs: it looks at the state, locks, decides and commits as in the kernel. The
//! model adds memory and locks, with the types of loom. Loom explores all orders of the threads,
//! and for each load without a lock all values that the memory model allows. What is C in the
//! kernel is written again here, with the names of its counterparts.
//!
//! For each property, the tests also run protocols that lack one step, and expect the property to
//! fail.

use std::panic::{
    catch_unwind,
    resume_unwind,
    AssertUnwindSafe, //
};

mod config;
mod guest;
mod memory;
mod paths;
mod switch;
mod vcpu;
mod vm;

pub use config::{
    vm_config,
    Entry,
    Locks,
    ID_REG, //
};
pub use guest::Guest;
pub use paths::{
    check_get_psci_version,
    judge_bitmap,
    set_bitmap,
    set_bitmap_by_c,
    set_bitmap_by_rust,
    set_id_reg_by_c,
    set_id_reg_by_rust,
    set_psci_version,
    set_psci_version_until_run,
    Judge, //
};
pub use switch::{
    Counted,
    Mode,
    Server,
    Step,
    Switch, //
};
pub use vcpu::{
    ResetState,
    Vcpu, //
};
pub use vm::{
    flag,
    IdRegOf,
    Locked,
    LockedIdReg,
    Vm, //
};

/// The property that does not hold.
pub type Violation = String;

/// Returns a violation unless a condition holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($otherwise:tt)+) => {
        if !$holds {
            return Err(format!($($otherwise)+));
        }
    };
}

/// Explores all orders of a model.
///
/// With more than two threads there are too many orders; `preemptions` then limits how often, in
/// total, a thread that could go on is interrupted.
///
/// A model must check its properties after all threads have ended, because loom cannot end them.
///
/// # Panics
///
/// If a property does not hold in one of the orders.
pub fn in_every_order(
    preemptions: Option<usize>,
    model: impl Fn() -> Result<(), Violation> + Send + Sync + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    let result = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            if let Err(violation) = model() {
                // Loom's stacks are too small for a panic with its location.
                resume_unwind(Box::new(violation));
            }
        });
    }));
    match result.map_err(|cause| cause.downcast::<Violation>()) {
        Ok(()) => (),
        Err(Ok(violation)) => panic!("{violation}"),
        Err(Err(cause)) => resume_unwind(cause),
    }
}
