// SPDX-License-Identifier: GPL-2.0

//! The locks of VMs and vCPUs, and evidence that one is held.
//!
//! C header: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h)

use core::ops::Deref;

use crate::{
    bindings,
    sync::lock::{
        mutex::MutexBackend,
        spinlock::SpinLockBackend,
        Backend,
        Lock, //
    }, //
};

use super::{
    view::{
        fields,
        from_c,
        FromC,
        Place, //
    },
    Vcpu,
    Vm, //
};

/// A lock of a VM or a vCPU.
///
/// # Safety
///
/// The lock must be initialised as long as a view of its owner exists.
pub unsafe trait KvmLock {
    /// The VM or vCPU that has the lock.
    type Owner;

    /// The kind of the lock.
    type Backend: Backend;

    /// Returns the lock.
    fn lock(owner: &Self::Owner) -> Place<'_, <Self::Backend as Backend>::State>;
}

fields! {
    impl Vm as Vm {
        /// Only the address is used.
        fn config_lock_field() -> Place<bindings::mutex> = arch.config_lock;
        /// Only the address is used.
        fn lock_field() -> Place<bindings::mutex> = lock;
    }
    impl Vcpu as Vcpu {
        /// Only the address is used.
        fn mp_state_lock_field() -> Place<bindings::spinlock_t> = arch.mp_state_lock;
    }
}

/// `kvm->arch.config_lock`, under which a VM is configured.
pub struct ConfigLock;

// SAFETY: By the type invariant of `Vm` its lock is initialised.
unsafe impl KvmLock for ConfigLock {
    type Owner = Vm;
    type Backend = MutexBackend;

    #[inline]
    fn lock(vm: &Vm) -> Place<'_, bindings::mutex> {
        vm.config_lock_field()
    }
}

/// `kvm->lock`, under which vCPUs are created.
pub struct VcpusLock;

// SAFETY: By the type invariant of `Vm` its lock is initialised.
unsafe impl KvmLock for VcpusLock {
    type Owner = Vm;
    type Backend = MutexBackend;

    #[inline]
    fn lock(vm: &Vm) -> Place<'_, bindings::mutex> {
        vm.lock_field()
    }
}

/// `vcpu->arch.mp_state_lock`, under which a vCPU is turned on and off.
pub struct PowerLock;

// SAFETY: The lock of a vCPU was initialised when it was created.
unsafe impl KvmLock for PowerLock {
    type Owner = Vcpu;
    type Backend = SpinLockBackend;

    #[inline]
    fn lock(vcpu: &Vcpu) -> Place<'_, bindings::spinlock_t> {
        vcpu.mp_state_lock_field()
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

/// A VM or a vCPU whose lock C holds.
impl<'a, L: KvmLock> FromC for Held<'a, L>
where
    &'a L::Owner: FromC,
{
    type Raw = <&'a L::Owner as FromC>::Raw;

    #[inline(always)]
    unsafe fn from_c(raw: Self::Raw) -> Self {
        // INVARIANT: The caller guarantees that the lock is held.
        // SAFETY: The caller guarantees that the owner is valid.
        Self(unsafe { from_c(raw) })
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
        // SAFETY: By the invariant of `Place` the lock is as valid as its owner, and by the safety
        // requirements of `KvmLock` it is initialised.
        let lock: &'a Lock<(), L::Backend> = unsafe { Lock::from_raw(L::lock(owner).as_ptr()) };
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
