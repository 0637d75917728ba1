// SPDX-License-Identifier: GPL-2.0

//! The filter of a VM's hypercalls; the ranges are in a maple tree of C.
//!
//! C header: [`include/linux/maple_tree.h`](srctree/include/linux/maple_tree.h)

use core::{
    num::NonZero,
    ptr, //
};

use crate::{
    bindings,
    ffi::c_int,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use crate::kvm::{
    abi::{
        FilterEntry,
        FilterLocked,
        FilterRange,
        FilterRequest,
        FilterVm,
        FuncId,
        FwVm, //
    },
    ConfigLock,
    Guard,
    Held,
    Vm, //
};

/// Reads a `struct kvm_smccc_filter`, which has 24 bytes.
///
/// # Errors
///
/// [`EFAULT`] if a byte of the structure cannot be read.
#[inline]
pub fn read_request(from: UserPtr) -> Result<FilterRequest> {
    let words: [u64; 3] = UserSlice::new(from, size_of::<bindings::kvm_smccc_filter>())
        .reader()
        .read()?;
    Ok(FilterRequest::from_le_words(words.map(u64::from_le)))
}

/// Copies C's structure, which C has read from userspace.
///
/// # Safety
///
/// `filter` must point to a valid structure that nobody writes during the call.
#[inline]
pub unsafe fn request_from_raw(filter: *const bindings::kvm_smccc_filter) -> FilterRequest {
    // SAFETY: The structure has 24 bytes without padding, of which any are valid words.
    let words: [u64; 3] = unsafe { filter.cast::<[u64; 3]>().read_unaligned() };
    FilterRequest::from_le_words(words.map(u64::from_le))
}

impl Vm {
    /// Returns whether there is a filter; without one, KVM handles every call.
    #[inline]
    pub fn has_smccc_filter(&self) -> bool {
        // SAFETY: By the type invariant the field is valid and initialised.
        unsafe { !bindings::mtree_empty(&raw const (*self.as_ptr()).arch.smccc_filter) }
    }

    /// Returns the filter's entry for a function.
    #[inline]
    pub fn smccc_filter_entry(&self, id: FuncId) -> FilterEntry {
        // CAST: `unsigned long` has 64 bits on arm64.
        let max = id.to_raw() as usize;
        let mut index = max;
        // SAFETY: By the type invariant the field is valid and initialised; `index` is ours.
        let value = unsafe {
            bindings::xa_to_value(bindings::mt_find(
                &raw mut (*self.as_ptr()).arch.smccc_filter,
                ptr::from_mut(&mut index),
                max,
            ))
        };
        // CAST: As above.
        FilterEntry::from_raw(value as u64)
    }
}

impl Held<'_, ConfigLock> {
    /// Returns whether the filter has an entry for any function of the range.
    #[inline]
    pub fn smccc_filter_has_any(&self, range: &FilterRange) -> bool {
        // CAST: `unsigned long` has 64 bits on arm64.
        let mut index = range.first.to_raw() as usize;
        // SAFETY: By the invariant of `Vm` the field is valid and initialised; `index` is ours.
        let entry = unsafe {
            bindings::mt_find(
                &raw mut (*self.as_ptr()).arch.smccc_filter,
                ptr::from_mut(&mut index),
                range.last.to_raw() as usize,
            )
        };
        !entry.is_null()
    }
}

/// Why a range was not added: `-EEXIST` if a function of it is in the filter already, or `-ENOMEM`.
pub struct InsertError(NonZero<c_int>);

impl InsertError {
    /// Returns the negative errno.
    #[inline]
    pub fn to_errno(self) -> NonZero<c_int> {
        self.0
    }
}

impl FilterVm for Vm {
    type Locked<'a> = Guard<'a, ConfigLock>;
    type Error = InsertError;

    #[inline]
    fn lock_filter(&self) -> Guard<'_, ConfigLock> {
        self.lock_config()
    }
}

impl FilterLocked for Held<'_, ConfigLock> {
    type Error = InsertError;

    #[inline]
    fn is_empty(&self) -> bool {
        !self.has_smccc_filter()
    }

    #[inline]
    fn insert(&self, range: &FilterRange) -> Result<(), InsertError> {
        // SAFETY: By the invariant of `Vm` the field is valid and initialised; writers hold the
        // lock, as we do. An action is small enough for a value entry.
        // CAST: `unsigned long` has 64 bits on arm64.
        let ret = unsafe {
            bindings::mtree_insert_range(
                &raw mut (*self.as_ptr()).arch.smccc_filter,
                range.first.to_raw() as usize,
                range.last.to_raw() as usize,
                bindings::xa_mk_value(range.action.to_raw() as usize),
                bindings::GFP_KERNEL_ACCOUNT,
            )
        };
        NonZero::new(ret).map_or(Ok(()), |errno| Err(InsertError(errno)))
    }

    #[inline]
    fn clear(&self) {
        // SAFETY: As in `insert()`; nobody else reads the tree before it has a range.
        unsafe { bindings::mtree_destroy(&raw mut (*self.as_ptr()).arch.smccc_filter) };
    }
}
