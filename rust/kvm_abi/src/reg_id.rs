// SPDX-License-Identifier: GPL-2.0

//! The ids of registers in `KVM_GET_ONE_REG` and `KVM_SET_ONE_REG`.
//!
//! Bits 63:56: the architecture. 55:52: the binary logarithm of the size in bytes. 28: the scope.
//! 27:16: the class. 15:0: the number in the class.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm.h`.

use crate::{
    cast,
    Reject, //
};

/// `KVM_REG_ARM64`.
const ARM64: u64 = 0x60 << 56;
/// `KVM_REG_SIZE_MASK`.
const SIZE: u64 = 0xf << 52;
/// `KVM_REG_SIZE_U64`.
const SIZE_U64: u64 = 3 << 52;
/// `KVM_REG_ARM_SCOPE_VM`.
const SCOPE_VM: u64 = 1 << 28;
/// The number in the class.
const NUMBER: u64 = 0xffff;

/// A class of registers of 64 bits, `KVM_REG_ARM_COPROC_MASK`.
#[derive(Clone, Copy)]
pub(crate) struct Class(u64);

impl Class {
    /// System registers, `KVM_REG_ARM64_SYSREG`.
    pub(crate) const SYS_REG: Self = Self(0x13 << 16);
    /// Firmware registers, `KVM_REG_ARM_FW`.
    pub(crate) const FW: Self = Self(0x14 << 16);
    /// Bitmaps of hypercall services, `KVM_REG_ARM_FW_FEAT_BMAP`.
    pub(crate) const FW_FEAT_BMAP: Self = Self(0x16 << 16);
    /// Feature levels, `KVM_REG_ARM_FEATURE_LEVEL`.
    pub(crate) const FEATURE_LEVEL: Self = Self(0x17 << 16);
    /// Registers of the interrupt controller, `KVM_REG_ARM_CONFIG_VGIC`.
    pub(crate) const VGIC: Self = Self(0x18 << 16);

    /// Returns the ids of the class, without the number.
    #[inline(always)]
    pub(crate) const fn ids(self) -> u64 {
        ARM64 | SIZE_U64 | self.0
    }

    /// Returns the id of a register.
    #[inline(always)]
    pub(crate) const fn id(self, number: u8) -> u64 {
        self.ids() | cast::wide(cast::widen(number))
    }
}

/// The id of a register, known or not.
#[derive(Clone, Copy)]
pub(crate) struct RegId(u64);

impl RegId {
    /// Returns the id that has this value.
    #[inline(always)]
    pub(crate) const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Returns the id without the number, and the number.
    #[inline(always)]
    pub(crate) const fn split(self) -> (u64, u64) {
        (self.0 & !NUMBER, self.0 & NUMBER)
    }

    /// Returns whether the register is one of the class, with any size and number.
    #[inline(always)]
    pub(crate) const fn is_of(self, class: Class) -> bool {
        // All other bits count, those of the scope and reserved ones, too.
        (self.0 ^ class.ids()) & !(SIZE | NUMBER) == 0
    }

    /// Checks that the size is 64 bits, which needs no state.
    ///
    /// # Errors
    ///
    /// [`Reject::WrongSize`] if it is not.
    #[inline(always)]
    pub(crate) const fn admit_size(self) -> Result<(), Reject> {
        if self.0 & SIZE != SIZE_U64 {
            return Err(Reject::WrongSize);
        }
        Ok(())
    }

    /// Returns the id with the scope of the VM.
    #[inline(always)]
    pub(crate) const fn with_vm_scope(self) -> u64 {
        self.0 | SCOPE_VM
    }

    /// Returns the id without a scope.
    #[inline(always)]
    pub(crate) const fn without_scope(self) -> u64 {
        self.0 & !SCOPE_VM
    }
}
