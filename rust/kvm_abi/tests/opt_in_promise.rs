// SPDX-License-Identifier: GPL-2.0

//! Feature levels as promises: what is stored, what each host accepts, and what two kernels of
//! which one knows a field more make of each other's values.

use kvm_abi::{
    ret,
    FeatureLevel,
    FeatureLevelReg,
    FeatureLevels,
    FieldIndex,
    HostWorkarounds,
    Mitigation,
    PlainVm,
    Promise,
    Promises,
    RanOnce,
    Reject,
    VcpuFeatures,
    VmReg,
    WorkaroundQuery, //
};
use proptest::prelude::*;

/// The number of each 4-bit field in two's complement.
const SIGNED: [i32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1];

const QUERIES: [WorkaroundQuery; 3] = [
    WorkaroundQuery::Workaround1,
    WorkaroundQuery::Workaround2,
    WorkaroundQuery::Workaround3,
];

const WORKAROUNDS: FeatureLevelReg = FeatureLevelReg::WORKAROUNDS;

fn levels(bits: u64) -> FeatureLevels {
    FeatureLevels::from_bits(bits)
}

fn hosts() -> Vec<HostWorkarounds> {
    let states = Mitigation::ALL;
    let mut hosts = Vec::new();
    for (spectre_v2, spectre_v4, spectre_bhb, ssbs) in states.into_iter().flat_map(|v2| {
        states.into_iter().flat_map(move |v4| {
            states
                .into_iter()
                .flat_map(move |bhb| [false, true].map(|ssbs| (v2, v4, bhb, ssbs)))
        })
    }) {
        hosts.push(HostWorkarounds {
            spectre_v2,
            spectre_v4,
            ssbs,
            spectre_bhb,
        });
    }
    hosts
}

/// Writes a register of a new VM.
fn written(value: u64, host: u64) -> Result<Promises, Reject> {
    let mut promises = Promises::NONE;
    let promise = promises
        .of(WORKAROUNDS)
        .decide(value, levels(host), RanOnce::No)?;
    promises.store(WORKAROUNDS, promise);
    Ok(promises)
}

/// A kernel on a host: the levels of the fields that it knows.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    host: u64,
}

impl Kernel {
    /// Returns what a new VM reads, after userspace has set the fields in `pinned` to 0.
    fn save(self, pinned: u64) -> u64 {
        let promises = written(self.host & !pinned, self.host).unwrap();
        promises.of(WORKAROUNDS).seen(levels(self.host)).bits()
    }

    /// Returns what the guest is promised after a restore.
    fn restore(self, value: u64) -> Result<u64, Reject> {
        let promises = written(value, self.host)?;
        Ok(promises.of(WORKAROUNDS).seen(levels(self.host)).bits())
    }
}

#[test]
fn new_vm_reads_the_hosts_levels() {
    for host in hosts() {
        let host = host.levels();
        assert_eq!(Promises::NONE.of(WORKAROUNDS).seen(host), host);
        assert_eq!(Promises::NONE.of(WORKAROUNDS).written(), None);
    }
    assert_eq!(Promises::default(), Promises::NONE);
}

#[test]
fn field_accepts_zero_negative_levels_and_levels_up_to_the_hosts() {
    for shift in [0, 4, 28, 60] {
        for (host, limit) in (0..16).zip(SIGNED) {
            for (value, level) in (0..16).zip(SIGNED) {
                let accepted = level <= 0 || level <= limit;
                let result = written(value << shift, host << shift);
                let expected = if accepted {
                    Ok(levels(value << shift))
                } else {
                    Err(Reject::AboveHost)
                };
                let stored = result.map(|promises| promises.of(WORKAROUNDS).written().unwrap());
                assert_eq!(stored, expected, "{level} on {limit}");
            }
        }
    }
}

#[test]
fn zero_is_accepted_by_every_host_and_promises_nothing() {
    for host in hosts() {
        let host = host.levels();
        for ran in [RanOnce::No, RanOnce::Yes] {
            let mut promises = Promises::NONE;
            promises.store(WORKAROUNDS, levels(0));
            let decided = promises.of(WORKAROUNDS).decide(0, host, ran);
            assert_eq!(decided, Ok(levels(0)));
            assert_eq!(promises.of(WORKAROUNDS).seen(host), levels(0));
        }
    }
    for query in QUERIES {
        assert_eq!(query.answer_promised(levels(0)), ret::NOT_SUPPORTED);
    }
}

#[test]
fn first_run_freezes_what_is_read() {
    let host = levels(0x222);
    let mut promises = Promises::NONE;
    let decide = |promises: &Promises, value, ran| {
        let decided = promises.of(WORKAROUNDS).decide(value, host, ran);
        decided.map(FeatureLevels::bits)
    };
    // Nothing was written: the host's levels are frozen.
    for (value, expected) in [
        (0x222, Ok(0x222)),
        (0x221, Err(Reject::Frozen)),
        (0, Err(Reject::Frozen)),
        // What is not allowed is found first.
        (0x322, Err(Reject::AboveHost)),
    ] {
        assert_eq!(decide(&promises, value, RanOnce::Yes), expected);
    }
    // Before it, a register can be lowered, and raised again.
    for value in [0x221, 0x020, 0x222, 0xfff, 0x112] {
        assert_eq!(decide(&promises, value, RanOnce::No), Ok(value));
        promises.store(WORKAROUNDS, levels(value));
    }
    assert_eq!(decide(&promises, 0x112, RanOnce::Yes), Ok(0x112));
    assert_eq!(decide(&promises, 0x222, RanOnce::Yes), Err(Reject::Frozen));
}

#[test]
fn registers_are_stored_apart() {
    let mut promises = Promises::NONE;
    let regs: Vec<_> = FeatureLevelReg::all().collect();
    for (number, reg) in (1u64..).zip(&regs) {
        assert_eq!(promises.of(*reg).written(), None);
        promises.store(*reg, levels(number));
    }
    for (number, reg) in (1u64..).zip(&regs) {
        assert_eq!(promises.of(*reg).written(), Some(levels(number)));
    }
}

#[test]
fn promise_that_the_host_can_no_longer_keep_reads_as_the_hosts_level() {
    // SSBS was hidden, then shown: Spectre-v4 falls from unaffected to not available.
    let host = HostWorkarounds {
        spectre_v2: Mitigation::Unaffected,
        spectre_v4: Mitigation::Mitigated,
        ssbs: false,
        spectre_bhb: Mitigation::Mitigated,
    };
    let promises = written(0x121, host.levels().bits()).unwrap();
    let shown = HostWorkarounds { ssbs: true, ..host };
    let seen = promises.of(WORKAROUNDS).seen(shown.levels());
    assert_eq!(seen.bits(), 0x1f1);
    // What is read can be written.
    let decided = promises
        .of(WORKAROUNDS)
        .decide(0x1f1, shown.levels(), RanOnce::No);
    assert_eq!(decided, Ok(levels(0x1f1)));
}

#[test]
fn answers_to_the_guest_follow_the_promise() {
    const ANSWERS: [(i32, [u64; 3]); 5] = [
        (-1, [ret::NOT_SUPPORTED; 3]),
        (0, [ret::NOT_SUPPORTED; 3]),
        (1, [ret::SUCCESS; 3]),
        (
            2,
            [
                ret::WORKAROUND_UNAFFECTED,
                ret::NOT_REQUIRED,
                ret::WORKAROUND_UNAFFECTED,
            ],
        ),
        (
            7,
            [
                ret::WORKAROUND_UNAFFECTED,
                ret::NOT_REQUIRED,
                ret::WORKAROUND_UNAFFECTED,
            ],
        ),
    ];
    for (level, answers) in ANSWERS {
        for (query, answer) in QUERIES.into_iter().zip(answers) {
            let promised = levels(0x777).with(query.field(), FeatureLevel::new(level));
            assert_eq!(
                query.answer_promised(promised),
                answer,
                "{query:?}, {level}"
            );
        }
    }
}

#[test]
fn answers_in_a_new_vm_are_those_without_promises() {
    for host in hosts() {
        let seen = Promises::NONE.of(WORKAROUNDS).seen(host.levels());
        let states = [host.spectre_v2, host.spectre_v4, host.spectre_bhb];
        for (query, state) in QUERIES.into_iter().zip(states) {
            let expected = query.answer(state, || host.ssbs);
            assert_eq!(query.answer_promised(seen), expected, "{host:?}");
        }
    }
}

#[test]
fn guest_of_any_host_sees_what_was_promised_and_the_host_keeps() {
    for host in hosts() {
        let vm = PlainVm::new(host);
        for level in [-1, 0, 1, 2] {
            for query in QUERIES {
                let own = host.levels();
                let promised = own.with(query.field(), FeatureLevel::new(level));
                let kept = promised.kept_by(own);
                let answer = Promise::new(promised).answer(query, &vm, || unreachable!());
                assert_eq!(
                    answer,
                    query.answer_promised(kept),
                    "{host:?}, {query:?}, {level}"
                );
                // Nothing promised is answered like nothing there, on the best host, too.
                if level <= 0 {
                    assert_eq!(answer, ret::NOT_SUPPORTED, "{host:?}, {query:?}");
                }
            }
        }
    }
}

/// The level of a new field on a vulnerable, a mitigated and an unaffected host, and where the
/// workaround is always on.
const NEW_FIELD: [u64; 3] = [0xf, 0x1, 0x2];

/// A kernel, and one that knows a field more, on each host with each level of the field.
fn upgrades() -> Vec<(Kernel, Kernel)> {
    let kernel = |host| Kernel { host };
    hosts()
        .into_iter()
        .map(|host| host.levels().bits())
        .flat_map(|host| NEW_FIELD.map(|level| (kernel(host), kernel(host | level << 12))))
        .collect()
}

#[test]
fn kernel_that_knows_a_field_more_takes_every_vm_of_the_older_one() {
    for (old, new) in upgrades() {
        let saved = old.save(0);
        // The guest goes on with what it was promised: nothing, of the new field.
        assert_eq!(new.restore(saved), Ok(saved), "{saved:#x} on {new:x?}");
        // The same with the old fields pinned.
        for pinned in [0xf, 0xff0, 0xfff] {
            let saved = old.save(pinned);
            assert_eq!(new.restore(saved), Ok(saved));
        }
    }
}

#[test]
fn older_kernel_takes_a_vm_of_the_newer_one_that_promises_nothing_new() {
    for (old, new) in upgrades() {
        let pinned = new.save(0xf000);
        assert_eq!(old.restore(pinned), Ok(pinned), "{pinned:#x}");
        // A promise that the older kernel does not know is refused; no promise is made of a level
        // that is known to be absent.
        let saved = new.save(0);
        let expected = if new.host >> 12 == 0xf {
            Ok(saved)
        } else {
            Err(Reject::AboveHost)
        };
        assert_eq!(old.restore(saved), expected, "{saved:#x}");
        // What came back from there goes forth again.
        if let Ok(value) = old.restore(saved) {
            assert_eq!(new.restore(value), Ok(value));
        }
    }
}

#[test]
fn weaker_host_refuses_what_it_cannot_keep_and_takes_what_was_lowered() {
    for source in hosts() {
        for destination in hosts() {
            let (from, to) = (source.levels(), destination.levels());
            let is_weaker = FieldIndex::all()
                .any(|field| from.level(field).get() > 0 && from.level(field) > to.level(field));
            let restored = Kernel { host: to.bits() }.restore(from.bits());
            let expected = if is_weaker {
                Err(Reject::AboveHost)
            } else {
                Ok(from.bits())
            };
            assert_eq!(restored, expected, "{from:?} on {to:?}");
            let pinned = Kernel { host: from.bits() }.save(0xfff);
            assert_eq!(Kernel { host: to.bits() }.restore(pinned), Ok(pinned));
        }
    }
}

#[test]
fn register_of_a_vm_is_read_and_written_until_the_run() {
    let host = HostWorkarounds {
        spectre_v2: Mitigation::Unaffected,
        spectre_v4: Mitigation::Unaffected,
        ssbs: false,
        spectre_bhb: Mitigation::Mitigated,
    };
    let mut vm = PlainVm::new(host);
    let get = |vm: &PlainVm| VmReg::Level(WORKAROUNDS).get(vm);
    let set = |vm: &PlainVm, value| VmReg::Level(WORKAROUNDS).set(vm, value);

    vm.features = VcpuFeatures::Unknown;
    assert_eq!(get(&vm), Err(Reject::NotReady));
    assert_eq!(set(&vm, 0), Err(Reject::NotReady));
    let private = VmReg::Level(FeatureLevelReg::FIRST_PRIVATE);
    assert_eq!(private.get(&vm), Ok(0));
    assert_eq!(private.set(&vm, 0xf), Ok(()));
    assert_eq!(private.get(&vm), Ok(0xf));

    vm.features = VcpuFeatures::Known { psci_0_2: true };
    assert_eq!(get(&vm), Ok(0x122));
    assert_eq!(set(&vm, 0x222), Err(Reject::AboveHost));
    assert_eq!(get(&vm), Ok(0x122));
    assert_eq!(set(&vm, 0x021), Ok(()));
    assert_eq!(get(&vm), Ok(0x021));

    vm.ran = RanOnce::Yes;
    let promises = vm.promises.get();
    assert_eq!(set(&vm, 0x122), Err(Reject::Frozen));
    assert_eq!(set(&vm, 0x021), Ok(()));
    assert_eq!(private.set(&vm, 0xf), Ok(()));
    assert_eq!(vm.promises.get(), promises);
    // What was never written stays so.
    let other = VmReg::Level(FeatureLevelReg::all().nth(3).unwrap());
    assert_eq!(other.set(&vm, 0), Ok(()));
    assert_eq!(vm.promises.get(), promises);
}

#[test]
fn promises_that_changed_are_stored_in_the_vm() {
    let vm = PlainVm::new(hosts()[0]);
    let old = Promises::read(&vm);
    assert_eq!(old, Promises::NONE);
    for reg in FeatureLevelReg::all() {
        let mut new = old;
        new.store(reg, levels(0x21));
        vm.promises.set(old);
        new.commit(&old, &vm);
        assert_eq!(vm.promises.get(), new);
        assert_eq!(Promises::read(&vm), new);
        // What did not change is not written.
        vm.promises.set(Promises::NONE);
        new.commit(&new, &vm);
        assert_eq!(vm.promises.get(), Promises::NONE);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn what_is_read_can_be_written_on_the_same_host(
        value in any::<u64>(),
        before in any::<u64>(),
        host in any::<u64>(),
    ) {
        let mut promises = Promises::NONE;
        let accepted = levels(value).kept_by(levels(before));
        promises.store(WORKAROUNDS, accepted);
        // The host may have changed since.
        let host = levels(host);
        let seen = promises.of(WORKAROUNDS).seen(host);
        for ran in [RanOnce::No, RanOnce::Yes] {
            let decided = promises.of(WORKAROUNDS).decide(seen.bits(), host, ran);
            prop_assert_eq!(decided, Ok(seen));
        }
        // The guest is never promised more than was written, nor more than the host has.
        for field in FieldIndex::all() {
            let level = seen.level(field).get();
            prop_assert!(level <= accepted.level(field).get());
            prop_assert!(level <= 0 || level <= host.level(field).get());
        }
    }

    #[test]
    fn lowered_promise_is_accepted_and_nothing_is_lowered_needlessly(
        value in any::<u64>(),
        host in any::<u64>(),
    ) {
        let (value, host) = (levels(value), levels(host));
        let broken = value.broken_by(host);
        let kept = value.kept_by(host);
        prop_assert!(kept.broken_by(host).is_empty());
        for field in FieldIndex::all() {
            let expected = if broken.contains(field) { host } else { value };
            prop_assert_eq!(kept.level(field), expected.level(field));
        }
        prop_assert_eq!(written(value.bits(), host.bits()).is_ok(), broken.is_empty());
    }
}
