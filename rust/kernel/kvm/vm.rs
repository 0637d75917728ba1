// SPDX-License-Identifier: GPL-2.0

//! VMs.
//!
//! C header: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h)

use crate::{
    bindings,
    ffi::c_ulong,
    types::Opaque, //
};

use super::view::{
    fields,
    known,
    View, //
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

// SAFETY: It wraps the structure, and only `from_c()` creates references, for which it demands the
// invariants.
unsafe impl View for Vm {
    type C = bindings::kvm;
}

fields! {
    impl Vm as Vm {
        /// C accesses the bits atomically.
        fn flags_field() -> Shared<c_ulong> = arch.flags;
    }
}

impl Vm {
    /// Returns whether userspace handles `SYSTEM_SUSPEND`; it cannot take this back.
    #[inline]
    pub fn may_suspend_system(&self) -> bool {
        self.flags() & 1 << bindings::KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED != 0
    }

    /// Returns the word of the VM's flags.
    #[inline]
    pub(super) fn flags(&self) -> c_ulong {
        self.flags_field().load()
    }
}

known! {
    /// A VM that is being created.
    ///
    /// # Invariants
    ///
    /// Nobody else has access to the VM for the lifetime `'a`.
    pub struct NewVm<'_>(Vm);
}
