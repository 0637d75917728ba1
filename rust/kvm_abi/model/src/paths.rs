// SPDX-License-Identifier: GPL-2.0

//! The paths of userspace's writes: through Rust, through C, and through C while it is checked.

use kvm_abi::{
    FeatureBitmap,
    FwLocked,
    FwReg,
    FwVm,
    HostWorkarounds,
    IdReg,
    Mitigation,
    PlainVm,
    RanOnce,
    Reject,
    VmReg, //
};

use crate::{
    flag,
    switch::{
        Server,
        Switch, //
    },
    IdRegOf,
    LockedIdReg,
    Vm, //
};

/// A write of a bitmap that Rust serves: the core's own sequence.
///
/// # Errors
///
/// Those of the core.
pub fn set_bitmap_by_rust(vm: &Vm, map: FeatureBitmap, value: u64) -> Result<(), Reject> {
    FwReg::Bitmap(map).set(vm, value)
}

/// `kvm_arm_set_fw_reg_bmap()`; `judged` tells whether to judge the decision.
///
/// # Errors
///
/// `EINVAL` and `EBUSY`.
pub fn set_bitmap_by_c(
    vm: &Vm,
    map: FeatureBitmap,
    value: u64,
    judged: bool,
) -> Result<(), Reject> {
    if value & !map.supported() != 0 {
        return Err(Reject::InvalidValue);
    }
    let _config = vm.lock_config();
    let old = judged.then(|| vm.bitmap(map));
    let ret = if vm.has(flag::HAS_RAN_ONCE) && value != vm.bitmap(map) {
        Err(Reject::Frozen)
    } else {
        vm.write_bitmap(map, value);
        Ok(())
    };
    if let Some(old) = old {
        judge_bitmap(vm, map, old, value, ret);
    }
    ret
}

/// `kvm_arm_check_fw_reg_bmap()`.
pub fn judge_bitmap(vm: &Vm, map: FeatureBitmap, old: u64, value: u64, ret: Result<(), Reject>) {
    let reg = FwReg::Bitmap(map);
    let copy = PlainVm {
        ran: vm.ran_once(),
        ..PlainVm::new(HostWorkarounds {
            spectre_v2: Mitigation::Vulnerable,
            spectre_v4: Mitigation::Vulnerable,
            ssbs: false,
            spectre_bhb: Mitigation::Vulnerable,
        })
    };
    copy.bitmap_cell(map).set(old);
    let rust = reg.set(&copy, value);
    vm.compare((ret, vm.bitmap(map)), (rust, copy.stored(reg)));
}

/// `kvm_arm_abi_set_fw_reg()` of a bitmap: the side that serves now writes it.
///
/// # Errors
///
/// Those of the core.
pub fn set_bitmap(vm: &Vm, switch: &Switch, map: FeatureBitmap, value: u64) -> Result<(), Reject> {
    match switch.server() {
        Server::Rust => set_bitmap_by_rust(vm, map, value),
        Server::C | Server::WatchedC => set_bitmap_by_c(vm, map, value, false),
        Server::JudgedC => set_bitmap_by_c(vm, map, value, true),
    }
}

/// A write of the version of PSCI through a vCPU of a VM without opt-ins: neither C nor Rust takes
/// a lock.
///
/// # Errors
///
/// Those of the core.
pub fn set_psci_version(vm: &Vm, value: u64) -> Result<(), Reject> {
    FwReg::PsciVersion.set(vm, value)
}

/// A write of the version of PSCI of a VM that has opted in to freeze it.
///
/// # Errors
///
/// Those of the core.
pub fn set_psci_version_until_run(vm: &Vm, value: u64) -> Result<(), Reject> {
    VmReg::Fw(FwReg::PsciVersion).set(vm, value)
}

/// `kvm_arm_check_get_fw_reg()` of the version of PSCI: compares the value that C reads with
/// those before and after. Returns the value that C has read.
pub fn check_get_psci_version(vm: &Vm) -> u64 {
    let reg = FwReg::PsciVersion;
    let _config = vm.lock_config();
    let mut stood_still = true;
    let mut tries = 4;
    loop {
        let before = reg.get(vm);
        // kvm_psci_version()
        let c = match vm.psci_version() {
            0 => 0x1_0003,
            version => version.into(),
        };
        let after = reg.get(vm);
        if c == before || c == after {
            return c;
        }
        stood_still &= before == after;
        tries -= 1;
        if tries == 0 {
            if stood_still {
                vm.compare(c, after);
            }
            return c;
        }
    }
}

/// A write of the ID register that Rust serves: the core's own sequence.
///
/// # Errors
///
/// Those of the core.
pub fn set_id_reg_by_rust(vm: &Vm, value: u64) -> Result<(), Reject> {
    IdReg::Plain.set(&IdRegOf(vm), value)
}

/// `set_id_reg()`; `judge` tells whether to judge the decision under the lock, as mode `check`
/// does, after it, or not at all.
///
/// # Errors
///
/// `EINVAL` and `EBUSY`.
pub fn set_id_reg_by_c(vm: &Vm, value: u64, judge: Option<Judge>) -> Result<(), Reject> {
    let config = vm.lock_config();
    let old = vm.id_reg();
    let ret = if vm.ran_once() == RanOnce::Yes {
        if value == old {
            Ok(())
        } else {
            Err(Reject::Frozen)
        }
    } else if value <= Vm::ID_REG_LIMIT {
        Ok(())
    } else {
        Err(Reject::UnsafeValue)
    };
    let expected = || IdReg::Plain.decide(value, &LockedIdReg(vm));
    if judge == Some(Judge::UnderTheLock) {
        vm.compare(ret.map(|()| value), expected());
    }
    if ret.is_ok() && vm.ran_once() == RanOnce::No {
        vm.write_id_reg(value);
    }
    drop(config);
    if judge == Some(Judge::Afterwards) {
        vm.compare(ret.map(|()| vm.id_reg()), expected());
    }
    ret
}

/// When mode `check` judges a write of an ID register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Where C has decided, and still holds the lock.
    UnderTheLock,
    /// When C has returned.
    Afterwards,
}
