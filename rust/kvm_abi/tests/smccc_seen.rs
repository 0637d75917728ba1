// SPDX-License-Identifier: GPL-2.0

//! Calls that are judged by reports about other vCPUs.
//!
//! Reference: `kvm_psci_vcpu_on()`, `kvm_psci_vcpu_affinity_info()`.

mod common;
mod random;

use common::{
    GUEST,
    INVALID_PARAMETERS,
    SUCCESS, //
};
use kvm_abi::{
    Action,
    AffinityQuery,
    Decision,
    Seen,
    Verdict::{
        self,
        LooksAt,
        Returns,
        Unknown, //
    }, //
};
use proptest::prelude::*;

const CPU_ON64: u32 = 0xc400_0003;
const AFFINITY_INFO64: u32 = 0xc400_0004;

const ALREADY_ON: u64 = -4i64 as u64;
const ON: u64 = 0;
const OFF: u64 = 1;

/// A report about other vCPUs.
#[derive(Clone, Copy, Debug)]
enum Says {
    Target(u64, bool),
    Vcpu(u64),
    IsOff,
    IsOn,
}

use Says::{
    IsOff,
    IsOn,
    Target,
    Vcpu, //
};

fn action(id: u32, arguments: [u64; 3]) -> Action {
    match GUEST.calls(id, arguments) {
        Decision::Perform(action) => action,
        other => panic!("{other:?}"),
    }
}

fn verdict(action: Action, vcpus: u32, says: &[Says]) -> Verdict {
    let mut seen = match action {
        Action::CpuOn(request) => Seen::power_on(request),
        Action::AffinityInfo(query) => Seen::affinity_info(query, vcpus),
        other => panic!("{other:?} does not depend on other vCPUs"),
    };
    for says in says {
        match *says {
            Target(affinity, found) => seen.target(affinity, found),
            Vcpu(affinity) => seen.vcpu(affinity),
            IsOff => seen.power(true),
            IsOn => seen.power(false),
        }
    }
    seen.verdict()
}

#[test]
fn vcpu_is_turned_on_by_what_was_seen_under_its_lock() {
    let cases: [(&[Says], Verdict); 13] = [
        (&[], Unknown),
        (&[Target(1, false)], Returns(INVALID_PARAMETERS)),
        (&[Target(1, true), IsOff], Returns(SUCCESS)),
        (&[Target(1, true), IsOn], Returns(ALREADY_ON)),
        // Nobody checked whether it is on.
        (&[Target(1, true)], LooksAt(1)),
        // Another vCPU was looked for, or none.
        (&[Target(2, true), IsOff], LooksAt(1)),
        (&[Target(2, false)], LooksAt(1)),
        (&[Target(1 << 24 | 1, true), IsOff], LooksAt(1)),
        (&[IsOff], LooksAt(1)),
        (&[Target(1, false), IsOff], LooksAt(1)),
        (&[Target(1, true), IsOff, IsOff], LooksAt(1)),
        (&[Vcpu(1), IsOff], LooksAt(1)),
        (
            &[Target(2, true), IsOff, Target(1, true), IsOff],
            LooksAt(1),
        ),
    ];
    for (says, expected) in cases {
        assert_eq!(
            verdict(action(CPU_ON64, [1, 2, 3]), 4, says),
            expected,
            "{says:?}"
        );
    }
}

#[test]
fn answer_follows_from_the_vcpus_that_were_seen() {
    let cases: [(u64, u32, &[Says], Verdict); 17] = [
        (0, 2, &[], Unknown),
        (0, 2, &[Vcpu(0), Vcpu(2)], Returns(INVALID_PARAMETERS)),
        (0, 2, &[Vcpu(0), Vcpu(1), IsOff], Returns(OFF)),
        (0, 2, &[Vcpu(0), Vcpu(1), IsOn], Returns(ON)),
        // The vCPUs after one that is on do not matter.
        (0, 3, &[Vcpu(1), IsOn], Returns(ON)),
        // It is not wrong to look at them, or at more vCPUs than there were at first.
        (0, 1, &[Vcpu(1), IsOn, Vcpu(0), Vcpu(1), IsOff], Returns(ON)),
        (0, 1, &[Vcpu(1), IsOff, Vcpu(1), IsOff], Returns(OFF)),
        (0, 1, &[Vcpu(1), IsOff, Vcpu(1), IsOn], Returns(ON)),
        (1, 2, &[Vcpu(0), IsOff, Vcpu(1), IsOff], Returns(OFF)),
        (
            1,
            2,
            &[Vcpu(0x100), Vcpu(0x1ff)],
            Returns(INVALID_PARAMETERS),
        ),
        // A vCPU of the instance was left out: the last one, another one, all.
        (0, 2, &[Vcpu(0), Vcpu(1)], LooksAt(1)),
        (1, 2, &[Vcpu(3), Vcpu(1), IsOff], LooksAt(3)),
        (0, 2, &[Vcpu(0)], LooksAt(1)),
        (0, 3, &[Vcpu(1), IsOff], LooksAt(1)),
        // The state of a vCPU outside the instance was read.
        (0, 2, &[Vcpu(0), IsOff, Vcpu(1), IsOn], LooksAt(1)),
        (0, 1, &[Vcpu(1), IsOff, IsOn], LooksAt(1)),
        (0, 1, &[Target(1, true), IsOff], LooksAt(1)),
    ];
    for (level, vcpus, says, expected) in cases {
        // If the level selects several vCPUs, the target lacks its lower fields.
        let expected = match expected {
            LooksAt(1) if level == 1 => LooksAt(0),
            other => other,
        };
        let found = verdict(action(AFFINITY_INFO64, [1, level, 0]), vcpus, says);
        assert_eq!(found, expected, "{level}, {vcpus}, {says:?}");
    }
}

fn query(target: u64, level: u64) -> AffinityQuery {
    match action(AFFINITY_INFO64, [target, level, 0]) {
        Action::AffinityInfo(query) => query,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(random::cases(2048))]

    #[test]
    fn reports_decide_as_a_look_at_the_vcpus_would(
        vcpus in prop::collection::vec((0..3u64, 0..2u64, any::<bool>()), 1..12),
        target in 0..3u64,
        level in 0..4u64,
    ) {
        let vcpus: Vec<_> = vcpus.into_iter().map(|(a, b, off)| (a | b << 8, off)).collect();
        let query = query(target, level);
        let answer = query.answer(&vcpus, |(affinity, _)| *affinity, |(_, off)| *off);

        let mut seen = Seen::affinity_info(query, vcpus.len() as u32);
        for &(affinity, off) in &vcpus {
            seen.vcpu(affinity);
            if query.matches(affinity) {
                seen.power(off);
                if !off {
                    break;
                }
            }
        }
        prop_assert_eq!(seen.verdict(), Returns(answer));
    }
}
