// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether a VM can be restored on a host.

use std::fmt::Write;

use kvmfit::id::RegId;
use kvmfit::names;
use kvmfit::plan::{plan, Plan, Reason, Refusal, Subject, Verdict};

use crate::{args, files, output, Answer, Failure};

pub(crate) fn run(args: &args::Plan) -> Result<Answer, Failure> {
    let template = args.template.as_deref().map(files::template).transpose()?;
    let dump = files::dump(&args.destination)?;
    let new = files::NewVm {
        features: args.select.features.as_deref(),
        vmm: args.vmm.get(),
        template: template.as_ref(),
        to: Some((&args.destination, &dump)),
    };
    let state = files::state(&args.source, &new)?;
    let plan = plan(&state, &dump, args.vmm.get());
    if args.json {
        output::json(&plan)?;
    } else {
        output::print(text(&plan)?.as_bytes())?;
    }
    Ok(answer(plan.verdict))
}

pub(crate) fn answer(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Yes => Answer::Yes,
        Verdict::No => Answer::No,
        Verdict::CannotTell => Answer::CannotTell,
    }
}

fn text(plan: &Plan) -> Result<String, Failure> {
    let mut text = String::new();
    let (refusals, doubts) = (plan.refusals.len(), plan.doubts.len());
    let with = match &plan.features[..] {
        [] => String::new(),
        features => format!(" with {}", output::one_line(&features.join(", "))),
    };
    match plan.verdict {
        Verdict::Yes => writeln!(text, "yes: the host takes this VM{with}")?,
        Verdict::No => {
            writeln!(text, "no: the host refuses {} of this VM{with}", count(refusals, "thing"))?;
        }
        Verdict::CannotTell => {
            let things = count(doubts, "thing");
            writeln!(text, "cannot tell: the dump does not say {things} of this VM{with}")?;
        }
    }
    // The same remedy is said once, for all that it helps against.
    for alike in plan.refusals.chunk_by(|a, b| remedy(a, MARK) == remedy(b, MARK)) {
        writeln!(text)?;
        for refusal in alike {
            refused(&mut text, refusal)?;
        }
        let ids: Vec<String> = alike.iter().filter_map(id).map(|id| id.to_string()).collect();
        let remedy = remedy(&alike[0], &ids.join(" "));
        writeln!(text, "  {}", output::one_line(&remedy))?;
    }
    if doubts > 0 {
        writeln!(text)?;
    }
    for alike in plan.doubts.chunk_by(|a, b| a.remedy == b.remedy) {
        for doubt in alike {
            write!(text, "{}", doubt.name)?;
            if !doubt.fields.is_empty() {
                write!(text, " ({})", doubt.fields.join(", "))?;
            }
            if let Some(value) = &doubt.value {
                write!(text, " = {value}")?;
            }
            writeln!(text, ": {}", doubt.why)?;
        }
        writeln!(text, "  {}", alike[0].remedy)?;
    }
    if !plan.notes.is_empty() {
        writeln!(text)?;
    }
    for alike in plan.notes.chunk_by(|a, b| a.text == b.text) {
        let names: Vec<&str> = alike.iter().map(|note| note.name.as_str()).collect();
        writeln!(text, "note: {}: {}", list(&names), alike[0].text)?;
    }
    Ok(text)
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Names, of which the middle ones are left out if there are many.
fn list(names: &[&str]) -> String {
    match names {
        [first, _, .., last] if names.len() > 3 => {
            format!("{first} … {last} ({} registers)", names.len())
        }
        names => names.join(", "),
    }
}

/// Stands for a number in a remedy.
const MARK: &str = "\0";

fn id(refusal: &Refusal) -> Option<RegId> {
    match refusal.subject {
        Subject::Register(id) => Some(id),
        _ => None,
    }
}

/// The remedy, with `ids` in place of the number of the register.
fn remedy(refusal: &Refusal, ids: &str) -> String {
    match id(refusal) {
        Some(id) => refusal.remedy.text.replace(&id.to_string(), ids),
        None => refusal.remedy.text.clone(),
    }
}

fn refused(text: &mut String, refusal: &Refusal) -> Result<(), Failure> {
    write!(text, "{}", refusal.name)?;
    if let Some(id) = id(refusal) {
        if refusal.name != id.to_string() {
            write!(text, " ({id})")?;
        }
    }
    if let Some(value) = &refusal.value {
        write!(text, " = {value}")?;
    }
    let errno = kvmfit::explain::errno_name(refusal.errno);
    match &refusal.reason {
        Reason::Missing => writeln!(text, ": the host does not have it: {errno}")?,
        Reason::Order { after } => {
            writeln!(text, ": refused before {} is written: {errno}", names::name(*after))?;
        }
        Reason::Together => {
            writeln!(text, ": the host takes each of these, and not together: {errno}")?;
        }
        // The fields say what the host takes.
        _ if !refusal.fields.is_empty() => writeln!(text, ": {errno}")?,
        _ if refusal.takes.is_empty() => writeln!(text, ": the host refuses the value: {errno}")?,
        _ => writeln!(text, ": the host takes {}: {errno}", refusal.takes)?,
    }
    for field in &refusal.fields {
        write!(text, "  {} = {:#x}", field.name, field.value)?;
        write!(text, ", a new VM has {:#x}", field.new)?;
        match refusal.reason {
            Reason::Together => writeln!(text)?,
            _ => writeln!(text, ", the host takes {}", field.takes)?,
        }
    }
    Ok(())
}
