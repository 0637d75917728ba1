// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The greatest VM that every host of a fleet takes.

mod choose;
mod emit;
mod qemu;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use crate::dump::{alike, Dump, NotAlike, Vm};
use crate::id::RegId;
use crate::names;
use crate::plan::host::{Host, View};
use crate::plan::order;
use crate::state::{Format, Origin, Reg, State, Vcpu};
use crate::takes::Answer;
use crate::value::Value;
use crate::vmm::Vmm;

pub use emit::{Emitted, Form};

/// A VM that several hosts take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Baseline {
    /// The features of its vCPUs.
    pub features: Vec<String>,
    /// The registers that configure it, in the order in which to write them.
    pub registers: Vec<BaselineRegister>,
    /// What no VM can have on all of the hosts.
    pub conflicts: Vec<Conflict>,
    /// Which hosts can have VMs with a PMU.
    pub pmu: Have,
    /// Which hosts can tell VMs of stolen time.
    pub steal_time: Have,
}

/// How many of the hosts have something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Have {
    /// All of them.
    All,
    /// Some, but not all.
    Some,
    /// None of them.
    None,
    /// Not every dump says so.
    Unknown,
}

impl Have {
    fn of(dumps: &[&Dump], capability: &str) -> Self {
        let answers = dumps.iter().map(|dump| dump.host.capabilities.get(capability).copied());
        let answers: Option<Vec<i64>> = answers.collect();
        match answers {
            None => Self::Unknown,
            Some(answers) if answers.iter().all(|&answer| answer > 0) => Self::All,
            Some(answers) if answers.iter().all(|&answer| answer <= 0) => Self::None,
            Some(_) => Self::Some,
        }
    }
}

/// A register of a baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BaselineRegister {
    /// Its number.
    pub id: RegId,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// The bits in which a new VM of some host has another value.
    pub differs: u64,
    /// Whether the dumps say that all hosts take the value. If not, some do not say.
    pub certain: bool,
}

/// A register that prevents a VM from having one configuration on all hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Conflict {
    /// The register.
    pub id: RegId,
    /// Its name.
    pub name: String,
    /// Why, for people.
    pub text: String,
    /// Whether VMs cannot move between all hosts for it. If not, a VMM has to leave the register
    /// out of what it saves.
    pub fatal: bool,
}

/// The greatest VM with these features that every host takes from a VMM. Without features, those
/// that [`alike`] finds.
///
/// # Errors
///
/// [`NotAlike`], if there is no host, or one was not measured with the features.
pub fn baseline(
    dumps: &[&Dump],
    features: Option<&[String]>,
    vmm: &Vmm,
) -> Result<Baseline, NotAlike> {
    let vms = alike(dumps, features, vmm)?;
    let features = vms.first().map(|vm| vm.features.clone()).unwrap_or_default();
    let hosts: Vec<Host<'_>> =
        dumps.iter().zip(&vms).map(|(dump, vm)| Host::new(dump, vm, vmm)).collect();
    let mut baseline = Baseline {
        features,
        registers: Vec::new(),
        conflicts: Vec::new(),
        pmu: Have::of(dumps, "KVM_CAP_ARM_PMU_V3"),
        steal_time: Have::of(dumps, "KVM_CAP_STEAL_TIME"),
    };
    let common = baseline.common(&vms);
    let mut written = BTreeMap::new();
    for reg in order::planned(&common, vms[0]) {
        baseline.add(reg.id, &hosts, &mut written);
    }
    Ok(baseline)
}

impl Baseline {
    /// The registers that all hosts have. The others are conflicts that are not fatal.
    fn common(&mut self, vms: &[&Vm]) -> Vec<Reg> {
        let ids: Vec<BTreeSet<RegId>> = vms
            .iter()
            .map(|vm| vm.registers.iter().map(|register| register.id).collect())
            .collect();
        let all: BTreeSet<RegId> =
            ids.iter().flatten().copied().filter(|id| id.configures()).collect();
        for &id in &all {
            let without: Vec<String> = (1..)
                .zip(&ids)
                .filter(|(_, ids)| !ids.contains(&id))
                .map(|(n, _): (usize, _)| n.to_string())
                .collect();
            if !without.is_empty() {
                let text =
                    format!("not on host {}: leave it out of what is saved", without.join(", "));
                self.conflict(id, text, false);
            }
        }
        let registers = vms[0].registers.iter();
        registers
            .filter(|reg| reg.id.configures() && ids.iter().all(|ids| ids.contains(&reg.id)))
            .map(|reg| Reg::new(reg.id, reg.value.clone()))
            .collect()
    }

    fn conflict(&mut self, id: RegId, text: String, fatal: bool) {
        self.conflicts.push(Conflict { id, name: names::name(id), text, fatal });
    }

    fn add(&mut self, id: RegId, hosts: &[Host<'_>], written: &mut BTreeMap<RegId, u64>) {
        let views: Option<Vec<View<'_>>> =
            hosts.iter().map(|host| host.view(id, written)).collect();
        let Some(views) = views else {
            let text = "it depends on other registers of the baseline in a way that was not \
                        measured: leave it out of what is saved";
            return self.conflict(id, text.to_string(), false);
        };
        let Some(value) = choose::value(id, &views) else {
            let values = views.iter().map(|view| view.new.to_string()).collect::<Vec<_>>();
            let text =
                format!("no value is taken by all hosts; new VMs have {}", values.join(", "));
            return self.conflict(id, text, true);
        };
        let mut certain = true;
        for view in &views {
            match view.takes.map(|takes| takes.accepts_value(&value, view.new)) {
                None | Some(Answer::Yes) => {}
                Some(Answer::CannotTell { .. }) => certain = false,
                Some(_) => {
                    let text = format!("{value} would be best, and is not taken by all hosts");
                    return self.conflict(id, text, true);
                }
            }
        }
        let mut differs = 0;
        if let Some(number) = value.as_u64() {
            let news = views.iter().filter_map(|view| view.new.as_u64());
            differs = news.fold(0, |differs, new| differs | (new ^ number));
            written.insert(id, number);
        }
        self.registers.push(BaselineRegister {
            id,
            name: names::name(id),
            value,
            differs,
            certain,
        });
    }

    /// The state of a VM that has the baseline and nothing else.
    pub fn state(&self) -> State {
        let mut state = State::new(Origin::new(Format::State));
        state.features = Some(self.features.clone());
        let registers = self.registers.iter();
        let registers = registers.map(|reg| Reg::new(reg.id, reg.value.clone())).collect();
        state.vcpus.push(Vcpu { registers });
        state
    }

    /// Whether a VM with it can move between all hosts, as far as the dumps say.
    pub fn is_usable(&self) -> bool {
        !self.conflicts.iter().any(|conflict| conflict.fatal)
    }
}
