// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The greatest VM that every host takes.

use std::fmt::Write;

use kvmfit::baseline::{baseline, Baseline, Form};
use kvmfit::dump::Dump;
use kvmfit::names;

use crate::{args, files, output, Answer, Failure};

pub(crate) fn run(args: &args::Baseline) -> Result<Answer, Failure> {
    let dumps: Vec<Dump> =
        args.files.iter().map(|path| files::dump(path)).collect::<Result<_, _>>()?;
    let dumps: Vec<&Dump> = dumps.iter().collect();
    let features = args.select.features.as_deref().map(args::features);
    let baseline = baseline(&dumps, features.as_deref(), args.vmm.get())?;
    if args.json {
        output::json(&baseline)?;
    } else if let Some(form) = args.emit {
        let form = match form {
            args::Form::FirecrackerTemplate => Form::FirecrackerTemplate,
            args::Form::Registers => Form::Registers,
            args::Form::Qemu => Form::Qemu,
        };
        let emitted = baseline.emit(form, args.vmm.get());
        let end = if emitted.text.ends_with('\n') { "" } else { "\n" };
        output::print((emitted.text + end).as_bytes())?;
        // Not in what a VMM reads.
        for note in &emitted.notes {
            eprintln!("note: {}", output::one_line(note));
        }
    } else {
        output::print(text(&baseline)?.as_bytes())?;
    }
    Ok(if baseline.is_usable() { Answer::Yes } else { Answer::No })
}

fn text(baseline: &Baseline) -> Result<String, Failure> {
    let mut text = String::new();
    writeln!(text, "VM with {}", output::one_line(&baseline.features.join(", ")))?;
    let rows = baseline.registers.iter().map(|register| {
        let value = register.value.as_u64();
        let fields = value
            .map_or(Vec::new(), |value| names::parts(register.id, register.differs, value, value));
        let fields: Vec<String> =
            fields.iter().map(|part| format!("{} = {:#x}", part.name, part.a)).collect();
        let sure = if register.certain { "" } else { "not every dump says that it is taken" };
        let text = [fields.join(", "), sure.to_string()];
        let text = text.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        let (id, value) = (register.id.to_string(), register.value.to_string());
        vec![id, register.name.clone(), value, text]
    });
    text.push_str(&output::table(&["number", "register", "value", "lowered"], rows));
    if !baseline.conflicts.is_empty() {
        writeln!(text)?;
    }
    for conflict in &baseline.conflicts {
        let bad = if conflict.fatal { "no VM can move: " } else { "" };
        writeln!(text, "{bad}{}: {}", conflict.name, output::one_line(&conflict.text))?;
    }
    Ok(text)
}
