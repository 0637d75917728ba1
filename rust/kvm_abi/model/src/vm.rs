// SPDX-License-Identifier: GPL-2.0

//! The state of a VM: `struct kvm_arch`, as far as the core decides about it.

use std::sync::atomic::{
    AtomicU32,
    Ordering::Relaxed, //
};

use std::ops::Deref;

use kvm_abi::{
    FeatureBitmap,
    FeatureField,
    FeatureLevelReg,
    FeatureLevels,
    Field,
    FwLocked,
    FwVcpu,
    FwVm,
    IdRegAccess,
    IdRegLocked,
    IdRegState,
    IdVisibility,
    Mitigation,
    Promise,
    PsciVersion,
    RanOnce,
    SafeValue,
    Sign,
    VcpuFeatures, //
};
use loom::sync::{
    Mutex,
    MutexGuard, //
};

use crate::memory::{
    Steps,
    Word, //
};

/// Bits of `kvm->arch.flags`.
pub mod flag {
    /// `KVM_ARCH_FLAG_HAS_RAN_ONCE`.
    pub const HAS_RAN_ONCE: u64 = 1 << 0;
    /// `KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED`.
    pub const VCPU_FEATURES_CONFIGURED: u64 = 1 << 1;
    /// `KVM_ARCH_FLAG_PSCI_FREEZE`.
    pub const PSCI_FREEZE: u64 = 1 << 2;
}

/// A VM.
#[derive(Debug)]
pub struct Vm {
    /// `kvm->lock`, under which vCPUs are created, and how many were.
    vcpus: Mutex<u32>,
    /// `vcpu->mutex` of each vCPU, which its ioctls hold.
    vcpu: [Mutex<()>; 2],
    config: Mutex<()>,
    steps: Steps,
    flags: Word,
    bitmaps: [Word; 4],
    /// An ID register of one field.
    id_reg: Word,
    psci_version: Word,
    has_psci_0_2: Word,
    /// Not modelled with loom, as it orders nothing.
    mismatches: AtomicU32,
}

impl Default for Vm {
    fn default() -> Self {
        Self::new()
    }
}

impl Vm {
    /// Returns a new VM, `kvm_arm_init_hypercalls()`.
    pub fn new() -> Self {
        Self {
            vcpus: Mutex::new(0),
            vcpu: [(); 2].map(Mutex::new),
            config: Mutex::new(()),
            steps: Steps::new(),
            flags: Word::new(0),
            bitmaps: FeatureBitmap::ALL.map(|map| Word::new(map.initial())),
            id_reg: Word::new(Self::ID_REG_LIMIT),
            psci_version: Word::new(0),
            has_psci_0_2: Word::new(0),
            mismatches: AtomicU32::new(0),
        }
    }

    /// The most that the host can give in the ID register.
    pub const ID_REG_LIMIT: u64 = 3;

    /// Returns the ID register.
    pub fn id_reg(&self) -> u64 {
        self.id_reg.load(&self.steps)
    }

    /// Sets the ID register, `kvm_set_vm_id_reg()`.
    pub fn write_id_reg(&self, value: u64) {
        self.id_reg.store(&self.steps, value);
    }

    /// Takes `kvm->lock`, and returns the number of the vCPUs.
    pub fn lock_vcpus(&self) -> MutexGuard<'_, u32> {
        self.vcpus.lock().expect("nobody panics with it")
    }

    fn vcpu(&self, number: u32) -> &Mutex<()> {
        self.vcpu.get(number as usize).expect("there are few vCPUs")
    }

    /// Takes the mutex of a vCPU, as each of its ioctls does.
    pub fn lock_vcpu(&self, number: u32) -> MutexGuard<'_, ()> {
        self.vcpu(number).lock().expect("nobody panics with it")
    }

    /// Takes the mutex of a vCPU unless it is held.
    pub fn try_lock_vcpu(&self, number: u32) -> Option<MutexGuard<'_, ()>> {
        self.vcpu(number).try_lock().ok()
    }

    /// `KVM_CREATE_VCPU`, which holds `kvm->lock` all the time. Returns its number.
    pub fn create_vcpu(&self) -> u32 {
        let mut vcpus = self.lock_vcpus();
        *vcpus += 1;
        *vcpus - 1
    }

    /// Returns whether a flag is set.
    pub fn has(&self, flag: u64) -> bool {
        self.flags.load(&self.steps) & flag != 0
    }

    /// `set_bit()`, which is atomic but orders nothing.
    pub fn set(&self, flag: u64) {
        self.flags.set(&self.steps, flag);
    }

    fn place(map: FeatureBitmap) -> usize {
        match map {
            FeatureBitmap::Std => 0,
            FeatureBitmap::StdHyp => 1,
            FeatureBitmap::VendorHyp => 2,
            FeatureBitmap::VendorHyp2 => 3,
        }
    }

    /// Sets a bitmap.
    pub fn write_bitmap(&self, map: FeatureBitmap, bits: u64) {
        self.bitmaps[Self::place(map)].store(&self.steps, bits);
    }

    /// Stores the features, as `__kvm_vcpu_set_target()` does.
    pub fn configure_features(&self, psci_0_2: bool) {
        self.has_psci_0_2.store(&self.steps, psci_0_2.into());
        self.set(flag::VCPU_FEATURES_CONFIGURED);
    }

    /// `__kvm_vcpu_set_target()`: initialises the first vCPU, unless its features do not fit the
    /// version of PSCI that userspace set before.
    pub fn init_vcpu(&self, psci_0_2: bool) -> bool {
        let _config = self.lock_config();
        let fits = PsciVersion::fits(self.psci_version(), psci_0_2);
        if fits {
            self.configure_features(psci_0_2);
        }
        fits
    }

    /// Counts a difference between C and Rust, as mode `check` does.
    pub fn compare<T: PartialEq>(&self, c: T, rust: T) {
        if c != rust {
            self.mismatches.fetch_add(1, Relaxed);
        }
    }

    /// Returns the number of differences.
    pub fn mismatches(&self) -> u32 {
        self.mismatches.load(Relaxed)
    }

    /// The end of `kvm_arch_vcpu_run_pid_change()`: a vCPU runs for the first time.
    pub fn first_run(&self) {
        let _config = self.lock_config();
        self.set(flag::HAS_RAN_ONCE);
    }
}

/// A VM whose `config_lock` is held, `Guard<'_, ConfigLock>`.
pub struct Locked<'a> {
    vm: &'a Vm,
    _config: MutexGuard<'a, ()>,
}

impl Deref for Locked<'_> {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        self.vm
    }
}

impl FwVm for Vm {
    type Locked<'a> = Locked<'a>;

    fn spectre_v2(&self) -> Mitigation {
        Mitigation::Vulnerable
    }

    fn spectre_v4(&self) -> Mitigation {
        Mitigation::Vulnerable
    }

    fn spectre_bhb(&self) -> Mitigation {
        Mitigation::Vulnerable
    }

    fn has_ssbs(&self) -> bool {
        false
    }

    fn psci_version(&self) -> u32 {
        self.psci_version.load(&self.steps) as u32
    }

    fn store_psci_version(&self, version: PsciVersion) {
        self.psci_version
            .store(&self.steps, version.to_raw().into());
    }

    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        self.bitmaps[Self::place(map)].load(&self.steps)
    }

    fn lock_config(&self) -> Locked<'_> {
        Locked {
            vm: self,
            _config: self.config.lock().expect("nobody panics with it"),
        }
    }
}

/// Also without the lock, for tests that leave it out.
impl FwLocked for Vm {
    fn ran_once(&self) -> RanOnce {
        match self.has(flag::HAS_RAN_ONCE) {
            true => RanOnce::Yes,
            false => RanOnce::No,
        }
    }

    fn features(&self) -> VcpuFeatures {
        if !self.has(flag::VCPU_FEATURES_CONFIGURED) {
            return VcpuFeatures::Unknown;
        }
        VcpuFeatures::Known {
            psci_0_2: self.has_psci_0_2.load(&self.steps) != 0,
        }
    }

    fn store_bitmap(&self, map: FeatureBitmap, bits: u64) {
        self.write_bitmap(map, bits);
    }

    fn promise(&self, _: FeatureLevelReg) -> Promise {
        Promise::NONE
    }

    fn store_promise(&self, _: FeatureLevelReg, _: FeatureLevels) {
        panic!("the model has no feature levels");
    }
}

/// A vCPU that has the feature `KVM_ARM_VCPU_PSCI_0_2`.
impl FwVcpu for Vm {
    type Vm = Self;

    fn vm(&self) -> &Self {
        self
    }

    fn has_psci_0_2(&self) -> bool {
        true
    }
}

/// The ID register, through a vCPU.
pub struct IdRegOf<'a>(pub &'a Vm);

impl IdRegAccess for IdRegOf<'_> {
    type Locked<'a>
        = LockedIdReg<Locked<'a>>
    where
        Self: 'a;

    fn lock_config(&self) -> Self::Locked<'_> {
        LockedIdReg(self.0.lock_config())
    }
}

/// Where the value of the ID register is; the rest of its state is constant.
pub trait IdRegValue {
    /// Returns the value.
    fn current(&self) -> u64;

    /// Returns whether the VM has run.
    fn ran_once(&self) -> RanOnce;
}

/// Each call reads the VM.
impl<L: Deref<Target = Vm>> IdRegValue for L {
    fn current(&self) -> u64 {
        self.id_reg()
    }

    fn ran_once(&self) -> RanOnce {
        FwLocked::ran_once(&**self)
    }
}

/// The ID register of a VM whose `config_lock` is held; or not held, for tests that leave it out.
pub struct LockedIdReg<V>(pub V);

impl<V: IdRegValue> IdRegState for LockedIdReg<V> {
    type Rule = SafeValue;
    type Fields = Option<FeatureField>;

    fn visibility(&self) -> IdVisibility {
        IdVisibility::Shown
    }

    fn has_el2(&self) -> bool {
        false
    }

    fn host(&self) -> u64 {
        Vm::ID_REG_LIMIT
    }

    fn limit(&self) -> u64 {
        Vm::ID_REG_LIMIT
    }

    fn writable(&self) -> u64 {
        u64::MAX
    }

    fn current(&self) -> u64 {
        self.0.current()
    }

    fn ran_once(&self) -> RanOnce {
        self.0.ran_once()
    }

    fn imp_ids_writable(&self) -> bool {
        false
    }

    fn fields(&self) -> Option<Self::Fields> {
        let field = Field::new(0, 4, Sign::Unsigned)?;
        let rule = SafeValue::LowerSafe;
        Some(Some(FeatureField { field, rule }))
    }
}

impl<L: Deref<Target = Vm>> IdRegLocked for LockedIdReg<L> {
    type State = Self;

    fn state(&self) -> &Self {
        self
    }

    fn store(&self, value: u64) {
        self.0.write_id_reg(value);
    }
}
