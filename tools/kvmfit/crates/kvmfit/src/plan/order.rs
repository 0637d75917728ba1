// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Orders in which registers are written.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::dump::{Affects, Vm};
use crate::id::{Class, RegId, SVE_VLS};
use crate::state::{Reg, State};

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

/// The registers of a VM in the order in which to restore them: no host refuses one because it
/// comes too early. Each register of any vCPU is there once; write those that a vCPU has.
///
/// `KVM_GET_REG_LIST` has another order, in which not every VM can be restored, even on the host
/// where it was saved:
///
/// | first | then | because |
/// |---|---|---|
/// | vector lengths | `KVM_ARM_VCPU_FINALIZE`, all others | they can be written before it only |
/// | ID registers, MIDR, REVIDR, AIDR, CTR, CLIDR | firmware registers | `ID_AA64PFR1_EL1.SSBS` decides which values `KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2` takes; other fields may decide about others |
/// | the same | state of the vCPU | `ID_AA64MMFR3_EL1` decides whether `TCR2_EL1` and `PIR_EL1` exist; other fields decide about others |
/// | CLIDR | CCSIDR | the former says which of the latter exist |
///
/// The VM must have its interrupt controller already, since some kernels set fields of ID
/// registers when it is made. Of its attributes, `GICD_IIDR` comes first.
///
/// With `host`, a scratch VM of the dump of the host, ID registers come in the order in which they
/// were measured to depend on each other there. Without it they keep their order; no kernel is
/// known where that matters.
///
/// ```
/// use kvmfit::id::RegId;
/// use kvmfit::plan::restore_order;
/// use kvmfit::state::{Format, Origin, Reg, State, Vcpu};
///
/// // A VM whose SSBS is hidden, as KVM lists its registers.
/// let (workaround_2, pfr1) = (RegId::firmware(2), RegId::sysreg(3, 0, 0, 4, 1));
/// let mut state = State::new(Origin::new(Format::State));
/// let registers = vec![Reg::new(workaround_2, 3), Reg::new(pfr1, 0)];
/// state.vcpus.push(Vcpu { registers });
///
/// assert_eq!(restore_order(&state, None), [pfr1, workaround_2]);
/// for vcpu in &state.vcpus {
///     for id in restore_order(&state, None) {
///         let Some(value) = vcpu.get(id) else { continue };
///         println!("KVM_SET_ONE_REG {id} {value}");
///     }
/// }
/// ```
pub fn restore_order(state: &State, host: Option<&Vm>) -> Vec<RegId> {
    let mut seen = BTreeSet::new();
    let registers = state.vcpus.iter().flat_map(|vcpu| &vcpu.registers);
    let once: Vec<&Reg> = registers.filter(|reg| seen.insert(reg.id)).collect();
    let order = right(once, host.map_or(&[], |vm| &vm.affects));
    order.into_iter().map(|reg| reg.id).collect()
}

/// The registers of a vCPU in the order of [`restore_order`].
pub(crate) fn planned<'a>(registers: &'a [Reg], vm: &Vm) -> Vec<&'a Reg> {
    right(registers.iter().collect(), &vm.affects)
}

fn right<'a>(mut order: Vec<&'a Reg>, affects: &[Affects]) -> Vec<&'a Reg> {
    order.sort_by_key(|reg| rank(reg.id));
    // Within the first ranks, what affects another register comes before it, by measurement.
    let end = order.partition_point(|reg| rank(reg.id) < 2);
    let first = sorted(&order[..end], affects);
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
fn sorted<'a>(registers: &[&'a Reg], affects: &[Affects]) -> Vec<&'a Reg> {
    let ids: BTreeSet<RegId> = registers.iter().map(|reg| reg.id).collect();
    let mut before: BTreeMap<RegId, BTreeSet<RegId>> = BTreeMap::new();
    for affects in affects.iter().filter(|affects| ids.contains(&affects.id)) {
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
