// SPDX-License-Identifier: GPL-2.0

//! Ids of firmware registers: the known ones, the errors for others, and the order of the list.

use kvm_abi::{
    vectors::{
        BITMAPS,
        REGISTERS, //
    },
    FwReg,
    Reject, //
};
use proptest::prelude::*;

/// The position and the mask of the size field in an id.
const SIZE_SHIFT: u32 = 52;
const SIZE_MASK: u64 = 0xf << SIZE_SHIFT;
/// The only size that a firmware register has: 1 << 3 bytes.
const SIZE_U64: u64 = 3;

/// Returns the id with another size field.
fn with_size(id: u64, size: u64) -> u64 {
    id & !SIZE_MASK | size << SIZE_SHIFT
}

/// Looks an id up in the table.
fn expected(id: u64) -> Result<FwReg, Reject> {
    if (id & SIZE_MASK) >> SIZE_SHIFT != SIZE_U64 {
        return Err(Reject::WrongSize);
    }
    REGISTERS
        .iter()
        .find(|(_, known)| *known == id)
        .map(|(reg, _)| *reg)
        .ok_or(Reject::UnknownRegister)
}

#[test]
fn each_register_and_its_id_name_each_other() {
    for (reg, id) in REGISTERS {
        assert_eq!(reg.id(), id, "{reg:?}");
        assert_eq!(FwReg::from_id(id), Ok(reg), "{id:#x}");
    }
}

#[test]
fn ids_are_built_as_the_uapi_header_says() {
    const KVM_REG_ARM64: u64 = 0x6000_0000_0000_0000;
    const KVM_REG_SIZE_U64: u64 = 0x0030_0000_0000_0000;

    // KVM_REG_ARM_FW_REG() and KVM_REG_ARM_FW_FEAT_BMAP_REG().
    let ids = [0x0014u64, 0x0016].into_iter().flat_map(|group| {
        (0..4).map(move |number| KVM_REG_ARM64 | KVM_REG_SIZE_U64 | group << 16 | number)
    });
    assert!(FwReg::ALL.iter().map(|reg| reg.id()).eq(ids));
}

#[test]
fn list_has_the_order_of_the_table() {
    assert_eq!(FwReg::ALL, REGISTERS.map(|(reg, _)| reg));
}

#[test]
fn only_the_size_of_64_bits_is_right() {
    for (reg, id) in REGISTERS {
        for size in 0..16 {
            let id = with_size(id, size);
            if size == SIZE_U64 {
                assert_eq!(FwReg::from_id(id), Ok(reg), "{id:#x}");
            } else {
                assert_eq!(FwReg::from_id(id), Err(Reject::WrongSize), "{id:#x}");
            }
        }
    }
}

#[test]
fn numbers_from_4_are_unknown_in_both_groups() {
    for (_, first) in [REGISTERS[0], REGISTERS[4]] {
        for number in 4..=0xffff {
            let id = first | number;
            assert_eq!(FwReg::from_id(id), Err(Reject::UnknownRegister), "{id:#x}");
        }
    }
}

#[test]
fn other_groups_and_architectures_are_unknown() {
    let (_, psci) = REGISTERS[0];

    for number in 0..4 {
        for group in 0..0x1000u64 {
            let id = psci & !(0xfff << 16) | group << 16 | number;
            assert_eq!(
                FwReg::from_id(id).is_ok(),
                matches!(group, 0x14 | 0x16),
                "{id:#x}"
            );
        }
        for arch in 0..0x100u64 {
            let id = psci & !(0xff << 56) | arch << 56 | number;
            assert_eq!(FwReg::from_id(id).is_ok(), arch == 0x60, "{id:#x}");
        }
    }
}

#[test]
fn size_is_found_before_an_unknown_register() {
    for id in [0, 0x14 << 16, 0x6030_0000_0014_0004, u64::MAX] {
        for size in 0..16 {
            let id = with_size(id, size);
            let reject = if size == SIZE_U64 {
                Reject::UnknownRegister
            } else {
                Reject::WrongSize
            };
            assert_eq!(FwReg::from_id(id), Err(reject), "{id:#x}");
        }
    }
}

#[test]
fn every_bit_of_an_id_counts() {
    for (reg, id) in REGISTERS {
        for bit in 0..64 {
            let flipped = id ^ 1 << bit;
            assert_ne!(FwReg::from_id(flipped), Ok(reg), "{flipped:#x}");
            assert_eq!(FwReg::from_id(flipped), expected(flipped), "{flipped:#x}");
        }
    }
}

/// Returns whether some host, or some VM, accepts the value.
fn can_be_taken(reg: FwReg, value: u64) -> bool {
    match reg {
        // Checked later, together with the features of the vCPUs.
        FwReg::PsciVersion => true,
        // Any level, even above that of all hosts.
        FwReg::Workaround1 | FwReg::Workaround3 => value <= 15,
        // Including the values of older kernels: UNKNOWN, AVAIL, and AVAIL with ENABLED.
        FwReg::Workaround2 => value <= 3 || value == 0x12,
        FwReg::Bitmap(map) => BITMAPS
            .iter()
            .any(|(known, bits, _)| *known == map && value | bits == *bits),
    }
}

#[test]
fn value_that_no_host_accepts_is_refused_first() {
    let small = 0..0x100;
    let bits = (8..64).flat_map(|bit| [1 << bit, 1 << bit | 1]);
    for value in small.chain(bits) {
        for (reg, _) in REGISTERS {
            let expected = match can_be_taken(reg, value) {
                true => Ok(()),
                false => Err(Reject::InvalidValue),
            };
            assert_eq!(reg.admit(value), expected, "{reg:?}, {value:#x}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_id_is_as_in_the_table(id: u64) {
        prop_assert_eq!(FwReg::from_id(id), expected(id));
        prop_assert_eq!(FwReg::from_id(with_size(id, SIZE_U64)), expected(with_size(id, SIZE_U64)));
    }

    #[test]
    fn any_two_bits_of_an_id_count(known in 0..REGISTERS.len(), a in 0..64u32, b in 0..64u32) {
        let id = REGISTERS[known].1 ^ 1 << a ^ 1 << b;
        prop_assert_eq!(FwReg::from_id(id), expected(id));
    }

    #[test]
    fn size_is_checked_on_any_id(id: u64) {
        let right = (id & SIZE_MASK) >> SIZE_SHIFT == SIZE_U64;
        prop_assert_eq!(FwReg::from_id(id) != Err(Reject::WrongSize), right);
        prop_assert_ne!(FwReg::from_id(with_size(id, SIZE_U64)), Err(Reject::WrongSize));
    }
}
