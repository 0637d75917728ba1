// SPDX-License-Identifier: GPL-2.0

//! The opt-ins of a VM.
//!
//! The rules follow `Documentation/virt/kvm/arm/rust-opt-in.rst`, with sets as lists of bits.

use kvm_abi::{
    EnableCap,
    OptIns,
    Reject, //
};

use crate::Input;

/// The number of the capability.
const NUMBER: u64 = 0x4152_4d10;

/// The bits of the capability's opt-ins.
const ALL: u32 = 0x3ff;
/// The first bit above all of them.
const PLACES: u32 = 10;

fn members(set: OptIns) -> Vec<u32> {
    (0..32).filter(|bit| set.bits() >> bit & 1 == 1).collect()
}

fn expected(request: &EnableCap) -> Result<Vec<u32>, Reject> {
    let [wanted, reserved @ ..] = request.args;
    let zeros = request.flags == 0 && reserved == [0; 3] && request.pad == [0; 64];
    if u64::from(request.cap) != NUMBER || !zeros || wanted & !u64::from(ALL) != 0 {
        return Err(Reject::InvalidValue);
    }
    let asked = |place: u32| wanted >> place & 1 == 1;
    // Read-only fields, 9, come with the configuration of the VM, 6. That, like registers of the
    // VM, 3, comes with a version of PSCI that freezes, 5.
    let there = |place: &u32| match *place {
        5 => [5, 3, 6, 9].into_iter().any(asked),
        6 => asked(6) || asked(9),
        place => asked(place),
    };
    Ok((0..PLACES).filter(there).collect())
}

fn request(input: &mut Input<'_>) {
    let cap = input.near(&[NUMBER, 0]) as u32;
    let flags = input.near(&[0]) as u32;
    let mut args = [input.near(&[0, 8, 1 << PLACES]), 0, 0, 0];
    let mut pad = [0; 64];
    // Only sometimes, so that most requests are valid.
    match input.u8() {
        place @ 0..64 => pad[usize::from(place)] = input.u8(),
        place @ 64..80 => args[usize::from(1 + place % 3)] = input.u64(),
        _ => (),
    }
    let request = EnableCap {
        cap,
        flags,
        args,
        pad,
    };
    let found = request.opt_ins().map(members);
    assert_eq!(found, expected(&request), "{request:x?}");
}

fn extension(input: &mut Input<'_>) {
    let number = input.near(&[NUMBER, NUMBER << 32, 0]) as i64;
    let offered = OptIns::from_bits(input.u32());
    let vm = OptIns::from_bits(input.u32());
    let known = u32::from(number == NUMBER as i64);
    assert_eq!(
        OptIns::check_extension(number, offered, Some(vm)),
        known * (vm.bits() & ALL)
    );
    assert_eq!(
        OptIns::check_extension(number, offered, None),
        known * (offered.bits() & ALL)
    );
}

fn sets(input: &mut Input<'_>) {
    let bits = [input.u32(), input.u32()];
    let [a, b] = bits.map(OptIns::from_bits);
    let [in_a, in_b] = bits.map(|bits| move |place: u32| bits & ALL & 1 << place != 0);
    let all = |is_in: &dyn Fn(u32) -> bool| (0..32).filter(|bit| is_in(*bit)).collect::<Vec<_>>();
    assert_eq!(members(a), all(&in_a));
    assert_eq!(
        members(a.union(b)),
        all(&|place| in_a(place) || in_b(place))
    );
    assert_eq!(
        members(a.intersection(b)),
        all(&|place| in_a(place) && in_b(place))
    );
    let contains = (0..32).all(|place| in_a(place) || !in_b(place));
    assert_eq!(a.contains(b), contains, "{a:?}, {b:?}");
    assert_eq!(a.is_empty(), all(&in_a).is_empty());
    // Ranges 1 and 2 are bits 1 and 2 of the set.
    assert_eq!(a.mask_ranges(), a.bits() & 0b110, "{a:?}");
}

pub(crate) fn run(input: &mut Input<'_>) {
    request(input);
    extension(input);
    sets(input);
}
