// SPDX-License-Identifier: Apache-2.0 OR MIT

//! How VMMs restore the registers of a vCPU. The facts are those of `kvmfit::vmm`, where the
//! sources are.

use clap::ValueEnum;
use kvmfit::id::{Class, RegId, SVE_VLS};
use kvmfit::plan::restore_order;
use kvmfit::state::{Reg, State};
use kvmfit::vmm::{Vmm, CLOUD_HYPERVISOR, FIRECRACKER, PLANNED};

/// A VMM to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Behaviour {
    Firecracker,
    CloudHypervisor,
    /// As kvmfit and the page of `KVM_ARM_VM_CONFIG` advise
    Planned,
}

impl Behaviour {
    pub(crate) fn vmm(self) -> &'static Vmm {
        match self {
            Self::Firecracker => &FIRECRACKER,
            Self::CloudHypervisor => &CLOUD_HYPERVISOR,
            Self::Planned => &PLANNED,
        }
    }

    /// Whether the VMM sets what configures a VM as a set, on a host that knows how.
    pub(crate) fn knows_sets(self) -> bool {
        self == Self::Planned
    }

    /// The registers of vCPU `n` in the order in which the VMM writes them.
    pub(crate) fn order(self, state: &State, n: usize) -> Vec<&Reg> {
        let registers = state.vcpus.get(n).map_or(&[][..], |vcpu| &vcpu.registers);
        if self == Self::Planned {
            let find = |id| registers.iter().find(|reg| reg.id == id);
            return restore_order(state, None).into_iter().filter_map(find).collect();
        }
        // Those of the state are in the order of the list.
        let first = |id: RegId| match self {
            Self::Firecracker => id == SVE_VLS,
            Self::CloudHypervisor => matches!(id.class(), Class::Core | Class::Sve),
            Self::Planned => false,
        };
        let (before, after): (Vec<&Reg>, Vec<&Reg>) =
            registers.iter().partition(|reg| first(reg.id));
        before.into_iter().chain(after).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvmfit::state::{Format, Origin, Vcpu};

    const CORE: RegId = RegId::new(0x6030_0000_0010_0000);
    const MIDR: RegId = RegId::sysreg(3, 0, 0, 0, 0);
    const PSCI: RegId = RegId::firmware(0);

    fn order(behaviour: Behaviour, ids: &[RegId]) -> Vec<RegId> {
        let mut state = State::new(Origin::new(Format::State));
        // Each vCPU has its own.
        let registers = ids.iter().map(|&id| Reg::new(id, 1)).collect();
        state.vcpus = vec![Vcpu::default(), Vcpu { registers }];
        assert!(behaviour.order(&state, 0).is_empty() && behaviour.order(&state, 2).is_empty());
        behaviour.order(&state, 1).iter().map(|reg| reg.id).collect()
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
    fn the_planned_one_writes_first_what_others_depend_on() {
        let ids = [CORE, PSCI, MIDR, SVE_VLS];
        assert_eq!(order(Behaviour::Planned, &ids), [SVE_VLS, MIDR, PSCI, CORE]);
    }

    #[test]
    fn only_the_planned_one_sets_a_set() {
        let know: Vec<&Behaviour> =
            Behaviour::value_variants().iter().filter(|behaviour| behaviour.knows_sets()).collect();
        assert_eq!(know, [&Behaviour::Planned]);
    }

    #[test]
    fn each_is_a_vmm_that_kvmfit_knows() {
        for behaviour in Behaviour::value_variants() {
            let name = behaviour.to_possible_value().unwrap().get_name().to_string();
            assert_eq!(behaviour.vmm().name, name);
            assert!(behaviour.vmm().first_error_ends || *behaviour == Behaviour::Planned);
        }
    }
}
