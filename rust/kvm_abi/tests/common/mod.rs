// SPDX-License-Identifier: GPL-2.0

//! The functions that KVM knows, and guests that call them.

#![allow(dead_code, reason = "no test uses all of it")]

use kvm_abi::{
    Call,
    Caller,
    Convention::{
        self,
        Smc32,
        Smc64, //
    },
    Decision,
    FeatureBitmap,
    FuncId,
    Gate,
    Mitigation,
    Psci01Function,
    PsciCall,
    PsciFunction,
    Service,
    TrngFunction,
    WorkaroundQuery, //
};

/// Values of `x0`, as 64 bits.
pub(crate) const SUCCESS: u64 = 0;
pub(crate) const NOT_SUPPORTED: u64 = -1i64 as u64;
/// Of PSCI and TRNG; SMCCC has a different value.
pub(crate) const INVALID_PARAMETERS: u64 = -2i64 as u64;

/// -1 in `x0` only; `x1` to `x3` are zero.
pub(crate) const REFUSED: Decision = Decision::Value(0xffff_ffff_ffff_ffff);

/// The versions of PSCI that KVM implements, oldest first.
pub(crate) const VERSIONS: [u32; 6] = [0x0_0001, 0x0_0002, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003];

/// Versions that KVM does not implement.
pub(crate) const UNKNOWN_VERSIONS: [u32; 9] = [
    0x0,
    0x3,
    0xffff,
    0x1_0004,
    0x1_ffff,
    0x2_0000,
    0x2_0001,
    0x8001_0003,
    u32::MAX,
];

/// The functions of the true random number generator.
pub(crate) const TRNG_VERSION: u32 = 0x8400_0050;
pub(crate) const TRNG_FEATURES: u32 = 0x8400_0051;
pub(crate) const TRNG_GET_UUID: u32 = 0x8400_0052;
pub(crate) const TRNG_RND: u32 = 0x8400_0053;
pub(crate) const TRNG_RND64: u32 = 0xc400_0053;

const TRNG: Gate = Gate::Service(Service::Trng);
const PV_TIME: Gate = Gate::Service(Service::PvTime);
const FEATURES: Gate = Gate::Service(Service::FunctionFeatures);
const PTP: Gate = Gate::Service(Service::Ptp);

const fn psci(function: PsciFunction, convention: Convention) -> Call {
    Call::Psci(PsciCall {
        function,
        convention,
    })
}

/// Every identifier that KVM knows, in order, with its function and gate.
///
/// From the specifications and `include/linux/arm-smccc.h`; the gates are the cases of
/// `kvm_smccc_test_fw_bmap()` and `kvm_smccc_default_allowed()`.
pub(crate) const FUNCTIONS: [(u32, Call, Gate); 37] = [
    (0x8000_0000, Call::Version, Gate::Open),
    (0x8000_0001, Call::ArchFeatures, Gate::Open),
    (0x8000_3fff, Call::Workaround3, Gate::Closed),
    (0x8000_7fff, Call::Workaround2, Gate::Closed),
    (0x8000_8000, Call::Workaround1, Gate::Closed),
    (0x8400_0000, psci(PsciFunction::Version, Smc32), Gate::Open),
    (
        0x8400_0001,
        psci(PsciFunction::CpuSuspend, Smc32),
        Gate::Open,
    ),
    (0x8400_0002, psci(PsciFunction::CpuOff, Smc32), Gate::Open),
    (0x8400_0003, psci(PsciFunction::CpuOn, Smc32), Gate::Open),
    (
        0x8400_0004,
        psci(PsciFunction::AffinityInfo, Smc32),
        Gate::Open,
    ),
    (
        0x8400_0006,
        psci(PsciFunction::MigrateInfoType, Smc32),
        Gate::Open,
    ),
    (
        0x8400_0008,
        psci(PsciFunction::SystemOff, Smc32),
        Gate::Open,
    ),
    (
        0x8400_0009,
        psci(PsciFunction::SystemReset, Smc32),
        Gate::Open,
    ),
    (0x8400_000a, psci(PsciFunction::Features, Smc32), Gate::Open),
    (
        0x8400_000e,
        psci(PsciFunction::SystemSuspend, Smc32),
        Gate::Open,
    ),
    (
        0x8400_0012,
        psci(PsciFunction::SystemReset2, Smc32),
        Gate::Open,
    ),
    (
        0x8400_0015,
        psci(PsciFunction::SystemOff2, Smc32),
        Gate::Open,
    ),
    (0x8400_0050, Call::Trng(TrngFunction::Version), TRNG),
    (0x8400_0051, Call::Trng(TrngFunction::Features), TRNG),
    (0x8400_0052, Call::Trng(TrngFunction::GetUuid), TRNG),
    (0x8400_0053, Call::Trng(TrngFunction::Rnd(Smc32)), TRNG),
    (0x8600_0000, Call::VendorHypFeatures, FEATURES),
    (0x8600_0001, Call::VendorHypPtp, PTP),
    (0x8600_ff01, Call::VendorHypUid, FEATURES),
    (
        0x95c1_ba5e,
        Call::Psci01(Psci01Function::CpuSuspend),
        Gate::Open,
    ),
    (
        0x95c1_ba5f,
        Call::Psci01(Psci01Function::CpuOff),
        Gate::Open,
    ),
    (0x95c1_ba60, Call::Psci01(Psci01Function::CpuOn), Gate::Open),
    (
        0x95c1_ba61,
        Call::Psci01(Psci01Function::Migrate),
        Gate::Open,
    ),
    (
        0xc400_0001,
        psci(PsciFunction::CpuSuspend, Smc64),
        Gate::Open,
    ),
    (0xc400_0003, psci(PsciFunction::CpuOn, Smc64), Gate::Open),
    (
        0xc400_0004,
        psci(PsciFunction::AffinityInfo, Smc64),
        Gate::Open,
    ),
    (
        0xc400_000e,
        psci(PsciFunction::SystemSuspend, Smc64),
        Gate::Open,
    ),
    (
        0xc400_0012,
        psci(PsciFunction::SystemReset2, Smc64),
        Gate::Open,
    ),
    (
        0xc400_0015,
        psci(PsciFunction::SystemOff2, Smc64),
        Gate::Open,
    ),
    (0xc400_0053, Call::Trng(TrngFunction::Rnd(Smc64)), TRNG),
    (0xc500_0020, Call::PvTimeFeatures, PV_TIME),
    (0xc500_0021, Call::PvTimeSt, PV_TIME),
];

/// Returns the decision to return one value.
pub(crate) fn value(x0: u64) -> Decision {
    Decision::Value(x0)
}

/// Returns the registers for a UUID in text form: its bytes in the order of the text, four to a
/// register, the first one in bits 7:0.
pub(crate) fn uuid_registers(text: &str) -> [u64; 4] {
    let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(digits.len(), 32, "{text}");
    let mut registers = [0; 4];
    for (byte, digits) in digits.chunks(2).enumerate() {
        let byte_value = u64::from(digits[0] * 16 + digits[1]);
        registers[byte / 4] += byte_value << (byte % 4 * 8);
    }
    registers
}

/// A guest in some state, on some host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guest {
    pub(crate) registers: [u64; 4],
    pub(crate) is_32bit: bool,
    pub(crate) psci_version: u32,
    pub(crate) std_bmap: u64,
    pub(crate) std_hyp_bmap: u64,
    pub(crate) vendor_hyp_bmap: u64,
    pub(crate) vendor_hyp_bmap_2: u64,
    pub(crate) spectre_v2: Mitigation,
    pub(crate) spectre_v4: Mitigation,
    pub(crate) spectre_bhb: Mitigation,
    pub(crate) ssbs: bool,
    pub(crate) stolen_time: Option<u64>,
    pub(crate) may_suspend_system: bool,
}

/// A guest that may call every function.
pub(crate) const GUEST: Guest = Guest {
    registers: [0; 4],
    is_32bit: false,
    psci_version: 0x1_0003,
    std_bmap: 0b1,
    std_hyp_bmap: 0b1,
    vendor_hyp_bmap: 0b11,
    vendor_hyp_bmap_2: 0b11,
    spectre_v2: Mitigation::Mitigated,
    spectre_v4: Mitigation::Mitigated,
    spectre_bhb: Mitigation::Mitigated,
    ssbs: true,
    stolen_time: Some(0x12_3456_7000),
    may_suspend_system: true,
};

impl Guest {
    /// Returns the guest with one bitmap changed.
    pub(crate) fn with_bitmap(mut self, map: FeatureBitmap, value: u64) -> Self {
        *match map {
            FeatureBitmap::Std => &mut self.std_bmap,
            FeatureBitmap::StdHyp => &mut self.std_hyp_bmap,
            FeatureBitmap::VendorHyp => &mut self.vendor_hyp_bmap,
            FeatureBitmap::VendorHyp2 => &mut self.vendor_hyp_bmap_2,
        } = value;
        self
    }

    /// Returns the guest without any service.
    pub(crate) fn without_services(self) -> Self {
        let maps = FeatureBitmap::ALL.into_iter();
        maps.fold(self, |guest, map| guest.with_bitmap(map, 0))
    }

    /// Returns the answer about a workaround on the guest's host.
    pub(crate) fn answer(&self, query: WorkaroundQuery) -> u64 {
        let host = match query {
            WorkaroundQuery::Workaround1 => self.spectre_v2,
            WorkaroundQuery::Workaround2 => self.spectre_v4,
            WorkaroundQuery::Workaround3 => self.spectre_bhb,
        };
        query.answer(host, || self.ssbs)
    }

    /// Returns the decision about a call with these arguments.
    pub(crate) fn calls(mut self, id: u32, arguments: [u64; 3]) -> Decision {
        let [x1, x2, x3] = arguments;
        self.registers = [id.into(), x1, x2, x3];
        Decision::of(&self, FuncId::from_raw(id))
    }
}

impl Caller for Guest {
    fn registers(&self) -> [u64; 4] {
        self.registers
    }

    fn is_32bit(&self) -> bool {
        self.is_32bit
    }

    fn psci_version(&self) -> u32 {
        self.psci_version
    }

    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        match map {
            FeatureBitmap::Std => self.std_bmap,
            FeatureBitmap::StdHyp => self.std_hyp_bmap,
            FeatureBitmap::VendorHyp => self.vendor_hyp_bmap,
            FeatureBitmap::VendorHyp2 => self.vendor_hyp_bmap_2,
        }
    }

    fn stolen_time(&self) -> Option<u64> {
        self.stolen_time
    }

    fn may_suspend_system(&self) -> bool {
        self.may_suspend_system
    }
}
