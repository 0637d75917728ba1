// SPDX-License-Identifier: GPL-2.0

//! The firmware pseudo-registers in mode `rust`.

use kernel::{
    bindings,
    kvm::{
        self,
        from_c,
        fw_reg::trace,
        Copied,
        NewVm,
        OneReg,
        Vcpu, //
    },
    prelude::*,
    uaccess::UserPtr, //
};
use kvm_abi::{
    FwReg,
    Reject, //
};

use crate::errno::{
    to_ret,
    Errno,
    Result, //
};

/// Initialises the hypercall services of a new VM.
///
/// C: `kvm_arm_init_hypercalls()`, except for the filter of hypercalls, which C always initialises,
/// so that its lock has the same class in all modes.
///
/// # Safety
///
/// `kvm` must point to a valid VM to which nobody else has access yet, and whose `config_lock` and
/// filter are initialised.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_init_hypercalls(kvm: *mut bindings::kvm) {
    // SAFETY: The caller guarantees that the VM is valid during the call, and new.
    let vm: NewVm<'_> = unsafe { from_c(kvm) };
    vm.init_bitmaps();
}

/// Writes the ids of the firmware registers to userspace, in their order in `KVM_GET_REG_LIST`.
///
/// Returns 0, or `-EFAULT` if an id cannot be written; the ids before it have been written.
///
/// C: `kvm_arm_copy_fw_reg_indices()`.
///
/// # Safety
///
/// Always safe to call: `uindices` is checked.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_copy_fw_reg_indices(
    _vcpu: *mut bindings::kvm_vcpu,
    uindices: *mut u64,
) -> c_int {
    let to = UserPtr::from_ptr(uindices.cast());
    to_ret(kvm::write_ids(FwReg::ALL.iter().map(|reg| reg.id()), to))
}

/// Reads a firmware register for userspace.
///
/// Returns 0; `-ENOENT` if there is no such register, without an access to userspace; `-EFAULT` if
/// the value cannot be written to userspace.
///
/// C: `kvm_arm_get_fw_reg()`.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that is initialised, and whose mutex the caller holds.
/// - `reg` must point to a valid request in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_get_fw_reg(
    vcpu: *mut bindings::kvm_vcpu,
    reg: *const bindings::kvm_one_reg,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vcpu, Copied(reg)) = unsafe { from_c((vcpu, reg)) };
    to_ret(get(vcpu, reg.into()))
}

#[inline]
fn get(vcpu: &Vcpu, request: OneReg) -> Result {
    let value = FwReg::get_by_id(vcpu, request.id())?;
    Ok(request.write_value(value)?)
}

/// Reads a firmware register for userspace, and traces it.
///
/// Returns what [`kvm_arm_rust_get_fw_reg`] returns.
///
/// # Safety
///
/// As for [`kvm_arm_rust_get_fw_reg`].
#[export]
pub unsafe extern "C" fn kvm_arm_rust_traced_get_fw_reg(
    vcpu: *mut bindings::kvm_vcpu,
    reg: *const bindings::kvm_one_reg,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vcpu, Copied(reg)) = unsafe { from_c((vcpu, reg)) };
    to_ret(traced_get(vcpu, reg.into()))
}

fn traced_get(vcpu: &Vcpu, request: OneReg) -> Result {
    let id = request.id();
    let result = FwReg::from_id(id)
        .map(|reg| any_get(vcpu, reg))
        .map_err(Errno::from);
    trace::get_fw_reg(vcpu, id, result.unwrap_or(0), to_ret(result.map(|_| ())));
    Ok(request.write_value(result?)?)
}

/// Reads a register. It is there once for all registers, and for both accesses that are traced:
/// without tracing, each register has code of its own.
#[cold]
#[inline(never)]
fn any_get(vcpu: &Vcpu, reg: FwReg) -> u64 {
    reg.get(vcpu)
}

/// As [`any_get`], for a write.
#[cold]
#[inline(never)]
fn any_set(vcpu: &Vcpu, reg: FwReg, value: u64) -> core::result::Result<(), Reject> {
    reg.set(vcpu, value)
}

/// Writes a firmware register for userspace.
///
/// Returns 0, or the first of: `-ENOENT` if the size is not that of a firmware register; `-EFAULT`
/// if the value cannot be read; `-ENOENT` if there is no such register; `-EINVAL` if the value is
/// not allowed; `-EBUSY` if the VM has run, which froze the register at another value. A refused
/// write changes nothing.
///
/// C: `kvm_arm_set_fw_reg()`.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that is initialised, and whose mutex the caller holds; the
///   caller must not hold the `config_lock` of its VM.
/// - `reg` must point to a valid request in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_set_fw_reg(
    vcpu: *mut bindings::kvm_vcpu,
    reg: *const bindings::kvm_one_reg,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vcpu, Copied(reg)) = unsafe { from_c((vcpu, reg)) };
    to_ret(set(vcpu, reg.into()))
}

#[inline]
fn set(vcpu: &Vcpu, request: OneReg) -> Result {
    FwReg::set_by_id(vcpu, request.id(), || Ok(request.read_value()?))
}

/// Writes a firmware register for userspace, and traces it.
///
/// Returns what [`kvm_arm_rust_set_fw_reg`] returns.
///
/// # Safety
///
/// As for [`kvm_arm_rust_set_fw_reg`].
#[export]
pub unsafe extern "C" fn kvm_arm_rust_traced_set_fw_reg(
    vcpu: *mut bindings::kvm_vcpu,
    reg: *const bindings::kvm_one_reg,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vcpu, Copied(reg)) = unsafe { from_c((vcpu, reg)) };
    to_ret(traced_set(vcpu, reg.into()))
}

fn traced_set(vcpu: &Vcpu, request: OneReg) -> Result {
    let id = request.id();
    // A write without a value is not traced.
    let value = || Ok(request.read_value()?);
    FwReg::set_by_id_with(id, value, |value| {
        let reg = FwReg::from_id(id);
        let old = reg.map_or(0, |reg| any_get(vcpu, reg));
        let result = reg
            .and_then(|reg| any_set(vcpu, reg, value))
            .map_err(Errno::from);
        trace::set_fw_reg(vcpu, id, old, value, to_ret(result));
        result
    })
}
