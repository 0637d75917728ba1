// SPDX-License-Identifier: GPL-2.0

//! Calls of the true random number generator: its version, UUID and features, and how many bits it
//! returns.
//!
//! Reference: Arm DEN 0098 (TRNG), `kvm_trng_call()`.

mod common;
mod random;

use common::{
    uuid_registers,
    value,
    FUNCTIONS,
    GUEST,
    INVALID_PARAMETERS,
    REFUSED,
    SUCCESS,
    TRNG_FEATURES,
    TRNG_GET_UUID,
    TRNG_RND,
    TRNG_RND64,
    TRNG_VERSION, //
};
use kvm_abi::{
    Action,
    Convention,
    Decision,
    RandomBits, //
};
use proptest::prelude::*;

/// The most bits that each form returns: three full registers.
const RND: [(u32, Convention, u32); 2] = [
    (TRNG_RND, Convention::Smc32, 96),
    (TRNG_RND64, Convention::Smc64, 192),
];

/// Values of `x2` and `x3`, which all functions ignore.
const OTHERS: [[u64; 2]; 3] = [[0, 0], [u64::MAX, u64::MAX], [1, 0x8400_0050]];

fn expected_rnd(convention: Convention, most: u32, bits: u32) -> Decision {
    if bits <= most {
        Decision::Perform(Action::Random(RandomBits::new(bits, convention).unwrap()))
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

/// Returns the registers of a call, as text: the first bits are the last digits.
fn registers_of(text: &str, convention: Convention) -> [u64; 4] {
    let (digits, width) = match convention {
        Convention::Smc32 => (24, 8),
        Convention::Smc64 => (48, 16),
    };
    let text = format!("{text:0>digits$}");
    let digit = |at: usize| u64::from_str_radix(&text[at * width..(at + 1) * width], 16).unwrap();
    [SUCCESS, digit(0), digit(1), digit(2)]
}

#[test]
fn registers_hold_the_bits_that_were_asked_for_and_no_more() {
    // The words one after the other, from the last one to the first.
    let words = [
        0xfedc_ba98_7654_3210,
        0x0f1e_2d3c_4b5a_6978,
        0x8877_6655_4433_2211,
    ];
    let all = format!("{:016x}{:016x}{:016x}", words[2], words[1], words[0]);
    let binary: String = all
        .chars()
        .map(|digit| format!("{:04b}", digit.to_digit(16).unwrap()))
        .collect();
    for (_, convention, most) in RND {
        for bits in 0..=most as usize {
            let first = format!("{:0>192}", &binary[192 - bits..]);
            let text: String = (0..48)
                .map(|at| u8::from_str_radix(&first[4 * at..4 * at + 4], 2).unwrap())
                .map(|digit| format!("{digit:x}"))
                .collect();
            let text = text.trim_start_matches('0');
            let request = RandomBits::new(bits as u32, convention).unwrap();
            let registers = request.to_registers(words);
            assert_eq!(
                registers,
                registers_of(text, convention),
                "{bits}, {convention:?}"
            );
            assert!(request.gives(registers));
        }
        assert_eq!(RandomBits::new(most + 1, convention), None);
    }
}

#[test]
fn as_many_words_are_drawn_as_the_bits_need() {
    for bits in 0..=192u32 {
        let words = RandomBits::new(bits, Convention::Smc64).unwrap().words();
        assert_eq!(words, bits.div_ceil(64) as usize, "{bits}");
    }
}

#[test]
fn result_with_another_bit_is_not_one_of_the_call() {
    for (_, convention, most) in RND {
        for bits in 0..=most {
            let request = RandomBits::new(bits, convention).unwrap();
            let width = most / 3;
            for bit in 0..3 * 64 {
                // The bit of the result, if the registers have it.
                let mut registers = [SUCCESS, 0, 0, 0];
                registers[3 - bit as usize / 64] |= 1 << (bit % 64);
                let asked = bit % 64 < width && bit / 64 * width + bit % 64 < bits;
                assert_eq!(
                    request.gives(registers),
                    asked,
                    "{bits}, {convention:?}, {bit}"
                );
            }
            for x0 in [1, INVALID_PARAMETERS] {
                assert!(!request.gives([x0, 0, 0, 0]), "{bits}, {convention:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(random::cases(2048))]

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
