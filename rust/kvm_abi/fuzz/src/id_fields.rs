// SPDX-License-Identifier: GPL-2.0

//! Writes to ID registers.
//!
//! A host can give a value if each bit either is the host's, or belongs to a writable field with a
//! safe level. `arch/arm64/include/asm/cpufeature.h` describes the safe levels of each kind of
//! field.

use std::ops::Range;

use kvm_abi::{
    FeatureField,
    FeatureRegister,
    Field,
    Reject,
    SafeValue,
    Sign, //
};

use crate::{
    levels::{
        as_int,
        number, //
    },
    Input, //
};

/// Returns whether a guest may see the level `new` on a host with the level `host`.
fn is_safe(rule: SafeValue, new: i64, host: i64) -> bool {
    match rule {
        _ if new == host => true,
        SafeValue::Exact(level) => new == level,
        SafeValue::LowerSafe => new < host,
        SafeValue::HigherSafe => new > host,
        // Zero is the highest level.
        SafeValue::HigherOrZeroSafe => new == 0 || host != 0 && new > host,
    }
}

/// A field and its sign, which the field does not expose.
struct Known {
    field: Field,
    sign: Sign,
    rule: SafeValue,
}

impl Known {
    fn bits(&self) -> Range<u8> {
        self.field.shift()..self.field.shift() + self.field.width()
    }

    fn level(&self, register: u64) -> i64 {
        let number = number(register, self.field.shift(), self.field.width(), self.sign);
        as_int(number).into()
    }

    fn is_writable(&self, writable: u64) -> bool {
        self.bits().all(|bit| writable >> bit & 1 == 1)
    }
}

/// Returns fields that do not overlap, from the lowest bit on.
fn fields(input: &mut Input<'_>) -> Vec<Known> {
    let mut fields = Vec::new();
    let mut shift = input.u8() % 8;
    while input.has_more() {
        let width = input.one_of(&[4, 4, 4, 1, 2, 8, 33, 64]);
        let sign = input.one_of(&[Sign::Signed, Sign::Unsigned]);
        let Some(field) = Field::new(shift, width, sign) else {
            break;
        };
        let rule = match input.u8() % 4 {
            0 => SafeValue::Exact(input.small() as i64),
            1 => SafeValue::LowerSafe,
            2 => SafeValue::HigherSafe,
            _ => SafeValue::HigherOrZeroSafe,
        };
        fields.push(Known { field, sign, rule });
        shift += width + input.one_of(&[0, 0, 0, 4]);
    }
    fields
}

pub(crate) fn run(input: &mut Input<'_>) {
    let limit = input.u64();
    let value = input.near(&[limit, limit, 0]);
    let raz = input.u8() == 0;
    let mut writable = input.near(&[!0, !0, 0, 0xf0]);
    let fixed = usize::from(input.u8());
    let fields = fields(input);
    // Mostly whole fields; sometimes userspace cannot change one of them.
    if let Some(fixed) = fields.get(fixed) {
        writable &= !fixed.field.mask();
    }

    let is_fine = |bit: u8| match fields.iter().find(|field| field.bits().contains(&bit)) {
        _ if value >> bit & 1 == limit >> bit & 1 => true,
        Some(field) => {
            field.is_writable(writable)
                && is_safe(field.rule, field.level(value), field.level(limit))
        }
        None => false,
    };
    let (register, accepted) = if raz {
        (FeatureRegister::Raz, value == 0)
    } else {
        let register = FeatureRegister::Limited { limit, writable };
        (register, (0..64).all(is_fine))
    };
    let expected = if accepted {
        Ok(())
    } else {
        Err(Reject::UnsafeValue)
    };

    let fields = fields.iter().map(|known| FeatureField {
        field: known.field,
        rule: known.rule,
    });
    let decided = register.decide(value, || Some(fields.clone()));
    assert_eq!(
        decided,
        expected,
        "{value:#x} to {register:#x?} of {:#x?}",
        fields.collect::<Vec<_>>()
    );
}
