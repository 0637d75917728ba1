// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What a package installs beside the program.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::{output, Answer, Failure};

pub(crate) fn completions(shell: Shell) -> Result<Answer, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "kvmfit", &mut script);
    output::print(&script)?;
    Ok(Answer::Yes)
}

pub(crate) fn man(directory: &Path) -> Result<Answer, Failure> {
    let failed = |error| format!("{}: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Args::command(), directory).map_err(failed)?;
    Ok(Answer::Yes)
}
