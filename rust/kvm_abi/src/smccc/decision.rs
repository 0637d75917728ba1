// SPDX-License-Identifier: GPL-2.0

//! What KVM does for a call.

use super::{
    psci::{
        AffinityQuery,
        PowerOn,
        SystemEvent, //
    },
    ret::{
        NOT_REQUIRED,
        NOT_SUPPORTED,
        SUCCESS,
        WORKAROUND_UNAFFECTED, //
    },
    RandomBits, //
};
use crate::{
    Mitigation,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

/// A question about a workaround of the firmware, whose answer depends on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkaroundQuery {
    /// `SMCCC_ARCH_WORKAROUND_1`, Spectre-v2.
    Workaround1,
    /// `SMCCC_ARCH_WORKAROUND_2`, Spectre-v4.
    Workaround2,
    /// `SMCCC_ARCH_WORKAROUND_3`, Spectre-BHB.
    Workaround3,
}

impl WorkaroundQuery {
    /// Returns the result of the call.
    ///
    /// `host` is the state of the vulnerability on the host; `ssbs` is whether the guest sees SSBS
    /// in `ID_AA64PFR1_EL1`, which matters only to `SMCCC_ARCH_WORKAROUND_2`.
    #[inline]
    pub fn answer(self, host: Mitigation, ssbs: impl FnOnce() -> bool) -> u64 {
        match self {
            Self::Workaround1 | Self::Workaround3 => match WorkaroundLevel::of_host(host) {
                WorkaroundLevel::NotAvailable => NOT_SUPPORTED,
                WorkaroundLevel::Available => SUCCESS,
                WorkaroundLevel::NotRequired => WORKAROUND_UNAFFECTED,
            },
            Self::Workaround2 => match WorkaroundLevel2::of_host(host, ssbs()) {
                WorkaroundLevel2::NotAvailable => NOT_SUPPORTED,
                WorkaroundLevel2::NotRequired => NOT_REQUIRED,
            },
        }
    }
}

/// The counter that a guest compares with the host's time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PtpCounter {
    /// `CNTVCT_EL0`.
    Virtual,
    /// `CNTPCT_EL0`.
    Physical,
}

/// The host's time of day, and the counter of a guest at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemTime {
    /// Nanoseconds since 1970, less than 2^63.
    pub nanoseconds: u64,
    /// Cycles of the counter.
    pub cycles: u64,
}

impl SystemTime {
    /// Returns the result of the call: the upper and the lower half of each.
    #[inline]
    pub const fn to_registers(self) -> [u64; 4] {
        const LOW: u64 = 0xffff_ffff;
        [
            self.nanoseconds >> 32,
            self.nanoseconds & LOW,
            self.cycles >> 32,
            self.cycles & LOW,
        ]
    }
}

/// The decision about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Return this value in `x0`, and zeros in `x1` to `x3`.
    Value(u64),
    /// Return these values in `x0` to `x3`.
    Return([u64; 4]),
    /// Perform an action, which determines the result.
    Perform(Action),
}

/// What to do for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Return whether the host has a workaround for the guest.
    Workaround(WorkaroundQuery),
    /// Start to count the vCPU's stolen time at the address that userspace set, and return the
    /// address.
    StolenTime,
    /// Return the host's time of day and the guest's counter at that time, as
    /// [`SystemTime::to_registers`] lays them out; or `NOT_SUPPORTED`, if the host's time does not
    /// come from that counter.
    SystemTime(PtpCounter),
    /// Return random bits in three registers.
    Random(RandomBits),
    /// Wait for an interrupt, then return `SUCCESS`.
    CpuSuspend,
    /// Turn the calling vCPU off.
    CpuOff,
    /// Turn another vCPU on.
    CpuOn(PowerOn),
    /// Return whether the vCPUs of an affinity instance are on.
    AffinityInfo(AffinityQuery),
    /// Set `x0` to `x3`, and exit to userspace.
    SystemEvent {
        /// The event that userspace gets.
        event: SystemEvent,
        /// The registers that userspace finds, and the guest if the vCPU runs again.
        registers: [u64; 4],
    },
}

impl Decision {
    /// Return that there is no such function.
    pub const NOT_SUPPORTED: Self = Self::Value(NOT_SUPPORTED);
}
