// SPDX-License-Identifier: GPL-2.0

//! vCPUs.
//!
//! C header: [`include/linux/kvm_host.h`](srctree/include/linux/kvm_host.h)

use crate::{
    bindings,
    ffi::c_int,
    types::Opaque, //
};

use super::{
    view::{
        fields,
        View, //
    },
    Vm, //
};

/// Wraps the kernel's `struct kvm_vcpu`.
///
/// # Invariants
///
/// The vCPU belongs to a VM that fulfils the invariants of [`Vm`] and outlives the vCPU.
#[repr(transparent)]
pub struct Vcpu(Opaque<bindings::kvm_vcpu>);

// SAFETY: It wraps the structure, and only `from_c()` creates references, for which it demands the
// invariants.
unsafe impl View for Vcpu {
    type C = bindings::kvm_vcpu;
}

fields! {
    impl Vcpu as Vcpu {
        /// Set when the vCPU is created, before anybody else knows it. By the type invariant the
        /// VM fulfils its own invariants and outlives the vCPU.
        fn kvm_field() -> Linked<Vm> = kvm;
        /// Set when the vCPU is created, before anybody else knows it.
        fn vcpu_id_field() -> Fixed<c_int> = vcpu_id;
    }
}

impl Vcpu {
    /// Returns the VM that the vCPU belongs to.
    #[inline]
    pub fn vm(&self) -> &Vm {
        self.kvm_field().get()
    }

    /// Returns the number that userspace gave the vCPU.
    #[inline]
    pub fn id(&self) -> c_int {
        self.vcpu_id_field().get()
    }
}
