// SPDX-License-Identifier: GPL-2.0

//! System registers by their encoding, and the feature ID registers among them.
//!
//! Reference: Arm ARM, "System instruction class encoding overview"; `sys_reg()`,
//! `is_feature_id_reg()`, `is_aa32_id_reg()`.

use crate::{
    cast,
    reg_id::{
        Class,
        RegId, //
    }, //
};

/// The encoding of a system register, as the kernel packs it: op0 in bits 20:19, op1 in 18:16, CRn
/// in 15:12, CRm in 11:8 and op2 in 7:5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SysReg(u32);

impl SysReg {
    /// Returns the register of an encoding; other bits are ignored.
    #[inline]
    pub const fn from_encoding(encoding: u32) -> Self {
        Self(encoding & 0x1f_ffe0)
    }

    /// Returns the encoding.
    #[inline]
    pub const fn encoding(self) -> u32 {
        self.0
    }

    /// Returns the register with these numbers; excess bits are ignored.
    #[inline]
    pub const fn new(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32) -> Self {
        let high = ((op0 & 3) << 19) | ((op1 & 7) << 16);
        Self(high | ((crn & 0xf) << 12) | ((crm & 0xf) << 8) | ((op2 & 7) << 5))
    }

    /// Returns the register that has this id in `KVM_GET_ONE_REG`, `None` if it is not the id of a
    /// system register.
    ///
    /// An id is `KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG`, with op0 in bits 15:14,
    /// op1 in 13:11, CRn in 10:7, CRm in 6:3 and op2 in 2:0.
    #[inline]
    pub const fn from_id(id: u64) -> Option<Self> {
        let (class, number) = RegId::new(id).split();
        if class != Class::SYS_REG.ids() {
            return None;
        }
        Some(Self(cast::low_half(number) << 5))
    }

    /// Returns the id of the register in `KVM_GET_ONE_REG`, as in [`SysReg::from_id`].
    #[inline]
    pub const fn id(self) -> u64 {
        Class::SYS_REG.ids() | cast::wide((self.0 >> 5) & 0xffff)
    }

    /// The ID registers that all vCPUs of a VM share, apart from `ID_*_EL1`.
    pub const OTHER_VM_IDS: [Self; 4] = [
        Self::new(3, 0, 0, 0, 0),
        Self::new(3, 0, 0, 0, 6),
        Self::new(3, 1, 0, 0, 7),
        Self::new(3, 3, 0, 0, 1),
    ];

    /// Returns whether this is an ID register that all vCPUs of a VM share.
    ///
    /// C: `is_vm_ftr_id_reg()`.
    #[inline]
    pub const fn is_vm_id(self) -> bool {
        if self.op0() != 3 || self.crn() != 0 {
            return false;
        }
        match (self.op1(), self.crm(), self.op2()) {
            // ID_*_EL1
            (0, 1..=7, _) => true,
            // MIDR_EL1, REVIDR_EL1, AIDR_EL1, CTR_EL0
            (0, 0, 0 | 6) | (1, 0, 7) | (3, 0, 1) => true,
            _ => false,
        }
    }

    /// Returns the register's place among the ID registers that all vCPUs of a VM share, `None` for
    /// any other register.
    #[inline]
    pub const fn vm_id_index(self) -> Option<VmIdIndex> {
        if !self.is_vm_id() {
            return None;
        }
        // INVARIANT: Below 56 for the ID registers, as CRm is at most 7 and op2 is, too; the other
        // ones are listed.
        Some(VmIdIndex(match (self.op1(), self.crm(), self.op2()) {
            (0, 0, 0) => VmIdIndex::MIDR,
            (0, 0, _) => VmIdIndex::REVIDR,
            (1, ..) => VmIdIndex::AIDR,
            (3, ..) => VmIdIndex::CTR,
            (_, crm, op2) => cast::low_byte((crm.wrapping_sub(1) << 3) | op2),
        }))
    }

    #[inline]
    const fn op0(self) -> u32 {
        (self.0 >> 19) & 3
    }

    #[inline]
    pub(super) const fn op1(self) -> u32 {
        (self.0 >> 16) & 7
    }

    #[inline]
    const fn crn(self) -> u32 {
        (self.0 >> 12) & 0xf
    }

    #[inline]
    pub(super) const fn crm(self) -> u32 {
        (self.0 >> 8) & 0xf
    }

    #[inline]
    pub(super) const fn op2(self) -> u32 {
        (self.0 >> 5) & 7
    }

    /// Returns whether this is one of the AArch32 ID registers, `ID_PFR0_EL1` and so on: op0 3, op1
    /// 0, CRn 0, CRm 1 to 3.
    #[inline]
    pub const fn is_aarch32_id(self) -> bool {
        self.op0() == 3 && self.op1() == 0 && self.crn() == 0 && matches!(self.crm(), 1..=3)
    }

    /// Returns the register's place among the feature ID registers, op0 3, op1 0, 1 or 3, CRn 0,
    /// CRm 0 to 7; `None` for any other register.
    #[inline]
    pub const fn feature_id_index(self) -> Option<FeatureIdIndex> {
        if self.op0() != 3 || self.crn() != 0 || self.crm() > 7 {
            return None;
        }
        let block = match self.op1() {
            0 => 0,
            1 => 1,
            3 => 2,
            _ => return None,
        };
        let index = (block << 6) | (self.crm() << 3) | self.op2();
        // INVARIANT: At most 191: the block is at most 2, CRm and op2 are at most 7.
        Some(FeatureIdIndex(cast::low_byte(index)))
    }
}

/// The place of a register among the feature ID registers, `KVM_ARM_FEATURE_ID_RANGE_IDX()`.
///
/// # Invariants
///
/// The index is less than [`FeatureIdIndex::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureIdIndex(u8);

impl FeatureIdIndex {
    const NR: u8 = 3 * 8 * 8;

    /// The number of places, `KVM_ARM_FEATURE_ID_RANGE_SIZE`.
    pub const COUNT: usize = cast::index(Self::NR);

    /// Returns all places.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        // INVARIANT: The range ends before the number of places.
        (0..Self::NR).map(Self)
    }

    /// Returns the index: op1 (0, 1 or 2 for 3) in bits 7:6, CRm in 5:3 and op2 in 2:0.
    #[inline]
    pub const fn get(self) -> usize {
        cast::index(self.0)
    }

    /// Returns the register.
    #[inline]
    pub const fn reg(self) -> SysReg {
        let index = cast::widen(self.0);
        let op1 = match index >> 6 {
            2 => 3,
            block => block,
        };
        SysReg::new(3, op1, 0, (index >> 3) & 7, index)
    }
}

/// The place of a register among the ID registers that all vCPUs of a VM share.
///
/// First `ID_*_EL1`, by CRm and op2, then `MIDR_EL1`, `REVIDR_EL1`, `AIDR_EL1` and `CTR_EL0`.
///
/// # Invariants
///
/// The index is less than [`VmIdIndex::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmIdIndex(u8);

impl VmIdIndex {
    const MIDR: u8 = 7 * 8;
    const REVIDR: u8 = Self::MIDR + 1;
    const AIDR: u8 = Self::MIDR + 2;
    const CTR: u8 = Self::MIDR + 3;
    const NR: u8 = Self::MIDR + 4;

    /// The number of places.
    pub const COUNT: usize = cast::index(Self::NR);

    /// Returns all places.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        // INVARIANT: The range ends before the number of places.
        (0..Self::NR).map(Self)
    }

    /// Returns the index.
    #[inline]
    pub const fn get(self) -> usize {
        cast::index(self.0)
    }

    /// Returns the register.
    #[inline]
    pub const fn reg(self) -> SysReg {
        match self.0 {
            Self::MIDR => SysReg::new(3, 0, 0, 0, 0),
            Self::REVIDR => SysReg::new(3, 0, 0, 0, 6),
            Self::AIDR => SysReg::new(3, 1, 0, 0, 7),
            Self::CTR => SysReg::new(3, 3, 0, 0, 1),
            index => {
                let index = cast::widen(index);
                SysReg::new(3, 0, 0, (index >> 3).wrapping_add(1), index)
            }
        }
    }
}
