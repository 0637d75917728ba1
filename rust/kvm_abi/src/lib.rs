// SPDX-License-Identifier: GPL-2.0

//! What KVM/arm64 lets a guest see and userspace change, decided by pure functions.
//!
//! The functions of this crate take values and return decisions. They use no kernel type, no lock,
//! no user pointer and no errno. Where a decision depends on state that others change, the caller
//! implements a small trait, such as [`FwVm`] or [`Caller`], and the crate has the whole sequence:
//! lock, look at the state, decide, commit. Every function is total: a value that the ABI does not
//! allow gives a [`Reject`], never a panic.
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
//! use kvm_abi::{FwReg, HostWorkarounds, Mitigation, PlainVm, Reject};
//!
//! let mut destination = PlainVm::new(HostWorkarounds {
//!     spectre_v2: Mitigation::Unaffected,
//!     spectre_v4: Mitigation::Mitigated,
//!     ssbs: false,
//!     spectre_bhb: Mitigation::Mitigated,
//! });
//! assert_eq!(FwReg::Workaround2.id(), 0x6030_0000_0014_0002);
//! assert!(FwReg::Workaround2.set(&destination, 3).is_ok());
//!
//! destination.host.spectre_v4 = Mitigation::Vulnerable;
//! assert_eq!(FwReg::Workaround2.set(&destination, 3), Err(Reject::AboveHost));
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

#[expect(clippy::as_conversions)]
mod cast;
mod compat;
mod enable_cap;
mod field;
mod fw_reg;
mod id_reg;
mod opt_in;
mod reg_id;
mod reg_masks;
mod reject;
mod smccc;
pub mod vectors;
mod vgic_v2;
mod visit;
mod vm_config;

pub use field::{
    FeatureLevel,
    Field,
    Sign, //
};
pub use reject::{
    NoAttribute,
    NoRoom,
    Reject, //
};

// The firmware pseudo-registers.
pub use fw_reg::{
    FeatureBitmap,
    FwLocked,
    FwReg,
    FwVcpu,
    FwVm,
    HostWorkarounds,
    Mitigation,
    PlainVm,
    PsciVersion,
    RanOnce,
    VcpuFeatures,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

// The ID registers.
pub use id_reg::{
    FeatureField,
    FeatureIdIndex,
    FeatureRegister,
    IdReg,
    IdRegAccess,
    IdRegLocked,
    IdRegState,
    IdVisibility,
    SafeValue,
    SysReg,
    VmIdIndex, //
};

// The masks of the bits that userspace can change.
pub use reg_masks::{
    FeatureIdMasks,
    FwMasks,
    GicMaskIndex,
    GicV3State,
    MaskRange,
    MaskRequest,
    VmMaskRange, //
};

// The CPU interface of a GICv2.
pub use vgic_v2::{
    BinaryPoint,
    CanonicalAttr,
    CpuInterface,
    GiccCtlr,
    GiccPmr,
    GiccReg,
    GiccVcpu,
    VmPriMask,
    Vmcr, //
};

// Hypercalls: what a guest calls, who calls, what to do, and the filter.
pub use smccc::{
    ret,
    Action,
    AffinityQuery,
    Call,
    Caller,
    Convention,
    Decision,
    FilterAction,
    FilterEntry,
    FilterLocked,
    FilterRange,
    FilterRequest,
    FilterVm,
    FuncId,
    Gate,
    PowerLocked,
    PowerOn,
    PowerVcpu,
    Psci01Function,
    PsciCall,
    PsciFunction,
    PtpCounter,
    RandomBits,
    Seen,
    Service,
    SystemEvent,
    SystemTime,
    TrngFunction,
    Verdict,
    WorkaroundQuery, //
};

// How a VM gets a capability of those below.
pub use enable_cap::{
    CapLocked,
    CapVm,
    Capability,
    EnableCap,
    VmCaps, //
};

// The ABI that a VM can opt in to.
pub use opt_in::{
    FeatureLevelReg,
    FeatureLevels,
    FieldIndex,
    FieldMask,
    FilterList,
    FilterRanges,
    OptIns,
    Promise,
    Promises,
    Route,
    Scope,
    VmReg, //
};

// A VM that behaves as under an older kernel.
pub use compat::{
    Clidr,
    CompatEffect,
    CompatFwVcpu,
    CompatLevel,
    CompatPlace,
    CompatReg,
    CompatRule,
    CompatServed,
    CompatVcpu,
    FieldLimit,
    IdField, //
};

// The configuration of a VM as a whole.
pub use vm_config::{
    BadConfigRequest,
    ConfigAnswer,
    ConfigDone,
    ConfigEntry,
    ConfigFlags,
    ConfigHost,
    ConfigOp,
    ConfigReading,
    ConfigReason,
    ConfigReg,
    ConfigRequest,
    ConfigSlot,
    ConfigVm,
    ConfigWorkspace,
    GicCpus,
    GicFields,
    VmConfig, //
};
