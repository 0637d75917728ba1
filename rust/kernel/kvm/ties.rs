// SPDX-License-Identifier: GPL-2.0

//! What C and the core must agree on, asserted when the kernel is built.
//!
//! `include/kvm/arm_ties.h` names what C serves, and C does not compile if it serves more. Here
//! those names are compared with the tables of the core. (`rust/helpers/kvm.c` does the same for
//! the types of ID register fields.)

use crate::{
    bindings,
    build_assert::static_assert,
    macros::paste, //
};

use super::abi::{
    Call,
    FeatureBitmap,
    FeatureIdIndex,
    FwReg,
    IdReg,
    PsciVersion,
    SysReg, //
};

/// Asserts that an enum of C has the values of a list of the core, in the order of that list.
macro_rules! tie {
    ($list:expr, $value:ident, $what:ident, [$($name:ident),* $(,)?], $message:literal) => {
        paste! {
            const _: () = {
                let (list, values) =
                    ($list, [$(bindings::[<kvm_arm_ $what _known_to_rust_KVM_KNOWN_ $name>]),*]);
                assert!(list.len() == values.len(), $message);
                let mut i = 0;
                while i < list.len() {
                    // CAST: Widens numbers of 32 bits. C's enums have the type `unsigned long`, of
                    // 64 bits, or `unsigned int`.
                    assert!(list[i].$value() as u64 == values[i] as u64, $message);
                    i += 1;
                }
            };
        }
    };
}

// C's list has this length, or it does not compile.
static_assert!(
    FwReg::ALL.len() == bindings::KVM_ARM_NR_FW_REGS as usize,
    "rust/kvm_abi/src/fw_reg/mod.rs must know each firmware register of C"
);
tie!(
    FwReg::ALL,
    id,
    fw_reg,
    [
        PSCI_VERSION,
        WORKAROUND_1,
        WORKAROUND_2,
        WORKAROUND_3,
        STD_BMAP,
        STD_HYP_BMAP,
        VENDOR_HYP_BMAP,
        VENDOR_HYP_BMAP_2,
    ],
    "rust/kvm_abi/src/fw_reg/mod.rs must know each firmware register of C"
);

const fn services(count: u32) -> u64 {
    (1 << count) - 1
}

static_assert!(
    FeatureBitmap::Std.supported() == services(bindings::KVM_REG_ARM_STD_BMAP_BIT_COUNT),
    "rust/kvm_abi/src/fw_reg/bitmap.rs must know each service of C"
);
static_assert!(
    FeatureBitmap::StdHyp.supported() == services(bindings::KVM_REG_ARM_STD_HYP_BMAP_BIT_COUNT),
    "rust/kvm_abi/src/fw_reg/bitmap.rs must know each service of C"
);
static_assert!(
    FeatureBitmap::VendorHyp.supported()
        == services(bindings::KVM_REG_ARM_VENDOR_HYP_BMAP_BIT_COUNT),
    "rust/kvm_abi/src/fw_reg/bitmap.rs must know each service of C"
);
static_assert!(
    FeatureBitmap::VendorHyp2.supported()
        == services(bindings::KVM_REG_ARM_VENDOR_HYP_BMAP_2_BIT_COUNT),
    "rust/kvm_abi/src/fw_reg/bitmap.rs must know each service of C"
);

tie!(
    PsciVersion::ALL,
    to_raw,
    psci,
    [PSCI_0_1, PSCI_0_2, PSCI_1_0, PSCI_1_1, PSCI_1_2, PSCI_1_3],
    "rust/kvm_abi/src/fw_reg/psci_version.rs must know each version of PSCI that C serves"
);
static_assert!(
    PsciVersion::LATEST.to_raw() == bindings::KVM_ARM_PSCI_LATEST,
    "rust/kvm_abi/src/fw_reg/psci_version.rs must know the latest version of PSCI"
);

tie!(
    Call::IDS,
    to_raw,
    func,
    [
        FN_SMCCC_VERSION,
        FN_SMCCC_ARCH_FEATURES,
        FN_SMCCC_ARCH_WORKAROUND_1,
        FN_SMCCC_ARCH_WORKAROUND_2,
        FN_SMCCC_ARCH_WORKAROUND_3,
        FN_PSCI_VERSION,
        FN_CPU_SUSPEND,
        FN_CPU_SUSPEND64,
        FN_CPU_OFF,
        FN_CPU_ON,
        FN_CPU_ON64,
        FN_AFFINITY_INFO,
        FN_AFFINITY_INFO64,
        FN_MIGRATE_INFO_TYPE,
        FN_SYSTEM_OFF,
        FN_SYSTEM_RESET,
        FN_PSCI_FEATURES,
        FN_SYSTEM_SUSPEND,
        FN_SYSTEM_SUSPEND64,
        FN_SYSTEM_RESET2,
        FN_SYSTEM_RESET2_64,
        FN_SYSTEM_OFF2,
        FN_SYSTEM_OFF2_64,
        FN_PSCI_0_1_CPU_SUSPEND,
        FN_PSCI_0_1_CPU_OFF,
        FN_PSCI_0_1_CPU_ON,
        FN_PSCI_0_1_MIGRATE,
        FN_TRNG_VERSION,
        FN_TRNG_FEATURES,
        FN_TRNG_GET_UUID,
        FN_TRNG_RND,
        FN_TRNG_RND64,
        FN_PV_TIME_FEATURES,
        FN_PV_TIME_ST,
        FN_VENDOR_HYP_FEATURES,
        FN_VENDOR_HYP_PTP,
        FN_VENDOR_HYP_UID,
    ],
    "rust/kvm_abi/src/smccc/call.rs must know each function that C serves"
);

static_assert!(
    FeatureIdIndex::COUNT == bindings::KVM_ARM_FEATURE_ID_RANGE_SIZE as usize,
    "rust/kvm_abi/src/id_reg/sys_reg.rs must know the range of feature ID registers"
);
tie!(
    SysReg::OTHER_VM_IDS,
    encoding,
    vm_id_reg,
    [
        VM_ID_MIDR_EL1,
        VM_ID_REVIDR_EL1,
        VM_ID_AIDR_EL1,
        VM_ID_CTR_EL0
    ],
    "rust/kvm_abi/src/id_reg/sys_reg.rs must know all ID registers"
);
tie!(
    IdReg::FUNCTIONS,
    encoding,
    id_rule,
    [
        ID_RULE_MIDR_EL1,
        ID_RULE_REVIDR_EL1,
        ID_RULE_ID_DFR0_EL1,
        ID_RULE_ID_AA64PFR0_EL1,
        ID_RULE_ID_AA64PFR1_EL1,
        ID_RULE_ID_AA64PFR2_EL1,
        ID_RULE_ID_AA64DFR0_EL1,
        ID_RULE_ID_AA64MMFR0_EL1,
        ID_RULE_ID_AA64MMFR2_EL1,
        ID_RULE_AIDR_EL1,
        ID_RULE_CTR_EL0,
    ],
    "rust/kvm_abi/src/id_reg/surface.rs must know each ID register that has a function in C"
);
