// SPDX-License-Identifier: GPL-2.0

//! Requests of `KVM_ARM_GET_REG_WRITABLE_MASKS`, and the masks.
//!
//! C header: [`arch/arm64/include/uapi/asm/kvm.h`](srctree/arch/arm64/include/uapi/asm/kvm.h)

use crate::{
    bindings,
    prelude::*,
    sync::SetOnce,
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

        with_feature_id_masks(|masks| {
            UserSlice::new(self.addr, SIZE)
                .writer()
                .write(masks.as_array())
        })
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

// The masks of a host with AArch32 at EL0, and of one without. Which of them holds may change: a
// CPU that comes online late can be without it.
static WITH_AARCH32: SetOnce<FeatureIdMasks> = SetOnce::new();
static WITHOUT_AARCH32: SetOnce<FeatureIdMasks> = SetOnce::new();

/// Calls a function with the masks of the feature ID registers, which are made once.
#[inline]
pub fn with_feature_id_masks<T>(f: impl FnOnce(&FeatureIdMasks) -> T) -> T {
    // SAFETY: Has no preconditions.
    let aarch32_el0 = unsafe { bindings::kvm_arm_supports_32bit_el0() };
    let masks = if aarch32_el0 {
        &WITH_AARCH32
    } else {
        &WITHOUT_AARCH32
    };

    if masks.as_ref().is_none() {
        populate(masks, aarch32_el0);
    }
    match masks.as_ref() {
        Some(masks) => f(masks),
        // Another task is about to.
        None => f(&from_kernel(aarch32_el0)),
    }
}

#[cold]
#[inline(never)]
fn populate(masks: &SetOnce<FeatureIdMasks>, aarch32_el0: bool) {
    masks.populate(from_kernel(aarch32_el0));
}

/// Makes the masks from KVM's table of system registers.
#[cold]
#[inline(never)]
fn from_kernel(aarch32_el0: bool) -> FeatureIdMasks {
    // Inclusive, as the end of a range without one is a panic.
    let table = (0..=u32::MAX).map_while(|i| {
        let (mut id, mut mask) = (0, 0);
        // SAFETY: Both can be written.
        unsafe { bindings::kvm_arm_sys_reg_mask(i, &raw mut id, &raw mut mask) }
            .then(|| (SysReg::from_encoding(id), mask))
    });
    FeatureIdMasks::from_table(table, aarch32_el0)
}
