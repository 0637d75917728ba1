// SPDX-License-Identifier: GPL-2.0

//! The version of PSCI that a VM offers to its guest.
//!
//! Reference: Arm DEN 0022 (PSCI), `kvm_psci_version()` and `kvm_arm_set_fw_reg()`.

use super::RanOnce;
use super::{
    FwLocked,
    FwVm, //
};
use crate::{
    cast,
    Reject, //
};

/// The features of a VM's vCPUs, which all of them share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VcpuFeatures {
    /// No vCPU was initialised yet.
    Unknown,
    /// The features of the first `KVM_ARM_VCPU_INIT`.
    Known {
        /// `KVM_ARM_VCPU_PSCI_0_2`.
        psci_0_2: bool,
    },
}

/// A version of PSCI that KVM implements.
///
/// In registers: the major version in bits 30:16, the minor one in bits 15:0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PsciVersion(u32);

impl PsciVersion {
    /// PSCI 0.1, the only one without the feature `KVM_ARM_VCPU_PSCI_0_2`.
    pub const V0_1: Self = Self(0x0_0001);
    /// PSCI 0.2.
    pub const V0_2: Self = Self(0x0_0002);
    /// PSCI 1.0: adds `PSCI_FEATURES` and `SYSTEM_SUSPEND`.
    pub const V1_0: Self = Self(0x1_0000);
    /// PSCI 1.1: adds `SYSTEM_RESET2`.
    pub const V1_1: Self = Self(0x1_0001);
    /// PSCI 1.2.
    pub const V1_2: Self = Self(0x1_0002);
    /// PSCI 1.3: adds `SYSTEM_OFF2`.
    pub const V1_3: Self = Self(0x1_0003);

    /// All versions, oldest first.
    pub const ALL: [Self; 6] = [
        Self::V0_1,
        Self::V0_2,
        Self::V1_0,
        Self::V1_1,
        Self::V1_2,
        Self::V1_3,
    ];

    /// The version of a VM until userspace sets another one.
    pub const LATEST: Self = Self::V1_3;

    /// Returns the value of the version in a register.
    #[inline]
    pub const fn to_raw(self) -> u32 {
        self.0
    }

    /// Returns the version that has this value, if KVM implements it.
    #[inline(always)]
    pub const fn from_raw(raw: u64) -> Option<Self> {
        match raw {
            0x0_0001 | 0x0_0002 | 0x1_0000..=0x1_0003 => Some(Self(cast::low_half(raw))),
            _ => None,
        }
    }

    /// Returns the version that has this value, if KVM implements it and its functions have the
    /// identifiers of PSCI, which 0.1 left to the implementation.
    #[inline(always)]
    pub(crate) const fn with_ids(raw: u32) -> Option<Self> {
        match raw {
            0x0_0002 | 0x1_0000..=0x1_0003 => Some(Self(raw)),
            _ => None,
        }
    }

    /// Returns whether only a vCPU with the feature `KVM_ARM_VCPU_PSCI_0_2` can have the version.
    #[inline]
    pub const fn needs_psci_0_2(self) -> bool {
        self.0 != Self::V0_1.0
    }

    /// Decides a write of the version.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if KVM does not implement the version, or if vCPUs with, or
    /// without, the feature `KVM_ARM_VCPU_PSCI_0_2` cannot have it.
    #[inline(always)]
    pub fn decide(value: u64, has_psci_0_2: bool) -> Result<Self, Reject> {
        let version = Self::from_raw(value).ok_or(Reject::InvalidValue)?;
        if version.needs_psci_0_2() != has_psci_0_2 {
            return Err(Reject::InvalidValue);
        }
        Ok(version)
    }

    /// Returns the version that a vCPU sees, as the value of a register.
    ///
    /// `stored` is the version that userspace set last, 0 if none. A vCPU without the feature
    /// always sees 0.1.
    #[inline]
    pub const fn seen(stored: u32, has_psci_0_2: bool) -> u32 {
        match (has_psci_0_2, stored) {
            (false, _) => Self::V0_1.to_raw(),
            (true, 0) => Self::LATEST.to_raw(),
            (true, stored) => stored,
        }
    }

    /// Returns the version of a VM, as the value of a register: the one that its vCPUs see, or will
    /// see if they have the feature `KVM_ARM_VCPU_PSCI_0_2`.
    #[inline]
    pub const fn seen_by_vm(stored: u32, features: VcpuFeatures) -> u32 {
        match (features, stored) {
            (VcpuFeatures::Known { psci_0_2 }, _) => Self::seen(stored, psci_0_2),
            (VcpuFeatures::Unknown, 0) => Self::LATEST.to_raw(),
            (VcpuFeatures::Unknown, stored) => stored,
        }
    }

    /// Decides a write of the version in a VM whose version freezes when it runs.
    ///
    /// Until the features of the vCPUs are known, any version is accepted; [`PsciVersion::fits`]
    /// checks it against them later. All under one hold of the lock: read `stored`, `features`
    /// and `ran`, decide, store the result.
    ///
    /// # Errors
    ///
    /// - [`Reject::InvalidValue`] as in [`PsciVersion::decide`].
    /// - [`Reject::Frozen`] if the VM has run and has another version.
    #[inline]
    pub fn decide_until_run(
        value: u64,
        stored: u32,
        features: VcpuFeatures,
        ran: RanOnce,
    ) -> Result<Self, Reject> {
        let version = match features {
            VcpuFeatures::Unknown => Self::from_raw(value).ok_or(Reject::InvalidValue)?,
            VcpuFeatures::Known { psci_0_2 } => Self::decide(value, psci_0_2)?,
        };
        match ran {
            RanOnce::Yes if version.to_raw() != Self::seen_by_vm(stored, features) => {
                Err(Reject::Frozen)
            }
            _ => Ok(version),
        }
    }

    /// Returns whether vCPUs with these features can have the version that userspace set before the
    /// features were known. `stored` is that version, 0 if none.
    #[inline]
    pub const fn fits(stored: u32, psci_0_2: bool) -> bool {
        stored == 0 || Self(stored).needs_psci_0_2() == psci_0_2
    }

    /// Returns whether a VM can have a vCPU with these features.
    ///
    /// All vCPUs of a VM have the same features. So if they are known, this one fits.
    #[inline]
    pub fn fits_vm(vm: &impl FwVm, locked: &impl FwLocked, psci_0_2: bool) -> bool {
        match locked.features() {
            VcpuFeatures::Unknown => Self::fits(vm.psci_version(), psci_0_2),
            VcpuFeatures::Known { .. } => true,
        }
    }
}
