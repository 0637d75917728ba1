// SPDX-License-Identifier: GPL-2.0

//! The feature-level registers: their ids, their values on a host, and the values that a host
//! accepts.
//!
//! The models build registers as text, from hexadecimal digits with their numbers in a table. The
//! scale is compared with that of the older workaround registers: a host accepts another host's
//! value in the new registers exactly if it accepts the values in the old ones.

use kvm_abi::{
    vectors::{
        HOSTS,
        WORKAROUND_1_3,
        WORKAROUND_2, //
    },
    FeatureLevel,
    FeatureLevelReg,
    FeatureLevels,
    HostWorkarounds,
    Mitigation,
    Promise,
    RanOnce,
    Reject,
    WorkaroundLevel,
    WorkaroundLevel2, //
};
use proptest::prelude::*;
use std::cell::Cell;

/// The ids, in the order in which they are listed.
const IDS: [u64; 8] = [
    0x6030_0000_0017_0000,
    0x6030_0000_0017_0001,
    0x6030_0000_0017_0002,
    0x6030_0000_0017_0003,
    0x6030_0000_0017_0004,
    0x6030_0000_0017_0005,
    0x6030_0000_0017_0006,
    0x6030_0000_0017_0007,
];

/// The position and the mask of the size field in an id.
const SIZE_SHIFT: u32 = 52;
const SIZE_MASK: u64 = 0xf << SIZE_SHIFT;

/// The number of each 4-bit field in two's complement.
const SIGNED: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1];

/// The value of `WORKAROUND_1` and `_3` on a host, and the digit that it has in the new scale.
const SCALE_1_3: [(u64, u64); 3] = [(0, 0xf), (1, 0x1), (2, 0x2)];
/// The same for `WORKAROUND_2`; hosts do not present 1 and 2.
const SCALE_2: [(u64, u64); 2] = [(0, 0xf), (3, 0x2)];

fn translate(scale: &[(u64, u64)], old: u64) -> u64 {
    scale.iter().find(|(raw, _)| *raw == old).unwrap().1
}

/// The values of the old registers of a host.
fn old_values(host: HostWorkarounds) -> [u64; 3] {
    let level_1_3 = |mitigation| {
        WORKAROUND_1_3
            .iter()
            .find(|row| row.0 == mitigation)
            .unwrap()
            .1
    };
    let level_2 = WORKAROUND_2
        .iter()
        .find(|row| (row.0, row.1) == (host.spectre_v4, host.ssbs));
    [
        level_1_3(host.spectre_v2),
        level_2.unwrap().2,
        level_1_3(host.spectre_bhb),
    ]
}

/// The value of the first register on a host, from the old ones.
fn expected(host: HostWorkarounds) -> u64 {
    let [first, second, third] = old_values(host);
    let digits = [
        translate(&SCALE_1_3, third),
        translate(&SCALE_2, second),
        translate(&SCALE_1_3, first),
    ];
    let text: String = digits.iter().map(|digit| format!("{digit:x}")).collect();
    u64::from_str_radix(&text, 16).unwrap()
}

/// Whether a host accepts the values of the old registers.
fn old_accepts(host: HostWorkarounds, [first, second, third]: [u64; 3]) -> bool {
    WorkaroundLevel::of_host(host.spectre_v2)
        .decide(first)
        .is_ok()
        && WorkaroundLevel2::of_host(host.spectre_v4, host.ssbs)
            .decide(second)
            .is_ok()
        && WorkaroundLevel::of_host(host.spectre_bhb)
            .decide(third)
            .is_ok()
}

/// Every state of a host.
fn hosts() -> Vec<HostWorkarounds> {
    let mut all = Vec::new();
    for spectre_v2 in Mitigation::ALL {
        for spectre_v4 in Mitigation::ALL {
            for spectre_bhb in Mitigation::ALL {
                all.extend([false, true].map(|ssbs| HostWorkarounds {
                    spectre_v2,
                    spectre_v4,
                    ssbs,
                    spectre_bhb,
                }));
            }
        }
    }
    all
}

/// Returns the register that has a digit in a field, and others elsewhere.
fn register(field: usize, digit: usize, others: usize) -> u64 {
    let text: String = (0..16)
        .rev()
        .map(|n| format!("{:x}", if n == field { digit } else { others }))
        .collect();
    u64::from_str_radix(&text, 16).unwrap()
}

fn write(host: u64, value: u64) -> Result<(), Reject> {
    Promise::NONE
        .decide(value, FeatureLevels::from_bits(host), RanOnce::No)
        .map(|stored| assert_eq!(stored.bits(), value))
}

/// Accepts a value if no digit is above 0 and above the host's.
fn model(host: u64, value: u64) -> Result<(), Reject> {
    let numbers = |register: u64| {
        let digits = format!("{register:016x}");
        let number = |digit: char| SIGNED[digit.to_digit(16).unwrap() as usize];
        digits.chars().map(number).collect::<Vec<_>>()
    };
    let mut pairs = numbers(value).into_iter().zip(numbers(host));
    if pairs.all(|(value, host)| value <= host.max(0)) {
        Ok(())
    } else {
        Err(Reject::AboveHost)
    }
}

/// The state of the host, which must not be asked for.
fn not_asked() -> HostWorkarounds {
    panic!("the register does not depend on the host")
}

#[test]
fn there_are_eight_registers_in_the_order_of_their_ids() {
    assert_eq!(FeatureLevelReg::COUNT, 8);
    assert!(FeatureLevelReg::all().map(FeatureLevelReg::id).eq(IDS));
    for (reg, id) in FeatureLevelReg::all().zip(IDS) {
        assert_eq!(FeatureLevelReg::from_id(id), Ok(reg), "{id:#x}");
    }
    let regs: Vec<_> = FeatureLevelReg::all().collect();
    assert!(regs.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn workarounds_are_first_and_private_registers_are_last() {
    assert_eq!(FeatureLevelReg::WORKAROUNDS.id(), IDS[0]);
    assert_eq!(FeatureLevelReg::FIRST_PRIVATE.id(), IDS[6]);
    let private = FeatureLevelReg::all().filter(|reg| *reg >= FeatureLevelReg::FIRST_PRIVATE);
    assert!(private.map(FeatureLevelReg::id).eq([IDS[6], IDS[7]]));
}

#[test]
fn numbers_from_8_are_unknown() {
    for number in 0..=0xffff {
        let id = IDS[0] | number;
        let result = FeatureLevelReg::from_id(id);
        assert_eq!(result.is_ok(), number < 8, "{id:#x}");
        assert_eq!(
            result.err(),
            (number >= 8).then_some(Reject::UnknownRegister)
        );
    }
}

#[test]
fn size_is_found_before_an_unknown_register() {
    let unknown = [0, 0x6030_0000_0014_0000, 0x6030_0000_0017_0008, u64::MAX];
    for id in IDS.into_iter().chain(unknown) {
        for size in (0..16).filter(|size| *size != 3) {
            let id = id & !SIZE_MASK | size << SIZE_SHIFT;
            assert_eq!(
                FeatureLevelReg::from_id(id),
                Err(Reject::WrongSize),
                "{id:#x}"
            );
        }
    }
}

#[test]
fn every_bit_of_an_id_counts() {
    for id in IDS {
        for bit in 0..64 {
            let flipped = id ^ 1 << bit;
            let result = FeatureLevelReg::from_id(flipped);
            // The lowest three bits are those of the number.
            assert_eq!(result.is_ok(), bit < 3, "{flipped:#x}");
            assert_ne!(result, FeatureLevelReg::from_id(id), "{flipped:#x}");
        }
    }
}

#[test]
fn group_has_every_size_and_number() {
    for number in 0..=0xffff {
        for size in 0..16 {
            let id = IDS[0] & !SIZE_MASK | size << SIZE_SHIFT | number;
            assert!(FeatureLevelReg::is_in_group(id), "{id:#x}");
        }
    }
}

#[test]
fn every_other_bit_of_an_id_selects_the_group() {
    for id in IDS {
        for bit in 0..64 {
            let in_group = bit < 16 || (52..56).contains(&bit);
            let flipped = id ^ 1 << bit;
            assert_eq!(
                FeatureLevelReg::is_in_group(flipped),
                in_group,
                "{flipped:#x}"
            );
        }
    }
    for group in 0..0x1_0000u64 {
        let id = 0x6030_0000_0000_0000 | group << 16;
        assert_eq!(FeatureLevelReg::is_in_group(id), group == 0x17, "{id:#x}");
    }
    for arch in 0..0x100u64 {
        let id = IDS[0] & !(0xff << 56) | arch << 56;
        assert_eq!(FeatureLevelReg::is_in_group(id), arch == 0x60, "{id:#x}");
    }
}

#[test]
fn levels_of_workarounds_have_the_numbers_of_the_header() {
    assert_eq!(FeatureLevel::NOT_AVAILABLE.get(), -1);
    assert_eq!(FeatureLevel::UNKNOWN.get(), 0);
    assert_eq!(FeatureLevel::AVAILABLE.get(), 1);
    assert_eq!(FeatureLevel::UNAFFECTED.get(), 2);
    assert!(FeatureLevel::NOT_AVAILABLE.is_absent());
}

#[test]
fn register_of_the_workarounds_agrees_with_the_old_ones_on_every_host() {
    assert_eq!(hosts().len(), 54);
    for host in hosts() {
        assert_eq!(host.levels().bits(), expected(host), "{host:?}");
        let levels = FeatureLevelReg::WORKAROUNDS.levels(|| host);
        assert_eq!(levels.bits(), expected(host), "{host:?}");
    }
}

#[test]
fn register_of_the_workarounds_is_as_expected_on_known_hosts() {
    for host in HOSTS {
        let [spectre_v2, spectre_v4, spectre_bhb] = host.mitigations;
        let state = HostWorkarounds {
            spectre_v2,
            spectre_v4,
            ssbs: true,
            spectre_bhb,
        };
        assert_eq!(old_values(state), host.workarounds, "{}", host.cpu);
        assert_eq!(state.levels().bits(), 0x1f2, "{}", host.cpu);
        // If SSBS is hidden from the guest, the mitigation is always on.
        let hidden = HostWorkarounds {
            ssbs: false,
            ..state
        };
        assert_eq!(hidden.levels().bits(), 0x122, "{}", host.cpu);
    }
}

#[test]
fn only_the_register_of_the_workarounds_asks_for_the_host_and_once() {
    let (asked, host) = (Cell::new(0), hosts()[0]);
    FeatureLevelReg::WORKAROUNDS.levels(|| {
        asked.set(asked.get() + 1);
        host
    });
    assert_eq!(asked.get(), 1);
    for reg in FeatureLevelReg::all().skip(1) {
        assert_eq!(reg.levels(not_asked).bits(), 0, "{reg:?}");
    }
}

#[test]
fn each_field_above_zero_is_compared_with_the_hosts() {
    for field in 0..16 {
        for (value, number) in SIGNED.into_iter().enumerate() {
            for (host, limit) in SIGNED.into_iter().enumerate() {
                let result = if number > limit.max(0) {
                    Err(Reject::AboveHost)
                } else {
                    Ok(())
                };
                // The other fields are equal to the host's, or below.
                for (others, of_host) in [(0x0, 0x0), (0x8, 0x7), (0x7, 0x7), (0xf, 0x0)] {
                    let value = register(field, value, others);
                    let host = register(field, host, of_host);
                    assert_eq!(write(host, value), result, "{value:#x} on {host:#x}");
                }
                // One of them is above.
                let (value, host) = (register(field, value, 1), register(field, host, 0));
                assert_eq!(write(host, value), Err(Reject::AboveHost), "{value:#x}");
            }
        }
    }
}

#[test]
fn unknown_fields_accept_zero_and_negative_levels() {
    const ACCEPTED: [usize; 9] = [0, 0x8, 0x9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf];
    for reg in FeatureLevelReg::all().skip(1) {
        for field in 0..16 {
            for digit in 0..16 {
                let value = register(field, digit, 0);
                let accepted = write(reg.levels(not_asked).bits(), value).is_ok();
                assert_eq!(accepted, ACCEPTED.contains(&digit), "{reg:?}, {value:#x}");
            }
        }
    }
    for host in hosts() {
        for field in 3..16 {
            for digit in 0..16 {
                let value = register(field, digit, 0) | expected(host);
                let accepted = write(expected(host), value).is_ok();
                assert_eq!(accepted, ACCEPTED.contains(&digit), "{host:?}, {value:#x}");
            }
        }
    }
}

#[test]
fn scales_have_the_same_order() {
    for scale in [&SCALE_1_3[..], &SCALE_2] {
        for (old_a, new_a) in scale {
            for (old_b, new_b) in scale {
                let new = SIGNED[*new_a as usize].cmp(&SIGNED[*new_b as usize]);
                assert_eq!(new, old_a.cmp(old_b), "{old_a}, {old_b}");
            }
        }
    }
    // The levels of the core have the same order.
    let levels = Mitigation::ALL.map(WorkaroundLevel::of_host);
    for (a, b) in levels.iter().flat_map(|a| levels.map(|b| (*a, b))) {
        assert_eq!(FeatureLevel::from(a).cmp(&b.into()), a.cmp(&b));
    }
    let levels = [
        WorkaroundLevel2::NotAvailable,
        WorkaroundLevel2::NotRequired,
    ];
    for (a, b) in levels.iter().flat_map(|a| levels.map(|b| (*a, b))) {
        assert_eq!(FeatureLevel::from(a).cmp(&b.into()), a.cmp(&b));
    }
}

#[test]
fn host_accepts_another_hosts_register_if_it_accepts_the_old_ones() {
    let mut accepted = 0;
    for destination in hosts() {
        for source in hosts() {
            let old = old_accepts(destination, old_values(source));
            let new = write(expected(destination), expected(source));
            assert_eq!(new.is_ok(), old, "{source:?} to {destination:?}");
            accepted += u32::from(old);
        }
    }
    // Of the pairs of each workaround: 6 of 9, 27 of 36 and 6 of 9.
    assert_eq!(accepted, 6 * 27 * 6);
}

#[test]
fn unknown_and_below_are_accepted_by_every_host() {
    for host in hosts() {
        // Each field in turn; the other fields are the host's.
        for field in 0..3 {
            for digit in [0x0, 0x8, 0xf] {
                let others = expected(host) & !(0xf << (4 * field));
                let value = others | digit << (4 * field);
                assert_eq!(write(expected(host), value), Ok(()), "{host:?}, {value:#x}");
            }
        }
        // In each old register, every host accepts the lowest value, 0.
        assert!(old_accepts(host, [0; 3]), "{host:?}");
    }
}

#[test]
fn levels_above_unaffected_are_refused_by_every_host() {
    for host in hosts() {
        for field in 0..3 {
            for digit in 3..8 {
                let lowest = 0x888 & !(0xf << (4 * field));
                let value = lowest | digit << (4 * field);
                let result = write(expected(host), value);
                assert_eq!(result, Err(Reject::AboveHost), "{host:?}, {value:#x}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_write_is_decided_field_by_field(host: u64, value: u64, low: u64) {
        prop_assert_eq!(write(host, value), model(host, value));
        prop_assert_eq!(write(host, host), Ok(()));
        // Few bits differ, so that many values are accepted.
        let near = host ^ value & low & low.rotate_left(17) & low.rotate_left(39);
        prop_assert_eq!(write(host, near), model(host, near));
    }

    #[test]
    fn better_host_accepts_what_a_worse_one_does(host: u64, value: u64, better: u64) {
        if write(host, value).is_ok() && write(better, host).is_ok() {
            prop_assert_eq!(write(better, value), Ok(()));
        }
    }

    #[test]
    fn any_id_in_no_group_is_unknown(id: u64) {
        let id = id & !SIZE_MASK | 3 << SIZE_SHIFT;
        let known = IDS.contains(&id);
        prop_assert_eq!(FeatureLevelReg::from_id(id).is_ok(), known);
        prop_assert_eq!(FeatureLevelReg::is_in_group(id), id & !0xffff == IDS[0]);
    }
}
