// SPDX-License-Identifier: GPL-2.0

//! Range 0 of writable masks: the feature ID registers.
//!
//! Reference: `kvm_vm_ioctl_get_reg_writable_masks()`.

use crate::{
    CompatLevel,
    FeatureIdIndex,
    SysReg, //
};

/// For each feature ID register, at its [`FeatureIdIndex`], the bits that userspace may
/// change. The mask of a register that does not exist, or that is read-only, is zero.
// Aligned, so that the time of a copy does not depend on where the linker puts the masks.
#[repr(align(64))]
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

    /// Returns the masks by index of a VM with a level. A register that this host does not have, or
    /// that is read-only here, has none.
    #[inline]
    pub fn at_level(&self, level: CompatLevel) -> impl Iterator<Item = u64> + '_ {
        // Counted beside the array: an index into it would have to be clamped.
        let mut places = FeatureIdIndex::all();
        self.0.iter().map(move |native| match places.next() {
            Some(place) if *native != 0 => level.mask(place.reg(), *native),
            _ => 0,
        })
    }

    /// Returns the mask of a register, `None` if it is no feature ID register.
    #[inline]
    pub fn get(&self, reg: SysReg) -> Option<u64> {
        self.0.get(reg.feature_id_index()?.get()).copied()
    }
}
