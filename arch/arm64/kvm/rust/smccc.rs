// SPDX-License-Identifier: GPL-2.0

//! Hypercalls in mode `rust`.

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
pub unsafe extern "C" fn kvm_arm_rust_smccc_call_handler(vcpu: *mut bindings::kvm_vcpu) -> c_int {
    // SAFETY: The caller guarantees that the vCPU is valid, and that we handle its exit.
    let vcpu: ExitedVcpu<'_> = unsafe { from_c(vcpu) };
    let id = func_id(vcpu);
    if vcpu.vm().has_smccc_filter() {
        return filtered(vcpu);
    }
    handle(vcpu, id)
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
pub unsafe extern "C" fn kvm_arm_rust_smccc_fast_call(vcpu: *mut bindings::kvm_vcpu) -> bool {
    // SAFETY: The caller guarantees that the vCPU is valid, and that we handle its trap.
    let vcpu: TrappedVcpu<'_> = unsafe { from_c(vcpu) };
    // A promise is for the full path.
    let workaround = |query| (!opt_in::are_used()).then(|| answer_of_host(vcpu.vm(), query));
    match Decision::of(&vcpu, func_id(vcpu)).at_once(workaround) {
        Some(registers) => {
            vcpu.set_registers(registers);
            true
        }
        None => false,
    }
}

#[inline]
pub(crate) fn func_id(vcpu: impl Caller) -> FuncId {
    let [x0, ..] = vcpu.registers();
    FuncId::from_register(x0)
}

#[inline(always)]
fn handle(vcpu: ExitedVcpu<'_>, id: FuncId) -> c_int {
    match Decision::of(&vcpu, id) {
        Decision::Return(registers) => {
            vcpu.set_registers(registers);
            TO_GUEST
        }
        // Out of line, so that calls answered directly need no stack frame.
        Decision::Perform(action) => match action {
            Action::Workaround(query) => workaround(vcpu, query),
            Action::StolenTime => stolen_time(vcpu),
            Action::SystemTime(counter) => system_time(vcpu, counter),
            Action::Random(request) => random(vcpu, request),
            Action::CpuSuspend => cpu_suspend(vcpu),
            Action::CpuOff => cpu_off(vcpu),
            // Passed by value for the same reason.
            Action::CpuOn(PowerOn {
                target,
                entry,
                context_id,
                already_on,
            }) => cpu_on(vcpu, target, entry, context_id, already_on),
            Action::AffinityInfo(query) => affinity_info(vcpu, query),
            Action::SystemEvent { event, registers } => {
                vcpu.set_registers(registers);
                system_event(vcpu, event)
            }
        },
    }
}

/// Handles a call of a VM with a filter, which few VMs have.
#[cold]
#[inline(never)]
fn filtered(vcpu: ExitedVcpu<'_>) -> c_int {
    // Reads the id several times: keeping it would cost more.
    let entry = vcpu.vm().smccc_filter_entry(func_id(vcpu));
    if entry.handles() {
        handle(vcpu, func_id(vcpu))
    } else if entry.forwards() {
        vcpu.exit_hypercall(func_id(vcpu));
        TO_USERSPACE
    } else {
        return_value(vcpu, ret::NOT_SUPPORTED)
    }
}

#[inline]
fn return_value(vcpu: ExitedVcpu<'_>, x0: u64) -> c_int {
    vcpu.set_registers([x0, 0, 0, 0]);
    TO_GUEST
}

#[inline(never)]
fn workaround(vcpu: ExitedVcpu<'_>, query: WorkaroundQuery) -> c_int {
    // As in C, a promise costs a NOP until some VM opts in.
    if opt_in::are_used() {
        return promised_workaround(vcpu, query);
    }
    return_value(vcpu, answer_of_host(vcpu.vm(), query))
}

/// Returns the answer to a query in a VM without promises.
#[inline]
fn answer_of_host(vm: &Vm, query: WorkaroundQuery) -> u64 {
    query.answer(mitigation::of(query), || vm.has_ssbs())
}

#[cold]
#[inline(never)]
fn promised_workaround(vcpu: ExitedVcpu<'_>, query: WorkaroundQuery) -> c_int {
    let vm = vcpu.vm();
    let promise = vm.promise(FeatureLevelReg::WORKAROUNDS);
    let answer = promise.answer(query, vm, || answer_of_host(vm, query));
    return_value(vcpu, answer)
}

#[inline(never)]
fn stolen_time(vcpu: ExitedVcpu<'_>) -> c_int {
    let base = vcpu.start_stolen_time();
    return_value(vcpu, base)
}

#[inline(never)]
fn system_time(vcpu: ExitedVcpu<'_>, counter: PtpCounter) -> c_int {
    match vcpu.vm().system_time(counter) {
        Some(time) => {
            vcpu.set_registers(time.to_registers());
            TO_GUEST
        }
        None => return_value(vcpu, ret::NOT_SUPPORTED),
    }
}

#[inline(never)]
fn random(vcpu: ExitedVcpu<'_>, request: RandomBits) -> c_int {
    vcpu.set_random_bits(request);
    TO_GUEST
}

#[inline(never)]
fn cpu_suspend(vcpu: ExitedVcpu<'_>) -> c_int {
    vcpu.wait_for_interrupt();
    return_value(vcpu, ret::SUCCESS)
}

#[inline(never)]
fn cpu_off(vcpu: ExitedVcpu<'_>) -> c_int {
    vcpu.power_off();
    return_value(vcpu, ret::SUCCESS)
}

#[inline(never)]
fn cpu_on(
    vcpu: ExitedVcpu<'_>,
    target: u64,
    entry: u64,
    context_id: u64,
    already_on: u64,
) -> c_int {
    let result = vcpu.power_on(&PowerOn {
        target,
        entry,
        context_id,
        already_on,
    });
    return_value(vcpu, result)
}

#[inline(never)]
fn affinity_info(vcpu: ExitedVcpu<'_>, query: AffinityQuery) -> c_int {
    let answer = query.answer(vcpu.vm().vcpus(), |v| v.affinity(), |v| v.is_off());
    return_value(vcpu, answer)
}

#[inline(never)]
fn system_event(vcpu: ExitedVcpu<'_>, event: SystemEvent) -> c_int {
    if event.stops_vcpus() {
        vcpu.vm().stop_vcpus();
    }
    vcpu.exit_system_event(event);
    TO_USERSPACE
}
