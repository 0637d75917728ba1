// SPDX-License-Identifier: GPL-2.0

//! What C says that it has seen of other vCPUs, while it handles a call that is judged.

use core::{
    cell::Cell,
    ptr, //
};

use super::{
    abi::{
        Seen,
        Verdict, //
    },
    ExitedVcpu, //
};

/// Notes of what is seen of other vCPUs, if the call depends on them.
pub struct Notes(Cell<Option<Seen>>);

impl Notes {
    /// Creates notes, of a call of which this has been seen so far.
    pub fn new(seen: Option<Seen>) -> Self {
        Self(Cell::new(seen))
    }

    /// Returns what follows from them.
    pub fn verdict(&self) -> Verdict {
        self.0.get().map_or(Verdict::Unknown, |seen| seen.verdict())
    }
}

impl ExitedVcpu<'_> {
    /// Calls a function, during which [`ExitedVcpu::note`] writes to these notes.
    pub fn with_notes<R>(self, notes: &Notes, f: impl FnOnce() -> R) -> R {
        // SAFETY: By the invariant of `Vcpu` it is valid, so that its fields have addresses.
        let field = unsafe { &raw mut (*self.as_ptr()).arch.abi_notes };
        // SAFETY: By the type invariant nobody but the current task, which handles the exit,
        // accesses the field.
        unsafe { field.write(ptr::from_ref(notes).cast_mut().cast()) };
        let result = f();
        // SAFETY: As above.
        unsafe { field.write(ptr::null_mut()) };
        result
    }

    /// Writes to the notes of the call that is being handled, if there are any.
    pub fn note(self, f: impl FnOnce(&mut Seen)) {
        // SAFETY: By the invariant of `Vcpu` it is valid; by the type invariant nobody but the
        // current task accesses the field.
        let notes = unsafe { (*self.as_ptr()).arch.abi_notes };
        // SAFETY: It is null, or `with_notes()` has put there a reference to notes, and has not
        // returned, as it takes it away when it does. The current task is in its midst, so that
        // nobody else accesses them.
        let Some(notes) = (unsafe { notes.cast::<Notes>().as_ref() }) else {
            return;
        };
        if let Some(mut seen) = notes.0.get() {
            f(&mut seen);
            notes.0.set(Some(seen));
        }
    }
}
