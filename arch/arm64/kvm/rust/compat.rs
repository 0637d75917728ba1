// SPDX-License-Identifier: GPL-2.0

//! VMs that behave as under an older kernel: what C asks about a level.
//!
//! A level is given as C stores it, `kvm->arch.compat_level`.

use kernel::{
    kvm::{
        compat::{
            host_clidr,
            level_from, //
        },
        fw_reg::trace,
        id_reg::host_value,
        OneReg,
        Vcpu, //
    },
    prelude::*, //
};
use kvm_abi::{
    CompatLevel,
    CompatPlace,
    CompatServed,
    FwReg,
    SysReg, //
};

use crate::errno::{
    to_ret,
    Errno,
    Result, //
};

/// Returns whether a capability is there at a level.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_has_cap(level: u32, cap: u32) -> bool {
    level_from(level).has_capability(cap)
}

/// Returns whether vCPUs can have these features at a level.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_has_features(level: u32, features: c_ulong) -> bool {
    // CAST: `unsigned long` has 64 bits on arm64.
    level_from(level).has_features(features as u64)
}

/// Returns whether a VM has the caches of its host at a level.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_host_caches(level: u32) -> bool {
    level_from(level).has_host_caches()
}

/// Returns the version of PSCI to store in a new VM with a level.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_psci(level: u32) -> u32 {
    level_from(level).stored_psci()
}

/// Returns where a list of registers has one at a level, as `enum kvm_arm_compat_place`.
/// `is_hidden` is whether this kernel hides it.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_place(level: u32, id: u64, is_hidden: bool) -> u32 {
    match level_from(level).place(id, is_hidden, host_clidr()) {
        CompatPlace::Unlisted => 0,
        CompatPlace::First => 1,
        CompatPlace::InOrder => 2,
    }
}

/// Returns the id of a system register that a list has before the others at a level; 0 after the
/// last one.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_first(level: u32, nr: c_ulong) -> u64 {
    level_from(level).first_in_list(nr).unwrap_or(0)
}

/// Returns the most that the host can give to a VM with a level in an ID register, encoded as by
/// `sys_reg()`. `limit` is that without a level.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_limit(level: u32, id: u32, limit: u64) -> u64 {
    level_from(level).limit(SysReg::from_encoding(id), limit, || host_value(id))
}

/// Returns the bits of an ID register, encoded as by `sys_reg()`, that userspace may change in a VM
/// with a level. `writable` are those without it.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_compat_mask(level: u32, id: u32, writable: u64) -> u64 {
    writable & level_from(level).mask(SysReg::from_encoding(id), writable)
}

/// Accesses a register through a vCPU of a VM with a level, if the level changes the access.
pub(crate) fn one_reg(vcpu: &Vcpu, request: OneReg, is_set: bool) -> Result<CompatServed<()>> {
    let id = request.id();
    if !is_set {
        return match CompatLevel::get_by_id(vcpu, id)? {
            CompatServed::All => Ok(CompatServed::All),
            CompatServed::Level(value) => Ok(CompatServed::Level(request.write_value(value)?)),
        };
    }
    if id != FwReg::PsciVersion.id() {
        return CompatLevel::set_by_id(vcpu, id, || Ok::<_, Errno>(request.read_value()?));
    }
    let old = FwReg::PsciVersion.get(vcpu);
    let value = request.read_value()?;
    let result = CompatLevel::set_by_id(vcpu, id, || Ok::<_, Errno>(value));
    trace::set_fw_reg(vcpu, id, old, value, to_ret(result.map(|_| ())));
    result
}
