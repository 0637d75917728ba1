// SPDX-License-Identifier: GPL-2.0

//! The state of the caller that a decision reads: only the state that it depends on.
//!
//! Some of it costs the kernel a lock or a read of memory that others write; and the time that a
//! refused call takes must not show why it is refused.

mod common;

use common::{
    Guest,
    FUNCTIONS,
    GUEST,
    REFUSED,
    VERSIONS, //
};
use kvm_abi::{
    Call,
    Caller,
    Decision,
    FeatureBitmap,
    FuncId,
    Gate,
    PsciFunction, //
};
use std::cell::RefCell;

/// The state that a decision can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Width,
    PsciVersion,
    Bitmap(FeatureBitmap),
    StolenTime,
    MaySuspendSystem,
}

/// A guest that records which of its state is read. Registers are not recorded: the kernel has read
/// them already when it knows the function.
struct Asked {
    guest: Guest,
    questions: RefCell<Vec<Question>>,
}

impl Asked {
    fn note(&self, question: Question) -> &Guest {
        self.questions.borrow_mut().push(question);
        &self.guest
    }
}

impl Caller for Asked {
    fn registers(&self) -> [u64; 4] {
        self.guest.registers
    }

    fn is_32bit(&self) -> bool {
        self.note(Question::Width).is_32bit
    }

    fn psci_version(&self) -> u32 {
        self.note(Question::PsciVersion).psci_version
    }

    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        self.note(Question::Bitmap(map)).bitmap(map)
    }

    fn stolen_time(&self) -> Option<u64> {
        self.note(Question::StolenTime).stolen_time
    }

    fn may_suspend_system(&self) -> bool {
        self.note(Question::MaySuspendSystem).may_suspend_system
    }
}

/// Returns the decision, and the state that it read.
fn asked(guest: &Guest, id: u32, x1: u64) -> (Decision, Vec<Question>) {
    let asked = Asked {
        guest: Guest {
            registers: [id.into(), x1, 0, 0],
            ..*guest
        },
        questions: RefCell::new(Vec::new()),
    };
    let decision = Decision::of(&asked, FuncId::from_raw(id));
    (decision, asked.questions.into_inner())
}

/// Returns the state on which the decision about an offered call may depend, besides the registers.
fn relevant(call: Call) -> Vec<Question> {
    use FeatureBitmap::{Std, StdHyp, VendorHyp, VendorHyp2};
    use Question::{Bitmap, MaySuspendSystem, PsciVersion, StolenTime, Width};

    match call {
        Call::Version | Call::Unknown => vec![],
        Call::Workaround1 | Call::Workaround2 | Call::Workaround3 => vec![],
        // Only for the discovery of paravirtualised time.
        Call::ArchFeatures => vec![Bitmap(StdHyp)],
        Call::PvTimeFeatures | Call::PvTimeSt => vec![Bitmap(StdHyp), StolenTime],
        Call::VendorHypUid | Call::VendorHypPtp => vec![Bitmap(VendorHyp)],
        Call::VendorHypFeatures => vec![Bitmap(VendorHyp), Bitmap(VendorHyp2)],
        Call::Trng(_) => vec![Bitmap(Std)],
        Call::Psci01(_) => vec![PsciVersion, Width],
        Call::Psci(call) => match call.function {
            PsciFunction::Features | PsciFunction::SystemSuspend => {
                vec![PsciVersion, Width, MaySuspendSystem]
            }
            _ => vec![PsciVersion, Width],
        },
    }
}

/// Arguments for which the functions of discovery give different answers.
fn arguments() -> impl Iterator<Item = u64> {
    FUNCTIONS
        .map(|(id, ..)| id.into())
        .into_iter()
        .chain([0, 1, 2, 200])
}

#[test]
fn decision_asks_only_for_what_it_depends_on() {
    for psci_version in VERSIONS {
        for is_32bit in [false, true] {
            let guest = Guest {
                psci_version,
                is_32bit,
                ..GUEST
            };
            for (id, call, _) in FUNCTIONS {
                for x1 in arguments() {
                    let (decision, questions) = asked(&guest, id, x1);
                    assert_eq!(decision, guest.calls(id, [x1, 0, 0]), "{id:#x}, {x1:#x}");
                    for question in questions {
                        let relevant = relevant(call).contains(&question);
                        assert!(relevant, "{id:#x}, {x1:#x}, {question:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn service_not_offered_asks_only_for_its_bitmap() {
    let guest = GUEST.without_services();
    for (id, _, gate) in FUNCTIONS {
        let Gate::Service(service) = gate else {
            continue;
        };
        for x1 in arguments() {
            let expected = (REFUSED, vec![Question::Bitmap(service.bitmap())]);
            assert_eq!(asked(&guest, id, x1), expected, "{id:#x}, {x1:#x}");
        }
    }
}

#[test]
fn unknown_function_asks_for_nothing() {
    for id in [
        0,
        0x8000_0002,
        0x8000_8000,
        0x8400_0020,
        0x8600_0002,
        0xc600_0040,
        0xffff_ffff,
    ] {
        assert_eq!(asked(&GUEST, id, 0), (REFUSED, vec![]), "{id:#x}");
    }
}

#[test]
fn only_discovery_of_pv_time_asks_for_its_bitmap() {
    for x1 in arguments() {
        let (_, questions) = asked(&GUEST, 0x8000_0001, x1);
        let expected = match x1 {
            0xc500_0020 => vec![Question::Bitmap(FeatureBitmap::StdHyp)],
            _ => vec![],
        };
        assert_eq!(questions, expected, "{x1:#x}");
    }
}
