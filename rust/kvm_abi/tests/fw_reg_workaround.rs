// SPDX-License-Identifier: GPL-2.0

//! Levels of the firmware workarounds: those that each host presents, and those that it accepts.
//!
//! The models are lookups in the tables of the documentation; no level is computed here.

use kvm_abi::{
    vectors::{
        HOSTS,
        WORKAROUND_1_3,
        WORKAROUND_2,
        WORKAROUND_VALUES_END, //
    },
    Mitigation,
    Reject,
    WorkaroundLevel,
    WorkaroundLevel2, //
};
use proptest::prelude::*;

/// All values of `WORKAROUND_2` that mean something on some host.
const WORKAROUND_2_VALUES: [u64; 5] = [0, 1, 2, 3, 0x12];

/// Values that a signed or a narrow comparison would mistake for small ones.
const HUGE: [u64; 8] = [
    1 << 63,
    (1 << 63) + 1,
    u64::MAX,
    u64::MAX - 1,
    1 << 32,
    (1 << 32) + 1,
    0xffff_ffff,
    0x8000_0000,
];

/// Returns the result of a write to `WORKAROUND_1` or `_3`: each level up to `highest` is accepted.
fn expected_1_3(value: u64, highest: u64) -> Result<(), Reject> {
    match value {
        0x10.. => Err(Reject::InvalidValue),
        _ if (0..=highest).any(|level| level == value) => Ok(()),
        _ => Err(Reject::AboveHost),
    }
}

/// Returns the result of a write to `WORKAROUND_2`: the values in the list are accepted.
fn expected_2(value: u64, accepted: &[u64]) -> Result<(), Reject> {
    if accepted.contains(&value) {
        Ok(())
    } else if WORKAROUND_2_VALUES.contains(&value) {
        Err(Reject::AboveHost)
    } else {
        Err(Reject::InvalidValue)
    }
}

/// The level of `WORKAROUND_2`, its value, and the accepted values, for each state of the host.
fn workaround_2() -> impl Iterator<Item = (WorkaroundLevel2, u64, &'static [u64])> {
    WORKAROUND_2
        .into_iter()
        .map(|(host, ssbs, raw, accepted)| (WorkaroundLevel2::of_host(host, ssbs), raw, accepted))
}

#[test]
fn tables_have_every_state_of_the_host_once() {
    for host in Mitigation::ALL {
        let rows = WORKAROUND_1_3.iter().filter(|row| row.0 == host);
        assert_eq!(rows.count(), 1, "{host:?}");
        for ssbs in [false, true] {
            let rows = WORKAROUND_2
                .iter()
                .filter(|row| (row.0, row.1) == (host, ssbs));
            assert_eq!(rows.count(), 1, "{host:?}, {ssbs}");
        }
    }
}

#[test]
fn level_1_3_of_each_state_is_as_in_the_table() {
    for (host, raw, _) in WORKAROUND_1_3 {
        assert_eq!(WorkaroundLevel::of_host(host).to_raw(), raw, "{host:?}");
    }
}

#[test]
fn level_2_of_each_state_is_as_in_the_table() {
    for (host, ssbs, raw, _) in WORKAROUND_2 {
        assert_eq!(
            WorkaroundLevel2::of_host(host, ssbs).to_raw(),
            raw,
            "{host:?}, {ssbs}"
        );
    }
}

#[test]
fn only_a_mitigated_host_depends_on_ssbs() {
    for host in Mitigation::ALL {
        let seen = WorkaroundLevel2::of_host(host, true).to_raw();
        let hidden = WorkaroundLevel2::of_host(host, false).to_raw();
        if host == Mitigation::Mitigated {
            assert_eq!((seen, hidden), (0, 3));
        } else {
            assert_eq!(seen, hidden, "{host:?}");
        }
    }
}

#[test]
fn level_1_3_accepts_every_value_in_range_as_in_the_table() {
    for (host, _, highest) in WORKAROUND_1_3 {
        for value in 0..=WORKAROUND_VALUES_END {
            assert_eq!(
                WorkaroundLevel::of_host(host).decide(value),
                expected_1_3(value, highest),
                "{host:?}, {value:#x}"
            );
        }
    }
}

#[test]
fn level_2_accepts_every_value_in_range_as_in_the_table() {
    for (host, ssbs, _, accepted) in WORKAROUND_2 {
        for value in 0..=WORKAROUND_VALUES_END {
            assert_eq!(
                WorkaroundLevel2::of_host(host, ssbs).decide(value),
                expected_2(value, accepted),
                "{host:?}, {ssbs}, {value:#x}"
            );
        }
    }
}

#[test]
fn level_2_narrows_what_older_kernels_presented() {
    let narrowed = [0, 0, 3, 3, 3];
    for value in 0..=WORKAROUND_VALUES_END {
        let known = WORKAROUND_2_VALUES.iter().position(|old| *old == value);
        assert_eq!(
            WorkaroundLevel2::narrow(value).map(WorkaroundLevel2::to_raw),
            known.map(|i| narrowed[i]).ok_or(Reject::InvalidValue),
            "{value:#x}"
        );
    }
}

#[test]
fn huge_values_are_never_small() {
    for value in HUGE {
        for (host, ..) in WORKAROUND_1_3 {
            let level = WorkaroundLevel::of_host(host);
            assert_eq!(level.decide(value), Err(Reject::InvalidValue), "{value:#x}");
        }
        for (level, ..) in workaround_2() {
            assert_eq!(level.decide(value), Err(Reject::InvalidValue), "{value:#x}");
        }
        let narrowed = WorkaroundLevel2::narrow(value);
        assert_eq!(narrowed, Err(Reject::InvalidValue), "{value:#x}");
    }
}

#[test]
fn no_high_bit_is_ignored() {
    for bit in 4..64 {
        for low in 0..16 {
            let value = 1 << bit | low;
            for (host, _, highest) in WORKAROUND_1_3 {
                let level = WorkaroundLevel::of_host(host);
                assert_eq!(
                    level.decide(value),
                    expected_1_3(value, highest),
                    "{value:#x}"
                );
            }
            for (level, _, accepted) in workaround_2() {
                assert_eq!(
                    level.decide(value),
                    expected_2(value, accepted),
                    "{value:#x}"
                );
            }
        }
    }
}

#[test]
fn host_accepts_the_level_that_it_presents() {
    for host in Mitigation::ALL {
        let level = WorkaroundLevel::of_host(host);
        assert_eq!(level.decide(level.to_raw()), Ok(()), "{host:?}");
        for ssbs in [false, true] {
            let level = WorkaroundLevel2::of_host(host, ssbs);
            assert_eq!(level.decide(level.to_raw()), Ok(()), "{host:?}, {ssbs}");
        }
    }
}

#[test]
fn better_hosts_accept_what_worse_ones_present() {
    // From vulnerable to unaffected: a guest may move to a host that protects it better.
    let levels = WORKAROUND_1_3.map(|(host, ..)| WorkaroundLevel::of_host(host));
    for (worse, better) in [(0, 1), (0, 2), (1, 2)] {
        assert!(levels[worse] < levels[better]);
        assert_eq!(levels[better].decide(levels[worse].to_raw()), Ok(()));
        assert_eq!(
            levels[worse].decide(levels[better].to_raw()),
            Err(Reject::AboveHost)
        );
    }
    assert!(WorkaroundLevel2::NotAvailable < WorkaroundLevel2::NotRequired);
}

#[test]
fn neoverse_hosts_present_what_was_recorded() {
    for host in HOSTS {
        let [v2, v4, bhb] = host.mitigations;
        let presented = [
            WorkaroundLevel::of_host(v2).to_raw(),
            WorkaroundLevel2::of_host(v4, true).to_raw(),
            WorkaroundLevel::of_host(bhb).to_raw(),
        ];
        assert_eq!(presented, host.workarounds, "{}", host.cpu);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_value_is_accepted_as_in_the_tables(value: u64, shift in 0..64u32) {
        // Shifted, so that small values are as likely as large ones.
        let value = value >> shift;
        for (host, _, highest) in WORKAROUND_1_3 {
            let level = WorkaroundLevel::of_host(host);
            prop_assert_eq!(level.decide(value), expected_1_3(value, highest));
        }
        for (level, _, accepted) in workaround_2() {
            prop_assert_eq!(level.decide(value), expected_2(value, accepted));
        }
    }
}
