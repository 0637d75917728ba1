// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What a VMM forgot to save, or restores in a fatal order.

use std::fmt::Write;

use kvmfit::audit::{audit, Severity};
use kvmfit::vmm::PLANNED;

use crate::args::Audit;
use crate::{files, output, Answer, Failure};

pub(crate) fn run(args: &Audit) -> Result<Answer, Failure> {
    let new = files::NewVm { features: None, vmm: &PLANNED, template: None, to: None };
    let state = files::state(&args.file, &new)?;
    let findings = audit(&state);
    if args.json {
        output::json(&findings)?;
    } else {
        let mut text = String::new();
        for finding in &findings {
            let severity = match finding.severity {
                Severity::Fatal => "fatal",
                Severity::Warning => "warning",
                _ => "note",
            };
            writeln!(text, "{severity}: {}", output::one_line(&finding.text))?;
        }
        if findings.is_empty() {
            writeln!(text, "nothing found")?;
        }
        output::print(text.as_bytes())?;
    }
    let fatal = findings.iter().any(|finding| finding.severity == Severity::Fatal);
    Ok(if fatal { Answer::No } else { Answer::Yes })
}
