// SPDX-License-Identifier: GPL-2.0

//! The locks of VMs and vCPUs, and evidence that one is held.
//!
//! C header: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h)

use core::ops::Deref;

use crate::sync::lock::{
    mutex::MutexBackend,
    spinlock::SpinLockBackend,
    Backend,
    Lock, //
};

use super::{
    Vcpu,
    Vm, //
};

/// A lock of a VM or a vCPU.
///
/// # Safety
///
/// `state()` must return a pointer to a lock that is initialised, and stays valid as long as the
/// owner.
pub unsafe trait KvmLock {
    /// The VM or vCPU that has the lock.
    type Owner;

    /// The kind of the lock.
    type Backend: Backend;

    /// Returns a pointer to the lock.
    fn state(owner: &Self::Owner) -> *mut <Self::Backend as Backend>::State;
}

/// `kvm->arch.config_lock`, under which a VM is configured.
pub struct ConfigLock;

// SAFETY: By the type invariant of `Vm` its lock is initialised.
unsafe impl KvmLock for ConfigLock {
    type Owner = Vm;
    type Backend = MutexBackend;

    #[inline]
    fn state(vm: &Vm) -> *mut <MutexBackend as Backend>::State {
        // SAFETY: By the type invariant the VM is valid, so that its fields have addresses.
        unsafe { &raw mut (*vm.as_ptr()).arch.config_lock }
    }
}

/// `kvm->lock`, under which vCPUs are created.
pub struct VcpusLock;

// SAFETY: By the type invariant of `Vm` its lock is initialised.
unsafe impl KvmLock for VcpusLock {
    type Owner = Vm;
    type Backend = MutexBackend;

    #[inline]
    fn state(vm: &Vm) -> *mut <MutexBackend as Backend>::State {
        // SAFETY: By the type invariant the VM is valid, so that its fields have addresses.
        unsafe { &raw mut (*vm.as_ptr()).lock }
    }
}

/// `vcpu->arch.mp_state_lock`, under which a vCPU is turned on and off.
pub struct PowerLock;

// SAFETY: The lock of a vCPU was initialised when it was created.
unsafe impl KvmLock for PowerLock {
    type Owner = Vcpu;
    type Backend = SpinLockBackend;

    #[inline]
    fn state(vcpu: &Vcpu) -> *mut <SpinLockBackend as Backend>::State {
        // SAFETY: By the type invariant the vCPU is valid, so that its fields have addresses.
        unsafe { &raw mut (*vcpu.as_ptr()).arch.mp_state_lock }
    }
}

/// Evidence that a lock is held. It dereferences to the owner of the lock.
///
/// # Invariants
///
/// The lock is held as long as this exists.
pub struct Held<'a, L: KvmLock>(&'a L::Owner);

impl<'a, L: KvmLock> Held<'a, L> {
    /// Creates the evidence for a lock that C has taken.
    ///
    /// # Safety
    ///
    /// The lock must be held as long as the result exists, on behalf of the current task.
    #[inline]
    pub unsafe fn assume(owner: &'a L::Owner) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(owner)
    }
}

impl<L: KvmLock> Deref for Held<'_, L> {
    type Target = L::Owner;

    #[inline]
    fn deref(&self) -> &L::Owner {
        self.0
    }
}

/// A lock that is held until this is dropped. It dereferences to the evidence.
pub struct Guard<'a, L: KvmLock> {
    held: Held<'a, L>,
    _guard: crate::sync::lock::Guard<'a, (), L::Backend>,
}

impl<'a, L: KvmLock> Guard<'a, L> {
    /// Takes the lock.
    #[inline]
    pub(super) fn lock(owner: &'a L::Owner) -> Self {
        // SAFETY: By the safety requirements of `KvmLock`, the lock is initialised and as valid as
        // its owner.
        let lock: &'a Lock<(), L::Backend> = unsafe { Lock::from_raw(L::state(owner)) };
        Self {
            _guard: lock.lock(),
            // INVARIANT: The guard, just taken, lives as long as this, and lends it only.
            held: Held(owner),
        }
    }
}

impl<'a, L: KvmLock> Deref for Guard<'a, L> {
    type Target = Held<'a, L>;

    #[inline]
    fn deref(&self) -> &Held<'a, L> {
        &self.held
    }
}
