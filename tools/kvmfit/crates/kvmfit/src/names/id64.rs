// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The AArch64 ID registers, as in the Arm Architecture Reference Manual.

use super::{bits, f, flag, id, signed, wide, Field, RegInfo};

pub(super) static REGISTERS: &[RegInfo] = &[
    id(4, 0, "ID_AA64PFR0_EL1", PFR0),
    id(4, 1, "ID_AA64PFR1_EL1", PFR1),
    id(4, 2, "ID_AA64PFR2_EL1", PFR2),
    id(4, 4, "ID_AA64ZFR0_EL1", ZFR0),
    id(4, 5, "ID_AA64SMFR0_EL1", SMFR0),
    id(4, 7, "ID_AA64FPFR0_EL1", FPFR0),
    id(5, 0, "ID_AA64DFR0_EL1", DFR0),
    id(5, 1, "ID_AA64DFR1_EL1", DFR1),
    id(5, 2, "ID_AA64DFR2_EL1", DFR2),
    id(5, 4, "ID_AA64AFR0_EL1", &[]),
    id(5, 5, "ID_AA64AFR1_EL1", &[]),
    id(6, 0, "ID_AA64ISAR0_EL1", ISAR0),
    id(6, 1, "ID_AA64ISAR1_EL1", ISAR1),
    id(6, 2, "ID_AA64ISAR2_EL1", ISAR2),
    id(6, 3, "ID_AA64ISAR3_EL1", ISAR3),
    id(7, 0, "ID_AA64MMFR0_EL1", MMFR0),
    id(7, 1, "ID_AA64MMFR1_EL1", MMFR1),
    id(7, 2, "ID_AA64MMFR2_EL1", MMFR2),
    id(7, 3, "ID_AA64MMFR3_EL1", MMFR3),
    id(7, 4, "ID_AA64MMFR4_EL1", MMFR4),
];

const PFR0: &[Field] = &[
    f("EL0", 0, "EL0: 1 AArch64 only, 2 also AArch32"),
    f("EL1", 4, "EL1: 1 AArch64 only, 2 also AArch32"),
    f("EL2", 8, "EL2: 0 not implemented, 1 AArch64 only, 2 also AArch32"),
    f("EL3", 12, "EL3: 0 not implemented, 1 AArch64 only, 2 also AArch32"),
    signed("FP", 16, "floating point: 15 none, 1 with half precision"),
    signed("AdvSIMD", 20, "Advanced SIMD: 15 none, 1 with half precision"),
    f("GIC", 24, "system registers of the GIC CPU interface"),
    f("RAS", 28, "Reliability, Availability and Serviceability extension"),
    f("SVE", 32, "Scalable Vector Extension"),
    f("SEL2", 36, "Secure EL2"),
    f("MPAM", 40, "Memory Partitioning and Monitoring, major version"),
    f("AMU", 44, "Activity Monitors"),
    f("DIT", 48, "Data Independent Timing"),
    f("RME", 52, "Realm Management Extension"),
    f("CSV2", 56, "branch targets of one context do not affect another"),
    f("CSV3", 60, "data loaded with a fault is not used in speculation"),
];

const PFR1: &[Field] = &[
    f("BT", 0, "Branch Target Identification"),
    f("SSBS", 4, "Speculative Store Bypass Safe: 1 in PSTATE, 2 also by MSR and MRS"),
    f("MTE", 8, "Memory Tagging: 1 instructions, 2 tags in memory, 3 asymmetric faults"),
    f("RAS_frac", 12, "RAS extension, minor version"),
    f("MPAM_frac", 16, "Memory Partitioning and Monitoring, minor version"),
    f("SME", 24, "Scalable Matrix Extension"),
    f("RNDR_trap", 28, "trap of RNDR and RNDRRS to EL3"),
    f("CSV2_frac", 32, "CSV2, minor version"),
    f("NMI", 36, "non-maskable interrupts"),
    signed("MTE_frac", 40, "asynchronous faults of memory tagging: 15 none"),
    f("GCS", 44, "Guarded Control Stack"),
    f("THE", 48, "Translation Hardening Extension"),
    f("MTEX", 52, "memory tagging of canonical addresses"),
    f("DF2", 56, "Double Fault extension 2"),
    f("PFAR", 60, "Physical Fault Address Register"),
];

const PFR2: &[Field] = &[
    f("MTEPERM", 0, "permissions of allocation tags"),
    f("MTESTOREONLY", 4, "tag checks of stores only"),
    f("MTEFAR", 8, "all bits of a faulting address after a tag check fault"),
    f("GCIE", 12, "CPU interface of GICv5"),
    f("UINJ", 16, "injection of undefined instruction exceptions"),
    f("FPMR", 32, "Floating Point Mode Register"),
];

const ZFR0: &[Field] = &[
    f("SVEver", 0, "version of SVE: 0 SVE, 1 SVE2, 2 SVE2.1"),
    f("AES", 4, "SVE AES instructions"),
    f("EltPerm", 12, "SVE element permutes"),
    f("BitPerm", 16, "SVE bit permutes"),
    f("BF16", 20, "SVE BFloat16 instructions"),
    f("B16B16", 24, "SVE BFloat16 to BFloat16 instructions"),
    f("SHA3", 32, "SVE SHA3 instructions"),
    f("SM4", 40, "SVE SM4 instructions"),
    f("I8MM", 44, "SVE Int8 matrix multiply"),
    f("F32MM", 52, "SVE single precision matrix multiply"),
    f("F64MM", 56, "SVE double precision matrix multiply"),
];

const SMFR0: &[Field] = &[
    flag("SF8DP2", 28, "SVE FP8 2-way dot product in streaming mode"),
    flag("SF8DP4", 29, "SVE FP8 4-way dot product in streaming mode"),
    flag("SF8FMA", 30, "SVE FP8 multiply-accumulate in streaming mode"),
    flag("F32F32", 32, "outer product of single precision"),
    flag("BI32I32", 33, "outer product of 1 bit integers into 32 bits"),
    flag("B16F32", 34, "outer product of BFloat16 into single precision"),
    flag("F16F32", 35, "outer product of half precision into single precision"),
    f("I8I32", 36, "outer product of 8 bit integers into 32 bits: 15 present"),
    flag("F8F32", 40, "outer product of FP8 into single precision"),
    flag("F8F16", 41, "outer product of FP8 into half precision"),
    flag("F16F16", 42, "outer product of half precision"),
    flag("B16B16", 43, "outer product of BFloat16"),
    f("I16I32", 44, "outer product of 16 bit integers into 32 bits: 5 present"),
    flag("F64F64", 48, "outer product of double precision"),
    f("I16I64", 52, "outer product of 16 bit integers into 64 bits: 15 present"),
    f("SMEver", 56, "version of SME: 0 SME, 1 SME2, 2 SME2.1"),
    flag("LUTv2", 60, "lookup tables with 4 bit indices"),
    flag("FA64", 63, "all of A64 in streaming mode"),
];

const FPFR0: &[Field] = &[
    flag("F8E5M2", 0, "FP8 format E5M2"),
    flag("F8E4M3", 1, "FP8 format E4M3"),
    flag("F8DP2", 28, "FP8 2-way dot product"),
    flag("F8DP4", 29, "FP8 4-way dot product"),
    flag("F8FMA", 30, "FP8 multiply-accumulate"),
    flag("F8CVT", 31, "FP8 conversions"),
];

const DFR0: &[Field] = &[
    f("DebugVer", 0, "debug architecture: 6 Armv8.0, 7 with VHE, 8 Armv8.2, 9 Armv8.4, 10 Armv8.8"),
    f("TraceVer", 4, "system registers of the trace unit"),
    signed("PMUVer", 8, "PMU: 0 none, 1 PMUv3, 4 Armv8.1, 5 Armv8.4, 6 Armv8.5, 15 not PMUv3"),
    f("BRPs", 12, "number of breakpoints, minus 1"),
    f("PMSS", 16, "PMU snapshots"),
    f("WRPs", 20, "number of watchpoints, minus 1"),
    f("SEBEP", 24, "synchronous exception-based event profiling"),
    f("CTX_CMPs", 28, "number of breakpoints that know the context, minus 1"),
    f("PMSVer", 32, "Statistical Profiling Extension"),
    signed("DoubleLock", 36, "OS double lock: 0 present, 15 none"),
    f("TraceFilt", 40, "trace filters"),
    f("TraceBuffer", 44, "Trace Buffer Extension"),
    signed("MTPMU", 48, "multi-threaded PMU: 15 none"),
    f("BRBE", 52, "Branch Record Buffer Extension"),
    f("ExtTrcBuff", 56, "external trace buffer"),
    f("HPMN0", 60, "a guest may have no event counters"),
];

const DFR1: &[Field] = &[
    wide("SYSPMUID", 0, 8, "number of the system PMU"),
    wide("BRPs", 8, 8, "number of breakpoints, minus 1, if more than 16"),
    wide("WRPs", 16, 8, "number of watchpoints, minus 1, if more than 16"),
    wide("CTX_CMPs", 24, 8, "number of breakpoints that know the context, minus 1"),
    f("SPMU", 32, "System PMU extension"),
    f("PMICNTR", 36, "PMU instruction counter"),
    f("ABLE", 40, "address breakpoint linking"),
    f("ITE", 44, "instrumentation trace"),
    f("EBEP", 48, "exception-based event profiling"),
    f("DPFZS", 52, "cycle counter freezes with the event counters"),
    wide("ABL_CMPs", 56, 8, "number of breakpoints with address linking, minus 1"),
];

const DFR2: &[Field] = &[
    f("STEP", 0, "enhanced software step"),
    f("BWE", 4, "breakpoint and watchpoint enhancements"),
    f("SPE_EXC", 20, "Statistical Profiling exceptions"),
    f("TRBE_EXC", 24, "Trace Buffer exceptions"),
];

const ISAR0: &[Field] = &[
    f("AES", 4, "AES instructions: 1 AES, 2 also PMULL"),
    f("SHA1", 8, "SHA1 instructions"),
    f("SHA2", 12, "SHA2 instructions: 1 SHA256, 2 also SHA512"),
    f("CRC32", 16, "CRC32 instructions"),
    f("Atomic", 20, "Large System Extensions: 2 LSE, 3 LSE128"),
    f("TME", 24, "Transactional Memory"),
    f("RDM", 28, "rounding doubling multiply"),
    f("SHA3", 32, "SHA3 instructions"),
    f("SM3", 36, "SM3 instructions"),
    f("SM4", 40, "SM4 instructions"),
    f("DP", 44, "dot product instructions"),
    f("FHM", 48, "half precision multiply with single precision result"),
    f("TS", 52, "flag manipulation instructions"),
    f("TLB", 56, "TLBI of the outer shareable domain and of ranges"),
    f("RNDR", 60, "random numbers"),
];

const ISAR1: &[Field] = &[
    f("DPB", 0, "cache clean to point of persistence"),
    f("APA", 4, "address authentication, QARMA5"),
    f("API", 8, "address authentication, an algorithm of the implementation"),
    f("JSCVT", 12, "JavaScript conversion"),
    f("FCMA", 16, "complex numbers"),
    f("LRCPC", 20, "load-acquire RCpc"),
    f("GPA", 24, "generic authentication, QARMA5"),
    f("GPI", 28, "generic authentication, an algorithm of the implementation"),
    f("FRINTTS", 32, "rounding to 32 and 64 bit integers"),
    f("SB", 36, "speculation barrier"),
    f("SPECRES", 40, "prediction restriction"),
    f("BF16", 44, "BFloat16 instructions"),
    f("DGH", 48, "data gathering hint"),
    f("I8MM", 52, "Int8 matrix multiply"),
    f("XS", 56, "XS attribute"),
    f("LS64", 60, "loads and stores of 64 bytes"),
];

const ISAR2: &[Field] = &[
    f("WFxT", 0, "WFE and WFI with timeout"),
    f("RPRES", 4, "12 bits of reciprocal estimates"),
    f("GPA3", 8, "generic authentication, QARMA3"),
    f("APA3", 12, "address authentication, QARMA3"),
    f("MOPS", 16, "memory copy and set instructions"),
    f("BC", 20, "branch with hint"),
    f("PAC_frac", 24, "pointer authentication depends on TBI only"),
    f("CLRBHB", 28, "clear branch history"),
    f("SYSREG_128", 32, "system registers of 128 bits"),
    f("SYSINSTR_128", 36, "system instructions of 128 bits"),
    f("PRFMSLC", 40, "prefetch to the system level cache"),
    f("PCDPHINT", 44, "producer-consumer hints"),
    f("RPRFM", 48, "range prefetch"),
    f("CSSC", 52, "common short sequences"),
    f("LUT", 56, "lookup tables"),
    f("ATS1A", 60, "address translation without permission check"),
];

const ISAR3: &[Field] = &[
    f("CPA", 0, "checked pointer arithmetic"),
    f("FAMINMAX", 4, "maximum and minimum of absolute values"),
    f("TLBIW", 8, "TLBI VMALL for dirty state"),
    f("PACM", 12, "PSTATE.PACM"),
    f("LSFE", 16, "atomic floating point in memory"),
    f("OCCMO", 20, "cache maintenance to the outer cache level"),
    f("LSUI", 24, "unprivileged atomics"),
    f("FPRCVT", 28, "conversions between integers and floating point"),
];

const MMFR0: &[Field] = &[
    f("PARange", 0, "physical address: 0 32, 1 36, 2 40, 3 42, 4 44, 5 48, 6 52, 7 56 bits"),
    f("ASIDBits", 4, "ASID: 0 8 bits, 2 16 bits"),
    f("BigEnd", 8, "mixed endianness"),
    f("SNSMem", 12, "Secure and Non-secure memory"),
    f("BigEndEL0", 16, "mixed endianness at EL0 only"),
    f("TGran16", 20, "16 KiB granule: 0 none, 1 present, 2 with 52 bit addresses"),
    signed("TGran64", 24, "64 KiB granule: 0 present, 15 none"),
    signed("TGran4", 28, "4 KiB granule: 0 present, 1 with 52 bit addresses, 15 none"),
    bits("TGran16_2", 32, 4, "16 KiB granule at stage 2"),
    bits("TGran64_2", 36, 4, "64 KiB granule at stage 2"),
    bits("TGran4_2", 40, 4, "4 KiB granule at stage 2"),
    f("ExS", 44, "exceptions without context synchronization"),
    f("FGT", 56, "fine-grained traps"),
    f("ECV", 60, "Enhanced Counter Virtualization"),
];

const MMFR1: &[Field] = &[
    f("HAFDBS", 0, "hardware access flag and dirty state"),
    f("VMIDBits", 4, "VMID: 0 8 bits, 2 16 bits"),
    f("VH", 8, "Virtualization Host Extensions"),
    f("HPDS", 12, "hierarchical permission disables"),
    f("LO", 16, "limited ordering regions"),
    f("PAN", 20, "Privileged Access Never"),
    f("SpecSEI", 24, "SError from speculative reads"),
    f("XNX", 28, "execute-never at stage 2 by exception level"),
    f("TWED", 32, "delayed trap of WFE"),
    f("ETS", 36, "enhanced translation synchronization"),
    f("HCX", 40, "HCRX_EL2"),
    f("AFP", 44, "alternate floating point behaviour"),
    f("nTLBPA", 48, "intermediate caching of translations"),
    f("TIDCP1", 52, "trap of implementation defined instructions at EL0"),
    f("CMOW", 56, "permission of cache maintenance"),
    f("ECBHB", 60, "branch history of one context does not affect another"),
];

const MMFR2: &[Field] = &[
    f("CnP", 0, "Common not Private translations"),
    f("UAO", 4, "User Access Override"),
    f("LSM", 8, "ordering of load and store multiple"),
    f("IESB", 12, "implicit error synchronization"),
    f("VARange", 16, "virtual address: 0 48 bits, 1 52 bits with 64 KiB pages, 2 56 bits"),
    f("CCIDX", 20, "format of CCSIDR: 0 32 bits, 1 64 bits"),
    f("NV", 24, "nested virtualization"),
    f("ST", 28, "small translation tables"),
    f("AT", 32, "atomicity of unaligned accesses"),
    f("IDS", 36, "syndrome of ID register traps"),
    f("FWB", 40, "HCR_EL2.FWB"),
    f("TTL", 48, "TTL field of TLBI"),
    f("BBM", 52, "level of break-before-make"),
    f("EVT", 56, "enhanced virtualization traps"),
    f("E0PD", 60, "EL0 access to half of the address space"),
];

const MMFR3: &[Field] = &[
    f("TCRX", 0, "TCR2_EL1 and TCR2_EL2"),
    f("SCTLRX", 4, "SCTLR2_EL1 and SCTLR2_EL2"),
    f("S1PIE", 8, "permission indirection at stage 1"),
    f("S2PIE", 12, "permission indirection at stage 2"),
    f("S1POE", 16, "permission overlay at stage 1"),
    f("S2POE", 20, "permission overlay at stage 2"),
    f("AIE", 24, "attribute indexing"),
    f("MEC", 28, "memory encryption contexts"),
    f("D128", 32, "128 bit translation tables"),
    f("D128_2", 36, "128 bit translation tables at stage 2"),
    f("SNERR", 40, "synchronous errors of Normal memory reads"),
    f("ANERR", 44, "asynchronous errors of Normal memory reads"),
    f("SDERR", 52, "synchronous errors of Device memory reads"),
    f("ADERR", 56, "asynchronous errors of Device memory reads"),
    f("Spec_FPACC", 60, "speculation after a failed authentication"),
];

const MMFR4: &[Field] = &[
    f("PoPS", 0, "point of physical storage"),
    signed("EIESB", 4, "early implicit error synchronization"),
    f("ASID2", 8, "two ASIDs"),
    f("HACDBS", 12, "hardware accelerator for cleaning dirty state"),
    f("FGWTE3", 16, "fine-grained write traps to EL3"),
    f("NV_frac", 20, "nested virtualization, minor version"),
    signed("E2H0", 24, "HCR_EL2.E2H may be 0: 0 yes, 15 or 14 no"),
    f("E3DSE", 36, "delegated SError exceptions from EL3"),
];
