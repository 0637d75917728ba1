// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What the number of a register means, and what to do.

use std::fmt::Write;

use kvmfit::dump::Scope;
use kvmfit::explain::{explain, Explanation, Question};
use kvmfit::level::{self, Levels};
use kvmfit::names;
use kvmfit::vmm::{self, Fact, Vmm};

use crate::{args, files, output, Answer, Failure};

pub(crate) fn run(args: &args::Explain) -> Result<Answer, Failure> {
    if let Some(vmm) = vmm::find(&args.id) {
        if args.json {
            output::json(vmm)?;
        } else {
            output::print(facts(vmm)?.as_bytes())?;
        }
        return Ok(Answer::Yes);
    }
    if let Some(levels) = level::find(&args.id) {
        if args.json {
            output::json(levels)?;
        } else {
            output::print(exceptions(levels)?.as_bytes())?;
        }
        return Ok(Answer::Yes);
    }
    let id = names::find(&args.id).ok_or_else(|| {
        let id = output::one_line(&args.id);
        format!("{id:?} is neither the number nor the name of a register, such as 0x603000000013c020 or ID_AA64PFR0_EL1, nor a VMM, nor KVM_CAP_ARM_COMPAT")
    })?;
    let host = args.host.as_deref().map(files::dump).transpose()?;
    let question = Question { value: args.value.clone(), errno: args.errno, host: host.as_ref() };
    let explanation = explain(id, &question);
    if args.json {
        output::json(&explanation)?;
    } else {
        output::print(text(&explanation)?.as_bytes())?;
    }
    Ok(Answer::Yes)
}

fn facts(vmm: &Vmm) -> Result<String, Failure> {
    let mut text = String::new();
    writeln!(text, "{}", vmm.about)?;
    for Fact { what, source, .. } in vmm.facts {
        writeln!(text, "\n{what}\n  ({source})")?;
    }
    Ok(text)
}

fn exceptions(levels: &Levels) -> Result<String, Failure> {
    let mut text = String::new();
    writeln!(text, "{}: {}", levels.name, levels.about)?;
    writeln!(text, "its levels: {}; native is none", levels.levels.join(", "))?;
    writeln!(text, "chosen {}", levels.chosen_by)?;
    writeln!(text, "\nin these points a VM at a level differs from one under that release:")?;
    for exception in levels.exceptions {
        writeln!(text, "\n{}\n  ({}: {})", exception.what, exception.at(), exception.reason)?;
    }
    Ok(text)
}

fn text(explanation: &Explanation) -> Result<String, Failure> {
    let mut text = String::new();
    writeln!(text, "{}  {}", explanation.id, explanation.name)?;
    if !explanation.about.is_empty() {
        writeln!(text, "{}", explanation.about)?;
    }
    if let Some(size) = explanation.size {
        write!(text, "{size} bytes")?;
        match explanation.scope {
            Some(Scope::Vm) => write!(text, ", shared by all vCPUs")?,
            Some(Scope::Vcpu) => write!(text, ", of each vCPU")?,
            None => {}
        }
        writeln!(text)?;
    }
    if let Some(new) = &explanation.new {
        writeln!(text, "a new VM of the host has {new}")?;
    }
    for line in explanation.answer.iter().chain(&explanation.errno) {
        writeln!(text, "{line}")?;
    }
    if !explanation.fields.is_empty() {
        writeln!(text)?;
        let number = |value: Option<u64>| value.map_or(String::new(), |v| format!("{v:#x}"));
        let rows = explanation.fields.iter().map(|field| {
            vec![
                field.bits.clone(),
                field.name.clone(),
                number(field.value),
                number(field.new),
                field.takes.clone().unwrap_or_default(),
                field.about.to_string(),
            ]
        });
        let header = ["bits", "field", "value", "new VM", "host takes", "says"];
        text.push_str(&output::table(&header, rows));
    }
    if !explanation.advice.is_empty() {
        writeln!(text)?;
    }
    for line in &explanation.advice {
        writeln!(text, "{line}")?;
    }
    Ok(text)
}
