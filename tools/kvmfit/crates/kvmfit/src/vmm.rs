// SPDX-License-Identifier: Apache-2.0 OR MIT

//! How VMMs restore a VM, as data with the source of each fact.

use serde::Serialize;

use crate::id::RegId;

/// The behaviour of a VMM.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Vmm {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// The features of a vCPU that it turns on where the host has them, those first of which its
    /// VMs most need to have one.
    pub features: &'static [&'static str],
    /// In which order it writes the registers of a vCPU.
    pub order: WriteOrder,
    /// Whether the first refused register ends the restore. If not, all are written, and then
    /// the restore fails.
    pub first_error_ends: bool,
    /// Whether it turns on `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS` where the host has it.
    pub writable_implementation_ids: bool,
    /// Registers of a saved VM that the host may lack.
    pub tolerances: &'static [Tolerance],
    /// The properties of `-cpu host` that QEMU has for KVM; `sve<N>` stands for all vector lengths.
    pub properties: &'static [&'static str],
    /// How a VM is changed before it runs.
    pub configures_by: Configures,
    /// Whether it has a program that removes registers from a snapshot.
    pub removes_registers: bool,
    /// What is known of it, and from where.
    pub facts: &'static [Fact],
}

/// In which order a VMM writes registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WriteOrder {
    /// In the order that [`plan`](crate::plan::plan) finds.
    Planned,
    /// In the order of the file, which is that of `KVM_GET_REG_LIST`.
    List,
    /// By number.
    ById,
}

/// How a VMM changes a VM before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Configures {
    /// By a CPU template that can have any register.
    Template,
    /// By properties of `-cpu host`, which QEMU lists.
    Properties,
    /// Its author writes the registers.
    Registers,
    /// Not at all.
    Nothing,
}

/// A register that a VMM does not need on the host that takes the VM.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Tolerance {
    /// The register.
    pub id: RegId,
    /// Only if this is its value.
    pub value: Option<u64>,
}

/// A fact and its source.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Fact {
    /// The fact.
    pub what: &'static str,
    /// Where it is from.
    pub source: &'static str,
}

const fn fact(what: &'static str, source: &'static str) -> Fact {
    Fact { what, source }
}

const FIRECRACKER_VCPU: &str = "firecracker 81b38b9, src/vmm/src/arch/aarch64/vcpu.rs";
const CLOUD_HYPERVISOR_KVM: &str = "cloud-hypervisor ae44c29, hypervisor/src/kvm/mod.rs";
const QEMU_KVM: &str = "QEMU 10.0, target/arm/kvm.c";

const LIST_CANNOT: Fact = fact(
    "cannot restore a VM whose ID_AA64PFR1_EL1.SSBS is hidden, even on the host that saved it: \
     KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2 comes before ID_AA64PFR1_EL1 in the list",
    "measured on Linux 6.12.117 and 7.3.4 of Debian",
);
const LIST_UPGRADE: Fact = fact(
    "cannot restore a VM of Linux 6.12 on Linux 6.16 or later: TCR2_EL1, PIRE0_EL1 and PIR_EL1 \
     are gone, and the first error ends the restore",
    "measured on Linux 6.12.117, 6.16.12 and 7.3.4 of Debian",
);
const QEMU_WRITES: Fact = fact(
    "sorts the registers by number and writes all of them; that puts ID registers before the \
     firmware registers that depend on them",
    QEMU_KVM,
);
const QEMU_FEATURES: Fact = fact(
    "turns on PSCI 0.2, and the PMU, SVE and pointer authentication where the host has them",
    QEMU_KVM,
);

const QEMU_PROPERTIES: Fact = fact(
    "`-cpu host` has no property for fields of ID registers; the property pmu is there only where \
     the host has a PMU, and what the host lacks cannot be turned on",
    "QEMU, docs/system/arm/cpu-features.rst; arm_cpu_post_init()",
);

/// A VMM that writes registers in the right order.
pub static PLANNED: Vmm = Vmm {
    name: "planned",
    about: "a VMM that writes the registers in the order that kvmfit finds",
    features: &["psci_0_2", "pmu_v3"],
    order: WriteOrder::Planned,
    first_error_ends: true,
    writable_implementation_ids: true,
    tolerances: &[],
    properties: &[],
    configures_by: Configures::Registers,
    removes_registers: false,
    facts: &[fact("`kvmfit check` restores in this way", "kvmfit")],
};

/// A VMM that writes registers in the order of the list.
pub static LIST_ORDER: Vmm = Vmm {
    name: "list-order",
    about: "a VMM that writes the registers in the order of KVM_GET_REG_LIST",
    features: &["psci_0_2", "pmu_v3"],
    order: WriteOrder::List,
    first_error_ends: true,
    writable_implementation_ids: false,
    tolerances: &[],
    properties: &[],
    configures_by: Configures::Registers,
    removes_registers: false,
    facts: &[LIST_CANNOT, LIST_UPGRADE],
};

/// Firecracker.
pub static FIRECRACKER: Vmm = Vmm {
    name: "firecracker",
    about: "Firecracker of August 2026",
    features: &["psci_0_2"],
    order: WriteOrder::List,
    first_error_ends: true,
    writable_implementation_ids: true,
    tolerances: &[],
    properties: &[],
    configures_by: Configures::Template,
    removes_registers: true,
    facts: &[
        fact(
            "writes the vector lengths, then the registers in the order of the list; the first \
             error ends the restore",
            FIRECRACKER_VCPU,
        ),
        LIST_CANNOT,
        LIST_UPGRADE,
        fact(
            "turns on KVM_CAP_ARM_WRITABLE_IMP_ID_REGS where the host has it",
            "firecracker-microvm/firecracker#6116",
        ),
        fact(
            "`snapshot-editor edit-vmstate remove-regs` removes registers from a snapshot",
            "firecracker 81b38b9, src/snapshot-editor/src/edit_vmstate.rs",
        ),
        fact("turns on PSCI 0.2, and what a CPU template adds: no PMU", FIRECRACKER_VCPU),
        fact(
            "`cpu-template-helper fingerprint compare` shows which values differ, and not whether \
             the host takes them",
            "firecracker 81b38b9, src/cpu-template-helper/src/fingerprint/compare.rs",
        ),
        fact("saves no GICD_IIDR", "firecracker 81b38b9, src/vmm/src/arch/aarch64/gic"),
    ],
};

/// cloud-hypervisor.
pub static CLOUD_HYPERVISOR: Vmm = Vmm {
    name: "cloud-hypervisor",
    about: "cloud-hypervisor of August 2026",
    features: &["psci_0_2", "pmu_v3", "sve"],
    order: WriteOrder::List,
    first_error_ends: true,
    writable_implementation_ids: false,
    tolerances: &[],
    properties: &[],
    configures_by: Configures::Nothing,
    removes_registers: false,
    facts: &[
        fact(
            "writes the core and SVE registers, then the others in the order of the list; the \
             first error ends the restore, without the register's number",
            CLOUD_HYPERVISOR_KVM,
        ),
        fact(
            "turns on PSCI 0.2, and the PMU and SVE where the host has them",
            CLOUD_HYPERVISOR_KVM,
        ),
        LIST_CANNOT,
        LIST_UPGRADE,
        fact("compares CPUs before a migration on x86_64 only", "cloud-hypervisor ae44c29, vmm"),
    ],
};

/// QEMU 10.
pub static QEMU_10: Vmm = Vmm {
    name: "qemu-10",
    about: "QEMU 10 with -cpu host",
    features: &["psci_0_2", "pmu_v3", "sve", "ptrauth_address", "ptrauth_generic"],
    order: WriteOrder::ById,
    first_error_ends: false,
    writable_implementation_ids: false,
    tolerances: &[],
    properties: &["aarch64", "kvm-no-adjvtime", "kvm-steal-time", "pauth", "pmu", "sve", "sve<N>"],
    configures_by: Configures::Properties,
    removes_registers: false,
    facts: &[
        QEMU_WRITES,
        QEMU_FEATURES,
        QEMU_PROPERTIES,
        fact(
            "more registers than the host has end the load: `Invalid value 258 expecting positive \
             value <= 257`, `Failed to load cpu:cpreg_vmstate_array_len`",
            "QEMU 10.0.13, from Linux 6.12.117 to 7.3.4; target/arm/machine.c",
        ),
        fact(
            "any other register that the host lacks or refuses fails the load, without its name: \
             `error while loading state for instance 0x0 of device 'cpu'`, `Operation not \
             permitted`",
            "QEMU 10.0.13, from Linux 7.3.4 to 6.12.117; target/arm/machine.c",
        ),
    ],
};

/// QEMU 11.
pub static QEMU_11: Vmm = Vmm {
    name: "qemu-11",
    about: "QEMU 11 with -cpu host",
    tolerances: &[
        Tolerance { id: TCR2_EL1, value: None },
        Tolerance { id: PIRE0_EL1, value: None },
        Tolerance { id: PIR_EL1, value: None },
        Tolerance { id: BMAP_2, value: Some(0) },
    ],
    properties: &[
        "aarch64",
        "kvm-no-adjvtime",
        "kvm-psci-version",
        "kvm-steal-time",
        "pauth",
        "pmu",
        "sve",
        "sve<N>",
    ],
    facts: &[
        QEMU_WRITES,
        QEMU_FEATURES,
        QEMU_PROPERTIES,
        fact(
            "kvm-psci-version sets the PSCI version of a new VM, from 0.1 to 1.3",
            "QEMU 11.1.3; qemu-devel 20251112181357.38999-3-sebott@redhat.com",
        ),
        fact(
            "tolerates that the host lacks TCR2_EL1, PIRE0_EL1, PIR_EL1, and \
             VENDOR_HYP_BMAP_2 if it is 0; names each register that only one side has",
            "qemu-devel 20251222134110.3649287-1-eric.auger@redhat.com; aarch64_host_initfn()",
        ),
    ],
    ..QEMU_10
};

const TCR2_EL1: RegId = RegId::sysreg(3, 0, 2, 0, 3);
const PIRE0_EL1: RegId = RegId::sysreg(3, 0, 10, 2, 2);
const PIR_EL1: RegId = RegId::sysreg(3, 0, 10, 2, 3);
const BMAP_2: RegId = RegId::firmware_bitmap(3);

/// All VMMs that are known, by name.
pub static ALL: [&Vmm; 6] =
    [&CLOUD_HYPERVISOR, &FIRECRACKER, &LIST_ORDER, &PLANNED, &QEMU_10, &QEMU_11];

/// The VMM with this name.
///
/// ```
/// assert_eq!(kvmfit::vmm::find("qemu-11").unwrap().tolerances.len(), 4);
/// ```
pub fn find(name: &str) -> Option<&'static Vmm> {
    ALL.into_iter().find(|vmm| vmm.name == name)
}

impl Vmm {
    /// Whether it restores a VM although the host lacks this register.
    pub fn tolerates(&self, id: RegId, value: Option<u64>) -> bool {
        self.tolerances.iter().any(|tolerance| {
            tolerance.id == id && (tolerance.value.is_none() || tolerance.value == value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fact_has_a_source() {
        for vmm in ALL {
            assert!(!vmm.facts.is_empty(), "{}", vmm.name);
            assert!(vmm.facts.iter().all(|fact| !fact.what.is_empty() && !fact.source.is_empty()));
        }
    }

    #[test]
    fn facts_and_data_agree() {
        let says = |vmm: &Vmm, text: &str| vmm.facts.iter().any(|fact| fact.what.contains(text));
        for vmm in ALL {
            let list = vmm.order == WriteOrder::List;
            assert_eq!(says(vmm, "cannot restore a VM whose"), list, "{}", vmm.name);
            assert_eq!(says(vmm, "sorts the registers by number"), vmm.order == WriteOrder::ById);
            let writable = vmm.writable_implementation_ids && vmm.name != PLANNED.name;
            assert_eq!(says(vmm, "KVM_CAP_ARM_WRITABLE_IMP_ID_REGS"), writable, "{}", vmm.name);
            assert_eq!(says(vmm, "removes registers"), vmm.removes_registers, "{}", vmm.name);
            assert_eq!(says(vmm, "tolerates"), !vmm.tolerances.is_empty(), "{}", vmm.name);
            let properties = vmm.configures_by == Configures::Properties;
            assert_eq!(!vmm.properties.is_empty(), properties, "{}", vmm.name);
        }
    }
}
