// SPDX-License-Identifier: GPL-2.0

//! The opt-ins of a VM.
//!
//! The rules follow `Documentation/virt/kvm/arm/rust-opt-in.rst`, with sets as lists of bits.

use kvm_abi::{
    EnableCap,
    OptInCap,
    OptIns,
    Reject, //
};

use crate::Input;

/// The number of the first capability; the others follow.
const FIRST: u64 = 0x4152_4d01;

/// The opt-ins of each capability, as bits of the set.
const CAPS: [(OptInCap, &[u32]); 5] = [
    (OptInCap::FeatureLevels, &[0]),
    (OptInCap::RegMaskRanges, &[1, 2]),
    (OptInCap::VmOneReg, &[3]),
    (OptInCap::RegScope, &[4]),
    (OptInCap::PsciVersionFreeze, &[5]),
];

fn members(set: OptIns) -> Vec<u32> {
    (0..32).filter(|bit| set.bits() >> bit & 1 == 1).collect()
}

fn expected(request: &EnableCap) -> Result<Vec<u32>, Reject> {
    let cap = u64::from(request.cap)
        .checked_sub(FIRST)
        .and_then(|place| CAPS.get(place as usize));
    let [wanted, reserved @ ..] = request.args;
    let zeros = request.flags == 0 && reserved == [0; 3] && request.pad == [0; 64];
    match cap {
        Some((OptInCap::RegMaskRanges, _)) if zeros && [2, 4, 6].contains(&wanted) => {
            Ok((1..=2).filter(|range| wanted >> range & 1 == 1).collect())
        }
        Some((OptInCap::RegMaskRanges, _)) | None => Err(Reject::InvalidValue),
        Some((_, places)) if zeros && wanted == 0 => Ok(places.to_vec()),
        Some(_) => Err(Reject::InvalidValue),
    }
}

fn request(input: &mut Input<'_>) {
    let cap = input.near(&[FIRST, FIRST + 1, FIRST + 2, FIRST + 4, FIRST + 5, 0]) as u32;
    let flags = input.near(&[0]) as u32;
    let mut args = [input.near(&[0, 2, 4, 6, 8]), 0, 0, 0];
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

fn capabilities(input: &mut Input<'_>) {
    let number = input.near(&[FIRST, FIRST + 4, FIRST + 5]);
    let place = number
        .checked_sub(FIRST)
        .and_then(|n| usize::try_from(n).ok());
    let known = place.and_then(|place| CAPS.get(place));
    let cap = OptInCap::from_number(number);
    assert_eq!(cap, known.map(|(cap, _)| *cap), "{number:#x}");

    let there = OptIns::from_bits(input.u32());
    for (cap, places) in CAPS {
        assert_eq!(members(cap.opt_ins()), places);
        let had: Vec<_> = members(there)
            .into_iter()
            .filter(|place| places.contains(place))
            .collect();
        let extension = match cap {
            _ if had.is_empty() => 0,
            OptInCap::FeatureLevels => 8,
            OptInCap::RegMaskRanges => had.iter().map(|range| 1 << range).sum(),
            _ => 1,
        };
        assert_eq!(cap.extension(there), extension, "{cap:?}, {there:?}");
    }
}

fn sets(input: &mut Input<'_>) {
    let bits = [input.u32(), input.u32()];
    let [a, b] = bits.map(OptIns::from_bits);
    let [in_a, in_b] = bits.map(|bits| move |place: u32| place < 7 && bits >> place & 1 == 1);
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
    capabilities(input);
    sets(input);
}
