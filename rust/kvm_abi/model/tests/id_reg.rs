// SPDX-License-Identifier: GPL-2.0

//! ID registers: written under the `config_lock`, frozen by the first run.

use std::sync::Arc;

use kvm_abi::{
    IdReg,
    IdRegLocked,
    Reject, //
};
use kvm_abi_model::{
    ensure,
    in_every_order,
    set_id_reg_by_c,
    set_id_reg_by_rust,
    Judge,
    LockedIdReg,
    Vm, //
};
use loom::thread;

type Write = fn(&Vm, u64) -> Result<(), Reject>;

/// Userspace lowers the register while a vCPU runs for the first time: the guest always sees the
/// same value, and never a refused one.
fn a_run_freezes(write: Write) {
    in_every_order(None, move || {
        let vm = Arc::new(Vm::new());
        let writer = thread::spawn({
            let vm = vm.clone();
            move || write(&vm, 1)
        });
        vm.first_run();
        let found = vm.id_reg();
        let again = vm.id_reg();
        let written = writer.join().expect("the writer does not panic");
        let at_last = vm.id_reg();
        ensure!(
            found == again && found == at_last,
            "a frozen ID register changes"
        );
        ensure!(
            (at_last == 1) == written.is_ok(),
            "a write is not what it returns"
        );
        Ok(())
    });
}

#[test]
fn an_id_register_does_not_change_after_a_run() {
    a_run_freezes(set_id_reg_by_rust);
    a_run_freezes(|vm, value| set_id_reg_by_c(vm, value, None));
}

#[test]
#[should_panic(expected = "a frozen ID register changes")]
fn without_the_lock_a_frozen_id_register_changes() {
    fn write(vm: &Vm, value: u64) -> Result<(), Reject> {
        let register = LockedIdReg(vm);
        let stored = IdReg::Plain.decide(value, &register)?;
        register.store(stored);
        Ok(())
    }
    a_run_freezes(write);
}

/// Two vCPUs write the register, in mode `check`: no order is a difference.
fn two_writers_agree(judge: Judge) {
    in_every_order(None, move || {
        let vm = Arc::new(Vm::new());
        let writer = thread::spawn({
            let vm = vm.clone();
            move || set_id_reg_by_c(&vm, 1, Some(judge))
        });
        let second = set_id_reg_by_c(&vm, 2, Some(judge));
        let first = writer.join().expect("the writer does not panic");
        ensure!(
            first.is_ok() && second.is_ok(),
            "a write before the run is refused"
        );
        ensure!(vm.mismatches() == 0, "a race is taken for a difference");
        Ok(())
    });
}

#[test]
fn check_takes_no_race_of_writers_for_a_difference() {
    two_writers_agree(Judge::UnderTheLock);
}

#[test]
#[should_panic(expected = "a race is taken for a difference")]
fn check_after_the_lock_takes_a_race_for_a_difference() {
    two_writers_agree(Judge::Afterwards);
}

#[test]
fn check_takes_no_run_for_a_difference() {
    in_every_order(None, || {
        let vm = Arc::new(Vm::new());
        let writer = thread::spawn({
            let vm = vm.clone();
            move || set_id_reg_by_c(&vm, 1, Some(Judge::UnderTheLock))
        });
        vm.first_run();
        // The result depends on the order.
        let _ = writer.join().expect("the writer does not panic");
        ensure!(vm.mismatches() == 0, "a run is taken for a difference");
        Ok(())
    });
}
