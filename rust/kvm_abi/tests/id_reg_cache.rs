// SPDX-License-Identifier: GPL-2.0

//! Writes to `CLIDR_EL1` and `CCSIDR_EL1`.

use kvm_abi::{
    CacheGeometry,
    CacheSelector,
    Reject, //
};

/// AWS's Neoverse V1: lines of 64 bytes, IDC, and no DIC.
const V1: CacheGeometry = CacheGeometry::of_host(0xb444_c004);

/// A host whose data cache has to be cleaned, with lines of 32 bytes for data and 16 for
/// instructions.
const OLD: CacheGeometry = CacheGeometry::of_host(0x8443_8002);

fn cache(number: u8) -> CacheSelector {
    CacheSelector::new(number).unwrap()
}

#[test]
fn there_are_fourteen_caches() {
    assert_eq!(CacheSelector::COUNT, 14);
    assert!(CacheSelector::all().eq((0..14).map(cache)));
    for number in 14..=255 {
        assert_eq!(CacheSelector::new(number), None);
    }
}

#[test]
fn clidr_of_both_kernels_is_accepted_where_nothing_has_to_be_cleaned() {
    // Kernel 6.1 showed the CPU's own, kernel 6.18 makes one up.
    for value in [0x8200_0023, 0x300_0123, 0, 0x7fff_ffff_ffff] {
        assert_eq!(V1.decide_clidr(value), Ok(value), "{value:#x}");
    }
    for bit in 47..64 {
        let value = 0x300_0123 | 1 << bit;
        assert_eq!(V1.decide_clidr(value), Err(Reject::InvalidValue), "{bit}");
    }
}

#[test]
fn clidr_needs_a_level_to_clean_to_if_the_host_does() {
    let accepted = |value: u64| OLD.decide_clidr(value) == Ok(value);
    let (louu, loc, louis) = (1 << 27, 1 << 24, 1 << 21);
    for (value, expected) in [
        (0, false),
        (loc, false),
        (louu | louis, false),
        (loc | louu, true),
        (loc | louis, true),
        (loc | louu | louis | 0x3, true),
        (7 << 24 | 7 << 27, true),
        (1 << 47 | loc | louu, false),
    ] {
        assert_eq!(accepted(value), expected, "{value:#x}");
    }
}

#[test]
fn ccsidr_is_made_up_of_the_shortest_line() {
    for cache in CacheSelector::all() {
        assert_eq!(V1.initial_ccsidr(cache), 2);
    }
    // Even numbers are data or unified caches, odd ones are instruction caches.
    assert_eq!(OLD.initial_ccsidr(cache(0)), 1);
    assert_eq!(OLD.initial_ccsidr(cache(1)), 0);
    assert_eq!(OLD.initial_ccsidr(cache(13)), 0);
    // As in C, a line shorter than 16 bytes does not fit and wraps.
    let tiny = CacheGeometry::of_host(0);
    assert_eq!(tiny.initial_ccsidr(cache(0)), 6);
    // As does one longer than 2 KiB.
    let huge = CacheGeometry::of_host(0xf_000f);
    assert_eq!(huge.initial_ccsidr(cache(0)), 5);
}

#[test]
fn ccsidr_needs_lines_as_long_as_the_hosts() {
    // Neoverse V1 and N1 as kernel 6.1 showed them.
    for value in [0x1a, 0x3a, 0x701f_e01a, 0x201f_e01a, 0x70ff_e03a, 0x2] {
        assert_eq!(V1.decide_ccsidr(cache(0), value), Ok(value));
    }
    for number in 0..14 {
        for line in 0..8 {
            for geometry in [0, 0xffff_fff8] {
                let value = geometry | line;
                let expected = |shortest| {
                    if line < shortest {
                        Err(Reject::InvalidValue)
                    } else {
                        Ok(value)
                    }
                };
                assert_eq!(V1.decide_ccsidr(cache(number), value), expected(2));
                let shortest = if number % 2 == 0 { 1 } else { 0 };
                assert_eq!(OLD.decide_ccsidr(cache(number), value), expected(shortest));
            }
        }
    }
    // No line is as long as 8 KiB, which a host may claim.
    let huge = CacheGeometry::of_host(0xb_000b);
    assert_eq!(huge.decide_ccsidr(cache(0), 7), Err(Reject::InvalidValue));
}

#[test]
fn initial_values_are_accepted() {
    for geometry in [V1, OLD] {
        for cache in CacheSelector::all() {
            let value = geometry.initial_ccsidr(cache);
            assert_eq!(geometry.decide_ccsidr(cache, value), Ok(value));
        }
    }
}
