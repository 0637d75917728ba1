// SPDX-License-Identifier: GPL-2.0

//! The read-only fields of a GICv3's CPU interface in the configuration of a VM.
//!
//! The expected values are written as registers of the GIC architecture have them, IHI 0069.

mod id_regs;
mod vm_configs;

use kvm_abi::{
    ConfigAnswer,
    ConfigDone,
    ConfigReason,
    ConfigVm,
    GicCpus,
    GicFields,
    Reject, //
};
use vm_configs::{
    icc_ctlr,
    ich_vtr,
    psci,
    refusal,
    Entry,
    Vm,
    CTLR,
    GIC,
    VTR, //
};

use ConfigDone::{Accepted, Refused};
use ConfigReason::{AboveHost, BadBits, Conflict, Frozen, NeedsFeature};

const SEIS: u64 = 1 << 14;
const A3V: u64 = 1 << 15;
const VTR_SEIS: u64 = 1 << 22;

/// `ICC_CTLR_EL1` with so many bits of priority less one.
fn pri_bits(bits: u64) -> u64 {
    CTLR & !0x700 | bits << 8
}

/// `ICH_VTR_EL2` with so many bits of priority less one.
fn vtr_pri_bits(bits: u64) -> u64 {
    VTR & !(7 << 29) | bits << 29
}

fn vm_on(gic: GicCpus) -> Vm {
    let vm = Vm::new();
    vm.config.borrow_mut().gic_cpus = Some(gic);
    vm
}

/// A VM on a host with these fields, which the VM has as well.
fn vm_with(ctlr: u64) -> Vm {
    vm_on(GicCpus {
        fields: GicFields::of_ctlr(ctlr),
        host: GicFields::of_ctlr(ctlr),
        ..GIC
    })
}

fn invalid(reason: ConfigReason, bits: u64, limit: u64) -> ConfigAnswer {
    let reject = match reason {
        AboveHost => Reject::AboveHost,
        _ => Reject::InvalidValue,
    };
    refusal(reason, reject, bits, limit)
}

#[test]
fn new_vm_has_the_fields_of_its_host() {
    let vm = Vm::new();
    let ctlr = vm.read(icc_ctlr()).unwrap();
    let found = (ctlr.value, ctlr.mask, ctlr.limit);
    assert_eq!(found, (CTLR, 0xff00, CTLR | SEIS));
    let vtr = vm.read(ich_vtr()).unwrap();
    let found = (vtr.value, vtr.mask, vtr.limit);
    assert_eq!(found, (VTR, 0xe040_0000, VTR | VTR_SEIS));
}

#[test]
fn mask_has_the_fields_that_can_be_changed() {
    for (ctlr, mask) in [
        // The least host: five bits of priority, INTIDs of 16 bits.
        (0x0400, 0x4000),
        (0x0500, 0x4700),
        (0x0c00, 0x7800),
        (0x8400, 0xc000),
        (0xce00, 0xff00),
    ] {
        let reading = vm_with(ctlr).read(icc_ctlr()).unwrap();
        assert_eq!(reading.mask, mask, "{ctlr:#x}");
        assert_eq!(reading.limit, ctlr | SEIS, "{ctlr:#x}");
    }
}

#[test]
fn vm_gets_at_most_what_its_host_has() {
    for (value, expected) in [
        (CTLR, None),
        (pri_bits(5), None),
        (pri_bits(4), None),
        (pri_bits(7), Some(invalid(AboveHost, 0x100, pri_bits(6)))),
        // A virtual CPU interface has at least five bits of priority.
        (pri_bits(3), Some(invalid(BadBits, 0x700, pri_bits(4)))),
        (pri_bits(0), Some(invalid(BadBits, 0x400, pri_bits(4)))),
        // INTIDs of 16 bits; more than 24 do not exist.
        (CTLR & !0x3800, None),
        (CTLR | 0x1000, Some(invalid(AboveHost, 0x1000, CTLR))),
        (CTLR & !A3V, None),
        // CBPR, EOImode, PMHE, RSS and ExtRange.
        (CTLR | 1, Some(invalid(BadBits, 1, CTLR))),
        (CTLR | 2, Some(invalid(BadBits, 2, CTLR))),
        (CTLR | 0x40, Some(invalid(BadBits, 0x40, CTLR))),
        (CTLR | 1 << 18, Some(invalid(BadBits, 1 << 18, CTLR))),
        (CTLR | 1 << 19, Some(invalid(BadBits, 1 << 19, CTLR))),
        (CTLR | 1 << 63, Some(invalid(BadBits, 1 << 63, CTLR))),
    ] {
        match expected {
            Some(answer) => assert_eq!(Vm::new().refused(icc_ctlr(), value), answer, "{value:#x}"),
            None => {
                let vm = Vm::new();
                assert_eq!(vm.set(&[(icc_ctlr(), value)]).0, Accepted, "{value:#x}");
                assert_eq!(vm.value(icc_ctlr()), value);
            }
        }
    }
    let without_a3v = vm_with(CTLR & !A3V);
    let answer = without_a3v.refused(icc_ctlr(), CTLR);
    assert_eq!(answer, invalid(AboveHost, A3V, CTLR & !A3V));
}

#[test]
fn a_promise_of_serrors_needs_no_host() {
    for host in [CTLR, CTLR | SEIS] {
        for value in [CTLR, CTLR | SEIS] {
            let vm = vm_with(host);
            assert_eq!(vm.set(&[(icc_ctlr(), value)]).0, Accepted);
            assert_eq!(vm.value(icc_ctlr()), value);
            assert_eq!(vm.value(ich_vtr()) & VTR_SEIS, (value & SEIS) << 8);
        }
    }
}

#[test]
fn both_registers_show_the_same_fields() {
    for (ctlr, vtr) in [
        (pri_bits(4), vtr_pri_bits(4)),
        (pri_bits(5) | SEIS, vtr_pri_bits(5) | VTR_SEIS),
        (CTLR | SEIS, VTR | VTR_SEIS),
    ] {
        for set in [
            vec![(icc_ctlr(), ctlr)],
            vec![(ich_vtr(), vtr)],
            vec![(icc_ctlr(), ctlr), (ich_vtr(), vtr)],
            vec![(ich_vtr(), vtr), (icc_ctlr(), ctlr)],
        ] {
            let vm = Vm::new();
            assert_eq!(vm.set(&set).0, Accepted, "{set:x?}");
            assert_eq!(vm.value(icc_ctlr()), ctlr, "{set:x?}");
            assert_eq!(vm.value(ich_vtr()), vtr, "{set:x?}");
        }
    }
    // IDbits and A3V are 0 in ICH_VTR_EL2, whatever they are in ICC_CTLR_EL1.
    let vm = Vm::new();
    assert_eq!(vm.set(&[(icc_ctlr(), 0x0600)]).0, Accepted);
    assert_eq!(vm.value(ich_vtr()), VTR);
    assert_eq!(vm.set(&[(ich_vtr(), vtr_pri_bits(4))]).0, Accepted);
    assert_eq!(vm.value(icc_ctlr()), 0x0400);
}

#[test]
fn ich_vtr_has_limits_of_its_own() {
    for (value, expected) in [
        (vtr_pri_bits(7), invalid(AboveHost, 1 << 29, VTR)),
        (vtr_pri_bits(3), invalid(BadBits, 7 << 29, vtr_pri_bits(4))),
        // ListRegs, TDS, nV4, A3V, IDbits and PREbits.
        (VTR ^ 1, invalid(BadBits, 1, VTR)),
        (VTR ^ 1 << 19, invalid(BadBits, 1 << 19, VTR)),
        (VTR ^ 1 << 20, invalid(BadBits, 1 << 20, VTR)),
        (VTR ^ 1 << 21, invalid(BadBits, 1 << 21, VTR)),
        (VTR ^ 1 << 23, invalid(BadBits, 1 << 23, VTR)),
        (VTR ^ 1 << 26, invalid(BadBits, 1 << 26, VTR)),
        (VTR | 1 << 32, invalid(BadBits, 1 << 32, VTR)),
        // The limit keeps what could be changed.
        (vtr_pri_bits(5) ^ 1, invalid(BadBits, 1, vtr_pri_bits(5))),
    ] {
        assert_eq!(Vm::new().refused(ich_vtr(), value), expected, "{value:#x}");
    }
}

#[test]
fn registers_that_differ_conflict() {
    let expected = |bits, limit| ConfigAnswer {
        other: Some(1),
        ..invalid(Conflict, bits, limit)
    };
    for (ctlr, vtr, answer) in [
        (pri_bits(5), VTR, expected(3 << 29, vtr_pri_bits(5))),
        (CTLR, vtr_pri_bits(5), expected(3 << 29, VTR)),
        (CTLR | SEIS, VTR, expected(VTR_SEIS, VTR | VTR_SEIS)),
    ] {
        let vm = Vm::new();
        let before = vm.snapshot();
        let set = [(psci(), 0x1_0001), (icc_ctlr(), ctlr), (ich_vtr(), vtr)];
        let (done, entries) = vm.set(&set);
        assert_eq!(done, Refused, "{set:x?}");
        assert_eq!(vm.snapshot(), before);
        assert_eq!(entries[0].answer, Some(ConfigAnswer::ACCEPTED));
        assert_eq!(entries[1].answer, Some(ConfigAnswer::ACCEPTED));
        assert_eq!(entries[2].answer, Some(answer), "{set:x?}");
    }
    // ICH_VTR_EL2 goes with what ICC_CTLR_EL1 would be.
    let (_, entries) = Vm::new().set(&[(icc_ctlr(), pri_bits(7)), (ich_vtr(), VTR)]);
    let reasons: Vec<_> = entries.iter().map(Entry::reason).collect();
    assert_eq!(reasons, [Some(AboveHost), None]);
    // Entries that contradict each other have no index.
    let twice = [
        (icc_ctlr(), pri_bits(4)),
        (icc_ctlr(), pri_bits(5)),
        (ich_vtr(), vtr_pri_bits(4)),
    ];
    let (_, entries) = Vm::new().set(&twice);
    let last = entries[2].answer.unwrap();
    assert_eq!(last, invalid(Conflict, 2 << 29, VTR));
}

#[test]
fn vcpu_with_an_affinity_at_level_3_needs_a3v() {
    let vm = vm_on(GicCpus {
        has_aff3: true,
        ..GIC
    });
    let answer = vm.refused(icc_ctlr(), pri_bits(4) & !A3V);
    assert_eq!(answer, invalid(NeedsFeature, A3V, pri_bits(4)));
    assert_eq!(vm.read(icc_ctlr()).unwrap().mask, 0x7f00);
    assert_eq!(vm.set(&[(icc_ctlr(), pri_bits(4))]).0, Accepted);
    // Without A3V on the host, C has always accepted such an MPIDR.
    let fields = GicFields::of_ctlr(CTLR & !A3V);
    let vm = vm_on(GicCpus {
        has_aff3: true,
        fields,
        host: fields,
        ..GIC
    });
    assert_eq!(vm.set(&[(icc_ctlr(), pri_bits(4) & !A3V)]).0, Accepted);
}

#[test]
fn first_run_freezes_them() {
    let vm = Vm::new();
    assert_eq!(vm.set(&[(icc_ctlr(), pri_bits(4))]).0, Accepted);
    vm.run();
    let both = [(icc_ctlr(), pri_bits(4)), (ich_vtr(), vtr_pri_bits(4))];
    assert_eq!(vm.set(&both).0, Accepted);
    let frozen = |bits, limit| refusal(Frozen, Reject::Frozen, bits, limit);
    for (id, value, expected) in [
        (icc_ctlr(), CTLR, frozen(0x200, pri_bits(4))),
        (ich_vtr(), VTR, frozen(2 << 29, vtr_pri_bits(4))),
        // What is never allowed is not frozen.
        (
            icc_ctlr(),
            pri_bits(7),
            invalid(AboveHost, 0x300, pri_bits(4)),
        ),
        (
            icc_ctlr(),
            pri_bits(4) | 1,
            invalid(BadBits, 1, pri_bits(4)),
        ),
        (
            ich_vtr(),
            VTR ^ 1,
            invalid(BadBits, 2 << 29 | 1, vtr_pri_bits(4)),
        ),
    ] {
        assert_eq!(vm.refused(id, value), expected, "{id:#x}, {value:#x}");
    }
    let (_, entries) = vm.set(&[(icc_ctlr(), pri_bits(4)), (ich_vtr(), VTR)]);
    let reasons: Vec<_> = entries.iter().map(Entry::reason).collect();
    assert_eq!(reasons, [None, Some(Frozen)]);
}

#[test]
fn registers_are_there_for_a_vm_that_has_opted_in() {
    for id in [icc_ctlr(), ich_vtr()] {
        let vm = Vm::new();
        vm.config.borrow_mut().keeps_gic_fields = false;
        let absent = refusal(ConfigReason::NeedsCapability, Reject::UnknownRegister, 0, 0);
        assert_eq!(vm.refused(id, 0), absent);
        assert_eq!(vm.read(id), None);
    }
    let vm = vm_on(GicCpus { vtr: None, ..GIC });
    let absent = refusal(NeedsFeature, Reject::UnknownRegister, 0, 0);
    assert_eq!(vm.refused(ich_vtr(), VTR), absent);
    assert_eq!(vm.read(ich_vtr()), None);
    assert_eq!(vm.value(icc_ctlr()), CTLR);
}

#[test]
fn each_value_is_as_a_table_of_the_fields_says() {
    // Any host, any value of the fields, one by one.
    for host in (0..0x100u64).map(|fields| fields << 8) {
        let (host_pri, host_id, host_a3v) = (host >> 8 & 7, host >> 11 & 7, host >> 15);
        if host_pri < 4 || host_id > 1 {
            continue;
        }
        for value in (0..0x100u64).map(|fields| fields << 8) {
            let (pri, id, a3v) = (value >> 8 & 7, value >> 11 & 7, value >> 15);
            let reason = if value == host {
                None
            } else if pri < 4 {
                Some(BadBits)
            } else if pri > host_pri || id > host_id || a3v > host_a3v {
                Some(AboveHost)
            } else {
                None
            };
            let (_, entries) = vm_with(host).set(&[(icc_ctlr(), value)]);
            assert_eq!(entries[0].reason(), reason, "{host:#x}, {value:#x}");
        }
    }
}
