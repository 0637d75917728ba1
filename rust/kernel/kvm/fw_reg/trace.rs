// SPDX-License-Identifier: GPL-2.0

//! Tracepoints of accesses that Rust serves.
//!
//! C header:
//! [`include/trace/events/kvm_arm64_rust.h`](srctree/include/trace/events/kvm_arm64_rust.h)

use crate::{
    ffi::c_int,
    tracepoint::declare_trace, //
};

use crate::kvm::Vcpu;

declare_trace! {
    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn kvm_arm64_get_fw_reg(vcpu_id: c_int, id: u64, val: u64, ret: c_int, rust: bool);

    /// # Safety
    ///
    /// Always safe to call.
    unsafe fn kvm_arm64_set_fw_reg(
        vcpu_id: c_int, id: u64, old: u64, val: u64, ret: c_int, rust: bool,
    );
}

/// Traces a read of a firmware register: its value, 0 if refused, and 0 or a negative errno.
#[inline]
pub fn get_fw_reg(vcpu: &Vcpu, id: u64, val: u64, ret: c_int) {
    // SAFETY: Always safe to call.
    unsafe { kvm_arm64_get_fw_reg(vcpu.id(), id, val, ret, true) }
}

/// Traces a write of a firmware register: its value before, the value written, and 0 or a negative
/// errno.
#[inline]
pub fn set_fw_reg(vcpu: &Vcpu, id: u64, old: u64, val: u64, ret: c_int) {
    // SAFETY: Always safe to call.
    unsafe { kvm_arm64_set_fw_reg(vcpu.id(), id, old, val, ret, true) }
}
