// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A host that is asked register by register, as it would be in a restore.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::dump::{Affects, Dump, Register, Vm};
use crate::id::{Class, RegId};
use crate::state::Reg;
use crate::takes::{nibble, Answer, Takes, Unsure};
use crate::value::Value;
use crate::vmm::Vmm;

static UNKNOWN: Value = Value::ZERO;

/// A scratch VM of a dump, for a VMM.
pub(crate) struct Host<'a> {
    registers: BTreeMap<RegId, &'a Register>,
    unlisted: BTreeSet<RegId>,
    // Which registers affect a register.
    affected: BTreeMap<RegId, Vec<&'a Affects>>,
    // What MIDR, REVIDR and AIDR take if the VMM makes them writable.
    implementation: BTreeMap<RegId, &'a Takes>,
}

/// What the host says to one write.
pub(crate) enum Outcome<'a> {
    /// It accepts the value.
    Yes,
    /// It does not have the register.
    Missing,
    /// What was measured says more.
    Answer {
        /// What it says.
        answer: Answer,
        /// What it takes.
        takes: Option<&'a Takes>,
        /// The value of a new VM.
        new: &'a Value,
    },
}

/// What a register takes, and its value in a new VM.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// What it takes; `None` for any value.
    pub(crate) takes: Option<&'a Takes>,
    /// Its value.
    pub(crate) new: &'a Value,
}

impl Answer {
    /// Whether the value is accepted.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Yes | Self::Stores { .. })
    }
}

impl Affects {
    /// The registers on which the change has an effect.
    pub fn targets(&self) -> impl Iterator<Item = RegId> + '_ {
        let changes = self.changes.iter().map(|reg| reg.id);
        let takes = self.takes.iter().map(|takes| takes.id);
        self.hides.iter().copied().chain(changes).chain(takes)
    }
}

impl<'a> Host<'a> {
    pub(crate) fn new(dump: &'a Dump, vm: &'a Vm, vmm: &Vmm) -> Self {
        let mut affected: BTreeMap<RegId, Vec<&Affects>> = BTreeMap::new();
        for affects in &vm.affects {
            let targets: BTreeSet<RegId> = affects.targets().collect();
            for target in targets {
                affected.entry(target).or_default().push(affects);
            }
        }
        let implementation = if vmm.writable_implementation_ids {
            dump.impl_id_regs.iter().map(|reg| (reg.id, &reg.takes)).collect()
        } else {
            BTreeMap::new()
        };
        Self {
            registers: vm.registers.iter().map(|register| (register.id, register)).collect(),
            unlisted: dump.unlisted.iter().copied().collect(),
            affected,
            implementation,
        }
    }

    /// Whether the host may say anything but yes to a write of this register.
    pub(crate) fn may_refuse(&self, id: RegId) -> bool {
        self.affected.contains_key(&id)
            || self.registers.get(&id).is_none_or(|register| register.takes.is_some())
    }

    /// A register whose write changes what the host says to `id`, among those that a VM writes
    /// with another value than a new VM has.
    pub(crate) fn first_of(&self, id: RegId, order: &[&Reg]) -> Option<RegId> {
        let changed = |affects: &&&Affects| {
            let reg = order.iter().find(|reg| reg.id == affects.id);
            let written = reg.and_then(|reg| reg.value.as_u64());
            let new = self.registers.get(&affects.id).and_then(|new| new.value.as_u64());
            let digit = usize::from(affects.digit);
            matches!((written, new), (Some(a), Some(b)) if nibble(a, digit) != nibble(b, digit))
        };
        self.affected.get(&id)?.iter().find(changed).map(|affects| affects.id)
    }

    /// Writes registers in an order.
    pub(crate) fn write<'r>(&self, order: &[&'r Reg]) -> Vec<(&'r Reg, Outcome<'a>)> {
        let mut written = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(order.len());
        for &reg in order {
            let outcome = self.ask(reg, &written);
            // A refused write changes nothing. In doubt, the VM's value is assumed: what depends
            // on it is answered for the case that the VM fits.
            let refused = match &outcome {
                Outcome::Missing => true,
                Outcome::Answer { answer, .. } => matches!(answer, Answer::No { .. }),
                Outcome::Yes => false,
            };
            if let (false, Some(value)) = (refused, reg.value.as_u64()) {
                written.insert(reg.id, value);
            }
            outcomes.push((reg, outcome));
        }
        outcomes
    }

    fn ask(&self, reg: &Reg, written: &BTreeMap<RegId, u64>) -> Outcome<'a> {
        let Some(&register) = self.registers.get(&reg.id) else {
            return self.absent(reg.id);
        };
        let ways = self.ways(reg.id, written);
        let mut outcomes = ways.into_iter().map(|way| self.judge(reg, register, way));
        let Some(first) = outcomes.next() else { return Outcome::Yes };
        outcomes.fold(first, |a, b| agree(a, b, register))
    }

    /// The ways in which what was written before can matter to a register: `None` if it does not.
    fn ways(&self, id: RegId, written: &BTreeMap<RegId, u64>) -> Vec<Option<&'a Affects>> {
        let mut ways = Vec::new();
        for &affects in self.affected.get(&id).into_iter().flatten() {
            let new = self.registers.get(&affects.id).and_then(|new| new.value.as_u64());
            let (Some(new), Some(&now)) = (new, written.get(&affects.id)) else { continue };
            let digit = usize::from(affects.digit);
            let (new, now) = (nibble(new, digit), nibble(now, digit));
            if now == new {
                continue;
            }
            ways.push(Some(affects));
            if now != affects.value {
                // Another value was measured: the effect may be there or not.
                ways.push(None);
            }
        }
        if ways.is_empty() {
            ways.push(None);
        }
        ways
    }

    /// What a register takes and its value in a new VM after `written`, or `None` if the host
    /// does not have it, or if that is not certain.
    pub(crate) fn view(&self, id: RegId, written: &BTreeMap<RegId, u64>) -> Option<View<'a>> {
        let register = *self.registers.get(&id)?;
        match self.ways(id, written)[..] {
            [way] => self.seen(id, register, way),
            _ => None,
        }
    }

    // What a register takes and its value, if the change of one other register has its effect.
    fn seen(
        &self,
        id: RegId,
        register: &'a Register,
        way: Option<&'a Affects>,
    ) -> Option<View<'a>> {
        let mut view = View { takes: register.takes.as_ref(), new: &register.value };
        if let Some(affects) = way {
            if affects.hides.contains(&id) {
                return None;
            }
            if let Some(changed) = affects.takes.iter().find(|changed| changed.id == id) {
                view.takes = Some(&changed.takes);
            }
            if let Some(changed) = affects.changes.iter().find(|changed| changed.id == id) {
                view.new = &changed.value;
            }
        }
        if let Some(writable) = self.implementation.get(&id) {
            view.takes = Some(writable);
        }
        Some(view)
    }

    fn absent(&self, id: RegId) -> Outcome<'a> {
        // Every vCPU has the core registers.
        if !self.unlisted.contains(&id) {
            return Outcome::Missing;
        }
        if id.class() == Class::Core {
            return Outcome::Yes;
        }
        let answer = Answer::CannotTell { why: Unsure::NotMeasured };
        Outcome::Answer { answer, takes: None, new: &UNKNOWN }
    }

    // What the host says if the change of one other register has its effect.
    fn judge(&self, reg: &Reg, register: &'a Register, way: Option<&'a Affects>) -> Outcome<'a> {
        let Some(View { takes, new }) = self.seen(reg.id, register, way) else {
            return Outcome::Missing;
        };
        let Some(takes) = takes else { return Outcome::Yes };
        let mut answer = takes.accepts_value(&reg.value, new);
        // A file that may mean several values: all of them have to have one answer.
        for value in &reg.or {
            let other = takes.accepts_value(value, new);
            if other.is_accepted() != answer.is_accepted()
                || matches!(other, Answer::CannotTell { .. })
            {
                answer = Answer::CannotTell { why: Unsure::Meaning };
            }
        }
        Outcome::Answer { answer, takes: Some(takes), new }
    }
}

// What is certain if either may be so.
fn agree<'a>(a: Outcome<'a>, b: Outcome<'a>, register: &'a Register) -> Outcome<'a> {
    let accepted = |outcome: &Outcome<'_>| match outcome {
        Outcome::Yes => Some(true),
        Outcome::Missing => Some(false),
        Outcome::Answer { answer: Answer::CannotTell { .. }, .. } => None,
        Outcome::Answer { answer, .. } => Some(answer.is_accepted()),
    };
    let same_kind = matches!(a, Outcome::Missing) == matches!(b, Outcome::Missing);
    match (accepted(&a), accepted(&b)) {
        (Some(x), Some(y)) if x == y && same_kind => a,
        (None, _) => a,
        (_, None) => b,
        _ => Outcome::Answer {
            answer: Answer::CannotTell { why: Unsure::Combination },
            takes: register.takes.as_ref(),
            new: &register.value,
        },
    }
}
