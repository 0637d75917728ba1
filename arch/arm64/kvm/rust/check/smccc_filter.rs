// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for the filter of hypercalls.

use kernel::{
    bindings,
    kvm::{
        from_c,
        smccc::filter::request_from,
        switch::Surface,
        ConfigLock,
        Copied,
        Held, //
    },
    prelude::*, //
};
use kvm_abi::FwLocked;

use super::{
    compare,
    mismatch,
    unjudged,
    Outcome, //
};

/// Compares whether C refuses a request before it takes the lock.
///
/// `ret` is C's return value. Under its lock, C calls [`kvm_arm_check_smccc_filter`] for the
/// rest.
///
/// # Safety
///
/// `filter` must point to a valid request in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_check_smccc_filter_request(
    filter: *const bindings::kvm_smccc_filter,
    ret: c_int,
) {
    // SAFETY: The caller guarantees that the request is valid during the call.
    let Copied(filter) = unsafe { from_c(filter) };
    let request = request_from(filter);
    let rust = match request.admit() {
        Ok(_) => Outcome::value(0),
        Err(reject) => Outcome::refused(reject),
    };
    if (rust.ret != 0 || ret == EINVAL.to_errno()) && rust.ret != ret {
        mismatch(
            Surface::SMCCC_FILTER,
            request.base().into(),
            Outcome { ret, val: 0 },
            rust,
        );
    }
}

/// Compares C's result of a request, and the entries of the filter.
///
/// `ret` is C's return value.
///
/// # Safety
///
/// - `kvm` must point to a valid VM, whose `config_lock` the caller must have held since before it
///   decided.
/// - `filter` must point to a valid request in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_check_smccc_filter(
    kvm: *mut bindings::kvm,
    filter: *const bindings::kvm_smccc_filter,
    ret: c_int,
) {
    // SAFETY: The caller guarantees that both are valid, and the lock held, during the call.
    let (locked, Copied(filter)): (Held<'_, ConfigLock>, _) = unsafe { from_c((kvm, filter)) };
    let request = request_from(filter);

    let id = request.base().into();
    match request
        .admit()
        .and_then(|range| range.decide(locked.ran_once()))
    {
        Ok(range) => {
            let [c, rust] = match ret {
                // Compare the entries of both ends of the range.
                0 => {
                    let action =
                        |id| Outcome::value(locked.smccc_filter_entry(id).action().to_raw());
                    let rust = Outcome::value(range.action.to_raw());
                    compare(Surface::SMCCC_FILTER, id, action(range.first), rust);
                    [action(range.last), rust]
                }
                _ if ret == EEXIST.to_errno() && locked.smccc_filter_has_any(&range) => return,
                // Rust cannot tell whether the filter needed memory.
                _ if ret == ENOMEM.to_errno() => return unjudged(Surface::SMCCC_FILTER),
                _ => [Outcome { ret, val: 0 }, Outcome::value(0)],
            };
            compare(Surface::SMCCC_FILTER, id, c, rust);
        }
        Err(reject) => {
            compare(
                Surface::SMCCC_FILTER,
                id,
                Outcome { ret, val: 0 },
                Outcome::refused(reject),
            );
        }
    }
}
