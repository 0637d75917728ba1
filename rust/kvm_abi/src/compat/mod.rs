// SPDX-License-Identifier: GPL-2.0

//! Levels: a VM behaves as under an older kernel, where userspace can see a difference.
//!
//! A level is a release of Linux. What differs between its KVM and this one is a table of
//! [`CompatRule`]s, which do not depend on the CPU. The functions of [`CompatLevel`] look the rules
//! up. Where no rule holds, a VM is as without a level.
//!
//! Reference: `Documentation/virt/kvm/arm/rust-compat.rst`, and what kvmfit measured of the old
//! kernels: `tests/data/compat`.

use crate::{
    cast,
    EnableCap,
    PsciVersion,
    Reject,
    SysReg, //
};

mod access;
mod cache;
mod effect;
mod enable;
mod fields;
mod rules;

pub use access::{
    CompatFwVcpu,
    CompatServed,
    CompatVcpu, //
};
pub use cache::Clidr;
pub use effect::{
    CompatEffect,
    CompatRule,
    FieldLimit,
    IdField, //
};
pub use enable::{
    CompatLocked,
    CompatVm, //
};

/// A release of Linux as whose KVM a VM behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompatLevel {
    /// Linux 6.1.
    V6_1,
    /// Linux 6.12.
    V6_12,
    /// Linux 6.16.
    V6_16,
    /// Linux 6.18.
    V6_18,
    /// This kernel.
    Native,
}

/// What a level does with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompatReg {
    /// Nothing.
    Native,
    /// It is not there.
    Hidden,
    /// It is there, even if this kernel hides it. It then reads as this value, and accepts it.
    Shown(u64),
}

/// Where a system register is in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompatPlace {
    /// Nowhere.
    Unlisted,
    /// Before the other system registers, at [`CompatLevel::first_in_list`].
    First,
    /// In the order of the table.
    InOrder,
}

impl CompatLevel {
    /// All levels, the newest first: the order of their bits.
    pub const ALL: [Self; 5] = [
        Self::Native,
        Self::V6_18,
        Self::V6_16,
        Self::V6_12,
        Self::V6_1,
    ];

    /// The number of the capability, `KVM_CAP_ARM_COMPAT`.
    pub const CAP: u32 = 0x4152_4d11;

    /// The bits of all levels.
    pub const ALL_BITS: u32 = 0x1f;

    /// Returns the level's bit in `KVM_CAP_ARM_COMPAT`.
    #[inline]
    pub const fn bit(self) -> u32 {
        match self {
            Self::Native => 1 << 0,
            Self::V6_18 => 1 << 1,
            Self::V6_16 => 1 << 2,
            Self::V6_12 => 1 << 3,
            Self::V6_1 => 1 << 4,
        }
    }

    /// Returns the level that has this bit, `None` if there is none.
    #[inline]
    pub fn from_bit(bit: u64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| cast::wide(level.bit()) == bit)
    }

    /// Returns the name, as on the kernel's command line.
    #[inline]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::V6_18 => "6.18",
            Self::V6_16 => "6.16",
            Self::V6_12 => "6.12",
            Self::V6_1 => "6.1",
        }
    }

    /// Answers `KVM_CHECK_EXTENSION` for the capability: the level of a VM, or without a VM all
    /// levels.
    #[inline]
    pub fn check_extension(vm: Option<Self>) -> u32 {
        vm.map_or(Self::ALL_BITS, Self::bit)
    }

    /// Returns the level that a request of `KVM_ENABLE_CAP` asks for.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a flag or a reserved field is not zero, or if there is no such
    /// level, or not one alone.
    #[inline]
    pub fn wanted(request: &EnableCap) -> Result<Self, Reject> {
        let [level, reserved @ ..] = request.args;
        let reserved_is_zero = reserved == [0; 3] && request.pad.iter().all(|byte| *byte == 0);
        if request.cap != Self::CAP || request.flags != 0 || !reserved_is_zero {
            return Err(Reject::InvalidValue);
        }
        Self::from_bit(level).ok_or(Reject::InvalidValue)
    }

    /// Returns the rules that hold at the level.
    #[inline]
    pub fn rules(self) -> impl Iterator<Item = &'static CompatRule> {
        CompatRule::all().filter(move |rule| rule.holds(self))
    }

    fn effects(self) -> impl Iterator<Item = CompatEffect> {
        self.rules().map(|rule| rule.effect)
    }

    /// Returns what the level does with the register that has this id. Of a VM with the host's
    /// caches, `clidr` is the host's `CLIDR_EL1`.
    #[inline]
    pub fn reg(self, id: u64, clidr: Clidr) -> CompatReg {
        for effect in self.effects() {
            match effect {
                CompatEffect::Hides { first, last } if (first..=last).contains(&id) => {
                    return CompatReg::Hidden
                }
                CompatEffect::Shows { id: shown, value } if shown == id => {
                    return CompatReg::Shown(value)
                }
                CompatEffect::HostCaches if clidr.lacks(id) => return CompatReg::Hidden,
                _ => (),
            }
        }
        CompatReg::Native
    }

    /// Returns where a list has a register, which this kernel hides or not.
    #[inline]
    pub fn place(self, id: u64, is_hidden: bool, clidr: Clidr) -> CompatPlace {
        match self.reg(id, clidr) {
            CompatReg::Hidden => return CompatPlace::Unlisted,
            CompatReg::Native if is_hidden => return CompatPlace::Unlisted,
            _ => (),
        }
        if self.first().any(|first| first == id) {
            CompatPlace::First
        } else {
            CompatPlace::InOrder
        }
    }

    fn first(self) -> impl Iterator<Item = u64> {
        self.effects()
            .filter_map(|effect| match effect {
                CompatEffect::First(ids) => Some(ids),
                _ => None,
            })
            .flatten()
            .copied()
    }

    /// Returns the ids of the system registers that a list has before the others; there may be
    /// some that the VM lacks.
    #[inline]
    pub fn first_in_list(self, index: usize) -> Option<u64> {
        self.first().nth(index)
    }

    /// Returns the newest version of PSCI, which is that of a new VM.
    #[inline]
    pub fn psci(self) -> PsciVersion {
        self.effects()
            .find_map(|effect| match effect {
                CompatEffect::Psci(version) => Some(version),
                _ => None,
            })
            .unwrap_or(PsciVersion::LATEST)
    }

    /// Returns the version of PSCI to store in a new VM, 0 for that of this kernel.
    #[inline]
    pub fn stored_psci(self) -> u32 {
        match self.psci() {
            PsciVersion::LATEST => 0,
            version => version.to_raw(),
        }
    }

    /// Returns the most that the host can give to a VM in an ID register: `limit` is that without a
    /// level, `host` returns the host's own value.
    #[inline]
    pub fn limit(self, reg: SysReg, limit: u64, host: impl Fn() -> u64) -> u64 {
        self.effects().fold(limit, |limit, effect| match effect {
            CompatEffect::Knows { reg: known, mask } if known == reg => limit & mask,
            CompatEffect::Limits(field) if field.reg == reg => field.apply(limit, &host),
            _ => limit,
        })
    }

    /// Returns whether the VM shows a field that this kernel hides, so that a value of it is not
    /// forgotten.
    #[inline]
    pub fn shows(self, reg: SysReg, mask: u64) -> bool {
        self.effects().any(|effect| match effect {
            CompatEffect::Limits(field) => {
                field.limit == FieldLimit::Host && field.reg == reg && field.mask() == mask
            }
            _ => false,
        })
    }

    /// Returns the bits of an ID register that userspace may change, from those without a level.
    #[inline]
    pub fn mask(self, reg: SysReg, native: u64) -> u64 {
        self.effects()
            .find_map(|effect| match effect {
                CompatEffect::Masks { first, last, mask }
                    if (first.encoding()..=last.encoding()).contains(&reg.encoding()) =>
                {
                    Some(mask)
                }
                _ => None,
            })
            .unwrap_or(native)
    }

    /// Returns whether the VM has the caches of the host, and not made-up ones.
    #[inline]
    pub fn has_host_caches(self) -> bool {
        self.effects()
            .any(|effect| effect == CompatEffect::HostCaches)
    }

    /// Returns whether there is a capability.
    #[inline]
    pub fn has_capability(self, number: u32) -> bool {
        !self
            .effects()
            .any(|effect| effect == CompatEffect::LacksCapability(number))
    }

    /// Returns whether vCPUs can have these features.
    #[inline]
    pub fn has_features(self, features: u64) -> bool {
        !self.effects().any(
            |effect| matches!(effect, CompatEffect::LacksFeatures(lacks) if lacks & features != 0),
        )
    }

    /// Returns whether the writable masks of ID registers can be asked for.
    #[inline]
    pub fn has_masks(self) -> bool {
        self.has_capability(effect::CAP_REG_MASK_RANGES)
    }
}
