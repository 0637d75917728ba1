// SPDX-License-Identifier: GPL-2.0

//! The choice of the side that serves a call: the mode, and the static keys at the call sites.
//!
//! Models `arch/arm64/kvm/rust/switch.c` and `include/kvm/arm_abi.h`; `tests/order.rs` compares the
//! order of the steps here with the order there.

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

/// The mode that root chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// C.
    C,
    /// Rust.
    Rust,
    /// C; Rust judges its decisions.
    Check,
}

/// The side that serves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// C, and no code of the switch runs.
    C,
    /// Rust.
    Rust,
    /// C, whose call is counted or traced.
    WatchedC,
    /// C, whose decision Rust judges.
    JudgedC,
}

/// The sides for which a call is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The call is counted for C.
    pub c: bool,
    /// The call is counted for Rust.
    pub rust: bool,
}

/// A store of `set_mode()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `smp_mb()`
    Fence,
    /// The word `mode`.
    Mode,
    /// The word `counting`.
    Counting,
    /// `kvm_arm_abi_check_key`.
    CheckKey,
    /// `kvm_arm_abi_rust_key`: on while only the Rust code has to run.
    RustKey,
    /// `kvm_arm_abi_key`: off while only the C code has to run.
    Key,
}

/// The mode, and the words and keys that follow from it.
///
/// Setting a static key changes code: the change is complete on all CPUs before the next one
/// begins, so a CPU that sees a change sees all changes before it. The words are relaxed.
#[derive(Debug)]
pub struct Switch {
    /// `mode_lock`.
    setters: Mutex<()>,
    mode: AtomicU32,
    counting: AtomicBool,
    check: AtomicBool,
    alone: AtomicBool,
    on: AtomicBool,
}

impl Switch {
    /// The order of the kernel's `set_mode()`.
    pub const ORDER: [Step; 6] = [
        Step::Fence,
        Step::Mode,
        Step::Counting,
        Step::CheckKey,
        Step::RustKey,
        Step::Key,
    ];

    /// Returns a switch in a mode, with or without counting.
    pub fn new(mode: Mode, count: bool) -> Self {
        Self {
            setters: Mutex::new(()),
            mode: AtomicU32::new(mode as u32),
            counting: AtomicBool::new(count),
            check: AtomicBool::new(mode == Mode::Check),
            alone: AtomicBool::new(mode == Mode::Rust && !count),
            on: AtomicBool::new(mode != Mode::C || count),
        }
    }

    /// `set_mode()`: root sets the mode; calls under way go on as they began.
    pub fn set(&self, mode: Mode, count: bool) {
        let _setters = self.setters.lock().expect("nobody panics with it");
        self.set_in_order(&Self::ORDER, mode, count);
    }

    /// `set_mode()` without the lock, in the order of `steps`.
    pub fn set_in_order(&self, steps: &[Step], mode: Mode, count: bool) {
        for step in steps {
            match step {
                Step::Fence => fence(SeqCst),
                Step::Mode => self.mode.store(mode as u32, Relaxed),
                Step::Counting => self.counting.store(count, Relaxed),
                Step::CheckKey => self.check.store(mode == Mode::Check, Release),
                Step::RustKey => self.alone.store(mode == Mode::Rust && !count, Release),
                Step::Key => self.on.store(mode != Mode::C || count, Release),
            }
        }
    }

    /// Returns the mode that root set last.
    pub fn mode(&self) -> Mode {
        let modes = [Mode::C, Mode::Rust, Mode::Check];
        modes[self.mode.load(Relaxed) as usize]
    }

    /// `kvm_arm_abi_checking()`.
    pub fn is_checking(&self) -> bool {
        self.check.load(Acquire)
    }

    /// `kvm_arm_abi_count()` while each call is compared: returns by which mode to serve, and for
    /// which sides the call is counted.
    pub fn count(&self) -> (Mode, Counted) {
        let now = match self.mode() {
            Mode::Check if !self.is_checking() => Mode::C,
            now => now,
        };
        let mut counted = Counted::default();
        if self.counting.load(Relaxed) {
            counted.c = now != Mode::Rust;
            counted.rust = now != Mode::C;
        }
        (now, counted)
    }

    /// Returns which side serves a call that begins now, as in `kvm_arm_abi_set_fw_reg()`.
    pub fn server(&self) -> Server {
        self.counted_server(Self::count).0
    }

    /// Returns which side serves a call that begins now, and for which sides it is counted; `count`
    /// stands for `kvm_arm_abi_count()`.
    pub fn counted_server(&self, count: fn(&Self) -> (Mode, Counted)) -> (Server, Counted) {
        if !self.on.load(Acquire) {
            return (Server::C, Counted::default());
        }
        if self.alone.load(Acquire) {
            return (Server::Rust, Counted::default());
        }
        let (how, counted) = count(self);
        let server = match how {
            Mode::Rust => Server::Rust,
            Mode::C => Server::WatchedC,
            Mode::Check => Server::JudgedC,
        };
        (server, counted)
    }
}
