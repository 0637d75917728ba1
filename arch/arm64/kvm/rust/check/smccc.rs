// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for hypercalls.
//!
//! C handles the call, once. Rust's result follows from the caller's registers before the call, and
//! from state that does not change during it: bitmaps, filter and SSBS are frozen once a vCPU has
//! run, and the PSCI version is written under the `config_lock` in this mode.
//!
//! Other vCPUs do change during a call: they turn each other on and off, userspace creates more of
//! them, and writes their `MPIDR_EL1`. So C reports what it sees of them when it looks, and Rust
//! decides on these reports.

use core::iter::zip;

use kernel::{
    bindings,
    kvm::{
        from_c,
        fw_reg::mitigation,
        switch::Surface,
        ExitedVcpu,
        Held,
        Notes,
        PowerLock,
        ResetState, //
    },
    prelude::*, //
};
use kvm_abi::{
    ret,
    Action,
    Call,
    Caller,
    Decision,
    FeatureBitmap,
    FeatureLevelReg,
    FilterAction,
    FuncId,
    FwVcpu,
    FwVm,
    PsciFunction,
    PsciVersion,
    RandomBits,
    Seen,
    Verdict, //
};

use super::{
    mismatch,
    others_are_possible,
    unjudged,
    Outcome, //
};
use crate::smccc::{
    TO_GUEST,
    TO_USERSPACE, //
};

/// The caller, with the registers from before C handled its call.
struct Replay<'a> {
    vcpu: ExitedVcpu<'a>,
    registers: [u64; 4],
    /// A version of PSCI to use instead of the current one.
    psci_version: Option<u32>,
}

impl Caller for Replay<'_> {
    fn registers(&self) -> [u64; 4] {
        self.registers
    }

    fn is_32bit(&self) -> bool {
        self.vcpu.is_32bit()
    }

    fn psci_version(&self) -> u32 {
        self.psci_version
            .unwrap_or_else(|| self.vcpu.psci_version())
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

/// One side's result of a call.
#[derive(Clone, Copy)]
struct Handled {
    ret: c_int,
    registers: [u64; 4],
}

impl PartialEq for Handled {
    /// Without a call of `memcmp()`, which takes more than it compares.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let differences = zip(self.registers, other.registers).fold(0, |d, (x, y)| d | (x ^ y));
        self.ret == other.ret && differences == 0
    }
}

impl Handled {
    fn value(x0: u64) -> Self {
        Self {
            ret: TO_GUEST,
            registers: [x0, 0, 0, 0],
        }
    }
}

/// Rust's expectation of a call's result.
enum Expected {
    /// Exactly this result.
    Exactly(Handled),
    /// The result that follows from C's reports about other vCPUs.
    AsSeen(Seen),
    /// A time in four words, or `NOT_SUPPORTED`.
    SystemTime,
    /// Random bits.
    Random(RandomBits),
}

impl Expected {
    /// Returns whether the sides agree.
    #[inline]
    fn is(&self, c: Handled, seen: Verdict) -> bool {
        match self {
            Self::Exactly(rust) => c == *rust,
            Self::AsSeen(_) => matches!(seen, Verdict::Returns(x0) if c == Handled::value(x0)),
            Self::SystemTime => {
                c.ret == TO_GUEST
                    && (c.registers == [ret::NOT_SUPPORTED, 0, 0, 0]
                        || c.registers.iter().all(|&x| u32::try_from(x).is_ok()))
            }
            Self::Random(request) => c.ret == TO_GUEST && request.gives(c.registers),
        }
    }

    /// Returns a result that Rust would accept. If C has not looked at a vCPU on which the result
    /// depends, that is the vCPU's affinity.
    fn example(&self, seen: Verdict) -> Handled {
        match self {
            Self::Exactly(rust) => *rust,
            Self::AsSeen(nothing) => Handled::value(match seen {
                Verdict::Returns(x0) => x0,
                Verdict::Unknown => nothing.asked_for(),
                Verdict::LooksAt(affinity) => affinity,
            }),
            Self::SystemTime => Handled::value(ret::NOT_SUPPORTED),
            Self::Random(_) => Handled::value(ret::SUCCESS),
        }
    }
}

/// Returns Rust's expectation of a call's result, from the current state.
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
        Decision::Value(x0) => {
            return Expected::Exactly(Handled {
                ret: TO_GUEST,
                registers: [x0, 0, 0, 0],
            })
        }
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
            let promise = vm.promise(FeatureLevelReg::WORKAROUNDS);
            let answer = promise.answer(query, vm, || {
                query.answer(mitigation::of(query), || vm.has_ssbs())
            });
            Expected::Exactly(Handled::value(answer))
        }
        Action::StolenTime => {
            let base = caller.stolen_time().unwrap_or(ret::NOT_SUPPORTED);
            Expected::Exactly(Handled::value(base))
        }
        Action::SystemTime(_) => Expected::SystemTime,
        Action::Random(request) => Expected::Random(request),
        Action::CpuSuspend | Action::CpuOff => Expected::Exactly(Handled::value(ret::SUCCESS)),
        Action::SystemEvent { registers, .. } => Expected::Exactly(Handled {
            ret: TO_USERSPACE,
            registers,
        }),
        Action::CpuOn(request) => Expected::AsSeen(Seen::power_on(request)),
        Action::AffinityInfo(query) => {
            Expected::AsSeen(Seen::affinity_info(query, vm.online_vcpus()))
        }
    }
}

/// Lets C handle a call, and compares.
///
/// `handler` is `kvm_smccc_call_handler()`; returns what it returns.
///
/// # Safety
///
/// - `vcpu` must fulfil the requirements of
///   [`crate::smccc::kvm_arm_rust_smccc_call_handler`], and the caller must not hold the
///   `config_lock` of its VM.
/// - `handler` must be safe to call with `vcpu`.
#[export]
pub unsafe extern "C" fn kvm_arm_check_smccc_call(
    vcpu: *mut bindings::kvm_vcpu,
    handler: Option<unsafe extern "C" fn(vcpu: *mut bindings::kvm_vcpu) -> c_int>,
) -> c_int {
    // SAFETY: The caller guarantees that the vCPU is valid, and that we handle its exit.
    let caller: ExitedVcpu<'_> = unsafe { from_c(vcpu) };
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
        psci_version: None,
    };
    let id = crate::smccc::func_id(vcpu);
    let filter = match vm.has_smccc_filter() {
        true => vm.smccc_filter_entry(id).action(),
        false => FilterAction::Handle,
    };

    // The version of PSCI must not change. CPU_SUSPEND sleeps, so it takes no lock; it exists in
    // all versions from 0.2 on.
    let _config = match Call::decode(id) {
        Call::Psci(call) if !matches!(call.function, PsciFunction::CpuSuspend) => {
            Some(vm.lock_config())
        }
        _ => None,
    };

    let before = expect(&caller, filter, id);
    // Whether a call looks at other vCPUs follows from its registers, which do not change.
    let (c, seen) = match &before {
        Expected::AsSeen(nothing) => {
            let notes = Notes::new(*nothing);
            let c = vcpu.with_notes(&notes, handle);
            (c, notes.verdict())
        }
        _ => (handle(), Verdict::Unknown),
    };
    if !before.is(c, seen) {
        judge_again(&caller, filter, id, c, seen);
    }
    c
}

/// Compares C's result with what Rust expects after the call, as the state may have changed
/// meanwhile.
#[cold]
fn judge_again(caller: &Replay<'_>, filter: FilterAction, id: FuncId, c: Handled, seen: Verdict) {
    let after = expect(caller, filter, id);
    if after.is(c, seen) {
        return;
    }
    if explained_by_version(caller, filter, id, c, seen) {
        unjudged(Surface::SMCCC);
    } else {
        report(id, c, after.example(seen));
    }
}

/// Returns whether C's result is right for another version of PSCI, and the version may have been
/// different meanwhile: calls that began in another mode write it without the lock.
fn explained_by_version(
    caller: &Replay<'_>,
    filter: FilterAction,
    id: FuncId,
    c: Handled,
    seen: Verdict,
) -> bool {
    let is_psci = matches!(Call::decode(id), Call::Psci(_));
    let mut versions = PsciVersion::ALL.into_iter().filter(|v| v.needs_psci_0_2());
    is_psci
        && caller.vcpu.has_psci_0_2()
        && others_are_possible()
        && versions.any(|version| {
            let caller = Replay {
                psci_version: Some(version.to_raw()),
                ..*caller
            };
            expect(&caller, filter, id).is(c, seen)
        })
}

/// Reports the first register that differs, or the return value if none does.
fn report(id: FuncId, c: Handled, rust: Handled) {
    let [x0, ..] = c.registers;
    let [y0, ..] = rust.registers;
    let (x, y) = zip(c.registers, rust.registers)
        .find(|(x, y)| x != y)
        .unwrap_or((x0, y0));
    let [c, rust] = [(c.ret, x), (rust.ret, y)].map(|(ret, val)| Outcome { ret, val });
    mismatch(Surface::SMCCC, id.to_raw().into(), c, rust);
}

/// Notes the vCPU that C has looked for, to turn it on; `target` is null if C has found none.
///
/// # Safety
///
/// `source` must fulfil the requirements of [`crate::smccc::kvm_arm_rust_smccc_call_handler`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_note_target(
    source: *mut bindings::kvm_vcpu,
    affinity: c_ulong,
    target: *const bindings::kvm_vcpu,
) {
    // SAFETY: The caller guarantees it.
    let source: ExitedVcpu<'_> = unsafe { from_c(source) };
    // CAST: `unsigned long` has 64 bits on arm64.
    source.note(|seen| seen.target(affinity as u64, !target.is_null()));
}

/// Notes the affinity of the vCPU at which C looks next, for `AFFINITY_INFO`.
///
/// # Safety
///
/// `source` must fulfil the requirements of [`crate::smccc::kvm_arm_rust_smccc_call_handler`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_note_affinity(
    source: *mut bindings::kvm_vcpu,
    affinity: c_ulong,
) {
    // SAFETY: The caller guarantees it.
    let source: ExitedVcpu<'_> = unsafe { from_c(source) };
    // CAST: `unsigned long` has 64 bits on arm64.
    source.note(|seen| seen.vcpu(affinity as u64));
}

/// Notes whether the vCPU that C noted last is off.
///
/// # Safety
///
/// `source` must fulfil the requirements of [`crate::smccc::kvm_arm_rust_smccc_call_handler`].
#[export]
pub unsafe extern "C" fn kvm_arm_check_note_power(source: *mut bindings::kvm_vcpu, stopped: bool) {
    // SAFETY: The caller guarantees it.
    let source: ExitedVcpu<'_> = unsafe { from_c(source) };
    source.note(|seen| seen.power(stopped));
}

/// Compares the state in which C turned a vCPU on.
///
/// # Safety
///
/// - `source` must fulfil the requirements of [`crate::smccc::kvm_arm_rust_smccc_call_handler`].
/// - `target` must point to a valid vCPU of the same VM, whose `mp_state_lock` the caller must have
///   held since before it decided.
#[export]
pub unsafe extern "C" fn kvm_arm_check_vcpu_on(
    source: *mut bindings::kvm_vcpu,
    target: *mut bindings::kvm_vcpu,
) {
    // SAFETY: The caller guarantees that both are valid, that we handle the source's exit, and that
    // the lock of the target is held during the call.
    let (source, target): (ExitedVcpu<'_>, Held<'_, PowerLock>) =
        unsafe { from_c((source, target)) };

    let id = crate::smccc::func_id(source);
    let Decision::Perform(Action::CpuOn(request)) = Decision::of(&source, id) else {
        let rust = Outcome::value(ret::NOT_SUPPORTED);
        mismatch(
            Surface::SMCCC,
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
    if target.reset_state() != state || target.is_off() {
        let [c, rust] = [target.reset_state().pc, state.pc].map(Outcome::value);
        mismatch(Surface::SMCCC, id.to_raw().into(), c, rust);
    }
}
