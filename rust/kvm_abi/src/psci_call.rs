// SPDX-License-Identifier: GPL-2.0

//! Calls of PSCI, the Power State Coordination Interface.
//!
//! Reference: Arm DEN 0022 (PSCI), `kvm_psci_call()`.

use crate::{
    call::Next,
    decision::{
        Action,
        Caller,
        Decision, //
    },
    func_id::low_half,
    Call,
    Convention,
    FuncId,
    PsciVersion, //
};

/// The values of `x0` that PSCI functions return; negative ones in 64 bits even to 32-bit callers.
pub mod ret {
    use crate::func_id::negative;

    /// `SUCCESS`.
    pub const SUCCESS: u64 = 0;
    /// `NOT_SUPPORTED`.
    pub const NOT_SUPPORTED: u64 = negative(1);
    /// `INVALID_PARAMETERS`.
    pub const INVALID_PARAMETERS: u64 = negative(2);
    /// `ALREADY_ON`.
    pub const ALREADY_ON: u64 = negative(4);
    /// `INTERNAL_FAILURE`.
    pub const INTERNAL_FAILURE: u64 = negative(6);
    /// `AFFINITY_INFO`: at least one core of the affinity instance is on.
    pub const AFFINITY_ON: u64 = 0;
    /// `AFFINITY_INFO`: all cores of the affinity instance are off.
    pub const AFFINITY_OFF: u64 = 1;
}

/// `MIGRATE_INFO_TYPE`: no Trusted OS needs to be migrated.
const TOS_MP: u64 = 2;
/// `SYSTEM_OFF2`: bit 0 of its features, and its only type.
const HIBERNATE_OFF: u32 = 1;
/// `SYSTEM_RESET2`: the one reset type that the architecture defines.
const SYSTEM_WARM_RESET: u32 = 0;
/// `SYSTEM_RESET2`: the first reset type of vendors.
const VENDOR_RESET_START: u32 = 0x8000_0000;
/// The affinity fields of `MPIDR_EL1`: Aff3 in bits 39:32, Aff2 to Aff0 in bits 23:0.
const AFFINITY_MASK: u64 = 0xff_00ff_ffff;

/// A function of PSCI 0.2 or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// A call of `AFFINITY_INFO` whose affinity instance can exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AffinityQuery {
    target: u64,
    mask: u64,
}

impl AffinityQuery {
    const fn new(target: u64, lowest_level: u64) -> Option<Self> {
        if lowest_level > 3 || target & !AFFINITY_MASK != 0 {
            return None;
        }
        // A `match` on the level would become a table with a guest-controlled index, which
        // speculation could read out of bounds.
        let aff0 = if lowest_level == 0 { 0xff } else { 0 };
        let aff1 = if lowest_level <= 1 { 0xff } else { 0 };
        let aff2 = if lowest_level <= 2 { 0xff } else { 0 };
        let mask = u64::from_le_bytes([aff0, aff1, aff2, 0, 0xff, 0, 0, 0]);
        Some(Self {
            target: target & mask,
            mask,
        })
    }

    /// Returns the affinity in the query, with zeros in the fields that do not matter.
    #[inline]
    pub const fn target(&self) -> u64 {
        self.target
    }

    /// Returns whether a vCPU with this affinity belongs to the affinity instance.
    #[inline]
    pub const fn matches(&self, affinity: u64) -> bool {
        affinity & self.mask == self.target
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

    /// Returns whether KVM offers the function to the caller.
    #[inline(always)]
    fn exists(self, version: PsciVersion, caller: &impl Caller) -> bool {
        let Some(since) = self.since() else {
            return false;
        };
        version >= since
            && !(matches!(self.convention, Convention::Smc64) && caller.is_32bit())
            && (!matches!(self.function, PsciFunction::SystemSuspend)
                || caller.may_suspend_system())
    }

    /// Decides the call.
    #[inline(always)]
    pub(crate) fn decide(self, caller: &impl Caller) -> Decision {
        // The version is always one of KVM's; this only gives it its type.
        let Some(version) = PsciVersion::from_raw(caller.psci_version().into()) else {
            return Decision::NOT_SUPPORTED;
        };
        if !self.exists(version, caller) {
            return Decision::NOT_SUPPORTED;
        }

        let [x0, x1, x2, x3] = self.arguments(caller.registers());
        match self.function {
            PsciFunction::Version => Decision::value(version.to_raw().into()),
            PsciFunction::CpuSuspend => Decision::Perform(Action::CpuSuspend),
            PsciFunction::CpuOff => Decision::Perform(Action::CpuOff),
            PsciFunction::CpuOn => cpu_on(x1, x2, x3, ret::ALREADY_ON),
            PsciFunction::AffinityInfo => match AffinityQuery::new(x1, x2) {
                Some(query) => Decision::Perform(Action::AffinityInfo(query)),
                None => Decision::value(ret::INVALID_PARAMETERS),
            },
            PsciFunction::MigrateInfoType => Decision::value(TOS_MP),
            PsciFunction::SystemOff => system_event(SystemEvent::Off),
            PsciFunction::SystemReset => system_event(SystemEvent::Reset),
            PsciFunction::Features => {
                let id = FuncId::from_raw(low_half(x1));
                Decision::value(Call::dispatch(id, Features(version, caller)))
            }
            PsciFunction::SystemSuspend => Decision::Perform(Action::SystemEvent {
                event: SystemEvent::Suspend,
                registers: [x0, x1, x2, x3],
            }),
            PsciFunction::SystemReset2 => match low_half(x1) {
                SYSTEM_WARM_RESET | VENDOR_RESET_START.. => {
                    Decision::Perform(Action::SystemEvent {
                        event: SystemEvent::Reset2,
                        registers: [ret::INTERNAL_FAILURE, x1, x2, x3],
                    })
                }
                _ => Decision::value(ret::INVALID_PARAMETERS),
            },
            PsciFunction::SystemOff2 => match (low_half(x1), x2) {
                (0 | HIBERNATE_OFF, 0) => system_event(SystemEvent::Off2),
                _ => Decision::value(ret::INVALID_PARAMETERS),
            },
            PsciFunction::Unknown => Decision::NOT_SUPPORTED,
        }
    }

    /// Returns the arguments: only the lower halves of `x1` to `x3` in the 32-bit form.
    #[inline(always)]
    fn arguments(self, [x0, x1, x2, x3]: [u64; 4]) -> [u64; 4] {
        match self.convention {
            Convention::Smc32 => {
                let [x1, x2, x3] = [x1, x2, x3].map(|x| low_half(x).into());
                [x0, x1, x2, x3]
            }
            Convention::Smc64 => [x0, x1, x2, x3],
        }
    }
}

impl Psci01Function {
    /// Decides the call.
    #[inline(always)]
    pub(crate) fn decide(self, caller: &impl Caller) -> Decision {
        if caller.psci_version() != PsciVersion::V0_1.to_raw() {
            return Decision::NOT_SUPPORTED;
        }
        match self {
            Self::CpuOff => Decision::Perform(Action::CpuOff),
            Self::CpuOn => {
                let [_, x1, x2, x3] = caller.registers();
                cpu_on(x1, x2, x3, ret::INVALID_PARAMETERS)
            }
            Self::CpuSuspend | Self::Migrate => Decision::NOT_SUPPORTED,
        }
    }
}

#[inline(always)]
fn cpu_on(target: u64, entry: u64, context_id: u64, already_on: u64) -> Decision {
    if target & !AFFINITY_MASK != 0 {
        return Decision::value(ret::INVALID_PARAMETERS);
    }
    Decision::Perform(Action::CpuOn(PowerOn {
        target,
        entry,
        context_id,
        already_on,
    }))
}

/// If userspace runs the vCPU again, the guest sees that the function has failed.
#[inline(always)]
fn system_event(event: SystemEvent) -> Decision {
    Decision::Perform(Action::SystemEvent {
        event,
        registers: [ret::INTERNAL_FAILURE, 0, 0, 0],
    })
}

/// `PSCI_FEATURES`: answers whether there is a function in this version of PSCI.
struct Features<'a, C>(PsciVersion, &'a C);

impl<C: Caller> Next for Features<'_, C> {
    type Output = u64;

    #[inline(always)]
    fn with(self, call: Call) -> u64 {
        let Self(version, caller) = self;
        match call {
            Call::Version => ret::SUCCESS,
            Call::Psci(call) if call.exists(version, caller) => match call.function {
                PsciFunction::SystemOff2 => HIBERNATE_OFF.into(),
                _ => ret::SUCCESS,
            },
            _ => ret::NOT_SUPPORTED,
        }
    }
}
