// SPDX-License-Identifier: GPL-2.0

//! `CPU_ON`: the target's state is looked at and changed under one hold of its lock.

use std::{
    cell::RefCell,
    ops::Deref, //
};

use kvm_abi::{
    ret,
    PowerLocked,
    PowerOn,
    PowerVcpu, //
};

/// What a call does with its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Lock,
    IsStopped,
    Start(u64, u64, bool),
    Unlock,
}

/// A vCPU that notes the steps.
struct Vcpu {
    is_stopped: bool,
    steps: RefCell<Vec<Step>>,
}

struct Locked<'a>(&'a Vcpu);

impl Vcpu {
    fn new(is_stopped: bool) -> Self {
        Self {
            is_stopped,
            steps: RefCell::default(),
        }
    }

    fn note(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }
}

impl Deref for Locked<'_> {
    type Target = Vcpu;

    fn deref(&self) -> &Vcpu {
        self.0
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.note(Step::Unlock);
    }
}

impl PowerVcpu for Vcpu {
    type Locked<'a> = Locked<'a>;

    fn lock_power(&self) -> Locked<'_> {
        self.note(Step::Lock);
        Locked(self)
    }
}

impl PowerLocked for Vcpu {
    fn is_stopped(&self) -> bool {
        self.note(Step::IsStopped);
        self.is_stopped
    }

    fn start(&self, entry: u64, context_id: u64, be: bool) {
        self.note(Step::Start(entry, context_id, be));
    }
}

fn request(already_on: u64) -> PowerOn {
    PowerOn {
        target: 1,
        entry: 0x8000_0000,
        context_id: 0x1234,
        already_on,
    }
}

#[test]
fn vcpu_that_is_off_starts_under_the_lock() {
    for be in [false, true] {
        let vcpu = Vcpu::new(true);
        let result = request(ret::ALREADY_ON).perform(Some(&vcpu), || be);
        assert_eq!(result, ret::SUCCESS);
        let start = Step::Start(0x8000_0000, 0x1234, be);
        let steps = [Step::Lock, Step::IsStopped, start, Step::Unlock];
        assert_eq!(vcpu.steps.into_inner(), steps);
    }
}

#[test]
fn vcpu_that_is_on_stays_as_it_is() {
    for already_on in [ret::ALREADY_ON, ret::INVALID_PARAMETERS] {
        let vcpu = Vcpu::new(false);
        let result = request(already_on).perform(Some(&vcpu), || panic!("not asked"));
        assert_eq!(result, already_on);
        let steps = [Step::Lock, Step::IsStopped, Step::Unlock];
        assert_eq!(vcpu.steps.into_inner(), steps);
    }
}

#[test]
fn call_for_no_vcpu_is_invalid() {
    let result = request(ret::ALREADY_ON).perform(None::<&Vcpu>, || panic!("not asked"));
    assert_eq!(result, ret::INVALID_PARAMETERS);
}
