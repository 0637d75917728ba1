// SPDX-License-Identifier: GPL-2.0

//! The attribute by which userspace reads the filter of hypercalls, as a list of ranges.

use core::mem::offset_of;

use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    bindings,
    kvm::{
        from_c,
        smccc::filter::read_list,
        Copied,
        Vm, //
    },
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use kvm_abi::{
    FilterList,
    FilterRange,
    FwVm, //
};

use crate::errno::{
    to_ret,
    Result, //
};

/// Returns whether a VM has the attribute: 0 or `-ENXIO`.
///
/// # Safety
///
/// - `kvm` must point to a valid VM.
/// - `attr` must point to a valid attribute in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_has_filter_list(
    kvm: *mut bindings::kvm,
    attr: *const bindings::kvm_device_attr,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, Copied(attr)) = unsafe { from_c((kvm, attr)) };
    to_ret(admit(vm, &attr))
}

#[inline]
fn admit(vm: &Vm, attr: &bindings::kvm_device_attr) -> Result {
    Ok(FilterList::admit_attribute(
        attr.group,
        attr.attr,
        vm.opt_ins(),
    )?)
}

/// Writes the ranges of a VM's filter of hypercalls to userspace, as they were set.
///
/// Returns 0, or the first of: `-ENXIO` if there is no such attribute; `-EINVAL` if it has a flag;
/// `-EFAULT` if the request cannot be read; `-EINVAL` if one of its fields has no meaning;
/// `-ENOMEM`; `-E2BIG` if there is too little room, after writing how much it needs; `-EFAULT` if
/// the number or a range cannot be written.
///
/// # Safety
///
/// - `kvm` must point to a valid VM, whose `config_lock` the caller does not hold.
/// - `attr` must point to a valid attribute in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_get_filter_list(
    kvm: *mut bindings::kvm,
    attr: *const bindings::kvm_device_attr,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vm, Copied(attr)) = unsafe { from_c((kvm, attr)) };
    to_ret(get(vm, &attr))
}

fn get(vm: &Vm, attr: &bindings::kvm_device_attr) -> Result {
    admit(vm, attr)?;
    if attr.flags != 0 {
        return Err(EINVAL.into());
    }
    // CAST: Addresses have 64 bits on arm64. Each access checks that it belongs to userspace.
    let at = UserPtr::from_addr(attr.addr as usize);
    let list = read_list(at)?;
    list.admit()?;

    let (count, ranges) = snapshot(vm, &list)?;
    let n = at.wrapping_byte_add(offset_of!(bindings::kvm_arm_smccc_filter_list, n));
    UserSlice::new(n, size_of::<u32>()).writer().write(&count)?;
    list.admit_count(count)?;

    let size = size_of::<bindings::kvm_smccc_filter>();
    // CAST: As above.
    let to = UserPtr::from_addr(list.ranges as usize);
    let mut writer = UserSlice::new(to, ranges.len().saturating_mul(size)).writer();
    for range in &ranges {
        writer.write(&range.to_le_words().map(u64::to_le))?;
    }
    Ok(())
}

/// Returns how many ranges there are at one moment, and the ranges if there is room for them.
fn snapshot(vm: &Vm, list: &FilterList) -> Result<(u32, KVVec<FilterRange>)> {
    let mut ranges = KVVec::new();
    // Without the count first, -E2BIG would need memory, and could become -ENOMEM.
    loop {
        let count = FilterList::count(&*vm.lock_config());
        if list.admit_count(count).is_err() {
            return Ok((count, ranges));
        }
        // CAST: Widens.
        ranges
            .reserve(count as usize, GFP_KERNEL_ACCOUNT)
            .map_err(Error::from)?;
        let locked = vm.lock_config();
        let all =
            FilterList::ranges(&*locked).try_for_each(|range| ranges.push_within_capacity(range));
        if all.is_ok() {
            // CAST: There are fewer ranges than functions.
            return Ok((ranges.len() as u32, ranges));
        }
        // Another thread has added a range meanwhile.
        ranges.clear();
    }
}
