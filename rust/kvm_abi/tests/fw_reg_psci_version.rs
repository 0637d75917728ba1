// SPDX-License-Identifier: GPL-2.0

//! Versions of PSCI: those that a vCPU accepts with and without the feature `PSCI_0_2`, and the one
//! that it sees; and the same for a VM whose vCPUs may be unknown and whose version may freeze.

use kvm_abi::{
    vectors::{
        PSCI_VALUES_END,
        PSCI_VERSIONS, //
    },
    PsciVersion,
    RanOnce,
    Reject,
    VcpuFeatures, //
};
use proptest::prelude::*;

const FEATURE: [bool; 2] = [false, true];

/// All states of the features of a VM's vCPUs.
const FEATURES: [VcpuFeatures; 3] = [
    VcpuFeatures::Unknown,
    VcpuFeatures::Known { psci_0_2: false },
    VcpuFeatures::Known { psci_0_2: true },
];

/// The stored version of a VM: none, or one of the versions.
const STORED: [u32; 7] = [0x0, 0x1, 0x2, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003];

/// The version of a VM: the stored one, and the one that is seen before the features are known,
/// without the feature, and with it.
const SEEN_BY_VM: [(u32, [u32; 3]); 7] = [
    (0x0, [0x1_0003, 0x1, 0x1_0003]),
    (0x1, [0x1, 0x1, 0x1]),
    (0x2, [0x2, 0x1, 0x2]),
    (0x1_0000, [0x1_0000, 0x1, 0x1_0000]),
    (0x1_0001, [0x1_0001, 0x1, 0x1_0001]),
    (0x1_0002, [0x1_0002, 0x1, 0x1_0002]),
    (0x1_0003, [0x1_0003, 0x1, 0x1_0003]),
];

/// Stored versions, and whether vCPUs without the feature and with it can have them.
const FITS: [(u32, [bool; 2]); 7] = [
    (0x0, [true, true]),
    (0x1, [true, false]),
    (0x2, [false, true]),
    (0x1_0000, [false, true]),
    (0x1_0001, [false, true]),
    (0x1_0002, [false, true]),
    (0x1_0003, [false, true]),
];

/// Returns the result of a write by the table: with the feature, all versions except 0.1 are
/// accepted; without it, only 0.1.
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
            let result = PsciVersion::decide(value, has_psci_0_2);
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
            PsciVersion::decide(raw, false).is_ok(),
            PsciVersion::decide(raw, true).is_ok(),
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
                    PsciVersion::decide(value, has_psci_0_2),
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
        let stored = PsciVersion::decide(raw, has_psci_0_2).unwrap();
        assert_eq!(
            u64::from(PsciVersion::seen(stored.to_raw(), has_psci_0_2)),
            raw
        );
    }
}

/// Returns the result of a write by the tables, if the version freezes.
fn expected_until_run(
    value: u64,
    stored: u32,
    features: VcpuFeatures,
    ran: RanOnce,
) -> Result<PsciVersion, Reject> {
    let (_, seen) = SEEN_BY_VM.into_iter().find(|row| row.0 == stored).unwrap();
    let (accepted, seen) = match features {
        // Any version.
        VcpuFeatures::Unknown => (expected(value, false).or(expected(value, true)), seen[0]),
        VcpuFeatures::Known { psci_0_2: false } => (expected(value, false), seen[1]),
        VcpuFeatures::Known { psci_0_2: true } => (expected(value, true), seen[2]),
    };
    if accepted.is_ok() && ran == RanOnce::Yes && value != u64::from(seen) {
        return Err(Reject::Frozen);
    }
    accepted
}

#[test]
fn version_of_a_vm_is_as_in_the_table() {
    for (stored, seen) in SEEN_BY_VM {
        for (features, seen) in FEATURES.into_iter().zip(seen) {
            let version = PsciVersion::seen_by_vm(stored, features);
            assert_eq!(version, seen, "{stored:#x}, {features:?}");
        }
    }
}

#[test]
fn vm_sees_what_its_vcpus_see() {
    for psci_0_2 in FEATURE {
        for stored in (0..=0x1_0005).chain([u32::MAX]) {
            assert_eq!(
                PsciVersion::seen_by_vm(stored, VcpuFeatures::Known { psci_0_2 }),
                PsciVersion::seen(stored, psci_0_2),
                "{stored:#x}, {psci_0_2}"
            );
        }
    }
}

#[test]
fn every_value_is_accepted_or_refused_until_the_run_and_after_as_in_the_tables() {
    for features in FEATURES {
        for stored in STORED {
            for ran in [RanOnce::No, RanOnce::Yes] {
                for value in 0..=PSCI_VALUES_END {
                    assert_eq!(
                        PsciVersion::decide_until_run(value, stored, features, ran),
                        expected_until_run(value, stored, features, ran),
                        "{value:#x}, {stored:#x}, {features:?}, {ran:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn all_versions_are_accepted_before_vcpus_are_known() {
    for stored in STORED {
        for (version, raw) in PSCI_VERSIONS {
            let result =
                PsciVersion::decide_until_run(raw, stored, VcpuFeatures::Unknown, RanOnce::No);
            assert_eq!(result, Ok(version), "{raw:#x}");
        }
    }
}

#[test]
fn run_freezes_the_version_at_what_is_seen() {
    let features = VcpuFeatures::Known { psci_0_2: true };
    let write =
        |value, stored| PsciVersion::decide_until_run(value, stored, features, RanOnce::Yes);
    assert_eq!(write(0x1_0003, 0x0), Ok(PsciVersion::V1_3));
    assert_eq!(write(0x1_0002, 0x0), Err(Reject::Frozen));
    assert_eq!(write(0x1_0000, 0x1_0000), Ok(PsciVersion::V1_0));
    assert_eq!(write(0x1_0003, 0x1_0000), Err(Reject::Frozen));
    // A value that is never allowed is found before the freeze.
    assert_eq!(write(0x1, 0x1_0000), Err(Reject::InvalidValue));
    assert_eq!(write(0x0, 0x0), Err(Reject::InvalidValue));
    assert_eq!(write(0x1_0004, 0x1_0000), Err(Reject::InvalidValue));

    for features in [true, false].map(|psci_0_2| VcpuFeatures::Known { psci_0_2 }) {
        for stored in STORED.into_iter().filter(|stored| *stored != 0x1) {
            let seen = PsciVersion::seen_by_vm(stored, features);
            let result = PsciVersion::decide_until_run(seen.into(), stored, features, RanOnce::Yes);
            assert_eq!(result.map(PsciVersion::to_raw), Ok(seen), "{stored:#x}");
        }
    }
}

#[test]
fn before_the_run_a_version_is_written_as_without_the_opt_in() {
    for psci_0_2 in FEATURE {
        for stored in STORED {
            for value in 0..=PSCI_VALUES_END {
                let features = VcpuFeatures::Known { psci_0_2 };
                assert_eq!(
                    PsciVersion::decide_until_run(value, stored, features, RanOnce::No),
                    PsciVersion::decide(value, psci_0_2),
                    "{value:#x}, {stored:#x}"
                );
            }
        }
    }
}

#[test]
fn vcpus_can_have_the_versions_in_the_table() {
    for (stored, fits) in FITS {
        for (psci_0_2, fits) in FEATURE.into_iter().zip(fits) {
            assert_eq!(PsciVersion::fits(stored, psci_0_2), fits, "{stored:#x}");
        }
    }
}

#[test]
fn version_fits_if_vcpus_could_have_been_given_it() {
    for psci_0_2 in FEATURE {
        for (version, raw) in PSCI_VERSIONS {
            let fits = PsciVersion::fits(version.to_raw(), psci_0_2);
            assert_eq!(fits, PsciVersion::decide(raw, psci_0_2).is_ok(), "{raw:#x}");
            // A version that fits is seen before and after the features are known.
            let known = PsciVersion::seen_by_vm(version.to_raw(), VcpuFeatures::Known { psci_0_2 });
            assert!(!fits || u64::from(known) == raw, "{raw:#x}");
            let unknown = PsciVersion::seen_by_vm(version.to_raw(), VcpuFeatures::Unknown);
            assert_eq!(u64::from(unknown), raw);
        }
        // Without a stored version, both kinds of vCPUs fit.
        assert!(PsciVersion::fits(0, psci_0_2));
    }
}

#[test]
fn version_that_does_not_fit_can_be_corrected() {
    for psci_0_2 in FEATURE {
        for stored in STORED
            .into_iter()
            .filter(|s| !PsciVersion::fits(*s, psci_0_2))
        {
            let mut corrected = 0;
            for (_, raw) in PSCI_VERSIONS {
                let features = VcpuFeatures::Unknown;
                let version =
                    PsciVersion::decide_until_run(raw, stored, features, RanOnce::No).unwrap();
                corrected += u32::from(PsciVersion::fits(version.to_raw(), psci_0_2));
            }
            assert_eq!(corrected, if psci_0_2 { 5 } else { 1 }, "{stored:#x}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_value_is_accepted_or_refused_until_the_run_and_after_as_in_the_tables(
        known in 0..PSCI_VERSIONS.len(),
        noise: u64,
        stored in 0..STORED.len(),
        features in 0..FEATURES.len(),
        has_run: bool,
    ) {
        let ran = if has_run { RanOnce::Yes } else { RanOnce::No };
        let (stored, features) = (STORED[stored], FEATURES[features]);
        let raw = PSCI_VERSIONS[known].1;
        for value in [noise, raw, raw ^ noise << 32, raw ^ noise >> 47, raw ^ 1 << (noise % 64)] {
            prop_assert_eq!(
                PsciVersion::decide_until_run(value, stored, features, ran),
                expected_until_run(value, stored, features, ran)
            );
        }
    }

    #[test]
    fn any_value_is_accepted_or_refused_as_in_the_table(value: u64, has_psci_0_2: bool) {
        prop_assert_eq!(PsciVersion::decide(value, has_psci_0_2), expected(value, has_psci_0_2));
    }

    #[test]
    fn no_bit_of_a_version_is_ignored(
        known in 0..PSCI_VERSIONS.len(),
        noise: u64,
        has_psci_0_2: bool,
    ) {
        let raw = PSCI_VERSIONS[known].1;
        for value in [raw, raw ^ noise, raw ^ noise << 32, raw ^ noise >> 47] {
            let decision = PsciVersion::decide(value, has_psci_0_2);
            prop_assert_eq!(decision, expected(value, has_psci_0_2));
        }
    }

    #[test]
    fn any_value_but_0_is_seen_as_it_is_stored(stored in 1..=u32::MAX) {
        prop_assert_eq!(PsciVersion::seen(stored, true), stored);
        prop_assert_eq!(PsciVersion::seen(stored, false), 0x1);
    }
}
