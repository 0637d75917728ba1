// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Levels of kvm-arm64-rust, and how a VM at a level differs from one under that release of Linux.

use alloc::format;
use alloc::string::String;

use serde::Serialize;

use crate::id::RegId;

/// A capability by which a VM has a level.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Levels {
    /// The capability.
    pub name: &'static str,
    /// What a level is.
    pub about: &'static str,
    /// How a level is chosen.
    pub chosen_by: &'static str,
    /// The levels, which are releases of Linux, the oldest first.
    pub levels: &'static [&'static str],
    /// What the architecture or security forbids, and what no level changes.
    pub exceptions: &'static [Exception],
}

/// A difference between a VM at a level and one under that release.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Exception {
    /// The levels that it concerns, the oldest first.
    pub levels: &'static [&'static str],
    /// The registers that it concerns, if any.
    pub registers: &'static [Registers],
    /// What the VM is like.
    pub what: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// Registers whose numbers follow each other.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Registers {
    /// The first one.
    pub first: RegId,
    /// The last one.
    pub last: RegId,
}

const fn range(first: RegId, last: RegId) -> Registers {
    Registers { first, last }
}

const fn one(id: RegId) -> Registers {
    range(id, id)
}

const ALL: &[&str] = &["6.1", "6.12", "6.16", "6.18"];
const TO_6_16: &[&str] = &["6.1", "6.12", "6.16"];

const ID_PFR0_EL1: RegId = RegId::sysreg(3, 0, 0, 1, 0);
const ID_DFR0_EL1: RegId = RegId::sysreg(3, 0, 0, 1, 2);
const LAST_OF_AARCH32: RegId = RegId::sysreg(3, 0, 0, 3, 7);
const ID_AA64PFR0_EL1: RegId = RegId::sysreg(3, 0, 0, 4, 0);
const ID_AA64PFR1_EL1: RegId = RegId::sysreg(3, 0, 0, 4, 1);
const ID_AA64DFR0_EL1: RegId = RegId::sysreg(3, 0, 0, 5, 0);
const TCR2_EL1: RegId = RegId::sysreg(3, 0, 2, 0, 3);
const PIRE0_EL1: RegId = RegId::sysreg(3, 0, 10, 2, 2);
const PIR_EL1: RegId = RegId::sysreg(3, 0, 10, 2, 3);
const PMCR_EL0: RegId = RegId::sysreg(3, 3, 9, 12, 0);
const CNTP_CTL_EL0: RegId = RegId::sysreg(3, 3, 14, 2, 1);
const CNTV_CTL_EL0: RegId = RegId::sysreg(3, 3, 14, 3, 1);
const PMEVTYPER0_EL0: RegId = RegId::sysreg(3, 3, 14, 12, 0);
const PMEVTYPER30_EL0: RegId = RegId::sysreg(3, 3, 14, 15, 6);
const CONFIG_GICD_IIDR: RegId = RegId::new(0x6030_0000_0018_0008);

/// `KVM_CAP_ARM_COMPAT`.
///
/// Documentation/virt/kvm/arm/rust-compat.rst of kvm-arm64-rust has the same exceptions, in the
/// same words.
pub static COMPAT: Levels = Levels {
    name: "KVM_CAP_ARM_COMPAT",
    about: "a VM of kvm-arm64-rust behaves as under the KVM of an older release of Linux, as far \
            as userspace and migration can see a difference",
    chosen_by: "for all VMs of a host by `kvm-arm.compat=6.12` on the kernel's command line, for \
                one VM by KVM_ENABLE_CAP, before its first vCPU",
    levels: ALL,
    exceptions: &[
        Exception {
            levels: ALL,
            registers: &[one(ID_AA64PFR0_EL1)],
            what: "ID_AA64PFR0_EL1.EL0 and EL1 do not take 0",
            reason: "a guest without AArch64 at EL1 cannot run; older kernels took the value",
        },
        Exception {
            levels: ALL,
            registers: &[one(ID_DFR0_EL1), one(ID_AA64DFR0_EL1)],
            what: "ID_DFR0_EL1.PerfMon and ID_AA64DFR0_EL1.PMUVer do not take 8 to 14",
            reason: "they would promise a version of the PMU that the host does not have",
        },
        Exception {
            levels: ALL,
            registers: &[one(CONFIG_GICD_IIDR)],
            what: "GICD_IIDR takes no revision but 2 and 3",
            reason: "older kernels took any, and ignored it",
        },
        Exception {
            levels: &["6.12"],
            registers: &[one(TCR2_EL1), one(PIRE0_EL1), one(PIR_EL1)],
            what: "TCR2_EL1, PIR_EL1 and PIRE0_EL1 take one value, on a CPU without them",
            reason: "a guest cannot have changed them there; 6.12 took any value, which had no \
                     effect",
        },
        Exception {
            levels: TO_6_16,
            registers: &[one(CNTP_CTL_EL0), one(CNTV_CTL_EL0)],
            what: "CNTV_CTL_EL0.ISTATUS and CNTP_CTL_EL0.ISTATUS of a new VM are 0",
            reason: "the state of a timer that is disabled is UNKNOWN; it is ignored when written",
        },
        Exception {
            levels: &["6.1"],
            registers: &[one(PMCR_EL0), range(PMEVTYPER0_EL0, PMEVTYPER30_EL0)],
            what: "PMCR_EL0 and PMEVTYPER<n>_EL0 of a new VM have other values",
            reason: "they are UNKNOWN after a reset; all values are taken in both directions",
        },
        Exception {
            levels: &["6.1"],
            registers: &[one(ID_AA64PFR0_EL1), one(ID_AA64PFR1_EL1)],
            what: "ID_AA64PFR0_EL1.MPAM and ID_AA64PFR1_EL1.MPAM_frac are 0",
            reason:
                "a guest that sees them would use registers that are UNDEFINED now; the host's \
                     values are accepted",
        },
        Exception {
            levels: TO_6_16,
            registers: &[one(ID_AA64PFR1_EL1)],
            what: "ID_AA64PFR1_EL1.RAS_frac is 0 unless the host has RAS 1.1",
            reason: "it promises registers that KVM does not emulate",
        },
        Exception {
            levels: ALL,
            registers: &[range(ID_PFR0_EL1, LAST_OF_AARCH32)],
            what: "AArch32 ID registers of a host without AArch32 are 0",
            reason: "they are UNKNOWN by the architecture; any value is accepted",
        },
        Exception {
            levels: ALL,
            registers: &[],
            what: "VMs cannot have EL2",
            reason: "no release was measured with nested guests; without a level they can",
        },
        Exception {
            levels: ALL,
            registers: &[],
            what: "Other capabilities, and ioctls, are as without a level",
            reason:
                "a VM has what its VMM asks for; a VMM that asks for something new cannot move \
                     VMs to a kernel without it",
        },
    ],
};

/// What finds [`COMPAT`]: the capability, the parameter of the kernel, and what people call it.
const NAMES: [&str; 5] = ["KVM_CAP_ARM_COMPAT", "kvm-arm.compat", "compat", "level", "levels"];

/// The capability with this name, in any case.
///
/// ```
/// assert_eq!(kvmfit::level::find("compat").unwrap().name, "KVM_CAP_ARM_COMPAT");
/// ```
pub fn find(name: &str) -> Option<&'static Levels> {
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)).then_some(&COMPAT)
}

impl Levels {
    /// The exceptions that concern a register.
    pub fn of_register(&self, id: RegId) -> impl Iterator<Item = &'static Exception> {
        self.exceptions.iter().filter(move |exception| exception.concerns(id))
    }
}

impl Exception {
    /// Whether it concerns a register.
    pub fn concerns(&self, id: RegId) -> bool {
        self.registers.iter().any(|range| range.first <= id && id <= range.last)
    }

    /// The levels in words: `all levels`, `level 6.12`, or `levels 6.1 to 6.16`.
    pub fn at(&self) -> String {
        match self.levels {
            all if all == COMPAT.levels => "all levels".into(),
            [first, .., last] => format!("levels {first} to {last}"),
            levels => format!("level {}", levels.concat()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;
    use alloc::vec::Vec;

    fn of(name: &str) -> Vec<&'static str> {
        let id = names::find(name).unwrap_or_else(|| panic!("{name}"));
        COMPAT.of_register(id).map(|exception| exception.what).collect()
    }

    #[test]
    fn each_exception_has_a_reason() {
        for exception in COMPAT.exceptions {
            assert!(!exception.what.is_empty() && !exception.reason.is_empty(), "{exception:?}");
        }
    }

    #[test]
    fn the_levels_of_an_exception_follow_each_other() {
        for exception in COMPAT.exceptions {
            let mut runs = COMPAT.levels.windows(exception.levels.len().max(1));
            assert!(runs.any(|run| run == exception.levels), "{exception:?}");
        }
    }

    #[test]
    fn levels_are_said_in_words() {
        let at = |what: &str| {
            let mut exceptions = COMPAT.exceptions.iter();
            exceptions.find(|exception| exception.what.starts_with(what)).unwrap().at()
        };
        assert_eq!(at("GICD_IIDR"), "all levels");
        assert_eq!(at("TCR2_EL1"), "level 6.12");
        assert_eq!(at("CNTV_CTL_EL0"), "levels 6.1 to 6.16");
    }

    #[test]
    fn an_exception_has_the_registers_that_it_names() {
        for exception in COMPAT.exceptions {
            for range in exception.registers {
                assert!(range.first <= range.last, "{exception:?}");
                if range.first == range.last {
                    let name = names::name(range.first);
                    let name = name.trim_start_matches("KVM_REG_ARM_CONFIG_");
                    assert!(exception.what.contains(name), "{name}: {exception:?}");
                }
            }
        }
        for name in ["PMEVTYPER0_EL0", "PMEVTYPER30_EL0"] {
            assert!(of(name)[0].contains("PMEVTYPER<n>_EL0"), "{name}");
        }
        for name in ["ID_PFR0_EL1", "MVFR2_EL1", "ID_MMFR5_EL1"] {
            assert!(of(name)[0].starts_with("AArch32"), "{name}");
        }
        assert_eq!(of("ID_AA64PFR1_EL1").len(), 2);
        for name in ["PMCCFILTR_EL0", "MPIDR_EL1", "ID_AA64ZFR0_EL1", "SCTLR_EL1"] {
            assert_eq!(of(name), [""; 0], "{name}");
        }
    }

    #[test]
    fn it_is_found_by_what_people_call_it() {
        for name in ["KVM_CAP_ARM_COMPAT", "kvm_cap_arm_compat", "Level", "kvm-arm.compat"] {
            assert!(find(name).is_some(), "{name}");
            assert!(names::find(name).is_none(), "{name}");
        }
        for name in ["", "native", "KVM_CAP_ARM_MIGRATION", "ID_AA64PFR0_EL1"] {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
