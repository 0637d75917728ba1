// SPDX-License-Identifier: GPL-2.0

//! `KVM_ARM_VM_CONFIG` with its locks in another order.
//!
//! A file of its own, as it replaces what is printed for a panic.

use std::{
    panic,
    sync::Arc, //
};

use kvm_abi::{
    ConfigOp,
    FeatureBitmap,
    FwReg, //
};
use kvm_abi_model::{
    in_every_order,
    set_bitmap_by_rust,
    vm_config,
    Entry,
    Locks,
    Vm, //
};
use loom::thread;

/// A set that takes the `config_lock` first waits for a vCPU whose ioctl waits for that lock.
#[test]
#[should_panic(expected = "deadlock")]
fn waiting_for_a_vcpu_with_the_config_lock_is_a_deadlock() {
    // Loom's stacks are too small for the text of a panic.
    panic::set_hook(Box::new(|_| ()));
    in_every_order(None, || {
        let vm = Arc::new(Vm::new());
        vm.create_vcpu();
        let setter = thread::spawn({
            let vm = vm.clone();
            move || {
                let locks = Locks {
                    wait: true,
                    ..Locks::ALL
                };
                let mut entries = [Entry::new(FwReg::PsciVersion.id(), 0x1_0001)];
                vm_config(&vm, ConfigOp::Set, &mut entries, locks)
            }
        });
        // KVM_SET_ONE_REG
        let vcpu = vm.lock_vcpu(0);
        let written = set_bitmap_by_rust(&vm, FeatureBitmap::Std, 0);
        drop(vcpu);
        let done = setter.join();
        assert!(written.is_ok() && done.is_ok());
        Ok(())
    });
}
