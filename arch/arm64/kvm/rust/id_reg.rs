// SPDX-License-Identifier: GPL-2.0

//! The comparison of an ID register with what the host can give.

use kernel::{
    kvm::id_reg::FeatureFields,
    prelude::*, //
};
use kvm_abi::FeatureRegister;

use crate::errno::to_ret;

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
pub unsafe extern "C" fn kvm_arm_rust_accept_id_reg(
    id: u32,
    raz: bool,
    limit: u64,
    writable: u64,
    val: u64,
) -> c_int {
    let register = FeatureRegister::new(raz, limit, writable);
    to_ret(register.decide(val, || FeatureFields::of(id)))
}
