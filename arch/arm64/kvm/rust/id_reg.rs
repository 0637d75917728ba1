// SPDX-License-Identifier: GPL-2.0

//! The comparison of an ID register with what the host can give.

use kernel::{
    bindings::kvm_arm_abi_surface_KVM_ARM_ABI_ID_REG as ID_REG,
    kvm::{
        abi::FeatureRegister,
        id_reg::FeatureFields, //
    },
    prelude::*, //
};

use crate::{
    check::{
        compare,
        Outcome, //
    },
    errno::{
        to_ret,
        Result, //
    }, //
};

#[inline]
fn check(id: u32, raz: bool, limit: u64, writable: u64, val: u64) -> Result {
    let register = if raz {
        FeatureRegister::Raz
    } else {
        FeatureRegister::Limited { limit, writable }
    };
    Ok(register.decide(val, || FeatureFields::of(id))?)
}

/// Checks whether an ID register of a VM that has not run accepts a value.
///
/// `id` is the register as `sys_reg()` encodes it; `raz` is whether it reads as zero for the vCPU;
/// `limit` is the most that the host can give, `writable` are the bits that userspace may change.
///
/// Returns 0; `-E2BIG` if a field is not safe, or a bit that cannot be changed differs; `-EINVAL`
/// if the kernel does not know the register.
///
/// C: `arm64_check_features()`.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_check_features(
    id: u32,
    raz: bool,
    limit: u64,
    writable: u64,
    val: u64,
) -> c_int {
    to_ret(check(id, raz, limit, writable, val))
}

/// Compares the decision of `arm64_check_features()`, which has returned `ret`.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_check_features(
    id: u32,
    raz: bool,
    limit: u64,
    writable: u64,
    val: u64,
    ret: c_int,
) {
    // SAFETY: Always safe to call.
    let rust = unsafe { kvm_arm_rust_check_features(id, raz, limit, writable, val) };
    let [c, rust] = [ret, rust].map(|ret| Outcome { ret, val });
    compare(ID_REG, id.into(), c, rust);
}
