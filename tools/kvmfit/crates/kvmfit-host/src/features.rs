// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The features of vCPUs, and which sets of them a host has.

use kvmfit::dump::{self, FEATURES, VGIC_V2, VGIC_V3};
use kvmfit::explain::errno_name;

use crate::backend::{Backend, Spec};
use crate::caps;
use crate::error::Error;

pub(crate) const EL1_32BIT: u32 = 1 << 1;
pub(crate) const PSCI_0_2: u32 = 1 << 2;
pub(crate) const PMU_V3: u32 = 1 << 3;
pub(crate) const SVE: u32 = 1 << 4;
pub(crate) const PTRAUTH: u32 = 1 << 5 | 1 << 6;
pub(crate) const HAS_EL2: u32 = 1 << 7;
pub(crate) const HAS_EL2_E2H0: u32 = 1 << 8;
/// No feature of a vCPU: `KVM_CAP_ARM_MTE` of its VM.
pub(crate) const MTE: u32 = 1 << 31;

/// What may be added to a VM, and the capabilities that say so.
const OPTIONS: &[(u32, &[u32])] = &[
    (SVE, &[170]),
    (PMU_V3, &[126]),
    (PTRAUTH, &[171, 172]),
    (EL1_32BIT, &[93]),
    (HAS_EL2, &[240]),
    (HAS_EL2 | HAS_EL2_E2H0, &[240, 241]),
    (MTE, &[caps::MTE]),
];

pub(crate) fn known() -> String {
    [&FEATURES[..], &[dump::MTE, VGIC_V2, VGIC_V3]].concat().join(", ")
}

/// The names of the bits in `features`, sorted.
pub(crate) fn names(features: u32) -> Vec<String> {
    let mut names: Vec<String> = FEATURES
        .iter()
        .enumerate()
        .filter(|(bit, _)| features >> bit & 1 == 1)
        .map(|(_, name)| (*name).to_string())
        .collect();
    if features & MTE != 0 {
        names.push(dump::MTE.to_string());
    }
    names.sort_unstable();
    names
}

/// The bits of `names`. What says which interrupt controller there is has none.
pub(crate) fn bits<S: AsRef<str>>(names: &[S]) -> Result<u32, Error> {
    names.iter().map(AsRef::as_ref).try_fold(0, |bits, name| {
        if name == VGIC_V2 || name == VGIC_V3 {
            return Ok(bits);
        }
        if name == dump::MTE {
            return Ok(bits | MTE);
        }
        match FEATURES.iter().position(|known| *known == name) {
            Some(bit) => Ok(bits | 1 << bit),
            None => Err(Error::UnknownFeature { name: name.to_string() }),
        }
    })
}

/// The sets of features that the host has, the smallest first, and what it lacks.
pub(crate) fn sets(backend: &dyn Backend) -> (Vec<u32>, Vec<String>) {
    let (mut sets, mut lacks, mut usable) = (vec![PSCI_0_2], Vec::new(), Vec::new());
    for &(features, capabilities) in OPTIONS {
        let text = names(features).join(", ");
        if let Some(number) = capabilities.iter().find(|&&n| backend.check_extension(n) <= 0) {
            lacks.push(format!("{text}: {} is 0", caps::name(*number)));
            continue;
        }
        match possible(backend, PSCI_0_2 | features) {
            Ok(()) => {
                sets.push(PSCI_0_2 | features);
                usable.push(features);
            }
            Err(why) => lacks.push(format!("{text}: {why}")),
        }
    }
    // All that go together, without and with EL2.
    for el2 in [0, HAS_EL2] {
        if el2 != 0 && !usable.contains(&el2) {
            continue;
        }
        let mut all = PSCI_0_2 | el2;
        for features in [SVE, PMU_V3, PTRAUTH] {
            if usable.contains(&features) && possible(backend, all | features).is_ok() {
                all |= features;
            }
        }
        // VMs mostly have no tagged memory.
        for set in [all, all | MTE] {
            let has = set & MTE == 0 || usable.contains(&MTE) && possible(backend, set).is_ok();
            if has && !sets.contains(&set) {
                sets.push(set);
            }
        }
    }
    (sets, lacks)
}

fn possible(backend: &dyn Backend, features: u32) -> Result<(), String> {
    match backend.new_vm(&Spec { features, vcpus: 1, ..Spec::default() }) {
        Ok(_) => Ok(()),
        Err(refused) => Err(format!("{}: {}", refused.what, errno_name(refused.errno.0))),
    }
}
