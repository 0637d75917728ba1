// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What can go wrong.

use std::path::PathBuf;

use kvmfit::explain::errno_name;
use kvmfit::id::RegId;
use kvmfit::names;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
    #[error("it runs on arm64 with Linux only")]
    Machine,
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {text}", path.display())]
    Snapshot { path: PathBuf, text: String },
    #[error("{what}: {}", errno_name(*errno))]
    Call { what: &'static str, errno: i32 },
    #[error(
        "vCPU {vcpu}: register {id} ({}) could not be set to {value}: {}",
        names::name(*id), errno_name(*errno)
    )]
    Register { vcpu: usize, id: RegId, value: String, errno: i32 },
    #[error("the host does not know KVM_ARM_VM_CONFIG")]
    NoSets,
    #[error("the configuration could not be set: {0}")]
    Config(String),
    #[error("the guest does not fit: {0}")]
    Memory(String),
    #[error("the guest ended: {0}")]
    Ended(String),
}
