// SPDX-License-Identifier: GPL-2.0

//! Reports of C about other vCPUs, while it handles a call that Rust judges.

use core::{
    cell::Cell,
    ptr, //
};

use crate::kvm::{
    abi::{
        Seen,
        Verdict, //
    },
    ExitedVcpu, //
};

/// Notes of the reports about other vCPUs, if the call depends on them.
pub struct Notes(Cell<Option<Seen>>);

impl Notes {
    /// Creates the notes of a call; `None` if it does not depend on other vCPUs.
    pub fn new(seen: Option<Seen>) -> Self {
        Self(Cell::new(seen))
    }

    /// Returns what follows from the notes.
    pub fn verdict(&self) -> Verdict {
        self.0.get().map_or(Verdict::Unknown, |seen| seen.verdict())
    }
}

impl ExitedVcpu<'_> {
    /// Calls a function; meanwhile, [`ExitedVcpu::note`] writes to these notes.
    pub fn with_notes<R>(self, notes: &Notes, f: impl FnOnce() -> R) -> R {
        // SAFETY: By the invariant of `Vcpu` it is valid, so that its fields have addresses.
        let field = unsafe { &raw mut (*self.as_ptr()).arch.abi_notes };
        // SAFETY: By the type invariant only the current task, which handles the exit, accesses the
        // field.
        unsafe { field.write(ptr::from_ref(notes).cast_mut().cast()) };
        let result = f();
        // SAFETY: As above.
        unsafe { field.write(ptr::null_mut()) };
        result
    }

    /// Writes to the notes of the call that is being handled, if it has any.
    pub fn note(self, f: impl FnOnce(&mut Seen)) {
        // SAFETY: By the invariant of `Vcpu` it is valid; by the type invariant only the current
        // task accesses the field.
        let notes = unsafe { (*self.as_ptr()).arch.abi_notes };
        // SAFETY: The field is null, or `with_notes()` has stored a reference to notes there and
        // has not returned, because it clears the field first. Only the current task, which runs
        // `with_notes()`, accesses the notes.
        let Some(notes) = (unsafe { notes.cast::<Notes>().as_ref() }) else {
            return;
        };
        if let Some(mut seen) = notes.0.get() {
            f(&mut seen);
            notes.0.set(Some(seen));
        }
    }
}
