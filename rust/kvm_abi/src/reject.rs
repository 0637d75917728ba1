// SPDX-License-Identifier: GPL-2.0

//! Reasons for refusing an access.

/// Why an access to a register is refused; a refused access changes nothing.
///
/// The reasons are finer than the errno that userspace gets: several of them share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// No register has this id.
    UnknownRegister,
    /// The size field of the id is not that of the register.
    WrongSize,
    /// The value has no meaning for the register, or not for a vCPU with these features.
    InvalidValue,
    /// The value asks for more than the host can give.
    AboveHost,
    /// A field of an ID register is not the safe one of itself and the host's limit.
    UnsafeValue,
    /// The VM has run, which froze the register at another value.
    Frozen,
    /// The features of the VM's vCPUs, on which the register depends, are not known yet.
    NotReady,
}
