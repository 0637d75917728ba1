// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Orders in which registers are written.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::dump::Vm;
use crate::id::{Class, RegId, SVE_VLS};
use crate::state::Reg;

// What decides about others comes first: the vector lengths, which are fixed when the vCPU is
// finalized; registers that say which CPU it is; firmware, which depends on those; and state.
fn rank(id: RegId) -> u8 {
    match id.class() {
        _ if id == SVE_VLS => 0,
        Class::SysReg if id.configures() => 1,
        Class::Demux => 2,
        Class::Firmware | Class::FirmwareBitmap => 3,
        _ => 4,
    }
}

/// The right order: no register is refused because it comes too early.
pub(crate) fn planned<'a>(registers: &'a [Reg], vm: &Vm) -> Vec<&'a Reg> {
    let mut order: Vec<&Reg> = registers.iter().collect();
    order.sort_by_key(|reg| rank(reg.id));
    // Within the first ranks, what affects another register comes before it, by measurement.
    let end = order.partition_point(|reg| rank(reg.id) < 2);
    let first = sorted(&order[..end], vm);
    order.splice(..end, first);
    order
}

/// By number.
pub(crate) fn by_id(registers: &[Reg]) -> Vec<&Reg> {
    let mut order: Vec<&Reg> = registers.iter().collect();
    order.sort_by_key(|reg| reg.id);
    order
}

/// The registers, each after those that affect it. In a circle the order stays.
fn sorted<'a>(registers: &[&'a Reg], vm: &Vm) -> Vec<&'a Reg> {
    let ids: BTreeSet<RegId> = registers.iter().map(|reg| reg.id).collect();
    let mut before: BTreeMap<RegId, BTreeSet<RegId>> = BTreeMap::new();
    for affects in vm.affects.iter().filter(|affects| ids.contains(&affects.id)) {
        for target in affects.targets().filter(|&target| target != affects.id) {
            if ids.contains(&target) {
                before.entry(target).or_default().insert(affects.id);
            }
        }
    }
    if before.is_empty() {
        return registers.to_vec();
    }
    let mut rest = registers.to_vec();
    let mut done = BTreeSet::new();
    let mut order = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let free = |reg: &&Reg| before.get(&reg.id).is_none_or(|ids| ids.is_subset(&done));
        let next = rest.iter().position(free).unwrap_or(0);
        let reg = rest.remove(next);
        done.insert(reg.id);
        order.push(reg);
    }
    order
}
