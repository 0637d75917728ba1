// SPDX-License-Identifier: GPL-2.0

//! The configuration of a VM as a whole: what holds for any set, in any VM, on any host.

mod id_regs;
mod vm_configs;

use id_regs::Register;
use kvm_abi::{
    ConfigAnswer,
    ConfigDone,
    ConfigFlags,
    ConfigOp,
    ConfigReason,
    ConfigReg,
    ConfigVm,
    FeatureLevelReg,
    FeatureLevels,
    FwReg,
    GicCpus,
    HostWorkarounds,
    IdReg,
    Mitigation,
    RanOnce,
    Reject,
    VcpuFeatures,
    VmReg, //
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::TestRunner, //
};
use vm_configs::{
    errno,
    psci,
    v1,
    with_mte2,
    with_permission_indirection,
    Entry,
    Vm,
    CTLR,
    FEATURES,
    GIC,
    ISAR2,
    MMFR1,
    MMFR3,
    PFR1,
    STRICT,
    TOLERANT,
    VTR, //
};

use ConfigDone::{Accepted, Refused};

type Set = Vec<(u64, u64)>;

/// The ID registers of a host, and of a new VM there.
type Registers = fn() -> Vec<(Register, u64, u64)>;

const HOSTS: [Registers; 3] = [v1, with_permission_indirection, with_mte2];

/// What is drawn of a VM, before anything is set.
#[derive(Clone, Debug)]
struct Drawn {
    mitigations: [Mitigation; 3],
    registers: Registers,
    has_el2: bool,
    imp_ids_writable: bool,
    features: VcpuFeatures,
    has_levels: bool,
    has_gic: bool,
    /// Whether it is a GICv3, with read-only fields of its own, and with an affinity at level 3.
    gic_v3: [bool; 3],
    /// What was set before, register by register; what is refused is left out.
    before: Set,
    ran: RanOnce,
}

impl Drawn {
    fn vm(&self) -> Vm {
        let [spectre_v2, spectre_v4, spectre_bhb] = self.mitigations;
        let host = HostWorkarounds {
            spectre_v2,
            spectre_v4,
            ssbs: false,
            spectre_bhb,
        };
        let mut vm = Vm::on((self.registers)(), host);
        vm.each(|state| {
            state.has_el2 = self.has_el2;
            state.imp_ids_writable = self.imp_ids_writable;
        });
        {
            let mut config = vm.config.borrow_mut();
            config.fw.features = self.features;
            if !self.has_levels {
                config.levels = None;
            }
            if !self.has_gic {
                config.gic_iidr = None;
            }
            let [is_v3, keeps_fields, has_aff3] = self.gic_v3;
            config.keeps_gic_fields = keeps_fields;
            config.gic_cpus = (self.has_gic && is_v3).then_some(GicCpus {
                has_aff3,
                vtr: self.has_el2.then_some(VTR),
                ..GIC
            });
        }
        for write in &self.before {
            vm.set(&[*write]);
        }
        if self.ran == RanOnce::Yes {
            vm.run();
        }
        vm
    }
}

/// The errno for an `ICC_CTLR_EL1` with these fields.
fn kept_field(value: u64, gic: GicCpus, ran: RanOnce) -> Option<i32> {
    let now = gic.fields.ctlr();
    let (pri_bits, id_bits) = (value >> 8 & 7, value >> 11 & 7);
    let loses_aff3 = gic.has_aff3 && now >> 15 == 1 && value >> 15 == 0;
    if value == now {
        None
    } else if value & !0xff00 != 0 || !(4..=6).contains(&pri_bits) || id_bits > 1 || loses_aff3 {
        Some(22)
    } else {
        (ran == RanOnce::Yes).then_some(16)
    }
}

fn any_mitigation() -> impl Strategy<Value = Mitigation> {
    prop::sample::select(Mitigation::ALL.to_vec())
}

/// Ids of registers, those with a rule of their own more often, and of none.
fn any_id() -> impl Strategy<Value = u64> {
    let all: Vec<_> = ConfigReg::all().map(ConfigReg::id).collect();
    let special: Vec<_> = v1()
        .iter()
        .map(|(register, ..)| register.reg.id())
        .chain([PFR1, MMFR3, ISAR2, MMFR1].map(|reg| reg.id()))
        .chain(FwReg::ALL.into_iter().map(FwReg::id))
        .chain([FeatureLevelReg::WORKAROUNDS.id(), ConfigReg::GicIidr.id()])
        .chain([ConfigReg::IccCtlr.id(), ConfigReg::IchVtr.id()])
        .collect();
    prop_oneof![
        8 => prop::sample::select(special),
        2 => prop::sample::select(all),
        1 => any::<u64>(),
        1 => (0..16u64).prop_map(|number| 0x6030_0000_0014_0000 | number),
    ]
}

/// Values that registers have somewhere, with a digit or two changed.
fn any_value() -> impl Strategy<Value = u64> {
    let known = vec![
        0,
        0x20,
        0x1_0003,
        0x1_0001,
        0x1f2,
        0x122,
        0x4b00_343b,
        0x1_0111,
        0x1 << 60,
        0x1021_2122,
        0x1101_0000_2111_1112,
        0x411f_d401,
        0xb444_c004,
        CTLR,
        CTLR | 0x4000,
        0x0400,
        VTR,
        0x9450_000f,
    ];
    let changes = prop::collection::vec((0..16u32, 0..16u64), 0..3);
    let near = (prop::sample::select(known), changes).prop_map(|(base, changes)| {
        changes.into_iter().fold(base, |value, (digit, level)| {
            value & !(0xf << (4 * digit)) | level << (4 * digit)
        })
    });
    prop_oneof![3 => near, 2 => 0..4u64, 1 => any::<u64>()]
}

fn any_set(most: usize) -> impl Strategy<Value = Set> {
    let versions = prop::sample::select(vec![0x1, 0x2, 0x1_0000, 0x1_0002, 0x1_0003, 0x1_0004]);
    let entry = prop_oneof![
        4 => (any_id(), any_value()),
        1 => (Just(psci()), versions),
    ];
    prop::collection::vec(entry, 0..most)
}

fn any_vm() -> impl Strategy<Value = Drawn> {
    let mitigations = [any_mitigation(), any_mitigation(), any_mitigation()];
    let features = prop_oneof![
        6 => Just(FEATURES[0]),
        1 => Just(FEATURES[1]),
        1 => Just(FEATURES[2]),
    ];
    let ran = prop_oneof![3 => Just(RanOnce::No), 1 => Just(RanOnce::Yes)];
    let most_have = || prop_oneof![5 => Just(true), 1 => Just(false)];
    (
        mitigations,
        prop::sample::select(HOSTS.to_vec()),
        any::<[bool; 2]>(),
        features,
        (most_have(), most_have()),
        (most_have(), most_have(), any::<bool>()),
        any_set(12),
        ran,
    )
        .prop_map(
            |(mitigations, registers, bools, features, has, gic_v3, before, ran)| Drawn {
                mitigations,
                registers,
                has_el2: bools[0],
                imp_ids_writable: bools[1],
                features,
                has_levels: has.0,
                has_gic: has.1,
                gic_v3: gic_v3.into(),
                before,
                ran,
            },
        )
}

/// A set for the VM: values that it has, some of them changed, and any others.
fn set_for(drawn: Drawn) -> impl Strategy<Value = (Drawn, Set)> {
    let values = drawn.vm().values();
    let own = prop::sample::subsequence(values.clone(), 0..=values.len());
    let changed = prop::collection::vec((0..values.len(), 0..16u32, 0..16u64), 0..3).prop_map(
        move |changes| -> Set {
            let change = |(index, digit, level): (usize, u32, u64)| {
                let (id, value): (u64, u64) = values[index];
                (id, value & !(0xf << (4 * digit)) | level << (4 * digit))
            };
            changes.into_iter().map(change).collect()
        },
    );
    let others = prop_oneof![2 => Just(vec![]), 1 => any_set(5)];
    let set = (own, changed, others).prop_map(|(own, changed, others)| {
        // The last value for a register counts, but for a few duplicates.
        let mut set: Set = own;
        for (id, value) in changed.into_iter().chain(others) {
            match set.iter_mut().find(|(other, _)| *other == id) {
                Some(entry) if value % 7 != 0 => entry.1 = value,
                _ => set.push((id, value)),
            }
        }
        set
    });
    (Just(drawn), set)
}

/// A VM, a set for it, and flags.
fn any_request() -> impl Strategy<Value = (Drawn, Set, ConfigFlags)> {
    let flags = prop::sample::select(vec![STRICT, TOLERANT]);
    (any_vm().prop_flat_map(set_for), flags).prop_map(|((drawn, set), flags)| (drawn, set, flags))
}

/// An answer without the index: the entry that it names instead.
fn named(entries: &[Entry], entry: &Entry) -> (u64, u64, ConfigAnswer, Option<(u64, u64)>) {
    let answer = entry.answer.unwrap();
    let other = answer.other.map(|index| {
        let other = entries[usize::try_from(index).unwrap()];
        (other.id, other.value)
    });
    let plain = ConfigAnswer {
        other: None,
        ..answer
    };
    (entry.id, entry.value, plain, other)
}

/// Answers in an order that does not depend on that of the entries.
fn sorted(entries: &[Entry]) -> Vec<String> {
    let mut answers: Vec<_> = entries
        .iter()
        .map(|entry| format!("{:x?}", named(entries, entry)))
        .collect();
    answers.sort();
    answers
}

#[test]
fn requests_are_accepted_and_refused_for_every_reason() {
    let mut runner = TestRunner::deterministic();
    let mut accepted = 0;
    let mut reasons = [0; ConfigReason::ALL.len()];
    for _ in 0..512 {
        let (drawn, set, flags) = any_request().new_tree(&mut runner).unwrap().current();
        let (done, entries) = drawn.vm().request(ConfigOp::Check, flags, &set);
        accepted += u32::from(done == Accepted);
        for entry in entries {
            for (reason, count) in ConfigReason::ALL.into_iter().zip(&mut reasons) {
                *count += u32::from(entry.reason() == Some(reason));
            }
        }
    }
    assert!((51..=461).contains(&accepted), "{accepted} of 512");
    for (reason, count) in ConfigReason::ALL.into_iter().zip(reasons) {
        assert!(count >= 5, "{reason:?}: {count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn order_of_the_entries_is_irrelevant(
        ((drawn, set, flags), shuffled) in any_request().prop_flat_map(|request| {
            let shuffled = Just(request.1.clone()).prop_shuffle();
            (Just(request), shuffled)
        }),
    ) {
        let (one, other) = (drawn.vm(), drawn.vm());
        let (done, entries) = one.request(ConfigOp::Set, flags, &set);
        let (other_done, other_entries) = other.request(ConfigOp::Set, flags, &shuffled);
        prop_assert_eq!(done, other_done);
        prop_assert_eq!(sorted(&entries), sorted(&other_entries));
        prop_assert_eq!(one.snapshot(), other.snapshot());
    }

    #[test]
    fn check_answers_what_set_does_and_changes_nothing(
        (drawn, set, flags) in any_request(),
    ) {
        let vm = drawn.vm();
        let before = vm.snapshot();
        let committed = vm.committed.get();
        let checked = vm.request(ConfigOp::Check, flags, &set);
        prop_assert_eq!(vm.snapshot(), before.clone());
        let done = vm.request(ConfigOp::Set, flags, &set);
        prop_assert_eq!(&checked, &done);

        let refusals = done.1.iter().filter(|entry| entry.reason().is_some()).count();
        if refusals == 0 {
            prop_assert_eq!(done.0, Accepted);
            for entry in &done.1 {
                prop_assert_eq!(entry.answer, Some(ConfigAnswer::ACCEPTED));
            }
            let runs = usize::from(drawn.ran == RanOnce::No);
            prop_assert_eq!(vm.committed.get(), committed + runs);
        } else {
            // Nothing of it is set, and the answers say what to do.
            prop_assert_eq!(done.0, Refused);
            prop_assert_eq!(vm.snapshot(), before);
            prop_assert_eq!(vm.committed.get(), committed);
            for entry in &done.1 {
                let answer = entry.answer.unwrap();
                match entry.reason() {
                    None => prop_assert_eq!(answer, ConfigAnswer::ACCEPTED),
                    Some(ConfigReason::Unknown | ConfigReason::NotReady) => {
                        prop_assert_eq!(answer.bits, 0);
                    }
                    Some(_) => {
                        let (_, reject) = answer.refused.unwrap();
                        let is_absent = reject == Reject::UnknownRegister;
                        prop_assert_eq!(answer.bits == 0, is_absent, "{:x?}", entry);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_read_is_accepted_and_changes_nothing(drawn in any_vm()) {
        let vm = drawn.vm();
        let readings = vm.readings();
        prop_assert_eq!(vm.set(&vm.values()).0, Accepted);
        prop_assert_eq!(vm.readings(), readings);
    }

    #[test]
    fn set_twice_is_set_once((drawn, set, flags) in any_request()) {
        let vm = drawn.vm();
        if vm.request(ConfigOp::Set, flags, &set).0 == Accepted {
            let values = vm.values();
            prop_assert_eq!(vm.request(ConfigOp::Set, flags, &set).0, Accepted);
            prop_assert_eq!(vm.values(), values.clone());
            // After the first run, too.
            vm.run();
            prop_assert_eq!(vm.request(ConfigOp::Set, flags, &set).0, Accepted);
            prop_assert_eq!(vm.values(), values);
        }
    }

    #[test]
    fn a_value_that_the_answer_offers_is_accepted((drawn, set, _) in any_request()) {
        let vm = drawn.vm();
        let (_, entries) = vm.request(ConfigOp::Check, STRICT, &set);
        let taken: Set = entries
            .iter()
            .filter_map(|entry| {
                let answer = entry.answer.unwrap();
                let value = match answer.refused {
                    None => entry.value,
                    Some((_, Reject::UnknownRegister | Reject::NotReady)) => return None,
                    Some(_) => answer.limit,
                };
                Some((entry.id, value))
            })
            .collect();
        let (done, answers) = vm.set(&taken);
        prop_assert_eq!(done, Accepted, "{:x?}", answers);
    }

    #[test]
    fn limit_that_is_read_is_accepted_by_its_register(drawn in any_vm()) {
        let vm = drawn.vm();
        for reading in vm.readings() {
            let set = [(reading.id, reading.limit)];
            let (done, entries) = vm.request(ConfigOp::Check, STRICT, &set);
            // Unless it goes with no SSBS that the VM has promised.
            let is_conflict = entries[0].reason() == Some(ConfigReason::Conflict);
            prop_assert!(done == Accepted || is_conflict, "{:x?}, {:x?}", reading, entries);
            let changes = reading.limit ^ reading.value;
            let is_workaround = reading.mask == 0;
            prop_assert!(changes & !reading.mask == 0 || is_workaround, "{:x?}", reading);
        }
    }

    #[test]
    fn accepted_change_is_within_the_mask((drawn, set, flags) in any_request()) {
        let vm = drawn.vm();
        let readings = vm.readings();
        if vm.request(ConfigOp::Set, flags, &set).0 == Accepted {
            for reading in readings {
                let changed = vm.value(reading.id) ^ reading.value;
                // SSBS changes the levels of a VM that has none of its own.
                let follows = [FwReg::Workaround2.id(), FeatureLevelReg::WORKAROUNDS.id()];
                if !follows.contains(&reading.id) {
                    prop_assert_eq!(changed & !reading.mask, 0, "{:x?}", reading);
                }
            }
        }
    }

    #[test]
    fn set_of_one_register_is_as_its_own_decision(
        (drawn, id, value) in any_vm().prop_flat_map(|drawn| {
            let value = prop_oneof![
                (any_id(), any_value()),
                prop::sample::select(drawn.vm().values()),
            ];
            (Just(drawn), value).prop_map(|(drawn, (id, value))| (drawn, id, value))
        }),
    ) {
        let vm = drawn.vm();
        let (_, entries) = vm.request(ConfigOp::Check, STRICT, &[(id, value)]);
        let answer = entries[0].answer.unwrap();
        let decided = answer.refused.map(|(_, reject)| errno(reject));
        let mut config = vm.snapshot();
        config.fw.host.ssbs = config.id_regs[PFR1.vm_id_index().unwrap().get()] & 0xf0 != 0;
        let expected = match ConfigReg::from_id(id) {
            Ok(ConfigReg::Id(index)) => {
                let current = config.id_regs[index.get()];
                let state = kvm_abi::ConfigHost::id_reg(&vm, index, current);
                match state {
                    _ if config.fw.features == VcpuFeatures::Unknown => Some(8),
                    None => Some(2),
                    Some(_) if value == current => None,
                    // A combination is refused that a single register does not know of.
                    Some(_) if entries[0].reason() == Some(ConfigReason::Conflict) => Some(22),
                    Some(state) => {
                        let rule = IdReg::of(index.reg()).unwrap();
                        rule.decide(value, &state).err().map(errno)
                    }
                }
            }
            Ok(ConfigReg::Fw(reg)) => VmReg::Fw(reg).set(&config.fw, value).err().map(errno),
            Ok(ConfigReg::Level(reg)) => match config.levels {
                None => Some(2),
                Some(_) if VmReg::Level(reg).needs_features()
                    && config.fw.features == VcpuFeatures::Unknown => Some(8),
                Some(promises) => {
                    let host = reg.levels(|| config.fw.host);
                    promises
                        .of(reg)
                        .decide(value, host, config.fw.ran)
                        .err()
                        .map(errno)
                }
            },
            Ok(ConfigReg::GicIidr) => match config.gic_iidr {
                None => Some(2),
                Some(current) if value == u64::from(current) => None,
                Some(_) => {
                    let revision = (0x4b00_043b..=0x4b00_f43b).contains(&value)
                        && value & !0xf000 == 0x4b00_043b;
                    match (revision, value >> 12 & 0xf, drawn.ran) {
                        (false, ..) | (_, 0, _) => Some(22),
                        (_, _, RanOnce::Yes) => Some(16),
                        (_, 1..=3, _) => None,
                        _ => Some(22),
                    }
                }
            },
            Ok(ConfigReg::IccCtlr) => match config.gic_cpus {
                Some(gic) if config.keeps_gic_fields => kept_field(value, gic, config.fw.ran),
                _ => Some(2),
            },
            Ok(ConfigReg::IchVtr) => match config.gic_cpus {
                _ if !config.keeps_gic_fields => Some(2),
                _ if config.fw.features == VcpuFeatures::Unknown => Some(8),
                Some(gic) if gic.vtr.is_some() => {
                    // All but PRIbits and SEIS is the host's.
                    let is_fixed = value & !0xe040_0000 == VTR & !0xe040_0000;
                    let ctlr = gic.fields.ctlr() & !0x4700
                        | (value >> 29 & 7) << 8
                        | (value >> 22 & 1) << 14;
                    if is_fixed { kept_field(ctlr, gic, config.fw.ran) } else { Some(22) }
                }
                _ => Some(2),
            },
            Err(_) => Some(2),
        };
        prop_assert_eq!(decided, expected, "{:x?}", entries);
    }

    #[test]
    fn promise_of_a_vm_that_runs_is_kept_by_its_host((drawn, set, flags) in any_request()) {
        let vm = drawn.vm();
        vm.request(ConfigOp::Set, flags, &set);
        let reg = FeatureLevelReg::WORKAROUNDS;
        let Some(reading) = vm.read(reg.id()) else {
            return Ok(());
        };
        let mut host = vm.snapshot().fw.host;
        host.ssbs = vm.value(PFR1.id()) & 0xf0 != 0;
        let seen = FeatureLevels::from_bits(reading.value);
        prop_assert!(seen.broken_by(reg.levels(|| host)).is_empty());
        // No promise that userspace made was lowered behind its back.
        let promises = vm.snapshot().levels.unwrap();
        if let Some(written) = promises.of(reg).written() {
            prop_assert_eq!(written, seen);
        }
    }
}
