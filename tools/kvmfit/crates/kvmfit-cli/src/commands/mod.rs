// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The commands.

mod agree;
mod agreement;
mod audit;
mod baseline;
mod check;
mod compare;
mod dump;
mod explain;
mod generate;
mod label;
mod plan;
mod report;
mod show;
mod state;
mod verify;

use crate::args::{Args, Command};
use crate::{Answer, Failure};

pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.command {
        Command::Dump(args) => dump::run(args),
        Command::Show(args) => show::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Check(args) => check::run(args),
        Command::Baseline(args) => baseline::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Label(args) => label::run(args),
        Command::Report(args) => report::run(args),
        Command::State(args) => state::run(args),
        Command::Agree(args) => agree::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Completions { shell } => generate::completions(*shell),
        Command::Man { directory } => generate::man(directory),
    }
}
