// SPDX-License-Identifier: Apache-2.0 OR MIT

//! How far a measurement is.

use crate::measure::Progress;

/// Each part of the work counts for so many steps.
const PART: u64 = 100;

/// Reports how far it is.
pub(crate) struct Meter<'a> {
    report: &'a mut dyn FnMut(&Progress<'_>),
    parts: u64,
    total: u64,
    done: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(report: &'a mut dyn FnMut(&Progress<'_>), parts: usize) -> Self {
        Self { report, parts: 0, total: parts as u64 * PART, done: 0 }
    }

    /// Step `n` of `of` in the current part.
    pub(crate) fn step(&mut self, what: &str, n: usize, of: usize) {
        let done = self.parts * PART + PART * n as u64 / of.max(1) as u64;
        self.done = self.done.max(done.min(self.total));
        (self.report)(&Progress { done: self.done, total: self.total, what });
    }

    /// There is more to do than was said at first.
    pub(crate) fn more(&mut self, parts: usize) {
        self.total += parts as u64 * PART;
    }

    pub(crate) fn part(&mut self, what: &str) {
        self.parts += 1;
        self.step(what, 0, 1);
    }
}
