// SPDX-License-Identifier: GPL-2.0

//! `KVM_ARM_GET_REG_WRITABLE_MASKS`: the bits of each register that userspace may change.

use kernel::{
    bindings,
    kvm::{
        abi::OptIns,
        reg_masks::RegMaskRange, //
    },
    prelude::*, //
};

use crate::errno::{
    to_ret,
    Result, //
};

/// Writes the masks of a range of registers to userspace.
///
/// Returns 0; `-EINVAL` if there is no such range, or a reserved word is not zero, without an
/// access to userspace; `-EFAULT` if the masks cannot be written, and then the writable part of the
/// array is zero.
///
/// C: `kvm_vm_ioctl_get_reg_writable_masks()`.
///
/// # Safety
///
/// `range` must point to a valid request in kernel memory that nobody writes during the call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_get_reg_writable_masks(
    range: *const bindings::reg_mask_range,
) -> c_int {
    // SAFETY: The caller guarantees it.
    let range = unsafe { RegMaskRange::from_raw(range) };
    to_ret(write_masks(&range))
}

#[inline]
fn write_masks(range: &RegMaskRange) -> Result {
    range.request.range(OptIns::NONE)?;
    Ok(range.write_feature_id_masks()?)
}

/// Drops the masks, so that the next use makes them again.
///
/// # Safety
///
/// Nobody may call another function of this module during the call.
#[cfg(CONFIG_KVM_ARM64_RUST_KUNIT_TEST)]
#[export]
pub unsafe extern "C" fn kvm_arm_rust_forget_reg_masks() {
    // SAFETY: Only functions of this module use the masks; the caller guarantees that none runs.
    unsafe { kernel::kvm::reg_masks::forget_feature_id_masks() };
}
