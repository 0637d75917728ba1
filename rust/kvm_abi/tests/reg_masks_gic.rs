// SPDX-License-Identifier: GPL-2.0

//! Writable masks of a GICv3: a bit is set if, and only if, userspace can choose it, whatever the
//! other bits of the mask are.
//!
//! The model is the state of a vCPU, and the C functions of `gic_v3_icc_reg_descs[]` by which
//! userspace reads and writes it. A write that flips a bit of the mask must be accepted from each
//! value that the register can get, and change this bit alone. Of a number, which can be lowered
//! and not raised, no bit is like that. Outside the mask, nothing but numbers may change.

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

    /// Writes a register, and returns the bits that read differently; `None` if the write is
    /// refused.
    fn changed_by(&self, numbers: Numbers, access: Access, val: u64) -> Option<u64> {
        let before = self.get(numbers, access);
        let mut after = *self;
        let result = after.set(numbers, access, val);
        // The mask has not grown.
        let mask = after.mask(numbers);
        assert_eq!(mask & !self.mask(numbers), 0, "{numbers:?}, {val:#x}");
        if result.is_err() {
            // C's refused write can still lower the sizes.
            let kept = access == Access::Ctlr || after == *self;
            assert!(kept, "{numbers:?}, {val:#x}");
            return None;
        }
        Some(before.unwrap() ^ after.get(numbers, access).unwrap())
    }

    /// Returns whether a write can flip a bit, and change nothing else.
    fn flips(&self, numbers: Numbers, access: Access, bit: u32) -> bool {
        let Ok(before) = self.get(numbers, access) else {
            assert_eq!(self.changed_by(numbers, access, 1 << bit), None);
            return false;
        };
        self.changed_by(numbers, access, before ^ 1 << bit) == Some(1 << bit)
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

/// `ICC_CTLR_EL1.PRIbits` and `IDbits`.
const SIZES: u64 = 0x3f00;

/// Checks that a register's mask has the bits that flip from each of these states.
fn check(vcpus: &[Vcpu], name: &str, numbers: Numbers, access: Access) {
    let free = (0..64)
        .filter(|bit| vcpus.iter().all(|vcpu| vcpu.flips(numbers, access, *bit)))
        .fold(0, |all, bit| all | 1 << bit);
    for vcpu in vcpus {
        assert_eq!(vcpu.mask(numbers), free, "{name}, {vcpu:x?}");
    }
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
fn masks_of_all_places_are_in_their_order() {
    assert!(GicMaskIndex::masks(None).eq([0; GicMaskIndex::COUNT]));
    for vcpu in sizes() {
        let state = vcpu.state();
        let each = GicMaskIndex::all().map(|index| state.mask(index));
        assert!(GicMaskIndex::masks(Some(state)).eq(each), "{vcpu:x?}");
    }
}

#[test]
fn masks_are_as_the_documentation_says() {
    // A host with 5 bits of priority, 24 bits of identifiers, and EL2 in the VM.
    for (name, numbers, _) in table() {
        let expected = match name.as_str() {
            "ICC_CTLR_EL1" => 0x3,
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
fn sizes_in_the_control_register_are_numbers_without_bits() {
    let numbers = (0, 12, 4);
    for vcpu in sizes() {
        assert_eq!(vcpu.mask(numbers), 0x3, "{vcpu:x?}");
        // Each lower number is accepted, and no higher one, now or later.
        for pri_bits in 0..8 {
            for id_bits in 0..8 {
                let mut lowered = vcpu;
                let val = pri_bits * 0x100 + id_bits * 0x800 + vcpu.host_a3v * 0x8000;
                let fits = pri_bits < vcpu.num_pri_bits && id_bits <= vcpu.num_id_bits;
                assert_eq!(lowered.set(numbers, Access::Ctlr, val).is_ok(), fits);
                if fits {
                    assert_eq!(lowered.get(numbers, Access::Ctlr), Ok(val));
                    let raised = lowered.changed_by(numbers, Access::Ctlr, val + 0x100);
                    assert_eq!(raised, None);
                }
            }
        }
    }
}

#[test]
fn bit_of_the_control_register_is_set_if_userspace_can_choose_it() {
    for n in 0..16 {
        // All values that the register can get when the sizes are lowered.
        let vcpus: Vec<_> = sizes()
            .map(|vcpu| Vcpu {
                cbpr: n % 2,
                eoim: n / 2 % 2,
                host_seis: n / 4 % 2,
                host_a3v: n / 8,
                ..vcpu
            })
            .collect();
        check(&vcpus, "ICC_CTLR_EL1", (0, 12, 4), Access::Ctlr);
    }
}

#[test]
fn bit_of_any_other_register_is_set_if_userspace_can_choose_it() {
    for (name, numbers, access) in table() {
        if access == Access::Ctlr {
            continue;
        }
        for vcpu in sizes() {
            let with = |bits: u64| Vcpu {
                bpr: bits % 8,
                abpr: bits % 8,
                grpen: [bits % 2; 2],
                apr: [[bits as u32; 4]; 2],
                ich: bits & !vcpu.res0,
                ..vcpu
            };
            let vcpus = [0, u64::MAX, 0x5555_5555_5555_5555].map(with);
            check(&vcpus, &name, numbers, access);
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
            check(&[vcpu], "ICH_HCR_EL2", (4, 11, 0), Access::IchHcr);
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
    // The mask does not depend on the values of other registers: CBPR can be cleared.
    let vcpu = Vcpu { cbpr: 1, ..VCPU };
    let (bpr1, ctlr) = ((0, 12, 3), (0, 12, 4));
    assert_eq!(vcpu.changed_by(bpr1, Access::Bpr1, 0x7), Some(0));
    let mut cleared = vcpu;
    let value = vcpu.get(ctlr, Access::Ctlr).unwrap() & !1;
    assert_eq!(cleared.set(ctlr, Access::Ctlr, value), Ok(()));
    assert_eq!(cleared.changed_by(bpr1, Access::Bpr1, 0x7), Some(0x7));
    assert_eq!(vcpu.mask(bpr1), 0x7);
}

proptest! {
    #![proptest_config(random::cases(512))]

    #[test]
    fn any_combination_of_the_bits_is_accepted(
        num_pri_bits in 1..=8u64,
        num_id_bits in 0..8u64,
        ich_hcr: u64,
        vals in prop::collection::vec(any::<u64>(), 1..8),
    ) {
        for (name, numbers, access) in table() {
            let mut vcpu = Vcpu { num_pri_bits, num_id_bits, res0: !ich_hcr, ..VCPU };
            let mask = vcpu.mask(numbers);
            for val in &vals {
                let Ok(before) = vcpu.get(numbers, access) else { continue };
                let wanted = before & !mask | val & mask;
                let accepts = access != Access::Sre && vcpu.set(numbers, access, wanted).is_ok();
                prop_assert!(accepts || mask == 0, "{}, {:#x}", name, wanted);
                if accepts {
                    prop_assert_eq!(vcpu.get(numbers, access), Ok(wanted), "{}", name);
                }
            }
        }
    }

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
                    let read = vcpu.get(numbers, access).unwrap();
                    let numbers_bits = if access == Access::Ctlr { SIZES } else { 0 };
                    let may_change = first.mask(numbers) | numbers_bits;
                    prop_assert_eq!((read ^ before) & !may_change, 0, "{}, {:#x}", name, val);
                }
            }
        }
    }
}
