// SPDX-License-Identifier: GPL-2.0

//! The opt-ins of a VM: the capabilities, the results of `KVM_CHECK_EXTENSION`, and the valid
//! requests of `KVM_ENABLE_CAP`.
//!
//! The models list the members of a set, and count; the numbers are those of the uapi header.

mod random;

use kvm_abi::{
    EnableCap,
    OptInCap,
    OptIns,
    Reject, //
};
use proptest::prelude::*;

/// All opt-ins, in the order of the bits.
const OPT_INS: [OptIns; 7] = [
    OptIns::FEATURE_LEVELS,
    OptIns::GIC_MASKS,
    OptIns::FW_MASKS,
    OptIns::VM_ONE_REG,
    OptIns::REG_SCOPE,
    OptIns::PSCI_VERSION_FREEZE,
    OptIns::CANONICAL_PMR,
];

/// Each capability with its number, the result of `KVM_CHECK_EXTENSION` if KVM has it, and its
/// opt-ins.
const CAPS: [(OptInCap, u32, u32, &[OptIns]); 5] = [
    (
        OptInCap::FeatureLevels,
        0x4152_4d01,
        8,
        &[OptIns::FEATURE_LEVELS],
    ),
    (
        OptInCap::RegMaskRanges,
        0x4152_4d02,
        0b110,
        &[OptIns::GIC_MASKS, OptIns::FW_MASKS],
    ),
    (OptInCap::VmOneReg, 0x4152_4d03, 1, &[OptIns::VM_ONE_REG]),
    (OptInCap::RegScope, 0x4152_4d04, 1, &[OptIns::REG_SCOPE]),
    (
        OptInCap::PsciVersionFreeze,
        0x4152_4d05,
        1,
        &[OptIns::PSCI_VERSION_FREEZE],
    ),
];

/// The sets of ranges that `args[0]` can ask for, and their opt-ins.
const RANGES: [(u64, &[OptIns]); 3] = [
    (0b010, &[OptIns::GIC_MASKS]),
    (0b100, &[OptIns::FW_MASKS]),
    (0b110, &[OptIns::GIC_MASKS, OptIns::FW_MASKS]),
];

fn set(members: &[OptIns]) -> OptIns {
    members.iter().copied().fold(OptIns::NONE, OptIns::union)
}

/// Returns the members of a set.
fn members(set: OptIns) -> Vec<OptIns> {
    OPT_INS
        .into_iter()
        .filter(|member| set.contains(*member))
        .collect()
}

fn all_sets() -> impl Iterator<Item = OptIns> {
    (0..128).map(OptIns::from_bits)
}

fn request(cap: u32, wanted: u64) -> EnableCap {
    EnableCap {
        cap,
        flags: 0,
        args: [wanted, 0, 0, 0],
        pad: [0; 64],
    }
}

/// Each valid request, and its opt-ins.
fn understood() -> Vec<(EnableCap, OptIns)> {
    let mut all = Vec::new();
    for (cap, number, _, opt_ins) in CAPS {
        if cap == OptInCap::RegMaskRanges {
            all.extend(RANGES.map(|(wanted, ranges)| (request(number, wanted), set(ranges))));
        } else {
            all.push((request(number, 0), set(opt_ins)));
        }
    }
    all
}

/// Looks a request up among the valid ones.
fn expected(request: &EnableCap) -> Result<OptIns, Reject> {
    understood()
        .into_iter()
        .find(|(known, _)| known == request)
        .map(|(_, opt_ins)| opt_ins)
        .ok_or(Reject::InvalidValue)
}

/// Values near the valid ones of `args[0]`, and far from them.
fn wanted_values() -> impl Iterator<Item = u64> {
    let single = (0..64).map(|bit| 1 << bit);
    let with_known = (0..64).flat_map(|bit| RANGES.map(|(ranges, _)| ranges | 1 << bit));
    (0..0x1000)
        .chain(single)
        .chain(with_known)
        .chain([u64::MAX, !0b110, 0x6_0000_0006])
}

#[test]
fn each_bit_is_one_opt_in() {
    for (bit, member) in OPT_INS.into_iter().enumerate() {
        assert_eq!(member.bits(), 1 << bit, "{bit}");
        assert_eq!(members(member), [member]);
    }
    assert_eq!(set(&OPT_INS), OptIns::ALL);
    assert_eq!(OptIns::ALL.bits(), 127);
    assert_eq!(OptIns::NONE.bits(), 0);
    assert_eq!(OptIns::NONE, OptIns::default());
}

#[test]
fn unknown_bits_are_dropped() {
    for bits in 0..0x1000 {
        let set = OptIns::from_bits(bits);
        assert_eq!(set.bits(), bits % 128, "{bits:#x}");
        for high in [1 << 12, 1 << 31, 0xffff_f000] {
            assert_eq!(OptIns::from_bits(bits | high), set, "{bits:#x}");
        }
    }
}

#[test]
fn set_operations_match_their_members() {
    for a in all_sets() {
        let of_a = members(a);
        assert_eq!(set(&of_a), a);
        assert_eq!(a.is_empty(), of_a.is_empty());
        for b in all_sets() {
            let of_b = members(b);
            let has = |member: &OptIns| of_b.contains(member);

            assert_eq!(b.contains(a), of_a.iter().all(has), "{a:?}, {b:?}");
            let both: Vec<_> = of_a.iter().copied().filter(has).collect();
            assert_eq!(members(a.intersection(b)), both, "{a:?}, {b:?}");
            let mut either = OPT_INS.to_vec();
            either.retain(|member| of_a.contains(member) || of_b.contains(member));
            assert_eq!(members(a.union(b)), either, "{a:?}, {b:?}");
        }
    }
}

#[test]
fn mask_ranges_are_bits_1_and_2() {
    for set in all_sets() {
        let members = members(set);
        let mut ranges = 0;
        if members.contains(&OptIns::GIC_MASKS) {
            ranges += 2;
        }
        if members.contains(&OptIns::FW_MASKS) {
            ranges += 4;
        }
        assert_eq!(set.mask_ranges(), ranges, "{set:?}");
    }
}

#[test]
fn capabilities_have_the_numbers_of_the_header() {
    assert_eq!(OptInCap::ALL, CAPS.map(|(cap, ..)| cap));
    for (n, (cap, number, ..)) in (1..).zip(CAPS) {
        assert_eq!(cap.number(), number, "{cap:?}");
        // In ASCII.
        assert_eq!(number.to_be_bytes(), [b'A', b'R', b'M', n], "{cap:?}");
        assert_eq!(OptInCap::from_number(number.into()), Some(cap));
    }
}

#[test]
fn other_numbers_are_no_capabilities() {
    // The numbers of upstream KVM, and those next to ours.
    let others = (0..0x1000).chain(0x4152_4c00..0x4152_4e00);
    let known = |number: u64| CAPS.iter().any(|(_, n, ..)| u64::from(*n) == number);
    for number in others.filter(|number| !known(*number)) {
        assert_eq!(OptInCap::from_number(number), None, "{number:#x}");
    }
    // KVM_CHECK_EXTENSION takes a long; all its bits count.
    for (_, number, ..) in CAPS {
        for bit in 0..64 {
            let flipped = u64::from(number) ^ 1 << bit;
            assert_eq!(
                OptInCap::from_number(flipped).is_some(),
                known(flipped),
                "{flipped:#x}"
            );
        }
        assert_eq!(OptInCap::from_number(u64::from(number) << 32), None);
    }
}

#[test]
fn each_capability_has_the_opt_ins_of_the_table() {
    for (cap, .., opt_ins) in CAPS {
        assert_eq!(members(cap.opt_ins()), opt_ins, "{cap:?}");
    }
}

#[test]
fn each_opt_in_except_the_canonical_pmr_has_one_capability() {
    for member in OPT_INS {
        let caps = CAPS
            .iter()
            .filter(|(cap, ..)| cap.opt_ins().contains(member));
        // That one is an attribute of the GIC.
        let by_capability = member != OptIns::CANONICAL_PMR;
        assert_eq!(caps.count(), usize::from(by_capability), "{member:?}");
    }
}

#[test]
fn check_extension_reports_what_exists() {
    for (cap, _, value, opt_ins) in CAPS {
        assert_eq!(cap.extension(OptIns::ALL), value, "{cap:?}");
        assert_eq!(cap.extension(set(opt_ins)), value, "{cap:?}");
        assert_eq!(cap.extension(OptIns::NONE), 0, "{cap:?}");
    }
    for there in all_sets() {
        for (cap, _, value, opt_ins) in CAPS {
            let members = members(there);
            let expected = match cap {
                OptInCap::RegMaskRanges => there.mask_ranges(),
                _ if members.contains(&opt_ins[0]) => value,
                _ => 0,
            };
            assert_eq!(cap.extension(there), expected, "{cap:?}, {there:?}");
        }
    }
}

#[test]
fn check_extension_of_a_vm_names_the_ranges_it_enabled() {
    for (wanted, _) in RANGES {
        let (_, number, ..) = CAPS[1];
        let opt_ins = request(number, wanted).opt_ins().unwrap();
        let extension = OptInCap::RegMaskRanges.extension(opt_ins);
        assert_eq!(u64::from(extension), wanted);
    }
}

#[test]
fn request_asks_for_the_opt_ins_of_the_table() {
    for (request, opt_ins) in understood() {
        assert_eq!(request.opt_ins(), Ok(opt_ins), "{request:?}");
    }
    assert_eq!(understood().len(), 7);
}

#[test]
fn wanted_ranges_are_a_nonempty_subset_of_the_known_ones() {
    let (cap, number, ..) = CAPS[1];
    assert_eq!(cap, OptInCap::RegMaskRanges);
    let mut accepted = Vec::new();
    for wanted in 0..0x1000 {
        if request(number, wanted).opt_ins().is_ok() {
            accepted.push(wanted);
        }
    }
    assert_eq!(accepted, [0b010, 0b100, 0b110]);
    for wanted in wanted_values() {
        let request = request(number, wanted);
        assert_eq!(request.opt_ins(), expected(&request), "{wanted:#x}");
    }
}

#[test]
fn other_capabilities_take_no_argument() {
    for (cap, number, ..) in CAPS {
        if cap == OptInCap::RegMaskRanges {
            continue;
        }
        for wanted in wanted_values() {
            let accepted = request(number, wanted).opt_ins().is_ok();
            assert_eq!(accepted, wanted == 0, "{cap:?}, {wanted:#x}");
        }
    }
}

#[test]
fn ranges_add_up_if_they_are_enabled_one_by_one() {
    let (_, number, ..) = CAPS[1];
    let [gic, fw, both] = RANGES.map(|(wanted, _)| request(number, wanted).opt_ins().unwrap());
    assert_eq!(gic.union(fw), both);
    assert_eq!(fw.union(gic), both);
    for ranges in [gic, fw, both] {
        // Again, and after all of them.
        assert_eq!(ranges.union(ranges), ranges);
        assert_eq!(both.union(ranges), both);
    }
}

#[test]
fn there_are_no_flags() {
    for (good, _) in understood() {
        for bit in 0..32 {
            let flags = 1 << bit;
            let bad = EnableCap { flags, ..good };
            assert_eq!(bad.opt_ins(), Err(Reject::InvalidValue), "{flags:#x}");
        }
    }
}

#[test]
fn every_bit_of_the_other_arguments_is_zero() {
    for (good, _) in understood() {
        for arg in 1..4 {
            for bit in 0..64 {
                let mut bad = good;
                bad.args[arg] = 1 << bit;
                assert_eq!(bad.opt_ins(), Err(Reject::InvalidValue), "{arg}, {bit}");
            }
        }
        // Only the first argument holds a request.
        let mut moved = good;
        moved.args.rotate_right(1);
        let unchanged = good.args == [0; 4];
        assert_eq!(moved.opt_ins().is_ok(), unchanged, "{moved:?}");
    }
}

#[test]
fn every_bit_of_the_padding_is_zero() {
    for (good, _) in understood() {
        for byte in 0..64 {
            for bit in 0..8 {
                let mut bad = good;
                bad.pad[byte] = 1 << bit;
                assert_eq!(bad.opt_ins(), Err(Reject::InvalidValue), "{byte}, {bit}");
            }
        }
        let bad = EnableCap {
            pad: [0xff; 64],
            ..good
        };
        assert_eq!(bad.opt_ins(), Err(Reject::InvalidValue));
    }
}

#[test]
fn unknown_capability_is_refused_with_any_argument() {
    let numbers = (0..0x200).chain([0x4152_4d00, 0x4152_4d06, 0x4152_4d07, u32::MAX]);
    for number in numbers {
        for wanted in [0, 0b010, 0b100, 0b110, 1, u64::MAX] {
            let result = request(number, wanted).opt_ins();
            assert_eq!(
                result,
                Err(Reject::InvalidValue),
                "{number:#x}, {wanted:#x}"
            );
        }
    }
}

#[test]
fn requests_ask_only_for_opt_ins_with_a_capability() {
    for (_, opt_ins) in understood() {
        assert!(!opt_ins.is_empty());
        assert!(!opt_ins.contains(OptIns::CANONICAL_PMR));
    }
}

proptest! {
    #![proptest_config(random::cases(4096))]

    #[test]
    fn any_request_is_as_in_the_table(
        cap in prop_oneof![0x4152_4d00..0x4152_4d07u32, any::<u32>()],
        flags in prop_oneof![4 => Just(0), 1 => any::<u32>()],
        wanted in prop_oneof![4 => 0..8u64, 1 => any::<u64>()],
        args in prop_oneof![4 => Just([0; 3]), 1 => any::<[u64; 3]>()],
        pad in prop_oneof![
            4 => Just([0; 64]),
            1 => (0..64usize, any::<u8>()).prop_map(|(byte, value)| {
                let mut pad = [0; 64];
                pad[byte] = value;
                pad
            }),
        ],
    ) {
        let [a, b, c] = args;
        let request = EnableCap { cap, flags, args: [wanted, a, b, c], pad };
        prop_assert_eq!(request.opt_ins(), expected(&request));
    }

    #[test]
    fn any_number_is_a_capability_only_if_in_the_table(number: u64) {
        let cap = CAPS.iter().find(|(_, n, ..)| u64::from(*n) == number);
        prop_assert_eq!(OptInCap::from_number(number), cap.map(|(cap, ..)| *cap));
    }
}
