// SPDX-License-Identifier: GPL-2.0

//! Writable masks of the firmware registers: a bit is set if, and only if, an accepted write
//! changes it.
//!
//! The model is a VM that accepts and stores the values that the documentation allows.

use kvm_abi::{
    vectors::{
        BITMAPS,
        PSCI_VERSIONS,
        REGISTERS, //
    },
    FwMasks,
    FwReg,
    RanOnce,
    VcpuFeatures, //
};

const FEATURES: [VcpuFeatures; 3] = [
    VcpuFeatures::Unknown,
    VcpuFeatures::Known { psci_0_2: false },
    VcpuFeatures::Known { psci_0_2: true },
];

const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

/// The masks of `PSCI_VERSION`: features, has run, freezes when it runs, mask.
const PSCI_MASKS: [(VcpuFeatures, RanOnce, bool, u64); 10] = [
    (FEATURES[0], RanOnce::No, false, 0x1_0003),
    (FEATURES[0], RanOnce::No, true, 0x1_0003),
    // Without the feature, the only version is 0.1.
    (FEATURES[1], RanOnce::No, false, 0),
    (FEATURES[1], RanOnce::No, true, 0),
    (FEATURES[1], RanOnce::Yes, false, 0),
    (FEATURES[1], RanOnce::Yes, true, 0),
    (FEATURES[2], RanOnce::No, false, 0x1_0003),
    (FEATURES[2], RanOnce::No, true, 0x1_0003),
    (FEATURES[2], RanOnce::Yes, false, 0x1_0003),
    (FEATURES[2], RanOnce::Yes, true, 0),
];

/// The masks of each register of a VM with the feature, before and after its first run.
const MASKS: [(u64, u64); 8] = [
    (0x1_0003, 0x1_0003),
    (0, 0),
    (0, 0),
    (0, 0),
    (0x1, 0),
    (0x1, 0),
    (0x3, 0),
    // Not zero, although a new VM reads 0: userspace can opt in to these services.
    (0x3, 0),
];

/// Every state of a VM. The features of a VM that has run are known.
fn states() -> Vec<FwMasks> {
    let mut all = Vec::new();
    for features in FEATURES {
        for ran in RAN {
            all.extend([false, true].map(|psci_version_freezes| FwMasks {
                features,
                ran,
                psci_version_freezes,
            }));
        }
    }
    all.retain(|state| (state.features, state.ran) != (VcpuFeatures::Unknown, RanOnce::Yes));
    all
}

/// The values that the documentation allows for a register, whatever its current value.
fn allowed(reg: FwReg, features: VcpuFeatures) -> Vec<u64> {
    let versions = PSCI_VERSIONS.map(|(_, raw)| raw);
    match (reg, features) {
        (FwReg::PsciVersion, VcpuFeatures::Unknown) => versions.to_vec(),
        (FwReg::PsciVersion, VcpuFeatures::Known { psci_0_2: false }) => vec![0x1],
        (FwReg::PsciVersion, VcpuFeatures::Known { psci_0_2: true }) => versions[1..].to_vec(),
        (FwReg::Bitmap(map), _) => {
            let (_, exist, _) = BITMAPS.into_iter().find(|row| row.0 == map).unwrap();
            (0..=exist).collect()
        }
        // Levels of a host that is not affected.
        (FwReg::Workaround1 | FwReg::Workaround3, _) => vec![0, 1, 2],
        (FwReg::Workaround2, _) => vec![0, 1, 2, 3, 0x12],
    }
}

/// Returns the value of a register after a write of an allowed value, `None` if it is refused.
fn written(state: FwMasks, reg: FwReg, current: u64, value: u64) -> Option<u64> {
    let (freezes, keeps) = match reg {
        FwReg::PsciVersion => (state.psci_version_freezes, true),
        FwReg::Bitmap(_) => (true, true),
        FwReg::Workaround1 | FwReg::Workaround2 | FwReg::Workaround3 => (false, false),
    };
    if freezes && state.ran == RanOnce::Yes && value != current {
        return None;
    }
    Some(if keeps { value } else { current })
}

/// Returns the bits that writes can change. Several writes reach no more than one does.
fn changed(state: FwMasks, reg: FwReg, current: u64) -> u64 {
    allowed(reg, state.features)
        .into_iter()
        .filter_map(|value| written(state, reg, current, value))
        .fold(0, |changed, read| changed | (current ^ read))
}

fn masks(state: FwMasks) -> Vec<u64> {
    state.masks().collect()
}

/// `KVM_ARM_FW_RANGE_IDX()`: the first half is one group, the second half the other.
fn place(id: u64) -> usize {
    let (group, number) = ((id >> 16) as u16, (id % 0x1_0000) as usize);
    match group {
        0x14 => number,
        0x16 => 64 + number,
        _ => panic!("{id:#x}"),
    }
}

#[test]
fn range_has_128_places() {
    assert_eq!(FwMasks::COUNT, 128);
    for state in states() {
        assert_eq!(masks(state).len(), 128, "{state:?}");
    }
}

#[test]
fn each_mask_is_at_the_place_of_its_register_and_others_are_zero() {
    for state in states() {
        let mut masks = masks(state);
        for (reg, id) in REGISTERS {
            assert_eq!(masks[place(id)], state.mask(reg), "{reg:?}, {state:?}");
            masks[place(id)] = 0;
        }
        assert_eq!(masks, [0; 128], "{state:?}");
    }
}

#[test]
fn places_are_those_of_the_header() {
    let places: Vec<_> = REGISTERS.iter().map(|(_, id)| place(*id)).collect();
    assert_eq!(places, [0, 1, 2, 3, 64, 65, 66, 67]);
    let state = FwMasks {
        features: VcpuFeatures::Known { psci_0_2: true },
        ran: RanOnce::No,
        psci_version_freezes: false,
    };
    let masks = masks(state);
    let present: Vec<_> = (0..128).filter(|place| masks[*place] != 0).collect();
    assert_eq!(present, [0, 64, 65, 66, 67]);
}

#[test]
fn version_of_psci_is_as_in_the_table() {
    assert_eq!(states().len(), PSCI_MASKS.len());
    for (features, ran, psci_version_freezes, mask) in PSCI_MASKS {
        let state = FwMasks {
            features,
            ran,
            psci_version_freezes,
        };
        assert!(states().contains(&state));
        assert_eq!(state.mask(FwReg::PsciVersion), mask, "{state:?}");
    }
}

#[test]
fn bits_of_the_version_are_those_in_which_versions_differ() {
    let versions = || PSCI_VERSIONS[1..].iter().map(|(_, raw)| *raw);
    let ones = versions().fold(0, |all, raw| all | raw);
    let common = versions().fold(u64::MAX, |all, raw| all & raw);
    let state = FwMasks {
        features: VcpuFeatures::Known { psci_0_2: true },
        ran: RanOnce::No,
        psci_version_freezes: true,
    };
    assert_eq!(state.mask(FwReg::PsciVersion), ones & !common);
}

#[test]
fn masks_before_and_after_the_first_run_are_as_in_the_table() {
    for ((reg, _), (before, after)) in REGISTERS.into_iter().zip(MASKS) {
        let mask = |ran| {
            let state = FwMasks {
                features: VcpuFeatures::Known { psci_0_2: true },
                ran,
                psci_version_freezes: false,
            };
            state.mask(reg)
        };
        assert_eq!(mask(RanOnce::No), before, "{reg:?}");
        assert_eq!(mask(RanOnce::Yes), after, "{reg:?}");
    }
}

#[test]
fn bitmaps_do_not_depend_on_the_rest() {
    for state in states() {
        for (map, exist, _) in BITMAPS {
            let expected = if state.ran == RanOnce::Yes { 0 } else { exist };
            assert_eq!(state.mask(FwReg::Bitmap(map)), expected, "{state:?}");
        }
    }
}

#[test]
fn bit_is_set_if_a_write_changes_it() {
    for state in states() {
        for (reg, _) in REGISTERS {
            // Whatever value was accepted before.
            for current in allowed(reg, state.features) {
                let changed = changed(state, reg, current);
                assert_eq!(state.mask(reg), changed, "{reg:?}, {current:#x}, {state:?}");
            }
        }
    }
}

#[test]
fn run_only_clears_bits() {
    for state in states() {
        let ran = FwMasks {
            ran: RanOnce::Yes,
            ..state
        };
        for (before, after) in masks(state).into_iter().zip(masks(ran)) {
            assert_eq!(after & !before, 0, "{state:?}");
        }
    }
}

#[test]
fn freeze_changes_only_the_mask_of_the_version() {
    for state in states() {
        let [without, with] = [false, true].map(|psci_version_freezes| {
            masks(FwMasks {
                psci_version_freezes,
                ..state
            })
        });
        assert_eq!(with[1..], without[1..], "{state:?}");
        assert_eq!(
            with[0] == without[0],
            state.ran == RanOnce::No || without[0] == 0
        );
    }
}
