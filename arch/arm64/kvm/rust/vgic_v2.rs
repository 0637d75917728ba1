// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of a virtual GICv2.
//!
//! Userspace saves and restores it by `KVM_DEV_ARM_VGIC_GRP_CPU_REGS`. The same functions serve a
//! guest that traps on its CPU interface; both see the priority mask in the form of
//! `GICH_VMCR.VMPriMask`.

use kernel::{
    bindings::{
        self,
        kvm_arm_abi_surface_KVM_ARM_ABI_VGIC_V2_CPUIF as VGIC_V2_CPUIF, //
    },
    kvm::{
        abi::{
            CpuInterface,
            GiccReg,
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

#[inline]
fn read(state: CpuInterface, addr: u64) -> u32 {
    GiccReg::from_addr(addr).map_or(0, |reg| state.read(reg))
}

#[inline]
fn written(state: CpuInterface, addr: u64, val: u64) -> CpuInterface {
    GiccReg::from_addr(addr).map_or(state, |reg| state.written(reg, val))
}

/// Returns what a read of the register at `addr` gives.
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
    read(vgic.vmcr().into(), addr) as c_ulong
}

/// Writes the register at `addr`.
///
/// C: `vgic_mmio_write_vcpuif()`.
///
/// # Safety
///
/// `vcpu` must point to a valid vCPU whose VM has a GICv2, and that does not run meanwhile.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_write_vcpuif(
    vcpu: *mut bindings::kvm_vcpu,
    addr: bindings::gpa_t,
    _len: c_uint,
    val: c_ulong,
) {
    // SAFETY: The caller guarantees both.
    let vgic = unsafe { VgicV2::new(Vcpu::from_raw(vcpu)) };
    let vmcr = vgic.vmcr();
    // CAST: `unsigned long` has 64 bits on arm64.
    vgic.set_vmcr(vmcr.with(written(vmcr.into(), addr, val as u64)));
}

/// Takes `GICH_VMCR` apart, as the host's GICv2 holds it for a vCPU.
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
    // SAFETY: The caller guarantees all of it.
    unsafe {
        let vgic = VgicV2::new(Vcpu::from_raw(vcpu));
        to_c(vgic.host_gicv2_vmcr().into(), vmcrp);
    }
}

/// Puts `GICH_VMCR` together, for the host's GICv2 to hold it for a vCPU.
///
/// C: `vgic_v2_set_vmcr()`.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU whose VM has a GICv2, and that does not run meanwhile; the
///   host must have one, too.
/// - `vmcrp` must point to a `struct vgic_vmcr` that is initialised but for the fields of the
///   GICv5, and that nobody else accesses.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_vgic_v2_set_vmcr(
    vcpu: *mut bindings::kvm_vcpu,
    vmcrp: *const bindings::vgic_vmcr,
) {
    // SAFETY: The caller guarantees both.
    let (vgic, state) = unsafe { (VgicV2::new(Vcpu::from_raw(vcpu)), from_c(vmcrp)) };
    vgic.set_vmcr(Vmcr::Gich(0).with(state));
}

/// What is compared of a state: all of it, in the layout that loses nothing.
fn outcome(state: CpuInterface) -> Outcome {
    Outcome::value(Vmcr::Ich(0).with(state).bits().into())
}

/// Compares what C makes of a read of the register at `addr`, `vmcrp` being the state.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` as [`kvm_arm_rust_vgic_v2_set_vmcr`] wants it.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_read_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    val: u32,
) {
    // SAFETY: The caller guarantees it.
    let state = unsafe { from_c(vmcrp) };
    let [c, rust] = [val, read(state, addr)].map(|val| Outcome::value(val.into()));
    compare(VGIC_V2_CPUIF, addr, c, rust);
}

/// Returns the state that a write of the register at `addr` leads to from that in `vmcrp`, for
/// [`kvm_arm_rust_judge_write_vcpuif`].
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` as [`kvm_arm_rust_vgic_v2_set_vmcr`] wants it.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_expect_write_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    val: c_ulong,
) -> u32 {
    // SAFETY: The caller guarantees it.
    let state = unsafe { from_c(vmcrp) };
    // CAST: `unsigned long` has 64 bits on arm64.
    Vmcr::Ich(0).with(written(state, addr, val as u64)).bits()
}

/// Compares the state that C's write of the register at `addr` has led to with the one expected.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` as [`kvm_arm_rust_vgic_v2_set_vmcr`] wants it.
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

/// Compares how C has taken `GICH_VMCR` apart.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` as [`kvm_arm_rust_vgic_v2_set_vmcr`] wants it.
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

/// Compares how C has put `GICH_VMCR` together.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` as [`kvm_arm_rust_vgic_v2_set_vmcr`] wants it.
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
