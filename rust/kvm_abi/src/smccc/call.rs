// SPDX-License-Identifier: GPL-2.0

//! The functions that a guest can call, and what gates them.
//!
//! Reference: Arm DEN 0028 (SMCCC), DEN 0022 (PSCI), DEN 0057 (paravirtualised time), DEN 0098
//! (TRNG), `Documentation/virt/kvm/arm/hypercalls.rst`; `kvm_smccc_call_handler()`,
//! `kvm_smccc_test_fw_bmap()` and `kvm_smccc_default_allowed()`.

use super::{
    func_id::FuncId,
    psci::{
        Psci01Function,
        PsciCall,
        PsciFunction, //
    },
    trng::TrngFunction,
    Convention::{
        self,
        Smc32,
        Smc64, //
    }, //
};
use crate::{
    visit::{
        Found,
        Visit, //
    },
    FeatureBitmap, //
};

/// An identifier in two parts, see [`FuncId::split()`]: the compiler first compares the owner, and
/// then small numbers.
type Split = (u8, u32);

const fn arch(number: u16) -> Split {
    FuncId::fast(Smc32, FuncId::OWNER_ARCH, number).split()
}

const fn standard(convention: Convention, number: u16) -> Split {
    FuncId::fast(convention, FuncId::OWNER_STANDARD, number).split()
}

const fn psci(number: u16) -> Split {
    standard(Smc32, number)
}

const fn psci64(number: u16) -> Split {
    standard(Smc64, number)
}

const fn standard_hyp(number: u16) -> Split {
    FuncId::fast(Smc64, FuncId::OWNER_STANDARD_HYP, number).split()
}

const fn vendor_hyp(number: u16) -> Split {
    FuncId::fast(Smc32, FuncId::OWNER_VENDOR_HYP, number).split()
}

const SMCCC_VERSION: Split = arch(0x0);
const SMCCC_ARCH_FEATURES: Split = arch(0x1);
const SMCCC_ARCH_WORKAROUND_1: Split = arch(0x8000);
const SMCCC_ARCH_WORKAROUND_2: Split = arch(0x7fff);
const SMCCC_ARCH_WORKAROUND_3: Split = arch(0x3fff);

/// Bits 31:24 of the standard services.
const STANDARD: u8 = psci(0).0;
const STANDARD64: u8 = psci64(0).0;

const PSCI_VERSION: Split = psci(0x0);
const CPU_SUSPEND: Split = psci(0x1);
const CPU_SUSPEND64: Split = psci64(0x1);
const CPU_OFF: Split = psci(0x2);
const CPU_ON: Split = psci(0x3);
const CPU_ON64: Split = psci64(0x3);
const AFFINITY_INFO: Split = psci(0x4);
const AFFINITY_INFO64: Split = psci64(0x4);
const MIGRATE_INFO_TYPE: Split = psci(0x6);
const SYSTEM_OFF: Split = psci(0x8);
const SYSTEM_RESET: Split = psci(0x9);
const PSCI_FEATURES: Split = psci(0xa);
const SYSTEM_SUSPEND: Split = psci(0xe);
const SYSTEM_SUSPEND64: Split = psci64(0xe);
const SYSTEM_RESET2: Split = psci(0x12);
const SYSTEM_RESET2_64: Split = psci64(0x12);
const SYSTEM_OFF2: Split = psci(0x15);
const SYSTEM_OFF2_64: Split = psci64(0x15);
/// The last number of PSCI among those of the standard services.
const PSCI_LAST: u32 = 0x1f;
/// The last one that KVM implements in any version of PSCI.
const PSCI_LAST_KNOWN: u32 = SYSTEM_OFF2.1;

/// `KVM_PSCI_FN_BASE`: PSCI 0.1 left the identifiers to the implementation.
const PSCI_0_1_CPU_SUSPEND: Split = FuncId::from_raw(0x95c1_ba5e).split();
const PSCI_0_1_CPU_OFF: Split = FuncId::from_raw(0x95c1_ba5f).split();
const PSCI_0_1_CPU_ON: Split = FuncId::from_raw(0x95c1_ba60).split();
const PSCI_0_1_MIGRATE: Split = FuncId::from_raw(0x95c1_ba61).split();

const TRNG_VERSION: Split = standard(Smc32, 0x50);
const TRNG_FEATURES: Split = standard(Smc32, 0x51);
const TRNG_GET_UUID: Split = standard(Smc32, 0x52);
const TRNG_RND: Split = standard(Smc32, 0x53);
const TRNG_RND64: Split = standard(Smc64, 0x53);

const PV_TIME_FEATURES: Split = standard_hyp(0x20);
const PV_TIME_ST: Split = standard_hyp(0x21);

const VENDOR_HYP_FEATURES: Split = vendor_hyp(0x0);
const VENDOR_HYP_PTP: Split = vendor_hyp(0x1);
const VENDOR_HYP_UID: Split = vendor_hyp(0xff01);

const fn join((kind, low): Split) -> FuncId {
    let [a, b, c, _] = low.to_le_bytes();
    FuncId::from_raw(u32::from_le_bytes([a, b, c, kind]))
}

/// A function that KVM may serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `SMCCC_VERSION`.
    Version,
    /// `SMCCC_ARCH_FEATURES`.
    ArchFeatures,
    /// `SMCCC_ARCH_WORKAROUND_1`, which only the host's firmware and KVM at EL2 serve.
    Workaround1,
    /// `SMCCC_ARCH_WORKAROUND_2`, likewise.
    Workaround2,
    /// `SMCCC_ARCH_WORKAROUND_3`, likewise.
    Workaround3,
    /// `PV_TIME_FEATURES`.
    PvTimeFeatures,
    /// `PV_TIME_ST`, stolen time.
    PvTimeSt,
    /// The "Call UID query" of the vendor specific services.
    VendorHypUid,
    /// `ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID`.
    VendorHypFeatures,
    /// `ARM_SMCCC_VENDOR_HYP_KVM_PTP_FUNC_ID`, the host's time of day.
    VendorHypPtp,
    /// A function of the true random number generator.
    Trng(TrngFunction),
    /// A function of PSCI 0.2 or later, or an identifier reserved for one.
    Psci(PsciCall),
    /// A function of KVM's PSCI 0.1.
    Psci01(Psci01Function),
    /// A function that KVM does not serve.
    Unknown,
}

/// A hypercall service that userspace can take away from a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// The true random number generator.
    Trng,
    /// Paravirtualised time.
    PvTime,
    /// UID and features of the vendor specific services.
    FunctionFeatures,
    /// The host's time of day.
    Ptp,
}

impl Service {
    /// Returns the bitmap that has the service's bit.
    #[inline]
    pub const fn bitmap(self) -> FeatureBitmap {
        match self {
            Self::Trng => FeatureBitmap::Std,
            Self::PvTime => FeatureBitmap::StdHyp,
            Self::FunctionFeatures | Self::Ptp => FeatureBitmap::VendorHyp,
        }
    }

    /// Returns the service's bit in that bitmap.
    #[inline]
    pub const fn mask(self) -> u64 {
        match self {
            Self::Trng | Self::PvTime | Self::FunctionFeatures => 0b01,
            Self::Ptp => 0b10,
        }
    }
}

/// Which guests may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// Every guest.
    Open,
    /// The guest of a VM that offers the service.
    Service(Service),
    /// No guest.
    Closed,
}

impl Gate {
    /// Returns whether the guest of a VM with these bitmaps may call the function.
    #[inline(always)]
    pub fn is_open(self, bitmap: impl FnOnce(FeatureBitmap) -> u64) -> bool {
        match self {
            Self::Open => true,
            Self::Service(service) => bitmap(service.bitmap()) & service.mask() != 0,
            Self::Closed => false,
        }
    }
}

/// Handles a call that was decoded.
///
/// As [`Visit`], but can do something once for all functions of PSCI, before their number is
/// decoded.
pub(crate) trait VisitCall: Visit<Call> + Sized {
    /// Whether it distinguishes functions that KVM refuses to all guests from unknown ones. If it
    /// does not, they cost no comparisons.
    const REFUSED: bool;

    /// Handles the function of PSCI that has this number, up to [`PSCI_LAST_KNOWN`].
    #[inline(always)]
    fn visit_psci(self, convention: Convention, number: u32) -> Self::Output {
        PsciCall::dispatch(convention, number, AsCall(self))
    }
}

impl VisitCall for Found {
    const REFUSED: bool = true;
}

/// Handles a function of PSCI like any other.
struct AsCall<N>(N);

impl<N: Visit<Call>> Visit<PsciCall> for AsCall<N> {
    type Output = N::Output;

    #[inline(always)]
    fn visit(self, call: PsciCall) -> N::Output {
        self.0.visit(Call::Psci(call))
    }
}

impl PsciCall {
    /// Handles the function of PSCI that has this identifier; `None` if it is another function, or
    /// one with a number that KVM does not know.
    #[inline(always)]
    pub(crate) fn dispatch_id<N: Visit<Self>>(id: FuncId, next: N) -> Option<N::Output> {
        match id.split() {
            (STANDARD, number @ 0..=PSCI_LAST_KNOWN) => Some(Self::dispatch(Smc32, number, next)),
            (STANDARD64, number @ 0..=PSCI_LAST_KNOWN) => Some(Self::dispatch(Smc64, number, next)),
            _ => None,
        }
    }

    /// Handles the function of PSCI that has this number. Each arm calls `next` with a constant.
    #[inline(always)]
    pub(crate) fn dispatch<N: Visit<Self>>(
        convention: Convention,
        number: u32,
        next: N,
    ) -> N::Output {
        use PsciFunction::*;

        let kind = match convention {
            Smc32 => STANDARD,
            Smc64 => STANDARD64,
        };
        match (kind, number) {
            PSCI_VERSION => next.visit(Self::new(Version, Smc32)),
            CPU_SUSPEND => next.visit(Self::new(CpuSuspend, Smc32)),
            CPU_SUSPEND64 => next.visit(Self::new(CpuSuspend, Smc64)),
            CPU_OFF => next.visit(Self::new(CpuOff, Smc32)),
            CPU_ON => next.visit(Self::new(CpuOn, Smc32)),
            CPU_ON64 => next.visit(Self::new(CpuOn, Smc64)),
            AFFINITY_INFO => next.visit(Self::new(AffinityInfo, Smc32)),
            AFFINITY_INFO64 => next.visit(Self::new(AffinityInfo, Smc64)),
            MIGRATE_INFO_TYPE => next.visit(Self::new(MigrateInfoType, Smc32)),
            SYSTEM_OFF => next.visit(Self::new(SystemOff, Smc32)),
            SYSTEM_RESET => next.visit(Self::new(SystemReset, Smc32)),
            PSCI_FEATURES => next.visit(Self::new(Features, Smc32)),
            SYSTEM_SUSPEND => next.visit(Self::new(SystemSuspend, Smc32)),
            SYSTEM_SUSPEND64 => next.visit(Self::new(SystemSuspend, Smc64)),
            SYSTEM_RESET2 => next.visit(Self::new(SystemReset2, Smc32)),
            SYSTEM_RESET2_64 => next.visit(Self::new(SystemReset2, Smc64)),
            SYSTEM_OFF2 => next.visit(Self::new(SystemOff2, Smc32)),
            SYSTEM_OFF2_64 => next.visit(Self::new(SystemOff2, Smc64)),
            _ => next.visit(Self::new(Unknown, convention)),
        }
    }

    #[inline(always)]
    const fn new(function: PsciFunction, convention: Convention) -> Self {
        Self {
            function,
            convention,
        }
    }
}

impl Call {
    /// The identifier of `SMCCC_VERSION`.
    pub(crate) const VERSION: FuncId = join(SMCCC_VERSION);

    /// The identifiers of all functions. Identifiers that PSCI reserves are not among them.
    pub const IDS: [FuncId; 37] = [
        join(SMCCC_VERSION),
        join(SMCCC_ARCH_FEATURES),
        join(SMCCC_ARCH_WORKAROUND_1),
        join(SMCCC_ARCH_WORKAROUND_2),
        join(SMCCC_ARCH_WORKAROUND_3),
        join(PSCI_VERSION),
        join(CPU_SUSPEND),
        join(CPU_SUSPEND64),
        join(CPU_OFF),
        join(CPU_ON),
        join(CPU_ON64),
        join(AFFINITY_INFO),
        join(AFFINITY_INFO64),
        join(MIGRATE_INFO_TYPE),
        join(SYSTEM_OFF),
        join(SYSTEM_RESET),
        join(PSCI_FEATURES),
        join(SYSTEM_SUSPEND),
        join(SYSTEM_SUSPEND64),
        join(SYSTEM_RESET2),
        join(SYSTEM_RESET2_64),
        join(SYSTEM_OFF2),
        join(SYSTEM_OFF2_64),
        join(PSCI_0_1_CPU_SUSPEND),
        join(PSCI_0_1_CPU_OFF),
        join(PSCI_0_1_CPU_ON),
        join(PSCI_0_1_MIGRATE),
        join(TRNG_VERSION),
        join(TRNG_FEATURES),
        join(TRNG_GET_UUID),
        join(TRNG_RND),
        join(TRNG_RND64),
        join(PV_TIME_FEATURES),
        join(PV_TIME_ST),
        join(VENDOR_HYP_FEATURES),
        join(VENDOR_HYP_PTP),
        join(VENDOR_HYP_UID),
    ];

    /// Returns the function that has this identifier.
    #[inline(always)]
    pub fn decode(id: FuncId) -> Self {
        Self::dispatch(id, Found)
    }

    /// Handles the function that has this identifier.
    ///
    /// The result is that of `next.visit(Call::decode(id))`. Each arm calls `next` with a constant,
    /// so that the compiler merges decoding and handling into one switch.
    #[inline(always)]
    pub(crate) fn dispatch<N: VisitCall>(id: FuncId, next: N) -> N::Output {
        match id.split() {
            SMCCC_VERSION => next.visit(Self::Version),
            SMCCC_ARCH_FEATURES => next.visit(Self::ArchFeatures),
            SMCCC_ARCH_WORKAROUND_1 if N::REFUSED => next.visit(Self::Workaround1),
            SMCCC_ARCH_WORKAROUND_2 if N::REFUSED => next.visit(Self::Workaround2),
            SMCCC_ARCH_WORKAROUND_3 if N::REFUSED => next.visit(Self::Workaround3),

            (STANDARD, number @ 0..=PSCI_LAST_KNOWN) => next.visit_psci(Smc32, number),
            (STANDARD64, number @ 0..=PSCI_LAST_KNOWN) => next.visit_psci(Smc64, number),

            PSCI_0_1_CPU_SUSPEND if N::REFUSED => {
                next.visit(Self::Psci01(Psci01Function::CpuSuspend))
            }
            PSCI_0_1_CPU_OFF => next.visit(Self::Psci01(Psci01Function::CpuOff)),
            PSCI_0_1_CPU_ON => next.visit(Self::Psci01(Psci01Function::CpuOn)),
            PSCI_0_1_MIGRATE if N::REFUSED => next.visit(Self::Psci01(Psci01Function::Migrate)),

            TRNG_VERSION => next.visit(Self::Trng(TrngFunction::Version)),
            TRNG_FEATURES => next.visit(Self::Trng(TrngFunction::Features)),
            TRNG_GET_UUID => next.visit(Self::Trng(TrngFunction::GetUuid)),
            TRNG_RND => next.visit(Self::Trng(TrngFunction::Rnd(Smc32))),
            TRNG_RND64 => next.visit(Self::Trng(TrngFunction::Rnd(Smc64))),

            PV_TIME_FEATURES => next.visit(Self::PvTimeFeatures),
            PV_TIME_ST => next.visit(Self::PvTimeSt),

            VENDOR_HYP_FEATURES => next.visit(Self::VendorHypFeatures),
            VENDOR_HYP_PTP => next.visit(Self::VendorHypPtp),
            VENDOR_HYP_UID => next.visit(Self::VendorHypUid),

            // Fast or yielding, with any reserved bits.
            _ if id.owner() == FuncId::OWNER_STANDARD && u32::from(id.number()) <= PSCI_LAST => {
                next.visit(Self::Psci(PsciCall::new(
                    PsciFunction::Unknown,
                    id.convention(),
                )))
            }
            _ => next.visit(Self::Unknown),
        }
    }

    /// Returns which guests may call the function.
    #[inline(always)]
    pub const fn gate(self) -> Gate {
        match self {
            Self::Version | Self::ArchFeatures | Self::Psci(_) | Self::Psci01(_) => Gate::Open,
            Self::Trng(_) => Gate::Service(Service::Trng),
            Self::PvTimeFeatures | Self::PvTimeSt => Gate::Service(Service::PvTime),
            Self::VendorHypUid | Self::VendorHypFeatures => {
                Gate::Service(Service::FunctionFeatures)
            }
            Self::VendorHypPtp => Gate::Service(Service::Ptp),
            Self::Workaround1 | Self::Workaround2 | Self::Workaround3 | Self::Unknown => {
                Gate::Closed
            }
        }
    }
}
