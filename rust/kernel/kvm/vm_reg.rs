// SPDX-License-Identifier: GPL-2.0

//! The registers that all vCPUs of a VM share, accessed with a vCPU or without one.
//!
//! Reference: `Documentation/virt/kvm/arm/rust-opt-in.rst`.

use super::{
    abi::{
        FwReg,
        HostWorkarounds,
        PsciVersion,
        RanOnce,
        Reject,
        Snapshot,
        VcpuFeatures,
        VmReg, //
    },
    mitigation,
    ConfigLocked,
    Vm, //
};

/// Returns the value of a register.
///
/// # Errors
///
/// [`Reject::NotReady`] if the register depends on the features of the VM's vCPUs, which are not
/// known yet.
pub fn read(vm: &Vm, reg: VmReg) -> Result<u64, Reject> {
    let config = vm.lock_config();
    let locked = config.locked();
    let features = admit(locked, reg)?;

    Ok(match reg {
        VmReg::Fw(FwReg::PsciVersion) => {
            PsciVersion::seen_by_vm(vm.psci_version(), features).into()
        }
        VmReg::Fw(reg) => snapshot(vm, reg).value(),
        VmReg::Level(reg) => reg.levels(|| host_workarounds(vm)).bits(),
    })
}

/// Writes a register, which freezes when the VM runs.
///
/// # Errors
///
/// - [`Reject::NotReady`] as in [`read`].
/// - Those of [`PsciVersion::write_until_run`], [`Snapshot::write`] and
///   [`FeatureLevels::write`]; a refused write changes nothing.
///
/// [`FeatureLevels::write`]: super::abi::FeatureLevels::write
pub fn write(vm: &Vm, reg: VmReg, value: u64) -> Result<(), Reject> {
    let config = vm.lock_config();
    let locked = config.locked();
    admit(locked, reg)?;

    match reg {
        VmReg::Fw(FwReg::PsciVersion) => write_psci_version(locked, value),
        VmReg::Fw(FwReg::Bitmap(map)) => {
            let bits = map.write(value, vm.bitmap(map), locked.ran_once())?;
            locked.store_bitmap(map, bits);
            Ok(())
        }
        // These writes only compare the value with the host, and do not freeze.
        VmReg::Fw(reg) => snapshot(vm, reg).write(value, || RanOnce::No).map(|_| ()),
        VmReg::Level(reg) => reg.levels(|| host_workarounds(vm)).write(value),
    }
}

/// Writes the version of PSCI of a VM whose version freezes when it runs.
///
/// # Errors
///
/// Those of [`PsciVersion::write_until_run`]; a refused write changes nothing.
pub fn write_psci_version(config: ConfigLocked<'_>, value: u64) -> Result<(), Reject> {
    let vm = config.vm();
    let version = PsciVersion::write_until_run(
        value,
        vm.psci_version(),
        config.features(),
        config.ran_once(),
    )?;
    vm.store_psci_version(version);
    Ok(())
}

fn admit(config: ConfigLocked<'_>, reg: VmReg) -> Result<VcpuFeatures, Reject> {
    match config.features() {
        VcpuFeatures::Unknown if reg.needs_features() => Err(Reject::NotReady),
        features => Ok(features),
    }
}

/// Takes the snapshot of a register other than the version of PSCI.
fn snapshot(vm: &Vm, reg: FwReg) -> Snapshot {
    vm.snapshot(reg, || false)
}

fn host_workarounds(vm: &Vm) -> HostWorkarounds {
    HostWorkarounds {
        spectre_v2: mitigation::spectre_v2(),
        spectre_v4: mitigation::spectre_v4(),
        ssbs: vm.has_ssbs(),
        spectre_bhb: mitigation::spectre_bhb(),
    }
}
