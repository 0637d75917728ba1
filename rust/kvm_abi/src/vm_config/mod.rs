// SPDX-License-Identifier: GPL-2.0

//! The configuration of a VM, read, checked and set as a whole.
//!
//! `KVM_SET_ONE_REG` decides each register for itself. So the order of writes matters (the level of
//! `SMCCC_ARCH_WORKAROUND_2` depends on SSBS), the first refusal leaves a half-configured VM, and
//! an errno does not say what is wrong. Here userspace hands over the set. It is evaluated on a
//! copy: the order of the entries does not matter, each entry gets an answer, and the set is
//! accepted whole or not at all.
//!
//! # What is configured
//!
//! What all vCPUs of a VM share: the ID registers `ID_*_EL1`, `CTR_EL0`, `MIDR_EL1`, `REVIDR_EL1`
//! and `AIDR_EL1`, the firmware registers, the feature levels as [`Promises`], `GICD_IIDR`, and the
//! read-only fields of a GICv3's CPU interface as [`GicFields`]. Not the state of vCPUs, to which
//! `CLIDR_EL1` and `CCSIDR_EL1` belong.
//!
//! # Rules
//!
//! - Each register accepts what `KVM_SET_ONE_REG` accepts, and its own value. Unlike there,
//!   `PSCI_VERSION` and `GICD_IIDR` freeze when the VM runs for the first time, `GICD_IIDR` takes
//!   revision 1, and a combination that the first run would silently change is refused, unless the
//!   VM has it already.
//! - After the first run, equal values are accepted, others are [`ConfigReason::Frozen`]. The
//!   workarounds store nothing: they accept what the host has, at any time.
//! - Two entries of one register with the same value are one entry. If the values differ, each of
//!   them conflicts with one that has another value.
//! - The answer to a refused entry has a value that would be accepted. The other entries are judged
//!   as if it were written: a set with all these values is accepted. An unknown register has no
//!   such value; leave it out.
//! - The answer to an entry that conflicts with another entry has the index of that one; of entries
//!   that are alike, of the first.
//!
//! # Cost
//!
//! For `n` entries: one look at each to find its register, one decision for each register that is
//! there, and one look at each to answer: O(n) steps, of which at most [`ConfigReg::COUNT`] are
//! decisions, whatever the entries are. The memory is the caller's, [`ConfigWorkspace`].
//!
//! # As an ioctl
//!
//! `KVM_ARM_VM_CONFIG` of `asm/kvm_migration.h`. In an entry that is accepted, all that is written
//! is a constant, [`ConfigAnswer::ACCEPTED`]. So the kernel writes these answers before it takes a
//! lock: an address that cannot be written changes nothing.

use crate::{
    RanOnce,
    Reject, //
};

mod config;
mod decide;
mod gic_fields;
mod judge;
mod reg;

pub use config::{
    ConfigHost,
    ConfigReading,
    VmConfig, //
};
pub use decide::{
    ConfigDone,
    ConfigSlot,
    ConfigVm,
    ConfigWorkspace, //
};
pub use gic_fields::{
    GicCpus,
    GicFields, //
};
pub use reg::ConfigReg;

#[cfg(doc)]
use crate::Promises;

/// What to do with a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigOp {
    /// List and read all of it.
    Get,
    /// Say what [`ConfigOp::Set`] would do now.
    Check,
    /// Set it, all or nothing.
    Set,
}

/// How to check or set a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConfigFlags {
    /// Accept an entry of a register that the VM does not have, if the value is 0.
    ///
    /// A register that a kernel does not know does nothing there, which is what 0 means in all of
    /// those that were ever added.
    pub tolerate_zero: bool,
}

/// A request, without the address of the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConfigRequest {
    /// The number of a [`ConfigOp`].
    pub op: u32,
    /// Flags.
    pub flags: u32,
    /// The number of entries.
    pub n: u32,
    /// The size of an entry.
    pub entry_size: u32,
    /// Reserved for later; zero.
    pub reserved: [u64; 5],
}

/// Why a request is refused before any entry is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadConfigRequest {
    /// A field has a value without a meaning.
    Invalid,
    /// There are more than [`ConfigRequest::MAX_ENTRIES`] entries.
    TooMany,
}

impl ConfigRequest {
    /// The most entries in one request.
    pub const MAX_ENTRIES: u32 = 4096;
    /// The size of an entry.
    pub const ENTRY_SIZE: u32 = 64;
    /// The flag for [`ConfigFlags::tolerate_zero`].
    const TOLERATE_ZERO: u32 = 1;

    /// Returns what userspace asks for.
    ///
    /// # Errors
    ///
    /// - [`BadConfigRequest::Invalid`] if the operation, a flag or the size of an entry does not
    ///   exist, a reserved word is not zero, or a flag comes with [`ConfigOp::Get`].
    /// - [`BadConfigRequest::TooMany`] if there are too many entries.
    #[inline]
    pub fn decide(&self) -> Result<(ConfigOp, ConfigFlags), BadConfigRequest> {
        let (op, known_flags) = match self.op {
            0 => (ConfigOp::Get, 0),
            1 => (ConfigOp::Check, Self::TOLERATE_ZERO),
            2 => (ConfigOp::Set, Self::TOLERATE_ZERO),
            _ => return Err(BadConfigRequest::Invalid),
        };
        if self.flags & !known_flags != 0
            || self.entry_size != Self::ENTRY_SIZE
            || self.reserved != [0; 5]
        {
            return Err(BadConfigRequest::Invalid);
        }
        if self.n > Self::MAX_ENTRIES {
            return Err(BadConfigRequest::TooMany);
        }
        let tolerate_zero = self.flags & Self::TOLERATE_ZERO != 0;
        Ok((op, ConfigFlags { tolerate_zero }))
    }
}

/// An entry of a request, in the memory of the caller.
pub trait ConfigEntry {
    /// The id of a register.
    fn id(&self) -> u64;

    /// The value to check or set.
    fn value(&self) -> u64;

    /// Takes the answer of [`ConfigOp::Check`] or [`ConfigOp::Set`].
    fn answer(&mut self, answer: ConfigAnswer);

    /// Takes a register of [`ConfigOp::Get`].
    fn fill(&mut self, reading: ConfigReading);
}

/// Why an entry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigReason {
    /// The VM has no such register.
    Unknown,
    /// The bits have no meaning, or cannot be changed.
    BadBits,
    /// The host does not give this much.
    AboveHost,
    /// The VM has run, and the register has another value.
    Frozen,
    /// The VM or its vCPUs lack a feature for it, or have one that forbids it.
    NeedsFeature,
    /// The VM has not opted in to what it takes.
    NeedsCapability,
    /// Another register has, or gets, a value that does not go with it.
    Conflict,
    /// The features of the vCPUs, on which it depends, are not known yet.
    NotReady,
}

impl ConfigReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::BadBits,
        Self::AboveHost,
        Self::Frozen,
        Self::NeedsFeature,
        Self::NeedsCapability,
        Self::Conflict,
        Self::NotReady,
    ];

    /// Returns the number of the reason in an entry; 0 is no reason.
    #[inline]
    pub const fn number(self) -> u32 {
        match self {
            Self::Unknown => 1,
            Self::BadBits => 2,
            Self::AboveHost => 3,
            Self::Frozen => 4,
            Self::NeedsFeature => 5,
            Self::NeedsCapability => 6,
            Self::Conflict => 7,
            Self::NotReady => 8,
        }
    }

    /// Returns the reason that `KVM_SET_ONE_REG` has for the same refusal, for its errno.
    #[inline]
    const fn reject(self) -> Reject {
        match self {
            Self::Unknown => Reject::UnknownRegister,
            Self::BadBits | Self::NeedsFeature | Self::NeedsCapability | Self::Conflict => {
                Reject::InvalidValue
            }
            Self::AboveHost => Reject::AboveHost,
            Self::Frozen => Reject::Frozen,
            Self::NotReady => Reject::NotReady,
        }
    }
}

/// The answer to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConfigAnswer {
    /// Why it is refused, if it is: the reason, and the one that has the errno.
    pub refused: Option<(ConfigReason, Reject)>,
    /// The bits for which it is refused; 0 if there is no such register.
    pub bits: u64,
    /// What would be accepted instead, 0 if there is no such register.
    pub limit: u64,
    /// The index of the entry that it conflicts with.
    pub other: Option<u32>,
}

impl ConfigAnswer {
    /// The answer to an entry that is accepted.
    pub const ACCEPTED: Self = Self {
        refused: None,
        bits: 0,
        limit: 0,
        other: None,
    };

    /// Returns the answer to an entry of a register that the VM does not have, for this reason.
    #[inline]
    const fn absent(reason: ConfigReason) -> Self {
        Self {
            refused: Some((reason, Reject::UnknownRegister)),
            ..Self::ACCEPTED
        }
    }

    /// Returns the answer to an entry that is refused for some bits.
    #[inline]
    const fn refused(reason: ConfigReason, bits: u64, limit: u64) -> Self {
        Self {
            refused: Some((reason, reason.reject())),
            bits,
            limit,
            other: None,
        }
    }

    /// Returns whether there is no such register.
    #[inline]
    fn is_absent(&self) -> bool {
        matches!(self.refused, Some((_, Reject::UnknownRegister)))
    }
}

/// Returns whether a vCPU of the VM has run.
#[inline]
fn has_run(ran: RanOnce) -> bool {
    ran == RanOnce::Yes
}
