// SPDX-License-Identifier: GPL-2.0

//! Fields of any place and width: which of them exist, their bits, and their numbers.
//!
//! The model writes registers as binary digits and adds up their weights, to share no shift, mask
//! or cast with the code. A level is an `int`, as in C.

mod random;

use kvm_abi::{
    Field,
    Sign, //
};
use proptest::prelude::*;

const SIGNS: [Sign; 2] = [Sign::Signed, Sign::Unsigned];

/// Registers with many different fields.
const REGISTERS: [u64; 10] = [
    0,
    u64::MAX,
    0x5555_5555_5555_5555,
    0xaaaa_aaaa_aaaa_aaaa,
    0x8000_0000_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x0000_0001_0000_0001,
    0xffff_ffff_0000_0000,
    0x0123_4567_89ab_cdef,
    0xfedc_ba98_7654_3210,
];

/// Returns the digits of a field, most significant first.
fn digits(register: u64, shift: u8, width: u8) -> String {
    let text = format!("{register:064b}");
    let (shift, width) = (usize::from(shift), usize::from(width));
    text[64 - shift - width..64 - shift].to_owned()
}

/// Returns the number of binary digits; the first digit counts as negative in a signed field.
fn number(digits: &str, sign: Sign) -> i128 {
    let mut total = 0;
    for (i, digit) in digits.chars().enumerate() {
        let digit: i128 = digit.to_digit(2).unwrap().into();
        let negative = i == 0 && sign == Sign::Signed;
        total = 2 * total + if negative { -digit } else { digit };
    }
    total
}

/// Returns the number of a field as an `int`, which has only the last 32 digits, and a sign.
fn level(digits: &str, sign: Sign) -> i32 {
    let number = match digits.len() {
        32.. => number(&digits[digits.len() - 32..], Sign::Signed),
        _ => number(digits, sign),
    };
    number.try_into().unwrap()
}

/// All places of fields.
fn places() -> impl Iterator<Item = (u8, u8)> {
    (0..64).flat_map(|shift| (1..=64 - shift).map(move |width| (shift, width)))
}

/// Any place of a field.
fn any_place() -> impl Strategy<Value = (u8, u8)> {
    (0..64u8).prop_flat_map(|shift| (Just(shift), 1..=64 - shift))
}

#[test]
fn field_must_fit_in_a_register() {
    let mut found = 0;
    for sign in SIGNS {
        for shift in 0..=u8::MAX {
            for width in 0..=u8::MAX {
                let fits = width != 0 && u32::from(shift) + u32::from(width) <= 64;
                let field = Field::new(shift, width, sign);
                assert_eq!(field.is_some(), fits, "{shift}, {width}");
                if let Some(field) = field {
                    assert_eq!((field.shift(), field.width()), (shift, width));
                    found += 1;
                }
            }
        }
    }
    assert_eq!(found, 2 * places().count());
    assert_eq!(found, 64 * 65);
}

#[test]
fn mask_has_the_bits_of_the_field() {
    for (shift, width) in places() {
        let ones = "1".repeat(width.into()) + &"0".repeat(shift.into());
        let expected = u64::from_str_radix(&ones, 2).unwrap();
        for sign in SIGNS {
            let field = Field::new(shift, width, sign).unwrap();
            assert_eq!(field.mask(), expected, "{shift}, {width}, {sign:?}");
        }
    }
}

#[test]
fn signs_make_different_fields_of_the_same_bits() {
    for (shift, width) in places() {
        let [signed, unsigned] = SIGNS.map(|sign| Field::new(shift, width, sign).unwrap());
        assert_ne!(signed, unsigned);
        assert_eq!(signed.mask(), unsigned.mask());
    }
}

#[test]
fn every_value_of_fields_up_to_16_bits_is_its_number() {
    for width in 1..=16u8 {
        let values = 2u64.pow(width.into());
        for shift in [0, 1, 4, 63 - width, 64 - width] {
            let weight = 2u64.pow(shift.into());
            // With the other bits clear, and with all of them set.
            for others in [0, u64::MAX - (values - 1) * weight] {
                for sign in SIGNS {
                    let field = Field::new(shift, width, sign).unwrap();
                    for value in 0..values {
                        let negative = sign == Sign::Signed && value >= values / 2;
                        let number = value as i64 - if negative { values as i64 } else { 0 };
                        assert_eq!(
                            i64::from(field.level(value * weight + others).get()),
                            number,
                            "{value:#x}, {field:?}, {others:#x}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_field_of_some_registers_is_as_in_the_model() {
    for (shift, width) in places() {
        for register in REGISTERS {
            let digits = digits(register, shift, width);
            for sign in SIGNS {
                let field = Field::new(shift, width, sign).unwrap();
                let expected = level(&digits, sign);
                assert_eq!(
                    field.level(register).get(),
                    expected,
                    "{register:#x}, {field:?}"
                );
            }
        }
    }
}

#[test]
fn field_of_one_bit_with_a_sign_is_minus_one_or_zero() {
    for shift in 0..64 {
        let [signed, unsigned] = SIGNS.map(|sign| Field::new(shift, 1, sign).unwrap());
        assert_eq!(signed.level(u64::MAX).get(), -1);
        assert_eq!(unsigned.level(u64::MAX).get(), 1);
        assert_eq!(signed.level(!signed.mask()).get(), 0);
        assert_eq!(unsigned.level(!signed.mask()).get(), 0);
    }
}

#[test]
fn field_of_31_bits_is_the_widest_that_is_not_negative_without_a_sign() {
    let field = Field::new(0, 31, Sign::Unsigned).unwrap();
    assert_eq!(field.level(0x7fff_ffff).get(), i32::MAX);
    assert_eq!(field.level(u64::MAX).get(), i32::MAX);

    let field = Field::new(0, 31, Sign::Signed).unwrap();
    assert_eq!(field.level(0x3fff_ffff).get(), 0x3fff_ffff);
    assert_eq!(field.level(0x4000_0000).get(), -0x4000_0000);
}

#[test]
fn field_of_32_bits_is_an_int_with_either_sign() {
    for sign in SIGNS {
        let field = Field::new(16, 32, sign).unwrap();
        for (bits, level) in [
            (0x0, 0),
            (0x1, 1),
            (0x7fff_ffff, i32::MAX),
            (0x8000_0000, i32::MIN),
            (0xffff_ffff, -1),
        ] {
            assert_eq!(field.level(bits << 16).get(), level, "{bits:#x}, {sign:?}");
            assert_eq!(field.level(bits << 16 | 0xffff).get(), level, "{bits:#x}");
        }
    }
}

#[test]
fn wider_fields_lose_their_upper_bits() {
    for sign in SIGNS {
        for width in 33..=64 {
            let field = Field::new(0, width, sign).unwrap();
            for (register, level) in [
                (0xffff_ffff_0000_0000, 0),
                (0x8000_0000_0000_0001, 1),
                (0xffff_ffff_7fff_ffff, i32::MAX),
                (0x0000_0000_8000_0000, i32::MIN),
                (0x0000_0001_ffff_ffff, -1),
            ] {
                assert_eq!(field.level(register).get(), level, "{register:#x}");
            }
        }
    }
}

proptest! {
    #![proptest_config(random::cases(2048))]

    #[test]
    fn any_field_of_any_register_is_as_in_the_model((shift, width) in any_place(), register: u64) {
        for sign in SIGNS {
            let field = Field::new(shift, width, sign).unwrap();
            let expected = level(&digits(register, shift, width), sign);
            prop_assert_eq!(field.level(register).get(), expected);
        }
    }

    #[test]
    fn bits_outside_of_a_field_are_not_in_its_level(
        (shift, width) in any_place(),
        register: u64,
        others: u64,
    ) {
        for sign in SIGNS {
            let field = Field::new(shift, width, sign).unwrap();
            let other = register & field.mask() | others & !field.mask();
            prop_assert_eq!(field.level(register), field.level(other));
        }
    }
}
