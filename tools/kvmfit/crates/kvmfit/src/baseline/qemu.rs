// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A baseline as an argument of QEMU's `-cpu`: only what every host's QEMU takes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::{Baseline, Have};
use crate::id::{RegId, SVE_VLS};
use crate::vmm::{self, Vmm};

/// The PSCI versions that QEMU knows by name.
const PSCI_VERSIONS: [&str; 6] = ["0.1", "0.2", "1.0", "1.1", "1.2", "1.3"];

pub(super) fn argument(baseline: &Baseline, vmm: &Vmm, notes: &mut Vec<String>) -> String {
    // Of a VMM that is no QEMU, what any QEMU takes.
    let known = if vmm.properties.is_empty() { vmm::QEMU_10.properties } else { vmm.properties };
    let has = |feature: &str| baseline.features.iter().any(|name| name == feature);
    let on = |property: &str, on| format!("{property}={}", if on { "on" } else { "off" });
    let mut cpu = vec!["host".to_string()];
    if has("el1_32bit") {
        cpu.push(on("aarch64", false));
    }
    match (has("pmu_v3"), baseline.pmu) {
        (true, _) => cpu.push(on("pmu", true)),
        (false, Have::All) => cpu.push(on("pmu", false)),
        (false, Have::None) => {}
        (false, _) => notes.push(
            "add pmu=off on hosts with a PMU only: on the others QEMU does not know the property"
                .to_string(),
        ),
    }
    if !has("el1_32bit") {
        cpu.push(on("sve", has("sve")));
        cpu.extend(lengths(baseline).map(|bits| format!("sve{bits}=on")));
        cpu.push(on("pauth", has("ptrauth_address")));
    }
    match baseline.steal_time {
        // QEMU turns it on where the host has it.
        Have::Some => cpu.push(on("kvm-steal-time", false)),
        Have::Unknown => notes.push(
            "add kvm-steal-time=off unless all hosts have KVM_CAP_STEAL_TIME, or none".to_string(),
        ),
        Have::All | Have::None => {}
    }
    for (feature, machine) in [
        (crate::dump::VGIC_V2, "gic-version=2"),
        (crate::dump::VGIC_V3, "gic-version=3"),
        (crate::dump::MTE, "mte=on"),
        ("has_el2", "virtualization=on"),
    ] {
        if has(feature) {
            notes.push(format!("the VM needs `-M virt,{machine}`"));
        }
    }
    let mut lacks = 0;
    for register in baseline.changed() {
        let value = register.value.as_u64().unwrap_or(0);
        let version = format!("{}.{}", value >> 16, value & 0xffff);
        match register.id {
            SVE_VLS => {}
            id if id == RegId::firmware(0)
                && known.contains(&"kvm-psci-version")
                && PSCI_VERSIONS.contains(&version.as_str()) =>
            {
                cpu.push(format!("kvm-psci-version={version}"));
            }
            _ => {
                lacks += 1;
                notes.push(format!("{}: QEMU has no property for it", register.name));
            }
        }
    }
    if lacks > 0 {
        let text =
            format!("this does not make the whole baseline: {lacks} registers are as on the host");
        notes.push(text);
    }
    cpu.join(",")
}

/// The vector lengths of the VM in bits, if new VMs of the hosts do not all have the same.
fn lengths(baseline: &Baseline) -> impl Iterator<Item = u32> {
    let vls = baseline.changed().find(|register| register.id == SVE_VLS);
    let lengths = vls.and_then(|register| register.value.as_u64()).unwrap_or(0);
    (0..16).filter(move |bit| lengths >> bit & 1 == 1).map(|bit| 128 * (bit + 1))
}
