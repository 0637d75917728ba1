// SPDX-License-Identifier: GPL-2.0

//! Bitmaps of hypercall services: the bits that exist, those of a new VM, and the freeze when a
//! vCPU has run.

use kvm_abi::{
    vectors::{
        BITMAPS,
        BITMAP_WRITES,
        HOST_BITMAPS, //
    },
    FeatureBitmap,
    RanOnce,
    Reject, //
};
use proptest::prelude::*;

const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

/// Returns values with a bit that does not exist.
fn invalid_values(exists: u64) -> impl Iterator<Item = u64> {
    (0..64)
        .map(|bit| 1u64 << bit)
        .chain([u64::MAX, exists + 1, !exists, 1 << 63 | exists, 1 << 32])
        .filter(move |value| value & !exists != 0)
}

#[test]
fn bits_that_exist_are_as_in_the_table() {
    for (map, exists, _) in BITMAPS {
        assert_eq!(map.supported(), exists, "{map:?}");
    }
}

#[test]
fn new_vm_has_the_services_in_the_table() {
    for (map, _, initial) in BITMAPS {
        assert_eq!(map.initial(), initial, "{map:?}");
        // The value of a new VM can be written back.
        assert_eq!(map.decide(initial, initial, RanOnce::No), Ok(initial));
    }
}

#[test]
fn bitmaps_are_listed_in_the_order_of_the_table() {
    assert_eq!(FeatureBitmap::ALL, BITMAPS.map(|(map, ..)| map));
}

#[test]
fn new_vms_have_the_bitmaps_recorded_on_real_hosts() {
    for (kernel, recorded) in HOST_BITMAPS {
        // Kernel 6.1 lacks the last bitmap.
        for (map, value) in FeatureBitmap::ALL.iter().zip(recorded) {
            assert_eq!(map.initial(), *value, "{kernel}, {map:?}");
        }
    }
}

#[test]
fn writes_to_two_bits_are_as_in_the_table() {
    for map in [FeatureBitmap::VendorHyp, FeatureBitmap::VendorHyp2] {
        for (value, current, ran, result) in BITMAP_WRITES {
            assert_eq!(
                map.decide(value, current, ran),
                result,
                "{map:?}, {value:#x}, {current:#x}, {ran:?}"
            );
        }
    }
}

#[test]
fn bitmap_may_be_changed_until_a_vcpu_has_run() {
    for (map, exists, _) in BITMAPS {
        for current in 0..=exists {
            for value in 0..=exists {
                assert_eq!(
                    map.decide(value, current, RanOnce::No),
                    Ok(value),
                    "{map:?}"
                );
            }
        }
    }
}

#[test]
fn bitmap_of_a_vm_that_ran_accepts_only_its_current_value() {
    for (map, exists, _) in BITMAPS {
        for current in 0..=exists {
            for value in 0..=exists {
                let result = if value == current {
                    Ok(value)
                } else {
                    Err(Reject::Frozen)
                };
                assert_eq!(
                    map.decide(value, current, RanOnce::Yes),
                    result,
                    "{map:?}, {value:#x}, {current:#x}"
                );
            }
        }
    }
}

#[test]
fn every_single_bit_exists_or_is_refused() {
    for (map, exists, _) in BITMAPS {
        for bit in 0..64 {
            let value = 1 << bit;
            let result = if exists & value != 0 {
                Ok(value)
            } else {
                Err(Reject::InvalidValue)
            };
            assert_eq!(map.decide(value, 0, RanOnce::No), result, "{map:?}, {bit}");
            assert_eq!(map.admit(value), result.map(drop), "{map:?}, {bit}");
        }
    }
}

#[test]
fn bit_that_does_not_exist_is_found_before_the_freeze() {
    for (map, exists, _) in BITMAPS {
        for value in invalid_values(exists) {
            for current in 0..=exists {
                for ran in RAN {
                    assert_eq!(
                        map.decide(value, current, ran),
                        Err(Reject::InvalidValue),
                        "{map:?}, {value:#x}, {current:#x}, {ran:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn current_value_with_an_unknown_bit_is_refused() {
    // No VM has such a value; if one did, writing it back would be refused.
    for (map, exists, _) in BITMAPS {
        for value in invalid_values(exists) {
            for ran in RAN {
                let result = map.decide(value, value, ran);
                assert_eq!(result, Err(Reject::InvalidValue), "{map:?}, {value:#x}");
            }
        }
    }
}

#[test]
fn rebooted_vm_may_be_given_the_same_bitmaps_again() {
    // A VMM writes all registers back after a reset, when the vCPUs have run.
    for (map, exists, initial) in BITMAPS {
        for chosen in 0..=exists {
            let stored = map.decide(chosen, initial, RanOnce::No).unwrap();
            for _ in 0..2 {
                assert_eq!(map.decide(chosen, stored, RanOnce::Yes), Ok(stored));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_write_is_as_the_rules_say(
        map in 0..BITMAPS.len(),
        value: u64,
        current: u64,
        shift in 0..64u32,
        same: bool,
        has_run: bool,
    ) {
        let (map, exists, _) = BITMAPS[map];
        // Shifted, so that small values are as likely as large ones.
        let value = value >> shift;
        let current = if same { value } else { current >> shift };
        let ran = if has_run { RanOnce::Yes } else { RanOnce::No };

        let expected = if value | exists != exists {
            Err(Reject::InvalidValue)
        } else if has_run && value ^ current != 0 {
            Err(Reject::Frozen)
        } else {
            Ok(value)
        };
        prop_assert_eq!(map.decide(value, current, ran), expected);
        prop_assert_eq!(map.admit(value).is_ok(), value | exists == exists);
    }
}
