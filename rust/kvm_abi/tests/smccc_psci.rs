// SPDX-License-Identifier: GPL-2.0

//! Calls of PSCI: the versions that have them, their effect, and the bits of their arguments that
//! count.
//!
//! The expectations come from Arm DEN 0022 (PSCI), from `include/uapi/linux/psci.h` and from the
//! cases of `kvm_psci_call()`.

mod common;
mod random;

use common::{
    value,
    Guest,
    FUNCTIONS,
    GUEST,
    INVALID_PARAMETERS,
    NOT_SUPPORTED,
    REFUSED,
    SUCCESS,
    UNKNOWN_VERSIONS,
    VERSIONS, //
};
use kvm_abi::{
    ret,
    Action,
    Call,
    Decision,
    FuncId,
    PowerOn,
    PsciVersion,
    SystemEvent, //
};
use proptest::prelude::*;

const PSCI_VERSION: u32 = 0x8400_0000;
const CPU_SUSPEND: [u32; 2] = [0x8400_0001, 0xc400_0001];
const CPU_OFF: u32 = 0x8400_0002;
const CPU_ON: u32 = 0x8400_0003;
const CPU_ON64: u32 = 0xc400_0003;
const MIGRATE_INFO_TYPE: u32 = 0x8400_0006;
const SYSTEM_OFF: u32 = 0x8400_0008;
const SYSTEM_RESET: u32 = 0x8400_0009;
const PSCI_FEATURES: u32 = 0x8400_000a;
const SYSTEM_SUSPEND: u32 = 0x8400_000e;
const SYSTEM_SUSPEND64: u32 = 0xc400_000e;
const SYSTEM_RESET2: u32 = 0x8400_0012;
const SYSTEM_RESET2_64: u32 = 0xc400_0012;
const SYSTEM_OFF2: u32 = 0x8400_0015;
const SYSTEM_OFF2_64: u32 = 0xc400_0015;
const OFF_0_1: u32 = 0x95c1_ba5f;
const ON_0_1: u32 = 0x95c1_ba60;

const ALREADY_ON: u64 = -4i64 as u64;
const INTERNAL_FAILURE: u64 = -6i64 as u64;

/// All functions of PSCI 0.2 and later that KVM has, and the first version that has them.
const PSCI: [(u32, u32); 18] = [
    (0x8400_0000, 0x0_0002),
    (0x8400_0001, 0x0_0002),
    (0xc400_0001, 0x0_0002),
    (0x8400_0002, 0x0_0002),
    (0x8400_0003, 0x0_0002),
    (0xc400_0003, 0x0_0002),
    (0x8400_0004, 0x0_0002),
    (0xc400_0004, 0x0_0002),
    (0x8400_0006, 0x0_0002),
    (0x8400_0008, 0x0_0002),
    (0x8400_0009, 0x0_0002),
    (0x8400_000a, 0x1_0000),
    (0x8400_000e, 0x1_0000),
    (0xc400_000e, 0x1_0000),
    (0x8400_0012, 0x1_0001),
    (0xc400_0012, 0x1_0001),
    (0x8400_0015, 0x1_0003),
    (0xc400_0015, 0x1_0003),
];

/// `KVM_PSCI_FN(0)` to `(3)`.
const PSCI_0_1: [u32; 4] = [0x95c1_ba5e, 0x95c1_ba5f, 0x95c1_ba60, 0x95c1_ba61];

/// Values of `x1` to `x3` with bits in each half, and the values that a 32-bit function sees.
const WIDE: [u64; 3] = [0xaaaa_aaaa_0000_0000, 0x5555_0001_1234_5678, u64::MAX];
const NARROW: [u64; 3] = [0, 0x1234_5678, 0xffff_ffff];

/// Returns the decision to exit to userspace with these values in `x0` to `x3`.
fn event(event: SystemEvent, registers: [u64; 4]) -> Decision {
    Decision::Perform(Action::SystemEvent { event, registers })
}

/// Guests of each version, width and kind of userspace.
fn guests() -> impl Iterator<Item = Guest> {
    (0..24).map(|n| Guest {
        psci_version: VERSIONS[n / 4],
        is_32bit: n % 2 == 1,
        may_suspend_system: n / 2 % 2 == 1,
        ..GUEST
    })
}

/// Returns whether a guest has a function that is in the table.
fn has(guest: &Guest, (id, since): (u32, u32)) -> bool {
    let suspend = [SYSTEM_SUSPEND, SYSTEM_SUSPEND64].contains(&id);
    guest.psci_version >= since
        && !(guest.is_32bit && id >= 0xc000_0000)
        && (guest.may_suspend_system || !suspend)
}

/// Returns a guest that sees this version.
fn of_version(psci_version: u32) -> Guest {
    Guest {
        psci_version,
        ..GUEST
    }
}

#[test]
fn values_are_those_of_psci() {
    assert_eq!(ret::SUCCESS, 0);
    assert_eq!(ret::NOT_SUPPORTED, 0xffff_ffff_ffff_ffff);
    assert_eq!(ret::INVALID_PARAMETERS, 0xffff_ffff_ffff_fffe);
    assert_eq!(ret::ALREADY_ON, 0xffff_ffff_ffff_fffc);
    assert_eq!(ret::INTERNAL_FAILURE, 0xffff_ffff_ffff_fffa);
    assert_eq!((ret::AFFINITY_ON, ret::AFFINITY_OFF), (0, 1));
    assert_eq!(PowerOn::NO_SUCH_CPU, 0xffff_ffff_ffff_fffe);
}

#[test]
fn each_version_has_the_functions_of_the_table_and_no_others() {
    for guest in guests() {
        // Fast and yielding calls, with the hint and without; then PSCI 0.1.
        for base in [
            0x8400_0000,
            0xc400_0000,
            0x0400_0000,
            0x4400_0000,
            0x8401_0000,
            0xc401_0000,
        ] {
            for id in base..base + 0x50 {
                let row = PSCI.into_iter().find(|(known, _)| *known == id);
                let has = row.is_some_and(|row| has(&guest, row));
                let x1 = if id == PSCI_FEATURES {
                    PSCI_VERSION.into()
                } else {
                    0
                };
                let refused = guest.calls(id, [x1, 0, 0]) == REFUSED;
                assert_eq!(refused, !has, "{id:#x}, {guest:?}");
            }
        }
        for id in PSCI_0_1 {
            let has = guest.psci_version == 1 && [OFF_0_1, ON_0_1].contains(&id);
            let refused = guest.calls(id, [0; 3]) == REFUSED;
            assert_eq!(refused, !has, "{id:#x}, {guest:?}");
        }
    }
}

#[test]
fn versions_name_the_functions_that_they_added() {
    let since = |id| match Call::decode(FuncId::from_raw(id)) {
        Call::Psci(call) => call.since().map(PsciVersion::to_raw),
        other => panic!("{other:?}"),
    };
    for (id, version) in PSCI {
        assert_eq!(since(id), Some(version), "{id:#x}");
    }
    // MIGRATE and MEM_PROTECT.
    assert_eq!(since(0x8400_0005), None);
    assert_eq!(since(0x8400_0013), None);
}

#[test]
fn version_that_kvm_does_not_implement_has_no_function() {
    for version in UNKNOWN_VERSIONS {
        for id in PSCI.map(|(id, _)| id).into_iter().chain(PSCI_0_1) {
            for arguments in [[0; 3], WIDE, [PSCI_VERSION.into(), 0, 0]] {
                let decision = of_version(version).calls(id, arguments);
                assert_eq!(decision, REFUSED, "{version:#x}, {id:#x}");
            }
        }
    }
}

#[test]
fn psci_needs_no_service() {
    for guest in guests() {
        for (id, _) in PSCI {
            for arguments in [[0; 3], WIDE] {
                let decision = guest.without_services().calls(id, arguments);
                assert_eq!(decision, guest.calls(id, arguments), "{id:#x}");
            }
        }
    }
}

#[test]
fn version_is_the_one_that_the_guest_sees() {
    assert_eq!(of_version(0x1).calls(PSCI_VERSION, [0; 3]), REFUSED);
    for version in [0x0_0002, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003] {
        for arguments in [[0; 3], WIDE] {
            let decision = of_version(version).calls(PSCI_VERSION, arguments);
            assert_eq!(decision, value(version.into()));
        }
    }
}

#[test]
fn functions_without_arguments_ignore_them() {
    let off = [INTERNAL_FAILURE, 0, 0, 0];
    for guest in guests().filter(|guest| guest.psci_version >= 2) {
        for arguments in [[0; 3], WIDE, [u64::MAX; 3]] {
            for (id, expected) in [
                (CPU_SUSPEND[0], Decision::Perform(Action::CpuSuspend)),
                (CPU_OFF, Decision::Perform(Action::CpuOff)),
                // There is no Trusted OS to migrate.
                (MIGRATE_INFO_TYPE, value(2)),
                (SYSTEM_OFF, event(SystemEvent::Off, off)),
                (SYSTEM_RESET, event(SystemEvent::Reset, off)),
            ] {
                assert_eq!(guest.calls(id, arguments), expected, "{id:#x}, {guest:?}");
            }
            if !guest.is_32bit {
                let decision = guest.calls(CPU_SUSPEND[1], arguments);
                assert_eq!(decision, Decision::Perform(Action::CpuSuspend));
            }
        }
    }
}

#[test]
fn cpu_on_reads_the_bits_of_its_form() {
    let target = 0x12_0034_5678;
    let arguments = [target, 0x1_8000_0000, 0xdead_beef_cafe_f00d];
    let wide = PowerOn {
        target,
        entry: 0x1_8000_0000,
        context_id: 0xdead_beef_cafe_f00d,
        already_on: ALREADY_ON,
    };
    let narrow = PowerOn {
        target: 0x0034_5678,
        entry: 0x8000_0000,
        context_id: 0xcafe_f00d,
        already_on: ALREADY_ON,
    };
    for version in &VERSIONS[1..] {
        let guest = of_version(*version);
        for (id, on) in [(CPU_ON64, wide), (CPU_ON, narrow)] {
            let expected = Decision::Perform(Action::CpuOn(on));
            assert_eq!(guest.calls(id, arguments), expected, "{id:#x}");
        }
    }
    // PSCI 0.1 has only one form.
    let on = PowerOn {
        already_on: INVALID_PARAMETERS,
        ..wide
    };
    for is_32bit in [false, true] {
        let mut guest = of_version(0x1);
        guest.is_32bit = is_32bit;
        let expected = Decision::Perform(Action::CpuOn(on));
        assert_eq!(guest.calls(ON_0_1, arguments), expected);
    }
}

#[test]
fn cpu_on_refuses_bits_outside_the_affinity() {
    for bit in 0..64 {
        // Aff2 to Aff0 and Aff3.
        let affinity = bit < 24 || (32..40).contains(&bit);
        for (version, id, seen) in [
            (0x1_0003, CPU_ON64, !0),
            (0x0_0002, CPU_ON64, !0),
            (0x1_0003, CPU_ON, 0xffff_ffff),
            (0x0_0001, ON_0_1, !0),
        ] {
            let target = 1 << bit;
            let decision = of_version(version).calls(id, [target, 0, 0]);
            match decision {
                Decision::Perform(Action::CpuOn(on)) => {
                    assert!(affinity || target & seen == 0, "{id:#x}, {bit}");
                    assert_eq!(on.target, target & seen, "{id:#x}, {bit}");
                }
                other => {
                    assert!(!affinity && target & seen != 0, "{id:#x}, {bit}");
                    assert_eq!(other, value(INVALID_PARAMETERS), "{id:#x}, {bit}");
                }
            }
        }
    }
}

#[test]
fn vcpu_that_is_on_is_not_turned_on() {
    for (version, id, error) in [
        (0x0_0001, ON_0_1, INVALID_PARAMETERS),
        (0x0_0002, CPU_ON, ALREADY_ON),
        (0x0_0002, CPU_ON64, ALREADY_ON),
        (0x1_0003, CPU_ON, ALREADY_ON),
        (0x1_0003, CPU_ON64, ALREADY_ON),
    ] {
        let decision = of_version(version).calls(id, [1, 2, 3]);
        let Decision::Perform(Action::CpuOn(on)) = decision else {
            panic!("{id:#x}, {decision:?}");
        };
        assert_eq!(on.decide(false), Err(error), "{id:#x}");
        assert_eq!(on.decide(true), Ok(()), "{id:#x}");
    }
}

#[test]
fn cpu_off_of_0_1_is_that_of_0_2() {
    for arguments in [[0; 3], WIDE] {
        let expected = Decision::Perform(Action::CpuOff);
        assert_eq!(of_version(0x1).calls(OFF_0_1, arguments), expected);
    }
}

#[test]
fn system_suspend_leaves_the_registers_to_userspace() {
    for version in &VERSIONS[2..] {
        for (id, seen) in [(SYSTEM_SUSPEND, NARROW), (SYSTEM_SUSPEND64, WIDE)] {
            // All bits of x0 are unchanged.
            for garbage in [0, 0xdead_beef_0000_0000] {
                let mut guest = of_version(*version);
                let x0 = garbage | u64::from(id);
                guest.registers = [x0, WIDE[0], WIDE[1], WIDE[2]];
                let registers = [x0, seen[0], seen[1], seen[2]];
                let decision = Decision::of(&guest, FuncId::from_register(x0));
                assert_eq!(decision, event(SystemEvent::Suspend, registers), "{id:#x}");
            }
        }
    }
}

#[test]
fn system_reset2_leaves_its_arguments_in_place() {
    for version in &VERSIONS[3..] {
        // With a type that exists; the upper half of the argument is ignored.
        for reset_type in [0, 0x8000_0000, 0x8000_0001, 0xffff_ffff] {
            let x1 = 0xaaaa_aaaa_0000_0000 | reset_type;
            let arguments = [x1, WIDE[1], WIDE[2]];
            let guest = of_version(*version);
            let narrow = [INTERNAL_FAILURE, reset_type, NARROW[1], NARROW[2]];
            let decision = guest.calls(SYSTEM_RESET2, arguments);
            assert_eq!(decision, event(SystemEvent::Reset2, narrow), "{x1:#x}");
            let wide = [INTERNAL_FAILURE, x1, WIDE[1], WIDE[2]];
            let decision = guest.calls(SYSTEM_RESET2_64, arguments);
            assert_eq!(decision, event(SystemEvent::Reset2, wide), "{x1:#x}");
        }
    }
}

#[test]
fn reset_types_are_the_warm_reset_and_those_of_vendors() {
    let bits = (0..32).map(|bit| 1u64 << bit);
    let types = bits
        .flat_map(|bit| [bit - 1, bit, bit + 1])
        .chain([0xffff_ffff]);
    for reset_type in types {
        let known = reset_type == 0 || reset_type >= 0x8000_0000;
        for garbage in [0, 1 << 32, 1 << 63] {
            for id in [SYSTEM_RESET2, SYSTEM_RESET2_64] {
                let decision = GUEST.calls(id, [garbage | reset_type, 1, 1]);
                let invalid = decision == value(INVALID_PARAMETERS);
                assert_eq!(invalid, !known, "{reset_type:#x}, {id:#x}");
            }
        }
    }
}

#[test]
fn system_off2_hibernates() {
    let expected = event(SystemEvent::Off2, [INTERNAL_FAILURE, 0, 0, 0]);
    let types = (0..=0x100)
        .chain((8..32).map(|bit| 1 << bit))
        .chain([0xffff_ffff]);
    for off_type in types {
        for garbage in [0, 1 << 32, 0xffff_ffff_0000_0000] {
            for id in [SYSTEM_OFF2, SYSTEM_OFF2_64] {
                let known = off_type < 2;
                let arguments = [garbage | off_type, 0, 0x1234];
                let expected = if known {
                    expected
                } else {
                    value(INVALID_PARAMETERS)
                };
                let decision = GUEST.calls(id, arguments);
                assert_eq!(decision, expected, "{off_type:#x}, {id:#x}");
            }
        }
    }
}

#[test]
fn second_argument_of_system_off2_is_zero() {
    let expected = event(SystemEvent::Off2, [INTERNAL_FAILURE, 0, 0, 0]);
    for bit in 0..64 {
        for off_type in [0, 1] {
            let arguments = [off_type, 1 << bit, 0];
            // The 32-bit function does not see the upper half.
            let narrow = if bit < 32 {
                value(INVALID_PARAMETERS)
            } else {
                expected
            };
            assert_eq!(GUEST.calls(SYSTEM_OFF2, arguments), narrow, "{bit}");
            let wide = GUEST.calls(SYSTEM_OFF2_64, arguments);
            assert_eq!(wide, value(INVALID_PARAMETERS), "{bit}");
        }
    }
}

#[test]
fn all_events_but_suspend_stop_the_vcpus() {
    for (event, stops) in [
        (SystemEvent::Off, true),
        (SystemEvent::Off2, true),
        (SystemEvent::Reset, true),
        (SystemEvent::Reset2, true),
        (SystemEvent::Suspend, false),
    ] {
        assert_eq!(event.stops_vcpus(), stops, "{event:?}");
    }
}

#[test]
fn psci_features_reports_what_the_guest_can_call() {
    for guest in guests() {
        if guest.psci_version < 0x1_0000 {
            assert_eq!(guest.calls(PSCI_FEATURES, [0x8400_0000, 0, 0]), REFUSED);
            continue;
        }
        let standard = (0x8400_0000..0x8400_0060).chain(0xc400_0000..0xc400_0060);
        let others = (0x0400_0000..0x0400_0020).chain(0x8401_0000..0x8401_0020);
        for id in standard.chain(others).chain(FUNCTIONS.map(|(id, ..)| id)) {
            let row = PSCI.into_iter().find(|(known, _)| *known == id);
            let expected = match row {
                Some(row) if has(&guest, row) => match id {
                    // Bit 0: hibernation.
                    SYSTEM_OFF2 | SYSTEM_OFF2_64 => 1,
                    _ => SUCCESS,
                },
                // PSCI_FEATURES is how a guest finds out whether there is SMCCC 1.1.
                None if id == 0x8000_0000 => SUCCESS,
                _ => NOT_SUPPORTED,
            };
            for garbage in [0, 1 << 32, 1 << 63, 0xffff_ffff_0000_0000] {
                let arguments = [garbage | u64::from(id), u64::MAX, u64::MAX];
                let decision = guest.calls(PSCI_FEATURES, arguments);
                assert_eq!(decision, value(expected), "{id:#x}, {guest:?}");
            }
        }
    }
}

#[test]
fn psci_features_knows_no_other_identifier() {
    let known = |id| id == 0x8000_0000 || PSCI.iter().any(|(known, _)| *known == id);
    for high in 0..=0xff {
        for number in (0..0x80).chain([0x3fff, 0x7fff, 0x8000, 0xff01, 0xffff]) {
            for reserved in [0, 1, 2, 0x80, 0xff] {
                let id: u32 = high << 24 | reserved << 16 | number;
                let refused = GUEST.calls(PSCI_FEATURES, [id.into(), 0, 0]) == REFUSED;
                assert_eq!(refused, !known(id), "{id:#x}");
            }
        }
    }
}

proptest! {
    #![proptest_config(random::cases(2048))]

    #[test]
    fn any_32_bit_call_sees_only_lower_halves(
        row in 0..PSCI.len(),
        version in 0..VERSIONS.len(),
        arguments: [u64; 3],
        garbage: [u32; 3],
        shift in 0..32u32,
    ) {
        // Small values, too.
        let arguments = arguments.map(|x| (x % (1 << 32)) >> shift);
        let guest = of_version(VERSIONS[version]);
        let (id, _) = PSCI[row];
        if id < 0xc000_0000 {
            let mut noisy = arguments;
            for (x, garbage) in noisy.iter_mut().zip(garbage) {
                *x |= u64::from(garbage) << 32;
            }
            prop_assert_eq!(guest.calls(id, noisy), guest.calls(id, arguments), "{:#x}", id);
        }
    }
}
