// SPDX-License-Identifier: GPL-2.0

//! Writes to the ID registers that all vCPUs share: what KVM forgives or refuses, by register.
//!
//! `id_reg_model` compares any write with a model of C.

mod id_regs;

use id_regs::{
    aa64dfr0,
    ctr,
    dfr0,
    isar0,
    midr,
    mmfr0,
    mmfr2,
    pfr0,
    pfr1,
    Register,
    State, //
};
use kvm_abi::{
    FeatureField,
    FeatureRegister,
    IdReg,
    IdRegState,
    IdVisibility,
    RanOnce,
    Reject,
    SafeValue,
    SysReg,
    VmIdIndex, //
};

const MPAM: u64 = 0xf << 40;
const NV: u64 = 0xf << 24;

/// A write: the value, and what is stored or why it is refused.
type Write = (u64, Result<u64, Reject>);

const INVALID: Result<u64, Reject> = Err(Reject::InvalidValue);
const UNSAFE: Result<u64, Reject> = Err(Reject::UnsafeValue);
const FROZEN: Result<u64, Reject> = Err(Reject::Frozen);

fn check(register: &Register, state: &State, writes: &[Write]) {
    for (value, expected) in writes {
        let decided = register.decide(*value, state);
        assert_eq!(decided, *expected, "{value:#x}, {state:x?}");
    }
}

#[test]
fn each_id_register_of_a_vm_has_a_rule_and_a_place() {
    let rules = |reg| (IdReg::of(reg), reg.vm_id_index());
    let mut places = 0;
    for (op1, crm, op2) in
        (0..8).flat_map(|op1| (0..16).flat_map(move |crm| (0..8).map(move |op2| (op1, crm, op2))))
    {
        let reg = SysReg::new(3, op1, 0, crm, op2);
        let expected = match (op1, crm, op2) {
            (0, 4, 0) => IdReg::Aa64Pfr0,
            (0, 4, 1) => IdReg::Aa64Pfr1,
            (0, 5, 0) => IdReg::Aa64Dfr0,
            (0, 1, 2) => IdReg::Dfr0,
            (0, 7, 0) => IdReg::Aa64Mmfr0,
            (0, 7, 2) => IdReg::Aa64Mmfr2,
            (3, 0, 1) => IdReg::Ctr,
            (0, 0, 0 | 6) | (1, 0, 7) => IdReg::Implementation,
            (0, 1..=7, _) => IdReg::Plain,
            _ => {
                assert_eq!(rules(reg), (None, None), "{reg:?}");
                continue;
            }
        };
        let (rule, index) = rules(reg);
        assert_eq!(rule, Some(expected), "{reg:?}");
        assert_eq!(index.unwrap().reg(), reg);
        places += 1;
    }
    assert_eq!(places, VmIdIndex::COUNT);
    let indices: Vec<_> = VmIdIndex::all().map(VmIdIndex::get).collect();
    assert_eq!(indices, (0..VmIdIndex::COUNT).collect::<Vec<_>>());
    for index in VmIdIndex::all() {
        assert_eq!(index.reg().vm_id_index(), Some(index));
        assert_eq!(SysReg::from_id(index.reg().id()), Some(index.reg()));
    }
    assert_eq!(SysReg::new(3, 0, 0, 4, 0).id(), 0x6030_0000_0013_c020);
}

#[test]
fn plain_register_accepts_what_its_fields_accept() {
    let state = isar0().on(0x1011_1111_1021_2120, 0x1011_1111_1021_2120);
    check(
        &isar0(),
        &state,
        &[
            (0x1011_1111_1021_2120, Ok(0x1011_1111_1021_2120)),
            (0, Ok(0)),
            (0x2011_1111_1021_2120, UNSAFE),
            (0x1011_1111_1021_2121, UNSAFE),
        ],
    );
}

#[test]
fn register_that_reads_as_zero_accepts_zero_or_ignores_the_value() {
    for register in [isar0(), dfr0()] {
        let mut state = register.on(0x1, 0x666);
        state.current = 0;
        state.visibility = IdVisibility::Raz;
        // A CopDbg of 0 is refused before the visibility is looked at.
        let zero = if register.reg == dfr0().reg {
            INVALID
        } else {
            Ok(0)
        };
        check(
            &register,
            &state,
            &[
                (0, zero),
                (0x600, if zero == Ok(0) { UNSAFE } else { INVALID }),
            ],
        );
        state.visibility = IdVisibility::RazIgnored;
        for ran in [RanOnce::No, RanOnce::Yes] {
            state.ran = ran;
            check(
                &register,
                &state,
                &[(0, Ok(0)), (0x1, Ok(0)), (u64::MAX, Ok(0))],
            );
        }
    }
}

#[test]
fn register_that_the_kernel_does_not_know_accepts_nothing_until_it_runs() {
    let mut state = isar0().on(0, 0x10);
    state.fields = None;
    check(&isar0(), &state, &[(0x10, INVALID), (0, INVALID)]);
    state.ran = RanOnce::Yes;
    check(&isar0(), &state, &[(0x10, Ok(0x10)), (0, FROZEN)]);
}

#[test]
fn pfr0_forgives_the_hosts_mpam_and_needs_aarch64() {
    let host = 0x1101_0110_2111_1112;
    let limit = host & !MPAM;
    let mut state = pfr0().on(host, limit);
    let zero = |digit: u32, from: u64| from & !(0xf << (4 * digit));
    let common = [
        // The host's MPAM is forgiven and hidden, no other one.
        (limit, Ok(limit)),
        (limit | (host & MPAM), Ok(limit)),
        (limit | 0x2 << 40, UNSAFE),
        (limit | 0xf << 40, UNSAFE),
        // EL0 and EL1 are there; a 32-bit EL0 is not needed, EL3 neither.
        (zero(0, limit), INVALID),
        (zero(1, limit), INVALID),
        (zero(0, limit) | 1, Ok(zero(0, limit) | 1)),
        (zero(3, limit), Ok(zero(3, limit))),
        // CSV2, CSV3 and GIC can be lowered, FP and SVE not.
        (zero(15, limit), Ok(zero(15, limit))),
        (zero(14, limit), Ok(zero(14, limit))),
        (zero(6, limit), Ok(zero(6, limit))),
        (zero(4, limit), UNSAFE),
        (limit | 0x1 << 32, UNSAFE),
        (limit | 0xf << 44, UNSAFE),
    ];
    check(&pfr0(), &state, &common);
    check(&pfr0(), &state, &[(zero(2, limit), Ok(zero(2, limit)))]);
    state.has_el2 = true;
    check(&pfr0(), &state, &common);
    check(&pfr0(), &state, &[(zero(2, limit), INVALID)]);
    // A host without MPAM: 0 is its own.
    let state = pfr0().on(limit, limit);
    check(
        &pfr0(),
        &state,
        &[(limit, Ok(limit)), (limit | 0x1 << 40, UNSAFE)],
    );
}

#[test]
fn pfr1_forgives_the_hosts_mpam_frac() {
    let host = 0x1_0021;
    let state = pfr1().on(host, 0x21);
    check(
        &pfr1(),
        &state,
        &[
            (0x21, Ok(0x21)),
            (0x1_0021, Ok(0x21)),
            (0x2_0021, UNSAFE),
            // SSBS and BT can be lowered.
            (0x11, Ok(0x11)),
            (0x01, Ok(0x01)),
            (0x31, UNSAFE),
            (0x1_0000, Ok(0)),
        ],
    );
}

#[test]
fn pfr1_forgives_an_mte_frac_of_zero_on_a_host_with_mte2_and_no_asynchronous_faults() {
    let frac = 0xf << 40;
    // (host, limit) of a VM with MTE.
    let forgiven = pfr1().on(0x200 | frac, 0x200 | frac);
    check(
        &pfr1(),
        &forgiven,
        &[
            (0x200, Ok(0x200 | frac)),
            (0x200 | frac, Ok(0x200 | frac)),
            (0x200 | 0x1 << 40, UNSAFE),
        ],
    );
    for (host, limit) in [
        // MTE, MTE3, or asynchronous faults: the field is taken as it is.
        (0x100 | frac, 0x100 | frac),
        (0x300 | frac, 0x300 | frac),
        (0x200, 0x200),
    ] {
        let state = pfr1().on(host, limit);
        let mte = limit & 0xf00;
        let zero = if limit & frac == 0 { Ok(mte) } else { UNSAFE };
        check(&pfr1(), &state, &[(mte, zero), (limit, Ok(limit))]);
    }
    // In a VM without MTE this makes the only possible value unsafe, as in C.
    let state = pfr1().on(0x200 | frac, 0x0);
    check(&pfr1(), &state, &[(0, UNSAFE), (frac, UNSAFE)]);
}

#[test]
fn aa64dfr0_forgives_an_unknown_pmu_and_needs_a_debug_version() {
    let limit = 0xf0_1030_5609;
    let state = aa64dfr0().on(limit, limit);
    let with_pmu = |version: u64| limit & !0xf00 | version << 8;
    check(
        &aa64dfr0(),
        &state,
        &[
            (limit, Ok(limit)),
            (with_pmu(0xf), Ok(with_pmu(0))),
            (with_pmu(0), Ok(with_pmu(0))),
            (with_pmu(1), Ok(with_pmu(1))),
            (with_pmu(5), Ok(with_pmu(5))),
            (with_pmu(7), UNSAFE),
            (with_pmu(0xe), UNSAFE),
            // DebugVer: 6 is the lowest there is.
            (limit & !0xf | 0x6, Ok(limit & !0xf | 0x6)),
            (limit & !0xf | 0x8, Ok(limit & !0xf | 0x8)),
            (limit & !0xf | 0x5, INVALID),
            (limit & !0xf, INVALID),
            (limit & !0xf | 0xa, UNSAFE),
            // WRPs can be lowered, BRPs and CTX_CMPs not.
            (limit & !0xf0_0000, Ok(limit & !0xf0_0000)),
            (limit & !0xf000, UNSAFE),
            (limit & !0xf000_0000, UNSAFE),
            // DoubleLock not implemented is -1: 0 is above.
            (limit & !(0xf << 36), UNSAFE),
        ],
    );
}

#[test]
fn aa64dfr0_forgives_double_lock_in_a_vm_with_el2() {
    let (missing, there) = (0xf0_0000_0006, 0x0_0000_0006);
    let mut state = aa64dfr0().on(missing, missing);
    check(
        &aa64dfr0(),
        &state,
        &[(there, UNSAFE), (missing, Ok(missing))],
    );
    state.has_el2 = true;
    check(
        &aa64dfr0(),
        &state,
        &[
            (there, Ok(missing)),
            (missing, Ok(missing)),
            (0x10_0000_0006, UNSAFE),
        ],
    );
    // On a host that has it, the guest may have it, or not.
    let mut state = aa64dfr0().on(there, there);
    state.has_el2 = true;
    check(
        &aa64dfr0(),
        &state,
        &[(there, Ok(there)), (missing, Ok(missing))],
    );
}

#[test]
fn dfr0_forgives_an_unknown_pmu_and_needs_pmuv3_and_armv8_debug() {
    let limit = 0x0601_1099;
    let state = dfr0().on(limit, limit);
    let with_pmu = |version: u64| limit & !0xf00_0000 | version << 24;
    check(
        &dfr0(),
        &state,
        &[
            (limit, Ok(limit)),
            (with_pmu(0xf), Ok(with_pmu(0))),
            (with_pmu(0), Ok(with_pmu(0))),
            (with_pmu(1), INVALID),
            (with_pmu(2), INVALID),
            (with_pmu(3), Ok(with_pmu(3))),
            (with_pmu(6), Ok(with_pmu(6))),
            (with_pmu(7), UNSAFE),
            (limit & !0xf | 0x5, INVALID),
            (limit & !0xf | 0x6, Ok(limit & !0xf | 0x6)),
            (limit & !0xf | 0xa, UNSAFE),
            // The register has 32 bits.
            (limit | 1 << 32, UNSAFE),
        ],
    );
}

#[test]
fn mmfr0_lets_a_vm_with_el2_do_without_a_granule_only() {
    // 4 KiB and 16 KiB at stage 2, 64 KiB not.
    let limit = 0x0000_0212_0f10_0005;
    let mut state = mmfr0().on(limit, limit);
    let with = |digit: u32, level: u64| limit & !(0xf << (4 * digit)) | level << (4 * digit);
    // In any VM the fields' own rule lets 1 pass, and nothing else.
    let common: Vec<Write> = [(10, 2, 1), (8, 2, 1), (9, 1, 1)]
        .into_iter()
        .flat_map(|(digit, own, not_implemented)| {
            [own, not_implemented].map(|level| (with(digit, level), Ok(with(digit, level))))
        })
        .collect();
    check(&mmfr0(), &state, &common);
    let refused = [with(10, 0), with(10, 3), with(8, 0), with(9, 2), with(9, 0)];
    check(&mmfr0(), &state, &refused.map(|value| (value, UNSAFE)));
    state.has_el2 = true;
    check(&mmfr0(), &state, &common);
    check(&mmfr0(), &state, &refused.map(|value| (value, INVALID)));
    // A smaller PARange is fine, another ASIDBits is not.
    let small = limit & !0xf | 0x2;
    check(
        &mmfr0(),
        &state,
        &[(small, Ok(small)), (limit | 0x20, UNSAFE)],
    );
}

#[test]
fn mmfr2_forgives_the_hosts_nv() {
    let host = 0x0220_0111_0200_1011;
    let limit = host & !NV;
    let state = mmfr2().on(host, limit);
    check(
        &mmfr2(),
        &state,
        &[
            (limit, Ok(limit)),
            (host, Ok(limit)),
            (limit | 0x1 << 24, UNSAFE),
            (limit | 0x3 << 24, UNSAFE),
            (limit & !0x1, Ok(limit & !0x1)),
            (limit & !(0xf << 40), UNSAFE),
        ],
    );
}

#[test]
fn ctr_refuses_reserved_policies_and_what_the_host_does_not_give() {
    let limit = 0xb444_c004;
    let state = ctr().on(limit, limit);
    let with = |clear: u64, set: u64| limit & !clear | set;
    check(
        &ctr(),
        &state,
        &[
            (limit, Ok(limit)),
            // PIPT to VIPT, and never a reserved one.
            (with(0xc000, 0x8000), Ok(with(0xc000, 0x8000))),
            (with(0xc000, 0x4000), INVALID),
            (with(0xc000, 0), INVALID),
            // Shorter lines, and more maintenance.
            (with(0xf, 0x3), Ok(with(0xf, 0x3))),
            (with(0xf, 0x5), UNSAFE),
            (with(1 << 28, 0), Ok(with(1 << 28, 0))),
            (
                with(0, 1 << 29),
                if limit & 1 << 29 == 0 {
                    UNSAFE
                } else {
                    Ok(limit)
                },
            ),
            // CWG and ERG are fixed.
            (with(0xf << 24, 0), UNSAFE),
            (with(1 << 31, 0), UNSAFE),
        ],
    );
    // A host with VIPT does not give PIPT.
    let state = ctr().on(0x8444_8004, 0x8444_8004);
    check(
        &ctr(),
        &state,
        &[(0x8444_c004, UNSAFE), (0x8444_8004, Ok(0x8444_8004))],
    );
}

#[test]
fn implementation_registers_need_the_capability_and_a_vm_that_has_not_run() {
    let mut state = midr().on(0x411f_d401, 0x411f_d401);
    let same = (0x411f_d401, Ok(0x411f_d401));
    check(
        &midr(),
        &state,
        &[same, (0x413f_d0c1, INVALID), (0, INVALID)],
    );
    // The capability comes before the freeze.
    state.ran = RanOnce::Yes;
    check(&midr(), &state, &[same, (0x413f_d0c1, INVALID)]);
    // The freeze comes before the bits.
    state.imp_ids_writable = true;
    check(
        &midr(),
        &state,
        &[same, (0x413f_d0c1, FROZEN), (1 << 32, FROZEN)],
    );
    state.ran = RanOnce::No;
    check(
        &midr(),
        &state,
        &[
            same,
            (0x413f_d0c1, Ok(0x413f_d0c1)),
            (0, Ok(0)),
            (1 << 32, INVALID),
        ],
    );
    // Its own value is accepted even if it has bits outside the mask.
    state.current = 1 << 40;
    check(&midr(), &state, &[(1 << 40, Ok(1 << 40))]);
}

#[test]
fn first_run_freezes_the_amended_value() {
    let host = 0x1101_0110_2111_1112;
    let mut state = pfr0().on(host, host & !MPAM);
    state.ran = RanOnce::Yes;
    state.current = 0x0001_0010_2111_1112;
    check(
        &pfr0(),
        &state,
        &[
            (0x0001_0010_2111_1112, Ok(0x0001_0010_2111_1112)),
            // The host's MPAM is forgiven then, too.
            (0x0001_0110_2111_1112, Ok(0x0001_0010_2111_1112)),
            (0x0001_0210_2111_1112, FROZEN),
            // The limit is nothing that a frozen register accepts.
            (host, FROZEN),
            // A rule of the register comes first.
            (0x0001_0010_2111_1110, INVALID),
        ],
    );
}

/// The ID registers of a new VM on AWS's Neoverse V1, with kernel 6.1 and with kernel 6.18, where
/// they differ: Firecracker's fingerprints.
const V1_6_1_TO_6_18: [(u32, u32, u64, u64); 3] = [
    (4, 0, 0x1101_0100_2111_1112, 0x1101_0000_2111_1112),
    (5, 0, 0xf0_1030_5006, 0xf0_1030_5009),
    (7, 2, 0x0220_0111_0200_1011, 0x0220_0111_0000_1011),
];

#[test]
fn neoverse_v1_moves_from_6_1_to_6_18_and_not_back_by_mpam() {
    let registers = [pfr0(), aa64dfr0(), mmfr2()];
    for (register, (crm, op2, old, new)) in registers.iter().zip(V1_6_1_TO_6_18) {
        assert_eq!(register.reg, SysReg::new(3, 0, 0, crm, op2));
        // The host's own registers have what 6.1 showed; 6.18 shows the limit.
        let state = register.on(old | new, new);
        let stored = if crm == 5 { old } else { new };
        check(register, &state, &[(old, Ok(stored)), (new, Ok(new))]);
    }
    // Without what C forgives, the fields alone refuse two of the three.
    for (register, (crm, _, old, limit)) in registers.iter().zip(V1_6_1_TO_6_18) {
        let alone = FeatureRegister::Limited {
            limit,
            writable: register.writable,
        };
        let decided = alone.decide(old, || Some(register.fields.clone()));
        assert_eq!(decided.is_ok(), crm == 5);
    }
    // The rest is equal on both kernels.
    for (register, value) in [
        (pfr1(), 0x20),
        (dfr0(), 0x11099),
        (mmfr0(), 0x10_1125),
        (isar0(), 0x1011_1111_1021_2120),
        (ctr(), 0xb444_c004),
    ] {
        check(&register, &register.on(value, value), &[(value, Ok(value))]);
    }
}

/// The trait can be implemented without any value: a decision looks only at what it needs.
#[test]
fn decision_after_the_run_asks_for_no_limit() {
    struct Frozen;

    impl IdRegState for Frozen {
        type Rule = SafeValue;
        type Fields = Vec<FeatureField>;

        fn visibility(&self) -> IdVisibility {
            IdVisibility::Shown
        }

        fn has_el2(&self) -> bool {
            false
        }

        fn host(&self) -> u64 {
            panic!("looked at")
        }

        fn limit(&self) -> u64 {
            panic!("looked at")
        }

        fn writable(&self) -> u64 {
            panic!("looked at")
        }

        fn current(&self) -> u64 {
            0x10
        }

        fn ran_once(&self) -> RanOnce {
            RanOnce::Yes
        }

        fn imp_ids_writable(&self) -> bool {
            false
        }

        fn fields(&self) -> Option<Self::Fields> {
            panic!("looked at")
        }
    }

    for rule in [IdReg::Plain, IdReg::Implementation, IdReg::Aa64Mmfr0] {
        assert_eq!(rule.decide(0x10, &Frozen), Ok(0x10));
    }
    assert_eq!(IdReg::Plain.decide(0x11, &Frozen), FROZEN);
    assert_eq!(IdReg::Implementation.decide(0x11, &Frozen), INVALID);
}
