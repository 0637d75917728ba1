// SPDX-License-Identifier: GPL-2.0

//! Words that are accessed without a lock.

use loom::sync::atomic::{
    AtomicU32,
    AtomicU64,
    Ordering::Relaxed, //
};

/// Makes loom explore each order of the accesses that use it.
///
/// Loom remembers only the last access to a word, so a load just before a store hides from loom
/// that another thread's load could come in between. Therefore each access first changes a word
/// that all accesses share. That change is relaxed, so it adds no ordering to the model.
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
/// relaxed, the weakest order that the memory model of Linux gives them.
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
