// SPDX-License-Identifier: GPL-2.0

//! Reads and writes of every register in every state, compared with the kernel's C code.
//!
//! The model restates the rules of `kvm_arm_get_fw_reg()` and `kvm_arm_set_fw_reg()` in the
//! integers and errnos of the C code.

use kvm_abi::{
    vectors::{
        PSCI_VALUES_END,
        WORKAROUND_VALUES_END, //
    },
    Effect,
    FeatureBitmap,
    Mitigation,
    RanOnce,
    Reject,
    Snapshot, //
};
use proptest::prelude::*;

const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

const ENOENT: i32 = 2;
const EBUSY: i32 = 16;
const EINVAL: i32 = 22;

fn errno(reject: Reject) -> i32 {
    match reject {
        Reject::UnknownRegister | Reject::WrongSize => ENOENT,
        Reject::InvalidValue | Reject::AboveHost | Reject::UnsafeValue => EINVAL,
        Reject::Frozen => EBUSY,
        Reject::NotReady => unreachable!("C has no such reason"),
    }
}

/// `kvm_arm_get_fw_reg()`, from the switch on.
fn c_get(snapshot: Snapshot) -> u64 {
    match snapshot {
        Snapshot::PsciVersion { has_psci_0_2, .. } if !has_psci_0_2 => 0x1,
        Snapshot::PsciVersion { stored: 0, .. } => 0x1_0003,
        Snapshot::PsciVersion { stored, .. } => stored.into(),
        Snapshot::Workaround1(host) | Snapshot::Workaround3(host) => match host {
            Mitigation::Vulnerable => 0,
            Mitigation::Mitigated => 1,
            Mitigation::Unaffected => 2,
        },
        Snapshot::Workaround2 { host, ssbs } => match host {
            Mitigation::Mitigated if ssbs => 0,
            Mitigation::Mitigated | Mitigation::Unaffected => 3,
            Mitigation::Vulnerable => 0,
        },
        Snapshot::Bitmap { current, .. } => current,
    }
}

/// `kvm_arm_set_fw_reg()`, from the switch on. Returns the stored value, if any, or the errno.
fn c_set(snapshot: Snapshot, val: u64, ran: RanOnce) -> Result<Option<u64>, i32> {
    let refuse_if = |refuse| if refuse { Err(EINVAL) } else { Ok(()) };
    match snapshot {
        Snapshot::PsciVersion { has_psci_0_2, .. } => {
            match val {
                0x1 => refuse_if(has_psci_0_2)?,
                0x2 | 0x1_0000 | 0x1_0001 | 0x1_0002 | 0x1_0003 => refuse_if(!has_psci_0_2)?,
                _ => return Err(EINVAL),
            }
            Ok(Some(val))
        }
        Snapshot::Workaround1(_) | Snapshot::Workaround3(_) => {
            refuse_if(val & !0xf != 0)?;
            refuse_if(c_get(snapshot) < val)?;
            Ok(None)
        }
        Snapshot::Workaround2 { .. } => {
            refuse_if(val & !(0xf | 0x10) != 0)?;
            refuse_if(val & 0x10 != 0 && val & 0xf != 2)?;
            let wa_level = match val & 0xf {
                0 | 1 => 0,
                2 | 3 => 3,
                _ => return Err(EINVAL),
            };
            refuse_if(c_get(snapshot) < wa_level)?;
            Ok(None)
        }
        Snapshot::Bitmap { map, current } => {
            let features = match map {
                FeatureBitmap::Std | FeatureBitmap::StdHyp => 0x1,
                FeatureBitmap::VendorHyp | FeatureBitmap::VendorHyp2 => 0x3,
            };
            refuse_if(val & !features != 0)?;
            if ran == RanOnce::Yes && val != current {
                return Err(EBUSY);
            }
            Ok(Some(val))
        }
    }
}

/// Returns the value that an effect stores.
fn stored(effect: Effect) -> Option<u64> {
    match effect {
        Effect::None => None,
        Effect::StorePsciVersion(version) => Some(version.to_raw().into()),
        Effect::StoreBitmap(_, value) => Some(value),
    }
}

/// All states that matter, including some that no VM can be in.
fn states() -> Vec<Snapshot> {
    let mut all = Vec::new();
    for has_psci_0_2 in [false, true] {
        for stored in [0, 1, 2, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003, 0x1_0004] {
            all.push(Snapshot::PsciVersion {
                stored,
                has_psci_0_2,
            });
        }
    }
    for host in Mitigation::ALL {
        all.push(Snapshot::Workaround1(host));
        all.push(Snapshot::Workaround3(host));
        for ssbs in [false, true] {
            all.push(Snapshot::Workaround2 { host, ssbs });
        }
    }
    for map in FeatureBitmap::ALL {
        all.extend((0..=4).map(|current| Snapshot::Bitmap { map, current }));
    }
    all
}

/// Any snapshot that the types allow.
fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let host = || prop::sample::select(Mitigation::ALL.to_vec());
    let map = prop::sample::select(FeatureBitmap::ALL.to_vec());
    prop_oneof![
        (prop_oneof![0..=0x1_0005u32, any::<u32>()], any::<bool>()).prop_map(
            |(stored, has_psci_0_2)| Snapshot::PsciVersion {
                stored,
                has_psci_0_2,
            }
        ),
        host().prop_map(Snapshot::Workaround1),
        (host(), any::<bool>()).prop_map(|(host, ssbs)| Snapshot::Workaround2 { host, ssbs }),
        host().prop_map(Snapshot::Workaround3),
        (map, prop_oneof![0..=4u64, any::<u64>()])
            .prop_map(|(map, current)| Snapshot::Bitmap { map, current }),
    ]
}

/// Any value; every other one is near the values that some register accepts.
fn any_value() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..=WORKAROUND_VALUES_END,
        0xffffu64..=PSCI_VALUES_END,
        (0..64u32).prop_map(|bit| 1 << bit),
        any::<u64>(),
    ]
}

fn assert_same_as_c(snapshot: Snapshot, value: u64, ran: RanOnce) {
    assert_eq!(
        snapshot.write(value, || ran).map(stored).map_err(errno),
        c_set(snapshot, value, ran),
        "{snapshot:?}, {value:#x}, {ran:?}"
    );
}

#[test]
fn every_state_is_as_in_c_for_every_value_in_range() {
    for snapshot in states() {
        assert_eq!(snapshot.value(), c_get(snapshot), "{snapshot:?}");
        for ran in RAN {
            for value in
                (0..=PSCI_VALUES_END).chain([(1 << 32) + 1, (1 << 32) + 2, 1 << 63, u64::MAX])
            {
                assert_same_as_c(snapshot, value, ran);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_read_is_as_in_c(snapshot in any_snapshot()) {
        prop_assert_eq!(snapshot.value(), c_get(snapshot));
    }

    #[test]
    fn any_write_is_as_in_c(snapshot in any_snapshot(), value in any_value()) {
        for ran in RAN {
            assert_same_as_c(snapshot, value, ran);
        }
    }
}
