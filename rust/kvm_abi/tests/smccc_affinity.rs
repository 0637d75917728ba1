// SPDX-License-Identifier: GPL-2.0

//! `AFFINITY_INFO`: the vCPUs of an affinity instance, and the answer about them.
//!
//! Reference: Arm DEN 0022 (PSCI), section "AFFINITY_INFO"; `kvm_psci_vcpu_affinity_info()`.

mod common;
mod random;

use common::{
    GUEST,
    INVALID_PARAMETERS, //
};
use kvm_abi::{
    Action,
    AffinityQuery,
    Decision, //
};
use proptest::prelude::*;
use std::cell::RefCell;

const AFFINITY_INFO: u32 = 0x8400_0004;
const AFFINITY_INFO64: u32 = 0xc400_0004;

const ON: u64 = 0;
const OFF: u64 = 1;

/// The affinities of a VM's vCPUs, in the order of their indices.
const VCPUS: [u64; 6] = [
    0x00_0000_0000,
    0x00_0000_0001,
    0x00_0000_0100,
    0x00_0001_0000,
    0x01_0000_0000,
    0x01_0001_0203,
];

/// Target affinity, lowest affinity level, and the indices of the vCPUs in the instance.
const QUERIES: [(u64, u64, &[usize]); 22] = [
    (0x00_0000_0000, 0, &[0]),
    (0x00_0000_0001, 0, &[1]),
    (0x00_0000_0002, 0, &[]),
    (0x00_0000_0101, 0, &[]),
    (0x01_0000_0000, 0, &[4]),
    (0x01_0001_0203, 0, &[5]),
    (0x00_0001_0203, 0, &[]),
    (0x00_0000_0000, 1, &[0, 1]),
    // The levels below the lowest one are ignored.
    (0x00_0000_00ff, 1, &[0, 1]),
    (0x00_0000_0100, 1, &[2]),
    (0x01_0001_0200, 1, &[5]),
    (0x01_0001_0300, 1, &[]),
    (0x00_0000_0000, 2, &[0, 1, 2]),
    (0x00_0000_ffff, 2, &[0, 1, 2]),
    (0x00_0001_0000, 2, &[3]),
    (0x01_0000_0000, 2, &[4]),
    (0x01_0001_0000, 2, &[5]),
    (0x00_0002_0000, 2, &[]),
    (0x00_0000_0000, 3, &[0, 1, 2, 3]),
    (0x00_00ff_ffff, 3, &[0, 1, 2, 3]),
    (0x01_00ff_ffff, 3, &[4, 5]),
    (0x02_0000_0000, 3, &[]),
];

/// The affinity fields, lowest level first.
const FIELDS: [std::ops::Range<u32>; 4] = [0..8, 8..16, 16..24, 32..40];

/// Returns the query of a call, if its affinity instance can exist.
fn query(id: u32, target: u64, level: u64) -> Option<AffinityQuery> {
    match GUEST.calls(id, [target, level, 0xffff_ffff]) {
        Decision::Perform(Action::AffinityInfo(query)) => Some(query),
        other => {
            assert_eq!(other, Decision::Value(INVALID_PARAMETERS));
            None
        }
    }
}

fn query64(target: u64, level: u64) -> AffinityQuery {
    query(AFFINITY_INFO64, target, level).unwrap()
}

/// Returns the answer about vCPUs that are stopped if the bit of their index is set, and the
/// indices of the vCPUs whose state was read.
fn answer(query: &AffinityQuery, vcpus: &[u64], stopped: u32) -> (u64, Vec<usize>) {
    let asked = RefCell::new(Vec::new());
    let answer = query.answer(
        0..vcpus.len(),
        |index| vcpus[*index],
        |index| {
            asked.borrow_mut().push(*index);
            stopped & 1 << *index != 0
        },
    );
    (answer, asked.into_inner())
}

#[test]
fn instance_has_the_vcpus_of_the_table() {
    for (target, level, members) in QUERIES {
        let query = query64(target, level);
        for (index, affinity) in VCPUS.into_iter().enumerate() {
            let matches = query.matches(affinity);
            assert_eq!(
                matches,
                members.contains(&index),
                "{target:#x}, {level}, {index}"
            );
        }
    }
}

#[test]
fn one_vcpu_that_is_on_is_enough() {
    for (target, level, members) in QUERIES {
        for stopped in 0..1 << VCPUS.len() {
            let any_on = members.iter().any(|index| stopped & 1 << index == 0);
            let expected = match members {
                [] => INVALID_PARAMETERS,
                _ if any_on => ON,
                _ => OFF,
            };
            let (answer, _) = answer(&query64(target, level), &VCPUS, stopped);
            assert_eq!(answer, expected, "{target:#x}, {level}, {stopped:#b}");
        }
    }
}

#[test]
fn only_members_are_asked_until_one_is_on() {
    for (target, level, members) in QUERIES {
        for stopped in 0..1 << VCPUS.len() {
            let first_on = members.iter().position(|index| stopped & 1 << index == 0);
            let expected = match first_on {
                Some(position) => &members[..=position],
                None => members,
            };
            let (_, asked) = answer(&query64(target, level), &VCPUS, stopped);
            assert_eq!(asked, expected, "{target:#x}, {level}, {stopped:#b}");
        }
    }
}

#[test]
fn vm_without_vcpus_has_no_affinity_instance() {
    for (target, level, _) in QUERIES {
        let (answer, _) = answer(&query64(target, level), &[], 0);
        assert_eq!(answer, INVALID_PARAMETERS);
    }
}

#[test]
fn every_vcpu_of_the_same_affinity_is_asked() {
    // Userspace may give several vCPUs the same affinity.
    let vcpus = [0x100, 0x100, 0x100];
    let query = query64(0x100, 0);
    assert_eq!(answer(&query, &vcpus, 0b111), (OFF, vec![0, 1, 2]));
    assert_eq!(answer(&query, &vcpus, 0b011), (ON, vec![0, 1, 2]));
    assert_eq!(answer(&query, &vcpus, 0b101), (ON, vec![0, 1]));
}

#[test]
fn level_says_which_fields_are_compared() {
    for level in 0..4 {
        for target in [0, 0xff_00ff_ffff, 0x12_0034_5678] {
            let query = query64(target, level);
            for bit in 0..64 {
                // Affinities have no bits outside the fields, but they would be ignored.
                let compared = FIELDS[level as usize..]
                    .iter()
                    .any(|field| field.contains(&bit));
                let matches = query.matches(target ^ 1 << bit);
                assert_eq!(matches, !compared, "{level}, {bit}");
            }
        }
    }
}

#[test]
fn there_are_four_levels() {
    for level in (0..0x100)
        .chain((8..64).map(|bit| 1 << bit))
        .chain([u64::MAX])
    {
        for target in [0, 1, 0x12_0034_5678] {
            let wide = query(AFFINITY_INFO64, target, level);
            assert_eq!(wide.is_some(), level <= 3, "{level:#x}");
        }
        // The 32-bit function does not see the upper half.
        let narrow = query(AFFINITY_INFO, 0, level);
        assert_eq!(narrow.is_some(), level % (1 << 32) <= 3, "{level:#x}");
    }
}

#[test]
fn bits_outside_the_affinity_are_refused_at_every_level() {
    for level in 0..4 {
        for bit in 0..64 {
            let affinity = FIELDS.iter().any(|field| field.contains(&bit));
            let wide = query(AFFINITY_INFO64, 1 << bit, level);
            assert_eq!(wide.is_some(), affinity, "{level}, {bit}");
            let narrow = query(AFFINITY_INFO, 1 << bit, level);
            assert_eq!(narrow.is_some(), affinity || bit >= 32, "{level}, {bit}");
        }
    }
}

#[test]
fn narrow_call_asks_for_the_lower_half() {
    for level in 0..4 {
        for garbage in [0, 1 << 32, 0xff_0000_0000, 1 << 63] {
            let target = 0x0034_5678;
            let narrow = query(AFFINITY_INFO, garbage | target, level);
            assert_eq!(narrow, Some(query64(target, level)), "{garbage:#x}");
        }
    }
}

#[test]
fn target_belongs_to_its_instance() {
    for (target, level, _) in QUERIES {
        let query = query64(target, level);
        let mask = 0xff_00ff_ffff & !((1 << (level * 8)) - 1);
        assert_eq!(query.target(), target & mask, "{target:#x}, {level}");
        assert!(query.matches(query.target()), "{target:#x}, {level}");
    }
}

proptest! {
    #![proptest_config(random::cases(2048))]

    #[test]
    fn any_vcpus_are_asked_and_counted_as_in_c(
        affinities in prop::collection::vec([0..3u64, 0..2u64, 0..2u64, 0..2u64], 0..12),
        target in [0..3u64, 0..2u64, 0..2u64, 0..2u64],
        level in 0..4u64,
        stopped: u32,
    ) {
        let mpidr = |[a, b, c, d]: [u64; 4]| a | b << 8 | c << 16 | d << 32;
        let vcpus: Vec<_> = affinities.into_iter().map(mpidr).collect();
        let mask = 0xff_00ff_ffff & !((1 << (level * 8)) - 1);
        let mut matching = 0;
        let mut expected = None;
        for (index, affinity) in vcpus.iter().enumerate() {
            if affinity & mask == mpidr(target) & mask {
                matching += 1;
                if stopped & 1 << index == 0 {
                    expected = expected.or(Some((ON, matching)));
                }
            }
        }
        let expected = expected.unwrap_or(match matching {
            0 => (INVALID_PARAMETERS, 0),
            _ => (OFF, matching),
        });
        let (answer, asked) = answer(&query64(mpidr(target), level), &vcpus, stopped);
        prop_assert_eq!((answer, asked.len()), expected);
    }
}
