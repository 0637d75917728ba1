// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for the CPU interface of a virtual GICv2.

use core::cell::Cell;

use kernel::{
    bindings,
    kvm::{
        from_c,
        switch::Surface, //
    },
    prelude::*, //
};
use kvm_abi::{
    CpuInterface,
    Vmcr, //
};

use super::{
    compare,
    Outcome, //
};

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
/// [`crate::vgic_v2::kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_read_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    val: u32,
) {
    // SAFETY: The caller guarantees it.
    let state: CpuInterface = unsafe { from_c(vmcrp) };
    let rust = CpuInterface::get(&copy_of(state), addr);
    let [c, rust] = [val, rust].map(|val| Outcome::value(val.into()));
    compare(Surface::VGIC_V2, addr, c, rust);
}

/// Returns the state after a write of the register at `addr` to the state in `vmcrp`, for
/// [`kvm_arm_check_write_vcpuif`].
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` that fulfils the requirements of
/// [`crate::vgic_v2::kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_before_write_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    val: c_ulong,
) -> u32 {
    // SAFETY: The caller guarantees it.
    let state: CpuInterface = unsafe { from_c(vmcrp) };
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
/// [`crate::vgic_v2::kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_write_vcpuif(
    vmcrp: *const bindings::vgic_vmcr,
    addr: bindings::gpa_t,
    want: u32,
) {
    // SAFETY: The caller guarantees it.
    let state: CpuInterface = unsafe { from_c(vmcrp) };
    compare(
        Surface::VGIC_V2,
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
/// [`crate::vgic_v2::kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_vgic_v2_get_vmcr(
    vmcr: u32,
    vmcrp: *const bindings::vgic_vmcr,
) {
    // SAFETY: The caller guarantees it.
    let state: CpuInterface = unsafe { from_c(vmcrp) };
    let rust = Vmcr::Gich(vmcr).into();
    compare(Surface::VGIC_V2, 0, outcome(state), outcome(rust));
}

/// Compares how C has built `GICH_VMCR`.
///
/// # Safety
///
/// `vmcrp` must point to a `struct vgic_vmcr` that fulfils the requirements of
/// [`crate::vgic_v2::kvm_arm_rust_vgic_v2_set_vmcr`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_vgic_v2_set_vmcr(
    vmcrp: *const bindings::vgic_vmcr,
    vmcr: u32,
) {
    // SAFETY: The caller guarantees it.
    let state: CpuInterface = unsafe { from_c(vmcrp) };
    let [c, rust] = [vmcr, Vmcr::Gich(0).with(state).bits()].map(|val| Outcome::value(val.into()));
    compare(Surface::VGIC_V2, 0, c, rust);
}
