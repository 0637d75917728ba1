// SPDX-License-Identifier: GPL-2.0

//! Levels: what requests one, what it does with accesses to registers, and that its rules make
//! sense. What each old kernel did is in `compat_measured.rs`.

use std::collections::BTreeSet;

use kvm_abi::{
    Capability,
    Clidr,
    CompatEffect,
    CompatLevel,
    CompatReg,
    CompatRule,
    CompatServed,
    CompatVcpu,
    EnableCap,
    FieldLimit,
    FwReg,
    FwVcpu,
    FwVm,
    HostWorkarounds,
    IdField,
    MaskRequest,
    Mitigation,
    PlainVm,
    PsciVersion,
    Reject,
    SysReg, //
};

use CompatLevel::{Native, V6_1, V6_12, V6_16, V6_18};

const OLD: [CompatLevel; 4] = [V6_1, V6_12, V6_16, V6_18];

const PSCI: u64 = 0x6030_0000_0014_0000;
const BMAP_2: u64 = 0x6030_0000_0016_0003;
const PIR_EL1: u64 = 0x6030_0000_0013_c513;
const TCR2_EL1: u64 = 0x6030_0000_0013_c103;
const MIDR_EL1: u64 = 0x6030_0000_0013_c000;
/// A Neoverse N1: separate caches of level 1, a unified one of level 2.
const CLIDR: Clidr = Clidr(0x8200_0023);

fn request(args: [u64; 4]) -> EnableCap {
    EnableCap {
        cap: CompatLevel::CAP,
        flags: 0,
        args,
        pad: [0; 64],
    }
}

// ---- The levels ----

#[test]
fn each_level_has_a_bit_and_a_name_of_its_own() {
    let bits: BTreeSet<_> = CompatLevel::ALL.iter().map(|level| level.bit()).collect();
    let names: BTreeSet<_> = CompatLevel::ALL.iter().map(|level| level.name()).collect();
    assert_eq!((bits.len(), names.len()), (5, 5));
    assert_eq!(bits.iter().sum::<u32>(), CompatLevel::ALL_BITS);
    for level in CompatLevel::ALL {
        assert_eq!(CompatLevel::from_bit(level.bit().into()), Some(level));
    }
    assert_eq!(names, ["6.1", "6.12", "6.16", "6.18", "native"].into());
}

#[test]
fn only_one_bit_alone_is_a_level() {
    for bits in (0..0x100).chain((8..64).map(|bit| 1 << bit)) {
        let known = CompatLevel::ALL
            .iter()
            .any(|level| u64::from(level.bit()) == bits);
        assert_eq!(CompatLevel::from_bit(bits).is_some(), known, "{bits:#x}");
        let wanted = CompatLevel::wanted(&request([bits, 0, 0, 0]));
        assert_eq!(wanted.is_ok(), known, "{bits:#x}");
    }
}

#[test]
fn a_request_with_anything_else_is_refused() {
    let good = request([8, 0, 0, 0]);
    assert_eq!(CompatLevel::wanted(&good), Ok(V6_12));
    let mut bad = vec![
        EnableCap { flags: 1, ..good },
        EnableCap {
            cap: EnableCap::MIGRATION,
            ..good
        },
    ];
    bad.extend((1..4).map(|index| {
        let mut bad = good;
        bad.args[index] = 1;
        bad
    }));
    bad.extend((0..64).map(|index| {
        let mut bad = good;
        bad.pad[index] = 1;
        bad
    }));
    for request in bad {
        assert_eq!(
            CompatLevel::wanted(&request),
            Err(Reject::InvalidValue),
            "{request:?}"
        );
    }
}

#[test]
fn check_extension_says_what_there_is_and_what_is_on() {
    assert_eq!(CompatLevel::check_extension(None), 0x1f);
    for level in CompatLevel::ALL {
        assert_eq!(CompatLevel::check_extension(Some(level)), level.bit());
    }
}

// ---- The rules ----

#[test]
fn no_rule_holds_in_this_kernel_and_each_holds_at_some_level() {
    assert_eq!(Native.rules().count(), 0);
    for rule in CompatRule::all() {
        assert!(rule.since < rule.until, "{}", rule.name);
        assert!(OLD.iter().any(|level| rule.holds(*level)), "{}", rule.name);
    }
}

#[test]
fn each_rule_has_a_name_of_its_own_and_says_what_changed() {
    let mut names = BTreeSet::new();
    for rule in CompatRule::all() {
        assert!(names.insert(rule.name), "{} twice", rule.name);
        let release = rule.change.split([':', ' ']).next().unwrap();
        assert!(
            release.parse::<f32>().is_ok(),
            "{}: {}",
            rule.name,
            rule.change
        );
    }
}

#[test]
fn at_a_level_only_one_rule_is_about_the_same() {
    for level in OLD {
        let mut seen = BTreeSet::new();
        for rule in level.rules() {
            let what = match rule.effect {
                CompatEffect::Hides { first, last } => format!("id {first:x} {last:x}"),
                CompatEffect::Shows { id, .. } => format!("id {id:x} {id:x}"),
                CompatEffect::Limits(field) => format!("field {:?} {}", field.reg, field.shift),
                CompatEffect::Knows { reg, .. } => format!("known {reg:?}"),
                CompatEffect::Masks { first, last, .. } => format!("mask {first:?} {last:?}"),
                other => format!("{other:?}"),
            };
            assert!(seen.insert(what), "{}: {}", level.name(), rule.name);
        }
    }
}

#[test]
fn limits_never_go_above_the_host_and_never_touch_other_fields() {
    let reg = SysReg::new(3, 0, 0, 7, 2);
    let host = 0x1234_5678_9abc_def0;
    for level in OLD {
        for limit in [0, host, !host, u64::MAX] {
            let new = level.limit(reg, limit, || host);
            let nv = 0xf << 24;
            let ccidx = 0xf << 20;
            let shown = match level {
                V6_1 => nv | ccidx,
                V6_12 => nv,
                _ => 0,
            };
            assert_eq!(new, (limit & !shown) | (host & shown), "{}", level.name());
        }
    }
    assert_eq!(Native.limit(reg, 7, || panic!("the host is not asked")), 7);
}

#[test]
fn a_limit_of_a_number_only_lowers() {
    let dfr0 = SysReg::new(3, 0, 0, 5, 0);
    for version in 0..16 {
        let limit = V6_1.limit(dfr0, version, || 0);
        assert_eq!(limit, version.min(6));
        assert_eq!(V6_12.limit(dfr0, version, || 0), version);
    }
    let field = IdField {
        reg: dfr0,
        shift: 60,
        limit: FieldLimit::Host,
    };
    assert_eq!(field.mask(), 0xf000_0000_0000_0000);
}

#[test]
fn only_levels_that_show_a_field_keep_it() {
    let mmfr2 = SysReg::new(3, 0, 0, 7, 2);
    for (level, shows) in [
        (Native, false),
        (V6_18, false),
        (V6_16, false),
        (V6_12, true),
    ] {
        assert_eq!(level.shows(mmfr2, 0xf << 24), shows, "{}", level.name());
    }
    assert!(!V6_12.shows(mmfr2, 0xf << 20));
    assert!(!V6_12.shows(SysReg::new(3, 0, 0, 7, 1), 0xf << 24));
}

#[test]
fn masks_are_those_of_the_first_rule_for_the_register() {
    let all = u64::MAX;
    let pfr0 = SysReg::new(3, 0, 0, 4, 0);
    let mmfr0 = SysReg::new(3, 0, 0, 7, 0);
    assert_eq!(V6_1.mask(pfr0, all), 0xff << 56);
    assert_eq!(V6_1.mask(mmfr0, all), 0);
    assert_eq!(V6_12.mask(mmfr0, all), 0xff00_f000_ffff_ff0f);
    assert_eq!(V6_16.mask(mmfr0, all), all);
    assert_eq!(Native.mask(mmfr0, 5), 5);
}

#[test]
fn the_masks_of_a_level_can_be_asked_for_if_that_kernel_had_them() {
    let good = MaskRequest {
        range: 0,
        reserved: [0; 13],
    };
    let bad = MaskRequest { range: 1, ..good };
    for level in OLD {
        assert_eq!(good.level_range(level).is_ok(), level != V6_1);
        assert_eq!(bad.level_range(level), Err(Reject::InvalidValue));
    }
}

#[test]
fn nested_guests_have_no_level() {
    for level in OLD {
        for features in [1 << 7, 1 << 8, 3 << 7, u64::MAX] {
            assert!(!level.has_features(features));
        }
        assert!(level.has_features(!(3 << 7)));
        assert!(!level.has_capability(240) && !level.has_capability(241));
        assert!(level.has_capability(0) && level.has_capability(u32::MAX));
    }
    assert!(Native.has_features(u64::MAX) && Native.has_capability(240));
}

// ---- Caches ----

#[test]
fn clidr_says_which_caches_there_are() {
    let id = |csselr: u64| 0x6020_0000_0011_0000 | csselr;
    let there = |clidr, csselr| !Clidr(clidr).lacks(id(csselr));
    // Of level 1: none, instructions, data, both, unified
    for (ctype, data, instructions) in [
        (0, false, false),
        (1, false, true),
        (2, true, false),
        (3, true, true),
        (4, true, false),
        (5, false, false),
        (7, false, false),
    ] {
        assert_eq!(
            (there(ctype, 0), there(ctype, 1)),
            (data, instructions),
            "{ctype}"
        );
        assert_eq!(there(ctype << 18, 12), data, "level 7: {ctype}");
        // Not a level
        assert!(!there(ctype << 21, 14) && !there(u64::MAX, 0xff));
    }
    // Other registers are not its business.
    assert!(!Clidr(0).lacks(MIDR_EL1));
    assert_eq!(V6_1.reg(id(3), CLIDR), CompatReg::Hidden);
    assert_eq!(V6_1.reg(id(2), CLIDR), CompatReg::Native);
    assert_eq!(V6_12.reg(id(3), CLIDR), CompatReg::Native);
}

// ---- Accesses ----

struct Vcpu {
    level: CompatLevel,
    vm: PlainVm,
    hides: bool,
    psci_0_2: bool,
}

impl CompatVcpu for Vcpu {
    fn level(&self) -> CompatLevel {
        self.level
    }

    fn host_clidr(&self) -> Clidr {
        CLIDR
    }

    fn hides(&self, _: u64) -> bool {
        self.hides
    }
}

impl FwVcpu for Vcpu {
    type Vm = PlainVm;

    fn vm(&self) -> &PlainVm {
        &self.vm
    }

    fn has_psci_0_2(&self) -> bool {
        self.psci_0_2
    }
}

fn vcpu(level: CompatLevel, hides: bool) -> Vcpu {
    Vcpu {
        level,
        vm: PlainVm::new(HostWorkarounds {
            spectre_v2: Mitigation::Unaffected,
            spectre_v4: Mitigation::Unaffected,
            ssbs: false,
            spectre_bhb: Mitigation::Unaffected,
        }),
        hides,
        psci_0_2: true,
    }
}

/// The error of a write whose value cannot be read.
#[derive(Debug, PartialEq, Eq)]
enum Error {
    Fault,
    Rejected(Reject),
}

impl From<Reject> for Error {
    fn from(reject: Reject) -> Self {
        Self::Rejected(reject)
    }
}

fn set(vcpu: &Vcpu, id: u64, value: u64) -> Result<CompatServed<()>, Reject> {
    CompatLevel::set_by_id(vcpu, id, || Ok(value))
}

#[test]
fn a_hidden_register_is_unknown_after_the_value_is_read() {
    let old = vcpu(V6_12, false);
    let unknown = Reject::UnknownRegister;
    assert_eq!(CompatLevel::get_by_id(&old, BMAP_2), Err(unknown));
    assert_eq!(set(&old, BMAP_2, 0), Err(unknown));
    let fault = CompatLevel::set_by_id(&old, BMAP_2, || Err(Error::Fault));
    assert_eq!(fault, Err(Error::Fault));
    for level in [V6_16, V6_18, Native] {
        let new = vcpu(level, false);
        assert_eq!(CompatLevel::get_by_id(&new, BMAP_2), Ok(CompatServed::All));
        assert_eq!(set(&new, BMAP_2, 1), Ok(CompatServed::All));
    }
}

#[test]
fn a_shown_register_takes_the_value_that_it_has_and_no_other() {
    let hidden = vcpu(V6_12, true);
    for (id, value) in [(TCR2_EL1, 0), (PIR_EL1, 0x1de7_ec7e_dbad_c0de)] {
        assert_eq!(
            CompatLevel::get_by_id(&hidden, id),
            Ok(CompatServed::Level(value))
        );
        assert_eq!(set(&hidden, id, value), Ok(CompatServed::Level(())));
        assert_eq!(set(&hidden, id, !value), Err(Reject::InvalidValue));
        // On a CPU that has it, it is a register like any other.
        let shown = vcpu(V6_12, false);
        assert_eq!(CompatLevel::get_by_id(&shown, id), Ok(CompatServed::All));
        assert_eq!(set(&shown, id, !value), Ok(CompatServed::All));
        // So it is at levels that hid it, and this kernel says that it is hidden.
        for level in [V6_1, V6_16, V6_18] {
            assert_eq!(
                CompatLevel::get_by_id(&vcpu(level, true), id),
                Ok(CompatServed::All)
            );
        }
    }
}

#[test]
fn psci_takes_the_versions_of_the_time() {
    for level in OLD {
        let latest = if level < V6_16 {
            PsciVersion::V1_1
        } else {
            PsciVersion::V1_3
        };
        assert_eq!(level.psci(), latest, "{}", level.name());
        for version in PsciVersion::ALL {
            let vcpu = vcpu(level, false);
            vcpu.vm().store_psci_version(latest);
            let result = set(&vcpu, PSCI, version.to_raw().into());
            let expected = match version {
                PsciVersion::V0_1 => Err(Reject::InvalidValue),
                version if version > latest => Err(Reject::AboveHost),
                _ => Ok(CompatServed::Level(())),
            };
            assert_eq!(result, expected, "{}: {version:?}", level.name());
            let stored = if result.is_ok() { version } else { latest };
            assert_eq!(FwReg::PsciVersion.get(&vcpu), u64::from(stored.to_raw()));
        }
        let mut without = vcpu(level, false);
        without.psci_0_2 = false;
        assert_eq!(set(&without, PSCI, 1), Ok(CompatServed::Level(())));
        assert_eq!(set(&without, PSCI, 2), Err(Reject::InvalidValue));
        let fault = CompatLevel::set_by_id(&vcpu(level, false), PSCI, || Err(Error::Fault));
        assert_eq!(fault, Err(Error::Fault));
    }
    assert_eq!(V6_12.stored_psci(), 0x1_0001);
    assert_eq!((V6_16.stored_psci(), Native.stored_psci()), (0, 0));
}
