// SPDX-License-Identifier: GPL-2.0

//! Each target on random bytes, for a second; a seed determines the run.
//!
//! `KVM_ABI_FUZZ_SEED` and `KVM_ABI_FUZZ_RUNS` change it. The test saves an input that fails, and
//! prints the command to run it again.

use std::{
    env,
    fs,
    panic::catch_unwind, //
};

use kvm_abi_fuzz::{
    target,
    Input,
    TARGETS, //
};

const SEED: u64 = 1;
const RUNS: u64 = 200_000;
/// The length of the longest input that a target reads.
const LONGEST: usize = 256;

fn setting(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
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
        let length = self.next() as usize % (LONGEST + 1);
        let mut bytes: Vec<u8> = (0..length.div_ceil(8))
            .flat_map(|_| self.next().to_le_bytes())
            .collect();
        bytes.truncate(length);
        bytes
    }
}

fn bounded(name: &str) {
    let target = target(name).expect("no such target");
    let seed = setting("KVM_ABI_FUZZ_SEED", SEED);
    // A different stream for each target, the same one in each run.
    let stream = name.bytes().fold(seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut random = Random(stream);
    for run in 0..setting("KVM_ABI_FUZZ_RUNS", RUNS) {
        let bytes = random.bytes();
        if catch_unwind(|| (target.run)(&mut Input::new(&bytes))).is_err() {
            let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/failed-").to_owned() + name;
            fs::write(&file, &bytes).expect("the input could not be saved");
            panic!(
                "run {run} of seed {seed}; again: scripts/fuzz-host.sh core replay {name} {file}"
            );
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
        fn each_target_has_a_test() {
            assert!(TARGETS.iter().map(|target| target.name).eq([$(stringify!($name)),*]));
        }
    };
}

bounded!(
    reg_ids,
    func_ids,
    calls,
    filter,
    levels,
    id_fields,
    masks,
    gicc,
    workarounds,
    fw_writes,
    opt_in
);
