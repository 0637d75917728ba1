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
    Capability,
    EnableCap,
    OptIns,
    PsciVersion,
    Reject,
    SysReg,
    VmCaps, //
};

mod access;
mod cache;
mod effect;
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

/// The level of a VM: the release of Linux as under whose KVM it behaves.
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

    /// Returns the rules that hold at the level.
    #[inline]
    pub fn rules(self) -> impl Iterator<Item = &'static CompatRule> {
        CompatRule::all().filter(move |rule| rule.holds(self))
    }

    /// Returns the first result of the function for the effects at the level.
    ///
    /// Plain loops: from a chain of iterators the compiler makes one index, which looks as if it
    /// came from outside.
    #[inline]
    fn find<T>(self, mut f: impl FnMut(CompatEffect) -> Option<T>) -> Option<T> {
        if self == Self::Native {
            return None;
        }
        for rule in CompatRule::REGISTERS {
            if rule.holds(self) {
                if let Some(found) = f(rule.effect) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// As [`CompatLevel::find`], of the fields of ID registers.
    #[inline]
    fn find_field<T>(self, mut f: impl FnMut(CompatEffect) -> Option<T>) -> Option<T> {
        if self == Self::Native {
            return None;
        }
        for rule in CompatRule::FIELDS {
            if rule.holds(self) {
                if let Some(found) = f(rule.effect) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// Returns what the level does with the register that has this id. Of a VM with the host's
    /// caches, `clidr` is the host's `CLIDR_EL1`.
    #[inline]
    pub fn reg(self, id: u64, clidr: Clidr) -> CompatReg {
        self.find(|effect| match effect {
            CompatEffect::Hides { first, last } if first <= id && id <= last => {
                Some(CompatReg::Hidden)
            }
            CompatEffect::Shows { id: shown, value } if shown == id => {
                Some(CompatReg::Shown(value))
            }
            CompatEffect::HostCaches if clidr.lacks(id) => Some(CompatReg::Hidden),
            _ => None,
        })
        .unwrap_or(CompatReg::Native)
    }

    /// Returns where a list has a register. `is_hidden` is whether this kernel hides the register.
    #[inline]
    pub fn place(self, id: u64, is_hidden: bool, clidr: Clidr) -> CompatPlace {
        match self.reg(id, clidr) {
            CompatReg::Hidden => return CompatPlace::Unlisted,
            CompatReg::Native if is_hidden => return CompatPlace::Unlisted,
            _ => (),
        }
        match self.find_first(|first| first == id) {
            Some(_) => CompatPlace::First,
            None => CompatPlace::InOrder,
        }
    }

    /// Returns the first one of the system registers that come before the others for which the
    /// function returns true.
    #[inline]
    fn find_first(self, mut f: impl FnMut(u64) -> bool) -> Option<u64> {
        self.find(|effect| {
            let CompatEffect::First(ids) = effect else {
                return None;
            };
            for id in ids {
                if f(*id) {
                    return Some(*id);
                }
            }
            None
        })
    }

    /// Returns the ids of the system registers that a list has before the others; there may be
    /// some that the VM lacks.
    #[inline]
    pub fn first_in_list(self, index: usize) -> Option<u64> {
        let mut left = index;
        self.find_first(|_| {
            let found = left == 0;
            left = left.wrapping_sub(1);
            found
        })
    }

    /// Returns the newest version of PSCI, which is that of a new VM.
    #[inline]
    pub fn psci(self) -> PsciVersion {
        self.find(|effect| match effect {
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
        let mut limit = limit;
        self.find_field(|effect| {
            match effect {
                CompatEffect::Knows { reg: known, mask } if known == reg => limit &= mask,
                CompatEffect::Limits(field) if field.reg == reg => {
                    limit = field.apply(limit, &host);
                }
                _ => (),
            }
            None::<()>
        });
        limit
    }

    /// Returns whether the VM shows a field that this kernel hides. A value of such a field is
    /// kept, not forgiven.
    #[inline]
    pub fn shows(self, reg: SysReg, mask: u64) -> bool {
        self.find_field(|effect| match effect {
            CompatEffect::Limits(field)
                if field.limit == FieldLimit::Host && field.reg == reg && field.mask() == mask =>
            {
                Some(())
            }
            _ => None,
        })
        .is_some()
    }

    /// Returns the bits of an ID register that userspace may change, from those without a level.
    #[inline]
    pub fn mask(self, reg: SysReg, native: u64) -> u64 {
        self.find_field(|effect| match effect {
            CompatEffect::Masks { first, last, mask }
                if first.encoding() <= reg.encoding() && reg.encoding() <= last.encoding() =>
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
        self.find(|effect| (effect == CompatEffect::HostCaches).then_some(()))
            .is_some()
    }

    /// Returns whether there is a capability.
    #[inline]
    pub fn has_capability(self, number: u32) -> bool {
        self.find(|effect| (effect == CompatEffect::LacksCapability(number)).then_some(()))
            .is_none()
    }

    /// Returns whether vCPUs can have these features.
    #[inline]
    pub fn has_features(self, features: u64) -> bool {
        self.find(|effect| match effect {
            CompatEffect::LacksFeatures(lacks) if lacks & features != 0 => Some(()),
            _ => None,
        })
        .is_none()
    }

    /// Returns whether userspace can read the writable masks of ID registers.
    #[inline]
    pub fn has_masks(self) -> bool {
        self.has_capability(effect::CAP_REG_MASK_RANGES)
    }
}

impl Capability for CompatLevel {
    /// Returns the level that a request of `KVM_ENABLE_CAP` asks for.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a flag or a reserved field is not zero, or if the argument is
    /// not the bit of exactly one level.
    #[inline]
    fn wanted(request: &EnableCap) -> Result<Self, Reject> {
        request
            .only_arg(Self::CAP)
            .and_then(Self::from_bit)
            .ok_or(Reject::InvalidValue)
    }

    #[inline]
    fn is_offered(self, offered: OptIns) -> bool {
        !offered.is_empty()
    }

    /// Whether the level is that of this kernel, or the VM has opted in to nothing.
    #[inline]
    fn fits(self, vm: &VmCaps) -> bool {
        self == Self::Native || vm.opt_ins.is_empty()
    }

    #[inline]
    fn is_in(self, vm: &VmCaps) -> bool {
        vm.level == self
    }
}
