// SPDX-License-Identifier: GPL-2.0

//! Reports of C about other vCPUs, while it handles a call that Rust judges.

use core::{
    cell::Cell,
    ptr, //
};

use crate::{
    bindings,
    kvm::{
        abi::{
            Seen,
            Verdict, //
        },
        view::fields,
        ExitedVcpu,
        Vcpu, //
    }, //
};

fields! {
    impl ExitedVcpu<'_> as Vcpu {
        /// By the type invariant only the current task, which handles the exit, uses the notes.
        fn notes_field() -> Own<*mut bindings::kvm_arm_abi_notes> = arch.abi_notes;
    }
}

/// Notes of the reports about other vCPUs, for a call that depends on them.
pub struct Notes(Cell<Seen>);

impl Notes {
    /// Creates the notes of a call.
    #[inline]
    pub fn new(seen: Seen) -> Self {
        Self(Cell::new(seen))
    }

    /// Returns what follows from the notes.
    #[inline]
    pub fn verdict(&self) -> Verdict {
        self.0.get().verdict()
    }
}

impl ExitedVcpu<'_> {
    /// Calls a function; meanwhile, [`ExitedVcpu::note`] writes to these notes.
    #[inline]
    pub fn with_notes<R>(self, notes: &Notes, f: impl FnOnce() -> R) -> R {
        self.notes_field()
            .set(ptr::from_ref(notes).cast_mut().cast());
        let result = f();
        self.notes_field().set(ptr::null_mut());
        result
    }

    /// Writes to the notes of the call that is being handled, if it has any.
    #[inline]
    pub fn note(self, f: impl FnOnce(&mut Seen)) {
        let notes = self.notes_field().get();
        // SAFETY: The field is null, or `with_notes()` has stored a reference to notes there and
        // has not returned, because it clears the field first. Only the current task, which runs
        // `with_notes()`, accesses the notes.
        let Some(notes) = (unsafe { notes.cast::<Notes>().as_ref() }) else {
            return;
        };
        let mut seen = notes.0.get();
        f(&mut seen);
        notes.0.set(seen);
    }
}
