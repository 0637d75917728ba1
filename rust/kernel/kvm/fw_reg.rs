// SPDX-License-Identifier: GPL-2.0

//! The firmware pseudo-registers: snapshot, decide, commit.
//!
//! Reference: `Documentation/virt/kvm/arm/fw-pseudo-registers.rst`.

use super::{
    abi::{
        Effect,
        FwReg,
        Reject, //
    },
    Vcpu, //
};

/// Returns the value of a register.
#[inline]
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
#[inline]
pub fn write(vcpu: &Vcpu, reg: FwReg, value: u64) -> Result<(), Reject> {
    let vm = vcpu.vm();

    let FwReg::Bitmap(map) = reg else {
        if let Effect::StorePsciVersion(version) =
            vcpu.snapshot(reg).write(value, || vm.ran_once())?
        {
            vm.store_psci_version(version);
        }
        return Ok(());
    };

    // What is no bitmap at all is refused without the lock.
    map.admit(value)?;
    let config = vm.lock_config();
    let locked = config.locked();
    let bits = map.write(value, vm.bitmap(map), locked.ran_once())?;
    locked.store_bitmap(map, bits);
    Ok(())
}
