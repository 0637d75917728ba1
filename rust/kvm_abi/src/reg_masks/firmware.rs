// SPDX-License-Identifier: GPL-2.0

//! Range 2 of writable masks: the firmware registers.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use crate::{
    FeatureBitmap,
    FwReg,
    RanOnce, //
};

/// The state that the masks depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FwMasks {
    /// Whether the VM has run, which freezes the bitmaps.
    pub ran: RanOnce,
}

impl FwMasks {
    /// The number of places in the range, `KVM_ARM_FW_RANGE_SIZE`.
    pub const COUNT: usize = 128;

    /// Returns the masks of all places: first the 64 of `KVM_REG_ARM_FW`, then those of
    /// `KVM_REG_ARM_FW_FEAT_BMAP`.
    #[inline]
    pub fn masks(self) -> impl Iterator<Item = u64> {
        (0..=127).map(move |index| self.mask_at(index))
    }

    #[inline]
    fn mask_at(self, index: u8) -> u64 {
        match index {
            64 => self.mask(FwReg::Bitmap(FeatureBitmap::Std)),
            65 => self.mask(FwReg::Bitmap(FeatureBitmap::StdHyp)),
            66 => self.mask(FwReg::Bitmap(FeatureBitmap::VendorHyp)),
            67 => self.mask(FwReg::Bitmap(FeatureBitmap::VendorHyp2)),
            _ => 0,
        }
    }

    /// Returns the bits of a register that userspace can choose, one by one.
    ///
    /// The version of PSCI is a number: which of its bits can change depends on the others. A write
    /// of a workaround is only compared.
    #[inline]
    pub fn mask(self, reg: FwReg) -> u64 {
        match (reg, self.ran) {
            (FwReg::Bitmap(map), RanOnce::No) => map.supported(),
            _ => 0,
        }
    }
}
