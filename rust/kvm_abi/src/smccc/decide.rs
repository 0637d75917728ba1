// SPDX-License-Identifier: GPL-2.0

//! The decision about a call.
//!
//! Reference: `kvm_smccc_call_handler()`, `kvm_psci_call()`, `kvm_trng_call()`,
//! `kvm_hypercall_pv_features()`.

use super::{
    call::VisitCall,
    psci::{
        AffinityQuery,
        PowerOn,
        Psci01Function,
        PsciCall,
        PsciFunction,
        SystemEvent,
        AFFINITY_MASK, //
    },
    ret,
    Action,
    Call,
    Caller,
    Convention,
    Decision,
    FuncId,
    Gate,
    PtpCounter,
    RandomBits,
    Service,
    TrngFunction,
    WorkaroundQuery, //
};
use crate::{
    cast::{
        low_half,
        negative, //
    },
    visit::Visit,
    FeatureBitmap,
    PsciVersion, //
};

/// SMCCC 1.1.
const SMCCC_VERSION_1_1: u64 = 0x1_0001;

/// TRNG 1.0.
const TRNG_VERSION_1_0: u64 = 0x1_0000;
/// `INVALID_PARAMETERS` of TRNG.
const TRNG_INVALID_PARAMETERS: u64 = negative(2);
/// 0d21e000-4384-11eb-8070-5244554e5a4c, in words as the specification of TRNG lays them out.
const TRNG_UUID: [u64; 4] = [0x00e0_210d, 0xeb11_8443, 0x4452_7080, 0x4c5a_4e55];

/// 28b46fb6-2ec5-11e9-a9ca-4b564d003a74, KVM's, in words as SMCCC lays them out.
const VENDOR_HYP_UID: [u64; 4] = [0xb66f_b428, 0xe911_c52e, 0x564b_caa9, 0x743a_004d];

/// `MIGRATE_INFO_TYPE`: no Trusted OS needs to be migrated.
const TOS_MP: u64 = 2;
/// `SYSTEM_OFF2`: bit 0 of its features, and its only type.
const HIBERNATE_OFF: u32 = 1;
/// `SYSTEM_RESET2`: the one reset type that the architecture defines.
const SYSTEM_WARM_RESET: u32 = 0;
/// `SYSTEM_RESET2`: the first reset type of vendors.
const VENDOR_RESET_START: u32 = 0x8000_0000;

impl Decision {
    /// Decides a call that the VM's filter leaves to KVM.
    #[inline(always)]
    pub fn of(caller: &impl Caller, id: FuncId) -> Self {
        Call::dispatch(id, Decide(caller))
    }
}

/// Decides a call by this caller.
struct Decide<'a, C>(&'a C);

impl<C: Caller> VisitCall for Decide<'_, C> {
    const REFUSED: bool = false;

    #[inline(always)]
    fn visit_psci(self, convention: Convention, number: u32) -> Decision {
        let Self(caller) = self;
        // What all functions have in common is decided here, once.
        match PsciVersion::with_ids(caller.psci_version()) {
            Some(version) if has_convention(convention, caller) => {
                PsciCall::dispatch(convention, number, DecidePsci(version, caller))
            }
            _ => Decision::NOT_SUPPORTED,
        }
    }
}

/// Returns whether the caller can use the convention.
#[inline(always)]
fn has_convention(convention: Convention, caller: &impl Caller) -> bool {
    !matches!(convention, Convention::Smc64) || !caller.is_32bit()
}

/// Decides a call of PSCI by a caller that sees this version.
struct DecidePsci<'a, C>(PsciVersion, &'a C);

impl<C: Caller> Visit<PsciCall> for DecidePsci<'_, C> {
    type Output = Decision;

    #[inline(always)]
    fn visit(self, call: PsciCall) -> Decision {
        let Self(version, caller) = self;
        call.decide(version, caller)
    }
}

impl<C: Caller> Visit<Call> for Decide<'_, C> {
    type Output = Decision;

    #[inline(always)]
    fn visit(self, call: Call) -> Decision {
        let Self(caller) = self;
        if !call.gate().is_open(|map| caller.bitmap(map)) {
            return Decision::NOT_SUPPORTED;
        }
        match call {
            Call::Version => Decision::Value(SMCCC_VERSION_1_1),
            Call::ArchFeatures => {
                Call::dispatch(FuncId::from_raw(argument(caller)), ArchFeatures(caller))
            }
            Call::PvTimeFeatures => Decision::Value(pv_time_features(caller)),
            Call::PvTimeSt => match caller.stolen_time() {
                Some(_) => Decision::Perform(Action::StolenTime),
                None => Decision::NOT_SUPPORTED,
            },
            Call::VendorHypUid => Decision::Return(VENDOR_HYP_UID),
            Call::VendorHypFeatures => Decision::Return([
                caller.bitmap(FeatureBitmap::VendorHyp),
                0,
                caller.bitmap(FeatureBitmap::VendorHyp2),
                0,
            ]),
            Call::VendorHypPtp => match argument(caller) {
                0 => Decision::Perform(Action::SystemTime(PtpCounter::Virtual)),
                1 => Decision::Perform(Action::SystemTime(PtpCounter::Physical)),
                _ => Decision::NOT_SUPPORTED,
            },
            Call::Trng(function) => trng(function, caller),
            // Those that exist in some version are decided by `visit_psci()`.
            Call::Psci(_) => Decision::NOT_SUPPORTED,
            Call::Psci01(function) => function.decide(caller),
            Call::Workaround1 | Call::Workaround2 | Call::Workaround3 | Call::Unknown => {
                Decision::NOT_SUPPORTED
            }
        }
    }
}

/// Returns the first argument of a function that reads only 32 bits of it in either convention.
#[inline(always)]
fn argument(caller: &impl Caller) -> u32 {
    let [_, x1, ..] = caller.registers();
    low_half(x1)
}

/// `SMCCC_ARCH_FEATURES`: answers whether there is a function.
struct ArchFeatures<'a, C>(&'a C);

impl<C: Caller> VisitCall for ArchFeatures<'_, C> {
    const REFUSED: bool = true;

    #[inline(always)]
    fn visit_psci(self, _: Convention, _: u32) -> Decision {
        Decision::NOT_SUPPORTED
    }
}

impl<C: Caller> Visit<Call> for ArchFeatures<'_, C> {
    type Output = Decision;

    #[inline(always)]
    fn visit(self, call: Call) -> Decision {
        let Self(caller) = self;
        let workaround = |query| Decision::Perform(Action::Workaround(query));
        match call {
            Call::Workaround1 => workaround(WorkaroundQuery::Workaround1),
            Call::Workaround2 => workaround(WorkaroundQuery::Workaround2),
            Call::Workaround3 => workaround(WorkaroundQuery::Workaround3),
            Call::PvTimeFeatures if call.gate().is_open(|map| caller.bitmap(map)) => {
                Decision::Value(ret::SUCCESS)
            }
            _ => Decision::NOT_SUPPORTED,
        }
    }
}

#[inline(always)]
fn pv_time_features(caller: &impl Caller) -> u64 {
    match Call::decode(FuncId::from_raw(argument(caller))) {
        Call::PvTimeFeatures | Call::PvTimeSt if caller.stolen_time().is_some() => ret::SUCCESS,
        _ => ret::NOT_SUPPORTED,
    }
}

#[inline(always)]
fn trng(function: TrngFunction, caller: &impl Caller) -> Decision {
    let [_, x1, ..] = caller.registers();
    match function {
        TrngFunction::Version => Decision::Value(TRNG_VERSION_1_0),
        TrngFunction::Features => {
            // KVM reads the whole register here, unlike elsewhere.
            let known = u32::try_from(x1).is_ok_and(|id| {
                matches!(
                    Call::decode(FuncId::from_raw(id)).gate(),
                    Gate::Service(Service::Trng)
                )
            });
            if known {
                Decision::Value(ret::SUCCESS)
            } else {
                Decision::NOT_SUPPORTED
            }
        }
        TrngFunction::GetUuid => Decision::Return(TRNG_UUID),
        TrngFunction::Rnd(convention) => match RandomBits::new(low_half(x1), convention) {
            Some(request) => Decision::Perform(Action::Random(request)),
            None => Decision::Value(TRNG_INVALID_PARAMETERS),
        },
    }
}

impl PsciCall {
    /// Returns whether KVM offers the function to the caller.
    #[inline(always)]
    fn exists(self, version: PsciVersion, caller: &impl Caller) -> bool {
        let Some(since) = self.since() else {
            return false;
        };
        version >= since
            && has_convention(self.convention, caller)
            && (!matches!(self.function, PsciFunction::SystemSuspend)
                || caller.may_suspend_system())
    }

    /// Decides the call.
    #[inline(always)]
    fn decide(self, version: PsciVersion, caller: &impl Caller) -> Decision {
        if !self.exists(version, caller) {
            return Decision::NOT_SUPPORTED;
        }

        let [x0, x1, x2, x3] = self.arguments(caller.registers());
        match self.function {
            PsciFunction::Version => Decision::Value(version.to_raw().into()),
            PsciFunction::CpuSuspend => Decision::Perform(Action::CpuSuspend),
            PsciFunction::CpuOff => Decision::Perform(Action::CpuOff),
            PsciFunction::CpuOn => cpu_on(x1, x2, x3, ret::ALREADY_ON),
            PsciFunction::AffinityInfo => match AffinityQuery::new(x1, x2) {
                Some(query) => Decision::Perform(Action::AffinityInfo(query)),
                None => Decision::Value(ret::INVALID_PARAMETERS),
            },
            PsciFunction::MigrateInfoType => Decision::Value(TOS_MP),
            PsciFunction::SystemOff => system_event(SystemEvent::Off),
            PsciFunction::SystemReset => system_event(SystemEvent::Reset),
            PsciFunction::Features => {
                let id = FuncId::from_raw(low_half(x1));
                Decision::Value(psci_features(id, version, caller))
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
                _ => Decision::Value(ret::INVALID_PARAMETERS),
            },
            PsciFunction::SystemOff2 => match (low_half(x1), x2) {
                (0 | HIBERNATE_OFF, 0) => system_event(SystemEvent::Off2),
                _ => Decision::Value(ret::INVALID_PARAMETERS),
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
    fn decide(self, caller: &impl Caller) -> Decision {
        match self {
            Self::CpuSuspend | Self::Migrate => Decision::NOT_SUPPORTED,
            _ if caller.psci_version() != PsciVersion::V0_1.to_raw() => Decision::NOT_SUPPORTED,
            Self::CpuOff => Decision::Perform(Action::CpuOff),
            Self::CpuOn => {
                let [_, x1, x2, x3] = caller.registers();
                cpu_on(x1, x2, x3, ret::INVALID_PARAMETERS)
            }
        }
    }
}

#[inline(always)]
fn cpu_on(target: u64, entry: u64, context_id: u64, already_on: u64) -> Decision {
    if target & !AFFINITY_MASK != 0 {
        return Decision::Value(ret::INVALID_PARAMETERS);
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
#[inline(always)]
fn psci_features(id: FuncId, version: PsciVersion, caller: &impl Caller) -> u64 {
    match PsciCall::dispatch_id(id, Features(version, caller)) {
        Some(answer) => answer,
        None if id == Call::VERSION => ret::SUCCESS,
        None => ret::NOT_SUPPORTED,
    }
}

struct Features<'a, C>(PsciVersion, &'a C);

impl<C: Caller> Visit<PsciCall> for Features<'_, C> {
    type Output = u64;

    #[inline(always)]
    fn visit(self, call: PsciCall) -> u64 {
        let Self(version, caller) = self;
        match call.function {
            _ if !call.exists(version, caller) => ret::NOT_SUPPORTED,
            PsciFunction::SystemOff2 => HIBERNATE_OFF.into(),
            _ => ret::SUCCESS,
        }
    }
}
