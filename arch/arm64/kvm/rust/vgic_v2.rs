// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of a virtual GICv2.
//!
//! Userspace saves and restores it by `KVM_DEV_ARM_VGIC_GRP_CPU_REGS`. The same functions serve
//! guests whose accesses to the CPU interface trap. Both see the priority mask in the form of
//! `GICH_VMCR.VMPriMask`.

use core::cell::Cell;

use kernel::{
    bindings::{
        self,
        kvm_arm_abi_surface_KVM_ARM_ABI_VGIC_V2_CPUIF as VGIC_V2_CPUIF, //
    },
    kvm::{
        abi::{
            CpuInterface,
            GiccVcpu,
            Vmcr, //
        },
        vgic::{
            from_c,
            to_c,
            VgicV2, //
        },
        Vcpu, //
    },
    prelude::*, //
};

use crate::check::{
    compare,
    Outcome, //
};

/// Returns the value of the register at `addr`.
///
/// C: `vgic_mmio_read_vcpuif()`.
///
/// # Safety
///
/// `vcpu` must point to a valid vCPU whose VM has a GICv2.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_read_vcpuif(
    vcpu: *mut bindings::kvm_vcpu,
    addr: bindings::gpa_t,
) -> c_ulong {
    // SAFETY: The caller guarantees both.
    let vgic = unsafe { VgicV2::new(Vcpu::from_raw(vcpu)) };
    // CAST: `unsigned long` has 64 bits on arm64.
    CpuInterface::get(&vgic, addr) as c_ulong
}

/// Writes the register at `addr`.
///
/// C: `vgic_mmio_write_vcpuif()`.
///
/// # Safety
///
/// `vcpu` must point to a valid vCPU that does not run meanwhile, and whose VM has a GICv2.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_write_vcpuif(
    vcpu: *mut bindings::kvm_vcpu,
    addr: bindings::gpa_t,
    _len: c_uint,
    val: c_ulong,
) {
    // SAFETY: The caller guarantees both.
    let vgic = unsafe { VgicV2::new(Vcpu::from_raw(vcpu)) };
    // CAST: `unsigned long` has 64 bits on arm64.
    CpuInterface::set(&vgic, addr, val as u64);
}

/// Splits a vCPU's `GICH_VMCR` of the host's GICv2 into a `struct vgic_vmcr`.
///
/// C: `vgic_v2_get_vmcr()`.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU whose VM has a GICv2; the host must have one, too.
/// - `vmcrp` must point to memory for a `struct vgic_vmcr` that nobody else accesses.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_vgic_v2_get_vmcr(
    vcpu: *mut bindings::kvm_vcpu,
    vmcrp: *mut bindings::vgic_vmcr,
) {
    // SAFETY: The caller guarantees that the pointers are valid, and that both GICs are GICv2s.
    unsafe {
        let vgic = VgicV2::new(Vcpu::from_raw(vcpu));
        to_c(vgic.host_gicv2_vmcr().into(), vmcrp);
    }
}

/// Builds a vCPU's `GICH_VMCR` of the host's GICv2 from a `struct vgic_vmcr`.
///
/// C: `vgic_v2_set_vmcr()`.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that does not run meanwhile, and whose VM has a GICv2; the
///   host must have one, too.
/// - `vmcrp` must point to a `struct vgic_vmcr` that nobody else accesses. All its fields must be
///   initialised, except the one that only a GICv5 has.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_vgic_v2_set_vmcr(
    vcpu: *mut bindings::kvm_vcpu,
    vmcrp: *const bindings::vgic_vmcr,
) {
    // SAFETY: The caller guarantees both.
    let (vgic, state) = unsafe { (VgicV2::new(Vcpu::from_raw(vcpu)), from_c(vmcrp)) };
    vgic.set_vmcr(Vmcr::Gich(0).with(state));
}

/// Returns a copy of a state, in the layout that keeps all bits.
fn copy_of(state: CpuInterface) -> Cell<Vmcr> {
    Cell::new(Vmcr::Ich(0).with(state))
}

/// Returns a state as one number.
fn outcome(state: CpuInterface) -> Outcome {
    Outcome::value(copy_of(state).get().bits().into())
}

/// Compares the value `val` that C reads of the register at `addr`; `vmcrp` is the state.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` that fulfils the requirements of
/// [`kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_read_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    val: u32,
) {
    // SAFETY: The caller guarantees it.
    let state = unsafe { from_c(vmcrp) };
    let rust = CpuInterface::get(&copy_of(state), addr);
    let [c, rust] = [val, rust].map(|val| Outcome::value(val.into()));
    compare(VGIC_V2_CPUIF, addr, c, rust);
}

/// Returns the state after a write of the register at `addr` to the state in `vmcrp`, for
/// [`kvm_arm_rust_judge_write_vcpuif`].
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` that fulfils the requirements of
/// [`kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_rust_expect_write_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    val: c_ulong,
) -> u32 {
    // SAFETY: The caller guarantees it.
    let state = unsafe { from_c(vmcrp) };
    let copy = copy_of(state);
    // CAST: `unsigned long` has 64 bits on arm64.
    CpuInterface::set(&copy, addr, val as u64);
    copy.get().bits()
}

/// Compares the state after C's write of the register at `addr` with the expected one.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` that fulfils the requirements of
/// [`kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_write_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    want: u32,
) {
    // SAFETY: The caller guarantees it.
    let state = unsafe { from_c(vmcrp) };
    compare(
        VGIC_V2_CPUIF,
        addr,
        outcome(state),
        Outcome::value(want.into()),
    );
}

/// Compares how C has split `GICH_VMCR`.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` that fulfils the requirements of
/// [`kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_vgic_v2_get_vmcr(
    vmcr: u32,
    vmcrp: *const bindings::vgic_vmcr,
) {
    // SAFETY: The caller guarantees it.
    let state = unsafe { from_c(vmcrp) };
    let rust = Vmcr::Gich(vmcr).into();
    compare(VGIC_V2_CPUIF, 0, outcome(state), outcome(rust));
}

/// Compares how C has built `GICH_VMCR`.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` that fulfils the requirements of
/// [`kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_vgic_v2_set_vmcr(
    vmcrp: *const bindings::vgic_vmcr,
    vmcr: u32,
) {
    // SAFETY: The caller guarantees it.
    let state = unsafe { from_c(vmcrp) };
    let [c, rust] = [vmcr, Vmcr::Gich(0).with(state).bits()].map(|val| Outcome::value(val.into()));
    compare(VGIC_V2_CPUIF, 0, c, rust);
}
