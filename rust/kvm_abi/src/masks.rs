// SPDX-License-Identifier: GPL-2.0

//! The ranges of `KVM_ARM_GET_REG_WRITABLE_MASKS`: which bits of a register userspace may change.
//!
//! Reference: `kvm_vm_ioctl_get_reg_writable_masks()`.

use crate::{FeatureIdIndex, OptIns, Reject, SysReg};

/// What userspace asks for, less where it wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaskRequest {
    /// The number of a range.
    pub range: u32,
    /// Reserved for later; zero.
    pub reserved: [u32; 13],
}

/// A range of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaskRange {
    /// Range 0, the feature ID registers.
    FeatureId,
    /// Range 1, the registers of a GICv3, of VMs that have opted in to it.
    Gic,
    /// Range 2, the firmware registers, of VMs that have opted in to it.
    Firmware,
}

impl MaskRange {
    /// Returns the bit of the range where ranges are told by bits.
    #[inline]
    pub const fn bit(self) -> u32 {
        match self {
            Self::FeatureId => 1 << 0,
            Self::Gic => 1 << 1,
            Self::Firmware => 1 << 2,
        }
    }
}

impl MaskRequest {
    /// Returns the range that is asked for, of a VM that has opted in to this much.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if the VM has no such range, or a reserved word is not zero.
    #[inline]
    pub fn range(&self, opt_ins: OptIns) -> Result<MaskRange, Reject> {
        let range = match self.range {
            0 => MaskRange::FeatureId,
            1 if opt_ins.contains(OptIns::GIC_MASKS) => MaskRange::Gic,
            2 if opt_ins.contains(OptIns::FW_MASKS) => MaskRange::Firmware,
            _ => return Err(Reject::InvalidValue),
        };
        if self.reserved.iter().any(|word| *word != 0) {
            return Err(Reject::InvalidValue);
        }
        Ok(range)
    }
}

/// Range 0: for each feature ID register, at its [`FeatureIdIndex`], the bits that userspace may
/// change. Of a register that does not exist, or cannot be written, it may change none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureIdMasks([u64; FeatureIdIndex::COUNT]);

impl FeatureIdMasks {
    /// No bit of any register can be changed.
    pub const NONE: Self = Self([0; FeatureIdIndex::COUNT]);

    /// Picks the feature ID registers from a table of system registers and their masks.
    ///
    /// As [`FeatureIdMasks::fill`] of no masks.
    #[inline]
    pub fn from_table(table: impl Iterator<Item = (SysReg, u64)>, aarch32_el0: bool) -> Self {
        let mut masks = Self::NONE;
        masks.fill(table, aarch32_el0);
        masks
    }

    /// Picks the feature ID registers from a table of system registers and their masks, and sets
    /// the masks of those that have one.
    ///
    /// Without AArch32 at EL0 the AArch32 ID registers have no fields to be changed, whatever the
    /// table says.
    #[inline]
    pub fn fill(&mut self, table: impl Iterator<Item = (SysReg, u64)>, aarch32_el0: bool) {
        for (reg, mask) in table {
            if reg.is_aarch32_id() && !aarch32_el0 {
                continue;
            }
            if let Some(entry) = reg
                .feature_id_index()
                .and_then(|index| self.0.get_mut(index.get()))
            {
                // A register without mask leaves alone what another entry has said of it.
                if mask != 0 {
                    *entry = mask;
                }
            }
        }
    }

    /// Returns the masks by index, as userspace gets them.
    #[inline]
    pub const fn as_array(&self) -> &[u64; FeatureIdIndex::COUNT] {
        &self.0
    }

    /// Returns the mask of a register, `None` if it is no feature ID register.
    #[inline]
    pub fn get(&self, reg: SysReg) -> Option<u64> {
        self.0.get(reg.feature_id_index()?.get()).copied()
    }
}
