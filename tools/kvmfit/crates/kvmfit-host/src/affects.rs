// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What changes in other registers when a digit of an ID register is lowered.
//!
//! What leaves the list and what reads another value is measured for each digit. What other
//! registers take is measured once with all digits lowered, and for those that differ then the
//! digit is found by bisection.

use std::collections::BTreeMap;

use kvmfit::dump::{Affects, RegTakes, Register};
use kvmfit::id::RegId;
use kvmfit::state::Reg;
use kvmfit::takes::{nibble, Takes, DIGITS};
use kvmfit::value::Value;

use crate::digits::with_digit;
use crate::error::Error;
use crate::measure::{measured, same, takes, Depth};
use crate::meter::Meter;
use crate::session::Session;

/// A digit of a register, and a value that it takes instead of the one of a new vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digit {
    id: RegId,
    n: usize,
    value: u8,
}

pub(crate) fn measure(
    session: &mut Session<'_>,
    registers: &[Register],
    what: &str,
    lacks: &mut Vec<String>,
    meter: &mut Meter<'_>,
) -> Result<Vec<Affects>, Error> {
    let new: BTreeMap<RegId, u64> = registers
        .iter()
        .filter(|register| measured(register.id))
        .filter(|register| register.id.size().is_some_and(|size| size <= 8))
        .filter_map(|register| Some((register.id, register.value.as_u64()?)))
        .collect();
    let list = session.vm.list(0).map_err(|errno| Error::call("KVM_GET_REG_LIST", errno))?;
    let digits = lowest(registers);
    let mut found: Vec<Affects> = Vec::new();
    for (step, &digit) in digits.iter().enumerate() {
        meter.step(what, step, 2 * digits.len());
        let affects = seen(session, digit, &new, &list)?;
        if affects.hides.is_empty() && affects.changes.is_empty() {
            continue;
        }
        found.push(affects);
        // Where the lowest value shows an effect, the others may or may not.
        for value in others(registers, digit) {
            let affects = seen(session, Digit { value, ..digit }, &new, &list)?;
            if !affects.hides.is_empty() || !affects.changes.is_empty() {
                found.push(affects);
            }
        }
    }

    // What registers take with all digits lowered.
    session.also = lower(session, &digits, &new)?;
    let mut differing = Vec::new();
    for (step, register) in registers.iter().enumerate() {
        meter.step(what, registers.len() + step, 2 * registers.len());
        if changed_takes(session, register)?.is_some() {
            differing.push(register);
        }
    }
    for register in differing {
        let suspects: Vec<Digit> =
            digits.iter().copied().filter(|digit| digit.id != register.id).collect();
        let mut culprits = Vec::new();
        bisect(session, register, &suspects, &new, &mut culprits)?;
        if culprits.is_empty() {
            lacks.push(format!(
                "{what}: what {} takes depends on more than one digit of other registers",
                register.id
            ));
        }
        for digit in culprits {
            for value in others(registers, digit).chain([digit.value]) {
                let digit = Digit { value, ..digit };
                session.also = lower(session, &[digit], &new)?;
                let Some(takes) = changed_takes(session, register)? else { continue };
                let entry = found.iter().position(|affects| is(affects, digit));
                let entry = entry.unwrap_or_else(|| {
                    found.push(named(digit));
                    found.len() - 1
                });
                found[entry].takes.push(RegTakes { id: register.id, takes });
            }
        }
    }
    clean(session, &new)?;
    found.sort_by_key(|affects| (affects.id, affects.digit, affects.value));
    Ok(found)
}

#[allow(clippy::cast_possible_truncation)] // at most 15
fn named(digit: Digit) -> Affects {
    Affects::new(digit.id, digit.n as u8, digit.value)
}

fn is(affects: &Affects, digit: Digit) -> bool {
    affects.id == digit.id && usize::from(affects.digit) == digit.n && affects.value == digit.value
}

/// Every digit of an ID register that takes more than one value, with the lowest of them, or, if
/// a new vCPU has that, the highest.
fn lowest(registers: &[Register]) -> Vec<Digit> {
    let mut lowest = Vec::new();
    for register in registers {
        let (Some(Takes::Digits(digits)), Some(new)) = (&register.takes, register.value.as_u64())
        else {
            continue;
        };
        if register.id.encoding().is_none() || !measured(register.id) {
            continue;
        }
        for n in 0..DIGITS {
            let mut values = digits.digit(n).values().filter(|&value| {
                let stored =
                    |s: &kvmfit::takes::Stored| usize::from(s.digit) == n && s.value == value;
                !digits.stored.iter().any(stored)
            });
            let now = nibble(new, n);
            let (first, last) = (values.next(), values.next_back());
            if let Some(value) = first.filter(|&v| v != now).or(last.filter(|&v| v != now)) {
                lowest.push(Digit { id: register.id, n, value });
            }
        }
    }
    lowest
}

/// The values that a digit takes, but for its own and that of `digit`.
fn others(registers: &[Register], digit: Digit) -> impl Iterator<Item = u8> {
    let register = registers.iter().find(|register| register.id == digit.id);
    let takes = register.and_then(|register| register.takes.as_ref());
    let new = register.and_then(|register| register.value.as_u64()).unwrap_or(0);
    let set = match takes {
        Some(Takes::Digits(digits)) => digits.digit(digit.n),
        _ => kvmfit::takes::DigitSet(0),
    };
    let values: Vec<u8> = set.values().collect();
    values.into_iter().filter(move |&value| value != digit.value && value != nibble(new, digit.n))
}

/// What is seen of a digit in other registers.
fn seen(
    session: &mut Session<'_>,
    digit: Digit,
    new: &BTreeMap<RegId, u64>,
    list: &[RegId],
) -> Result<Affects, Error> {
    let mut affects = named(digit);
    let Some(&before) = new.get(&digit.id) else { return Ok(affects) };
    if session.vm.set64(0, digit.id, with_digit(before, digit.n, digit.value)).is_err() {
        return Ok(affects);
    }
    if let Ok(now) = session.vm.list(0) {
        affects.hides = list.iter().copied().filter(|id| !now.contains(id)).collect();
    }
    for (&id, &before) in new.iter().filter(|(&id, _)| id != digit.id) {
        match session.vm.get64(0, id) {
            Ok(now) if now != before => affects.changes.push(Reg::new(id, Value::from(now))),
            _ => {}
        }
    }
    let back = session.vm.set64(0, digit.id, before);
    let ids: Vec<RegId> = new.keys().copied().collect();
    if back.is_err() || session.values(&ids) != *new {
        session.renew()?;
    }
    Ok(affects)
}

/// Undoes what was lowered.
fn clean(session: &mut Session<'_>, new: &BTreeMap<RegId, u64>) -> Result<(), Error> {
    for (id, _) in std::mem::take(&mut session.also) {
        if let Some(&before) = new.get(&id) {
            // Refused it shows below.
            let _ = session.vm.set64(0, id, before);
        }
    }
    let ids: Vec<RegId> = new.keys().copied().collect();
    if session.values(&ids) == *new {
        return Ok(());
    }
    session.renew()
}

/// A VM as new with these digits lowered: the values that it takes together.
fn lower(
    session: &mut Session<'_>,
    digits: &[Digit],
    new: &BTreeMap<RegId, u64>,
) -> Result<Vec<(RegId, u64)>, Error> {
    clean(session, new)?;
    let mut values: BTreeMap<RegId, u64> = BTreeMap::new();
    for digit in digits {
        let Some(&before) = new.get(&digit.id) else { continue };
        let now = values.get(&digit.id).copied().unwrap_or(before);
        let lowered = with_digit(now, digit.n, digit.value);
        // Digits that do not go together stay as they are.
        if session.vm.set64(0, digit.id, lowered).is_ok() {
            values.insert(digit.id, lowered);
        }
    }
    Ok(values.into_iter().collect())
}

/// What a register takes in the session's VM, if that differs from what it takes in a new one.
fn changed_takes(session: &mut Session<'_>, register: &Register) -> Result<Option<Takes>, Error> {
    let Some(before) = register.takes.as_ref().filter(|_| measured(register.id)) else {
        return Ok(None);
    };
    let own = register.value.as_u64();
    // Its own digits have to be as new.
    let lowered = session.also.iter().position(|&(id, _)| id == register.id);
    let lowered = lowered.map(|n| session.also.remove(n));
    if let (Some(_), Some(own)) = (lowered, own) {
        if session.vm.set64(0, register.id, own).is_err() {
            session.renew()?;
        }
    }
    let mut bytes = vec![0; register.id.size().unwrap_or(0)];
    let changed = match session.vm.get(0, register.id, &mut bytes) {
        Ok(()) => {
            let value = Value::from_le_bytes(&bytes).unwrap_or(Value::from(0));
            let now = takes(session, register.id, &value, Depth::Alone)?;
            if same(before, &now) {
                None
            } else {
                Some(takes(session, register.id, &value, Depth::Combined)?)
            }
        }
        // Not there now, which is known.
        Err(_) => None,
    };
    if let Some((id, value)) = lowered {
        session.also.push((id, value));
        if session.vm.set64(0, id, value).is_err() {
            session.renew()?;
        }
    }
    Ok(changed)
}

/// Finds the digits of `suspects` that change, each alone, what `register` takes.
fn bisect(
    session: &mut Session<'_>,
    register: &Register,
    suspects: &[Digit],
    new: &BTreeMap<RegId, u64>,
    culprits: &mut Vec<Digit>,
) -> Result<(), Error> {
    if suspects.is_empty() {
        return Ok(());
    }
    session.also = lower(session, suspects, new)?;
    if changed_takes(session, register)?.is_none() {
        return Ok(());
    }
    if let [digit] = suspects {
        culprits.push(*digit);
        return Ok(());
    }
    let (a, b) = suspects.split_at(suspects.len() / 2);
    bisect(session, register, a, new, culprits)?;
    bisect(session, register, b, new, culprits)
}
