// SPDX-License-Identifier: GPL-2.0

//! Scopes: the registers that all vCPUs of a VM share, how their ids are listed and accepted, and
//! the registers of the VM's file descriptor.
//!
//! The models are lists of ids, built as in the uapi headers.

use kvm_abi::{
    vectors::REGISTERS,
    FeatureLevelReg,
    FwReg,
    OptIns,
    Reject,
    Scope,
    VmReg, //
};
use proptest::prelude::*;
use std::collections::HashSet;

/// `KVM_REG_ARM_SCOPE_VM`.
const SCOPE_VM: u64 = 0x1000_0000;
/// `KVM_REG_ARM64 | KVM_REG_SIZE_U64`, and `KVM_REG_ARM64_SYSREG` with it.
const U64: u64 = 0x6030_0000_0000_0000;
const SYSREG: u64 = 0x6030_0000_0013_0000;
/// `KVM_REG_ARM_FEATURE_LEVEL_REG(0)`.
const LEVELS: u64 = 0x6030_0000_0017_0000;

const SIZE_SHIFT: u32 = 52;
const SIZE_MASK: u64 = 0xf << SIZE_SHIFT;

/// Ids of registers that each vCPU has for itself, and ids without a register.
const OF_VCPUS: [(&str, u64); 24] = [
    ("x0", 0x6030_0000_0010_0000),
    ("pc", 0x6030_0000_0010_0040),
    ("pstate", 0x6030_0000_0010_0042),
    ("fpsr", 0x6020_0000_0010_00d4),
    ("v0", 0x6040_0000_0010_0054),
    ("CCSIDR", 0x6020_0000_0011_0000),
    ("MPIDR_EL1", 0x6030_0000_0013_c005),
    ("CLIDR_EL1", 0x6030_0000_0013_c801),
    ("CSSELR_EL1", 0x6030_0000_0013_d000),
    ("DCZID_EL0", 0x6030_0000_0013_d807),
    ("SCTLR_EL1", 0x6030_0000_0013_c080),
    ("VPIDR_EL2", 0x6030_0000_0013_e000),
    ("MDSCR_EL1", 0x6030_0000_0013_8012),
    ("PMCR_EL0", 0x6030_0000_0013_dce0),
    ("KVM_REG_ARM_TIMER_CVAL", 0x6030_0000_0013_df02),
    ("KVM_REG_ARM64_SVE_ZREG(0, 0)", 0x6080_0000_0015_0000),
    ("KVM_REG_ARM64_SVE_VLS", 0x6060_0000_0015_ffff),
    ("KVM_REG_ARM_FW_REG(4)", 0x6030_0000_0014_0004),
    ("KVM_REG_ARM_FW_FEAT_BMAP_REG(4)", 0x6030_0000_0016_0004),
    ("KVM_REG_ARM_FEATURE_LEVEL_REG(8)", 0x6030_0000_0017_0008),
    // 32 bits wide, of another architecture, and no id at all.
    ("PSCI_VERSION, short", 0x6020_0000_0014_0000),
    ("ID_AA64PFR0_EL1, short", 0x6020_0000_0013_c020),
    ("PSCI_VERSION of KVM_REG_ARM", 0x4030_0000_0014_0000),
    ("0", 0),
];

/// Some registers that all vCPUs share.
const OF_VMS: [(&str, u64); 12] = [
    ("KVM_REG_ARM_PSCI_VERSION", 0x6030_0000_0014_0000),
    ("KVM_REG_ARM_VENDOR_HYP_BMAP_2", 0x6030_0000_0016_0003),
    ("KVM_REG_ARM_FEATURE_LEVEL_REG(0)", 0x6030_0000_0017_0000),
    ("KVM_REG_ARM_FEATURE_LEVEL_REG(7)", 0x6030_0000_0017_0007),
    ("MIDR_EL1", 0x6030_0000_0013_c000),
    ("REVIDR_EL1", 0x6030_0000_0013_c006),
    ("AIDR_EL1", 0x6030_0000_0013_c807),
    ("CTR_EL0", 0x6030_0000_0013_d801),
    ("ID_PFR0_EL1", 0x6030_0000_0013_c008),
    ("ID_AA64PFR0_EL1", 0x6030_0000_0013_c020),
    ("ID_AA64MMFR0_EL1", 0x6030_0000_0013_c038),
    ("S3_0_C0_C7_7", 0x6030_0000_0013_c03f),
];

fn all_opt_ins() -> impl Iterator<Item = OptIns> {
    (0..128).map(OptIns::from_bits)
}

/// Returns whether the VM has opted in to scopes, by the bit.
fn has_scopes(opt_ins: OptIns) -> bool {
    opt_ins.bits() & 0x10 != 0
}

/// `ARM64_SYS_REG()`, in weights instead of shifts.
fn sysreg(op0: u64, op1: u64, crn: u64, crm: u64, op2: u64) -> u64 {
    SYSREG + op0 * 0x4000 + op1 * 0x800 + crn * 0x80 + crm * 8 + op2
}

fn level_ids() -> impl Iterator<Item = u64> {
    (0..8).map(|n| LEVELS + n)
}

/// The ids of all registers that vCPUs share.
fn shared() -> HashSet<u64> {
    let mut ids: HashSet<_> = REGISTERS.iter().map(|(_, id)| *id).collect();
    ids.extend(level_ids());
    for (crm, op2) in (1..8).flat_map(|crm| (0..8).map(move |op2| (crm, op2))) {
        ids.insert(sysreg(3, 0, 0, crm, op2));
    }
    ids.insert(sysreg(3, 0, 0, 0, 0));
    ids.insert(sysreg(3, 0, 0, 0, 6));
    ids.insert(sysreg(3, 1, 0, 0, 7));
    ids.insert(sysreg(3, 3, 0, 0, 1));
    ids
}

/// Every system register, and the beginning of every group.
fn many_ids() -> impl Iterator<Item = u64> {
    let groups = (0..0x1000u64).flat_map(|group| (0..16).map(move |n| U64 | group << 16 | n));
    (0..0x1_0000).map(|n| SYSREG | n).chain(groups)
}

/// The ids of the registers of a VM, in the order of the list.
fn vm_list(opt_ins: OptIns) -> Vec<u64> {
    let mut ids: Vec<_> = REGISTERS.iter().map(|(_, id)| *id).collect();
    if opt_ins.bits() & 1 != 0 {
        ids.extend(level_ids());
    }
    ids
}

/// Looks an id up in the list of a VM.
fn expected(id: u64, opt_ins: OptIns) -> Result<u64, Reject> {
    if (id & SIZE_MASK) >> SIZE_SHIFT != 3 {
        return Err(Reject::WrongSize);
    }
    vm_list(opt_ins)
        .into_iter()
        .find(|known| id == *known || has_scopes(opt_ins) && id == known + SCOPE_VM)
        .ok_or(Reject::UnknownRegister)
}

fn found(id: u64, opt_ins: OptIns) -> Result<u64, Reject> {
    VmReg::from_id(id, opt_ins).map(VmReg::id)
}

#[test]
fn shared_registers_are_76() {
    assert_eq!(shared().len(), 8 + 8 + 56 + 4);
    for (name, id) in OF_VMS {
        assert!(shared().contains(&id), "{name}");
    }
    for (name, id) in OF_VCPUS {
        assert!(!shared().contains(&id), "{name}");
    }
}

#[test]
fn scope_of_known_registers_is_as_in_the_table() {
    for (name, id) in OF_VMS {
        assert_eq!(Scope::of(id), Scope::Vm, "{name}");
    }
    for (name, id) in OF_VCPUS {
        assert_eq!(Scope::of(id), Scope::Vcpu, "{name}");
    }
}

#[test]
fn scope_of_every_register_is_as_in_the_model() {
    let shared = shared();
    let mut found = HashSet::new();
    for id in many_ids() {
        let is_shared = Scope::of(id) == Scope::Vm;
        assert_eq!(is_shared, shared.contains(&id), "{id:#x}");
        if is_shared {
            found.insert(id);
        }
    }
    assert_eq!(found, shared);
}

#[test]
fn every_bit_of_an_id_counts() {
    let shared = shared();
    for id in &shared {
        for bit in 0..64 {
            let flipped = id ^ 1 << bit;
            let is_shared = Scope::of(flipped) == Scope::Vm;
            assert_eq!(is_shared, shared.contains(&flipped), "{flipped:#x}");
        }
    }
}

#[test]
fn shared_registers_are_listed_with_bit_28_in_a_vm_that_opted_in() {
    let shared = shared();
    for opt_ins in [OptIns::NONE, OptIns::REG_SCOPE, OptIns::ALL] {
        for id in many_ids() {
            let expected = if has_scopes(opt_ins) && shared.contains(&id) {
                id + SCOPE_VM
            } else {
                id
            };
            assert_eq!(Scope::list(id, opt_ins), expected, "{id:#x}, {opt_ins:?}");
        }
    }
}

#[test]
fn no_other_opt_in_changes_the_list() {
    for opt_ins in all_opt_ins() {
        for (name, id) in OF_VMS {
            let listed = Scope::list(id, opt_ins);
            let expected = if has_scopes(opt_ins) {
                id + SCOPE_VM
            } else {
                id
            };
            assert_eq!(listed, expected, "{name}, {opt_ins:?}");
        }
        for (name, id) in OF_VCPUS {
            assert_eq!(Scope::list(id, opt_ins), id, "{name}, {opt_ins:?}");
        }
    }
}

#[test]
fn shared_register_is_known_with_its_scope_and_without() {
    for opt_ins in all_opt_ins() {
        for id in shared() {
            assert_eq!(Scope::strip(id, opt_ins), id, "{id:#x}, {opt_ins:?}");
            let scoped = id | SCOPE_VM;
            let expected = if has_scopes(opt_ins) { id } else { scoped };
            assert_eq!(
                Scope::strip(scoped, opt_ins),
                expected,
                "{id:#x}, {opt_ins:?}"
            );
            // A listed id is accepted.
            let listed = Scope::list(id, opt_ins);
            assert_eq!(Scope::strip(listed, opt_ins), id, "{id:#x}, {opt_ins:?}");
        }
    }
}

#[test]
fn bit_28_of_other_registers_stays_so_that_they_are_unknown() {
    let shared = shared();
    for id in many_ids().filter(|id| !shared.contains(id)) {
        for id in [id, id | SCOPE_VM] {
            assert_eq!(Scope::strip(id, OptIns::ALL), id, "{id:#x}");
            assert_eq!(Scope::strip(id, OptIns::NONE), id, "{id:#x}");
        }
    }
    for (name, id) in OF_VCPUS {
        let scoped = id | SCOPE_VM;
        assert_eq!(Scope::strip(scoped, OptIns::REG_SCOPE), scoped, "{name}");
    }
}

#[test]
fn reserved_bits_of_the_scope_stay() {
    for id in shared() {
        for reserved in 1..8u64 {
            for scope in [0, SCOPE_VM] {
                let id = id | scope | reserved << 29;
                assert_eq!(Scope::strip(id, OptIns::ALL), id, "{id:#x}");
                assert_eq!(Scope::list(id, OptIns::ALL), id, "{id:#x}");
            }
        }
    }
}

#[test]
fn scope_does_not_hide_a_wrong_size() {
    for id in shared() {
        for size in (0..16).filter(|size| *size != 3) {
            let id = id & !SIZE_MASK | size << SIZE_SHIFT | SCOPE_VM;
            assert_eq!(Scope::strip(id, OptIns::ALL), id, "{id:#x}");
        }
    }
}

#[test]
fn vm_has_the_firmware_registers_and_then_the_levels_it_opted_in_to() {
    for opt_ins in all_opt_ins() {
        let expected = vm_list(opt_ins);
        let ids: Vec<_> = VmReg::all(opt_ins).map(VmReg::id).collect();
        assert_eq!(ids, expected, "{opt_ins:?}");
        assert_eq!(VmReg::count(opt_ins), expected.len(), "{opt_ins:?}");
        // None has the bit of the scope: all registers of the VM have the same scope.
        assert!(ids.iter().all(|id| id & SCOPE_VM == 0), "{opt_ins:?}");
    }
    assert_eq!(VmReg::count(OptIns::NONE), 8);
    assert_eq!(VmReg::count(OptIns::FEATURE_LEVELS), 16);
}

#[test]
fn registers_of_a_vm_have_the_ids_of_vcpus() {
    let regs: Vec<_> = VmReg::all(OptIns::ALL).collect();
    let fw = REGISTERS.map(|(reg, _)| VmReg::Fw(reg));
    let levels: Vec<_> = FeatureLevelReg::all().map(VmReg::Level).collect();
    assert_eq!(regs, [&fw[..], &levels].concat());
    for (reg, id) in REGISTERS {
        assert_eq!(VmReg::Fw(reg).id(), id);
    }
    for (reg, id) in FeatureLevelReg::all().zip(level_ids()) {
        assert_eq!(VmReg::Level(reg).id(), id);
    }
}

#[test]
fn vm_knows_the_registers_that_it_lists() {
    for opt_ins in all_opt_ins() {
        for reg in VmReg::all(opt_ins) {
            assert_eq!(VmReg::from_id(reg.id(), opt_ins), Ok(reg), "{opt_ins:?}");
            let scoped = VmReg::from_id(reg.id() | SCOPE_VM, opt_ins);
            let expected = has_scopes(opt_ins).then_some(reg);
            let expected = expected.ok_or(Reject::UnknownRegister);
            assert_eq!(scoped, expected, "{reg:?}, {opt_ins:?}");
        }
    }
}

#[test]
fn levels_are_unknown_to_a_vm_without_them() {
    for opt_ins in all_opt_ins().filter(|set| set.bits() & 1 == 0) {
        for id in level_ids().flat_map(|id| [id, id | SCOPE_VM]) {
            let result = found(id, opt_ins);
            assert_eq!(result, Err(Reject::UnknownRegister), "{id:#x}, {opt_ins:?}");
        }
    }
}

#[test]
fn registers_of_vcpus_are_unknown_to_the_vm() {
    for opt_ins in [OptIns::NONE, OptIns::VM_REGS, OptIns::ALL] {
        for id in many_ids().flat_map(|id| [id, id | SCOPE_VM]) {
            assert_eq!(found(id, opt_ins), expected(id, opt_ins), "{id:#x}");
        }
        for (name, id) in OF_VCPUS {
            let result = found(id, opt_ins);
            assert!(result.is_err(), "{name}");
            assert_eq!(result, expected(id, opt_ins), "{name}");
        }
    }
}

#[test]
fn size_is_found_before_an_unknown_register() {
    for opt_ins in all_opt_ins() {
        for (_, id) in OF_VMS.into_iter().chain(OF_VCPUS) {
            for size in (0..16).filter(|size| *size != 3) {
                for scope in [0, SCOPE_VM] {
                    let id = id & !SIZE_MASK | size << SIZE_SHIFT | scope;
                    assert_eq!(found(id, opt_ins), Err(Reject::WrongSize), "{id:#x}");
                }
            }
        }
    }
}

#[test]
fn workaround_2_and_its_level_need_the_features_of_vcpus() {
    let needing: Vec<_> = VmReg::all(OptIns::ALL)
        .filter(|reg| reg.needs_features())
        .collect();
    let expected = [
        VmReg::Fw(FwReg::Workaround2),
        VmReg::Level(FeatureLevelReg::WORKAROUNDS),
    ];
    assert_eq!(needing, expected);
    assert_eq!(
        needing
            .iter()
            .map(|reg| reg.id() & 0xff_ffff)
            .collect::<Vec<_>>(),
        [0x14_0002, 0x17_0000]
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_id_is_as_in_the_model(
        id in prop_oneof![
            any::<u64>(),
            (0..OF_VMS.len(), 0..64u32, 0..64u32, any::<bool>()).prop_map(|(n, a, b, scope)| {
                let scope = if scope { SCOPE_VM } else { 0 };
                OF_VMS[n].1 ^ 1 << a ^ 1 << b ^ scope
            }),
            (any::<u64>(), 0x10..0x18u64).prop_map(|(noise, group)| {
                U64 | noise & 0x1000_0007 | group << 16
            }),
        ],
        bits in 0..128u32,
    ) {
        let (opt_ins, shared) = (OptIns::from_bits(bits), shared());
        prop_assert_eq!(Scope::of(id) == Scope::Vm, shared.contains(&id));
        prop_assert_eq!(found(id, opt_ins), expected(id, opt_ins));

        let plain = id & !SCOPE_VM;
        let is_shared = has_scopes(opt_ins) && shared.contains(&plain);
        prop_assert_eq!(Scope::strip(id, opt_ins), if is_shared { plain } else { id });
    }
}
