// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What can go wrong, and what to do then.

use kvmfit::explain::errno_name;
use kvmfit::id::RegId;
use kvmfit::value::Value;

use crate::backend::Errno;
use crate::vm_config::ConfigError;

/// Why a host could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// This is not Linux on arm64.
    #[error(
        "this machine is not Linux on arm64, so there is no host to measure: \
         run it on the host, where the static binary needs nothing else"
    )]
    NotArm64,
    /// There is no `/dev/kvm`.
    #[error(
        "there is no /dev/kvm: the kernel has no KVM, or was not started at EL2 \
         (`dmesg | grep kvm` says which); in a container, pass the device in"
    )]
    NoDevice,
    /// `/dev/kvm` may not be opened.
    #[error("/dev/kvm may not be opened: run as root, or join the group that owns it (often kvm)")]
    Permission,
    /// `/dev/kvm` cannot be opened for another reason.
    #[error("/dev/kvm cannot be opened: {}", errno_name(*errno))]
    Open {
        /// The error number.
        errno: i32,
    },
    /// `/dev/kvm` is not KVM as known since 2007.
    #[error("/dev/kvm has API version {version}, and 12 is the only one known")]
    ApiVersion {
        /// What it answers.
        version: i32,
    },
    /// A call failed that no host that can run a VM refuses.
    #[error("{what}: {}: a VM could not be made here; is the host out of memory?", errno_name(*errno))]
    Call {
        /// Which call.
        what: &'static str,
        /// The error number.
        errno: i32,
    },
    /// The host has no VM with these features.
    #[error("the host has no VM with {}: {what}: {}", features.join(", "), errno_name(*errno))]
    Features {
        /// The features, by name.
        features: Vec<String>,
        /// Which call was refused.
        what: &'static str,
        /// The error number.
        errno: i32,
    },
    /// A feature of a state or an option that nobody knows.
    #[error("the feature {name:?} is not known; known are {}", crate::features::known())]
    UnknownFeature {
        /// Its name.
        name: String,
    },
    /// A CPU template that a new VM of the host does not take.
    #[error(
        "the template does not fit this host: {} = {value}: {}", kvmfit::names::name(*id),
        errno_name(*errno)
    )]
    Template {
        /// The register.
        id: RegId,
        /// The value that it was to get.
        value: Value,
        /// The error number.
        errno: i32,
    },
    /// A state without vCPUs, or with more than the host takes.
    #[error("the state has {vcpus} vCPUs, and a VM of this host can have 1 to {most}")]
    Vcpus {
        /// How many the state has.
        vcpus: usize,
        /// How many the host takes.
        most: usize,
    },
    /// The host does not know `KVM_ARM_VM_CONFIG`.
    #[error(
        "this host cannot take the configuration of a VM as a set: its kernel has no \
         KVM_ARM_VM_CONFIG"
    )]
    NoVmConfig,
    /// `KVM_ARM_VM_CONFIG` failed on a scratch VM.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Error {
    pub(crate) fn call(what: &'static str, errno: Errno) -> Self {
        Self::Call { what, errno: errno.0 }
    }
}
