// SPDX-License-Identifier: GPL-2.0

//! The attribute by which userspace filters hypercalls, in modes `rust` and `check`.

use kernel::{
    bindings::{
        self,
        kvm_arm_abi_surface_KVM_ARM_ABI_SMCCC_FILTER as SMCCC_FILTER, //
    },
    kvm::{
        abi::FwLocked,
        smccc_filter::{
            read_request,
            request_from_raw, //
        },
        ConfigLock,
        Held,
        Vm, //
    },
    prelude::*,
    uaccess::UserPtr, //
};

use crate::{
    check::{
        compare,
        mismatch,
        unjudged,
        Outcome, //
    },
    errno::{
        to_ret,
        Result, //
    }, //
};

/// Sets the only attribute of a VM's hypercalls: adds a range to their filter.
///
/// Returns 0, or the first of: `-ENXIO` if there is no such attribute; `-EFAULT` if the request
/// cannot be read; `-EINVAL` if it is not valid; `-EBUSY` if the VM has run; `-EEXIST` if a
/// function of the range is in the filter already, or reserved; `-ENOMEM`. A guest sees no effect
/// of a refused request.
///
/// C: `kvm_vm_smccc_set_attr()`.
///
/// # Safety
///
/// - `kvm` must point to a valid VM, whose `config_lock` the caller does not hold.
/// - `attr` must point to a valid attribute in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_smccc_set_attr(
    kvm: *mut bindings::kvm,
    attr: *mut bindings::kvm_device_attr,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, number, addr) = unsafe { (Vm::from_raw(kvm), (*attr).attr, (*attr).addr) };
    if number != bindings::KVM_ARM_VM_SMCCC_FILTER.into() {
        return ENXIO.to_errno();
    }
    // CAST: Addresses have 64 bits on arm64. Each access checks that it belongs to userspace.
    to_ret(set_filter(vm, UserPtr::from_addr(addr as usize)))
}

#[inline]
fn set_filter(vm: &Vm, from: UserPtr) -> Result {
    read_request(from)?.add_to(vm)
}

/// Compares whether C refuses a request before it takes the lock.
///
/// `ret` is C's return value. Under its lock, C calls [`kvm_arm_rust_judge_smccc_filter`] for the
/// rest.
///
/// # Safety
///
/// `filter` must point to a valid request in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_smccc_filter_request(
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
pub unsafe extern "C" fn kvm_arm_rust_judge_smccc_filter(
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
