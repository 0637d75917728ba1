// SPDX-License-Identifier: GPL-2.0

//! The ranges of a VM's filter of hypercalls, as userspace has set them.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use super::OptIns;
use crate::{
    FilterRange,
    NoAttribute,
    NoRoom,
    Reject, //
};

/// A VM whose filter can be read while its configuration is locked.
pub trait FilterRanges {
    /// Returns the first range that has a function from `from` on, with all of its functions; the
    /// reserved ranges are among them.
    fn range_from(&self, from: u64) -> Option<FilterRange>;
}

/// A request to read the ranges of a filter: `struct kvm_arm_smccc_filter_list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterList {
    /// The most ranges that there is room for.
    pub n: u32,
    /// Flags; none is defined.
    pub flags: u32,
    /// The address of the ranges.
    pub ranges: u64,
    /// Reserved for later; zero.
    pub reserved: [u64; 2],
}

impl FilterList {
    /// The number of the attribute, `KVM_ARM_VM_SMCCC_FILTER_LIST`.
    const ATTRIBUTE: u64 = 0x40;
    /// The number of its group, `KVM_ARM_VM_SMCCC_CTRL`.
    const GROUP: u32 = 0;

    /// Checks whether a VM with these opt-ins has an attribute.
    ///
    /// # Errors
    ///
    /// [`NoAttribute`] if it has not, or if the attribute is another one.
    #[inline]
    pub fn admit_attribute(group: u32, number: u64, opt_ins: OptIns) -> Result<(), NoAttribute> {
        if group == Self::GROUP
            && number == Self::ATTRIBUTE
            && opt_ins.contains(OptIns::FILTER_LIST)
        {
            Ok(())
        } else {
            Err(NoAttribute)
        }
    }

    /// Returns the request that has these bytes, as little-endian words.
    #[inline]
    pub const fn from_le_words([head, ranges, r0, r1]: [u64; 4]) -> Self {
        let [n0, n1, n2, n3, f0, f1, f2, f3] = head.to_le_bytes();
        Self {
            n: u32::from_le_bytes([n0, n1, n2, n3]),
            flags: u32::from_le_bytes([f0, f1, f2, f3]),
            ranges,
            reserved: [r0, r1],
        }
    }

    /// Checks what does not depend on the VM.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a flag or a reserved word is not zero.
    #[inline]
    pub fn admit(&self) -> Result<(), Reject> {
        if self.flags != 0 || self.reserved != [0; 2] {
            return Err(Reject::InvalidValue);
        }
        Ok(())
    }

    /// Checks that there is room for so many ranges.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is not.
    #[inline]
    pub fn admit_count(&self, count: u32) -> Result<(), NoRoom> {
        if count > self.n {
            return Err(NoRoom);
        }
        Ok(())
    }

    /// Returns how many ranges userspace has set: fewer than there are functions.
    #[inline]
    pub fn count(vm: &impl FilterRanges) -> u32 {
        Self::ranges(vm).fold(0, |count: u32, _| count.saturating_add(1))
    }

    /// Returns the ranges that userspace has set, in the order of their functions. The reserved
    /// ranges are not among them: the first range that is set brings them.
    #[inline]
    pub fn ranges(vm: &impl FilterRanges) -> impl Iterator<Item = FilterRange> + '_ {
        let mut from = 0;
        core::iter::from_fn(move || loop {
            let range = vm.range_from(from)?;
            from = u64::from(range.last.to_raw()).max(from).saturating_add(1);
            if !FilterRange::RESERVED.contains(&range) {
                return Some(range);
            }
        })
    }
}

impl FilterRange {
    /// Returns the request that sets this range, as little-endian words: `struct kvm_smccc_filter`.
    #[inline]
    pub const fn to_le_words(self) -> [u64; 3] {
        let (first, last) = (self.first.to_raw(), self.last.to_raw());
        // A request has at most so many functions.
        let count = last.wrapping_sub(first).wrapping_add(1);
        let [b0, b1, b2, b3] = first.to_le_bytes();
        let [n0, n1, n2, n3] = count.to_le_bytes();
        [
            u64::from_le_bytes([b0, b1, b2, b3, n0, n1, n2, n3]),
            self.action.to_raw(),
            0,
        ]
    }
}
