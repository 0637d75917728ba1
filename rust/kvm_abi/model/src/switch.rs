// SPDX-License-Identifier: GPL-2.0

//! Who serves a call: the mode, and the static keys by which a call site asks.
//!
//! `arch/arm64/kvm/rust/abi.c` and `include/kvm/arm_rust.h`; `tests/order.rs` compares the order of
//! the steps here with the order there.

use loom::sync::{
    atomic::{
        fence,
        AtomicBool,
        AtomicU32,
        Ordering::{
            Acquire,
            Relaxed,
            Release,
            SeqCst, //
        }, //
    },
    Mutex, //
};

/// What root chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// C.
    C,
    /// Rust.
    Rust,
    /// C, whose decisions are judged.
    Check,
}

/// Who serves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// C, and no code of the switch runs.
    C,
    /// Rust.
    Rust,
    /// C, which asks [`Switch::is_checking`] whether its decision has to be judged.
    WatchedC,
}

/// For which side a call is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// It is counted for C.
    pub c: bool,
    /// It is counted for Rust.
    pub rust: bool,
}

/// A store of `set_mode()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The word `check_period`, to 0.
    EndPeriod,
    /// `smp_mb()`
    Fence,
    /// The word `mode`.
    Mode,
    /// The word `counting`.
    Counting,
    /// `kvm_arm_abi_check_key`.
    CheckKey,
    /// `kvm_arm_abi_rust_key`: nothing but the Rust code has to run.
    RustKey,
    /// `kvm_arm_abi_key`: more than the C code has to run.
    Key,
    /// The word `check_period`, to a number that it has not had, in the mode check.
    BeginPeriod,
}

/// The mode, and what follows from it.
///
/// A static key is code that is changed: the change is over on all CPUs before the next one begins,
/// so that who sees it sees all changes before it. The words are relaxed.
#[derive(Debug)]
pub struct Switch {
    /// `mode_lock`.
    setters: Mutex<()>,
    last_period: AtomicU32,
    period: AtomicU32,
    mode: AtomicU32,
    counting: AtomicBool,
    check: AtomicBool,
    alone: AtomicBool,
    on: AtomicBool,
}

impl Switch {
    /// The order of the kernel's `set_mode()`.
    pub const ORDER: [Step; 8] = [
        Step::EndPeriod,
        Step::Fence,
        Step::Mode,
        Step::Counting,
        Step::CheckKey,
        Step::RustKey,
        Step::Key,
        Step::BeginPeriod,
    ];

    /// Returns a switch that is set to a mode, and counts or does not.
    pub fn new(mode: Mode, count: bool) -> Self {
        Self {
            setters: Mutex::new(()),
            last_period: AtomicU32::new(1),
            period: AtomicU32::new((mode == Mode::Check).into()),
            mode: AtomicU32::new(mode as u32),
            counting: AtomicBool::new(count),
            check: AtomicBool::new(mode == Mode::Check),
            alone: AtomicBool::new(mode == Mode::Rust && !count),
            on: AtomicBool::new(mode != Mode::C || count),
        }
    }

    /// `set_mode()`: root chooses; calls that are under way go on as they began.
    pub fn set(&self, mode: Mode, count: bool) {
        let _setters = self.setters.lock().expect("nobody panics with it");
        self.set_in_order(&Self::ORDER, mode, count);
    }

    /// `set_mode()` without the lock, of which the steps are given.
    pub fn set_in_order(&self, steps: &[Step], mode: Mode, count: bool) {
        for step in steps {
            match step {
                Step::EndPeriod => self.period.store(0, Relaxed),
                Step::Fence => fence(SeqCst),
                Step::BeginPeriod => {
                    if mode == Mode::Check {
                        let next = self.last_period.load(Relaxed) + 1;
                        self.last_period.store(next, Relaxed);
                        self.period.store(next, Release);
                    }
                }
                Step::Mode => self.mode.store(mode as u32, Relaxed),
                Step::Counting => self.counting.store(count, Relaxed),
                Step::CheckKey => self.check.store(mode == Mode::Check, Release),
                Step::RustKey => self.alone.store(mode == Mode::Rust && !count, Release),
                Step::Key => self.on.store(mode != Mode::C || count, Release),
            }
        }
    }

    /// Returns what root chose last.
    pub fn mode(&self) -> Mode {
        let modes = [Mode::C, Mode::Rust, Mode::Check];
        modes[self.mode.load(Relaxed) as usize]
    }

    /// `kvm_arm_abi_checking()`.
    pub fn is_checking(&self) -> bool {
        self.check.load(Acquire)
    }

    /// `kvm_arm_abi_check_period()`.
    pub fn period(&self) -> u32 {
        fence(SeqCst);
        self.period.load(Acquire)
    }

    /// `kvm_arm_abi_count()`: whether Rust serves, and for whom the call is counted.
    pub fn count(&self) -> (bool, Counted) {
        let now = self.mode();
        let mut counted = Counted::default();
        if self.counting.load(Relaxed) {
            counted.c = now != Mode::Rust;
            counted.rust = now != Mode::C;
        }
        (now == Mode::Rust, counted)
    }

    /// Returns who serves a call that begins now, as `kvm_arm_abi_set_one_reg()` asks.
    pub fn server(&self) -> Server {
        self.counted_server(Self::count).0
    }

    /// Returns who serves a call that begins now, and for whom it is counted, by a
    /// `kvm_arm_abi_count()`.
    pub fn counted_server(&self, count: fn(&Self) -> (bool, Counted)) -> (Server, Counted) {
        if !self.on.load(Acquire) {
            return (Server::C, Counted::default());
        }
        if self.alone.load(Acquire) {
            return (Server::Rust, Counted::default());
        }
        match count(self) {
            (true, counted) => (Server::Rust, counted),
            (false, counted) => (Server::WatchedC, counted),
        }
    }
}
