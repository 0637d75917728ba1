// SPDX-License-Identifier: Apache-2.0 OR MIT

//! CPU templates: what a VMM changes in a new VM before it runs.

use alloc::string::String;
use alloc::vec::Vec;

use crate::dump::{Dump, Vm};
use crate::id::RegId;
use crate::state::{State, Vcpu};
use crate::takes::nibble;
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

impl Modifier {
    /// The value that it makes of another; `None` for one that is wider than 128 bits.
    pub fn apply(&self, value: &Value) -> Option<Value> {
        let bytes = value.to_le_bytes(16)?;
        let mut old = [0; 16];
        old.copy_from_slice(&bytes);
        let new = u128::from_le_bytes(old) & !self.filter | self.value & self.filter;
        Value::from_le_bytes(&new.to_le_bytes())
    }
}

impl Template {
    /// Changes the registers of a vCPU. Registers that the vCPU does not have, or that are wider
    /// than 128 bits, stay as they are.
    pub fn apply(&self, vcpu: &mut Vcpu) {
        for modifier in &self.registers {
            for reg in vcpu.registers.iter_mut().filter(|reg| reg.id == modifier.id) {
                if let Some(value) = modifier.apply(&reg.value) {
                    reg.value = value;
                    reg.or.clear();
                }
            }
        }
    }
    /// The state of a new VM like `vm` with the template, as a VMM on the host would save it:
    /// what the template changes, and what the host was measured to change with it.
    pub fn new_vm(&self, dump: &Dump, vm: &Vm) -> State {
        let mut state = dump.new_vm(vm);
        let Some(vcpu) = state.vcpus.first_mut() else { return state };
        self.apply(vcpu);
        for affects in &vm.affects {
            let digit = usize::from(affects.digit);
            let number = |value: Option<&Value>| value.and_then(Value::as_u64);
            let now = number(vcpu.get(affects.id)).map(|value| nibble(value, digit));
            let new = vm.register(affects.id).map(|register| &register.value);
            let new = number(new).map(|value| nibble(value, digit));
            if now == new || now != Some(affects.value) {
                continue;
            }
            vcpu.registers.retain(|reg| !affects.hides.contains(&reg.id));
            for change in &affects.changes {
                let written = self.registers.iter().any(|modifier| modifier.id == change.id);
                let regs = vcpu.registers.iter_mut();
                for reg in regs.filter(|reg| reg.id == change.id && !written) {
                    reg.value = change.value.clone();
                }
            }
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{plan, Verdict};
    use crate::testing::{host, PFR1, WORKAROUND_2};
    use crate::vmm;

    #[test]
    fn what_a_template_hides_changes_what_depends_on_it() {
        let mut template = Template::default();
        template.registers.push(Modifier { id: PFR1, filter: 0xf0, value: 0 });
        let host = host();
        let state = template.new_vm(&host, &host.vms[0]);
        assert_eq!(state.vcpus[0].get(PFR1), Some(&0.into()));
        assert_eq!(state.vcpus[0].get(WORKAROUND_2), Some(&3.into()));
        assert_eq!(plan(&state, &host, &vmm::PLANNED).verdict, Verdict::Yes);
        // Such a VM cannot be restored on the host on which it was saved.
        assert_eq!(plan(&state, &host, &vmm::FIRECRACKER).verdict, Verdict::No);
    }

    #[test]
    fn wide_registers_stay() {
        let id = RegId::new(0x6080_0000_0015_0000);
        let wide = Value::from_le_bytes(&[1; 256]).unwrap();
        let mut vcpu = Vcpu { registers: [crate::state::Reg::new(id, wide.clone())].to_vec() };
        let mut template = Template::default();
        template.registers.push(Modifier { id, filter: u128::MAX, value: 0 });
        template.apply(&mut vcpu);
        assert_eq!(vcpu.get(id), Some(&wide));
    }
}
