// SPDX-License-Identifier: GPL-2.0

//! VMs.
//!
//! C header: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h)

use core::ops::Deref;

use crate::{
    bindings,
    ffi::c_ulong,
    sync::atomic::{
        atomic_load,
        Relaxed, //
    },
    types::Opaque, //
};

/// Wraps the kernel's `struct kvm`.
///
/// # Invariants
///
/// The VM is initialised at least as far as when `kvm_arch_init_vm()` calls
/// `kvm_arm_init_hypercalls()`: its `lock`, its `config_lock`, its array of vCPUs, its filter of
/// hypercalls, and its scalar fields.
#[repr(transparent)]
pub struct Vm(Opaque<bindings::kvm>);

impl Vm {
    /// Creates a view of a VM.
    ///
    /// # Safety
    ///
    /// `ptr` must point to a `struct kvm` that fulfils the invariants of [`Vm`] and stays valid for
    /// the lifetime `'a`.
    #[inline]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::kvm) -> &'a Self {
        // SAFETY: The caller guarantees that the pointer is valid for `'a`; `Vm` is transparent.
        unsafe { &*ptr.cast() }
    }

    /// Returns a raw pointer to the `struct kvm`.
    #[inline]
    pub fn as_ptr(&self) -> *mut bindings::kvm {
        self.0.get()
    }

    /// Returns whether userspace handles `SYSTEM_SUSPEND`; it cannot take this back.
    #[inline]
    pub fn may_suspend_system(&self) -> bool {
        self.flags() & 1 << bindings::KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED != 0
    }

    /// Returns the word of the VM's flags.
    #[inline]
    pub(super) fn flags(&self) -> c_ulong {
        // SAFETY: By the type invariant the VM is valid; C accesses the word's bits atomically.
        unsafe { atomic_load(&raw mut (*self.as_ptr()).arch.flags, Relaxed) }
    }
}

/// A VM that is being created.
///
/// # Invariants
///
/// Nobody else has access to the VM for the lifetime `'a`.
#[derive(Clone, Copy)]
pub struct NewVm<'a>(&'a Vm);

impl<'a> NewVm<'a> {
    /// Creates a view of a new VM.
    ///
    /// # Safety
    ///
    /// - `ptr` must fulfil the requirements of [`Vm::from_raw`].
    /// - Nobody else may have access to the VM for the lifetime `'a`.
    #[inline]
    pub unsafe fn from_raw(ptr: *mut bindings::kvm) -> Self {
        // INVARIANT: The caller guarantees that nobody else has access.
        // SAFETY: The caller guarantees it.
        Self(unsafe { Vm::from_raw(ptr) })
    }
}

impl Deref for NewVm<'_> {
    type Target = Vm;

    #[inline]
    fn deref(&self) -> &Vm {
        self.0
    }
}
