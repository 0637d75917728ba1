// SPDX-License-Identifier: GPL-2.0

//! The features that a VM can opt in to, and the capability for it.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use crate::{
    cast,
    Capability,
    CompatLevel,
    EnableCap,
    MaskRange,
    Reject,
    VmCaps, //
};

mod filter_list;
mod levels;
mod promise;
mod scope;
mod vm_reg;

pub use filter_list::{
    FilterList,
    FilterRanges, //
};
pub use levels::{
    FeatureLevelReg,
    FeatureLevels,
    FieldIndex,
    FieldMask, //
};
pub use promise::{
    Promise,
    Promises, //
};
pub use scope::Scope;
pub use vm_reg::{
    Route,
    VmReg, //
};

/// A set of features that a VM has opted in to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OptIns(u32);

impl OptIns {
    /// The empty set: the VM behaves as under the C code.
    pub const NONE: Self = Self(0);
    /// Feature-level registers, [`crate::FeatureLevelReg`].
    pub const FEATURE_LEVELS: Self = Self(1 << 0);
    /// The writable masks of [`MaskRange::Gic`].
    pub const GIC_MASKS: Self = Self(1 << 1);
    /// The writable masks of [`MaskRange::Firmware`].
    pub const FW_MASKS: Self = Self(1 << 2);
    /// Registers of the VM's file descriptor, [`crate::VmReg`].
    pub const VM_REGS: Self = Self(1 << 3);
    /// [`crate::Scope`] in the lists of registers.
    pub const REG_SCOPE: Self = Self(1 << 4);
    /// The version of PSCI freezes when the VM runs.
    pub const PSCI_FREEZE: Self = Self(1 << 5);
    /// The configuration of the VM as a whole, [`crate::VmConfig`].
    pub const VM_CONFIG: Self = Self(1 << 6);
    /// The ranges of the filter of hypercalls, [`crate::FilterList`].
    pub const FILTER_LIST: Self = Self(1 << 7);
    /// `GICC_PMR` in the form of the architecture, [`crate::CanonicalAttr`].
    pub const CANONICAL_PMR: Self = Self(1 << 8);
    /// The read-only fields of a GICv3's CPU interface, [`crate::GicFields`].
    pub const GIC_FIELDS: Self = Self(1 << 9);
    /// All features.
    pub const ALL: Self = Self(0x3ff);

    /// Returns the set whose bits are those of the constants above; other bits are ignored.
    #[inline]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Returns the bits of the set.
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Returns whether the other set is a subset of this one.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Answers `KVM_CHECK_EXTENSION` for the capability that has this number: the bits of what the
    /// VM has opted in to; without a VM, of what VMs can opt in to. 0 for any other number.
    #[inline]
    pub const fn check_extension(number: i64, offered: Self, vm: Option<Self>) -> u32 {
        let there = match vm {
            _ if number != cast::signed(cast::wide(EnableCap::MIGRATION)) => Self::NONE,
            Some(vm) => vm,
            None => offered,
        };
        there.bits()
    }

    /// Returns the union of both sets.
    #[inline]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the intersection of both sets.
    #[inline]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the set with all that comes with its features.
    #[inline]
    const fn with_needs(self) -> Self {
        let wanted = if self.contains(Self::GIC_FIELDS) {
            self.union(Self::VM_CONFIG)
        } else {
            self
        };
        let freezes = Self::VM_REGS.union(Self::VM_CONFIG);
        if wanted.intersection(freezes).is_empty() {
            wanted
        } else {
            wanted.union(Self::PSCI_FREEZE)
        }
    }

    /// Returns whether the set is empty.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the ranges of writable masks in the set, as a set of [`MaskRange::bit`].
    #[inline]
    pub const fn mask_ranges(self) -> u32 {
        let gic = if self.contains(Self::GIC_MASKS) {
            MaskRange::Gic.bit()
        } else {
            0
        };
        let fw = if self.contains(Self::FW_MASKS) {
            MaskRange::Firmware.bit()
        } else {
            0
        };
        gic | fw
    }
}

impl EnableCap {
    /// The number of the capability, `KVM_CAP_ARM_MIGRATION`.
    pub const MIGRATION: u32 = 0x4152_4d10;

    /// Returns the features that the VM asks for. Registers of the VM, and its configuration as a
    /// whole, come with a version of PSCI that freezes, so that the version has one rule. Read-only
    /// fields come with the configuration, through which alone they are written.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if the capability does not exist, if a flag or a reserved field is
    /// not zero, or if a feature does not exist.
    #[inline]
    pub fn opt_ins(&self) -> Result<OptIns, Reject> {
        self.only_arg(Self::MIGRATION)
            .and_then(|bits| u32::try_from(bits).ok())
            .map(OptIns)
            .filter(|wanted| OptIns::ALL.contains(*wanted))
            .map(OptIns::with_needs)
            .ok_or(Reject::InvalidValue)
    }
}

impl Capability for OptIns {
    #[inline]
    fn wanted(request: &EnableCap) -> Result<Self, Reject> {
        request.opt_ins()
    }

    #[inline]
    fn is_offered(self, offered: OptIns) -> bool {
        !offered.is_empty() && offered.contains(self)
    }

    /// Whether the VM is native: no older kernel has anything to opt in to.
    #[inline]
    fn fits(self, vm: &VmCaps) -> bool {
        vm.level == CompatLevel::Native
    }

    #[inline]
    fn is_in(self, vm: &VmCaps) -> bool {
        vm.opt_ins.contains(self)
    }
}
