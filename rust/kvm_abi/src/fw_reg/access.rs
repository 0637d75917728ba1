// SPDX-License-Identifier: GPL-2.0

//! Reads and writes of the firmware registers: look at the state, decide, commit.
//!
//! The sequence exists once, here, for all who run it: the kernel when Rust serves, mode `check`
//! and the kernel's tests on a [`PlainVm`], and the model of the locks.
//!
//! [`PlainVm`]: super::PlainVm
//!
//! Reference: `kvm_arm_get_fw_reg()`, `kvm_arm_set_fw_reg()`.

use core::ops::Deref;

use super::{
    FeatureBitmap,
    FwReg,
    HostWorkarounds,
    PsciVersion,
    RanOnce,
    VcpuFeatures,
    WorkaroundLevel,
    WorkaroundLevel2, //
};
use crate::{
    reg_id::RegId,
    visit::Visit,
    FeatureLevelReg,
    FeatureLevels,
    Mitigation,
    Promise,
    Reject, //
};

/// A VM: the state that its firmware registers depend on.
///
/// A read or a write looks only at the state that it needs, when it needs it.
pub trait FwVm {
    /// The VM while its configuration is locked.
    type Locked<'a>: Deref<Target: FwLocked>
    where
        Self: 'a;

    /// The host's state of Spectre-v2.
    fn spectre_v2(&self) -> Mitigation;

    /// The host's state of Spectre-v4.
    fn spectre_v4(&self) -> Mitigation;

    /// The host's state of Spectre-BHB.
    fn spectre_bhb(&self) -> Mitigation;

    /// Whether the guest sees SSBS in `ID_AA64PFR1_EL1`, now.
    fn has_ssbs(&self) -> bool;

    /// The version of PSCI that userspace set last, 0 if none.
    fn psci_version(&self) -> u32;

    /// Stores the version of PSCI. As in C, this needs no lock: the last writer wins.
    fn store_psci_version(&self, version: PsciVersion);

    /// The value of a bitmap. It does not change while the configuration is locked.
    fn bitmap(&self, map: FeatureBitmap) -> u64;

    /// Locks the configuration until the result is dropped.
    fn lock_config(&self) -> Self::Locked<'_>;
}

/// A VM whose configuration is locked.
pub trait FwLocked: Sized {
    /// Whether a vCPU of the VM has run.
    fn ran_once(&self) -> RanOnce;

    /// The features of the VM's vCPUs, as far as they are known.
    fn features(&self) -> VcpuFeatures;

    /// Stores a bitmap.
    fn store_bitmap(&self, map: FeatureBitmap, bits: u64);

    /// Returns what userspace has promised of the levels in a register.
    fn promise(&self, reg: FeatureLevelReg) -> Promise;

    /// Stores a promise. The VM has not run.
    fn store_promise(&self, reg: FeatureLevelReg, promise: FeatureLevels);
}

/// A vCPU through which userspace accesses the registers of its VM.
pub trait FwVcpu {
    /// Its VM.
    type Vm: FwVm;

    /// Returns its VM.
    fn vm(&self) -> &Self::Vm;

    /// Whether it has the feature `KVM_ARM_VCPU_PSCI_0_2`.
    fn has_psci_0_2(&self) -> bool;
}

impl FwReg {
    /// Reads the register through a vCPU.
    #[inline(always)]
    pub fn get(self, vcpu: &impl FwVcpu) -> u64 {
        self.value(vcpu.vm(), |stored| {
            PsciVersion::seen(stored, vcpu.has_psci_0_2())
        })
    }

    /// Writes the register through a vCPU. A refused write changes nothing.
    ///
    /// # Errors
    ///
    /// Those of [`PsciVersion::decide`], [`WorkaroundLevel::decide`], [`WorkaroundLevel2::decide`]
    /// and [`FeatureBitmap::decide`].
    #[inline(always)]
    pub fn set(self, vcpu: &impl FwVcpu, value: u64) -> Result<(), Reject> {
        let vm = vcpu.vm();
        // Refuse values that no host and no VM accepts, without a lock.
        self.admit(value)?;
        match self {
            Self::PsciVersion => {
                vm.store_psci_version(PsciVersion::decide(value, vcpu.has_psci_0_2())?);
                Ok(())
            }
            Self::Bitmap(map) => map.set(vm, &*vm.lock_config(), value),
            Self::Workaround1 | Self::Workaround2 | Self::Workaround3 => self.compare(vm, value),
        }
    }

    /// Reads the register that has this id, through a vCPU.
    ///
    /// # Errors
    ///
    /// Those of [`FwReg::from_id`].
    #[inline(always)]
    pub fn get_by_id(vcpu: &impl FwVcpu, id: u64) -> Result<u64, Reject> {
        Self::dispatch(id, Get(vcpu))
    }

    /// Writes the register that has this id, through a vCPU.
    ///
    /// `value` reads the value from userspace: after the size of the id is checked, and before the
    /// register is looked up.
    ///
    /// # Errors
    ///
    /// The first of: [`Reject::WrongSize`] if the size is not 64 bits; the error of `value`;
    /// [`Reject::UnknownRegister`] if no register has the id; those of [`FwReg::set`].
    #[inline(always)]
    pub fn set_by_id<E: From<Reject>>(
        vcpu: &impl FwVcpu,
        id: u64,
        value: impl FnOnce() -> Result<u64, E>,
    ) -> Result<(), E> {
        Self::set_by_id_with(id, value, |value| {
            Self::dispatch(id, Set(vcpu, value))??;
            Ok(())
        })
    }

    /// Writes the register that has this id, by `set`, which gets the value and looks the register
    /// up.
    ///
    /// # Errors
    ///
    /// The first of: [`Reject::WrongSize`] if the size is not 64 bits; the error of `value`; that
    /// of `set`.
    #[inline(always)]
    pub fn set_by_id_with<E: From<Reject>>(
        id: u64,
        value: impl FnOnce() -> Result<u64, E>,
        set: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        RegId::new(id).admit_size()?;
        set(value()?)
    }

    /// Returns the register's value; `seen` turns the stored version of PSCI into the one that
    /// userspace reads.
    #[inline(always)]
    pub(crate) fn value(self, vm: &impl FwVm, seen: impl FnOnce(u32) -> u32) -> u64 {
        match self {
            Self::PsciVersion => seen(vm.psci_version()).into(),
            Self::Workaround1 => WorkaroundLevel::of_host(vm.spectre_v2()).to_raw(),
            Self::Workaround2 => WorkaroundLevel2::of_host(vm.spectre_v4(), vm.has_ssbs()).to_raw(),
            Self::Workaround3 => WorkaroundLevel::of_host(vm.spectre_bhb()).to_raw(),
            Self::Bitmap(map) => vm.bitmap(map),
        }
    }

    /// Decides a write of a workaround, which stores nothing; other registers accept any value.
    ///
    /// # Errors
    ///
    /// Those of [`WorkaroundLevel::decide`] and [`WorkaroundLevel2::decide`].
    #[inline(always)]
    pub(crate) fn compare(self, vm: &impl FwVm, value: u64) -> Result<(), Reject> {
        match self {
            Self::Workaround1 => WorkaroundLevel::of_host(vm.spectre_v2()).decide(value),
            Self::Workaround2 => {
                WorkaroundLevel2::of_host(vm.spectre_v4(), vm.has_ssbs()).decide(value)
            }
            Self::Workaround3 => WorkaroundLevel::of_host(vm.spectre_bhb()).decide(value),
            Self::PsciVersion | Self::Bitmap(_) => Ok(()),
        }
    }
}

impl FeatureBitmap {
    /// Writes the bitmap of a VM whose configuration is locked.
    ///
    /// # Errors
    ///
    /// Those of [`FeatureBitmap::decide`].
    #[inline(always)]
    pub(crate) fn set(
        self,
        vm: &impl FwVm,
        locked: &impl FwLocked,
        value: u64,
    ) -> Result<(), Reject> {
        let bits = self.decide(value, vm.bitmap(self), locked.ran_once())?;
        locked.store_bitmap(self, bits);
        Ok(())
    }
}

impl PsciVersion {
    /// Writes the version of a VM whose version freezes when it runs, and whose configuration is
    /// locked.
    ///
    /// # Errors
    ///
    /// Those of [`PsciVersion::decide_until_run`].
    #[inline(always)]
    pub(crate) fn set_until_run(
        vm: &impl FwVm,
        locked: &impl FwLocked,
        value: u64,
    ) -> Result<(), Reject> {
        vm.store_psci_version(Self::decide_until_run(
            value,
            vm.psci_version(),
            locked.features(),
            locked.ran_once(),
        )?);
        Ok(())
    }
}

impl HostWorkarounds {
    /// Returns those of a VM's host.
    #[inline(always)]
    pub fn of(vm: &impl FwVm) -> Self {
        Self {
            spectre_v2: vm.spectre_v2(),
            spectre_v4: vm.spectre_v4(),
            ssbs: vm.has_ssbs(),
            spectre_bhb: vm.spectre_bhb(),
        }
    }
}

/// Reads a decoded register.
struct Get<'a, V>(&'a V);

impl<V: FwVcpu> Visit<FwReg> for Get<'_, V> {
    type Output = u64;

    #[inline(always)]
    fn visit(self, reg: FwReg) -> u64 {
        reg.get(self.0)
    }
}

/// Writes a decoded register.
struct Set<'a, V>(&'a V, u64);

impl<V: FwVcpu> Visit<FwReg> for Set<'_, V> {
    type Output = Result<(), Reject>;

    #[inline(always)]
    fn visit(self, reg: FwReg) -> Result<(), Reject> {
        reg.set(self.0, self.1)
    }
}
