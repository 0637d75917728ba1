// SPDX-License-Identifier: GPL-2.0

//! The rules of the levels: what changed in KVM since the oldest one.
//!
//! A rule holds on every CPU. What was measured on some CPUs is in `tests/data/compat`.
//! What is not taken back, and why, is in `Documentation/virt/kvm/arm/rust-compat.rst`.

use super::{
    effect::CAP_REG_MASK_RANGES,
    CompatEffect,
    CompatLevel,
    CompatRule, //
};
use crate::{
    FeatureBitmap,
    FwReg,
    PsciVersion,
    SysReg, //
};
use CompatLevel::{Native, V6_1, V6_12, V6_16, V6_18};

/// `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS`.
const CAP_WRITABLE_IMP_ID_REGS: u32 = 239;
/// `KVM_CAP_ARM_EL2` and `KVM_CAP_ARM_EL2_E2H0`.
const CAP_EL2: u32 = 240;
const CAP_EL2_E2H0: u32 = 241;
/// `KVM_ARM_VCPU_HAS_EL2` and `KVM_ARM_VCPU_HAS_EL2_E2H0`.
const FEATURES_EL2: u64 = 1 << 7 | 1 << 8;

/// The registers of a timer, in the order of the older lists. Two of them have numbers of their
/// own: `KVM_REG_ARM_TIMER_CNT` and `KVM_REG_ARM_TIMER_CVAL`.
const CNTV_CTL_EL0: u64 = SysReg::new(3, 3, 14, 3, 1).id();
const TIMER_CNT: u64 = SysReg::new(3, 3, 14, 3, 2).id();
const TIMER_CVAL: u64 = SysReg::new(3, 3, 14, 0, 2).id();
const CNTP_CTL_EL0: u64 = SysReg::new(3, 3, 14, 2, 1).id();
const CNTPCT_EL0: u64 = SysReg::new(3, 3, 14, 0, 1).id();
const CNTP_CVAL_EL0: u64 = SysReg::new(3, 3, 14, 2, 2).id();
const VIRTUAL_TIMER: [u64; 3] = [CNTV_CTL_EL0, TIMER_CNT, TIMER_CVAL];
const PHYSICAL_TIMER: [u64; 3] = [CNTP_CTL_EL0, CNTPCT_EL0, CNTP_CVAL_EL0];

pub(super) const MIDR_EL1: SysReg = SysReg::new(3, 0, 0, 0, 0);
pub(super) const REVIDR_EL1: SysReg = SysReg::new(3, 0, 0, 0, 6);
const CLIDR_EL1: SysReg = SysReg::new(3, 1, 0, 0, 1);
pub(super) const AIDR_EL1: SysReg = SysReg::new(3, 1, 0, 0, 7);
pub(super) const CTR_EL0: SysReg = SysReg::new(3, 3, 0, 0, 1);
const TCR2_EL1: SysReg = SysReg::new(3, 0, 2, 0, 3);
const PIRE0_EL1: SysReg = SysReg::new(3, 0, 10, 2, 2);
const PIR_EL1: SysReg = SysReg::new(3, 0, 10, 2, 3);
const PMMIR_EL1: SysReg = SysReg::new(3, 0, 9, 14, 6);

/// What `reset_unknown()` gives to a register.
const UNKNOWN: u64 = 0x1de7_ec7e_dbad_c0de;

pub(super) const fn rule(
    name: &'static str,
    change: &'static str,
    (since, until): (CompatLevel, CompatLevel),
    effect: CompatEffect,
) -> CompatRule {
    CompatRule {
        name,
        change,
        since,
        until,
        effect,
    }
}

const fn hides(id: u64) -> CompatEffect {
    CompatEffect::Hides {
        first: id,
        last: id,
    }
}

const V6_3_CACHES: &str = "6.3: KVM: arm64: Normalize cache configuration";

/// The rules.
pub(super) const RULES: &[CompatRule] = &[
    // Registers that were added
    rule(
        "pmmir",
        "7.3: PMMIR_EL1 of a VM with a PMU is saved",
        (V6_1, Native),
        hides(PMMIR_EL1.id()),
    ),
    rule(
        "vendor-hyp-bmap-2",
        "6.15: KVM: arm64: Introduce KVM_REG_ARM_VENDOR_HYP_BMAP_2",
        (V6_1, V6_16),
        hides(FwReg::Bitmap(FeatureBitmap::VendorHyp2).id()),
    ),
    rule(
        "physical-timer-control",
        "6.4: the physical timer of a VM is saved",
        (V6_1, V6_12),
        hides(CNTP_CTL_EL0),
    ),
    rule(
        "physical-timer-count",
        "6.4: the physical timer of a VM is saved",
        (V6_1, V6_12),
        hides(CNTPCT_EL0),
    ),
    rule(
        "physical-timer-compare",
        "6.4: the physical timer of a VM is saved",
        (V6_1, V6_12),
        hides(CNTP_CVAL_EL0),
    ),
    // Registers that were removed
    rule(
        "tcr2",
        "6.13: KVM: arm64: Hide TCR2_EL1 from userspace when disabled for guests",
        (V6_12, V6_16),
        CompatEffect::Shows {
            id: TCR2_EL1.id(),
            value: 0,
        },
    ),
    rule(
        "pire0",
        "6.13: KVM: arm64: Hide S1PIE registers from userspace when disabled for guests",
        (V6_12, V6_16),
        CompatEffect::Shows {
            id: PIRE0_EL1.id(),
            value: UNKNOWN,
        },
    ),
    rule(
        "pir",
        "6.13: KVM: arm64: Hide S1PIE registers from userspace when disabled for guests",
        (V6_12, V6_16),
        CompatEffect::Shows {
            id: PIR_EL1.id(),
            value: UNKNOWN,
        },
    ),
    // The order of lists
    rule(
        "virtual-timer-first",
        "6.17: the timers are in the table of system registers",
        (V6_1, V6_18),
        CompatEffect::First(&VIRTUAL_TIMER),
    ),
    rule(
        "physical-timer-first",
        "6.17: the timers are in the table of system registers",
        (V6_12, V6_18),
        CompatEffect::First(&PHYSICAL_TIMER),
    ),
    rule(
        "implementation-first",
        "6.15: MIDR_EL1, REVIDR_EL1 and AIDR_EL1 belong to the VM",
        (V6_12, V6_16),
        CompatEffect::First(&[MIDR_EL1.id(), REVIDR_EL1.id(), AIDR_EL1.id()]),
    ),
    rule(
        "invariants-first",
        "6.3 and 6.11: KVM: arm64: CLIDR_EL1 and CTR_EL0 belong to the VM",
        (V6_1, V6_12),
        CompatEffect::First(&[
            MIDR_EL1.id(),
            REVIDR_EL1.id(),
            CLIDR_EL1.id(),
            AIDR_EL1.id(),
            CTR_EL0.id(),
        ]),
    ),
    // PSCI
    rule(
        "psci",
        "6.13: KVM: arm64: Add support for PSCI v1.2 and v1.3",
        (V6_1, V6_16),
        CompatEffect::Psci(PsciVersion::V1_1),
    ),
    // The caches
    rule(
        "caches",
        V6_3_CACHES,
        (V6_1, V6_12),
        CompatEffect::HostCaches,
    ),
    // What userspace may ask for, as far as registers depend on it
    rule(
        "masks-of-id-registers",
        "6.7: KVM: arm64: Allow userspace to get the writable masks for feature ID registers",
        (V6_1, V6_12),
        CompatEffect::LacksCapability(CAP_REG_MASK_RANGES),
    ),
    rule(
        "writable-implementation",
        "6.15: MIDR_EL1, REVIDR_EL1 and AIDR_EL1 belong to the VM",
        (V6_1, V6_16),
        CompatEffect::LacksCapability(CAP_WRITABLE_IMP_ID_REGS),
    ),
    rule(
        "nested",
        "6.16: VMs can have EL2; not measured of any release",
        (V6_1, Native),
        CompatEffect::LacksCapability(CAP_EL2),
    ),
    rule(
        "nested-e2h0",
        "6.16: VMs can have EL2; not measured of any release",
        (V6_1, Native),
        CompatEffect::LacksCapability(CAP_EL2_E2H0),
    ),
    rule(
        "nested-vcpus",
        "6.16: VMs can have EL2; not measured of any release",
        (V6_1, Native),
        CompatEffect::LacksFeatures(FEATURES_EL2),
    ),
];
