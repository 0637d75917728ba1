// SPDX-License-Identifier: GPL-2.0

//! One register of the set, judged on the copy.
//!
//! Each function writes an accepted value to the copy. For a refused one of an ID register it
//! writes what would be accepted, so that the registers that are judged later find it there.

use super::{
    config::{
        ConfigHost,
        IIDR_LATEST,
        IIDR_REVISION, //
    },
    has_run,
    ConfigAnswer,
    ConfigReason,
    ConfigReg,
    VmConfig, //
};
use crate::{
    cast,
    id_reg::IdRefusal,
    FeatureLevelReg,
    FeatureLevels,
    FwReg,
    IdReg,
    IdRegState,
    IdVisibility,
    PlainVm,
    PsciVersion,
    Reject,
    VmIdIndex,
    VmReg,
    WorkaroundLevel2, //
};

/// The revision of `GICD_IIDR` whose kernel did not restore groups.
const IIDR_WITHOUT_GROUPS: u64 = 1 << 12;
/// The revisions of `GICD_IIDR` that a VM can have.
const IIDR_REVISIONS: [u64; 3] = [IIDR_WITHOUT_GROUPS, 2 << 12, 3 << 12];

/// Returns the answer to an entry of a register that has no value in this VM now, `None` if it has.
#[inline]
pub(super) fn missing(
    reg: ConfigReg,
    config: &VmConfig,
    host: &impl ConfigHost,
) -> Option<ConfigAnswer> {
    let not_ready = ConfigAnswer::refused(ConfigReason::NotReady, 0, 0);
    match reg {
        ConfigReg::Id(_) if !config.is_ready() => Some(not_ready),
        ConfigReg::Id(index) if host.id_visibility(index).is_some() => None,
        ConfigReg::Id(_) => Some(ConfigAnswer::absent(ConfigReason::Unknown)),
        ConfigReg::Fw(reg) if !config.is_ready() && VmReg::Fw(reg).needs_features() => {
            Some(not_ready)
        }
        ConfigReg::Fw(_) => None,
        ConfigReg::Level(_) if config.levels.is_none() => {
            Some(ConfigAnswer::absent(ConfigReason::NeedsCapability))
        }
        ConfigReg::Level(reg) if !config.is_level_ready(reg) => Some(not_ready),
        ConfigReg::Level(_) => None,
        ConfigReg::GicIidr if config.gic_iidr.is_none() => {
            Some(ConfigAnswer::absent(ConfigReason::NeedsFeature))
        }
        ConfigReg::GicIidr => None,
        ConfigReg::IccCtlr | ConfigReg::IchVtr if !config.keeps_gic_fields => {
            Some(ConfigAnswer::absent(ConfigReason::NeedsCapability))
        }
        ConfigReg::IchVtr if !config.is_ready() => Some(not_ready),
        ConfigReg::IccCtlr | ConfigReg::IchVtr => {
            let is_there = match (reg, config.gic_cpus) {
                (_, None) => false,
                (ConfigReg::IchVtr, Some(gic)) => gic.vtr.is_some(),
                (_, Some(_)) => true,
            };
            (!is_there).then_some(ConfigAnswer::absent(ConfigReason::NeedsFeature))
        }
    }
}

/// Judges an ID register, whose own value is accepted.
#[inline]
pub(super) fn id_reg(
    index: VmIdIndex,
    value: u64,
    config: &mut VmConfig,
    host: &impl ConfigHost,
) -> ConfigAnswer {
    let current = config.id_reg(index);
    if value == current {
        return ConfigAnswer::ACCEPTED;
    }
    // Both are there, as nothing is missing.
    let (Some(rule), Some(state)) = (IdReg::of(index.reg()), host.id_reg(index, current)) else {
        return ConfigAnswer::absent(ConfigReason::Unknown);
    };
    match rule.judge(value, &state) {
        Ok(stored) => {
            config.set_id_reg(index, stored);
            ConfigAnswer::ACCEPTED
        }
        Err(refusal) => {
            config.set_id_reg(index, refusal.accepted);
            ConfigAnswer::refused(id_reason(refusal, &state), refusal.bits, refusal.accepted)
        }
    }
}

/// Returns the reason for refusing an ID register.
#[inline]
fn id_reason(refusal: IdRefusal, state: &impl IdRegState) -> ConfigReason {
    let is_limited =
        || state.visibility() == IdVisibility::Shown && refusal.bits & state.writable() != 0;
    match refusal.reject {
        _ if refusal.needs_capability => ConfigReason::NeedsCapability,
        Reject::Frozen => ConfigReason::Frozen,
        // The field can be changed, but not to this level.
        Reject::UnsafeValue if is_limited() => ConfigReason::AboveHost,
        _ => ConfigReason::BadBits,
    }
}

/// Judges a firmware register. `ssbs` is the index of the entry that says whether the guest has
/// SSBS, if there is one.
#[inline]
pub(super) fn fw_reg(
    reg: FwReg,
    value: u64,
    config: &mut VmConfig,
    ssbs: Option<u32>,
) -> ConfigAnswer {
    let fw = &config.fw;
    let Err(reject) = VmReg::Fw(reg).set(fw, value) else {
        return ConfigAnswer::ACCEPTED;
    };
    let accepted = accepted_fw(reg, value, fw);
    let reason = match reject {
        Reject::NotReady => ConfigReason::NotReady,
        Reject::Frozen => ConfigReason::Frozen,
        Reject::AboveHost => ConfigReason::AboveHost,
        _ if reg != FwReg::PsciVersion => ConfigReason::BadBits,
        _ if PsciVersion::from_raw(value).is_some() => ConfigReason::NeedsFeature,
        _ if value > PsciVersion::LATEST.to_raw().into() => ConfigReason::AboveHost,
        _ => ConfigReason::BadBits,
    };
    let answer = ConfigAnswer::refused(reason, value ^ accepted, accepted);
    let goes_with_other_ssbs = || {
        let level = WorkaroundLevel2::of_host(fw.host.spectre_v4, !fw.host.ssbs);
        level.decide(value).is_ok()
    };
    if reg == FwReg::Workaround2 && ssbs.is_some() && goes_with_other_ssbs() {
        return conflict(answer, ssbs);
    }
    answer
}

/// Returns a value that a firmware register accepts instead of a refused one.
#[inline]
fn accepted_fw(reg: FwReg, value: u64, fw: &PlainVm) -> u64 {
    // The value that it reads is accepted at any time. Nothing is missing, so it can be read.
    let seen = VmReg::Fw(reg).get(fw).unwrap_or(0);
    match reg {
        FwReg::PsciVersion | FwReg::Bitmap(_) if has_run(fw.ran) => seen,
        FwReg::PsciVersion if value > seen => {
            let latest = u64::from(PsciVersion::LATEST.to_raw());
            if PsciVersion::from_raw(seen).is_some_and(PsciVersion::needs_psci_0_2) {
                latest
            } else {
                seen
            }
        }
        FwReg::Bitmap(map) => value & map.supported(),
        FwReg::PsciVersion | FwReg::Workaround1 | FwReg::Workaround2 | FwReg::Workaround3 => seen,
    }
}

/// Judges a feature-level register. `ssbs` is as in [`fw_reg`].
#[inline]
pub(super) fn level(
    reg: FeatureLevelReg,
    value: u64,
    config: &mut VmConfig,
    ssbs: Option<u32>,
) -> ConfigAnswer {
    let host = config.host_levels(reg);
    let mut other_host = config.fw.host;
    other_host.ssbs = !other_host.ssbs;

    let ran = config.fw.ran;
    // The register is there, as nothing is missing.
    let Some(promises) = config.levels.as_mut() else {
        return ConfigAnswer::absent(ConfigReason::NeedsCapability);
    };
    let promise = FeatureLevels::from_bits(value);
    let promised = promises.of(reg);
    match promised.decide(value, host, ran) {
        Ok(promise) => {
            promises.store(reg, promise);
            ConfigAnswer::ACCEPTED
        }
        Err(reject) if has_run(ran) => {
            let reason = match reject {
                Reject::Frozen => ConfigReason::Frozen,
                _ => ConfigReason::AboveHost,
            };
            let seen = promised.seen(host).bits();
            ConfigAnswer::refused(reason, value ^ seen, seen)
        }
        Err(_) => {
            let kept = promise.kept_by(host);
            let broken = promise.broken_by(host).bits();
            let answer = ConfigAnswer::refused(ConfigReason::AboveHost, broken, kept.bits());
            let goes_with_other_ssbs = || {
                let levels = reg.levels(|| other_host);
                promise.broken_by(levels).is_empty()
            };
            if ssbs.is_some() && goes_with_other_ssbs() {
                return conflict(answer, ssbs);
            }
            answer
        }
    }
}

/// Judges `GICD_IIDR`: the revision can be changed, to one that a kernel had.
///
/// C: `vgic_mmio_uaccess_write_v2_misc()`, `vgic_mmio_uaccess_write_v3_misc()`, which refuse
/// revision 1 and never freeze. Like there, a VM that gets another revision than 1, even the one
/// that it has, has a userspace that knows how to restore groups.
#[inline]
pub(super) fn gic_iidr(value: u64, config: &mut VmConfig) -> ConfigAnswer {
    // The register is there, as nothing is missing.
    let current = config.gic_iidr.map_or(0, u64::from);
    let ran = has_run(config.fw.ran);
    let fixed = current & !IIDR_REVISION;
    let revision = value & IIDR_REVISION;
    let is_known = IIDR_REVISIONS.contains(&revision);

    let (reason, accepted) = if ran && value == current {
        return ConfigAnswer::ACCEPTED;
    } else if value & !IIDR_REVISION != fixed || revision == 0 {
        let kept = if is_known && !ran {
            fixed | revision
        } else {
            current
        };
        (ConfigReason::BadBits, kept)
    } else if ran {
        (ConfigReason::Frozen, current)
    } else if !is_known {
        (ConfigReason::AboveHost, fixed | IIDR_LATEST)
    } else {
        config.gic_iidr = Some(cast::low_half(value));
        config.gic_groups_writable |= revision != IIDR_WITHOUT_GROUPS;
        return ConfigAnswer::ACCEPTED;
    };
    ConfigAnswer::refused(reason, value ^ accepted, accepted)
}

/// Returns the answer, with a conflict with another entry as the reason.
#[inline]
pub(super) fn conflict(answer: ConfigAnswer, other: Option<u32>) -> ConfigAnswer {
    ConfigAnswer {
        refused: Some((ConfigReason::Conflict, ConfigReason::Conflict.reject())),
        other,
        ..answer
    }
}
