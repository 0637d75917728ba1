// SPDX-License-Identifier: GPL-2.0

//! What KVM/arm64 lets a guest see and userspace change, decided by pure functions.
//!
//! The functions of this crate take values and return decisions. They use no kernel type, no lock,
//! no user pointer and no errno: the caller takes a [`Snapshot`] of the state that a decision
//! depends on, asks for the decision, and commits the [`Effect`] under the same lock. Every
//! function is total: a value that the ABI does not allow gives a [`Reject`], never a panic.
//!
//! The kernel builds this crate from `rust/Makefile`. It is an ordinary `no_std` crate as well, so
//! its tests run on the host.
//!
//! The answers are those of this kernel, for the firmware registers and the feature levels. Other
//! registers, and other kernels, may refuse what these functions accept.
//!
//! # Examples
//!
//! Does a host that mitigates Spectre-v4 and hides SSBS from the VM accept the source's value of
//! `SMCCC_ARCH_WORKAROUND_2`? And does a vulnerable host?
//!
//! ```
//! use kvm_abi::{Mitigation, RanOnce, Reject, Snapshot};
//!
//! let mut destination = Snapshot::Workaround2 { host: Mitigation::Mitigated, ssbs: false };
//! assert_eq!(destination.reg().id(), 0x6030_0000_0014_0002);
//! assert!(destination.write(3, || RanOnce::No).is_ok());
//!
//! destination = Snapshot::Workaround2 { host: Mitigation::Vulnerable, ssbs: false };
//! assert_eq!(destination.write(3, || RanOnce::No), Err(Reject::AboveHost));
//! ```
//!
//! Reference: `Documentation/virt/kvm/arm/rust.rst`.

#![no_std]
#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod bitmap;
mod call;
mod decision;
mod feature;
mod feature_level_reg;
mod func_id;
mod fw_masks;
mod fw_reg;
mod gic_masks;
mod gicc;
mod level;
mod masks;
mod opt_in;
mod psci;
pub mod psci_call;
mod reject;
mod scope;
mod seen;
mod smccc_filter;
mod snapshot;
mod sysreg;
pub mod vectors;
mod workaround;

pub use bitmap::{FeatureBitmap, RanOnce};
pub use call::{Call, Gate, Service, TrngFunction};
pub use decision::{Action, Caller, Decision, PtpCounter, SystemTime, WorkaroundQuery};
pub use feature::{FeatureField, FeatureRegister, SafeValue};
pub use feature_level_reg::{FeatureLevelReg, HostWorkarounds};
pub use func_id::{Convention, FuncId};
pub use fw_masks::FwState;
pub use fw_reg::{FwReg, NextFwReg};
pub use gic_masks::{GicMaskIndex, GicV3State};
pub use gicc::{BinaryPoint, CpuInterface, GiccCtlr, GiccPmr, GiccReg, VmPriMask, Vmcr};
pub use level::{FeatureLevel, FeatureLevels, Field, FieldIndex, FieldMask, Sign};
pub use masks::{FeatureIdMasks, MaskRange, MaskRequest};
pub use opt_in::{EnableCap, OptInCap, OptIns};
pub use psci::{PsciVersion, VcpuFeatures};
pub use psci_call::{AffinityQuery, PowerOn, Psci01Function, PsciCall, PsciFunction, SystemEvent};
pub use reject::Reject;
pub use scope::{Scope, VmReg};
pub use seen::{Seen, Verdict};
pub use smccc_filter::{FilterAction, FilterEntry, FilterRange, FilterRequest};
pub use snapshot::{Effect, Snapshot};
pub use sysreg::{FeatureIdIndex, SysReg};
pub use workaround::{Mitigation, WorkaroundLevel, WorkaroundLevel2};
