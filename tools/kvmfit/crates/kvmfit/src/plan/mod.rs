// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether a host takes a VM, and if not, why not and what helps.

pub(crate) mod host;
pub(crate) mod order;
mod remedy;
#[cfg(test)]
mod tests;
mod types;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::dump::{model, plain, Dump, Vm, MTE};
use crate::id::RegId;
use crate::names::{self, Part};
use crate::state::{Reg, State, Vcpu, VgicModel};
use crate::takes::{nibble, Answer, DigitSet, Digits, Takes, Unsure, DIGITS};
use crate::value::Value;
use crate::vmm::{Vmm, WriteOrder};

pub use order::restore_order;
pub use remedy::{Action, Remedy};
pub use types::{Doubt, Note, Plan, Reason, Refusal, RefusedField, Subject, Verdict};

/// The error of a register that a host does not have.
const ENOENT: i32 = 2;
/// The error of a device or a feature that a host does not have.
const EINVAL: i32 = 22;

/// Plans to restore `state` on the host of `dump` by a VMM.
///
/// ```
/// use kvmfit::dump::{Dump, Host, Register, Vm};
/// use kvmfit::id::RegId;
/// use kvmfit::plan::{plan, Verdict};
/// use kvmfit::takes::{Digits, Takes};
/// use kvmfit::vmm;
///
/// let mut host = Dump::new("example", Host::new("7.3.4", 0x413fd0c1));
/// let mut vm = Vm::new(vec!["psci_0_2".into()]);
/// let mut pfr1 = Register::new(RegId::sysreg(3, 0, 0, 4, 1), 0x20.into());
/// pfr1.takes = Some(Takes::Digits(Digits::only(0x20, 22)));
/// vm.registers.push(pfr1);
/// host.vms.push(vm);
///
/// let mut state = host.new_vm(&host.vms[0]);
/// assert_eq!(plan(&state, &host, &vmm::PLANNED).verdict, Verdict::Yes);
///
/// state.vcpus[0].registers[0].value = 0x10.into();
/// let plan = plan(&state, &host, &vmm::PLANNED);
/// assert_eq!(plan.verdict, Verdict::No);
/// assert_eq!(plan.refusals[0].fields[0].name, "SSBS");
/// ```
pub fn plan(state: &State, dump: &Dump, vmm: &Vmm) -> Plan {
    let mut plan = Plan {
        verdict: Verdict::Yes,
        vmm: vmm.name,
        features: Vec::new(),
        order: Vec::new(),
        refusals: Vec::new(),
        doubts: Vec::new(),
        notes: Vec::new(),
    };
    if let Some(vm) = plan.choose(state, dump) {
        plan.features.clone_from(&vm.features);
        plan.vcpus(state, dump, vm, vmm);
    }
    plan.vgic(state, dump);
    plan.verdict = if !plan.refusals.is_empty() {
        Verdict::No
    } else if !plan.doubts.is_empty() {
        Verdict::CannotTell
    } else {
        Verdict::Yes
    };
    plan
}

/// The name of a feature's capability.
fn capability(feature: &str) -> Option<&'static str> {
    Some(match feature {
        "el1_32bit" => "KVM_CAP_ARM_EL1_32BIT",
        "psci_0_2" => "KVM_CAP_ARM_PSCI_0_2",
        "pmu_v3" => "KVM_CAP_ARM_PMU_V3",
        "sve" => "KVM_CAP_ARM_SVE",
        "ptrauth_address" => "KVM_CAP_ARM_PTRAUTH_ADDRESS",
        "ptrauth_generic" => "KVM_CAP_ARM_PTRAUTH_GENERIC",
        "has_el2" => "KVM_CAP_ARM_EL2",
        "has_el2_e2h0" => "KVM_CAP_ARM_EL2_E2H0",
        MTE => "KVM_CAP_ARM_MTE",
        _ => return None,
    })
}

impl Plan {
    /// The scratch VM of the dump that is like the VM: with its features, or, if the state does
    /// not have them, with the registers that are most like the VM's.
    fn choose<'a>(&mut self, state: &State, dump: &'a Dump) -> Option<&'a Vm> {
        let ids: BTreeSet<RegId> =
            state.vcpus.iter().flat_map(|vcpu| &vcpu.registers).map(|reg| reg.id).collect();
        if ids.is_empty() {
            self.doubt("registers", Unsure::Empty);
            return None;
        }
        let vgic = state.vgic.as_ref().map(|vgic| vgic.model);
        let Some(features) = &state.needs() else {
            let lacks_mte = dump.host.capabilities.get("KVM_CAP_ARM_MTE") == Some(&0);
            if state.has_mte() && lacks_mte {
                self.lacks(MTE);
                return None;
            }
            let nearest = dump.nearest(&ids, vgic.filter(|&model| !dump.lacks_vgic(model)));
            if nearest.is_none() {
                self.doubt("features", Unsure::Features);
            }
            return nearest;
        };
        // A vCPU that waits for PSCI is the same in all else.
        let mut wanted = plain(features);
        wanted.retain(|name| *name != "power_off");
        let vgic = vgic.or_else(|| model(features));
        let without = || vgic.filter(|&vgic| dump.lacks_vgic(vgic)).and_then(|_| dump.vm(&wanted));
        if let Some(vm) = dump.like(&wanted, vgic).or_else(without) {
            return Some(vm);
        }
        for feature in wanted {
            let capability = capability(feature).and_then(|name| dump.host.capabilities.get(name));
            if capability == Some(&0) {
                self.lacks(feature);
            }
        }
        if self.refusals.is_empty() {
            self.doubt(&features.join(", "), Unsure::Features);
        }
        None
    }

    fn lacks(&mut self, feature: &str) {
        self.refusals.push(Refusal {
            subject: Subject::Feature(feature.to_string()),
            name: feature.to_string(),
            vcpus: Vec::new(),
            value: None,
            reason: Reason::Missing,
            fields: Vec::new(),
            takes: "a VM without it".to_string(),
            errno: EINVAL,
            remedy: remedy::feature(feature),
        });
    }

    fn doubt(&mut self, what: &str, why: Unsure) {
        self.doubts.push(Doubt {
            subject: Subject::Feature(what.to_string()),
            name: what.to_string(),
            vcpus: Vec::new(),
            value: None,
            new: None,
            fields: Vec::new(),
            why,
            remedy: why.remedy(),
        });
    }

    fn vcpus(&mut self, state: &State, dump: &Dump, vm: &Vm, vmm: &Vmm) {
        let host = host::Host::new(dump, vm, vmm);
        self.order = restore_order(state, Some(vm));
        if let Some(vcpu) = state.vcpus.first() {
            self.lacking(vcpu, vm);
        }
        // The vCPUs of a VM have the same ID registers: answer once for what was asked before.
        let mut known: BTreeMap<Vec<(RegId, &Value)>, usize> = BTreeMap::new();
        for (n, vcpu) in state.vcpus.iter().enumerate() {
            let judged = vcpu.registers.iter().filter(|reg| host.may_refuse(reg.id));
            let key: Vec<_> = judged.map(|reg| (reg.id, &reg.value)).collect();
            if let Some(&like) = known.get(&key) {
                self.same(n, like);
                continue;
            }
            known.insert(key, n);
            self.vcpu(n, state, vcpu, &host, vm, vmm);
        }
    }

    /// vCPU `n` gets the answers of vCPU `like`.
    fn same(&mut self, n: usize, like: usize) {
        let refused = self.refusals.iter_mut().map(|refusal| &mut refusal.vcpus);
        let doubtful = self.doubts.iter_mut().map(|doubt| &mut doubt.vcpus);
        for vcpus in refused.chain(doubtful).filter(|vcpus| vcpus.contains(&like)) {
            vcpus.push(n);
        }
    }

    fn vcpu(
        &mut self,
        n: usize,
        state: &State,
        vcpu: &Vcpu,
        host: &host::Host<'_>,
        vm: &Vm,
        vmm: &Vmm,
    ) {
        let right = order::planned(&vcpu.registers, vm);
        let order = match vmm.order {
            WriteOrder::Planned => right.clone(),
            WriteOrder::List => vcpu.registers.iter().collect(),
            WriteOrder::ById => order::by_id(&vcpu.registers),
        };
        let context = remedy::Context { state, vcpu, vmm };
        let mut best = BTreeMap::new();
        for (reg, answer) in host.write(&right) {
            best.insert(reg.id, answer);
        }
        for (reg, answer) in host.write(&order) {
            match answer {
                host::Outcome::Yes => {}
                host::Outcome::Missing => {
                    if !vmm.tolerates(reg.id, reg.value.as_u64()) {
                        let remedy = remedy::missing(reg, &context);
                        let takes = "it has no such register".to_string();
                        self.refuse(n, reg, Reason::Missing, ENOENT, takes, Vec::new(), remedy);
                    }
                }
                host::Outcome::Answer { answer, takes, new } => {
                    let later = best.get(&reg.id);
                    let after = match later {
                        Some(host::Outcome::Yes) => host.first_of(reg.id, &right),
                        Some(host::Outcome::Answer { answer: best, .. }) if best.is_accepted() => {
                            host.first_of(reg.id, &right)
                        }
                        _ => None,
                    };
                    self.answer(n, reg, &answer, takes, new, after, &context);
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn answer(
        &mut self,
        n: usize,
        reg: &Reg,
        answer: &Answer,
        takes: Option<&Takes>,
        new: &Value,
        after: Option<RegId>,
        context: &remedy::Context<'_>,
    ) {
        let new_number = new.as_u64().unwrap_or(0);
        match *answer {
            Answer::Yes => {}
            Answer::Stores { reads } => {
                let text = format!("{} is accepted and reads back as {reads:#x}", reg.value);
                self.note(reg.id, text);
            }
            Answer::No { errno, bits } => {
                let value = reg.value.as_u64().unwrap_or(0);
                let fields = refused_fields(reg.id, bits, value, new_number, takes);
                let text = takes.map(Takes::to_string).unwrap_or_default();
                let together =
                    matches!(takes, Some(Takes::Digits(digits)) if digits.conflict(value, bits));
                let reason = match after {
                    Some(after) => Reason::Order { after },
                    None if together => Reason::Together,
                    None => Reason::Value,
                };
                let remedy = match after {
                    Some(after) => remedy::order(reg, after, context),
                    None => remedy::value(reg, &fields, context),
                };
                self.refuse(n, reg, reason, errno, text, fields, remedy);
            }
            Answer::CannotTell { why } => {
                let value = reg.value.as_u64().unwrap_or(0);
                let parts = names::differing(reg.id, value, new_number);
                let fields = parts.into_iter().map(|part: Part| part.name).collect();
                let subject = Subject::Register(reg.id);
                let (name, value) = (names::name(reg.id), Some(reg.value.clone()));
                let new = Some(new.clone());
                let vcpus = vec![n];
                let remedy = why.remedy();
                self.doubts.push(Doubt { subject, name, vcpus, value, new, fields, why, remedy });
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn refuse(
        &mut self,
        vcpu: usize,
        reg: &Reg,
        reason: Reason,
        errno: i32,
        takes: String,
        fields: Vec<RefusedField>,
        remedy: Remedy,
    ) {
        let known = self.refusals.iter_mut().find(|refusal| {
            refusal.subject == Subject::Register(reg.id)
                && refusal.value.as_ref() == Some(&reg.value)
                && refusal.reason == reason
        });
        if let Some(refusal) = known {
            refusal.vcpus.push(vcpu);
            return;
        }
        self.refusals.push(Refusal {
            subject: Subject::Register(reg.id),
            name: names::name(reg.id),
            vcpus: vec![vcpu],
            value: Some(reg.value.clone()),
            reason,
            fields,
            takes,
            errno,
            remedy,
        });
    }

    fn note(&mut self, id: RegId, text: String) {
        let note = Note { id, name: names::name(id), text };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Notes what the VM does not have and will have on the host.
    fn lacking(&mut self, vcpu: &Vcpu, vm: &Vm) {
        let has: BTreeSet<RegId> = vcpu.registers.iter().map(|reg| reg.id).collect();
        for register in vm.registers.iter().filter(|register| register.id.configures()) {
            if !has.contains(&register.id) {
                let text = format!(
                    "absent from the state: {} on the host, as in a new VM",
                    register.value
                );
                self.note(register.id, text);
            }
        }
    }

    fn vgic(&mut self, state: &State, dump: &Dump) {
        let (Some(vgic), false) = (&state.vgic, dump.vgic.is_empty()) else { return };
        let name = match vgic.model {
            VgicModel::V2 => "GICv2",
            VgicModel::V3 => "GICv3",
        };
        let Some(host) = dump.vgic.iter().find(|host| host.model == vgic.model) else {
            self.refusals.push(Refusal {
                subject: Subject::Vgic(vgic.model),
                name: name.to_string(),
                vcpus: Vec::new(),
                value: None,
                reason: Reason::Missing,
                fields: Vec::new(),
                takes: "the host cannot emulate it".to_string(),
                errno: 19,
                remedy: remedy::vgic(),
            });
            return;
        };
        for saved in &vgic.attributes {
            let same = |known: &&crate::dump::Attribute| {
                (known.group, known.attr) == (saved.group, saved.attr)
            };
            // Attributes that were not measured are state.
            let Some(known) = host.attributes.iter().find(same) else { continue };
            let Some(takes) = &known.takes else { continue };
            let subject = Subject::Attribute { group: saved.group, attr: saved.attr };
            let name = format!("{name} group {} attribute {:#x}", saved.group, saved.attr);
            let value = Some(saved.value.into());
            match takes.accepts(saved.value, known.value) {
                Answer::No { errno, .. } => self.refusals.push(Refusal {
                    subject,
                    name,
                    vcpus: Vec::new(),
                    value,
                    reason: Reason::Value,
                    fields: Vec::new(),
                    takes: takes.to_string(),
                    errno,
                    remedy: remedy::vgic(),
                }),
                Answer::CannotTell { why } => self.doubts.push(Doubt {
                    subject,
                    name,
                    vcpus: Vec::new(),
                    value,
                    new: Some(known.value.into()),
                    fields: Vec::new(),
                    why,
                    remedy: why.remedy(),
                }),
                _ => {}
            }
        }
    }
}

/// The fields that have refused digits, and what the host takes for each.
pub(crate) fn refused_fields(
    id: RegId,
    bits: u64,
    value: u64,
    new: u64,
    takes: Option<&Takes>,
) -> Vec<RefusedField> {
    let parts = names::parts(id, bits, value, new);
    let takes_of = |part: &Part| match takes {
        Some(Takes::Digits(digits)) => field_takes(digits, part.mask, value),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    parts
        .iter()
        .filter(|part| part.a != part.b || parts.iter().all(|part| part.a == part.b))
        .map(|part| RefusedField {
            name: part.name.clone(),
            value: part.a,
            new: part.b,
            takes: takes_of(part),
            about: part.about,
        })
        .collect()
}

/// The values that a host takes for a field, for people.
fn field_takes(digits: &Digits, mask: u64, value: u64) -> String {
    // More than these are shown by their digits.
    const SHOWN: usize = 8;
    let low = mask.trailing_zeros();
    let places = || (0..DIGITS).filter(|n| mask >> (4 * n) & 15 != 0);
    // A digit can have bits of other fields. They stay as they are in `value`, if the host takes
    // that at all.
    let values = |others_stay: bool| {
        places().fold(BTreeSet::from([0]), |values: BTreeSet<u64>, n| {
            let of_field = (mask >> (4 * n) & 15) as u8;
            let stays = |digit: &u8| (digit ^ nibble(value, n)) & !of_field == 0;
            let digits: BTreeSet<u64> = digits
                .digit(n)
                .values()
                .filter(|digit| !others_stay || stays(digit))
                .map(|digit| u64::from(digit & of_field) << (4 * n))
                .collect();
            let combined = |value| digits.iter().map(move |digit| value | digit);
            values.into_iter().flat_map(combined).take(17).collect()
        })
    };
    let mut taken = values(true);
    if taken.is_empty() {
        taken = values(false);
    }
    let taken: Vec<u64> = taken.into_iter().map(|value| value >> low).collect();
    if mask.count_ones() <= 4 {
        let set = taken.iter().fold(DigitSet::default(), |set, &value| set.with(nibble(value, 0)));
        return set.to_string();
    }
    if taken.len() <= SHOWN {
        return taken.iter().map(|value| format!("{value:#x}")).collect::<Vec<_>>().join(", ");
    }
    let sets: Vec<String> = places().rev().map(|n| digits.digit(n).to_string()).collect();
    format!("digits {}", sets.join(" "))
}
