// SPDX-License-Identifier: GPL-2.0

//! The firmware pseudo-registers: the state of VMs and vCPUs that they depend on.
//!
//! Reference: `Documentation/virt/kvm/arm/fw-pseudo-registers.rst`.

use crate::{
    bindings,
    ffi::c_int,
    sync::atomic::{
        atomic_load,
        atomic_store,
        Relaxed, //
    }, //
};

use crate::kvm::{
    abi::{
        FeatureBitmap,
        FwLocked,
        FwVcpu,
        FwVm,
        Mitigation,
        PsciVersion,
        RanOnce,
        VcpuFeatures, //
    },
    ConfigLock,
    Guard,
    Held,
    NewVm,
    Vcpu,
    Vm, //
};

pub mod mitigation;
pub mod trace;

impl FwVm for Vm {
    type Locked<'a> = Guard<'a, ConfigLock>;

    #[inline]
    fn spectre_v2(&self) -> Mitigation {
        mitigation::spectre_v2()
    }

    #[inline]
    fn spectre_v4(&self) -> Mitigation {
        mitigation::spectre_v4()
    }

    #[inline]
    fn spectre_bhb(&self) -> Mitigation {
        mitigation::spectre_bhb()
    }

    #[inline]
    fn has_ssbs(&self) -> bool {
        // SAFETY: By the type invariant the VM is valid, which is all that the helper needs.
        unsafe { bindings::kvm_has_feat_ssbs(self.as_ptr()) }
    }

    #[inline]
    fn psci_version(&self) -> u32 {
        // SAFETY: By the type invariant the field is valid; it is aligned. It is written without a
        // lock, by this type atomically and by C in one aligned store of 32 bits.
        unsafe { atomic_load(&raw mut (*self.as_ptr()).arch.psci_version, Relaxed) }
    }

    #[inline]
    fn store_psci_version(&self, version: PsciVersion) {
        // SAFETY: As in `psci_version()`; C reads the field in aligned loads of 32 bits.
        unsafe {
            atomic_store(
                &raw mut (*self.as_ptr()).arch.psci_version,
                version.to_raw(),
                Relaxed,
            )
        };
    }

    #[inline]
    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        // SAFETY: `bitmap_ptr()` returns a valid, aligned pointer; the bitmaps are written with
        // `WRITE_ONCE()`, or before there is a vCPU that could read them.
        let bits = unsafe { atomic_load(self.bitmap_ptr(map), Relaxed) };
        // CAST: `unsigned long` has 64 bits on arm64.
        bits as u64
    }

    #[inline]
    fn lock_config(&self) -> Guard<'_, ConfigLock> {
        Guard::lock(self)
    }
}

impl Vm {
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

impl FwLocked for Held<'_, ConfigLock> {
    #[inline]
    fn ran_once(&self) -> RanOnce {
        // SAFETY: By the invariant of `Vm` it is valid, which is all that the helper needs.
        if unsafe { bindings::kvm_vm_has_ran_once(self.as_ptr()) } {
            RanOnce::Yes
        } else {
            RanOnce::No
        }
    }

    #[inline]
    fn features(&self) -> VcpuFeatures {
        if self.flags() & (1 << bindings::KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED) == 0 {
            return VcpuFeatures::Unknown;
        }
        // CAST: The constant is 2; C declares the parameter as `int`.
        let psci_0_2 = bindings::KVM_ARM_VCPU_PSCI_0_2 as c_int;
        VcpuFeatures::Known {
            // SAFETY: By the invariant of `Vm` it is valid, which is all that the helper needs.
            psci_0_2: unsafe { bindings::kvm_vcpu_has_feature(self.as_ptr(), psci_0_2) },
        }
    }

    #[inline]
    fn store_bitmap(&self, map: FeatureBitmap, bits: u64) {
        self.write_bitmap(map, bits);
    }
}

impl FwVcpu for Vcpu {
    type Vm = Vm;

    #[inline]
    fn vm(&self) -> &Vm {
        self.vm()
    }

    #[inline]
    fn has_psci_0_2(&self) -> bool {
        // CAST: The constant is 2; C declares the parameter as `int`.
        let feature = bindings::KVM_ARM_VCPU_PSCI_0_2 as c_int;
        // SAFETY: By the type invariant the vCPU is valid, and so is its VM. It has no features
        // before `KVM_ARM_VCPU_INIT`.
        unsafe { bindings::vcpu_has_feature(self.as_ptr(), feature) }
    }
}

impl NewVm<'_> {
    /// Initialises the bitmaps. This takes no lock, because nobody else has access to the VM.
    #[inline]
    pub fn init_bitmaps(self) {
        for map in FeatureBitmap::ALL {
            self.write_bitmap(map, map.initial());
        }
    }
}
