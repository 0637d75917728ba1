// SPDX-License-Identifier: GPL-2.0

//! Reasons for refusing an access.

/// Why an access to a register is refused; a refused access changes nothing.
///
/// Several reasons share an errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// No register has this id.
    UnknownRegister,
    /// The size field of the id is not that of the register.
    WrongSize,
    /// The value has no meaning for the register, or none for a vCPU with these features.
    InvalidValue,
    /// The value asks for more than the host can give.
    AboveHost,
    /// A field of an ID register is not the safe one of itself and the host's limit.
    UnsafeValue,
    /// The VM has run, which froze the register at another value.
    Frozen,
    /// The register depends on the features of the VM's vCPUs, which are not known yet.
    NotReady,
}

/// A VM or a device has no such attribute.
///
/// Not a [`Reject`], as no access to a register is refused for it, and each conversion of a
/// [`Reject`] would be longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoAttribute;

/// Userspace's list has no room for all ids. Not a [`Reject`], like [`NoAttribute`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoRoom;
