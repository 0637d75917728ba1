// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A VMM, as far as registers go.

use kvm_bindings::{kvm_vcpu_init, RegList, KVM_ARM_VCPU_PSCI_0_2};
use kvm_ioctls::{Kvm, VcpuFd, VmFd};
use kvmfit::id::RegId;
use kvmfit::plan::restore_order;
use kvmfit::state::{Format, Origin, Reg, State, Vcpu};
use kvmfit::value::{Value, MAX_BYTES};
use kvmfit_host::vm_config::{self, Config, Migration, Reading};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A VM of the machine type, with one vCPU.
pub(crate) fn create(kvm: &Kvm) -> Result<(VmFd, VcpuFd)> {
    let vm = kvm.create_vm()?;
    // No register shows this one, so it may depend on the host.
    if vm_config::available(kvm).contains(Migration::VM_CONFIG) {
        vm_config::opt_in(&vm, Migration::VM_CONFIG)?;
    }
    let vcpu = vm.create_vcpu(0)?;
    let mut init = kvm_vcpu_init::default();
    vm.get_preferred_target(&mut init)?;
    init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
    vcpu.vcpu_init(&init)?;
    Ok((vm, vcpu))
}

/// All registers of a vCPU.
pub(crate) fn save(vcpu: &VcpuFd) -> Result<State> {
    let mut list = RegList::new(500)?;
    vcpu.get_reg_list(&mut list)?;
    let mut registers = Vec::new();
    for &id in list.as_slice() {
        let mut bytes = [0; MAX_BYTES];
        let size = vcpu.get_one_reg(id, &mut bytes)?;
        let value = Value::from_le_bytes(&bytes[..size]).ok_or("too wide")?;
        registers.push(Reg::new(RegId::new(id), value));
    }
    let mut state = State::new(Origin::new(Format::State));
    state.vcpus.push(Vcpu { registers });
    Ok(state)
}

/// What configures the VM, as a set if it can be; then the rest, in the order
/// that is right on every kernel.
pub(crate) fn restore(vm: &VmFd, vcpu: &VcpuFd, state: &State) -> Result<()> {
    let saved = state.vcpus.first().ok_or("no vCPU was saved")?;
    let mut config = Config::default();
    if vm_config::opted_in(vm).contains(Migration::VM_CONFIG) {
        let here = vm_config::get(vm)?;
        let value = |id| saved.get(id).and_then(Value::as_u64);
        let pair = |reg: &Reading| Some((reg.id, value(reg.id)?));
        config = here.iter().filter_map(pair).collect();
        // An error names each refused register, and what would be taken.
        config.set(vm)?;
    }
    for id in restore_order(state, None) {
        if config.registers().any(|(done, _)| done == id) {
            continue;
        }
        let Some(value) = saved.get(id) else { continue };
        let bytes = id.size().and_then(|size| value.to_le_bytes(size));
        let refused = |why| format!("{id} = {value}: {why}");
        vcpu.set_one_reg(id.raw(), &bytes.ok_or("too wide")?).map_err(refused)?;
    }
    Ok(())
}
