// SPDX-License-Identifier: GPL-2.0

//! A model of the protocol in which KVM/arm64 asks the core and carries out what it decides.
//!
//! The decisions are the core's own. Modelled are memory and locks, with the types of loom, which
//! runs what is written here in every order, and has every load without a lock return every value
//! that the memory model allows. The methods have the names of those in `rust/kernel/kvm`, or of
//! the C functions, that they stand for.
//!
//! That the model can fail is shown by its tests: beside each property there are protocols that
//! lack one step, and a test that sees the property fail with them.

use std::panic::{
    catch_unwind,
    resume_unwind,
    AssertUnwindSafe, //
};

mod guest;
mod memory;
mod paths;
mod switch;
mod vcpu;
mod vm;

pub use guest::Guest;
pub use paths::{
    check_get_psci_version,
    judge_bitmap,
    set_bitmap,
    set_bitmap_by_c,
    set_bitmap_by_rust,
    set_psci_version,
    set_psci_version_until_run, //
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
    Vm, //
};

/// What does not hold.
pub type Violation = String;

/// Says what does not hold, if something does not.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($otherwise:tt)+) => {
        if !$holds {
            return Err(format!($($otherwise)+));
        }
    };
}

/// Runs a model in every order.
///
/// With more than two threads there are too many; then those are run in which a thread is
/// interrupted, where it could have gone on, at most so many times altogether.
///
/// What does not hold is to be found when all threads have ended, as loom cannot end them.
///
/// # Panics
///
/// If something does not hold in one of the orders.
pub fn in_every_order(
    preemptions: Option<usize>,
    model: impl Fn() -> Result<(), Violation> + Send + Sync + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    let result = catch_unwind(AssertUnwindSafe(|| {
        builder.check(move || {
            if let Err(violation) = model() {
                // Loom's stacks are too small for a panic that says where it was.
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
