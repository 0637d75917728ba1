// SPDX-License-Identifier: GPL-2.0

//! A vCPU that has trapped: its registers; and one whose exit from the guest is being handled:
//! exits to userspace.
//!
//! C headers: [`include/kvm/arm_hypercalls.h`](srctree/include/kvm/arm_hypercalls.h),
//! [`include/uapi/linux/kvm.h`](srctree/include/uapi/linux/kvm.h)

use crate::{
    bindings,
    types::Opaque, //
};

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
    view::{
        calls,
        field,
        fields,
        known,
        View, //
    },
    Vcpu, //
};

known! {
    /// A vCPU that has trapped, by a call for example. It may not have left its guest yet: then
    /// interrupts are masked, nothing may sleep, and RCU does not watch.
    ///
    /// # Invariants
    ///
    /// - The current task handles the trap. So the vCPU's registers are in its structure, and no
    ///   other task accesses them.
    /// - If the second field is true, the vCPU is an [`ExitedVcpu`], too.
    pub struct TrappedVcpu<'_>(Vcpu, bool = false);
}

impl<'a> From<ExitedVcpu<'a>> for TrappedVcpu<'a> {
    #[inline]
    fn from(vcpu: ExitedVcpu<'a>) -> Self {
        // INVARIANT: Who handles the exit handles the trap that led to it.
        Self(vcpu.0, true)
    }
}

known! {
    /// A vCPU whose exit from the guest is being handled.
    ///
    /// # Invariants
    ///
    /// The current task handles the exit. So no other task accesses the vCPU's registers or its
    /// notes, and no other part of the kernel its `struct kvm_run`.
    pub struct ExitedVcpu<'_>(Vcpu);
}

/// The memory in which KVM describes an exit to userspace.
///
/// # Invariants
///
/// The current task handles the exit.
#[repr(transparent)]
struct Run(Opaque<bindings::kvm_run>);

// SAFETY: It wraps the structure, and `ExitedVcpu::run_field()` creates the references.
unsafe impl View for Run {
    type C = bindings::kvm_run;
}

fields! {
    impl TrappedVcpu<'_> as Vcpu {
        /// The registers of the guest are ours by the type invariant.
        fn regs_field() -> Own<[u64; 31]> = arch.ctxt.regs.regs;
        /// As above.
        fn pstate_field() -> Own<u64> = arch.ctxt.regs.pstate;
        /// C writes it while it holds the vCPU's mutex, and now the current task does.
        fn steal_base_field() -> Fixed<u64> = arch.steal.base;
    }
    impl ExitedVcpu<'_> as Vcpu {
        /// Set when the vCPU is created, before anybody else knows it. A vCPU has this memory as
        /// long as it is valid; the exit is ours by the type invariant.
        fn run_field() -> Linked<Run> = run;
    }
    impl Run as Run {
        /// This field, and those below, are the kernel's to write during the exit.
        fn exit_reason() -> Output<u32> = exit_reason;
        /// The function that was called.
        fn hypercall_nr() -> Output<u64> = __bindgen_anon_1.hypercall.nr;
        /// The flags.
        fn hypercall_flags() -> Output<u64> = __bindgen_anon_1.hypercall.__bindgen_anon_1.flags;
        /// The event of the system.
        fn event_type() -> Output<u32> = __bindgen_anon_1.system_event.type_;
        /// The number of words of data.
        fn event_ndata() -> Output<u32> = __bindgen_anon_1.system_event.ndata;
        /// The data.
        fn event_data() -> Output<[u64; 16]> = __bindgen_anon_1.system_event.__bindgen_anon_1.data;
    }
}

calls! {
    impl ExitedVcpu<'_> as Vcpu {
        /// Returns whether the guest's data accesses are big-endian now. The registers that C
        /// reads are ours by the type invariant.
        pub fn is_be() -> bool = kvm_vcpu_is_be;
        /// Starts to count the vCPU's stolen time at the address that userspace set, and returns
        /// that guest physical address. By the type invariant the current task may sleep.
        pub fn start_stolen_time() -> u64 = kvm_init_stolen_time;
        /// What C reads describes the exit, which is ours by the type invariant.
        fn trap_class() -> u8 = kvm_vcpu_trap_get_class;
        /// As above.
        fn trap_il_is_32bit() -> bool = kvm_vcpu_trap_il_is32bit;
    }
}

calls! {
    /// Has no preconditions.
    fn random_u64() -> u64 = get_random_u64;
    /// Writes zeros, which the compiler does not leave out.
    fn wipe(words: &mut [u64; 3]) = kvm_arm_wipe_words;
}

impl<'a> TrappedVcpu<'a> {
    /// Returns the vCPU if it has left its guest.
    #[inline(always)]
    pub fn exited(self) -> Option<ExitedVcpu<'a>> {
        // INVARIANT: By the type invariant of `Self`.
        self.1.then_some(ExitedVcpu(self.0))
    }

    /// Sets `x0` to `x3`.
    #[inline]
    pub fn set_registers(self, registers: [u64; 4]) {
        self.regs_field().first().set(registers);
    }
}

impl ExitedVcpu<'_> {
    /// Sets `x0` to `x3`.
    #[inline]
    pub fn set_registers(self, registers: [u64; 4]) {
        TrappedVcpu::from(self).set_registers(registers);
    }

    /// Sets `x0` to `x3` to the random bits that a call asks for.
    #[inline]
    pub fn set_random_bits(self, request: RandomBits) {
        let mut words = [0; 3];
        for word in words.iter_mut().take(request.words()) {
            *word = random_u64();
        }
        self.set_registers(request.to_registers(words));
        wipe(&mut words);
    }

    /// Forwards a call to userspace.
    #[inline]
    pub fn exit_hypercall(self, id: FuncId) {
        let class = self.trap_class().into();
        let mut flags = 0;
        if [bindings::ESR_ELx_EC_SMC32, bindings::ESR_ELx_EC_SMC64].contains(&class) {
            flags |= bindings::KVM_HYPERCALL_EXIT_SMC;
        }
        if !self.trap_il_is_32bit() {
            flags |= bindings::KVM_HYPERCALL_EXIT_16BIT;
        }

        let run = self.run();
        // All of it is ours to write, as are its fields.
        field!(run => Output, __bindgen_anon_1.hypercall).clear();
        run.hypercall_nr().set(id.to_raw().into());
        run.hypercall_flags().set(flags.into());
        run.exit_reason().set(bindings::KVM_EXIT_HYPERCALL);
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
        // As above.
        field!(run => Output, __bindgen_anon_1.system_event).clear();
        run.event_type().set(kind);
        if let Some(data) = data {
            run.event_ndata().set(1);
            run.event_data().first().set([data.into()]);
        }
        run.exit_reason().set(bindings::KVM_EXIT_SYSTEM_EVENT);
    }

    #[inline]
    fn run(&self) -> &Run {
        self.run_field().get()
    }
}

impl Caller for TrappedVcpu<'_> {
    #[inline]
    fn registers(&self) -> [u64; 4] {
        self.regs_field().first().get()
    }

    #[inline]
    fn is_32bit(&self) -> bool {
        self.pstate_field().get() & u64::from(bindings::PSR_MODE32_BIT) != 0
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
        let base = self.steal_base_field().get();
        // `INVALID_GPA`.
        (base != u64::MAX).then_some(base)
    }

    #[inline]
    fn may_suspend_system(&self) -> bool {
        self.vm().may_suspend_system()
    }
}

impl Caller for ExitedVcpu<'_> {
    #[inline]
    fn registers(&self) -> [u64; 4] {
        TrappedVcpu::from(*self).registers()
    }

    #[inline]
    fn is_32bit(&self) -> bool {
        TrappedVcpu::from(*self).is_32bit()
    }

    #[inline]
    fn psci_version(&self) -> u32 {
        TrappedVcpu::from(*self).psci_version()
    }

    #[inline]
    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        TrappedVcpu::from(*self).bitmap(map)
    }

    #[inline]
    fn stolen_time(&self) -> Option<u64> {
        TrappedVcpu::from(*self).stolen_time()
    }

    #[inline]
    fn may_suspend_system(&self) -> bool {
        TrappedVcpu::from(*self).may_suspend_system()
    }
}
