// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Measure this host.

use std::time::Instant;

use kvmfit_host::Options;

use crate::args::{self, Dump};
use crate::{output, progress, Answer, Failure};

pub(crate) fn run(args: &Dump) -> Result<Answer, Failure> {
    let mut options = Options::new();
    options.hypercalls = !args.no_run;
    if !args.features.is_empty() {
        options.features = Some(vec![args::features(&args.features)]);
    }
    let begin = Instant::now();
    let measured = progress::shown(args.quiet, |report| kvmfit_host::measure(&options, report))?;
    if args.stats {
        let (ioctls, vms) = (measured.ioctls, measured.vms);
        eprintln!("{ioctls} system calls, {vms} VMs, {} ms", begin.elapsed().as_millis());
    }
    let text = output::dump_text(&measured.dump)?;
    match &args.output {
        Some(path) => output::write(path, &text)?,
        None => output::print(&text)?,
    }
    Ok(Answer::Yes)
}
