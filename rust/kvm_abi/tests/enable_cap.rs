// SPDX-License-Identifier: GPL-2.0

//! Requests of `KVM_ENABLE_CAP`: the order in which they are checked, decided and carried out.
//!
//! The expected steps are written down for each case. A VM can change between the two looks at it.

use std::{
    cell::{
        Cell,
        RefCell, //
    },
    fmt::Debug,
    ops::Deref, //
};

use kvm_abi::{
    CapLocked,
    CapVm,
    Capability,
    CompatLevel,
    EnableCap,
    OptIns,
    Reject,
    VmCaps, //
};

use CompatLevel::{Native, V6_1, V6_12};

/// What a request does with a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<C> {
    LockVcpus,
    Look,
    EnableCallSites(C),
    Store(C),
    Unlock,
}

use Step::{EnableCallSites, LockVcpus, Look, Store, Unlock};

/// A VM that notes the steps.
struct Vm<C> {
    offered: OptIns,
    /// What the first look finds, and each after it.
    looks: [VmCaps; 2],
    looked: Cell<bool>,
    steps: RefCell<Vec<Step<C>>>,
}

struct Locked<'a, C>(&'a Vm<C>);

struct InUse;

impl<C> Vm<C> {
    fn new(offered: OptIns, looks: [VmCaps; 2]) -> Self {
        Self {
            offered,
            looks,
            looked: Cell::new(false),
            steps: RefCell::default(),
        }
    }

    fn note(&self, step: Step<C>) {
        self.steps.borrow_mut().push(step);
    }
}

impl<C> Deref for Locked<'_, C> {
    type Target = Self;

    fn deref(&self) -> &Self {
        self
    }
}

impl<C> Drop for Locked<'_, C> {
    fn drop(&mut self) {
        self.0.note(Unlock);
    }
}

impl<C: Copy> CapVm<C> for Vm<C> {
    type InUse = InUse;
    type Vcpus<'a>
        = Locked<'a, C>
    where
        C: 'a;

    fn offered(&self) -> OptIns {
        self.offered
    }

    fn enable_call_sites(&self, wanted: C) -> InUse {
        self.note(EnableCallSites(wanted));
        InUse
    }

    fn lock_vcpus(&self) -> Locked<'_, C> {
        self.note(LockVcpus);
        Locked(self)
    }
}

impl<C: Copy> CapLocked<C> for Locked<'_, C> {
    type InUse = InUse;

    fn caps(&self) -> VmCaps {
        self.0.note(Look);
        let [first, second] = self.0.looks;
        if self.0.looked.replace(true) {
            second
        } else {
            first
        }
    }

    fn store(&self, wanted: C, InUse: InUse) {
        self.0.note(Store(wanted));
    }
}

/// A native VM that was just created
const NEW: VmCaps = VmCaps {
    is_new: true,
    opt_ins: OptIns::NONE,
    level: Native,
};
const HAS_VCPU: VmCaps = VmCaps {
    is_new: false,
    ..NEW
};

const fn opted_in(opt_ins: OptIns) -> VmCaps {
    VmCaps { opt_ins, ..NEW }
}

const fn at(level: CompatLevel) -> VmCaps {
    VmCaps { level, ..NEW }
}

fn cap(opt_ins: OptIns) -> EnableCap {
    EnableCap {
        cap: EnableCap::MIGRATION,
        flags: 0,
        args: [opt_ins.bits().into(), 0, 0, 0],
        pad: [0; 64],
    }
}

fn level(level: CompatLevel) -> EnableCap {
    EnableCap {
        cap: CompatLevel::CAP,
        args: [level.bit().into(), 0, 0, 0],
        ..cap(OptIns::NONE)
    }
}

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Refused without a look at the VM
    Invalid,
    /// Refused at the first look
    RefusedAtOnce,
    /// The VM has it already.
    Already,
    /// Refused at the second look, after the call sites are enabled
    RefusedLater,
    /// Another thread was faster.
    AlreadyLater,
    /// Stored under the lock
    Stored,
}

use End::{Already, AlreadyLater, Invalid, RefusedAtOnce, RefusedLater, Stored};

impl End {
    fn result(self) -> Result<(), Reject> {
        match self {
            Invalid | RefusedAtOnce | RefusedLater => Err(Reject::InvalidValue),
            Already | AlreadyLater | Stored => Ok(()),
        }
    }

    fn steps<C: Copy>(self, wanted: C) -> Vec<Step<C>> {
        let all = [
            LockVcpus,
            Look,
            Unlock,
            EnableCallSites(wanted),
            LockVcpus,
            Look,
            Store(wanted),
            Unlock,
        ];
        match self {
            Invalid => vec![],
            RefusedAtOnce | Already => all[..3].to_vec(),
            RefusedLater | AlreadyLater => [&all[..6], &[Unlock]].concat(),
            Stored => all.to_vec(),
        }
    }
}

fn expect<C: Capability + PartialEq + Debug>(
    request: &EnableCap,
    offered: OptIns,
    looks: [VmCaps; 2],
    end: End,
) {
    let vm = Vm::<C>::new(offered, looks);
    let about = format!("{request:?}, {looks:?}");
    assert_eq!(request.enable::<C>(&vm), end.result(), "{about}");
    let steps = match C::wanted(request) {
        Ok(wanted) => end.steps(wanted),
        Err(_) => vec![],
    };
    assert_eq!(vm.steps.into_inner(), steps, "{about}");
}

#[test]
fn a_capability_is_stored_under_the_lock_after_the_call_sites_are_on() {
    for (looks, end) in [
        ([NEW, NEW], Stored),
        ([HAS_VCPU, HAS_VCPU], RefusedAtOnce),
        ([NEW, HAS_VCPU], RefusedLater),
    ] {
        expect::<OptIns>(&cap(OptIns::GIC_MASKS), OptIns::ALL, looks, end);
        expect::<CompatLevel>(&level(V6_12), OptIns::ALL, looks, end);
    }
}

#[test]
fn each_request_opts_in_to_what_it_asks_for() {
    for bits in 1..=OptIns::ALL.bits() {
        let request = cap(OptIns::from_bits(bits));
        expect::<OptIns>(&request, OptIns::ALL, [NEW, NEW], Stored);
    }
}

#[test]
fn each_level_can_be_chosen_from_each_other() {
    for old in CompatLevel::ALL {
        for new in CompatLevel::ALL {
            let end = if old == new { Already } else { Stored };
            expect::<CompatLevel>(&level(new), OptIns::ALL, [at(old), at(old)], end);
        }
    }
}

#[test]
fn what_a_vm_has_is_not_stored_again() {
    let has = OptIns::REG_SCOPE.union(OptIns::GIC_MASKS);
    let late = VmCaps {
        opt_ins: has,
        ..HAS_VCPU
    };
    for wanted in [OptIns::NONE, OptIns::REG_SCOPE, has] {
        for (looks, end) in [
            ([opted_in(has), opted_in(has)], Already),
            ([late, late], RefusedAtOnce),
        ] {
            expect::<OptIns>(&cap(wanted), OptIns::ALL, looks, end);
        }
    }
    expect::<OptIns>(&cap(has), OptIns::ALL, [NEW, opted_in(has)], AlreadyLater);
    expect::<CompatLevel>(&level(V6_1), OptIns::ALL, [NEW, at(V6_1)], AlreadyLater);
}

#[test]
fn what_a_vm_has_in_part_is_stored() {
    let wanted = OptIns::REG_SCOPE.union(OptIns::GIC_MASKS);
    let looks = [opted_in(OptIns::REG_SCOPE); 2];
    expect::<OptIns>(&cap(wanted), OptIns::ALL, looks, Stored);
}

#[test]
fn opt_ins_are_for_native_vms() {
    let one = opted_in(OptIns::REG_SCOPE);
    for (looks, end) in [
        ([at(V6_12), at(V6_12)], RefusedAtOnce),
        ([NEW, at(V6_12)], RefusedLater),
    ] {
        expect::<OptIns>(&cap(OptIns::REG_SCOPE), OptIns::ALL, looks, end);
    }
    for (looks, end) in [([one, one], RefusedAtOnce), ([NEW, one], RefusedLater)] {
        expect::<CompatLevel>(&level(V6_12), OptIns::ALL, looks, end);
    }
    expect::<CompatLevel>(&level(Native), OptIns::ALL, [one, one], Already);
}

#[test]
fn what_is_not_offered_is_refused_without_a_look_at_the_vm() {
    let both = OptIns::REG_SCOPE.union(OptIns::GIC_FIELDS);
    for (offered, refused) in [
        (OptIns::NONE, vec![OptIns::NONE, OptIns::REG_SCOPE, both]),
        (OptIns::REG_SCOPE, vec![OptIns::GIC_FIELDS, both]),
        // What comes with it is not offered.
        (OptIns::GIC_FIELDS, vec![OptIns::GIC_FIELDS]),
    ] {
        for opt_ins in refused {
            let vm = Vm::<OptIns>::new(offered, [NEW, NEW]);
            let result = cap(opt_ins).enable::<OptIns>(&vm);
            assert_eq!(result, Err(Reject::InvalidValue));
            assert_eq!(vm.steps.into_inner(), []);
        }
    }
    for wanted in CompatLevel::ALL {
        let vm = Vm::<CompatLevel>::new(OptIns::NONE, [NEW, NEW]);
        let result = level(wanted).enable::<CompatLevel>(&vm);
        assert_eq!(result, Err(Reject::InvalidValue));
        assert_eq!(vm.steps.into_inner(), []);
    }
    expect::<CompatLevel>(&level(V6_1), OptIns::REG_SCOPE, [NEW, NEW], Stored);
}

#[test]
fn a_request_that_is_not_valid_is_refused_without_a_look_at_the_vm() {
    let flagged = EnableCap {
        flags: 1,
        ..cap(OptIns::REG_SCOPE)
    };
    expect::<OptIns>(&flagged, OptIns::ALL, [NEW, NEW], Invalid);
    expect::<OptIns>(&level(V6_12), OptIns::ALL, [NEW, NEW], Invalid);
    let flagged = EnableCap {
        flags: 1,
        ..level(V6_12)
    };
    expect::<CompatLevel>(&flagged, OptIns::ALL, [NEW, NEW], Invalid);
    let cap = cap(OptIns::REG_SCOPE);
    expect::<CompatLevel>(&cap, OptIns::ALL, [NEW, NEW], Invalid);
}
