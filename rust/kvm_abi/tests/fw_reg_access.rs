// SPDX-License-Identifier: GPL-2.0

//! Reads and writes of firmware registers: the values, what a write changes, and the order in which
//! the state is looked at, locked and changed.

use std::{
    cell::{
        Cell,
        RefCell, //
    },
    ops::Deref, //
};

use kvm_abi::{
    vectors::{
        BITMAPS,
        PSCI_VERSIONS,
        REGISTERS,
        WORKAROUND_VALUES_END, //
    },
    FeatureBitmap,
    FeatureLevelReg,
    FeatureLevels,
    FwLocked,
    FwReg,
    FwVcpu,
    FwVm,
    HostWorkarounds,
    Mitigation,
    PlainVm,
    Promise,
    PsciVersion,
    RanOnce,
    Reject,
    VcpuFeatures,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

/// A host with a different state of each vulnerability.
const HOST: HostWorkarounds = HostWorkarounds {
    spectre_v2: Mitigation::Unaffected,
    spectre_v4: Mitigation::Mitigated,
    ssbs: false,
    spectre_bhb: Mitigation::Mitigated,
};

/// Returns a VM in each state that a register can be in, and the register.
fn reachable() -> Vec<(PlainVm, FwReg)> {
    let mut all = Vec::new();
    let psci = |stored, psci_0_2| {
        let vm = PlainVm {
            features: VcpuFeatures::Known { psci_0_2 },
            psci_version: Cell::new(stored),
            ..PlainVm::new(HOST)
        };
        (vm, FwReg::PsciVersion)
    };
    // All vCPUs of a VM have the same features, so one with the feature PSCI_0_2 never stores 0.1.
    all.extend(
        PsciVersion::ALL.map(|version| psci(version.to_raw(), version != PsciVersion::V0_1)),
    );
    all.extend([false, true].map(|psci_0_2| psci(0, psci_0_2)));
    for state in Mitigation::ALL {
        for ssbs in [false, true] {
            let host = HostWorkarounds {
                spectre_v2: state,
                spectre_v4: state,
                ssbs,
                spectre_bhb: state,
            };
            for reg in [FwReg::Workaround1, FwReg::Workaround2, FwReg::Workaround3] {
                all.push((PlainVm::new(host), reg));
            }
        }
    }
    for (map, exists, _) in BITMAPS {
        for current in 0..=exists {
            let vm = PlainVm::new(HOST);
            vm.bitmap_cell(map).set(current);
            all.push((vm, FwReg::Bitmap(map)));
        }
    }
    let each = |(vm, reg): (PlainVm, FwReg)| RAN.map(|ran| (PlainVm { ran, ..vm.clone() }, reg));
    all.into_iter().flat_map(each).collect()
}

/// Values of all registers, valid or not.
fn values() -> impl Iterator<Item = u64> {
    (0..=WORKAROUND_VALUES_END)
        .chain(PSCI_VERSIONS.map(|(_, raw)| raw))
        .chain([0x1_0004, 1 << 63, u64::MAX])
}

#[test]
fn value_and_writes_are_those_of_the_parts() {
    for (vm, reg) in reachable() {
        let psci_0_2 = vm.has_psci_0_2();
        let host = vm.host;
        for value in values() {
            let (read, written) = match reg {
                FwReg::PsciVersion => (
                    PsciVersion::seen(vm.psci_version.get(), psci_0_2).into(),
                    PsciVersion::decide(value, psci_0_2).map(|version| version.to_raw().into()),
                ),
                FwReg::Workaround1 => {
                    let level = WorkaroundLevel::of_host(host.spectre_v2);
                    (level.to_raw(), level.decide(value).map(|()| 0))
                }
                FwReg::Workaround2 => {
                    let level = WorkaroundLevel2::of_host(host.spectre_v4, host.ssbs);
                    (level.to_raw(), level.decide(value).map(|()| 0))
                }
                FwReg::Workaround3 => {
                    let level = WorkaroundLevel::of_host(host.spectre_bhb);
                    (level.to_raw(), level.decide(value).map(|()| 0))
                }
                FwReg::Bitmap(map) => {
                    let current = vm.bitmap(map);
                    (current, map.decide(value, current, vm.ran))
                }
            };
            assert_eq!(reg.get(&vm), read, "{vm:?}, {reg:?}");
            let copy = vm.clone();
            let result = reg.set(&copy, value);
            assert_eq!(result, written.map(drop), "{vm:?}, {reg:?}, {value:#x}");
            let stored = written.unwrap_or_else(|_| vm.stored(reg));
            assert_eq!(copy.stored(reg), stored, "{vm:?}, {reg:?}, {value:#x}");
        }
    }
}

#[test]
fn what_is_read_can_be_written_back_at_any_time() {
    for (vm, reg) in reachable() {
        let value = reg.get(&vm);
        assert_eq!(reg.set(&vm, value), Ok(()), "{vm:?}, {reg:?}");
        assert_eq!(reg.get(&vm), value, "{vm:?}, {reg:?}");
    }
}

#[test]
fn write_changes_its_own_register_to_the_value_or_nothing() {
    for (vm, reg) in reachable() {
        for value in values() {
            let after = vm.clone();
            let result = reg.set(&after, value);
            if result.is_err() {
                assert_eq!(after, vm, "{reg:?}, {value:#x}: a refused write");
                continue;
            }
            for (other, _) in REGISTERS {
                let stores = matches!(reg, FwReg::PsciVersion | FwReg::Bitmap(_));
                let expected = if other == reg && stores {
                    value
                } else {
                    other.get(&vm)
                };
                assert_eq!(other.get(&after), expected, "{vm:?}, {reg:?}, {value:#x}");
            }
        }
    }
}

#[test]
fn only_bitmaps_freeze() {
    for (vm, reg) in reachable() {
        let frozen = values().any(|value| reg.set(&vm.clone(), value) == Err(Reject::Frozen));
        let bitmap = matches!(reg, FwReg::Bitmap(_));
        assert_eq!(frozen, bitmap && vm.ran == RanOnce::Yes, "{vm:?}, {reg:?}");
    }
}

#[test]
fn hiding_ssbs_raises_the_level_of_a_mitigated_host() {
    let reg = FwReg::Workaround2;
    let [seen, hidden] = [true, false].map(|ssbs| PlainVm::new(HostWorkarounds { ssbs, ..HOST }));
    assert_eq!((reg.get(&seen), reg.get(&hidden)), (0, 3));
    assert_eq!(reg.set(&seen, 3), Err(Reject::AboveHost));
    assert_eq!(reg.set(&hidden, 3), Ok(()));
}

/// What an access does with a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    SpectreV2,
    SpectreV4,
    SpectreBhb,
    Ssbs,
    PsciVersion,
    StorePsciVersion(u32),
    HasPsci02,
    Bitmap(FeatureBitmap),
    Lock,
    Ran,
    Store(FeatureBitmap, u64),
    Unlock,
}

use Step::{
    Bitmap,
    HasPsci02,
    Lock,
    Ran,
    SpectreBhb,
    SpectreV2,
    SpectreV4,
    Ssbs,
    Store,
    StorePsciVersion,
    Unlock, //
};

/// A VM that notes the steps.
struct Noted {
    vm: PlainVm,
    steps: RefCell<Vec<Step>>,
}

struct Locked<'a>(&'a Noted);

impl Noted {
    fn note(&self, step: Step) -> &PlainVm {
        self.steps.borrow_mut().push(step);
        &self.vm
    }
}

impl Deref for Locked<'_> {
    type Target = Noted;

    fn deref(&self) -> &Noted {
        self.0
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.note(Unlock);
    }
}

impl FwVm for Noted {
    type Locked<'a> = Locked<'a>;

    fn spectre_v2(&self) -> Mitigation {
        self.note(SpectreV2).spectre_v2()
    }

    fn spectre_v4(&self) -> Mitigation {
        self.note(SpectreV4).spectre_v4()
    }

    fn spectre_bhb(&self) -> Mitigation {
        self.note(SpectreBhb).spectre_bhb()
    }

    fn has_ssbs(&self) -> bool {
        self.note(Ssbs).has_ssbs()
    }

    fn psci_version(&self) -> u32 {
        self.note(Step::PsciVersion).psci_version()
    }

    fn store_psci_version(&self, version: PsciVersion) {
        self.note(StorePsciVersion(version.to_raw()));
    }

    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        self.note(Bitmap(map)).bitmap(map)
    }

    fn lock_config(&self) -> Locked<'_> {
        self.note(Lock);
        Locked(self)
    }
}

impl FwLocked for Noted {
    fn ran_once(&self) -> RanOnce {
        self.note(Ran).ran_once()
    }

    fn features(&self) -> VcpuFeatures {
        panic!("the vCPU has its features")
    }

    fn store_bitmap(&self, map: FeatureBitmap, bits: u64) {
        self.note(Store(map, bits));
    }

    fn promise(&self, _: FeatureLevelReg) -> Promise {
        panic!("a firmware register is no promise")
    }

    fn store_promise(&self, _: FeatureLevelReg, _: FeatureLevels) {
        panic!("a firmware register is no promise")
    }
}

impl FwVcpu for Noted {
    type Vm = Self;

    fn vm(&self) -> &Self {
        self
    }

    fn has_psci_0_2(&self) -> bool {
        self.note(HasPsci02).has_psci_0_2()
    }
}

fn steps<T>(ran: RanOnce, access: impl FnOnce(&Noted) -> T) -> (T, Vec<Step>) {
    let noted = Noted {
        vm: PlainVm {
            ran,
            ..PlainVm::new(HOST)
        },
        steps: RefCell::new(Vec::new()),
    };
    let result = access(&noted);
    (result, noted.steps.into_inner())
}

#[test]
fn bitmap_is_read_decided_and_stored_under_one_hold_of_the_lock() {
    for (map, exists, initial) in BITMAPS {
        let reg = FwReg::Bitmap(map);
        for (value, ran) in RAN.into_iter().flat_map(|ran| [(0, ran), (exists, ran)]) {
            let looks = [Lock, Bitmap(map), Ran];
            let (result, rest): (_, &[Step]) = if ran == RanOnce::Yes && value != initial {
                (Err(Reject::Frozen), &[Unlock])
            } else {
                (Ok(()), &[Store(map, value), Unlock])
            };
            let expected = (result, [&looks, rest].concat());
            assert_eq!(
                steps(ran, |vm| reg.set(vm, value)),
                expected,
                "{map:?}, {value:#x}"
            );
        }
    }
}

#[test]
fn value_that_no_vm_accepts_is_refused_without_a_look() {
    for (reg, _) in REGISTERS {
        if reg == FwReg::PsciVersion {
            continue;
        }
        let (result, steps) = steps(RanOnce::Yes, |vm| reg.set(vm, u64::MAX));
        assert_eq!(result, Err(Reject::InvalidValue), "{reg:?}");
        assert_eq!(steps, [], "{reg:?}");
    }
}

#[test]
fn other_registers_take_no_lock_and_do_not_ask_whether_the_vm_has_run() {
    let set = |reg: FwReg, value| steps(RanOnce::Yes, |vm| reg.set(vm, value));
    let psci = (Ok(()), vec![HasPsci02, StorePsciVersion(2)]);
    assert_eq!(set(FwReg::PsciVersion, 2), psci);
    let refused = (Err(Reject::InvalidValue), vec![HasPsci02]);
    assert_eq!(set(FwReg::PsciVersion, 1), refused);
    assert_eq!(set(FwReg::Workaround1, 2), (Ok(()), vec![SpectreV2]));
    assert_eq!(set(FwReg::Workaround2, 3), (Ok(()), vec![SpectreV4, Ssbs]));
    assert_eq!(set(FwReg::Workaround3, 1), (Ok(()), vec![SpectreBhb]));
}

#[test]
fn reads_take_no_lock() {
    let get = |reg: FwReg| steps(RanOnce::Yes, |vm| reg.get(vm));
    let psci = vec![Step::PsciVersion, HasPsci02];
    assert_eq!(get(FwReg::PsciVersion), (0x1_0003, psci));
    assert_eq!(get(FwReg::Workaround1), (2, vec![SpectreV2]));
    assert_eq!(get(FwReg::Workaround2), (3, vec![SpectreV4, Ssbs]));
    assert_eq!(get(FwReg::Workaround3), (1, vec![SpectreBhb]));
    for (map, _, initial) in BITMAPS {
        assert_eq!(get(FwReg::Bitmap(map)), (initial, vec![Bitmap(map)]));
    }
}

/// The errors of a write by id: of the core, or of the read of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Error {
    Reject(Reject),
    Fault,
}

impl From<Reject> for Error {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

#[test]
fn access_by_id_is_that_of_the_register() {
    for (vm, reg) in reachable() {
        assert_eq!(FwReg::get_by_id(&vm, reg.id()), Ok(reg.get(&vm)));
        for value in values() {
            let [by_reg, by_id] = [vm.clone(), vm.clone()];
            let expected = reg.set(&by_reg, value).map_err(Error::Reject);
            let result = FwReg::set_by_id(&by_id, reg.id(), || Ok::<_, Error>(value));
            assert_eq!(result, expected, "{vm:?}, {reg:?}, {value:#x}");
            assert_eq!(by_id, by_reg, "{vm:?}, {reg:?}, {value:#x}");
        }
    }
}

#[test]
fn write_checks_the_size_then_reads_the_value_then_looks_the_register_up() {
    // So a bad pointer wins over an id that is unknown, but not over one whose size is wrong.
    let vm = PlainVm::new(HOST);
    let unknown = [0, 0x6030_0000_0014_0004, 0x6030_0000_0016_ffff, u64::MAX];
    for id in REGISTERS.map(|(_, id)| id).into_iter().chain(unknown) {
        for size in 0..16u64 {
            let id = id & !(0xf << 52) | size << 52;
            let reads = Cell::new(0);
            let set = |value| {
                reads.set(0);
                FwReg::set_by_id(&vm.clone(), id, || {
                    reads.set(reads.get() + 1);
                    value
                })
            };
            if size != 3 {
                let wrong = Err(Error::Reject(Reject::WrongSize));
                assert_eq!((set(Err(Error::Fault)), reads.get()), (wrong, 0), "{id:#x}");
                assert_eq!((set(Ok(0)), reads.get()), (wrong, 0), "{id:#x}");
                continue;
            }
            let fault = (set(Err(Error::Fault)), reads.get());
            assert_eq!(fault, (Err(Error::Fault), 1), "{id:#x}");
            let known = FwReg::from_id(id).is_ok();
            let missing = set(Ok(0)) == Err(Error::Reject(Reject::UnknownRegister));
            assert_eq!((missing, reads.get()), (!known, 1), "{id:#x}");
        }
    }
}

#[test]
fn read_of_an_unknown_register_looks_at_nothing() {
    for (id, reject) in [
        (0x6030_0000_0014_0004, Reject::UnknownRegister),
        (0x6020_0000_0014_0000, Reject::WrongSize),
    ] {
        let read = steps(RanOnce::No, |vm| FwReg::get_by_id(vm, id));
        assert_eq!(read, (Err(reject), vec![]), "{id:#x}");
    }
}
