// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A baseline in the form that a VMM takes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::{qemu, Baseline, BaselineRegister};
use crate::id::RegId;
use crate::vmm::Vmm;

/// A form of a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Form {
    /// A custom CPU template of Firecracker.
    FirecrackerTemplate,
    /// A state of kvmfit, with the registers to write into a new VM, in their order.
    Registers,
    /// An argument of QEMU's `-cpu`.
    Qemu,
}

impl core::str::FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "firecracker-template" => Self::FirecrackerTemplate,
            "registers" => Self::Registers,
            "qemu" => Self::Qemu,
            _ => {
                return Err(format!(
                    "{text:?} is not a form: use firecracker-template, registers or qemu"
                ))
            }
        })
    }
}

/// A baseline in some form.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Emitted {
    /// The text.
    pub text: String,
    /// What the form cannot say, and what to mind, a line each.
    pub notes: Vec<String>,
}

#[derive(Serialize)]
struct Template {
    kvm_capabilities: [String; 0],
    vcpu_features: Vec<FeatureModifier>,
    reg_modifiers: Vec<RegModifier>,
}

#[derive(Serialize)]
struct FeatureModifier {
    index: u32,
    bitmap: String,
}

#[derive(Serialize)]
struct RegModifier {
    addr: RegId,
    bitmap: String,
}

impl Baseline {
    /// The baseline in a form. Of QEMU's properties, those that this VMM has, or those of all
    /// versions if it is not QEMU.
    pub fn emit(&self, form: Form, vmm: &Vmm) -> Emitted {
        let mut notes = Vec::new();
        for conflict in &self.conflicts {
            notes.push(format!("{}: {}", conflict.name, conflict.text));
        }
        for register in self.registers.iter().filter(|register| !register.certain) {
            let (name, value) = (&register.name, &register.value);
            notes.push(format!("{name}: not every dump says that the host takes {value}"));
        }
        let text = match form {
            Form::FirecrackerTemplate => self.template(&mut notes),
            Form::Registers => pretty(&self.state()),
            Form::Qemu => qemu::argument(self, vmm, &mut notes),
        };
        Emitted { text, notes }
    }

    // Registers that new VMs of all hosts have as they should be need no change.
    pub(super) fn changed(&self) -> impl Iterator<Item = &BaselineRegister> {
        self.registers.iter().filter(|register| register.differs != 0)
    }

    fn template(&self, notes: &mut Vec<String>) -> String {
        let mut vcpu_features = Vec::new();
        let bits = self.features.iter().filter_map(|feature| match feature.as_str() {
            // PSCI 0.2 is always on, and Firecracker has no PMU.
            "el1_32bit" => Some(1),
            "sve" => Some(4),
            "ptrauth_address" => Some(5),
            "ptrauth_generic" => Some(6),
            "has_el2" => Some(7),
            "has_el2_e2h0" => Some(8),
            _ => None,
        });
        let mask = bits.fold(0_u64, |mask, bit| mask | 1 << bit);
        if mask != 0 {
            vcpu_features.push(FeatureModifier { index: 0, bitmap: bitmap(mask, mask, 32) });
        }
        if self.features.iter().any(|feature| feature == "pmu_v3") {
            notes.push("Firecracker has no PMU: take a baseline without pmu_v3".to_string());
        }
        let reg_modifiers = self
            .changed()
            .map(|register| RegModifier {
                addr: register.id,
                bitmap: bitmap(
                    digits(register.differs),
                    register.value.as_u64().unwrap_or(0),
                    register.id.size().map_or(64, |size| 8 * size.min(8)),
                ),
            })
            .collect();
        pretty(&Template { kvm_capabilities: [], vcpu_features, reg_modifiers })
    }
}

fn pretty(value: &impl Serialize) -> String {
    // These types have neither maps with odd keys nor values that fail.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// `bits`, and the rest of their digits: fields of four bits are set as a whole.
fn digits(bits: u64) -> u64 {
    (0..16)
        .map(|n| 15 << (4 * n))
        .filter(|digit| bits & digit != 0)
        .fold(0, |sum, digit| sum | digit)
}

fn bitmap(filter: u64, value: u64, width: usize) -> String {
    let mut text = "0b".to_string();
    for bit in (0..width).rev() {
        text.push(match (filter >> bit & 1, value >> bit & 1) {
            (0, _) => 'x',
            (_, 0) => '0',
            _ => '1',
        });
    }
    text
}
