// SPDX-License-Identifier: GPL-2.0

//! Runs the target that `KVM_ABI_FUZZ_TARGET` names under libFuzzer.

#![no_main]

use std::{
    env,
    process,
    sync::OnceLock, //
};

use kvm_abi_fuzz::{
    target,
    Input,
    Target,
    TARGETS, //
};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fn chosen() -> &'static Target {
    TARGET.get_or_init(|| {
        let name = env::var("KVM_ABI_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| {
            eprintln!("KVM_ABI_FUZZ_TARGET={name} is not known; good values:");
            for target in &TARGETS {
                eprintln!("{}", target.name);
            }
            process::exit(2)
        })
    })
}

libfuzzer_sys::fuzz_target!(init: chosen(), |bytes: &[u8]| {
    (chosen().run)(&mut Input::new(bytes));
});
