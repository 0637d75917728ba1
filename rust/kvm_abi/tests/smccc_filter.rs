// SPDX-License-Identifier: GPL-2.0

//! Requests to filter calls: the valid ones, and the ranges that they ask for.
//!
//! The model is `kvm_smccc_set_filter()` up to the insertion, in the integers and errnos of the C
//! code.

mod random;

use kvm_abi::{
    FilterAction,
    FilterEntry,
    FilterRange,
    FilterRequest,
    FuncId,
    NoAttribute,
    RanOnce,
    Reject, //
};
use proptest::prelude::*;

const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

const EBUSY: i32 = 16;
const EINVAL: i32 = 22;

/// `enum kvm_smccc_filter_action`.
const ACTIONS: [(u8, FilterAction); 3] = [
    (0, FilterAction::Handle),
    (1, FilterAction::Deny),
    (2, FilterAction::ForwardToUser),
];

/// The first function, the number of functions, and the last function if there is such a range.
const RANGES: [(u32, u32, Option<u32>); 18] = [
    (0x8400_0000, 1, Some(0x8400_0000)),
    (0x8400_0000, 0x20, Some(0x8400_001f)),
    (0x8000_0000, 0x1_0000, Some(0x8000_ffff)),
    (0xc000_0000, 0x1_0000, Some(0xc000_ffff)),
    (0, 1, Some(0)),
    (0, 0x8000_0000, Some(0x7fff_ffff)),
    (0, 0xffff_ffff, Some(0xffff_fffe)),
    (1, 0xffff_ffff, Some(0xffff_ffff)),
    (2, 0xffff_ffff, None),
    (0x8000_0000, 0x8000_0000, Some(0xffff_ffff)),
    (0x8000_0000, 0x8000_0001, None),
    (0x8000_0001, 0x8000_0000, None),
    (0xffff_fffe, 2, Some(0xffff_ffff)),
    (0xffff_fffe, 3, None),
    (0xffff_ffff, 1, Some(0xffff_ffff)),
    (0xffff_ffff, 2, None),
    (0xffff_ffff, 0xffff_ffff, None),
    (0x7fff_ffff, 0x8000_0001, Some(0xffff_ffff)),
];

/// `struct kvm_smccc_filter`.
#[derive(Clone, Copy, Debug)]
struct Filter {
    base: u32,
    nr_functions: u32,
    action: u8,
    pad: [u8; 15],
}

impl Filter {
    /// Returns the bytes from userspace, in the layout of the structure.
    fn to_le_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..4].copy_from_slice(&self.base.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.nr_functions.to_le_bytes());
        bytes[8] = self.action;
        bytes[9..].copy_from_slice(&self.pad);
        bytes
    }

    /// Returns the request.
    fn request(self) -> FilterRequest {
        let bytes = self.to_le_bytes();
        let word = |n: usize| u64::from_le_bytes(bytes[n * 8..][..8].try_into().unwrap());
        let request = FilterRequest::from_le_words([word(0), word(1), word(2)]);
        assert_eq!(request.base(), self.base, "{self:?}");
        let fields = FilterRequest::new(self.base, self.nr_functions, self.action, self.pad);
        assert_eq!(fields, request, "{self:?}");
        request
    }

    fn admit(self) -> Result<FilterRange, Reject> {
        self.request().admit()
    }

    fn decide(self, ran: RanOnce) -> Result<FilterRange, Reject> {
        self.admit()?.decide(ran)
    }
}

/// All functions of PSCI in their 32-bit form, for userspace.
const REQUEST: Filter = Filter {
    base: 0x8400_0000,
    nr_functions: 0x20,
    action: 2,
    pad: [0; 15],
};

const RANGE: FilterRange = FilterRange {
    first: FuncId::from_raw(0x8400_0000),
    last: FuncId::from_raw(0x8400_001f),
    action: FilterAction::ForwardToUser,
};

/// Returns `start`, `end` and `action` of the inserted range, or the errno.
fn c_set_filter(filter: &Filter, ran: RanOnce) -> Result<(u32, u32, u64), i32> {
    if filter.pad.iter().any(|byte| *byte != 0) {
        return Err(EINVAL);
    }
    let start = filter.base;
    let end = start.wrapping_add(filter.nr_functions).wrapping_sub(1);
    if filter.nr_functions == 0 || end < start || filter.action >= 3 {
        return Err(EINVAL);
    }
    if ran == RanOnce::Yes {
        return Err(EBUSY);
    }
    Ok((start, end, filter.action.into()))
}

fn errno(reject: Reject) -> i32 {
    match reject {
        Reject::InvalidValue => EINVAL,
        Reject::Frozen => EBUSY,
        other => panic!("{other:?}"),
    }
}

fn assert_same_as_c(request: &Filter) {
    for ran in RAN {
        let decided = request.decide(ran).map_err(errno).map(|range| {
            let (first, last) = (range.first.to_raw(), range.last.to_raw());
            (first, last, range.action.to_raw())
        });
        assert_eq!(decided, c_set_filter(request, ran), "{request:?}, {ran:?}");
    }
}

/// Checks that a request is refused before the check whether the VM has run.
fn assert_makes_no_sense(request: &Filter) {
    assert_eq!(request.admit(), Err(Reject::InvalidValue), "{request:?}");
    for ran in RAN {
        let decided = request.decide(ran);
        assert_eq!(decided, Err(Reject::InvalidValue), "{request:?}, {ran:?}");
    }
}

#[test]
fn actions_have_the_values_of_the_uapi() {
    assert_eq!(FilterAction::ALL, ACTIONS.map(|(_, action)| action));
    for (raw, action) in ACTIONS {
        assert_eq!(FilterAction::from_raw(raw.into()), Some(action));
        assert_eq!(action.to_raw(), u64::from(raw), "{action:?}");
    }
}

#[test]
fn other_values_are_no_actions() {
    // None of them becomes "handle".
    for action in 3..=u8::MAX {
        assert_eq!(FilterAction::from_raw(action.into()), None, "{action}");
        assert_makes_no_sense(&Filter { action, ..REQUEST });
    }
    // Nor does a valid byte with a bit set above it.
    for value in (8..64).flat_map(|bit| (0..3).map(move |action| 1 << bit | action)) {
        assert_eq!(FilterAction::from_raw(value), None, "{value:#x}");
    }
}

#[test]
fn entry_of_the_filter_that_is_no_action_denies() {
    // All bits of the entry count.
    let wide = (8..64).flat_map(|bit| (0..3).map(move |action| 1 << bit | action));
    for value in (0..=0x1000).chain(wide).chain([u64::MAX]) {
        let known = ACTIONS.iter().find(|(raw, _)| u64::from(*raw) == value);
        let action = known.map_or(FilterAction::Deny, |(_, action)| *action);
        let entry = FilterEntry::from_raw(value);
        assert_eq!(entry.action(), action, "{value:#x}");
        assert_eq!(
            entry.handles(),
            action == FilterAction::Handle,
            "{value:#x}"
        );
        let forwards = action == FilterAction::ForwardToUser;
        assert_eq!(entry.forwards(), forwards, "{value:#x}");
    }
}

#[test]
fn function_that_is_not_in_the_filter_is_handled() {
    // An empty entry is zero.
    assert_eq!(FilterEntry::from_raw(0).action(), FilterAction::Handle);
}

#[test]
fn every_action_is_passed_on() {
    for (raw, action) in ACTIONS {
        let request = Filter {
            action: raw,
            ..REQUEST
        };
        let range = FilterRange { action, ..RANGE };
        assert_eq!(request.admit(), Ok(range));
        assert_eq!(request.decide(RanOnce::No), Ok(range));
    }
}

#[test]
fn vm_that_has_run_refuses_valid_requests() {
    for (raw, _) in ACTIONS {
        let request = Filter {
            action: raw,
            ..REQUEST
        };
        assert_eq!(request.decide(RanOnce::Yes), Err(Reject::Frozen), "{raw}");
    }
}

#[test]
fn every_bit_of_the_padding_is_zero() {
    for byte in 0..15 {
        for bit in 0..8 {
            let mut request = REQUEST;
            request.pad[byte] = 1 << bit;
            assert_makes_no_sense(&request);
        }
    }
}

#[test]
fn bytes_of_the_padding_do_not_cancel_out() {
    for bytes in 2..=15 {
        for value in [1, 0x80, u8::MAX] {
            let mut request = REQUEST;
            request.pad[..bytes].fill(value);
            assert_makes_no_sense(&request);
        }
    }
}

#[test]
fn empty_range_is_refused() {
    for base in [0, 1, 0x7fff_ffff, 0x8000_0000, 0x8400_0000, u32::MAX] {
        for (action, _) in ACTIONS {
            assert_makes_no_sense(&Filter {
                base,
                nr_functions: 0,
                action,
                ..REQUEST
            });
        }
    }
}

#[test]
fn range_ends_with_the_last_identifier_at_the_latest() {
    for (base, nr_functions, last) in RANGES {
        let request = Filter {
            base,
            nr_functions,
            ..REQUEST
        };
        match last.map(FuncId::from_raw) {
            Some(last) => {
                let first = FuncId::from_raw(base);
                let range = FilterRange {
                    first,
                    last,
                    ..RANGE
                };
                assert_eq!(request.admit(), Ok(range), "{request:x?}");
                assert_eq!(request.decide(RanOnce::No), Ok(range), "{request:x?}");
                assert!(range.first <= range.last);
            }
            None => assert_makes_no_sense(&request),
        }
    }
}

#[test]
fn range_beyond_the_last_identifier_is_refused() {
    // From 0 and 1 on, a request cannot ask for too many functions.
    for bit in 1..32 {
        for base in [1 << bit, u32::MAX - (1 << bit)] {
            let most = u32::MAX - base + 1;
            let mut request = Filter {
                base,
                nr_functions: most,
                ..REQUEST
            };
            let last = request.admit().map(|range| range.last);
            assert_eq!(last, Ok(FuncId::from_raw(u32::MAX)), "{base:#x}");
            request.nr_functions = most + 1;
            assert_makes_no_sense(&request);
        }
    }
}

#[test]
fn fields_do_not_make_up_for_each_other() {
    // All combinations of wrong and right fields.
    for wrong in 0..16 {
        let mut request = REQUEST;
        if wrong & 1 != 0 {
            request.pad[14] = 1;
        }
        if wrong & 2 != 0 {
            request.nr_functions = 0;
        }
        if wrong & 4 != 0 {
            request.action = 3;
        }
        if wrong & 8 != 0 {
            request.base = u32::MAX;
        }
        assert_same_as_c(&request);
        assert_eq!(request.admit().is_ok(), wrong == 0, "{request:?}");
    }
}

#[test]
fn filter_is_the_only_attribute() {
    assert_eq!(FilterRequest::admit_attribute(0), Ok(()));
    for number in (0..64).map(|bit| 1 << bit) {
        assert_eq!(
            FilterRequest::admit_attribute(number),
            Err(NoAttribute),
            "{number:#x}"
        );
    }
}

#[test]
fn calls_of_the_architecture_are_reserved() {
    let reserved = [(0x8000_0000, 0x8000_ffff), (0xc000_0000, 0xc000_ffff)];
    assert_eq!(
        FilterRange::RESERVED,
        reserved.map(|(first, last)| FilterRange {
            first: FuncId::from_raw(first),
            last: FuncId::from_raw(last),
            action: FilterAction::Handle,
        })
    );
}

proptest! {
    #![proptest_config(random::cases(4096))]

    #[test]
    fn any_request_is_decided_as_in_c(
        base in prop_oneof![any::<u32>(), Just(0), (0..4u32).prop_map(|n| u32::MAX - n)],
        nr_functions in prop_oneof![any::<u32>(), 0..4u32],
        action in prop_oneof![0..4u8, any::<u8>()],
        byte in 0..15usize,
        value in prop_oneof![Just(0u8), Just(0), any::<u8>()],
    ) {
        let mut request = Filter { base, nr_functions, action, pad: [0; 15] };
        request.pad[byte] = value;
        assert_same_as_c(&request);
    }

    #[test]
    fn any_range_near_the_end_is_decided_as_in_c(base: u32, off in -2..=2i32) {
        let most = u32::MAX.wrapping_sub(base).wrapping_add(1);
        let nr_functions = most.wrapping_add_signed(off);
        assert_same_as_c(&Filter { base, nr_functions, ..REQUEST });
    }
}
