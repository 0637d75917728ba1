// SPDX-License-Identifier: GPL-2.0

//! The ranges of `KVM_ARM_GET_REG_WRITABLE_MASKS`: which bits of a register userspace may change.
//!
//! Reference: `kvm_vm_ioctl_get_reg_writable_masks()`.

use crate::{FeatureIdIndex, OptIns, Reject, SysReg};

/// A request from userspace, without the address for the result.
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
    /// Range 1, the registers of a GICv3; only for VMs that have opted in to it.
    Gic,
    /// Range 2, the firmware registers; only for VMs that have opted in to it.
    Firmware,
}

impl MaskRange {
    /// Returns the range's bit in a set of ranges.
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
    /// Returns the range that userspace asks for; `opt_ins` is what the VM has opted in to.
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
/// change. The mask of a register that does not exist, or that is read-only, is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureIdMasks([u64; FeatureIdIndex::COUNT]);

impl FeatureIdMasks {
    /// No bit of any register can be changed.
    pub const NONE: Self = Self([0; FeatureIdIndex::COUNT]);

    /// Picks the feature ID registers from a table of system registers and their masks.
    ///
    /// As [`FeatureIdMasks::fill`], starting with zeros.
    #[inline]
    pub fn from_table(table: impl Iterator<Item = (SysReg, u64)>, aarch32_el0: bool) -> Self {
        let mut masks = Self::NONE;
        masks.fill(table, aarch32_el0);
        masks
    }

    /// Picks the feature ID registers from a table of system registers and their masks, and sets
    /// the masks of those that have one.
    ///
    /// Without AArch32 at EL0, the masks of the AArch32 ID registers in the table are ignored.
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
                // An entry without a mask must not clear the mask of another entry.
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
