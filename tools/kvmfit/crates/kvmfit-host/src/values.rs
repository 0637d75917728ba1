// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Registers that take a few values: firmware registers and vector lengths.

use std::collections::BTreeSet;

use kvmfit::takes::{nibble, Values};
use kvmfit::value::Hex;

use crate::backend::EINVAL;
use crate::error::Error;
use crate::target::{attempt, Outcome, Target};

/// With more accepted values than this a register is measured digit by digit.
const MOST: usize = 64;

/// The accepted values that are among `seeds`, or one digit away from another accepted value, or
/// `None` if there are too many.
pub(crate) fn measure(
    target: &mut dyn Target,
    new: u64,
    seeds: impl IntoIterator<Item = u64>,
) -> Result<Option<Values>, Error> {
    let mut tried = BTreeSet::new();
    let mut accepted = BTreeSet::new();
    let mut errno = None;
    let mut waiting: Vec<u64> = [new].into_iter().chain(seeds).collect();
    while let Some(value) = waiting.pop() {
        if !tried.insert(value) {
            continue;
        }
        match attempt(target, value, new)? {
            Outcome::Refused(refused) => {
                errno.get_or_insert(refused.0);
            }
            Outcome::Reads(_) => {
                accepted.insert(value);
                if accepted.len() > MOST {
                    return Ok(None);
                }
                waiting.extend(neighbours(value, target.digits()));
            }
        }
    }
    Ok(Some(Values {
        values: accepted.into_iter().map(Hex).collect(),
        errno: errno.unwrap_or(EINVAL),
        refused: Vec::new(),
        complete: true,
    }))
}

/// What of `candidates` is accepted; nothing is known of other values.
pub(crate) fn measure_only(
    target: &mut dyn Target,
    new: u64,
    candidates: &BTreeSet<u64>,
) -> Result<Values, Error> {
    let mut values =
        Values { values: Vec::new(), errno: EINVAL, refused: Vec::new(), complete: false };
    for &value in candidates {
        match attempt(target, value, new)? {
            Outcome::Reads(_) => values.values.push(Hex(value)),
            Outcome::Refused(errno) => {
                if values.refused.is_empty() {
                    values.errno = errno.0;
                }
                values.refused.push(Hex(value));
            }
        }
    }
    Ok(values)
}

/// The values that differ from `value` in one digit.
fn neighbours(value: u64, digits: usize) -> impl Iterator<Item = u64> {
    (0..digits).flat_map(move |n| {
        (0..16u64)
            .filter(move |&digit| digit != u64::from(nibble(value, n)))
            .map(move |digit| value & !(15 << (4 * n)) | digit << (4 * n))
    })
}
