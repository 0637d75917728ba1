// SPDX-License-Identifier: GPL-2.0

//! The sequence of a write to an ID register: what is looked at and stored under the lock.

mod id_regs;

use std::cell::{Cell, RefCell};

use id_regs::{
    ctr,
    isar0,
    midr,
    pfr0,
    Register,
    State, //
};
use kvm_abi::{
    FeatureField,
    IdReg,
    IdRegAccess,
    IdRegLocked,
    IdRegState,
    IdVisibility,
    RanOnce,
    Reject,
    SafeValue,
    SysReg,
    VmIdIndex, //
};

/// A register of a VM, and the steps of a write.
struct Vm {
    state: State,
    stored: Cell<Option<u64>>,
    locked: Cell<bool>,
    steps: RefCell<Vec<&'static str>>,
}

struct Locked<'a>(&'a Vm);

impl Vm {
    fn new(state: State) -> Self {
        Self {
            state,
            stored: Cell::new(None),
            locked: Cell::new(false),
            steps: RefCell::default(),
        }
    }

    fn step(&self, what: &'static str) {
        assert!(self.locked.get(), "{what} without the lock");
        self.steps.borrow_mut().push(what);
    }

    /// Writes the register; returns the result, what is stored, and the steps but for the repeated.
    fn write(
        state: State,
        register: &Register,
        value: u64,
    ) -> (Result<(), Reject>, Option<u64>, String) {
        let vm = Self::new(state);
        let result = IdReg::of(register.reg).unwrap().set(&vm, value);
        assert!(!vm.locked.get(), "the lock is still held");
        let mut steps = vm.steps.into_inner();
        steps.dedup();
        (result, vm.stored.get(), steps.join(" "))
    }
}

impl IdRegAccess for Vm {
    type Locked<'a> = Locked<'a>;

    fn lock_config(&self) -> Locked<'_> {
        assert!(!self.locked.replace(true), "locked twice");
        Locked(self)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.locked.set(false);
    }
}

impl IdRegState for Locked<'_> {
    type Rule = SafeValue;
    type Fields = Vec<FeatureField>;

    fn visibility(&self) -> IdVisibility {
        self.0.step("visibility");
        self.0.state.visibility()
    }

    fn has_el2(&self) -> bool {
        self.0.step("el2");
        self.0.state.has_el2()
    }

    fn host(&self) -> u64 {
        self.0.step("host");
        self.0.state.host()
    }

    fn limit(&self) -> u64 {
        self.0.step("limit");
        self.0.state.limit()
    }

    fn writable(&self) -> u64 {
        self.0.step("writable");
        self.0.state.writable()
    }

    fn current(&self) -> u64 {
        self.0.step("current");
        self.0.state.current()
    }

    fn ran_once(&self) -> RanOnce {
        self.0.step("ran");
        self.0.state.ran_once()
    }

    fn imp_ids_writable(&self) -> bool {
        self.0.step("capability");
        self.0.state.imp_ids_writable()
    }

    fn fields(&self) -> Option<Vec<FeatureField>> {
        self.0.step("fields");
        self.0.state.fields()
    }
}

impl IdRegLocked for Locked<'_> {
    type State = Self;

    fn state(&self) -> &Self {
        self
    }

    fn store(&self, value: u64) {
        self.0.step("store");
        assert_eq!(self.0.stored.replace(Some(value)), None);
    }
}

#[test]
fn value_is_stored_under_the_lock_that_it_was_decided_under() {
    let state = || isar0().on(0x11120, 0x11120);
    assert_eq!(
        Vm::write(state(), &isar0(), 0x1120),
        (
            Ok(()),
            Some(0x1120),
            "visibility ran visibility limit writable fields current store".into()
        )
    );
    // A value that the register has is not stored, and neither is a refused one.
    let (result, stored, _) = Vm::write(state(), &isar0(), 0x11120);
    assert_eq!((result, stored), (Ok(()), None));
    let (result, stored, steps) = Vm::write(state(), &isar0(), 0x21120);
    assert_eq!((result, stored), (Err(Reject::UnsafeValue), None));
    assert!(!steps.contains("host") && !steps.contains("el2"), "{steps}");
}

#[test]
fn what_is_stored_is_the_amended_value() {
    let host = 0x0000_0100_0000_0012;
    let state = || State {
        current: 0x11,
        ..pfr0().on(host, 0x12)
    };
    let (result, stored, _) = Vm::write(state(), &pfr0(), host);
    assert_eq!((result, stored), (Ok(()), Some(0x12)));
    let state = State {
        current: 0x12,
        ..state()
    };
    let (result, stored, _) = Vm::write(state, &pfr0(), host);
    assert_eq!((result, stored), (Ok(()), None));
}

#[test]
fn vm_that_has_run_never_stores() {
    for (register, value) in [
        (isar0(), 0x11120),
        (pfr0(), 0x12),
        (ctr(), 0xb444_c004),
        (midr(), 0x411f_d401),
    ] {
        for visibility in [
            IdVisibility::Shown,
            IdVisibility::Raz,
            IdVisibility::RazIgnored,
        ] {
            for written in [value, value ^ 1, value ^ 0x10, 0, u64::MAX] {
                let state = State {
                    ran: RanOnce::Yes,
                    imp_ids_writable: true,
                    visibility,
                    ..register.on(value, value)
                };
                let (result, stored, steps) = Vm::write(state, &register, written);
                assert_eq!(stored, None, "{register:?} {written:#x}");
                assert!(!steps.contains("fields"), "{steps}");
                let same = written == value || visibility == IdVisibility::RazIgnored;
                assert_eq!(result.is_ok(), same, "{register:?} {written:#x}");
            }
        }
    }
}

#[test]
fn ignored_write_looks_at_nothing_else() {
    let state = State {
        visibility: IdVisibility::RazIgnored,
        ..isar0().on(0, 0)
    };
    assert_eq!(
        Vm::write(state, &isar0(), u64::MAX),
        (Ok(()), None, "visibility current".into())
    );
}

#[test]
fn implementation_register_looks_at_neither_the_host_nor_fields() {
    let state = |imp_ids_writable| State {
        imp_ids_writable,
        ..midr().on(0x411f_d401, 0x411f_d401)
    };
    assert_eq!(
        Vm::write(state(true), &midr(), 0x413f_d0c1),
        (
            Ok(()),
            Some(0x413f_d0c1),
            "visibility current capability ran writable current store".into()
        )
    );
    assert_eq!(
        Vm::write(state(false), &midr(), 0x413f_d0c1),
        (
            Err(Reject::InvalidValue),
            None,
            "visibility current capability".into()
        )
    );
}

#[test]
fn functions_are_those_of_the_registers_with_a_rule_and_one_without() {
    let with_function: Vec<_> = VmIdIndex::all()
        .map(VmIdIndex::reg)
        .filter(|reg| IdReg::of(*reg) != Some(IdReg::Plain) || *reg == SysReg::new(3, 0, 0, 4, 2))
        .collect();
    let mut functions = IdReg::FUNCTIONS;
    // The table of C is in the order of the encodings.
    assert!(functions.is_sorted_by_key(|reg| reg.encoding()));
    functions.sort_by_key(|reg| reg.vm_id_index());
    assert_eq!(functions.to_vec(), with_function);
    assert!(SysReg::OTHER_VM_IDS
        .into_iter()
        .all(|reg| reg.vm_id_index().unwrap().get() >= 56));
}
