// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The state of a VM, as a VMM saved it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::dump::MTE;
use crate::id::RegId;
use crate::value::Value;

/// The version of the format that this crate reads and writes.
pub const FORMAT: u32 = 1;

/// The state of a VM.
///
/// A later version may add fields: start with [`State::new`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// The version of the format, [`FORMAT`].
    #[serde(rename = "kvmfit_state")]
    pub format: u32,
    /// Where the state came from.
    pub origin: Origin,
    /// The features of the vCPUs by name, or `None` if the file does not have them.
    #[serde(default)]
    pub features: Option<Vec<String>>,
    /// The vCPUs, in the order of the file.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::VCPUS }>")]
    pub vcpus: Vec<Vcpu>,
    /// The interrupt controller, or `None` if the file does not have it in a known form.
    #[serde(default)]
    pub vgic: Option<VgicState>,
}

/// Where a state came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Origin {
    /// The format of the file.
    pub format: Format,
    /// The version of the VMM that wrote it, if the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmm_version: Option<String>,
    /// The kernel on which it was written, if the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// A dump of a host: the default VM of the host.
    Dump,
    /// A state in this crate's own form.
    State,
    /// What `cpu-template-helper fingerprint dump` of Firecracker writes.
    FirecrackerFingerprint,
    /// A CPU template of Firecracker.
    FirecrackerTemplate,
    /// What `snapshot-editor info-vmstate vcpu-states` of Firecracker prints.
    FirecrackerVmstate,
    /// The `state.json` of a snapshot of cloud-hypervisor.
    CloudHypervisor,
    /// A migration stream of QEMU.
    Qemu,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dump => "dump of kvmfit",
            Self::State => "state of kvmfit",
            Self::FirecrackerFingerprint => "fingerprint of Firecracker",
            Self::FirecrackerTemplate => "CPU template of Firecracker",
            Self::FirecrackerVmstate => "vCPU states of Firecracker",
            Self::CloudHypervisor => "snapshot of cloud-hypervisor",
            Self::Qemu => "migration stream of QEMU",
        })
    }
}

/// A vCPU of a VM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vcpu {
    /// The registers in the order of the file.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    pub registers: Vec<Reg>,
}

/// A register and its value. Made by [`Reg::new`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reg {
    /// Its number.
    pub id: RegId,
    /// Its value.
    pub value: Value,
    /// Other values that the file may mean. Firecracker's `snapshot-editor` prints bytes without
    /// leading zeros: some of its lines have more than one meaning.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>"
    )]
    pub or: Vec<Value>,
}

/// Which interrupt controller a VM has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VgicModel {
    /// `KVM_DEV_TYPE_ARM_VGIC_V2`.
    V2,
    /// `KVM_DEV_TYPE_ARM_VGIC_V3`.
    V3,
}

/// The saved attributes of an interrupt controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VgicState {
    /// Which one.
    pub model: VgicModel,
    /// The attributes in the order of the file.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    pub attributes: Vec<VgicAttribute>,
}

/// A saved attribute of an interrupt controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VgicAttribute {
    /// `KVM_DEV_ARM_VGIC_GRP_…`.
    pub group: u32,
    /// The attribute within its group.
    #[serde(with = "crate::value::hex")]
    pub attr: u64,
    /// Its value.
    #[serde(with = "crate::value::hex")]
    pub value: u64,
}

impl State {
    /// A state with no vCPUs.
    pub fn new(origin: Origin) -> Self {
        Self { format: FORMAT, origin, features: None, vcpus: Vec::new(), vgic: None }
    }

    /// Whether the VM has the Memory Tagging Extension, by its registers.
    pub fn has_mte(&self) -> bool {
        const GCR_EL1: RegId = RegId::sysreg(3, 0, 1, 0, 6);
        self.vcpus.iter().any(|vcpu| vcpu.get(GCR_EL1).is_some())
    }

    /// The features that a VM needs to take the state: those that the file has, and [`MTE`], which
    /// no VMM saves. `None` if the file has none.
    pub fn needs(&self) -> Option<Vec<String>> {
        let mut features = self.features.clone()?;
        if self.has_mte() && !features.iter().any(|name| name == MTE) {
            features.push(MTE.into());
            features.sort_unstable();
        }
        Some(features)
    }
}

impl Origin {
    /// An origin of which only the format is known.
    pub fn new(format: Format) -> Self {
        Self { format, vmm_version: None, kernel: None }
    }
}

impl Reg {
    /// A register and its value.
    pub fn new(id: RegId, value: impl Into<Value>) -> Self {
        Self { id, value: value.into(), or: Vec::new() }
    }
}

impl Vcpu {
    /// The value of a register.
    pub fn get(&self, id: RegId) -> Option<&Value> {
        self.registers.iter().find(|reg| reg.id == id).map(|reg| &reg.value)
    }
}
