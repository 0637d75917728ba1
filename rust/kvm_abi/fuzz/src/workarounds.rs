// SPDX-License-Identifier: GPL-2.0

//! The levels of the workarounds on each host, and the levels that it accepts.
//!
//! The rules follow `Documentation/virt/kvm/arm/fw-pseudo-registers.rst` and Arm DEN 0070, as lists
//! of the values that each host accepts.

use kvm_abi::{
    FeatureLevel,
    FeatureLevelReg,
    FieldIndex,
    FwReg,
    HostWorkarounds,
    Mitigation::{
        self,
        Mitigated,
        Unaffected,
        Vulnerable, //
    },
    PlainVm,
    Promise,
    RanOnce,
    Reject,
    WorkaroundLevel,
    WorkaroundLevel2,
    WorkaroundQuery, //
};

use crate::{
    common::{
        NOT_SUPPORTED,
        SUCCESS, //
    },
    Input, //
};

const SMCCC_NOT_REQUIRED: u64 = -2i64 as u64;

/// All values of `SMCCC_ARCH_WORKAROUND_2` that kernels have presented, and whether each promises
/// that the guest has nothing to do.
const PRESENTED: [(u64, bool); 5] = [
    (0x0, false),
    (0x1, false),
    (0x2, true),
    (0x3, true),
    (0x12, true),
];

/// Returns the value of the registers of the first and the third workaround, and the answer to a
/// guest.
fn worth(host: Mitigation) -> (u64, u64) {
    match host {
        Vulnerable => (0, NOT_SUPPORTED),
        Mitigated => (1, SUCCESS),
        Unaffected => (2, 1),
    }
}

/// Returns whether the guest has nothing to do about Spectre-v4.
fn is_safe(host: Mitigation, ssbs: bool) -> bool {
    match host {
        Vulnerable => false,
        Mitigated => !ssbs,
        Unaffected => true,
    }
}

/// Returns a VM that has run on this host.
fn vm(host: HostWorkarounds) -> PlainVm {
    PlainVm {
        ran: RanOnce::Yes,
        ..PlainVm::new(host)
    }
}

fn is_admitted(value: u64) -> Result<(), Reject> {
    match value {
        0..16 => Ok(()),
        _ => Err(Reject::InvalidValue),
    }
}

fn first_and_third(value: u64, host: Mitigation) {
    let (register, answered) = worth(host);
    let expected = match is_admitted(value) {
        Ok(()) if value > register => Err(Reject::AboveHost),
        admitted => admitted,
    };
    let level = WorkaroundLevel::of_host(host);
    assert_eq!(level.to_raw(), register);
    assert_eq!(WorkaroundLevel::admit(value), is_admitted(value));
    assert_eq!(level.decide(value), expected, "{value:#x}, {host:?}");
    // The other vulnerability is in another state.
    let [spectre_v2, spectre_bhb] = [[host, Vulnerable], [Vulnerable, host]];
    for (reg, [spectre_v2, spectre_bhb], query) in [
        (FwReg::Workaround1, spectre_v2, WorkaroundQuery::Workaround1),
        (
            FwReg::Workaround3,
            spectre_bhb,
            WorkaroundQuery::Workaround3,
        ),
    ] {
        let vm = vm(HostWorkarounds {
            spectre_v2,
            spectre_v4: Vulnerable,
            ssbs: true,
            spectre_bhb,
        });
        assert_eq!(reg.get(&vm), register, "{host:?}");
        assert_eq!(reg.admit(value), is_admitted(value), "{value:#x}");
        assert_eq!(reg.set(&vm, value), expected, "{value:#x}, {host:?}");
        assert_eq!(query.answer(host, || true), answered, "{host:?}");
    }
}

fn second(value: u64, host: Mitigation, ssbs: bool) {
    let safe = is_safe(host, ssbs);
    let narrowed = PRESENTED
        .iter()
        .find(|(known, _)| *known == value)
        .map(|(_, promises)| *promises)
        .ok_or(Reject::InvalidValue);
    let expected = match narrowed {
        Ok(true) if !safe => Err(Reject::AboveHost),
        known => known.map(|_| ()),
    };

    let level = WorkaroundLevel2::of_host(host, ssbs);
    let promises = |level| level == WorkaroundLevel2::NotRequired;
    assert_eq!(promises(level), safe, "{host:?}, {ssbs}");
    let raw = if safe { 3 } else { 0 };
    assert_eq!(level.to_raw(), raw);
    let narrow = WorkaroundLevel2::narrow(value).map(promises);
    assert_eq!(narrow, narrowed, "{value:#x}");
    assert_eq!(
        level.decide(value),
        expected,
        "{value:#x}, {host:?}, {ssbs}"
    );
    let vm = vm(HostWorkarounds {
        spectre_v2: Unaffected,
        spectre_v4: host,
        ssbs,
        spectre_bhb: Vulnerable,
    });
    let reg = FwReg::Workaround2;
    assert_eq!(reg.get(&vm), raw, "{host:?}, {ssbs}");
    assert_eq!(reg.admit(value), narrowed.map(|_| ()));
    assert_eq!(reg.set(&vm, value), expected, "{value:#x}, {host:?}");
    let answered = if safe {
        SMCCC_NOT_REQUIRED
    } else {
        NOT_SUPPORTED
    };
    let answer = WorkaroundQuery::Workaround2.answer(host, || ssbs);
    assert_eq!(answer, answered, "{host:?}, {ssbs}");
}

fn levels(input: &mut Input<'_>, host: HostWorkarounds) {
    let of = |mitigation| match mitigation {
        Vulnerable => 0xf,
        Mitigated => 0x1,
        Unaffected => 0x2,
    };
    let second = match is_safe(host.spectre_v4, host.ssbs) {
        true => 0x2,
        false => 0xf,
    };
    let expected = of(host.spectre_bhb) << 8 | second << 4 | of(host.spectre_v2);
    assert_eq!(host.levels().bits(), expected, "{host:?}");
    for (reg, number) in FeatureLevelReg::all().zip(0..) {
        let asked = std::cell::Cell::new(false);
        let levels = reg.levels(|| {
            asked.set(true);
            host
        });
        assert_eq!(asked.get(), number == 0, "{reg:?}");
        assert_eq!(levels.bits(), if number == 0 { expected } else { 0 });
    }

    // A host accepts what it presents, and no more, but for 0.
    let levels = host.levels();
    let decide = |value| Promise::NONE.decide(value, levels, RanOnce::No);
    assert_eq!(decide(expected), Ok(levels));
    let field = FieldIndex::new(input.one_of(&[0, 1, 2, 15])).expect("that is a field");
    let better = FeatureLevel::new(levels.level(field).get().max(0) + 1);
    let more = levels.with(field, better).bits();
    assert_eq!(decide(more), Err(Reject::AboveHost), "{host:?}");
}

pub(crate) fn run(input: &mut Input<'_>) {
    let value = input.near(&[0, 1, 2, 3, 4, 0xf, 0x10, 0x12, 0x13, 0x20]);
    let host = HostWorkarounds {
        spectre_v2: input.one_of(&Mitigation::ALL),
        spectre_v4: input.one_of(&Mitigation::ALL),
        ssbs: input.bool(),
        spectre_bhb: input.one_of(&Mitigation::ALL),
    };
    first_and_third(value, host.spectre_v2);
    second(value, host.spectre_v4, host.ssbs);
    levels(input, host);
}
