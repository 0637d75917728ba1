// SPDX-License-Identifier: GPL-2.0

//! The configuration of a VM as a whole: requests, registers, and what is refused for which reason.

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
    ConfigWorkspace,
    FeatureBitmap,
    FwReg,
    Reject,
    SysReg, //
};
use vm_configs::{
    bmap,
    iidr,
    levels,
    psci,
    refusal,
    wa2,
    with_mte2,
    Entry,
    Vm,
    HIDDEN,
    HOST,
    IGNORED,
    IIDR,
    ISAR0,
    MIDR,
    PFR0,
    PFR1,
    RAZ,
    SSBS,
    STRICT,
    TOLERANT, //
};

use ConfigDone::{Accepted, Refused};

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
    assert_eq!(ConfigReg::COUNT, 60 + 8 + 8 + 3);
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
    assert_eq!(ConfigReg::IccCtlr.id(), 0x6030_0000_0018_c664);
    assert_eq!(ConfigReg::IchVtr.id(), 0x6030_0000_0018_e659);
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
    let mut answers = [ConfigAnswer::ACCEPTED; ConfigReg::PLACES];
    let mut config = vm.snapshot();
    let mut workspace = ConfigWorkspace::new(&mut slots, &mut answers, &mut config);
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
fn the_answer_has_the_vms_value_where_no_other_one_is_accepted() {
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
