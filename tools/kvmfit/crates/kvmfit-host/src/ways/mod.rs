// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether both ways of writing a VM's configuration say the same.

use std::collections::{BTreeMap, BTreeSet};

use kvmfit::id::RegId;
use kvmfit::names;
use kvmfit::plan::restore_order;
use kvmfit::state::State;
use kvmfit::value::MAX_BYTES;

use crate::as_set::ask;
use crate::backend::{Backend, ScratchVm};
use crate::check::{begin, written, Check, CheckOptions, Place, Refusal, Way};
use crate::error::Error;
use crate::vm_config::abi::Op;
use crate::vm_config::{read, ConfigError, Migration, Reason, Refused};

#[cfg(test)]
mod tests;

/// What the two ways said to a state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compared {
    /// [`Way::Registers`].
    pub registers: Check,
    /// [`Way::Set`], if the host knows it.
    pub set: Option<Check>,
    /// How they differ, in words. Each difference is a mistake.
    pub differences: Vec<String>,
    /// Registers whose value the set refuses, and that the first run of a VM silently changes if
    /// the value is written alone: such a run was tried.
    pub first_run: Vec<RegId>,
}

pub(crate) fn compare(
    backend: &dyn Backend,
    state: &State,
    order: &[RegId],
    options: &CheckOptions,
) -> Result<Compared, Error> {
    let by = |way| {
        let options = CheckOptions { way, ..options.clone() };
        written(backend, state, order, &options, &mut |_| {})
    };
    let (registers, mut one_by_one) = by(Way::Registers)?;
    let mut compared =
        Compared { registers, set: None, differences: Vec::new(), first_run: Vec::new() };
    if !backend.migration().contains(Migration::VM_CONFIG) {
        return Ok(compared);
    }
    let differences = &mut compared.differences;
    let (set, together) = match by(Way::Set) {
        Err(Error::Config(error)) => {
            differences.push(format!("SET refuses what CHECK has taken: {error}"));
            return Ok(compared);
        }
        done => done?,
    };
    answers(&compared.registers, &set, differences);
    values(&*one_by_one, &*together, state, differences);
    compared.set = Some(set);

    let options = CheckOptions { way: Way::Set, ..options.clone() };
    let (_, fresh) = begin(backend, state, &options)?;
    whole(&*fresh, &mut *one_by_one, state, &mut compared)?;
    Ok(compared)
}

/// The answers are the same.
fn answers(registers: &Check, set: &Check, differences: &mut Vec<String>) {
    let said = |check: &Check| {
        (check.features.clone(), check.written, check.lacks.clone(), check.misreads.clone())
    };
    if said(registers) != said(set) {
        differences.push(format!("{:?} one by one, {:?} as a set", said(registers), said(set)));
    }
    let by_place = |check: &Check| -> BTreeMap<String, String> {
        check
            .refusals
            .iter()
            .map(|refusal| match refusal.place {
                Place::Register(id) => format!("vCPU {}: {}", refusal.vcpu, names::name(id)),
                Place::Attribute { group, attr } => format!("group {group} attribute {attr:#x}"),
            })
            .zip(check.refusals.iter().map(|refusal| {
                let Refusal { value, errno, bits, together, has, .. } = refusal;
                format!("{value}: errno {errno}, bits {bits:#x}, {together}, has {has:x?}")
            }))
            .collect()
    };
    let (one, other) = (by_place(registers), by_place(set));
    for place in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        if one.get(place) != other.get(place) {
            let said = |map: &BTreeMap<String, String>| {
                map.get(place).map_or("taken".to_string(), String::clone)
            };
            differences.push(format!(
                "{place}: {} one by one, {} as a set",
                said(&one),
                said(&other)
            ));
        }
    }
}

/// The VMs are the same.
fn values(
    one_by_one: &dyn ScratchVm,
    together: &dyn ScratchVm,
    state: &State,
    differences: &mut Vec<String>,
) {
    for vcpu in 0..state.vcpus.len() {
        let lists = (one_by_one.list(vcpu), together.list(vcpu));
        if lists.0 != lists.1 {
            differences.push(format!("vCPU {vcpu} has other registers: {lists:?}"));
        }
        for id in lists.0.unwrap_or_default().into_iter().filter(|&id| !runs_by_itself(id)) {
            let read = |vm: &dyn ScratchVm| {
                let mut bytes = [0; MAX_BYTES];
                vm.get(vcpu, id, &mut bytes).map(|()| bytes.to_vec())
            };
            let (a, b) = (read(one_by_one), read(together));
            if a != b {
                let name = names::name(id);
                differences.push(format!("vCPU {vcpu}: {name} reads {a:x?} and {b:x?}"));
            }
        }
    }
}

/// The counters run while they are read.
fn runs_by_itself(id: RegId) -> bool {
    const CNTPCT_EL0: RegId = RegId::sysreg(3, 3, 14, 0, 1);
    const CNTVCT_EL0: RegId = RegId::sysreg(3, 3, 14, 3, 2);
    id == CNTPCT_EL0 || id == CNTVCT_EL0
}

/// What configures the first vCPU, as one set in an order that would be wrong one by one: CHECK
/// says what SET does, a refused SET changes nothing, and with the values that it offers it is
/// taken.
fn whole(
    fresh: &dyn ScratchVm,
    one_by_one: &mut dyn ScratchVm,
    state: &State,
    compared: &mut Compared,
) -> Result<(), ConfigError> {
    let request: &dyn Fn(Op, u32, &mut [_]) -> _ =
        &|op, flags, entries| fresh.config(op, flags, entries);
    let before = read(request)?;
    let known: BTreeSet<RegId> = before.iter().map(|reading| reading.id).collect();
    let Some(vcpu) = state.vcpus.first() else { return Ok(()) };
    let entries: Vec<(RegId, u64)> = restore_order(state, None)
        .into_iter()
        .rev()
        .filter(|id| known.contains(id))
        .filter_map(|id| Some((id, vcpu.get(id)?.as_u64()?)))
        .collect();
    let differences = &mut compared.differences;

    let checked = ask(fresh, Op::Check, &entries)?;
    if read(request)? != before {
        differences.push("CHECK has changed the VM".to_string());
    }
    let set = ask(fresh, Op::Set, &entries)?;
    if set != checked {
        differences.push(format!("CHECK says {checked:?}, SET {set:?}"));
    }
    if !set.is_empty() {
        if read(request)? != before {
            differences.push("a refused SET has changed the VM".to_string());
        }
        let mut offered = entries.clone();
        for refused in &set {
            if let (Some(entry), Some(limit)) = (offered.get_mut(refused.index), refused.limit) {
                entry.1 = limit;
            }
        }
        let still = ask(fresh, Op::Check, &offered)?;
        if !still.is_empty() {
            differences.push(format!("the values that SET offers are refused: {still:?}"));
        }
    }
    // Which ones are refused was compared before, as the others decide.
    let is_refused = |refusal: &Refusal| match refusal.place {
        Place::Register(id) => refusal.vcpu == 0 && known.contains(&id),
        Place::Attribute { .. } => false,
    };
    let one_by_one_takes = !compared.registers.refusals.iter().any(is_refused);
    if set.is_empty() && !one_by_one_takes {
        differences.push("the set is taken, and not one by one".to_string());
    }
    if one_by_one_takes {
        let changed = first_run_changes(one_by_one, &set);
        for refused in &set {
            if refused.reason == Reason::Conflict && changed.contains(&refused.id) {
                compared.first_run.push(refused.id);
            } else {
                differences.push(format!("only the set refuses {refused}"));
            }
        }
    }
    Ok(())
}

/// The registers whose values were taken, and of which the first run makes what the set offers.
fn first_run_changes(vm: &mut dyn ScratchVm, refused: &[Refused]) -> Vec<RegId> {
    if refused.is_empty() {
        return Vec::new();
    }
    let taken: Vec<&Refused> = refused
        .iter()
        .filter(|refused| {
            vm.get64(0, refused.id) == Ok(refused.value) && refused.limit != Some(refused.value)
        })
        .collect();
    // Whatever comes of the call, the first run has begun.
    let _ = vm.hypercall(VERSION, &[]);
    let is_changed = |refused: &&&Refused| vm.get64(0, refused.id).ok() == refused.limit;
    taken.iter().filter(is_changed).map(|refused| refused.id).collect()
}

/// `SMCCC_VERSION`
const VERSION: u32 = 0x8000_0000;
