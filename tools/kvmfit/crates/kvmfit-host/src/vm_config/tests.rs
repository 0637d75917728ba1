// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The requests and their answers, by a kernel that is a function.

use std::cell::Cell;

use super::abi::Request;
use super::*;
use crate::backend::EINVAL;

const PFR1: RegId = RegId::sysreg(3, 0, 0, 4, 1);
const WORKAROUND_2: RegId = RegId::firmware(2);
const PSCI: RegId = RegId::firmware(0);

fn config() -> Config {
    [(PSCI, 0x1_0004), (WORKAROUND_2, 3), (PFR1, 0)].into_iter().collect()
}

/// The bytes as the kernel has them.
#[test]
fn a_request_and_an_entry_have_the_layout_of_the_abi() {
    let request = Request::new(Op::Set, TOLERATE_ZERO, 3, 0x1122_3344_5566_7788);
    let Request { op, flags, n, entry_size, entries, reserved } = request;
    assert_eq!(
        (op, flags, n, entry_size, entries, reserved),
        (2, 1, 3, 64, 0x1122_3344_5566_7788, [0; 5])
    );
    for (offset, expected) in [
        (std::mem::offset_of!(Request, flags), 4),
        (std::mem::offset_of!(Request, n), 8),
        (std::mem::offset_of!(Request, entry_size), 12),
        (std::mem::offset_of!(Request, entries), 16),
        (std::mem::offset_of!(Request, reserved), 24),
        (std::mem::offset_of!(Entry, value), 8),
        (std::mem::offset_of!(Entry, mask), 16),
        (std::mem::offset_of!(Entry, limit), 24),
        (std::mem::offset_of!(Entry, err), 32),
        (std::mem::offset_of!(Entry, reason), 36),
        (std::mem::offset_of!(Entry, other), 40),
        (std::mem::offset_of!(Entry, scope), 44),
        (std::mem::offset_of!(Entry, reserved), 48),
    ] {
        assert_eq!(offset, expected);
    }
}

#[test]
fn the_entries_are_the_registers_in_their_order() {
    let seen = Cell::new(0);
    for (tolerate, flags) in [(false, 0), (true, 1)] {
        let answer = config().tolerate_zero(tolerate).ask(Op::Check, &|op, given, entries| {
            assert_eq!((op, given), (Op::Check, flags));
            let pairs: Vec<_> = entries.iter().map(|entry| (entry.reg(), entry.value)).collect();
            assert_eq!(pairs, config().registers().collect::<Vec<_>>());
            assert!(entries.iter().all(|entry| entry.reserved == [0; 2]));
            seen.set(seen.get() + 1);
            Ok(entries.len())
        });
        assert_eq!(answer, Ok(()));
    }
    assert_eq!(seen.get(), 2);
}

#[test]
fn a_refusal_says_which_and_why() {
    let answer = config().ask(Op::Set, &|_, _, entries| {
        entries[0] =
            Entry { err: -22, reason: 3, mask: 0x7, limit: 0x1_0003, other: !0, ..entries[0] };
        entries[1] = Entry { err: -22, reason: 7, mask: 0x3, other: 2, ..entries[1] };
        Err((Errno(ERANGE), 3))
    });
    let Err(ConfigError::Refused(refused)) = answer else { panic!("{answer:?}") };
    assert_eq!(refused.len(), 2);
    let first = refused[0];
    assert_eq!((first.index, first.id, first.errno), (0, PSCI, 22));
    assert_eq!((first.reason, first.limit, first.other), (Reason::AboveHost, Some(0x1_0003), None));
    assert_eq!(
        first.to_string(),
        "KVM_REG_ARM_PSCI_VERSION = 0x10004: EINVAL: the host does not give this much; \
         minor = 0x4, 0x3 would be taken"
    );
    assert_eq!((refused[1].index, refused[1].reason), (1, Reason::Conflict));
    assert_eq!(refused[1].other, Some(2));
    let all = ConfigError::Refused(refused).to_string();
    assert!(all.starts_with("2 of the registers are refused: KVM_REG_ARM_PSCI_VERSION"), "{all}");
}

#[test]
fn what_is_not_there_has_nothing_that_would_be_taken() {
    for (err, reason, limit) in
        [(-2, 1, None), (-2, 6, None), (-8, 8, None), (-16, 4, Some(0)), (-22, 99, Some(0))]
    {
        let answer = config().ask(Op::Set, &|_, _, entries| {
            entries[0] = Entry { err, reason, other: !0, ..entries[0] };
            Err((Errno(ERANGE), 3))
        });
        let Err(ConfigError::Refused(refused)) = answer else { panic!("{answer:?}") };
        assert_eq!((refused[0].errno, refused[0].limit), (-err, limit));
    }
}

#[test]
fn each_reason_has_words_and_a_number() {
    let words: std::collections::BTreeSet<String> =
        (0..10).map(|number| Reason::from_number(number).to_string()).collect();
    assert_eq!(words.len(), 10);
    assert_eq!(Reason::from_number(4), Reason::Frozen);
    assert_eq!(Reason::from_number(9), Reason::Other(9));
}

#[test]
fn other_errors_are_the_calls_own() {
    for (errno, expected) in
        [(EBUSY, ConfigError::Busy), (EINVAL, ConfigError::Call { errno: EINVAL })]
    {
        let failing: Call<'_> = &|_, _, _| Err((Errno(errno), 0));
        assert_eq!(config().ask(Op::Set, failing), Err(expected.clone()));
        assert_eq!(read(failing), Err(expected));
    }
    let many: Config = (0..4097).map(|n| (RegId::new(n), 0)).collect();
    let answer = many.ask(Op::Check, &|_, _, _| panic!("it would be E2BIG"));
    assert_eq!(answer, Err(ConfigError::TooMany { entries: 4097 }));
}

/// A kernel with so many registers.
fn with(registers: usize) -> impl Fn(Op, u32, &mut [Entry]) -> Result<usize, (Errno, usize)> {
    move |op, flags, entries| {
        assert_eq!((op, flags), (Op::Get, 0));
        if entries.len() < registers {
            return Err((Errno(E2BIG), registers));
        }
        for (n, entry) in entries.iter_mut().take(registers).enumerate() {
            *entry = Entry { scope: 1, mask: 15, limit: 3, ..Entry::new(RegId::new(n as u64), 2) };
        }
        Ok(registers)
    }
}

#[test]
fn all_registers_are_read_however_many_there_are() {
    for registers in [0, 1, ROOM, ROOM + 1, MOST_ENTRIES] {
        let readings = read(&with(registers)).unwrap();
        assert_eq!(readings.len(), registers);
        for (n, reading) in readings.iter().enumerate() {
            let Reading { id, value, mask, limit, shared } = *reading;
            assert_eq!((id.raw(), value, mask, limit, shared), (n as u64, 2, 15, 3, true));
        }
    }
    // Neither a kernel that needs no more, nor one that always needs more, is asked again and again.
    for more in [0, 1] {
        let answer =
            read(&|_, _, entries| Err((Errno(E2BIG), entries.len() + more * MOST_ENTRIES)));
        assert_eq!(answer, Err(ConfigError::Call { errno: E2BIG }));
    }
}
