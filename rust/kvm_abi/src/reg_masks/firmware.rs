// SPDX-License-Identifier: GPL-2.0

//! Range 2 of writable masks: the firmware registers.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use crate::{
    FeatureBitmap,
    FwReg,
    RanOnce,
    VcpuFeatures, //
};

/// The state that the masks depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FwMasks {
    /// The features of the VM's vCPUs.
    pub features: VcpuFeatures,
    /// Whether the VM has run, which freezes the bitmaps.
    pub ran: RanOnce,
    /// Whether the first run freezes the version of PSCI as well.
    pub psci_version_freezes: bool,
}

impl FwMasks {
    /// The number of places in the range, `KVM_ARM_FW_RANGE_SIZE`.
    pub const COUNT: usize = 128;

    /// The bits in which the versions of PSCI differ, 0.2 to 1.3 and 0.1.
    const PSCI_VERSIONS: u64 = 0x1_0003;

    /// Returns the masks of all places: first the 64 of `KVM_REG_ARM_FW`, then those of
    /// `KVM_REG_ARM_FW_FEAT_BMAP`.
    #[inline]
    pub fn masks(self) -> impl Iterator<Item = u64> {
        (0..=127).map(move |index| self.mask_at(index))
    }

    #[inline]
    fn mask_at(self, index: u8) -> u64 {
        match index {
            0 => self.mask(FwReg::PsciVersion),
            64 => self.mask(FwReg::Bitmap(FeatureBitmap::Std)),
            65 => self.mask(FwReg::Bitmap(FeatureBitmap::StdHyp)),
            66 => self.mask(FwReg::Bitmap(FeatureBitmap::VendorHyp)),
            67 => self.mask(FwReg::Bitmap(FeatureBitmap::VendorHyp2)),
            _ => 0,
        }
    }

    /// Returns the bits of a register that userspace can change now.
    ///
    /// The masks of the workarounds are zero: a write checks the value, and stores nothing. While
    /// the features of the vCPUs are unknown, the version of PSCI counts as writable, because the
    /// vCPUs may still get the feature that lets userspace choose it.
    #[inline]
    pub fn mask(self, reg: FwReg) -> u64 {
        let ran = self.ran == RanOnce::Yes;
        match reg {
            FwReg::PsciVersion if self.psci_version_freezes && ran => 0,
            // Without the feature for PSCI 0.2, the only version is 0.1.
            FwReg::PsciVersion if self.features == (VcpuFeatures::Known { psci_0_2: false }) => 0,
            FwReg::PsciVersion => Self::PSCI_VERSIONS,
            FwReg::Workaround1 | FwReg::Workaround2 | FwReg::Workaround3 => 0,
            FwReg::Bitmap(_) if ran => 0,
            FwReg::Bitmap(map) => map.supported(),
        }
    }
}
