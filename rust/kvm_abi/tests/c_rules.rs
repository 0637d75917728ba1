// SPDX-License-Identifier: GPL-2.0

//! Reads and writes of every register in every state, compared with the kernel's C code.
//!
//! The model restates the rules of `kvm_arm_get_fw_reg()` and `kvm_arm_set_fw_reg()` in the
//! integers and errnos of the C code.

mod random;

use kvm_abi::{
    vectors::{
        PSCI_VALUES_END,
        WORKAROUND_VALUES_END, //
    },
    FeatureBitmap,
    FwReg,
    HostWorkarounds,
    Mitigation,
    PlainVm,
    RanOnce,
    Reject,
    VcpuFeatures, //
};
use proptest::prelude::*;
use std::cell::Cell;

/// A register, and the state that C reads for it.
#[derive(Clone, Copy, Debug)]
enum State {
    PsciVersion { stored: u32, has_psci_0_2: bool },
    Workaround1(Mitigation),
    Workaround2 { host: Mitigation, ssbs: bool },
    Workaround3(Mitigation),
    Bitmap { map: FeatureBitmap, current: u64 },
}

/// A host of which no register is asked.
const NONE: HostWorkarounds = HostWorkarounds {
    spectre_v2: Mitigation::Vulnerable,
    spectre_v4: Mitigation::Vulnerable,
    ssbs: false,
    spectre_bhb: Mitigation::Vulnerable,
};

/// Returns a VM in this state, and the register.
fn vm(state: State, ran: RanOnce) -> (PlainVm, FwReg) {
    let new = |host| PlainVm {
        ran,
        ..PlainVm::new(host)
    };
    match state {
        State::PsciVersion {
            stored,
            has_psci_0_2,
        } => {
            let vm = PlainVm {
                features: VcpuFeatures::Known {
                    psci_0_2: has_psci_0_2,
                },
                psci_version: Cell::new(stored),
                ..new(NONE)
            };
            (vm, FwReg::PsciVersion)
        }
        State::Workaround1(spectre_v2) => {
            let host = HostWorkarounds { spectre_v2, ..NONE };
            (new(host), FwReg::Workaround1)
        }
        State::Workaround2 { host, ssbs } => {
            let host = HostWorkarounds {
                spectre_v4: host,
                ssbs,
                ..NONE
            };
            (new(host), FwReg::Workaround2)
        }
        State::Workaround3(spectre_bhb) => {
            let host = HostWorkarounds {
                spectre_bhb,
                ..NONE
            };
            (new(host), FwReg::Workaround3)
        }
        State::Bitmap { map, current } => {
            let vm = new(NONE);
            vm.bitmap_cell(map).set(current);
            (vm, FwReg::Bitmap(map))
        }
    }
}

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
fn c_get(state: State) -> u64 {
    match state {
        State::PsciVersion { has_psci_0_2, .. } if !has_psci_0_2 => 0x1,
        State::PsciVersion { stored: 0, .. } => 0x1_0003,
        State::PsciVersion { stored, .. } => stored.into(),
        State::Workaround1(host) | State::Workaround3(host) => match host {
            Mitigation::Vulnerable => 0,
            Mitigation::Mitigated => 1,
            Mitigation::Unaffected => 2,
        },
        State::Workaround2 { host, ssbs } => match host {
            Mitigation::Mitigated if ssbs => 0,
            Mitigation::Mitigated | Mitigation::Unaffected => 3,
            Mitigation::Vulnerable => 0,
        },
        State::Bitmap { current, .. } => current,
    }
}

/// `kvm_arm_set_fw_reg()`, from the switch on. Returns the stored value, if any, or the errno.
fn c_set(state: State, val: u64, ran: RanOnce) -> Result<Option<u64>, i32> {
    let refuse_if = |refuse| if refuse { Err(EINVAL) } else { Ok(()) };
    match state {
        State::PsciVersion { has_psci_0_2, .. } => {
            match val {
                0x1 => refuse_if(has_psci_0_2)?,
                0x2 | 0x1_0000 | 0x1_0001 | 0x1_0002 | 0x1_0003 => refuse_if(!has_psci_0_2)?,
                _ => return Err(EINVAL),
            }
            Ok(Some(val))
        }
        State::Workaround1(_) | State::Workaround3(_) => {
            refuse_if(val & !0xf != 0)?;
            refuse_if(c_get(state) < val)?;
            Ok(None)
        }
        State::Workaround2 { .. } => {
            refuse_if(val & !(0xf | 0x10) != 0)?;
            refuse_if(val & 0x10 != 0 && val & 0xf != 2)?;
            let wa_level = match val & 0xf {
                0 | 1 => 0,
                2 | 3 => 3,
                _ => return Err(EINVAL),
            };
            refuse_if(c_get(state) < wa_level)?;
            Ok(None)
        }
        State::Bitmap { map, current } => {
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

/// All states that matter, including some that no VM can be in.
fn states() -> Vec<State> {
    let mut all = Vec::new();
    for has_psci_0_2 in [false, true] {
        for stored in [0, 1, 2, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003, 0x1_0004] {
            all.push(State::PsciVersion {
                stored,
                has_psci_0_2,
            });
        }
    }
    for host in Mitigation::ALL {
        all.push(State::Workaround1(host));
        all.push(State::Workaround3(host));
        for ssbs in [false, true] {
            all.push(State::Workaround2 { host, ssbs });
        }
    }
    for map in FeatureBitmap::ALL {
        all.extend((0..=4).map(|current| State::Bitmap { map, current }));
    }
    all
}

/// Any state that the types allow.
fn any_state() -> impl Strategy<Value = State> {
    let host = || prop::sample::select(Mitigation::ALL.to_vec());
    let map = prop::sample::select(FeatureBitmap::ALL.to_vec());
    prop_oneof![
        (prop_oneof![0..=0x1_0005u32, any::<u32>()], any::<bool>()).prop_map(
            |(stored, has_psci_0_2)| State::PsciVersion {
                stored,
                has_psci_0_2,
            }
        ),
        host().prop_map(State::Workaround1),
        (host(), any::<bool>()).prop_map(|(host, ssbs)| State::Workaround2 { host, ssbs }),
        host().prop_map(State::Workaround3),
        (map, prop_oneof![0..=4u64, any::<u64>()])
            .prop_map(|(map, current)| State::Bitmap { map, current }),
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

fn assert_read_is_as_in_c(state: State) {
    let (vm, reg) = vm(state, RanOnce::No);
    assert_eq!(reg.get(&vm), c_get(state), "{state:?}");
}

fn assert_write_is_as_in_c(state: State, value: u64, ran: RanOnce) {
    let (vm, reg) = vm(state, ran);
    let before = vm.stored(reg);
    let result = reg.set(&vm, value).map_err(errno);
    let expected = c_set(state, value, ran);
    let context = format!("{state:?}, {value:#x}, {ran:?}");
    assert_eq!(result, expected.map(drop), "{context}");
    let stored = expected.ok().flatten().unwrap_or(before);
    assert_eq!(vm.stored(reg), stored, "{context}");
}

#[test]
fn every_state_is_as_in_c_for_every_value_in_range() {
    for state in states() {
        assert_read_is_as_in_c(state);
        for ran in RAN {
            for value in
                (0..=PSCI_VALUES_END).chain([(1 << 32) + 1, (1 << 32) + 2, 1 << 63, u64::MAX])
            {
                assert_write_is_as_in_c(state, value, ran);
            }
        }
    }
}

proptest! {
    #![proptest_config(random::cases(4096))]

    #[test]
    fn any_read_is_as_in_c(state in any_state()) {
        assert_read_is_as_in_c(state);
    }

    #[test]
    fn any_write_is_as_in_c(state in any_state(), value in any_value()) {
        for ran in RAN {
            assert_write_is_as_in_c(state, value, ran);
        }
    }
}
