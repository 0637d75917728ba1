// SPDX-License-Identifier: GPL-2.0

//! The power states of vCPUs, as PSCI changes them.
//!
//! C header: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h)

use core::ptr;

use crate::{
    bindings,
    ffi::{
        c_int,
        c_ulong, //
    },
    sync::barrier::{
        smp_mb,
        Write, //
    }, //
};

use crate::kvm::{
    abi::{
        PowerLocked,
        PowerOn,
        PowerVcpu, //
    },
    view::{
        calls,
        fields,
        from_c, //
    },
    ExitedVcpu,
    Guard,
    Held,
    PowerLock,
    Vcpu,
    Vm, //
};

fields! {
    impl Vcpu as Vcpu {
        /// C accesses it with `READ_ONCE()` and `WRITE_ONCE()`.
        fn mp_state_field() -> Shared<u32> = arch.mp_state.mp_state;
    }
    impl Held<'_, PowerLock> as Vcpu {
        /// Accessed under the lock, which is held by the type invariant.
        fn reset_state_field() -> Own<bindings::vcpu_reset_state> = arch.reset_state;
    }
    impl Vm as Vm {
        /// The counter of an `atomic_t`.
        fn online_vcpus_field() -> Shared<c_int> = online_vcpus.counter;
        /// Initialised by the type invariant; C looks vCPUs up in it without a lock.
        fn vcpu_array_field() -> Place<bindings::xarray> = vcpu_array;
    }
}

calls! {
    impl Vcpu as Vcpu {
        /// Needs a valid vCPU only: C reads the register in one load, and writes it in one store.
        fn mpidr_aff() -> c_ulong = kvm_vcpu_get_mpidr_aff;
        /// Needs a valid vCPU only.
        fn wake_up() -> bool = kvm_vcpu_wake_up;
    }
    impl Held<'_, PowerLock> as Vcpu {
        /// Needs a valid vCPU whose state to reset to is set.
        fn request_reset() = kvm_make_vcpu_reset_request;
    }
    impl ExitedVcpu<'_> as Vcpu {
        /// Waits for an interrupt. By the type invariant the current task may sleep.
        pub fn wait_for_interrupt() = kvm_vcpu_wfi;
        /// Turns the vCPU off. Takes its lock, which no [`ExitedVcpu`] holds.
        pub fn power_off() = kvm_arm_vcpu_power_off;
    }
    impl Vm as Vm {
        /// Needs a valid VM only.
        fn request_sleep() -> bool = kvm_make_all_cpus_sleep_request;
        /// Needs a valid VM only.
        fn mpidr_to_vcpu(mpidr: c_ulong) -> *mut bindings::kvm_vcpu = kvm_mpidr_to_vcpu;
    }
}

impl Vcpu {
    /// Returns the vCPU's affinity, in the fields of `MPIDR_EL1`. Userspace may change it at any
    /// time.
    #[inline]
    pub fn affinity(&self) -> u64 {
        // CAST: `unsigned long` has 64 bits on arm64.
        self.mpidr_aff() as u64
    }

    /// Returns whether the vCPU is off. Only under its lock does this stay true.
    #[inline]
    pub fn is_off(&self) -> bool {
        self.mp_state_field().load() == bindings::KVM_MP_STATE_STOPPED
    }
}

/// The initial state of a vCPU that was turned on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResetState {
    /// The address where the vCPU begins.
    pub pc: u64,
    /// The value of `x0`.
    pub r0: u64,
    /// Whether data accesses are big-endian.
    pub be: bool,
    /// Whether the vCPU still has to be reset to this state.
    pub pending: bool,
}

impl Held<'_, PowerLock> {
    /// Returns the state that the vCPU was last asked to be reset to.
    #[inline]
    pub fn reset_state(&self) -> ResetState {
        let state = self.reset_state_field().get();
        ResetState {
            // CAST: `unsigned long` has 64 bits on arm64.
            pc: state.pc as u64,
            r0: state.r0 as u64,
            be: state.be,
            pending: state.reset,
        }
    }

    /// Turns the vCPU off, without making it leave the guest.
    #[inline]
    fn stop(&self) {
        self.mp_state_field().store(bindings::KVM_MP_STATE_STOPPED);
    }
}

impl PowerVcpu for Vcpu {
    type Locked<'a> = Guard<'a, PowerLock>;

    #[inline]
    fn lock_power(&self) -> Guard<'_, PowerLock> {
        Guard::lock(self)
    }
}

impl PowerLocked for Held<'_, PowerLock> {
    #[inline]
    fn is_stopped(&self) -> bool {
        self.is_off()
    }

    /// Turns the vCPU on; it is reset to this state before it runs, or before userspace reads it.
    #[inline]
    fn start(&self, entry: u64, context_id: u64, be: bool) {
        // CAST: `unsigned long` has 64 bits on arm64.
        self.reset_state_field().set(bindings::vcpu_reset_state {
            pc: entry as usize,
            r0: context_id as usize,
            be,
            reset: true,
        });
        self.request_reset();
        // A CPU that sees the vCPU on must see that it has to be reset; pairs with the check of
        // requests when the vCPU enters the guest.
        smp_mb(Write);
        self.mp_state_field().store(bindings::KVM_MP_STATE_RUNNABLE);
        self.wake_up();
    }
}

impl ExitedVcpu<'_> {
    /// Turns another vCPU on; it begins with the endianness of this one.
    ///
    /// Returns the result of the call.
    #[inline]
    pub fn power_on(self, request: &PowerOn) -> u64 {
        request.perform(self.vm().vcpu_by_affinity(request.target), || self.is_be())
    }
}

impl Vm {
    /// Returns the vCPU that has this affinity.
    #[inline]
    pub fn vcpu_by_affinity(&self, affinity: u64) -> Option<&Vcpu> {
        // CAST: `unsigned long` has 64 bits on arm64.
        let vcpu = self.mpidr_to_vcpu(affinity as c_ulong);
        // SAFETY: A vCPU that can be found lives as long as its VM.
        unsafe { from_c(vcpu) }
    }

    /// Returns the number of vCPUs that can be found.
    #[inline]
    pub fn online_vcpus(&self) -> u32 {
        // CAST: It counts up from zero.
        self.online_vcpus_field().load() as u32
    }

    /// Returns the vCPUs that can be found.
    #[inline]
    pub fn vcpus(&self) -> Vcpus<'_> {
        Vcpus {
            vm: self,
            next: 0,
            end: self.online_vcpus().into(),
        }
    }

    /// Turns all vCPUs off, and makes them leave the guest.
    #[inline]
    pub fn stop_vcpus(&self) {
        for vcpu in self.vcpus() {
            vcpu.lock_power().stop();
        }
        self.request_sleep();
    }
}

/// The vCPUs of a VM, in the order of their creation. Returned by [`Vm::vcpus`].
pub struct Vcpus<'a> {
    vm: &'a Vm,
    next: u64,
    end: u64,
}

impl<'a> Iterator for Vcpus<'a> {
    type Item = &'a Vcpu;

    #[inline]
    fn next(&mut self) -> Option<&'a Vcpu> {
        let last = self.end.checked_sub(1)?;
        if self.next > last {
            return None;
        }
        // CAST: `unsigned long` has 64 bits on arm64.
        let mut index = self.next as c_ulong;
        let array = self.vm.vcpu_array_field().as_ptr();
        // SAFETY: The array is initialised, and has pointers to vCPUs. One that can be found lives
        // as long as its VM.
        let vcpu = unsafe {
            let index = ptr::from_mut(&mut index);
            let vcpu = bindings::xa_find(array, index, last as c_ulong, bindings::XA_PRESENT);
            from_c::<Option<&'a Vcpu>>(vcpu.cast())
        };
        self.next = match vcpu {
            // CAST: As above. There are far fewer than 2^64 vCPUs.
            Some(_) => (index as u64).saturating_add(1),
            None => self.end,
        };
        vcpu
    }
}
