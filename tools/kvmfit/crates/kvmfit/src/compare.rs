// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Compares hosts and VMs, field by field.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::dump::Vm;
use crate::id::RegId;
use crate::names::{self, Relation};
use crate::state::State;
use crate::takes::{Conflict, Takes};
use crate::value::Value;

/// Something that is compared: the registers of a VM, under a name.
#[derive(Clone, Debug)]
pub struct Side<'a> {
    label: String,
    registers: BTreeMap<RegId, (&'a Value, Option<&'a Takes>)>,
}

impl<'a> Side<'a> {
    /// A new VM of a host, with what the host takes.
    pub fn of_vm(label: impl Into<String>, vm: &'a Vm) -> Self {
        let registers = vm.registers.iter();
        let registers = registers.map(|reg| (reg.id, (&reg.value, reg.takes.as_ref()))).collect();
        Self { label: label.into(), registers }
    }

    /// The first vCPU of a VM.
    pub fn of_state(label: impl Into<String>, state: &'a State) -> Self {
        let registers = state.vcpus.first().into_iter().flat_map(|vcpu| &vcpu.registers);
        let registers = registers.map(|reg| (reg.id, (&reg.value, None))).collect();
        Self { label: label.into(), registers }
    }
}

/// How several sides compare with the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The names of the sides.
    pub labels: Vec<String>,
    /// The registers in which any side differs from the first, by number.
    pub rows: Vec<Row>,
}

/// A register in which sides differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The register.
    pub id: RegId,
    /// Its name.
    pub name: String,
    /// Whether it configures a VM. The others are state, such as counters.
    pub configures: bool,
    /// Its value on each side, if the side has it.
    pub values: Vec<Option<Value>>,
    /// The fields in which values differ.
    pub fields: Vec<FieldRow>,
    /// How what each side takes compares with what the first takes: lower takes less. `None`
    /// where either does not say.
    pub takes: Vec<Option<Relation>>,
}

/// A field in which sides differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldRow {
    /// Its name, or its bits.
    pub name: String,
    /// What it says, or an empty text.
    pub about: &'static str,
    /// Its value on each side.
    pub values: Vec<Option<u64>>,
    /// How each side compares with the first, if both have the register.
    pub relations: Vec<Option<Relation>>,
}

impl Comparison {
    /// Whether all sides have the same configuration.
    pub fn is_equal(&self) -> bool {
        !self.rows.iter().any(|row| row.configures)
    }
}

/// Compares each side with the first.
///
/// ```
/// use kvmfit::compare::{compare, Side};
/// use kvmfit::dump::{Register, Vm};
/// use kvmfit::id::RegId;
/// use kvmfit::names::Relation;
///
/// let vm = |value: u64| {
///     let mut vm = Vm::new(vec![]);
///     vm.registers.push(Register::new(RegId::sysreg(3, 0, 0, 4, 1), value.into()));
///     vm
/// };
/// let (old, new) = (vm(0x10), vm(0x20));
/// let rows = compare(&[Side::of_vm("old", &old), Side::of_vm("new", &new)]).rows;
/// assert_eq!(rows[0].fields[0].name, "SSBS");
/// assert_eq!(rows[0].fields[0].relations[1], Some(Relation::Higher));
/// ```
pub fn compare(sides: &[Side<'_>]) -> Comparison {
    let ids: BTreeSet<RegId> =
        sides.iter().flat_map(|side| side.registers.keys()).copied().collect();
    let labels = sides.iter().map(|side| side.label.clone()).collect();
    let rows = ids.into_iter().filter_map(|id| row(id, sides)).collect();
    Comparison { labels, rows }
}

fn row(id: RegId, sides: &[Side<'_>]) -> Option<Row> {
    let has: Vec<_> = sides.iter().map(|side| side.registers.get(&id)).collect();
    let first = *has.first()?;
    let takes: Vec<_> = has
        .iter()
        .map(|side| relation_of_takes(side.and_then(|has| has.1)?, first.and_then(|has| has.1)?))
        .collect();
    let same_value = has.iter().all(|side| side.map(|has| has.0) == first.map(|has| has.0));
    if same_value && takes.iter().all(|takes| takes.is_none_or(|takes| takes == Relation::Equal)) {
        return None;
    }
    let numbers: Vec<_> = has.iter().map(|side| side.and_then(|has| has.0.as_u64())).collect();
    Some(Row {
        id,
        name: names::name(id),
        configures: id.configures(),
        values: has.iter().map(|side| side.map(|has| has.0.clone())).collect(),
        fields: fields(id, &numbers),
        takes,
    })
}

fn fields(id: RegId, numbers: &[Option<u64>]) -> Vec<FieldRow> {
    let known: Vec<u64> = numbers.iter().copied().flatten().collect();
    let Some(&some) = known.first() else { return Vec::new() };
    let mask = known.iter().fold(0, |mask, number| mask | (number ^ some));
    let first = numbers.first().copied().flatten();
    let fields = names::fields(id);
    let part = |part: names::Part| {
        let shift = part.mask.trailing_zeros();
        let value = |number: u64| (number & part.mask) >> shift;
        let relation = |number: &Option<u64>| {
            let (number, first) = ((*number)?, first?);
            if number & part.mask == first & part.mask {
                return Some(Relation::Equal);
            }
            let field = fields.iter().find(|field| field.mask() == part.mask);
            Some(field.map_or(Relation::Differs, |field| field.relation(number, first)))
        };
        FieldRow {
            name: part.name.clone(),
            about: part.about,
            values: numbers.iter().map(|number| number.map(value)).collect(),
            relations: numbers.iter().map(relation).collect(),
        }
    };
    names::parts(id, mask, 0, 0).into_iter().map(part).collect()
}

/// Whether `a` takes less than `b`.
fn relation_of_takes(a: &Takes, b: &Takes) -> Option<Relation> {
    let (less, more) = match (a, b) {
        (Takes::Digits(a), Takes::Digits(b)) => {
            let pairs = || a.digits.iter().zip(&b.digits);
            let more = |a: &[Conflict], b: &[Conflict]| a.iter().any(|one| !b.contains(one));
            (
                pairs().any(|(a, b)| b.0 & !a.0 != 0) || more(&a.conflicts, &b.conflicts),
                pairs().any(|(a, b)| a.0 & !b.0 != 0) || more(&b.conflicts, &a.conflicts),
            )
        }
        (Takes::Values(a), Takes::Values(b)) => (
            b.values.iter().any(|value| !a.values.contains(value)),
            a.values.iter().any(|value| !b.values.contains(value)),
        ),
        _ => return None,
    };
    Some(match (less, more) {
        (false, false) => Relation::Equal,
        (true, false) => Relation::Lower,
        (false, true) => Relation::Higher,
        (true, true) => Relation::Differs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use proptest::prelude::*;

    #[test]
    fn fingerprints_of_6_1_and_6_18() {
        let (old, new) = (fingerprint("V1_6.1"), fingerprint("V1_6.18"));
        let sides = [Side::of_vm("6.1", &old.vms[0]), Side::of_vm("6.18", &new.vms[0])];
        let rows = compare(&sides).rows;
        let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        let field = |name: &str, field: &str| {
            row(name).fields.iter().find(|known| known.name == field).unwrap().relations[1]
        };
        assert_eq!(field("ID_AA64PFR0_EL1", "MPAM"), Some(Relation::Lower));
        assert_eq!(field("ID_AA64DFR0_EL1", "DebugVer"), Some(Relation::Higher));
        assert_eq!(row("KVM_REG_ARM_VENDOR_HYP_BMAP_2").values[0], None);
        assert_eq!(rows.iter().filter(|row| row.configures).count(), 20);
        assert_eq!(rows.iter().filter(|row| row.values[0].is_none()).count(), 12);
    }

    proptest! {
        #[test]
        fn is_antisymmetric(a in hosts(), b in hosts()) {
            compare_both_ways(&a.vms[0], &b.vms[0])?;
        }

        #[test]
        fn a_host_equals_itself(a in hosts()) {
            let side = Side::of_vm("a", &a.vms[0]);
            prop_assert_eq!(compare(&[side.clone(), side]).rows, []);
        }
    }
}
