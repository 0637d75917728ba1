// SPDX-License-Identifier: GPL-2.0

//! Requests to filter hypercalls.
//!
//! The rules follow `Documentation/virt/kvm/devices/vm.rst`, `KVM_ARM_VM_SMCCC_FILTER`, with
//! numbers that do not wrap.

use kvm_abi::{
    FilterAction,
    FilterEntry,
    FilterRange,
    FilterRequest,
    FuncId,
    RanOnce,
    Reject, //
};

use crate::Input;

const ACTIONS: [FilterAction; 3] = [
    FilterAction::Handle,
    FilterAction::Deny,
    FilterAction::ForwardToUser,
];

fn expected(base: u32, functions: u32, action: u8, pad: [u8; 15]) -> Result<FilterRange, Reject> {
    let end = i128::from(base) + i128::from(functions);
    if pad.iter().any(|byte| *byte != 0) || functions == 0 || end > 1 << 32 {
        return Err(Reject::InvalidValue);
    }
    let action = ACTIONS.get(usize::from(action));
    Ok(FilterRange {
        first: FuncId::from_raw(base),
        last: FuncId::from_raw((end - 1) as u32),
        action: *action.ok_or(Reject::InvalidValue)?,
    })
}

fn request(input: &mut Input<'_>) {
    let ends = [0, 1, 0x8000_0000, 0x8400_0000, 0xc600_ff01, 0xffff_ffff];
    let (base, functions) = (input.near(&ends) as u32, input.near(&ends) as u32);
    let action = input.near(&[0, 1, 2, 3]) as u8;
    let mut pad = [0; 15];
    // Often just one byte, because each byte counts.
    if input.bool() {
        pad[usize::from(input.u8()) % 15] = 1 << (input.u8() % 8);
    }

    // In the layout of userspace.
    let mut bytes = [0; 24];
    bytes[..4].copy_from_slice(&base.to_le_bytes());
    bytes[4..8].copy_from_slice(&functions.to_le_bytes());
    bytes[8] = action;
    bytes[9..].copy_from_slice(&pad);
    let words = [0, 8, 16].map(|at| {
        let word = bytes[at..at + 8].try_into();
        u64::from_le_bytes(word.expect("a word has eight bytes"))
    });
    let request = FilterRequest::from_le_words(words);
    assert_eq!(request.base(), base);

    let range = request.admit();
    assert_eq!(
        range,
        expected(base, functions, action, pad),
        "{base:#x}, {functions:#x}, {action}, {pad:?}"
    );
    if let Ok(range) = range {
        assert_eq!(range.decide(RanOnce::No), Ok(range));
        assert_eq!(range.decide(RanOnce::Yes), Err(Reject::Frozen));
    }
}

/// Checks that an entry which no request can install denies its functions, as in C.
fn entry(input: &mut Input<'_>) {
    let raw = input.near(&[0, 1, 2, 3]);
    let entry = FilterEntry::from_raw(raw);
    let action = match raw {
        0 | 2 => ACTIONS[raw as usize],
        _ => FilterAction::Deny,
    };
    assert_eq!(entry.action(), action, "{raw:#x}");
    assert_eq!(entry.handles(), raw == 0, "{raw:#x}");
    assert_eq!(entry.forwards(), raw == 2, "{raw:#x}");

    let known = usize::try_from(raw).ok().and_then(|raw| ACTIONS.get(raw));
    assert_eq!(FilterAction::from_raw(raw), known.copied(), "{raw:#x}");
    if let Some(action) = known {
        assert_eq!(action.to_raw(), raw);
    }
}

/// Checks that calls of the architecture are reserved, in both widths.
fn reserved(input: &mut Input<'_>) {
    let id = input.near(&[0x8000_0000, 0x8000_ffff, 0xc000_0000, 0xc000_ffff]) as u32;
    let reserved = FilterRange::RESERVED
        .iter()
        .any(|range| (range.first.to_raw()..=range.last.to_raw()).contains(&id));
    assert_eq!(reserved, id >> 16 & 0xbfff == 0x8000, "{id:#x}");
}

pub(crate) fn run(input: &mut Input<'_>) {
    request(input);
    entry(input);
    reserved(input);
}
