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

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

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
pub mod names;
pub mod plan;
pub mod read;
pub mod state;
pub mod takes;
pub mod template;
#[cfg(test)]
mod testing;
pub mod value;
pub mod vmm;
