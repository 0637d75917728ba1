// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The ids of the firmware pseudo-registers.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm.h`.

use crate::{FeatureBitmap, Reject};

/// Bits 63:56 of an id, the architecture: `KVM_REG_ARM64`.
const ARM64: u64 = 0x60 << 56;
/// Bits 55:52 of an id, the binary logarithm of the size in bytes: `KVM_REG_SIZE_MASK`.
const SIZE_MASK: u64 = 0xf << 52;
/// `KVM_REG_SIZE_U64`.
const SIZE_U64: u64 = 3 << 52;
/// Bits 27:16 of an id, the group: `KVM_REG_ARM_FW`.
const FW: u64 = 0x14 << 16;
/// `KVM_REG_ARM_FW_FEAT_BMAP`.
const FW_FEAT_BMAP: u64 = 0x16 << 16;

/// A firmware pseudo-register, all of which are 64 bits wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FwReg {
    /// `KVM_REG_ARM_PSCI_VERSION`.
    PsciVersion,
    /// `KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1`.
    Workaround1,
    /// `KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2`.
    Workaround2,
    /// `KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3`.
    Workaround3,
    /// `KVM_REG_ARM_{STD,STD_HYP,VENDOR_HYP}_BMAP` and `KVM_REG_ARM_VENDOR_HYP_BMAP_2`.
    Bitmap(FeatureBitmap),
}

impl FwReg {
    /// All registers, in the order of `KVM_GET_REG_LIST`, which is ABI.
    pub const ALL: [Self; 8] = [
        Self::PsciVersion,
        Self::Workaround1,
        Self::Workaround2,
        Self::Workaround3,
        Self::Bitmap(FeatureBitmap::Std),
        Self::Bitmap(FeatureBitmap::StdHyp),
        Self::Bitmap(FeatureBitmap::VendorHyp),
        Self::Bitmap(FeatureBitmap::VendorHyp2),
    ];

    /// Returns the id by which userspace names the register.
    #[inline]
    pub const fn id(self) -> u64 {
        let (group, number) = match self {
            Self::PsciVersion => (FW, 0),
            Self::Workaround1 => (FW, 1),
            Self::Workaround2 => (FW, 2),
            Self::Workaround3 => (FW, 3),
            Self::Bitmap(FeatureBitmap::Std) => (FW_FEAT_BMAP, 0),
            Self::Bitmap(FeatureBitmap::StdHyp) => (FW_FEAT_BMAP, 1),
            Self::Bitmap(FeatureBitmap::VendorHyp) => (FW_FEAT_BMAP, 2),
            Self::Bitmap(FeatureBitmap::VendorHyp2) => (FW_FEAT_BMAP, 3),
        };
        ARM64 | SIZE_U64 | group | number
    }

    /// Returns the register that has this id.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if no register has the id.
    #[inline]
    pub const fn from_id(id: u64) -> Result<Self, Reject> {
        if let Err(reject) = Self::check_size(id) {
            return Err(reject);
        }
        // The two groups differ in one bit, so that the numbers can be told apart in one match.
        match id & !SIZE_MASK {
            PSCI_VERSION => Ok(Self::PsciVersion),
            WORKAROUND_1 => Ok(Self::Workaround1),
            WORKAROUND_2 => Ok(Self::Workaround2),
            WORKAROUND_3 => Ok(Self::Workaround3),
            STD_BMAP => Ok(Self::Bitmap(FeatureBitmap::Std)),
            STD_HYP_BMAP => Ok(Self::Bitmap(FeatureBitmap::StdHyp)),
            VENDOR_HYP_BMAP => Ok(Self::Bitmap(FeatureBitmap::VendorHyp)),
            VENDOR_HYP_BMAP_2 => Ok(Self::Bitmap(FeatureBitmap::VendorHyp2)),
            _ => Err(Reject::UnknownRegister),
        }
    }

    /// Checks the size field of an id, known or not.
    ///
    /// A write checks it before it reads the value, and looks the register up after that: of an
    /// unknown register, an unreadable value is found first.
    ///
    /// # Errors
    ///
    /// [`Reject::WrongSize`] if the size is not 64 bits.
    #[inline]
    pub const fn check_size(id: u64) -> Result<(), Reject> {
        if id & SIZE_MASK != SIZE_U64 {
            return Err(Reject::WrongSize);
        }
        Ok(())
    }
}

/// Returns a register's id without the size field, for matching.
const fn unsized_id(reg: FwReg) -> u64 {
    reg.id() & !SIZE_MASK
}

const PSCI_VERSION: u64 = unsized_id(FwReg::PsciVersion);
const WORKAROUND_1: u64 = unsized_id(FwReg::Workaround1);
const WORKAROUND_2: u64 = unsized_id(FwReg::Workaround2);
const WORKAROUND_3: u64 = unsized_id(FwReg::Workaround3);
const STD_BMAP: u64 = unsized_id(FwReg::Bitmap(FeatureBitmap::Std));
const STD_HYP_BMAP: u64 = unsized_id(FwReg::Bitmap(FeatureBitmap::StdHyp));
const VENDOR_HYP_BMAP: u64 = unsized_id(FwReg::Bitmap(FeatureBitmap::VendorHyp));
const VENDOR_HYP_BMAP_2: u64 = unsized_id(FwReg::Bitmap(FeatureBitmap::VendorHyp2));
