// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Which scratch VMs of several dumps to compare.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Dump, Vgic, Vm};
use crate::id::RegId;
use crate::state::VgicModel;
use crate::vmm::Vmm;

/// Among the features of a scratch VM: it has a `GICv2` of the kernel.
pub const VGIC_V2: &str = "vgic_v2";
/// Among the features of a scratch VM: it has a `GICv3` of the kernel.
pub const VGIC_V3: &str = "vgic_v3";

/// There are no scratch VMs that are alike.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAlike {
    /// There is no host.
    #[error("a dump of at least one host is needed")]
    NoHost,
    /// A host was not measured with the features.
    #[error(
        "host {host} was not measured with the features {features}: run `kvmfit dump` there with \
         the same --features; it has VMs with {has}"
    )]
    Features {
        /// Its place in the list, from 1.
        host: usize,
        /// The features.
        features: String,
        /// Those of its VMs.
        has: String,
    },
    /// No features are those of a VM on each host.
    #[error("the hosts were not measured with the same features: run `kvmfit dump` on each again")]
    Nothing,
}

/// A scratch VM of each dump, all with the same features and the same interrupt controller.
///
/// Without `features` they are the most of those that the VMM turns on and all hosts have. A VM
/// with a `GICv3` of the kernel is preferred to one with a `GICv2`, and that to one without.
///
/// ```
/// use kvmfit::dump::{alike, Dump, Host, Vm};
/// use kvmfit::vmm;
///
/// let host = |sets: &[&str]| {
///     let mut dump = Dump::new("example", Host::new("7.3.4", 0x413fd0c1));
///     let features = |set: &&str| set.split(',').map(String::from).collect();
///     dump.vms.extend(sets.iter().map(|set| Vm::new(features(set))));
///     dump
/// };
/// let old = host(&["psci_0_2", "pmu_v3,psci_0_2"]);
/// let new = host(&["psci_0_2", "psci_0_2,sve", "pmu_v3,psci_0_2"]);
/// let vms = alike(&[&old, &new], None, &vmm::QEMU_11)?;
/// assert_eq!(vms[1].features, ["pmu_v3", "psci_0_2"]);
/// // Firecracker's VMs have no PMU.
/// assert_eq!(alike(&[&old, &new], None, &vmm::FIRECRACKER)?[0].features, ["psci_0_2"]);
/// # Ok::<(), kvmfit::dump::NotAlike>(())
/// ```
///
/// # Errors
///
/// [`NotAlike`], if there is no host, or if the hosts were not measured with the same features.
pub fn alike<'a>(
    dumps: &[&'a Dump],
    features: Option<&[String]>,
    vmm: &Vmm,
) -> Result<Vec<&'a Vm>, NotAlike> {
    let first = dumps.first().ok_or(NotAlike::NoHost)?;
    let sets = match features {
        Some(features) => vec![plain(features)],
        None => best_first(first, vmm),
    };
    let named = features.and_then(model);
    for model in [Some(VgicModel::V3), Some(VgicModel::V2), None] {
        if named.is_some() && named != model {
            continue;
        }
        for set in &sets {
            let vms: Option<Vec<&Vm>> = dumps.iter().map(|dump| dump.like(set, model)).collect();
            if let Some(vms) = vms {
                return Ok(vms);
            }
        }
    }
    let Some(features) = features else { return Err(NotAlike::Nothing) };
    let lacks = |dump: &&Dump| dump.like(&sets[0], named).is_none();
    let host = dumps.iter().position(lacks).unwrap_or(0);
    let has: Vec<String> = dumps[host].vms.iter().map(|vm| vm.features.join(",")).collect();
    Err(NotAlike::Features { host: host + 1, features: features.join(","), has: has.join("; ") })
}

/// The features, sorted and without the name of an interrupt controller.
pub(crate) fn plain<S: AsRef<str>>(features: &[S]) -> Vec<&str> {
    let names = features.iter().map(AsRef::as_ref);
    let mut names: Vec<&str> = names.filter(|name| *name != VGIC_V2 && *name != VGIC_V3).collect();
    names.sort_unstable();
    names
}

/// The interrupt controller that is among the features.
pub(crate) fn model<S: AsRef<str>>(features: &[S]) -> Option<VgicModel> {
    let says = |name| features.iter().any(|feature| feature.as_ref() == name);
    match () {
        () if says(VGIC_V3) => Some(VgicModel::V3),
        () if says(VGIC_V2) => Some(VgicModel::V2),
        () => None,
    }
}

/// The sets of features of a dump, those first that a VM of the VMM is most likely to have.
fn best_first<'a>(dump: &'a Dump, vmm: &Vmm) -> Vec<Vec<&'a str>> {
    let mut sets: Vec<Vec<&str>> = dump.vms.iter().map(|vm| plain(&vm.features)).collect();
    sets.sort_by_key(|set| {
        let has: Vec<bool> = vmm.features.iter().map(|name| set.contains(name)).collect();
        let others = set.iter().filter(|name| !vmm.features.contains(name)).count();
        (others, Reverse(has))
    });
    sets.dedup();
    sets
}

impl Dump {
    /// The scratch VM that is like all VMs with these features, which are [`plain`], and this
    /// interrupt controller of the kernel.
    ///
    /// A dump has VMs with an interrupt controller only where that makes a difference; otherwise
    /// the VM without one is like those with it.
    pub(crate) fn like<'a>(&'a self, plain: &[&str], vgic: Option<VgicModel>) -> Option<&'a Vm> {
        let Some(vgic) = vgic else { return self.vm(plain) };
        if self.lacks_vgic(vgic) {
            return None;
        }
        if !self.depends_on(vgic) {
            return self.vm(plain);
        }
        let name = match vgic {
            VgicModel::V2 => VGIC_V2,
            VgicModel::V3 => VGIC_V3,
        };
        self.vm(&[plain, &[name]].concat())
    }

    /// Whether the dump says that the host does not emulate this interrupt controller.
    pub(crate) fn lacks_vgic(&self, model: VgicModel) -> bool {
        !self.vgic.is_empty() && !self.vgic.iter().any(|vgic| vgic.model == model)
    }

    /// Whether VMs with this interrupt controller were found to differ from those without one.
    pub(crate) fn depends_on(&self, vgic: VgicModel) -> bool {
        self.vms.iter().any(|vm| model(&vm.features) == Some(vgic))
    }

    /// The interrupt controller of a new VM like `vm`: its own, or else the newest that makes no
    /// difference.
    pub(super) fn vgic_of(&self, vm: &Vm) -> Option<&Vgic> {
        let own = model(&vm.features);
        let fits = |vgic: &&Vgic| match own {
            Some(own) => vgic.model == own,
            None => !self.depends_on(vgic.model),
        };
        self.vgic.iter().filter(fits).max_by_key(|vgic| vgic.model)
    }

    /// The scratch VM whose registers are most like these, among those that have the interrupt
    /// controller, if it is known.
    pub(crate) fn nearest(&self, ids: &BTreeSet<RegId>, vgic: Option<VgicModel>) -> Option<&Vm> {
        let fits = |vm: &&Vm| match (vgic, model(&vm.features)) {
            (Some(vgic), own) if self.depends_on(vgic) => own == Some(vgic),
            (Some(_), own) => own.is_none(),
            (None, _) => true,
        };
        // VMs mostly have an interrupt controller.
        self.vms.iter().filter(fits).min_by_key(|vm| {
            let shared = vm.registers.iter().filter(|register| ids.contains(&register.id)).count();
            let (lacks, more) = (ids.len() - shared, vm.registers.len() - shared);
            (lacks, more, Reverse(model(&vm.features)))
        })
    }
}

impl NotAlike {
    /// What is wrong with one host, for a message that names it itself.
    pub fn of_host(&self) -> String {
        match self {
            Self::Features { features, has, .. } => {
                alloc::format!("it has no VM with {features}; it has those with {has}")
            }
            other => other.to_string(),
        }
    }
}
