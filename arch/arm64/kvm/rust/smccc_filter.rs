// SPDX-License-Identifier: GPL-2.0

//! The attribute by which userspace filters hypercalls.

use kernel::{
    bindings,
    kvm::{
        from_c,
        smccc::filter::read_request,
        Copied,
        Vm, //
    },
    prelude::*,
    uaccess::UserPtr, //
};
use kvm_abi::FilterRequest;

use crate::errno::{
    to_ret,
    Result, //
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
    let attr = attr.cast_const();
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, Copied(attr)) = unsafe { from_c((kvm, attr)) };
    to_ret(set_attr(vm, attr))
}

#[inline]
fn set_attr(vm: &Vm, attr: bindings::kvm_device_attr) -> Result {
    FilterRequest::admit_attribute(attr.attr)?;
    // CAST: Addresses have 64 bits on arm64. Each access checks that it belongs to userspace.
    read_request(UserPtr::from_addr(attr.addr as usize))?.add_to(vm)
}
