// SPDX-License-Identifier: GPL-2.0

//! VMs, and the lock of their configuration.
//!
//! C header: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h)

use crate::{
    bindings,
    sync::{
        atomic::{
            atomic_load,
            atomic_store,
            Relaxed, //
        },
        lock::mutex::{
            Mutex,
            MutexGuard, //
        }, //
    },
    types::Opaque, //
};

use super::{
    abi::{
        FeatureBitmap,
        FwReg,
        PsciVersion,
        RanOnce,
        Snapshot, //
    },
    mitigation, //
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

    /// Takes `kvm->arch.config_lock`, under which the VM is configured.
    #[inline]
    pub fn lock_config(&self) -> ConfigGuard<'_> {
        // SAFETY: By the type invariant the VM is valid for the lifetime of `self`, and its lock
        // is initialised.
        let lock: &Mutex<()> =
            unsafe { Mutex::from_raw(&raw mut (*self.as_ptr()).arch.config_lock) };
        ConfigGuard {
            vm: self,
            _guard: lock.lock(),
        }
    }

    /// Returns the version of PSCI that userspace set last, 0 if none.
    #[inline]
    pub fn psci_version(&self) -> u32 {
        // SAFETY: By the type invariant the field is valid; it is aligned. It is written without a
        // lock, by this type atomically and by C in one aligned store of 32 bits.
        unsafe { atomic_load(&raw mut (*self.as_ptr()).arch.psci_version, Relaxed) }
    }

    /// Stores the version of PSCI. As in C, this takes no lock: the last writer wins.
    #[inline]
    pub fn store_psci_version(&self, version: PsciVersion) {
        // SAFETY: As in `psci_version()`; C reads the field in aligned loads of 32 bits.
        unsafe {
            atomic_store(
                &raw mut (*self.as_ptr()).arch.psci_version,
                version.to_raw(),
                Relaxed,
            )
        };
    }

    /// Returns the value of a bitmap.
    #[inline]
    pub fn bitmap(&self, map: FeatureBitmap) -> u64 {
        // SAFETY: `bitmap_ptr()` returns a valid, aligned pointer; the bitmaps are written with
        // `WRITE_ONCE()`, or before there is a vCPU that could read them.
        let bits = unsafe { atomic_load(self.bitmap_ptr(map), Relaxed) };
        // CAST: `unsigned long` has 64 bits on arm64.
        bits as u64
    }

    /// Takes a snapshot of the state that the value of a register depends on, as
    /// [`super::Vcpu::snapshot`] does.
    #[inline(always)]
    pub(super) fn snapshot(&self, reg: FwReg, has_psci_0_2: impl FnOnce() -> bool) -> Snapshot {
        match reg {
            FwReg::PsciVersion => Snapshot::PsciVersion {
                stored: self.psci_version(),
                has_psci_0_2: has_psci_0_2(),
            },
            FwReg::Workaround1 => Snapshot::Workaround1(mitigation::spectre_v2()),
            FwReg::Workaround2 => Snapshot::Workaround2 {
                host: mitigation::spectre_v4(),
                ssbs: self.has_ssbs(),
            },
            FwReg::Workaround3 => Snapshot::Workaround3(mitigation::spectre_bhb()),
            FwReg::Bitmap(map) => Snapshot::Bitmap {
                map,
                current: self.bitmap(map),
            },
        }
    }

    /// Returns whether the guest sees SSBS in `ID_AA64PFR1_EL1` now.
    #[inline]
    pub fn has_ssbs(&self) -> bool {
        // SAFETY: By the type invariant the VM is valid, which is all that the helper needs.
        unsafe { bindings::kvm_has_feat_ssbs(self.as_ptr()) }
    }

    /// Returns whether userspace handles `SYSTEM_SUSPEND`; it cannot take this back.
    #[inline]
    pub fn may_suspend_system(&self) -> bool {
        self.flags() & 1 << bindings::KVM_ARCH_FLAG_SYSTEM_SUSPEND_ENABLED != 0
    }

    /// Returns whether a vCPU of the VM has run.
    ///
    /// Only under the lock does a `No` stay true.
    #[inline]
    pub fn ran_once(&self) -> RanOnce {
        // SAFETY: By the type invariant the VM is valid, which is all that the helper needs.
        if unsafe { bindings::kvm_vm_has_ran_once(self.as_ptr()) } {
            RanOnce::Yes
        } else {
            RanOnce::No
        }
    }

    #[inline]
    fn write_bitmap(&self, map: FeatureBitmap, bits: u64) {
        // CAST: `unsigned long` has 64 bits on arm64.
        let bits = bits as usize;
        // SAFETY: `bitmap_ptr()` returns a valid, aligned pointer; C reads the bitmaps with
        // `READ_ONCE()` or as one aligned word.
        unsafe { atomic_store(self.bitmap_ptr(map), bits, Relaxed) };
    }

    /// Returns a pointer, valid and aligned as long as `self` is, to a bitmap.
    #[inline]
    fn bitmap_ptr(&self, map: FeatureBitmap) -> *mut usize {
        // SAFETY: By the type invariant the VM is valid, so that its fields have addresses.
        unsafe {
            let features = &raw mut (*self.as_ptr()).arch.smccc_feat;
            match map {
                FeatureBitmap::Std => &raw mut (*features).std_bmap,
                FeatureBitmap::StdHyp => &raw mut (*features).std_hyp_bmap,
                FeatureBitmap::VendorHyp => &raw mut (*features).vendor_hyp_bmap,
                FeatureBitmap::VendorHyp2 => &raw mut (*features).vendor_hyp_bmap_2,
            }
        }
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

    /// Initialises the bitmaps. This takes no lock, because nobody else has access to the VM.
    #[inline]
    pub fn init_bitmaps(self) {
        for map in FeatureBitmap::ALL {
            self.0.write_bitmap(map, map.initial());
        }
    }
}

/// A VM whose `config_lock` is held until this is dropped.
pub struct ConfigGuard<'a> {
    vm: &'a Vm,
    _guard: MutexGuard<'a, ()>,
}

impl ConfigGuard<'_> {
    /// Returns the evidence that the lock is held.
    #[inline]
    pub fn locked(&self) -> ConfigLocked<'_> {
        // INVARIANT: The guard holds the lock as long as it is borrowed.
        ConfigLocked(self.vm)
    }
}

/// Evidence that the `config_lock` of a VM is held.
///
/// # Invariants
///
/// The lock is held for the lifetime `'a`.
#[derive(Clone, Copy)]
pub struct ConfigLocked<'a>(&'a Vm);

impl<'a> ConfigLocked<'a> {
    /// Creates the evidence for a lock that C has taken.
    ///
    /// # Safety
    ///
    /// The lock must be held for the lifetime `'a`, on behalf of the current task.
    #[inline]
    pub unsafe fn assume(vm: &'a Vm) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(vm)
    }

    /// Returns the VM.
    #[inline]
    pub fn vm(self) -> &'a Vm {
        self.0
    }

    /// Returns whether a vCPU of the VM has run; this cannot change before the lock is released.
    #[inline]
    pub fn ran_once(self) -> RanOnce {
        self.0.ran_once()
    }

    /// Sets a bitmap.
    #[inline]
    pub fn store_bitmap(self, map: FeatureBitmap, bits: u64) {
        self.0.write_bitmap(map, bits);
    }
}
