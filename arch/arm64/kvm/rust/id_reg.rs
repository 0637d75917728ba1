// SPDX-License-Identifier: GPL-2.0

//! Writes to the ID registers in mode `rust`.

use kernel::{
    bindings,
    kvm::{
        from_c,
        id_reg::VcpuIdReg, //
    },
    prelude::*, //
};
use kvm_abi::{
    IdReg,
    Reject,
    SysReg, //
};

use crate::errno::to_ret;

/// Returns the rule of a register, encoded as by `sys_reg()`.
///
/// # Errors
///
/// [`Reject::UnknownRegister`] if vCPUs do not share it. `include/kvm/arm_ties.h` keeps C from
/// asking about such a register.
#[inline]
pub(crate) fn rule(id: u32) -> Result<IdReg, Reject> {
    IdReg::of(SysReg::from_encoding(id)).ok_or(Reject::UnknownRegister)
}

/// Writes an ID register of a VM for userspace.
///
/// `id` is the register as `sys_reg()` encodes it.
///
/// Returns 0; `-EINVAL` if the register cannot have the value; `-EBUSY` if the VM has run, which
/// froze the register at another value. A refused write changes nothing.
///
/// C: `set_id_reg()`, the functions that call it, and `set_imp_id_reg()`.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that is initialised, and whose mutex the caller holds; the
///   caller must not hold the `config_lock` of its VM.
/// - `rd` must point to the valid descriptor of an ID register that all vCPUs of a VM share.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_set_id_reg(
    vcpu: *mut bindings::kvm_vcpu,
    rd: *const bindings::sys_reg_desc,
    id: u32,
    val: u64,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vcpu, rd) = unsafe { from_c((vcpu, rd.cast_mut())) };
    let register = VcpuIdReg::new(vcpu, rd);
    to_ret(rule(id).and_then(|rule| rule.set(&register, val)))
}
