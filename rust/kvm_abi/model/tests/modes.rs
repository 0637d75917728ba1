// SPDX-License-Identifier: GPL-2.0

//! C and Rust at once: the mode `check`, and a mode that changes while calls are under way.

use std::sync::Arc;

use kvm_abi::{
    FeatureBitmap::{
        self,
        VendorHyp, //
    },
    FwLocked,
    FwVm,
    PsciVersion,
    Reject, //
};
use kvm_abi_model::{
    check_get_psci_version,
    ensure,
    flag,
    in_every_order,
    judge_bitmap,
    set_bitmap,
    set_bitmap_by_c,
    set_psci_version,
    Guest,
    Mode,
    Server,
    Switch,
    Vm, //
};
use loom::{
    sync::Mutex,
    thread, //
};

type Write = fn(&Vm, &Switch, FeatureBitmap, u64) -> Result<(), Reject>;

/// A write is judged while another write, which is not judged, is under way and a vCPU runs for the
/// first time.
fn check_agrees(write: Write) {
    in_every_order(Some(3), move || {
        let vm = Arc::new(Vm::new());
        let switch = Arc::new(Switch::new(Mode::Check, false));
        let other = thread::spawn({
            let vm = vm.clone();
            move || set_bitmap_by_c(&vm, VendorHyp, 0b00, false)
        });
        let runner = thread::spawn({
            let vm = vm.clone();
            move || vm.first_run()
        });
        let _ = write(&vm, &switch, VendorHyp, 0b01);
        let _ = other.join().expect("no panic");
        runner.join().expect("no panic");
        ensure!(vm.mismatches() == 0, "check reports C");
        Ok(())
    });
}

#[test]
fn judging_under_cs_lock_raises_no_false_alarm() {
    check_agrees(set_bitmap);
}

#[test]
#[should_panic(expected = "check reports C")]
fn judging_after_cs_lock_raises_a_false_alarm() {
    check_agrees(|vm, _, map, value| {
        let old = vm.bitmap(map);
        let ret = set_bitmap_by_c(vm, map, value, false);
        judge_bitmap(vm, map, old, value, ret);
        ret
    });
}

#[test]
#[should_panic(expected = "check reports C")]
fn state_read_before_cs_lock_raises_a_false_alarm() {
    check_agrees(|vm, _, map, value| {
        let old = vm.bitmap(map);
        let _config = vm.lock_config();
        let ret = if vm.has(flag::HAS_RAN_ONCE) && value != vm.bitmap(map) {
            Err(Reject::Frozen)
        } else {
            vm.write_bitmap(map, value);
            Ok(())
        };
        judge_bitmap(vm, map, old, value, ret);
        ret
    });
}

/// Reads of the version of PSCI are judged while calls that began earlier, in another mode, write
/// it without a lock.
fn a_read_is_judged(writes: &'static [&'static [u64]]) {
    in_every_order(Some(3), || {
        let vm = Arc::new(Vm::new());
        vm.store_psci_version(PsciVersion::V1_1);
        let writers: Vec<_> = writes
            .iter()
            .map(|versions| {
                let vm = vm.clone();
                thread::spawn(move || {
                    for version in *versions {
                        let _ = set_psci_version(&vm, *version);
                    }
                })
            })
            .collect();
        let read = check_get_psci_version(&vm);
        for writer in writers {
            writer.join().expect("no panic");
        }
        let written = writes.iter().any(|versions| versions.contains(&read));
        ensure!(written || read == 0x1_0001, "userspace reads {read:#x}");
        ensure!(vm.mismatches() == 0, "check reports C");
        Ok(())
    });
}

#[test]
fn a_read_is_judged_by_the_value_before_or_after() {
    a_read_is_judged(&[&[0x1_0000, 0x0_0002]]);
    a_read_is_judged(&[&[0x1_0000], &[0x0_0002]]);
}

/// Two such calls change the version and change it back between two loads: the read is repeated.
#[test]
fn a_version_that_changes_only_between_two_loads_raises_no_alarm() {
    a_read_is_judged(&[&[0x1_0000], &[0x1_0001]]);
}

#[test]
#[should_panic(expected = "check reports C")]
fn judging_a_read_by_the_value_before_only_raises_a_false_alarm() {
    in_every_order(None, || {
        let vm = Arc::new(Vm::new());
        let writer = thread::spawn({
            let vm = vm.clone();
            move || set_psci_version(&vm, 0x1_0001)
        });
        let before = Guest::of(&vm).psci();
        let c = Guest::of(&vm).psci();
        let _ = writer.join().expect("no panic");
        ensure!(c == before, "check reports C");
        Ok(())
    });
}

/// The mode changes while userspace writes and a vCPU runs for the first time: no result shows it.
fn a_flip_is_not_noticed(from: Mode, to: Mode, write: Write) {
    in_every_order(Some(2), move || {
        let vm = Arc::new(Vm::new());
        let switch = Arc::new(Switch::new(from, false));
        let writers = [0b01, 0b00].map(|value| {
            let (vm, switch) = (vm.clone(), switch.clone());
            thread::spawn(move || write(&vm, &switch, VendorHyp, value))
        });
        let root = thread::spawn({
            let switch = switch.clone();
            move || switch.set(to, false)
        });

        vm.first_run();
        let [found, again] = [(); 2].map(|()| vm.bitmap(VendorHyp));
        root.join().expect("no panic");
        let results = writers.map(|writer| writer.join().expect("no panic"));
        let at_last = vm.bitmap(VendorHyp);
        ensure!(
            found == again && found == at_last,
            "a frozen bitmap changes"
        );
        // A refused value is never stored; the last accepted one is.
        let expected: &[u64] = match results {
            [Ok(()), Ok(())] => &[0b01, 0b00],
            [Ok(()), Err(_)] => &[0b01],
            [Err(_), Ok(())] => &[0b00],
            [Err(_), Err(_)] => &[0b11],
        };
        ensure!(expected.contains(&at_last), "{results:?}, {at_last:#b}");
        ensure!(vm.mismatches() == 0, "check reports C");
        Ok(())
    });
}

#[test]
fn a_flip_from_c_to_rust_is_not_noticed() {
    a_flip_is_not_noticed(Mode::C, Mode::Rust, set_bitmap);
}

#[test]
fn a_flip_from_rust_to_check_is_not_noticed() {
    a_flip_is_not_noticed(Mode::Rust, Mode::Check, set_bitmap);
}

#[test]
fn a_flip_from_check_to_c_is_not_noticed() {
    a_flip_is_not_noticed(Mode::Check, Mode::C, set_bitmap);
}

loom::lazy_static! {
    static ref RUSTS_OWN: Mutex<()> = Mutex::new(());
}

#[test]
#[should_panic(expected = "a frozen bitmap changes")]
fn with_a_separate_lock_for_rust_a_flip_is_noticed() {
    a_flip_is_not_noticed(Mode::C, Mode::Rust, |vm, switch, map, value| {
        if switch.server() != Server::Rust {
            return set_bitmap_by_c(vm, map, value, false);
        }
        let _own = RUSTS_OWN.lock().expect("nobody panics with it");
        let bits = map.decide(value, vm.bitmap(map), vm.ran_once())?;
        vm.write_bitmap(map, bits);
        Ok(())
    });
}
