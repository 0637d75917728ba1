// SPDX-License-Identifier: GPL-2.0

//! The configuration of a VM as a whole: requests, registers, reasons and combinations.

mod id_regs;
mod vm_configs;

use std::collections::HashSet;

use kvm_abi::{
    BadConfigRequest,
    ConfigAnswer,
    ConfigDone,
    ConfigFlags,
    ConfigOp,
    ConfigReason,
    ConfigReg,
    ConfigRequest,
    ConfigSlot,
    ConfigVm,
    ConfigWorkspace, //
    FeatureBitmap,
    FeatureLevelReg,
    FwReg,
    HostWorkarounds,
    Mitigation,
    Reject,
    SysReg,
    VcpuFeatures,
    VmIdIndex,
};
use vm_configs::{
    psci,
    with_mte2,
    with_permission_indirection,
    Entry,
    Vm,
    FEATURES,
    HIDDEN,
    HOST,
    IGNORED,
    IIDR,
    ISAR0,
    ISAR2,
    MIDR,
    MMFR1,
    MMFR3,
    PFR0,
    PFR1,
    RAZ,
    STRICT,
    TOLERANT, //
};

use ConfigDone::{Accepted, Refused};

const SSBS: u64 = 0x20;

fn wa2() -> u64 {
    FwReg::Workaround2.id()
}

fn levels() -> u64 {
    FeatureLevelReg::WORKAROUNDS.id()
}

fn iidr() -> u64 {
    ConfigReg::GicIidr.id()
}

fn bmap(map: FeatureBitmap) -> u64 {
    FwReg::Bitmap(map).id()
}

fn refusal(reason: ConfigReason, reject: Reject, bits: u64, limit: u64) -> ConfigAnswer {
    ConfigAnswer {
        refused: Some((reason, reject)),
        bits,
        limit,
        other: None,
    }
}

#[test]
fn request_is_checked_before_any_entry() {
    let request = ConfigRequest {
        op: 2,
        flags: 1,
        n: 4096,
        entry_size: 64,
        reserved: [0; 5],
    };
    for (op, expected) in [(1, ConfigOp::Check), (2, ConfigOp::Set)] {
        for (flags, expected_flags) in [(0, STRICT), (1, TOLERANT)] {
            let request = ConfigRequest {
                op,
                flags,
                ..request
            };
            assert_eq!(request.decide(), Ok((expected, expected_flags)));
        }
    }
    let get = ConfigRequest {
        op: 0,
        flags: 0,
        ..request
    };
    assert_eq!(get.decide(), Ok((ConfigOp::Get, ConfigFlags::default())));

    let invalid = Err(BadConfigRequest::Invalid);
    assert_eq!(ConfigRequest { flags: 1, ..get }.decide(), invalid);
    for op in [3, 4, u32::MAX] {
        assert_eq!(ConfigRequest { op, ..request }.decide(), invalid);
    }
    for flags in [2, 3, 1 << 31, u32::MAX] {
        assert_eq!(ConfigRequest { flags, ..request }.decide(), invalid);
    }
    for entry_size in [0, 48, 63, 65, 128] {
        let request = ConfigRequest {
            entry_size,
            ..request
        };
        assert_eq!(request.decide(), invalid);
    }
    for word in 0..5 {
        let mut reserved = [0; 5];
        reserved[word] = 1 << 63;
        assert_eq!(
            ConfigRequest {
                reserved,
                ..request
            }
            .decide(),
            invalid
        );
    }
    for n in [4097, u32::MAX] {
        let many = ConfigRequest { n, ..request };
        assert_eq!(many.decide(), Err(BadConfigRequest::TooMany));
        // What has no meaning comes first.
        assert_eq!(ConfigRequest { op: 3, ..many }.decide(), invalid);
    }
    assert!(ConfigRequest { n: 0, ..request }.decide().is_ok());
}

#[test]
fn reasons_have_the_numbers_of_the_header() {
    let numbers: Vec<_> = ConfigReason::ALL
        .into_iter()
        .map(ConfigReason::number)
        .collect();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

#[test]
fn each_register_has_one_id() {
    let registers: Vec<_> = ConfigReg::all().collect();
    assert_eq!(registers.len(), ConfigReg::COUNT);
    assert_eq!(ConfigReg::COUNT, 60 + 8 + 8 + 1);
    let ids: HashSet<_> = registers.iter().map(|reg| reg.id()).collect();
    assert_eq!(ids.len(), registers.len());
    for reg in registers {
        assert_eq!(ConfigReg::from_id(reg.id()), Ok(reg));
        // No bit of an id is ignored.
        for bit in 0..64 {
            let flipped = ConfigReg::from_id(reg.id() ^ 1 << bit);
            assert_ne!(flipped, Ok(reg), "{bit}");
        }
    }
    assert_eq!(ConfigReg::GicIidr.id(), 0x6030_0000_0018_0008);
}

#[test]
fn state_of_vcpus_is_not_configured() {
    for id in [
        // MPIDR_EL1, CLIDR_EL1, CCSIDR_EL1, SCTLR_EL1.
        SysReg::new(3, 0, 0, 0, 5).id(),
        SysReg::new(3, 1, 0, 0, 1).id(),
        0x6020_0000_0011_0000,
        SysReg::new(3, 0, 1, 0, 0).id(),
        // A core register, and the timers.
        0x6030_0000_0010_0000,
        0x6030_0000_0013_df1a,
        0,
        u64::MAX,
    ] {
        assert!(ConfigReg::from_id(id).is_err(), "{id:#x}");
    }
    // A size that the register does not have.
    for reg in [psci(), levels(), iidr()] {
        let id = reg & !(0xf << 52) | 2 << 52;
        assert_eq!(ConfigReg::from_id(id), Err(Reject::WrongSize));
    }
}

#[test]
fn list_has_what_a_register_depends_on_before_it() {
    let ids: Vec<_> = Vm::new().values().iter().map(|(id, _)| *id).collect();
    // All but the one that is hidden.
    assert_eq!(ids.len(), ConfigReg::COUNT - 1);
    assert!(!ids.contains(&HIDDEN.id()));
    let place = |wanted| ids.iter().position(|id| *id == wanted).unwrap();
    assert!(place(PFR1.id()) < place(wa2()));
    assert!(place(PFR1.id()) < place(levels()));
}

#[test]
fn new_vm_reads_as_documented() {
    let vm = Vm::new();
    let host_levels = 0x1f2;
    for (id, value, mask, limit) in [
        (psci(), 0x1_0003, 0x7fff_ffff, 0x1_0003),
        (FwReg::Workaround1.id(), 2, 0, 2),
        (wa2(), 0, 0, 0),
        (FwReg::Workaround3.id(), 1, 0, 1),
        (bmap(FeatureBitmap::VendorHyp), 3, 3, 3),
        (bmap(FeatureBitmap::VendorHyp2), 0, 3, 3),
        (levels(), host_levels, u64::MAX, host_levels),
        (iidr(), IIDR.into(), 0xf000, IIDR.into()),
        (RAZ.id(), 0, 0, 0),
        (MIDR.id(), 0x411f_d401, 0, 0x411f_d401),
    ] {
        let reading = vm.read(id).unwrap();
        let found = (reading.value, reading.mask, reading.limit);
        assert_eq!(found, (value, mask, limit), "{id:#x}");
    }
    // SSBS can be changed, MTE not.
    let pfr1 = vm.read(PFR1.id()).unwrap();
    assert_eq!((pfr1.mask & 0xff0, pfr1.limit), (0x0f0, SSBS));
    // With the capability, any MIDR that fits.
    let mut vm = Vm::new();
    vm.each(|state| state.imp_ids_writable = true);
    let midr = vm.read(MIDR.id()).unwrap();
    assert_eq!((midr.mask, midr.limit), (0xffff_ffff, 0xffff_ffff));
    // After the first run nothing can be changed.
    vm.run();
    for reading in vm.readings() {
        assert_eq!(reading.mask, 0, "{reading:x?}");
        assert_eq!(reading.limit, reading.value, "{reading:x?}");
    }
}

#[test]
fn list_is_counted_if_there_is_no_room() {
    let vm = Vm::new();
    for room in [0, 1, ConfigReg::COUNT - 2] {
        let empty = vec![(0, 0); room];
        let (done, _) = vm.request(ConfigOp::Get, STRICT, &empty);
        assert_eq!(done, ConfigDone::Listed(ConfigReg::COUNT - 1));
    }
}

#[test]
fn memory_can_be_used_again() {
    let vm = Vm::new();
    let mut slots = [ConfigSlot::EMPTY; ConfigReg::PLACES];
    let mut config = vm.snapshot();
    let mut workspace = ConfigWorkspace::new(&mut slots, &mut config);
    for (value, expected) in [(0x1_0004, Refused), (0x1_0002, Accepted), (5, Refused)] {
        let mut entries = [Entry::new(psci(), value), Entry::new(psci(), value)];
        let done = ConfigOp::Check.run(&vm, STRICT, &mut entries, &mut workspace);
        assert_eq!(done, expected, "{value:#x}");
        let done = ConfigOp::Check.run(&vm, STRICT, &mut [] as &mut [Entry], &mut workspace);
        assert_eq!(done, Accepted);
    }
}

#[test]
fn empty_set_is_accepted() {
    assert_eq!(Vm::new().set(&[]), (Accepted, vec![]));
}

#[test]
fn accepted_set_is_stored_as_a_whole() {
    let vm = Vm::new();
    let set = [
        (PFR1.id(), 0x10),
        (psci(), 0x1_0001),
        (bmap(FeatureBitmap::VendorHyp2), 1),
        (levels(), 0x001),
        (iidr(), 0x4b00_143b),
    ];
    let (done, entries) = vm.set(&set);
    assert_eq!(done, Accepted);
    for (entry, (id, value)) in entries.iter().zip(set) {
        assert_eq!(entry.answer, Some(ConfigAnswer::ACCEPTED));
        assert_eq!(vm.value(id), value, "{id:#x}");
    }
    assert_eq!(vm.committed.get(), 1);
    // What KVM forgives is not stored.
    assert_eq!(vm.set(&[(PFR0.id(), 0x1101_0100_2111_1112)]).0, Accepted);
    assert_eq!(vm.value(PFR0.id()), 0x1101_0000_2111_1112);
    // What is ignored is accepted and not stored.
    assert_eq!(vm.set(&[(IGNORED.id(), 0x123)]).0, Accepted);
    assert_eq!(vm.value(IGNORED.id()), 0);
}

#[test]
fn each_refusal_says_why_which_bits_and_what_would_be_accepted() {
    use ConfigReason::{AboveHost, BadBits, NeedsCapability, Unknown};
    use Reject::{AboveHost as Above, InvalidValue, UnknownRegister};

    let vm = Vm::new();
    let pfr0 = 0x1101_0000_2111_1112;
    for (id, value, expected) in [
        // Firmware registers.
        (
            psci(),
            0x1_0004,
            refusal(AboveHost, InvalidValue, 0x7, 0x1_0003),
        ),
        (
            psci(),
            0x3,
            refusal(BadBits, InvalidValue, 0x1_0000, 0x1_0003),
        ),
        (
            psci(),
            0x1,
            refusal(ConfigReason::NeedsFeature, InvalidValue, 0x1_0002, 0x1_0003),
        ),
        (
            bmap(FeatureBitmap::Std),
            0x7,
            refusal(BadBits, InvalidValue, 0x6, 0x1),
        ),
        (
            FwReg::Workaround3.id(),
            0x2,
            refusal(AboveHost, Above, 0x3, 0x1),
        ),
        (
            FwReg::Workaround1.id(),
            0x10,
            refusal(BadBits, InvalidValue, 0x12, 0x2),
        ),
        (wa2(), 0x3, refusal(AboveHost, Above, 0x3, 0x0)),
        (wa2(), 0x20, refusal(BadBits, InvalidValue, 0x20, 0x0)),
        // Levels: of WORKAROUND_3, and of a field that is not known.
        (levels(), 0x2f2, refusal(AboveHost, Above, 0xf00, 0x1f2)),
        (levels(), 0x11f2, refusal(AboveHost, Above, 0xf000, 0x1f2)),
        // ID registers: SVE, which cannot be changed; CSV3 and RAS above the limit; no EL0.
        (
            PFR0.id(),
            pfr0 | 1 << 32,
            refusal(BadBits, InvalidValue, 1 << 32, pfr0),
        ),
        (
            PFR0.id(),
            pfr0 + (1 << 60) + (1 << 28),
            refusal(AboveHost, Above, 0xf << 60 | 0xf << 28, pfr0),
        ),
        (
            PFR0.id(),
            pfr0 & !0xf,
            refusal(BadBits, InvalidValue, 0xf, pfr0),
        ),
        (RAZ.id(), 0x50, refusal(BadBits, InvalidValue, 0x50, 0)),
        (
            MIDR.id(),
            0x411f_d400,
            refusal(NeedsCapability, InvalidValue, 1, 0x411f_d401),
        ),
        // GICD_IIDR: a later revision, none, another product.
        (
            iidr(),
            0x4b00_443b,
            refusal(AboveHost, Above, 0x7000, IIDR.into()),
        ),
        (
            iidr(),
            0x4b00_043b,
            refusal(BadBits, InvalidValue, 0x3000, IIDR.into()),
        ),
        (
            iidr(),
            0x4c00_243b,
            refusal(BadBits, InvalidValue, 0x0700_0000, 0x4b00_243b),
        ),
        (
            iidr(),
            1 << 32 | u64::from(IIDR),
            refusal(BadBits, InvalidValue, 1 << 32, IIDR.into()),
        ),
        // No such register.
        (HIDDEN.id(), 0, refusal(Unknown, UnknownRegister, 0, 0)),
        (
            0x6030_0000_0014_0004,
            0,
            refusal(Unknown, UnknownRegister, 0, 0),
        ),
        (0, 5, refusal(Unknown, UnknownRegister, 0, 0)),
    ] {
        // The reason decides the errno, and `EINVAL` has two names.
        let answer = vm.refused(id, value);
        assert_eq!(answer.bits, expected.bits, "{id:#x}, {value:#x}");
        assert_eq!(answer.limit, expected.limit, "{id:#x}, {value:#x}");
        let ((reason, reject), (wanted, class)) =
            (answer.refused.unwrap(), expected.refused.unwrap());
        assert_eq!(reason, wanted, "{id:#x}, {value:#x}");
        assert_eq!(vm_configs::errno(reject), vm_configs::errno(class));
    }
    // A value of MIDR_EL1 that does not fit.
    let mut vm = Vm::new();
    vm.each(|state| state.imp_ids_writable = true);
    assert_eq!(
        vm.refused(MIDR.id(), 1 << 32 | 5),
        refusal(BadBits, InvalidValue, 1 << 32, 5)
    );
}

#[test]
fn version_that_is_too_new_is_answered_with_the_latest() {
    let vm = Vm::new();
    assert_eq!(vm.set(&[(psci(), 0x1_0001)]).0, Accepted);
    for (value, limit) in [
        (0x1_0004, 0x1_0003),
        (0x2_0000, 0x1_0003),
        (u64::MAX, 0x1_0003),
        // What never was a version, and one of other vCPUs, with what the VM has.
        (0x3, 0x1_0001),
        (0x1, 0x1_0001),
    ] {
        assert_eq!(vm.refused(psci(), value).limit, limit, "{value:#x}");
    }
}

#[test]
fn what_is_told_is_the_vms_value_where_no_other_one_is_accepted() {
    // Any other value of this register is refused here, as KVM makes more of it than the VM has.
    let vm = Vm::on(with_mte2(), HOST);
    let expected = refusal(ConfigReason::BadBits, Reject::InvalidValue, 0xf << 40, 0x20);
    let answer = vm.refused(PFR1.id(), 0x10);
    assert_eq!((answer.bits, answer.limit), (expected.bits, expected.limit));
    assert_eq!(vm.set(&[(PFR1.id(), 0x20)]).0, Accepted);
}

#[test]
fn every_entry_is_answered_and_one_refusal_refuses_all() {
    let vm = Vm::new();
    let before = vm.snapshot();
    let (done, entries) = vm.set(&[
        (PFR1.id(), 0x10),
        (psci(), 0x1_0004),
        (0x6030_0000_0018_0000, 1),
        (wa2(), 0),
        (ISAR0.id(), 0x2000_0000_0000_0000),
    ]);
    assert_eq!(done, Refused);
    let reasons: Vec<_> = entries.iter().map(|entry| entry.reason()).collect();
    assert_eq!(
        reasons,
        [
            None,
            Some(ConfigReason::AboveHost),
            Some(ConfigReason::Unknown),
            None,
            Some(ConfigReason::AboveHost)
        ]
    );
    assert_eq!(vm.snapshot(), before);
    assert_eq!(vm.committed.get(), 0);
}

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
    for (id, reason) in [
        (levels(), ConfigReason::NeedsCapability),
        (iidr(), ConfigReason::NeedsFeature),
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
    for id in [PFR1.id(), MIDR.id(), wa2(), levels()] {
        assert_eq!(vm.refused(id, 0), not_ready, "{id:#x}");
        assert_eq!(vm.read(id), None);
    }
    let others = FeatureLevelReg::all().skip(1);
    for reg in others {
        assert_eq!(vm.value(reg.id()), 0);
    }
    // 60 ID registers, WORKAROUND_2 and the first register of levels.
    assert_eq!(vm.values().len(), ConfigReg::COUNT - 62);
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
