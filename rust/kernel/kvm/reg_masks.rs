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

/// A copy of the kernel's `struct reg_mask_range`: a request, and where userspace wants the masks.
pub struct RegMaskRange {
    /// What is asked for.
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
            // CAST: Addresses have 64 bits on arm64. Whether this one is of userspace is checked
            // when it is used.
            addr: UserPtr::from_addr(addr as usize),
        }
    }

    /// Writes the masks of the feature ID registers to userspace.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if not all of them can be written. What could be is zero then, as C leaves it:
    /// it wipes the whole before it writes.
    #[inline]
    pub fn write_feature_id_masks(&self) -> Result {
        const SIZE: usize = FeatureIdIndex::COUNT * size_of::<u64>();

        // Wiping goes by words. Only of one that lies across the end of what can be written could
        // a copy reach more than it does.
        if !self.addr.as_mut_ptr().cast::<u64>().is_aligned() {
            self.wipe(SIZE)?;
        }

        UserSlice::new(self.addr, SIZE)
            .writer()
            .write(feature_id_masks().as_array())
            .inspect_err(|_| {
                // What cannot be wiped could not be written either.
                let _ = self.wipe(SIZE);
            })
    }

    /// Writes `count` masks to userspace, having wiped the whole.
    ///
    /// # Errors
    ///
    /// [`EFAULT`] if not all of them can be written. What could be is zero then.
    pub fn write_masks(&self, count: usize, masks: impl Iterator<Item = u64>) -> Result {
        let size = count.saturating_mul(size_of::<u64>());
        self.wipe(size)?;

        let mut writer = UserSlice::new(self.addr, size).writer();
        for mask in masks {
            if let Err(error) = writer.write(&mask) {
                // Somebody has unmapped it meanwhile.
                let _ = self.wipe(size);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes zeros, in as much of the memory as can be written.
    #[inline]
    fn wipe(&self, size: usize) -> Result {
        // SAFETY: Checks that the memory is userspace's.
        if unsafe { bindings::clear_user(self.addr.as_mut_ptr(), size) } != 0 {
            return Err(EFAULT);
        }
        Ok(())
    }
}

/// Masks that are made where they stay, as they are too large for the stack.
///
/// # Invariants
///
/// - Once `made` is true it stays so, and `masks` does not change any more.
/// - Before, `masks` is accessed under C's `kvm_arm_reg_masks_lock` only.
struct MadeOnce {
    made: Atomic<bool>,
    masks: UnsafeCell<FeatureIdMasks>,
}

// SAFETY: By the type invariants whoever writes the masks has them for himself, and whoever reads
// them does so after they were written.
unsafe impl Sync for MadeOnce {}

impl MadeOnce {
    const fn new() -> Self {
        // INVARIANT: Nobody has it yet.
        Self {
            made: Atomic::new(false),
            masks: UnsafeCell::new(FeatureIdMasks::NONE),
        }
    }

    /// Returns the masks, which the first caller makes.
    #[inline]
    fn get(&self, aarch32_el0: bool) -> &FeatureIdMasks {
        if !self.made.load(Acquire) {
            self.make(aarch32_el0);
        }
        // SAFETY: `made` was true or is now, so that by the type invariants nobody writes them.
        unsafe { &*self.masks.get() }
    }

    /// Makes the masks from KVM's table of system registers, unless they are made already.
    #[cold]
    #[inline(never)]
    fn make(&self, aarch32_el0: bool) {
        // SAFETY: It is a static object, which C has initialised.
        let lock: &Mutex<()> =
            unsafe { Mutex::from_raw(&raw mut bindings::kvm_arm_reg_masks_lock) };
        let _making = lock.lock();
        if self.made.load(Acquire) {
            return;
        }
        // SAFETY: They are not made, and the lock is held, so that by the type invariants nobody
        // else accesses them.
        unsafe { &mut *self.masks.get() }.fill(kernel_table(), aarch32_el0);
        // INVARIANT: The reference is gone.
        self.made.store(true, Release);
    }
}

// The masks of a host with AArch32 at EL0, and of one without. Which of them holds may change: a
// CPU that comes online late can be without it.
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
    // Inclusive, as the end of a range without one is a panic.
    (0..=u32::MAX).map_while(|i| {
        let (mut id, mut mask) = (0, 0);
        // SAFETY: Both can be written.
        unsafe { bindings::kvm_arm_sys_reg_mask(i, &raw mut id, &raw mut mask) }
            .then(|| (SysReg::from_encoding(id), mask))
    })
}

/// Has the masks be made once more by whoever asks for them next.
///
/// # Safety
///
/// Nobody may have the masks, or ask for them, during the call.
#[cfg(CONFIG_KVM_ARM64_RUST_KUNIT_TEST)]
pub unsafe fn forget_feature_id_masks() {
    for masks in [&WITH_AARCH32, &WITHOUT_AARCH32] {
        // INVARIANT: The caller guarantees that nobody can notice.
        masks.made.store(false, Release);
        // SAFETY: As above.
        unsafe { *masks.masks.get() = FeatureIdMasks::NONE };
    }
}
