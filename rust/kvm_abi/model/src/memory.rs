// SPDX-License-Identifier: GPL-2.0

//! Words that are accessed without a lock.

use loom::sync::atomic::{
    AtomicU32,
    AtomicU64,
    Ordering::Relaxed, //
};

/// Has loom try each order of the accesses that take part in it.
///
/// Of a word loom knows the last access only, so that a load just before a store hides from it that
/// another thread's load could have come in between. So each access first changes a word that all
/// of them share. As that is relaxed it orders nothing but what loom tries.
#[derive(Debug)]
pub(crate) struct Steps(AtomicU32);

impl Steps {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn step(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A word that is read with `READ_ONCE()` and written with `WRITE_ONCE()`, or as one aligned word:
/// relaxed, as the memory model of Linux has it at the least.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    pub(crate) fn load(&self, steps: &Steps) -> u64 {
        steps.step();
        self.0.load(Relaxed)
    }

    pub(crate) fn store(&self, steps: &Steps, value: u64) {
        steps.step();
        self.0.store(value, Relaxed);
    }

    /// `set_bit()`, which is atomic but orders nothing.
    pub(crate) fn set(&self, steps: &Steps, bits: u64) {
        steps.step();
        self.0.fetch_or(bits, Relaxed);
    }
}
