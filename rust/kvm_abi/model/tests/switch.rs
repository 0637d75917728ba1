// SPDX-License-Identifier: GPL-2.0

//! The switch: the mode and the static keys that calls see while root sets them.

use std::sync::Arc;

use kvm_abi_model::{
    ensure,
    in_every_order,
    Counted,
    Mode,
    Server,
    Step,
    Switch, //
};
use loom::thread;

type Count = fn(&Switch) -> (Mode, Counted);

/// A call begins while root sets another mode.
fn a_call_during_a_flip(
    (from, to): (Mode, Mode),
    order: &'static [Step],
    good: fn(Server) -> bool,
) {
    in_every_order(None, move || {
        let switch = Arc::new(Switch::new(from, false));
        let root = thread::spawn({
            let switch = switch.clone();
            move || switch.set_in_order(order, to, false)
        });
        let server = switch.server();
        let good = good(server);
        root.join().expect("no panic");
        ensure!(good, "the call is served in a third way");
        Ok(())
    });
}

fn rust_or_judged(server: Server) -> bool {
    matches!(server, Server::Rust | Server::JudgedC)
}

fn rust_or_c_alone(server: Server) -> bool {
    matches!(server, Server::Rust | Server::C)
}

#[test]
fn from_rust_to_check_c_decides_nothing_unjudged() {
    a_call_during_a_flip((Mode::Rust, Mode::Check), &Switch::ORDER, rust_or_judged);
}

#[test]
#[should_panic(expected = "the call is served in a third way")]
fn with_the_check_key_after_rusts_c_decides_something_unjudged() {
    use Step::{
        CheckKey,
        Counting,
        Key,
        Mode as Word,
        RustKey, //
    };
    const ORDER: [Step; 5] = [Word, Counting, RustKey, CheckKey, Key];
    a_call_during_a_flip((Mode::Rust, Mode::Check), &ORDER, rust_or_judged);
}

#[test]
fn from_c_to_rust_c_is_never_watched() {
    a_call_during_a_flip((Mode::C, Mode::Rust), &Switch::ORDER, rust_or_c_alone);
}

#[test]
#[should_panic(expected = "the call is served in a third way")]
fn with_the_mode_after_the_keys_c_is_watched() {
    use Step::{
        CheckKey,
        Counting,
        Key,
        Mode as Word,
        RustKey, //
    };
    const ORDER: [Step; 5] = [Key, RustKey, CheckKey, Counting, Word];
    a_call_during_a_flip((Mode::C, Mode::Rust), &ORDER, rust_or_c_alone);
}

/// While root sets another mode, each call is counted for the side that serves it.
fn calls_are_counted_for_who_serves_them(count: Count) {
    for (from, to) in [
        (Mode::C, Mode::Rust),
        (Mode::Rust, Mode::C),
        (Mode::Rust, Mode::Check),
        (Mode::Check, Mode::Rust),
    ] {
        in_every_order(None, move || {
            let switch = Arc::new(Switch::new(from, true));
            let root = thread::spawn({
                let switch = switch.clone();
                move || switch.set(to, true)
            });
            let (server, counted) = switch.counted_server(count);
            root.join().expect("no panic");
            let right = match server {
                Server::Rust => counted.rust && !counted.c,
                Server::WatchedC => counted.c && !counted.rust,
                Server::JudgedC => counted.c && counted.rust,
                Server::C => false,
            };
            ensure!(right, "{server:?} serves, counted is {counted:?}");
            Ok(())
        });
    }
}

#[test]
fn a_call_is_counted_for_the_side_that_serves_it() {
    calls_are_counted_for_who_serves_them(Switch::count);
}

#[test]
#[should_panic(expected = "Rust serves, counted is")]
fn with_the_mode_read_twice_a_call_is_counted_for_the_other_side() {
    calls_are_counted_for_who_serves_them(|switch| {
        let (_, counted) = switch.count();
        (switch.mode(), counted)
    });
}

/// Root begins to count while calls are under way: calls that begin later are counted.
fn once_root_counts_calls_are_counted(set: fn(&Switch, Mode, bool)) {
    for mode in [Mode::C, Mode::Rust, Mode::Check] {
        in_every_order(None, move || {
            let switch = Arc::new(Switch::new(mode, false));
            let call = thread::spawn({
                let switch = switch.clone();
                move || switch.server()
            });
            set(&switch, mode, true);
            let (_, counted) = switch.counted_server(Switch::count);
            call.join().expect("no panic");
            ensure!(counted != Counted::default(), "a call is not counted");
            Ok(())
        });
    }
}

#[test]
fn a_call_after_counting_was_set_is_counted() {
    once_root_counts_calls_are_counted(Switch::set);
}

#[test]
#[should_panic(expected = "a call is not counted")]
fn without_the_keys_a_call_is_not_counted() {
    once_root_counts_calls_are_counted(|switch, mode, count| {
        switch.set_in_order(&[Step::Mode, Step::Counting], mode, count);
    });
}

/// Two writers set the mode at once: in the end the keys match the mode.
fn keys_follow_the_mode(set: fn(&Switch, Mode, bool)) {
    in_every_order(Some(3), move || {
        let switch = Arc::new(Switch::new(Mode::Check, false));
        let other = thread::spawn({
            let switch = switch.clone();
            move || set(&switch, Mode::Rust, false)
        });
        set(&switch, Mode::C, false);
        other.join().expect("no panic");
        let wanted = match switch.mode() {
            Mode::C => Server::C,
            Mode::Rust => Server::Rust,
            Mode::Check => Server::JudgedC,
        };
        ensure!(
            switch.server() == wanted,
            "the keys are those of another mode"
        );
        ensure!(!switch.is_checking(), "C is judged in another mode");
        Ok(())
    });
}

#[test]
fn keys_are_those_of_the_mode() {
    keys_follow_the_mode(Switch::set);
}

#[test]
#[should_panic(expected = "the keys are those of another mode")]
fn without_the_lock_keys_are_not_those_of_the_mode() {
    keys_follow_the_mode(|switch, mode, count| switch.set_in_order(&Switch::ORDER, mode, count));
}
