// SPDX-License-Identifier: GPL-2.0

//! A register with its state: reads and writes match those of the parts, the register accepts its
//! own value, and a write changes no other register.

use kvm_abi::{
    vectors::{
        BITMAPS,
        PSCI_VERSIONS,
        WORKAROUND_VALUES_END, //
    },
    Effect,
    FeatureBitmap,
    FwReg,
    Mitigation,
    PsciVersion,
    RanOnce,
    Reject,
    Snapshot,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

/// Applies an effect to a snapshot of its register.
fn commit(snapshot: Snapshot, effect: Effect) -> Snapshot {
    match (snapshot, effect) {
        (_, Effect::None) => snapshot,
        (Snapshot::PsciVersion { has_psci_0_2, .. }, Effect::StorePsciVersion(version)) => {
            Snapshot::PsciVersion {
                stored: version.to_raw(),
                has_psci_0_2,
            }
        }
        (Snapshot::Bitmap { map, .. }, Effect::StoreBitmap(target, current)) if map == target => {
            Snapshot::Bitmap { map, current }
        }
        _ => panic!("{effect:?} is not for {snapshot:?}"),
    }
}

/// All snapshots that a VM can be in.
fn reachable() -> Vec<Snapshot> {
    let mut all = Vec::new();
    // All vCPUs of a VM have the same features, so one with the feature PSCI_0_2 never stores 0.1.
    for version in PsciVersion::ALL {
        all.push(Snapshot::PsciVersion {
            stored: version.to_raw(),
            has_psci_0_2: version != PsciVersion::V0_1,
        });
    }
    for has_psci_0_2 in [false, true] {
        let stored = 0;
        all.push(Snapshot::PsciVersion {
            stored,
            has_psci_0_2,
        });
    }
    for host in Mitigation::ALL {
        all.push(Snapshot::Workaround1(host));
        all.push(Snapshot::Workaround3(host));
        for ssbs in [false, true] {
            all.push(Snapshot::Workaround2 { host, ssbs });
        }
    }
    for (map, exists, _) in BITMAPS {
        all.extend((0..=exists).map(|current| Snapshot::Bitmap { map, current }));
    }
    all
}

#[test]
fn register_is_that_of_the_snapshot() {
    let host = Mitigation::Mitigated;
    for (snapshot, reg) in [
        (
            Snapshot::PsciVersion {
                stored: 0,
                has_psci_0_2: true,
            },
            FwReg::PsciVersion,
        ),
        (Snapshot::Workaround1(host), FwReg::Workaround1),
        (
            Snapshot::Workaround2 { host, ssbs: true },
            FwReg::Workaround2,
        ),
        (Snapshot::Workaround3(host), FwReg::Workaround3),
    ] {
        assert_eq!(snapshot.reg(), reg);
    }
    for map in FeatureBitmap::ALL {
        let current = 0;
        assert_eq!(
            Snapshot::Bitmap { map, current }.reg(),
            FwReg::Bitmap(map),
            "{map:?}"
        );
    }
}

#[test]
fn value_and_writes_are_those_of_the_parts() {
    for (snapshot, ran) in reachable()
        .into_iter()
        .flat_map(|s| RAN.map(|ran| (s, ran)))
    {
        for value in 0..=WORKAROUND_VALUES_END {
            let (read, written) = match snapshot {
                Snapshot::PsciVersion {
                    stored,
                    has_psci_0_2,
                } => (
                    PsciVersion::seen(stored, has_psci_0_2).into(),
                    PsciVersion::write(value, has_psci_0_2).map(Effect::StorePsciVersion),
                ),
                Snapshot::Workaround1(host) | Snapshot::Workaround3(host) => {
                    let level = WorkaroundLevel::of_host(host);
                    (level.to_raw(), level.write(value).map(|()| Effect::None))
                }
                Snapshot::Workaround2 { host, ssbs } => {
                    let level = WorkaroundLevel2::of_host(host, ssbs);
                    (level.to_raw(), level.write(value).map(|()| Effect::None))
                }
                Snapshot::Bitmap { map, current } => (
                    current,
                    map.write(value, current, ran)
                        .map(|value| Effect::StoreBitmap(map, value)),
                ),
            };
            assert_eq!(snapshot.value(), read, "{snapshot:?}");
            assert_eq!(snapshot.write(value, || ran), written, "{snapshot:?}");
        }
    }
}

#[test]
fn what_is_read_can_be_written_back_at_any_time() {
    for snapshot in reachable() {
        for ran in RAN {
            let value = snapshot.value();
            let effect = snapshot.write(value, || ran).unwrap_or_else(|reject| {
                panic!("{snapshot:?} refuses its own {value:#x}: {reject:?}");
            });
            assert_eq!(commit(snapshot, effect).value(), value, "{snapshot:?}");
        }
    }
}

#[test]
fn accepted_write_changes_its_own_register_to_the_value_or_nothing() {
    for snapshot in reachable() {
        for value in (0..=WORKAROUND_VALUES_END).chain(PSCI_VERSIONS.map(|(_, raw)| raw)) {
            if let Ok(effect) = snapshot.write(value, || RanOnce::No) {
                let after = commit(snapshot, effect);
                let read = if effect == Effect::None {
                    snapshot.value()
                } else {
                    value
                };
                assert_eq!(after.reg(), snapshot.reg(), "{snapshot:?}, {value:#x}");
                assert_eq!(after.value(), read, "{snapshot:?}, {value:#x}");
            }
        }
    }
}

#[test]
fn workarounds_store_nothing() {
    for snapshot in reachable() {
        let stores = matches!(
            snapshot.reg(),
            FwReg::PsciVersion | FwReg::Bitmap(_) //
        );
        let effect = snapshot.write(snapshot.value(), || RanOnce::No).unwrap();
        assert_eq!(effect != Effect::None, stores, "{snapshot:?}");
    }
}

#[test]
fn only_bitmaps_freeze() {
    for snapshot in reachable() {
        let frozen =
            (0..=3u64).any(|value| snapshot.write(value, || RanOnce::Yes) == Err(Reject::Frozen));
        let bitmap = matches!(snapshot.reg(), FwReg::Bitmap(_));
        assert_eq!(frozen, bitmap, "{snapshot:?}");
    }
}

#[test]
fn only_bitmaps_ask_whether_the_vm_has_run() {
    // The other registers are written without the lock that reading the flag needs.
    for snapshot in reachable() {
        if matches!(snapshot.reg(), FwReg::Bitmap(_)) {
            continue;
        }
        for value in (0..=WORKAROUND_VALUES_END).chain([snapshot.value(), u64::MAX]) {
            let _ = snapshot.write(value, || panic!("{snapshot:?} asks, {value:#x}"));
        }
    }
}

#[test]
fn hiding_ssbs_raises_the_level_of_a_mitigated_host() {
    let host = Mitigation::Mitigated;
    let [seen, hidden] = [true, false].map(|ssbs| Snapshot::Workaround2 { host, ssbs });
    assert_eq!((seen.value(), hidden.value()), (0, 3));
    assert_eq!(seen.write(3, || RanOnce::No), Err(Reject::AboveHost));
    assert_eq!(hidden.write(3, || RanOnce::No), Ok(Effect::None));
}

#[test]
fn refused_write_carries_no_effect() {
    // By its type, a decision is either an effect or a reason, and cannot change the snapshot.
    type Decide = fn(&Snapshot, u64, fn() -> RanOnce) -> Result<Effect, Reject>;
    let _: Decide = Snapshot::write;
}
