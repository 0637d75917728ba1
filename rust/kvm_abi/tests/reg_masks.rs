// SPDX-License-Identifier: GPL-2.0

//! Writable masks: the valid requests, and the places of a table's masks.
//!
//! The model is the loop of `kvm_vm_ioctl_get_reg_writable_masks()`, over numbers.

mod random;

use kvm_abi::{
    CompatLevel,
    FeatureIdIndex,
    FeatureIdMasks,
    MaskRange,
    MaskRequest,
    OptIns,
    Reject,
    SysReg,
    VmMaskRange, //
};
use proptest::prelude::*;

/// op1, CRm and op2 of a register with op0 3 and CRn 0, and its mask.
type Entry = (u32, u32, u32, u64);

const ID_PFR0: (u32, u32, u32) = (0, 1, 0);
const ID_AA64PFR0: (u32, u32, u32) = (0, 4, 0);
const CLIDR: (u32, u32, u32) = (1, 0, 1);
const CTR: (u32, u32, u32) = (3, 0, 1);

/// Numbers of ranges that do not exist.
const RANGES: [u32; 8] = [1, 2, 3, 0x100, 0x1_0000, 0x7fff_ffff, 0x8000_0000, u32::MAX];

/// Each range with its number, its bit and the opt-in that it needs.
const KNOWN_RANGES: [(MaskRange, u32, u32, OptIns); 3] = [
    (MaskRange::FeatureId, 0, 0b001, OptIns::NONE),
    (MaskRange::Gic, 1, 0b010, OptIns::GIC_MASKS),
    (MaskRange::Firmware, 2, 0b100, OptIns::FW_MASKS),
];

const MASKS: [u64; 5] = [1, 1 << 63, u64::MAX, 0xffff_ffff, 0xffff_ffff_0000_0000];

/// Looks a range up among those of a VM.
fn range_of(number: u32, opt_ins: OptIns) -> Result<MaskRange, Reject> {
    KNOWN_RANGES
        .into_iter()
        .find(|(_, known, _, needed)| *known == number && opt_ins.contains(*needed))
        .map(|(range, ..)| range)
        .ok_or(Reject::InvalidValue)
}

fn all_opt_ins() -> impl Iterator<Item = OptIns> {
    (0..128).map(OptIns::from_bits)
}

fn reg((op1, crm, op2): (u32, u32, u32)) -> SysReg {
    SysReg::new(3, op1, 0, crm, op2)
}

fn masks(table: &[((u32, u32, u32), u64)], aarch32_el0: bool) -> FeatureIdMasks {
    let table = table.iter().map(|(numbers, mask)| (reg(*numbers), *mask));
    FeatureIdMasks::from_table(table, aarch32_el0)
}

/// Returns the array that userspace gets: zeros, and the masks of the table that are not zero.
fn c_masks(table: &[Entry], supports_32bit_el0: bool) -> Vec<u64> {
    let mut masks = vec![0; 3 * 8 * 8];
    for (op1, crm, op2, val) in table.iter().copied() {
        if !(op1 < 2 || op1 == 3) || crm > 7 {
            continue;
        }
        let aa32 = op1 == 0 && (1..=3).contains(&crm);
        if val == 0 || aa32 && !supports_32bit_el0 {
            continue;
        }
        let block = if op1 == 3 { 2 } else { op1 };
        masks[(block * 64 + crm * 8 + op2) as usize] = val;
    }
    masks
}

/// Returns the indices and masks that are not zero.
fn present(masks: &FeatureIdMasks) -> Vec<(usize, u64)> {
    let masks = masks.as_array().iter().copied().enumerate();
    masks.filter(|(_, mask)| *mask != 0).collect()
}

/// Each feature ID register, in the order of the indices.
fn feature_id_registers() -> impl Iterator<Item = (u32, u32, u32)> {
    (0..192).map(|n| ([0, 1, 3][n as usize / 64], n / 8 % 8, n % 8))
}

#[test]
fn range_0_is_the_feature_id_registers() {
    let mut request = MaskRequest {
        range: 0,
        reserved: [0; 13],
    };
    assert_eq!(request.range(OptIns::NONE), Ok(MaskRange::FeatureId));
    for range in RANGES.into_iter().chain((0..32).map(|bit| 1 << bit)) {
        request.range = range;
        assert_eq!(
            request.range(OptIns::NONE),
            Err(Reject::InvalidValue),
            "{range:#x}"
        );
    }
}

#[test]
fn vm_has_the_ranges_that_it_opted_in_to() {
    for opt_ins in all_opt_ins() {
        for range in RANGES.into_iter().chain(0..16) {
            let request = MaskRequest {
                range,
                reserved: [0; 13],
            };
            let expected = range_of(range, opt_ins);
            assert_eq!(request.range(opt_ins), expected, "{range:#x}, {opt_ins:?}");
            // Those who serve the ranges of the VM do not serve that of all VMs.
            let of_vm = match expected {
                Ok(MaskRange::Gic) => Ok(VmMaskRange::Gic),
                Ok(MaskRange::Firmware) => Ok(VmMaskRange::Firmware),
                _ => Err(Reject::InvalidValue),
            };
            assert_eq!(request.vm_range(opt_ins), of_vm, "{range:#x}, {opt_ins:?}");
        }
    }
}

#[test]
fn bit_of_a_range_is_that_of_its_number() {
    for (range, number, bit, opt_ins) in KNOWN_RANGES {
        assert_eq!(range.bit(), bit, "{range:?}");
        assert_eq!(range.bit(), 2u32.pow(number), "{range:?}");
        // Every VM has the range of the feature ID registers, so no opt-in stands for it.
        let named = if number == 0 { 0 } else { bit };
        assert_eq!(opt_ins.mask_ranges(), named, "{range:?}");
    }
}

#[test]
fn reserved_words_are_zero_whatever_the_vm_opted_in_to() {
    for opt_ins in all_opt_ins() {
        for (_, range, ..) in KNOWN_RANGES {
            for word in 0..13 {
                for value in [1, 1 << 31, u32::MAX] {
                    let mut reserved = [0; 13];
                    reserved[word] = value;
                    let request = MaskRequest { range, reserved };
                    let result = request.range(opt_ins);
                    assert_eq!(result, Err(Reject::InvalidValue), "{range}, {word}");
                }
            }
        }
    }
}

#[test]
fn every_reserved_bit_is_zero() {
    for word in 0..13 {
        for bit in 0..32 {
            let mut request = MaskRequest {
                range: 0,
                reserved: [0; 13],
            };
            request.reserved[word] = 1 << bit;
            assert_eq!(
                request.range(OptIns::NONE),
                Err(Reject::InvalidValue),
                "{word}, {bit}"
            );
            // Nor does it make a wrong range right.
            request.range = 1 << bit;
            assert_eq!(
                request.range(OptIns::NONE),
                Err(Reject::InvalidValue),
                "{word}, {bit}"
            );
        }
    }
}

#[test]
fn reserved_words_do_not_cancel_out() {
    for words in 2..=13 {
        for value in [u32::MAX, 1 << 31, 1] {
            let mut request = MaskRequest {
                range: 0,
                reserved: [0; 13],
            };
            request.reserved[..words].fill(value);
            assert_eq!(
                request.range(OptIns::NONE),
                Err(Reject::InvalidValue),
                "{words}"
            );
        }
    }
}

#[test]
fn empty_table_has_no_mask() {
    for aarch32_el0 in [false, true] {
        let masks = masks(&[], aarch32_el0);
        assert_eq!(masks.as_array(), &[0; 192]);
        assert!(feature_id_registers().all(|numbers| masks.get(reg(numbers)) == Some(0)));
    }
}

#[test]
fn mask_is_put_at_the_index_of_its_register_and_nowhere_else() {
    for (place, numbers) in feature_id_registers().enumerate() {
        for mask in MASKS {
            let masks = masks(&[(numbers, mask)], true);
            assert_eq!(present(&masks), [(place, mask)], "{numbers:?}");
            assert_eq!(masks.get(reg(numbers)), Some(mask), "{numbers:?}");
        }
    }
}

#[test]
fn known_registers_are_where_the_uapi_says() {
    let table = [(ID_PFR0, 1), (ID_AA64PFR0, 2), (CLIDR, 3), (CTR, 4)];
    assert_eq!(
        present(&masks(&table, true)),
        [(8, 1), (32, 2), (65, 3), (129, 4)]
    );
}

#[test]
fn every_place_has_its_own_mask() {
    let table: Vec<_> = feature_id_registers().zip(1..).collect();
    let masks = masks(&table, true);
    assert!(masks.as_array().iter().copied().eq(1..=192));
    for (numbers, mask) in table {
        assert_eq!(masks.get(reg(numbers)), Some(mask), "{numbers:?}");
    }
}

#[test]
fn other_registers_are_ignored() {
    // Each differs from a feature ID register in one number.
    let others = [
        SysReg::new(2, 0, 0, 0, 0),
        SysReg::new(1, 0, 0, 4, 0),
        SysReg::new(3, 2, 0, 0, 0),
        SysReg::new(3, 4, 0, 0, 0),
        SysReg::new(3, 5, 0, 0, 1),
        SysReg::new(3, 7, 0, 0, 1),
        SysReg::new(3, 0, 1, 0, 0),
        SysReg::new(3, 3, 8, 0, 1),
        SysReg::new(3, 0, 0, 8, 0),
        SysReg::new(3, 3, 0, 15, 7),
    ];
    for aarch32_el0 in [false, true] {
        let table = others.map(|reg| (reg, u64::MAX));
        let masks = FeatureIdMasks::from_table(table.into_iter(), aarch32_el0);
        assert_eq!(masks.as_array(), &[0; 192]);
        assert!(others.into_iter().all(|reg| masks.get(reg).is_none()));
    }
}

#[test]
fn zero_mask_does_not_overwrite() {
    for (place, numbers) in feature_id_registers().enumerate() {
        let masks = masks(&[(numbers, 0), (numbers, 6), (numbers, 0)], true);
        assert_eq!(present(&masks), [(place, 6)], "{numbers:?}");
    }
}

#[test]
fn later_entry_wins() {
    for (place, numbers) in feature_id_registers().enumerate() {
        let masks = masks(&[(numbers, 0xf0), (CTR, 1), (numbers, 0x0f)], true);
        // Neither the union of both nor the larger one.
        assert_eq!(masks.as_array()[place], 0x0f, "{numbers:?}");
    }
}

#[test]
fn level_gives_masks_only_to_registers_that_have_one() {
    let masks = masks(&[(ID_PFR0, u64::MAX), (ID_AA64PFR0, u64::MAX)], true);
    assert!(masks.at_level(CompatLevel::Native).eq(*masks.as_array()));
    for level in CompatLevel::ALL {
        for (place, mask) in FeatureIdIndex::all().zip(masks.at_level(level)) {
            let expected = match masks.as_array()[place.get()] {
                0 => 0,
                native => level.mask(place.reg(), native),
            };
            assert_eq!(mask, expected, "{level:?}, {place:?}");
        }
    }
}

#[test]
fn aarch32_registers_have_no_mask_without_aarch32() {
    let table: Vec<_> = feature_id_registers()
        .map(|numbers| (numbers, u64::MAX))
        .collect();
    let (with, without) = (masks(&table, true), masks(&table, false));
    assert_eq!(with.as_array(), &[u64::MAX; 192]);
    for (place, mask) in without.as_array().iter().enumerate() {
        // From ID_PFR0_EL1, at 8, to the last one before ID_AA64PFR0_EL1, at 32.
        let dropped = (8..32).contains(&place);
        assert_eq!(*mask, if dropped { 0 } else { u64::MAX }, "{place}");
    }
}

#[test]
fn mask_of_a_register_is_that_at_its_index() {
    let table: Vec<_> = feature_id_registers().zip(100..).collect();
    let masks = masks(&table, true);
    for encoding in 0..=0x1f_ffff {
        let reg = SysReg::from_encoding(encoding);
        let expected = reg
            .feature_id_index()
            .map(|index| masks.as_array()[index.get()]);
        assert_eq!(masks.get(reg), expected, "{encoding:#x}");
    }
    assert_eq!(masks.as_array().len(), FeatureIdIndex::COUNT);
}

proptest! {
    #![proptest_config(random::cases(512))]

    #[test]
    fn any_table_gives_the_masks_of_c(
        table in prop::collection::vec(
            (0..6u32, 0..9u32, 0..8u32, prop_oneof![Just(0), any::<u64>()]),
            0..400,
        ),
        aarch32_el0: bool,
    ) {
        let regs = table.iter().map(|(op1, crm, op2, mask)| (reg((*op1, *crm, *op2)), *mask));
        let masks = FeatureIdMasks::from_table(regs, aarch32_el0);
        prop_assert_eq!(masks.as_array().to_vec(), c_masks(&table, aarch32_el0));
    }

    #[test]
    fn any_request_but_one_is_refused(range: u32, reserved: [u32; 13], zeros: u16) {
        // Most words are zero, sometimes all.
        let keep = |i: usize, word| if zeros & 1 << i == 0 { word } else { 0 };
        let request = MaskRequest {
            range: keep(13, range),
            reserved: std::array::from_fn(|i| keep(i, reserved[i])),
        };
        let empty = request.range == 0 && request.reserved == [0; 13];
        let expected = if empty { Ok(MaskRange::FeatureId) } else { Err(Reject::InvalidValue) };
        prop_assert_eq!(request.range(OptIns::NONE), expected);
    }

    #[test]
    fn any_request_is_for_a_range_of_the_vm(
        range in prop_oneof![0..4u32, any::<u32>()],
        word in 0..13usize,
        value in prop_oneof![Just(0), any::<u32>()],
        bits in 0..128u32,
    ) {
        let mut reserved = [0; 13];
        reserved[word] = value;
        let opt_ins = OptIns::from_bits(bits);
        let expected = if value == 0 {
            range_of(range, opt_ins)
        } else {
            Err(Reject::InvalidValue)
        };
        prop_assert_eq!(MaskRequest { range, reserved }.range(opt_ins), expected);
    }
}
