// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A saved VM: a directory with the state that kvmfit reads, what else the VM needs, and its
//! memory.

use std::fs;
use std::path::{Path, PathBuf};

use kvmfit::state::State;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The state in kvmfit's own form: `kvmfit plan` takes it.
const STATE: &str = "state.json";
const REST: &str = "vm.json";
const MEMORY: &str = "memory";

/// What is not in the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    /// The version of the interrupt controller. Of its registers only one is saved.
    pub(crate) gic: u8,
    /// `KVM_GET_MP_STATE` of each vCPU
    pub(crate) mp_states: Vec<u32>,
    /// `GICD_IIDR`, of a VMM that saves it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gicd_iidr: Option<u32>,
}

/// A saved VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) state: State,
    pub(crate) rest: Rest,
    pub(crate) memory: Vec<u8>,
}

impl Snapshot {
    pub(crate) fn read(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(STATE);
        let failed = |path: &PathBuf, text: String| Error::Snapshot { path: path.clone(), text };
        let state = kvmfit::read::read_file(&path)
            .and_then(kvmfit::read::Input::into_state)
            .map_err(|error| failed(&path, error.to_string()))?;
        let path = directory.join(REST);
        let rest: Rest = serde_json::from_slice(&file(&path)?)
            .map_err(|error| failed(&path, error.to_string()))?;
        if rest.mp_states.len() != state.vcpus.len() {
            let (a, b) = (rest.mp_states.len(), state.vcpus.len());
            return Err(failed(&path, format!("{a} states for {b} vCPUs")));
        }
        Ok(Self { state, rest, memory: file(&directory.join(MEMORY))? })
    }

    pub(crate) fn write(&self, directory: &Path) -> Result<(), Error> {
        let json = |value: serde_json::Result<Vec<u8>>| {
            let path = directory.to_path_buf();
            value.map_err(|error| Error::Snapshot { path, text: error.to_string() })
        };
        fs::create_dir_all(directory)
            .map_err(|source| Error::File { path: directory.to_path_buf(), source })?;
        let files = [
            (STATE, json(serde_json::to_vec_pretty(&self.state))?),
            (REST, json(serde_json::to_vec_pretty(&self.rest))?),
            (MEMORY, self.memory.clone()),
        ];
        for (name, bytes) in files {
            let path = directory.join(name);
            fs::write(&path, bytes).map_err(|source| Error::File { path, source })?;
        }
        Ok(())
    }
}

fn file(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use kvmfit::id::RegId;
    use kvmfit::state::{Format, Origin, Reg, Vcpu};

    use super::*;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("kvmfit-vmm-{}-{name}", std::process::id()))
    }

    fn snapshot() -> Snapshot {
        let mut state = State::new(Origin::new(Format::State));
        state.features = Some(vec!["psci_0_2".to_string()]);
        state.vcpus = vec![Vcpu { registers: vec![Reg::new(RegId::firmware(0), 0x10003)] }];
        Snapshot {
            state,
            rest: Rest { gic: 3, mp_states: vec![0], gicd_iidr: Some(0x243b) },
            memory: vec![1, 2, 3],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let place = place("whole");
        snapshot().write(&place).unwrap();
        let read = Snapshot::read(&place);
        fs::remove_dir_all(&place).unwrap();
        assert_eq!(read.unwrap(), snapshot());
    }

    #[test]
    fn a_file_that_is_missing_or_damaged_is_named() {
        for (name, content) in [
            (STATE, None),
            (STATE, Some("{}")),
            (REST, None),
            (REST, Some("{\"gic\": 3}")),
            (REST, Some("{\"gic\": 3, \"mp_states\": []}")),
            (MEMORY, None),
        ] {
            let place = place("damaged");
            snapshot().write(&place).unwrap();
            match content {
                None => fs::remove_file(place.join(name)).unwrap(),
                Some(content) => fs::write(place.join(name), content).unwrap(),
            }
            let error = Snapshot::read(&place).unwrap_err().to_string();
            fs::remove_dir_all(&place).unwrap();
            assert!(error.contains(name), "{error}");
        }
    }
}
