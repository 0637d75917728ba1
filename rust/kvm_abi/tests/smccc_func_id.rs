// SPDX-License-Identifier: GPL-2.0

//! Function identifiers: the places of their fields, and the bits of a register that form them.
//!
//! The fields are those of Arm DEN 0028, table "Bit usage within the SMC and HVC function
//! identifier"; the tests find them by arithmetic, not by masks.

mod random;

use kvm_abi::{
    Convention,
    FuncId, //
};
use proptest::prelude::*;

const CONVENTIONS: [(Convention, u32); 2] =
    [(Convention::Smc32, 0), (Convention::Smc64, 0x4000_0000)];

/// Identifiers that the specifications spell out: convention, owner, number.
const KNOWN: [(u32, Convention, u8, u16); 12] = [
    (0x8000_0000, Convention::Smc32, 0, 0),
    (0x8000_8000, Convention::Smc32, 0, 0x8000),
    (0x8000_ffff, Convention::Smc32, 0, 0xffff),
    (0xc000_0002, Convention::Smc64, 0, 2),
    (0x8400_0003, Convention::Smc32, 4, 3),
    (0xc400_0003, Convention::Smc64, 4, 3),
    (0x8400_0050, Convention::Smc32, 4, 0x50),
    (0xc500_0020, Convention::Smc64, 5, 0x20),
    (0x8600_ff01, Convention::Smc32, 6, 0xff01),
    (0xb200_0000, Convention::Smc32, 50, 0),
    (0xbf00_ff03, Convention::Smc32, 63, 0xff03),
    (0xff00_ffff, Convention::Smc64, 63, 0xffff),
];

/// Returns the convention, the owner and the number of an identifier.
fn fields(raw: u32) -> (Convention, u8, u16) {
    let convention = if raw / 0x4000_0000 % 2 == 0 {
        Convention::Smc32
    } else {
        Convention::Smc64
    };
    let owner = raw / 0x100_0000 % 0x40;
    let number = raw % 0x1_0000;
    (convention, owner as u8, number as u16)
}

fn assert_fields(raw: u32) {
    let id = FuncId::from_raw(raw);
    let (convention, owner, number) = fields(raw);
    assert_eq!(id.to_raw(), raw, "{raw:#x}");
    assert_eq!(id.convention(), convention, "{raw:#x}");
    assert_eq!(id.owner(), owner, "{raw:#x}");
    assert_eq!(id.number(), number, "{raw:#x}");
}

#[test]
fn owners_are_those_of_smccc() {
    assert_eq!(FuncId::OWNER_ARCH, 0);
    assert_eq!(FuncId::OWNER_STANDARD, 4);
    assert_eq!(FuncId::OWNER_STANDARD_HYP, 5);
    assert_eq!(FuncId::OWNER_VENDOR_HYP, 6);
}

#[test]
fn known_identifiers_are_made_of_their_fields() {
    for (raw, convention, owner, number) in KNOWN {
        let id = FuncId::fast(convention, owner, number);
        assert_eq!(id, FuncId::from_raw(raw), "{raw:#x}");
        assert_eq!(id.to_raw(), raw, "{raw:#x}");
        assert_eq!(id.convention(), convention, "{raw:#x}");
        assert_eq!(id.owner(), owner, "{raw:#x}");
        assert_eq!(id.number(), number, "{raw:#x}");
    }
}

#[test]
fn every_fast_identifier_is_made_of_its_fields() {
    for (convention, bit_30) in CONVENTIONS {
        for owner in 0..64 {
            for number in 0..=u16::MAX {
                let id = FuncId::fast(convention, owner, number);
                let raw = 0x8000_0000 + bit_30 + u32::from(owner) * 0x100_0000 + u32::from(number);
                assert_eq!(id.to_raw(), raw);
                assert_eq!(
                    (id.convention(), id.owner(), id.number()),
                    (convention, owner, number)
                );
            }
        }
    }
}

#[test]
fn owner_does_not_spill_into_other_fields() {
    for (convention, _) in CONVENTIONS {
        for owner in 64..=u8::MAX {
            for number in [0, 1, 0x8000, u16::MAX] {
                assert_eq!(
                    FuncId::fast(convention, owner, number),
                    FuncId::fast(convention, owner % 64, number),
                    "{owner}"
                );
            }
        }
    }
}

#[test]
fn each_bit_belongs_to_one_field() {
    for base in [0, u32::MAX, 0x8400_0012, 0x95c1_ba5e] {
        for bit in 0..32 {
            assert_fields(base ^ 1 << bit);
            let (was, is) = (FuncId::from_raw(base), FuncId::from_raw(base ^ 1 << bit));
            assert_eq!(was.number() != is.number(), bit < 16, "{bit}");
            assert_eq!(was.owner() != is.owner(), (24..30).contains(&bit), "{bit}");
            assert_eq!(was.convention() != is.convention(), bit == 30, "{bit}");
            // Reserved bits, the hint and the type belong to the identifier, too.
            assert_ne!(was, is, "{bit}");
        }
    }
}

#[test]
fn upper_half_of_a_register_has_no_meaning() {
    for (raw, ..) in KNOWN {
        let id = FuncId::from_raw(raw);
        assert_eq!(FuncId::from_register(raw.into()), id);
        // The upper half may be that of a sign-extended identifier.
        assert_eq!(FuncId::from_register(raw as i32 as u64), id);
        for bit in 32..64 {
            assert_eq!(
                FuncId::from_register(u64::from(raw) | 1 << bit),
                id,
                "{bit}"
            );
        }
    }
}

#[test]
fn every_bit_of_the_lower_half_has_meaning() {
    for bit in 0..32 {
        let id = FuncId::from_register(0xffff_ffff_0000_0000 | 1 << bit);
        assert_eq!(id.to_raw(), 1 << bit);
    }
}

#[test]
fn identifiers_are_unsigned() {
    // In the order of the filter's maple tree.
    let ids = [
        0,
        1,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_ffff,
        0xc000_0000,
        u32::MAX,
    ];
    for pair in ids.map(FuncId::from_raw).windows(2) {
        assert!(pair[0] < pair[1], "{pair:?}");
    }
}

proptest! {
    #![proptest_config(random::cases(4096))]

    #[test]
    fn any_identifier_has_its_fields(raw: u32) {
        assert_fields(raw);
    }

    #[test]
    fn any_register_holds_its_lower_half(value: u64) {
        prop_assert_eq!(u64::from(FuncId::from_register(value).to_raw()), value % (1 << 32));
    }

    #[test]
    fn any_fast_identifier_without_reserved_bits_is_rebuilt(raw: u32) {
        let (convention, owner, number) = fields(raw);
        let rebuilt = FuncId::fast(convention, owner, number);
        prop_assert_eq!(rebuilt.to_raw(), raw & 0xff00_ffff | 0x8000_0000);
    }
}
