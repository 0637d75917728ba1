// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Digits of a register that a host takes alone and not together.
//!
//! In a combination that is refused, digits are put back to those of a new vCPU as long as it
//! stays refused. For each digit of what is left it is measured with which values it stays so.
//! Random values then show whether that is all.

use kvmfit::takes::{nibble, Conflict, DigitSet, Digits, Tried, DIGITS};

use crate::digits::{measured_says, with_digit, Random};
use crate::error::Error;
use crate::target::{attempt, Outcome, Target};

/// A register with more conflicts is not understood.
const MOST: usize = 8;
/// How many random values are tried, of each conflict and at the end.
const VALUES: usize = 64;

/// Finds the conflicts that explain all that was tried and some more. If there are such,
/// `measured` has them and is independent but for them; if not, it is unchanged.
pub(crate) fn measure(
    target: &mut dyn Target,
    new: u64,
    tried: &[Tried],
    measured: &mut Digits,
    random: &mut Random,
) -> Result<bool, Error> {
    let mut known = Digits { independent: true, ..measured.clone() };
    let values: Vec<u64> = tried.iter().map(|tried| tried.value).collect();
    if !explain(target, new, &values, &mut known, random)? {
        return Ok(false);
    }
    let more: Vec<u64> = (0..VALUES).map(|_| some(&known, new, random)).collect();
    if !explain(target, new, &more, &mut known, random)? {
        return Ok(false);
    }
    // A conflict that was found later must not explain too much.
    if tried.iter().any(|tried| measured_says(&known, tried.value, new).is_some() != tried.ok) {
        return Ok(false);
    }
    *measured = known;
    Ok(true)
}

/// A value of accepted digits, of which about half are those of `new`.
fn some(known: &Digits, new: u64, random: &mut Random) -> u64 {
    (0..DIGITS).fold(new, |value, n| match random.coin().then(|| random.of(known.digit(n))) {
        Some(Some(digit)) => with_digit(value, n, digit),
        _ => value,
    })
}

/// Adds conflicts until `known` says of each value what the host says; false if that cannot be.
fn explain(
    target: &mut dyn Target,
    new: u64,
    values: &[u64],
    known: &mut Digits,
    random: &mut Random,
) -> Result<bool, Error> {
    for &value in values {
        let expected = measured_says(known, value, new);
        match attempt(target, value, new)? {
            Outcome::Reads(reads) if expected == Some(reads) => {}
            Outcome::Refused(_) if expected.is_none() => {}
            Outcome::Refused(errno) if known.conflicts.len() < MOST => {
                match conflict(target, new, value, errno.0, known, random)? {
                    Some(conflict) => known.conflicts.push(conflict),
                    None => return Ok(false),
                }
            }
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The conflict for which `value` is refused, of which each digit is accepted.
fn conflict(
    target: &mut dyn Target,
    new: u64,
    mut value: u64,
    errno: i32,
    known: &Digits,
    random: &mut Random,
) -> Result<Option<Conflict>, Error> {
    for n in 0..target.digits() {
        let back = with_digit(value, n, nibble(new, n));
        if back != value && refused(target, back, new)? {
            value = back;
        }
    }
    let mut conflict = Conflict { digits: [DigitSet::ALL; DIGITS], errno };
    for n in 0..target.digits() {
        // What is refused alone does not matter.
        let mut set = DigitSet(!known.digit(n).0).with(nibble(value, n));
        for digit in known.digit(n).values().filter(|&digit| digit != nibble(value, n)) {
            if refused(target, with_digit(value, n, digit), new)? {
                set = set.with(digit);
            }
        }
        conflict.digits[DIGITS - 1 - n] = set;
    }
    for _ in 0..VALUES {
        let all = (0..target.digits()).fold(value, |value, n| {
            let set = DigitSet(conflict.digits[DIGITS - 1 - n].0 & known.digit(n).0);
            random.of(set).map_or(value, |digit| with_digit(value, n, digit))
        });
        if !refused(target, all, new)? {
            return Ok(None);
        }
    }
    Ok(Some(conflict))
}

fn refused(target: &mut dyn Target, value: u64, new: u64) -> Result<bool, Error> {
    Ok(matches!(attempt(target, value, new)?, Outcome::Refused(_)))
}
