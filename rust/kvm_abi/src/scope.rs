// SPDX-License-Identifier: GPL-2.0

//! The scope of a register: each vCPU has its own, or all vCPUs of the VM share it.
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
    /// All vCPUs share it: writing it on one of them is enough.
    Vm,
}

impl Scope {
    /// Returns the scope of the register that has this id; bit 28 of the id is zero.
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

    /// Returns the id in a list of registers: with the scope, if the VM has opted in to it.
    #[inline]
    pub fn list(id: u64, opt_ins: OptIns) -> u64 {
        if opt_ins.contains(OptIns::REG_SCOPE) && Self::of(id) == Self::Vm {
            id | VM
        } else {
            id
        }
    }

    /// Returns the id without its scope, if the VM has opted in to scopes and the scope is right;
    /// otherwise the id unchanged.
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
    /// Returns the registers of a VM with these opt-ins, in the order of the list.
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

    /// Returns the register that has this id in a VM with these opt-ins.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if the VM has no register with this id.
    #[inline]
    pub fn from_id(id: u64, opt_ins: OptIns) -> Result<Self, Reject> {
        let id = Scope::strip(id, opt_ins);
        if FeatureLevelReg::is_in_group(id) && opt_ins.contains(OptIns::FEATURE_LEVELS) {
            return FeatureLevelReg::from_id(id).map(Self::Level);
        }
        FwReg::from_id(id).map(Self::Fw)
    }

    /// Returns whether the register cannot be accessed before the features of the VM's vCPUs are
    /// known.
    ///
    /// This holds for `SMCCC_ARCH_WORKAROUND_2` and for the levels of the workarounds, which
    /// include it: its value depends on whether the guest has SSBS.
    #[inline]
    pub fn needs_features(self) -> bool {
        match self {
            Self::Fw(reg) => reg == FwReg::Workaround2,
            Self::Level(reg) => reg == FeatureLevelReg::WORKAROUNDS,
        }
    }
}
