// SPDX-License-Identifier: GPL-2.0

//! Calls of PSCI: the functions of each version and form, and their results.
//!
//! The rules follow the tables of Arm DEN 0022; KVM's restrictions follow
//! `Documentation/virt/kvm/arm/hypercalls.rst`, and `KVM_EXIT_SYSTEM_EVENT` in
//! `Documentation/virt/kvm/api.rst`.

use kvm_abi::{
    Action,
    Decision,
    PowerOn,
    SystemEvent, //
};

use crate::common::{
    value,
    Guest,
    INVALID_PARAMETERS,
    NOT_SUPPORTED,
    REFUSED,
    SUCCESS,
    VERSIONS, //
};

const ALREADY_ON: u64 = -4i64 as u64;
const INTERNAL_FAILURE: u64 = -6i64 as u64;
/// The bits of an affinity: Aff3, and Aff2 to Aff0.
const AFFINITIES: u64 = 0xff_00ff_ffff;

/// The expected decision about a call.
#[derive(Debug)]
pub(crate) enum Expected {
    /// This decision.
    Is(Decision),
    /// `AFFINITY_INFO` for the affinity instance of this target at this level.
    Affinity { target: u64, level: u64 },
}

/// A function: its number, its first version, and whether it has a 64-bit form.
struct Function {
    number: u32,
    since: u32,
    smc64: bool,
}

const fn function(number: u32, since: u32, smc64: bool) -> Function {
    Function {
        number,
        since,
        smc64,
    }
}

const FUNCTIONS: [Function; 12] = [
    function(0x00, 0x0_0002, false),
    function(0x01, 0x0_0002, true),
    function(0x02, 0x0_0002, false),
    function(0x03, 0x0_0002, true),
    function(0x04, 0x0_0002, true),
    function(0x06, 0x0_0002, false),
    function(0x08, 0x0_0002, false),
    function(0x09, 0x0_0002, false),
    function(0x0a, 0x1_0000, false),
    function(0x0e, 0x1_0000, true),
    function(0x12, 0x1_0001, true),
    function(0x15, 0x1_0003, true),
];

/// Returns whether the guest has the function with this identifier.
fn has(guest: &Guest, id: u32) -> bool {
    let smc64 = match id & !0x1f {
        0x8400_0000 => false,
        0xc400_0000 => true,
        _ => return false,
    };
    FUNCTIONS.iter().any(|function| {
        function.number == id & 0x1f
            && guest.psci_version >= function.since
            && (!smc64 || function.smc64 && !guest.is_32bit)
            && (function.number != 0x0e || guest.may_suspend_system)
    })
}

fn features(guest: &Guest, id: u32) -> u64 {
    match id {
        0x8000_0000 => SUCCESS,
        // SYSTEM_OFF2 can hibernate.
        0x8400_0015 | 0xc400_0015 if has(guest, id) => 1,
        _ if has(guest, id) => SUCCESS,
        _ => NOT_SUPPORTED,
    }
}

fn power_on(arguments: [u64; 3], already_on: u64) -> Expected {
    let [target, entry, context_id] = arguments;
    Expected::Is(if target | AFFINITIES != AFFINITIES {
        value(INVALID_PARAMETERS)
    } else {
        Decision::Perform(Action::CpuOn(PowerOn {
            target,
            entry,
            context_id,
            already_on,
        }))
    })
}

fn event(event: SystemEvent, registers: [u64; 4]) -> Decision {
    Decision::Perform(Action::SystemEvent { event, registers })
}

/// Returns the expected decision about a call with an identifier of PSCI.
pub(crate) fn expected(guest: &Guest, id: u32) -> Expected {
    if !VERSIONS.contains(&guest.psci_version) || !has(guest, id) {
        return Expected::Is(REFUSED);
    }
    let [x0, x1, x2, x3] = guest.registers;
    let seen = match id >> 30 & 1 {
        0 => [x1, x2, x3].map(|x| x % (1 << 32)),
        _ => [x1, x2, x3],
    };
    let [first, second, third] = seen;
    let failed = [INTERNAL_FAILURE, 0, 0, 0];
    Expected::Is(match id & 0x1f {
        0x00 => value(guest.psci_version.into()),
        0x01 => Decision::Perform(Action::CpuSuspend),
        0x02 => Decision::Perform(Action::CpuOff),
        0x03 => return power_on(seen, ALREADY_ON),
        0x04 if first | AFFINITIES == AFFINITIES && second <= 3 => {
            return Expected::Affinity {
                target: first,
                level: second,
            }
        }
        0x04 => value(INVALID_PARAMETERS),
        // There is no Trusted OS.
        0x06 => value(2),
        0x08 => event(SystemEvent::Off, failed),
        0x09 => event(SystemEvent::Reset, failed),
        0x0a => value(features(guest, first as u32)),
        0x0e => event(SystemEvent::Suspend, [x0, first, second, third]),
        // A warm reset, or a vendor's type of reset.
        0x12 if first as u32 == 0 || first as u32 >= 1 << 31 => event(
            SystemEvent::Reset2,
            [INTERNAL_FAILURE, first, second, third],
        ),
        0x15 if first as u32 <= 1 && second == 0 => event(SystemEvent::Off2, failed),
        _ => value(INVALID_PARAMETERS),
    })
}

/// Returns the expected decision about a call of KVM's PSCI 0.1, which is older than SMCCC.
pub(crate) fn expected_0_1(guest: &Guest, number: u32) -> Expected {
    let [_, arguments @ ..] = guest.registers;
    match number {
        _ if guest.psci_version != 0x1 => Expected::Is(REFUSED),
        1 => Expected::Is(Decision::Perform(Action::CpuOff)),
        2 => power_on(arguments, INVALID_PARAMETERS),
        _ => Expected::Is(REFUSED),
    }
}
