// SPDX-License-Identifier: GPL-2.0

//! A guest that calls: it reads what userspace writes, and takes no lock.

use kvm_abi::{
    Caller,
    Decision,
    FeatureBitmap,
    FuncId,
    FwVm,
    PsciVersion, //
};

use crate::Vm;

/// The registers of a vCPU of this VM.
#[derive(Debug)]
pub struct Guest<'a> {
    vm: &'a Vm,
    registers: [u64; 4],
}

impl<'a> Guest<'a> {
    /// Returns a guest whose only feature is PSCI 0.2.
    pub fn of(vm: &'a Vm) -> Self {
        Self {
            vm,
            registers: [0; 4],
        }
    }

    /// Returns the result of a call.
    pub fn call(&self, id: u32) -> [u64; 4] {
        match Decision::of(self, FuncId::from_raw(id)) {
            Decision::Value(x0) => [x0, 0, 0, 0],
            Decision::Return(registers) => registers,
            Decision::Perform(action) => panic!("{id:#x} is not answered at once, but {action:?}"),
        }
    }

    /// `ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID`: returns the bitmaps, `None` without the
    /// service.
    pub fn services(&self) -> Option<(u64, u64)> {
        match self.call(0x8600_0000) {
            [u64::MAX, ..] => None,
            [first, _, second, _] => Some((first, second)),
        }
    }

    /// `TRNG_VERSION`: returns whether there is a random number generator.
    pub fn has_trng(&self) -> bool {
        self.call(0x8400_0050) == [0x1_0000, 0, 0, 0]
    }

    /// `PSCI_VERSION`.
    pub fn psci(&self) -> u64 {
        let [version, ..] = self.call(0x8400_0000);
        version
    }
}

impl Caller for Guest<'_> {
    fn registers(&self) -> [u64; 4] {
        self.registers
    }

    fn is_32bit(&self) -> bool {
        false
    }

    fn psci_version(&self) -> u32 {
        PsciVersion::seen(self.vm.psci_version(), true)
    }

    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        self.vm.bitmap(map)
    }

    fn stolen_time(&self) -> Option<u64> {
        None
    }

    fn may_suspend_system(&self) -> bool {
        false
    }
}
