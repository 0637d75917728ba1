// SPDX-License-Identifier: GPL-2.0

//! Calls of the true random number generator: its version, UUID and features, and how many bits it
//! returns.
//!
//! Reference: Arm DEN 0098 (TRNG), `kvm_trng_call()`.

mod common;

use common::{
    uuid_registers,
    value,
    FUNCTIONS,
    GUEST,
    INVALID_PARAMETERS,
    REFUSED,
    SUCCESS, //
};
use kvm_abi::{
    Action,
    Convention,
    Decision, //
};
use proptest::prelude::*;

const TRNG_VERSION: u32 = 0x8400_0050;
const TRNG_FEATURES: u32 = 0x8400_0051;
const TRNG_GET_UUID: u32 = 0x8400_0052;
const TRNG_RND: u32 = 0x8400_0053;
const TRNG_RND64: u32 = 0xc400_0053;

/// The most bits that each form returns: three full registers.
const RND: [(u32, Convention, u32); 2] = [
    (TRNG_RND, Convention::Smc32, 96),
    (TRNG_RND64, Convention::Smc64, 192),
];

/// Values of `x2` and `x3`, which all functions ignore.
const OTHERS: [[u64; 2]; 3] = [[0, 0], [u64::MAX, u64::MAX], [1, 0x8400_0050]];

fn expected_rnd(convention: Convention, most: u32, bits: u32) -> Decision {
    if bits <= most {
        Decision::Perform(Action::Random { bits, convention })
    } else {
        value(INVALID_PARAMETERS)
    }
}

#[test]
fn version_is_1_0_and_has_the_uuid_of_the_kernel() {
    let uuid = uuid_registers("0d21e000-4384-11eb-8070-5244554e5a4c");
    for arguments in [[0; 3], [u64::MAX; 3]] {
        assert_eq!(GUEST.calls(TRNG_VERSION, arguments), value(0x1_0000));
        assert_eq!(
            GUEST.calls(TRNG_GET_UUID, arguments),
            Decision::Return(uuid)
        );
    }
}

#[test]
fn features_knows_the_functions_of_trng() {
    let known = [
        0x8400_0050,
        0x8400_0051,
        0x8400_0052,
        0x8400_0053,
        0xc400_0053,
    ];
    let ids = (0x8400_0000..=0x8400_ffff).chain(0xc400_0000..=0xc400_ffffu64);
    for id in ids.chain(FUNCTIONS.map(|(id, ..)| id.into())) {
        let expected = if known.contains(&id) {
            value(SUCCESS)
        } else {
            REFUSED
        };
        for [x2, x3] in OTHERS {
            let decision = GUEST.calls(TRNG_FEATURES, [id, x2, x3]);
            assert_eq!(decision, expected, "{id:#x}");
        }
    }
}

#[test]
fn features_reads_its_whole_argument() {
    for id in [
        TRNG_VERSION,
        TRNG_FEATURES,
        TRNG_GET_UUID,
        TRNG_RND,
        TRNG_RND64,
    ] {
        for bit in 32..64 {
            let decision = GUEST.calls(TRNG_FEATURES, [u64::from(id) | 1 << bit, 0, 0]);
            assert_eq!(decision, REFUSED, "{id:#x}, {bit}");
        }
        // The same for a sign-extended identifier.
        let decision = GUEST.calls(TRNG_FEATURES, [id as i32 as u64, 0, 0]);
        assert_eq!(decision, REFUSED, "{id:#x}");
    }
}

#[test]
fn random_bits_fit_in_three_registers() {
    for (id, convention, most) in RND {
        for bits in (0..=0x400)
            .chain((10..32).map(|bit| 1 << bit))
            .chain([u32::MAX])
        {
            let decision = GUEST.calls(id, [bits.into(), 0, 0]);
            assert_eq!(
                decision,
                expected_rnd(convention, most, bits),
                "{id:#x}, {bits}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_number_of_bits_is_the_lower_half(x1: u64, shift in 0..32u32, others: [u64; 2]) {
        // Small numbers, too.
        let bits = x1 as u32 >> shift;
        let x1 = x1 & 0xffff_ffff_0000_0000 | u64::from(bits);
        for (id, convention, most) in RND {
            let decision = GUEST.calls(id, [x1, others[0], others[1]]);
            prop_assert_eq!(decision, expected_rnd(convention, most, bits));
        }
    }
}
