// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Versions of PSCI: which a vCPU may be given, with the feature `PSCI_0_2` and without, and which
//! one it sees.

use kvm_abi::{
    vectors::{
        PSCI_VALUES_END,
        PSCI_VERSIONS, //
    },
    PsciVersion,
    Reject, //
};
use proptest::prelude::*;

const FEATURE: [bool; 2] = [false, true];

/// Returns what a write does by the table: with the feature all versions but 0.1, else only that.
fn expected(value: u64, has_psci_0_2: bool) -> Result<PsciVersion, Reject> {
    let allowed = if has_psci_0_2 {
        &PSCI_VERSIONS[1..]
    } else {
        &PSCI_VERSIONS[..1]
    };
    allowed
        .iter()
        .find(|(_, raw)| *raw == value)
        .map(|(version, _)| *version)
        .ok_or(Reject::InvalidValue)
}

#[test]
fn each_version_and_its_value_name_each_other() {
    for (version, raw) in PSCI_VERSIONS {
        assert_eq!(u64::from(version.to_raw()), raw, "{version:?}");
        assert_eq!(PsciVersion::from_raw(raw), Some(version), "{raw:#x}");
    }
}

#[test]
fn versions_are_listed_oldest_first() {
    assert_eq!(PsciVersion::ALL, PSCI_VERSIONS.map(|(version, _)| version));
    for pair in PsciVersion::ALL.windows(2) {
        assert!(pair[0] < pair[1], "{pair:?}");
        assert!(pair[0].to_raw() < pair[1].to_raw(), "{pair:?}");
    }
}

#[test]
fn latest_is_1_3() {
    assert_eq!(PsciVersion::LATEST, PsciVersion::V1_3);
    assert_eq!(PsciVersion::ALL.last(), Some(&PsciVersion::LATEST));
}

#[test]
fn all_versions_but_0_1_need_the_feature() {
    for version in PsciVersion::ALL {
        assert_eq!(
            version.needs_psci_0_2(),
            version != PsciVersion::V0_1,
            "{version:?}"
        );
    }
}

#[test]
fn every_value_in_range_is_accepted_or_refused_as_in_the_table() {
    for has_psci_0_2 in FEATURE {
        let mut accepted = 0;
        for value in 0..=PSCI_VALUES_END {
            let result = PsciVersion::write(value, has_psci_0_2);
            assert_eq!(
                result,
                expected(value, has_psci_0_2),
                "{value:#x}, {has_psci_0_2}"
            );
            accepted += u32::from(result.is_ok());
        }
        assert_eq!(accepted, if has_psci_0_2 { 5 } else { 1 });
    }
}

#[test]
fn no_value_is_accepted_with_and_without_the_feature() {
    for (_, raw) in PSCI_VERSIONS {
        assert_ne!(
            PsciVersion::write(raw, false).is_ok(),
            PsciVersion::write(raw, true).is_ok(),
            "{raw:#x}"
        );
    }
}

#[test]
fn bits_above_the_version_are_not_ignored() {
    // The version is stored in 32 bits, but compared in 64.
    for (_, raw) in PSCI_VERSIONS {
        for bit in 17..64 {
            let value = raw | 1 << bit;
            assert_eq!(PsciVersion::from_raw(value), None, "{value:#x}");
            for has_psci_0_2 in FEATURE {
                assert_eq!(
                    PsciVersion::write(value, has_psci_0_2),
                    Err(Reject::InvalidValue),
                    "{value:#x}, {has_psci_0_2}"
                );
            }
        }
    }
}

#[test]
fn vcpu_with_the_feature_sees_what_is_stored_or_the_latest() {
    for (stored, seen) in [
        (0x0, 0x1_0003),
        // Stored by a vCPU without the feature.
        (0x1, 0x1),
        (0x2, 0x2),
        (0x1_0000, 0x1_0000),
        (0x1_0001, 0x1_0001),
        (0x1_0002, 0x1_0002),
        (0x1_0003, 0x1_0003),
    ] {
        assert_eq!(PsciVersion::seen(stored, true), seen, "{stored:#x}");
    }
}

#[test]
fn vcpu_without_the_feature_sees_0_1_whatever_is_stored() {
    for stored in (0..=0x1_0005).chain([u32::MAX]) {
        assert_eq!(PsciVersion::seen(stored, false), 0x1, "{stored:#x}");
    }
}

#[test]
fn version_that_was_written_is_seen() {
    for (version, raw) in PSCI_VERSIONS {
        let has_psci_0_2 = version.needs_psci_0_2();
        let stored = PsciVersion::write(raw, has_psci_0_2).unwrap();
        assert_eq!(
            u64::from(PsciVersion::seen(stored.to_raw(), has_psci_0_2)),
            raw
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_value_is_accepted_or_refused_as_in_the_table(value: u64, has_psci_0_2: bool) {
        prop_assert_eq!(PsciVersion::write(value, has_psci_0_2), expected(value, has_psci_0_2));
    }

    #[test]
    fn no_bit_of_a_version_is_ignored(
        known in 0..PSCI_VERSIONS.len(),
        noise: u64,
        has_psci_0_2: bool,
    ) {
        let raw = PSCI_VERSIONS[known].1;
        for value in [raw, raw ^ noise, raw ^ noise << 32, raw ^ noise >> 47] {
            prop_assert_eq!(PsciVersion::write(value, has_psci_0_2), expected(value, has_psci_0_2));
        }
    }

    #[test]
    fn any_value_but_0_is_seen_as_it_is_stored(stored in 1..=u32::MAX) {
        prop_assert_eq!(PsciVersion::seen(stored, true), stored);
        prop_assert_eq!(PsciVersion::seen(stored, false), 0x1);
    }
}
