// SPDX-License-Identifier: GPL-2.0

//! The ids of the firmware pseudo-registers.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm.h`.

use crate::{FeatureBitmap, Reject, WorkaroundLevel, WorkaroundLevel2};

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

/// Bits 15:0 of an id, the number in the group.
const NUMBER_MASK: u64 = 0xffff;
/// The ids of the first group, without the number.
const FW_IDS: u64 = ARM64 | SIZE_U64 | FW;
/// The ids of the second group, without the number.
const BITMAP_IDS: u64 = ARM64 | SIZE_U64 | FW_FEAT_BMAP;

/// A firmware pseudo-register. All are 64 bits wide.
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
    #[inline(always)]
    pub fn from_id(id: u64) -> Result<Self, Reject> {
        Self::dispatch(id, Itself)
    }

    /// Handles the register that has this id.
    ///
    /// The result is that of `FwReg::from_id(id).map(|reg| next.with(reg))`. Each arm calls `next`
    /// with a constant, so that the compiler merges decoding and handling into one switch.
    ///
    /// # Errors
    ///
    /// Those of [`FwReg::from_id`].
    #[inline(always)]
    pub fn dispatch<N: NextFwReg>(id: u64, next: N) -> Result<N::Output, Reject> {
        // Compared first: in the `match` below it would be the only register slower than in C.
        if id == FW_IDS {
            return Ok(next.with(Self::PsciVersion));
        }
        Ok(match (id & !NUMBER_MASK, id & NUMBER_MASK) {
            (FW_IDS, 1) => next.with(Self::Workaround1),
            (FW_IDS, 2) => next.with(Self::Workaround2),
            (FW_IDS, 3) => next.with(Self::Workaround3),
            (BITMAP_IDS, 0) => next.with(Self::Bitmap(FeatureBitmap::Std)),
            (BITMAP_IDS, 1) => next.with(Self::Bitmap(FeatureBitmap::StdHyp)),
            (BITMAP_IDS, 2) => next.with(Self::Bitmap(FeatureBitmap::VendorHyp)),
            (BITMAP_IDS, 3) => next.with(Self::Bitmap(FeatureBitmap::VendorHyp2)),
            _ => {
                Self::check_size(id)?;
                return Err(Reject::UnknownRegister);
            }
        })
    }

    /// Checks what does not depend on the state of host and VM, before that state is read.
    ///
    /// # Errors
    ///
    /// Those of [`WorkaroundLevel::admit`], [`WorkaroundLevel2::narrow`] and
    /// [`FeatureBitmap::admit`].
    #[inline(always)]
    pub fn admit(self, value: u64) -> Result<(), Reject> {
        match self {
            Self::PsciVersion => Ok(()),
            Self::Workaround1 | Self::Workaround3 => WorkaroundLevel::admit(value),
            Self::Workaround2 => WorkaroundLevel2::narrow(value).map(|_| ()),
            Self::Bitmap(map) => map.admit(value),
        }
    }

    /// Checks the size field of an id, known or not.
    ///
    /// A write checks the size, reads the value, and looks the register up, in this order: for an
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

/// What to do with a decoded register.
///
/// A trait and not a closure, because closures cannot be `#[inline(always)]`.
pub trait NextFwReg {
    /// The result.
    type Output;

    /// Handles a register.
    fn with(self, reg: FwReg) -> Self::Output;
}

/// Returns the register itself.
struct Itself;

impl NextFwReg for Itself {
    type Output = FwReg;

    #[inline(always)]
    fn with(self, reg: FwReg) -> FwReg {
        reg
    }
}
