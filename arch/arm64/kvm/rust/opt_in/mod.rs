// SPDX-License-Identifier: GPL-2.0

//! Opting in: the capability for it, writable masks, and the canonical `GICC_PMR`.
//!
//! They do not depend on the mode.

use core::{
    cell::Cell,
    mem::MaybeUninit, //
};

use kernel::{
    bindings,
    kvm::{
        from_c,
        opt_in::{
            check_extension,
            enable_cap_from, //
        },
        reg_masks::RegMaskRange,
        vgic_v2::VgicV2,
        Copied,
        Vm, //
    },
    prelude::*, //
};
use kvm_abi::{
    CanonicalAttr,
    CompatLevel,
    CpuInterface,
    EnableCap,
    FeatureIdIndex,
    FwMasks,
    FwVm,
    GicMaskIndex,
    OptIns,
    VmMaskRange, //
};

use crate::{
    errno::{
        to_ret,
        Result, //
    },
    reg_masks::feature_id_masks, //
};

pub mod filter_list;
pub mod vm_config;
pub mod vm_reg;

/// Answers `KVM_CHECK_EXTENSION` for a capability that C does not know.
///
/// Returns the bits of what the VM has opted in to, or without a VM of what VMs can opt in to; 0 if
/// the capability does not exist.
///
/// # Safety
///
/// `kvm` must be null, or point to a valid VM.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_extension(kvm: *mut bindings::kvm, ext: c_long) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call, if there is one.
    let vm = unsafe { from_c(kvm) };
    // CAST: `long` has 64 bits on arm64. The result has few bits.
    check_extension(ext as i64, vm) as c_int
}

/// Opts a VM in to a capability that C does not know, or gives it a level.
///
/// Returns 0, or `-EINVAL` if [`EnableCap::enable`] rejects the request: if it is not valid, if
/// opt-ins are not offered, if the VM has a vCPU already, or if a VM with a level would have opted
/// in. A refused request changes nothing.
///
/// [`EnableCap::enable`]: kvm_abi::EnableCap::enable
///
/// # Safety
///
/// - `kvm` must point to a valid VM, whose `lock` the caller does not hold.
/// - `cap` must point to a valid request in kernel memory that nobody writes during the call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_enable_cap(
    kvm: *mut bindings::kvm,
    cap: *const bindings::kvm_enable_cap,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, Copied(cap)): (&Vm, _) = unsafe { from_c((kvm, cap)) };
    let request = enable_cap_from(cap);
    if request.cap == CompatLevel::CAP {
        return enable_level(&request, vm);
    }
    to_ret(request.enable::<OptIns>(vm))
}

#[inline(never)]
fn enable_level(request: &EnableCap, vm: &Vm) -> c_int {
    to_ret(request.enable::<CompatLevel>(vm))
}

/// Returns the ranges of writable masks that a VM has opted in to, one bit for each.
///
/// # Safety
///
/// `kvm` must point to a valid VM.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_reg_mask_ranges(kvm: *mut bindings::kvm) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call.
    let vm: &Vm = unsafe { from_c(kvm) };
    // CAST: There are three ranges.
    vm.opt_ins().mask_ranges() as c_int
}

/// Writes the masks of a range that depends on the VM to userspace, or any of a VM with a level.
///
/// Returns 0; `-EINVAL` if the VM has not opted in to such a range, or its level has none, or a
/// reserved word is not zero, without an access to userspace; `-EFAULT` if the masks cannot be
/// written, and then the writable part of the array is zero.
///
/// # Safety
///
/// - `kvm` must point to a valid VM, whose `config_lock` the caller does not hold.
/// - `range` must point to a valid request in kernel memory that nobody writes during the call.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_get_vm_reg_masks(
    kvm: *mut bindings::kvm,
    range: *const bindings::reg_mask_range,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, Copied(range)) = unsafe { from_c((kvm, range)) };
    to_ret(write_masks(vm, &range.into()))
}

fn write_masks(vm: &Vm, range: &RegMaskRange) -> Result {
    let level = vm.level();
    if level != CompatLevel::Native {
        range.request.level_range(level)?;
        let masks = feature_id_masks().at_level(level);
        return Ok(range.write_masks(FeatureIdIndex::COUNT, masks)?);
    }
    match range.request.vm_range(vm.opt_ins())? {
        VmMaskRange::Gic => {
            let state = vm.lock_config().gicv3_state();
            range.write_masks(GicMaskIndex::COUNT, GicMaskIndex::masks(state))?;
        }
        VmMaskRange::Firmware => {
            let masks = vm.lock_config().fw_masks();
            range.write_masks(FwMasks::COUNT, masks.masks())?;
        }
    }
    Ok(())
}

/// Returns whether an attribute of `KVM_DEV_ARM_VGIC_GRP_CANONICAL` exists.
///
/// Returns 0; `-EINVAL` if it has a flag, or if the VM has no such vCPU; `-ENXIO` if it is not
/// `GICC_PMR`.
///
/// # Safety
///
/// None: it takes values only. C's prototypes are unsafe.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_has_canonical_pmr(
    attr: u64,
    flags: u32,
    has_vcpu: bool,
) -> c_int {
    let attr = CanonicalAttr {
        number: attr,
        flags,
    };
    to_ret(admit_canonical(attr, has_vcpu))
}

#[inline]
fn admit_canonical(attr: CanonicalAttr, has_vcpu: bool) -> Result {
    attr.admit_vcpu(has_vcpu)?;
    attr.admit_register()?;
    Ok(())
}

/// Reads or writes all eight bits of `GICC_PMR` for userspace.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that does not run meanwhile, and whose VM has a GICv2.
/// - `val` must point to the value to write, or to memory for the value read.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_uaccess_canonical_pmr(
    vcpu: *mut bindings::kvm_vcpu,
    is_write: bool,
    val: *mut u32,
) {
    let val: *mut MaybeUninit<u32> = val.cast();
    // SAFETY: The caller guarantees both.
    let (vgic, val): (VgicV2<'_>, &Cell<_>) = unsafe { from_c((vcpu, val)) };
    if is_write {
        // SAFETY: The caller guarantees that there is a value.
        CpuInterface::set_canonical_pmr(&vgic, unsafe { val.get().assume_init() });
    } else {
        val.set(MaybeUninit::new(CpuInterface::get_canonical_pmr(&vgic)));
    }
}
