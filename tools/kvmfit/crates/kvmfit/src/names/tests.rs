// SPDX-License-Identifier: Apache-2.0 OR MIT

use super::*;
use alloc::collections::BTreeSet;
use proptest::prelude::*;

#[test]
fn names_and_numbers_are_unique() {
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    for info in all() {
        assert!(ids.insert(info.id), "{}", info.name);
        assert!(names.insert(info.name), "{}", info.name);
        assert!(info.id.is_arm64());
    }
}

#[test]
fn fields_do_not_overlap() {
    for info in all() {
        let mut seen = 0;
        let bits = 8 * info.id.size().unwrap();
        let mut names = BTreeSet::new();
        for field in info.fields {
            assert!(usize::from(field.lsb + field.width) <= bits, "{}.{}", info.name, field.name);
            assert_eq!(seen & field.mask(), 0, "{}.{}", info.name, field.name);
            assert!(seen < field.mask(), "{}.{} is out of order", info.name, field.name);
            assert!(names.insert(field.name), "{}.{}", info.name, field.name);
            seen |= field.mask();
        }
    }
}

#[test]
fn names_are_found() {
    for id in all().map(|info| info.id).chain(other::candidates()).chain(system::candidates()) {
        assert_eq!(find(&name(id)), Some(id), "{}", name(id));
    }
    assert_eq!(find("id_aa64pfr0_el1"), Some(RegId::sysreg(3, 0, 0, 4, 0)));
    assert_eq!(find("S3_0_C0_C7_7"), Some(RegId::sysreg(3, 0, 0, 7, 7)));
    for text in ["", "S", "S4_0_C0_C0_0", "S3_0_C0_C0_0_0", "S3_0_0_0_0", "é"] {
        assert_eq!(find(text), None, "{text:?}");
    }
}

#[test]
fn well_known_numbers() {
    let name = |raw| name(RegId::new(raw));
    assert_eq!(name(0x6030_0000_0010_0000), "X0");
    assert_eq!(name(0x6030_0000_0010_003c), "X30");
    assert_eq!(name(0x6030_0000_0010_0040), "PC");
    assert_eq!(name(0x6040_0000_0010_0054), "V0");
    assert_eq!(name(0x6020_0000_0010_00d5), "FPCR");
    assert_eq!(name(0x6020_0000_0011_0001), "CCSIDR_EL1[L1 instruction]");
    assert_eq!(name(0x6030_0000_0014_0000), "KVM_REG_ARM_PSCI_VERSION");
    assert_eq!(name(0x6030_0000_0014_0002), "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2");
    assert_eq!(name(0x6030_0000_0016_0003), "KVM_REG_ARM_VENDOR_HYP_BMAP_2");
    assert_eq!(name(0x6030_0000_0013_df02), "CNTV_CVAL_EL0");
    assert_eq!(name(0x6080_0000_0015_0020), "Z1");
    assert_eq!(name(0x6030_0000_0017_0000), "0x6030000000170000");
}

#[test]
fn signed_fields_compare_as_signed() {
    let field = field_at(RegId::sysreg(3, 0, 0, 4, 0), 16).unwrap();
    assert_eq!(field.relation(0xf_0000, 0), Relation::Lower);
    let field = field_at(RegId::sysreg(3, 0, 0, 4, 0), 0).unwrap();
    assert_eq!(field.relation(2, 1), Relation::Higher);
}

#[test]
fn bits_without_a_field_have_numbers() {
    let parts = differing(RegId::sysreg(3, 0, 0, 4, 1), 0x10_0021, 0x31);
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["SSBS", "bit 20"]);
}

proptest! {
    #[test]
    fn any_number_has_a_name(raw: u64) {
        prop_assert!(!name(RegId::new(raw)).is_empty());
    }

    #[test]
    fn any_text_is_a_name_or_not(text: String) {
        let _ = find(&text);
    }

    #[test]
    fn parts_cover_the_difference(crm in 1u8..8, op2 in 0u8..8, a: u64, b: u64) {
        let parts = differing(RegId::sysreg(3, 0, 0, crm, op2), a, b);
        let covered = parts.iter().fold(0, |sum, part| sum | part.mask);
        prop_assert_eq!((a ^ b) & !covered, 0);
    }

    #[test]
    fn relations_are_antisymmetric(crm in 1u8..8, op2 in 0u8..8, a: u64, b: u64) {
        for field in fields(RegId::sysreg(3, 0, 0, crm, op2)) {
            let other = match field.relation(b, a) {
                Relation::Lower => Relation::Higher,
                Relation::Higher => Relation::Lower,
                same => same,
            };
            prop_assert_eq!(field.relation(a, b), other);
        }
    }
}
