// SPDX-License-Identifier: GPL-2.0

//! The registers that all vCPUs of a VM share: their lists, the registers that only a VM with an
//! opt-in has, and access without a vCPU.

use core::cell::Cell;

use kernel::{
    bindings,
    kvm::{
        self,
        from_c,
        fw_reg::trace,
        ConfigLock,
        Copied,
        Held,
        OneReg,
        Vcpu,
        Vm, //
    },
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use kvm_abi::{
    CompatLevel,
    CompatServed,
    FwReg,
    OptIns,
    PsciVersion,
    Route,
    Scope,
    VmReg, //
};

use crate::{
    compat,
    errno::{
        to_ret,
        Errno,
        Result, //
    }, //
};

/// Returned if the code for all VMs has to serve the request.
const GO_ON: c_int = 1;

fn get(vm: &Vm, id: u64, request: OneReg) -> Result {
    let value = VmReg::get_by_id(vm, vm.opt_ins(), id)?;
    Ok(request.write_value(value)?)
}

fn set(vm: &Vm, id: u64, request: OneReg) -> Result {
    VmReg::set_by_id(vm, vm.opt_ins(), id, || Ok(request.read_value()?))
}

/// Returns the number of feature-level registers that a vCPU lists.
///
/// # Safety
///
/// `vcpu` must point to a valid vCPU.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_num_level_regs(vcpu: *mut bindings::kvm_vcpu) -> c_ulong {
    // SAFETY: The caller guarantees that the vCPU is valid during the call.
    let vcpu: &Vcpu = unsafe { from_c(vcpu) };
    VmReg::count_levels(vcpu.vm().opt_ins())
}

/// Writes the ids of the firmware and feature-level registers to userspace, as a vCPU lists them.
///
/// Returns 0, or `-EFAULT` if an id cannot be written; the ids before it have been written.
///
/// # Safety
///
/// `vcpu` must point to a valid vCPU; `uindices` is checked.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_copy_vm_reg_indices(
    vcpu: *mut bindings::kvm_vcpu,
    uindices: *mut u64,
) -> c_int {
    // SAFETY: The caller guarantees that the vCPU is valid during the call.
    let vcpu: &Vcpu = unsafe { from_c(vcpu) };
    let opt_ins = vcpu.vm().opt_ins();
    let ids = VmReg::all(opt_ins).map(|reg| Scope::list(reg.id(), opt_ins));
    let to = UserPtr::from_ptr(uindices.cast());
    to_ret(kvm::write_ids(ids, to))
}

/// Returns the id of a system register as a vCPU lists it: with its scope, if the VM has opted in
/// to scopes.
///
/// # Safety
///
/// `kvm` must point to a valid VM.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_list_id(kvm: *mut bindings::kvm, id: u64) -> u64 {
    // SAFETY: The caller guarantees that the VM is valid during the call.
    let vm: &Vm = unsafe { from_c(kvm) };
    Scope::list(id, vm.opt_ins())
}

/// Writes the version of PSCI through a vCPU of a VM whose version freezes.
fn set_psci_version(vcpu: &Vcpu, request: OneReg) -> Result {
    let reg = FwReg::PsciVersion;
    let value = request.read_value()?;
    let old = reg.get(vcpu);
    let result = VmReg::Fw(reg).set(vcpu.vm(), value).map_err(Errno::from);
    trace::set_fw_reg(vcpu, reg.id(), old, value, to_ret(result));
    result
}

/// Accesses a register through a vCPU of a VM that has opted in or has a level, if the opt-ins or
/// the level concern the register.
///
/// Returns 1 if they do not, after removing the scope from the id. Otherwise returns 0, or the
/// first of: `-ENOENT` if the size is not that of a feature-level register; `-EFAULT` if the value
/// cannot be read; `-ENOENT` if there is no such register; `-EINVAL` if the value is not allowed;
/// `-EBUSY` if the VM has run, which froze the version of PSCI at another one. A read checks for
/// `-ENOENT` before `-EFAULT`. The errors of a level are those of [`CompatLevel::get_by_id`] and
/// [`CompatLevel::set_by_id`].
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that is initialised, and whose mutex the caller holds; the
///   caller must not hold the `config_lock` of its VM.
/// - `reg` must point to a valid request in kernel memory that nobody else accesses.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_one_reg(
    vcpu: *mut bindings::kvm_vcpu,
    reg: *mut bindings::kvm_one_reg,
    is_set: bool,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call, and ours.
    let (vcpu, reg): (&Vcpu, &Cell<_>) = unsafe { from_c((vcpu, reg)) };
    let (vm, request) = (vcpu.vm(), OneReg::from(reg.get()));
    if vm.level() != CompatLevel::Native {
        return match compat::one_reg(vcpu, request, is_set) {
            Ok(CompatServed::All) => GO_ON,
            result => to_ret(result.map(|_| ())),
        };
    }
    let (route, id) = Route::of(request.id(), is_set, vm.opt_ins());
    to_ret(match route {
        Route::Vm if is_set => set(vm, id, request),
        Route::Vm => get(vm, id, request),
        Route::PsciVersion => set_psci_version(vcpu, request),
        Route::Vcpu => {
            let addr = reg.get().addr;
            reg.set(bindings::kvm_one_reg { id, addr });
            return GO_ON;
        }
    })
}

/// Reads or writes a register of a VM for userspace.
///
/// A read returns 0; `-ENOENT` if there is no such register; `-ENOEXEC` if it depends on the
/// features of the VM's vCPUs, which are not known yet; `-EFAULT` if the value cannot be written.
///
/// A write returns 0, or the first of: `-ENOENT` if the size is not 64 bits; `-EFAULT` if the value
/// cannot be read; `-ENOENT` if there is no such register; `-ENOEXEC` as above; `-EINVAL` if the
/// value is not allowed; `-EBUSY` if the VM has run, which froze the register at another value. A
/// refused write changes nothing.
///
/// # Safety
///
/// - `kvm` must point to a valid VM, whose `config_lock` the caller does not hold.
/// - `reg` must point to a valid request in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_vm_one_reg(
    kvm: *mut bindings::kvm,
    reg: *const bindings::kvm_one_reg,
    is_set: bool,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, Copied(reg)) = unsafe { from_c((kvm, reg)) };
    to_ret(if is_set {
        set(vm, reg.id, reg.into())
    } else {
        get(vm, reg.id, reg.into())
    })
}

/// Writes the list of a VM's registers to userspace.
///
/// Returns 0; `-EFAULT` if the list cannot be read or written; `-E2BIG` if it is too short, after
/// writing the length that it needs.
///
/// # Safety
///
/// `kvm` must point to a valid VM; `list` is checked.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_get_vm_reg_list(
    kvm: *mut bindings::kvm,
    list: *mut bindings::kvm_reg_list,
) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call.
    let vm: &Vm = unsafe { from_c(kvm) };
    to_ret(write_list(vm.opt_ins(), UserPtr::from_ptr(list.cast())))
}

fn write_list(opt_ins: OptIns, list: UserPtr) -> Result {
    // CAST: Widens.
    let count = VmReg::count(opt_ins) as u64;
    let (mut reader, mut writer) = UserSlice::new(list, size_of::<u64>()).reader_writer();
    let room: u64 = reader.read()?;
    writer.write(&count)?;
    VmReg::admit_room(opt_ins, room)?;
    let ids = VmReg::all(opt_ins).map(VmReg::id);
    Ok(kvm::write_ids(
        ids,
        list.wrapping_byte_add(size_of::<u64>()),
    )?)
}

/// Checks the features of a VM's first vCPU against the version of PSCI that userspace set before.
///
/// Returns false if they do not fit.
///
/// # Safety
///
/// `kvm` must point to a valid VM, whose `config_lock` the caller holds.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_vcpu_features_fit(
    kvm: *mut bindings::kvm,
    features: c_ulong,
) -> bool {
    // SAFETY: The caller guarantees that the VM is valid, and its lock held, during the call.
    let config: Held<'_, ConfigLock> = unsafe { from_c(kvm) };
    let psci_0_2 = features & (1 << bindings::KVM_ARM_VCPU_PSCI_0_2) != 0;
    PsciVersion::fits_vm(&*config, &config, psci_0_2)
}
