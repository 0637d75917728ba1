// SPDX-License-Identifier: GPL-2.0

//! The version of PSCI: one word without a lock, except in VMs that opted in to freeze it.

use std::sync::Arc;

use kvm_abi::{
    FwLocked,
    FwVm,
    PsciVersion,
    Reject,
    VcpuFeatures, //
};
use kvm_abi_model::{
    ensure,
    flag,
    in_every_order,
    set_psci_version,
    set_psci_version_until_run,
    Guest,
    Vm, //
};
use loom::{
    sync::atomic::{
        AtomicU16,
        Ordering::Relaxed, //
    },
    thread, //
};

const V0_1: u64 = 0x0_0001;
const V0_2: u64 = 0x0_0002;
const V1_1: u64 = 0x1_0001;
const LATEST: u64 = 0x1_0003;

type Write = fn(&Vm, u64) -> Result<(), Reject>;

/// Writers race, and one value is refused: a guest sees one of the accepted values.
#[test]
fn readers_see_what_was_rightly_written() {
    in_every_order(Some(3), || {
        let vm = Arc::new(Vm::new());
        let mut writers = Vec::new();
        for values in [[V0_2, 0x1_0004], [V1_1, V0_1]] {
            let vm = vm.clone();
            writers.push(thread::spawn(move || {
                let [valid, invalid] = values;
                [set_psci_version(&vm, valid), set_psci_version(&vm, invalid)]
            }));
        }
        let seen = Guest::of(&vm).psci();
        for writer in writers {
            let results = writer.join().expect("no panic");
            ensure!(
                results == [Ok(()), Err(Reject::InvalidValue)],
                "a writer gets {results:?}"
            );
        }
        let last = Guest::of(&vm).psci();
        ensure!(
            [LATEST, V0_2, V1_1].contains(&seen) && [V0_2, V1_1].contains(&last),
            "a guest sees {seen:#x}, then {last:#x}"
        );
        Ok(())
    });
}

#[test]
#[should_panic(expected = "a guest sees 0x10002")]
fn version_written_in_halves_is_seen_torn() {
    in_every_order(None, || {
        let version = Arc::new([AtomicU16::new(2), AtomicU16::new(0)]);
        let writer = thread::spawn({
            let version = version.clone();
            move || {
                let value = PsciVersion::decide(V1_1, true).expect("that is a version");
                for (half, shift) in version.iter().zip([0, 16]) {
                    half.store((value.to_raw() >> shift) as u16, Relaxed);
                }
            }
        });
        let [minor, major] = [0, 1].map(|half: usize| u32::from(version[half].load(Relaxed)));
        let seen = u64::from(PsciVersion::seen(major << 16 | minor, true));
        writer.join().expect("no panic");
        ensure!([V0_2, V1_1].contains(&seen), "a guest sees {seen:#x}");
        Ok(())
    });
}

/// The version of a VM that opted in is written while a vCPU runs for the first time.
fn a_run_freezes(write: Write) {
    in_every_order(None, move || {
        let vm = Arc::new(Vm::new());
        vm.set(flag::PSCI_FREEZE);
        vm.configure_features(true);
        let writer = thread::spawn({
            let vm = vm.clone();
            move || write(&vm, V0_2)
        });
        vm.first_run();
        let [found, again] = [(); 2].map(|()| Guest::of(&vm).psci());
        let written = writer.join().expect("no panic");
        let at_last = Guest::of(&vm).psci();
        ensure!(
            found == again && found == at_last,
            "a frozen version changes"
        );
        let expected = if written.is_ok() { V0_2 } else { LATEST };
        ensure!(at_last == expected, "a write is not what it returns");
        Ok(())
    });
}

#[test]
fn frozen_version_does_not_change_after_a_run() {
    a_run_freezes(set_psci_version_until_run);
}

#[test]
#[should_panic(expected = "a frozen version changes")]
fn without_the_opt_in_the_version_changes_after_a_run() {
    a_run_freezes(set_psci_version);
}

#[test]
#[should_panic(expected = "a frozen version changes")]
fn without_the_lock_a_frozen_version_changes() {
    fn write(vm: &Vm, value: u64) -> Result<(), Reject> {
        let stored = vm.psci_version();
        let version = PsciVersion::decide_until_run(value, stored, vm.features(), vm.ran_once())?;
        vm.store_psci_version(version);
        Ok(())
    }
    a_run_freezes(write);
}

/// A VM opts in while its first vCPU is created and used: either it is too late to opt in, or the
/// vCPU sees the opt-in.
fn opting_in_comes_before_vcpus(opt_in: fn(&Vm) -> bool) {
    in_every_order(None, move || {
        let vm = Arc::new(Vm::new());
        let other = thread::spawn({
            let vm = vm.clone();
            move || opt_in(&vm)
        });

        // kvm_vm_ioctl_create_vcpu(), KVM_ARM_VCPU_INIT
        *vm.lock_vcpus() += 1;
        vm.configure_features(true);
        vm.first_run();
        // kvm_arm_rust_one_reg(): the opt-ins of the vCPU's VM select the path of the write.
        let written = match vm.has(flag::PSCI_FREEZE) {
            true => set_psci_version_until_run(&vm, V0_2),
            false => set_psci_version(&vm, V0_2),
        };

        let opted_in = other.join().expect("no panic");
        ensure!(opted_in == written.is_err(), "a frozen version changes");
        Ok(())
    });
}

#[test]
fn every_vcpu_sees_that_its_vm_opted_in() {
    opting_in_comes_before_vcpus(|vm| {
        let vcpus = vm.lock_vcpus();
        if *vcpus == 0 {
            vm.set(flag::PSCI_FREEZE);
        }
        *vcpus == 0
    });
}

#[test]
#[should_panic(expected = "a frozen version changes")]
fn vcpu_created_after_a_check_without_the_lock_misses_the_opt_in() {
    opting_in_comes_before_vcpus(|vm| {
        let none = *vm.lock_vcpus() == 0;
        if none {
            vm.set(flag::PSCI_FREEZE);
        }
        none
    });
}

/// Userspace sets a version while the VM's first vCPU gets its features: the two fit, or one of
/// them is refused.
fn version_and_features_fit(init_vcpu: fn(&Vm, bool) -> bool) {
    in_every_order(None, move || {
        let vm = Arc::new(Vm::new());
        let writer = thread::spawn({
            let vm = vm.clone();
            move || set_psci_version_until_run(&vm, V0_1)
        });
        let initialised = init_vcpu(&vm, true);
        let written = writer.join().expect("no panic");
        let fits = PsciVersion::fits(vm.psci_version(), true);
        ensure!(
            !initialised || fits,
            "the vCPU cannot have its VM's version"
        );
        ensure!(initialised != written.is_ok(), "neither is refused");
        let known = VcpuFeatures::Known { psci_0_2: true };
        ensure!(
            (vm.features() == known) == initialised,
            "a refused vCPU has features"
        );
        Ok(())
    });
}

#[test]
fn features_and_version_go_together() {
    version_and_features_fit(Vm::init_vcpu);
}

#[test]
#[should_panic(expected = "the vCPU cannot have its VM's version")]
fn without_the_lock_features_and_version_do_not_go_together() {
    version_and_features_fit(|vm, psci_0_2| {
        let fits = PsciVersion::fits(vm.psci_version(), psci_0_2);
        if fits {
            vm.configure_features(psci_0_2);
        }
        fits
    });
}
