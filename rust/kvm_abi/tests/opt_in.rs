// SPDX-License-Identifier: GPL-2.0

//! The opt-ins of a VM: the capability, the results of `KVM_CHECK_EXTENSION`, and the valid
//! requests of `KVM_ENABLE_CAP`.
//!
//! The models list the members of a set, and count; the numbers are those of the uapi header.

mod random;

use kvm_abi::{
    EnableCap,
    OptIns,
    Reject, //
};
use proptest::prelude::*;

/// All opt-ins, with their bits.
const OPT_INS: [(u32, OptIns); 10] = [
    (0, OptIns::FEATURE_LEVELS),
    (1, OptIns::GIC_MASKS),
    (2, OptIns::FW_MASKS),
    (3, OptIns::VM_REGS),
    (4, OptIns::REG_SCOPE),
    (5, OptIns::PSCI_FREEZE),
    (6, OptIns::VM_CONFIG),
    (7, OptIns::FILTER_LIST),
    (8, OptIns::CANONICAL_PMR),
    (9, OptIns::GIC_FIELDS),
];

/// The bits of all opt-ins.
const ALL: u32 = 0x3ff;

/// `KVM_CAP_ARM_MIGRATION`.
const NUMBER: u32 = 0x4152_4d10;

fn set(members: &[OptIns]) -> OptIns {
    members.iter().copied().fold(OptIns::NONE, OptIns::union)
}

/// Returns the members of a set.
fn members(set: OptIns) -> Vec<OptIns> {
    OPT_INS
        .into_iter()
        .map(|(_, member)| member)
        .filter(|member| set.contains(*member))
        .collect()
}

/// Returns the bits of all sets.
fn all_bits() -> impl Iterator<Item = u32> {
    0..=ALL
}

fn all_sets() -> impl Iterator<Item = OptIns> {
    all_bits().map(OptIns::from_bits)
}

/// Returns what can be asked for.
fn all_wanted() -> impl Iterator<Item = u64> {
    all_bits().map(u64::from)
}

fn request(cap: u32, wanted: u64) -> EnableCap {
    EnableCap {
        cap,
        flags: 0,
        args: [wanted, 0, 0, 0],
        pad: [0; 64],
    }
}

/// What a request asks for, with what comes with it; `None` if it is not valid.
fn expected(request: &EnableCap) -> Option<Vec<OptIns>> {
    let EnableCap {
        cap,
        flags,
        args: [wanted, reserved @ ..],
        pad,
    } = *request;
    let is_known = wanted & !u64::from(ALL) == 0;
    if cap != NUMBER || flags != 0 || reserved != [0; 3] || pad != [0; 64] || !is_known {
        return None;
    }
    let asked = |bit: u32| wanted & 1 << bit != 0;
    // The configuration comes with what is written through it, and the freezing version of PSCI
    // with what writes all of a VM.
    let there = |bit| match bit {
        5 => [5, 3, 6, 9].into_iter().any(asked),
        6 => asked(6) || asked(9),
        _ => asked(bit),
    };
    Some(
        OPT_INS
            .into_iter()
            .filter(|(bit, _)| there(*bit))
            .map(|(_, member)| member)
            .collect(),
    )
}

fn asks_for(request: &EnableCap) -> Option<Vec<OptIns>> {
    request.opt_ins().ok().map(members)
}

#[test]
fn each_bit_is_one_opt_in() {
    for (bit, member) in OPT_INS {
        assert_eq!(member.bits(), 1 << bit, "{bit}");
        assert_eq!(members(member), [member]);
    }
    assert_eq!(set(&OPT_INS.map(|(_, member)| member)), OptIns::ALL);
    assert_eq!(OptIns::ALL.bits(), ALL);
    assert_eq!(OptIns::NONE.bits(), 0);
    assert_eq!(OptIns::NONE, OptIns::default());
}

#[test]
fn unknown_bits_are_dropped() {
    for bits in 0..0x1000 {
        let set = OptIns::from_bits(bits);
        assert_eq!(set.bits(), bits & ALL, "{bits:#x}");
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
            let mut either = members(OptIns::ALL);
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
fn the_capability_has_the_number_of_the_header() {
    assert_eq!(EnableCap::MIGRATION, NUMBER);
    assert_eq!(NUMBER.to_be_bytes(), [b'A', b'R', b'M', 0x10]);
}

#[test]
fn check_extension_of_kvm_is_what_vms_can_opt_in_to() {
    let number = NUMBER.into();
    for offered in all_sets() {
        let found = OptIns::check_extension(number, offered, None);
        assert_eq!(found, offered.bits());
    }
}

#[test]
fn check_extension_of_a_vm_is_what_it_has_opted_in_to() {
    for there in all_sets() {
        for offered in [OptIns::NONE, OptIns::ALL] {
            let found = OptIns::check_extension(NUMBER.into(), offered, Some(there));
            assert_eq!(found, there.bits(), "{there:?}");
        }
    }
}

#[test]
fn check_extension_knows_one_number() {
    let number = i64::from(NUMBER);
    // `KVM_CHECK_EXTENSION` takes a long; all its bits count.
    let flipped = (0..64).map(|bit| number ^ 1 << bit);
    let far = [i64::MIN, -1, 0, i64::MAX, number << 32];
    let near = (0..0x1000).chain(number - 0x100..number);
    for other in near
        .chain(number + 1..number + 0x100)
        .chain(far)
        .chain(flipped)
    {
        for vm in [None, Some(OptIns::ALL)] {
            let found = OptIns::check_extension(other, OptIns::ALL, vm);
            assert_eq!(found, 0, "{other:#x}");
        }
    }
}

#[test]
fn request_asks_for_a_set() {
    for wanted in all_wanted() {
        let request = request(NUMBER, wanted);
        assert!(asks_for(&request).is_some(), "{wanted:#x}");
        assert_eq!(asks_for(&request), expected(&request), "{wanted:#x}");
    }
}

#[test]
fn what_writes_all_of_a_vm_comes_with_a_version_of_psci_that_freezes() {
    for opt_in in [OptIns::VM_REGS, OptIns::VM_CONFIG] {
        let both = opt_in.union(OptIns::PSCI_FREEZE);
        assert_eq!(request(NUMBER, opt_in.bits().into()).opt_ins(), Ok(both));
    }
}

#[test]
fn read_only_fields_come_with_the_configuration() {
    let fields = request(NUMBER, 0x200).opt_ins().unwrap();
    assert_eq!(fields.bits(), 0x200 | 0x40 | 0x20);
}

#[test]
fn what_does_not_exist_cannot_be_asked_for() {
    let unknown = || (0..64).filter(|bit| 1 << bit & u64::from(ALL) == 0);
    let single = unknown().map(|bit| 1u64 << bit);
    let with_known = unknown().flat_map(|bit| all_wanted().map(move |known| known | 1 << bit));
    for wanted in (0x400..0x1000)
        .chain(single)
        .chain(with_known)
        .chain([u64::MAX])
    {
        let request = request(NUMBER, wanted);
        assert_eq!(request.opt_ins(), Err(Reject::InvalidValue), "{wanted:#x}");
    }
}

#[test]
fn what_is_read_back_can_be_asked_for() {
    for wanted in all_wanted() {
        let opt_ins = request(NUMBER, wanted).opt_ins().unwrap();
        let read = OptIns::check_extension(NUMBER.into(), OptIns::ALL, Some(opt_ins));
        assert_eq!(request(NUMBER, read.into()).opt_ins(), Ok(opt_ins));
    }
}

#[test]
fn there_are_no_flags() {
    for wanted in all_wanted() {
        for bit in 0..32 {
            let flags = 1 << bit;
            let good = request(NUMBER, wanted);
            let bad = EnableCap { flags, ..good };
            assert_eq!(bad.opt_ins(), Err(Reject::InvalidValue), "{flags:#x}");
        }
    }
}

#[test]
fn every_bit_of_the_other_arguments_is_zero() {
    for wanted in all_wanted() {
        let good = request(NUMBER, wanted);
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
        assert_eq!(moved.opt_ins().is_ok(), wanted == 0, "{moved:?}");
    }
}

#[test]
fn every_bit_of_the_padding_is_zero() {
    for wanted in [0, 1, 511] {
        let good = request(NUMBER, wanted);
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
    let flipped = (0..32).map(|bit| NUMBER ^ 1 << bit);
    for number in (0..0x200).chain([u32::MAX]).chain(flipped) {
        for wanted in [0, 1, 511, u64::MAX] {
            let result = request(number, wanted).opt_ins();
            let refused = Err(Reject::InvalidValue);
            assert_eq!(result, refused, "{number:#x}, {wanted:#x}");
        }
    }
}

proptest! {
    #![proptest_config(random::cases(4096))]

    #[test]
    fn any_request_is_as_in_the_model(
        cap in prop_oneof![4 => Just(NUMBER), 1 => any::<u32>()],
        flags in prop_oneof![4 => Just(0), 1 => any::<u32>()],
        wanted in prop_oneof![4 => 0..0x800u64, 1 => any::<u64>()],
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
        prop_assert_eq!(asks_for(&request), expected(&request));
    }
}
