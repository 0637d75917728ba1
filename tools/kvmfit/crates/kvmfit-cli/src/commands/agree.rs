// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether `plan` and this host agree, for many VMs that were changed at random: the host is asked
//! register by register and, if it knows how, by CHECK and SET of the whole set.

use std::collections::BTreeSet;

use kvmfit::dump::{Dump, Vm};
use kvmfit::id::RegId;
use kvmfit::names;
use kvmfit::plan::{plan, Verdict};
use kvmfit::state::State;
use kvmfit::value::Value;
use kvmfit::vmm::Vmm;
use kvmfit_host::{Check, Options, Place};
use serde::Serialize;

use super::agreement::{self, Agreement, Said};
use super::check;
use crate::{args, files, output, progress, Answer, Failure};

/// A VM on which they do not agree.
#[derive(Serialize)]
struct Disagreement {
    features: Vec<String>,
    changed: Vec<(String, String)>,
    plan: Verdict,
    #[serde(flatten)]
    agreement: Agreement,
    host_refuses: BTreeSet<String>,
    host_lacks: BTreeSet<String>,
    /// How the host's answers differ by the way of writing.
    ways: Vec<String>,
}

#[derive(Default, Serialize)]
struct Summary {
    vms: usize,
    yes: usize,
    no: usize,
    cannot_tell: usize,
    disagree: usize,
    /// Those that were also written as a set.
    as_set: usize,
    /// Values that only a set refuses, since the first run would silently change them.
    first_run: usize,
}

/// Random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }
}

pub(crate) fn run(args: &args::Agree) -> Result<Answer, Failure> {
    let host = match &args.host {
        Some(path) => files::dump(path)?,
        None => {
            progress::shown(false, |report| kvmfit_host::measure(&Options::default(), report))?.dump
        }
    };
    // The VMs of other hosts are changed as well.
    let mut sources = vec![host.clone()];
    for path in &args.sources {
        sources.push(files::dump(path)?);
    }
    let mut random = Random(args.seed);
    let mut summary = Summary::default();
    while summary.vms < args.count {
        let source = &sources[random.below(sources.len())];
        let Some(vm) = source.vms.get(random.below(source.vms.len())) else { break };
        let (state, changed) = mutate(source, vm, &mut random);
        one(&state, &changed, &host, args.vmm.get(), &mut summary)?;
    }
    output::json_line(&summary)?;
    Ok(if summary.disagree == 0 { Answer::Yes } else { Answer::No })
}

fn one(
    state: &State,
    changed: &[(RegId, Value)],
    host: &Dump,
    vmm: &'static Vmm,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let plan = plan(state, host, vmm);
    let (order, options) = check::as_vmm(vmm, state, &plan);
    // No VM with these features is a refusal, too.
    let compared = match kvmfit_host::compare_ways(state, &order, &options) {
        Ok(compared) => Some(compared),
        Err(kvmfit_host::Error::Features { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    summary.vms += 1;
    match plan.verdict {
        Verdict::Yes => summary.yes += 1,
        Verdict::No => summary.no += 1,
        Verdict::CannotTell => summary.cannot_tell += 1,
    }
    let said = compared.as_ref().map_or_else(no_vm, |compared| said(&compared.registers));
    let mut ways = Vec::new();
    if let Some(compared) = compared {
        summary.as_set += usize::from(compared.set.is_some());
        summary.first_run += compared.first_run.len();
        ways = compared.differences;
    }
    let agreement = agreement::compare(&plan, &said);
    if agreement.agree() && ways.is_empty() {
        return Ok(());
    }
    summary.disagree += 1;
    output::json_line(&Disagreement {
        features: state.features.clone().unwrap_or_default(),
        changed: changed.iter().map(|(id, v)| (names::name(*id), v.to_string())).collect(),
        plan: plan.verdict,
        agreement,
        host_refuses: said.refused,
        host_lacks: said.lacks,
        ways,
    })
}

/// No VM with the features is a refusal, too.
fn no_vm() -> Said {
    Said { lacks: ["the features".to_string()].into(), ..Said::default() }
}

fn said(check: &Check) -> Said {
    let place = |place: &Place| match *place {
        Place::Register(id) => agreement::register(id),
        Place::Attribute { group, attr } => agreement::attribute(group, attr),
        _ => String::new(),
    };
    Said {
        refused: check.refusals.iter().map(|refusal| place(&refusal.place)).collect(),
        lacks: check.lacks.iter().cloned().collect(),
    }
}

/// A VM with a few registers changed: in a digit, wholly, or to what another VM has.
fn mutate(source: &Dump, vm: &Vm, random: &mut Random) -> (State, Vec<(RegId, Value)>) {
    let mut state = source.new_vm(vm);
    // Names of interrupt controllers stand for what the state has itself.
    let mut changed = Vec::new();
    let Some(vcpu) = state.vcpus.first_mut() else { return (state, changed) };
    let measured = |id: RegId| vm.register(id).is_some_and(|register| register.takes.is_some());
    let places: Vec<usize> =
        (0..vcpu.registers.len()).filter(|&n| measured(vcpu.registers[n].id)).collect();
    for _ in 0..random.below(5) {
        let Some(&place) = places.get(random.below(places.len())) else { break };
        let reg = &mut vcpu.registers[place];
        let (Some(value), Some(size)) = (reg.value.as_u64(), reg.id.size()) else { continue };
        let bits = 8 * size.min(8) as u64;
        let nonzero = |n: u64| value >> (4 * n) & 15 != 0;
        // Fields that are there are more likely to be lowered than others to be raised.
        let digit = match (0..bits / 4).filter(|&n| nonzero(n)).collect::<Vec<_>>() {
            there if !there.is_empty() && random.below(4) != 0 => there[random.below(there.len())],
            _ => random.next() % (bits / 4),
        };
        let shift = 4 * digit;
        let (now, rest) = (value >> shift & 15, value & !(15 << shift));
        let new = match random.below(8) {
            0..=2 => rest | now.saturating_sub(1) << shift,
            3 => rest | (now + 1).min(15) << shift,
            4 => rest,
            5 | 6 => rest | (random.next() & 15) << shift,
            _ => random.next() >> (64 - bits),
        };
        reg.value = Value::from(new);
        changed.push((reg.id, reg.value.clone()));
    }
    (state, changed)
}
