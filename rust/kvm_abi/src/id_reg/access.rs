// SPDX-License-Identifier: GPL-2.0

//! Writes to the ID registers that all vCPUs of a VM share: lock, look, decide, commit.
//!
//! The sequence exists once, here, for all who run it: the kernel when Rust serves, and the model
//! of the locks.
//!
//! Reference: `set_id_reg()`, `set_imp_id_reg()`.

use super::{
    IdReg,
    IdRegState, //
};
use crate::Reject;

/// An ID register of a VM, as one of the VM's vCPUs sees it.
pub trait IdRegAccess {
    /// The register while the VM's configuration is locked.
    type Locked<'a>: IdRegLocked
    where
        Self: 'a;

    /// Locks the configuration of the VM until the result is dropped.
    fn lock_config(&self) -> Self::Locked<'_>;
}

/// An ID register of a VM whose configuration is locked.
pub trait IdRegLocked {
    /// The state of the register.
    type State: IdRegState;

    /// Returns the state of the register.
    fn state(&self) -> &Self::State;

    /// Stores a value. Not called if a vCPU of the VM has run.
    fn store(&self, value: u64);
}

impl IdReg {
    /// Writes the register. A refused write changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`IdReg::decide`].
    #[inline]
    pub fn set(self, register: &impl IdRegAccess, value: u64) -> Result<(), Reject> {
        let locked = register.lock_config();
        let stored = self.decide(value, locked.state())?;
        // The only value that a VM that has run accepts is the current one.
        if stored != locked.state().current() {
            locked.store(stored);
        }
        Ok(())
    }
}
