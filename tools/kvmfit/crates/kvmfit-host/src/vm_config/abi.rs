// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The numbers and structures that the kernel takes.

use kvmfit::id::RegId;

/// `KVM_CAP_ARM_MIGRATION`.
pub(crate) const CAP: u32 = 0x4152_4d10;

/// The most entries of a request.
pub(crate) const MOST_ENTRIES: usize = 4096;
/// More registers than any VM has today.
pub(crate) const ROOM: usize = 128;

pub(crate) const TOLERATE_ZERO: u32 = 1;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Op {
    Get = 0,
    Check = 1,
    Set = 2,
}

/// `struct kvm_arm_vm_config`, 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Request {
    pub(crate) op: u32,
    pub(crate) flags: u32,
    pub(crate) n: u32,
    pub(crate) entry_size: u32,
    pub(crate) entries: u64,
    pub(crate) reserved: [u64; 5],
}

/// `struct kvm_arm_vm_config_entry`, 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) value: u64,
    pub(crate) mask: u64,
    pub(crate) limit: u64,
    pub(crate) err: i32,
    pub(crate) reason: u32,
    pub(crate) other: u32,
    pub(crate) scope: u32,
    pub(crate) reserved: [u64; 2],
}

/// `other` of an entry without one.
pub(crate) const NO_OTHER: u32 = u32::MAX;

pub(crate) const ENTRY_SIZE: u32 = 64;
const _: () = assert!(size_of::<Request>() == 64 && size_of::<Entry>() == ENTRY_SIZE as usize);

impl Entry {
    pub(crate) fn new(id: RegId, value: u64) -> Self {
        Self { id: id.raw(), value, ..Self::default() }
    }

    pub(crate) fn reg(&self) -> RegId {
        RegId::new(self.id)
    }
}

impl Request {
    /// `entries` is an address.
    pub(crate) fn new(op: Op, flags: u32, n: u32, entries: u64) -> Self {
        Self { op: op as u32, flags, n, entry_size: ENTRY_SIZE, entries, reserved: [0; 5] }
    }
}
