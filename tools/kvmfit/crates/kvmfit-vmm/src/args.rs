// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::behaviour::Behaviour;

/// A small VMM that saves and restores registers as Firecracker and cloud-hypervisor do
#[derive(Debug, Parser)]
#[command(name = "kvmfit-vmm", version)]
pub(crate) struct Args {
    /// The VMM to be like
    #[arg(long, value_enum)]
    pub(crate) like: Behaviour,

    /// The letters to send to the guest, each when it has answered the one before
    #[arg(long, default_value = "")]
    pub(crate) letters: String,

    /// How to write what configures the VM; only `planned` can choose
    #[arg(long, value_enum, default_value_t = Way::Auto)]
    pub(crate) way: Way,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to write what configures a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// As a set, if the host knows how; else register by register
    Auto,
    /// As a set
    Set,
    /// Register by register
    Registers,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a guest, and save it
    Run {
        /// The version of the guest's interrupt controller
        #[arg(long, value_parser = clap::value_parser!(u8).range(2..=3))]
        gic: u8,
        /// The directory to write; it is made if it is not there
        #[arg(long)]
        save: PathBuf,
        /// The guest's program
        program: PathBuf,
    },
    /// Resume a guest that was saved
    Resume {
        /// The directory that `run` has written
        directory: PathBuf,
    },
}
