// SPDX-License-Identifier: GPL-2.0

//! The bitmaps of hypercall services that a VM offers to its guest.
//!
//! Reference: `kvm_arm_set_fw_reg_bmap()` and `kvm_arm_init_hypercalls()`.

use crate::Reject;

/// Whether a vCPU of the VM has run, which freezes the bitmaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RanOnce {
    /// No vCPU of the VM has run yet.
    No,
    /// Some vCPU of the VM has run.
    Yes,
}

/// A bitmap register: one bit for each hypercall service, set if the guest may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureBitmap {
    /// `KVM_REG_ARM_STD_BMAP`, standard secure services: bit 0, TRNG 1.0.
    Std,
    /// `KVM_REG_ARM_STD_HYP_BMAP`, standard hypervisor services: bit 0, paravirtualised time.
    StdHyp,
    /// `KVM_REG_ARM_VENDOR_HYP_BMAP`, vendor specific functions 0-63: bit 0, UID and features;
    /// bit 1, PTP.
    VendorHyp,
    /// `KVM_REG_ARM_VENDOR_HYP_BMAP_2`, vendor specific functions 64-127: bits 0 and 1, discovery
    /// of the implementations that a guest may meet.
    VendorHyp2,
}

impl FeatureBitmap {
    /// All bitmaps, in the order of their register numbers.
    pub const ALL: [Self; 4] = [Self::Std, Self::StdHyp, Self::VendorHyp, Self::VendorHyp2];

    /// Returns the services that exist; the other bits of the register must be zero.
    #[inline]
    pub const fn supported(self) -> u64 {
        match self {
            Self::Std | Self::StdHyp => 0b1,
            Self::VendorHyp | Self::VendorHyp2 => 0b11,
        }
    }

    /// Returns the services that a new VM offers.
    ///
    /// All that exist, except those of `VENDOR_HYP_BMAP_2`, which userspace must opt in to.
    #[inline]
    pub const fn initial(self) -> u64 {
        match self {
            Self::Std | Self::StdHyp | Self::VendorHyp => self.supported(),
            Self::VendorHyp2 => 0,
        }
    }

    /// Checks what does not depend on the state of the VM, and so needs no lock.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a bit without a service is set. This check comes before that for
    /// [`Reject::Frozen`].
    #[inline]
    pub const fn admit(self, value: u64) -> Result<(), Reject> {
        if value & !self.supported() != 0 {
            return Err(Reject::InvalidValue);
        }
        Ok(())
    }

    /// Decides a write, and returns the bitmap to store.
    ///
    /// All under one hold of the lock: read `current` and `ran`, decide, store the result.
    ///
    /// # Errors
    ///
    /// - [`Reject::InvalidValue`] as in [`FeatureBitmap::admit`].
    /// - [`Reject::Frozen`] if the VM has run and `value` differs from `current`; writing the
    ///   current value is always accepted.
    #[inline]
    pub fn decide(self, value: u64, current: u64, ran: RanOnce) -> Result<u64, Reject> {
        self.admit(value)?;
        match ran {
            RanOnce::Yes if value != current => Err(Reject::Frozen),
            _ => Ok(value),
        }
    }
}
