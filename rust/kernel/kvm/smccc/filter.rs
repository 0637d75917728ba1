// SPDX-License-Identifier: GPL-2.0

//! The filter of a VM's hypercalls; the ranges are in a maple tree of C.
//!
//! C header: [`include/linux/maple_tree.h`](srctree/include/linux/maple_tree.h)

use core::num::NonZero;

use crate::{
    bindings,
    ffi::{
        c_int,
        c_ulong,
        c_void, //
    },
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use crate::kvm::{
    abi::{
        FilterEntry,
        FilterList,
        FilterLocked,
        FilterRange,
        FilterRanges,
        FilterRequest,
        FilterVm,
        FuncId,
        FwVm, //
    },
    view::{
        calls,
        fields, //
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

/// Reads a `struct kvm_arm_smccc_filter_list`, which has 32 bytes.
///
/// # Errors
///
/// [`EFAULT`] if a byte of the structure cannot be read.
#[inline]
pub fn read_list(from: UserPtr) -> Result<FilterList> {
    let words: [u64; 4] = UserSlice::new(from, size_of::<bindings::kvm_arm_smccc_filter_list>())
        .reader()
        .read()?;
    Ok(FilterList::from_le_words(words.map(u64::from_le)))
}

/// Converts C's structure, which C has read from userspace.
#[inline]
pub fn request_from(filter: bindings::kvm_smccc_filter) -> FilterRequest {
    FilterRequest::new(filter.base, filter.nr_functions, filter.action, filter.pad)
}

calls! {
    /// Shifts the bits of the entry, which is no address.
    fn to_value(entry: *mut c_void) -> c_ulong = xa_to_value;
    /// Shifts the bits of the value.
    fn from_value(value: c_ulong) -> *mut c_void = xa_mk_value;
}

calls! {
    impl Held<'_, ConfigLock> as Vm {
        /// Needs a VM whose lock is held, as it is by the type invariant, and whose filter is
        /// initialised, as it is by that of `Vm`.
        fn find_range(from: c_ulong, range: &mut bindings::kvm_smccc_filter) -> bool =
            kvm_arm_find_filter_range;
    }
}

fields! {
    impl Vm as Vm {
        /// Initialised by the type invariant. C reads it under RCU.
        fn filter_field() -> Place<bindings::maple_tree> = arch.smccc_filter;
    }
}

impl Vm {
    /// Returns whether there is a filter; without one, KVM handles every call.
    #[inline]
    pub fn has_smccc_filter(&self) -> bool {
        // SAFETY: The tree is valid and initialised.
        unsafe { !bindings::mtree_empty(self.filter_field().as_ptr()) }
    }

    /// Returns the entry for the first function from `first` to `last` that has one; null if none.
    #[inline]
    fn find(&self, first: FuncId, last: FuncId) -> *mut c_void {
        // CAST: `unsigned long` has 64 bits on arm64.
        let (mut index, max) = (first.to_raw() as c_ulong, last.to_raw() as c_ulong);
        // SAFETY: The tree is valid and initialised; `index` is ours.
        unsafe { bindings::mt_find(self.filter_field().as_ptr(), &raw mut index, max) }
    }

    /// Returns the filter's entry for a function.
    #[inline]
    pub fn smccc_filter_entry(&self, id: FuncId) -> FilterEntry {
        // An entry is a value; null, for no entry, counts as 0.
        let value = to_value(self.find(id, id));
        // CAST: `unsigned long` has 64 bits on arm64.
        FilterEntry::from_raw(value as u64)
    }
}

impl Held<'_, ConfigLock> {
    /// Returns whether the filter has an entry for any function of the range.
    #[inline]
    pub fn smccc_filter_has_any(&self, range: &FilterRange) -> bool {
        !self.find(range.first, range.last).is_null()
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
        // SAFETY: The tree is valid and initialised; writers hold the lock, as we do. An action is
        // small enough for a value entry.
        // CAST: `unsigned long` has 64 bits on arm64.
        let ret = unsafe {
            bindings::mtree_insert_range(
                self.filter_field().as_ptr(),
                range.first.to_raw() as c_ulong,
                range.last.to_raw() as c_ulong,
                from_value(range.action.to_raw() as c_ulong),
                bindings::GFP_KERNEL_ACCOUNT,
            )
        };
        NonZero::new(ret).map_or(Ok(()), |errno| Err(InsertError(errno)))
    }

    #[inline]
    fn clear(&self) {
        // SAFETY: As in `insert()`; nobody else reads the tree before it has a range.
        unsafe { bindings::mtree_destroy(self.filter_field().as_ptr()) };
    }
}

impl FilterRanges for Held<'_, ConfigLock> {
    #[inline]
    fn range_from(&self, from: u64) -> Option<FilterRange> {
        let mut raw = bindings::kvm_smccc_filter::default();
        // CAST: `unsigned long` has 64 bits on arm64.
        if !self.find_range(from as c_ulong, &mut raw) {
            return None;
        }
        // C has stored what a request had, so it is one.
        request_from(raw).admit().ok()
    }
}
