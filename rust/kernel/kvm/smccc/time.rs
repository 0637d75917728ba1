// SPDX-License-Identifier: GPL-2.0

//! The host's time of day, as a guest sees it.
//!
//! C header: [`include/linux/timekeeping.h`](srctree/include/linux/timekeeping.h)

use core::mem::MaybeUninit;

use crate::{
    bindings,
    ffi::c_int,
    sync::atomic::{
        atomic_load,
        Relaxed, //
    }, //
};

use crate::kvm::{
    abi::{
        PtpCounter,
        SystemTime, //
    },
    Vm, //
};

impl Vm {
    /// Returns the host's time of day, and a counter of the guest at that time.
    ///
    /// Returns `None` if the host's time does not come from the counter that guests see.
    #[inline]
    pub fn system_time(&self, counter: PtpCounter) -> Option<SystemTime> {
        let mut snapshot = MaybeUninit::<bindings::system_time_snapshot>::uninit();
        // CAST: The constant is zero; C declares the parameter as `int`.
        let clock = bindings::CLOCK_REALTIME as c_int;
        // SAFETY: The pointer is valid for writing a snapshot.
        unsafe { bindings::ktime_get_snapshot_id(clock, snapshot.as_mut_ptr()) };
        let snapshot = snapshot.as_ptr();

        // SAFETY: The function always writes this field.
        if unsafe { (*snapshot).valid } == 0 {
            return None;
        }
        // SAFETY: The snapshot is valid, so the function has written these fields as well.
        let (id, systime, cycles) =
            unsafe { ((*snapshot).cs_id, (*snapshot).systime, (*snapshot).cycles) };
        if id != bindings::clocksource_ids_CSID_ARM_ARCH_COUNTER {
            return None;
        }

        // SAFETY: By the type invariant the VM is valid, so that its fields have addresses.
        let offset = unsafe {
            match counter {
                PtpCounter::Virtual => &raw mut (*self.as_ptr()).arch.timer_data.voffset,
                PtpCounter::Physical => &raw mut (*self.as_ptr()).arch.timer_data.poffset,
            }
        };
        // SAFETY: The pointer is valid and aligned; C writes the offsets in one store.
        let offset = unsafe { atomic_load(offset, Relaxed) };
        Some(SystemTime {
            // CAST: The time is not negative.
            nanoseconds: systime as u64,
            // Counters wrap.
            cycles: cycles.wrapping_sub(offset),
        })
    }
}
