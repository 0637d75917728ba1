// SPDX-License-Identifier: GPL-2.0

//! The identifiers of KVM's functions, and the guests that may call them.
//!
//! The model is the table of functions; identifiers outside it follow the rules of
//! `kvm_smccc_default_allowed()`, restated as arithmetic.

mod common;
mod random;

use common::FUNCTIONS;
use kvm_abi::{
    Call,
    Convention,
    FeatureBitmap,
    FuncId,
    Gate,
    PsciCall,
    PsciFunction,
    Service, //
};
use proptest::prelude::*;

/// Each service with its bitmap and its bit.
const SERVICES: [(Service, FeatureBitmap, u64); 4] = [
    (Service::Trng, FeatureBitmap::Std, 1 << 0),
    (Service::PvTime, FeatureBitmap::StdHyp, 1 << 0),
    (Service::FunctionFeatures, FeatureBitmap::VendorHyp, 1 << 0),
    (Service::Ptp, FeatureBitmap::VendorHyp, 1 << 1),
];

fn decode(raw: u32) -> Call {
    Call::decode(FuncId::from_raw(raw))
}

/// Returns the meaning of an identifier outside the table, and its gate.
///
/// PSCI has the numbers 0 to 0x1f of the standard services, with any type of call and any reserved
/// bits.
fn unlisted(raw: u32) -> (Call, Gate) {
    let (owner, number) = (raw / 0x100_0000 % 0x40, raw % 0x1_0000);
    if owner == 4 && number < 0x20 {
        let convention = if raw / 0x4000_0000 % 2 == 1 {
            Convention::Smc64
        } else {
            Convention::Smc32
        };
        let function = PsciFunction::Unknown;
        let call = PsciCall {
            function,
            convention,
        };
        (Call::Psci(call), Gate::Open)
    } else {
        (Call::Unknown, Gate::Closed)
    }
}

/// Returns the meaning of an identifier, and its gate.
fn expected(raw: u32) -> (Call, Gate) {
    match FUNCTIONS.binary_search_by_key(&raw, |(id, ..)| *id) {
        Ok(row) => (FUNCTIONS[row].1, FUNCTIONS[row].2),
        Err(_) => unlisted(raw),
    }
}

#[test]
fn ids_are_those_of_the_table() {
    let mut ids = Call::IDS.map(FuncId::to_raw);
    ids.sort_unstable();
    assert!(ids.iter().eq(FUNCTIONS.iter().map(|(id, ..)| id)));
}

fn assert_expected(raw: u32) {
    let is_psci = matches!(decode(raw), Call::Psci(_));
    assert_eq!(FuncId::from_raw(raw).is_psci(), is_psci, "{raw:#x}");
    let call = decode(raw);
    assert_eq!((call, call.gate()), expected(raw), "{raw:#x}");
}

/// Numbers near those of functions.
fn numbers_near_functions() -> Vec<u32> {
    let mut numbers: Vec<_> = FUNCTIONS
        .iter()
        .flat_map(|(id, ..)| {
            [
                id % 0x1_0000,
                id.wrapping_sub(1) % 0x1_0000,
                (id + 1) % 0x1_0000,
            ]
        })
        .chain(0..=0x21)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[test]
fn table_is_in_order_and_names_each_function_once() {
    for pair in FUNCTIONS.windows(2) {
        assert!(pair[0].0 < pair[1].0, "{pair:x?}");
    }
    for (id, call, _) in FUNCTIONS {
        let rows = FUNCTIONS.iter().filter(|row| row.1 == call);
        assert_eq!(rows.count(), 1, "{id:#x}");
        assert_ne!(call, Call::Unknown);
    }
}

#[test]
fn functions_of_the_table_are_known() {
    for (id, call, gate) in FUNCTIONS {
        assert_eq!(decode(id), call, "{id:#x}");
        assert_eq!(call.gate(), gate, "{call:?}");
    }
}

#[test]
fn every_number_of_every_owner_is_as_in_the_table() {
    // 0x00, 0x40, 0x80 and 0xc0: yielding and fast, of 32 and of 64 bits.
    let mut table = FUNCTIONS.iter().peekable();
    for high in 0..=0xffu32 {
        for number in 0..=0xffffu32 {
            let raw = high * 0x100_0000 + number;
            // Identifiers of PSCI 0.1 have bits set that are reserved in others.
            while table.next_if(|(id, ..)| *id < raw).is_some() {}
            let row = table.next_if(|(id, ..)| *id == raw);
            let (expected, gate) = row.map_or_else(|| unlisted(raw), |row| (row.1, row.2));
            let call = decode(raw);
            if call != expected || call.gate() != gate {
                panic!("{raw:#x}: {call:?}, {:?}", call.gate());
            }
        }
    }
}

#[test]
fn reserved_bits_and_the_hint_make_another_identifier() {
    let numbers = numbers_near_functions();
    for high in 0..=0xffu32 {
        for reserved in 1..=0xffu32 {
            for number in &numbers {
                assert_expected(high * 0x100_0000 + reserved * 0x1_0000 + number);
            }
        }
    }
    // So the hint that the caller has no SVE state hides every function; an identifier of PSCI
    // stays one of PSCI, but names none of its functions.
    for (id, ..) in FUNCTIONS {
        let hinted = decode(id ^ 1 << 16);
        let is_psci = matches!(decode(id), Call::Psci(_));
        assert_eq!(hinted != Call::Unknown, is_psci, "{id:#x}");
    }
}

#[test]
fn no_bit_of_a_function_is_ignored() {
    for (id, call, _) in FUNCTIONS {
        for bit in 0..32 {
            assert_ne!(decode(id ^ 1 << bit), call, "{id:#x}, {bit}");
            assert_expected(id ^ 1 << bit);
        }
    }
}

#[test]
fn yielding_calls_name_no_function() {
    for (id, ..) in FUNCTIONS {
        let yielding = decode(id - 0x8000_0000);
        let unknown = matches!(
            yielding,
            Call::Unknown
                | Call::Psci(PsciCall {
                    function: PsciFunction::Unknown,
                    ..
                })
        );
        assert!(unknown, "{id:#x}, {yielding:?}");
    }
}

#[test]
fn psci_has_32_numbers() {
    for number in 0..0x40 {
        for base in [
            0x8400_0000,
            0xc400_0000,
            0x0400_0000,
            0x4400_0000,
            0x8401_0000,
        ] {
            let call = decode(base + number);
            let is_psci = matches!(call, Call::Psci(_));
            assert_eq!(is_psci, number <= 0x1f, "{:#x}", base + number);
            assert_eq!(call.gate() == Gate::Open, number <= 0x1f);
        }
    }
}

#[test]
fn psci_0_1_has_four_numbers() {
    for off in 0..0x200 {
        let raw = 0x95c1_ba5e - 0x100 + off;
        let is_psci = matches!(decode(raw), Call::Psci01(_));
        assert_eq!(is_psci, (0x100..0x104).contains(&off), "{raw:#x}");
    }
}

#[test]
fn numbers_of_pkvm_are_unknown() {
    // Discovery of implementations as well, which userspace serves.
    for number in 2..0xff01 {
        assert_eq!(decode(0x8600_0000 + number), Call::Unknown, "{number}");
        assert_eq!(decode(0xc600_0000 + number), Call::Unknown, "{number}");
    }
}

#[test]
fn services_have_the_bits_of_the_uapi() {
    for (service, map, mask) in SERVICES {
        assert_eq!(
            (service.bitmap(), service.mask()),
            (map, mask),
            "{service:?}"
        );
        assert_eq!(map.supported() & mask, mask, "{service:?}");
    }
}

#[test]
fn service_depends_on_its_bit_only() {
    for (service, map, mask) in SERVICES {
        let gate = Gate::Service(service);
        for bit in (0..64).map(|bit| 1 << bit) {
            let is_open = |value| {
                gate.is_open(|asked| {
                    assert_eq!(asked, map, "{service:?}");
                    value
                })
            };
            assert_eq!(is_open(bit), bit == mask, "{service:?}, {bit:#x}");
            assert_eq!(is_open(!bit), bit != mask, "{service:?}, {bit:#x}");
        }
    }
}

#[test]
fn other_gates_ask_for_no_bitmap() {
    let asked = |map: FeatureBitmap| -> u64 { panic!("{map:?}") };
    assert!(Gate::Open.is_open(asked));
    assert!(!Gate::Closed.is_open(asked));
}

proptest! {
    #![proptest_config(random::cases(4096))]

    #[test]
    fn any_identifier_is_as_in_the_table(
        raw in prop_oneof![
            any::<u32>(),
            // Any with an owner that has functions.
            (any::<u32>(), 4..=6u32).prop_map(|(raw, owner)| raw & 0xc0ff_ffff | owner << 24),
            (0..FUNCTIONS.len(), -8..=8i32)
                .prop_map(|(row, off)| FUNCTIONS[row].0.wrapping_add_signed(off)),
        ],
    ) {
        assert_expected(raw);
    }
}
