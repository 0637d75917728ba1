// SPDX-License-Identifier: GPL-2.0

//! Every call in every state, compared with the kernel's C code.
//!
//! The model restates `kvm_smccc_call_handler()` and the functions that it calls, over registers
//! that change in place and a table of vCPUs, as in C. The decision is carried out on the same
//! state, and both must end alike.

mod common;
mod random;

use common::{
    uuid_registers,
    Guest,
    FUNCTIONS,
    GUEST,
    VERSIONS, //
};
use kvm_abi::{
    Action,
    Decision,
    FeatureBitmap,
    FuncId,
    Mitigation,
    PowerOn,
    PtpCounter,
    SystemEvent, //
};
use proptest::prelude::*;

/// The affinity of a vCPU, and whether it is stopped.
const VCPUS: [(u64, bool); 5] = [
    (0x00_0000_0000, false),
    (0x00_0000_0001, true),
    (0x00_0000_0100, true),
    (0x00_0000_0101, true),
    (0x01_0000_0002, true),
];

/// What get_random_long() returns.
const WORDS: [u64; 3] = [0xfedc_ba98_7654_3210, 0x0f1e_2d3c_4b5a_6978, u64::MAX];

/// The effect of a call besides the return to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    Wfi,
    PowerOff,
    /// The index of the vCPU, `pc` and `r0` of its reset state.
    PowerOn(usize, u64, u64),
    /// The counter; the registers are written when the time is known.
    SystemTime(PtpCounter),
    /// `num_bits` and `size`; the registers are written when the bits are known.
    InitStolenTime,
    ExitToUser(SystemEvent),
}

/// `x0` to `x3`, and the effect.
type Outcome = ([u64; 4], Effect);

/// A vCPU in C.
struct Vcpu<'a> {
    guest: &'a Guest,
    regs: [u64; 4],
}

const fn ret(val: i64) -> u64 {
    val as u64
}

impl Vcpu<'_> {
    fn narrow_to_32bit(&mut self) {
        for reg in &mut self.regs[1..] {
            *reg &= 0xffff_ffff;
        }
    }

    fn is_64bit_from_32bit(&self, func_id: u32) -> bool {
        func_id & 0x4000_0000 != 0 && self.guest.is_32bit
    }

    fn test_fw_bmap(&self, func_id: u32) -> bool {
        match func_id {
            0x8400_0050..=0x8400_0053 | 0xc400_0053 => self.guest.std_bmap & 1 != 0,
            0xc500_0020 | 0xc500_0021 => self.guest.std_hyp_bmap & 1 != 0,
            0x8600_0000 | 0x8600_ff01 => self.guest.vendor_hyp_bmap & 1 != 0,
            0x8600_0001 => self.guest.vendor_hyp_bmap & 2 != 0,
            _ => false,
        }
    }

    fn default_allowed(func_id: u32) -> bool {
        match func_id {
            0x8000_0000 | 0x8000_0001 => true,
            _ if func_id >> 24 & 0x3f == 4 && func_id & 0xffff <= 0x1f => true,
            _ => (0x95c1_ba5e..=0x95c1_ba61).contains(&func_id),
        }
    }

    fn call_handler(self) -> Outcome {
        let func_id = self.regs[0] as u32;
        let mut val = [ret(-1), 0, 0, 0];
        let mut effect = Effect::None;
        if !self.test_fw_bmap(func_id) && !Self::default_allowed(func_id) {
            return (val, effect);
        }
        match func_id {
            0x8000_0000 => val[0] = 0x1_0001,
            0x8000_0001 => val[0] = self.arch_features(),
            0xc500_0020 => {
                let feature = self.regs[1] as u32;
                if matches!(feature, 0xc500_0020 | 0xc500_0021) && self.guest.stolen_time.is_some()
                {
                    val[0] = 0;
                }
            }
            0xc500_0021 => {
                if let Some(base) = self.guest.stolen_time {
                    val[0] = base;
                    effect = Effect::InitStolenTime;
                }
            }
            0x8600_ff01 => val = uuid_registers("28b46fb6-2ec5-11e9-a9ca-4b564d003a74"),
            0x8600_0000 => {
                val[0] = self.guest.vendor_hyp_bmap;
                val[2] = self.guest.vendor_hyp_bmap_2;
            }
            0x8600_0001 => {
                let counter = match self.regs[1] as u32 {
                    0 => PtpCounter::Virtual,
                    1 => PtpCounter::Physical,
                    _ => return (val, effect),
                };
                val = [0; 4];
                effect = Effect::SystemTime(counter);
            }
            0x8400_0050..=0x8400_0053 | 0xc400_0053 => return self.trng_call(func_id),
            _ => return self.psci_call(func_id),
        }
        (val, effect)
    }

    fn arch_features(&self) -> u64 {
        match self.regs[1] as u32 {
            0x8000_8000 => match self.guest.spectre_v2 {
                Mitigation::Vulnerable => ret(-1),
                Mitigation::Mitigated => 0,
                Mitigation::Unaffected => 1,
            },
            0x8000_7fff => match self.guest.spectre_v4 {
                Mitigation::Vulnerable => ret(-1),
                Mitigation::Mitigated if self.guest.ssbs => ret(-1),
                Mitigation::Mitigated | Mitigation::Unaffected => ret(-2),
            },
            0x8000_3fff => match self.guest.spectre_bhb {
                Mitigation::Vulnerable => ret(-1),
                Mitigation::Mitigated => 0,
                Mitigation::Unaffected => 1,
            },
            0xc500_0020 if self.guest.std_hyp_bmap & 1 != 0 => 0,
            _ => ret(-1),
        }
    }

    fn trng_call(self, func_id: u32) -> Outcome {
        let val = match func_id {
            0x8400_0050 => [0x1_0000, 0, 0, 0],
            0x8400_0051 => match self.regs[1] {
                0x8400_0050..=0x8400_0053 | 0xc400_0053 => [0; 4],
                _ => [ret(-1), 0, 0, 0],
            },
            0x8400_0052 => uuid_registers("0d21e000-4384-11eb-8070-5244554e5a4c"),
            _ => {
                let size = if func_id == 0x8400_0053 { 32 } else { 64 };
                let num_bits = self.regs[1] as u32;
                if num_bits <= 3 * size {
                    do_rnd(num_bits, size)
                } else {
                    [ret(-2), 0, 0, 0]
                }
            }
        };
        (val, Effect::None)
    }

    fn psci_call(self, func_id: u32) -> Outcome {
        let not_supported = ([ret(-1), 0, 0, 0], Effect::None);
        if self.is_64bit_from_32bit(func_id) {
            return not_supported;
        }
        match self.guest.psci_version {
            0x1_0003 => self.psci_1_x_call(func_id, 3),
            0x1_0002 => self.psci_1_x_call(func_id, 2),
            0x1_0001 => self.psci_1_x_call(func_id, 1),
            0x1_0000 => self.psci_1_x_call(func_id, 0),
            0x0_0002 => self.psci_0_2_call(func_id),
            0x0_0001 => self.psci_0_1_call(func_id),
            _ => not_supported,
        }
    }

    fn psci_1_x_call(mut self, func_id: u32, minor: u32) -> Outcome {
        let mut val = ret(-1);
        let mut effect = Effect::None;
        if matches!(func_id, 0x8400_000e | 0x8400_0012 | 0x8400_0015) {
            self.narrow_to_32bit();
        }
        let arg = self.regs[1] as u32;
        match func_id {
            0x8400_0000 => val = 0x1_0000 | u64::from(minor),
            0x8400_000a => val = self.psci_features(arg, minor),
            0x8400_000e | 0xc400_000e => {
                if self.guest.may_suspend_system {
                    return (self.regs, Effect::ExitToUser(SystemEvent::Suspend));
                }
            }
            0x8400_0012 | 0xc400_0012 => {
                if minor >= 1 {
                    if arg == 0 || arg >= 0x8000_0000 {
                        self.regs[0] = ret(-6);
                        return (self.regs, Effect::ExitToUser(SystemEvent::Reset2));
                    }
                    val = ret(-2);
                }
            }
            0x8400_0015 | 0xc400_0015 => {
                if minor >= 3 {
                    if arg != 0 && arg != 1 || self.regs[2] != 0 {
                        val = ret(-2);
                    } else {
                        val = ret(-6);
                        effect = Effect::ExitToUser(SystemEvent::Off2);
                    }
                }
            }
            _ => return self.psci_0_2_call(func_id),
        }
        ([val, 0, 0, 0], effect)
    }

    fn psci_features(&self, arg: u32, minor: u32) -> u64 {
        if self.is_64bit_from_32bit(arg) {
            return ret(-1);
        }
        match arg {
            0x8400_0000..=0x8400_0004 | 0x8400_0006 | 0x8400_0008..=0x8400_000a => 0,
            0xc400_0001 | 0xc400_0003 | 0xc400_0004 => 0,
            0x8000_0000 => 0,
            0x8400_000e | 0xc400_000e if self.guest.may_suspend_system => 0,
            0x8400_0012 | 0xc400_0012 if minor >= 1 => 0,
            0x8400_0015 | 0xc400_0015 if minor >= 3 => 1,
            _ => ret(-1),
        }
    }

    fn psci_0_2_call(mut self, func_id: u32) -> Outcome {
        if matches!(func_id, 0x8400_0003 | 0x8400_0004) {
            self.narrow_to_32bit();
        }
        let (val, effect) = match func_id {
            0x8400_0000 => (0x2, Effect::None),
            0x8400_0001 | 0xc400_0001 => (0, Effect::Wfi),
            0x8400_0002 => (0, Effect::PowerOff),
            0x8400_0003 | 0xc400_0003 => self.vcpu_on(),
            0x8400_0004 | 0xc400_0004 => (self.affinity_info(), Effect::None),
            0x8400_0006 => (2, Effect::None),
            0x8400_0008 => (ret(-6), Effect::ExitToUser(SystemEvent::Off)),
            0x8400_0009 => (ret(-6), Effect::ExitToUser(SystemEvent::Reset)),
            _ => (ret(-1), Effect::None),
        };
        ([val, 0, 0, 0], effect)
    }

    fn psci_0_1_call(self, func_id: u32) -> Outcome {
        let (val, effect) = match func_id {
            0x95c1_ba5f => (0, Effect::PowerOff),
            0x95c1_ba60 => self.vcpu_on(),
            _ => (ret(-1), Effect::None),
        };
        ([val, 0, 0, 0], effect)
    }

    fn vcpu_on(&self) -> (u64, Effect) {
        let [_, cpu_id, pc, r0] = self.regs;
        if cpu_id & !0xff_00ff_ffff != 0 {
            return (ret(-2), Effect::None);
        }
        match VCPUS.iter().position(|(mpidr, _)| *mpidr == cpu_id) {
            None => (ret(-2), Effect::None),
            Some(vcpu) if VCPUS[vcpu].1 => (0, Effect::PowerOn(vcpu, pc, r0)),
            Some(_) if self.guest.psci_version != 1 => (ret(-4), Effect::None),
            Some(_) => (ret(-2), Effect::None),
        }
    }

    fn affinity_info(&self) -> u64 {
        let [_, target, level, _] = self.regs;
        if target & !0xff_00ff_ffff != 0 || level > 3 {
            return ret(-2);
        }
        let mask = 0xff_00ff_ffff & !((1 << (level * 8)) - 1);
        let mut matching = VCPUS
            .iter()
            .filter(|(mpidr, _)| mpidr & mask == target & mask)
            .peekable();
        if matching.peek().is_none() {
            return ret(-2);
        }
        u64::from(matching.all(|(_, stopped)| *stopped))
    }
}

/// `kvm_trng_do_rnd()`, with `bitmap_clear()` bit by bit.
fn do_rnd(num_bits: u32, size: u32) -> [u64; 4] {
    let mut bits = WORDS;
    for bit in num_bits..192 {
        bits[bit as usize / 64] &= !(1 << (bit % 64));
    }
    match size {
        32 => [
            0,
            u64::from(bits[1] as u32),
            bits[0] >> 32,
            u64::from(bits[0] as u32),
        ],
        _ => [0, bits[2], bits[1], bits[0]],
    }
}

/// Carries out the decision about a call.
fn carry_out(guest: &Guest, decision: Decision) -> Outcome {
    let action = match decision {
        Decision::Value(x0) => return ([x0, 0, 0, 0], Effect::None),
        Decision::Return(registers) => return (registers, Effect::None),
        Decision::Perform(action) => action,
    };
    match action {
        Action::Workaround(query) => ([guest.answer(query), 0, 0, 0], Effect::None),
        Action::StolenTime => {
            let base = guest.stolen_time.expect("it is there");
            ([base, 0, 0, 0], Effect::InitStolenTime)
        }
        Action::SystemTime(counter) => ([0; 4], Effect::SystemTime(counter)),
        Action::Random(request) => (request.to_registers(WORDS), Effect::None),
        Action::CpuSuspend => ([0; 4], Effect::Wfi),
        Action::CpuOff => ([0; 4], Effect::PowerOff),
        Action::CpuOn(on) => match VCPUS.iter().position(|(mpidr, _)| *mpidr == on.target) {
            None => ([PowerOn::NO_SUCH_CPU, 0, 0, 0], Effect::None),
            Some(vcpu) => match on.decide(VCPUS[vcpu].1) {
                Ok(()) => ([0; 4], Effect::PowerOn(vcpu, on.entry, on.context_id)),
                Err(x0) => ([x0, 0, 0, 0], Effect::None),
            },
        },
        Action::AffinityInfo(query) => {
            let x0 = query.answer(VCPUS, |vcpu| vcpu.0, |vcpu| vcpu.1);
            ([x0, 0, 0, 0], Effect::None)
        }
        Action::SystemEvent { event, registers } => (registers, Effect::ExitToUser(event)),
    }
}

fn assert_same_as_c(guest: &Guest) {
    let regs = guest.registers;
    let decision = Decision::of(guest, FuncId::from_register(regs[0]));
    let expected = Vcpu { guest, regs }.call_handler();
    assert_eq!(carry_out(guest, decision), expected, "{guest:x?}");
}

/// Arguments that matter to some function.
fn arguments() -> Vec<u64> {
    let ids = FUNCTIONS.map(|(id, ..)| u64::from(id));
    let affinities = VCPUS.map(|(mpidr, _)| mpidr);
    let mut all: Vec<_> = ids.into_iter().chain(affinities).collect();
    all.extend([
        2,
        3,
        4,
        5,
        96,
        97,
        192,
        193,
        0x100_0000,
        0x7fff_ffff,
        0xffff_ffff,
    ]);
    all
}

const UPPER_HALVES: [u64; 3] = [0, 1 << 32, 0xffff_fff0_0000_0000];

/// Identifiers of functions, and some without a function in KVM.
fn ids() -> impl Iterator<Item = u64> {
    let unknown = [
        0,
        0x8400_0005,
        0x8400_0013,
        0xc400_0000,
        0x8600_0040,
        0x8401_0003,
        0x0400_0001,
    ];
    FUNCTIONS
        .map(|(id, ..)| u64::from(id))
        .into_iter()
        .chain(unknown)
}

#[test]
fn every_version_and_width_is_as_in_c() {
    let seconds = [0, 1, 3, 4, 1 << 32];
    for psci_version in VERSIONS.into_iter().chain([0, 0x1_0004]) {
        for flags in 0..4 {
            let mut guest = Guest {
                psci_version,
                is_32bit: flags & 1 != 0,
                may_suspend_system: flags & 2 != 0,
                ..GUEST
            };
            for (id, first) in ids().flat_map(|id| arguments().into_iter().map(move |x1| (id, x1)))
            {
                for (garbage, x2) in UPPER_HALVES
                    .into_iter()
                    .flat_map(|g| seconds.map(|x2| (g, x2)))
                {
                    guest.registers = [id | garbage, first | garbage, x2, 0x1234_5678_9abc_def0];
                    assert_same_as_c(&guest);
                }
            }
        }
    }
}

#[test]
fn every_host_and_all_services_are_as_in_c() {
    // Each vulnerability in a different state.
    let [a, b, c] = Mitigation::ALL;
    for [spectre_v2, spectre_v4, spectre_bhb] in [[a, b, c], [b, c, a], [c, a, b]] {
        for flags in 0..1 << 7 {
            let bit = |n: u32| u64::from(flags >> n & 1u32);
            let mut guest = Guest {
                std_bmap: bit(0),
                std_hyp_bmap: bit(1),
                vendor_hyp_bmap: bit(2) | bit(3) << 1,
                vendor_hyp_bmap_2: bit(4),
                ssbs: bit(5) != 0,
                stolen_time: (bit(6) != 0).then_some(0x4000),
                spectre_v2,
                spectre_v4,
                spectre_bhb,
                ..GUEST
            };
            for (id, x1) in ids().flat_map(|id| arguments().into_iter().map(move |x1| (id, x1))) {
                guest.registers = [id, x1, 0, 0];
                assert_same_as_c(&guest);
            }
        }
    }
}

/// Any host.
fn any_host() -> impl Strategy<Value = Mitigation> {
    prop::sample::select(Mitigation::ALL.to_vec())
}

/// Any register value; the lower half of every other one means something.
fn any_register() -> impl Strategy<Value = u64> {
    let known: Vec<_> = ids().chain(arguments()).collect();
    prop_oneof![
        prop::sample::select(known.clone()),
        (any::<u32>(), prop::sample::select(known))
            .prop_map(|(high, low)| u64::from(high) << 32 | low),
        (any::<u64>(), 0..64u32).prop_map(|(value, shift)| value >> shift),
        any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(random::cases(16384))]

    #[test]
    fn any_call_of_any_guest_is_as_in_c(
        id in prop_oneof![prop::sample::select(ids().collect::<Vec<_>>()), any_register()],
        arguments in [any_register(), any_register(), any_register()],
        psci_version in prop_oneof![prop::sample::select(VERSIONS.to_vec()), any::<u32>()],
        maps in any::<[u64; 4]>(),
        (spectre_v2, spectre_v4, spectre_bhb) in (any_host(), any_host(), any_host()),
        flags in any::<[bool; 3]>(),
        stolen_time in any::<Option<u64>>(),
    ) {
        let [x1, x2, x3] = arguments;
        let guest = Guest {
            registers: [id, x1, x2, x3],
            psci_version,
            spectre_v2,
            spectre_v4,
            spectre_bhb,
            is_32bit: flags[0],
            ssbs: flags[1],
            may_suspend_system: flags[2],
            stolen_time,
            ..GUEST
        };
        let maps = FeatureBitmap::ALL.into_iter().zip(maps);
        assert_same_as_c(&maps.fold(guest, |guest, (map, value)| guest.with_bitmap(map, value)));
    }
}
