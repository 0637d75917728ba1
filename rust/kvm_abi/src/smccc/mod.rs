// SPDX-License-Identifier: GPL-2.0

//! Hypercalls: their functions, what KVM does for each, and the filter of userspace.
//!
//! Reference: Arm DEN 0028 (SMCCC), `kvm_smccc_call_handler()`.

mod call;
mod caller;
mod decide;
mod decision;
mod filter;
mod func_id;
mod psci;
pub mod ret;
mod seen;
mod trng;

pub use call::{
    Call,
    Gate,
    Service, //
};
pub use caller::Caller;
pub use decision::{
    Action,
    Decision,
    PtpCounter,
    SystemTime,
    WorkaroundQuery, //
};
pub use filter::{
    FilterAction,
    FilterEntry,
    FilterLocked,
    FilterRange,
    FilterRequest,
    FilterVm, //
};
pub use func_id::{
    Convention,
    FuncId, //
};
pub use psci::{
    AffinityQuery,
    PowerLocked,
    PowerOn,
    PowerVcpu,
    Psci01Function,
    PsciCall,
    PsciFunction,
    SystemEvent, //
};
pub use seen::{
    Seen,
    Verdict, //
};
pub use trng::{
    RandomBits,
    TrngFunction, //
};
