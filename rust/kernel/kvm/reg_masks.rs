// SPDX-License-Identifier: GPL-2.0

//! Requests of `KVM_ARM_GET_REG_WRITABLE_MASKS`, and the masks.
//!
//! C header: [`arch/arm64/include/uapi/asm/kvm.h`](srctree/arch/arm64/include/uapi/asm/kvm.h)

use core::cell::UnsafeCell;

use crate::{
    bindings,
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

use super::abi::{
    FeatureIdIndex,
    FeatureIdMasks,
    MaskRequest,
    SysReg, //
};

/// A copy of the kernel's `struct reg_mask_range`: a request, and the address for the masks.
pub struct RegMaskRange {
    /// The request.
    pub request: MaskRequest,
    addr: UserPtr,
}

impl RegMaskRange {
    /// Copies a request.
    ///
    /// # Safety
    ///
    /// `ptr` must point to a valid `struct reg_mask_range` that nobody writes during the call.
    #[inline]
    pub unsafe fn from_raw(ptr: *const bindings::reg_mask_range) -> Self {
        // SAFETY: The caller guarantees that all fields can be read.
        let (addr, range, reserved) = unsafe { ((*ptr).addr, (*ptr).range, (*ptr).reserved) };
        Self {
            request: MaskRequest { range, reserved },
            // CAST: Addresses have 64 bits on arm64. Each access checks that this one belongs to
            // userspace.
            addr: UserPtr::from_addr(addr as usize),
        }
    }

    /// Writes the masks of the feature ID registers to userspace.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if not all masks can be written. The writable part of the array is zero then: C
    /// clears the whole array before it writes the masks, and userspace sees no difference.
    #[inline]
    pub fn write_feature_id_masks(&self) -> Result {
        const SIZE: usize = FeatureIdIndex::COUNT * size_of::<u64>();

        // `clear_user()` works by words. If a word crosses the end of the writable memory, a copy
        // can write bytes of it that `clear_user()` cannot clear. Aligned words do not cross it.
        if !self.addr.as_mut_ptr().cast::<u64>().is_aligned() {
            self.wipe(SIZE)?;
        }

        UserSlice::new(self.addr, SIZE)
            .writer()
            .write(feature_id_masks().as_array())
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
        // SAFETY: `clear_user()` checks that the memory belongs to userspace.
        if unsafe { bindings::clear_user(self.addr.as_mut_ptr(), size) } != 0 {
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
struct MadeOnce {
    made: Atomic<bool>,
    masks: UnsafeCell<FeatureIdMasks>,
}

// SAFETY: By the type invariants a writer of the masks has exclusive access, and readers read them
// after they were written.
unsafe impl Sync for MadeOnce {}

impl MadeOnce {
    const fn new() -> Self {
        // INVARIANT: `made` is false, and nobody accesses `masks` yet.
        Self {
            made: Atomic::new(false),
            masks: UnsafeCell::new(FeatureIdMasks::NONE),
        }
    }

    /// Returns the masks; the first call makes them.
    #[inline]
    fn get(&self, aarch32_el0: bool) -> &FeatureIdMasks {
        if !self.made.load(Acquire) {
            self.make(aarch32_el0);
        }
        // SAFETY: `made` is true now, so by the type invariants nobody writes the masks.
        unsafe { &*self.masks.get() }
    }

    /// Makes the masks from KVM's table of system registers, unless another caller has.
    #[cold]
    #[inline(never)]
    fn make(&self, aarch32_el0: bool) {
        // SAFETY: The lock is a static object, which C has initialised.
        let lock: &Mutex<()> =
            unsafe { Mutex::from_raw(&raw mut bindings::kvm_arm_reg_masks_lock) };
        let _making = lock.lock();
        if self.made.load(Acquire) {
            return;
        }
        // SAFETY: `made` is false and the lock is held, so by the type invariants nobody else
        // accesses the masks.
        unsafe { &mut *self.masks.get() }.fill(kernel_table(), aarch32_el0);
        // INVARIANT: The mutable reference is gone, so `masks` does not change any more.
        self.made.store(true, Release);
    }
}

// The masks of a host with AArch32 at EL0, and of one without. A host may go from one to the other,
// because a CPU that comes online late may lack AArch32.
static WITH_AARCH32: MadeOnce = MadeOnce::new();
static WITHOUT_AARCH32: MadeOnce = MadeOnce::new();

/// Returns the masks of the feature ID registers.
#[inline]
pub fn feature_id_masks() -> &'static FeatureIdMasks {
    // SAFETY: Has no preconditions.
    let aarch32_el0 = unsafe { bindings::kvm_arm_supports_32bit_el0() };
    let masks = if aarch32_el0 {
        &WITH_AARCH32
    } else {
        &WITHOUT_AARCH32
    };
    masks.get(aarch32_el0)
}

/// Returns KVM's system registers, and their masks if they are ID registers.
fn kernel_table() -> impl Iterator<Item = (SysReg, u64)> {
    // Not `0..`, which panics when it overflows.
    (0..=u32::MAX).map_while(|i| {
        let (mut id, mut mask) = (0, 0);
        // SAFETY: Both variables can be written.
        unsafe { bindings::kvm_arm_sys_reg_mask(i, &raw mut id, &raw mut mask) }
            .then(|| (SysReg::from_encoding(id), mask))
    })
}

/// Drops the masks, so that the next use makes them again.
///
/// # Safety
///
/// Nobody may use the masks, or call a function that uses them, during the call.
#[cfg(CONFIG_KVM_ARM64_RUST_KUNIT_TEST)]
pub unsafe fn forget_feature_id_masks() {
    for masks in [&WITH_AARCH32, &WITHOUT_AARCH32] {
        // INVARIANT: The caller guarantees that nobody sees the change.
        masks.made.store(false, Release);
        // SAFETY: As above.
        unsafe { *masks.masks.get() = FeatureIdMasks::NONE };
    }
}
