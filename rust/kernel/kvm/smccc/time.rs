// SPDX-License-Identifier: GPL-2.0

//! The host's time of day, as a guest sees it.
//!
//! C header: [`include/linux/timekeeping.h`](srctree/include/linux/timekeeping.h)

use core::mem::MaybeUninit;

use crate::{
    bindings,
    ffi::c_int, //
};

use crate::kvm::{
    abi::{
        PtpCounter,
        SystemTime, //
    },
    view::fields,
    Vm, //
};

fields! {
    impl Vm as Vm {
        /// C writes it in one store.
        fn voffset_field() -> Shared<u64> = arch.timer_data.voffset;
        /// C writes it in one store.
        fn poffset_field() -> Shared<u64> = arch.timer_data.poffset;
    }
}

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

        // SAFETY: The function always writes the first of these fields, and all if it is not 0.
        let (id, systime, cycles) = unsafe {
            if (*snapshot).valid == 0 {
                return None;
            }
            ((*snapshot).cs_id, (*snapshot).systime, (*snapshot).cycles)
        };
        if id != bindings::clocksource_ids_CSID_ARM_ARCH_COUNTER {
            return None;
        }

        let offset = match counter {
            PtpCounter::Virtual => self.voffset_field(),
            PtpCounter::Physical => self.poffset_field(),
        };
        Some(SystemTime {
            // CAST: The time is not negative.
            nanoseconds: systime as u64,
            // Counters wrap.
            cycles: cycles.wrapping_sub(offset.load()),
        })
    }
}
