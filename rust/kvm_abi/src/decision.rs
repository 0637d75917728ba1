// SPDX-License-Identifier: GPL-2.0

//! What KVM does for a call.
//!
//! Reference: `kvm_smccc_call_handler()`, `kvm_trng_call()`, `kvm_hypercall_pv_features()`.

use crate::{
    call::Next,
    func_id::{
        low_half,
        negative, //
    },
    psci_call::{
        AffinityQuery,
        PowerOn,
        SystemEvent, //
    },
    Call,
    Convention,
    FeatureBitmap,
    FuncId,
    Gate,
    Mitigation,
    Service,
    TrngFunction,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

/// `SUCCESS` of SMCCC.
const SUCCESS: u64 = 0;
/// `NOT_SUPPORTED` of SMCCC.
const NOT_SUPPORTED: u64 = negative(1);
/// `NOT_REQUIRED` of SMCCC.
const NOT_REQUIRED: u64 = negative(2);
/// `SMCCC_ARCH_FEATURES` of a workaround: it can be called, but need not be.
const WORKAROUND_UNAFFECTED: u64 = 1;
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
    /// Start to count the vCPU's stolen time at this address, and return the address.
    StolenTime(u64),
    /// Return the host's time of day and the guest's counter at that time, as
    /// [`SystemTime::to_registers`] lays them out; or `NOT_SUPPORTED`, if the host's time does not
    /// come from that counter.
    SystemTime(PtpCounter),
    /// Return random bits in three registers.
    Random {
        /// The number of bits, at most three times the width.
        bits: u32,
        /// The width of the registers.
        convention: Convention,
    },
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
    pub const NOT_SUPPORTED: Self = Self::value(NOT_SUPPORTED);

    /// Return a value in `x0`, and zeros in `x1` to `x3`.
    #[inline]
    pub const fn value(x0: u64) -> Self {
        Self::Return([x0, 0, 0, 0])
    }

    /// Decides a call that the VM's filter leaves to KVM.
    #[inline(always)]
    pub fn of(caller: &impl Caller, id: FuncId) -> Self {
        Call::dispatch(id, Decide(caller))
    }
}

/// Decides a call by this caller.
struct Decide<'a, C>(&'a C);

impl<C: Caller> Next for Decide<'_, C> {
    type Output = Decision;

    #[inline(always)]
    fn with(self, call: Call) -> Decision {
        let Self(caller) = self;
        if !call.gate().is_open(|map| caller.bitmap(map)) {
            return Decision::NOT_SUPPORTED;
        }
        match call {
            Call::Version => Decision::value(SMCCC_VERSION_1_1),
            Call::ArchFeatures => {
                Call::dispatch(FuncId::from_raw(argument(caller)), ArchFeatures(caller))
            }
            Call::PvTimeFeatures => Decision::value(pv_time_features(caller)),
            Call::PvTimeSt => match caller.stolen_time() {
                Some(base) => Decision::Perform(Action::StolenTime(base)),
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
            Call::Psci(call) => call.decide(caller),
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

impl<C: Caller> Next for ArchFeatures<'_, C> {
    type Output = Decision;

    #[inline(always)]
    fn with(self, call: Call) -> Decision {
        let Self(caller) = self;
        let workaround = |query| Decision::Perform(Action::Workaround(query));
        match call {
            Call::Workaround1 => workaround(WorkaroundQuery::Workaround1),
            Call::Workaround2 => workaround(WorkaroundQuery::Workaround2),
            Call::Workaround3 => workaround(WorkaroundQuery::Workaround3),
            Call::PvTimeFeatures if call.gate().is_open(|map| caller.bitmap(map)) => {
                Decision::value(SUCCESS)
            }
            _ => Decision::NOT_SUPPORTED,
        }
    }
}

#[inline(always)]
fn pv_time_features(caller: &impl Caller) -> u64 {
    match Call::decode(FuncId::from_raw(argument(caller))) {
        Call::PvTimeFeatures | Call::PvTimeSt if caller.stolen_time().is_some() => SUCCESS,
        _ => NOT_SUPPORTED,
    }
}

#[inline(always)]
fn trng(function: TrngFunction, caller: &impl Caller) -> Decision {
    let [_, x1, ..] = caller.registers();
    match function {
        TrngFunction::Version => Decision::value(TRNG_VERSION_1_0),
        TrngFunction::Features => {
            // KVM reads the whole register here, unlike elsewhere.
            let known = u32::try_from(x1).is_ok_and(|id| {
                matches!(
                    Call::decode(FuncId::from_raw(id)).gate(),
                    Gate::Service(Service::Trng)
                )
            });
            if known {
                Decision::value(SUCCESS)
            } else {
                Decision::NOT_SUPPORTED
            }
        }
        TrngFunction::GetUuid => Decision::Return(TRNG_UUID),
        TrngFunction::Rnd(convention) => {
            let bits = low_half(x1);
            let most = match convention {
                Convention::Smc32 => 3 * 32,
                Convention::Smc64 => 3 * 64,
            };
            if bits > most {
                return Decision::value(TRNG_INVALID_PARAMETERS);
            }
            Decision::Perform(Action::Random { bits, convention })
        }
    }
}
