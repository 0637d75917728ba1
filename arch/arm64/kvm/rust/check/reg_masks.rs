// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for `KVM_ARM_GET_REG_WRITABLE_MASKS`.

use kernel::{
    bindings,
    kvm::{
        from_c,
        reg_masks::RegMaskRange,
        switch::Surface,
        Copied, //
    },
    prelude::*, //
};
use kvm_abi::{
    OptIns,
    SysReg, //
};

use super::{
    compare,
    mismatch,
    Outcome, //
};
use crate::reg_masks::feature_id_masks;

/// Compares the mask that C is about to write for a register.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_check_reg_mask(id: u32, mask: u64) {
    let rust = feature_id_masks()
        .get(SysReg::from_encoding(id))
        .unwrap_or(0);
    let [c, rust] = [mask, rust].map(Outcome::value);
    compare(Surface::REG_MASKS, id.into(), c, rust);
}

/// Compares the number of registers for which C has written a mask.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_check_nr_reg_masks(nr: c_uint) {
    let masks = feature_id_masks().as_array();
    let rust = masks
        .iter()
        .filter(|mask| **mask != 0)
        .fold(0u64, |nr, _| nr.saturating_add(1));
    let [c, rust] = [nr.into(), rust].map(Outcome::value);
    compare(Surface::REG_MASKS, 0, c, rust);
}

/// Compares whether a request is refused. `ret` is C's return value; `-EFAULT` is not a decision of
/// either side.
///
/// # Safety
///
/// `range` must point to a valid request in kernel memory that nobody writes during the call.
#[export]
pub unsafe extern "C" fn kvm_arm_check_reg_mask_range(
    range: *const bindings::reg_mask_range,
    ret: c_int,
) {
    // SAFETY: The caller guarantees it.
    let Copied(range) = unsafe { from_c(range) };
    let rust = match RegMaskRange::from(range).request.range(OptIns::NONE) {
        Ok(_) => Outcome::value(0),
        Err(reject) => Outcome::refused(reject),
    };
    if rust.ret != ret && (rust.ret != 0 || ret != EFAULT.to_errno()) {
        mismatch(Surface::REG_MASKS, 0, Outcome { ret, val: 0 }, rust);
    }
}
