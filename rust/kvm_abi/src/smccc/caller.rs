// SPDX-License-Identifier: GPL-2.0

//! The vCPU that calls.

use crate::FeatureBitmap;

/// The vCPU that calls: the state on which a decision may depend.
///
/// A decision reads only the state that it needs, when it needs it.
pub trait Caller {
    /// The registers `x0` to `x3`.
    fn registers(&self) -> [u64; 4];

    /// Whether the vCPU is in AArch32 state.
    fn is_32bit(&self) -> bool;

    /// The version of PSCI that the vCPU sees, as in [`PsciVersion::seen`].
    ///
    /// [`PsciVersion::seen`]: crate::PsciVersion::seen
    fn psci_version(&self) -> u32;

    /// The services that the VM offers.
    fn bitmap(&self, map: FeatureBitmap) -> u64;

    /// The guest physical address of the vCPU's stolen time, if userspace set one.
    fn stolen_time(&self) -> Option<u64>;

    /// Whether userspace handles `SYSTEM_SUSPEND`.
    fn may_suspend_system(&self) -> bool;
}
