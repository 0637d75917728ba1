// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Labels of a host for a scheduler.

use std::fmt::Write;
use std::path::Path;

use kvmfit::baseline::baseline;
use kvmfit::dump::Dump;
use kvmfit::label::labels;

use crate::args::{self, Label};
use crate::{files, output, Answer, Failure};

pub(crate) fn run(args: &Label) -> Result<Answer, Failure> {
    let path = args.file.as_deref().unwrap_or(Path::new("/dev/kvm"));
    let host = files::dump(path)?;
    let vm = files::vm(path, &host, args.features.as_deref())?;
    let vmm = args.vmm.get();
    let dumps: Vec<Dump> =
        args.baseline.iter().map(|path| files::dump(path)).collect::<Result<_, _>>()?;
    let dumps: Vec<&Dump> = dumps.iter().collect();
    let features = args.features.as_deref().map(args::features);
    let baseline =
        if dumps.is_empty() { None } else { Some(baseline(&dumps, features.as_deref(), vmm)?) };
    let labels = labels(&host, vm, baseline.as_ref(), vmm);
    if args.json {
        output::json(&labels)?;
    } else {
        let mut lines = String::new();
        for (name, value) in &labels.0 {
            writeln!(lines, "{name}={value}")?;
        }
        output::print(lines.as_bytes())?;
    }
    // A host that does not take the baseline has no label of it.
    let lacks = baseline.is_some() && !labels.0.contains_key("kvmfit/baseline");
    Ok(if lacks { Answer::No } else { Answer::Yes })
}
