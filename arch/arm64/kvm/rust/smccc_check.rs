// SPDX-License-Identifier: GPL-2.0

//! The mode `check` for hypercalls.
//!
//! C handles the call, once. What Rust would have done follows from the caller's registers before,
//! and from state that stays the same: bitmaps, filter and SSBS are frozen while a vCPU runs, and
//! the PSCI version is written under the `config_lock` in this mode. Where others can change the
//! state meanwhile, the power states of other vCPUs, C's decision is judged under its own lock, or
//! only as far as it is certain.

use core::iter::zip;

use kernel::{
    bindings::{
        self,
        kvm_arm_abi_surface_KVM_ARM_ABI_SMCCC as SMCCC, //
    },
    kvm::{
        abi::{
            psci_call::ret,
            Action,
            AffinityQuery,
            Call,
            Caller,
            Convention,
            Decision,
            FeatureBitmap,
            FilterAction,
            FuncId,
            PowerOn,
            PsciFunction, //
        },
        mitigation,
        ExitedVcpu,
        PowerLocked,
        ResetState,
        Vcpu,
        Vm, //
    },
    prelude::*, //
};

use crate::{
    check::{
        mismatch,
        Outcome, //
    },
    smccc::{
        TO_GUEST,
        TO_USERSPACE, //
    }, //
};

/// The caller as it was before C handled its call; what is not in registers stays as it is.
struct Replay<'a> {
    vcpu: ExitedVcpu<'a>,
    registers: [u64; 4],
}

impl Caller for Replay<'_> {
    fn registers(&self) -> [u64; 4] {
        self.registers
    }

    fn is_32bit(&self) -> bool {
        self.vcpu.is_32bit()
    }

    fn psci_version(&self) -> u32 {
        self.vcpu.psci_version()
    }

    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        self.vcpu.bitmap(map)
    }

    fn stolen_time(&self) -> Option<u64> {
        self.vcpu.stolen_time()
    }

    fn may_suspend_system(&self) -> bool {
        self.vcpu.may_suspend_system()
    }
}

/// What a side made of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Handled {
    ret: c_int,
    registers: [u64; 4],
}

impl Handled {
    fn value(x0: u64) -> Self {
        Self {
            ret: TO_GUEST,
            registers: [x0, 0, 0, 0],
        }
    }
}

/// What Rust would have made of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// This.
    Exactly(Handled),
    /// One of these, as another vCPU is on or not at some time meanwhile.
    Either(Handled, Handled),
    /// A time of four words, or that there is none.
    SystemTime,
    /// So many random bits, in registers of this width.
    Random(u32, Convention),
}

impl Expected {
    fn agrees(&self, c: Handled) -> bool {
        let [x0, x1, x2, x3] = c.registers;
        match *self {
            Self::Exactly(rust) => c == rust,
            Self::Either(one, other) => c == one || c == other,
            Self::SystemTime => {
                c.ret == TO_GUEST
                    && (c.registers == [ret::NOT_SUPPORTED, 0, 0, 0]
                        || c.registers.iter().all(|&x| u32::try_from(x).is_ok()))
            }
            Self::Random(bits, convention) => {
                let width = match convention {
                    Convention::Smc32 => 32,
                    Convention::Smc64 => 64,
                };
                // The least significant bits are in the last register.
                let random = zip([0, width, 2 * width], [x3, x2, x1]).all(|(below, x)| {
                    let here = bits.saturating_sub(below).min(width);
                    x.checked_shr(here).unwrap_or(0) == 0
                });
                c.ret == TO_GUEST && x0 == ret::SUCCESS && random
            }
        }
    }

    /// What is reported as Rust's side if C's is another.
    fn example(&self) -> Handled {
        match *self {
            Self::Exactly(handled) | Self::Either(handled, _) => handled,
            Self::SystemTime => Handled::value(ret::NOT_SUPPORTED),
            Self::Random(..) => Handled::value(ret::SUCCESS),
        }
    }
}

/// Returns what Rust would make of a call, as the state is now.
fn expect(caller: &Replay<'_>, filter: FilterAction, id: FuncId) -> Expected {
    let vm = caller.vcpu.vm();
    let decision = match filter {
        FilterAction::Handle => Decision::of(caller, id),
        FilterAction::Deny => Decision::NOT_SUPPORTED,
        FilterAction::ForwardToUser => {
            return Expected::Exactly(Handled {
                ret: TO_USERSPACE,
                registers: caller.registers,
            })
        }
    };
    let action = match decision {
        Decision::Return(registers) => {
            return Expected::Exactly(Handled {
                ret: TO_GUEST,
                registers,
            })
        }
        Decision::Perform(action) => action,
    };
    match action {
        Action::Workaround(query) => {
            let answer = query.answer(mitigation::of(query), || vm.has_ssbs());
            Expected::Exactly(Handled::value(answer))
        }
        Action::StolenTime(base) => Expected::Exactly(Handled::value(base)),
        Action::SystemTime(_) => Expected::SystemTime,
        Action::Random { bits, convention } => Expected::Random(bits, convention),
        Action::CpuSuspend | Action::CpuOff => Expected::Exactly(Handled::value(ret::SUCCESS)),
        Action::CpuOn(request) => match vm.vcpu_by_affinity(request.target) {
            // Which of them, is judged under the target's lock.
            Some(_) => Expected::Either(
                Handled::value(ret::SUCCESS),
                Handled::value(request.already_on),
            ),
            None => Expected::Exactly(Handled::value(PowerOn::NO_SUCH_CPU)),
        },
        Action::AffinityInfo(query) => expect_affinity(vm, &query),
        Action::SystemEvent { registers, .. } => Expected::Exactly(Handled {
            ret: TO_USERSPACE,
            registers,
        }),
    }
}

fn expect_affinity(vm: &Vm, query: &AffinityQuery) -> Expected {
    let answer = query.answer(vm.vcpus(), |v| v.affinity(), |v| v.is_stopped());
    let mut matching = vm.vcpus().filter(|v| query.matches(v.affinity()));
    // Only the power state of a single one is kept still; userspace can give two the same affinity.
    if query.single_target().is_some() && matching.nth(1).is_none()
        || answer == ret::INVALID_PARAMETERS
    {
        return Expected::Exactly(Handled::value(answer));
    }
    Expected::Either(
        Handled::value(ret::AFFINITY_ON),
        Handled::value(ret::AFFINITY_OFF),
    )
}

/// Has C handle a call, and compares.
///
/// `handler` is `kvm_smccc_call_handler()`; returns what it returns.
///
/// # Safety
///
/// - `vcpu` must be as [`crate::smccc::kvm_arm_rust_smccc_call_handler`] wants it, and the caller
///   must not hold the `config_lock` of its VM.
/// - `handler` must be safe to call with `vcpu`.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_check_smccc_call(
    vcpu: *mut bindings::kvm_vcpu,
    handler: Option<unsafe extern "C" fn(vcpu: *mut bindings::kvm_vcpu) -> c_int>,
) -> c_int {
    // SAFETY: The caller guarantees that the vCPU is valid, and that we handle its exit.
    let caller = unsafe { ExitedVcpu::from_raw(vcpu) };
    let Some(handler) = handler else {
        return EINVAL.to_errno();
    };
    let handle = || {
        // SAFETY: The caller guarantees that the function can be called.
        let ret = unsafe { handler(vcpu) };
        Handled {
            ret,
            registers: caller.registers(),
        }
    };
    check(caller, handle).ret
}

fn check(vcpu: ExitedVcpu<'_>, handle: impl Fn() -> Handled) -> Handled {
    let vm = vcpu.vm();
    let caller = Replay {
        vcpu,
        registers: vcpu.registers(),
    };
    let id = crate::smccc::func_id(vcpu);
    let filter = match vm.has_smccc_filter() {
        true => vm.smccc_filter_entry(id).action(),
        false => FilterAction::Handle,
    };

    // The version of PSCI must not change; but CPU_SUSPEND, which sleeps, exists in all of them
    // that its caller's VM can have.
    let _config = match Call::decode(id) {
        Call::Psci(call) if !matches!(call.function, PsciFunction::CpuSuspend) => {
            Some(vm.lock_config())
        }
        _ => None,
    };

    let online = vm.online_vcpus();
    let before = expect(&caller, filter, id);
    let (c, after) = with_target_locked(&caller, filter, id, || {
        let c = handle();
        (c, expect(&caller, filter, id))
    });
    if before.agrees(c) || after.agrees(c) || vm.online_vcpus() != online {
        return c;
    }
    report(id, c, after.example());
    c
}

/// Calls a function, while the vCPU that the caller asks `AFFINITY_INFO` about cannot be turned on
/// or off.
fn with_target_locked<R>(
    caller: &Replay<'_>,
    filter: FilterAction,
    id: FuncId,
    f: impl FnOnce() -> R,
) -> R {
    let target = match (filter, Call::decode(id)) {
        (FilterAction::Handle, Call::Psci(call))
            if matches!(call.function, PsciFunction::AffinityInfo) =>
        {
            match Decision::of(caller, id) {
                Decision::Perform(Action::AffinityInfo(query)) => query.single_target(),
                _ => None,
            }
        }
        _ => None,
    };
    let _power = target
        .and_then(|target| caller.vcpu.vm().vcpu_by_affinity(target))
        .map(Vcpu::lock_power);
    f()
}

/// Reports the first register that differs, or else the return value.
fn report(id: FuncId, c: Handled, rust: Handled) {
    let [x0, ..] = c.registers;
    let [y0, ..] = rust.registers;
    let (x, y) = zip(c.registers, rust.registers)
        .find(|(x, y)| x != y)
        .unwrap_or((x0, y0));
    let [c, rust] = [(c.ret, x), (rust.ret, y)].map(|(ret, val)| Outcome { ret, val });
    mismatch(SMCCC, id.to_raw().into(), c, rust);
}

/// Compares the state in which C turned a vCPU on.
///
/// # Safety
///
/// - `source` must be as [`crate::smccc::kvm_arm_rust_smccc_call_handler`] wants it.
/// - `target` must point to a valid vCPU of the same VM, whose `mp_state_lock` the caller must hold
///   since before it decided.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_judge_vcpu_on(
    source: *mut bindings::kvm_vcpu,
    target: *mut bindings::kvm_vcpu,
) {
    // SAFETY: The caller guarantees that both are valid, and that we handle the source's exit.
    let (source, target) = unsafe { (ExitedVcpu::from_raw(source), Vcpu::from_raw(target)) };
    // SAFETY: The caller guarantees that the lock is held during the call.
    let locked = unsafe { PowerLocked::assume(target) };

    let id = crate::smccc::func_id(source);
    let Decision::Perform(Action::CpuOn(request)) = Decision::of(&source, id) else {
        let rust = Outcome::value(ret::NOT_SUPPORTED);
        mismatch(
            SMCCC,
            id.to_raw().into(),
            Outcome::value(ret::SUCCESS),
            rust,
        );
        return;
    };
    let state = ResetState {
        pc: request.entry,
        r0: request.context_id,
        be: source.is_be(),
        pending: true,
    };
    if locked.reset_state() != state || target.is_stopped() {
        let [c, rust] = [locked.reset_state().pc, state.pc].map(Outcome::value);
        mismatch(SMCCC, id.to_raw().into(), c, rust);
    }
}
