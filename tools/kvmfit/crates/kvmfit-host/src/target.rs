// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A value that is measured: a register or an attribute of an interrupt controller.

use crate::backend::Errno;
use crate::error::Error;

pub(crate) trait Target {
    /// How many hexadecimal digits the value has.
    fn digits(&self) -> usize;
    fn read(&mut self) -> Result<u64, Errno>;
    fn write(&mut self, value: u64) -> Result<(), Errno>;
    /// Begins anew, with another scratch VM.
    fn renew(&mut self) -> Result<(), Error>;
    /// Whether it may change by a refused write, or be accepted and not be what was written when
    /// the old value is put back.
    fn is_sticky(&self) -> bool {
        false
    }
}

/// What happened to a written value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was accepted, and this was read back.
    Reads(u64),
    Refused(Errno),
}

/// Writes `value`, reads it back, and puts `new` back.
pub(crate) fn attempt(target: &mut dyn Target, value: u64, new: u64) -> Result<Outcome, Error> {
    let outcome = match target.write(value) {
        Ok(()) => match target.read() {
            Ok(reads) => Outcome::Reads(reads),
            // Nothing is known that takes a value and then cannot be read.
            Err(errno) => Outcome::Refused(errno),
        },
        Err(errno) => Outcome::Refused(errno),
    };
    let changed = match outcome {
        Outcome::Reads(reads) => reads != new,
        Outcome::Refused(_) => target.is_sticky() && target.read() != Ok(new),
    };
    if changed && (target.write(new).is_err() || target.is_sticky() && target.read() != Ok(new)) {
        target.renew()?;
    }
    Ok(outcome)
}
