// SPDX-License-Identifier: GPL-2.0

//! `KVM_ARM_VM_CONFIG`: a set is seen whole or not at all, through each file descriptor, and nobody
//! waits for somebody who waits for it.

use std::sync::Arc;

use kvm_abi::{
    ConfigDone,
    ConfigOp,
    FeatureBitmap,
    FwReg,
    FwVm,
    Reject,
    VmReg, //
};
use kvm_abi_model::{
    ensure,
    flag,
    in_every_order,
    set_bitmap_by_rust,
    set_id_reg_by_rust,
    vm_config,
    Entry,
    Guest,
    Locks,
    Vm,
    ID_REG, //
};
use loom::thread;

const STD: FeatureBitmap = FeatureBitmap::Std;
const VENDOR: FeatureBitmap = FeatureBitmap::VendorHyp;
/// Another value than the one that the register of a new VM has
const STD_SET: u64 = 0;
const VENDOR_SET: u64 = 2;
const ID_SET: u64 = 1;
const PSCI_SET: u64 = 0x1_0001;

/// Returns a VM with so many vCPUs that has opted in.
fn new_vm(vcpus: u32) -> Arc<Vm> {
    let vm = Arc::new(Vm::new());
    vm.set(flag::PSCI_FREEZE);
    vm.configure_features(true);
    for _ in 0..vcpus {
        vm.create_vcpu();
    }
    vm
}

/// Sets four registers at once.
fn set(vm: &Vm, locks: Locks) -> Option<ConfigDone> {
    let mut entries = [
        Entry::new(FwReg::Bitmap(STD).id(), STD_SET),
        Entry::new(FwReg::Bitmap(VENDOR).id(), VENDOR_SET),
        Entry::new(ID_REG.id(), ID_SET),
        Entry::new(FwReg::PsciVersion.id(), PSCI_SET),
    ];
    vm_config(vm, ConfigOp::Set, &mut entries, locks)
}

fn is_set(done: Option<ConfigDone>) -> bool {
    done == Some(ConfigDone::Accepted)
}

/// Which registers of the set have its values: all of those that were read, or none.
fn seen(vm: &Vm) -> [bool; 3] {
    [
        vm.id_reg() == ID_SET,
        vm.bitmap(VENDOR) == VENDOR_SET,
        Guest::of(vm).psci() == PSCI_SET,
    ]
}

fn all_or_none(seen: &[bool]) -> bool {
    seen.iter().all(|set| *set == seen[0])
}

/// Userspace sets a configuration while a vCPU runs for the first time: the guest has all of it or
/// nothing, from the first instruction on.
#[test]
fn a_guest_sees_a_whole_set_or_nothing_of_it() {
    in_every_order(None, || {
        let vm = new_vm(1);
        let setter = thread::spawn({
            let vm = vm.clone();
            move || set(&vm, Locks::ALL)
        });
        let found = {
            // KVM_RUN
            let _vcpu = vm.lock_vcpu(0);
            vm.first_run();
            seen(&vm)
        };
        let done = setter.join().expect("no panic");
        ensure!(all_or_none(&found), "a guest sees half of a set");
        ensure!(found[0] == is_set(done), "a set is not what it returns");
        ensure!(seen(&vm) == found, "a frozen configuration changes");
        ensure!(
            done.is_some() || !found[0],
            "a vCPU in use does not stop a set"
        );
        Ok(())
    });
}

/// Userspace reads two registers through a vCPU, one after the other, while they are set: once one
/// is new, all are.
fn once_one_is_new_all_are(vcpus: u32, locks: Locks) {
    in_every_order(None, move || {
        let vm = new_vm(vcpus);
        let setter = thread::spawn({
            let vm = vm.clone();
            move || set(&vm, locks)
        });
        // A vCPU that exists already, or a new one
        let number = if vcpus == 0 { vm.create_vcpu() } else { 0 };
        // KVM_GET_ONE_REG
        let get = |map| {
            let _vcpu = vm.lock_vcpu(number);
            vm.bitmap(map)
        };
        let first = get(STD) == STD_SET;
        let second = get(VENDOR) == VENDOR_SET;
        let third = get(STD) == STD_SET;
        let done = setter.join().expect("no panic");
        ensure!(
            first <= second && second <= third,
            "a reader sees half of a set"
        );
        ensure!(
            third <= is_set(done),
            "a reader sees a set that was refused"
        );
        Ok(())
    });
}

#[test]
fn a_reader_through_a_vcpu_sees_no_half_set() {
    once_one_is_new_all_are(1, Locks::ALL);
}

#[test]
fn a_reader_through_a_new_vcpu_sees_no_half_set() {
    once_one_is_new_all_are(0, Locks::ALL);
}

#[test]
#[should_panic(expected = "a reader sees half of a set")]
fn without_the_mutexes_of_the_vcpus_a_reader_sees_half_of_a_set() {
    once_one_is_new_all_are(
        1,
        Locks {
            vcpus: false,
            ..Locks::ALL
        },
    );
}

#[test]
#[should_panic(expected = "a reader sees half of a set")]
fn without_the_lock_of_the_vm_a_new_vcpu_sees_half_of_a_set() {
    once_one_is_new_all_are(
        0,
        Locks {
            kvm: false,
            ..Locks::ALL
        },
    );
}

/// Userspace writes a register on the VM's file descriptor meanwhile: what is accepted stays.
fn no_write_is_lost(locks: Locks) {
    in_every_order(None, move || {
        let vm = new_vm(1);
        let setter = thread::spawn({
            let vm = vm.clone();
            move || set(&vm, locks)
        });
        // KVM_ARM_VM_SET_ONE_REG of a register that is not in the set
        let other = FwReg::Bitmap(FeatureBitmap::StdHyp);
        let written = VmReg::Fw(other).set(&*vm, 0);
        let done = setter.join().expect("no panic");
        ensure!(
            written.is_ok() && is_set(done),
            "one keeps the other from being accepted"
        );
        ensure!(vm.bitmap(FeatureBitmap::StdHyp) == 0, "a write is lost");
        ensure!(seen(&vm) == [true; 3], "a set is lost");
        Ok(())
    });
}

#[test]
fn a_write_on_the_vms_file_descriptor_is_not_lost() {
    no_write_is_lost(Locks::ALL);
}

#[test]
#[should_panic(expected = "a write is lost")]
fn without_the_config_lock_a_write_is_lost() {
    no_write_is_lost(Locks {
        config: false,
        ..Locks::ALL
    });
}

/// A vCPU's ioctls take its mutex and then the `config_lock`; a set takes both, too.
#[test]
fn a_set_and_writes_through_a_vcpu_do_not_wait_for_each_other() {
    in_every_order(None, || {
        let vm = new_vm(1);
        let setter = thread::spawn({
            let vm = vm.clone();
            move || set(&vm, Locks::ALL)
        });
        let written: [Result<(), Reject>; 2] = {
            // KVM_SET_ONE_REG
            let _vcpu = vm.lock_vcpu(0);
            [
                set_id_reg_by_rust(&vm, 2),
                set_bitmap_by_rust(&vm, FeatureBitmap::StdHyp, 0),
            ]
        };
        let done = setter.join().expect("no panic");
        ensure!(
            written[1].is_ok() && vm.bitmap(FeatureBitmap::StdHyp) == 0,
            "a write is lost"
        );
        let values: &[u64] = match (is_set(done), written[0].is_ok()) {
            (true, true) => &[ID_SET, 2],
            (true, false) => &[ID_SET],
            (false, _) => &[2],
        };
        ensure!(values.contains(&vm.id_reg()), "nobody has written this");
        ensure!(
            (vm.bitmap(STD) == STD_SET) == is_set(done),
            "a set is not what it returns"
        );
        Ok(())
    });
}

/// A set, a first run and an attempt to opt in: all of them end, and the last one comes too late.
#[test]
fn a_set_a_first_run_and_an_opt_in_end() {
    in_every_order(Some(2), || {
        let vm = new_vm(1);
        let setter = thread::spawn({
            let vm = vm.clone();
            move || set(&vm, Locks::ALL)
        });
        let other = thread::spawn({
            let vm = vm.clone();
            move || {
                // KVM_ENABLE_CAP
                let vcpus = vm.lock_vcpus();
                *vcpus == 0
            }
        });
        {
            let _vcpu = vm.lock_vcpu(0);
            vm.first_run();
        }
        let done = setter.join().expect("no panic");
        let opted_in = other.join().expect("no panic");
        ensure!(!opted_in, "a VM with a vCPU opts in");
        ensure!(all_or_none(&seen(&vm)), "half of a set");
        ensure!(seen(&vm)[0] == is_set(done), "a set is not what it returns");
        Ok(())
    });
}

/// Two requests wait for each other's `kvm->lock`; neither is a vCPU in use to the other.
#[test]
fn two_requests_take_turns() {
    in_every_order(None, || {
        let vm = new_vm(1);
        let setter = thread::spawn({
            let vm = vm.clone();
            move || set(&vm, Locks::ALL)
        });
        let mut entries = [Entry::new(0, 0); 16];
        let listed = vm_config(&vm, ConfigOp::Get, &mut entries, Locks::ALL);
        let done = setter.join().expect("no panic");
        ensure!(is_set(done), "a reader is a vCPU in use");
        ensure!(listed.is_some(), "a setter is a vCPU in use");
        let value_of = |id| entries.iter().find(|entry| entry.id == id).map(|e| e.value);
        let found = [
            value_of(ID_REG.id()) == Some(ID_SET),
            value_of(FwReg::Bitmap(VENDOR).id()) == Some(VENDOR_SET),
            value_of(FwReg::PsciVersion.id()) == Some(PSCI_SET),
        ];
        ensure!(all_or_none(&found), "a list has half of a set");
        Ok(())
    });
}
