// SPDX-License-Identifier: GPL-2.0

//! The power state of a vCPU, and its state when it is turned on.

use std::{
    cell::RefCell,
    ops::Deref,
    sync::atomic::{
        AtomicU32,
        Ordering::Relaxed, //
    }, //
};

use kvm_abi::{
    ret,
    PowerLocked,
    PowerOn,
    PowerVcpu, //
};
use loom::sync::{
    atomic::{
        fence,
        Ordering::{
            Acquire,
            Release, //
        }, //
    },
    Mutex,
    MutexGuard, //
};

use crate::memory::{
    Steps,
    Word, //
};

const RUNNABLE: u64 = 0;
const STOPPED: u64 = 3;

/// `struct vcpu_reset_state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResetState {
    /// The address where the vCPU begins.
    pub pc: u64,
    /// The value of `x0`.
    pub r0: u64,
    /// Whether the vCPU still has to be reset to this state.
    pub pending: bool,
}

impl From<&PowerOn> for ResetState {
    fn from(request: &PowerOn) -> Self {
        Self {
            pc: request.entry,
            r0: request.context_id,
            pending: true,
        }
    }
}

/// A vCPU that is off.
#[derive(Debug)]
pub struct Vcpu {
    steps: Steps,
    mp_state: Word,
    /// `mp_state_lock`, and the state that it protects.
    power: Mutex<ResetState>,
    /// `KVM_REQ_VCPU_RESET`.
    reset_request: Word,
    /// Not modelled with loom, as in [`crate::Vm`].
    mismatches: AtomicU32,
}

impl Default for Vcpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Vcpu {
    /// Returns a vCPU that is off.
    pub fn new() -> Self {
        Self {
            steps: Steps::new(),
            mp_state: Word::new(STOPPED),
            power: Mutex::new(ResetState::default()),
            reset_request: Word::new(0),
            mismatches: AtomicU32::new(0),
        }
    }

    /// Takes the `mp_state_lock`.
    pub fn lock_state(&self) -> MutexGuard<'_, ResetState> {
        self.power.lock().expect("nobody panics with it")
    }

    /// `kvm_arm_vcpu_stopped()`.
    pub fn is_off(&self) -> bool {
        self.mp_state.load(&self.steps) == STOPPED
    }

    /// `WRITE_ONCE(mp_state, KVM_MP_STATE_RUNNABLE)`.
    pub fn set_runnable(&self) {
        self.mp_state.store(&self.steps, RUNNABLE);
    }

    /// Turns the vCPU off, `kvm_arm_vcpu_power_off()`.
    pub fn power_off(&self) {
        let _power = self.lock_state();
        self.mp_state.store(&self.steps, STOPPED);
    }

    /// `kvm_make_request(KVM_REQ_VCPU_RESET)`.
    pub fn request_reset(&self) {
        self.reset_request.set(&self.steps, 1);
    }

    /// `Held::<PowerLock>::start()`.
    pub fn start(&self, power: &mut ResetState, request: &PowerOn) {
        *power = request.into();
        self.request_reset();
        // smp_wmb()
        fence(Release);
        self.set_runnable();
    }

    /// `ExitedVcpu::power_on()`: another vCPU has called `CPU_ON` for this one.
    pub fn power_on(&self, request: &PowerOn) -> u64 {
        request.perform(Some(self), || false)
    }

    /// `kvm_psci_vcpu_on()` in mode `check`.
    pub fn power_on_judged(&self, request: &PowerOn) -> u64 {
        let mut power = self.lock_state();
        if !self.is_off() {
            return request.already_on;
        }
        self.start(&mut power, request);
        self.judge_power_on(*power, request);
        ret::SUCCESS
    }

    /// `kvm_arm_check_vcpu_on()`: counts a difference.
    pub fn judge_power_on(&self, state: ResetState, request: &PowerOn) {
        if state != request.into() || self.is_off() {
            self.mismatches.fetch_add(1, Relaxed);
        }
    }

    /// Returns the number of differences.
    pub fn mismatches(&self) -> u32 {
        self.mismatches.load(Relaxed)
    }

    /// The vCPU's own thread: `check_vcpu_requests()` with `kvm_vcpu_sleep()` and
    /// `kvm_reset_vcpu()`. Returns the state in which it enters the guest, `None` if it is off.
    pub fn enter(&self) -> Option<ResetState> {
        if self.is_off() {
            return None;
        }
        // smp_rmb()
        fence(Acquire);
        // kvm_check_request()
        if self.reset_request.load(&self.steps) == 0 {
            return Some(ResetState::default());
        }
        self.reset_request.store(&self.steps, 0);
        let mut power = self.lock_state();
        let state = *power;
        power.pending = false;
        Some(state)
    }
}

/// A vCPU whose `mp_state_lock` is held, `Held<'_, PowerLock>`.
pub struct Held<'a> {
    vcpu: &'a Vcpu,
    power: RefCell<MutexGuard<'a, ResetState>>,
}

/// Holds the lock until it is dropped, `Guard<'_, PowerLock>`.
pub struct Guard<'a>(Held<'a>);

impl<'a> Deref for Guard<'a> {
    type Target = Held<'a>;

    fn deref(&self) -> &Held<'a> {
        &self.0
    }
}

impl PowerVcpu for Vcpu {
    type Locked<'a> = Guard<'a>;

    fn lock_power(&self) -> Guard<'_> {
        Guard(Held {
            vcpu: self,
            power: RefCell::new(self.lock_state()),
        })
    }
}

impl PowerLocked for Held<'_> {
    fn is_stopped(&self) -> bool {
        self.vcpu.is_off()
    }

    fn start(&self, entry: u64, context_id: u64, _be: bool) {
        let request = PowerOn {
            target: 0,
            entry,
            context_id,
            already_on: ret::ALREADY_ON,
        };
        self.vcpu.start(&mut self.power.borrow_mut(), &request);
    }
}
