// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of a GICv2: its registers in userspace's form, and the word with their state.
//!
//! The models build fields by their weights, from the architecture's tables.

mod random;

use kvm_abi::{
    vectors::PMR_WRITES,
    BinaryPoint,
    CanonicalAttr,
    CpuInterface,
    GiccCtlr,
    GiccPmr,
    GiccReg,
    NoAttribute,
    Reject,
    VmPriMask,
    Vmcr, //
};
use proptest::prelude::*;
use std::cell::Cell;

/// The weights of binary points and priority masks in the word.
const ABPR: u32 = 0x4_0000;
const BPR: u32 = 0x20_0000;
const ICH_PMR: u32 = 0x100_0000;
const GICH_PMR: u32 = 0x800_0000;

/// The reserved bits: 8:5 and 17:10, and in `GICH_VMCR` 26:24 as well.
const ICH_RESERVED: u32 = 0x0003_fde0;
const GICH_RESERVED: u32 = 0x0703_fde0;

const REGISTERS: [GiccReg; 5] = [
    GiccReg::Ctlr,
    GiccReg::Pmr,
    GiccReg::Bpr,
    GiccReg::Abpr,
    GiccReg::Iidr,
];

/// Control registers with various bits set.
const LAYOUTS: [Vmcr; 6] = [
    Vmcr::Gich(0),
    Vmcr::Gich(u32::MAX),
    Vmcr::Gich(0x5555_5555),
    Vmcr::Ich(0),
    Vmcr::Ich(u32::MAX),
    Vmcr::Ich(0xaaaa_aaaa),
];

/// All 64 control registers, each with its bits.
fn ctlrs() -> Vec<(GiccCtlr, u32)> {
    let mut all = Vec::new();
    for n in 0..64u32 {
        let is_odd = |n: u32| n % 2 == 1;
        let ctlr = GiccCtlr {
            enable_grp0: is_odd(n),
            enable_grp1: is_odd(n / 2),
            ack_ctl: is_odd(n / 4),
            fiq_en: is_odd(n / 8),
            cbpr: is_odd(n / 16),
            eoi_mode_ns: is_odd(n / 32),
        };
        // Five bits from bit 0 on, and bit 9.
        all.push((ctlr, n % 32 + 512 * (n / 32)));
    }
    all
}

fn bpr(value: u8) -> BinaryPoint {
    BinaryPoint::from_bits(value.into())
}

/// States that differ in one register, and some that differ in all.
fn states() -> Vec<CpuInterface> {
    let ones = CpuInterface {
        ctlr: ctlrs()[63].0,
        pmr: GiccPmr::new(0xf8),
        bpr: bpr(7),
        abpr: bpr(7),
    };
    let mixed = CpuInterface {
        ctlr: ctlrs()[0b10_0110].0,
        pmr: GiccPmr::new(0xa8),
        bpr: bpr(2),
        abpr: bpr(5),
    };
    let mut all = vec![CpuInterface::default(), ones, mixed];
    for state in all.clone() {
        all.extend(
            ctlrs()
                .into_iter()
                .map(|(ctlr, _)| CpuInterface { ctlr, ..state }),
        );
        all.extend((0..=255).map(|pmr| CpuInterface {
            pmr: GiccPmr::new(pmr),
            ..state
        }));
        all.extend((0..8).map(|n| CpuInterface {
            bpr: bpr(n),
            ..state
        }));
        all.extend((0..8).map(|n| CpuInterface {
            abpr: bpr(n),
            ..state
        }));
    }
    all
}

/// Values that differ in bits that no register has.
fn high_bits() -> impl Iterator<Item = u64> {
    let single = (32..64).map(|bit| 1 << bit);
    single.chain([0, 0xffff_ffff_0000_0000])
}

#[test]
fn priority_mask_has_every_priority() {
    for priority in 0..=u8::MAX {
        let pmr = GiccPmr::new(priority);
        assert_eq!(pmr.get(), priority);
        let five_bits = pmr.to_vm_pri_mask();
        assert_eq!(five_bits.get(), priority / 8, "{priority:#x}");
        assert_eq!(five_bits.to_pmr().get(), priority - priority % 8);
    }
}

#[test]
fn priority_mask_from_userspace_is_its_lower_five_bits() {
    for value in 0..=0x3ff {
        for high in high_bits().chain([0xffff_fc00]) {
            let mask = VmPriMask::from_user(value | high);
            assert_eq!(u64::from(mask.get()), value % 32, "{value:#x}, {high:#x}");
            assert_eq!(u64::from(mask.to_pmr().get()), value % 32 * 8);
            assert_eq!(mask.to_pmr().to_vm_pri_mask(), mask);
        }
    }
}

#[test]
fn priority_mask_is_as_in_the_table() {
    for (written, read, guest) in PMR_WRITES {
        for vmcr in LAYOUTS {
            let state = CpuInterface::from(vmcr).written(GiccReg::Pmr, written);
            let restored = CpuInterface::from(vmcr.with(state));
            assert_eq!(restored.read(GiccReg::Pmr), read, "{written:#x}");
            assert_eq!(restored.pmr.get(), guest, "{written:#x}");
        }
    }
}

#[test]
fn guest_priority_mask_keeps_the_bits_that_the_host_has() {
    for pmr in 0..=u8::MAX {
        let state = CpuInterface {
            pmr: GiccPmr::new(pmr),
            ..Default::default()
        };
        let held = |vmcr: Vmcr| CpuInterface::from(vmcr.with(state)).pmr.get();
        assert_eq!(held(Vmcr::Gich(0)), pmr - pmr % 8);
        assert_eq!(held(Vmcr::Ich(0)), pmr);
        // At the right places, bits 31:27 and 31:24.
        let pmr = u32::from(pmr);
        assert_eq!(Vmcr::Gich(0).with(state).bits(), pmr / 8 * GICH_PMR);
        assert_eq!(Vmcr::Ich(0).with(state).bits(), pmr * ICH_PMR);
        // Userspace sees the same value with both.
        assert_eq!(state.read(GiccReg::Pmr), pmr / 8);
    }
}

#[test]
fn canonical_priority_mask_has_as_many_bits_as_the_host() {
    for value in 0..=u8::MAX {
        let number = u32::from(value);
        for vmcr in LAYOUTS {
            let written = CpuInterface::from(vmcr).with_canonical_pmr(number);
            assert_eq!(written.pmr.get(), value, "{value:#x}");
            assert_eq!(written.canonical_pmr(), number, "{value:#x}");

            let restored = CpuInterface::from(vmcr.with(written));
            let kept = match vmcr {
                Vmcr::Gich(_) => number - number % 8,
                Vmcr::Ich(_) => number,
            };
            assert_eq!(restored.canonical_pmr(), kept, "{value:#x}, {vmcr:x?}");
            // The guest sees the same value, and the other form is the upper five bits.
            assert_eq!(u32::from(restored.pmr.get()), kept, "{value:#x}, {vmcr:x?}");
            assert_eq!(restored.read(GiccReg::Pmr), number / 8, "{value:#x}");
        }
    }
}

#[test]
fn canonical_attribute_is_the_priority_mask_of_a_vcpu() {
    const PMR: u64 = 0x04;
    let attr = |number| CanonicalAttr { number, flags: 0 };

    for vcpu in 0..=u64::from(u8::MAX) {
        assert_eq!(attr(vcpu << 32 | PMR).admit_register(), Ok(()), "{vcpu}");
    }
    for offset in (0..0x2000).filter(|offset| *offset != PMR) {
        let found = attr(offset).admit_register();
        assert_eq!(found, Err(NoAttribute), "{offset:#x}");
    }
    // Neither above the register nor above the vCPU's number.
    for bit in (0..32).chain(40..64) {
        let found = attr(PMR ^ 1 << bit).admit_register();
        assert_eq!(found, Err(NoAttribute), "bit {bit}");
    }
}

#[test]
fn canonical_attribute_has_a_vcpu_and_no_flag() {
    for number in [0, 0x04, 7 << 32, u64::MAX] {
        let plain = CanonicalAttr { number, flags: 0 };
        assert_eq!(plain.admit_vcpu(true), Ok(()), "{number:#x}");
        assert_eq!(plain.admit_vcpu(false), Err(Reject::InvalidValue));
        for bit in 0..32 {
            let flags = 1 << bit;
            let flagged = CanonicalAttr { number, flags };
            let refused = Err(Reject::InvalidValue);
            assert_eq!(flagged.admit_vcpu(true), refused, "flag {bit}");
            assert_eq!(flagged.admit_vcpu(false), refused, "flag {bit}");
        }
    }
}

#[test]
fn canonical_write_sets_only_eight_bits_of_the_priority_mask() {
    for state in states() {
        for value in [0x0, 0x1, 0x1e, 0x80, 0xf0, 0xf8, 0xff] {
            let pmr = GiccPmr::new(value);
            let expected = CpuInterface { pmr, ..state };
            let value = u32::from(value);
            for high in (8..32).map(|bit| 1 << bit).chain([0, 0xffff_ff00]) {
                assert_eq!(
                    state.with_canonical_pmr(value | high),
                    expected,
                    "{value:#x}"
                );
            }
        }
    }
}

#[test]
fn every_gich_vmcr_is_its_fields() {
    for (ctlr, ctlr_bits) in ctlrs() {
        for (a, b) in (0..8).flat_map(|a| (0..8).map(move |b| (a, b))) {
            for pmr in 0..32 {
                let bits = ctlr_bits
                    + u32::from(a) * ABPR
                    + u32::from(b) * BPR
                    + u32::from(pmr) * GICH_PMR;
                let state = CpuInterface {
                    ctlr,
                    pmr: GiccPmr::new(pmr * 8),
                    bpr: bpr(b),
                    abpr: bpr(a),
                };
                assert_eq!(CpuInterface::from(Vmcr::Gich(bits)), state, "{bits:#x}");
                let reserved = Vmcr::Gich(bits | GICH_RESERVED);
                assert_eq!(CpuInterface::from(reserved), state, "{bits:#x}");
                assert_eq!(reserved.with(state), Vmcr::Gich(bits), "{bits:#x}");
            }
        }
    }
}

#[test]
fn every_ich_vmcr_is_its_fields() {
    for (ctlr, ctlr_bits) in ctlrs() {
        for (a, b) in (0..8).flat_map(|a| (0..8).map(move |b| (a, b))) {
            for pmr in 0..=u8::MAX {
                let bits =
                    ctlr_bits + u32::from(a) * ABPR + u32::from(b) * BPR + u32::from(pmr) * ICH_PMR;
                let state = CpuInterface {
                    ctlr,
                    pmr: GiccPmr::new(pmr),
                    bpr: bpr(b),
                    abpr: bpr(a),
                };
                assert_eq!(CpuInterface::from(Vmcr::Ich(bits)), state, "{bits:#x}");
                let reserved = Vmcr::Ich(bits | ICH_RESERVED);
                assert_eq!(CpuInterface::from(reserved), state, "{bits:#x}");
                assert_eq!(reserved.with(state), Vmcr::Ich(bits), "{bits:#x}");
            }
        }
    }
}

#[test]
fn each_reserved_bit_is_dropped() {
    for bit in (0..32).map(|bit| 1 << bit) {
        let gich = Vmcr::Gich(bit);
        let kept = gich.with(CpuInterface::from(gich)).bits();
        assert_eq!(kept, bit & !GICH_RESERVED, "{bit:#x}");
        let ich = Vmcr::Ich(bit);
        let kept = ich.with(CpuInterface::from(ich)).bits();
        assert_eq!(kept, bit & !ICH_RESERVED, "{bit:#x}");
    }
}

#[test]
fn layout_is_kept_and_its_old_bits_are_not() {
    for state in states() {
        for vmcr in LAYOUTS {
            let empty = match vmcr {
                Vmcr::Gich(_) => Vmcr::Gich(0),
                Vmcr::Ich(_) => Vmcr::Ich(0),
            };
            assert_eq!(vmcr.with(state), empty.with(state), "{vmcr:x?}, {state:?}");
        }
    }
    assert_eq!(Vmcr::Gich(0x1234_5678).bits(), 0x1234_5678);
    assert_eq!(Vmcr::Ich(0x1234_5678).bits(), 0x1234_5678);
    assert_ne!(Vmcr::Gich(0), Vmcr::Ich(0));
}

#[test]
fn state_out_of_reset_is_zero() {
    let state = CpuInterface::default();
    for vmcr in [Vmcr::Gich(0), Vmcr::Ich(0)] {
        assert_eq!(CpuInterface::from(vmcr), state);
        assert_eq!(vmcr.with(state), vmcr);
    }
    for reg in REGISTERS {
        let expected = if reg == GiccReg::Iidr { 0x04b2_043b } else { 0 };
        assert_eq!(state.read(reg), expected, "{reg:?}");
    }
}

#[test]
fn control_register_has_six_bits() {
    for (ctlr, bits) in ctlrs() {
        for garbage in [0, 0xffff_fde0, 0x20, 0x100, 0x400, 0x8000_0000] {
            for high in high_bits() {
                let value = u64::from(bits) | garbage | high;
                for state in [CpuInterface::default(), states()[1]] {
                    let written = state.written(GiccReg::Ctlr, value);
                    assert_eq!(written, CpuInterface { ctlr, ..state }, "{value:#x}");
                    assert_eq!(written.read(GiccReg::Ctlr), bits, "{value:#x}");
                }
            }
        }
    }
}

#[test]
fn each_bit_of_the_control_register_is_where_the_architecture_has_it() {
    let written = |bit: u32| {
        CpuInterface::default()
            .written(GiccReg::Ctlr, 1 << bit)
            .ctlr
    };
    assert!(written(0).enable_grp0);
    assert!(written(1).enable_grp1);
    assert!(written(2).ack_ctl);
    assert!(written(3).fiq_en);
    assert!(written(4).cbpr);
    assert!(written(9).eoi_mode_ns);
    for bit in (0..64).filter(|bit| ![0, 1, 2, 3, 4, 9].contains(bit)) {
        assert_eq!(written(bit), GiccCtlr::default(), "{bit}");
    }
}

#[test]
fn binary_points_are_the_lower_three_bits() {
    for value in 0..=255 {
        for high in high_bits().chain([0x100, 0x8000_0000, 0xffff_ff00]) {
            let value = value | high;
            let point = BinaryPoint::from_bits(value);
            assert_eq!(u64::from(point.get()), value % 8, "{value:#x}");
            for state in [CpuInterface::default(), states()[1]] {
                let written = state.written(GiccReg::Bpr, value);
                assert_eq!(
                    written,
                    CpuInterface {
                        bpr: point,
                        ..state
                    }
                );
                assert_eq!(u64::from(written.read(GiccReg::Bpr)), value % 8);

                let written = state.written(GiccReg::Abpr, value);
                assert_eq!(
                    written,
                    CpuInterface {
                        abpr: point,
                        ..state
                    }
                );
                assert_eq!(u64::from(written.read(GiccReg::Abpr)), value % 8);
            }
        }
    }
}

#[test]
fn identification_is_constant() {
    // Product 0x4b, "K", architecture version 2, implementer Arm, 0x43b.
    assert_eq!(CpuInterface::IIDR, 0x04b2_043b);
    for state in states() {
        assert_eq!(state.read(GiccReg::Iidr), 0x04b2_043b);
        for value in [0, 0x04b2_043b, 0xffff_ffff, u64::MAX] {
            assert_eq!(state.written(GiccReg::Iidr, value), state);
        }
    }
}

#[test]
fn write_touches_one_register() {
    let values = [0, 1, 2, 5, 7, 0x1e, 0x1f, 0x20, 0xff, 0x21f, u64::MAX];
    for state in states() {
        for reg in REGISTERS {
            for value in values {
                let written = state.written(reg, value);
                for other in REGISTERS.into_iter().filter(|other| *other != reg) {
                    assert_eq!(written.read(other), state.read(other), "{reg:?}, {other:?}");
                }
                if reg != GiccReg::Pmr {
                    assert_eq!(written.pmr, state.pmr, "{reg:?}, {value:#x}");
                }
            }
        }
    }
}

#[test]
fn state_is_restored_from_its_registers() {
    // As in a migration: read each register, and write it on the other host.
    for state in states() {
        for (from, to) in LAYOUTS
            .into_iter()
            .flat_map(|from| LAYOUTS.map(|to| (from, to)))
        {
            let source = CpuInterface::from(from.with(state));
            let mut vmcr = to;
            for reg in REGISTERS {
                let value = source.read(reg).into();
                vmcr = vmcr.with(CpuInterface::from(vmcr).written(reg, value));
            }
            let destination = CpuInterface::from(vmcr);
            for reg in REGISTERS {
                assert_eq!(destination.read(reg), state.read(reg), "{reg:?}, {state:?}");
            }
            let pmr = state.pmr.get();
            let expected = CpuInterface {
                pmr: GiccPmr::new(pmr - pmr % 8),
                ..state
            };
            assert_eq!(destination, expected);
        }
    }
}

#[test]
fn registers_are_at_their_addresses() {
    for addr in 0..=0xfff_u64 {
        let expected = match addr % 0x100 {
            0x00 => Some(GiccReg::Ctlr),
            0x04 => Some(GiccReg::Pmr),
            0x08 => Some(GiccReg::Bpr),
            0x1c => Some(GiccReg::Abpr),
            0xfc => Some(GiccReg::Iidr),
            _ => None,
        };
        for high in [0, 0x1000, 0x800_0000, 1 << 32, !0xfff] {
            assert_eq!(
                GiccReg::from_addr(addr | high),
                expected,
                "{addr:#x}, {high:#x}"
            );
        }
    }
}

proptest! {
    #![proptest_config(random::cases(4096))]

    #[test]
    fn any_vmcr_loses_only_its_reserved_bits(bits: u32) {
        let (gich, ich) = (Vmcr::Gich(bits), Vmcr::Ich(bits));
        prop_assert_eq!(gich.with(gich.into()), Vmcr::Gich(bits & !GICH_RESERVED));
        prop_assert_eq!(ich.with(ich.into()), Vmcr::Ich(bits & !ICH_RESERVED));
        // The layouts agree on everything except the priority mask.
        let (v2, v3) = (CpuInterface::from(gich), CpuInterface::from(ich));
        prop_assert_eq!(CpuInterface { pmr: v3.pmr, ..v2 }, v3);
    }

    #[test]
    fn any_write_is_read_back(bits: u32, value: u64) {
        for vmcr in [Vmcr::Gich(bits), Vmcr::Ich(bits)] {
            for (reg, mask) in REGISTERS.into_iter().zip([0x21f, 0x1f, 0x7, 0x7, 0]) {
                let state = CpuInterface::from(vmcr).written(reg, value);
                let read = CpuInterface::from(vmcr.with(state)).read(reg);
                let constant = if reg == GiccReg::Iidr { 0x04b2_043b } else { 0 };
                prop_assert_eq!(u64::from(read), value & mask | constant);
            }
        }
    }
}

#[test]
fn access_by_address_is_that_of_the_register_on_either_host() {
    for vmcr in [Vmcr::Gich, Vmcr::Ich] {
        for bits in [0, 0xffff_ffff, 0x9248_021f, 0xf0e0_0011] {
            for addr in (0..=0x200).chain([0x1_0004]) {
                let vcpu = Cell::new(vmcr(bits));
                let state = CpuInterface::from(vmcr(bits));
                let reg = GiccReg::from_addr(addr);
                let read = reg.map_or(0, |reg| state.read(reg));
                assert_eq!(CpuInterface::get(&vcpu, addr), read, "{bits:#x}, {addr:#x}");
                assert_eq!(vcpu.get(), vmcr(bits), "a read");

                CpuInterface::set(&vcpu, addr, 0x1f);
                let written = reg.map_or(state, |reg| state.written(reg, 0x1f));
                // Bits without a field become zero, even if there is no register.
                let expected = vmcr(bits).with(written);
                assert_eq!(vcpu.get(), expected, "{bits:#x}, {addr:#x}");
            }
        }
    }
}

#[test]
fn canonical_priority_mask_has_eight_bits_where_the_host_has() {
    for value in 0..0x300 {
        for (vcpu, kept) in [
            (Cell::new(Vmcr::Ich(0x00ff_ffff)), 0xff),
            (Cell::new(Vmcr::Gich(0x00ff_ffff)), 0xf8),
        ] {
            CpuInterface::set_canonical_pmr(&vcpu, value);
            let read = CpuInterface::get_canonical_pmr(&vcpu);
            assert_eq!(read, value & kept, "{value:#x}");
        }
    }
}
