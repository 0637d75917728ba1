// SPDX-License-Identifier: GPL-2.0

//! Requests of `KVM_ARM_GET_REG_WRITABLE_MASKS`, and the masks.
//!
//! C header: [`arch/arm64/include/uapi/asm/kvm.h`](srctree/arch/arm64/include/uapi/asm/kvm.h)

use core::cell::UnsafeCell;

use crate::{
    bindings,
    ffi::{
        c_uint,
        c_ulong,
        c_void, //
    },
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Release, //
            },
            Atomic, //
        },
        lock::mutex::Mutex, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use super::{
    abi::{
        FeatureIdIndex,
        FeatureIdMasks,
        MaskRequest,
        SysReg, //
    },
    view::calls, //
};

/// A copy of the kernel's `struct reg_mask_range`: a request, and the address for the masks.
pub struct RegMaskRange {
    /// The request.
    pub request: MaskRequest,
    addr: UserPtr,
}

impl From<bindings::reg_mask_range> for RegMaskRange {
    #[inline]
    fn from(raw: bindings::reg_mask_range) -> Self {
        Self {
            request: MaskRequest {
                range: raw.range,
                reserved: raw.reserved,
            },
            // CAST: Addresses have 64 bits on arm64. Each access checks that this one belongs to
            // userspace.
            addr: UserPtr::from_addr(raw.addr as usize),
        }
    }
}

impl RegMaskRange {
    /// Writes the masks of the feature ID registers to userspace.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if not all masks can be written. The writable part of the array is zero then: C
    /// clears the whole array before it writes the masks, and userspace sees no difference.
    #[inline]
    pub fn write_feature_id_masks(&self, masks: &FeatureIdMasks) -> Result {
        const SIZE: usize = FeatureIdIndex::COUNT * size_of::<u64>();

        // `clear_user()` works by words. If a word crosses the end of the writable memory, a copy
        // can write bytes of it that `clear_user()` cannot clear. Aligned words do not cross it.
        if !self.addr.as_mut_ptr().cast::<u64>().is_aligned() {
            self.wipe(SIZE)?;
        }

        UserSlice::new(self.addr, SIZE)
            .writer()
            .write(masks.as_array())
            .inspect_err(|_| {
                // Clear what was written. Memory that cannot be cleared was not written.
                let _ = self.wipe(SIZE);
            })
    }

    /// Clears the array of `count` masks in userspace, and writes the masks to it.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if not all masks can be written. The writable part of the array is zero then.
    pub fn write_masks(&self, count: usize, masks: impl Iterator<Item = u64>) -> Result {
        let size = count.saturating_mul(size_of::<u64>());
        self.wipe(size)?;

        let mut writer = UserSlice::new(self.addr, size).writer();
        for mask in masks {
            if let Err(error) = writer.write(&mask) {
                // Another thread has unmapped a part of the array.
                let _ = self.wipe(size);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Clears the array, as far as it can be written.
    #[inline]
    fn wipe(&self, size: usize) -> Result {
        if clear_user(self.addr.as_mut_ptr(), size) != 0 {
            return Err(EFAULT);
        }
        Ok(())
    }
}

/// Masks that are made in place, because they are too large for the stack.
///
/// # Invariants
///
/// - Once `made` is true, it stays true and `masks` does not change.
/// - Until then, `masks` is accessed only under C's `kvm_arm_reg_masks_lock`.
pub struct MadeOnce {
    made: Atomic<bool>,
    masks: UnsafeCell<FeatureIdMasks>,
}

// SAFETY: By the type invariants a writer of the masks has exclusive access, and readers read them
// after they were written.
unsafe impl Sync for MadeOnce {}

impl MadeOnce {
    /// Returns no masks, which are to be made.
    #[inline]
    pub const fn none() -> Self {
        Self {
            // INVARIANT: `made` is false, and nobody accesses `masks` yet.
            made: Atomic::new(false),
            masks: UnsafeCell::new(FeatureIdMasks::NONE),
        }
    }

    /// Returns the masks; the first call makes them.
    #[inline]
    pub fn get(&self, make: impl FnOnce(&mut FeatureIdMasks)) -> &FeatureIdMasks {
        if !self.made.load(Acquire) {
            self.make(make);
        }
        // SAFETY: `made` is true now, so by the type invariants nobody writes the masks.
        unsafe { &*self.masks.get() }
    }

    /// Makes the masks, unless another caller has.
    #[cold]
    #[inline(never)]
    fn make(&self, make: impl FnOnce(&mut FeatureIdMasks)) {
        // SAFETY: The lock is a static object, which C has initialised.
        let lock: &Mutex<()> =
            unsafe { Mutex::from_raw(&raw mut bindings::kvm_arm_reg_masks_lock) };
        let _making = lock.lock();
        if self.made.load(Acquire) {
            return;
        }
        // SAFETY: `made` is false and the lock is held, so by the type invariants nobody else
        // accesses the masks.
        make(unsafe { &mut *self.masks.get() });
        // INVARIANT: The mutable reference is gone, so `masks` does not change any more.
        self.made.store(true, Release);
    }

    /// Drops the masks, so that the next use makes them again.
    ///
    /// # Safety
    ///
    /// Nobody may use the masks during the call.
    #[cfg(CONFIG_KVM_ARM64_RUST_KUNIT_TEST)]
    #[inline]
    pub unsafe fn forget(&self) {
        // INVARIANT: The caller guarantees that nobody sees the change.
        self.made.store(false, Release);
        // SAFETY: As above.
        unsafe { *self.masks.get() = FeatureIdMasks::NONE };
    }
}

calls! {
    /// Returns whether the guests of this host can have AArch32 at EL0. Has no preconditions.
    pub fn supports_aarch32_el0() -> bool = kvm_arm_supports_32bit_el0;
    /// Checks that the memory belongs to userspace.
    fn clear_user(to: *mut c_void, size: c_ulong) -> c_ulong = clear_user;
    /// Has no preconditions: there may be no such entry.
    fn sys_reg_mask(i: c_uint, id: &mut u32, mask: &mut u64) -> bool = kvm_arm_sys_reg_mask;
}

/// Returns KVM's system registers, and their masks if they are ID registers.
#[inline]
pub fn kernel_table() -> impl Iterator<Item = (SysReg, u64)> {
    // Not `0..`, which panics when it overflows.
    (0..=u32::MAX).map_while(|i| {
        let (mut id, mut mask) = (0, 0);
        sys_reg_mask(i, &mut id, &mut mask).then(|| (SysReg::from_encoding(id), mask))
    })
}
