// SPDX-License-Identifier: GPL-2.0

//! Writable masks of the firmware registers: a bit is set if, and only if, userspace can choose it,
//! whatever the other bits of the mask are.
//!
//! The model is a VM that accepts and stores the values that the documentation allows.

use kvm_abi::{
    vectors::{
        BITMAPS,
        PSCI_VERSIONS,
        REGISTERS, //
    },
    FwMasks,
    FwReg,
    RanOnce,
    VcpuFeatures, //
};

const FEATURES: [VcpuFeatures; 3] = [
    VcpuFeatures::Unknown,
    VcpuFeatures::Known { psci_0_2: false },
    VcpuFeatures::Known { psci_0_2: true },
];

const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

/// The masks of each register, before and after the first run.
const MASKS: [(u64, u64); 8] = [
    // A number: from 1.0, for instance, 1.1 to 1.3 are accepted, and from 0.2 none of these bits
    // can be flipped alone.
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0x1, 0),
    (0x1, 0),
    (0x3, 0),
    // Not zero, although a new VM reads 0: userspace can opt in to these services.
    (0x3, 0),
];

/// A VM, and whether its first run freezes the version of PSCI.
#[derive(Clone, Copy, Debug)]
struct Vm {
    features: VcpuFeatures,
    ran: RanOnce,
    psci_version_freezes: bool,
}

impl Vm {
    fn masks(self) -> FwMasks {
        FwMasks { ran: self.ran }
    }

    /// The values that the documentation allows for a register of a VM that has not run.
    fn allowed(self, reg: FwReg) -> Vec<u64> {
        let versions = PSCI_VERSIONS.map(|(_, raw)| raw);
        match (reg, self.features) {
            (FwReg::PsciVersion, VcpuFeatures::Unknown) => versions.to_vec(),
            (FwReg::PsciVersion, VcpuFeatures::Known { psci_0_2: false }) => vec![0x1],
            (FwReg::PsciVersion, VcpuFeatures::Known { psci_0_2: true }) => versions[1..].to_vec(),
            (FwReg::Bitmap(map), _) => {
                let (_, exist, _) = BITMAPS.into_iter().find(|row| row.0 == map).unwrap();
                (0..=exist).collect()
            }
            // Levels of a host that is not affected.
            (FwReg::Workaround1 | FwReg::Workaround3, _) => vec![0, 1, 2],
            (FwReg::Workaround2, _) => vec![0, 1, 2, 3, 0x12],
        }
    }

    /// Returns the value of a register after a write, `None` if it is refused.
    fn written(self, reg: FwReg, current: u64, value: u64) -> Option<u64> {
        let (freezes, keeps) = match reg {
            FwReg::PsciVersion => (self.psci_version_freezes, true),
            FwReg::Bitmap(_) => (true, true),
            FwReg::Workaround1 | FwReg::Workaround2 | FwReg::Workaround3 => (false, false),
        };
        let frozen = freezes && self.ran == RanOnce::Yes && value != current;
        if frozen || !self.allowed(reg).contains(&value) {
            return None;
        }
        Some(if keeps { value } else { current })
    }

    /// Returns the bits that can be flipped, each alone, from each of the allowed values.
    fn free(self, reg: FwReg) -> u64 {
        let flips = |current: u64, bit: u32| {
            let value = current ^ 1 << bit;
            self.written(reg, current, value) == Some(value)
        };
        (0..64)
            .filter(|bit| {
                self.allowed(reg)
                    .into_iter()
                    .all(|value| flips(value, *bit))
            })
            .fold(0, |all, bit| all | 1 << bit)
    }
}

/// Every state of a VM. The features of a VM that has run are known.
fn vms() -> Vec<Vm> {
    let mut all = Vec::new();
    for features in FEATURES {
        for ran in RAN {
            all.extend([false, true].map(|psci_version_freezes| Vm {
                features,
                ran,
                psci_version_freezes,
            }));
        }
    }
    all.retain(|vm| (vm.features, vm.ran) != (VcpuFeatures::Unknown, RanOnce::Yes));
    all
}

fn masks(ran: RanOnce) -> Vec<u64> {
    FwMasks { ran }.masks().collect()
}

/// `KVM_ARM_FW_RANGE_IDX()`: the first half is one group, the second half the other.
fn place(id: u64) -> usize {
    let (group, number) = ((id >> 16) as u16, (id % 0x1_0000) as usize);
    match group {
        0x14 => number,
        0x16 => 64 + number,
        _ => panic!("{id:#x}"),
    }
}

#[test]
fn range_has_128_places() {
    assert_eq!(FwMasks::COUNT, 128);
    for ran in RAN {
        assert_eq!(masks(ran).len(), 128, "{ran:?}");
    }
}

#[test]
fn each_mask_is_at_the_place_of_its_register_and_others_are_zero() {
    for ran in RAN {
        let mut masks = masks(ran);
        for (reg, id) in REGISTERS {
            assert_eq!(
                masks[place(id)],
                FwMasks { ran }.mask(reg),
                "{reg:?}, {ran:?}"
            );
            masks[place(id)] = 0;
        }
        assert_eq!(masks, [0; 128], "{ran:?}");
    }
}

#[test]
fn places_are_those_of_the_header() {
    let places: Vec<_> = REGISTERS.iter().map(|(_, id)| place(*id)).collect();
    assert_eq!(places, [0, 1, 2, 3, 64, 65, 66, 67]);
    let masks = masks(RanOnce::No);
    let present: Vec<_> = (0..128).filter(|place| masks[*place] != 0).collect();
    assert_eq!(present, [64, 65, 66, 67]);
}

#[test]
fn masks_before_and_after_the_first_run_are_as_in_the_table() {
    for ((reg, _), (before, after)) in REGISTERS.into_iter().zip(MASKS) {
        let mask = |ran| FwMasks { ran }.mask(reg);
        assert_eq!(mask(RanOnce::No), before, "{reg:?}");
        assert_eq!(mask(RanOnce::Yes), after, "{reg:?}");
    }
}

#[test]
fn bit_is_set_if_userspace_can_choose_it() {
    assert_eq!(vms().len(), 10);
    for vm in vms() {
        for (reg, _) in REGISTERS {
            assert_eq!(vm.masks().mask(reg), vm.free(reg), "{reg:?}, {vm:?}");
        }
    }
}

#[test]
fn any_combination_of_the_bits_is_accepted() {
    for vm in vms() {
        for (reg, _) in REGISTERS {
            let mask = vm.masks().mask(reg);
            for current in vm.allowed(reg) {
                for bits in (0..=0xff).filter(|bits| bits & !mask == 0) {
                    let value = current & !mask | bits;
                    let read = vm.written(reg, current, value);
                    assert_eq!(read, Some(value), "{reg:?}, {current:#x}, {vm:?}");
                }
            }
        }
    }
}

#[test]
fn run_only_clears_bits() {
    for (before, after) in masks(RanOnce::No).into_iter().zip(masks(RanOnce::Yes)) {
        assert_eq!(after & !before, 0);
    }
}
