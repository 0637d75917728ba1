// SPDX-License-Identifier: GPL-2.0

//! Writes to ID registers: the safe values of a field, and of a whole register.
//!
//! The model restates the rules of `arm64_check_features()` and `arm64_ftr_safe_value()` in the
//! integers and errnos of the C code. It takes fields out of registers by division.

use kvm_abi::{
    FeatureField,
    FeatureRegister,
    Field,
    Reject,
    SafeValue,
    Sign, //
};
use proptest::prelude::*;

const E2BIG: i32 = 7;

const SIGNS: [Sign; 2] = [Sign::Signed, Sign::Unsigned];

/// Rules other than [`SafeValue::Exact`].
const COMPARING: [SafeValue; 3] = [
    SafeValue::LowerSafe,
    SafeValue::HigherSafe,
    SafeValue::HigherOrZeroSafe,
];

/// Levels for [`SafeValue::Exact`]: in the range of signed fields, of unsigned ones, of neither;
/// some have only their lower half in range.
const EXACT: [i64; 14] = [
    0,
    1,
    5,
    7,
    8,
    15,
    16,
    -1,
    -8,
    -9,
    i64::MIN,
    i64::MAX,
    1 << 32,
    (1 << 32) + 5,
];

/// `struct arm64_ftr_bits`; the rule stands for its type and its safe value.
#[derive(Clone, Copy, Debug)]
struct Ftr {
    shift: u8,
    width: u8,
    sign: Sign,
    rule: SafeValue,
}

impl Ftr {
    fn field(self) -> FeatureField {
        let Self { shift, width, .. } = self;
        FeatureField {
            field: Field::new(shift, width, self.sign).unwrap(),
            rule: self.rule,
        }
    }

    /// `arm64_ftr_mask()`.
    fn mask(self) -> u64 {
        (2u64.pow(self.width.into()) - 1) * 2u64.pow(self.shift.into())
    }

    /// `arm64_ftr_value()` of fields with less than 32 bits.
    fn value(self, register: u64) -> i64 {
        let values = 2i64.pow(self.width.into());
        let bits = register / 2u64.pow(self.shift.into()) % values as u64;
        match bits as i64 {
            bits if self.sign == Sign::Signed && bits >= values / 2 => bits - values,
            bits => bits,
        }
    }
}

/// `arm64_ftr_safe_value()`.
fn c_safe_value(rule: SafeValue, new: i64, cur: i64) -> i64 {
    match rule {
        SafeValue::Exact(safe_val) => safe_val,
        SafeValue::LowerSafe => {
            if new < cur {
                new
            } else {
                cur
            }
        }
        SafeValue::HigherOrZeroSafe if cur == 0 || new == 0 => 0,
        SafeValue::HigherOrZeroSafe | SafeValue::HigherSafe => {
            if new > cur {
                new
            } else {
                cur
            }
        }
    }
}

/// `arm64_check_features()` of a register that has fields.
fn c_check(val: u64, limit: u64, writable_mask: u64, ftr_bits: &[Ftr]) -> Result<(), i32> {
    let mut mask = 0;
    for ftrp in ftr_bits {
        let ftr_mask = ftrp.mask();
        if ftr_mask & writable_mask != ftr_mask {
            continue;
        }
        let (f_val, f_lim) = (ftrp.value(val), ftrp.value(limit));
        mask |= ftr_mask;
        let safe_val = if f_val == f_lim {
            f_val
        } else {
            c_safe_value(ftrp.rule, f_val, f_lim)
        };
        if safe_val != f_val {
            return Err(E2BIG);
        }
    }
    if val & !mask != limit & !mask {
        return Err(E2BIG);
    }
    Ok(())
}

fn errno(reject: Reject) -> i32 {
    assert_eq!(reject, Reject::UnsafeValue);
    E2BIG
}

fn write(val: u64, limit: u64, writable: u64, ftrs: &[Ftr]) -> Result<(), i32> {
    let register = FeatureRegister::Limited { limit, writable };
    let fields = ftrs.iter().map(|ftr| ftr.field());
    register.decide(val, || Some(fields)).map_err(errno)
}

/// Returns a field of four bits.
fn nibble(shift: u8, sign: Sign, rule: SafeValue) -> Ftr {
    Ftr {
        shift,
        width: 4,
        sign,
        rule,
    }
}

/// Returns the values of the lowest four bits that are accepted with this limit.
fn accepted(sign: Sign, rule: SafeValue, limit: u64) -> Vec<u64> {
    let field = nibble(0, sign, rule);
    (0..16)
        .filter(|value| write(*value, limit, u64::MAX, &[field]).is_ok())
        .collect()
}

fn any_sign() -> impl Strategy<Value = Sign> {
    prop::sample::select(SIGNS.to_vec())
}

fn any_rule() -> impl Strategy<Value = SafeValue> {
    prop_oneof![
        prop::sample::select(COMPARING.to_vec()),
        (-9..17i64).prop_map(SafeValue::Exact),
    ]
}

/// The fields of a register with few bits outside fields, as in hardware.
fn sixteen_fields() -> impl Strategy<Value = Vec<Ftr>> {
    prop::collection::vec((any_sign(), any_rule(), 0..20), 16).prop_map(|fields| {
        let fields = fields.into_iter().zip((0..64).step_by(4));
        fields
            .filter(|((.., there), _)| *there != 0)
            .map(|((sign, rule, _), shift)| nibble(shift, sign, rule))
            .collect()
    })
}

/// Fields at any place, of any width that registers have, in any order.
fn any_fields() -> impl Strategy<Value = Vec<Ftr>> {
    let field = (1..=16u8, any_sign(), any_rule()).prop_flat_map(|(width, sign, rule)| {
        (0..=64 - width).prop_map(move |shift| Ftr {
            shift,
            width,
            sign,
            rule,
        })
    });
    prop::collection::vec(field, 0..8)
}

/// A register's fields, its limit, and a value that differs in up to three fields and sometimes in
/// one more bit: few enough differences for some values to be accepted.
fn registers() -> impl Strategy<Value = (Vec<Ftr>, u64, u64)> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..4);
    let stray = prop_oneof![9 => Just(0), 1 => (0..64u32).prop_map(|bit| 1 << bit)];
    let limit = prop_oneof![any::<u64>(), any::<[u64; 2]>().prop_map(|[a, b]| a & b)];
    let fields = prop_oneof![sixteen_fields(), any_fields()];
    (fields, limit, changes, stray).prop_map(|(fields, limit, changes, stray)| {
        let mut value = limit ^ stray;
        for (which, bits) in changes {
            if !fields.is_empty() {
                let mask = which.get(&fields).mask();
                value = value & !mask | bits & mask;
            }
        }
        (fields, limit, value)
    })
}

/// The bits that are writable: all, most, or any.
fn any_writable() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(u64::MAX),
        (0..64u32).prop_map(|bit| !(1 << bit)),
        any::<[u64; 3]>().prop_map(|[a, b, c]| a | b | c),
        any::<u64>(),
    ]
}

#[test]
fn lower_safe_accepts_levels_up_to_the_limit() {
    let accepted = |sign, limit| accepted(sign, SafeValue::LowerSafe, limit);
    assert_eq!(accepted(Sign::Unsigned, 0), [0]);
    assert_eq!(accepted(Sign::Unsigned, 3), [0, 1, 2, 3]);
    assert_eq!(accepted(Sign::Unsigned, 15), (0..16).collect::<Vec<_>>());
    // Not implemented, 0xf, is -1 in a signed field: only 8 to 0xe are lower.
    assert_eq!(accepted(Sign::Signed, 0), [0, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(accepted(Sign::Signed, 7), (0..16).collect::<Vec<_>>());
    assert_eq!(accepted(Sign::Signed, 8), [8]);
    assert_eq!(accepted(Sign::Signed, 10), [8, 9, 10]);
}

#[test]
fn higher_safe_accepts_levels_from_the_limit_on() {
    let accepted = |sign, limit| accepted(sign, SafeValue::HigherSafe, limit);
    assert_eq!(accepted(Sign::Unsigned, 0), (0..16).collect::<Vec<_>>());
    assert_eq!(accepted(Sign::Unsigned, 13), [13, 14, 15]);
    assert_eq!(accepted(Sign::Unsigned, 15), [15]);
    assert_eq!(accepted(Sign::Signed, 5), [5, 6, 7]);
    assert_eq!(accepted(Sign::Signed, 15), [0, 1, 2, 3, 4, 5, 6, 7, 15]);
}

#[test]
fn zero_is_highest_with_higher_or_zero_safe() {
    let accepted = |sign, limit| accepted(sign, SafeValue::HigherOrZeroSafe, limit);
    assert_eq!(accepted(Sign::Unsigned, 13), [0, 13, 14, 15]);
    assert_eq!(accepted(Sign::Signed, 5), [0, 5, 6, 7]);
    assert_eq!(
        accepted(Sign::Signed, 13),
        [0, 1, 2, 3, 4, 5, 6, 7, 13, 14, 15]
    );
    // No other level is as high as a limit of 0.
    for sign in SIGNS {
        assert_eq!(accepted(sign, 0), [0]);
    }
}

#[test]
fn exact_accepts_one_level_and_the_limit() {
    let accepted = |sign, level, limit| accepted(sign, SafeValue::Exact(level), limit);
    assert_eq!(accepted(Sign::Unsigned, 5, 9), [5, 9]);
    assert_eq!(accepted(Sign::Unsigned, 9, 5), [5, 9]);
    assert_eq!(accepted(Sign::Unsigned, 5, 5), [5]);
    assert_eq!(accepted(Sign::Signed, -1, 0), [0, 15]);
    // A level that does not fit in the field: the number counts, not its bits.
    for level in [-1, 16, 21, (1 << 32) + 1, i64::MIN] {
        assert_eq!(accepted(Sign::Unsigned, level, 3), [3], "{level:#x}");
    }
    assert_eq!(accepted(Sign::Signed, 15, 3), [3]);
}

#[test]
fn each_pair_of_levels_is_as_in_c_for_each_rule() {
    let rules = EXACT.map(SafeValue::Exact).into_iter().chain(COMPARING);
    for rule in rules {
        for sign in SIGNS {
            for shift in [0, 1, 28, 31, 60] {
                let field = [nibble(shift, sign, rule)];
                for new in 0..16 {
                    for limit in 0..16 {
                        // With the other bits clear, and with all of them set.
                        for others in [0, !field[0].mask()] {
                            let new = new << shift | others;
                            let limit = limit << shift | others;
                            assert_eq!(
                                write(new, limit, u64::MAX, &field),
                                c_check(new, limit, u64::MAX, &field),
                                "{new:#x}, {limit:#x}, {field:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn limit_itself_is_safe_by_every_rule() {
    for rule in EXACT.map(SafeValue::Exact).into_iter().chain(COMPARING) {
        for sign in SIGNS {
            for level in 0..16 {
                let field = [nibble(8, sign, rule)];
                let value = level << 8;
                for writable in [0, 0xf00, u64::MAX] {
                    assert_eq!(write(value, value, writable, &field), Ok(()), "{field:?}");
                }
            }
        }
    }
}

#[test]
fn field_cannot_be_changed_if_one_of_its_bits_is_missing() {
    for rule in COMPARING.into_iter().chain([SafeValue::Exact(2)]) {
        let field = [nibble(16, Sign::Unsigned, rule)];
        for writable in 0..15 {
            for (new, limit) in (0..16).flat_map(|new| (0..16).map(move |limit| (new, limit))) {
                let same = if new == limit { Ok(()) } else { Err(E2BIG) };
                let written = |other| write(new << 16, limit << 16, writable << 16 | other, &field);
                assert_eq!(written(0), same, "{new}, {limit}, {writable:#x}");
                assert_eq!(written(!field[0].mask()), same, "{new}, {limit}");
            }
        }
    }
}

#[test]
fn field_can_be_changed_if_just_its_bits_are_writable() {
    let field = [nibble(16, Sign::Unsigned, SafeValue::LowerSafe)];
    assert_eq!(write(0x2_0000, 0x3_0000, 0xf_0000, &field), Ok(()));
    assert_eq!(write(0x4_0000, 0x3_0000, 0xf_0000, &field), Err(E2BIG));
}

#[test]
fn bits_outside_all_fields_equal_the_limit() {
    let field = [nibble(20, Sign::Unsigned, SafeValue::LowerSafe)];
    for limit in [0xf0_0000, u64::MAX] {
        for bit in 0..64 {
            let in_field = (20..24).contains(&bit);
            let expected = if in_field { Ok(()) } else { Err(E2BIG) };
            for writable in [0xf0_0000, u64::MAX] {
                let changed = limit ^ 1 << bit;
                assert_eq!(write(changed, limit, writable, &field), expected, "{bit}");
                assert_eq!(write(changed, limit, writable, &[]), Err(E2BIG), "{bit}");
            }
        }
        assert_eq!(write(limit, limit, u64::MAX, &[]), Ok(()));
    }
}

#[test]
fn one_unsafe_field_is_enough() {
    let rule = SafeValue::LowerSafe;
    let fields: Vec<_> = (0..64)
        .step_by(4)
        .map(|shift| nibble(shift, Sign::Unsigned, rule))
        .collect();
    let limit = 0x5555_5555_5555_5555;
    assert_eq!(write(0, limit, u64::MAX, &fields), Ok(()));
    for field in &fields {
        let above = 6 << field.shift;
        assert_eq!(write(above, limit, u64::MAX, &fields), Err(E2BIG));
    }
}

#[test]
fn register_that_reads_as_zero_accepts_only_zero() {
    let fields = || std::iter::from_fn(|| -> Option<FeatureField> { panic!("looked at") });
    assert_eq!(FeatureRegister::Raz.decide(0, || Some(fields())), Ok(()));
    for bit in 0..64 {
        for value in [1 << bit, u64::MAX << bit, u64::MAX >> bit] {
            assert_eq!(
                FeatureRegister::Raz.decide(value, || Some(fields())),
                Err(Reject::UnsafeValue),
                "{value:#x}"
            );
        }
    }
}

#[test]
fn overlapping_fields_are_each_checked() {
    // At most the limit's and at least the limit's: bits 3:2 are in both.
    let low = nibble(0, Sign::Unsigned, SafeValue::LowerSafe);
    let high = nibble(2, Sign::Unsigned, SafeValue::HigherSafe);
    let limit = 0b01_10_10;
    for value in 0..64 {
        let expected = value % 16 <= 10 && value / 4 >= 6;
        let written = write(value, limit, u64::MAX, &[low, high]);
        assert_eq!(written.is_ok(), expected, "{value:#b}");
        // If one of them is not writable, the bits of the other one still are.
        let written = write(value, limit, 0xf, &[low, high]);
        let expected = value % 16 <= 10 && value / 16 == 1;
        assert_eq!(written.is_ok(), expected, "{value:#b}");
    }
}

#[test]
fn field_of_32_bits_is_compared_as_an_int() {
    // As in C, where 0xffff_ffff is -1 even without a sign.
    for sign in SIGNS {
        let field = FeatureField {
            field: Field::new(0, 32, sign).unwrap(),
            rule: SafeValue::LowerSafe,
        };
        let register = |limit| FeatureRegister::Limited {
            limit,
            writable: u64::MAX,
        };
        assert_eq!(register(0).decide(0xffff_ffff, || Some([field])), Ok(()));
        let refused = register(0xffff_ffff).decide(0, || Some([field]));
        assert_eq!(refused, Err(Reject::UnsafeValue));
    }
}

#[test]
fn field_of_more_than_32_bits_is_compared_by_the_lower_ones() {
    // As in C, where levels are ints: both values are the same level, so the value is accepted.
    for rule in COMPARING.into_iter().chain(EXACT.map(SafeValue::Exact)) {
        let field = FeatureField {
            field: Field::new(0, 40, Sign::Unsigned).unwrap(),
            rule,
        };
        let register = FeatureRegister::Limited {
            limit: 0x3,
            writable: u64::MAX,
        };
        assert_eq!(
            register.decide(0xff_0000_0003, || Some([field])),
            Ok(()),
            "{rule:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_write_is_as_in_c(
        (fields, limit, value) in registers(),
        writable in any_writable(),
    ) {
        let expected = c_check(value, limit, writable, &fields);
        prop_assert_eq!(write(value, limit, writable, &fields), expected);
        prop_assert_eq!(write(limit, limit, writable, &fields), Ok(()));
    }

    #[test]
    fn one_changed_field_is_as_in_c(
        fields in sixteen_fields(),
        limit: u64,
        level in 0..16u64,
        which in 0..16usize,
        writable in any_writable(),
    ) {
        // Only one field decides; the others have the limit's level.
        let mask = 0xf << (4 * which);
        let value = limit & !mask | level << (4 * which);
        let expected = c_check(value, limit, writable, &fields);
        prop_assert_eq!(write(value, limit, writable, &fields), expected);
    }

    #[test]
    fn order_of_fields_does_not_matter(
        ((ordered, limit, value), shuffled) in registers()
            .prop_flat_map(|all| (Just(all.clone()), Just(all.0).prop_shuffle())),
        writable in any_writable(),
    ) {
        let expected = write(value, limit, writable, &ordered);
        prop_assert_eq!(write(value, limit, writable, &shuffled), expected);
    }

    #[test]
    fn lower_levels_are_safe_and_the_way_back_is_not(a: u64, b: u64) {
        let rule = SafeValue::LowerSafe;
        let fields: Vec<_> =
            (0..64).map(|shift| Ftr { shift, width: 1, sign: Sign::Unsigned, rule }).collect();
        prop_assert_eq!(write(a & b, a, u64::MAX, &fields), Ok(()));
        prop_assert_eq!(write(a, a & b, u64::MAX, &fields).is_ok(), a & !b == 0);
    }
}
