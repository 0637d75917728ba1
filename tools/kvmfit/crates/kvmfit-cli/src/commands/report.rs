// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Gather what a report about this host's kernel needs.

use std::path::Path;

use kvmfit_host::Options;

use crate::report::Report;
use crate::{args, output, progress, Answer, Failure};

pub(crate) fn run(args: &args::Report) -> Result<Answer, Failure> {
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    let mut report = Report::gather(root);
    let dump = if args.no_dump {
        Err("left out, by option".to_string())
    } else {
        let options = Options::new();
        let measured = progress::shown(args.quiet, |tell| kvmfit_host::measure(&options, tell));
        measured.map(|measured| measured.dump).map_err(|error| error.to_string())
    };
    report.add_dump(root, dump);
    let text = output::report_text(&report)?;
    match &args.output {
        Some(path) => output::write(path, &text)?,
        None => output::print(&text)?,
    }
    if !args.quiet {
        for missing in report.missing() {
            let why = output::one_line(&missing.why);
            eprintln!("kvmfit: the report lacks {}: {why}", missing.part);
        }
    }
    Ok(Answer::Yes)
}
