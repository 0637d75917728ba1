// SPDX-License-Identifier: GPL-2.0

//! What VMs can opt in to: the capabilities and the attribute by which they do, writable masks, and
//! the canonical `GICC_PMR`.
//!
//! VMs can opt in while the mode is `rust`. Those that have it keep it in the others.

use kernel::{
    bindings,
    kvm::{
        abi::{
            CpuInterface,
            FwState,
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
        vgic::VgicV2,
        Vcpu,
        Vm, //
    },
    prelude::*, //
};

use crate::errno::{
    from_reject,
    to_ret, //
};

/// Where `GICC_PMR` is in the frame of the CPU interface, `GIC_CPU_PRIMASK`.
const GIC_CPU_PRIMASK: c_int = 0x04;

/// Returns what a VM can have: all if it can still opt in, and in any case what it has opted in to.
fn there(vm: Option<&Vm>) -> OptIns {
    if opt_in::is_offered() {
        OptIns::ALL
    } else {
        vm.map_or(OptIns::NONE, Vm::opt_ins)
    }
}

/// Answers `KVM_CHECK_EXTENSION` for a capability that C does not know.
///
/// Returns 0 if it is not there.
///
/// # Safety
///
/// `kvm` must be null, or point to a valid VM.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_check_extension(
    kvm: *mut bindings::kvm,
    ext: c_long,
) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call, if there is one.
    let vm = (!kvm.is_null()).then(|| unsafe { Vm::from_raw(kvm) });
    let cap = u64::try_from(ext).ok().and_then(OptInCap::from_number);
    let value = cap.map_or(0, |cap| cap.extension(there(vm)));
    // CAST: At most 8.
    value as c_int
}

/// Opts a VM in to a capability that C does not know.
///
/// Returns 0, or `-EINVAL` if the request is not one of [`EnableCap::opt_ins`], if nothing can be
/// opted in to in this mode, or if the VM has a vCPU already. Then nothing has changed.
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
        // Before the call sites look, so that a refused request has no effect on the other VMs; and
        // under the lock, as a vCPU whose creation fails is one until then.
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
    to_ret(opt_in().map_err(from_reject))
}

/// Returns the ranges of writable masks that a VM has opted in to, a bit for each.
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
/// before userspace is touched; `-EFAULT` if the masks cannot be written, and then what could be
/// written is zero.
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
    to_ret(match range.request.range(vm.opt_ins()) {
        Ok(MaskRange::Gic) => {
            let masks = vm.lock_config().locked().gic_masks();
            range.write_masks(GicMaskIndex::COUNT, masks)
        }
        Ok(MaskRange::Firmware) => {
            let masks = vm.lock_config().locked().fw_masks();
            range.write_masks(FwState::COUNT, masks)
        }
        // The range that does not depend on the VM is served elsewhere.
        Ok(MaskRange::FeatureId) => Err(EINVAL),
        Err(reject) => Err(from_reject(reject)),
    })
}

/// Answers whether a VM with a GICv2 can have the canonical `GICC_PMR`.
///
/// Returns 0, or `-ENXIO` if it can not.
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
        return Err(ENXIO);
    }
    Ok(())
}

/// Opts a VM with a GICv2 in to the canonical `GICC_PMR`.
///
/// Returns 0; `-ENXIO` if it cannot be had in this mode; `-EINVAL` if the attribute has a flag or a
/// value; `-EBUSY` if the GIC is initialised, or the VM has run. Then nothing has changed.
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
    let set = || {
        has_canonical_pmr(vm)?;
        if flags != 0 || addr != 0 {
            return Err(EINVAL);
        }
        // Twice, as a refused request is to have no effect on the other VMs.
        vm.lock_config().locked().new_vgic().ok_or(EBUSY)?;
        let in_use = InUse::enable();
        let config = vm.lock_config();
        config
            .locked()
            .new_vgic()
            .ok_or(EBUSY)?
            .opt_in_to_canonical_pmr(in_use);
        Ok(())
    };
    to_ret(set())
}

/// Reads or writes `GICC_PMR` for userspace, if that is what is at `offset` and the VM has opted in
/// to all of its eight bits.
///
/// Returns whether it is, and does.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU whose VM has a GICv2, and that does not run meanwhile.
/// - `val` must point to the value to be written, or to memory for the value read.
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
    let vmcr = vgic.vmcr();
    let state = CpuInterface::from(vmcr);
    if is_write {
        // SAFETY: The caller guarantees that there is a value.
        let value = unsafe { *val };
        vgic.set_vmcr(vmcr.with(state.with_canonical_pmr(value)));
    } else {
        // SAFETY: The caller guarantees that the value can be written.
        unsafe { *val = state.canonical_pmr() };
    }
    true
}
