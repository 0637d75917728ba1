// SPDX-License-Identifier: GPL-2.0

//! Writable masks of a GICv3: a bit is set if, and only if, an accepted write changes it.
//!
//! The model is the state of a vCPU, and the C functions of `gic_v3_icc_reg_descs[]` by which
//! userspace reads and writes it. No write may change a bit outside the mask or make the mask
//! larger; then no sequence of writes does. And for each bit in the mask, some write changes it.

mod random;

use kvm_abi::{
    GicMaskIndex,
    GicV3State, //
};
use proptest::prelude::*;
use std::sync::LazyLock;

/// All places of the range.
static PLACES: LazyLock<Vec<GicMaskIndex>> = LazyLock::new(|| GicMaskIndex::all().collect());

/// The functions of a register in C's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Bpr0,
    Bpr1,
    Apr {
        group: usize,
    },
    Ctlr,
    Sre,
    Grpen {
        group: usize,
    },
    /// From here on: only in a VM with EL2.
    IchApr,
    IccSreEl2,
    IchHcr,
    IchVtr,
    Ich,
}

/// op1, CRm and op2 of a register, with op0 3 and CRn 12.
type Numbers = (usize, usize, usize);

/// The registers without a number.
const REGISTERS: [(&str, Numbers, Access); 11] = [
    ("ICC_BPR0_EL1", (0, 8, 3), Access::Bpr0),
    ("ICC_BPR1_EL1", (0, 12, 3), Access::Bpr1),
    ("ICC_CTLR_EL1", (0, 12, 4), Access::Ctlr),
    ("ICC_SRE_EL1", (0, 12, 5), Access::Sre),
    ("ICC_IGRPEN0_EL1", (0, 12, 6), Access::Grpen { group: 0 }),
    ("ICC_IGRPEN1_EL1", (0, 12, 7), Access::Grpen { group: 1 }),
    ("ICC_SRE_EL2", (4, 9, 5), Access::IccSreEl2),
    ("ICH_HCR_EL2", (4, 11, 0), Access::IchHcr),
    ("ICH_VTR_EL2", (4, 11, 1), Access::IchVtr),
    ("ICH_VMCR_EL2", (4, 11, 7), Access::Ich),
    ("ICH_LR0_EL2", (4, 12, 0), Access::Ich),
];

/// The values of `ICC_SRE_EL1`, `ICC_SRE_EL2` and `ICH_VTR_EL2`.
const SRE: u64 = 0x7;
const SRE_EL2: u64 = 0xf;
const VTR: u64 = 0x9009_0003;

/// All registers of C's table in the range: those above, and the numbered ones.
fn table() -> Vec<(String, Numbers, Access)> {
    let mut table: Vec<_> = REGISTERS
        .iter()
        .map(|(name, numbers, access)| (name.to_string(), *numbers, *access))
        .collect();
    for n in 0..4 {
        let apr = |group| Access::Apr { group };
        table.push((format!("ICC_AP0R{n}_EL1"), (0, 8, 4 + n), apr(0)));
        table.push((format!("ICC_AP1R{n}_EL1"), (0, 9, n), apr(1)));
        table.push((format!("ICH_AP0R{n}_EL2"), (4, 8, n), Access::IchApr));
        table.push((format!("ICH_AP1R{n}_EL2"), (4, 9, n), Access::IchApr));
    }
    for n in 1..16 {
        let numbers = (4, 12 + n / 8, n % 8);
        table.push((format!("ICH_LR{n}_EL2"), numbers, Access::Ich));
    }
    table
}

/// The state of the vCPU and of the host behind the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vcpu {
    num_pri_bits: u64,
    num_id_bits: u64,
    host_seis: u64,
    host_a3v: u64,
    has_el2: bool,
    /// The bits of `ICH_HCR_EL2` that KVM keeps at zero, and at one.
    res0: u64,
    res1: u64,
    cbpr: u64,
    eoim: u64,
    bpr: u64,
    abpr: u64,
    grpen: [u64; 2],
    apr: [[u32; 4]; 2],
    /// The register under test, if it is one of those in memory.
    ich: u64,
}

const VCPU: Vcpu = Vcpu {
    num_pri_bits: 5,
    num_id_bits: 1,
    host_seis: 0,
    host_a3v: 1,
    has_el2: true,
    res0: 0xffff_ffff_0000_0000,
    res1: 0,
    cbpr: 0,
    eoim: 0,
    bpr: 0,
    abpr: 0,
    grpen: [0; 2],
    apr: [[0; 4]; 2],
    ich: 0,
};

/// A field of a value.
fn field(value: u64, shift: u32, width: u32) -> u64 {
    value >> shift & ((1 << width) - 1)
}

impl Vcpu {
    fn state(&self) -> GicV3State {
        GicV3State {
            pri_bits: self.num_pri_bits as u32,
            id_bits: self.num_id_bits as u32,
            ich_hcr: self.has_el2.then_some(!(self.res0 | self.res1)),
        }
    }

    fn mask(&self, numbers: Numbers) -> u64 {
        self.state().mask(PLACES[index(numbers)])
    }

    /// `vgic_v3_max_apr_idx()`.
    fn max_apr_idx(&self) -> usize {
        match self.num_pri_bits {
            7 => 3,
            6 => 1,
            _ => 0,
        }
    }

    /// `set_gic_*()`; even a refused write may change state.
    fn set(&mut self, (.., op2): Numbers, access: Access, val: u64) -> Result<(), ()> {
        let has_apr = op2 % 4 <= self.max_apr_idx();
        match access {
            Access::Bpr0 => self.bpr = field(val, 0, 3),
            Access::Bpr1 if self.cbpr == 0 => self.abpr = field(val, 0, 3),
            Access::Bpr1 => (),
            Access::Apr { .. } | Access::IchApr if !has_apr => return Err(()),
            Access::Apr { group } => self.apr[group][op2 % 4] = val as u32,
            Access::IchApr | Access::Ich => self.ich = val,
            Access::IchHcr => self.ich = val & !self.res0 | self.res1,
            Access::Sre if val & 1 == 0 => return Err(()),
            Access::IccSreEl2 if val != SRE_EL2 => return Err(()),
            Access::IchVtr if val != VTR => return Err(()),
            Access::Sre | Access::IccSreEl2 | Access::IchVtr => (),
            Access::Grpen { group } => self.grpen[group] = field(val, 0, 1),
            Access::Ctlr => return self.set_ctlr(val),
        }
        Ok(())
    }

    /// `set_gic_ctlr()`.
    fn set_ctlr(&mut self, val: u64) -> Result<(), ()> {
        let pri_bits = field(val, 8, 3) + 1;
        if pri_bits > self.num_pri_bits {
            return Err(());
        }
        self.num_pri_bits = pri_bits;

        let id_bits = field(val, 11, 3);
        if id_bits > self.num_id_bits {
            return Err(());
        }
        self.num_id_bits = id_bits;

        if field(val, 14, 1) != self.host_seis || field(val, 15, 1) != self.host_a3v {
            return Err(());
        }
        self.cbpr = field(val, 0, 1);
        self.eoim = field(val, 1, 1);
        Ok(())
    }

    /// `get_gic_*()`.
    fn get(&self, (.., op2): Numbers, access: Access) -> Result<u64, ()> {
        Ok(match access {
            Access::Bpr0 => self.bpr,
            Access::Bpr1 if self.cbpr == 0 => self.abpr,
            Access::Bpr1 => (self.bpr + 1).min(7),
            Access::Apr { .. } | Access::IchApr if op2 % 4 > self.max_apr_idx() => return Err(()),
            Access::Apr { group } => self.apr[group][op2 % 4].into(),
            Access::IchApr | Access::Ich | Access::IchHcr => self.ich,
            Access::Sre => SRE,
            Access::IccSreEl2 => SRE_EL2,
            Access::IchVtr => VTR,
            Access::Grpen { group } => self.grpen[group],
            Access::Ctlr => {
                self.cbpr
                    + self.eoim * 0x2
                    + (self.num_pri_bits - 1) * 0x100
                    + self.num_id_bits * 0x800
                    + self.host_seis * 0x4000
                    + self.host_a3v * 0x8000
            }
        })
    }

    /// Writes a register, checks that its mask has not grown, and returns the bits that read
    /// differently.
    fn changed_by(&self, numbers: Numbers, access: Access, val: u64) -> u64 {
        let Ok(before) = self.get(numbers, access) else {
            let mut after = *self;
            assert_eq!(after.set(numbers, access, val), Err(()));
            return 0;
        };
        let mut after = *self;
        let result = after.set(numbers, access, val);
        let mask = after.mask(numbers);
        assert_eq!(mask & !self.mask(numbers), 0, "{numbers:?}, {val:#x}");
        // A refused write can still lower the sizes. The mask does not cover this.
        let read = after.get(numbers, access).unwrap_or(before);
        if result.is_err() {
            assert!(
                access == Access::Ctlr || after == *self,
                "{numbers:?}, {val:#x}"
            );
            return 0;
        }
        before ^ read
    }
}

/// `KVM_ARM_GIC_RANGE_IDX()`, by counting: two blocks of sixteen rows of eight registers.
fn index((op1, crm, op2): Numbers) -> usize {
    let block = if op1 == 4 { 1 } else { 0 };
    block * 128 + crm * 8 + op2
}

/// vCPUs with each number of priority and identifier bits that fits in the fields.
fn sizes() -> impl Iterator<Item = Vcpu> {
    (1..=8).flat_map(|num_pri_bits| {
        (0..8).map(move |num_id_bits| Vcpu {
            num_pri_bits,
            num_id_bits,
            ..VCPU
        })
    })
}

/// Values that differ from the current one in one bit, and in many.
fn values(before: u64) -> impl Iterator<Item = u64> {
    let single = (0..64).map(move |bit| before ^ 1 << bit);
    single.chain([0, u64::MAX, before, !before, 0x5555_5555_5555_5555])
}

/// Checks that a register's mask is the set of bits that the writes change.
fn check(vcpu: &Vcpu, name: &str, numbers: Numbers, access: Access, values: &[u64]) {
    let changed = values
        .iter()
        .map(|val| vcpu.changed_by(numbers, access, *val))
        .fold(0, |all, bits| all | bits);
    assert_eq!(vcpu.mask(numbers), changed, "{name}, {vcpu:x?}");
}

#[test]
fn range_has_a_place_for_each_register() {
    assert_eq!(GicMaskIndex::COUNT, 256);
    let all: Vec<_> = GicMaskIndex::all().collect();
    assert_eq!(all.len(), 256);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    let mut places: Vec<_> = table().into_iter().map(|entry| index(entry.1)).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 6 + 8 + 4 + 8 + 16);
}

#[test]
fn places_without_a_register_have_no_mask() {
    let places: Vec<_> = table().into_iter().map(|entry| index(entry.1)).collect();
    for vcpu in sizes() {
        for (place, index) in GicMaskIndex::all().enumerate() {
            if !places.contains(&place) {
                assert_eq!(vcpu.state().mask(index), 0, "{place}");
            }
        }
    }
}

#[test]
fn masks_are_as_the_documentation_says() {
    // A host with 5 bits of priority, 24 bits of identifiers, and EL2 in the VM.
    for (name, numbers, _) in table() {
        let expected = match name.as_str() {
            "ICC_CTLR_EL1" => 0x0f03,
            "ICC_BPR0_EL1" | "ICC_BPR1_EL1" => 0x7,
            "ICC_IGRPEN0_EL1" | "ICC_IGRPEN1_EL1" => 0x1,
            "ICC_AP0R0_EL1" | "ICC_AP1R0_EL1" => 0xffff_ffff,
            "ICH_AP0R0_EL2" | "ICH_AP1R0_EL2" | "ICH_VMCR_EL2" => u64::MAX,
            "ICH_HCR_EL2" => 0xffff_ffff,
            _ if name.starts_with("ICH_LR") => u64::MAX,
            _ => 0,
        };
        assert_eq!(VCPU.mask(numbers), expected, "{name}");
    }
}

#[test]
fn sizes_in_the_control_register_can_be_lowered() {
    // The field, and the bits in which it differs from one that is not larger.
    for (v, bits) in [0b000, 0b001, 0b011, 0b011, 0b111, 0b111, 0b111, 0b111]
        .into_iter()
        .enumerate()
    {
        let v = v as u32;
        let ctlr = |pri_bits, id_bits| {
            let state = GicV3State {
                pri_bits,
                id_bits,
                ich_hcr: None,
            };
            state.mask(PLACES[12 * 8 + 4])
        };
        assert_eq!(ctlr(v + 1, 0), 0x3 + bits * 0x100, "{v}");
        assert_eq!(ctlr(1, v), 0x3 + bits * 0x800, "{v}");
        // Numbers that no vCPU has cause no panic, and do not reach other fields.
        assert_eq!(ctlr(0, v), ctlr(1, v), "{v}");
        assert_eq!(ctlr(u32::MAX, v) & !0x703, bits * 0x800, "{v}");
        assert_eq!(ctlr(1, u32::MAX) & !0x3803, 0, "{v}");
    }
}

#[test]
fn bit_of_the_control_register_is_set_if_a_write_changes_it() {
    let numbers = (0, 12, 4);
    // Every value of the fields, with the bits between them and above them clear and set.
    let values: Vec<_> = (0..0x400u64)
        .map(|n| n % 4 + n / 4 * 0x100)
        .flat_map(|val| [val, val | !0xff03])
        .collect();
    for vcpu in sizes() {
        for n in 0..16 {
            let vcpu = Vcpu {
                cbpr: n % 2,
                eoim: n / 2 % 2,
                host_seis: n / 4 % 2,
                host_a3v: n / 8,
                ..vcpu
            };
            check(&vcpu, "ICC_CTLR_EL1", numbers, Access::Ctlr, &values);
        }
    }
}

#[test]
fn bit_of_any_other_register_is_set_if_a_write_changes_it() {
    for (name, numbers, access) in table() {
        if access == Access::Ctlr {
            continue;
        }
        for vcpu in sizes() {
            let ones = Vcpu {
                bpr: 7,
                abpr: 7,
                grpen: [1; 2],
                apr: [[u32::MAX; 4]; 2],
                ich: !vcpu.res0,
                ..vcpu
            };
            for vcpu in [vcpu, ones] {
                let before = vcpu.get(numbers, access).unwrap_or(0);
                let values: Vec<_> = values(before).collect();
                check(&vcpu, &name, numbers, access, &values);
            }
        }
    }
}

#[test]
fn bits_of_hcr_that_kvm_keeps_are_not_set() {
    for kept in (0..64).map(|bit| 1 << bit).chain([0, u64::MAX, 0xff]) {
        for (res0, res1) in [(kept, 0), (0, kept), (kept & !1, kept & 1)] {
            let vcpu = Vcpu {
                res0,
                res1,
                ich: res1,
                ..VCPU
            };
            let values: Vec<_> = values(res1).collect();
            check(&vcpu, "ICH_HCR_EL2", (4, 11, 0), Access::IchHcr, &values);
            assert_eq!(vcpu.mask((4, 11, 0)), !kept);
        }
    }
}

#[test]
fn vm_without_el2_has_no_masks_of_el2_registers() {
    for vcpu in sizes() {
        let without = Vcpu {
            has_el2: false,
            ..vcpu
        };
        for (place, index) in GicMaskIndex::all().enumerate() {
            let expected = if place < 128 {
                vcpu.state().mask(index)
            } else {
                0
            };
            assert_eq!(without.state().mask(index), expected, "{place}");
        }
    }
}

#[test]
fn number_of_active_priorities_follows_the_priority_bits() {
    for (pri_bits, count) in [
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 1),
        (5, 1),
        (6, 2),
        (7, 4),
        (8, 1),
    ] {
        let vcpu = Vcpu {
            num_pri_bits: pri_bits,
            ..VCPU
        };
        for n in 0..4 {
            let there = n < count;
            let masks = [(0, 8, 4 + n), (0, 9, n), (4, 8, n), (4, 9, n)].map(|n| vcpu.mask(n));
            let (icc, ich) = if there {
                (0xffff_ffff, u64::MAX)
            } else {
                (0, 0)
            };
            assert_eq!(masks, [icc, icc, ich, ich], "{pri_bits}, {n}");
        }
    }
}

#[test]
fn common_binary_point_only_hides_the_other_one() {
    // The mask has each bit that can be changed after some other write: CBPR is writable, too.
    let vcpu = Vcpu { cbpr: 1, ..VCPU };
    let (bpr1, ctlr) = ((0, 12, 3), (0, 12, 4));
    assert_eq!(vcpu.changed_by(bpr1, Access::Bpr1, 0x7), 0);
    let mut cleared = vcpu;
    let value = vcpu.get(ctlr, Access::Ctlr).unwrap() & !1;
    assert_eq!(cleared.set(ctlr, Access::Ctlr, value), Ok(()));
    assert_eq!(cleared.changed_by(bpr1, Access::Bpr1, 0x7), 0x7);
    assert_eq!(vcpu.mask(bpr1), 0x7);
}

proptest! {
    #![proptest_config(random::cases(512))]

    #[test]
    fn no_sequence_of_writes_changes_a_bit_that_is_not_set(
        num_pri_bits in 1..=8u64,
        num_id_bits in 0..8u64,
        ich_hcr: u64,
        vals in prop::collection::vec(any::<u64>(), 1..8),
    ) {
        for (name, numbers, access) in table() {
            let first = Vcpu { num_pri_bits, num_id_bits, res0: !ich_hcr, ..VCPU };
            let Ok(before) = first.get(numbers, access) else { continue };
            let mut vcpu = first;
            for val in &vals {
                // Registers that check each bit refuse most random values, so try one in the mask.
                for val in [*val, before ^ *val & first.mask(numbers)] {
                    let mut next = vcpu;
                    if next.set(numbers, access, val).is_ok() {
                        vcpu = next;
                    }
                    let changed = vcpu.get(numbers, access).unwrap() ^ before;
                    prop_assert_eq!(changed & !first.mask(numbers), 0, "{}, {:#x}", name, val);
                }
            }
        }
    }
}
