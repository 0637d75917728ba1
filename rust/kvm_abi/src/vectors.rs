// SPDX-License-Identifier: GPL-2.0

//! The ABI as tables: test vectors for the host's tests and for the kernel's KUnit suites.
//!
//! The tables come from the documentation and from observed hosts, not from the code that they
//! test.

use crate::{FeatureBitmap, FwReg, Mitigation, PsciVersion, RanOnce, Reject};

/// Each register with its id, in the order of `KVM_GET_REG_LIST`.
pub const REGISTERS: [(FwReg, u64); 8] = [
    (FwReg::PsciVersion, 0x6030_0000_0014_0000),
    (FwReg::Workaround1, 0x6030_0000_0014_0001),
    (FwReg::Workaround2, 0x6030_0000_0014_0002),
    (FwReg::Workaround3, 0x6030_0000_0014_0003),
    (FwReg::Bitmap(FeatureBitmap::Std), 0x6030_0000_0016_0000),
    (FwReg::Bitmap(FeatureBitmap::StdHyp), 0x6030_0000_0016_0001),
    (
        FwReg::Bitmap(FeatureBitmap::VendorHyp),
        0x6030_0000_0016_0002,
    ),
    (
        FwReg::Bitmap(FeatureBitmap::VendorHyp2),
        0x6030_0000_0016_0003,
    ),
];

/// Each version of PSCI with its value in the register.
pub const PSCI_VERSIONS: [(PsciVersion, u64); 6] = [
    (PsciVersion::V0_1, 0x1),
    (PsciVersion::V0_2, 0x2),
    (PsciVersion::V1_0, 0x1_0000),
    (PsciVersion::V1_1, 0x1_0001),
    (PsciVersion::V1_2, 0x1_0002),
    (PsciVersion::V1_3, 0x1_0003),
];

/// The end of the range of PSCI versions that tests try exhaustively; 0x10003 is the last version.
pub const PSCI_VALUES_END: u64 = 0x1_0005;

/// The end of the range of the workarounds' values that tests try: all levels, `ENABLED`, and one
/// bit that does not exist.
pub const WORKAROUND_VALUES_END: u64 = 0x3f;

/// For each state of the host: the value of `WORKAROUND_1` and `_3`, and the highest one accepted.
pub const WORKAROUND_1_3: [(Mitigation, u64, u64); 3] = [
    (Mitigation::Vulnerable, 0, 0),
    (Mitigation::Mitigated, 1, 1),
    (Mitigation::Unaffected, 2, 2),
];

/// For each state of the host and of SSBS: the value of `WORKAROUND_2`, and all accepted values.
pub const WORKAROUND_2: [(Mitigation, bool, u64, &[u64]); 6] = [
    (Mitigation::Vulnerable, false, 0, &[0, 1]),
    (Mitigation::Vulnerable, true, 0, &[0, 1]),
    (Mitigation::Mitigated, true, 0, &[0, 1]),
    (Mitigation::Mitigated, false, 3, &[0, 1, 2, 3, 0x12]),
    (Mitigation::Unaffected, false, 3, &[0, 1, 2, 3, 0x12]),
    (Mitigation::Unaffected, true, 3, &[0, 1, 2, 3, 0x12]),
];

/// Each bitmap with the bits that exist and the bits set in a new VM.
pub const BITMAPS: [(FeatureBitmap, u64, u64); 4] = [
    (FeatureBitmap::Std, 0x1, 0x1),
    (FeatureBitmap::StdHyp, 0x1, 0x1),
    (FeatureBitmap::VendorHyp, 0x3, 0x3),
    (FeatureBitmap::VendorHyp2, 0x3, 0x0),
];

/// Writes to a bitmap that has bits 0 and 1: value, current, has run, result.
pub const BITMAP_WRITES: [(u64, u64, RanOnce, Result<u64, Reject>); 9] = [
    (0x3, 0x0, RanOnce::No, Ok(0x3)),
    (0x0, 0x3, RanOnce::No, Ok(0x0)),
    (0x4, 0x0, RanOnce::No, Err(Reject::InvalidValue)),
    // Writing the current value is always accepted.
    (0x3, 0x3, RanOnce::Yes, Ok(0x3)),
    (0x0, 0x0, RanOnce::Yes, Ok(0x0)),
    (0x1, 0x3, RanOnce::Yes, Err(Reject::Frozen)),
    (0x3, 0x0, RanOnce::Yes, Err(Reject::Frozen)),
    // A bit without a service is found before the freeze.
    (0x7, 0x3, RanOnce::Yes, Err(Reject::InvalidValue)),
    (1 << 63, 0x3, RanOnce::Yes, Err(Reject::InvalidValue)),
];

/// A host whose firmware registers were read.
pub struct Host {
    /// Its CPU.
    pub cpu: &'static str,
    /// The state of Spectre-v2, Spectre-v4 and Spectre-BHB. The CPU has SSBS.
    pub mitigations: [Mitigation; 3],
    /// The values of `WORKAROUND_1`, `_2` and `_3`.
    pub workarounds: [u64; 3],
}

/// Hosts on which VMMs have recorded the registers of new VMs.
pub const HOSTS: [Host; 3] = [
    Host {
        cpu: "Neoverse N1",
        mitigations: NEOVERSE,
        workarounds: [2, 0, 1],
    },
    Host {
        cpu: "Neoverse V1",
        mitigations: NEOVERSE,
        workarounds: [2, 0, 1],
    },
    Host {
        cpu: "Neoverse V2",
        mitigations: NEOVERSE,
        workarounds: [2, 0, 1],
    },
];

const NEOVERSE: [Mitigation; 3] = [
    Mitigation::Unaffected,
    Mitigation::Mitigated,
    Mitigation::Mitigated,
];

/// The bitmaps of new VMs on those hosts, by kernel: 6.1 had no `VENDOR_HYP_BMAP_2`.
pub const HOST_BITMAPS: [(&str, &[u64]); 2] = [("6.1", &[1, 1, 3]), ("6.18", &[1, 1, 3, 0])];

/// Feature levels in a register: value, host, and the fields of the value above the host's.
pub const LEVELS: [(u64, u64, u64); 8] = [
    (0x0, 0x0, 0x0),
    // Absent is below unknown, and 7 is the highest level.
    (0xf, 0x0, 0x0),
    (0x0, 0xf, 0xf),
    (0x7, 0x8, 0xf),
    (0x8, 0x7, 0x0),
    // Each field has a sign, not only the topmost one.
    (0xf000_0000_0000_0000, 0x0, 0x0),
    (0x7000_0000_0000_0001, 0x0, 0xf000_0000_0000_000f),
    (
        0x0000_0012_0000_0000,
        0x0000_0021_0000_0000,
        0x0000_000f_0000_0000,
    ),
];

/// `GICC_PMR` of a GICv2: what userspace writes, what it reads back, and what the guest sees.
///
/// Userspace writes and reads the upper five bits in bits 4:0; other bits are ignored.
pub const PMR_WRITES: [(u64, u32, u8); 9] = [
    (0x0, 0x0, 0x0),
    (0x1, 0x1, 0x8),
    (0x1e, 0x1e, 0xf0),
    (0x1f, 0x1f, 0xf8),
    // A value in the guest's form is not recognised as such.
    (0xf0, 0x10, 0x80),
    (0xff, 0x1f, 0xf8),
    (0x20, 0x0, 0x0),
    (0x100, 0x0, 0x0),
    (0xffff_ffff, 0x1f, 0xf8),
];
