// SPDX-License-Identifier: GPL-2.0

//! vCPUs.
//!
//! C header: [`include/linux/kvm_host.h`](srctree/include/linux/kvm_host.h)

use crate::{
    bindings,
    ffi::c_int,
    types::Opaque, //
};

use super::Vm;

/// Wraps the kernel's `struct kvm_vcpu`.
///
/// # Invariants
///
/// The vCPU belongs to a VM that fulfils the invariants of [`Vm`] and outlives the vCPU.
#[repr(transparent)]
pub struct Vcpu(Opaque<bindings::kvm_vcpu>);

impl Vcpu {
    /// Creates a view of a vCPU.
    ///
    /// # Safety
    ///
    /// `ptr` must point to a `struct kvm_vcpu` that fulfils the invariants of [`Vcpu`] and stays
    /// valid for the lifetime `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::kvm_vcpu) -> &'a Self {
        // SAFETY: The caller guarantees that the pointer is valid for `'a`; `Vcpu` is transparent.
        unsafe { &*ptr.cast() }
    }

    /// Returns a raw pointer to the `struct kvm_vcpu`.
    #[inline]
    pub fn as_ptr(&self) -> *mut bindings::kvm_vcpu {
        self.0.get()
    }

    /// Returns the VM that the vCPU belongs to.
    #[inline]
    pub fn vm(&self) -> &Vm {
        // SAFETY: By the type invariant the vCPU is valid; the field does not change after its
        // creation.
        let vm = unsafe { (*self.as_ptr()).kvm };
        // SAFETY: By the type invariant the VM fulfils its own invariants and outlives the vCPU.
        unsafe { Vm::from_raw(vm) }
    }

    /// Returns the number that userspace gave the vCPU.
    #[inline]
    pub fn id(&self) -> c_int {
        // SAFETY: By the type invariant the vCPU is valid; the field does not change after its
        // creation.
        unsafe { (*self.as_ptr()).vcpu_id }
    }
}
