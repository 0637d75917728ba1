// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Capabilities that say something about VMs of arm64, and those that nobody knows yet.

use std::collections::BTreeMap;

use crate::backend::Backend;

pub(crate) const VM_IPA_SIZE: u32 = 165;
pub(crate) const MAX_VCPUS: u32 = 66;
pub(crate) const MTE: u32 = 205;
pub(crate) const REG_MASK_RANGES: u32 = 230;
pub(crate) const WRITABLE_IMP_ID_REGS: u32 = 239;

const NAMES: &[(u32, &str)] = &[
    (MAX_VCPUS, "MAX_VCPUS"),
    (70, "ONE_REG"),
    (87, "ARM_PSCI"),
    (88, "ARM_SET_DEVICE_ADDR"),
    (89, "DEVICE_CTRL"),
    (93, "ARM_EL1_32BIT"),
    (101, "VM_ATTRIBUTES"),
    (102, "ARM_PSCI_0_2"),
    (119, "GUEST_DEBUG_HW_BPS"),
    (120, "GUEST_DEBUG_HW_WPS"),
    (126, "ARM_PMU_V3"),
    (127, "VCPU_ATTRIBUTES"),
    (144, "ARM_USER_IRQ"),
    (158, "ARM_INJECT_SERROR_ESR"),
    (VM_IPA_SIZE, "ARM_VM_IPA_SIZE"),
    (170, "ARM_SVE"),
    (171, "ARM_PTRAUTH_ADDRESS"),
    (172, "ARM_PTRAUTH_GENERIC"),
    (174, "ARM_IRQ_LINE_LAYOUT_2"),
    (177, "ARM_NISV_TO_USER"),
    (178, "ARM_INJECT_EXT_DABT"),
    (187, "STEAL_TIME"),
    (198, "PTP_KVM"),
    (MTE, "ARM_MTE"),
    (216, "ARM_SYSTEM_SUSPEND"),
    (227, "COUNTER_OFFSET"),
    (228, "ARM_EAGER_SPLIT_CHUNK_SIZE"),
    (229, "ARM_SUPPORTED_BLOCK_SIZES"),
    (REG_MASK_RANGES, "ARM_SUPPORTED_REG_MASK_RANGES"),
    (WRITABLE_IMP_ID_REGS, "ARM_WRITABLE_IMP_ID_REGS"),
    (240, "ARM_EL2"),
    (241, "ARM_EL2_E2H0"),
    (243, "ARM_CACHEABLE_PFNMAP_SUPPORTED"),
    (244, "GUEST_MEMFD_FLAGS"),
    (245, "ARM_SEA_TO_USER"),
];

/// Numbers from here on may be newer than this crate.
const NEWEST: std::ops::Range<u32> = 239..320;

pub(crate) fn name(number: u32) -> String {
    match NAMES.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => format!("KVM_CAP_{name}"),
        None => format!("KVM_CAP_{number}"),
    }
}

pub(crate) fn all(backend: &dyn Backend) -> BTreeMap<String, i64> {
    let known = NAMES.iter().map(|(number, _)| *number);
    let newer = NEWEST.filter(|number| !NAMES.iter().any(|(known, _)| known == number));
    let mut answers: BTreeMap<String, i64> =
        known.map(|number| (name(number), backend.check_extension(number).max(0).into())).collect();
    for number in newer {
        let answer = backend.check_extension(number);
        if answer > 0 {
            answers.insert(name(number), answer.into());
        }
    }
    answers
}
