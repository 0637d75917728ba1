// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Reads this crate's own formats.

use alloc::collections::BTreeSet;
use alloc::format;

use serde::Deserialize;

use super::json;
use crate::dump::{self, Dump};
use crate::error::{Place, Problem, ReadError};
use crate::id::RegId;
use crate::state::{self, Format, State};

#[derive(Deserialize)]
struct Version {
    #[serde(alias = "kvmfit_dump", alias = "kvmfit_state")]
    version: u64,
}

fn version(format: Format, bytes: &[u8], reads: u32) -> Result<(), ReadError> {
    let Version { version: found } = json(Some(format), bytes)?;
    if found == u64::from(reads) {
        return Ok(());
    }
    Err(ReadError::new(format, Place::File, Problem::Version { found, reads }))
}

pub(super) fn dump(bytes: &[u8]) -> Result<Dump, ReadError> {
    version(Format::Dump, bytes, dump::FORMAT)?;
    let dump: Dump = json(Some(Format::Dump), bytes)?;
    for vm in &dump.vms {
        unique(Format::Dump, vm.registers.iter().map(|register| register.id))?;
    }
    Ok(dump)
}

pub(super) fn state(bytes: &[u8]) -> Result<State, ReadError> {
    version(Format::State, bytes, state::FORMAT)?;
    let state: State = json(Some(Format::State), bytes)?;
    if state.vcpus.is_empty() {
        return Err(ReadError::malformed(Format::State, Place::File, "it has no vCPU"));
    }
    for vcpu in &state.vcpus {
        unique(Format::State, vcpu.registers.iter().map(|reg| reg.id))?;
    }
    Ok(state)
}

/// A list of registers has none twice.
pub(super) fn unique(format: Format, ids: impl Iterator<Item = RegId>) -> Result<(), ReadError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            let text = format!("register {id} is there twice");
            return Err(ReadError::malformed(format, Place::File, text));
        }
    }
    Ok(())
}
