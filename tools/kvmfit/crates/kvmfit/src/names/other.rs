// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Registers that are not of 64 bits or not of the architecture: core, caches, firmware, SVE;
//! and the system registers that identify a CPU.

use alloc::format;
use alloc::string::{String, ToString};

use super::{bits, flag, wide, Field, RegInfo};
use crate::id::{Class, RegId, SVE_VLS};

const fn core_register(size: u64, offset: u64) -> RegId {
    RegId::new(0x6000_0000_0010_0000 | size << 52 | offset)
}

const fn known(
    id: RegId,
    name: &'static str,
    about: &'static str,
    fields: &'static [Field],
) -> RegInfo {
    RegInfo { id, name, about, fields }
}

pub(super) static REGISTERS: &[RegInfo] = &[
    known(RegId::sysreg(3, 0, 0, 0, 0), "MIDR_EL1", "which CPU it is", MIDR),
    known(RegId::sysreg(3, 0, 0, 0, 5), "MPIDR_EL1", "which CPU of the VM it is", MPIDR),
    known(RegId::sysreg(3, 0, 0, 0, 6), "REVIDR_EL1", "fixes in this revision of the CPU", &[]),
    known(RegId::sysreg(3, 1, 0, 0, 0), "CCSIDR_EL1", "the selected cache", &[]),
    known(RegId::sysreg(3, 1, 0, 0, 1), "CLIDR_EL1", "which caches there are", CLIDR),
    known(RegId::sysreg(3, 1, 0, 0, 4), "GMID_EL1", "block size of tag loads and stores", GMID),
    known(RegId::sysreg(3, 1, 0, 0, 6), "SMIDR_EL1", "the streaming mode unit", &[]),
    known(RegId::sysreg(3, 1, 0, 0, 7), "AIDR_EL1", "which auxiliary features the CPU has", &[]),
    known(RegId::sysreg(3, 3, 0, 0, 1), "CTR_EL0", "cache lines and cache maintenance", CTR),
    known(RegId::sysreg(3, 3, 0, 0, 7), "DCZID_EL0", "block size of DC ZVA", DCZID),
    known(core_register(3, 0x3e), "SP_EL0", "", &[]),
    known(core_register(3, 0x40), "PC", "", &[]),
    known(core_register(3, 0x42), "PSTATE", "", &[]),
    known(core_register(3, 0x44), "SP_EL1", "", &[]),
    known(core_register(3, 0x46), "ELR_EL1", "", &[]),
    known(core_register(3, 0x48), "SPSR_EL1", "", &[]),
    known(core_register(3, 0x4a), "SPSR_abt", "", &[]),
    known(core_register(3, 0x4c), "SPSR_und", "", &[]),
    known(core_register(3, 0x4e), "SPSR_irq", "", &[]),
    known(core_register(3, 0x50), "SPSR_fiq", "", &[]),
    known(core_register(2, 0xd4), "FPSR", "", &[]),
    known(core_register(2, 0xd5), "FPCR", "", &[]),
    known(
        RegId::firmware(0),
        "KVM_REG_ARM_PSCI_VERSION",
        "the PSCI version that a guest sees: major in bits 31:16, minor in bits 15:0",
        &[wide("minor", 0, 16, "minor version"), wide("major", 16, 16, "major version")],
    ),
    known(
        RegId::firmware(1),
        "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1",
        "the hypercall against Spectre v2 (CVE-2017-5715)",
        &[bits("state", 0, 4, "0 not available, 1 available, 2 not required")],
    ),
    known(
        RegId::firmware(2),
        "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2",
        "the hypercall against Spectre v4 (CVE-2018-3639); depends on ID_AA64PFR1_EL1.SSBS",
        &[
            bits("state", 0, 4, "0 not available, 1 unknown, 2 available, 3 not required"),
            flag("enabled", 4, "the mitigation is on for this vCPU"),
        ],
    ),
    known(
        RegId::firmware(3),
        "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3",
        "the hypercall against Spectre-BHB (CVE-2022-23960)",
        &[bits("state", 0, 4, "0 not available, 1 available, 2 not required")],
    ),
    known(
        RegId::firmware_bitmap(0),
        "KVM_REG_ARM_STD_BMAP",
        "standard secure services for a guest",
        &[flag("TRNG_V1_0", 0, "random numbers")],
    ),
    known(
        RegId::firmware_bitmap(1),
        "KVM_REG_ARM_STD_HYP_BMAP",
        "standard hypervisor services for a guest",
        &[flag("PV_TIME", 0, "stolen time")],
    ),
    known(
        RegId::firmware_bitmap(2),
        "KVM_REG_ARM_VENDOR_HYP_BMAP",
        "KVM's own services for a guest",
        &[flag("FUNC_FEAT", 0, "the list of services"), flag("PTP", 1, "the host's clock")],
    ),
    known(
        RegId::firmware_bitmap(3),
        "KVM_REG_ARM_VENDOR_HYP_BMAP_2",
        "KVM's own services for a guest, from number 64 on",
        &[
            flag("DISCOVER_IMPL_VER", 0, "version of the discovery of target CPUs"),
            flag("DISCOVER_IMPL_CPUS", 1, "discovery of the CPUs that a VM can move to"),
        ],
    ),
    known(SVE_VLS, "KVM_REG_ARM64_SVE_VLS", "the vector lengths of a VM, a bit each", &[]),
    known(
        RegId::new(0x6030_0000_0018_0008),
        "KVM_REG_ARM_CONFIG_GICD_IIDR",
        "GICD_IIDR of the interrupt controller, in a configuration of kvm-arm64-rust",
        GICD_IIDR,
    ),
];

const GICD_IIDR: &[Field] = &[
    bits("Implementer", 0, 12, "0x43b Arm"),
    bits("Revision", 12, 4, "how groups are restored: KVM's version of the emulation"),
    bits("Variant", 16, 4, "major revision"),
    bits("ProductID", 24, 8, "0x4b KVM"),
];

const MIDR: &[Field] = &[
    bits("Revision", 0, 4, "minor revision"),
    bits("PartNum", 4, 12, "part number"),
    bits("Architecture", 16, 4, "15: see the ID registers"),
    bits("Variant", 20, 4, "major revision"),
    bits("Implementer", 24, 8, "0x41 Arm, 0x43 Cavium, 0x46 Fujitsu, 0x48 HiSilicon, 0xc0 Ampere"),
];

const MPIDR: &[Field] = &[
    bits("Aff0", 0, 8, "affinity level 0"),
    bits("Aff1", 8, 8, "affinity level 1"),
    bits("Aff2", 16, 8, "affinity level 2"),
    bits("MT", 24, 1, "affinity level 0 is a thread"),
    bits("U", 30, 1, "the only CPU"),
    bits("Aff3", 32, 8, "affinity level 3"),
];

const CTR: &[Field] = &[
    bits("IminLine", 0, 4, "smallest instruction cache line, log2 of words"),
    bits("L1Ip", 14, 2, "index of the L1 instruction cache: 2 VIPT, 3 PIPT"),
    bits("DminLine", 16, 4, "smallest data cache line, log2 of words"),
    bits("ERG", 20, 4, "exclusives reservation granule, log2 of words"),
    bits("CWG", 24, 4, "cache writeback granule, log2 of words"),
    flag("IDC", 28, "no data cache clean is needed for instructions"),
    flag("DIC", 29, "no instruction cache invalidation is needed for instructions"),
    bits("TminLine", 32, 6, "tag minimum line, log2 of words"),
];

const CLIDR: &[Field] = &[
    bits("Ctype1", 0, 3, "level 1: 0 none, 1 instruction, 2 data, 3 both, 4 unified"),
    bits("Ctype2", 3, 3, "level 2"),
    bits("Ctype3", 6, 3, "level 3"),
    bits("Ctype4", 9, 3, "level 4"),
    bits("Ctype5", 12, 3, "level 5"),
    bits("Ctype6", 15, 3, "level 6"),
    bits("Ctype7", 18, 3, "level 7"),
    bits("LoUIS", 21, 3, "level of unification, inner shareable"),
    bits("LoC", 24, 3, "level of coherence"),
    bits("LoUU", 27, 3, "level of unification, uniprocessor"),
    bits("ICB", 30, 3, "inner cache boundary"),
    bits("Ttype1", 33, 2, "tags at level 1"),
    bits("Ttype2", 35, 2, "tags at level 2"),
    bits("Ttype3", 37, 2, "tags at level 3"),
    bits("Ttype4", 39, 2, "tags at level 4"),
    bits("Ttype5", 41, 2, "tags at level 5"),
    bits("Ttype6", 43, 2, "tags at level 6"),
    bits("Ttype7", 45, 2, "tags at level 7"),
];

// The format of 32 bits, where ID_AA64MMFR2_EL1.CCIDX is 0.
pub(super) const CCSIDR: &[Field] = &[
    bits("LineSize", 0, 3, "log2 of words in a line, minus 2"),
    bits("Associativity", 3, 10, "ways, minus 1"),
    bits("NumSets", 13, 15, "sets, minus 1"),
];

const GMID: &[Field] = &[bits("BS", 0, 4, "block size, log2 of words")];

const DCZID: &[Field] =
    &[bits("BS", 0, 4, "block size, log2 of words"), bits("DZP", 4, 1, "DC ZVA is prohibited")];

/// The name of a register that has a number in its name.
pub(super) fn indexed(id: RegId) -> Option<String> {
    let index = id.index();
    let n = index >> 5 & 31;
    Some(match id.class() {
        Class::Core if id.raw() == core_register(3, u64::from(index)).raw() => match index {
            0..=0x3c if index % 2 == 0 => format!("X{}", index / 2),
            _ => return None,
        },
        Class::Core if id.raw() == core_register(4, u64::from(index)).raw() => match index {
            0x54..=0xd3 if index % 4 == 0 => format!("V{}", (index - 0x54) / 4),
            _ => return None,
        },
        // Bits 15:8 are the kind of demultiplexed register: 0 is CCSIDR, by CSSELR.
        Class::Demux if index < 14 && id.size() == Some(4) => {
            let kind = if index & 1 == 1 { "instruction" } else { "data or unified" };
            format!("CCSIDR_EL1[L{} {kind}]", index / 2 + 1)
        }
        Class::Sve => match (id.size(), index & !(31 << 5 | 31), index & 31) {
            (Some(256), 0, slice) => slice_name("Z", n, slice),
            (Some(32), 0x400, slice) if n < 16 => slice_name("P", n, slice),
            // FFR has the number that follows P15.
            (Some(32), 0x400, 0) if n == 16 => "FFR".to_string(),
            _ => return None,
        },
        _ => return None,
    })
}

fn slice_name(kind: &str, n: u16, slice: u16) -> String {
    if slice == 0 {
        format!("{kind}{n}")
    } else {
        format!("{kind}{n}[{slice}]")
    }
}

/// The registers that [`indexed`] names.
pub(super) fn candidates() -> impl Iterator<Item = RegId> {
    let x = (0..31).map(|n| core_register(3, 2 * n));
    let v = (0..32).map(|n| core_register(4, 0x54 + 4 * n));
    let ccsidr = (0..14).map(|n| RegId::new(0x6020_0000_0011_0000 | n));
    let z = (0..32).map(|n| RegId::new(0x6080_0000_0015_0000 | n << 5));
    let p = (0..17).map(|n| RegId::new(0x6050_0000_0015_0400 | n << 5));
    x.chain(v).chain(ccsidr).chain(z).chain(p)
}
