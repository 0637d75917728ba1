// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The command `kvmfit`: does this arm64 KVM virtual machine fit that host?

mod args;
mod commands;
mod files;
mod output;
mod progress;
mod report;

use std::io;
use std::process::ExitCode;

use clap::Parser;

/// What a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    CannotTell,
}

/// Why there is no answer, in one line.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    // Errors of usage end here, with exit code 2.
    let args = args::Args::parse();
    match commands::run(&args) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Ok(Answer::CannotTell) => ExitCode::from(2),
        Err(failure) => {
            // Who reads the output may have read enough.
            let closed = failure
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
            if !closed {
                eprintln!("kvmfit: {}", output::one_line(&failure.to_string()));
            }
            ExitCode::from(2)
        }
    }
}
