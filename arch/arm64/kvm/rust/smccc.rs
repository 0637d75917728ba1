// SPDX-License-Identifier: GPL-2.0

//! Hypercalls in mode `rust`.
//!
//! The functions may run before a vCPU has left its guest, at the vectors of the hypervisor, where
//! the exception of a probe is a panic. So they are in `.kprobes.text`, which has no probes.

use kernel::{
    bindings,
    kvm::{
        from_c,
        fw_reg::mitigation,
        opt_in,
        ExitedVcpu,
        TrappedVcpu,
        Vm, //
    },
    prelude::*, //
};
use kvm_abi::{
    ret,
    Action,
    AffinityQuery,
    Caller,
    Decision,
    FeatureLevelReg,
    FuncId,
    FwVm,
    PowerOn,
    PtpCounter,
    RandomBits,
    SystemEvent,
    WorkaroundQuery, //
};

/// The call has been handled, the guest goes on.
pub(crate) const TO_GUEST: c_int = 1;
/// The vCPU exits to userspace, as `struct kvm_run` describes.
pub(crate) const TO_USERSPACE: c_int = 0;

/// Handles a call that a guest has made by `HVC` or `SMC`.
///
/// Returns 1 if the guest goes on, with its results in `x0` to `x3`; 0 if the vCPU exits to
/// userspace, as `struct kvm_run` describes. There is no error.
///
/// C: `kvm_smccc_call_handler()`.
///
/// # Safety
///
/// `vcpu` must point to a valid vCPU whose exit from the guest the current task handles, in a
/// context where it may sleep.
#[export]
#[link_section = ".kprobes.text"]
pub unsafe extern "C" fn kvm_arm_rust_smccc_call_handler(vcpu: *mut bindings::kvm_vcpu) -> c_int {
    // SAFETY: The caller guarantees that the vCPU is valid, and that we handle its exit.
    let vcpu: ExitedVcpu<'_> = unsafe { from_c(vcpu) };
    if vcpu.vm().has_smccc_filter() {
        return exited::filtered(vcpu);
    }
    handle(vcpu.into())
}

/// Answers a call without leaving the guest, if values alone answer it.
///
/// Returns whether it did. If not, nothing has changed, and the call has to leave the guest, for
/// [`kvm_arm_rust_smccc_call_handler`].
///
/// This runs where RCU does not watch and an exception is fatal. So it takes no lock, reads only
/// single words of the VM, and calls nothing but the functions that `scripts/objgate.sh` knows.
///
/// C: none. It returns what `kvm_smccc_call_handler()` would.
///
/// # Safety
///
/// `vcpu` must point to a valid vCPU whose trap by `HVC` or `SMC` the current task handles, and
/// whose VM has no filter.
#[export]
#[link_section = ".kprobes.text"]
pub unsafe extern "C" fn kvm_arm_rust_smccc_fast_call(vcpu: *mut bindings::kvm_vcpu) -> bool {
    // SAFETY: The caller guarantees that the vCPU is valid, and that we handle its trap.
    let vcpu: TrappedVcpu<'_> = unsafe { from_c(vcpu) };
    handle(vcpu) == TO_GUEST
}

#[inline]
pub(crate) fn func_id(vcpu: impl Caller) -> FuncId {
    let [x0, ..] = vcpu.registers();
    FuncId::from_register(x0)
}

/// Decides a call that the VM's filter leaves to KVM, and carries the decision out.
///
/// If the vCPU has not left its guest, only a call that values alone answer is handled. For any
/// other one this returns [`TO_USERSPACE`], and nothing has changed.
#[inline(never)]
#[link_section = ".kprobes.text"]
fn handle(vcpu: TrappedVcpu<'_>) -> c_int {
    match Decision::of(&vcpu, func_id(vcpu)) {
        Decision::Value(x0) => return_value(vcpu, x0),
        Decision::Return(registers) => {
            vcpu.set_registers(registers);
            TO_GUEST
        }
        // Out of line, so that calls answered directly need no stack frame.
        Decision::Perform(action) => match action {
            Action::Workaround(query) => workaround(vcpu, query),
            Action::StolenTime => exited::stolen_time(vcpu),
            Action::SystemTime(counter) => exited::system_time(vcpu, counter),
            Action::Random(request) => exited::random(vcpu, request),
            Action::CpuSuspend => exited::cpu_suspend(vcpu),
            Action::CpuOff => exited::stop(vcpu, None, ret::SUCCESS, 0, 0, 0),
            // Passed by value for the same reason.
            Action::CpuOn(PowerOn {
                target,
                entry,
                context_id,
                already_on,
            }) => exited::cpu_on(vcpu, target, entry, context_id, already_on),
            Action::AffinityInfo(query) => exited::affinity_info(vcpu, query),
            Action::SystemEvent {
                event,
                registers: [x0, x1, x2, x3],
            } => exited::stop(vcpu, Some(event), x0, x1, x2, x3),
        },
    }
}

#[inline]
fn return_value(vcpu: TrappedVcpu<'_>, x0: u64) -> c_int {
    vcpu.set_registers([x0, 0, 0, 0]);
    TO_GUEST
}

#[inline(never)]
#[link_section = ".kprobes.text"]
fn workaround(vcpu: TrappedVcpu<'_>, query: WorkaroundQuery) -> c_int {
    // As in C, a promise costs a NOP until some VM opts in.
    if opt_in::are_used() {
        return exited::promised_workaround(vcpu, query);
    }
    return_value(vcpu, answer_of_host(vcpu.vm(), query))
}

/// Returns the answer to a query in a VM without promises.
#[inline]
fn answer_of_host(vm: &Vm, query: WorkaroundQuery) -> u64 {
    query.answer(mitigation::of(query), || vm.has_ssbs())
}

/// What needs a vCPU that has left its guest.
///
/// Each function first asks whether the vCPU has left it, as `scripts/objgate.sh` checks. The
/// callers do not ask: so they return what the function returns, and need no stack frame.
mod exited {
    use super::*;

    /// Handles a call of a VM with a filter, which few VMs have.
    #[cold]
    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn filtered(vcpu: ExitedVcpu<'_>) -> c_int {
        // Reads the id several times: keeping it would cost more.
        let entry = vcpu.vm().smccc_filter_entry(func_id(vcpu));
        if entry.handles() {
            handle(vcpu.into())
        } else if entry.forwards() {
            vcpu.exit_hypercall(func_id(vcpu));
            TO_USERSPACE
        } else {
            return_value(vcpu.into(), ret::NOT_SUPPORTED)
        }
    }

    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn promised_workaround(vcpu: TrappedVcpu<'_>, query: WorkaroundQuery) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        let vm = vcpu.vm();
        let promise = vm.promise(FeatureLevelReg::WORKAROUNDS);
        let answer = promise.answer(query, vm, || answer_of_host(vm, query));
        return_value(vcpu.into(), answer)
    }

    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn stolen_time(vcpu: TrappedVcpu<'_>) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        let base = vcpu.start_stolen_time();
        return_value(vcpu.into(), base)
    }

    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn system_time(vcpu: TrappedVcpu<'_>, counter: PtpCounter) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        match vcpu.vm().system_time(counter) {
            Some(time) => {
                vcpu.set_registers(time.to_registers());
                TO_GUEST
            }
            None => return_value(vcpu.into(), ret::NOT_SUPPORTED),
        }
    }

    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn random(vcpu: TrappedVcpu<'_>, request: RandomBits) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        vcpu.set_random_bits(request);
        TO_GUEST
    }

    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn cpu_suspend(vcpu: TrappedVcpu<'_>) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        vcpu.wait_for_interrupt();
        return_value(vcpu.into(), ret::SUCCESS)
    }

    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn cpu_on(
        vcpu: TrappedVcpu<'_>,
        target: u64,
        entry: u64,
        context_id: u64,
        already_on: u64,
    ) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        let result = vcpu.power_on(&PowerOn {
            target,
            entry,
            context_id,
            already_on,
        });
        return_value(vcpu.into(), result)
    }

    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn affinity_info(vcpu: TrappedVcpu<'_>, query: AffinityQuery) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        let answer = query.answer(vcpu.vm().vcpus(), |v| v.affinity(), |v| v.is_off());
        return_value(vcpu.into(), answer)
    }

    /// Turns the vCPU off, or reports an event of the whole system to userspace.
    #[inline(never)]
    #[link_section = ".kprobes.text"]
    pub(super) fn stop(
        vcpu: TrappedVcpu<'_>,
        event: Option<SystemEvent>,
        x0: u64,
        x1: u64,
        x2: u64,
        x3: u64,
    ) -> c_int {
        let Some(vcpu) = vcpu.exited() else {
            return TO_USERSPACE;
        };
        vcpu.set_registers([x0, x1, x2, x3]);
        let Some(event) = event else {
            vcpu.power_off();
            return TO_GUEST;
        };
        if event.stops_vcpus() {
            vcpu.vm().stop_vcpus();
        }
        vcpu.exit_system_event(event);
        TO_USERSPACE
    }
}
