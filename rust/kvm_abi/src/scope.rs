// SPDX-License-Identifier: GPL-2.0

//! Whose a register is: a vCPU's own, or one that all vCPUs of the VM share.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use crate::{FeatureLevelReg, FwReg, OptIns, Reject, SysReg};

/// Bit 28 of an id: `KVM_REG_ARM_SCOPE_VM`.
const VM: u64 = 1 << 28;

/// The scope of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Each vCPU has its own.
    Vcpu,
    /// A write by one vCPU is read by all others: once is enough.
    Vm,
}

impl Scope {
    /// Returns the scope of the register that has this id, bit 28 being zero.
    #[inline]
    pub fn of(id: u64) -> Self {
        let shared = FwReg::from_id(id).is_ok()
            || FeatureLevelReg::from_id(id).is_ok()
            || SysReg::from_id(id).is_some_and(SysReg::is_vm_id);
        if shared {
            Self::Vm
        } else {
            Self::Vcpu
        }
    }

    /// Returns the id as it is listed: with the scope, if the VM has opted in to that.
    #[inline]
    pub fn list(id: u64, opt_ins: OptIns) -> u64 {
        if opt_ins.contains(OptIns::REG_SCOPE) && Self::of(id) == Self::Vm {
            id | VM
        } else {
            id
        }
    }

    /// Returns the id less its scope, if the VM has opted in to that and the scope is right; else
    /// the id as it is.
    #[inline]
    pub fn strip(id: u64, opt_ins: OptIns) -> u64 {
        let plain = id & !VM;
        if opt_ins.contains(OptIns::REG_SCOPE) && Self::of(plain) == Self::Vm {
            plain
        } else {
            id
        }
    }
}

/// A register that can be accessed without a vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmReg {
    /// A firmware register.
    Fw(FwReg),
    /// A feature-level register.
    Level(FeatureLevelReg),
}

impl VmReg {
    /// Returns the registers of a VM that has opted in to this much, in the order in which they are
    /// listed.
    #[inline]
    pub fn all(opt_ins: OptIns) -> impl Iterator<Item = Self> {
        let levels = FeatureLevelReg::all().take(Self::count_levels(opt_ins));
        FwReg::ALL
            .into_iter()
            .map(Self::Fw)
            .chain(levels.map(Self::Level))
    }

    /// Returns the number of those registers.
    #[inline]
    pub const fn count(opt_ins: OptIns) -> usize {
        FwReg::ALL.len().saturating_add(Self::count_levels(opt_ins))
    }

    /// Returns the number of feature-level registers among them.
    #[inline]
    pub const fn count_levels(opt_ins: OptIns) -> usize {
        if opt_ins.contains(OptIns::FEATURE_LEVELS) {
            FeatureLevelReg::COUNT
        } else {
            0
        }
    }

    /// Returns the id by which userspace names the register.
    #[inline]
    pub fn id(self) -> u64 {
        match self {
            Self::Fw(reg) => reg.id(),
            Self::Level(reg) => reg.id(),
        }
    }

    /// Returns the register that has this id in a VM that has opted in to this much.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if the VM has no register of the id.
    #[inline]
    pub fn from_id(id: u64, opt_ins: OptIns) -> Result<Self, Reject> {
        let id = Scope::strip(id, opt_ins);
        if FeatureLevelReg::is_in_group(id) && opt_ins.contains(OptIns::FEATURE_LEVELS) {
            return FeatureLevelReg::from_id(id).map(Self::Level);
        }
        FwReg::from_id(id).map(Self::Fw)
    }

    /// Returns whether the register depends on the features of the VM's vCPUs so much that it
    /// cannot be accessed before they are known.
    ///
    /// These do: `SMCCC_ARCH_WORKAROUND_2`, and the levels of the workarounds with it. What guests
    /// are told of it depends on whether they have SSBS.
    #[inline]
    pub fn needs_features(self) -> bool {
        match self {
            Self::Fw(reg) => reg == FwReg::Workaround2,
            Self::Level(reg) => reg == FeatureLevelReg::WORKAROUNDS,
        }
    }
}
