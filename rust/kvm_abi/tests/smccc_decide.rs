// SPDX-License-Identifier: GPL-2.0

//! Calls other than those of PSCI: the result, which depends on the services of the VM and on the
//! state of the host.
//!
//! The expectations come from Arm DEN 0028 (SMCCC), from DEN 0057 (paravirtualised time) and from
//! the cases of `kvm_smccc_call_handler()`.

mod common;
mod random;

use common::{
    uuid_registers,
    value,
    Guest,
    FUNCTIONS,
    GUEST,
    NOT_SUPPORTED,
    REFUSED,
    SUCCESS,
    TRNG_FEATURES,
    TRNG_GET_UUID,
    TRNG_RND,
    TRNG_RND64,
    TRNG_VERSION,
    UNKNOWN_VERSIONS,
    VERSIONS, //
};
use kvm_abi::{
    vectors::{
        HOSTS,
        WORKAROUND_1_3,
        WORKAROUND_2, //
    },
    Action,
    Call,
    Decision,
    FeatureBitmap,
    Gate,
    Mitigation,
    PtpCounter,
    SystemTime,
    WorkaroundQuery, //
};
use proptest::prelude::*;

const SMCCC_VERSION: u32 = 0x8000_0000;
const ARCH_FEATURES: u32 = 0x8000_0001;
const VENDOR_HYP_FEATURES: u32 = 0x8600_0000;
const PTP: u32 = 0x8600_0001;
const VENDOR_HYP_UID: u32 = 0x8600_ff01;
const PV_TIME_FEATURES: u32 = 0xc500_0020;
const PV_TIME_ST: u32 = 0xc500_0021;

/// The workarounds of the firmware that `SMCCC_ARCH_FEATURES` answers about.
const WORKAROUNDS: [(u64, WorkaroundQuery); 3] = [
    (0x8000_8000, WorkaroundQuery::Workaround1),
    (0x8000_7fff, WorkaroundQuery::Workaround2),
    (0x8000_3fff, WorkaroundQuery::Workaround3),
];

/// `NOT_REQUIRED` of SMCCC.
const NOT_REQUIRED: u64 = -2i64 as u64;

/// The calls that each service opens.
const SERVICES: [(FeatureBitmap, u64, &[u32]); 4] = [
    (
        FeatureBitmap::Std,
        0b01,
        &[
            TRNG_VERSION,
            TRNG_FEATURES,
            TRNG_GET_UUID,
            TRNG_RND,
            TRNG_RND64,
        ],
    ),
    (FeatureBitmap::StdHyp, 0b01, &[PV_TIME_FEATURES, PV_TIME_ST]),
    (
        FeatureBitmap::VendorHyp,
        0b01,
        &[VENDOR_HYP_FEATURES, VENDOR_HYP_UID],
    ),
    (FeatureBitmap::VendorHyp, 0b10, &[PTP]),
];

/// Values for the upper half of a register that is used as one of 32 bits.
const GARBAGE: [u64; 6] = [
    0,
    1 << 32,
    1 << 63,
    0xdead_beef_0000_0000,
    0xffff_ffff_0000_0000,
    0x8000_0001_0000_0000,
];

/// Values of `x2` and `x3`, which functions of one argument must ignore.
const OTHERS: [[u64; 2]; 3] = [[0, 0], [u64::MAX, u64::MAX], [1, 0x8000_8000]];

/// Returns whether a call is one of any version of PSCI.
fn is_psci(call: Call) -> bool {
    matches!(call, Call::Psci(_) | Call::Psci01(_))
}

/// An argument that the function accepts, if it is offered.
fn argument(id: u32) -> u64 {
    match id {
        ARCH_FEATURES => 0x8000_8000,
        TRNG_FEATURES => TRNG_RND.into(),
        PV_TIME_FEATURES => PV_TIME_ST.into(),
        _ => 0,
    }
}

#[test]
fn each_service_opens_its_calls_and_no_others() {
    for bit in (0..64).map(|bit| 1 << bit) {
        for map in FeatureBitmap::ALL {
            let only = GUEST.without_services().with_bitmap(map, bit);
            let without = GUEST.with_bitmap(map, !bit);
            for (id, call, _) in FUNCTIONS.into_iter().filter(|row| !is_psci(row.1)) {
                let of_service = |(of, mask, ids): &(_, _, &[u32])| {
                    (*of, *mask) == (map, bit) && ids.contains(&id)
                };
                let opened = SERVICES.iter().any(of_service);
                let gated = SERVICES.iter().any(|(.., ids)| ids.contains(&id));
                let open = matches!(call, Call::Version | Call::ArchFeatures);
                let served = |guest: Guest| guest.calls(id, [argument(id), 0, 0]) != REFUSED;

                assert_eq!(served(only), opened || open, "{id:#x}, {map:?}, {bit:#x}");
                let left = gated && !opened || open;
                assert_eq!(served(without), left, "{id:#x}, {map:?}, {bit:#x}");
            }
        }
    }
}

#[test]
fn refused_call_returns_not_supported_and_zeros() {
    let guest = GUEST.without_services();
    for (id, _, gate) in FUNCTIONS {
        if gate != Gate::Open {
            assert_eq!(guest.calls(id, [u64::MAX; 3]), REFUSED, "{id:#x}");
        }
    }
    assert_eq!(REFUSED, Decision::NOT_SUPPORTED);
}

#[test]
fn unknown_calls_are_refused_to_every_guest() {
    for high in 0..=0xffu32 {
        for low in [
            0, 1, 2, 0x1f, 0x20, 0x22, 0x40, 0x54, 0x8000, 0xff00, 0xff01, 0x1_0000,
        ] {
            let id = high * 0x100_0000 + low;
            if FUNCTIONS.iter().all(|(known, ..)| *known != id) {
                for arguments in [[0; 3], [u64::MAX; 3], [0x8000_8000, 0, 0]] {
                    assert_eq!(GUEST.calls(id, arguments), REFUSED, "{id:#x}");
                }
            }
        }
    }
}

#[test]
fn workarounds_themselves_are_not_served() {
    for (id, _) in WORKAROUNDS {
        assert_eq!(GUEST.calls(id as u32, [0; 3]), REFUSED, "{id:#x}");
    }
}

#[test]
fn neither_psci_version_nor_width_matter_to_other_calls() {
    for (id, call, _) in FUNCTIONS.into_iter().filter(|row| !is_psci(row.1)) {
        let expected = GUEST.calls(id, [argument(id), 0, 0]);
        for is_32bit in [false, true] {
            for psci_version in VERSIONS.into_iter().chain(UNKNOWN_VERSIONS) {
                for may_suspend_system in [false, true] {
                    let guest = Guest {
                        is_32bit,
                        psci_version,
                        may_suspend_system,
                        ..GUEST
                    };
                    let decision = guest.calls(id, [argument(id), 0, 0]);
                    assert_eq!(decision, expected, "{call:?}, {guest:?}");
                }
            }
        }
    }
}

#[test]
fn smccc_is_1_1_for_every_guest() {
    for guest in [GUEST, GUEST.without_services()] {
        for arguments in [[0; 3], [u64::MAX; 3]] {
            assert_eq!(guest.calls(SMCCC_VERSION, arguments), value(0x1_0001));
        }
    }
}

#[test]
fn workarounds_depend_on_the_host() {
    for (id, query) in WORKAROUNDS {
        let expected = Decision::Perform(Action::Workaround(query));
        for guest in [GUEST, GUEST.without_services()] {
            assert_eq!(guest.calls(ARCH_FEATURES, [id, 0, 0]), expected, "{id:#x}");
        }
    }
}

#[test]
fn workarounds_1_and_3_follow_the_host() {
    // `NOT_AVAIL`, `AVAIL` and `NOT_REQUIRED` of the registers.
    let answers = [NOT_SUPPORTED, SUCCESS, 1];
    for (host, level, _) in WORKAROUND_1_3 {
        for query in [WorkaroundQuery::Workaround1, WorkaroundQuery::Workaround3] {
            // They do not depend on SSBS.
            let answer = query.answer(host, || panic!("{query:?}"));
            assert_eq!(answer, answers[level as usize], "{query:?}, {host:?}");
        }
    }
}

#[test]
fn workaround_2_follows_the_host_and_ssbs() {
    for (host, ssbs, level, _) in WORKAROUND_2 {
        let expected = match level {
            // A guest that sees SSBS protects itself.
            0 => NOT_SUPPORTED,
            3 => NOT_REQUIRED,
            _ => unreachable!(),
        };
        let answer = WorkaroundQuery::Workaround2.answer(host, || ssbs);
        assert_eq!(answer, expected, "{host:?}, {ssbs}");
    }
}

#[test]
fn unaffected_hosts_need_no_workaround_2_with_ssbs_or_without() {
    for ssbs in [false, true] {
        let answer = WorkaroundQuery::Workaround2.answer(Mitigation::Unaffected, || ssbs);
        assert_eq!(answer, NOT_REQUIRED, "{ssbs}");
    }
}

#[test]
fn neoverse_hosts_answer_as_recorded() {
    for host in HOSTS {
        let [v2, _, bhb] = host.mitigations;
        let answers = [
            WorkaroundQuery::Workaround1.answer(v2, || true),
            WorkaroundQuery::Workaround3.answer(bhb, || true),
        ];
        let levels = [host.workarounds[0], host.workarounds[2]];
        let expected = levels.map(|level| [NOT_SUPPORTED, SUCCESS, 1][level as usize]);
        assert_eq!(answers, expected, "{}", host.cpu);
    }
}

#[test]
fn arch_features_reports_pv_time_by_its_bit_only() {
    for bit in (0..64).map(|bit| 1 << bit) {
        for stolen_time in [None, Some(0)] {
            let guest = Guest {
                stolen_time,
                ..GUEST.without_services()
            };
            let offered = guest.with_bitmap(FeatureBitmap::StdHyp, bit);
            let decision = offered.calls(ARCH_FEATURES, [PV_TIME_FEATURES.into(), 0, 0]);
            let expected = if bit == 1 { value(SUCCESS) } else { REFUSED };
            assert_eq!(decision, expected, "{bit:#x}");
        }
    }
}

#[test]
fn arch_features_knows_four_functions() {
    let known = [0x8000_8000, 0x8000_7fff, 0x8000_3fff, 0xc500_0020];
    // All identifiers of the owners that have functions, and those of PSCI 0.1.
    let owners = [0x80, 0xc0, 0x84, 0xc4, 0x85, 0xc5, 0x86, 0xc6, 0x00, 0x05];
    let ids = owners
        .into_iter()
        .flat_map(|high| (0..=0xffff).map(move |low| high << 24 | low));
    for id in ids.chain(FUNCTIONS.map(|(id, ..)| id.into())) {
        let refused = GUEST.calls(ARCH_FEATURES, [id, 0, 0]) == REFUSED;
        assert_eq!(refused, !known.contains(&id), "{id:#x}");
    }
}

#[test]
fn arguments_of_32_bits_are_lower_halves() {
    // Except for TRNG_FEATURES.
    let calls = [ARCH_FEATURES, PV_TIME_FEATURES, PTP, TRNG_RND, TRNG_RND64];
    let arguments = FUNCTIONS.map(|(id, ..)| id.into());
    let arguments = arguments.into_iter().chain(0..=200).chain([0xffff_ffff]);
    for x1 in arguments {
        for id in calls {
            let expected = GUEST.calls(id, [x1, 0, 0]);
            for garbage in GARBAGE {
                for [x2, x3] in OTHERS {
                    let decision = GUEST.calls(id, [garbage | x1, x2, x3]);
                    assert_eq!(decision, expected, "{id:#x}, {x1:#x}, {garbage:#x}");
                }
            }
        }
    }
}

#[test]
fn pv_time_needs_memory_from_userspace() {
    for (stolen_time, answer) in [
        (None, NOT_SUPPORTED),
        (Some(0), SUCCESS),
        (Some(64), SUCCESS),
    ] {
        let guest = Guest {
            stolen_time,
            ..GUEST
        };
        for feature in [PV_TIME_FEATURES, PV_TIME_ST] {
            let decision = guest.calls(PV_TIME_FEATURES, [feature.into(), 0, 0]);
            assert_eq!(decision, value(answer), "{stolen_time:?}, {feature:#x}");
        }
    }
}

#[test]
fn pv_time_features_knows_two_functions() {
    let ids = (0xc500_0000..=0xc500_ffffu32).chain(0x8500_0000..=0x8500_ffff);
    for id in ids.chain(FUNCTIONS.map(|(id, ..)| id)) {
        let refused = GUEST.calls(PV_TIME_FEATURES, [id.into(), 0, 0]) == REFUSED;
        assert_eq!(
            refused,
            ![PV_TIME_FEATURES, PV_TIME_ST].contains(&id),
            "{id:#x}"
        );
    }
}

#[test]
fn stolen_time_is_where_userspace_put_it() {
    for base in [0, 64, 0x12_3456_7000, 0x000f_ffff_ffff_ffc0] {
        let mut guest = GUEST;
        guest.stolen_time = Some(base);
        let expected = Decision::Perform(Action::StolenTime);
        assert_eq!(guest.calls(PV_TIME_ST, [0; 3]), expected, "{base:#x}");
        assert_eq!(
            guest.calls(PV_TIME_ST, [u64::MAX; 3]),
            expected,
            "{base:#x}"
        );
    }
    let mut guest = GUEST;
    guest.stolen_time = None;
    assert_eq!(guest.calls(PV_TIME_ST, [0; 3]), REFUSED);
}

#[test]
fn vendor_is_kvm() {
    let uid = uuid_registers("28b46fb6-2ec5-11e9-a9ca-4b564d003a74");
    assert_eq!(GUEST.calls(VENDOR_HYP_UID, [0; 3]), Decision::Return(uid));
    assert_eq!(
        GUEST.calls(VENDOR_HYP_UID, [u64::MAX; 3]),
        Decision::Return(uid)
    );
}

#[test]
fn features_of_the_vendor_are_both_bitmaps() {
    for features in [0b01, 0b11] {
        for features_2 in 0..4 {
            let mut guest = GUEST;
            (guest.vendor_hyp_bmap, guest.vendor_hyp_bmap_2) = (features, features_2);
            let expected = Decision::Return([features, 0, features_2, 0]);
            for arguments in [[0; 3], [u64::MAX; 3]] {
                assert_eq!(guest.calls(VENDOR_HYP_FEATURES, arguments), expected);
            }
        }
    }
}

#[test]
fn time_of_day_comes_with_the_virtual_or_the_physical_counter() {
    for counter in (0..=0x1000)
        .chain((1..32).map(|bit| 1 << bit))
        .chain([0xffff_ffff])
    {
        let expected = match counter {
            0 => Decision::Perform(Action::SystemTime(PtpCounter::Virtual)),
            1 => Decision::Perform(Action::SystemTime(PtpCounter::Physical)),
            _ => REFUSED,
        };
        assert_eq!(GUEST.calls(PTP, [counter, 0, 0]), expected, "{counter:#x}");
    }
}

#[test]
fn time_of_day_is_returned_in_halves() {
    for (nanoseconds, cycles, expected) in [
        (0, 0, [0, 0, 0, 0]),
        (0xffff_ffff, 0x1_0000_0000, [0, 0xffff_ffff, 1, 0]),
        (
            0x1843_8c1d_2f3e_4d5c,
            u64::MAX,
            [0x1843_8c1d, 0x2f3e_4d5c, 0xffff_ffff, 0xffff_ffff],
        ),
        (
            i64::MAX as u64,
            1 << 63,
            [0x7fff_ffff, 0xffff_ffff, 0x8000_0000, 0],
        ),
    ] {
        let time = SystemTime {
            nanoseconds,
            cycles,
        };
        assert_eq!(time.to_registers(), expected, "{time:x?}");
    }
}

proptest! {
    #![proptest_config(random::cases(2048))]

    #[test]
    fn without_services_only_smccc_and_psci_are_served(
        id: u32,
        arguments: [u64; 3],
        row in 0..FUNCTIONS.len(),
    ) {
        let guest = GUEST.without_services();
        for id in [id, FUNCTIONS[row].0] {
            let listed = FUNCTIONS.iter().find(|(known, ..)| *known == id);
            if listed.is_none_or(|(.., gate)| *gate != Gate::Open) {
                prop_assert_eq!(guest.calls(id, arguments), REFUSED, "{:#x}", id);
            }
        }
    }
}
