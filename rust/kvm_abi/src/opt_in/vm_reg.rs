// SPDX-License-Identifier: GPL-2.0

//! The registers that all vCPUs of a VM share, accessed with a vCPU or without one.
//!
//! Reference: `arch/arm64/include/uapi/asm/kvm_migration.h`.

use super::{
    FeatureLevelReg,
    OptIns,
    Scope, //
};
use crate::{
    fw_reg::{
        FwLocked,
        FwReg,
        FwVm,
        HostWorkarounds,
        PsciVersion,
        VcpuFeatures, //
    },
    reg_id::RegId,
    NoRoom,
    Reject, //
};

/// A register that can be accessed without a vCPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmReg {
    /// A firmware register.
    Fw(FwReg),
    /// A feature-level register.
    Level(FeatureLevelReg),
}

/// How to access a register through a vCPU of a VM with opt-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// As in a VM without opt-ins.
    Vcpu,
    /// As a register of the VM.
    Vm,
    /// As a register of the VM, which is the version of PSCI.
    PsciVersion,
}

impl Route {
    /// Returns the route of an access, and the id without its scope. `is_set` is whether it is a
    /// write.
    #[inline]
    pub fn of(id: u64, is_set: bool, opt_ins: OptIns) -> (Self, u64) {
        let id = Scope::strip(id, opt_ins);
        let route = if FeatureLevelReg::is_in_group(id) && opt_ins.contains(OptIns::FEATURE_LEVELS)
        {
            Self::Vm
        } else if is_set && id == FwReg::PsciVersion.id() && opt_ins.contains(OptIns::PSCI_FREEZE) {
            Self::PsciVersion
        } else {
            Self::Vcpu
        };
        (route, id)
    }
}

impl VmReg {
    /// Returns the registers of a VM with these opt-ins, in the order of the list.
    #[inline]
    pub fn all(opt_ins: OptIns) -> impl Iterator<Item = Self> {
        let levels = FeatureLevelReg::all().take(Self::count_levels(opt_ins));
        FwReg::ALL
            .into_iter()
            .map(Self::Fw)
            .chain(levels.map(Self::Level))
    }

    /// Returns the number of those registers.
    #[inline]
    pub const fn count(opt_ins: OptIns) -> usize {
        FwReg::ALL.len().saturating_add(Self::count_levels(opt_ins))
    }

    /// Checks whether a list of this many ids has room for all of them.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if it has not.
    #[inline]
    pub fn admit_room(opt_ins: OptIns, room: u64) -> Result<(), NoRoom> {
        match usize::try_from(room) {
            Ok(room) if room < Self::count(opt_ins) => Err(NoRoom),
            _ => Ok(()),
        }
    }

    /// Returns the number of feature-level registers among them.
    #[inline]
    pub const fn count_levels(opt_ins: OptIns) -> usize {
        if opt_ins.contains(OptIns::FEATURE_LEVELS) {
            FeatureLevelReg::COUNT
        } else {
            0
        }
    }

    /// Returns the id by which userspace names the register.
    #[inline]
    pub fn id(self) -> u64 {
        match self {
            Self::Fw(reg) => reg.id(),
            Self::Level(reg) => reg.id(),
        }
    }

    /// Returns the register that has this id in a VM with these opt-ins.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if the VM has no register with this id.
    #[inline]
    pub fn from_id(id: u64, opt_ins: OptIns) -> Result<Self, Reject> {
        let id = Scope::strip(id, opt_ins);
        if FeatureLevelReg::is_in_group(id) && opt_ins.contains(OptIns::FEATURE_LEVELS) {
            return FeatureLevelReg::from_id(id).map(Self::Level);
        }
        FwReg::from_id(id).map(Self::Fw)
    }

    /// Returns whether the register cannot be accessed before the features of the VM's vCPUs are
    /// known.
    ///
    /// This holds for `SMCCC_ARCH_WORKAROUND_2` and for the levels of the workarounds, which
    /// include it: its value depends on whether the guest has SSBS.
    #[inline]
    pub fn needs_features(self) -> bool {
        match self {
            Self::Fw(reg) => reg == FwReg::Workaround2,
            Self::Level(reg) => reg == FeatureLevelReg::WORKAROUNDS,
        }
    }

    /// Reads the register.
    ///
    /// # Errors
    ///
    /// [`Reject::NotReady`] if the register depends on the features of the VM's vCPUs, which are
    /// not known yet.
    #[inline]
    pub fn get(self, vm: &impl FwVm) -> Result<u64, Reject> {
        let locked = vm.lock_config();
        let features = self.admit_features(&*locked)?;
        Ok(match self {
            Self::Fw(reg) => reg.value(vm, |stored| PsciVersion::seen_by_vm(stored, features)),
            Self::Level(reg) => {
                let host = reg.levels(|| HostWorkarounds::of(vm));
                locked.promise(reg).seen(host).bits()
            }
        })
    }

    /// Writes the register, which freezes when the VM runs. A refused write changes nothing.
    ///
    /// # Errors
    ///
    /// - [`Reject::NotReady`] as in [`VmReg::get`].
    /// - Those of [`PsciVersion::decide_until_run`], [`FwReg::set`] and
    ///   [`Promise::decide`](super::Promise::decide).
    #[inline]
    pub fn set(self, vm: &impl FwVm, value: u64) -> Result<(), Reject> {
        let locked = vm.lock_config();
        self.admit_features(&*locked)?;
        match self {
            Self::Fw(FwReg::PsciVersion) => PsciVersion::set_until_run(vm, &*locked, value),
            Self::Fw(FwReg::Bitmap(map)) => map.set(vm, &*locked, value),
            // These writes only compare the value with the host, and do not freeze.
            Self::Fw(reg) => reg.compare(vm, value),
            Self::Level(reg) => {
                let host = reg.levels(|| HostWorkarounds::of(vm));
                locked.promise(reg).set(&*locked, reg, value, host)
            }
        }
    }

    /// Reads the register that has this id in a VM with these opt-ins.
    ///
    /// # Errors
    ///
    /// Those of [`VmReg::from_id`] and [`VmReg::get`].
    #[inline]
    pub fn get_by_id(vm: &impl FwVm, opt_ins: OptIns, id: u64) -> Result<u64, Reject> {
        Self::from_id(id, opt_ins)?.get(vm)
    }

    /// Writes the register that has this id in a VM with these opt-ins; `value` reads the value
    /// from userspace, as in [`FwReg::set_by_id`].
    ///
    /// # Errors
    ///
    /// The first of: [`Reject::WrongSize`] if the size is not 64 bits; the error of `value`;
    /// [`Reject::UnknownRegister`] if the VM has no register with this id; those of
    /// [`VmReg::set`].
    #[inline]
    pub fn set_by_id<E: From<Reject>>(
        vm: &impl FwVm,
        opt_ins: OptIns,
        id: u64,
        value: impl FnOnce() -> Result<u64, E>,
    ) -> Result<(), E> {
        RegId::new(id).admit_size()?;
        let value = value()?;
        Self::from_id(id, opt_ins)?.set(vm, value)?;
        Ok(())
    }

    #[inline]
    fn admit_features(self, locked: &impl FwLocked) -> Result<VcpuFeatures, Reject> {
        match locked.features() {
            VcpuFeatures::Unknown if self.needs_features() => Err(Reject::NotReady),
            features => Ok(features),
        }
    }
}
