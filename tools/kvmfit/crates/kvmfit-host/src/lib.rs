// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Measures what an arm64 KVM host has and takes.
//!
//! [`measure`] makes a [`Dump`] of this host, and [`check`] writes the state
//! of a VM into a scratch VM and says what was refused. Both need `/dev/kvm` and nothing else.
//! They never touch a VM that is not their own, and leave nothing behind.
//!
//! ```no_run
//! let measured = kvmfit_host::measure(&Default::default(), &mut |_| {})?;
//! println!("{} kinds of VM, {} system calls", measured.dump.vms.len(), measured.ioctls);
//! # Ok::<(), kvmfit_host::Error>(())
//! ```

// Elsewhere only the tests use what measures.
#![cfg_attr(not(all(target_os = "linux", target_arch = "aarch64")), allow(dead_code))]

mod affects;
mod as_set;
mod backend;
mod caps;
mod check;
mod conflicts;
mod digits;
mod error;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod fake_config;
mod features;
mod hypercall;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod kvm;
mod make;
mod measure;
mod meter;
mod session;
mod target;
#[cfg(test)]
mod tests;
mod values;
mod vgic;
pub mod vm_config;
mod ways;

/// In the calls of [`vm_config`] are types of this version of it.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub use kvm_ioctls;

pub use check::{Check, CheckOptions, Misread, Place, Refusal, Way};
pub use error::Error;
pub use measure::{Measured, Options, Progress};
pub use ways::Compared;

use kvmfit::dump::Dump;
use kvmfit::id::RegId;
use kvmfit::state::State;
use kvmfit::template::Template;

/// Measures this host.
///
/// `progress` is called after each part.
///
/// # Errors
///
/// An [`Error`] that says what to do, if `/dev/kvm` cannot be used. What the host does not have is
/// no error: the dump says so.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub fn measure(
    options: &Options,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Measured, Error> {
    measure::measure(&kvm::Kvm::open()?, options, progress)
}

/// Measures this host.
///
/// # Errors
///
/// Always [`Error::NotArm64`]: this is not Linux on arm64.
#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
pub fn measure(
    _options: &Options,
    _progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Measured, Error> {
    Err(Error::NotArm64)
}

/// Which VMs this host can have: a dump with their features and interrupt controllers, and
/// without registers.
///
/// # Errors
///
/// An [`Error`] that says what to do, if `/dev/kvm` cannot be used.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub fn kinds() -> Result<Dump, Error> {
    Ok(measure::kinds(&kvm::Kvm::open()?))
}

/// Which VMs this host can have.
///
/// # Errors
///
/// Always [`Error::NotArm64`]: this is not Linux on arm64.
#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
pub fn kinds() -> Result<Dump, Error> {
    Err(Error::NotArm64)
}

/// Makes a new VM with these features, changes it by a CPU template, and reads its state.
///
/// Among the features, [`VGIC_V2`] or [`VGIC_V3`] gives it an interrupt controller. The template's
/// registers are written in its order, and all registers are read in that of `KVM_GET_REG_LIST`,
/// as a VMM does that configures a VM and saves it.
///
/// [`VGIC_V2`]: kvmfit::dump::VGIC_V2
/// [`VGIC_V3`]: kvmfit::dump::VGIC_V3
///
/// # Errors
///
/// An [`Error`] if `/dev/kvm` cannot be used, if the host has no VM with these features, or if the
/// VM does not take the template.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub fn make(features: &[String], template: &Template) -> Result<State, Error> {
    make::make(&kvm::Kvm::open()?, features, template)
}

/// Makes a new VM with these features, changes it by a CPU template, and reads its state.
///
/// # Errors
///
/// Always [`Error::NotArm64`]: this is not Linux on arm64.
#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
pub fn make(_features: &[String], _template: &Template) -> Result<State, Error> {
    Err(Error::NotArm64)
}

/// Writes the registers of `state` into a scratch VM of this host, in `order`.
///
/// Registers that `order` does not name come after those that it names, in the order of the
/// state. What was refused is tried again digit by digit, to find those that are not taken. With
/// [`Way::Set`], what configures the VM is written before the rest in one call, and the kernel
/// says which bits it does not take.
///
/// # Errors
///
/// An [`Error`] if `/dev/kvm` cannot be used or no VM with the state's features can be made. A
/// refused register is no error.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub fn check(
    state: &State,
    order: &[RegId],
    options: &CheckOptions,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Check, Error> {
    check::check(&kvm::Kvm::open()?, state, order, options, progress)
}

/// Writes the registers of `state` into a scratch VM of this host, in `order`.
///
/// # Errors
///
/// Always [`Error::NotArm64`]: this is not Linux on arm64.
#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
pub fn check(
    _state: &State,
    _order: &[RegId],
    _options: &CheckOptions,
    _progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Check, Error> {
    Err(Error::NotArm64)
}

/// Writes the registers of `state` into scratch VMs of this host in both ways, and says how their
/// answers differ.
///
/// On a host that knows one way only there is nothing to compare.
///
/// # Errors
///
/// As [`check`].
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub fn compare_ways(
    state: &State,
    order: &[RegId],
    options: &CheckOptions,
) -> Result<Compared, Error> {
    ways::compare(&kvm::Kvm::open()?, state, order, options)
}

/// Writes the registers of `state` into scratch VMs of this host in both ways, and says how their
/// answers differ.
///
/// # Errors
///
/// Always [`Error::NotArm64`]: this is not Linux on arm64.
#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
pub fn compare_ways(
    _state: &State,
    _order: &[RegId],
    _options: &CheckOptions,
) -> Result<Compared, Error> {
    Err(Error::NotArm64)
}
