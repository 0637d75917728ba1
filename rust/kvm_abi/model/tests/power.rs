// SPDX-License-Identifier: GPL-2.0

//! `CPU_ON`: holds the `mp_state_lock` of its target; the target looks at its state without a lock.

use std::sync::Arc;

use kvm_abi::{
    ret,
    PowerOn, //
};
use kvm_abi_model::{
    ensure,
    in_every_order,
    ResetState,
    Vcpu, //
};
use loom::thread;

type TurnOn = fn(&Vcpu, &PowerOn) -> u64;

/// The request of one of two independent callers.
fn request(caller: u64) -> PowerOn {
    PowerOn {
        target: 1,
        entry: 0x1000 * caller,
        context_id: caller,
        already_on: ret::ALREADY_ON,
    }
}

fn state(caller: u64) -> ResetState {
    (&request(caller)).into()
}

/// Two vCPUs turn on a third one, which enters the guest as soon as it is on.
fn one_caller_wins(turn_on: TurnOn) {
    in_every_order(Some(3), move || {
        let vcpu = Arc::new(Vcpu::new());
        let callers = [1, 2].map(|caller| {
            let vcpu = vcpu.clone();
            thread::spawn(move || turn_on(&vcpu, &request(caller)))
        });
        let entered = vcpu.enter();

        let results = callers.map(|caller| caller.join().expect("no panic"));
        let winner = match results {
            [ret::SUCCESS, ret::ALREADY_ON] => 1,
            [ret::ALREADY_ON, ret::SUCCESS] => 2,
            _ => return Err(format!("the callers get {results:x?}")),
        };
        // If it was off before, it is on now.
        let began = entered.or_else(|| vcpu.enter());
        ensure!(began == Some(state(winner)), "it begins elsewhere");
        ensure!(vcpu.mismatches() == 0, "check reports C");
        Ok(())
    });
}

#[test]
fn vcpu_begins_where_the_successful_caller_says() {
    one_caller_wins(Vcpu::power_on);
}

#[test]
fn check_raises_no_false_alarm() {
    one_caller_wins(Vcpu::power_on_judged);
}

#[test]
#[should_panic(expected = "the callers get")]
fn asked_before_the_lock_both_callers_win() {
    one_caller_wins(|vcpu, request| match request.decide(vcpu.is_off()) {
        Ok(()) => {
            vcpu.start(&mut vcpu.lock_state(), request);
            ret::SUCCESS
        }
        Err(refused) => refused,
    });
}

#[test]
#[should_panic(expected = "check reports C")]
fn judged_after_the_lock_check_raises_a_false_alarm() {
    one_caller_wins(|vcpu, request| {
        let result = vcpu.power_on(request);
        if result == ret::SUCCESS {
            let state = *vcpu.lock_state();
            vcpu.judge_power_on(state, request);
        }
        result
    });
}

#[test]
#[should_panic(expected = "it begins elsewhere")]
fn turned_on_before_the_reset_request_it_begins_where_it_was() {
    one_caller_wins(|vcpu, request| {
        let mut power = vcpu.lock_state();
        if let Err(refused) = request.decide(vcpu.is_off()) {
            return refused;
        }
        vcpu.set_runnable();
        vcpu.start(&mut power, request);
        ret::SUCCESS
    });
}

/// As [`Vcpu::start`], without `smp_wmb()`.
#[test]
#[should_panic(expected = "it begins elsewhere")]
fn without_the_barrier_it_begins_where_it_was() {
    one_caller_wins(|vcpu, request| {
        let mut power = vcpu.lock_state();
        if let Err(refused) = request.decide(vcpu.is_off()) {
            return refused;
        }
        *power = request.into();
        vcpu.request_reset();
        vcpu.set_runnable();
        ret::SUCCESS
    });
}

/// A vCPU turns itself off while another one turns it on: it is on if, and only if, the other one
/// gets `SUCCESS` and came last.
#[test]
fn after_off_and_on_the_state_matches_the_result() {
    in_every_order(None, || {
        let vcpu = Arc::new(Vcpu::new());
        let first = vcpu.power_on(&request(1));
        let caller = thread::spawn({
            let vcpu = vcpu.clone();
            move || vcpu.power_on(&request(2))
        });
        let began = vcpu.enter();
        vcpu.power_off();
        let second = caller.join().expect("no panic");
        let left = match second {
            ret::SUCCESS => Some(state(2)),
            _ => None,
        };
        ensure!(first == ret::SUCCESS, "the first caller gets {first:x}");
        ensure!(began == Some(state(1)), "it begins elsewhere");
        ensure!(vcpu.enter() == left, "the second caller gets {second:x}");
        Ok(())
    });
}
