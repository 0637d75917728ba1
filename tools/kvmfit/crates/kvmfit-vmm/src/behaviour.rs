// SPDX-License-Identifier: Apache-2.0 OR MIT

//! How VMMs restore the registers of a vCPU. The facts are those of `kvmfit::vmm`, where the
//! sources are.

use clap::ValueEnum;
use kvmfit::id::{Class, RegId, SVE_VLS};
use kvmfit::state::Reg;
use kvmfit::vmm::{Vmm, CLOUD_HYPERVISOR, FIRECRACKER};

/// A VMM to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Behaviour {
    Firecracker,
    CloudHypervisor,
}

impl Behaviour {
    pub(crate) fn vmm(self) -> &'static Vmm {
        match self {
            Self::Firecracker => &FIRECRACKER,
            Self::CloudHypervisor => &CLOUD_HYPERVISOR,
        }
    }

    /// The registers in the order in which the VMM writes them. `registers` are in the order of
    /// the list.
    pub(crate) fn order(self, registers: &[Reg]) -> Vec<&Reg> {
        let first = |id: RegId| match self {
            Self::Firecracker => id == SVE_VLS,
            Self::CloudHypervisor => matches!(id.class(), Class::Core | Class::Sve),
        };
        let (before, after): (Vec<&Reg>, Vec<&Reg>) =
            registers.iter().partition(|reg| first(reg.id));
        before.into_iter().chain(after).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE: RegId = RegId::new(0x6030_0000_0010_0000);
    const MIDR: RegId = RegId::sysreg(3, 0, 0, 0, 0);
    const PSCI: RegId = RegId::firmware(0);

    fn order(behaviour: Behaviour, ids: &[RegId]) -> Vec<RegId> {
        let registers: Vec<Reg> = ids.iter().map(|&id| Reg::new(id, 1)).collect();
        behaviour.order(&registers).iter().map(|reg| reg.id).collect()
    }

    #[test]
    fn firecracker_keeps_the_order_of_the_list_but_for_the_vector_lengths() {
        let ids = [CORE, PSCI, SVE_VLS, MIDR];
        assert_eq!(order(Behaviour::Firecracker, &ids), [SVE_VLS, CORE, PSCI, MIDR]);
    }

    #[test]
    fn cloud_hypervisor_writes_core_and_sve_registers_first() {
        let ids = [PSCI, CORE, MIDR, SVE_VLS];
        assert_eq!(order(Behaviour::CloudHypervisor, &ids), [CORE, SVE_VLS, PSCI, MIDR]);
    }

    #[test]
    fn each_is_a_vmm_that_kvmfit_knows() {
        for behaviour in Behaviour::value_variants() {
            let name = behaviour.to_possible_value().unwrap().get_name().to_string();
            assert_eq!(behaviour.vmm().name, name);
            assert!(behaviour.vmm().first_error_ends);
        }
    }
}
