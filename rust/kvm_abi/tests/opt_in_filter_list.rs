// SPDX-License-Identifier: GPL-2.0

//! The list of a filter's ranges: what a request needs, and which ranges are listed.
//!
//! The model is a sorted vector of ranges that do not overlap.

mod random;

use kvm_abi::{
    FilterAction,
    FilterList,
    FilterRange,
    FilterRanges,
    FilterRequest,
    FuncId,
    NoAttribute,
    NoRoom,
    OptIns,
    Reject, //
};
use proptest::prelude::*;

/// `KVM_ARM_VM_SMCCC_FILTER_LIST`, in the group `KVM_ARM_VM_SMCCC_CTRL`.
const ATTRIBUTE: u64 = 0x40;

struct Filter(Vec<FilterRange>);

impl FilterRanges for Filter {
    fn range_from(&self, from: u64) -> Option<FilterRange> {
        self.0
            .iter()
            .find(|range| u64::from(range.last.to_raw()) >= from)
            .copied()
    }
}

/// A filter whose tree always has the same range.
struct Stuck(FilterRange);

impl FilterRanges for Stuck {
    fn range_from(&self, from: u64) -> Option<FilterRange> {
        (from < 10).then_some(self.0)
    }
}

fn range(first: u32, last: u32, action: FilterAction) -> FilterRange {
    FilterRange {
        first: FuncId::from_raw(first),
        last: FuncId::from_raw(last),
        action,
    }
}

fn listed(ranges: &[FilterRange]) -> Vec<FilterRange> {
    FilterList::ranges(&Filter(ranges.to_vec())).collect()
}

const LIST: FilterList = FilterList {
    n: 4,
    flags: 0,
    ranges: 0x1234_5678_9abc_def0,
    reserved: [0; 2],
};

#[test]
fn attribute_is_there_if_the_vm_has_opted_in() {
    for bits in 0..256 {
        let opt_ins = OptIns::from_bits(bits);
        let expected = if bits & 0x80 != 0 {
            Ok(())
        } else {
            Err(NoAttribute)
        };
        let found = FilterList::admit_attribute(0, ATTRIBUTE, opt_ins);
        assert_eq!(found, expected, "{opt_ins:?}");
    }
}

#[test]
fn no_other_attribute_is_there() {
    for bit in 0..64 {
        let number = ATTRIBUTE ^ 1 << bit;
        let found = FilterList::admit_attribute(0, number, OptIns::ALL);
        assert_eq!(found, Err(NoAttribute), "{number:#x}");
    }
    for bit in 0..32 {
        let found = FilterList::admit_attribute(1 << bit, ATTRIBUTE, OptIns::ALL);
        assert_eq!(found, Err(NoAttribute), "group {bit}");
    }
}

#[test]
fn request_has_the_words_of_the_structure() {
    let words = [0xaabb_ccdd_1122_3344, 5, 6, 7];
    assert_eq!(
        FilterList::from_le_words(words),
        FilterList {
            n: 0x1122_3344,
            flags: 0xaabb_ccdd,
            ranges: 5,
            reserved: [6, 7],
        }
    );
}

#[test]
fn flags_and_reserved_words_are_zero() {
    assert_eq!(LIST.admit(), Ok(()));
    for bit in 0..64 {
        for word in 0..2 {
            let mut list = LIST;
            list.reserved[word] = 1 << bit;
            assert_eq!(list.admit(), Err(Reject::InvalidValue), "{bit}, {word}");
        }
        if bit < 32 {
            let list = FilterList {
                flags: 1 << bit,
                ..LIST
            };
            assert_eq!(list.admit(), Err(Reject::InvalidValue), "{bit}");
        }
    }
}

#[test]
fn room_is_for_as_many_ranges_as_userspace_says() {
    for (count, expected) in [
        (0, Ok(())),
        (4, Ok(())),
        (5, Err(NoRoom)),
        (u32::MAX, Err(NoRoom)),
    ] {
        assert_eq!(LIST.admit_count(count), expected, "{count}");
    }
}

#[test]
fn ranges_are_listed_in_order_without_the_reserved_ones() {
    let [arch32, arch64] = FilterRange::RESERVED;
    let set = [
        range(0, 0x7fff_ffff, FilterAction::Deny),
        range(0x8001_0000, 0x8001_0000, FilterAction::Handle),
        // Neighbours with the same action stay two ranges.
        range(0x8001_0001, 0x8001_0002, FilterAction::Handle),
        range(0xc001_0000, u32::MAX, FilterAction::ForwardToUser),
    ];
    let tree = [set[0], arch32, set[1], set[2], arch64, set[3]];
    assert_eq!(listed(&tree), set);
    assert_eq!(listed(&FilterRange::RESERVED), []);
    assert_eq!(listed(&[]), []);
}

#[test]
fn list_ends_even_if_the_tree_does_not_go_on() {
    let stuck = Stuck(range(0, 0, FilterAction::Deny));
    assert_eq!(FilterList::count(&stuck), 10);
    let reserved = Stuck(FilterRange::RESERVED[0]);
    assert_eq!(FilterList::count(&reserved), 0);
}

proptest! {
    #![proptest_config(random::cases(512))]

    #[test]
    fn a_listed_range_is_the_request_that_sets_it(
        base: u32,
        nr_functions: u32,
        action in 0..3u8,
    ) {
        let request = FilterRequest::new(base, nr_functions, action, [0; 15]);
        if let Ok(range) = request.admit() {
            prop_assert_eq!(FilterRequest::from_le_words(range.to_le_words()), request);
        }
    }

    #[test]
    fn each_range_that_was_set_is_listed_once(
        ends in prop::collection::btree_set(any::<u32>(), 0..40),
    ) {
        let ends: Vec<_> = ends.into_iter().collect();
        let set: Vec<_> = ends
            .chunks_exact(2)
            .zip(FilterAction::ALL.iter().cycle())
            .map(|(pair, action)| range(pair[0], pair[1], *action))
            .collect();
        prop_assert_eq!(listed(&set), set);
    }
}
