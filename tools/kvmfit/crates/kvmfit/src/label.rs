// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Labels of a node, by which a scheduler keeps a VM from hosts that refuse it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use serde::Serialize;

use crate::baseline::Baseline;
use crate::dump::{Dump, Vm};
use crate::id::RegId;
use crate::plan::{plan, Verdict};
use crate::takes::Takes;
use crate::vmm::Vmm;

/// The labels of a host, by name. Names and values are such as Kubernetes takes.
///
/// | label | hosts with one value |
/// |---|---|
/// | `kvmfit/host` | take each other's VMs: they have and take the same |
/// | `kvmfit/vm` | give a new VM the same configuration |
/// | `kvmfit/list` | have the same registers |
/// | `kvmfit/psci` | have the same PSCI version, such as `1.3` |
/// | `kvmfit/baseline` | take a VM of the baseline |
///
/// A host that does not take the baseline, or whose dump does not say so, has no label
/// `kvmfit/baseline`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Labels(pub BTreeMap<String, String>);

/// The labels of a host for VMs like `vm`, one of the dump's.
///
/// ```
/// use kvmfit::dump::{Dump, Host, Register, Vm};
/// use kvmfit::id::RegId;
/// use kvmfit::{label, vmm};
///
/// let mut host = Dump::new("example", Host::new("7.3.4", 0x413fd0c1));
/// let mut vm = Vm::new(vec!["psci_0_2".into()]);
/// vm.registers.push(Register::new(RegId::firmware(0), 0x10003.into()));
/// let labels = label::labels(&host, &vm, None, &vmm::PLANNED);
/// assert_eq!(labels.0["kvmfit/psci"], "1.3");
/// ```
pub fn labels(dump: &Dump, vm: &Vm, baseline: Option<&Baseline>, vmm: &Vmm) -> Labels {
    let mut labels = BTreeMap::new();
    let mut set = |name: &str, value: String| labels.insert(format!("kvmfit/{name}"), value);
    set("host", of_host(vm));
    set("vm", of_vm(vm));
    set("list", of_list(vm));
    if let Some(version) = vm.register(RegId::firmware(0)).and_then(|reg| reg.value.as_u64()) {
        set("psci", format!("{}.{}", version >> 16 & 0xffff, version & 0xffff));
    }
    if let Some(baseline) = baseline {
        if plan(&baseline.state(), dump, vmm).verdict == Verdict::Yes {
            set("baseline", of_baseline(baseline));
        }
    }
    Labels(labels)
}

/// FNV-1a of 64 bits: it never changes, and a collision is of use to nobody.
struct Hash(u64);

impl Hash {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, text: &str) {
        // A byte that no text has ends each text.
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

fn of_list(vm: &Vm) -> String {
    let mut hash = Hash::new();
    vm.registers.iter().for_each(|register| hash.add(&register.id.to_string()));
    hash.text()
}

fn of_vm(vm: &Vm) -> String {
    let mut hash = Hash::new();
    for register in vm.registers.iter().filter(|register| register.id.configures()) {
        hash.add(&register.id.to_string());
        hash.add(&register.value.to_string());
    }
    hash.text()
}

fn of_host(vm: &Vm) -> String {
    let mut hash = Hash::new();
    for register in &vm.registers {
        hash.add(&register.id.to_string());
        if register.id.configures() {
            hash.add(&register.value.to_string());
        }
        // Without the combinations that were tried: they are random.
        if let Some(takes) = &register.takes {
            hash.add(&takes.to_string());
            if let Takes::Digits(digits) = takes {
                let sets = digits.conflicts.iter().flat_map(|conflict| &conflict.digits);
                sets.for_each(|set| hash.add(&set.to_string()));
            }
        }
    }
    for affects in &vm.affects {
        hash.add(&format!("{} {} {}", affects.id, affects.digit, affects.value));
        affects.targets().for_each(|target| hash.add(&target.to_string()));
    }
    hash.text()
}

fn of_baseline(baseline: &Baseline) -> String {
    let mut hash = Hash::new();
    baseline.features.iter().for_each(|feature| hash.add(feature));
    for register in &baseline.registers {
        hash.add(&register.id.to_string());
        hash.add(&register.value.to_string());
    }
    hash.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::baseline;
    use crate::testing::*;
    use crate::vmm;

    #[test]
    fn labels_are_stable() {
        let mut hash = Hash::new();
        hash.add("");
        assert_eq!(hash.text(), "af64724c8602eb6e");
        let labels = labels(&host(), &host().vms[0], None, &vmm::PLANNED);
        assert_eq!(labels.0["kvmfit/psci"], "1.3");
        assert_eq!(labels.0.len(), 4);
        for (name, value) in &labels.0 {
            let good = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            assert!(value.len() <= 63 && value.chars().all(good), "{name}={value}");
        }
    }

    #[test]
    fn hosts_that_take_less_have_another_label() {
        let (a, mut b) = (host(), host());
        b.vms[0].registers[1].takes = Some(values(&[1, 2]));
        let [a, b] = [&a, &b].map(|dump| labels(dump, &dump.vms[0], None, &vmm::PLANNED).0);
        assert_ne!(a["kvmfit/host"], b["kvmfit/host"]);
        assert_eq!(a["kvmfit/vm"], b["kvmfit/vm"]);
        assert_eq!(a["kvmfit/list"], b["kvmfit/list"]);
    }

    #[test]
    fn hosts_that_take_the_baseline_share_a_label() {
        let (a, mut b) = (host(), host());
        b.vms[0].registers[4] = register(PFR1, 0x10, Some(lower(0x10)));
        let baseline = baseline(&[&a, &b], None, &vmm::PLANNED).unwrap();
        let label = |dump: &Dump| {
            let labels = labels(dump, &dump.vms[0], Some(&baseline), &vmm::PLANNED).0;
            labels.get("kvmfit/baseline").cloned()
        };
        assert!(label(&b).is_some());
        b.vms[0].registers[4] = register(PFR1, 0, Some(lower(0)));
        assert_eq!(label(&b), None);
    }
}
