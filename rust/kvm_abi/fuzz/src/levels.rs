// SPDX-License-Identifier: GPL-2.0

//! Fields as numbers, and registers of sixteen fields; the rules use numbers of 128 bits.

use kvm_abi::{
    FeatureLevel,
    FeatureLevels,
    Field,
    FieldIndex,
    FieldMask,
    Promise,
    RanOnce,
    Reject,
    Sign, //
};

use crate::Input;

/// Returns the number in the `width` bits of a register from bit `shift` on.
pub(crate) fn number(register: u64, shift: u8, width: u8, sign: Sign) -> i128 {
    let bits = i128::from(register) / (1 << shift) % (1 << width);
    if sign == Sign::Signed && bits >= 1 << (width - 1) {
        bits - (1 << width)
    } else {
        bits
    }
}

/// Returns the number as an `int` of C: the lower 32 bits, with a sign.
pub(crate) fn as_int(number: i128) -> i32 {
    let low = number.rem_euclid(1 << 32);
    let value = if low >= 1 << 31 { low - (1 << 32) } else { low };
    i32::try_from(value).expect("that are 32 bits")
}

fn field(input: &mut Input<'_>) {
    let (shift, width) = (input.small() as u8, input.small() as u8);
    let sign = input.one_of(&[Sign::Signed, Sign::Unsigned]);
    let exists = width > 0 && u32::from(shift) + u32::from(width) <= 64;
    let field = Field::new(shift, width, sign);
    assert_eq!(field.is_some(), exists, "{shift}, {width}");
    let Some(field) = field else { return };

    assert_eq!((field.shift(), field.width()), (shift, width));
    let mask: u64 = (shift..shift + width).map(|bit| 1 << bit).sum();
    assert_eq!(field.mask(), mask, "{field:?}");
    let register = input.near(&[0, 1 << 63, !0, 0x7fff_ffff, 0x8000_0000]);
    let level = field.level(register);
    let expected = as_int(number(register, shift, width, sign));
    assert_eq!(level.get(), expected, "{field:?} of {register:#x}");
    assert_eq!(level.is_absent(), expected < 0);
    assert_eq!(FeatureLevel::new(expected), level);
}

/// Returns the sixteen levels of a register.
fn of(register: u64, is_signed: impl Fn(u8) -> bool) -> [i128; 16] {
    std::array::from_fn(|index| {
        let sign = match is_signed(index as u8) {
            true => Sign::Signed,
            false => Sign::Unsigned,
        };
        number(register, 4 * index as u8, 4, sign)
    })
}

fn compare(input: &mut Input<'_>) {
    let bits = input.u64();
    // Often only one level apart.
    let limit_bits = input.near(&[bits, bits, 0, !0]);
    let (value, limit) = (
        FeatureLevels::from_bits(bits),
        FeatureLevels::from_bits(limit_bits),
    );
    let chosen = input.u16();
    let signed = FieldIndex::all()
        .zip(0..)
        .filter(|(_, index)| chosen >> index & 1 != 0)
        .fold(FieldMask::EMPTY, |mask, (field, _)| {
            mask.union(FieldMask::of(field))
        });

    let above = |signed: u16| -> u64 {
        let [value, limit] = [bits, limit_bits].map(|reg| of(reg, |i| signed >> i & 1 != 0));
        (0..16)
            .filter(|i| value[*i] > limit[*i])
            .map(|i| 0xf << (4 * i))
            .sum()
    };
    let context = format!("{bits:#x}, {limit_bits:#x}, {chosen:#x}");
    let exceeding = value.exceeding(limit, signed);
    assert_eq!(exceeding.bits(), above(chosen), "{context}");
    assert_eq!(exceeding.is_empty(), above(chosen) == 0);
    for (field, i) in FieldIndex::all().zip(0..) {
        let is_above = above(chosen) >> (4 * i) & 1 != 0;
        assert_eq!(exceeding.contains(field), is_above, "{context}, {i}");
    }

    // A write to a register of a host that has `limit`, in a VM that has not run.
    let [promised, host] = [bits, limit_bits].map(|reg| of(reg, |_| true));
    let write = if (0..16).all(|i| promised[i] <= host[i].max(0)) {
        Ok(value)
    } else {
        Err(Reject::AboveHost)
    };
    let decided = Promise::NONE.decide(bits, limit, RanOnce::No);
    assert_eq!(decided, write, "{context}");
}

fn change(input: &mut Input<'_>) {
    let (bits, level) = (input.u64(), input.small() as i32);
    let index = input.u8();
    let field = FieldIndex::new(index);
    assert_eq!(field.is_some(), index < 16, "{index}");
    let Some(field) = FieldIndex::new(index % 16) else {
        panic!("a register has sixteen fields");
    };

    let before = FeatureLevels::from_bits(bits);
    let after = before.with(field, FeatureLevel::new(level));
    let mut expected = of(bits, |_| true);
    let kept = i128::from(level).rem_euclid(16);
    expected[usize::from(index % 16)] = if kept > 7 { kept - 16 } else { kept };
    let levels = FieldIndex::all().map(|field| i128::from(after.level(field).get()));
    assert!(levels.eq(expected), "{bits:#x}, {index}, {level}");
    assert!(of(after.bits(), |_| true) == expected);
}

pub(crate) fn run(input: &mut Input<'_>) {
    field(input);
    compare(input);
    change(input);
}
