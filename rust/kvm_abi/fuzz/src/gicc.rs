// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of a GICv2 in the control register of a virtual machine.
//!
//! The rules are a list of the places of all bits: Arm IHI 0048B, `GICH_VMCR` and `GICC_*`; Arm IHI
//! 0069, `ICH_VMCR_EL2`.

use kvm_abi::{
    CpuInterface,
    GiccPmr,
    GiccReg,
    VmPriMask,
    Vmcr, //
};

use crate::Input;

/// A register, and the places of its bits in the control register: first bit in the register, first
/// bit in the control register, and number. The last entry is the priority mask, five bits in
/// `GICH_VMCR`.
type Layout = (GiccReg, &'static [(u32, u32, u32)]);

const CTLR: Layout = (GiccReg::Ctlr, &[(0, 0, 5), (9, 9, 1)]);
const BPR: Layout = (GiccReg::Bpr, &[(0, 21, 3)]);
const ABPR: Layout = (GiccReg::Abpr, &[(0, 18, 3)]);
const PMR: Layout = (GiccReg::Pmr, &[(0, 27, 5)]);
const LAYOUTS: [Layout; 4] = [CTLR, BPR, ABPR, PMR];
const IIDR: u32 = 0x04b2_043b;

/// Collects a register's bits one by one, without a mask.
fn gather(vmcr: u32, layout: &[(u32, u32, u32)]) -> u32 {
    let bits = layout
        .iter()
        .flat_map(|(reg, vmcr, n)| (0..*n).map(move |i| (reg + i, vmcr + i)));
    bits.map(|(to, from)| (vmcr >> from & 1) << to).sum()
}

fn scatter(mut vmcr: u32, layout: &[(u32, u32, u32)], value: u64) -> u32 {
    for (reg, first, n) in layout {
        for i in 0..*n {
            let bit = (value >> (reg + i) & 1) as u32;
            vmcr = vmcr & !(1 << (first + i)) | bit << (first + i);
        }
    }
    vmcr
}

fn means_something(ich: bool) -> u32 {
    let all = LAYOUTS
        .iter()
        .map(|(_, layout)| scatter(0, layout, !0))
        .sum::<u32>();
    all | if ich { 0xff00_0000 } else { 0 }
}

fn access(input: &mut Input<'_>, ich: bool, bits: u32) {
    let vmcr = if ich {
        Vmcr::Ich(bits)
    } else {
        Vmcr::Gich(bits)
    };
    let state = CpuInterface::from(vmcr);
    assert_eq!(vmcr.bits(), bits);
    // Bits with a meaning are kept; all others are dropped.
    let kept = bits & means_something(ich);
    assert_eq!(vmcr.with(state).bits(), kept, "{vmcr:x?}");
    assert_eq!(CpuInterface::from(vmcr.with(state)), state, "{vmcr:x?}");

    let value = input.near(&[0, 0x1f, 0xf0, 0x3ff, 0xffff_ffff]);
    assert_eq!(state.read(GiccReg::Iidr), IIDR);
    assert_eq!(state.written(GiccReg::Iidr, value), state);
    for (reg, layout) in LAYOUTS {
        let context = format!("{value:#x} to {reg:?} in {vmcr:x?}");
        assert_eq!(state.read(reg), gather(bits, layout), "{context}");
        let mut expected = scatter(kept, layout, value);
        if ich && reg == GiccReg::Pmr {
            // The lower three bits, which userspace does not write, become zero.
            expected &= 0xf8ff_ffff;
        }
        let written = vmcr.with(state.written(reg, value)).bits();
        assert_eq!(written, expected, "{context}");
    }

    // All eight bits, if the control register has as many.
    let priority = value as u32;
    let changed = state.with_canonical_pmr(priority);
    assert_eq!(changed.canonical_pmr(), priority & 0xff, "{priority:#x}");
    let place: &[_] = if ich { &[(0, 24, 8)] } else { &[(3, 27, 5)] };
    let expected = scatter(kept, place, priority.into());
    assert_eq!(vmcr.with(changed).bits(), expected, "{priority:#x}");
}

fn address(input: &mut Input<'_>) {
    let addr = input.near(&[0x0, 0x4, 0x8, 0xc, 0x1c, 0xfc, 0x1000]);
    let reg = match addr % 0x100 {
        0 => Some(GiccReg::Ctlr),
        4 => Some(GiccReg::Pmr),
        8 => Some(GiccReg::Bpr),
        28 => Some(GiccReg::Abpr),
        252 => Some(GiccReg::Iidr),
        _ => None,
    };
    assert_eq!(GiccReg::from_addr(addr), reg, "{addr:#x}");
}

fn priority_mask(input: &mut Input<'_>) {
    let (priority, user) = (input.u8(), input.u64());
    let upper = GiccPmr::new(priority).to_vm_pri_mask();
    assert_eq!(
        (GiccPmr::new(priority).get(), upper.get()),
        (priority, priority / 8)
    );
    assert_eq!(upper.to_pmr().get(), priority / 8 * 8);
    let mask = VmPriMask::from_user(user);
    assert_eq!(u64::from(mask.get()), user % 32, "{user:#x}");
    assert_eq!(u64::from(mask.to_pmr().get()), user % 32 * 8, "{user:#x}");
}

pub(crate) fn run(input: &mut Input<'_>) {
    let bits = input.u32();
    access(input, false, bits);
    access(input, true, bits);
    address(input);
    priority_mask(input);
}
