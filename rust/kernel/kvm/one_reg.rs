// SPDX-License-Identifier: GPL-2.0

//! Requests of `KVM_GET_ONE_REG` and `KVM_SET_ONE_REG`.
//!
//! C header: [`include/uapi/linux/kvm.h`](srctree/include/uapi/linux/kvm.h)

use crate::{
    bindings,
    ffi::c_int,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use super::view::calls;

calls! {
    /// Checks that the address belongs to userspace.
    fn put_user(value: u64, to: *mut u64) -> c_int = put_user_u64;
}

/// A copy of the kernel's `struct kvm_one_reg`: a register, and the address of userspace's value.
#[derive(Clone, Copy)]
pub struct OneReg {
    id: u64,
    addr: UserPtr,
}

impl From<bindings::kvm_one_reg> for OneReg {
    #[inline]
    fn from(raw: bindings::kvm_one_reg) -> Self {
        Self {
            id: raw.id,
            // CAST: Addresses have 64 bits on arm64. Each access checks that this one belongs to
            // userspace.
            addr: UserPtr::from_addr(raw.addr as usize),
        }
    }
}

impl OneReg {
    /// Returns the id of the register.
    #[inline]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Reads the value, which has 64 bits.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if a byte of the value cannot be read.
    #[inline]
    pub fn read_value(&self) -> Result<u64> {
        UserSlice::new(self.addr, size_of::<u64>()).reader().read()
    }

    /// Writes the value, which has 64 bits.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if a byte of the value cannot be written; other bytes may have been written.
    #[inline]
    pub fn write_value(&self, value: u64) -> Result {
        UserSlice::new(self.addr, size_of::<u64>())
            .writer()
            .write(&value)
    }
}

/// Writes a list of register ids to userspace, one by one as `KVM_GET_REG_LIST` does.
///
/// # Errors
///
/// [`EFAULT`] if an id cannot be written; the ids before it have been written.
#[inline]
pub fn write_ids(ids: impl Iterator<Item = u64>, mut to: UserPtr) -> Result {
    for id in ids {
        if put_user(id, to.as_mut_ptr().cast()) != 0 {
            return Err(EFAULT);
        }
        to = to.wrapping_byte_add(size_of::<u64>());
    }
    Ok(())
}
