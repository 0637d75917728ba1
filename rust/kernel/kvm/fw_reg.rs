// SPDX-License-Identifier: GPL-2.0

//! The firmware pseudo-registers: snapshot, decide, commit.
//!
//! Reference: `Documentation/virt/kvm/arm/fw-pseudo-registers.rst`.

use super::{
    abi::{
        FwReg,
        PsciVersion,
        Reject, //
        Visit,
    },
    Vcpu, //
};

/// Returns the value of a register.
#[inline(always)]
pub fn read(vcpu: &Vcpu, reg: FwReg) -> u64 {
    vcpu.snapshot(reg).value()
}

/// Writes a register.
///
/// # Errors
///
/// Those of [`Snapshot::write`]; a refused write changes nothing.
///
/// [`Snapshot::write`]: super::abi::Snapshot::write
#[inline(always)]
pub fn write(vcpu: &Vcpu, reg: FwReg, value: u64) -> Result<(), Reject> {
    let vm = vcpu.vm();

    // Refuse values that no host and no VM accepts, without a lock.
    reg.admit(value)?;
    let map = match reg {
        FwReg::Bitmap(map) => map,
        FwReg::PsciVersion => {
            vm.store_psci_version(PsciVersion::write(value, vcpu.has_psci_0_2())?);
            return Ok(());
        }
        // The write only compares the value with the host.
        _ => {
            return vcpu
                .snapshot(reg)
                .write(value, || vm.ran_once())
                .map(|_| ())
        }
    };

    let config = vm.lock_config();
    let locked = config.locked();
    let bits = map.write(value, vm.bitmap(map), locked.ran_once())?;
    locked.store_bitmap(map, bits);
    Ok(())
}

/// Returns the value of the register that has this id.
///
/// # Errors
///
/// Those of [`FwReg::from_id`].
#[inline(always)]
pub fn read_id(vcpu: &Vcpu, id: u64) -> Result<u64, Reject> {
    FwReg::dispatch(id, Read { vcpu })
}

struct Read<'a> {
    vcpu: &'a Vcpu,
}

impl Visit<FwReg> for Read<'_> {
    type Output = u64;

    #[inline(always)]
    fn visit(self, reg: FwReg) -> u64 {
        read(self.vcpu, reg)
    }
}

/// Writes the register that has this id.
///
/// # Errors
///
/// Those of [`FwReg::from_id`] and of [`write`].
#[inline(always)]
pub fn write_id(vcpu: &Vcpu, id: u64, value: u64) -> Result<(), Reject> {
    FwReg::dispatch(id, Write { vcpu, value })?
}

struct Write<'a> {
    vcpu: &'a Vcpu,
    value: u64,
}

impl Visit<FwReg> for Write<'_> {
    type Output = Result<(), Reject>;

    #[inline(always)]
    fn visit(self, reg: FwReg) -> Result<(), Reject> {
        write(self.vcpu, reg, self.value)
    }
}
