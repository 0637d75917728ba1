// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether `plan` and a host say the same of a state, register by register.

use std::collections::BTreeSet;

use kvmfit::id::RegId;
use kvmfit::names;
use kvmfit::plan::{Plan, Subject};
use serde::Serialize;

/// What a host said to a state.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The registers and attributes that it refused, as [`register`] and [`attribute`] name them.
    pub(super) refused: BTreeSet<String>,
    /// What its VM could not have, in words.
    pub(super) lacks: BTreeSet<String>,
}

/// In what `plan` and a host agree and in what not.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Agreement {
    /// What `plan` refuses and the host does not.
    pub(super) only_plan: BTreeSet<String>,
    /// What the host refuses and `plan` does not.
    pub(super) only_host: BTreeSet<String>,
    /// What `plan` cannot tell.
    pub(super) undecided: BTreeSet<String>,
}

impl Agreement {
    pub(super) fn agree(&self) -> bool {
        self.only_plan.is_empty() && self.only_host.is_empty()
    }
}

pub(super) fn register(id: RegId) -> String {
    names::name(id)
}

pub(super) fn attribute(group: u32, attr: u64) -> String {
    format!("group {group} attribute {attr:#x}")
}

/// A register or an attribute, or else what a VM has as a whole.
fn place(subject: &Subject) -> Result<String, String> {
    match subject {
        Subject::Register(id) => Ok(register(*id)),
        Subject::Attribute { group, attr } => Ok(attribute(*group, *attr)),
        Subject::Feature(name) => Err(format!("feature {name}")),
        Subject::Vgic(model) => Err(format!("interrupt controller {model:?}")),
        other => Err(format!("{other:?}")),
    }
}

pub(super) fn compare(plan: &Plan, said: &Said) -> Agreement {
    let (mut places, mut wholes) = (BTreeSet::new(), BTreeSet::new());
    for refusal in &plan.refusals {
        match place(&refusal.subject) {
            Ok(place) => places.insert(place),
            Err(whole) => wholes.insert(whole),
        };
    }
    let (mut doubted, mut unsure) = (BTreeSet::new(), BTreeSet::new());
    for doubt in &plan.doubts {
        match place(&doubt.subject) {
            Ok(place) => doubted.insert(place),
            Err(whole) => unsure.insert(whole),
        };
    }
    let mut agreement = Agreement::default();
    // Without a scratch VM to compare with, nothing is said of registers.
    if !plan.features.is_empty() {
        agreement.only_plan.extend(places.difference(&said.refused).cloned());
        let unexpected = said.refused.difference(&places);
        let unexpected = unexpected.filter(|&place| !doubted.contains(place));
        agreement.only_host.extend(unexpected.cloned());
    }
    // The host says in its own words what a VM cannot have.
    if wholes.is_empty() && unsure.is_empty() {
        agreement.only_host.extend(said.lacks.iter().cloned());
    } else if said.lacks.is_empty() {
        agreement.only_plan.extend(wholes);
    }
    agreement.undecided.extend(doubted);
    agreement.undecided.extend(unsure);
    agreement
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvmfit::dump::{Dump, Host, Register, Vm};
    use kvmfit::plan::plan;
    use kvmfit::state::{State, VgicModel, VgicState};
    use kvmfit::takes::{Digits, Takes};
    use kvmfit::vmm;

    const PFR1: RegId = RegId::sysreg(3, 0, 0, 4, 1);
    const CLIDR: RegId = RegId::sysreg(3, 1, 0, 0, 1);

    fn host() -> Dump {
        let mut host = Dump::new("test", Host::new("7.3.4", 0));
        host.host.capabilities.insert("KVM_CAP_ARM_SVE".into(), 0);
        let mut vm = Vm::new(vec!["psci_0_2".into()]);
        for (id, independent) in [(PFR1, true), (CLIDR, false)] {
            let mut register = Register::new(id, 0x20.into());
            let mut digits = Digits::only(0x20, 22);
            digits.independent = independent;
            register.takes = Some(Takes::Digits(digits));
            vm.registers.push(register);
        }
        host.vms.push(vm);
        host.vgic.push(kvmfit::dump::Vgic::new(VgicModel::V2));
        host
    }

    fn state(change: impl FnOnce(&mut State)) -> State {
        let host = host();
        let mut state = host.new_vm(&host.vms[0]);
        change(&mut state);
        state
    }

    fn compared(state: &State, refused: &[RegId], lacks: &[&str]) -> Agreement {
        let refused = refused.iter().map(|&id| register(id)).collect();
        let lacks = lacks.iter().map(|lack| (*lack).to_string()).collect();
        compare(&plan(state, &host(), &vmm::PLANNED), &Said { refused, lacks })
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn each_register_counts() {
        let fits = state(|_| {});
        assert!(compared(&fits, &[], &[]).agree());
        assert_eq!(names(&compared(&fits, &[PFR1], &[]).only_host), ["ID_AA64PFR1_EL1"]);
        let hidden = state(|state| state.vcpus[0].registers[0].value = 0x10.into());
        assert!(compared(&hidden, &[PFR1], &[]).agree());
        let other = compared(&hidden, &[CLIDR], &[]);
        assert_eq!(names(&other.only_plan), ["ID_AA64PFR1_EL1"]);
        assert_eq!(names(&other.only_host), ["CLIDR_EL1"]);
    }

    #[test]
    fn what_plan_cannot_tell_may_be_refused_or_not() {
        let doubtful = state(|state| state.vcpus[0].registers[1].value = 0x31.into());
        for refused in [&[CLIDR][..], &[]] {
            let agreement = compared(&doubtful, refused, &[]);
            assert!(agreement.agree(), "{agreement:?}");
            assert_eq!(names(&agreement.undecided), ["CLIDR_EL1"]);
        }
        assert!(!compared(&doubtful, &[PFR1], &[]).agree());
    }

    #[test]
    fn a_feature_that_the_host_lacks_is_refused_as_a_whole() {
        let sve = state(|state| state.features = Some(vec!["psci_0_2".into(), "sve".into()]));
        assert!(compared(&sve, &[], &["no VM with sve"]).agree());
        assert_eq!(names(&compared(&sve, &[], &[]).only_plan), ["feature sve"]);
        assert!(!compared(&state(|_| {}), &[], &["no VM"]).agree());
    }

    #[test]
    fn so_is_an_interrupt_controller() {
        let model = VgicModel::V3;
        let state = state(|state| {
            state.vgic = Some(VgicState { model, attributes: Vec::new() });
            state.vcpus[0].registers[0].value = 0x10.into();
        });
        assert!(compared(&state, &[PFR1], &["GICv3: KVM_CREATE_DEVICE: ENODEV"]).agree());
        // Registers are compared nevertheless.
        assert!(!compared(&state, &[], &["GICv3: KVM_CREATE_DEVICE: ENODEV"]).agree());
        assert!(!compared(&state, &[PFR1], &[]).agree());
    }
}
