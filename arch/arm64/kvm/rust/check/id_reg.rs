// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for the comparison of ID registers with the host's limits.

use kernel::{
    kvm::{
        id_reg::FeatureFields,
        switch::Surface, //
    },
    prelude::*, //
};
use kvm_abi::FeatureRegister;

use super::{
    compare,
    Outcome, //
};
use crate::errno::to_ret;

/// Compares the decision of `arm64_check_features()`, which has returned `ret`.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_check_id_reg(
    id: u32,
    raz: bool,
    limit: u64,
    writable: u64,
    val: u64,
    ret: c_int,
) {
    let register = FeatureRegister::new(raz, limit, writable);
    let rust = to_ret(register.decide(val, || FeatureFields::of(id)));
    let [c, rust] = [ret, rust].map(|ret| Outcome { ret, val });
    compare(Surface::ID_REG, id.into(), c, rust);
}
