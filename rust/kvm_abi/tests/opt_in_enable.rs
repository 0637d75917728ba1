// SPDX-License-Identifier: GPL-2.0

//! Requests to opt in: the order in which they are checked, decided and carried out.
//!
//! The expected steps are written down for each case. A VM can change between the two looks at it.

use std::{
    cell::{
        Cell,
        RefCell, //
    },
    ops::Deref, //
};

use kvm_abi::{
    EnableCap,
    OptInLocked,
    OptInVm,
    OptIns,
    Reject, //
};

/// What a request does with a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    LockVcpus,
    Look,
    EnableCallSites(OptIns),
    OptIn(OptIns),
    Unlock,
}

use Step::{
    EnableCallSites,
    LockVcpus,
    Look,
    OptIn,
    Unlock, //
};

/// A VM that notes the steps.
struct Vm {
    offered: OptIns,
    opt_ins: OptIns,
    /// How many looks find a new VM.
    new_for: Cell<usize>,
    steps: RefCell<Vec<Step>>,
}

struct Locked<'a>(&'a Vm);

struct InUse;

impl Vm {
    fn new(offered: OptIns, new_for: usize) -> Self {
        Self {
            offered,
            opt_ins: OptIns::NONE,
            new_for: Cell::new(new_for),
            steps: RefCell::default(),
        }
    }

    fn note(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }
}

impl Deref for Locked<'_> {
    type Target = Self;

    fn deref(&self) -> &Self {
        self
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.note(Unlock);
    }
}

impl OptInVm for Vm {
    type InUse = InUse;
    type Vcpus<'a> = Locked<'a>;

    fn offered(&self) -> OptIns {
        self.offered
    }

    fn opt_ins(&self) -> OptIns {
        self.opt_ins
    }

    fn enable_call_sites(&self, opt_ins: OptIns) -> InUse {
        self.note(EnableCallSites(opt_ins));
        InUse
    }

    fn lock_vcpus(&self) -> Locked<'_> {
        self.note(LockVcpus);
        Locked(self)
    }
}

impl OptInLocked for Locked<'_> {
    type InUse = InUse;

    fn is_new(&self) -> bool {
        self.0.note(Look);
        let left = self.0.new_for.get();
        self.0.new_for.set(left.saturating_sub(1));
        left != 0
    }

    fn opt_in(&self, opt_ins: OptIns, InUse: InUse) {
        self.0.note(OptIn(opt_ins));
    }
}

fn cap(opt_ins: OptIns) -> EnableCap {
    EnableCap {
        cap: EnableCap::MIGRATION,
        flags: 0,
        args: [opt_ins.bits().into(), 0, 0, 0],
        pad: [0; 64],
    }
}

/// The steps of a request, for a VM that is new for so many looks.
fn steps(new_for: usize, opt_ins: OptIns) -> Vec<Step> {
    let all = [
        LockVcpus,
        Look,
        Unlock,
        EnableCallSites(opt_ins),
        LockVcpus,
        Look,
        OptIn(opt_ins),
        Unlock,
    ];
    match new_for {
        0 => vec![LockVcpus, Look, Unlock],
        1 => all
            .into_iter()
            .filter(|step| *step != OptIn(opt_ins))
            .collect(),
        _ => all.to_vec(),
    }
}

#[test]
fn a_capability_is_enabled_under_the_lock_of_the_vcpus() {
    for (new_for, expected) in [
        (0, Err(Reject::InvalidValue)),
        (1, Err(Reject::InvalidValue)),
        (2, Ok(())),
    ] {
        let vm = Vm::new(OptIns::ALL, new_for);
        assert_eq!(cap(OptIns::GIC_MASKS).enable(&vm), expected);
        assert_eq!(vm.steps.into_inner(), steps(new_for, OptIns::GIC_MASKS));
    }
}

#[test]
fn each_request_opts_in_to_what_it_asks_for() {
    for bits in (1..0x400).filter(|bits| bits & !OptIns::ALL.bits() == 0) {
        let request = cap(OptIns::from_bits(bits));
        let vm = Vm::new(OptIns::ALL, 2);
        assert_eq!(request.enable(&vm), Ok(()));
        let wanted = request.opt_ins().unwrap();
        let steps = vm.steps.into_inner();
        assert!(steps.contains(&OptIn(wanted)) && steps.contains(&EnableCallSites(wanted)));
    }
}

#[test]
fn what_a_vm_has_is_not_enabled_again() {
    let has = OptIns::REG_SCOPE.union(OptIns::GIC_MASKS);
    for wanted in [OptIns::NONE, OptIns::REG_SCOPE, has] {
        for (new_for, expected) in [(0, Err(Reject::InvalidValue)), (1, Ok(()))] {
            let vm = Vm {
                opt_ins: has,
                ..Vm::new(OptIns::ALL, new_for)
            };
            assert_eq!(cap(wanted).enable(&vm), expected);
            assert_eq!(vm.steps.into_inner(), [LockVcpus, Look, Unlock]);
        }
    }
}

#[test]
fn what_a_vm_has_in_part_is_enabled() {
    let wanted = OptIns::REG_SCOPE.union(OptIns::GIC_MASKS);
    let vm = Vm {
        opt_ins: OptIns::REG_SCOPE,
        ..Vm::new(OptIns::ALL, 2)
    };
    assert_eq!(cap(wanted).enable(&vm), Ok(()));
    assert_eq!(vm.steps.into_inner(), steps(2, wanted));
}

#[test]
fn what_is_not_offered_is_refused_without_a_look_at_the_vm() {
    let both = OptIns::REG_SCOPE.union(OptIns::GIC_FIELDS);
    for (offered, refused) in [
        (OptIns::NONE, vec![OptIns::NONE, OptIns::REG_SCOPE, both]),
        (OptIns::REG_SCOPE, vec![OptIns::GIC_FIELDS, both]),
    ] {
        let vm = Vm::new(offered, 2);
        for opt_ins in refused {
            assert_eq!(cap(opt_ins).enable(&vm), Err(Reject::InvalidValue));
        }
        assert_eq!(vm.steps.into_inner(), []);
    }
}

#[test]
fn what_comes_with_a_request_is_offered_too() {
    let vm = Vm::new(OptIns::GIC_FIELDS, 2);
    let alone = cap(OptIns::GIC_FIELDS).enable(&vm);
    assert_eq!(alone, Err(Reject::InvalidValue));
    assert_eq!(vm.steps.into_inner(), []);
}

#[test]
fn a_request_that_is_not_valid_is_refused_without_a_look_at_the_vm() {
    let vm = Vm::new(OptIns::ALL, 2);
    let flagged = EnableCap {
        flags: 1,
        ..cap(OptIns::REG_SCOPE)
    };
    assert_eq!(flagged.enable(&vm), Err(Reject::InvalidValue));
    assert_eq!(vm.steps.into_inner(), []);
}
