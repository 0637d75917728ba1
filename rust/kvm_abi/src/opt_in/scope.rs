// SPDX-License-Identifier: GPL-2.0

//! The scope of a register: each vCPU has its own, or all vCPUs of the VM share it.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use super::{
    FeatureLevelReg,
    OptIns, //
};
use crate::{
    reg_id::RegId,
    FwReg,
    SysReg, //
};

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

    /// Returns whether the lists of a VM have scopes.
    #[inline]
    const fn is_listed(opt_ins: OptIns) -> bool {
        opt_ins.contains(OptIns::REG_SCOPE)
    }

    /// Returns the id in a list of registers: with the scope, if the VM has opted in to it.
    #[inline]
    pub fn list(id: u64, opt_ins: OptIns) -> u64 {
        if Self::is_listed(opt_ins) && Self::of(id) == Self::Vm {
            RegId::new(id).with_vm_scope()
        } else {
            id
        }
    }

    /// Returns the id without its scope, if the VM has opted in to scopes and the scope is right;
    /// otherwise the id unchanged.
    #[inline]
    pub fn strip(id: u64, opt_ins: OptIns) -> u64 {
        let plain = RegId::new(id).without_scope();
        if Self::is_listed(opt_ins) && Self::of(plain) == Self::Vm {
            plain
        } else {
            id
        }
    }
}
