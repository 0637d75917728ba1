// SPDX-License-Identifier: GPL-2.0

//! The decision on a set: look at the configuration, decide on a copy, commit.

use super::{
    config::{
        ConfigHost,
        PFR1,
        SSBS, //
    },
    gic_fields,
    has_run,
    judge,
    ConfigAnswer,
    ConfigEntry,
    ConfigFlags,
    ConfigOp,
    ConfigReason,
    ConfigReg,
    VmConfig, //
};
use crate::{
    FeatureLevelReg,
    Field,
    Sign,
    SysReg,
    VmIdIndex, //
};

/// A VM whose configuration is locked, with all of its vCPUs.
pub trait ConfigVm: ConfigHost {
    /// Returns a copy of the configuration.
    fn snapshot(&self) -> VmConfig;

    /// Takes over a configuration that was decided on, under the same hold of the locks as the
    /// snapshot. The VM has not run. It cannot fail.
    fn commit(&self, config: &VmConfig);
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigDone {
    /// [`ConfigOp::Get`]: so many registers can be read. The entries have them, if there is room.
    Listed(usize),
    /// The set is accepted: every answer is [`ConfigAnswer::ACCEPTED`].
    Accepted,
    /// The set is refused, and the VM is as it was.
    Refused,
}

/// The entries of a register: those with the lowest and with the highest value, each with the
/// lowest index of those that are alike.
#[derive(Clone, Copy, Debug)]
struct Entries {
    low: u64,
    high: u64,
    low_index: u32,
    high_index: u32,
}

/// The entries that a register has in a set.
///
/// Its size, like that of the answer, is a power of two, as objgate follows an index that is
/// shifted, and small, as it is copied often.
#[derive(Clone, Copy, Debug)]
pub struct ConfigSlot(Option<Entries>);

const _: () = assert!(size_of::<ConfigSlot>() == 32 && size_of::<ConfigAnswer>() == 32);

impl ConfigSlot {
    /// A register without entries.
    pub const EMPTY: Self = Self(None);

    /// Adds an entry.
    #[inline]
    fn add(&mut self, value: u64, index: u32) {
        match &mut self.0 {
            None => {
                self.0 = Some(Entries {
                    low: value,
                    high: value,
                    low_index: index,
                    high_index: index,
                });
            }
            Some(entries) if value < entries.low => {
                entries.low = value;
                entries.low_index = index;
            }
            Some(entries) if value > entries.high => {
                entries.high = value;
                entries.high_index = index;
            }
            Some(_) => (),
        }
    }

    /// Returns the index of the first of the entries, if there are any and they are alike.
    #[inline]
    fn index(&self) -> Option<u32> {
        let entries = self.0?;
        (entries.low == entries.high).then_some(entries.low_index)
    }
}

/// A field of an ID register that has no effect without another field.
///
/// C: `feat_s1pie()`, `feat_s1poe()`, for `kvm_idregs_enforce_dependencies()`, which clears such a
/// field when the VM runs for the first time.
struct Dependency {
    reg: SysReg,
    field: Field,
    needed_reg: SysReg,
    needed: Field,
}

/// `ID_AA64MMFR3_EL1`.
const MMFR3: SysReg = SysReg::new(3, 0, 0, 7, 3);
/// `ID_AA64MMFR3_EL1.TCRX`.
const TCRX: (SysReg, Field) = (MMFR3, Field::nibble(0, Sign::Unsigned));
/// `ID_AA64MMFR3_EL1.S1PIE`.
const S1PIE: (SysReg, Field) = (MMFR3, Field::nibble(2, Sign::Unsigned));
/// `ID_AA64MMFR3_EL1.S1POE`.
const S1POE: (SysReg, Field) = (MMFR3, Field::nibble(4, Sign::Unsigned));
/// `ID_AA64ISAR2_EL1.ATS1A`.
const ATS1A: (SysReg, Field) = (
    SysReg::new(3, 0, 0, 6, 2),
    Field::nibble(15, Sign::Unsigned),
);
/// `ID_AA64MMFR1_EL1.HPDS`.
const HPDS: (SysReg, Field) = (SysReg::new(3, 0, 0, 7, 1), Field::nibble(3, Sign::Unsigned));

impl Dependency {
    /// All dependencies.
    const ALL: [Self; 5] = [
        Self::new(S1PIE, TCRX),
        Self::new(S1PIE, ATS1A),
        Self::new(S1POE, TCRX),
        Self::new(S1POE, ATS1A),
        Self::new(S1POE, HPDS),
    ];

    const fn new(field: (SysReg, Field), needed: (SysReg, Field)) -> Self {
        Self {
            reg: field.0,
            field: field.1,
            needed_reg: needed.0,
            needed: needed.1,
        }
    }
}

/// The memory for a decision, which the caller lends.
#[derive(Debug)]
pub struct ConfigWorkspace<'a> {
    slots: &'a mut [ConfigSlot; ConfigReg::PLACES],
    /// The answer to the entries of each register
    answers: &'a mut [ConfigAnswer; ConfigReg::PLACES],
    config: &'a mut VmConfig,
    is_used: bool,
}

impl<'a> ConfigWorkspace<'a> {
    /// Returns the memory for decisions: slots that are [`ConfigSlot::EMPTY`], answers that are
    /// [`ConfigAnswer::ACCEPTED`], and any configuration.
    #[inline]
    pub fn new(
        slots: &'a mut [ConfigSlot; ConfigReg::PLACES],
        answers: &'a mut [ConfigAnswer; ConfigReg::PLACES],
        config: &'a mut VmConfig,
    ) -> Self {
        Self {
            slots,
            answers,
            config,
            is_used: false,
        }
    }

    /// Empties the memory, unless it is new.
    #[inline]
    fn clear(&mut self) {
        if self.is_used {
            self.slots.fill(ConfigSlot::EMPTY);
            self.answers.fill(ConfigAnswer::ACCEPTED);
        }
        self.is_used = true;
    }

    #[inline]
    fn slot(&self, reg: ConfigReg) -> &ConfigSlot {
        // There is a slot for each place.
        self.slots.get(reg.place()).unwrap_or(&ConfigSlot::EMPTY)
    }

    #[inline]
    fn answer_mut(&mut self, reg: ConfigReg) -> Option<&mut ConfigAnswer> {
        self.answers.get_mut(reg.place())
    }

    /// Returns the index of the entry of an ID register, if there is one.
    #[inline]
    fn id_entry(&self, reg: SysReg) -> Option<u32> {
        self.slot(ConfigReg::Id(reg.vm_id_index()?)).index()
    }

    /// Decides whether a VM with this configuration accepts the set, and answers each entry.
    ///
    /// Returns the configuration to commit, `None` if the set is refused. It does not depend on the
    /// order of the entries; nor do the answers, but for the index of another entry.
    #[inline]
    pub fn decide<E: ConfigEntry>(
        &mut self,
        current: &VmConfig,
        host: &impl ConfigHost,
        flags: ConfigFlags,
        entries: &mut [E],
    ) -> Option<&VmConfig> {
        self.clear();
        self.config.clone_from(current);

        let mut are_good = true;
        for (index, entry) in (0..u32::MAX).zip(entries.iter()) {
            let place = ConfigReg::from_id(entry.id()).map(ConfigReg::place);
            match place.map(|place| self.slots.get_mut(place)) {
                Ok(Some(slot)) => slot.add(entry.value(), index),
                _ => are_good = false,
            }
        }

        // The firmware registers and levels depend on the ID registers.
        for index in VmIdIndex::all() {
            are_good &= self.judge(ConfigReg::Id(index), host, None);
        }
        if !has_run(current.fw.ran) && current.is_ready() {
            are_good &= self.judge_dependencies(current);
            are_good &= self.judge_ssbs(current);
        }
        self.config.settle_ssbs();
        let ssbs = self.id_entry(PFR1);
        for reg in ConfigReg::all_but_ids() {
            are_good &= self.judge(reg, host, ssbs);
        }

        if are_good {
            for entry in entries {
                entry.answer(ConfigAnswer::ACCEPTED);
            }
            Some(self.config)
        } else if self.answer(flags, entries) {
            Some(self.config)
        } else {
            None
        }
    }

    /// Judges a register, if it has entries, and returns whether it is accepted.
    #[inline]
    fn judge(&mut self, reg: ConfigReg, host: &impl ConfigHost, ssbs: Option<u32>) -> bool {
        let ConfigSlot(Some(entries)) = *self.slot(reg) else {
            return true;
        };
        let ctlr = self.slot(ConfigReg::IccCtlr);
        let ctlr = ctlr.0.map(|_| ctlr.index());
        let config = &mut *self.config;
        let answer = if let Some(missing) = judge::missing(reg, config, host) {
            missing
        } else if entries.low != entries.high {
            // The copy keeps the VM's value, which is accepted.
            let value = config.read_one(host, reg);
            judge::conflict(
                ConfigAnswer::refused(ConfigReason::Conflict, 0, value),
                None,
            )
        } else {
            let value = entries.low;
            match reg {
                ConfigReg::Id(index) => judge::id_reg(index, value, config, host),
                ConfigReg::Fw(reg) => judge::fw_reg(reg, value, config, ssbs),
                ConfigReg::Level(reg) => judge::level(reg, value, config, ssbs),
                ConfigReg::GicIidr => judge::gic_iidr(value, config),
                ConfigReg::IccCtlr => gic_fields::icc_ctlr(value, config),
                ConfigReg::IchVtr => gic_fields::ich_vtr(value, config, ctlr),
            }
        };
        let is_accepted = answer.refused.is_none();
        if !is_accepted {
            if let Some(place) = self.answer_mut(reg) {
                *place = answer;
            }
        }
        is_accepted
    }

    /// Refuses what the first run would silently change. Returns true if there is nothing to
    /// refuse.
    ///
    /// A combination that the VM has already is not refused: it may be the host's own.
    #[inline]
    fn judge_dependencies(&mut self, current: &VmConfig) -> bool {
        let mut are_kept = true;
        for dependency in Dependency::ALL {
            let Dependency {
                reg,
                field,
                needed_reg,
                needed,
            } = dependency;
            let (Some(reg), Some(needed_reg)) = (reg.vm_id_index(), needed_reg.vm_id_index())
            else {
                continue;
            };
            let levels = |config: &VmConfig| {
                let level = field.level(config.id_reg(reg)).get();
                (level, needed.level(config.id_reg(needed_reg)).get())
            };
            let is_broken = matches!(levels(self.config), (1.., 0));
            if !is_broken || levels(self.config) == levels(current) {
                continue;
            }
            are_kept = false;
            let other = self.slot(ConfigReg::Id(needed_reg)).index();
            // One of the two has an entry, as one of them has changed.
            if self.slot(ConfigReg::Id(reg)).0.is_some() {
                self.refuse_field(reg, field, 0, other);
            } else {
                self.refuse_field(needed_reg, needed, current.id_reg(needed_reg), None);
            }
        }
        are_kept
    }

    /// Refuses a change of SSBS after which the host could not keep an earlier promise. Returns
    /// true if there is nothing to refuse.
    #[inline]
    fn judge_ssbs(&mut self, current: &VmConfig) -> bool {
        let reg = FeatureLevelReg::WORKAROUNDS;
        let (Some(pfr1), Some(promise)) = (
            PFR1.vm_id_index(),
            current
                .levels
                .and_then(|promises| promises.of(reg).written()),
        ) else {
            return true;
        };
        let has_entry = self.slot(ConfigReg::Level(reg)).0.is_some();
        if has_entry || self.config.has_ssbs() == current.has_ssbs() {
            return true;
        }
        let keeps = |ssbs| {
            let mut host = current.fw.host;
            host.ssbs = ssbs;
            promise.broken_by(reg.levels(|| host)).is_empty()
        };
        let is_kept = !keeps(current.has_ssbs()) || keeps(self.config.has_ssbs());
        if !is_kept {
            self.refuse_field(pfr1, SSBS, current.id_reg(pfr1), None);
        }
        is_kept
    }

    /// Refuses a field of an ID register for a conflict, in addition to other reasons; `from` has
    /// the level that is accepted.
    #[inline]
    fn refuse_field(&mut self, index: VmIdIndex, field: Field, from: u64, other: Option<u32>) {
        let mask = field.mask();
        let accepted = (self.config.id_reg(index) & !mask) | (from & mask);
        self.config.set_id_reg(index, accepted);
        if let Some(answer) = self.answer_mut(ConfigReg::Id(index)) {
            let before = if answer.refused.is_some() {
                *answer
            } else {
                judge::conflict(ConfigAnswer::ACCEPTED, other)
            };
            *answer = ConfigAnswer {
                bits: before.bits | mask,
                limit: accepted,
                ..before
            };
        }
    }

    /// Answers each entry, and returns whether all are accepted.
    #[inline]
    fn answer<E: ConfigEntry>(&self, flags: ConfigFlags, entries: &mut [E]) -> bool {
        let mut accepted = true;
        for entry in entries {
            let answer = match ConfigReg::from_id(entry.id()) {
                Ok(reg) => self.answer_to(reg, entry.value()),
                Err(_) => ConfigAnswer::absent(ConfigReason::Unknown),
            };
            let answer = if answer.is_absent() && flags.tolerate_zero && entry.value() == 0 {
                ConfigAnswer::ACCEPTED
            } else {
                answer
            };
            accepted &= answer.refused.is_none();
            entry.answer(answer);
        }
        accepted
    }

    /// Returns the answer to an entry of a register with this value.
    #[inline]
    fn answer_to(&self, reg: ConfigReg, value: u64) -> ConfigAnswer {
        // There is an answer for each place.
        let answer = self.answers.get(reg.place());
        let answer = *answer.unwrap_or(&ConfigAnswer::ACCEPTED);
        let ConfigSlot(Some(entries)) = *self.slot(reg) else {
            return answer;
        };
        if entries.low == entries.high
            || !matches!(answer.refused, Some((ConfigReason::Conflict, _)))
        {
            return answer;
        }
        let (other, index) = if value == entries.low {
            (entries.high, entries.high_index)
        } else {
            (entries.low, entries.low_index)
        };
        ConfigAnswer {
            bits: value ^ other,
            other: Some(index),
            ..answer
        }
    }
}

impl VmConfig {
    /// Reads all registers of a VM whose configuration is locked, as far as there is room.
    #[inline]
    pub fn list<E: ConfigEntry>(vm: &impl ConfigVm, entries: &mut [E]) -> ConfigDone {
        let mut config = vm.snapshot();
        let mut count: usize = 0;
        let mut room = entries.iter_mut();
        for reading in config.read(vm) {
            if let Some(entry) = room.next() {
                entry.fill(reading);
            }
            count = count.saturating_add(1);
        }
        ConfigDone::Listed(count)
    }

    /// Returns the value of a register that is not missing.
    #[inline]
    fn read_one(&self, host: &impl ConfigHost, reg: ConfigReg) -> u64 {
        self.read_reg(host, reg).map_or(0, |reading| reading.value)
    }
}

impl ConfigOp {
    /// Serves a request, on a VM whose configuration is locked.
    ///
    /// There is one decision for [`ConfigOp::Check`] and [`ConfigOp::Set`]; only the latter
    /// commits. [`ConfigOp::Get`] is [`VmConfig::list`], which needs no workspace.
    #[inline]
    pub fn run<E: ConfigEntry>(
        self,
        vm: &impl ConfigVm,
        flags: ConfigFlags,
        entries: &mut [E],
        workspace: &mut ConfigWorkspace<'_>,
    ) -> ConfigDone {
        if self == Self::Get {
            return VmConfig::list(vm, entries);
        }
        let current = vm.snapshot();
        match workspace.decide(&current, vm, flags, entries) {
            None => ConfigDone::Refused,
            Some(config) => {
                // Nothing changes in a VM that has run.
                if self == Self::Set && !has_run(config.fw.ran) {
                    vm.commit(config);
                }
                ConfigDone::Accepted
            }
        }
    }
}
