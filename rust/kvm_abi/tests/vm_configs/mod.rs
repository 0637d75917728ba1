// SPDX-License-Identifier: GPL-2.0

//! VMs whose configuration consists of values, and entries of requests.

#![allow(dead_code, reason = "no test uses all of it")]

use std::cell::{Cell, RefCell};

use kvm_abi::{
    ConfigAnswer,
    ConfigDone,
    ConfigEntry,
    ConfigFlags,
    ConfigHost,
    ConfigOp,
    ConfigReading,
    ConfigReason,
    ConfigReg,
    ConfigSlot,
    ConfigVm,
    ConfigWorkspace, //
    FeatureBitmap,
    FeatureLevelReg,
    FwReg,
    GicCpus,
    GicFields,
    HostWorkarounds,
    IdReg,
    IdVisibility,
    Mitigation,
    PlainVm,
    Promises,
    RanOnce,
    Reject,
    SysReg,
    VcpuFeatures,
    VmConfig,
    VmIdIndex,
};

use crate::id_regs::{
    self,
    Register,
    State, //
};

pub(crate) const STRICT: ConfigFlags = ConfigFlags {
    tolerate_zero: false,
};
pub(crate) const TOLERANT: ConfigFlags = ConfigFlags {
    tolerate_zero: true,
};

/// An entry of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) value: u64,
    pub(crate) answer: Option<ConfigAnswer>,
    pub(crate) reading: Option<ConfigReading>,
}

impl Entry {
    pub(crate) fn new(id: u64, value: u64) -> Self {
        Self {
            id,
            value,
            answer: None,
            reading: None,
        }
    }

    /// Returns the reason for the refusal, if it was refused.
    pub(crate) fn reason(&self) -> Option<ConfigReason> {
        self.answer.unwrap().refused.map(|(reason, _)| reason)
    }
}

impl ConfigEntry for Entry {
    fn id(&self) -> u64 {
        self.id
    }

    fn value(&self) -> u64 {
        self.value
    }

    fn answer(&mut self, answer: ConfigAnswer) {
        assert_eq!(self.answer.replace(answer), None, "answered once");
    }

    fn fill(&mut self, reading: ConfigReading) {
        self.id = reading.id;
        self.value = reading.value;
        self.reading = Some(reading);
    }
}

/// A VM on a host.
#[derive(Debug)]
pub(crate) struct Vm {
    pub(crate) config: RefCell<VmConfig>,
    /// The state of each ID register, but for its current value and whether the VM has run.
    pub(crate) id_regs: Vec<Option<State>>,
    /// How often the state of an ID register was asked for.
    pub(crate) asked: Cell<usize>,
    /// How often a configuration was committed.
    pub(crate) committed: Cell<usize>,
}

/// The registers with their value on AWS's Neoverse V1: the host's, and a new VM's.
pub(crate) fn v1() -> Vec<(Register, u64, u64)> {
    let same = |register, value| (register, value, value);
    vec![
        (
            id_regs::pfr0(),
            0x1101_0100_2111_1112,
            0x1101_0000_2111_1112,
        ),
        same(id_regs::pfr1(), 0x20),
        same(id_regs::aa64dfr0(), 0xf0_1030_5009),
        same(id_regs::dfr0(), 0x1_1099),
        same(id_regs::isar0(), 0x1011_1111_1021_2120),
        same(id_regs::isar2(), 0),
        same(id_regs::mmfr0(), 0x10_1125),
        same(id_regs::mmfr1(), 0x1021_2122),
        (
            id_regs::mmfr2(),
            0x0220_0111_0200_1011,
            0x0220_0111_0000_1011,
        ),
        same(id_regs::mmfr3(), 0),
        same(id_regs::ctr(), 0xb444_c004),
        same(id_regs::midr(), 0x411f_d401),
        same(id_regs::revidr(), 0x8000_0000),
    ]
}

/// As [`v1`], on a host with S1PIE and S1POE and what they need.
pub(crate) fn with_permission_indirection() -> Vec<(Register, u64, u64)> {
    let mut registers = v1();
    for (register, host, limit) in &mut registers {
        let value = if register.reg == MMFR3 {
            0x1_0111
        } else if register.reg == ISAR2 {
            0x1 << 60
        } else {
            continue;
        };
        (*host, *limit) = (value, value);
    }
    registers
}

/// As [`v1`], on a host with MTE2 and without asynchronous faults, in a VM without MTE.
pub(crate) fn with_mte2() -> Vec<(Register, u64, u64)> {
    let mut registers = v1();
    for (register, host, _) in &mut registers {
        if register.reg == PFR1 {
            *host |= 0xf00_0000_0200;
        }
    }
    registers
}

pub(crate) const PFR0: SysReg = SysReg::new(3, 0, 0, 4, 0);
pub(crate) const PFR1: SysReg = SysReg::new(3, 0, 0, 4, 1);
pub(crate) const ISAR0: SysReg = SysReg::new(3, 0, 0, 6, 0);
pub(crate) const ISAR2: SysReg = SysReg::new(3, 0, 0, 6, 2);
pub(crate) const MMFR1: SysReg = SysReg::new(3, 0, 0, 7, 1);
pub(crate) const MMFR3: SysReg = SysReg::new(3, 0, 0, 7, 3);
pub(crate) const MIDR: SysReg = SysReg::new(3, 0, 0, 0, 0);
/// A register that reads as zero.
pub(crate) const RAZ: SysReg = SysReg::new(3, 0, 0, 7, 7);
/// A register that no VM here has.
pub(crate) const HIDDEN: SysReg = SysReg::new(3, 0, 0, 5, 7);
/// A register that ignores writes.
pub(crate) const IGNORED: SysReg = SysReg::new(3, 0, 0, 2, 0);

pub(crate) const HOST: HostWorkarounds = HostWorkarounds {
    spectre_v2: Mitigation::Unaffected,
    spectre_v4: Mitigation::Mitigated,
    // Taken from ID_AA64PFR1_EL1.
    ssbs: false,
    spectre_bhb: Mitigation::Mitigated,
};

pub(crate) const IIDR: u32 = 0x4b00_343b;

/// `ICC_CTLR_EL1` of a host with seven bits of priority, 24 of an INTID, no SEIS, and A3V.
pub(crate) const CTLR: u64 = 0x8e00;
/// `ICH_VTR_EL2` on it, with 16 list registers and six bits of preemption.
pub(crate) const VTR: u64 = 0xd410_000f;

pub(crate) const GIC: GicCpus = GicCpus {
    fields: GicFields::of_ctlr(CTLR),
    host: GicFields::of_ctlr(CTLR),
    has_aff3: false,
    vtr: Some(VTR),
};

impl Vm {
    /// A new VM on a host with these ID registers.
    pub(crate) fn on(registers: Vec<(Register, u64, u64)>, host: HostWorkarounds) -> Self {
        let mut raz = id_regs::midr().on(0, 0);
        raz.visibility = IdVisibility::Raz;
        let mut id_regs: Vec<_> = VmIdIndex::all()
            .map(|index| {
                let mut raz = raz.clone();
                if index.reg() == IGNORED {
                    raz.visibility = IdVisibility::RazIgnored;
                }
                // KVM shows these to each VM.
                if IdReg::of(index.reg()) == Some(IdReg::Implementation) {
                    raz.visibility = IdVisibility::Shown;
                }
                (index.reg() != HIDDEN).then_some(raz)
            })
            .collect();
        let mut values = [0; VmIdIndex::COUNT];
        for (register, host, limit) in registers {
            let index = register.reg.vm_id_index().unwrap().get();
            id_regs[index] = Some(register.on(host, limit));
            values[index] = limit;
        }
        Self {
            config: RefCell::new(VmConfig {
                fw: PlainVm::new(host),
                id_regs: values,
                levels: Some(Promises::NONE),
                gic_iidr: Some(IIDR),
                gic_groups_writable: false,
                keeps_gic_fields: true,
                gic_cpus: Some(GIC),
            }),
            id_regs,
            asked: Cell::new(0),
            committed: Cell::new(0),
        }
    }

    pub(crate) fn new() -> Self {
        Self::on(v1(), HOST)
    }

    /// Lets a vCPU run.
    pub(crate) fn run(&self) {
        self.config.borrow_mut().fw.ran = RanOnce::Yes;
    }

    /// Changes the state of all ID registers.
    pub(crate) fn each(&mut self, change: impl Fn(&mut State)) {
        self.id_regs.iter_mut().flatten().for_each(change);
    }

    fn serve(&self, op: ConfigOp, flags: ConfigFlags, entries: &mut [Entry]) -> ConfigDone {
        let mut slots = [ConfigSlot::EMPTY; ConfigReg::PLACES];
        let mut answers = [ConfigAnswer::ACCEPTED; ConfigReg::PLACES];
        let mut config = self.snapshot();
        op.run(
            self,
            flags,
            entries,
            &mut ConfigWorkspace::new(&mut slots, &mut answers, &mut config),
        )
    }

    pub(crate) fn request(
        &self,
        op: ConfigOp,
        flags: ConfigFlags,
        entries: &[(u64, u64)],
    ) -> (ConfigDone, Vec<Entry>) {
        let mut entries: Vec<_> = entries
            .iter()
            .map(|(id, value)| Entry::new(*id, *value))
            .collect();
        (self.serve(op, flags, &mut entries), entries)
    }

    pub(crate) fn set(&self, entries: &[(u64, u64)]) -> (ConfigDone, Vec<Entry>) {
        self.request(ConfigOp::Set, STRICT, entries)
    }

    /// Sets one register that is refused.
    pub(crate) fn refused(&self, id: u64, value: u64) -> ConfigAnswer {
        let before = self.snapshot();
        let (done, entries) = self.set(&[(id, value)]);
        assert_eq!(done, ConfigDone::Refused, "{id:#x}, {value:#x}");
        assert_eq!(self.snapshot(), before);
        entries[0].answer.unwrap()
    }

    /// Returns all registers that can be read.
    pub(crate) fn readings(&self) -> Vec<ConfigReading> {
        let mut entries = vec![Entry::new(0, 0); ConfigReg::COUNT];
        let done = self.serve(ConfigOp::Get, STRICT, &mut entries);
        let ConfigDone::Listed(count) = done else {
            panic!("{done:?}");
        };
        let readings: Vec<_> = entries.iter().filter_map(|entry| entry.reading).collect();
        assert_eq!(readings.len(), count);
        readings
    }

    /// Returns the values of all registers that can be read.
    pub(crate) fn values(&self) -> Vec<(u64, u64)> {
        let readings = self.readings().into_iter();
        readings
            .map(|reading| (reading.id, reading.value))
            .collect()
    }

    pub(crate) fn read(&self, id: u64) -> Option<ConfigReading> {
        self.readings().into_iter().find(|reading| reading.id == id)
    }

    pub(crate) fn value(&self, id: u64) -> u64 {
        self.read(id).unwrap().value
    }
}

impl ConfigHost for Vm {
    type IdReg<'a> = State;

    fn id_visibility(&self, index: VmIdIndex) -> Option<IdVisibility> {
        Some(self.id_regs[index.get()].as_ref()?.visibility)
    }

    fn id_reg(&self, index: VmIdIndex, current: u64) -> Option<State> {
        self.asked.set(self.asked.get() + 1);
        let state = self.id_regs[index.get()].clone()?;
        let ran = self.config.borrow().fw.ran;
        Some(State {
            current,
            ran,
            ..state
        })
    }
}

impl ConfigVm for Vm {
    fn snapshot(&self) -> VmConfig {
        self.config.borrow().clone()
    }

    fn commit(&self, config: &VmConfig) {
        assert_eq!(self.config.borrow().fw.ran, RanOnce::No);
        self.committed.set(self.committed.get() + 1);
        self.config.replace(config.clone());
    }
}

/// The errno of `KVM_SET_ONE_REG` for a refusal.
pub(crate) fn errno(reject: Reject) -> i32 {
    match reject {
        Reject::UnknownRegister | Reject::WrongSize => 2,
        Reject::NotReady => 8,
        Reject::Frozen => 16,
        Reject::InvalidValue | Reject::AboveHost | Reject::UnsafeValue => 22,
    }
}

pub(crate) fn psci() -> u64 {
    FwReg::PsciVersion.id()
}

/// The features of vCPUs with PSCI 0.2, without it, and before the first `KVM_ARM_VCPU_INIT`.
pub(crate) const FEATURES: [VcpuFeatures; 3] = [
    VcpuFeatures::Known { psci_0_2: true },
    VcpuFeatures::Known { psci_0_2: false },
    VcpuFeatures::Unknown,
];

/// `ID_AA64PFR1_EL1.SSBS` of a host that has it.
pub(crate) const SSBS: u64 = 0x20;

pub(crate) fn wa2() -> u64 {
    FwReg::Workaround2.id()
}

pub(crate) fn levels() -> u64 {
    FeatureLevelReg::WORKAROUNDS.id()
}

pub(crate) fn iidr() -> u64 {
    ConfigReg::GicIidr.id()
}

pub(crate) fn icc_ctlr() -> u64 {
    ConfigReg::IccCtlr.id()
}

pub(crate) fn ich_vtr() -> u64 {
    ConfigReg::IchVtr.id()
}

pub(crate) fn bmap(map: FeatureBitmap) -> u64 {
    FwReg::Bitmap(map).id()
}

pub(crate) fn refusal(reason: ConfigReason, reject: Reject, bits: u64, limit: u64) -> ConfigAnswer {
    ConfigAnswer {
        refused: Some((reason, reject)),
        bits,
        limit,
        other: None,
    }
}
