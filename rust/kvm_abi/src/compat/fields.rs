// SPDX-License-Identifier: GPL-2.0

//! The rules of the levels for the fields of ID registers.
//!
//! Bits that a kernel does not know are those that its `cpufeature.c` and `sys_regs.c` leave out.

use super::{
    rules::{
        rule,
        AIDR_EL1,
        CTR_EL0,
        MIDR_EL1,
        REVIDR_EL1, //
    },
    CompatEffect,
    CompatLevel,
    CompatRule,
    FieldLimit,
    IdField, //
};
use crate::SysReg;
use CompatLevel::{Native, V6_1, V6_12, V6_16, V6_18};

const ID_PFR0_EL1: SysReg = SysReg::new(3, 0, 0, 1, 0);
const ID_DFR0_EL1: SysReg = SysReg::new(3, 0, 0, 1, 2);
const ID_MMFR4_EL1: SysReg = SysReg::new(3, 0, 0, 2, 6);
const ID_MMFR5_EL1: SysReg = SysReg::new(3, 0, 0, 3, 6);
const ID_AA64PFR0_EL1: SysReg = SysReg::new(3, 0, 0, 4, 0);
const ID_AA64PFR1_EL1: SysReg = SysReg::new(3, 0, 0, 4, 1);
const ID_AA64PFR2_EL1: SysReg = SysReg::new(3, 0, 0, 4, 2);
const ID_AA64ZFR0_EL1: SysReg = SysReg::new(3, 0, 0, 4, 4);
const ID_AA64FPFR0_EL1: SysReg = SysReg::new(3, 0, 0, 4, 7);
const ID_AA64DFR0_EL1: SysReg = SysReg::new(3, 0, 0, 5, 0);
const ID_AA64ISAR0_EL1: SysReg = SysReg::new(3, 0, 0, 6, 0);
const ID_AA64ISAR1_EL1: SysReg = SysReg::new(3, 0, 0, 6, 1);
const ID_AA64ISAR2_EL1: SysReg = SysReg::new(3, 0, 0, 6, 2);
const ID_AA64ISAR3_EL1: SysReg = SysReg::new(3, 0, 0, 6, 3);
const ID_AA64MMFR0_EL1: SysReg = SysReg::new(3, 0, 0, 7, 0);
const ID_AA64MMFR1_EL1: SysReg = SysReg::new(3, 0, 0, 7, 1);
const ID_AA64MMFR2_EL1: SysReg = SysReg::new(3, 0, 0, 7, 2);
const ID_AA64MMFR3_EL1: SysReg = SysReg::new(3, 0, 0, 7, 3);
const ID_AA64MMFR4_EL1: SysReg = SysReg::new(3, 0, 0, 7, 4);

// The releases in which fields changed, for the texts
const V6_7_WRITABLE: &str = "6.7: ID registers become writable";
const V6_13_FIELDS: &str = "6.13 to 6.16: more fields of ID registers are known or writable";
const V6_17_FIELDS: &str = "6.17 and 6.18: more fields of ID registers are known or writable";
const V7_FIELDS: &str = "6.19 to 7.3: more fields of ID registers are known or writable";

const fn knows(reg: SysReg, mask: u64) -> CompatEffect {
    CompatEffect::Knows { reg, mask }
}

const fn limits(reg: SysReg, shift: u32, limit: FieldLimit) -> CompatEffect {
    CompatEffect::Limits(IdField { reg, shift, limit })
}

const fn masks(reg: SysReg, mask: u64) -> CompatEffect {
    CompatEffect::Masks {
        first: reg,
        last: reg,
        mask,
    }
}

/// The rules.
pub(super) const RULES: &[CompatRule] = &[
    // Levels
    rule(
        "ccidx",
        "6.3: KVM: arm64: Mask FEAT_CCIDX",
        (V6_1, V6_12),
        limits(ID_AA64MMFR2_EL1, 20, FieldLimit::Host),
    ),
    rule(
        "ccidx-aarch32",
        "6.3: KVM: arm64: Mask FEAT_CCIDX",
        (V6_1, V6_12),
        limits(ID_MMFR4_EL1, 24, FieldLimit::Host),
    ),
    rule(
        "nv",
        "6.14: ID_AA64MMFR2_EL1.NV is hidden",
        (V6_1, V6_16),
        limits(ID_AA64MMFR2_EL1, 24, FieldLimit::Host),
    ),
    rule(
        "debug-version",
        "6.7: KVM: arm64: Bump up the default KVM sanitised debug version to v8p8",
        (V6_1, V6_12),
        limits(ID_AA64DFR0_EL1, 0, FieldLimit::AtMost(6)),
    ),
    rule(
        "debug-version-aarch32",
        "6.7: KVM: arm64: Bump up the default KVM sanitised debug version to v8p8",
        (V6_1, V6_12),
        limits(ID_DFR0_EL1, 0, FieldLimit::Host),
    ),
    rule(
        "pmu-version",
        "6.2: KVM: arm64: PMU: Allow PMUv3p5 to be exposed to the guest",
        (V6_1, V6_12),
        limits(ID_AA64DFR0_EL1, 8, FieldLimit::AtMost(5)),
    ),
    rule(
        "pmu-version-aarch32",
        "6.2: KVM: arm64: PMU: Allow PMUv3p5 to be exposed to the guest",
        (V6_1, V6_12),
        limits(ID_DFR0_EL1, 24, FieldLimit::AtMost(5)),
    ),
    // Fields that are not known
    rule(
        "isar1-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64ISAR1_EL1, 0x00ff_ffff_ffff_ffff),
    ),
    rule(
        "isar1-6.12",
        V7_FIELDS,
        (V6_12, Native),
        knows(ID_AA64ISAR1_EL1, 0x0fff_ffff_ffff_ffff),
    ),
    rule(
        "isar2-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64ISAR2_EL1, 0xf0f0_ffff),
    ),
    rule(
        "isar2-6.12",
        V7_FIELDS,
        (V6_12, Native),
        knows(ID_AA64ISAR2_EL1, 0x0fff_0000_f0ff_ffff),
    ),
    rule(
        "isar3-6.12",
        V6_13_FIELDS,
        (V6_1, V6_16),
        knows(ID_AA64ISAR3_EL1, 0),
    ),
    rule(
        "isar3-6.16",
        V6_17_FIELDS,
        (V6_16, V6_18),
        knows(ID_AA64ISAR3_EL1, 0xf000_00f0),
    ),
    rule(
        "isar3-6.18",
        V7_FIELDS,
        (V6_18, Native),
        knows(ID_AA64ISAR3_EL1, 0xf00f_00f0),
    ),
    rule(
        "pfr1-6.12",
        V6_13_FIELDS,
        (V6_1, V6_16),
        knows(ID_AA64PFR1_EL1, 0x0f0f_ffff),
    ),
    rule(
        "pfr1-6.16",
        V6_17_FIELDS,
        (V6_16, V6_18),
        knows(ID_AA64PFR1_EL1, 0x0f00_0f0f_ffff),
    ),
    rule(
        "pfr2-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64PFR2_EL1, 0),
    ),
    rule(
        "pfr2-6.12",
        V6_17_FIELDS,
        (V6_12, V6_18),
        knows(ID_AA64PFR2_EL1, 0xf_0000_0000),
    ),
    rule(
        "pfr2-6.18",
        V7_FIELDS,
        (V6_18, Native),
        knows(ID_AA64PFR2_EL1, 0xf_0000_0ff0),
    ),
    rule(
        "zfr0-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64ZFR0_EL1, 0x0ff0_ff0f_00ff_00ff),
    ),
    rule(
        "zfr0-6.12",
        V6_13_FIELDS,
        (V6_12, V6_16),
        knows(ID_AA64ZFR0_EL1, 0x0ff0_ff0f_0fff_00ff),
    ),
    rule(
        "fpfr0-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64FPFR0_EL1, 0),
    ),
    rule(
        "fpfr0-6.12",
        V6_13_FIELDS,
        (V6_12, V6_16),
        knows(ID_AA64FPFR0_EL1, 0xf000_0003),
    ),
    rule(
        "fpfr0-6.16",
        V7_FIELDS,
        (V6_16, Native),
        knows(ID_AA64FPFR0_EL1, 0xfc00_0003),
    ),
    rule(
        "mmfr1-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64MMFR1_EL1, 0xf0f0_f0ff_ffff_ffff),
    ),
    rule(
        "mmfr3-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64MMFR3_EL1, 0),
    ),
    rule(
        "mmfr3-6.12",
        V6_17_FIELDS,
        (V6_12, V6_18),
        knows(ID_AA64MMFR3_EL1, 0xf_0f0f),
    ),
    rule(
        "mmfr4-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        knows(ID_AA64MMFR4_EL1, 0),
    ),
    rule(
        "mmfr4-6.12",
        V6_13_FIELDS,
        (V6_12, V6_16),
        knows(ID_AA64MMFR4_EL1, 0x0f00_0000),
    ),
    // What userspace may change
    rule(
        "mask-pfr0-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        masks(ID_AA64PFR0_EL1, 0xff00_0000_0000_0000),
    ),
    rule(
        "masks-6.1",
        V6_7_WRITABLE,
        (V6_1, V6_12),
        CompatEffect::Masks {
            first: MIDR_EL1,
            last: CTR_EL0,
            mask: 0,
        },
    ),
    rule(
        "mask-midr",
        "6.15: MIDR_EL1, REVIDR_EL1 and AIDR_EL1 belong to the VM",
        (V6_12, V6_16),
        masks(MIDR_EL1, 0),
    ),
    rule(
        "mask-revidr",
        "6.15: MIDR_EL1, REVIDR_EL1 and AIDR_EL1 belong to the VM",
        (V6_12, V6_16),
        masks(REVIDR_EL1, 0),
    ),
    rule(
        "mask-aidr",
        "6.15: MIDR_EL1, REVIDR_EL1 and AIDR_EL1 belong to the VM",
        (V6_12, V6_16),
        masks(AIDR_EL1, 0),
    ),
    rule(
        "mask-dfr0-aarch32",
        "6.17: AArch32 ID registers become writable again",
        (V6_16, V6_18),
        masks(ID_DFR0_EL1, 0x0f00_000f),
    ),
    rule(
        "masks-aarch32",
        "6.17: AArch32 ID registers become writable again",
        (V6_16, V6_18),
        CompatEffect::Masks {
            first: ID_PFR0_EL1,
            last: ID_MMFR5_EL1,
            mask: 0,
        },
    ),
    rule(
        "mask-pfr0",
        V6_17_FIELDS,
        (V6_12, V6_18),
        masks(ID_AA64PFR0_EL1, 0xffff_00f0_0f00_ffff),
    ),
    rule(
        "mask-pfr1",
        V6_17_FIELDS,
        (V6_12, V6_18),
        masks(ID_AA64PFR1_EL1, 0xf_0000_00ff),
    ),
    rule(
        "mask-pfr2",
        V6_17_FIELDS,
        (V6_12, V6_18),
        masks(ID_AA64PFR2_EL1, 0xf_0000_0000),
    ),
    rule(
        "mask-pfr2-6.18",
        V7_FIELDS,
        (V6_18, Native),
        masks(ID_AA64PFR2_EL1, 0xf_0000_0ff0),
    ),
    rule(
        "mask-zfr0",
        V6_13_FIELDS,
        (V6_12, V6_16),
        masks(ID_AA64ZFR0_EL1, 0x0ff0_ff0f_0fff_00ff),
    ),
    rule(
        "mask-fpfr0",
        V6_13_FIELDS,
        (V6_12, V6_16),
        masks(ID_AA64FPFR0_EL1, 0xf000_0003),
    ),
    rule(
        "mask-fpfr0-6.16",
        V7_FIELDS,
        (V6_16, Native),
        masks(ID_AA64FPFR0_EL1, 0xfc00_0003),
    ),
    rule(
        "mask-isar0",
        V7_FIELDS,
        (V6_12, Native),
        masks(ID_AA64ISAR0_EL1, 0xffff_ffff_ffff_fff0),
    ),
    rule(
        "mask-isar2",
        V6_13_FIELDS,
        (V6_12, V6_16),
        masks(ID_AA64ISAR2_EL1, 0xffff_0fff_ffff_00ff),
    ),
    rule(
        "mask-isar3",
        V6_13_FIELDS,
        (V6_12, V6_16),
        masks(ID_AA64ISAR3_EL1, 0),
    ),
    rule(
        "mask-isar3-6.16",
        V6_17_FIELDS,
        (V6_16, V6_18),
        masks(ID_AA64ISAR3_EL1, 0xf000_00f0),
    ),
    rule(
        "mask-isar3-6.18",
        V7_FIELDS,
        (V6_18, Native),
        masks(ID_AA64ISAR3_EL1, 0xf00f_00f0),
    ),
    rule(
        "mask-mmfr0",
        V6_13_FIELDS,
        (V6_12, V6_16),
        masks(ID_AA64MMFR0_EL1, 0xff00_f000_ffff_ff0f),
    ),
    rule(
        "mask-mmfr1",
        V6_17_FIELDS,
        (V6_12, V6_18),
        masks(ID_AA64MMFR1_EL1, 0xffff_f0f0_0fff_f00f),
    ),
    rule(
        "mask-mmfr3",
        V6_17_FIELDS,
        (V6_12, V6_18),
        masks(ID_AA64MMFR3_EL1, 0xf_0f0f),
    ),
    rule(
        "mask-mmfr4",
        V6_13_FIELDS,
        (V6_12, V6_16),
        masks(ID_AA64MMFR4_EL1, 0),
    ),
    rule(
        "mask-ctr",
        V6_13_FIELDS,
        (V6_12, V6_16),
        masks(CTR_EL0, 0x300f_000f),
    ),
];
