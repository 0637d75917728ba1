// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Each target on random bytes: a run that a seed determines.
//!
//! `KVMFIT_FUZZ_SEED` and `KVMFIT_FUZZ_RUNS` change it. An input that fails is saved, and
//! `KVMFIT_FUZZ_REPLAY=FILE cargo test TARGET` runs it again.

use std::panic::catch_unwind;
use std::{env, fs};

use kvmfit_fuzz::{target, TARGETS};

const SEED: u64 = 1;
const RUNS: u64 = 10_000;
const LONGEST: u64 = 96;

fn setting(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.next() % (LONGEST + 1);
        // Short inputs damage little, and get further.
        let length = if self.next() % 2 == 0 { length % 13 } else { length };
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

fn bounded(name: &str) {
    let target = target(name).expect("no such target");
    if let Ok(file) = env::var("KVMFIT_FUZZ_REPLAY") {
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        (target.run)(&bytes);
        return;
    }
    let seed = setting("KVMFIT_FUZZ_SEED", SEED);
    // Another stream for each target, the same one in each run.
    let stream = name
        .bytes()
        .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut random = Random(stream);
    (target.run)(&[]);
    for run in 0..setting("KVMFIT_FUZZ_RUNS", RUNS) {
        let bytes = random.bytes();
        if catch_unwind(|| (target.run)(&bytes)).is_err() {
            let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/failed-").to_owned() + name;
            fs::write(&file, &bytes).expect("the input could not be saved");
            panic!("run {run} of seed {seed}; again: KVMFIT_FUZZ_REPLAY={file} cargo test {name}");
        }
    }
}

macro_rules! bounded {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                bounded(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_run() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
        }
    };
}

bounded!(any, dump, state, fingerprint, template, vmstate, cloud_hypervisor, qemu, texts, decide);
