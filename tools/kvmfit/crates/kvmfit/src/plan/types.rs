// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What a plan says.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{Action, Remedy};
use crate::id::RegId;
use crate::state::VgicModel;
use crate::takes::Unsure;
use crate::value::Value;

/// Whether a host takes a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The answer.
    pub verdict: Verdict,
    /// The VMM that was assumed.
    pub vmm: &'static str,
    /// The features of the scratch VM with which the VM was compared.
    pub features: Vec<String>,
    /// The registers in the order in which to write them: see
    /// [`restore_order`](super::restore_order).
    pub order: Vec<RegId>,
    /// What the host refuses, in the order in which the VMM meets it.
    pub refusals: Vec<Refusal>,
    /// What the dump does not say.
    pub doubts: Vec<Doubt>,
    /// What the host accepts, and a guest may notice.
    pub notes: Vec<Note>,
}

impl Plan {
    /// The registers that the remedies say to leave out of the snapshot, if those are all that
    /// is needed.
    ///
    /// ```text
    /// snapshot-editor edit-vmstate remove-regs 0x6020000000110003 0x6020000000110004 …
    /// ```
    pub fn removable(&self) -> Option<Vec<RegId>> {
        let id = |refusal: &Refusal| match refusal.subject {
            Subject::Register(id) if refusal.remedy.action == Action::Remove => Some(id),
            _ => None,
        };
        self.refusals.iter().map(id).collect()
    }
}

/// The answer of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The host takes the VM.
    Yes,
    /// The host refuses it.
    No,
    /// The dump does not say.
    CannotTell,
}

/// What is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Subject {
    /// A register.
    Register(RegId),
    /// A feature of the vCPUs.
    Feature(String),
    /// The interrupt controller.
    Vgic(VgicModel),
    /// An attribute of the interrupt controller.
    Attribute {
        /// `KVM_DEV_ARM_VGIC_GRP_…`.
        group: u32,
        /// The attribute within its group.
        #[serde(with = "crate::value::hex")]
        attr: u64,
    },
}

/// A refusal of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// What is refused.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// The vCPUs whose registers are refused.
    pub vcpus: Vec<usize>,
    /// The value that the VM has.
    pub value: Option<Value>,
    /// Why.
    pub reason: Reason,
    /// The fields that are refused, if the host refuses fields.
    pub fields: Vec<RefusedField>,
    /// What the host takes, for people.
    pub takes: String,
    /// The error number that the VMM gets.
    pub errno: i32,
    /// What helps.
    pub remedy: Remedy,
}

/// Why a host refuses something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The host does not have it.
    Missing,
    /// The host has it, and does not take the value.
    Value,
    /// The host takes each of the fields, and not together.
    Together,
    /// The host takes the value only after another register was written.
    Order {
        /// The register to write first.
        after: RegId,
    },
}

/// A field that a host refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusedField {
    /// Its name.
    pub name: String,
    /// The value that the VM has.
    pub value: u64,
    /// The value of a new VM on the host.
    pub new: u64,
    /// What the host takes, as sets of hexadecimal digits.
    pub takes: String,
    /// What the field says.
    pub about: &'static str,
}

/// Something that a dump does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Doubt {
    /// What it is about.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// The vCPUs.
    pub vcpus: Vec<usize>,
    /// The value that the VM has.
    pub value: Option<Value>,
    /// The value of a new VM on the host.
    pub new: Option<Value>,
    /// The names of the fields that differ.
    pub fields: Vec<String>,
    /// Why it is not known.
    pub why: Unsure,
    /// What to do to know it.
    pub remedy: &'static str,
}

/// Something that the host accepts, and that a guest may notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Note {
    /// The register.
    pub id: RegId,
    /// Its name.
    pub name: String,
    /// What there is to notice.
    pub text: String,
}
