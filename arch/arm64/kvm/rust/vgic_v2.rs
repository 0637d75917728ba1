// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of a virtual GICv2.
//!
//! Userspace saves and restores it by `KVM_DEV_ARM_VGIC_GRP_CPU_REGS`. The same functions serve
//! guests whose accesses to the CPU interface trap. Both see the priority mask in the form of
//! `GICH_VMCR.VMPriMask`.

use kernel::{
    bindings,
    kvm::{
        from_c,
        vgic_v2::{
            state_to_raw,
            VgicV2, //
        }, //
    },
    prelude::*, //
};
use kvm_abi::{
    CpuInterface,
    GiccVcpu,
    Vmcr, //
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
    let vgic: VgicV2<'_> = unsafe { from_c(vcpu) };
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
    let vgic: VgicV2<'_> = unsafe { from_c(vcpu) };
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
        let vgic: VgicV2<'_> = from_c(vcpu);
        state_to_raw(vgic.host_gicv2_vmcr().into(), vmcrp);
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
    let (vgic, state): (VgicV2<'_>, _) = unsafe { from_c((vcpu, vmcrp)) };
    vgic.set_vmcr(Vmcr::Gich(0).with(state));
}
