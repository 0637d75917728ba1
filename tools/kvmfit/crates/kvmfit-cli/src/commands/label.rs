// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Labels of a host for a scheduler.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use kvmfit::baseline::baseline;
use kvmfit::dump::Dump;
use kvmfit::label::labels;

use crate::args::Label;
use crate::{files, output, Answer, Failure};

pub(crate) fn run(args: &Label) -> Result<Answer, Failure> {
    let path = args.file.as_deref().unwrap_or(Path::new("/dev/kvm"));
    let host = files::dump(path)?;
    let vmm = args.vmm.get();
    let dumps: Vec<Dump> =
        args.baseline.iter().map(|path| files::dump(path)).collect::<Result<_, _>>()?;
    let all = args.baseline.iter().map(PathBuf::as_path).zip(&dumps);
    let all: Vec<_> = [(path, &host)].into_iter().chain(all).collect();
    let vms = files::vms(&all, args.select.features.as_deref(), vmm)?;
    let vm = vms.first().ok_or("there is no VM")?;
    let dumps: Vec<&Dump> = dumps.iter().collect();
    let baseline =
        if dumps.is_empty() { None } else { Some(baseline(&dumps, Some(&vm.features), vmm)?) };
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
