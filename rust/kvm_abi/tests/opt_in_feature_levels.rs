// SPDX-License-Identifier: GPL-2.0

//! Feature levels: fields as numbers, and registers of 4-bit fields compared field by field.
//!
//! The models treat a register as text, of binary digits, or of hexadecimal ones with their numbers
//! in a table, to share no shift, mask or cast with the code.

use kvm_abi::{
    vectors::LEVELS,
    FeatureLevel,
    FeatureLevels,
    Field,
    FieldIndex,
    FieldMask,
    Sign, //
};
use proptest::prelude::*;

/// The number of each 4-bit field in two's complement.
const SIGNED: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1];
const UNSIGNED: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

const SIGNS: [Sign; 2] = [Sign::Signed, Sign::Unsigned];

/// Returns the fields of a register, least significant first.
fn digits(register: u64) -> Vec<usize> {
    format!("{register:016x}")
        .chars()
        .rev()
        .map(|digit| digit.to_digit(16).unwrap().try_into().unwrap())
        .collect()
}

/// Returns the register of these fields, least significant first.
fn register(digits: impl DoubleEndedIterator<Item = usize>) -> u64 {
    let text: String = digits.rev().map(|digit| format!("{digit:x}")).collect();
    u64::from_str_radix(&text, 16).unwrap()
}

/// Returns the bits of the fields in which `value` is above `limit`.
fn expected(value: u64, limit: u64, signed: &[bool]) -> u64 {
    let pairs = digits(value).into_iter().zip(digits(limit));
    let above = pairs.zip(signed).map(|((value, limit), signed)| {
        let numbers = if *signed { SIGNED } else { UNSIGNED };
        numbers[value] > numbers[limit]
    });
    register(
        above
            .map(|above| if above { 0xf } else { 0 })
            .collect::<Vec<_>>()
            .into_iter(),
    )
}

/// Returns the set of the fields that are marked.
fn mask(marked: &[bool]) -> FieldMask {
    FieldIndex::all()
        .zip(marked)
        .filter(|(_, marked)| **marked)
        .fold(FieldMask::EMPTY, |mask, (field, _)| {
            mask.union(FieldMask::of(field))
        })
}

fn levels(bits: u64) -> FeatureLevels {
    FeatureLevels::from_bits(bits)
}

/// Returns the register that has this digit in a field, and nothing else.
fn at(field: FieldIndex, digit: usize) -> u64 {
    let fields: Vec<_> = FieldIndex::all()
        .map(|other| if other == field { digit } else { 0 })
        .collect();
    register(fields.into_iter())
}

fn exceeding(value: u64, limit: u64, signed: FieldMask) -> u64 {
    levels(value).exceeding(levels(limit), signed).bits()
}

/// Two registers that differ in some fields and agree in others, in any order.
fn two_registers() -> impl Strategy<Value = (u64, u64)> {
    prop::collection::vec((0..16usize, 0..16usize, any::<bool>()), 16).prop_map(|fields| {
        let a = register(fields.iter().map(|(a, ..)| *a));
        let b = register(
            fields
                .iter()
                .map(|(a, b, same)| if *same { *a } else { *b }),
        );
        (a, b)
    })
}

/// Which fields are signed.
fn signs() -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(any::<bool>(), 16)
}

#[test]
fn field_is_read_in_twos_complement() {
    let field = Field::new(0, 4, Sign::Signed).unwrap();
    for (digit, number) in (0..16u64).zip(SIGNED) {
        let level = field.level(digit);
        assert_eq!(level.get(), number, "{digit:#x}");
        assert_eq!(level.is_absent(), number < 0, "{digit:#x}");
        assert_eq!(level, FeatureLevel::new(number), "{digit:#x}");
    }
    assert_eq!(field.level(0), FeatureLevel::UNKNOWN);
}

#[test]
fn level_is_any_number() {
    for number in [
        i32::MIN,
        i32::MIN + 1,
        -9,
        -8,
        -1,
        0,
        1,
        7,
        8,
        15,
        16,
        i32::MAX,
    ] {
        assert_eq!(FeatureLevel::new(number).get(), number);
        assert_eq!(FeatureLevel::new(number).is_absent(), number < 0);
    }
    assert_eq!(FeatureLevel::UNKNOWN.get(), 0);
}

#[test]
fn levels_are_ordered_as_their_numbers() {
    for (sign, numbers) in [(Sign::Signed, SIGNED), (Sign::Unsigned, UNSIGNED)] {
        let field = Field::new(0, 4, sign).unwrap();
        for (a, m) in (0..16u64).zip(numbers) {
            for (b, n) in (0..16u64).zip(numbers) {
                let order = field.level(a).cmp(&field.level(b));
                assert_eq!(order, m.cmp(&n), "{a:#x}, {b:#x}, {sign:?}");
            }
        }
    }
}

#[test]
fn register_has_sixteen_fields() {
    for index in 0..=u8::MAX {
        let field = FieldIndex::new(index);
        assert_eq!(field.is_some(), index < 16, "{index}");
        if let Some(field) = field {
            for sign in SIGNS {
                assert_eq!(Some(field.field(sign)), Field::new(4 * index, 4, sign));
            }
            assert_eq!(FieldMask::of(field).bits(), 15 * 16u64.pow(index.into()));
        }
    }
    assert!(FieldIndex::all().eq((0..16).filter_map(FieldIndex::new)));
    assert_eq!(FieldIndex::all().count(), 16);
}

#[test]
fn set_has_the_fields_that_were_put_in() {
    assert!(FieldMask::EMPTY.is_empty());
    assert_eq!(FieldMask::EMPTY, FieldMask::default());
    assert!(!FieldMask::ALL.is_empty());
    assert_eq!(mask(&[true; 16]), FieldMask::ALL);

    for a in FieldIndex::all() {
        assert!(FieldMask::ALL.contains(a));
        assert!(!FieldMask::EMPTY.contains(a));
        assert!(!FieldMask::of(a).is_empty());
        for b in FieldIndex::all() {
            let both = FieldMask::of(a).union(FieldMask::of(b));
            for field in FieldIndex::all() {
                assert_eq!(both.contains(field), field == a || field == b);
                assert_eq!(FieldMask::of(a).contains(field), field == a);
            }
        }
    }
}

#[test]
fn each_pair_of_fields_is_compared_with_its_sign_at_each_position() {
    for field in FieldIndex::all() {
        for value in 0..16usize {
            for limit in 0..16usize {
                let bits = |digit| at(field, digit);
                for (signed, numbers) in [(FieldMask::ALL, SIGNED), (FieldMask::EMPTY, UNSIGNED)] {
                    let above = if numbers[value] > numbers[limit] {
                        FieldMask::of(field).bits()
                    } else {
                        0
                    };
                    assert_eq!(
                        exceeding(bits(value), bits(limit), signed),
                        above,
                        "{field:?}, {value:#x}, {limit:#x}, {signed:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn field_of_a_register_is_read_with_the_sign_given() {
    for field in FieldIndex::all() {
        for digit in 0..16usize {
            // With the other fields clear, and with all their bits set.
            for others in [0, !FieldMask::of(field).bits()] {
                let register = at(field, digit) | others;
                let level = |sign| field.field(sign).level(register).get();
                assert_eq!(level(Sign::Signed), SIGNED[digit]);
                assert_eq!(level(Sign::Unsigned), UNSIGNED[digit]);
                assert_eq!(levels(register).level(field).get(), SIGNED[digit]);
            }
        }
    }
}

/// Fails if a field does not have the digit, or the rest is not that of `others`.
#[track_caller]
fn assert_stored(written: FeatureLevels, field: FieldIndex, digit: usize, others: u64) {
    let kept = others & !FieldMask::of(field).bits();
    assert_eq!(
        written.bits(),
        kept | at(field, digit),
        "{field:?}, {digit}"
    );
}

#[test]
fn level_is_put_in_its_field_and_nowhere_else() {
    for field in FieldIndex::all() {
        for (digit, number) in SIGNED.into_iter().enumerate() {
            for others in [0, u64::MAX, 0x0123_4567_89ab_cdef, 0x5555_5555_5555_5555] {
                let written = levels(others).with(field, FeatureLevel::new(number));
                assert_eq!(written.level(field).get(), number, "{field:?}");
                for other in FieldIndex::all().filter(|other| *other != field) {
                    assert_eq!(written.level(other), levels(others).level(other));
                }
                assert_stored(written, field, digit, others);
            }
        }
    }
}

#[test]
fn only_the_lower_four_bits_of_a_level_are_stored() {
    let all = [i32::MIN, i32::MIN + 1, -17, -9, 8, 15, 16, 23, i32::MAX];
    for number in all.into_iter().chain(-64..64) {
        let digit = number.rem_euclid(16) as usize;
        for field in FieldIndex::all() {
            for others in [0, u64::MAX] {
                let written = levels(others).with(field, FeatureLevel::new(number));
                assert_stored(written, field, digit, others);
            }
        }
    }
}

#[test]
fn registers_are_checked_as_in_the_table() {
    for (value, host, above) in LEVELS {
        let fields = exceeding(value, host, FieldMask::ALL);
        assert_eq!(fields, above, "{value:#x}, {host:#x}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn register_is_kept_as_it_is(bits: u64) {
        prop_assert_eq!(levels(bits).bits(), bits);
        let digit = |level: FeatureLevel| SIGNED.iter().position(|n| *n == level.get()).unwrap();
        let fields = FieldIndex::all().map(|field| digit(levels(bits).level(field)));
        prop_assert_eq!(register(fields.collect::<Vec<_>>().into_iter()), bits);
    }

    #[test]
    fn register_is_rebuilt_from_its_levels(bits: u64, before: u64) {
        let put = FieldIndex::all().fold(levels(before), |register, field| {
            register.with(field, levels(bits).level(field))
        });
        prop_assert_eq!(put.bits(), bits);
    }

    #[test]
    fn offending_fields_are_those_of_the_model((a, b) in two_registers(), signed in signs()) {
        prop_assert_eq!(exceeding(a, b, mask(&signed)), expected(a, b, &signed));
    }

    #[test]
    fn lower_levels_do_not_exceed_higher_ones((a, b) in two_registers()) {
        // The smaller and the larger level of each field.
        let pairs = || digits(a).into_iter().zip(digits(b)).collect::<Vec<_>>().into_iter();
        let low = register(pairs().map(|(a, b)| if SIGNED[a] < SIGNED[b] { a } else { b }));
        let high = register(pairs().map(|(a, b)| if SIGNED[a] < SIGNED[b] { b } else { a }));
        prop_assert_eq!(exceeding(low, high, FieldMask::ALL), 0);
        prop_assert_eq!(exceeding(high, low, FieldMask::ALL) == 0, a == b);
    }

    #[test]
    fn no_register_exceeds_itself(a: u64, signed in signs()) {
        prop_assert_eq!(exceeding(a, a, mask(&signed)), 0);
    }

    #[test]
    fn each_field_is_above_below_or_equal((a, b) in two_registers(), signed in signs()) {
        let signed = mask(&signed);
        let (up, down) = (exceeding(a, b, signed), exceeding(b, a, signed));
        prop_assert_eq!(up & down, 0);
        for field in FieldIndex::all().map(FieldMask::of).map(FieldMask::bits) {
            prop_assert_eq!((up | down) & field == 0, (a ^ b) & field == 0);
        }
    }

    #[test]
    fn fields_do_not_touch_each_other(
        (a, b) in two_registers(),
        (c, d) in two_registers(),
        taken in signs(),
        signed in signs(),
    ) {
        // Fields taken from one pair of registers into another keep their results.
        let (taken, signed) = (mask(&taken).bits(), mask(&signed));
        let mix = |x: u64, y: u64| x & taken | y & !taken;
        prop_assert_eq!(
            exceeding(mix(a, c), mix(b, d), signed),
            mix(exceeding(a, b, signed), exceeding(c, d, signed))
        );
    }
}
