// SPDX-License-Identifier: GPL-2.0

//! The levels of the three firmware workarounds, `SMCCC_ARCH_WORKAROUND_{1,2,3}`.
//!
//! The registers report the level of the host. A write only asks whether the host has at least the
//! level in the value, and stores nothing.
//!
//! Reference: Arm DEN 0070, `get_kernel_wa_level()` and `kvm_arm_set_fw_reg()`.

use crate::Reject;

/// Bits 3:0 of a workaround register, the level.
const LEVEL_MASK: u64 = 0xf;

/// What the host does about a vulnerability; `enum mitigation_state` of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mitigation {
    /// The CPUs are not affected.
    Unaffected,
    /// The CPUs are affected, and the host mitigates the vulnerability.
    Mitigated,
    /// The CPUs are affected, and the host does not mitigate the vulnerability.
    Vulnerable,
}

impl Mitigation {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Unaffected, Self::Mitigated, Self::Vulnerable];
}

/// The state of the host's mitigations of the vulnerabilities of the three workarounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostWorkarounds {
    /// Spectre-v2, `SMCCC_ARCH_WORKAROUND_1`.
    pub spectre_v2: Mitigation,
    /// Spectre-v4, `SMCCC_ARCH_WORKAROUND_2`.
    pub spectre_v4: Mitigation,
    /// Whether the guest sees SSBS in `ID_AA64PFR1_EL1`, now.
    pub ssbs: bool,
    /// Spectre-BHB, `SMCCC_ARCH_WORKAROUND_3`.
    pub spectre_bhb: Mitigation,
}

/// The level of `SMCCC_ARCH_WORKAROUND_1` (Spectre-v2) or `_3` (Spectre-BHB).
///
/// A higher level protects better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkaroundLevel {
    /// `NOT_AVAIL`, 0: the guest gets no workaround.
    NotAvailable,
    /// `AVAIL`, 1: the workaround can be called.
    Available,
    /// `NOT_REQUIRED`, 2: there is nothing to work around.
    NotRequired,
}

impl WorkaroundLevel {
    /// Returns the level of a host.
    #[inline(always)]
    pub const fn of_host(mitigation: Mitigation) -> Self {
        match mitigation {
            Mitigation::Vulnerable => Self::NotAvailable,
            Mitigation::Mitigated => Self::Available,
            Mitigation::Unaffected => Self::NotRequired,
        }
    }

    /// Returns the value of the level in a register.
    #[inline]
    pub const fn to_raw(self) -> u64 {
        match self {
            Self::NotAvailable => 0,
            Self::Available => 1,
            Self::NotRequired => 2,
        }
    }

    /// Checks what does not depend on the host.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a bit outside the level is set.
    #[inline(always)]
    pub const fn admit(value: u64) -> Result<(), Reject> {
        if value & !LEVEL_MASK != 0 {
            return Err(Reject::InvalidValue);
        }
        Ok(())
    }

    /// Decides a write on a host of this level.
    ///
    /// # Errors
    ///
    /// - [`Reject::InvalidValue`] as in [`WorkaroundLevel::admit`].
    /// - [`Reject::AboveHost`] if the level is higher than the host's; the levels 3-15, which have
    ///   no meaning, are higher than any host's.
    #[inline(always)]
    pub fn decide(self, value: u64) -> Result<(), Reject> {
        Self::admit(value)?;
        if value > self.to_raw() {
            return Err(Reject::AboveHost);
        }
        Ok(())
    }
}

/// The level of `SMCCC_ARCH_WORKAROUND_2` (Spectre-v4), as a host presents it.
///
/// Older kernels presented four levels and a bit. These values are still accepted, and narrowed to
/// the two levels here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkaroundLevel2 {
    /// `NOT_AVAIL`, 0: the guest is not protected, unless it can use SSBS itself.
    NotAvailable,
    /// `NOT_REQUIRED`, 3: there is nothing that the guest has to do.
    NotRequired,
}

impl WorkaroundLevel2 {
    /// Bit 4, `ENABLED`: the workaround is in use. Only with the level `AVAIL`.
    const ENABLED: u64 = 1 << 4;
    /// The level `AVAIL`.
    const AVAIL: u64 = 2;

    /// Returns the level of a host for a VM whose guest sees SSBS, or does not.
    ///
    /// If the guest sees SSBS, a mitigated host reports no workaround, because the guest can
    /// protect itself. If SSBS is hidden, the host's mitigation is always on.
    #[inline(always)]
    pub const fn of_host(mitigation: Mitigation, ssbs: bool) -> Self {
        match (mitigation, ssbs) {
            (Mitigation::Vulnerable, _) | (Mitigation::Mitigated, true) => Self::NotAvailable,
            (Mitigation::Mitigated, false) | (Mitigation::Unaffected, _) => Self::NotRequired,
        }
    }

    /// Returns the value of the level in a register.
    #[inline]
    pub const fn to_raw(self) -> u64 {
        match self {
            Self::NotAvailable => 0,
            Self::NotRequired => 3,
        }
    }

    /// Narrows a value that some kernel may have presented.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a bit outside level and `ENABLED` is set, if `ENABLED` is set
    /// with another level than `AVAIL`, or if the level has no meaning.
    #[inline(always)]
    pub const fn narrow(value: u64) -> Result<Self, Reject> {
        if value & !(LEVEL_MASK | Self::ENABLED) != 0 {
            return Err(Reject::InvalidValue);
        }
        let level = value & LEVEL_MASK;
        if value & Self::ENABLED != 0 && level != Self::AVAIL {
            return Err(Reject::InvalidValue);
        }
        match level {
            // NOT_AVAIL and UNKNOWN.
            0 | 1 => Ok(Self::NotAvailable),
            // AVAIL and NOT_REQUIRED.
            2 | 3 => Ok(Self::NotRequired),
            _ => Err(Reject::InvalidValue),
        }
    }

    /// Decides a write on a host of this level.
    ///
    /// # Errors
    ///
    /// - [`Reject::InvalidValue`] as in [`WorkaroundLevel2::narrow`].
    /// - [`Reject::AboveHost`] if the guest was promised protection that the host does not give.
    #[inline(always)]
    pub fn decide(self, value: u64) -> Result<(), Reject> {
        if Self::narrow(value)? > self {
            return Err(Reject::AboveHost);
        }
        Ok(())
    }
}
