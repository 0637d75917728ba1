// SPDX-License-Identifier: GPL-2.0

//! Mode `check`: its reports.
//!
//! C header: [`include/kvm/arm_abi.h`](srctree/include/kvm/arm_abi.h)

use crate::{
    bindings,
    ffi::c_int, //
};

use super::view::calls;

/// A surface.
#[derive(Clone, Copy)]
pub struct Surface(bindings::kvm_arm_abi_surface);

impl Surface {
    /// The firmware pseudo-registers.
    pub const FW_REG: Self = Self(bindings::kvm_arm_abi_surface_KVM_ARM_ABI_FW_REG);
    /// Writes to the ID registers.
    pub const ID_REG: Self = Self(bindings::kvm_arm_abi_surface_KVM_ARM_ABI_ID_REG);
    /// The writable masks of ID registers.
    pub const REG_MASKS: Self = Self(bindings::kvm_arm_abi_surface_KVM_ARM_ABI_REG_MASKS);
    /// The CPU interface of a GICv2.
    pub const VGIC_V2: Self = Self(bindings::kvm_arm_abi_surface_KVM_ARM_ABI_VGIC_V2);
    /// Hypercalls.
    pub const SMCCC: Self = Self(bindings::kvm_arm_abi_surface_KVM_ARM_ABI_SMCCC);
    /// The filter of hypercalls.
    pub const SMCCC_FILTER: Self = Self(bindings::kvm_arm_abi_surface_KVM_ARM_ABI_SMCCC_FILTER);
}

calls! {
    /// Returns whether calls that began in another mode may be under way. Has no preconditions.
    pub fn was_switched() -> bool = kvm_arm_abi_was_switched;
}

/// Counts a call that cannot be judged.
#[inline]
pub fn unjudged(surface: Surface) {
    // SAFETY: By its type, the surface is one of C's.
    unsafe { bindings::kvm_arm_abi_unjudged(surface.0) };
}

/// Counts, traces and logs that the sides differ on a register. An outcome is 0 or a negative
/// errno, and a value.
#[inline]
pub fn mismatch(surface: Surface, id: u64, c: (c_int, u64), rust: (c_int, u64)) {
    let [c, rust] = [c, rust].map(|(ret, val)| bindings::kvm_arm_abi_outcome { ret, val });
    // SAFETY: By its type, the surface is one of C's; both outcomes are valid during the call.
    unsafe { bindings::kvm_arm_abi_mismatch(surface.0, id, &raw const c, &raw const rust) };
}
