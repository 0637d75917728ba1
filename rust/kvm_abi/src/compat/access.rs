// SPDX-License-Identifier: GPL-2.0

//! Reads and writes of registers that a level changes.
//!
//! Reference: `kvm_arm_get_reg()`, `kvm_arm_set_reg()`.

use super::{
    Clidr,
    CompatLevel,
    CompatReg, //
};
use crate::{
    FwReg,
    FwVcpu,
    FwVm,
    PsciVersion,
    Reject, //
};

/// A vCPU of a VM with a level.
pub trait CompatVcpu {
    /// The level of its VM.
    fn level(&self) -> CompatLevel;

    /// The host's `CLIDR_EL1`.
    fn host_clidr(&self) -> Clidr;

    /// Whether this kernel hides the system register that has this id from userspace.
    fn hides(&self, id: u64) -> bool;
}

/// A vCPU with firmware registers, too.
pub trait CompatFwVcpu: CompatVcpu + FwVcpu {}

impl<T: CompatVcpu + FwVcpu> CompatFwVcpu for T {}

/// Whether the level has served an access, or the code for all VMs has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompatServed<T> {
    /// It has; the value of a read.
    Level(T),
    /// The code for all VMs.
    All,
}

impl CompatLevel {
    /// Reads the register that has this id, if the level changes it.
    ///
    /// # Errors
    ///
    /// [`Reject::UnknownRegister`] if the level has no such register.
    #[inline]
    pub fn get_by_id(vcpu: &impl CompatVcpu, id: u64) -> Result<CompatServed<u64>, Reject> {
        match vcpu.level().reg(id, vcpu.host_clidr()) {
            CompatReg::Hidden => Err(Reject::UnknownRegister),
            CompatReg::Shown(value) if vcpu.hides(id) => Ok(CompatServed::Level(value)),
            CompatReg::Shown(_) | CompatReg::Native => Ok(CompatServed::All),
        }
    }

    /// Writes the register that has this id, if the level changes that. A refused write changes
    /// nothing.
    ///
    /// `value` reads the value from userspace, before the register is looked up, as the code for
    /// all VMs does.
    ///
    /// # Errors
    ///
    /// The first of: the error of `value`; [`Reject::UnknownRegister`] if the level has no such
    /// register; [`Reject::InvalidValue`] if it is there only to read the value that it has, and
    /// the value is another one; those of [`PsciVersion::decide`], and [`Reject::AboveHost`] if the
    /// level does not know the version.
    #[inline]
    pub fn set_by_id<E: From<Reject>>(
        vcpu: &impl CompatFwVcpu,
        id: u64,
        value: impl FnOnce() -> Result<u64, E>,
    ) -> Result<CompatServed<()>, E> {
        let level = vcpu.level();
        match level.reg(id, vcpu.host_clidr()) {
            CompatReg::Hidden => {
                value()?;
                return Err(Reject::UnknownRegister.into());
            }
            CompatReg::Shown(shown) if vcpu.hides(id) => {
                if value()? != shown {
                    return Err(Reject::InvalidValue.into());
                }
                return Ok(CompatServed::Level(()));
            }
            _ => (),
        }
        if id != FwReg::PsciVersion.id() {
            return Ok(CompatServed::All);
        }
        let version = PsciVersion::decide(value()?, vcpu.has_psci_0_2())?;
        if version > level.psci() {
            return Err(Reject::AboveHost.into());
        }
        vcpu.vm().store_psci_version(version);
        Ok(CompatServed::Level(()))
    }
}
