// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for the firmware pseudo-registers.
//!
//! A difference is a bug, and not a race, only if both sides decide on the same state. Writes of
//! bitmaps are judged while C itself holds the `config_lock`, by
//! [`kvm_arm_check_fw_reg_bmap`]. All other accesses run in C while this module holds the
//! lock, so SSBS and the bitmaps cannot change. The PSCI version can, by writers that began in
//! another mode; a difference that such a writer could have caused is counted as not judged.

use core::{
    cell::Cell,
    mem::MaybeUninit, //
};

use kernel::{
    bindings,
    kvm::{
        from_c,
        switch::Surface,
        ConfigLock,
        Copied,
        Held,
        Vcpu,
        Vm, //
    },
    prelude::*, //
};
use kvm_abi::{
    FeatureBitmap,
    FwLocked,
    FwReg,
    FwVcpu,
    FwVm,
    HostWorkarounds,
    PlainVm,
    PsciVersion,
    Reject,
    VcpuFeatures, //
};

use super::{
    others_are_possible,
    unjudged,
    Outcome, //
};
use crate::errno::to_ret;

/// How often a read that differs is repeated: the PSCI version may have changed meanwhile, even if
/// it is the same before and after.
const MAX_TRIES: usize = 4;

fn mismatch(id: u64, c: Outcome, rust: Outcome) {
    super::mismatch(Surface::FW_REG, id, c, rust);
}

fn compare(id: u64, c: Outcome, rust: Outcome) {
    super::compare(Surface::FW_REG, id, c, rust);
}

/// Returns a copy of the state of a vCPU and its VM, to which Rust writes what C writes to the VM.
pub(crate) fn copy_of(vcpu: &Vcpu, vm: &Held<'_, ConfigLock>) -> PlainVm {
    let copy = PlainVm {
        features: VcpuFeatures::Known {
            psci_0_2: vcpu.has_psci_0_2(),
        },
        ran: vm.ran_once(),
        ..PlainVm::new(HostWorkarounds {
            spectre_v2: vm.spectre_v2(),
            spectre_v4: vm.spectre_v4(),
            ssbs: vm.has_ssbs(),
            spectre_bhb: vm.spectre_bhb(),
        })
    };
    copy.psci_version.set(vm.psci_version());
    for map in FeatureBitmap::ALL {
        copy.bitmap_cell(map).set(vm.bitmap(map));
    }
    copy
}

/// Writes a register of a copy. Returns Rust's result; its `val` is the state of the register after
/// the write.
pub(crate) fn write(copy: &PlainVm, reg: FwReg, value: u64) -> Outcome {
    let result = reg.set(copy, value);
    Outcome {
        ret: to_ret(result),
        val: copy.stored(reg),
    }
}

/// Lets C read a firmware register, without an access to userspace. The value is 0 if C refuses.
pub(crate) fn c_get(vcpu: &Vcpu, id: u64) -> Outcome {
    let reg = bindings::kvm_one_reg { id, addr: 0 };
    let mut val = 0;
    let ret = vcpu.c_get_fw_reg(&reg, &mut val);
    Outcome { ret, val }
}

/// Lets C write a firmware register. If that is to be judged, C calls
/// [`kvm_arm_check_fw_reg_bmap`] for a bitmap. Returns 0 or a negative errno.
pub(crate) fn c_set(vcpu: &Vcpu, id: u64, val: u64, judged: bool) -> c_int {
    let reg = bindings::kvm_one_reg { id, addr: 0 };
    vcpu.c_set_fw_reg(&reg, val, judged)
}

/// Lets C read a firmware register, and compares.
///
/// Writes the value to `valp`, and returns what `kvm_arm_c_get_fw_reg()` returns.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that is initialised, and whose mutex the caller holds; the
///   caller must not hold the `config_lock` of its VM.
/// - `reg` must point to a valid request in kernel memory, and `valp` to memory for the value.
#[export]
pub unsafe extern "C" fn kvm_arm_check_get_fw_reg(
    vcpu: *mut bindings::kvm_vcpu,
    reg: *const bindings::kvm_one_reg,
    valp: *mut u64,
) -> c_int {
    let val: *mut MaybeUninit<u64> = valp.cast();
    // SAFETY: The caller guarantees that all are valid during the call.
    let ((vcpu, Copied(reg)), val): ((_, Copied<bindings::kvm_one_reg>), &Cell<_>) =
        unsafe { from_c(((vcpu, reg), val)) };
    let c = get(vcpu, reg.id);
    if c.ret == 0 {
        val.set(MaybeUninit::new(c.val));
    }
    c.ret
}

fn get(vcpu: &Vcpu, id: u64) -> Outcome {
    let reg = match FwReg::from_id(id) {
        Ok(reg) => reg,
        Err(reject) => {
            let c = c_get(vcpu, id);
            compare(id, c, Outcome::refused(reject));
            return c;
        }
    };

    let _config = vcpu.vm().lock_config();
    let mut stood_still = true;
    let mut tries = MAX_TRIES;
    loop {
        let before = Outcome::value(reg.get(vcpu));
        let c = c_get(vcpu, id);
        let after = Outcome::value(reg.get(vcpu));

        if c == before || c == after {
            return c;
        }
        stood_still &= before == after;
        tries = tries.saturating_sub(1);
        if tries == 0 {
            if stood_still && !explained_by_version(reg, c) {
                mismatch(id, c, after);
            } else {
                unjudged(Surface::FW_REG);
            }
            return c;
        }
    }
}

/// Returns whether a writer of the PSCI version may have caused the value that C has read.
fn explained_by_version(reg: FwReg, c: Outcome) -> bool {
    reg == FwReg::PsciVersion
        && c.ret == 0
        && PsciVersion::from_raw(c.val).is_some()
        && others_are_possible()
}

/// Lets C write a firmware register, and compares.
///
/// Returns what `kvm_arm_c_set_fw_reg()` returns.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that is initialised, and whose mutex the caller holds; the
///   caller must not hold the `config_lock` of its VM.
/// - `reg` must point to a valid request in kernel memory.
#[export]
pub unsafe extern "C" fn kvm_arm_check_set_fw_reg(
    vcpu: *mut bindings::kvm_vcpu,
    reg: *const bindings::kvm_one_reg,
    val: u64,
) -> c_int {
    // SAFETY: The caller guarantees that both are valid during the call.
    let (vcpu, Copied(reg)): (_, Copied<bindings::kvm_one_reg>) = unsafe { from_c((vcpu, reg)) };
    set(vcpu, reg.id, val)
}

fn set(vcpu: &Vcpu, id: u64, val: u64) -> c_int {
    match FwReg::from_id(id) {
        Ok(FwReg::Bitmap(map)) => {
            let ret = c_set(vcpu, id, val, true);
            // Under its lock, C has called `kvm_arm_check_fw_reg_bmap()` for the rest.
            judge_admission(id, map, val, ret);
            ret
        }
        Ok(reg) => {
            let vm = vcpu.vm();
            let config = vm.lock_config();
            let expected = write(&copy_of(vcpu, &config), reg, val);
            let ret = c_set(vcpu, id, val, true);
            judge_unlocked(vm, reg, ret, expected);
            ret
        }
        Err(reject) => {
            let ret = c_set(vcpu, id, val, true);
            compare(id, Outcome { ret, val: 0 }, Outcome::refused(reject));
            ret
        }
    }
}

/// Compares whether the value of a bitmap is refused before the lock is taken.
fn judge_admission(id: u64, map: FeatureBitmap, val: u64, ret: c_int) {
    let rust = match FwReg::Bitmap(map).admit(val) {
        Ok(()) => Outcome::value(0),
        Err(reject) => Outcome::refused(reject),
    };
    if (rust.ret != 0 || ret == EINVAL.to_errno()) && rust.ret != ret {
        mismatch(id, Outcome { ret, val: 0 }, rust);
    }
}

/// Compares a write of a register that is no bitmap.
fn judge_unlocked(vm: &Vm, reg: FwReg, ret: c_int, rust: Outcome) {
    let val = match reg {
        FwReg::PsciVersion => vm.psci_version().into(),
        // The workarounds have no state.
        _ => rust.val,
    };
    if ret == rust.ret && val != rust.val && others_are_possible() {
        return unjudged(Surface::FW_REG);
    }
    compare(reg.id(), Outcome { ret, val }, rust);
}

/// Compares a write of a bitmap, which C has decided and committed.
///
/// `old` is the bitmap before the write, `val` the value to write, and `ret` C's return value.
///
/// # Safety
///
/// - `vcpu` must point to a valid vCPU that is initialised.
/// - The caller must have held the `config_lock` of its VM since before it read `old`.
#[export]
pub unsafe extern "C" fn kvm_arm_check_fw_reg_bmap(
    vcpu: *mut bindings::kvm_vcpu,
    id: u64,
    old: u64,
    val: u64,
    ret: c_int,
) {
    // SAFETY: The caller guarantees that the vCPU is valid, and the lock held, during the call.
    let (vcpu, locked) = unsafe {
        let vcpu: &Vcpu = from_c(vcpu);
        (vcpu, Held::assume(vcpu.vm()))
    };

    let c = |val| Outcome { ret, val };
    match FwReg::from_id(id) {
        Ok(reg @ FwReg::Bitmap(map)) => {
            let copy = copy_of(vcpu, &locked);
            copy.bitmap_cell(map).set(old);
            let rust = write(&copy, reg, val);
            compare(id, c(locked.bitmap(map)), rust);
        }
        // C has taken its lock for a register that is no bitmap in Rust.
        Ok(_) => mismatch(id, c(0), Outcome::refused(Reject::UnknownRegister)),
        Err(reject) => mismatch(id, c(0), Outcome::refused(reject)),
    }
}

/// Compares the list of firmware registers, which is ABI including its order.
///
/// # Safety
///
/// `ids` must point to `nr` ids.
#[export]
pub unsafe extern "C" fn kvm_arm_check_fw_reg_ids(ids: *const u64, nr: c_uint) {
    // SAFETY: The caller guarantees that there are `nr` ids. CAST: `usize` has 64 bits on arm64.
    let ids = unsafe { core::slice::from_raw_parts(ids, nr as usize) };
    if ids
        .iter()
        .copied()
        .ne(FwReg::ALL.iter().map(|reg| reg.id()))
    {
        let [c, rust] = [ids.len(), FwReg::ALL.len()].map(|len| Outcome::value(len as u64));
        mismatch(0, c, rust);
    }
}

/// Compares the bitmaps that C gave a new VM.
///
/// # Safety
///
/// `kvm` must point to a valid VM whose `config_lock` is initialised, and to which nobody else has
/// access yet.
#[export]
pub unsafe extern "C" fn kvm_arm_check_init_hypercalls(kvm: *mut bindings::kvm) {
    // SAFETY: The caller guarantees that the VM is valid during the call.
    let vm: &Vm = unsafe { from_c(kvm) };
    for map in FeatureBitmap::ALL {
        let [c, rust] = [vm.bitmap(map), map.initial()].map(Outcome::value);
        compare(FwReg::Bitmap(map).id(), c, rust);
    }
}
