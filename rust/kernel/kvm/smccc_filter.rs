// SPDX-License-Identifier: GPL-2.0

//! The filter of a VM's hypercalls; the ranges are in a maple tree of C.
//!
//! C header: [`include/linux/maple_tree.h`](srctree/include/linux/maple_tree.h)

use core::ptr;

use crate::{
    bindings,
    ffi::c_int,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use super::{
    abi::{
        FilterEntry,
        FilterRange,
        FilterRequest,
        FuncId, //
    },
    ConfigLocked,
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

/// Copies C's structure.
#[inline]
pub fn from_c(filter: &bindings::kvm_smccc_filter) -> FilterRequest {
    FilterRequest::new(filter.base, filter.nr_functions, filter.action, filter.pad)
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

impl ConfigLocked<'_> {
    /// Returns whether the filter has an entry for any function of the range.
    pub fn smccc_filter_has_any(self, range: &FilterRange) -> bool {
        // CAST: `unsigned long` has 64 bits on arm64.
        let mut index = range.first.to_raw() as usize;
        // SAFETY: By the invariant of `Vm` the field is valid and initialised; `index` is ours.
        let entry = unsafe {
            bindings::mt_find(
                &raw mut (*self.vm().as_ptr()).arch.smccc_filter,
                ptr::from_mut(&mut index),
                range.last.to_raw() as usize,
            )
        };
        !entry.is_null()
    }

    /// Adds a range to the filter. Before the first one, adds the reserved ranges.
    ///
    /// Returns 0; `-EEXIST` if a function of the range is in the filter already; `-ENOMEM`, and
    /// then the reserved ranges may have been added.
    #[inline]
    pub fn filter_smccc(self, range: &FilterRange) -> c_int {
        if !self.vm().has_smccc_filter() {
            for reserved in &FilterRange::RESERVED {
                let ret = self.insert(reserved);
                if ret != 0 {
                    // SAFETY: As in `insert()`; nobody else reads the tree before it has a range.
                    unsafe {
                        bindings::mtree_destroy(&raw mut (*self.vm().as_ptr()).arch.smccc_filter)
                    };
                    return ret;
                }
            }
        }
        self.insert(range)
    }

    #[inline]
    fn insert(self, range: &FilterRange) -> c_int {
        // SAFETY: By the invariant of `Vm` the field is valid and initialised; writers hold the
        // lock, as we do. An action is small enough for a value entry.
        // CAST: `unsigned long` has 64 bits on arm64.
        unsafe {
            bindings::mtree_insert_range(
                &raw mut (*self.vm().as_ptr()).arch.smccc_filter,
                range.first.to_raw() as usize,
                range.last.to_raw() as usize,
                bindings::xa_mk_value(range.action.to_raw() as usize),
                bindings::GFP_KERNEL_ACCOUNT,
            )
        }
    }
}
