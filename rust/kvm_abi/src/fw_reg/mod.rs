// SPDX-License-Identifier: GPL-2.0

//! The firmware pseudo-registers.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm.h`.

use crate::{
    reg_id::{
        Class,
        RegId, //
    },
    visit::{
        Found,
        Visit, //
    },
    Reject, //
};

mod access;
mod bitmap;
mod plain;
mod psci_version;
mod workaround;

pub use access::{
    FwLocked,
    FwVcpu,
    FwVm, //
};
pub use bitmap::{
    FeatureBitmap,
    RanOnce, //
};
pub use plain::PlainVm;
pub use psci_version::{
    PsciVersion,
    VcpuFeatures, //
};
pub use workaround::{
    HostWorkarounds,
    Mitigation,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

/// The ids of the first class, without the number.
const FW_IDS: u64 = Class::FW.ids();
/// The ids of the second class, without the number.
const BITMAP_IDS: u64 = Class::FW_FEAT_BMAP.ids();

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
        match self {
            Self::PsciVersion => Class::FW.id(0),
            Self::Workaround1 => Class::FW.id(1),
            Self::Workaround2 => Class::FW.id(2),
            Self::Workaround3 => Class::FW.id(3),
            Self::Bitmap(FeatureBitmap::Std) => Class::FW_FEAT_BMAP.id(0),
            Self::Bitmap(FeatureBitmap::StdHyp) => Class::FW_FEAT_BMAP.id(1),
            Self::Bitmap(FeatureBitmap::VendorHyp) => Class::FW_FEAT_BMAP.id(2),
            Self::Bitmap(FeatureBitmap::VendorHyp2) => Class::FW_FEAT_BMAP.id(3),
        }
    }

    /// Returns the register that has this id.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if no register has the id.
    #[inline(always)]
    pub fn from_id(id: u64) -> Result<Self, Reject> {
        Self::dispatch(id, Found)
    }

    /// Handles the register that has this id.
    ///
    /// The result is that of `FwReg::from_id(id).map(|reg| next.visit(reg))`. Each arm calls `next`
    /// with a constant, so that the compiler merges decoding and handling into one switch.
    ///
    /// # Errors
    ///
    /// Those of [`FwReg::from_id`].
    #[inline(always)]
    pub(crate) fn dispatch<N: Visit<Self>>(id: u64, next: N) -> Result<N::Output, Reject> {
        // Compared first: in the `match` below it would be the only register slower than in C.
        if id == FW_IDS {
            return Ok(next.visit(Self::PsciVersion));
        }
        Ok(match RegId::new(id).split() {
            (FW_IDS, 1) => next.visit(Self::Workaround1),
            (FW_IDS, 2) => next.visit(Self::Workaround2),
            (FW_IDS, 3) => next.visit(Self::Workaround3),
            (BITMAP_IDS, 0) => next.visit(Self::Bitmap(FeatureBitmap::Std)),
            (BITMAP_IDS, 1) => next.visit(Self::Bitmap(FeatureBitmap::StdHyp)),
            (BITMAP_IDS, 2) => next.visit(Self::Bitmap(FeatureBitmap::VendorHyp)),
            (BITMAP_IDS, 3) => next.visit(Self::Bitmap(FeatureBitmap::VendorHyp2)),
            _ => {
                RegId::new(id).admit_size()?;
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
}
