// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Does this arm64 KVM virtual machine fit that host?
//!
//! A host refuses a VM that moves to it with `Invalid argument`, after the VM's memory has been
//! sent, and without the name of the register. This crate answers before: it takes a
//! [`Dump`](dump::Dump), what a host was measured to take, and a [`State`](state::State), what
//! a VM has, and says which register and which field the host refuses, and what helps.
//!
//! The crate has no table of kernels. A dump is made on the host (by `kvmfit dump`, or the crate
//! `kvmfit-host`) by writing values into scratch VMs that never run.
//!
//! | to | use |
//! |---|---|
//! | read any file that people have | [`read::read_file`] |
//! | know whether a host takes a VM, and why not | [`plan::plan`] |
//! | restore a VM in the order that works | [`plan::restore_order`] |
//! | see how hosts differ | [`compare::compare`] |
//! | find a VM that all hosts take | [`baseline::baseline`] |
//! | go from the number in an error message to the register | [`explain::explain`] |
//! | find what a VMM forgot to save | [`audit::audit`] |
//! | know how a VM at a level of kvm-arm64-rust differs from that release | [`level::find`] |
//! | keep VMs from hosts that refuse them | [`label::labels`] |
//!
//! Without the feature `std`, which reads files, the crate needs only `alloc`.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod audit;
pub mod baseline;
mod bounded;
pub mod compare;
mod digit_set;
pub mod dump;
pub mod error;
pub mod explain;
pub mod id;
pub mod label;
pub mod level;
pub mod names;
pub mod plan;
#[cfg(test)]
mod properties;
pub mod read;
pub mod state;
pub mod takes;
pub mod template;
#[cfg(test)]
mod testing;
pub mod value;
pub mod vmm;
