// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Saves the registers of a VM and restores them in a new one, as a set where the host knows how.
//!
//! It changes the VM before, so that the order matters: `ID_AA64PFR1_EL1.SSBS` is hidden, where
//! the host lets it be.

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod vmm;

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use kvmfit::id::RegId;
    use kvmfit_host::vm_config::{opted_in, Migration};

    const PFR1: RegId = RegId::sysreg(3, 0, 0, 4, 1);
    let kvm = kvm_ioctls::Kvm::new()?;
    let (_source, vcpu) = vmm::create(&kvm)?;
    let mut bytes = [0; 8];
    vcpu.get_one_reg(PFR1.raw(), &mut bytes)?;
    let hidden = u64::from_le_bytes(bytes) & !0xf0;
    let is_hidden = vcpu.set_one_reg(PFR1.raw(), &hidden.to_le_bytes()).is_ok();

    let saved = vmm::save(&vcpu)?;
    let (vm, vcpu) = vmm::create(&kvm)?;
    vmm::restore(&vm, &vcpu, &saved)?;
    for reg in &vmm::save(&vcpu)?.vcpus[0].registers {
        // The counters run.
        if reg.id.configures() && saved.vcpus[0].get(reg.id) != Some(&reg.value) {
            return Err(format!("{} came out as {}", reg.id, reg.value).into());
        }
    }

    let mut damaged = saved.clone();
    for reg in &mut damaged.vcpus[0].registers {
        if reg.id == RegId::firmware(0) {
            reg.value = 0x1_0004.into();
        }
    }
    let (vm, vcpu) = vmm::create(&kvm)?;
    let why = vmm::restore(&vm, &vcpu, &damaged).err().ok_or("PSCI 1.4 was taken")?;
    let way = if opted_in(&vm).contains(Migration::VM_CONFIG) { "as a set" } else { "one by one" };
    println!("{} registers, {way}; SSBS hidden: {is_hidden}", saved.vcpus[0].registers.len());
    println!("PSCI 1.4: {why}");
    Ok(())
}

#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
fn main() {
    eprintln!("it needs KVM of Linux on arm64");
}
