// SPDX-License-Identifier: GPL-2.0

//! What C and the core must agree on, asserted when the kernel is built.
//!
//! If C gains a firmware register, a version of PSCI or a service, the kernel does not build until
//! the core knows it. (`rust/helpers/kvm.c` does the same for the types of ID register fields.)

use crate::{
    bindings,
    build_assert::static_assert, //
};

use super::abi::{
    FeatureBitmap,
    FeatureIdIndex,
    FwReg,
    PsciVersion, //
};

// Their number; C's list has this length, or it does not compile.
static_assert!(FwReg::ALL.len() == bindings::KVM_ARM_NR_FW_REGS as usize);
static_assert!(FwReg::PsciVersion.id() == bindings::KVM_REG_ARM_PSCI_VERSION);
static_assert!(FwReg::Workaround1.id() == bindings::KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1);
static_assert!(FwReg::Workaround2.id() == bindings::KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2);
static_assert!(FwReg::Workaround3.id() == bindings::KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3);
static_assert!(FwReg::Bitmap(FeatureBitmap::Std).id() == bindings::KVM_REG_ARM_STD_BMAP);
static_assert!(FwReg::Bitmap(FeatureBitmap::StdHyp).id() == bindings::KVM_REG_ARM_STD_HYP_BMAP);
static_assert!(
    FwReg::Bitmap(FeatureBitmap::VendorHyp).id() == bindings::KVM_REG_ARM_VENDOR_HYP_BMAP
);
static_assert!(
    FwReg::Bitmap(FeatureBitmap::VendorHyp2).id() == bindings::KVM_REG_ARM_VENDOR_HYP_BMAP_2
);

const fn services(count: u32) -> u64 {
    (1 << count) - 1
}

static_assert!(
    FeatureBitmap::Std.supported() == services(bindings::KVM_REG_ARM_STD_BMAP_BIT_COUNT)
);
static_assert!(
    FeatureBitmap::StdHyp.supported() == services(bindings::KVM_REG_ARM_STD_HYP_BMAP_BIT_COUNT)
);
static_assert!(
    FeatureBitmap::VendorHyp.supported()
        == services(bindings::KVM_REG_ARM_VENDOR_HYP_BMAP_BIT_COUNT)
);
static_assert!(
    FeatureBitmap::VendorHyp2.supported()
        == services(bindings::KVM_REG_ARM_VENDOR_HYP_BMAP_2_BIT_COUNT)
);

static_assert!(PsciVersion::V0_1.to_raw() == bindings::KVM_ARM_PSCI_0_1);
static_assert!(PsciVersion::LATEST.to_raw() == bindings::KVM_ARM_PSCI_LATEST);

static_assert!(FeatureIdIndex::COUNT == bindings::KVM_ARM_FEATURE_ID_RANGE_SIZE as usize);
