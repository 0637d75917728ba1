// SPDX-License-Identifier: GPL-2.0

//! Calls of PSCI, the Power State Coordination Interface.
//!
//! Reference: Arm DEN 0022 (PSCI), `kvm_psci_call()`.

use core::ops::Deref;

use super::{
    ret,
    Convention, //
};
use crate::PsciVersion;

/// The affinity fields of `MPIDR_EL1`: Aff3 in bits 39:32, Aff2 to Aff0 in bits 23:0.
pub(super) const AFFINITY_MASK: u64 = 0xff_00ff_ffff;

/// A function of PSCI 0.2 or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PsciFunction {
    /// `PSCI_VERSION`.
    Version,
    /// `CPU_SUSPEND`.
    CpuSuspend,
    /// `CPU_OFF`.
    CpuOff,
    /// `CPU_ON`.
    CpuOn,
    /// `AFFINITY_INFO`.
    AffinityInfo,
    /// `MIGRATE_INFO_TYPE`.
    MigrateInfoType,
    /// `SYSTEM_OFF`.
    SystemOff,
    /// `SYSTEM_RESET`.
    SystemReset,
    /// `PSCI_FEATURES`.
    Features,
    /// `SYSTEM_SUSPEND`.
    SystemSuspend,
    /// `SYSTEM_RESET2`.
    SystemReset2,
    /// `SYSTEM_OFF2`.
    SystemOff2,
    /// A function that KVM does not implement.
    Unknown,
}

/// A function of KVM's PSCI 0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Psci01Function {
    /// `KVM_PSCI_FN_CPU_SUSPEND`, which KVM does not implement.
    CpuSuspend,
    /// `KVM_PSCI_FN_CPU_OFF`.
    CpuOff,
    /// `KVM_PSCI_FN_CPU_ON`.
    CpuOn,
    /// `KVM_PSCI_FN_MIGRATE`, which KVM does not implement.
    Migrate,
}

/// A request to userspace by a system-wide function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemEvent {
    /// `SYSTEM_OFF`.
    Off,
    /// `SYSTEM_OFF2`: hibernation.
    Off2,
    /// `SYSTEM_RESET`.
    Reset,
    /// `SYSTEM_RESET2`.
    Reset2,
    /// `SYSTEM_SUSPEND`, which userspace carries out or refuses, by the vCPU's registers.
    Suspend,
}

impl SystemEvent {
    /// Returns whether the event stops all vCPUs until they are initialised again.
    #[inline]
    pub const fn stops_vcpus(self) -> bool {
        !matches!(self, Self::Suspend)
    }
}

/// A call of `CPU_ON` whose target can exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PowerOn {
    /// The affinity of the vCPU, as in its `MPIDR_EL1`.
    pub target: u64,
    /// The address where the vCPU begins.
    pub entry: u64,
    /// The initial value of the vCPU's `x0`.
    pub context_id: u64,
    /// The result of the call if the vCPU is on.
    pub already_on: u64,
}

impl PowerOn {
    /// The result of the call if there is no such vCPU.
    pub const NO_SUCH_CPU: u64 = ret::INVALID_PARAMETERS;

    /// Decides whether to turn the vCPU on; `stopped` is whether it is off.
    ///
    /// Read `stopped`, and carry the decision out, under one hold of the lock.
    ///
    /// # Errors
    ///
    /// The result of the call, instead of [`ret::SUCCESS`].
    #[inline]
    pub const fn decide(&self, stopped: bool) -> Result<(), u64> {
        if stopped {
            Ok(())
        } else {
            Err(self.already_on)
        }
    }
}

/// A vCPU that another one turns on.
pub trait PowerVcpu {
    /// The vCPU while its power state is locked.
    type Locked<'a>: Deref<Target: PowerLocked>
    where
        Self: 'a;

    /// Locks the power state until the result is dropped.
    fn lock_power(&self) -> Self::Locked<'_>;
}

/// A vCPU whose power state is locked.
pub trait PowerLocked: Sized {
    /// Whether it is off.
    fn is_stopped(&self) -> bool;

    /// Turns it on: it begins at `entry`, with `context_id` in `x0`, and big-endian if `be` is set.
    fn start(&self, entry: u64, context_id: u64, be: bool);
}

impl PowerOn {
    /// Turns the vCPU on, and returns the result of the call.
    ///
    /// `target` is the vCPU with the affinity, `None` if there is none; `is_be` is whether the
    /// caller's data accesses are big-endian.
    #[inline(always)]
    pub fn perform<V: PowerVcpu>(&self, target: Option<&V>, is_be: impl FnOnce() -> bool) -> u64 {
        let Some(target) = target else {
            return Self::NO_SUCH_CPU;
        };
        let power = target.lock_power();
        match self.decide(power.is_stopped()) {
            Ok(()) => {
                power.start(self.entry, self.context_id, is_be());
                ret::SUCCESS
            }
            Err(refused) => refused,
        }
    }
}

/// A call of `AFFINITY_INFO` whose affinity instance can exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AffinityQuery {
    target: u64,
    lowest_level: u64,
}

impl AffinityQuery {
    pub(super) const fn new(target: u64, lowest_level: u64) -> Option<Self> {
        if lowest_level > 3 || target & !AFFINITY_MASK != 0 {
            return None;
        }
        Some(Self {
            target,
            lowest_level,
        })
    }

    /// Returns the bits of the affinity that matter.
    #[inline]
    const fn mask(&self) -> u64 {
        // A `match` on the level would become a table with a guest-controlled index, which
        // speculation could read out of bounds.
        let aff0 = if self.lowest_level == 0 { 0xff } else { 0 };
        let aff1 = if self.lowest_level <= 1 { 0xff } else { 0 };
        let aff2 = if self.lowest_level <= 2 { 0xff } else { 0 };
        0xff_0000_0000 | aff2 << 16 | aff1 << 8 | aff0
    }

    /// Returns the affinity in the query, with zeros in the fields that do not matter.
    #[inline]
    pub const fn target(&self) -> u64 {
        self.target & self.mask()
    }

    /// Returns whether a vCPU with this affinity belongs to the affinity instance.
    #[inline]
    pub const fn matches(&self, affinity: u64) -> bool {
        (affinity ^ self.target) & self.mask() == 0
    }

    /// Returns the result of the call.
    ///
    /// Calls `stopped` only for vCPUs that belong to the affinity instance, until one is on.
    #[inline]
    pub fn answer<V>(
        &self,
        vcpus: impl IntoIterator<Item = V>,
        affinity: impl Fn(&V) -> u64,
        stopped: impl Fn(&V) -> bool,
    ) -> u64 {
        let mut answer = ret::INVALID_PARAMETERS;
        for vcpu in vcpus {
            if self.matches(affinity(&vcpu)) {
                if !stopped(&vcpu) {
                    return ret::AFFINITY_ON;
                }
                answer = ret::AFFINITY_OFF;
            }
        }
        answer
    }
}

/// A function of PSCI 0.2 or later, in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PsciCall {
    /// The function.
    pub function: PsciFunction,
    /// Its form, 32-bit or 64-bit.
    pub convention: Convention,
}

impl PsciCall {
    /// Returns the first version of PSCI in which KVM offers the function.
    #[inline]
    pub const fn since(self) -> Option<PsciVersion> {
        match self.function {
            PsciFunction::Version
            | PsciFunction::CpuSuspend
            | PsciFunction::CpuOff
            | PsciFunction::CpuOn
            | PsciFunction::AffinityInfo
            | PsciFunction::MigrateInfoType
            | PsciFunction::SystemOff
            | PsciFunction::SystemReset => Some(PsciVersion::V0_2),
            PsciFunction::Features | PsciFunction::SystemSuspend => Some(PsciVersion::V1_0),
            PsciFunction::SystemReset2 => Some(PsciVersion::V1_1),
            PsciFunction::SystemOff2 => Some(PsciVersion::V1_3),
            PsciFunction::Unknown => None,
        }
    }
}
