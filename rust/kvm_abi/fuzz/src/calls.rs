// SPDX-License-Identifier: GPL-2.0

//! Hypercalls: any registers, of any guest.
//!
//! The rules follow Arm DEN 0028 (SMCCC), DEN 0057 (paravirtualised time), DEN 0098 (TRNG) and
//! `Documentation/virt/kvm/arm/hypercalls.rst`.

use kvm_abi::{
    Action,
    AffinityQuery,
    Call,
    Convention,
    Decision,
    FuncId,
    Gate,
    Mitigation,
    PsciCall,
    PsciFunction,
    PtpCounter,
    RandomBits,
    Seen,
    SystemTime,
    Verdict,
    WorkaroundQuery, //
};

use crate::{
    common::{
        uuid_registers,
        value,
        Guest,
        FUNCTIONS,
        INVALID_PARAMETERS,
        REFUSED,
        SUCCESS,
        UNKNOWN_VERSIONS,
        VERSIONS, //
    },
    psci::{
        self,
        Expected, //
    },
    Input, //
};

/// Returns whether the identifier is reserved for PSCI, for any kind of call.
fn is_psci(id: u32) -> bool {
    id >> 24 & 0x3f == 4 && id & 0xffff < 0x20
}

fn func_id(input: &mut Input<'_>) -> u32 {
    let ids = FUNCTIONS.map(|(id, ..)| u64::from(id));
    input.near(&ids) as u32
}

/// Checks identifiers, their fields, and the functions that they name.
pub(crate) fn func_ids(input: &mut Input<'_>) {
    let (raw, above) = (func_id(input), input.u32());
    let id = FuncId::from_raw(raw);
    assert_eq!(id.to_raw(), raw);
    let register = u64::from(above) << 32 | u64::from(raw);
    assert_eq!(FuncId::from_register(register), id, "{register:#x}");

    let convention = match raw / (1 << 30) % 2 {
        0 => Convention::Smc32,
        _ => Convention::Smc64,
    };
    let owner = (raw / (1 << 24) % 64) as u8;
    let number = (raw % (1 << 16)) as u16;
    assert_eq!(
        (id.convention(), id.owner(), id.number()),
        (convention, owner, number),
        "{raw:#x}"
    );
    // Neither a yielding call nor the hint nor reserved bits can be built.
    let fast = FuncId::fast(convention, owner | (above as u8 & 0xc0), number);
    assert_eq!(fast.to_raw(), raw & 0x7f00_ffff | 0x8000_0000, "{raw:#x}");

    let (call, gate) = match FUNCTIONS.iter().find(|(known, ..)| *known == raw) {
        Some((_, call, gate)) => (*call, *gate),
        None if is_psci(raw) => {
            let call = PsciCall {
                function: PsciFunction::Unknown,
                convention,
            };
            (Call::Psci(call), Gate::Open)
        }
        None => (Call::Unknown, Gate::Closed),
    };
    assert_eq!((Call::decode(id), call.gate()), (call, gate), "{raw:#x}");

    // Bit 0 of the service's bitmap; bit 1 for PTP.
    let (bits, ptp) = (input.u64(), raw == 0x8600_0001);
    let open = match gate {
        Gate::Open => true,
        Gate::Service(_) => bits >> u32::from(ptp) & 1 == 1,
        Gate::Closed => false,
    };
    assert_eq!(gate.is_open(|_| bits), open, "{raw:#x}, {bits:#x}");
}

fn guest(input: &mut Input<'_>) -> Guest {
    let ids = FUNCTIONS.map(|(id, ..)| u64::from(id));
    let numbers = [0, 1, 2, 3, 96, 192, 0x100, 0x01_0000_0002];
    let versions = match input.u8() % 4 {
        0 => input.one_of(&UNKNOWN_VERSIONS),
        _ => input.one_of(&VERSIONS),
    };
    let mut argument = || match input.bool() {
        true => input.near(&ids),
        false => input.near(&numbers),
    };
    Guest {
        registers: [argument(), argument(), argument(), argument()],
        is_32bit: input.bool(),
        psci_version: versions,
        std_bmap: input.near(&[0, 1]),
        std_hyp_bmap: input.near(&[0, 1]),
        vendor_hyp_bmap: input.near(&[0, 1, 2, 3]),
        vendor_hyp_bmap_2: input.near(&[0, 1, 2, 3]),
        spectre_v2: input.one_of(&Mitigation::ALL),
        spectre_v4: input.one_of(&Mitigation::ALL),
        spectre_bhb: input.one_of(&Mitigation::ALL),
        ssbs: input.bool(),
        stolen_time: input.bool().then(|| input.u64()),
        may_suspend_system: input.bool(),
    }
}

/// Returns the expected result of a call.
fn expected(guest: &Guest, id: u32) -> Expected {
    let [_, x1, ..] = guest.registers;
    let w1 = x1 as u32;
    let trng = guest.std_bmap % 2 == 1;
    let pv_time = guest.std_hyp_bmap % 2 == 1;
    let vendor = guest.vendor_hyp_bmap % 2 == 1;
    let ptp = guest.vendor_hyp_bmap / 2 % 2 == 1;
    let perform = Decision::Perform;

    Expected::Is(match id {
        0x8000_0000 => value(0x1_0001),
        0x8000_0001 => match w1 {
            0x8000_8000 => perform(Action::Workaround(WorkaroundQuery::Workaround1)),
            0x8000_7fff => perform(Action::Workaround(WorkaroundQuery::Workaround2)),
            0x8000_3fff => perform(Action::Workaround(WorkaroundQuery::Workaround3)),
            0xc500_0020 if pv_time => value(SUCCESS),
            _ => REFUSED,
        },
        0x8400_0050 if trng => value(0x1_0000),
        // TRNG reads the whole register.
        0x8400_0051 if trng => match x1 {
            0x8400_0050..=0x8400_0053 | 0xc400_0053 => value(SUCCESS),
            _ => REFUSED,
        },
        0x8400_0052 if trng => {
            Decision::Return(uuid_registers("0d21e000-4384-11eb-8070-5244554e5a4c"))
        }
        0x8400_0053 | 0xc400_0053 if trng => {
            let (width, convention) = match id >> 30 & 1 {
                0 => (32, Convention::Smc32),
                _ => (64, Convention::Smc64),
            };
            if w1 > 3 * width {
                value(INVALID_PARAMETERS)
            } else {
                let bits = w1;
                perform(Action::Random(
                    RandomBits::new(bits, convention).expect("they fit"),
                ))
            }
        }
        0xc500_0020 if pv_time => match (w1, guest.stolen_time) {
            (0xc500_0020 | 0xc500_0021, Some(_)) => value(SUCCESS),
            _ => REFUSED,
        },
        0xc500_0021 if pv_time => guest
            .stolen_time
            .map_or(REFUSED, |_| perform(Action::StolenTime)),
        0x8600_0000 if vendor => {
            Decision::Return([guest.vendor_hyp_bmap, 0, guest.vendor_hyp_bmap_2, 0])
        }
        0x8600_0001 if ptp => match w1 {
            0 => perform(Action::SystemTime(PtpCounter::Virtual)),
            1 => perform(Action::SystemTime(PtpCounter::Physical)),
            _ => REFUSED,
        },
        0x8600_ff01 if vendor => {
            Decision::Return(uuid_registers("28b46fb6-2ec5-11e9-a9ca-4b564d003a74"))
        }
        0x95c1_ba5e..=0x95c1_ba61 => return psci::expected_0_1(guest, id - 0x95c1_ba5e),
        _ if is_psci(id) => return psci::expected(guest, id),
        _ => REFUSED,
    })
}

/// Checks which vCPUs belong to an affinity instance, and the answer about them.
fn affinity(input: &mut Input<'_>, query: AffinityQuery, target: u64, level: u64) {
    // The affinity instance is named by the fields from the level on.
    let instance = |affinity: u64| (affinity & 0xff_00ff_ffff) >> (8 * level);
    let vcpus: [(u64, bool); 4] = std::array::from_fn(|_| {
        let affinity = input.near(&[target, target, 0, 1]) & 0xff_00ff_ffff;
        (affinity, input.bool())
    });
    for (affinity, _) in vcpus {
        let belongs = instance(affinity) == instance(target);
        assert_eq!(
            query.matches(affinity),
            belongs,
            "{query:x?}, {affinity:#x}"
        );
    }
    assert!(query.matches(query.target()));

    let mut expected = INVALID_PARAMETERS;
    for (_, stopped) in vcpus
        .iter()
        .filter(|(affinity, _)| instance(*affinity) == instance(target))
    {
        expected = if *stopped && expected != 0 { 1 } else { 0 };
    }
    let answer = query.answer(vcpus, |(affinity, _)| *affinity, |(_, stopped)| *stopped);
    assert_eq!(answer, expected, "{query:x?}, {vcpus:x?}");

    let mut seen = Seen::affinity_info(query, 4);
    for (affinity, stopped) in vcpus {
        seen.vcpu(affinity);
        if query.matches(affinity) {
            seen.power(stopped);
        }
    }
    assert_eq!(
        seen.verdict(),
        Verdict::Returns(expected),
        "{query:x?}, {vcpus:x?}"
    );
}

fn system_time(input: &mut Input<'_>) {
    let (nanoseconds, cycles) = (input.u64(), input.u64());
    let [a, b, c, d] = SystemTime {
        nanoseconds,
        cycles,
    }
    .to_registers()
    .map(u128::from);
    let (nanoseconds, cycles) = (nanoseconds.into(), cycles.into());
    assert_eq!(
        (a * (1 << 32) + b, c * (1 << 32) + d),
        (nanoseconds, cycles)
    );
    assert!([a, b, c, d].iter().all(|half| *half < 1 << 32));
}

pub(crate) fn run(input: &mut Input<'_>) {
    let guest = guest(input);
    let id = func_id(input);
    let decision = Decision::of(&guest, FuncId::from_raw(id));
    match (expected(&guest, id), decision) {
        (Expected::Affinity { target, level }, Decision::Perform(Action::AffinityInfo(query))) => {
            affinity(input, query, target, level)
        }
        (Expected::Is(expected), decision) => {
            assert_eq!(decision, expected, "{id:#x} of {guest:#x?}");
        }
        (expected, decision) => panic!("{id:#x} of {guest:#x?}: {decision:x?}, not {expected:x?}"),
    }
    if let Decision::Perform(Action::CpuOn(power_on)) = decision {
        assert_eq!(power_on.decide(true), Ok(()));
        assert_eq!(power_on.decide(false), Err(power_on.already_on));
    }

    // x0 holds only the identifier, and a 32-bit function ignores upper halves, except for PSCI
    // 0.1, which is older than this rule, and for TRNG_FEATURES.
    if id >> 30 == 0b10 && id != 0x8400_0051 && !(0x95c1_ba5e..=0x95c1_ba61).contains(&id) {
        let mut narrow = guest;
        for register in &mut narrow.registers[1..] {
            *register %= 1 << 32;
        }
        let same = Decision::of(&narrow, FuncId::from_raw(id));
        assert_eq!(decision, same, "{id:#x} of {guest:#x?}");
    }
    system_time(input);
}
