// SPDX-License-Identifier: GPL-2.0

//! A request to filter calls: the order in which it is checked, decided and carried out.

use std::{
    cell::RefCell,
    ops::Deref, //
};

use kvm_abi::{
    FeatureBitmap,
    FeatureLevelReg,
    FeatureLevels,
    FilterAction,
    FilterLocked,
    FilterRange,
    FilterRequest,
    FilterVm,
    FuncId,
    FwLocked,
    Promise,
    RanOnce,
    Reject,
    VcpuFeatures, //
};

/// What a request does with a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Lock,
    Ran,
    IsEmpty,
    Insert(FilterRange),
    Clear,
    Unlock,
}

use Step::{
    Clear,
    Insert,
    IsEmpty,
    Lock,
    Ran,
    Unlock, //
};

/// A VM that notes the steps.
struct Vm {
    ran: RanOnce,
    is_empty: bool,
    /// The number of the insertion that fails.
    fails: usize,
    steps: RefCell<Vec<Step>>,
}

struct Locked<'a>(&'a Vm);

impl Vm {
    fn note(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }
}

impl Deref for Locked<'_> {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        self.0
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.note(Unlock);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Error {
    Reject(Reject),
    NoMemory,
}

/// The error of the filter.
struct NoMemory;

impl From<Reject> for Error {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl From<NoMemory> for Error {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl FilterVm for Vm {
    type Locked<'a> = Locked<'a>;
    type Error = NoMemory;

    fn lock_filter(&self) -> Locked<'_> {
        self.note(Lock);
        Locked(self)
    }
}

impl FwLocked for Vm {
    fn ran_once(&self) -> RanOnce {
        self.note(Ran);
        self.ran
    }

    fn features(&self) -> VcpuFeatures {
        panic!("the filter does not depend on them")
    }

    fn store_bitmap(&self, _: FeatureBitmap, _: u64) {
        panic!("the filter has no bitmap")
    }

    fn promise(&self, _: FeatureLevelReg) -> Promise {
        panic!("the filter does not depend on them")
    }

    fn store_promise(&self, _: FeatureLevelReg, _: FeatureLevels) {
        panic!("the filter promises nothing")
    }
}

impl FilterLocked for Vm {
    type Error = NoMemory;

    fn is_empty(&self) -> bool {
        self.note(IsEmpty);
        self.is_empty
    }

    fn insert(&self, range: &FilterRange) -> Result<(), NoMemory> {
        self.note(Insert(*range));
        let is_insert = |step: &&Step| matches!(step, Insert(_));
        if self.steps.borrow().iter().filter(is_insert).count() == self.fails {
            return Err(NoMemory);
        }
        Ok(())
    }

    fn clear(&self) {
        self.note(Clear);
    }
}

const BASE: u32 = 0x8400_0000;

/// Returns the result of a request for some functions, and its steps.
fn add(nr: u32, ran: RanOnce, is_empty: bool, fails: usize) -> (Result<(), Error>, Vec<Step>) {
    let vm = Vm {
        ran,
        is_empty,
        fails,
        steps: RefCell::default(),
    };
    let functions = u64::from(nr) << 32 | u64::from(BASE);
    let result = FilterRequest::from_le_words([functions, 1, 0]).add_to(&vm);
    (result, vm.steps.into_inner())
}

#[test]
fn invalid_request_is_refused_without_a_look() {
    let refused = Err(Error::Reject(Reject::InvalidValue));
    assert_eq!(add(0, RanOnce::Yes, true, 0), (refused, vec![]));
}

#[test]
fn filter_of_a_vm_that_has_run_is_not_looked_at() {
    let refused = Err(Error::Reject(Reject::Frozen));
    let steps = vec![Lock, Ran, Unlock];
    assert_eq!(add(0x20, RanOnce::Yes, true, 0), (refused, steps));
}

#[test]
fn range_is_added_under_the_lock_after_the_reserved_ones() {
    let range = FilterRange {
        first: FuncId::from_raw(BASE),
        last: FuncId::from_raw(BASE + 0x1f),
        action: FilterAction::Deny,
    };
    let [first, second] = FilterRange::RESERVED;
    let no_memory = Err(Error::NoMemory);
    for (is_empty, fails, result, rest) in [
        (false, 0, Ok(()), vec![Insert(range)]),
        (false, 1, no_memory, vec![Insert(range)]),
        (
            true,
            0,
            Ok(()),
            vec![Insert(first), Insert(second), Insert(range)],
        ),
        // All reserved ranges are there, or none.
        (true, 1, no_memory, vec![Insert(first), Clear]),
        (
            true,
            2,
            no_memory,
            vec![Insert(first), Insert(second), Clear],
        ),
        (
            true,
            3,
            no_memory,
            vec![Insert(first), Insert(second), Insert(range)],
        ),
    ] {
        let expected = [vec![Lock, Ran, IsEmpty], rest, vec![Unlock]].concat();
        let (found, steps) = add(0x20, RanOnce::No, is_empty, fails);
        assert_eq!((found, steps), (result, expected), "{is_empty}, {fails}");
    }
}
