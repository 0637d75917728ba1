// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for the filter of hypercalls.

use kernel::{
    bindings::{
        self,
        kvm_arm_abi_surface_KVM_ARM_ABI_SMCCC_FILTER as SMCCC_FILTER, //
    },
    kvm::{
        abi::FwLocked,
        smccc::filter::request_from_raw,
        ConfigLock,
        Held,
        Vm, //
    },
    prelude::*, //
};

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
    let request = unsafe { request_from_raw(filter) };
    let rust = match request.admit() {
        Ok(_) => Outcome::value(0),
        Err(reject) => Outcome::refused(reject),
    };
    if (rust.ret != 0 || ret == EINVAL.to_errno()) && rust.ret != ret {
        mismatch(
            SMCCC_FILTER,
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
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, request) = unsafe { (Vm::from_raw(kvm), request_from_raw(filter)) };
    // SAFETY: The caller guarantees that the lock is held during the call.
    let locked = unsafe { Held::<ConfigLock>::assume(vm) };

    let id = request.base().into();
    match request
        .admit()
        .and_then(|range| range.decide(locked.ran_once()))
    {
        Ok(range) => {
            let [c, rust] = match ret {
                // Compare the entries of both ends of the range.
                0 => {
                    let action = |id| Outcome::value(vm.smccc_filter_entry(id).action().to_raw());
                    let rust = Outcome::value(range.action.to_raw());
                    compare(SMCCC_FILTER, id, action(range.first), rust);
                    [action(range.last), rust]
                }
                _ if ret == EEXIST.to_errno() && locked.smccc_filter_has_any(&range) => return,
                // Rust cannot tell whether the filter needed memory.
                _ if ret == ENOMEM.to_errno() => return unjudged(SMCCC_FILTER),
                _ => [Outcome { ret, val: 0 }, Outcome::value(0)],
            };
            compare(SMCCC_FILTER, id, c, rust);
        }
        Err(reject) => {
            compare(
                SMCCC_FILTER,
                id,
                Outcome { ret, val: 0 },
                Outcome::refused(reject),
            );
        }
    }
}
