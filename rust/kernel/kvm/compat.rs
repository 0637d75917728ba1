// SPDX-License-Identifier: GPL-2.0

//! VMs that behave as under an older kernel.
//!
//! C headers: [`arch/arm64/include/asm/kvm_host.h`](srctree/arch/arm64/include/asm/kvm_host.h),
//! [`include/kvm/arm_compat.h`](srctree/include/kvm/arm_compat.h)

use crate::{
    bindings,
    build_assert::static_assert, //
};

use super::{
    abi::{
        CapLocked,
        CapVm,
        Clidr,
        CompatLevel,
        CompatVcpu,
        OptIns,
        VmCaps, //
    },
    opt_in::offered,
    view::{
        calls,
        fields, //
    },
    Guard,
    Held,
    Vcpu,
    VcpusLock,
    Vm, //
};

static_assert!(CompatLevel::CAP == bindings::KVM_CAP_ARM_COMPAT);
static_assert!(CompatLevel::Native.bit() == bindings::KVM_ARM_COMPAT_NATIVE);
static_assert!(CompatLevel::V6_18.bit() == bindings::KVM_ARM_COMPAT_6_18);
static_assert!(CompatLevel::V6_16.bit() == bindings::KVM_ARM_COMPAT_6_16);
static_assert!(CompatLevel::V6_12.bit() == bindings::KVM_ARM_COMPAT_6_12);
static_assert!(CompatLevel::V6_1.bit() == bindings::KVM_ARM_COMPAT_6_1);

calls! {
    /// Enables the call sites of the levels. Waits for all CPUs.
    fn use_levels() = kvm_arm_use_compat;
    /// Returns the level of new VMs. Has no preconditions.
    fn of_new_vms() -> u32 = kvm_arm_compat_of_new_vms;
    /// Reads a register of the CPU. Has no preconditions.
    fn read_clidr() -> u64 = kvm_arm_host_clidr;
}

calls! {
    impl Vcpu as Vcpu {
        /// Needs a valid vCPU that is initialised.
        fn hides_sys_reg(id: u64) -> bool = kvm_arm_hides_sys_reg;
    }
}

fields! {
    impl Vm as Vm {
        /// C writes it before there is a vCPU, in one store.
        fn level_field() -> Shared<u32> = arch.compat_level;
        /// As in `fw_reg`.
        fn psci_field() -> Shared<u32> = arch.psci_version;
    }
}

/// Returns the level that C stores as this number: its bit, or 0.
#[inline]
pub fn level_from(raw: u32) -> CompatLevel {
    CompatLevel::from_bit(raw.into()).unwrap_or(CompatLevel::Native)
}

/// Returns the level of new VMs.
#[inline]
pub fn level_of_new_vms() -> CompatLevel {
    level_from(of_new_vms())
}

/// Returns the host's `CLIDR_EL1`.
#[inline]
pub fn host_clidr() -> Clidr {
    Clidr(read_clidr())
}

/// Answers `KVM_CHECK_EXTENSION` of the capability, for a VM or for any VM.
#[inline]
pub fn check_extension(vm: Option<&Vm>) -> u32 {
    if offered().is_empty() {
        return 0;
    }
    CompatLevel::check_extension(vm.map(Vm::level))
}

/// Evidence that the static key of the levels is enabled.
///
/// # Invariants
///
/// The static key of C's `kvm_arm_has_compat()` is on; nothing turns it off again.
#[derive(Clone, Copy)]
pub struct InUse(());

impl Vm {
    /// Returns the VM's level, which does not change once there is a vCPU.
    #[inline]
    pub fn level(&self) -> CompatLevel {
        level_from(self.level_field().load())
    }
}

impl CapVm<CompatLevel> for Vm {
    type InUse = InUse;
    type Vcpus<'a> = Guard<'a, VcpusLock>;

    #[inline]
    fn offered(&self) -> OptIns {
        offered()
    }

    #[inline]
    fn enable_call_sites(&self, _: CompatLevel) -> InUse {
        use_levels();
        // INVARIANT: The key is on now.
        InUse(())
    }

    #[inline]
    fn lock_vcpus(&self) -> Guard<'_, VcpusLock> {
        Guard::lock(self)
    }
}

impl CapLocked<CompatLevel> for Held<'_, VcpusLock> {
    type InUse = InUse;

    #[inline]
    fn caps(&self) -> VmCaps {
        self.vm_caps()
    }

    /// Stores the level, and the version of PSCI that a new VM has with it.
    #[inline]
    fn store(&self, level: CompatLevel, _: InUse) {
        self.psci_field().store(level.stored_psci());
        self.level_field().store(match level {
            CompatLevel::Native => 0,
            level => level.bit(),
        });
    }
}

impl CompatVcpu for Vcpu {
    #[inline]
    fn level(&self) -> CompatLevel {
        self.vm().level()
    }

    #[inline]
    fn host_clidr(&self) -> Clidr {
        host_clidr()
    }

    #[inline]
    fn hides(&self, id: u64) -> bool {
        self.hides_sys_reg(id)
    }
}
