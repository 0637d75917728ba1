// SPDX-License-Identifier: GPL-2.0

//! Opting in: the capabilities and the attribute for it, writable masks, and the canonical
//! `GICC_PMR`.
//!
//! VMs can opt in while the mode is `rust`, and keep their opt-ins in the other modes.

use kernel::{
    bindings,
    kvm::{
        abi::{
            CpuInterface,
            FwMasks,
            FwVm,
            GicMaskIndex,
            MaskRange,
            OptInCap,
            OptIns,
            Reject, //
        },
        opt_in::{
            self,
            InUse, //
        },
        reg_masks::RegMaskRange,
        vgic_v2::VgicV2,
        Vcpu,
        Vm, //
    },
    prelude::*, //
};

use crate::errno::{
    to_ret,
    Errno,
    Result, //
};

/// The offset of `GICC_PMR` in the frame of the CPU interface, `GIC_CPU_PRIMASK`.
const GIC_CPU_PRIMASK: c_int = 0x04;

/// Returns the opt-ins that `KVM_CHECK_EXTENSION` reports: all in mode `rust`, otherwise those of
/// the VM.
fn there(vm: Option<&Vm>) -> OptIns {
    if opt_in::is_offered() {
        OptIns::ALL
    } else {
        vm.map_or(OptIns::NONE, Vm::opt_ins)
    }
}

/// Answers `KVM_CHECK_EXTENSION` for a capability that C does not know.
///
/// Returns 0 if the capability does not exist, or is not offered.
///
/// # Safety
///
/// `kvm` must be null, or point to a valid VM.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_extension(kvm: *mut bindings::kvm, ext: c_long) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call, if there is one.
    let vm = (!kvm.is_null()).then(|| unsafe { Vm::from_raw(kvm) });
    let cap = u64::try_from(ext).ok().and_then(OptInCap::from_number);
    let value = cap.map_or(0, |cap| cap.extension(there(vm)));
    // CAST: At most 8.
    value as c_int
}

/// Opts a VM in to a capability that C does not know.
///
/// Returns 0, or `-EINVAL` if [`EnableCap::opt_ins`] rejects the request, if the mode does not
/// offer opt-ins, or if the VM has a vCPU already. A refused request changes nothing.
///
/// [`EnableCap::opt_ins`]: kernel::kvm::abi::EnableCap::opt_ins
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
    let (vm, request) = unsafe { (Vm::from_raw(kvm), opt_in::enable_cap_from_raw(cap)) };
    let opt_in = || {
        let wanted = request.opt_ins()?;
        if !opt_in::is_offered() {
            return Err(Reject::InvalidValue);
        }
        // Checked before the call sites are enabled, so that a refused request has no effect on
        // other VMs; and under the lock, because a vCPU counts until its creation has failed.
        if vm.lock_vcpus().none().is_none() {
            return Err(Reject::InvalidValue);
        }
        let in_use = InUse::enable();
        let vcpus = vm.lock_vcpus();
        vcpus
            .none()
            .ok_or(Reject::InvalidValue)?
            .opt_in(wanted, in_use);
        Ok(())
    };
    to_ret(opt_in().map_err(Errno::from))
}

/// Returns the ranges of writable masks that a VM has opted in to, one bit for each.
///
/// # Safety
///
/// `kvm` must point to a valid VM.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_reg_mask_ranges(kvm: *mut bindings::kvm) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call.
    let vm = unsafe { Vm::from_raw(kvm) };
    // CAST: There are three ranges.
    vm.opt_ins().mask_ranges() as c_int
}

/// Writes the masks of a range that depends on the VM to userspace.
///
/// Returns 0; `-EINVAL` if the VM has not opted in to such a range, or a reserved word is not zero,
/// without an access to userspace; `-EFAULT` if the masks cannot be written, and then the writable
/// part of the array is zero.
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
    let (vm, range) = unsafe { (Vm::from_raw(kvm), RegMaskRange::from_raw(range)) };
    to_ret(write_masks(vm, &range))
}

fn write_masks(vm: &Vm, range: &RegMaskRange) -> Result {
    match range.request.range(vm.opt_ins())? {
        MaskRange::Gic => {
            let state = vm.lock_config().gicv3_state();
            range.write_masks(GicMaskIndex::COUNT, GicMaskIndex::masks(state))?;
        }
        MaskRange::Firmware => {
            let masks = vm.lock_config().fw_masks();
            range.write_masks(FwMasks::COUNT, masks.masks())?;
        }
        // `kvm_arm_rust_get_reg_writable_masks()` serves the range that does not depend on the VM.
        MaskRange::FeatureId => return Err(EINVAL.into()),
    }
    Ok(())
}

/// Answers whether a VM with a GICv2 can have the canonical `GICC_PMR`.
///
/// Returns 0, or `-ENXIO` if it cannot.
///
/// # Safety
///
/// `kvm` must point to a valid VM.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_has_canonical_pmr(kvm: *mut bindings::kvm) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call.
    let vm = unsafe { Vm::from_raw(kvm) };
    to_ret(has_canonical_pmr(vm))
}

fn has_canonical_pmr(vm: &Vm) -> Result {
    if !there(Some(vm)).contains(OptIns::CANONICAL_PMR) {
        return Err(ENXIO.into());
    }
    Ok(())
}

/// Opts a VM with a GICv2 in to the canonical `GICC_PMR`.
///
/// Returns 0; `-ENXIO` if the mode does not offer it; `-EINVAL` if the attribute has a flag or a
/// value; `-EBUSY` if the GIC is initialised, or the VM has run. A refused request changes nothing.
///
/// # Safety
///
/// - `kvm` must point to a valid VM with a GICv2, whose `config_lock` the caller does not hold.
/// - `attr` must point to a valid attribute in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_set_canonical_pmr(
    kvm: *mut bindings::kvm,
    attr: *const bindings::kvm_device_attr,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, flags, addr) = unsafe { (Vm::from_raw(kvm), (*attr).flags, (*attr).addr) };
    let set = || -> Result {
        has_canonical_pmr(vm)?;
        if flags != 0 || addr != 0 {
            return Err(EINVAL.into());
        }
        // Checked twice: before the call sites are enabled, so that a refused request has no effect
        // on other VMs, and again under the lock of the opt-in.
        vm.lock_config().new_vgic().ok_or(EBUSY)?;
        let in_use = InUse::enable();
        let config = vm.lock_config();
        config
            .new_vgic()
            .ok_or(EBUSY)?
            .opt_in_to_canonical_pmr(in_use);
        Ok(())
    };
    to_ret(set())
}

/// Reads or writes `GICC_PMR` for userspace, if it is the register at `offset` and the VM has opted
/// in to all eight bits.
///
/// Returns whether it has served the access.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that does not run meanwhile, and whose VM has a GICv2.
/// - `val` must point to the value to write, or to memory for the value read.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_uaccess_canonical_pmr(
    vcpu: *mut bindings::kvm_vcpu,
    is_write: bool,
    offset: c_int,
    val: *mut u32,
) -> bool {
    // SAFETY: The caller guarantees it.
    let vcpu = unsafe { Vcpu::from_raw(vcpu) };
    if offset != GIC_CPU_PRIMASK || !vcpu.vm().opt_ins().contains(OptIns::CANONICAL_PMR) {
        return false;
    }

    // SAFETY: The caller guarantees it.
    let vgic = unsafe { VgicV2::new(vcpu) };
    if is_write {
        // SAFETY: The caller guarantees that there is a value.
        CpuInterface::set_canonical_pmr(&vgic, unsafe { *val });
    } else {
        // SAFETY: The caller guarantees that the value can be written.
        unsafe { *val = CpuInterface::get_canonical_pmr(&vgic) };
    }
    true
}
