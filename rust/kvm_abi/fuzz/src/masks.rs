// SPDX-License-Identifier: GPL-2.0

//! Writable masks: the requests for them, and their contents.
//!
//! The rule follows the purpose of a mask: it has the bits that userspace can choose, whatever the
//! other bits of the mask are.

use kvm_abi::{
    FeatureBitmap,
    FeatureIdMasks,
    FwMasks,
    FwReg,
    GicMaskIndex,
    GicV3State,
    MaskRange,
    MaskRequest,
    OptIns,
    PsciVersion,
    RanOnce,
    Reject,
    SysReg,
    VcpuFeatures, //
};

use crate::{
    common::VERSIONS,
    Input, //
};

/// Returns the bits that can be flipped, each alone, in all of these values; none if there is none.
fn free(values: &[u64]) -> u64 {
    if values.is_empty() {
        return 0;
    }
    (0..64)
        .map(|bit| 1 << bit)
        .filter(|bit| values.iter().all(|value| values.contains(&(value ^ bit))))
        .fold(0, |all, bit| all | bit)
}

fn request(input: &mut Input<'_>) {
    let range = input.near(&[0, 1, 2, 3]) as u32;
    let mut reserved = [0; 13];
    if input.bool() {
        reserved[usize::from(input.u8()) % 13] = input.u32();
    }
    let opt_ins = OptIns::from_bits(input.u32());
    let expected = match range {
        _ if reserved != [0; 13] => Err(Reject::InvalidValue),
        0 => Ok(MaskRange::FeatureId),
        1 if opt_ins.bits() >> 1 & 1 == 1 => Ok(MaskRange::Gic),
        2 if opt_ins.bits() >> 2 & 1 == 1 => Ok(MaskRange::Firmware),
        _ => Err(Reject::InvalidValue),
    };
    let request = MaskRequest { range, reserved };
    assert_eq!(request.range(opt_ins), expected, "{request:?}, {opt_ins:?}");
    if let Ok(found) = expected {
        assert_eq!(found.bit(), 1 << range);
    }
}

fn feature_id(input: &mut Input<'_>) {
    let aarch32_el0 = input.bool();
    let entries = usize::from(input.u8() % 8);
    // Numbers near those of the feature ID registers.
    let table: Vec<([u32; 5], u64)> = (0..entries)
        .map(|_| {
            let [op0, op1, crn, crm, op2, mask] = input.bytes();
            let crn = if crn % 8 == 0 { 1 } else { 0 };
            let numbers = [3 - op0 % 8 / 7, op1 % 5, crn, crm % 10, op2 % 8];
            (numbers.map(u32::from), u64::from(mask) << (mask % 57))
        })
        .collect();

    let mut expected = [0; 192];
    for ([op0, op1, crn, crm, op2], mask) in &table {
        let block = match op1 {
            0 | 1 => *op1,
            3 => 2,
            _ => continue,
        };
        let aarch32 = *op1 == 0 && (1..=3).contains(crm);
        let is_there = *op0 == 3 && *crn == 0 && *crm < 8 && (!aarch32 || aarch32_el0);
        if is_there && *mask != 0 {
            expected[(block * 64 + crm * 8 + op2) as usize] = *mask;
        }
    }
    let registers = table.iter().map(|([op0, op1, crn, crm, op2], mask)| {
        (SysReg::new(*op0, *op1, *crn, *crm, *op2), *mask)
    });
    let masks = FeatureIdMasks::from_table(registers.clone(), aarch32_el0);
    assert!(*masks.as_array() == expected, "{table:?}, {aarch32_el0}");
    for (reg, _) in registers {
        let place = reg.feature_id_index().map(|index| expected[index.get()]);
        assert_eq!(masks.get(reg), place, "{reg:?} of {table:?}");
    }
}

/// The registers of a GICv3 by op1, CRm and op2: Arm IHI 0069, "Register encoding".
fn gic(input: &mut Input<'_>) {
    let state = GicV3State {
        pri_bits: input.near(&[5, 6, 7, 8]) as u32,
        ich_hcr: input.bool().then(|| input.u64()),
    };
    let mut expected = [0; 256];
    let mut set = |op1: usize, crm: usize, op2: usize, mask: u64| {
        expected[op1 / 4 * 128 + crm * 8 + op2] = mask;
    };
    // Seven bits of preemption make 128 levels, six bits make 64; a register has 32.
    let active_priorities = match state.pri_bits {
        7 => 4,
        6 => 2,
        _ => 1,
    };
    set(0, 8, 3, 0x7);
    set(0, 12, 3, 0x7);
    set(0, 12, 6, 0x1);
    set(0, 12, 7, 0x1);
    for n in 0..active_priorities {
        set(0, 8, 4 + n, 0xffff_ffff);
        set(0, 9, n, 0xffff_ffff);
    }
    // The sizes in the control register are numbers.
    set(0, 12, 4, 0x3);
    if let Some(ich_hcr) = state.ich_hcr {
        for n in 0..active_priorities {
            set(4, 8, n, !0);
            set(4, 9, n, !0);
        }
        set(4, 11, 0, ich_hcr);
        set(4, 11, 7, !0);
        for n in 0..16 {
            set(4, 12 + n / 8, n % 8, !0);
        }
    }
    let masks: Vec<_> = GicMaskIndex::all().map(|index| state.mask(index)).collect();
    assert!(masks == expected, "{masks:x?} of {state:x?}");
}

fn firmware(input: &mut Input<'_>) {
    let (features, ran) = (features(input), ran(input));
    let state = FwMasks { ran };

    let stored = input.one_of(&VERSIONS);
    let freezes = input.bool();
    let writable: Vec<_> = VERSIONS
        .map(u64::from)
        .into_iter()
        .filter(|version| match features {
            _ if freezes => PsciVersion::decide_until_run(*version, stored, features, ran).is_ok(),
            VcpuFeatures::Known { psci_0_2 } => PsciVersion::decide(*version, psci_0_2).is_ok(),
            VcpuFeatures::Unknown => true,
        })
        .collect();

    let current = input.u64() % 4;
    let mut expected = vec![0; 128];
    expected[0] = free(&writable);
    for (place, map) in FeatureBitmap::ALL.into_iter().enumerate() {
        let current = current & map.supported();
        let writable: Vec<_> = (0..16)
            .filter(|value| map.decide(*value, current, ran).is_ok())
            .collect();
        expected[64 + place] = free(&writable);
        assert_eq!(state.mask(FwReg::Bitmap(map)), expected[64 + place]);
    }
    assert!(state.masks().eq(expected), "{state:?}, {stored:#x}");
}

pub(crate) fn features(input: &mut Input<'_>) -> VcpuFeatures {
    input.one_of(&[
        VcpuFeatures::Unknown,
        VcpuFeatures::Known { psci_0_2: false },
        VcpuFeatures::Known { psci_0_2: true },
    ])
}

pub(crate) fn ran(input: &mut Input<'_>) -> RanOnce {
    input.one_of(&[RanOnce::No, RanOnce::Yes])
}

pub(crate) fn run(input: &mut Input<'_>) {
    request(input);
    feature_id(input);
    gic(input);
    firmware(input);
}
