// SPDX-License-Identifier: GPL-2.0

//! Encodings of system registers; those of feature ID registers, and of registers that all vCPUs of
//! a VM share.
//!
//! The models count in loops and add up weights; `c_index()` is the macro of the uapi header.

mod random;

use kvm_abi::{
    FeatureIdIndex,
    SysReg, //
};
use proptest::prelude::*;
use std::collections::{
    HashMap,
    HashSet, //
};

/// op0, op1, CRn, CRm and op2.
type Numbers = (u32, u32, u32, u32, u32);

/// Registers with their numbers, their index and whether they are AArch32 ID registers.
const KNOWN: [(&str, Numbers, Option<usize>, bool); 55] = [
    ("MIDR_EL1", (3, 0, 0, 0, 0), Some(0), false),
    ("MPIDR_EL1", (3, 0, 0, 0, 5), Some(5), false),
    ("REVIDR_EL1", (3, 0, 0, 0, 6), Some(6), false),
    ("ID_PFR0_EL1", (3, 0, 0, 1, 0), Some(8), true),
    ("ID_PFR1_EL1", (3, 0, 0, 1, 1), Some(9), true),
    ("ID_DFR0_EL1", (3, 0, 0, 1, 2), Some(10), true),
    ("ID_AFR0_EL1", (3, 0, 0, 1, 3), Some(11), true),
    ("ID_MMFR0_EL1", (3, 0, 0, 1, 4), Some(12), true),
    ("ID_MMFR3_EL1", (3, 0, 0, 1, 7), Some(15), true),
    ("ID_ISAR0_EL1", (3, 0, 0, 2, 0), Some(16), true),
    ("ID_MMFR4_EL1", (3, 0, 0, 2, 6), Some(22), true),
    ("ID_ISAR6_EL1", (3, 0, 0, 2, 7), Some(23), true),
    ("MVFR0_EL1", (3, 0, 0, 3, 0), Some(24), true),
    ("MVFR2_EL1", (3, 0, 0, 3, 2), Some(26), true),
    ("ID_PFR2_EL1", (3, 0, 0, 3, 4), Some(28), true),
    ("ID_DFR1_EL1", (3, 0, 0, 3, 5), Some(29), true),
    ("ID_MMFR5_EL1", (3, 0, 0, 3, 6), Some(30), true),
    ("ID_AA64PFR0_EL1", (3, 0, 0, 4, 0), Some(32), false),
    ("ID_AA64PFR1_EL1", (3, 0, 0, 4, 1), Some(33), false),
    ("ID_AA64PFR2_EL1", (3, 0, 0, 4, 2), Some(34), false),
    ("ID_AA64ZFR0_EL1", (3, 0, 0, 4, 4), Some(36), false),
    ("ID_AA64SMFR0_EL1", (3, 0, 0, 4, 5), Some(37), false),
    ("ID_AA64FPFR0_EL1", (3, 0, 0, 4, 7), Some(39), false),
    ("ID_AA64DFR0_EL1", (3, 0, 0, 5, 0), Some(40), false),
    ("ID_AA64DFR1_EL1", (3, 0, 0, 5, 1), Some(41), false),
    ("ID_AA64AFR0_EL1", (3, 0, 0, 5, 4), Some(44), false),
    ("ID_AA64AFR1_EL1", (3, 0, 0, 5, 5), Some(45), false),
    ("ID_AA64ISAR0_EL1", (3, 0, 0, 6, 0), Some(48), false),
    ("ID_AA64ISAR1_EL1", (3, 0, 0, 6, 1), Some(49), false),
    ("ID_AA64ISAR2_EL1", (3, 0, 0, 6, 2), Some(50), false),
    ("ID_AA64ISAR3_EL1", (3, 0, 0, 6, 3), Some(51), false),
    ("ID_AA64MMFR0_EL1", (3, 0, 0, 7, 0), Some(56), false),
    ("ID_AA64MMFR1_EL1", (3, 0, 0, 7, 1), Some(57), false),
    ("ID_AA64MMFR2_EL1", (3, 0, 0, 7, 2), Some(58), false),
    ("ID_AA64MMFR3_EL1", (3, 0, 0, 7, 3), Some(59), false),
    ("ID_AA64MMFR4_EL1", (3, 0, 0, 7, 4), Some(60), false),
    ("CCSIDR_EL1", (3, 1, 0, 0, 0), Some(64), false),
    ("CLIDR_EL1", (3, 1, 0, 0, 1), Some(65), false),
    ("CCSIDR2_EL1", (3, 1, 0, 0, 2), Some(66), false),
    ("GMID_EL1", (3, 1, 0, 0, 4), Some(68), false),
    ("SMIDR_EL1", (3, 1, 0, 0, 6), Some(70), false),
    ("AIDR_EL1", (3, 1, 0, 0, 7), Some(71), false),
    ("CTR_EL0", (3, 3, 0, 0, 1), Some(129), false),
    ("DCZID_EL0", (3, 3, 0, 0, 7), Some(135), false),
    // Registers that differ in one number from those above.
    ("OSDTRRX_EL1", (2, 0, 0, 0, 2), None, false),
    ("MDSCR_EL1", (2, 0, 0, 2, 2), None, false),
    ("CSSELR_EL1", (3, 2, 0, 0, 0), None, false),
    ("VPIDR_EL2", (3, 4, 0, 0, 0), None, false),
    ("SCTLR_EL1", (3, 0, 1, 0, 0), None, false),
    ("ACTLR_EL1", (3, 0, 1, 0, 1), None, false),
    ("TRFCR_EL1", (3, 0, 1, 2, 1), None, false),
    ("SCTLR_EL12", (3, 5, 1, 0, 0), None, false),
    ("TTBR0_EL1", (3, 0, 2, 0, 0), None, false),
    ("RNDR_EL0", (3, 3, 2, 4, 0), None, false),
    ("PMCR_EL0", (3, 3, 9, 12, 0), None, false),
];

/// `KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG`.
const IDS: u64 = 0x6030_0000_0013_0000;

/// Registers with their ids in `KVM_GET_ONE_REG`.
const KNOWN_IDS: [(&str, Numbers, u64); 8] = [
    ("MIDR_EL1", (3, 0, 0, 0, 0), 0x6030_0000_0013_c000),
    ("MPIDR_EL1", (3, 0, 0, 0, 5), 0x6030_0000_0013_c005),
    ("ID_AA64PFR0_EL1", (3, 0, 0, 4, 0), 0x6030_0000_0013_c020),
    ("SCTLR_EL1", (3, 0, 1, 0, 0), 0x6030_0000_0013_c080),
    ("CLIDR_EL1", (3, 1, 0, 0, 1), 0x6030_0000_0013_c801),
    ("CTR_EL0", (3, 3, 0, 0, 1), 0x6030_0000_0013_d801),
    ("MDSCR_EL1", (2, 0, 0, 2, 2), 0x6030_0000_0013_8012),
    ("S3_7_C15_C15_7", (3, 7, 15, 15, 7), 0x6030_0000_0013_ffff),
];

/// The ID registers that all vCPUs share, besides those with op1 0 and CRm 1 to 7.
const SHARED: [(&str, Numbers); 4] = [
    ("MIDR_EL1", (3, 0, 0, 0, 0)),
    ("REVIDR_EL1", (3, 0, 0, 0, 6)),
    ("AIDR_EL1", (3, 1, 0, 0, 7)),
    ("CTR_EL0", (3, 3, 0, 0, 1)),
];

/// All numbers that fit in an encoding.
fn all() -> impl Iterator<Item = Numbers> {
    (0..4 * 8 * 16 * 16 * 8).map(|n| {
        let (op0, op1) = (n / (8 * 16 * 16 * 8), n / (16 * 16 * 8) % 8);
        let (crn, crm) = (n / (16 * 8) % 16, n / 8 % 16);
        (op0, op1, crn, crm, n % 8)
    })
}

/// `sys_reg()`, in weights instead of shifts.
fn encoding((op0, op1, crn, crm, op2): Numbers) -> u32 {
    op0 * 0x8_0000 + op1 * 0x1_0000 + crn * 0x1000 + crm * 0x100 + op2 * 0x20
}

fn reg((op0, op1, crn, crm, op2): Numbers) -> SysReg {
    SysReg::new(op0, op1, crn, crm, op2)
}

fn index(reg: SysReg) -> Option<usize> {
    reg.feature_id_index().map(FeatureIdIndex::get)
}

/// `ARM64_SYS_REG()`, in weights instead of shifts.
fn id((op0, op1, crn, crm, op2): Numbers) -> u64 {
    let number = op0 * 0x4000 + op1 * 0x800 + crn * 0x80 + crm * 0x8 + op2;
    IDS + u64::from(number)
}

/// The feature ID registers by counting: three blocks of eight rows of eight registers.
fn places() -> HashMap<Numbers, usize> {
    let mut places = HashMap::new();
    for op1 in [0, 1, 3] {
        for crm in 0..8 {
            for op2 in 0..8 {
                places.insert((3, op1, 0, crm, op2), places.len());
            }
        }
    }
    places
}

/// `is_feature_id_reg()` and `KVM_ARM_FEATURE_ID_RANGE_IDX()`.
fn c_index((op0, op1, crn, crm, op2): Numbers) -> Option<usize> {
    if op0 == 3 && (op1 < 2 || op1 == 3) && crn == 0 && crm <= 7 {
        let mut block = op1 & 3;
        block -= u32::from(block == 3);
        Some((block << 6 | (crm & 7) << 3 | op2).try_into().unwrap())
    } else {
        None
    }
}

#[test]
fn numbers_are_packed_as_in_the_model() {
    for numbers in all() {
        let encoded = SysReg::from_encoding(encoding(numbers));
        assert_eq!(reg(numbers), encoded, "{numbers:?}");
    }
}

#[test]
fn registers_are_equal_only_if_all_numbers_are() {
    let regs: HashSet<_> = all().map(reg).collect();
    assert_eq!(regs.len(), 1 << 16);
}

#[test]
fn known_encodings_are_the_kernels() {
    for (numbers, encoding) in [
        ((3, 0, 0, 0, 0), 0x18_0000),
        ((3, 0, 0, 4, 0), 0x18_0400),
        ((3, 0, 0, 7, 4), 0x18_0780),
        ((3, 1, 0, 0, 1), 0x19_0020),
        ((3, 3, 0, 0, 1), 0x1b_0020),
        ((2, 0, 0, 2, 2), 0x10_0240),
        ((3, 7, 15, 15, 7), 0x1f_ffe0),
    ] {
        assert_eq!(reg(numbers), SysReg::from_encoding(encoding), "{numbers:?}");
    }
}

#[test]
fn excess_bits_of_numbers_are_ignored() {
    for (name, numbers, ..) in KNOWN {
        let (op0, op1, crn, crm, op2) = numbers;
        for excess in [
            (op0 + 4, op1, crn, crm, op2),
            (op0, op1 + 8, crn, crm, op2),
            (op0, op1, crn + 16, crm, op2),
            (op0, op1, crn, crm + 16, op2),
            (op0, op1, crn, crm, op2 + 8),
            (!3 | op0, !7 | op1, !15 | crn, !15 | crm, !7 | op2),
        ] {
            assert_eq!(reg(excess), reg(numbers), "{name}, {excess:?}");
        }
    }
}

#[test]
fn index_of_every_encoding_is_as_counted_and_as_in_c() {
    let places = places();
    for numbers in all() {
        let expected = places.get(&numbers).copied();
        assert_eq!(index(reg(numbers)), expected, "{numbers:?}");
        assert_eq!(c_index(numbers), expected, "{numbers:?}");
    }
}

#[test]
fn indices_are_unique_and_cover_the_range() {
    assert_eq!(FeatureIdIndex::COUNT, 192);
    let mut indices: Vec<_> = all().filter_map(|numbers| index(reg(numbers))).collect();
    indices.sort_unstable();
    assert!(indices.into_iter().eq(0..FeatureIdIndex::COUNT));
}

#[test]
fn places_are_those_of_their_registers() {
    let all: Vec<_> = FeatureIdIndex::all().collect();
    assert_eq!(all.len(), FeatureIdIndex::COUNT);
    for (number, place) in all.into_iter().enumerate() {
        assert_eq!(place.get(), number);
        assert_eq!(place.reg().feature_id_index(), Some(place), "{number}");
    }
}

#[test]
fn indices_are_ordered_as_their_registers() {
    let places: Vec<_> = all()
        .filter_map(|numbers| reg(numbers).feature_id_index())
        .collect();
    assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn aarch32_id_registers_are_24_feature_id_registers() {
    let mut found = 0;
    for numbers in all() {
        let expected = matches!(numbers, (3, 0, 0, 1..=3, _));
        assert_eq!(reg(numbers).is_aarch32_id(), expected, "{numbers:?}");
        if expected {
            found += 1;
            let place = index(reg(numbers)).unwrap();
            assert!((8..32).contains(&place), "{numbers:?}");
        }
    }
    assert_eq!(found, 24);
}

#[test]
fn known_registers_are_as_in_the_table() {
    for (name, numbers, place, aarch32) in KNOWN {
        for reg in [reg(numbers), SysReg::from_encoding(encoding(numbers))] {
            assert_eq!(index(reg), place, "{name}");
            assert_eq!(reg.is_aarch32_id(), aarch32, "{name}");
        }
    }
}

#[test]
fn every_id_is_that_of_a_register() {
    for (number, numbers) in (0..).zip(all()) {
        assert_eq!(id(numbers), IDS + number, "{numbers:?}");
        assert_eq!(SysReg::from_id(IDS + number), Some(reg(numbers)));
    }
    for (name, numbers, id) in KNOWN_IDS {
        assert_eq!(SysReg::from_id(id), Some(reg(numbers)), "{name}");
    }
}

#[test]
fn ids_of_something_else_are_no_system_registers() {
    for (name, _, id) in KNOWN_IDS {
        // Another size, architecture or group, a scope, or a reserved bit.
        for bit in 16..64 {
            assert_eq!(SysReg::from_id(id ^ 1 << bit), None, "{name}, {bit}");
        }
        for group in (0..0x1000u64).filter(|group| *group != 0x13) {
            let id = id & !0xfff_0000 | group << 16;
            assert_eq!(SysReg::from_id(id), None, "{id:#x}");
        }
        assert_eq!(SysReg::from_id(id & 0xffff), None, "{name}");
    }
}

#[test]
fn vm_has_60_id_registers_once() {
    let mut found = 0;
    for numbers in all() {
        let is_shared = matches!(numbers, (3, 0, 0, 1..=7, _))
            || SHARED.iter().any(|(_, shared)| *shared == numbers);
        assert_eq!(reg(numbers).is_vm_id(), is_shared, "{numbers:?}");
        found += u32::from(is_shared);
    }
    assert_eq!(found, 7 * 8 + 4);
}

#[test]
fn known_id_registers_are_shared_except_those_of_a_cpu() {
    const OF_CPUS: [&str; 7] = [
        "MPIDR_EL1",
        "CCSIDR_EL1",
        "CLIDR_EL1",
        "CCSIDR2_EL1",
        "GMID_EL1",
        "SMIDR_EL1",
        "DCZID_EL0",
    ];
    for (name, numbers, place, _) in KNOWN {
        let expected = place.is_some() && !OF_CPUS.contains(&name);
        assert_eq!(reg(numbers).is_vm_id(), expected, "{name}");
    }
    for (name, numbers) in SHARED {
        assert!(reg(numbers).is_vm_id(), "{name}");
    }
}

proptest! {
    #![proptest_config(random::cases(1024))]

    #[test]
    fn other_bits_of_an_encoding_are_ignored(
        numbers in prop_oneof![
            (0..4u32, 0..8u32, 0..16u32, 0..16u32, 0..8u32),
            (Just(3), 0..4u32, Just(0), 0..9u32, 0..8u32),
        ],
        garbage: u32,
    ) {
        // Bits 4:0 and 31:21 belong to no number.
        let garbage = garbage & !encoding((3, 7, 15, 15, 7));
        let reg = SysReg::from_encoding(encoding(numbers) | garbage);
        prop_assert_eq!(reg, SysReg::from_encoding(encoding(numbers)));
        prop_assert_eq!(index(reg), c_index(numbers));
        prop_assert_eq!(reg.is_aarch32_id(), matches!(numbers, (3, 0, 0, 1..=3, _)));
    }

    #[test]
    fn any_numbers_make_a_register(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32) {
        let numbers = (op0 % 4, op1 % 8, crn % 16, crm % 16, op2 % 8);
        let made = SysReg::new(op0, op1, crn, crm, op2);
        prop_assert_eq!(made, SysReg::from_encoding(encoding(numbers)));
    }

    #[test]
    fn any_id_is_of_a_register_only_in_the_group(id: u64) {
        prop_assert_eq!(SysReg::from_id(id).is_some(), id & !0xffff == IDS);
        prop_assert!(SysReg::from_id(IDS | id & 0xffff).is_some());
    }
}
