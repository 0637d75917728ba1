// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The AArch32 ID registers, as in the Arm Architecture Reference Manual.

use super::{f, id, signed, Field, RegInfo};

pub(super) static REGISTERS: &[RegInfo] = &[
    id(1, 0, "ID_PFR0_EL1", PFR0),
    id(1, 1, "ID_PFR1_EL1", PFR1),
    id(1, 2, "ID_DFR0_EL1", DFR0),
    id(1, 3, "ID_AFR0_EL1", &[]),
    id(1, 4, "ID_MMFR0_EL1", MMFR0),
    id(1, 5, "ID_MMFR1_EL1", MMFR1),
    id(1, 6, "ID_MMFR2_EL1", MMFR2),
    id(1, 7, "ID_MMFR3_EL1", MMFR3),
    id(2, 0, "ID_ISAR0_EL1", ISAR0),
    id(2, 1, "ID_ISAR1_EL1", ISAR1),
    id(2, 2, "ID_ISAR2_EL1", ISAR2),
    id(2, 3, "ID_ISAR3_EL1", ISAR3),
    id(2, 4, "ID_ISAR4_EL1", ISAR4),
    id(2, 5, "ID_ISAR5_EL1", ISAR5),
    id(2, 6, "ID_MMFR4_EL1", MMFR4),
    id(2, 7, "ID_ISAR6_EL1", ISAR6),
    id(3, 0, "MVFR0_EL1", MVFR0),
    id(3, 1, "MVFR1_EL1", MVFR1),
    id(3, 2, "MVFR2_EL1", MVFR2),
    id(3, 4, "ID_PFR2_EL1", PFR2),
    id(3, 5, "ID_DFR1_EL1", DFR1),
    id(3, 6, "ID_MMFR5_EL1", MMFR5),
];

const PFR0: &[Field] = &[
    f("State0", 0, "A32 instructions"),
    f("State1", 4, "T32 instructions"),
    f("State2", 8, "Jazelle"),
    f("State3", 12, "ThumbEE"),
    f("CSV2", 16, "branch targets of one context do not affect another"),
    f("AMU", 20, "Activity Monitors"),
    f("DIT", 24, "Data Independent Timing"),
    f("RAS", 28, "Reliability, Availability and Serviceability extension"),
];

const PFR1: &[Field] = &[
    f("ProgMod", 0, "programmers' model"),
    f("Security", 4, "Security Extensions"),
    f("MProgMod", 8, "programmers' model of the M profile"),
    f("Virtualization", 12, "Virtualization Extensions"),
    f("GenTimer", 16, "Generic Timer"),
    f("Sec_frac", 20, "Security Extensions, minor version"),
    f("Virt_frac", 24, "Virtualization Extensions, minor version"),
    f("GIC", 28, "system registers of the GIC CPU interface"),
];

const PFR2: &[Field] = &[
    f("CSV3", 0, "data loaded with a fault is not used in speculation"),
    f("SSBS", 4, "Speculative Store Bypass Safe"),
    f("RAS_frac", 8, "RAS extension, minor version"),
];

const DFR0: &[Field] = &[
    f("CopDbg", 0, "debug architecture"),
    f("CopSDbg", 4, "Secure debug architecture"),
    f("MMapDbg", 8, "memory-mapped debug"),
    f("CopTrc", 12, "system registers of the trace unit"),
    f("MMapTrc", 16, "memory-mapped trace"),
    f("MProfDbg", 20, "debug of the M profile"),
    signed("PerfMon", 24, "PMU: 0 none, 3 PMUv3, 4 Armv8.1, 5 Armv8.4, 6 Armv8.5, 15 other"),
    f("TraceFilt", 28, "trace filters"),
];

const DFR1: &[Field] = &[
    signed("MTPMU", 0, "multi-threaded PMU: 15 none"),
    f("HPMN0", 4, "a guest may have no event counters"),
];

const MMFR0: &[Field] = &[
    f("VMSA", 0, "virtual memory system"),
    f("PMSA", 4, "protected memory system"),
    f("OuterShr", 8, "outermost shareability"),
    f("ShareLvl", 12, "shareability levels"),
    f("TCM", 16, "tightly coupled memory"),
    f("AuxReg", 20, "auxiliary registers"),
    f("FCSE", 24, "Fast Context Switch Extension"),
    f("InnerShr", 28, "innermost shareability"),
];

const MMFR1: &[Field] = &[
    f("L1HvdVA", 0, "Harvard L1 cache maintenance by address"),
    f("L1UniVA", 4, "unified L1 cache maintenance by address"),
    f("L1HvdSW", 8, "Harvard L1 cache maintenance by set and way"),
    f("L1UniSW", 12, "unified L1 cache maintenance by set and way"),
    f("L1Hvd", 16, "Harvard L1 cache maintenance of all"),
    f("L1Uni", 20, "unified L1 cache maintenance of all"),
    f("L1TstCln", 24, "L1 cache test and clean"),
    f("BPred", 28, "branch predictor maintenance"),
];

const MMFR2: &[Field] = &[
    f("L1HvdFG", 0, "Harvard L1 foreground fetch"),
    f("L1HvdBG", 4, "Harvard L1 background fetch"),
    f("L1HvdRng", 8, "Harvard L1 maintenance of ranges"),
    f("HvdTLB", 12, "Harvard TLB"),
    f("UniTLB", 16, "unified TLB"),
    f("MemBarr", 20, "memory barriers"),
    f("WFIStall", 24, "WFI"),
    f("HWAccFlg", 28, "hardware access flag"),
];

const MMFR3: &[Field] = &[
    f("CMaintVA", 0, "cache maintenance by address"),
    f("CMaintSW", 4, "cache maintenance by set and way"),
    f("BPMaint", 8, "branch predictor maintenance"),
    f("MaintBcst", 12, "broadcast of maintenance"),
    f("PAN", 16, "Privileged Access Never"),
    f("CohWalk", 20, "coherent translation table walks"),
    f("CMemSz", 24, "cached memory size"),
    f("Supersec", 28, "supersections"),
];

const MMFR4: &[Field] = &[
    f("SpecSEI", 0, "SError from speculative reads"),
    f("AC2", 4, "ACTLR2 and HACTLR2"),
    f("XNX", 8, "execute-never at stage 2 by exception level"),
    f("CnP", 12, "Common not Private translations"),
    f("HPDS", 16, "hierarchical permission disables"),
    f("LSM", 20, "ordering of load and store multiple"),
    f("CCIDX", 24, "format of CCSIDR"),
    f("EVT", 28, "enhanced virtualization traps"),
];

const MMFR5: &[Field] = &[
    f("ETS", 0, "enhanced translation synchronization"),
    f("nTLBPA", 4, "intermediate caching of translations"),
];

const ISAR0: &[Field] = &[
    f("Swap", 0, "swap instructions"),
    f("BitCount", 4, "bit count instructions"),
    f("BitField", 8, "bit field instructions"),
    f("CmpBranch", 12, "compare and branch"),
    f("Coproc", 16, "coprocessor instructions"),
    f("Debug", 20, "debug instructions"),
    f("Divide", 24, "divide instructions"),
];

const ISAR1: &[Field] = &[
    f("Endian", 0, "SETEND"),
    f("Except", 4, "exception handling of the A and R profiles"),
    f("Except_AR", 8, "exception handling"),
    f("Extend", 12, "extend instructions"),
    f("IfThen", 16, "If-Then"),
    f("Immediate", 20, "instructions with long immediates"),
    f("Interwork", 24, "interworking"),
    f("Jazelle", 28, "Jazelle"),
];

const ISAR2: &[Field] = &[
    f("LoadStore", 0, "load and store instructions"),
    f("MemHint", 4, "memory hints"),
    f("MultiAccessInt", 8, "interruptible multiple accesses"),
    f("Mult", 12, "multiply instructions"),
    f("MultS", 16, "signed multiply instructions"),
    f("MultU", 20, "unsigned multiply instructions"),
    f("PSR_AR", 24, "PSR instructions"),
    f("Reversal", 28, "reversal instructions"),
];

const ISAR3: &[Field] = &[
    f("Saturate", 0, "saturating instructions"),
    f("SIMD", 4, "SIMD instructions"),
    f("SVC", 8, "SVC"),
    f("SynchPrim", 12, "synchronization primitives"),
    f("TabBranch", 16, "table branch"),
    f("T32Copy", 20, "T32 copy"),
    f("TrueNOP", 24, "NOP"),
    f("T32EE", 28, "T32EE"),
];

const ISAR4: &[Field] = &[
    f("Unpriv", 0, "unprivileged instructions"),
    f("WithShifts", 4, "instructions with shifts"),
    f("Writeback", 8, "writeback addressing"),
    f("SMC", 12, "SMC"),
    f("Barrier", 16, "barriers"),
    f("SynchPrim_frac", 20, "synchronization primitives, minor version"),
    f("PSR_M", 24, "PSR instructions of the M profile"),
    f("SWP_frac", 28, "swap instructions, minor version"),
];

const ISAR5: &[Field] = &[
    f("SEVL", 0, "SEVL"),
    f("AES", 4, "AES instructions"),
    f("SHA1", 8, "SHA1 instructions"),
    f("SHA2", 12, "SHA2 instructions"),
    f("CRC32", 16, "CRC32 instructions"),
    f("RDM", 24, "rounding doubling multiply"),
    f("VCMA", 28, "complex numbers"),
];

const ISAR6: &[Field] = &[
    f("JSCVT", 0, "JavaScript conversion"),
    f("DP", 4, "dot product instructions"),
    f("FHM", 8, "half precision multiply with single precision result"),
    f("SB", 12, "speculation barrier"),
    f("SPECRES", 16, "prediction restriction"),
    f("BF16", 20, "BFloat16 instructions"),
    f("I8MM", 24, "Int8 matrix multiply"),
    f("CLRBHB", 28, "clear branch history"),
];

const MVFR0: &[Field] = &[
    f("SIMDReg", 0, "registers of Advanced SIMD"),
    f("FPSP", 4, "single precision"),
    f("FPDP", 8, "double precision"),
    f("FPTrap", 12, "trapped exceptions"),
    f("FPDivide", 16, "divide"),
    f("FPSqrt", 20, "square root"),
    f("FPShVec", 24, "short vectors"),
    f("FPRound", 28, "rounding modes"),
];

const MVFR1: &[Field] = &[
    f("FPFtZ", 0, "flush to zero"),
    f("FPDNaN", 4, "default NaN"),
    f("SIMDLS", 8, "loads and stores of Advanced SIMD"),
    f("SIMDInt", 12, "integers of Advanced SIMD"),
    f("SIMDSP", 16, "single precision of Advanced SIMD"),
    f("SIMDHP", 20, "half precision of Advanced SIMD"),
    f("FPHP", 24, "half precision"),
    f("SIMDFMAC", 28, "fused multiply of Advanced SIMD"),
];

const MVFR2: &[Field] =
    &[f("SIMDMisc", 0, "Advanced SIMD features"), f("FPMisc", 4, "floating point features")];
