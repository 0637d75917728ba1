// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Hosts for tests: real fingerprints, made-up ones, and random ones.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use proptest::collection::vec as list;
use proptest::prelude::*;

use crate::compare::{compare, Side};
use crate::dump::{Affects, Dump, Host, RegTakes, Register, Vm};
use crate::id::RegId;
use crate::names::{self, Relation};
use crate::read;
use crate::state::Reg;
use crate::takes::{nibble, Conflict, DigitSet, Digits, Takes, Values, DIGITS};
use crate::value::Hex;

pub(crate) const PFR0: RegId = RegId::sysreg(3, 0, 0, 4, 0);
pub(crate) const PFR1: RegId = RegId::sysreg(3, 0, 0, 4, 1);
pub(crate) const SCTLR: RegId = RegId::sysreg(3, 0, 1, 0, 0);
pub(crate) const PSCI: RegId = RegId::firmware(0);
pub(crate) const WORKAROUND_2: RegId = RegId::firmware(2);

/// Compares two VMs in both directions, which have to say the same.
pub(crate) fn compare_both_ways(a: &Vm, b: &Vm) -> Result<(), TestCaseError> {
    let (a, b) = (Side::of_vm("a", a), Side::of_vm("b", b));
    let (there, back) = (compare(&[a.clone(), b.clone()]).rows, compare(&[b, a]).rows);
    prop_assert_eq!(there.len(), back.len());
    for (there, back) in there.iter().zip(&back) {
        prop_assert_eq!(there.id, back.id);
        prop_assert_eq!(&there.values[0], &back.values[1]);
        prop_assert_eq!(there.takes[1], reversed(back.takes[1]));
        for (there, back) in there.fields.iter().zip(&back.fields) {
            prop_assert_eq!(&there.name, &back.name);
            prop_assert_eq!(there.relations[1], reversed(back.relations[1]));
        }
    }
    Ok(())
}

/// How the second compares with the first, if the first compares with the second in this way.
fn reversed(relation: Option<Relation>) -> Option<Relation> {
    Some(match relation? {
        Relation::Lower => Relation::Higher,
        Relation::Higher => Relation::Lower,
        same => same,
    })
}

/// A fingerprint of the test data, such as `N1_6.18`.
pub(crate) fn fingerprint(name: &str) -> Dump {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let path = alloc::format!("{dir}/fingerprint_ARM_NEOVERSE_{name}host.json");
    let bytes = std::fs::read(&path).unwrap();
    read::read(&bytes).unwrap().into_dump().unwrap()
}

pub(crate) fn values(values: &[u64]) -> Takes {
    let values = values.iter().copied().map(Hex).collect();
    Takes::Values(Values { values, errno: 22, refused: Vec::new(), complete: true })
}

/// What takes each digit of `value` and lower ones.
pub(crate) fn lower(value: u64) -> Takes {
    let mut digits = Digits::only(value, 22);
    for n in 0..DIGITS {
        let set = (0..=nibble(value, n)).fold(DigitSet(0), DigitSet::with);
        digits.digits[DIGITS - 1 - n] = set;
    }
    Takes::Digits(digits)
}

pub(crate) fn register(id: RegId, value: u64, takes: Option<Takes>) -> Register {
    let mut register = Register::new(id, value.into());
    register.takes = takes;
    register
}

/// A host as of 7.3 in the order of its list, where SSBS decides about a workaround.
pub(crate) fn host() -> Dump {
    let mut dump = Dump::new("test", Host::new("7.3.4", 0x413f_d0c1));
    let mut vm = Vm::new(vec!["psci_0_2".to_string()]);
    vm.registers = vec![
        register(PSCI, 0x10003, Some(values(&[2, 0x10000, 0x10001, 0x10002, 0x10003]))),
        register(WORKAROUND_2, 2, Some(values(&[0, 1, 2]))),
        register(SCTLR, 0xc5_0838, None),
        register(PFR0, 0x1101_0000_2111_1112, Some(lower(0x1101_0000_2111_1112))),
        register(PFR1, 0x20, Some(lower(0x20))),
    ];
    let mut affects = Affects::new(PFR1, 1, 0);
    affects.changes.push(Reg::new(WORKAROUND_2, 3));
    affects.takes.push(RegTakes { id: WORKAROUND_2, takes: values(&[0, 1, 2, 3]) });
    vm.affects.push(affects);
    dump.vms.push(vm);
    dump
}

fn takes(value: u64) -> impl Strategy<Value = Takes> {
    let digits = (any::<[u16; DIGITS]>(), any::<bool>()).prop_map(move |(sets, independent)| {
        let mut digits = Digits::only(value, 22);
        digits.independent = independent;
        // Of two digits, each of which may be something else.
        if let (true, [a, b, ..]) = (value & 0xf0 != 0, sets) {
            let mut conflict = Conflict { digits: [DigitSet::ALL; DIGITS], errno: 22 };
            conflict.digits[usize::from(a) % DIGITS] = DigitSet(b);
            conflict.digits[DIGITS - 2] = DigitSet::only(0);
            digits.conflicts.push(conflict);
        }
        for (set, random) in digits.digits.iter_mut().zip(sets) {
            // Small sets and full ones are what hosts have.
            set.0 |= if random % 3 == 0 { 0 } else { random };
        }
        Takes::Digits(digits)
    });
    let few = list(0..16_u64, 0..4).prop_map(move |mut few| {
        few.push(value);
        values(&few)
    });
    prop_oneof![4 => digits, 1 => few, 1 => Just(Takes::Unknown)]
}

/// Random hosts, with known registers and unknown ones of the ID space.
pub(crate) fn hosts() -> impl Strategy<Value = Dump> {
    let ids: Vec<RegId> = names::all()
        .map(|info| info.id)
        // GCR_EL1 comes with a feature.
        .filter(|id| id.size() == Some(8) && *id != RegId::sysreg(3, 0, 1, 0, 6))
        .chain((5..8).map(|op2| RegId::sysreg(3, 0, 0, 7, op2)))
        .chain((0..3).map(|n| RegId::new(0x6030_0000_0017_0000 | n)))
        .collect();
    let some = proptest::sample::subsequence(ids, 1..40).prop_shuffle();
    let registers = some.prop_flat_map(|ids| {
        let one = |id: RegId| {
            (any::<u64>(), 0..4_u8).prop_flat_map(move |(value, shape)| {
                // Registers of different hosts are often equal.
                let value = if shape == 0 { 0 } else { value & 0x0111_0011_0101_2211 };
                let takes = takes(value).prop_map(Some).boxed();
                let takes = if id.configures() { takes } else { Just(None).boxed() };
                takes.prop_map(move |takes| register(id, value, takes))
            })
        };
        ids.into_iter().map(one).collect::<Vec<_>>()
    });
    (list(registers, 1..3), list((any::<usize>(), any::<usize>(), 0..16_u8), 0..4)).prop_map(
        |(vms, affects)| {
            let mut dump = Dump::new("random", Host::new("random", 0));
            for (n, registers) in vms.into_iter().enumerate() {
                let mut vm =
                    Vm::new(["sve", "pmu_v3"][..n].iter().map(ToString::to_string).collect());
                for &(a, b, digit) in &affects {
                    let (a, b) = (&registers[a % registers.len()], &registers[b % registers.len()]);
                    let mut affects = Affects::new(a.id, digit, 0);
                    affects.hides.push(b.id);
                    vm.affects.push(affects);
                }
                vm.registers = registers;
                dump.vms.push(vm);
            }
            dump
        },
    )
}
