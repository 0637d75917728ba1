// SPDX-License-Identifier: GPL-2.0

//! Registers of a VM: read and written under its lock, frozen by its first run, and the accesses
//! through a vCPU that are theirs.

use std::cell::Cell;

use kvm_abi::{
    vectors::{
        BITMAPS,
        PSCI_VERSIONS, //
    },
    FeatureLevelReg,
    FwReg,
    HostWorkarounds,
    Mitigation,
    NoRoom,
    OptIns,
    PlainVm,
    PsciVersion,
    RanOnce,
    Reject,
    Route,
    VcpuFeatures,
    VmReg, //
};

const HOST: HostWorkarounds = HostWorkarounds {
    spectre_v2: Mitigation::Unaffected,
    spectre_v4: Mitigation::Mitigated,
    ssbs: false,
    spectre_bhb: Mitigation::Mitigated,
};

const FEATURES: [VcpuFeatures; 3] = [
    VcpuFeatures::Unknown,
    VcpuFeatures::Known { psci_0_2: false },
    VcpuFeatures::Known { psci_0_2: true },
];

const VM_SCOPE: u64 = 1 << 28;

fn vm(features: VcpuFeatures, ran: RanOnce) -> PlainVm {
    PlainVm {
        features,
        ran,
        ..PlainVm::new(HOST)
    }
}

#[test]
fn registers_that_depend_on_features_wait_for_them() {
    let new = vm(VcpuFeatures::Unknown, RanOnce::No);
    for reg in VmReg::all(OptIns::ALL) {
        let waits = [
            VmReg::Fw(FwReg::Workaround2),
            VmReg::Level(FeatureLevelReg::WORKAROUNDS),
        ]
        .contains(&reg);
        assert_eq!(reg.get(&new) == Err(Reject::NotReady), waits, "{reg:?}");
        // Also before the value is looked at.
        let refused = reg.set(&new, u64::MAX);
        assert_eq!(refused == Err(Reject::NotReady), waits, "{reg:?}");
    }
}

#[test]
fn values_are_those_of_a_vcpu_and_of_the_levels() {
    let vm = vm(VcpuFeatures::Known { psci_0_2: true }, RanOnce::No);
    for reg in VmReg::all(OptIns::ALL) {
        let expected = match reg {
            VmReg::Fw(reg) => reg.get(&vm),
            VmReg::Level(reg) => reg.levels(|| HOST).bits(),
        };
        assert_eq!(reg.get(&vm), Ok(expected), "{reg:?}");
        assert_eq!(reg.set(&vm, expected), Ok(()), "{reg:?}");
    }
}

#[test]
fn version_of_psci_is_that_of_the_vcpus_and_freezes() {
    let reg = VmReg::Fw(FwReg::PsciVersion);
    for features in FEATURES {
        for (_, stored) in PSCI_VERSIONS {
            for ran in [RanOnce::No, RanOnce::Yes] {
                let vm = vm(features, ran);
                vm.psci_version.set(stored as u32);
                let seen = PsciVersion::seen_by_vm(stored as u32, features);
                assert_eq!(reg.get(&vm), Ok(seen.into()), "{vm:?}");
                for value in [0, 1, 2, 0x1_0003, 0x1_0004] {
                    let copy = vm.clone();
                    let decided =
                        PsciVersion::decide_until_run(value, stored as u32, features, ran);
                    assert_eq!(
                        reg.set(&copy, value),
                        decided.map(drop),
                        "{vm:?}, {value:#x}"
                    );
                    let after = decided.map_or(stored, |version| version.to_raw().into());
                    assert_eq!(copy.psci_version.get(), after as u32, "{vm:?}, {value:#x}");
                }
            }
        }
    }
}

#[test]
fn bitmaps_are_stored_and_freeze() {
    for (map, exists, initial) in BITMAPS {
        let reg = VmReg::Fw(FwReg::Bitmap(map));
        for ran in [RanOnce::No, RanOnce::Yes] {
            for value in 0..=exists + 1 {
                let vm = vm(VcpuFeatures::Unknown, ran);
                let decided = map.decide(value, initial, ran);
                assert_eq!(
                    reg.set(&vm, value),
                    decided.map(drop),
                    "{map:?}, {value:#x}"
                );
                let after = decided.unwrap_or(initial);
                assert_eq!(reg.get(&vm), Ok(after), "{map:?}, {value:#x}");
            }
        }
    }
}

#[test]
fn workarounds_store_nothing_and_levels_are_frozen() {
    let before = vm(VcpuFeatures::Known { psci_0_2: true }, RanOnce::Yes);
    for reg in VmReg::all(OptIns::ALL) {
        if matches!(reg, VmReg::Fw(FwReg::PsciVersion | FwReg::Bitmap(_))) {
            continue;
        }
        let after = before.clone();
        let expected = match reg {
            VmReg::Level(FeatureLevelReg::WORKAROUNDS) => Err(Reject::Frozen),
            _ => Ok(()),
        };
        assert_eq!(reg.set(&after, 0), expected, "{reg:?}");
        assert!(reg.set(&after, 7).is_err(), "{reg:?}");
        assert_eq!(after, before, "{reg:?}");
    }
}

#[test]
fn access_by_id_is_that_of_the_register() {
    let vm = vm(VcpuFeatures::Known { psci_0_2: true }, RanOnce::No);
    for opt_ins in [OptIns::VM_REGS, OptIns::ALL] {
        for reg in VmReg::all(OptIns::ALL) {
            let there = matches!(reg, VmReg::Fw(_)) || opt_ins == OptIns::ALL;
            let expected = match there {
                true => reg.get(&vm),
                false => Err(Reject::UnknownRegister),
            };
            assert_eq!(VmReg::get_by_id(&vm, opt_ins, reg.id()), expected);
            let value = reg.get(&vm).unwrap();
            let result = VmReg::set_by_id(&vm, opt_ins, reg.id(), || Ok::<_, Reject>(value));
            assert_eq!(result, expected.map(drop), "{reg:?}");
        }
    }
}

#[test]
fn write_checks_the_size_then_reads_the_value_then_looks_the_register_up() {
    let vm = vm(VcpuFeatures::Unknown, RanOnce::No);
    let reads = Cell::new(0);
    let set = |id, value| {
        reads.set(0);
        let result = VmReg::set_by_id(&vm, OptIns::ALL, id, || {
            reads.set(reads.get() + 1);
            value
        });
        (result, reads.get())
    };
    // The error of a read of userspace's memory, which has no reason of its own.
    let fault = Err(Reject::UnsafeValue);
    let wrong_size = 0x6020_0000_0014_0000;
    assert_eq!(set(wrong_size, fault), (Err(Reject::WrongSize), 0));
    let unknown = 0x6030_0000_0014_0004;
    assert_eq!(set(unknown, fault), (fault.map(drop), 1));
    assert_eq!(set(unknown, Ok(0)), (Err(Reject::UnknownRegister), 1));
    let not_ready = FwReg::Workaround2.id();
    assert_eq!(set(not_ready, fault), (fault.map(drop), 1));
    assert_eq!(set(not_ready, Ok(0)), (Err(Reject::NotReady), 1));
}

#[test]
fn vcpu_reaches_the_registers_of_its_vm_by_opt_in() {
    let psci = FwReg::PsciVersion.id();
    let level = FeatureLevelReg::WORKAROUNDS.id();
    // Its size is wrong, and its number is too high: it is in the group all the same.
    let none = 0x6020_0000_0017_00ff;
    for (opt_ins, id, is_set, route) in [
        (OptIns::NONE, psci, true, Route::Vcpu),
        (OptIns::NONE, level, true, Route::Vcpu),
        (OptIns::FEATURE_LEVELS, level, true, Route::Vm),
        (OptIns::FEATURE_LEVELS, level, false, Route::Vm),
        (OptIns::FEATURE_LEVELS, none, false, Route::Vm),
        (OptIns::FEATURE_LEVELS, psci, true, Route::Vcpu),
        (OptIns::PSCI_FREEZE, psci, true, Route::PsciVersion),
        (OptIns::PSCI_FREEZE, psci, false, Route::Vcpu),
        (OptIns::PSCI_FREEZE, psci + 1, true, Route::Vcpu),
        (OptIns::PSCI_FREEZE, level, true, Route::Vcpu),
    ] {
        let context = format!("{opt_ins:?}, {id:#x}, {is_set}");
        assert_eq!(Route::of(id, is_set, opt_ins), (route, id), "{context}");
        // With a scope: removed if the VM has opted in to scopes, otherwise it is another id.
        let scoped = id | VM_SCOPE;
        assert_eq!(
            Route::of(scoped, is_set, opt_ins),
            (Route::Vcpu, scoped),
            "{context}"
        );
        if id != none {
            let both = opt_ins.union(OptIns::REG_SCOPE);
            assert_eq!(Route::of(scoped, is_set, both), (route, id), "{context}");
        }
    }
}

#[test]
fn list_needs_room_for_each_register() {
    for (opt_ins, count) in [(OptIns::NONE, 8), (OptIns::FEATURE_LEVELS, 16)] {
        assert_eq!(VmReg::all(opt_ins).count(), count, "{opt_ins:?}");
        for room in 0..64 {
            let expected = if room < count as u64 {
                Err(NoRoom)
            } else {
                Ok(())
            };
            assert_eq!(VmReg::admit_room(opt_ins, room), expected, "{room}");
        }
        // All bits of the number count.
        for bit in 6..64 {
            assert_eq!(VmReg::admit_room(opt_ins, 1 << bit), Ok(()), "{bit}");
        }
    }
}

#[test]
fn vcpu_fits_a_vm_whose_features_are_known() {
    for (stored, psci_0_2, fits) in [
        (0, false, true),
        (0, true, true),
        (0x1, false, true),
        (0x1, true, false),
        (0x1_0000, false, false),
        (0x1_0000, true, true),
    ] {
        for features in FEATURES {
            let vm = PlainVm {
                features,
                ..PlainVm::new(HOST)
            };
            vm.psci_version.set(stored);
            let known = features != VcpuFeatures::Unknown;
            assert_eq!(
                PsciVersion::fits_vm(&vm, &vm, psci_0_2),
                known || fits,
                "{stored:#x}, {psci_0_2}, {features:?}"
            );
        }
    }
}
