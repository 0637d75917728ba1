// SPDX-License-Identifier: GPL-2.0

//! Bitmaps: written under the `config_lock`, frozen by the first run, read by guests without a
//! lock.

use std::sync::Arc;

use kvm_abi::{
    FeatureBitmap::{
        self,
        Std,
        VendorHyp, //
    },
    FwLocked,
    FwVm,
    RanOnce,
    Reject, //
};
use kvm_abi_model::{
    ensure,
    flag,
    in_every_order,
    set_bitmap_by_rust,
    Guest,
    Vm, //
};
use loom::thread;

type Write = fn(&Vm, FeatureBitmap, u64) -> Result<(), Reject>;
type Run = fn(&Vm);

/// Userspace removes the services while a vCPU runs for the first time: the guest always sees the
/// same bitmap, and never a refused one.
fn a_run_freezes(write: Write, run: Run) {
    in_every_order(None, move || {
        let vm = Arc::new(Vm::new());
        let writer = thread::spawn({
            let vm = vm.clone();
            move || write(&vm, Std, 0)
        });
        run(&vm);
        let found = Guest::of(&vm).has_trng();
        let again = Guest::of(&vm).has_trng();
        let written = writer.join().expect("the writer does not panic");
        let at_last = Guest::of(&vm).has_trng();
        ensure!(
            found == again && found == at_last,
            "a frozen bitmap changes"
        );
        ensure!(
            at_last == written.is_err(),
            "a write is not what it returns"
        );
        Ok(())
    });
}

#[test]
fn a_bitmap_does_not_change_after_a_run() {
    a_run_freezes(set_bitmap_by_rust, Vm::first_run);
}

#[test]
#[should_panic(expected = "a frozen bitmap changes")]
fn without_the_lock_a_frozen_bitmap_changes() {
    fn write(vm: &Vm, map: FeatureBitmap, value: u64) -> Result<(), Reject> {
        let bits = map.decide(value, vm.bitmap(map), vm.ran_once())?;
        vm.write_bitmap(map, bits);
        Ok(())
    }
    a_run_freezes(write, Vm::first_run);
}

#[test]
#[should_panic(expected = "a frozen bitmap changes")]
fn flag_read_before_the_lock_freezes_nothing() {
    fn write(vm: &Vm, map: FeatureBitmap, value: u64) -> Result<(), Reject> {
        let ran = vm.ran_once();
        let _config = vm.lock_config();
        let bits = map.decide(value, vm.bitmap(map), ran)?;
        vm.write_bitmap(map, bits);
        Ok(())
    }
    a_run_freezes(write, Vm::first_run);
}

#[test]
#[should_panic(expected = "a frozen bitmap changes")]
fn lock_released_before_the_store_freezes_nothing() {
    fn write(vm: &Vm, map: FeatureBitmap, value: u64) -> Result<(), Reject> {
        let config = vm.lock_config();
        let bits = map.decide(value, vm.bitmap(map), vm.ran_once())?;
        drop(config);
        vm.write_bitmap(map, bits);
        Ok(())
    }
    a_run_freezes(write, Vm::first_run);
}

#[test]
#[should_panic(expected = "a frozen bitmap changes")]
fn flag_set_without_the_lock_freezes_nothing() {
    a_run_freezes(set_bitmap_by_rust, |vm| vm.set(flag::HAS_RAN_ONCE));
}

#[test]
#[should_panic(expected = "a frozen bitmap changes")]
fn refused_bitmap_stored_before_the_check_is_seen() {
    fn write(vm: &Vm, map: FeatureBitmap, value: u64) -> Result<(), Reject> {
        let _config = vm.lock_config();
        let old = vm.bitmap(map);
        vm.write_bitmap(map, value);
        map.decide(value, old, vm.ran_once())
            .map(|_| ())
            .inspect_err(|_| vm.write_bitmap(map, old))
    }
    a_run_freezes(write, Vm::first_run);
}

/// Two vCPUs run for the first time while userspace writes through a third one: all guests see the
/// same bitmap.
#[test]
fn all_vcpus_find_the_same() {
    in_every_order(Some(3), || {
        let vm = Arc::new(Vm::new());
        let guest = |vm: &Vm| {
            vm.first_run();
            Guest::of(vm).has_trng()
        };
        let other = thread::spawn({
            let vm = vm.clone();
            move || guest(&vm)
        });
        let writer = thread::spawn({
            let vm = vm.clone();
            move || set_bitmap_by_rust(&vm, Std, 0)
        });
        let found = guest(&vm);
        let other = other.join().expect("no panic");
        let written = writer.join().expect("no panic");
        ensure!(other == found, "the guests see different bitmaps");
        ensure!(written.is_err() == found, "a write is not what it returns");
        Ok(())
    });
}

/// Two writers, one with a service that does not exist: a guest that runs meanwhile, in a VM that
/// has not frozen, sees the old value or an accepted one.
fn only_valid_values_are_seen(write: Write) {
    in_every_order(Some(3), move || {
        let vm = Arc::new(Vm::new());
        let mut writers = Vec::new();
        for value in [0b01, 0b100] {
            let vm = vm.clone();
            writers.push(thread::spawn(move || write(&vm, VendorHyp, value)));
        }
        let seen = Guest::of(&vm).services();
        let results: Vec<_> = writers
            .into_iter()
            .map(|writer| writer.join().expect("no panic"))
            .collect();
        ensure!(
            [Some((0b11, 0)), Some((0b01, 0))].contains(&seen),
            "a guest sees {seen:?}"
        );
        ensure!(
            results == [Ok(()), Err(Reject::InvalidValue)],
            "the writers get {results:?}"
        );
        ensure!(vm.bitmap(VendorHyp) == 0b01, "a value is lost");
        Ok(())
    });
}

#[test]
fn readers_without_a_lock_see_what_was_rightly_written() {
    only_valid_values_are_seen(set_bitmap_by_rust);
}

#[test]
#[should_panic(expected = "a guest sees")]
fn invalid_bitmap_stored_before_the_check_is_seen() {
    fn write(vm: &Vm, map: FeatureBitmap, value: u64) -> Result<(), Reject> {
        let _config = vm.lock_config();
        let old = vm.bitmap(map);
        vm.write_bitmap(map, value);
        map.decide(value, old, RanOnce::No)
            .map(|_| ())
            .inspect_err(|_| vm.write_bitmap(map, old))
    }
    only_valid_values_are_seen(write);
}
