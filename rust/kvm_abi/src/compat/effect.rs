// SPDX-License-Identifier: GPL-2.0

//! What a rule does.

use super::{
    fields,
    rules,
    CompatLevel, //
};
use crate::{
    PsciVersion,
    SysReg, //
};

/// `KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES`.
pub(super) const CAP_REG_MASK_RANGES: u32 = 230;

/// A difference between an older KVM and this one.
#[derive(Clone, Copy, Debug)]
pub struct CompatRule {
    /// A name, for reports.
    pub name: &'static str,
    /// The change of the kernel that the rule takes back.
    pub change: &'static str,
    /// The first level at which it holds.
    pub since: CompatLevel,
    /// The first level at which it no longer holds.
    pub until: CompatLevel,
    /// What it does.
    pub effect: CompatEffect,
}

impl CompatRule {
    /// The rules for everything but the fields of ID registers.
    pub(super) const REGISTERS: &'static [Self] = rules::RULES;
    /// The rules for those.
    pub(super) const FIELDS: &'static [Self] = fields::RULES;

    /// Returns all rules. Of those that concern the same register in the same way, the first one
    /// counts.
    #[inline]
    pub fn all() -> impl Iterator<Item = &'static Self> {
        Self::REGISTERS.iter().chain(Self::FIELDS)
    }

    /// Returns whether the rule holds at a level.
    #[inline]
    pub fn holds(&self, level: CompatLevel) -> bool {
        self.since <= level && level < self.until
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompatEffect {
    /// These registers are not there.
    Hides {
        /// The first id.
        first: u64,
        /// The last id.
        last: u64,
    },
    /// A register is there, even if this kernel hides it.
    Shows {
        /// The id.
        id: u64,
        /// The value of a new vCPU, and the only one if this kernel hides the register.
        value: u64,
    },
    /// These registers come before the other system registers of a list.
    First(&'static [u64]),
    /// The newest version of PSCI.
    Psci(PsciVersion),
    /// The bits of an ID register that can be anything but zero.
    Knows {
        /// The register.
        reg: SysReg,
        /// The bits.
        mask: u64,
    },
    /// The most that the host can give in a field of an ID register.
    Limits(IdField),
    /// The bits of ID registers that userspace may change; the first rule for a register counts.
    Masks {
        /// The first register.
        first: SysReg,
        /// The last register.
        last: SysReg,
        /// The bits.
        mask: u64,
    },
    /// The VM has the caches of the host, and only their registers.
    HostCaches,
    /// A capability is not there.
    LacksCapability(u32),
    /// vCPUs cannot have these features, `KVM_ARM_VCPU_*` as bits.
    LacksFeatures(u64),
}

/// A limit of a field of an ID register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdField {
    /// The register.
    pub reg: SysReg,
    /// The lowest bit of the field, which has four bits without a sign.
    pub shift: u32,
    /// Its limit.
    pub limit: FieldLimit,
}

/// The most that the host can give in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldLimit {
    /// At most this number.
    AtMost(u64),
    /// What the host has.
    Host,
}

impl IdField {
    /// Returns the bits of the field.
    #[inline]
    pub const fn mask(&self) -> u64 {
        0xf_u64.wrapping_shl(self.shift)
    }

    /// Returns the limit of the register.
    #[inline]
    pub(super) fn apply(&self, limit: u64, host: impl Fn() -> u64) -> u64 {
        let number = |value: u64| (value & self.mask()).wrapping_shr(self.shift);
        let new = match self.limit {
            FieldLimit::AtMost(most) => number(limit).min(most),
            FieldLimit::Host => number(host()),
        };
        (limit & !self.mask()) | (new.wrapping_shl(self.shift) & self.mask())
    }
}
