// SPDX-License-Identifier: GPL-2.0

//! The configuration of a VM as a whole: sets whose entries depend on each other, on the vCPUs and
//! on the first run.

mod id_regs;
mod vm_configs;

use kvm_abi::{
    ConfigAnswer,
    ConfigDone,
    ConfigOp,
    ConfigReason,
    ConfigReg,
    ConfigVm,
    FeatureBitmap,
    FeatureLevelReg,
    FwReg,
    HostWorkarounds,
    Mitigation,
    Reject,
    SysReg,
    VcpuFeatures,
    VmIdIndex, //
};
use vm_configs::{
    bmap,
    icc_ctlr,
    ich_vtr,
    iidr,
    levels,
    psci,
    refusal,
    wa2,
    with_permission_indirection,
    Vm,
    FEATURES,
    HIDDEN,
    HOST,
    IIDR,
    ISAR0,
    ISAR2,
    MIDR,
    MMFR1,
    MMFR3,
    PFR0,
    PFR1,
    SSBS,
    STRICT,
    TOLERANT, //
};

use ConfigDone::{Accepted, Refused};

#[test]
fn workaround_2_sees_the_ssbs_of_the_same_set_in_any_order() {
    let hidden = (PFR1.id(), 0x00);
    for set in [[hidden, (wa2(), 3)], [(wa2(), 3), hidden]] {
        let vm = Vm::new();
        assert_eq!(vm.set(&[set[0]]).0 == Accepted, set[0] == hidden);
        let vm = Vm::new();
        assert_eq!(vm.set(&set).0, Accepted);
        assert_eq!(vm.value(wa2()), 3);
        assert_eq!(vm.value(levels()), 0x122);
    }
    // A set that shows SSBS again conflicts with the level.
    let vm = Vm::new();
    vm.set(&[hidden]);
    for (set, level, other) in [
        ([(PFR1.id(), SSBS), (wa2(), 3)], 1, 0),
        ([(wa2(), 3), (PFR1.id(), SSBS)], 0, 1),
    ] {
        let (done, entries) = vm.set(&set);
        assert_eq!(done, Refused);
        let answer = entries[level].answer.unwrap();
        assert_eq!(entries[level].reason(), Some(ConfigReason::Conflict));
        assert_eq!((answer.other, answer.limit), (Some(other), 0));
        assert_eq!(entries[other as usize].reason(), None);
    }
    // On a vulnerable host it is the host, whatever SSBS is.
    let vm = Vm::on(
        vm_configs::v1(),
        HostWorkarounds {
            spectre_v4: Mitigation::Vulnerable,
            ..HOST
        },
    );
    let (done, entries) = vm.set(&[(PFR1.id(), SSBS), (wa2(), 3)]);
    assert_eq!(done, Refused);
    assert_eq!(entries[1].reason(), Some(ConfigReason::AboveHost));
}

#[test]
fn levels_see_the_ssbs_of_the_same_set() {
    let vm = Vm::new();
    let (done, entries) = vm.set(&[(levels(), 0x122), (PFR1.id(), SSBS)]);
    assert_eq!(done, Refused);
    let answer = entries[0].answer.unwrap();
    assert_eq!(entries[0].reason(), Some(ConfigReason::Conflict));
    assert_eq!((answer.other, answer.bits), (Some(1), 0xf0));
    assert_eq!(answer.limit, 0x1f2);
    assert_eq!(vm.set(&[(levels(), 0x122), (PFR1.id(), 0)]).0, Accepted);
    assert_eq!(vm.value(levels()), 0x122);
    // Now SSBS cannot come back, unless the promise is taken back in the same set.
    let answer = vm.refused(PFR1.id(), SSBS);
    assert_eq!(answer.refused.unwrap().0, ConfigReason::Conflict);
    assert_eq!((answer.bits, answer.limit, answer.other), (0xf0, 0, None));
    assert_eq!(vm.set(&[(PFR1.id(), SSBS), (levels(), 0x102)]).0, Accepted);
}

#[test]
fn equal_duplicates_are_one_entry_and_others_conflict() {
    let vm = Vm::new();
    let same = [(psci(), 0x1_0001); 3];
    assert_eq!(vm.set(&same).0, Accepted);
    assert_eq!(vm.value(psci()), 0x1_0001);

    let (done, entries) = vm.set(&[
        (psci(), 0x1_0002),
        (psci(), 0x1_0000),
        (psci(), 0x1_0002),
        (psci(), 0x1_0001),
    ]);
    assert_eq!(done, Refused);
    let others: Vec<_> = entries
        .iter()
        .map(|entry| {
            assert_eq!(entry.reason(), Some(ConfigReason::Conflict));
            let answer = entry.answer.unwrap();
            // The VM keeps what it has.
            assert_eq!(answer.limit, 0x1_0001);
            (answer.other.unwrap(), answer.bits)
        })
        .collect();
    assert_eq!(others, [(1, 2), (0, 2), (1, 2), (1, 1)]);
    assert_eq!(vm.value(psci()), 0x1_0001);

    // A refused value that is there twice is refused twice, and conflicts with nothing.
    let (_, entries) = vm.set(&[(psci(), 0x1_0004), (psci(), 0x1_0004)]);
    for entry in entries {
        assert_eq!(entry.reason(), Some(ConfigReason::AboveHost));
    }
}

#[test]
fn first_run_freezes_what_is_stored() {
    let vm = Vm::new();
    assert_eq!(vm.set(&[(PFR1.id(), 0x10), (psci(), 0x1_0001)]).0, Accepted);
    vm.run();
    let values = vm.values();
    assert_eq!(vm.set(&values).0, Accepted);
    for (id, value, limit) in [
        (PFR1.id(), 0x20, 0x10),
        (psci(), 0x1_0003, 0x1_0001),
        (bmap(FeatureBitmap::VendorHyp), 1, 3),
        (levels(), 0, 0x1f2),
        (iidr(), 0x4b00_243b, IIDR.into()),
    ] {
        let expected = refusal(ConfigReason::Frozen, Reject::Frozen, value ^ limit, limit);
        assert_eq!(vm.refused(id, value), expected, "{id:#x}");
    }
    // The workarounds store nothing.
    assert_eq!(vm.set(&[(FwReg::Workaround1.id(), 1)]).0, Accepted);
    assert_eq!(vm.value(FwReg::Workaround1.id()), 2);
    // A capability comes before the freeze, a bad bit, too.
    let midr = vm.refused(MIDR.id(), 1);
    assert_eq!(midr.refused.unwrap().0, ConfigReason::NeedsCapability);
    let bad = vm.refused(bmap(FeatureBitmap::Std), 2);
    assert_eq!(bad.refused.unwrap().0, ConfigReason::BadBits);
    assert_eq!(bad.limit, 1);
    // Nothing is committed once more.
    assert_eq!(vm.committed.get(), 1);
}

#[test]
fn unknown_registers_are_tolerated_only_with_the_flag_and_zero() {
    let vm = Vm::new();
    let unknown = [0x6030_0000_0016_0004, 0x6020_0000_0014_0000, HIDDEN.id(), 7];
    for id in unknown {
        for (flags, value, expected) in [
            (STRICT, 0, Refused),
            (STRICT, 1, Refused),
            (TOLERANT, 1, Refused),
            (TOLERANT, 0, Accepted),
        ] {
            let set = [(id, value), (psci(), 0x1_0003)];
            let (done, entries) = vm.request(ConfigOp::Set, flags, &set);
            assert_eq!(done, expected, "{id:#x}, {value}");
            let reason = (expected == Refused).then_some(ConfigReason::Unknown);
            assert_eq!(entries[0].reason(), reason);
            assert_eq!(entries[1].reason(), None);
        }
    }
    // Those that need more than the VM has are unknown to it.
    vm.config.borrow_mut().levels = None;
    vm.config.borrow_mut().gic_iidr = None;
    vm.config.borrow_mut().gic_cpus = None;
    for (id, reason) in [
        (levels(), ConfigReason::NeedsCapability),
        (iidr(), ConfigReason::NeedsFeature),
        (icc_ctlr(), ConfigReason::NeedsFeature),
        (ich_vtr(), ConfigReason::NeedsFeature),
    ] {
        let answer = vm.refused(id, 0);
        let expected = refusal(reason, Reject::UnknownRegister, 0, 0);
        assert_eq!(answer, expected);
        let (done, _) = vm.request(ConfigOp::Set, TOLERANT, &[(id, 0)]);
        assert_eq!(done, Accepted);
        assert_eq!(vm.read(id), None);
    }
    // A value that is there and wrong is no matter of tolerance.
    let (done, _) = vm.request(ConfigOp::Set, TOLERANT, &[(psci(), 0)]);
    assert_eq!(done, Refused);
}

#[test]
fn what_depends_on_the_vcpus_waits_for_their_features() {
    let vm = Vm::new();
    vm.config.borrow_mut().fw.features = VcpuFeatures::Unknown;
    let ready = [
        (psci(), 0x1_0001),
        (FwReg::Workaround1.id(), 1),
        (bmap(FeatureBitmap::VendorHyp2), 1),
        (iidr(), 0x4b00_143b),
    ];
    assert_eq!(vm.set(&ready).0, Accepted);
    let not_ready = refusal(ConfigReason::NotReady, Reject::NotReady, 0, 0);
    for id in [PFR1.id(), MIDR.id(), wa2(), levels(), ich_vtr()] {
        assert_eq!(vm.refused(id, 0), not_ready, "{id:#x}");
        assert_eq!(vm.read(id), None);
    }
    let others = FeatureLevelReg::all().skip(1);
    for reg in others {
        assert_eq!(vm.value(reg.id()), 0);
    }
    // 60 ID registers, WORKAROUND_2, the first register of levels and ICH_VTR_EL2.
    assert_eq!(vm.values().len(), ConfigReg::COUNT - 63);
}

#[test]
fn vcpus_without_psci_0_2_have_one_version() {
    let vm = Vm::new();
    vm.config.borrow_mut().fw.features = FEATURES[1];
    let reading = vm.read(psci()).unwrap();
    assert_eq!((reading.value, reading.mask, reading.limit), (1, 0, 1));
    let answer = vm.refused(psci(), 0x1_0001);
    assert_eq!(answer.refused.unwrap().0, ConfigReason::NeedsFeature);
    assert_eq!(answer.limit, 1);
    assert_eq!(vm.set(&[(psci(), 1)]).0, Accepted);
}

#[test]
fn permission_indirection_needs_what_the_first_run_asks_for() {
    let (s1pie, s1poe) = (0x100, 0x1_0000);
    let (mmfr3, isar2, mmfr1) = (0x1_0111, 0x1 << 60, 0x1021_2122);
    let new = || Vm::on(with_permission_indirection(), HOST);
    for (set, reasons) in [
        // Each alone, and all of them.
        (vec![(MMFR3.id(), 0)], vec![None]),
        (
            vec![(MMFR3.id(), mmfr3 & !s1poe), (MMFR1.id(), 0x1021_0122)],
            vec![None; 2],
        ),
        (vec![(MMFR3.id(), 0x011), (ISAR2.id(), 0)], vec![None; 2]),
    ] {
        let (done, entries) = new().set(&set);
        let found: Vec<_> = entries.iter().map(|entry| entry.reason()).collect();
        assert_eq!(found, reasons, "{set:x?}");
        assert_eq!(done, Accepted);
    }
    let conflict = |bits, limit, other| ConfigAnswer {
        refused: Some((ConfigReason::Conflict, Reject::InvalidValue)),
        bits,
        limit,
        other,
    };
    let both = s1pie | s1poe;
    for (set, refused, expected) in [
        // TCRX, in the same register.
        (
            vec![(MMFR3.id(), mmfr3 & !1)],
            0,
            conflict(0xf_0f00, 0x10, Some(0)),
        ),
        // ATS1A in another entry, and HPDS.
        (
            vec![(ISAR2.id(), 0), (MMFR3.id(), mmfr3)],
            1,
            conflict(0xf_0f00, mmfr3 & !both, Some(0)),
        ),
        (
            vec![
                (MMFR3.id(), mmfr3),
                (psci(), 0x1_0003),
                (MMFR1.id(), mmfr1 & !0xf000),
            ],
            0,
            conflict(0xf_0000, mmfr3 & !s1poe, Some(2)),
        ),
        // Without an entry of its own, what it needs stays.
        (vec![(ISAR2.id(), 0)], 0, conflict(0xf << 60, isar2, None)),
    ] {
        let vm = new();
        let before = vm.snapshot();
        let (done, entries) = vm.set(&set);
        assert_eq!(done, Refused, "{set:x?}");
        for (index, entry) in entries.iter().enumerate() {
            let answer = if index == refused {
                expected
            } else {
                ConfigAnswer::ACCEPTED
            };
            assert_eq!(entry.answer, Some(answer), "{set:x?}");
        }
        assert_eq!(vm.snapshot(), before);
    }
    // A host whose own registers do not fit: what the VM has is accepted.
    let mut registers = with_permission_indirection();
    for (register, host, limit) in &mut registers {
        if register.reg == ISAR2 {
            (*host, *limit) = (0, 0);
        }
    }
    let vm = Vm::on(registers, HOST);
    assert_eq!(vm.set(&vm.values()).0, Accepted);
    assert_eq!(vm.set(&[(MMFR3.id(), 0x011)]).0, Accepted);
    let answer = vm.refused(MMFR3.id(), 0x111);
    assert_eq!(answer, conflict(0xf00, 0x011, None));
}

#[test]
fn neoverse_v1_moves_from_6_1_to_6_18_as_a_set() {
    // The configuration of a new VM on kernel 6.1, as Firecracker has recorded it.
    let set = [
        (PFR0.id(), 0x1101_0100_2111_1112),
        (PFR1.id(), 0x20),
        (SysReg::new(3, 0, 0, 5, 0).id(), 0xf0_1030_5006),
        (SysReg::new(3, 0, 0, 1, 2).id(), 0x1_1099),
        (ISAR0.id(), 0x1011_1111_1021_2120),
        (SysReg::new(3, 0, 0, 7, 0).id(), 0x10_1125),
        (MMFR1.id(), 0x1021_2122),
        (SysReg::new(3, 0, 0, 7, 2).id(), 0x0220_0111_0200_1011),
        (SysReg::new(3, 3, 0, 0, 1).id(), 0xb444_c004),
        (MIDR.id(), 0x411f_d401),
        (psci(), 0x1_0001),
        (FwReg::Workaround1.id(), 2),
        (wa2(), 0),
        (FwReg::Workaround3.id(), 1),
        (bmap(FeatureBitmap::Std), 1),
        (bmap(FeatureBitmap::StdHyp), 1),
        (bmap(FeatureBitmap::VendorHyp), 3),
    ];
    let vm = Vm::new();
    let (done, entries) = vm.set(&set);
    assert_eq!(done, Accepted, "{entries:x?}");
    // The guest keeps its debug version, and loses what it must not see.
    assert_eq!(vm.value(set[2].0), 0xf0_1030_5006);
    assert_eq!(vm.value(set[0].0), 0x1101_0000_2111_1112);
    assert_eq!(vm.value(set[7].0), 0x0220_0111_0000_1011);
}

#[test]
fn revision_of_the_gic_makes_groups_writable_as_in_c() {
    for (value, writable) in [
        (0x4b00_143b, false),
        (0x4b00_243b, true),
        (0x4b00_343b, true),
    ] {
        let vm = Vm::new();
        assert_eq!(vm.set(&[(psci(), 0x1_0003)]).0, Accepted);
        assert!(!vm.snapshot().gic_groups_writable);
        assert_eq!(vm.set(&[(iidr(), value)]).0, Accepted);
        assert_eq!(vm.snapshot().gic_groups_writable, writable, "{value:#x}");
        assert_eq!(vm.value(iidr()), value);
        // Not by a set that is refused.
        let vm = Vm::new();
        assert_eq!(vm.set(&[(iidr(), value), (psci(), 0)]).0, Refused);
        assert!(!vm.snapshot().gic_groups_writable);
        // Nor is it taken back.
        vm.config.borrow_mut().gic_groups_writable = true;
        assert_eq!(vm.set(&[(iidr(), 0x4b00_143b)]).0, Accepted);
        assert!(vm.snapshot().gic_groups_writable);
    }
}

#[test]
fn hostile_set_costs_one_decision_per_register() {
    let vm = Vm::new();
    let bound = 3 * VmIdIndex::COUNT;
    let every = |values: fn(u64) -> u64| -> Vec<_> {
        let ids: Vec<_> = ConfigReg::all().map(ConfigReg::id).collect();
        (0..4096)
            .map(|index| (ids[index as usize % ids.len()], values(index)))
            .collect()
    };
    let one_register: Vec<_> = (0..4096).map(|value| (PFR0.id(), value)).collect();
    let unknown: Vec<_> = (0..4096).map(|value| (value, value)).collect();
    for set in [
        every(|index| index),
        every(|_| u64::MAX),
        one_register,
        unknown,
    ] {
        assert_eq!(set.len(), 4096);
        vm.asked.set(0);
        let (done, entries) = vm.set(&set);
        assert_eq!(done, Refused);
        assert!(vm.asked.get() <= bound, "{}", vm.asked.get());
        assert!(entries.iter().all(|entry| entry.answer.is_some()));
    }
}
