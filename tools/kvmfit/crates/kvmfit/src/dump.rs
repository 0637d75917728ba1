// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A dump: what a host was measured to have and to take.
//!
//! The JSON of a dump is described by `schema/dump.schema.json`. Fields that this version does
//! not know are ignored; a dump with another [`FORMAT`] is refused.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::id::RegId;
use crate::state::{Format, Origin, Reg, State, Vcpu, VgicAttribute, VgicModel, VgicState};
use crate::takes::Takes;
use crate::value::{Hex, Value};

mod alike;

pub use alike::{alike, NotAlike, VGIC_V2, VGIC_V3};
pub(crate) use alike::{model, plain};

/// The version of the format that this crate reads and writes.
pub const FORMAT: u32 = 1;

/// The features of a vCPU by name; each stands for the bit of `struct kvm_vcpu_init` that has its
/// place in this list.
pub const FEATURES: [&str; 9] = [
    "power_off",
    "el1_32bit",
    "psci_0_2",
    "pmu_v3",
    "sve",
    "ptrauth_address",
    "ptrauth_generic",
    "has_el2",
    "has_el2_e2h0",
];

/// Among the features of a VM: it has `KVM_CAP_ARM_MTE`, the Memory Tagging Extension. That is
/// turned on for the VM, and no bit of `struct kvm_vcpu_init` says so.
pub const MTE: &str = "mte";

/// What a host has and takes.
///
/// The fields are public, and a later version may add some: start with [`Dump::new`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dump {
    /// The version of the format, [`FORMAT`].
    #[serde(rename = "kvmfit_dump")]
    pub format: u32,
    /// The version of the program that measured, or the program's name and version.
    pub tool: String,
    /// The host.
    pub host: Host,
    /// A scratch VM for each set of features that was measured. The first has the fewest.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::VMS }>")]
    pub vms: Vec<Vm>,
    /// What MIDR, REVIDR and AIDR take in a VM with `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS`.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>"
    )]
    pub impl_id_regs: Vec<RegTakes>,
    /// The writable masks that the kernel reports, for each range, or `None` on a host without
    /// `KVM_ARM_GET_REG_WRITABLE_MASKS`.
    #[serde(default)]
    pub masks: Option<BTreeMap<String, BTreeMap<RegId, Hex>>>,
    /// The interrupt controllers that the host can emulate.
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::VMS }>")]
    pub vgic: Vec<Vgic>,
    /// What a guest gets from hypercalls in a new VM.
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    pub hypercalls: Vec<Hypercall>,
    /// Registers that the source of this dump leaves out, although the host may have them. A
    /// measured dump leaves out none; a fingerprint of Firecracker lacks the counters.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>"
    )]
    pub unlisted: Vec<RegId>,
}

/// The host of a dump. It has neither a name nor a serial number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Host {
    /// The kernel's release, as `uname -r` prints it.
    pub kernel: String,
    /// `MIDR_EL1`.
    pub midr: Hex,
    /// The size of a page in bytes; 0 if unknown.
    #[serde(default)]
    pub page_size: u32,
    /// How many bits a guest's physical address can have; 0 if unknown.
    #[serde(default)]
    pub ipa_bits: u32,
    /// What `KVM_CHECK_EXTENSION` answers, by the capability's name.
    #[serde(default)]
    pub capabilities: BTreeMap<String, i64>,
    /// What could not be measured, and why.
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    pub lacks: Vec<String>,
}

/// A scratch VM: what the host has and takes with one set of features.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Vm {
    /// The features of the vCPU by name, sorted: see [`FEATURES`]; and [`MTE`]. Where it makes a
    /// difference, the interrupt controller is among them, as [`VGIC_V2`] or [`VGIC_V3`].
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::VMS }>")]
    pub features: Vec<String>,
    /// The registers in the order of `KVM_GET_REG_LIST`.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    pub registers: Vec<Register>,
    /// What changes when a digit of a register is lowered.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>"
    )]
    pub affects: Vec<Affects>,
}

/// Whether the vCPUs of a VM share a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// What one vCPU writes, another reads.
    Vm,
    /// Each vCPU has its own.
    Vcpu,
}

/// A register of a scratch VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Register {
    /// Its number.
    pub id: RegId,
    /// Its value in a new vCPU.
    pub value: Value,
    /// Whether vCPUs share it; `None` if that was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Which values it takes. `None` for state of a vCPU, which takes any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
}

/// A register and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegTakes {
    /// Its number.
    pub id: RegId,
    /// Which values it takes.
    pub takes: Takes,
}

/// What changes in a new VM when one digit of a register is lowered to the lowest accepted value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Affects {
    /// The register that is written.
    pub id: RegId,
    /// Which digit; 0 is the lowest.
    pub digit: u8,
    /// The value that the digit gets.
    pub value: u8,
    /// Registers that leave the list.
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    pub hides: Vec<RegId>,
    /// Registers that read another value.
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    pub changes: Vec<Reg>,
    /// Registers that take other values.
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    pub takes: Vec<RegTakes>,
}

/// An emulated interrupt controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Vgic {
    /// Which one.
    pub model: VgicModel,
    /// Its attributes that configure a VM.
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    pub attributes: Vec<Attribute>,
}

/// An attribute of an interrupt controller (`KVM_GET_DEVICE_ATTR`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attribute {
    /// `KVM_DEV_ARM_VGIC_GRP_…`.
    pub group: u32,
    /// The attribute within its group.
    #[serde(with = "crate::value::hex")]
    pub attr: u64,
    /// Its value in a new VM.
    #[serde(with = "crate::value::hex")]
    pub value: u64,
    /// Which values it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
}

/// A hypercall of a guest in a new VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hypercall {
    /// The function, in w0.
    pub id: Hex,
    /// The arguments, from x1 on.
    #[serde(default)]
    pub args: Vec<Hex>,
    /// The results, from x0 on.
    pub returns: Vec<Hex>,
}

impl Dump {
    /// An empty dump of `host`, measured by `tool`.
    pub fn new(tool: impl Into<String>, host: Host) -> Self {
        Self {
            format: FORMAT,
            tool: tool.into(),
            host,
            vms: Vec::new(),
            impl_id_regs: Vec::new(),
            masks: None,
            vgic: Vec::new(),
            hypercalls: Vec::new(),
            unlisted: Vec::new(),
        }
    }

    /// The scratch VM with exactly these features, in any order.
    pub fn vm<S: AsRef<str>>(&self, features: &[S]) -> Option<&Vm> {
        let sorted = |names: &mut Vec<&str>| names.sort_unstable();
        let mut wanted: Vec<&str> = features.iter().map(AsRef::as_ref).collect();
        sorted(&mut wanted);
        self.vms.iter().find(|vm| {
            let mut has: Vec<&str> = vm.features.iter().map(String::as_str).collect();
            sorted(&mut has);
            has == wanted
        })
    }

    /// The state of a new VM like `vm`, as a VMM on this host would save it.
    pub fn new_vm(&self, vm: &Vm) -> State {
        let mut origin = Origin::new(Format::Dump);
        origin.kernel = Some(self.host.kernel.clone());
        let mut state = State::new(origin);
        state.features = Some(vm.features.clone());
        state.vcpus.push(Vcpu {
            registers: vm
                .registers
                .iter()
                .map(|register| Reg::new(register.id, register.value.clone()))
                .collect(),
        });
        state.vgic = self.vgic_of(vm).map(|vgic| VgicState {
            model: vgic.model,
            attributes: vgic
                .attributes
                .iter()
                .map(|a| VgicAttribute { group: a.group, attr: a.attr, value: a.value })
                .collect(),
        });
        state
    }
}

impl Host {
    /// A host with this kernel and CPU, of which nothing else is known.
    pub fn new(kernel: impl Into<String>, midr: u64) -> Self {
        Self { kernel: kernel.into(), midr: Hex(midr), ..Self::default() }
    }
}

impl Vm {
    /// A VM with these features and no registers.
    pub fn new(mut features: Vec<String>) -> Self {
        features.sort_unstable();
        Self { features, ..Self::default() }
    }

    /// The register with this number.
    pub fn register(&self, id: RegId) -> Option<&Register> {
        self.registers.iter().find(|register| register.id == id)
    }
}

impl Register {
    /// A register of which neither the scope nor what it takes is known.
    pub fn new(id: RegId, value: Value) -> Self {
        Self { id, value, scope: None, takes: None }
    }
}

impl Affects {
    /// The change of one digit, with no effects yet.
    pub fn new(id: RegId, digit: u8, value: u8) -> Self {
        let (hides, changes, takes) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, digit, value, hides, changes, takes }
    }
}

impl Vgic {
    /// An interrupt controller with no attributes yet.
    pub fn new(model: VgicModel) -> Self {
        Self { model, attributes: Vec::new() }
    }
}

impl Attribute {
    /// An attribute that takes any value.
    pub fn new(group: u32, attr: u64, value: u64) -> Self {
        Self { group, attr, value, takes: None }
    }
}

impl Hypercall {
    /// A call and its results.
    pub fn new(id: u32, args: &[u64], returns: &[u64]) -> Self {
        let hex = |numbers: &[u64]| numbers.iter().copied().map(Hex).collect();
        Self { id: Hex(id.into()), args: hex(args), returns: hex(returns) }
    }
}

#[cfg(test)]
mod tests;
