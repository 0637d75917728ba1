// SPDX-License-Identifier: Apache-2.0 OR MIT

//! `KVM_ARM_VM_CONFIG` of the host for tests, as its page describes it, and with mistakes.

use kvmfit::id::{Class, RegId};
use kvmfit::takes::{nibble, DIGITS};

use crate::backend::{Errno, ScratchVm, EINVAL, ENOENT};
use crate::digits::with_digit;
use crate::fake::{FakeVm, Quirk, BITMAP, MIDR, MMFR3, PFR0, PFR1, PSCI, RAZ, WORKAROUND_2};
use crate::vm_config::abi::{Entry, Op, NO_OTHER, TOLERATE_ZERO};
use crate::vm_config::Migration;

const E2BIG: i32 = 7;
const ERANGE: i32 = 34;

/// What configures a VM, the registers first that others depend on.
const CONFIGURES: [RegId; 8] = [MIDR, PFR0, PFR1, MMFR3, RAZ, PSCI, WORKAROUND_2, BITMAP];

/// A mistake of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// CHECK refuses nothing.
    CheckTakesAll,
    /// SET sets what it does not refuse of a set that it refuses.
    SetsHalf,
    /// Other bits are named than those that are refused.
    OtherBits,
    /// What is offered in place of a refused value is refused.
    OffersNothing,
    /// The errno is another one.
    OtherErrno,
    /// SET takes a value and does not store it.
    Forgets,
    /// A register is refused that is taken alone.
    RefusesMore,
    /// The workaround is judged without the SSBS of the same set.
    ByOldSsbs,
}

struct Answer {
    reason: u32,
    err: i32,
    mask: u64,
    limit: u64,
    other: u32,
}

pub(crate) fn request(
    vm: &FakeVm<'_>,
    op: Op,
    flags: u32,
    entries: &mut [Entry],
) -> Result<usize, (Errno, usize)> {
    if !vm.spec.migration.contains(Migration::VM_CONFIG) {
        return Err((Errno(EINVAL), entries.len()));
    }
    if op == Op::Get {
        if entries.len() < CONFIGURES.len() {
            return Err((Errno(E2BIG), CONFIGURES.len()));
        }
        for (entry, &id) in entries.iter_mut().zip(&CONFIGURES) {
            *entry = Entry { scope: 1, other: NO_OTHER, ..Entry::new(id, read(vm, id)) };
        }
        return Ok(CONFIGURES.len());
    }
    let before = vm.shared.borrow().clone();
    // ID registers first: the others depend on them.
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&n| entries[n].reg().class() != Class::SysReg);
    let mut refused = false;
    for n in order {
        let answer = judge(vm, entries, n, flags)
            .filter(|_| op == Op::Set || vm.fake.lie != Some(Lie::CheckTakesAll));
        let entry = &mut entries[n];
        refused |= answer.is_some();
        let Answer { reason, err, mask, limit, other } =
            answer.unwrap_or(Answer { reason: 0, err: 0, mask: 0, limit: 0, other: NO_OTHER });
        *entry = Entry { mask, limit, err, reason, other, ..*entry };
    }
    if op == Op::Check || refused && vm.fake.lie != Some(Lie::SetsHalf) {
        *vm.shared.borrow_mut() = before;
    }
    if refused {
        Err((Errno(ERANGE), entries.len()))
    } else {
        Ok(entries.len())
    }
}

fn read(vm: &FakeVm<'_>, id: RegId) -> u64 {
    let vm: &dyn ScratchVm = vm;
    vm.get64(0, id).unwrap()
}

/// Writes the value of an entry, or of a refused one what would be taken.
fn judge(vm: &FakeVm<'_>, entries: &[Entry], n: usize, flags: u32) -> Option<Answer> {
    let (id, value) = (entries[n].reg(), entries[n].value);
    let lie = vm.fake.lie;
    if !CONFIGURES.contains(&id) {
        let tolerated = flags & TOLERATE_ZERO != 0 && value == 0;
        let answer = Answer { reason: 1, err: -ENOENT, mask: 0, limit: 0, other: NO_OTHER };
        return (!tolerated).then_some(answer);
    }
    let now = read(vm, id);
    let store = |value| vm.shared.borrow_mut().insert(id, value);
    let conflict = id == PFR0
        && vm.fake.quirk == Some(Quirk::FirstRunClears)
        && value & 0xf0 == 0
        && value & 0xf != 0
        && vm.takes(id, value);
    let more = lie == Some(Lie::RefusesMore) && id == BITMAP && value == 0;
    let by_old = lie == Some(Lie::ByOldSsbs) && id == WORKAROUND_2 && value == 3;
    if (vm.takes(id, value) || value == now) && !conflict && !more && !by_old {
        if lie != Some(Lie::Forgets) || id != BITMAP {
            store(value);
        }
        return None;
    }
    // The digits that are taken alone
    let alone = |n: &usize| vm.takes(id, with_digit(now, *n, nibble(value, *n)));
    let sum = (0..DIGITS).filter(alone).fold(now, |sum, n| with_digit(sum, n, nibble(value, n)));
    let mut limit = match id {
        _ if conflict => value & !0xf,
        _ if vm.takes(id, sum) => sum,
        _ => now,
    };
    store(limit);
    let mut mask = value ^ limit;
    if lie == Some(Lie::OtherBits) {
        mask = !mask;
    }
    if lie == Some(Lie::OffersNothing) {
        limit = value;
    }
    let ssbs = entries.iter().position(|entry| entry.reg() == PFR1);
    let other = ssbs.filter(|_| id == WORKAROUND_2 && value == 3);
    let err = if lie == Some(Lie::OtherErrno) { -1 } else { -EINVAL };
    Some(Answer {
        reason: if conflict || other.is_some() { 7 } else { 3 },
        err,
        mask,
        limit,
        other: other.map_or(NO_OTHER, |n| u32::try_from(n).unwrap()),
    })
}
