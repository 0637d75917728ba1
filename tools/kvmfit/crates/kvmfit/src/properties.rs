// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What holds of every host, tried with real ones that were changed at random.
//!
//! The modules try the same with hosts that are random throughout, with few registers.

use std::sync::OnceLock;

use alloc::vec::Vec;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::baseline::baseline;
use crate::dump::{Dump, Register, Vm};
use crate::plan::{plan, restore_order, Verdict};
use crate::read;
use crate::takes::{nibble, Answer, DigitSet, Takes, DIGITS};
use crate::testing::{compare_both_ways, fingerprint};
use crate::vmm;

/// Hosts that were measured, and hosts of which only the values are known.
fn real() -> &'static [Dump] {
    static REAL: OnceLock<Vec<Dump>> = OnceLock::new();
    REAL.get_or_init(|| {
        let measured = ["neoverse-n1-7.3", "cortex-a72-7.3"].map(|name| {
            let path = alloc::format!("{}/tests/data/{name}.json", env!("CARGO_MANIFEST_DIR"));
            read::read(&std::fs::read(path).unwrap()).unwrap().into_dump().unwrap()
        });
        measured.into_iter().chain(["V1_6.1", "V1_6.18", "N1_6.18"].map(fingerprint)).collect()
    })
}

/// A change of a host: what, of which VM and register, which digit, and to what.
type Change = (u8, Index, Index, usize, u8);

fn change(dump: &mut Dump, (what, vm, register, digit, to): &Change) {
    let vm = vm.index(dump.vms.len());
    let vm: &mut Vm = &mut dump.vms[vm];
    let configures = |register: &Register| register.takes.is_some();
    let places: Vec<usize> =
        (0..vm.registers.len()).filter(|&n| configures(&vm.registers[n])).collect();
    if places.is_empty() {
        return;
    }
    let place = places[register.index(places.len())];
    if *what == 0 {
        vm.registers.remove(place);
        return;
    }
    let register = &mut vm.registers[place];
    let (Some(value), Some(takes)) = (register.value.as_u64(), &mut register.takes) else { return };
    let digit = digit % (2 * register.id.size().unwrap_or(8)).min(DIGITS);
    let own = nibble(value, digit);
    let with = |to: u8| value & !(15 << (4 * digit)) | u64::from(to) << (4 * digit);
    match takes {
        Takes::Digits(digits) => {
            let set = &mut digits.digits[DIGITS - 1 - digit];
            match what {
                // A CPU or a kernel that has less or more, and takes what it has.
                1 => {
                    *set = set.with(*to);
                    digits.tried.retain(|tried| tried.value != value);
                    register.value = with(*to).into();
                }
                2 => *set = DigitSet(set.0 & !(1 << to) | 1 << own),
                3 => *set = set.with(*to),
                4 => digits.independent = !digits.independent,
                _ => register.takes = Some(Takes::Unknown),
            }
        }
        Takes::Values(values) => {
            let new = values.values[usize::from(*to) % values.values.len()];
            match what {
                1 | 2 => register.value = new.0.into(),
                3 => values.values.retain(|listed| listed.0 == value || listed.0 % 2 == 0),
                _ => values.complete = false,
            }
        }
        Takes::Unknown => register.value = with(*to).into(),
    }
}

/// A real host with some changes.
fn hosts() -> impl Strategy<Value = Dump> {
    let changes = (0..6_u8, any::<Index>(), any::<Index>(), 0..DIGITS, 0..16_u8);
    (any::<Index>(), proptest::collection::vec(changes, 0..12)).prop_map(|(host, changes)| {
        let mut dump = real()[host.index(real().len())].clone();
        for one in &changes {
            change(&mut dump, one);
        }
        dump
    })
}

proptest! {
    // Each has hundreds of registers.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn a_host_takes_its_own_new_vms(host in hosts()) {
        for vm in &host.vms {
            let state = host.new_vm(vm);
            for vmm in vmm::ALL {
                let plan = plan(&state, &host, vmm);
                prop_assert_eq!(plan.verdict, Verdict::Yes, "{:?}", plan);
            }
            let mut order = restore_order(&state, Some(vm));
            let mut ids: Vec<_> = vm.registers.iter().map(|register| register.id).collect();
            order.sort();
            ids.sort();
            prop_assert_eq!(order, ids);
        }
    }

    #[test]
    fn all_hosts_take_their_baseline(hosts in proptest::collection::vec(hosts(), 1..4)) {
        let dumps: Vec<&Dump> = hosts.iter().collect();
        let Ok(baseline) = baseline(&dumps, None, &vmm::PLANNED) else {
            // A fingerprint has no PMU, and a measured host always has a VM without one.
            return Err(TestCaseError::fail("no VMs are alike"));
        };
        let certain = baseline.registers.iter().all(|register| register.certain);
        for dump in &dumps {
            let plan = plan(&baseline.state(), dump, &vmm::PLANNED);
            if certain {
                prop_assert_eq!(plan.verdict, Verdict::Yes, "{:?}", plan);
            } else {
                prop_assert_ne!(plan.verdict, Verdict::No, "{:?}", plan);
            }
        }
    }

    #[test]
    fn a_comparison_has_no_direction(a in hosts(), b in hosts()) {
        compare_both_ways(&a.vms[0], &b.vms[0])?;
    }

    #[test]
    fn plan_says_of_each_register_what_the_dump_says(a in hosts(), b in hosts()) {
        // A VM without effects of one register on another.
        let mut b = b;
        b.vms.iter_mut().for_each(|vm| vm.affects.clear());
        let state = a.new_vm(&a.vms[0]);
        let plan = plan(&state, &b, &vmm::LIST_ORDER);
        let Some(vm) = b.vm(&plan.features) else { return Ok(()) };
        for reg in &state.vcpus[0].registers {
            let subject = crate::plan::Subject::Register(reg.id);
            let refused = plan.refusals.iter().any(|refusal| refusal.subject == subject);
            let doubted = plan.doubts.iter().any(|doubt| doubt.subject == subject);
            let answer = match vm.register(reg.id) {
                None => continue,
                Some(register) => match &register.takes {
                    None => Answer::Yes,
                    Some(takes) => takes.accepts_value(&reg.value, &register.value),
                },
            };
            prop_assert_eq!(refused, matches!(answer, Answer::No { .. }), "{:?}", reg);
            prop_assert_eq!(doubted, matches!(answer, Answer::CannotTell { .. }), "{:?}", reg);
        }
    }
}
