// SPDX-License-Identifier: GPL-2.0

//! Mode `check` for writes to the ID registers.
//!
//! C takes the `config_lock` itself, after the rules of the register have changed the value. So C
//! notes what it sees when it has taken the lock, and what it has stored before it releases the
//! lock. Rust decides on these notes.

use kernel::{
    bindings,
    kvm::{
        id_reg::SeenIdReg,
        switch::Surface, //
    },
    prelude::*, //
};
use kvm_abi::IdRegState;

use super::{
    compare,
    Outcome, //
};
use crate::{
    errno::Errno,
    id_reg::rule, //
};

/// Compares a write of an ID register, which C has decided.
///
/// `reg` is the register before the write, `written` what userspace writes. C has returned `ret`,
/// and left the value `stored` in the register.
///
/// # Safety
///
/// Always safe to call.
#[export]
pub unsafe extern "C" fn kvm_arm_check_id_reg(
    reg: bindings::kvm_arm_id_reg,
    written: u64,
    stored: u64,
    ret: c_int,
) {
    let id = reg.id;
    let c = Outcome { ret, val: stored };
    let rust = decide(id, written, &SeenIdReg::from(reg));
    compare(Surface::ID_REG, id.into(), c, rust);
}

fn decide(id: u32, written: u64, state: &impl IdRegState) -> Outcome {
    match rule(id).and_then(|rule| rule.decide(written, state)) {
        Ok(stored) => Outcome::value(stored),
        Err(reject) => Outcome {
            ret: Errno::from(reject).get(),
            val: state.current(),
        },
    }
}
