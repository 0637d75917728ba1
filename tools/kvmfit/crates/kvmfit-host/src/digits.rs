// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Registers of fields: what each hexadecimal digit takes.

use kvmfit::takes::{nibble, DigitSet, Digits, Errno as Errnos, Stored, Takes, Tried, DIGITS};

use crate::backend::EINVAL;
use crate::conflicts;
use crate::error::Error;
use crate::target::{attempt, Outcome, Target};

/// How many random combinations of accepted digits are written.
const COMBINATIONS: usize = 24;
/// How many random combinations with one refused digit are written.
const REFUSALS: usize = 16;
/// A dump lists this many combinations of a register whose digits depend on each other.
const MOST_TRIED: usize = 256;

/// Random numbers that are the same in each run (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// One of the values of `set`.
    pub(crate) fn of(&mut self, set: DigitSet) -> Option<u8> {
        let values: Vec<u8> = set.values().collect();
        let index = self.next() % values.len().max(1) as u64;
        usize::try_from(index).ok().and_then(|index| values.get(index).copied())
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}

/// `value` with digit `n` replaced.
pub(crate) fn with_digit(value: u64, n: usize, digit: u8) -> u64 {
    value & !(15 << (4 * n)) | u64::from(digit) << (4 * n)
}

/// What each digit takes while the others are those of `new`.
pub(crate) fn alone(target: &mut dyn Target, new: u64) -> Result<Digits, Error> {
    let mut measured = Digits::only(new, EINVAL);
    let mut errnos = [None; DIGITS];
    for n in 0..target.digits() {
        let mut accepted = DigitSet::only(nibble(new, n));
        for digit in (0..16).filter(|&digit| digit != nibble(new, n)) {
            let value = with_digit(new, n, digit);
            match attempt(target, value, new)? {
                Outcome::Reads(reads) => {
                    accepted = accepted.with(digit);
                    if reads != value {
                        #[allow(clippy::cast_possible_truncation)] // at most 15
                        measured.stored.push(Stored { digit: n as u8, value: digit, reads });
                    }
                }
                Outcome::Refused(errno) => {
                    errnos[DIGITS - 1 - n].get_or_insert(errno.0);
                }
            }
        }
        measured.digits[DIGITS - 1 - n] = accepted;
    }
    let first = errnos.iter().rev().flatten().next().copied().unwrap_or(EINVAL);
    measured.errno = if errnos.iter().flatten().all(|&errno| errno == first) {
        Errnos::One(first)
    } else {
        Errnos::Each(errnos.map(|errno| errno.unwrap_or(first)))
    };
    Ok(measured)
}

/// What each digit takes, and whether they decide independently.
pub(crate) fn measure(target: &mut dyn Target, new: u64, seed: u64) -> Result<Digits, Error> {
    let mut measured = alone(target, new)?;
    let count = target.digits();
    let free: Vec<usize> = (0..count).filter(|&n| measured.digit(n).0.count_ones() > 1).collect();
    if free.is_empty() {
        return Ok(measured);
    }
    let mut random = Random(seed ^ new);
    let mut tried: Vec<Tried> = Vec::new();
    let mut independent = true;
    let mut attempts: Vec<u64> = Vec::new();
    let others = |n: usize| DigitSet(measured.digit(n).0 & !(1 << nibble(new, n)));
    // All pairs, each with a value that the digit takes.
    for (i, &a) in free.iter().enumerate() {
        for &b in &free[i + 1..] {
            let (Some(x), Some(y)) = (random.of(others(a)), random.of(others(b))) else { continue };
            attempts.push(with_digit(with_digit(new, a, x), b, y));
        }
    }
    // All at their lowest and at their highest, and anything between.
    if free.len() > 1 {
        for highest in [false, true] {
            attempts.push(free.iter().fold(new, |value, &n| {
                let mut values = measured.digit(n).values();
                let digit = if highest { values.next_back() } else { values.next() };
                with_digit(value, n, digit.unwrap_or(nibble(new, n)))
            }));
        }
        for _ in 0..COMBINATIONS {
            attempts.push(free.iter().fold(new, |value, &n| {
                match random.coin().then(|| random.of(measured.digit(n))).flatten() {
                    Some(digit) => with_digit(value, n, digit),
                    None => value,
                }
            }));
        }
    }
    // One that is refused, among others that are not.
    let closed: Vec<usize> = (0..count).filter(|&n| measured.digit(n) != DigitSet::ALL).collect();
    for &n in &closed {
        // The nearest value, which another digit may make good.
        let set = measured.digit(n);
        let above = set.values().next_back().map(|highest| highest + 1).filter(|&digit| digit < 16);
        let Some(digit) = above.or((0..16).find(|&digit| !set.has(digit))) else { continue };
        for &m in free.iter().filter(|&&m| m != n) {
            let mut values = others(m).values();
            if let Some(lowest) = values.next() {
                attempts.push(with_digit(with_digit(new, n, digit), m, lowest));
            }
        }
    }
    for _ in 0..REFUSALS {
        let Some(&n) = closed.get(index(&mut random, closed.len())) else { break };
        let Some(digit) = random.of(DigitSet(!measured.digit(n).0)) else { continue };
        let value = free.iter().filter(|&&m| m != n).fold(new, |value, &m| {
            match random.coin().then(|| random.of(measured.digit(m))).flatten() {
                Some(digit) => with_digit(value, m, digit),
                None => value,
            }
        });
        attempts.push(with_digit(value, n, digit));
    }
    for value in attempts {
        if value == new || tried.iter().any(|tried| tried.value == value) {
            continue;
        }
        let expected = measured_says(&measured, value, new);
        let outcome = attempt(target, value, new)?;
        let ok = matches!(outcome, Outcome::Reads(_));
        independent &= match outcome {
            Outcome::Reads(reads) => expected == Some(reads),
            Outcome::Refused(_) => expected.is_none(),
        };
        tried.push(Tried { value, ok });
    }
    measured.independent = independent;
    if !independent && !conflicts::measure(target, new, &tried, &mut measured, &mut random)? {
        tried.truncate(MOST_TRIED);
        measured.tried = tried;
    }
    Ok(measured)
}

fn index(random: &mut Random, len: usize) -> usize {
    usize::try_from(random.next() % len.max(1) as u64).unwrap_or(0)
}

/// What `value` would read back if digits were independent, or `None` if it would be refused.
pub(crate) fn measured_says(measured: &Digits, value: u64, new: u64) -> Option<u64> {
    use kvmfit::takes::Answer;
    match Takes::Digits(measured.clone()).accepts(value, new) {
        Answer::Yes => Some(value),
        Answer::Stores { reads } => Some(reads),
        _ => None,
    }
}
