// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Has libFuzzer drive the target that `KVMFIT_FUZZ_TARGET` names.

#![no_main]

use std::sync::OnceLock;
use std::{env, process};

use kvmfit_fuzz::{target, Target, TARGETS};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fn chosen() -> &'static Target {
    TARGET.get_or_init(|| {
        let name = env::var("KVMFIT_FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| {
            eprintln!("KVMFIT_FUZZ_TARGET={name} is not known; good values:");
            for target in &TARGETS {
                eprintln!("{}", target.name);
            }
            process::exit(2)
        })
    })
}

libfuzzer_sys::fuzz_target!(init: chosen(), |bytes: &[u8]| {
    (chosen().run)(bytes);
});
