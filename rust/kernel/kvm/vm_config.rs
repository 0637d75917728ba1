// SPDX-License-Identifier: GPL-2.0

//! The configuration of a VM as a whole: a VM that is locked with all of its vCPUs.
//!
//! C headers: [`include/kvm/arm_abi.h`](srctree/include/kvm/arm_abi.h),
//! [`asm/kvm_migration.h`](srctree/arch/arm64/include/uapi/asm/kvm_migration.h)

use crate::{
    bindings,
    build_assert::static_assert,
    error::{
        to_result,
        Result, //
    },
    ffi::c_int, //
};

use super::{
    abi::{
        ConfigHost,
        ConfigReason,
        ConfigRequest,
        ConfigVm,
        FeatureBitmap,
        FwLocked,
        FwVm,
        GicCpus,
        GicFields,
        HostWorkarounds,
        IdVisibility,
        OptIns,
        PlainVm,
        Promises,
        PsciVersion,
        VmConfig,
        VmIdIndex, //
    },
    id_reg::SeenIdReg,
    view::calls,
    ConfigLock,
    Guard,
    Held,
    Vm, //
};

static_assert!(VmIdIndex::COUNT == bindings::KVM_ARM_NR_VM_ID_REGS as usize);
static_assert!(
    ConfigRequest::ENTRY_SIZE as usize == size_of::<bindings::kvm_arm_vm_config_entry>()
);
static_assert!(
    ConfigReason::ALL.len() == bindings::KVM_ARM_VM_CONFIG_REASON_NOT_READY as usize,
    "asm/kvm_migration.h must have all reasons"
);

calls! {
    impl Vm as Vm {
        /// Needs a valid VM whose lock the caller does not hold, nor the mutex of one of its vCPUs.
        fn lock_vcpus_too() -> c_int = kvm_arm_lock_all_vcpus;
        /// Needs a VM that `lock_vcpus_too()` has locked.
        fn unlock_vcpus_too() = kvm_arm_unlock_all_vcpus;
    }
    impl Held<'_, ConfigLock> as Vm {
        /// Needs a VM whose lock is held, as it is by the type invariant.
        fn read_id_regs(regs: &mut bindings::kvm_arm_vm_id_regs) = kvm_arm_read_vm_id_regs;
        /// Needs a VM whose lock is held, as it is by the type invariant, and has been since it
        /// filled `regs`, where the register has a place.
        fn read_id_reg(
            regs: &bindings::kvm_arm_vm_id_regs, nr: u32, reg: &mut bindings::kvm_arm_id_reg
        ) = kvm_arm_read_vm_id_reg;
        /// Needs a VM whose lock is held, as it is by the type invariant.
        fn read_gic(iidr: &mut u32, groups_writable: &mut bool) -> bool = kvm_arm_read_vm_gic;
        /// Needs a VM whose lock is held, as it is by the type invariant.
        fn write_gic(iidr: u32, groups_writable: bool) = kvm_arm_write_vm_gic;
        /// Needs a VM whose lock is held, as it is by the type invariant.
        fn read_gic_cpus(cpus: &mut bindings::kvm_arm_gic_cpus) -> bool =
            kvm_arm_read_vm_gic_cpus;
        /// Needs a VM whose lock is held, as it is by the type invariant.
        fn write_gic_fields(fields: u32) = kvm_arm_write_vm_gic_fields;
    }
}

/// The lock of a VM and the mutexes of its vCPUs, held until this is dropped.
struct AllVcpus<'a>(&'a Vm);

impl Drop for AllVcpus<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock_vcpus_too();
    }
}

/// A VM whose configuration nobody else reads or writes, through no file descriptor.
pub struct LockedVm<'a> {
    // Dropped in this order.
    config: Guard<'a, ConfigLock>,
    _vcpus: AllVcpus<'a>,
    id_regs: bindings::kvm_arm_vm_id_regs,
}

impl<'a> LockedVm<'a> {
    /// Locks a VM and all of its vCPUs.
    ///
    /// # Errors
    ///
    /// `EBUSY` if a vCPU is in use, or is being created.
    #[inline]
    pub fn lock(vm: &'a Vm) -> Result<Self> {
        to_result(vm.lock_vcpus_too())?;
        let vcpus = AllVcpus(vm);
        let config = vm.lock_config();
        let mut id_regs = bindings::kvm_arm_vm_id_regs::default();
        config.read_id_regs(&mut id_regs);
        Ok(Self {
            config,
            _vcpus: vcpus,
            id_regs,
        })
    }
}

impl Held<'_, ConfigLock> {
    /// Returns the CPU interfaces of the VM's GICv3, `None` if it has none.
    #[inline]
    fn gic_cpus(&self) -> Option<GicCpus> {
        let mut raw = bindings::kvm_arm_gic_cpus::default();
        self.read_gic_cpus(&mut raw).then(|| GicCpus {
            fields: GicFields::of_ctlr(raw.fields.into()),
            host: GicFields::of_ctlr(raw.host.into()),
            has_aff3: raw.aff3,
            vtr: raw.el2.then_some(raw.vtr),
        })
    }
}

impl ConfigHost for LockedVm<'_> {
    type IdReg<'a>
        = SeenIdReg
    where
        Self: 'a;

    #[inline]
    fn id_visibility(&self, index: VmIdIndex) -> Option<IdVisibility> {
        let regs = &self.id_regs;
        let nr = index.get();
        if !matches!(regs.place.get(nr), Some(1..)) {
            return None;
        }
        let is_in = |bits: u64| bits >> nr & 1 != 0;
        Some(IdVisibility::new(is_in(regs.raz), is_in(regs.ignored)))
    }

    #[inline]
    fn id_reg(&self, index: VmIdIndex, current: u64) -> Option<SeenIdReg> {
        self.id_visibility(index)?;
        let mut reg = bindings::kvm_arm_id_reg::default();
        // CAST: There are few registers.
        let nr = index.get() as u32;
        self.config.read_id_reg(&self.id_regs, nr, &mut reg);
        reg.val = current;
        Some(reg.into())
    }
}

impl ConfigVm for LockedVm<'_> {
    #[inline]
    fn snapshot(&self) -> VmConfig {
        let vm: &Vm = &self.config;
        let (mut iidr, mut groups_writable) = (0, false);
        let has_gic = self.config.read_gic(&mut iidr, &mut groups_writable);
        let mut fw = PlainVm::new(HostWorkarounds::of(vm));
        fw.features = self.config.features();
        fw.ran = self.config.ran_once();
        fw.psci_version.set(vm.psci_version());
        for map in FeatureBitmap::ALL {
            fw.bitmap_cell(map).set(vm.bitmap(map));
        }
        VmConfig {
            fw,
            id_regs: self.id_regs.val,
            levels: vm
                .opt_ins()
                .contains(OptIns::FEATURE_LEVELS)
                .then(|| Promises::read(&*self.config)),
            gic_iidr: has_gic.then_some(iidr),
            gic_groups_writable: groups_writable,
            keeps_gic_fields: vm.opt_ins().contains(OptIns::GIC_FIELDS),
            gic_cpus: self.config.gic_cpus(),
        }
    }

    #[inline]
    fn commit(&self, config: &VmConfig) {
        let vm: &Vm = &self.config;
        let before = self.id_regs.val;
        for ((index, value), old) in VmIdIndex::all().zip(config.id_regs).zip(before) {
            if value != old {
                self.config.write_id_reg(index.reg().encoding(), value);
            }
        }
        for map in FeatureBitmap::ALL {
            self.config.store_bitmap(map, config.fw.bitmap(map));
        }
        if let Some(levels) = config.levels {
            levels.commit(&Promises::read(&*self.config), &*self.config);
        }
        // 0 if userspace has never set one, which is not a version.
        if let Some(version) = PsciVersion::from_raw(config.fw.psci_version().into()) {
            vm.store_psci_version(version);
        }
        if let Some(iidr) = config.gic_iidr {
            let groups_writable = config.gic_groups_writable;
            self.config.write_gic(iidr, groups_writable);
        }
        if let Some(cpus) = config.gic_cpus.filter(|_| config.keeps_gic_fields) {
            // CAST: The fields are below bit 16.
            self.config.write_gic_fields(cpus.fields.ctlr() as u32);
        }
    }
}
