// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What helps against a refusal.

use alloc::format;
use alloc::string::{String, ToString};

use serde::Serialize;

use super::RefusedField;
use crate::id::{Class, RegId, SVE_VLS};
use crate::names;
use crate::state::{Format, Reg, State, Vcpu};
use crate::vmm::{self, Configures, Vmm};

/// What helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Remedy {
    /// The kind of it, for programs.
    pub action: Action,
    /// What to do, for people.
    pub text: String,
}

/// A kind of remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// Change the VM before it runs for the first time.
    Configure,
    /// Write the registers in another order.
    Reorder,
    /// Leave the register out of the snapshot.
    Remove,
    /// Use a newer VMM.
    NewerVmm,
    /// Nothing helps a VM that has run.
    NotPossible,
}

fn remedy(action: Action, text: impl Into<String>) -> Remedy {
    Remedy { action, text: text.into() }
}

/// What a remedy depends on.
pub(super) struct Context<'a> {
    pub(super) state: &'a State,
    pub(super) vcpu: &'a Vcpu,
    pub(super) vmm: &'a Vmm,
}

impl Context<'_> {
    /// Whether a guest has run in the VM.
    fn has_run(&self) -> bool {
        !matches!(self.state.origin.format, Format::Dump | Format::FirecrackerFingerprint)
    }

    fn field_is_zero(&self, register: &str, field: &str) -> bool {
        let value = names::find(register).and_then(|id| Some((id, self.vcpu.get(id)?.as_u64()?)));
        let Some((id, value)) = value else { return false };
        let field = names::fields(id).iter().find(|known| known.name == field);
        field.is_some_and(|field| field.of(value) == 0)
    }

    /// Why a guest does not miss a register, if it does not.
    fn unneeded(&self, reg: &Reg) -> Option<&'static str> {
        match names::name(reg.id).as_str() {
            "TCR2_EL1" if self.field_is_zero("ID_AA64MMFR3_EL1", "TCRX") => {
                Some("ID_AA64MMFR3_EL1.TCRX is 0, so the guest cannot use it")
            }
            "PIR_EL1" | "PIRE0_EL1" if self.field_is_zero("ID_AA64MMFR3_EL1", "S1PIE") => {
                Some("ID_AA64MMFR3_EL1.S1PIE is 0, so the guest cannot use it")
            }
            // Not all firmware: 0 of a workaround says something.
            _ if reg.id.class() == Class::FirmwareBitmap && reg.value.is_zero() => {
                Some("it is 0: the guest has no service of it")
            }
            _ if reg.id.class() == Class::Demux => Some(
                "it only describes a cache: the guest reads the host's description instead, and \
                 KVM traps cache maintenance by set and way",
            ),
            // A fact of KVM: the register was read as zero before userspace could see it.
            "PMMIR_EL1" if reg.value.is_zero() => {
                Some("it is 0: that is what the guest reads on a host without it, too")
            }
            name if name.starts_with("PM") && self.without_pmu() => {
                Some("the VM has no PMU, so the guest cannot use it")
            }
            _ => None,
        }
    }

    fn without_pmu(&self) -> bool {
        let features = self.state.features.as_ref();
        features.is_some_and(|features| !features.iter().any(|feature| feature == "pmu_v3"))
    }

    /// How a register gets another value before the VM runs.
    fn configure(&self, reg: &Reg, what: &str, fields: &[RefusedField]) -> Remedy {
        let name = names::name(reg.id);
        let property = self.property(reg, fields);
        let text = match self.vmm.configures_by {
            Configures::Template => {
                format!(
                    "{what} in a CPU template for all VMs that move: `kvmfit baseline` writes it"
                )
            }
            Configures::Properties if property.is_some() => {
                let property = property.unwrap_or_default();
                format!("{what}: start the VM with `-cpu host,{property}`")
            }
            Configures::Registers => {
                format!("{what} before the VM runs: write what `kvmfit baseline` says to {name}")
            }
            Configures::Properties | Configures::Nothing => {
                return remedy(
                    Action::NotPossible,
                    format!("{} cannot change {name} of a new VM", self.vmm.about),
                )
            }
        };
        if self.has_run() {
            let text =
                format!("not possible for this VM: the guest has seen it; for new ones, {text}");
            return remedy(Action::NotPossible, text);
        }
        remedy(Action::Configure, text)
    }
}

impl Context<'_> {
    /// The property of QEMU's `-cpu host` that changes these fields of a register in a new VM.
    fn property(&self, reg: &Reg, fields: &[RefusedField]) -> Option<&'static str> {
        let of = |field: &RefusedField| match field.name.as_str() {
            "PMUVer" | "PerfMon" => Some("pmu=off"),
            "SVE" => Some("sve=off"),
            "APA" | "API" | "APA3" | "GPA" | "GPI" | "GPA3" => Some("pauth=off"),
            _ => None,
        };
        let has = |name| self.vmm.properties.contains(&name);
        match reg.id {
            id if id == RegId::firmware(0) => {
                has("kvm-psci-version").then_some("kvm-psci-version=…")
            }
            SVE_VLS => has("sve<N>").then_some("sve<N>=on"),
            _ => {
                let first = fields.first().and_then(of)?;
                fields.iter().all(|field| of(field) == Some(first)).then_some(first)
            }
        }
    }
}

pub(super) fn missing(reg: &Reg, context: &Context<'_>) -> Remedy {
    let id = reg.id;
    let Some(why) = context.unneeded(reg) else {
        return remedy(
            Action::NotPossible,
            format!("not possible: the guest may use {}", names::name(id)),
        );
    };
    let vmm = context.vmm;
    if vmm.removes_registers {
        let command = format!("snapshot-editor edit-vmstate remove-regs {id}");
        return remedy(Action::Remove, format!("`{command}`: safe, because {why}"));
    }
    if vmm.name == vmm::QEMU_10.name && vmm::QEMU_11.tolerates(id, reg.value.as_u64()) {
        return remedy(Action::NewerVmm, format!("QEMU 11 restores without it: {why}"));
    }
    match vmm.configures_by {
        Configures::Registers => {
            remedy(Action::Remove, format!("leave it out of the restore: safe, because {why}"))
        }
        _ => remedy(
            Action::NotPossible,
            format!("not with {}: it would be safe to leave it out, because {why}", vmm.about),
        ),
    }
}

pub(super) fn order(reg: &Reg, after: RegId, context: &Context<'_>) -> Remedy {
    let (name, first) = (names::name(reg.id), names::name(after));
    let mut text = format!("write {first} before {name}");
    if !matches!(context.vmm.configures_by, Configures::Registers) {
        text = format!("{text}: {} does not, until it is changed", context.vmm.about);
    }
    remedy(Action::Reorder, text)
}

pub(super) fn value(reg: &Reg, fields: &[RefusedField], context: &Context<'_>) -> Remedy {
    let names: alloc::vec::Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let what = match reg.id.class() {
        Class::Firmware if reg.id == RegId::firmware(0) => {
            "set a PSCI version that the host takes".to_string()
        }
        Class::Firmware | Class::FirmwareBitmap => "set a value that the host takes".to_string(),
        _ if names.is_empty() => "hide what the host refuses".to_string(),
        _ => format!("hide {}", names.join(", ")),
    };
    context.configure(reg, &what, fields)
}

pub(super) fn feature(feature: &str) -> Remedy {
    remedy(
        Action::NotPossible,
        format!("not possible for a VM that has `{feature}`: make VMs that move without it"),
    )
}

pub(super) fn vgic() -> Remedy {
    remedy(
        Action::NotPossible,
        "not possible: make VMs that move with an interrupt controller that both hosts have",
    )
}
