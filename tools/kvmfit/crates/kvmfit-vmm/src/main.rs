// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A small VMM that saves and restores the registers of its VM as Firecracker or
//! cloud-hypervisor do: the same calls in the same order, and the first error ends it.
//!
//! It tests kvmfit in place of these two, which Debian does not package. Its guest is a flat
//! program for two vCPUs that talks through a PL011 (`scripts/vmm/guest/probe.c`). The guest
//! answers each letter with some lines, of which the last one is `end`.

// Elsewhere only the tests use what runs a VM.
#![cfg_attr(not(all(target_os = "linux", target_arch = "aarch64")), allow(dead_code))]

mod args;
mod behaviour;
mod error;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod machine;
mod snapshot;
mod uart;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
use crate::machine::run;

#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
fn run(_: &Args) -> Result<(), error::Error> {
    Err(error::Error::Machine)
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kvmfit-vmm: {error}");
            ExitCode::FAILURE
        }
    }
}
