// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Why a file could not be read.

use alloc::string::String;
use core::fmt;

use crate::state::Format;

/// A file could not be read: what is wrong, where, and what to do, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadError {
    /// The format that the file seemed to have.
    pub format: Option<Format>,
    /// Where the problem is.
    pub place: Place,
    /// What is wrong.
    pub problem: Problem,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line and a column of a text, both from 1.
    Line {
        /// The line.
        line: usize,
        /// The column, or 0 for the whole line.
        column: usize,
    },
    /// The offset of a byte.
    Offset(u64),
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text does not have the form that it should have.
    #[error("{0}")]
    Malformed(String),
    /// The file ends too early.
    #[error("the file ends in the middle of {0}: copy it again")]
    Truncated(&'static str),
    /// The format has a version that this program does not read.
    #[error("it has version {found}, and this program reads {reads}: use a newer kvmfit")]
    Version {
        /// The version of the file.
        found: u64,
        /// The version that is read.
        reads: u32,
    },
    /// The file is larger than any good one.
    #[error("it has {size} bytes, and at most {limit} are read")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The file has more of something than any good one.
    #[error("it has more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The file has no known format.
    #[error(
        "unknown format: give a dump or a state of kvmfit, a fingerprint, CPU template or output of \
         `snapshot-editor info-vmstate vcpu-states` of Firecracker, state.json of \
         cloud-hypervisor, or a migration stream of QEMU"
    )]
    Unknown,
    /// The file is of another use than the one that is asked for.
    #[error("it is a {found}, and {wanted} is needed here")]
    Wrong {
        /// What it is.
        found: Format,
        /// What is needed.
        wanted: &'static str,
    },
    /// The system could not read it.
    #[error("{0}")]
    Io(String),
}

impl ReadError {
    pub(crate) fn new(format: impl Into<Option<Format>>, place: Place, problem: Problem) -> Self {
        Self { format: format.into(), place, problem }
    }

    pub(crate) fn malformed(format: Format, place: Place, text: impl Into<String>) -> Self {
        Self::new(format, place, Problem::Malformed(text.into()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line { line, column: 0 } => write!(f, "line {line}: "),
            Self::Line { line, column } => write!(f, "line {line}, column {column}: "),
            Self::Offset(offset) => write!(f, "offset {offset:#x}: "),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if let Some(format) = self.format {
            write!(f, "{format}: ")?;
        }
        // One line, whatever a file made of a message.
        for c in alloc::format!("{}", self.problem).chars() {
            write!(f, "{}", if c.is_control() { '\u{fffd}' } else { c })?;
        }
        Ok(())
    }
}

impl core::error::Error for ReadError {}
