// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The state of a VM of this host that was configured and never ran.

use kvmfit::template::Template;

use crate::{args, files, output, Answer, Failure};

pub(crate) fn run(args: &args::State) -> Result<Answer, Failure> {
    let template = match &args.template {
        Some(path) => files::template(path)?,
        None => Template::default(),
    };
    let state = kvmfit_host::make(&args::features(&args.features), &template)?;
    let mut text = serde_json::to_vec(&state)?;
    text.push(b'\n');
    match &args.output {
        Some(path) => output::write(path, &text)?,
        None => output::print(&text)?,
    }
    Ok(Answer::Yes)
}
