// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether this host takes a VM, by writing it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use kvmfit::dump::Dump;
use kvmfit::explain::errno_name;
use kvmfit::id::RegId;
use kvmfit::names;
use kvmfit::plan::{plan, Plan, Verdict};
use kvmfit::state::State;
use kvmfit::vmm::{Vmm, WriteOrder};
use kvmfit_host::{Check, CheckOptions, Options, Place, Refusal, Way};
use serde::Serialize;

use crate::{args, files, output, progress, Answer, Failure};

#[derive(Serialize)]
struct Report {
    file: String,
    vmm: &'static str,
    features: Vec<String>,
    way: &'static str,
    fits: bool,
    plan: Verdict,
    written: usize,
    refusals: Vec<Refused>,
    misreads: Vec<Misread>,
    lacks: Vec<String>,
    ioctls: u64,
}

#[derive(Serialize)]
struct Refused {
    vcpu: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<RegId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<(u32, String)>,
    name: String,
    value: String,
    has: Option<String>,
    errno: i32,
    bits: String,
    together: bool,
    fields: Vec<String>,
}

#[derive(Serialize)]
struct Misread {
    vcpu: usize,
    id: RegId,
    name: String,
    value: String,
    reads: String,
}

pub(crate) fn run(args: &args::Check) -> Result<Answer, Failure> {
    let mut dumps = BTreeMap::new();
    let mut all = Answer::Yes;
    let here = kvmfit_host::kinds()?;
    let new = files::NewVm {
        features: args.select.features.as_deref(),
        vmm: args.vmm.get(),
        template: None,
        to: Some((Path::new("this host"), &here)),
    };
    for path in &args.files {
        let state = files::state(path, &new)?;
        let report = check(path, &state, args, &mut dumps)?;
        if args.json {
            output::json_line(&report)?;
        } else {
            output::print(text(&report, args.files.len() > 1)?.as_bytes())?;
        }
        if !report.fits {
            all = Answer::No;
        }
    }
    Ok(all)
}

fn check(
    path: &Path,
    state: &State,
    args: &args::Check,
    dumps: &mut BTreeMap<Option<Vec<String>>, Dump>,
) -> Result<Report, Failure> {
    let vmm = args.vmm.get();
    let mut report = Report {
        file: path.display().to_string(),
        vmm: vmm.name,
        features: state.features.clone().unwrap_or_default(),
        way: "",
        fits: false,
        plan: Verdict::No,
        written: 0,
        refusals: Vec::new(),
        misreads: Vec::new(),
        lacks: Vec::new(),
        ioctls: 0,
    };
    match ask(state, args, vmm, dumps) {
        Ok((plan, check)) => report.says(&plan, check),
        // The VMs of other states may be possible.
        Err(failure) => match failure.downcast_ref() {
            Some(error @ kvmfit_host::Error::Features { .. }) => {
                report.lacks.push(error.to_string());
            }
            _ => return Err(failure),
        },
    }
    Ok(report)
}

fn ask(
    state: &State,
    args: &args::Check,
    vmm: &Vmm,
    dumps: &mut BTreeMap<Option<Vec<String>>, Dump>,
) -> Result<(Plan, Check), Failure> {
    // What a set of features takes is measured once.
    let key = if args.host.is_some() { None } else { state.needs() };
    let dump = match dumps.entry(key) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(match &args.host {
            Some(path) => files::dump(path)?,
            None => measure(state, args)?,
        }),
    };
    let plan = plan(state, dump, vmm);
    let (order, mut options) = as_vmm(vmm, state, &plan);
    options.way = way(args.way, vmm)?;
    let check =
        progress::shown(args.quiet, |report| kvmfit_host::check(state, &order, &options, report))?;
    Ok((plan, check))
}

fn measure(state: &State, args: &args::Check) -> Result<Dump, kvmfit_host::Error> {
    let mut options = Options::new();
    options.hypercalls = false;
    options.features = state.needs().map(|features| vec![features]);
    let measured = progress::shown(args.quiet, |report| kvmfit_host::measure(&options, report))?;
    Ok(measured.dump)
}

impl Report {
    fn says(&mut self, plan: &Plan, check: Check) {
        self.way = match check.way {
            Way::Set => "set",
            _ => "registers",
        };
        self.fits = check.fits();
        self.plan = plan.verdict;
        self.written = check.written;
        self.refusals = check.refusals.iter().map(refused).collect();
        let misreads = check.misreads.iter().map(|misread| Misread {
            vcpu: misread.vcpu,
            id: misread.id,
            name: names::name(misread.id),
            value: misread.value.to_string(),
            reads: format!("{:#x}", misread.reads),
        });
        self.misreads = misreads.collect();
        self.lacks = check.lacks;
        self.features = check.features;
        self.ioctls = check.ioctls;
    }
}

/// A VMM with an order of its own writes register by register.
fn way(way: args::Way, vmm: &Vmm) -> Result<Way, Failure> {
    match (way, vmm.order) {
        (args::Way::Registers, _) | (args::Way::Auto, WriteOrder::List | WriteOrder::ById) => {
            Ok(Way::Registers)
        }
        (args::Way::Auto, _) => Ok(Way::Auto),
        (args::Way::Set, WriteOrder::Planned) => Ok(Way::Set),
        (args::Way::Set, _) => {
            Err(format!("--way set: {} writes register by register", vmm.name).into())
        }
    }
}

/// In which order a VMM writes, and what it turns on.
pub(super) fn as_vmm(vmm: &Vmm, state: &State, plan: &Plan) -> (Vec<RegId>, CheckOptions) {
    let order = match vmm.order {
        WriteOrder::Planned => plan.order.clone(),
        WriteOrder::ById => {
            let registers = state.vcpus.iter().flat_map(|vcpu| &vcpu.registers);
            let ids: BTreeSet<RegId> = registers.map(|reg| reg.id).collect();
            ids.into_iter().collect()
        }
        // That of the file
        _ => Vec::new(),
    };
    let mut options = CheckOptions::default();
    options.impl_id_regs = vmm.writable_implementation_ids;
    // The VM that was planned for.
    if state.features.is_none() && !plan.features.is_empty() {
        options.features = Some(plan.features.clone());
    }
    (order, options)
}

fn refused(refusal: &Refusal) -> Refused {
    let (id, attribute, name) = match refusal.place {
        Place::Register(id) => (Some(id), None, names::name(id)),
        Place::Attribute { group, attr } => {
            let attr = format!("{attr:#x}");
            let name = format!("vGIC group {group} attribute {attr}");
            (None, Some((group, attr)), name)
        }
        _ => (None, None, "something newer than this program".into()),
    };
    let value = refusal.value.as_u64().unwrap_or(0);
    let fields = match (id, refusal.has) {
        (Some(id), Some(has)) if refusal.bits != 0 => {
            names::parts(id, refusal.bits & (value ^ has), value, has)
                .into_iter()
                .map(|part| format!("{} = {:#x}, the host has {:#x}", part.name, part.a, part.b))
                .collect()
        }
        _ => Vec::new(),
    };
    Refused {
        vcpu: refusal.vcpu,
        id,
        attribute,
        name,
        value: refusal.value.to_string(),
        has: refusal.has.map(|has| format!("{has:#x}")),
        errno: refusal.errno,
        bits: format!("{:#x}", refusal.bits),
        together: refusal.together,
        fields,
    }
}

fn text(report: &Report, several: bool) -> Result<String, Failure> {
    let mut text = String::new();
    if several {
        write!(text, "{}: ", output::one_line(&report.file))?;
    }
    if report.fits {
        writeln!(text, "yes: the host took {} registers", report.written)?;
    } else if report.written == 0 {
        writeln!(text, "no: the host has no such VM")?;
    } else {
        let (refused, written) = (report.refusals.len(), report.written);
        writeln!(text, "no: the host refused {refused} of {written} registers")?;
    }
    for lack in &report.lacks {
        writeln!(text, "  {}", output::one_line(lack))?;
    }
    for refusal in &report.refusals {
        write!(text, "  vCPU {}: {} = {}", refusal.vcpu, refusal.name, refusal.value)?;
        write!(text, ": {}", errno_name(refusal.errno))?;
        for field in &refusal.fields {
            write!(text, "; {field}")?;
        }
        if refusal.together {
            write!(text, "; each digit alone is taken")?;
        }
        writeln!(text)?;
    }
    for misread in &report.misreads {
        write!(text, "  vCPU {}: {} = {}", misread.vcpu, misread.name, misread.value)?;
        writeln!(text, " was taken, and reads {}", misread.reads)?;
    }
    match report.plan {
        Verdict::CannotTell => writeln!(text, "  plan cannot tell this")?,
        verdict if (verdict == Verdict::Yes) != report.fits => {
            writeln!(
                text,
                "  plan says otherwise, which is a mistake of kvmfit: please report it"
            )?;
        }
        _ => {}
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvmfit::vmm::{LIST_ORDER, PLANNED, QEMU_11};

    #[test]
    fn a_vmm_with_an_order_writes_one_by_one() {
        for (asked, vmm, expected) in [
            (args::Way::Auto, &PLANNED, Some(Way::Auto)),
            (args::Way::Auto, &LIST_ORDER, Some(Way::Registers)),
            (args::Way::Auto, &QEMU_11, Some(Way::Registers)),
            (args::Way::Set, &PLANNED, Some(Way::Set)),
            (args::Way::Set, &LIST_ORDER, None),
            (args::Way::Set, &QEMU_11, None),
            (args::Way::Registers, &PLANNED, Some(Way::Registers)),
            (args::Way::Registers, &QEMU_11, Some(Way::Registers)),
        ] {
            assert_eq!(way(asked, vmm).ok(), expected, "{asked:?} {}", vmm.name);
        }
    }
}
