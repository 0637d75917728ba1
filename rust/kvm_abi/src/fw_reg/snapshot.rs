// SPDX-License-Identifier: GPL-2.0

//! A firmware register together with the state that its value and its writes depend on.

use crate::{
    FeatureBitmap,
    FwReg,
    Mitigation,
    PsciVersion,
    RanOnce,
    Reject,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

/// A register, and the state that decides an access to it, read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Snapshot {
    /// [`FwReg::PsciVersion`].
    PsciVersion {
        /// The version that userspace set last, 0 if none.
        stored: u32,
        /// Whether the vCPU has the feature `KVM_ARM_VCPU_PSCI_0_2`.
        has_psci_0_2: bool,
    },
    /// [`FwReg::Workaround1`] on a host in this state of Spectre-v2.
    Workaround1(Mitigation),
    /// [`FwReg::Workaround2`].
    Workaround2 {
        /// The state of Spectre-v4 on the host.
        host: Mitigation,
        /// Whether the guest sees SSBS in `ID_AA64PFR1_EL1`, now.
        ssbs: bool,
    },
    /// [`FwReg::Workaround3`] on a host in this state of Spectre-BHB.
    Workaround3(Mitigation),
    /// [`FwReg::Bitmap`].
    Bitmap {
        /// Which of the bitmaps.
        map: FeatureBitmap,
        /// Its value.
        current: u64,
    },
}

/// What an accepted write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing: the write only compared the value with the host.
    None,
    /// Set the VM's version of PSCI.
    StorePsciVersion(PsciVersion),
    /// Set the VM's services.
    StoreBitmap(FeatureBitmap, u64),
}

impl Snapshot {
    /// Returns the register that this is a snapshot of.
    #[inline]
    pub const fn reg(&self) -> FwReg {
        match *self {
            Self::PsciVersion { .. } => FwReg::PsciVersion,
            Self::Workaround1(_) => FwReg::Workaround1,
            Self::Workaround2 { .. } => FwReg::Workaround2,
            Self::Workaround3(_) => FwReg::Workaround3,
            Self::Bitmap { map, .. } => FwReg::Bitmap(map),
        }
    }

    /// Returns the value that userspace reads.
    #[inline(always)]
    pub fn value(&self) -> u64 {
        match *self {
            Self::PsciVersion {
                stored,
                has_psci_0_2,
            } => PsciVersion::seen(stored, has_psci_0_2).into(),
            Self::Workaround1(host) | Self::Workaround3(host) => {
                WorkaroundLevel::of_host(host).to_raw()
            }
            Self::Workaround2 { host, ssbs } => WorkaroundLevel2::of_host(host, ssbs).to_raw(),
            Self::Bitmap { current, .. } => current,
        }
    }

    /// Decides a write.
    ///
    /// # Errors
    ///
    /// Those of [`PsciVersion::write`], [`WorkaroundLevel::write`], [`WorkaroundLevel2::write`] and
    /// [`FeatureBitmap::write`]. Only the bitmaps freeze when the VM has run, so only they call
    /// `ran`.
    #[inline(always)]
    pub fn write(&self, value: u64, ran: impl FnOnce() -> RanOnce) -> Result<Effect, Reject> {
        match *self {
            Self::PsciVersion { has_psci_0_2, .. } => {
                PsciVersion::write(value, has_psci_0_2).map(Effect::StorePsciVersion)
            }
            Self::Workaround1(host) | Self::Workaround3(host) => WorkaroundLevel::of_host(host)
                .write(value)
                .map(|()| Effect::None),
            Self::Workaround2 { host, ssbs } => WorkaroundLevel2::of_host(host, ssbs)
                .write(value)
                .map(|()| Effect::None),
            Self::Bitmap { map, current } => map
                .write(value, current, ran())
                .map(|value| Effect::StoreBitmap(map, value)),
        }
    }
}
