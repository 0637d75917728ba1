// SPDX-License-Identifier: GPL-2.0

//! The firmware pseudo-registers: the state of VMs and vCPUs that they depend on.
//!
//! Reference: `Documentation/virt/kvm/arm/fw-pseudo-registers.rst`.

use crate::{
    bindings::{
        self,
        kvm_one_reg, //
    },
    ffi::{
        c_int,
        c_uint,
        c_ulong, //
    }, //
};

use crate::kvm::{
    abi::{
        FeatureBitmap,
        FeatureLevelReg,
        FeatureLevels,
        FwLocked,
        FwVcpu,
        FwVm,
        Mitigation,
        OptIns,
        Promise,
        PsciVersion,
        RanOnce,
        VcpuFeatures, //
    },
    view::{
        calls,
        fields,
        Shared, //
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

/// The feature as C's functions take it. CAST: The constant is 2.
const PSCI_0_2: c_int = bindings::KVM_ARM_VCPU_PSCI_0_2 as c_int;

fields! {
    impl Vm as Vm {
        /// Written without a lock: in Rust atomically, in C in one aligned store of 32 bits.
        fn psci_version_field() -> Shared<u32> = arch.psci_version;
        /// C writes the bitmaps with `WRITE_ONCE()`, or before there is a vCPU that could read
        /// them; and reads them with `READ_ONCE()`, or as one aligned word.
        fn std_bmap_field() -> Shared<c_ulong> = arch.smccc_feat.std_bmap;
        /// As above.
        fn std_hyp_bmap_field() -> Shared<c_ulong> = arch.smccc_feat.std_hyp_bmap;
        /// As above.
        fn vendor_hyp_bmap_field() -> Shared<c_ulong> = arch.smccc_feat.vendor_hyp_bmap;
        /// As above.
        fn vendor_hyp_bmap_2_field() -> Shared<c_ulong> = arch.smccc_feat.vendor_hyp_bmap_2;
    }
}

calls! {
    impl Vm as Vm {
        /// Needs a valid VM only.
        fn has_feat_ssbs() -> bool = kvm_has_feat_ssbs;
        /// Needs a valid VM only.
        fn has_ran_once() -> bool = kvm_vm_has_ran_once;
        /// Needs a valid VM only.
        fn has_vcpu_feature(feature: c_int) -> bool = kvm_vcpu_has_feature;
        /// Needs a valid VM only.
        fn read_promise(nr: c_uint, levels: &mut u64) -> bool = kvm_arm_read_promise;
    }
    impl Held<'_, ConfigLock> as Vm {
        /// Needs a VM whose lock is held, as it is by the type invariant.
        fn write_promise(nr: c_uint, levels: u64) = kvm_arm_store_promise;
    }
    impl Vcpu as Vcpu {
        /// Needs a valid vCPU of a valid VM only. There are no features before
        /// `KVM_ARM_VCPU_INIT`.
        fn has_feature(feature: c_int) -> bool = vcpu_has_feature;
        /// Lets C read a firmware register, without an access to userspace. Needs a valid vCPU
        /// only.
        pub fn c_get_fw_reg(reg: &kvm_one_reg, val: &mut u64) -> c_int = kvm_arm_c_get_fw_reg;
        /// Lets C write a firmware register; a write of a bitmap may be judged. Needs a valid vCPU
        /// only.
        pub fn c_set_fw_reg(reg: &kvm_one_reg, val: u64, judged: bool) -> c_int =
            kvm_arm_c_set_fw_reg;
    }
}

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
        self.has_feat_ssbs()
    }

    #[inline]
    fn psci_version(&self) -> u32 {
        self.psci_version_field().load()
    }

    #[inline]
    fn store_psci_version(&self, version: PsciVersion) {
        self.psci_version_field().store(version.to_raw());
    }

    #[inline]
    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        // CAST: `unsigned long` has 64 bits on arm64.
        self.bitmap_field(map).load() as u64
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
        self.bitmap_field(map).store(bits as c_ulong);
    }

    #[inline]
    fn bitmap_field(&self, map: FeatureBitmap) -> Shared<'_, c_ulong> {
        match map {
            FeatureBitmap::Std => self.std_bmap_field(),
            FeatureBitmap::StdHyp => self.std_hyp_bmap_field(),
            FeatureBitmap::VendorHyp => self.vendor_hyp_bmap_field(),
            FeatureBitmap::VendorHyp2 => self.vendor_hyp_bmap_2_field(),
        }
    }
}

impl Vm {
    /// Returns what userspace has promised of the levels in a register.
    ///
    /// It is stable if the VM has run, or its configuration is locked.
    #[inline]
    pub fn promise(&self, reg: FeatureLevelReg) -> Promise {
        let mut levels = 0;
        if self.opt_ins().contains(OptIns::FEATURE_LEVELS)
            && self.read_promise(number(reg), &mut levels)
        {
            Promise::new(FeatureLevels::from_bits(levels))
        } else {
            Promise::NONE
        }
    }
}

fn number(reg: FeatureLevelReg) -> c_uint {
    // CAST: There are eight.
    reg.index() as c_uint
}

impl FwLocked for Held<'_, ConfigLock> {
    #[inline]
    fn ran_once(&self) -> RanOnce {
        if self.has_ran_once() {
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
        VcpuFeatures::Known {
            psci_0_2: self.has_vcpu_feature(PSCI_0_2),
        }
    }

    #[inline]
    fn store_bitmap(&self, map: FeatureBitmap, bits: u64) {
        self.write_bitmap(map, bits);
    }

    #[inline]
    fn promise(&self, reg: FeatureLevelReg) -> Promise {
        Vm::promise(self, reg)
    }

    #[inline]
    fn store_promise(&self, reg: FeatureLevelReg, promise: FeatureLevels) {
        self.write_promise(number(reg), promise.bits());
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
        self.has_feature(PSCI_0_2)
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
