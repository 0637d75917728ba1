// SPDX-License-Identifier: GPL-2.0

//! Which calls can be answered before the vCPU leaves its guest: those that change nothing but the
//! caller's registers, and that need neither a lock nor memory. These are decided without an
//! action, except for a query about a workaround.

mod common;

use common::{
    Guest,
    FUNCTIONS,
    GUEST,
    NOT_SUPPORTED,
    REFUSED,
    VERSIONS, //
};
use kvm_abi::{
    Action,
    Decision,
    WorkaroundQuery, //
};

const ARCH_FEATURES: u32 = 0x8000_0001;

/// The functions that have an effect, or whose answer is more than values: each with arguments for
/// which it is performed.
const PERFORMED: [(u32, [u64; 3]); 20] = [
    (0x8400_0001, [0, 0, 0]), // CPU_SUSPEND
    (0xc400_0001, [0, 0, 0]),
    (0x8400_0002, [0, 0, 0]), // CPU_OFF
    (0x8400_0003, [0, 0, 0]), // CPU_ON
    (0xc400_0003, [0, 0, 0]),
    (0x8400_0004, [0, 0, 0]), // AFFINITY_INFO
    (0xc400_0004, [0, 0, 0]),
    (0x8400_0008, [0, 0, 0]), // SYSTEM_OFF
    (0x8400_0009, [0, 0, 0]), // SYSTEM_RESET
    (0x8400_000e, [0, 0, 0]), // SYSTEM_SUSPEND
    (0xc400_000e, [0, 0, 0]),
    (0x8400_0012, [0, 0, 0]), // SYSTEM_RESET2
    (0xc400_0012, [0, 0, 0]),
    (0x8400_0015, [0, 0, 0]), // SYSTEM_OFF2
    (0xc400_0015, [0, 0, 0]),
    (0x8400_0053, [1, 0, 0]), // TRNG_RND
    (0xc400_0053, [1, 0, 0]),
    (0x8600_0001, [0, 0, 0]), // PTP
    (0x8600_0001, [1, 0, 0]),
    (0xc500_0021, [0, 0, 0]), // PV_TIME_ST
];

/// Those of PSCI 0.1.
const PERFORMED_0_1: [u32; 2] = [0x95c1_ba5f, 0x95c1_ba60];

/// Returns the registers of a guest whose call is answered by values alone.
fn at_once(guest: Guest, id: u32, arguments: [u64; 3]) -> Option<[u64; 4]> {
    match guest.calls(id, arguments) {
        Decision::Value(x0) => Some([x0, 0, 0, 0]),
        Decision::Return(registers) => Some(registers),
        Decision::Perform(_) => None,
    }
}

fn of_0_1() -> Guest {
    Guest {
        psci_version: VERSIONS[0],
        ..GUEST
    }
}

#[test]
fn calls_with_an_effect_leave_the_guest() {
    for (id, arguments) in PERFORMED {
        assert_eq!(at_once(GUEST, id, arguments), None, "{id:#x}");
    }
    for id in PERFORMED_0_1 {
        assert_eq!(at_once(of_0_1(), id, [0; 3]), None, "{id:#x}");
    }
}

#[test]
fn all_others_are_answered() {
    let performed = |id| {
        PERFORMED.iter().any(|(other, _)| *other == id)
            || PERFORMED_0_1.contains(&id)
            || id == ARCH_FEATURES
    };
    let answered = |guest: Guest, id| assert!(at_once(guest, id, [0; 3]).is_some(), "{id:#x}");
    let known = FUNCTIONS.map(|(id, ..)| id).into_iter();
    for id in known.filter(|id| !performed(*id)) {
        for guest in [GUEST, of_0_1(), GUEST.without_services()] {
            answered(guest, id);
        }
    }
    for high in [
        0x80, 0xc0, 0x84, 0xc4, 0x85, 0xc5, 0x86, 0xc6, 0x00, 0x44u32,
    ] {
        let ids = (0..=0xffff).map(|low| high << 24 | low);
        for id in ids.filter(|id| !performed(*id)) {
            answered(GUEST, id);
        }
    }
}

#[test]
fn whatever_is_refused_is_answered() {
    let guest = GUEST.without_services();
    for (id, ..) in FUNCTIONS {
        if guest.calls(id, [u64::MAX; 3]) == REFUSED {
            let refused = Some([NOT_SUPPORTED, 0, 0, 0]);
            assert_eq!(at_once(guest, id, [u64::MAX; 3]), refused, "{id:#x}");
        }
    }
}

#[test]
fn workarounds_are_answered_by_who_knows_the_host() {
    for (id, query) in [
        (0x8000_8000, WorkaroundQuery::Workaround1),
        (0x8000_7fff, WorkaroundQuery::Workaround2),
        (0x8000_3fff, WorkaroundQuery::Workaround3),
    ] {
        let decision = GUEST.calls(ARCH_FEATURES, [id, 0, 0]);
        assert_eq!(decision, Decision::Perform(Action::Workaround(query)));
    }
}

#[test]
fn nothing_else_asks_about_a_workaround() {
    for (id, ..) in FUNCTIONS {
        let decision = GUEST.calls(id, [0; 3]);
        let asks = matches!(decision, Decision::Perform(Action::Workaround(_)));
        assert!(!asks, "{id:#x}");
    }
}
