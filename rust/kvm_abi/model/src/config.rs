// SPDX-License-Identifier: GPL-2.0

//! `KVM_ARM_VM_CONFIG`: the locks under which a set is decided and committed.

use kvm_abi::{
    ConfigAnswer,
    ConfigDone,
    ConfigEntry,
    ConfigFlags,
    ConfigHost,
    ConfigOp,
    ConfigReading,
    ConfigReg,
    ConfigSlot,
    ConfigVm,
    ConfigWorkspace,
    FeatureBitmap,
    FwLocked,
    FwVm,
    HostWorkarounds,
    IdVisibility,
    PlainVm,
    PsciVersion,
    RanOnce,
    SysReg,
    VmConfig,
    VmIdIndex, //
};
use loom::sync::MutexGuard;

use crate::{
    vm::{
        IdRegValue,
        Locked, //
    },
    LockedIdReg,
    Vm, //
};

/// The locks that a request takes.
#[derive(Clone, Copy, Debug)]
pub struct Locks {
    /// `kvm->lock`.
    pub kvm: bool,
    /// The mutex of each vCPU.
    pub vcpus: bool,
    /// The `config_lock`.
    pub config: bool,
    /// Take the `config_lock` first, and wait for each vCPU.
    pub wait: bool,
}

impl Locks {
    /// Those of the kernel, in its order.
    pub const ALL: Self = Self {
        kvm: true,
        vcpus: true,
        config: true,
        wait: false,
    };
}

/// A VM that is locked for a request, `LockedVm`.
pub(crate) struct LockedVm<'a> {
    vm: &'a Vm,
    // Dropped in this order.
    _config: Option<Locked<'a>>,
    _vcpus: Vec<MutexGuard<'a, ()>>,
    _kvm: Option<MutexGuard<'a, u32>>,
}

impl<'a> LockedVm<'a> {
    /// `LockedVm::lock()`, which is `None` for `EBUSY`: a vCPU is in use.
    pub(crate) fn lock(vm: &'a Vm, locks: Locks) -> Option<Self> {
        let lock_config = || locks.config.then(|| vm.lock_config());
        let mut config = if locks.wait { lock_config() } else { None };
        let kvm = vm.lock_vcpus();
        let created = if locks.vcpus { *kvm } else { 0 };
        let kvm = locks.kvm.then_some(kvm);
        let mut vcpus = Vec::new();
        for number in 0..created {
            // kvm_trylock_all_vcpus()
            vcpus.push(match locks.wait {
                true => vm.lock_vcpu(number),
                false => vm.try_lock_vcpu(number)?,
            });
        }
        if !locks.wait {
            config = lock_config();
        }
        Some(Self {
            vm,
            _config: config,
            _vcpus: vcpus,
            _kvm: kvm,
        })
    }
}

/// `ID_AA64ISAR0_EL1`, the ID register that the VM has.
pub const ID_REG: SysReg = SysReg::new(3, 0, 0, 6, 0);

/// A value of the ID register that a configuration has.
pub(crate) struct ConfigValue {
    current: u64,
    ran: RanOnce,
}

impl IdRegValue for ConfigValue {
    fn current(&self) -> u64 {
        self.current
    }

    fn ran_once(&self) -> RanOnce {
        self.ran
    }
}

impl ConfigHost for LockedVm<'_> {
    type IdReg<'a>
        = LockedIdReg<ConfigValue>
    where
        Self: 'a;

    fn id_visibility(&self, index: VmIdIndex) -> Option<IdVisibility> {
        (index.reg() == ID_REG).then_some(IdVisibility::Shown)
    }

    fn id_reg(&self, index: VmIdIndex, current: u64) -> Option<Self::IdReg<'_>> {
        (index.reg() == ID_REG).then(|| {
            LockedIdReg(ConfigValue {
                current,
                ran: self.vm.ran_once(),
            })
        })
    }
}

/// The place of [`ID_REG`] in a configuration.
fn id_place() -> usize {
    ID_REG.vm_id_index().map_or(0, VmIdIndex::get)
}

impl ConfigVm for LockedVm<'_> {
    fn snapshot(&self) -> VmConfig {
        let vm = self.vm;
        let mut config = VmConfig::empty();
        config.id_regs[id_place()] = vm.id_reg();
        config.fw = PlainVm::new(HostWorkarounds::of(vm));
        config.fw.features = vm.features();
        config.fw.ran = vm.ran_once();
        config.fw.psci_version.set(vm.psci_version());
        for map in FeatureBitmap::ALL {
            config.fw.bitmap_cell(map).set(vm.bitmap(map));
        }
        config
    }

    fn commit(&self, config: &VmConfig) {
        let vm = self.vm;
        let value = config.id_regs[id_place()];
        if value != vm.id_reg() {
            vm.write_id_reg(value);
        }
        for map in FeatureBitmap::ALL {
            vm.store_bitmap(map, config.fw.bitmap(map));
        }
        if let Some(version) = PsciVersion::from_raw(config.fw.psci_version().into()) {
            vm.store_psci_version(version);
        }
    }
}

/// An entry of a request.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The id of the register.
    pub id: u64,
    /// The value to set, or the one that was read.
    pub value: u64,
    /// The answer.
    pub answer: ConfigAnswer,
}

impl Entry {
    /// Returns an entry to set a register.
    pub fn new(id: u64, value: u64) -> Self {
        Self {
            id,
            value,
            answer: ConfigAnswer::ACCEPTED,
        }
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
        self.answer = answer;
    }

    fn fill(&mut self, reading: ConfigReading) {
        *self = Self::new(reading.id, reading.value);
    }
}

/// `KVM_ARM_VM_CONFIG`, under these locks: the core's own sequence. `None` is `EBUSY`.
pub fn vm_config(vm: &Vm, op: ConfigOp, entries: &mut [Entry], locks: Locks) -> Option<ConfigDone> {
    let slots = vec![ConfigSlot::EMPTY; ConfigReg::PLACES];
    let mut slots = slots.try_into().expect("it has as many places");
    let answers = vec![ConfigAnswer::ACCEPTED; ConfigReg::PLACES];
    let mut answers = answers.try_into().expect("it has as many places");
    let mut config = Box::new(VmConfig::empty());
    let mut workspace = ConfigWorkspace::new(&mut slots, &mut answers, &mut config);
    let locked = LockedVm::lock(vm, locks)?;
    Some(op.run(&locked, ConfigFlags::default(), entries, &mut workspace))
}
