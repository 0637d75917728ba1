// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The configuration of a state, written as a set.

use std::collections::BTreeSet;

use kvmfit::id::{Class, RegId};
use kvmfit::state::Reg;
use kvmfit::value::Value;

use crate::backend::{Errno, ScratchVm};
use crate::check::{differing, explain, write as write_one, Place, Refusal};
use crate::vm_config::abi::Op;
use crate::vm_config::{read, Config, ConfigError, Reason, Refused};

type Entry = (RegId, u64);

/// Writes those of `registers` that are part of the configuration, and returns which ones these
/// are.
///
/// The answers are those that registers get which are written one by one in the right order: a
/// refused one keeps its value, and the others are judged by that. The kernel judges them by what
/// it would take instead of the refused value, so it is asked again without that one.
pub(crate) fn write(
    vm: &dyn ScratchVm,
    vcpu: usize,
    registers: &[&Reg],
    refusals: &mut Vec<Refusal>,
) -> Result<BTreeSet<RegId>, ConfigError> {
    let known: BTreeSet<RegId> = read(&|op, flags, entries| vm.config(op, flags, entries))?
        .iter()
        .map(|reg| reg.id)
        .collect();
    let of_config = |reg: &&Reg| Some((reg.id, reg.value.as_u64()?));
    let entries: Vec<Entry> =
        registers.iter().filter(|reg| known.contains(&reg.id)).filter_map(of_config).collect();
    let ids = entries.iter().map(|&(id, _)| id).collect();

    let mut taken = entries;
    let mut doubtful: Vec<Entry> = Vec::new();
    loop {
        let refused = ask(vm, Op::Check, &taken)?;
        if refused.is_empty() {
            break;
        }
        let places: BTreeSet<usize> = refused.iter().map(|refused| refused.index).collect();
        doubtful.extend(refused.iter().map(|refused| (refused.id, refused.value)));
        let mut place = 0..;
        taken.retain(|_| place.next().is_none_or(|n| !places.contains(&n)));
    }
    // Each by itself, beside what is taken
    let mut single: Vec<Entry> = Vec::new();
    let mut met = Vec::new();
    for entry in doubtful {
        taken.push(entry);
        let refused = ask(vm, Op::Check, &taken)?;
        match refused.iter().find(|refused| refused.index + 1 == taken.len()) {
            None if refused.is_empty() => continue,
            Some(refused) if refused.reason != Reason::Conflict => met.push(*refused),
            // It goes with the others or not by the order in which they come, or by what the first
            // run does: as a register it is judged without that.
            _ => single.push(entry),
        }
        taken.pop();
    }
    if let [refused, ..] = ask(vm, Op::Set, &taken)?[..] {
        // What CHECK has taken
        return Err(ConfigError::Refused(vec![refused]));
    }
    refusals.extend(met.iter().map(|refused| refusal(vm, vcpu, refused)));
    for (id, value) in single {
        let value = Value::from(value);
        if let Err(errno) = write_one(vm, vcpu, id, &value) {
            refusals.push(explain(vm, vcpu, id, &value, errno));
        }
    }
    Ok(ids)
}

/// The entries that are refused.
pub(crate) fn ask(
    vm: &dyn ScratchVm,
    op: Op,
    entries: &[Entry],
) -> Result<Vec<Refused>, ConfigError> {
    let config: Config = entries.iter().copied().collect();
    match config.ask(op, &|op, flags, entries| vm.config(op, flags, entries)) {
        Ok(()) => Ok(Vec::new()),
        Err(ConfigError::Refused(refused)) => Ok(refused),
        Err(error) => Err(error),
    }
}

/// In the words of a VM whose registers are written one by one.
fn refusal(vm: &dyn ScratchVm, vcpu: usize, refused: &Refused) -> Refusal {
    let has: Result<u64, Errno> = vm.get64(vcpu, refused.id);
    let bits = has.map_or(0, |has| {
        let changed = refused.value ^ has;
        let refused_bits =
            if refused.id.class() == Class::Firmware { changed } else { refused.bits };
        differing(changed, changed & !refused_bits)
    });
    Refusal {
        vcpu,
        place: Place::Register(refused.id),
        value: Value::from(refused.value),
        errno: refused.errno,
        bits,
        together: false,
        has: has.ok(),
    }
}
