// SPDX-License-Identifier: GPL-2.0

//! `KVM_ARM_GET_REG_WRITABLE_MASKS`: the bits of each register that userspace may change.

use kernel::{
    bindings,
    kvm::{
        from_c,
        reg_masks::{
            kernel_table,
            supports_aarch32_el0,
            MadeOnce,
            RegMaskRange, //
        },
        Copied, //
    },
    prelude::*, //
};
use kvm_abi::{
    FeatureIdMasks,
    OptIns, //
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
    let Copied(range) = unsafe { from_c(range) };
    to_ret(write_masks(&range.into()))
}

#[inline]
fn write_masks(range: &RegMaskRange) -> Result {
    range.request.range(OptIns::NONE)?;
    Ok(range.write_feature_id_masks(feature_id_masks())?)
}

// The masks of a host with AArch32 at EL0, and of one without. A host may go from one to the other,
// because a CPU that comes online late may lack AArch32.
static WITH_AARCH32: MadeOnce = MadeOnce::none();
static WITHOUT_AARCH32: MadeOnce = MadeOnce::none();

/// Returns the masks of the feature ID registers.
#[inline]
pub(crate) fn feature_id_masks() -> &'static FeatureIdMasks {
    let aarch32_el0 = supports_aarch32_el0();
    let masks = if aarch32_el0 {
        &WITH_AARCH32
    } else {
        &WITHOUT_AARCH32
    };
    masks.get(|masks| masks.fill(kernel_table(), aarch32_el0))
}

/// Drops the masks, so that the next use makes them again.
///
/// # Safety
///
/// Nobody may call another function of this module during the call.
#[cfg(CONFIG_KVM_ARM64_RUST_KUNIT_TEST)]
#[export]
pub unsafe extern "C" fn kvm_arm_rust_forget_reg_masks() {
    for masks in [&WITH_AARCH32, &WITHOUT_AARCH32] {
        // SAFETY: Only functions of this module and of its twin in `check` use the masks, and the
        // caller guarantees that none runs.
        unsafe { masks.forget() };
    }
}
