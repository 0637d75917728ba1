// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Reads what people have: dumps, fingerprints, templates, snapshots, migration streams.
//!
//! A file is hostile until it is read: sizes, counts and nesting are bounded, and a bad file is
//! a [`ReadError`] that says what is wrong, and where.

mod cloud_hypervisor;
mod firecracker;
mod own;
mod qemu;
mod vmstate;

use alloc::string::ToString;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::Deserialize;

use crate::dump::{alike, Dump};
use crate::error::{Place, Problem, ReadError};
use crate::state::{Format, State};
use crate::template::Template;
use crate::vmm;

pub use qemu::Stream;

/// The most bytes of a file that are read, except of a migration stream, where the VM's memory
/// is skipped.
pub const MAX_BYTES: usize = 64 << 20;

/// What a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Input {
    /// Its format.
    pub format: Format,
    /// What it has.
    pub content: Content,
}

/// What a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A host. A fingerprint of Firecracker is a host of which the values of a new VM are known,
    /// and not what it takes.
    Dump(Dump),
    /// A VM.
    State(State),
    /// A change of a VM.
    Template(Template),
}

impl Input {
    /// The state of a VM: that of the file, or of the new VM on the host that [`alike`] finds for
    /// [`vmm::PLANNED`].
    ///
    /// # Errors
    ///
    /// A template has no state; neither has a dump without VMs.
    pub fn into_state(self) -> Result<State, ReadError> {
        let wrong = Problem::Wrong { found: self.format, wanted: "the state of a VM, or a host" };
        match self.content {
            Content::State(state) => Ok(state),
            Content::Dump(dump) => match alike(&[&dump], None, &vmm::PLANNED).as_deref() {
                Ok([vm]) => {
                    let mut state = dump.new_vm(vm);
                    state.origin.format = self.format;
                    Ok(state)
                }
                _ => Err(ReadError::malformed(self.format, Place::File, "it has no VM")),
            },
            Content::Template(_) => Err(ReadError::new(None, Place::File, wrong)),
        }
    }

    /// The host.
    ///
    /// # Errors
    ///
    /// The file has no host.
    pub fn into_dump(self) -> Result<Dump, ReadError> {
        let wrong = Problem::Wrong { found: self.format, wanted: "a dump of a host" };
        match self.content {
            Content::Dump(dump) => Ok(dump),
            _ => Err(ReadError::new(None, Place::File, wrong)),
        }
    }
}

/// Reads a file of any known format.
///
/// ```
/// let error = kvmfit::read::read(b"{\"kvmfit_dump\": 7}").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "dump of kvmfit: it has version 7, and this program reads 1: use a newer kvmfit",
/// );
/// ```
///
/// # Errors
///
/// [`ReadError`], for a file that is not well formed or of no known format.
pub fn read(bytes: &[u8]) -> Result<Input, ReadError> {
    if qemu::is_stream(bytes) {
        let state = qemu::read(&mut qemu::Bytes(bytes))?;
        return Ok(Input { format: Format::Qemu, content: Content::State(state) });
    }
    if bytes.len() > MAX_BYTES {
        let (size, limit) = (bytes.len() as u64, MAX_BYTES as u64);
        return Err(ReadError::new(None, Place::File, Problem::TooLarge { size, limit }));
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => {}
        Some(b'v') => {
            let state = vmstate::read(bytes)?;
            let (format, content) = (Format::FirecrackerVmstate, Content::State(state));
            return Ok(Input { format, content });
        }
        Some(_) => return Err(ReadError::new(None, Place::File, Problem::Unknown)),
        None => {
            let empty = Problem::Malformed("the file is empty".to_string());
            return Err(ReadError::new(None, Place::File, empty));
        }
    }
    let keys: Keys = json(None, bytes)?;
    let (format, content) = if keys.kvmfit_dump.is_some() {
        (Format::Dump, Content::Dump(own::dump(bytes)?))
    } else if keys.kvmfit_state.is_some() {
        (Format::State, Content::State(own::state(bytes)?))
    } else if keys.guest_cpu_config.is_some() {
        (Format::FirecrackerFingerprint, Content::Dump(firecracker::fingerprint(bytes)?))
    } else if keys.reg_modifiers.is_some() || keys.vcpu_features.is_some() {
        (Format::FirecrackerTemplate, Content::Template(firecracker::template(bytes)?))
    } else if keys.snapshots.is_some() {
        (Format::CloudHypervisor, Content::State(cloud_hypervisor::read(bytes)?))
    } else {
        return Err(ReadError::new(None, Place::File, Problem::Unknown));
    };
    Ok(Input { format, content })
}

/// Reads a file of any known format. Of a migration stream it reads only its end: the VM's
/// memory can have any size.
///
/// # Errors
///
/// As [`read`], and what the system says.
#[cfg(feature = "std")]
pub fn read_file(path: &std::path::Path) -> Result<Input, ReadError> {
    use std::io::Read;

    let io =
        |error: std::io::Error| ReadError::new(None, Place::File, Problem::Io(error.to_string()));
    let mut file = std::fs::File::open(path).map_err(io)?;
    let mut start = alloc::vec::Vec::new();
    file.by_ref().take(qemu::START as u64).read_to_end(&mut start).map_err(io)?;
    if qemu::is_stream(&start) {
        let mut stream = qemu::File::new(file).map_err(io)?;
        let state = qemu::read(&mut stream)?;
        return Ok(Input { format: Format::Qemu, content: Content::State(state) });
    }
    let limit = MAX_BYTES as u64;
    file.take(limit + 1 - start.len() as u64).read_to_end(&mut start).map_err(io)?;
    read(&start)
}

/// Reads a migration stream of QEMU from where the caller has it.
///
/// # Errors
///
/// As [`read`], and what the stream says.
pub fn read_stream(stream: &mut impl Stream) -> Result<State, ReadError> {
    qemu::read(stream)
}

// The keys by which a format in JSON is known.
#[derive(Deserialize)]
struct Keys {
    kvmfit_dump: Option<IgnoredAny>,
    kvmfit_state: Option<IgnoredAny>,
    guest_cpu_config: Option<IgnoredAny>,
    reg_modifiers: Option<IgnoredAny>,
    vcpu_features: Option<IgnoredAny>,
    snapshots: Option<IgnoredAny>,
}

fn json<T: DeserializeOwned>(format: Option<Format>, bytes: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = match error.line() {
            0 => Place::File,
            line => Place::Line { line, column: error.column() },
        };
        if error.is_eof() {
            return ReadError::new(format, place, Problem::Truncated("JSON"));
        }
        ReadError::new(format, place, Problem::Malformed(json_message(&error)))
    })
}

// The message without the place, which the error says itself.
fn json_message(error: &serde_json::Error) -> alloc::string::String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests;
