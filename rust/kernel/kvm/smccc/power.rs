// SPDX-License-Identifier: GPL-2.0

//! The power states of vCPUs, as PSCI changes them.
//!
//! C header: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h)

use core::ptr;

use crate::{
    bindings,
    sync::{
        atomic::{
            atomic_load,
            atomic_store,
            Relaxed, //
        },
        barrier::{
            smp_mb,
            Write, //
        }, //
    }, //
};

use crate::kvm::{
    abi::{
        PowerLocked,
        PowerOn,
        PowerVcpu, //
    },
    ExitedVcpu,
    Guard,
    Held,
    PowerLock,
    Vcpu,
    Vm, //
};

impl Vcpu {
    /// Returns the vCPU's affinity, in the fields of `MPIDR_EL1`. Userspace may change it at any
    /// time.
    #[inline]
    pub fn affinity(&self) -> u64 {
        // SAFETY: By the type invariant the vCPU is valid, which is all that the helper needs: C
        // reads the register in one load, and writes it in one store.
        unsafe { bindings::kvm_vcpu_get_mpidr_aff(self.as_ptr()) as u64 }
    }

    /// Returns whether the vCPU is off. Only under its lock does this stay true.
    #[inline]
    pub fn is_off(&self) -> bool {
        // SAFETY: `mp_state()` returns a valid, aligned pointer; C writes it with `WRITE_ONCE()`.
        let state = unsafe { atomic_load(self.mp_state(), Relaxed) };
        state == bindings::KVM_MP_STATE_STOPPED
    }

    /// Returns a pointer, valid and aligned as long as `self` is, to the power state.
    #[inline]
    fn mp_state(&self) -> *mut u32 {
        // SAFETY: By the type invariant the vCPU is valid, so that its fields have addresses.
        unsafe { &raw mut (*self.as_ptr()).arch.mp_state.mp_state }
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
        // SAFETY: By the invariant of `Vcpu` it is valid; the field is accessed under the lock,
        // which is held by the type invariant.
        let state = unsafe { (*self.as_ptr()).arch.reset_state };
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
        // SAFETY: As in `is_off()`; writers hold the lock, as we do.
        unsafe { atomic_store(self.mp_state(), bindings::KVM_MP_STATE_STOPPED, Relaxed) };
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
        let vcpu = self.as_ptr();
        // SAFETY: As in `reset_state()`. CAST: `unsigned long` has 64 bits on arm64.
        unsafe {
            (*vcpu).arch.reset_state = bindings::vcpu_reset_state {
                pc: entry as usize,
                r0: context_id as usize,
                be,
                reset: true,
            };
            bindings::kvm_make_vcpu_reset_request(vcpu);
        }
        // A CPU that sees the vCPU on must see that it has to be reset; pairs with the check of
        // requests when the vCPU enters the guest.
        smp_mb(Write);
        // SAFETY: As in `stop()`.
        unsafe { atomic_store(self.mp_state(), bindings::KVM_MP_STATE_RUNNABLE, Relaxed) };
        // SAFETY: By the invariant of `Vcpu` it is valid.
        unsafe { bindings::kvm_vcpu_wake_up(vcpu) };
    }
}

impl ExitedVcpu<'_> {
    /// Waits for an interrupt.
    #[inline]
    pub fn wait_for_interrupt(self) {
        // SAFETY: By the type invariant the current task handles an exit, where it may sleep.
        unsafe { bindings::kvm_vcpu_wfi(self.as_ptr()) };
    }

    /// Turns the vCPU off.
    #[inline]
    pub fn power_off(self) {
        // SAFETY: By the type invariant the vCPU is valid; we do not hold its lock.
        unsafe { bindings::kvm_arm_vcpu_power_off(self.as_ptr()) };
    }

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
        // SAFETY: By the type invariant the VM is valid. CAST: `unsigned long` has 64 bits.
        let vcpu = unsafe { bindings::kvm_mpidr_to_vcpu(self.as_ptr(), affinity as usize) };
        if vcpu.is_null() {
            return None;
        }
        // SAFETY: A vCPU that can be found lives as long as its VM.
        Some(unsafe { Vcpu::from_raw(vcpu) })
    }

    /// Returns the number of vCPUs that can be found.
    #[inline]
    pub fn online_vcpus(&self) -> u32 {
        // SAFETY: By the type invariant the VM is valid; `atomic_t` is an aligned `int`, which C
        // accesses atomically.
        let online =
            unsafe { atomic_load(&raw mut (*self.as_ptr()).online_vcpus.counter, Relaxed) };
        // CAST: It counts up from zero.
        online as u32
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
        // SAFETY: By the type invariant the VM is valid.
        unsafe { bindings::kvm_make_all_cpus_sleep_request(self.as_ptr()) };
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
        let mut index = self.next as usize;
        // SAFETY: By the invariant of `Vm` it is valid, and its array is initialised.
        let vcpu = unsafe {
            bindings::xa_find(
                &raw mut (*self.vm.as_ptr()).vcpu_array,
                ptr::from_mut(&mut index),
                last as usize,
                bindings::XA_PRESENT,
            )
        };
        if vcpu.is_null() {
            self.next = self.end;
            return None;
        }
        // CAST: As above. There are far fewer than 2^64 vCPUs.
        self.next = (index as u64).saturating_add(1);
        // SAFETY: A vCPU that can be found lives as long as its VM.
        Some(unsafe { Vcpu::from_raw(vcpu.cast()) })
    }
}
