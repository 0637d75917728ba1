// SPDX-License-Identifier: Apache-2.0 OR MIT

//! CPU templates: what a VMM changes in a new VM before it runs.

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::RegId;
use crate::state::Vcpu;
use crate::value::Value;

/// A CPU template, as Firecracker has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Template {
    /// The features of the vCPUs that it turns on, by name.
    pub features: Vec<String>,
    /// The registers that it changes.
    pub registers: Vec<Modifier>,
}

/// The change of a register: the bits of `filter` become those of `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// The register.
    pub id: RegId,
    /// The bits that change.
    pub filter: u128,
    /// What they become.
    pub value: u128,
}

impl Template {
    /// Changes the registers of a vCPU. Registers that the vCPU does not have, or that are wider
    /// than 128 bits, stay as they are.
    pub fn apply(&self, vcpu: &mut Vcpu) {
        for modifier in &self.registers {
            for reg in vcpu.registers.iter_mut().filter(|reg| reg.id == modifier.id) {
                let Some(bytes) = reg.value.to_le_bytes(16) else { continue };
                let mut old = [0; 16];
                old.copy_from_slice(&bytes);
                let new =
                    u128::from_le_bytes(old) & !modifier.filter | modifier.value & modifier.filter;
                if let Some(value) = Value::from_le_bytes(&new.to_le_bytes()) {
                    reg.value = value;
                    reg.or.clear();
                }
            }
        }
    }
}
