// SPDX-License-Identifier: GPL-2.0

//! A vCPU whose exit from the guest is being handled: its registers, and exits to userspace.
//!
//! C headers: [`include/kvm/arm_hypercalls.h`](srctree/include/kvm/arm_hypercalls.h),
//! [`include/uapi/linux/kvm.h`](srctree/include/uapi/linux/kvm.h)

use core::ops::Deref;

use crate::bindings;

use crate::kvm::{
    abi::{
        Caller,
        FeatureBitmap,
        FuncId,
        FwVcpu,
        FwVm,
        PsciVersion,
        RandomBits,
        SystemEvent, //
    },
    Vcpu, //
};

/// A vCPU whose exit from the guest is being handled.
///
/// # Invariants
///
/// The current task handles the exit. So no other task accesses the vCPU's registers or its notes,
/// and no other part of the kernel its `struct kvm_run`.
#[derive(Clone, Copy)]
pub struct ExitedVcpu<'a>(&'a Vcpu);

impl<'a> ExitedVcpu<'a> {
    /// Creates a view of a vCPU.
    ///
    /// # Safety
    ///
    /// - `ptr` must fulfil the requirements of [`Vcpu::from_raw`].
    /// - The current task must handle an exit of the vCPU for the lifetime `'a`.
    #[inline]
    pub unsafe fn from_raw(ptr: *mut bindings::kvm_vcpu) -> Self {
        // INVARIANT: The caller guarantees that the current task handles an exit.
        // SAFETY: The caller guarantees it.
        Self(unsafe { Vcpu::from_raw(ptr) })
    }

    /// Sets `x0` to `x3`.
    #[inline]
    pub fn set_registers(self, registers: [u64; 4]) {
        // SAFETY: As in `registers()`; by the type invariant nobody else accesses them.
        unsafe { self.registers_ptr().write(registers) };
    }

    /// Returns a pointer, valid and aligned as long as the vCPU is, to `x0` to `x3`.
    #[inline]
    fn registers_ptr(self) -> *mut [u64; 4] {
        // SAFETY: By the invariant of `Vcpu` it is valid, so that its fields have addresses.
        // CAST: The array has 31 registers; these are the first four.
        unsafe { (&raw mut (*self.as_ptr()).arch.ctxt.regs.regs).cast() }
    }

    /// Returns whether the guest's data accesses are big-endian now.
    #[inline]
    pub fn is_be(self) -> bool {
        // SAFETY: By the type invariant the vCPU is valid and its registers are ours.
        unsafe { bindings::kvm_vcpu_is_be(self.as_ptr()) }
    }

    /// Starts to count the vCPU's stolen time at the address that userspace set.
    ///
    /// Returns that guest physical address.
    #[inline]
    pub fn start_stolen_time(self) -> u64 {
        // SAFETY: By the type invariant the current task handles an exit, where it may sleep.
        unsafe { bindings::kvm_init_stolen_time(self.as_ptr()) }
    }

    /// Sets `x0` to `x3` to the random bits that a call asks for.
    #[inline]
    pub fn set_random_bits(self, request: RandomBits) {
        let mut words = [0; 3];
        for word in words.iter_mut().take(request.words()) {
            // SAFETY: Has no preconditions.
            *word = unsafe { bindings::get_random_u64() };
        }
        self.set_registers(request.to_registers(words));
        // SAFETY: The words are ours.
        unsafe { bindings::memzero_explicit((&raw mut words).cast(), size_of_val(&words)) };
    }

    /// Forwards a call to userspace.
    #[inline]
    pub fn exit_hypercall(self, id: FuncId) {
        // SAFETY: By the type invariant the vCPU is valid, which is all that the helpers need.
        let (class, il_is_32bit) = unsafe {
            (
                bindings::kvm_vcpu_trap_get_class(self.as_ptr()),
                bindings::kvm_vcpu_trap_il_is32bit(self.as_ptr()),
            )
        };
        let mut flags = 0;
        if [bindings::ESR_ELx_EC_SMC32, bindings::ESR_ELx_EC_SMC64].contains(&class.into()) {
            flags |= bindings::KVM_HYPERCALL_EXIT_SMC;
        }
        if !il_is_32bit {
            flags |= bindings::KVM_HYPERCALL_EXIT_16BIT;
        }

        let run = self.run();
        // SAFETY: `run()` returns a valid pointer, and by the type invariant the kernel does not
        // access the memory elsewhere; userspace may, so nothing here reads it back.
        unsafe {
            let hypercall = &raw mut (*run).__bindgen_anon_1.hypercall;
            hypercall.write_bytes(0, 1);
            (&raw mut (*hypercall).nr).write(id.to_raw().into());
            (&raw mut (*hypercall).__bindgen_anon_1.flags).write(flags.into());
            (&raw mut (*run).exit_reason).write(bindings::KVM_EXIT_HYPERCALL);
        }
    }

    /// Reports an event of the whole system to userspace.
    #[inline]
    pub fn exit_system_event(self, event: SystemEvent) {
        let (kind, data) = match event {
            SystemEvent::Off => (bindings::KVM_SYSTEM_EVENT_SHUTDOWN, Some(0)),
            SystemEvent::Off2 => (
                bindings::KVM_SYSTEM_EVENT_SHUTDOWN,
                Some(bindings::KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2),
            ),
            SystemEvent::Reset => (bindings::KVM_SYSTEM_EVENT_RESET, Some(0)),
            SystemEvent::Reset2 => (
                bindings::KVM_SYSTEM_EVENT_RESET,
                Some(bindings::KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2),
            ),
            SystemEvent::Suspend => (bindings::KVM_SYSTEM_EVENT_SUSPEND, None),
        };

        let run = self.run();
        // SAFETY: As in `exit_hypercall()`.
        unsafe {
            let event = &raw mut (*run).__bindgen_anon_1.system_event;
            event.write_bytes(0, 1);
            (&raw mut (*event).type_).write(kind);
            if let Some(data) = data {
                (&raw mut (*event).ndata).write(1);
                (&raw mut (*event).__bindgen_anon_1.data)
                    .cast::<u64>()
                    .write(data.into());
            }
            (&raw mut (*run).exit_reason).write(bindings::KVM_EXIT_SYSTEM_EVENT);
        }
    }

    /// Returns a pointer, valid and aligned as long as the vCPU is, to the `struct kvm_run` that
    /// userspace reads.
    #[inline]
    fn run(self) -> *mut bindings::kvm_run {
        // SAFETY: By the invariant of `Vcpu` it is valid; the field does not change after its
        // creation.
        unsafe { (*self.as_ptr()).run }
    }
}

impl Deref for ExitedVcpu<'_> {
    type Target = Vcpu;

    #[inline]
    fn deref(&self) -> &Vcpu {
        self.0
    }
}

impl Caller for ExitedVcpu<'_> {
    #[inline]
    fn registers(&self) -> [u64; 4] {
        // SAFETY: `registers_ptr()` returns a valid, aligned pointer; by the type invariant nobody
        // else accesses the registers.
        unsafe { self.registers_ptr().read() }
    }

    #[inline]
    fn is_32bit(&self) -> bool {
        // SAFETY: By the type invariant the vCPU is valid and its registers are ours.
        let pstate = unsafe { (*self.as_ptr()).arch.ctxt.regs.pstate };
        pstate & u64::from(bindings::PSR_MODE32_BIT) != 0
    }

    #[inline]
    fn psci_version(&self) -> u32 {
        PsciVersion::seen(self.vm().psci_version(), self.has_psci_0_2())
    }

    #[inline]
    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        self.vm().bitmap(map)
    }

    #[inline]
    fn stolen_time(&self) -> Option<u64> {
        // SAFETY: By the type invariant the vCPU is valid; the field is set once, before it runs.
        let base = unsafe { (*self.as_ptr()).arch.steal.base };
        // `INVALID_GPA`.
        (base != u64::MAX).then_some(base)
    }

    #[inline]
    fn may_suspend_system(&self) -> bool {
        self.vm().may_suspend_system()
    }
}
