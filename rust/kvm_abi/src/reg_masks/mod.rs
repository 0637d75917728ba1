// SPDX-License-Identifier: GPL-2.0

//! The ranges of `KVM_ARM_GET_REG_WRITABLE_MASKS`: which bits of a register userspace may change.
//!
//! Reference: `kvm_vm_ioctl_get_reg_writable_masks()`.

use crate::{
    CompatLevel,
    OptIns,
    Reject, //
};

mod feature_id;
mod firmware;
mod gic;

pub use feature_id::FeatureIdMasks;
pub use firmware::FwMasks;
pub use gic::{
    GicMaskIndex,
    GicV3State, //
};

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
#[non_exhaustive]
pub enum MaskRange {
    /// Range 0, the feature ID registers.
    FeatureId,
    /// Range 1, the registers of a GICv3; only for VMs that have opted in to it.
    Gic,
    /// Range 2, the firmware registers; only for VMs that have opted in to it.
    Firmware,
}

/// A range that depends on the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmMaskRange {
    /// [`MaskRange::Gic`].
    Gic,
    /// [`MaskRange::Firmware`].
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

    /// Checks a request of a VM with a level, which has the range of all VMs or none.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] also if the level has no masks.
    #[inline]
    pub fn level_range(&self, level: CompatLevel) -> Result<(), Reject> {
        if !level.has_masks() {
            return Err(Reject::InvalidValue);
        }
        self.range(OptIns::NONE).map(|_| ())
    }

    /// As [`MaskRequest::range`], for those who serve only the ranges that depend on the VM.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] also for the range that does not.
    #[inline]
    pub fn vm_range(&self, opt_ins: OptIns) -> Result<VmMaskRange, Reject> {
        match self.range(opt_ins)? {
            MaskRange::FeatureId => Err(Reject::InvalidValue),
            MaskRange::Gic => Ok(VmMaskRange::Gic),
            MaskRange::Firmware => Ok(VmMaskRange::Firmware),
        }
    }
}
