// SPDX-License-Identifier: GPL-2.0

//! A copy of the configuration of a VM.

use super::{
    has_run,
    ConfigReg,
    GicCpus, //
};
use crate::{
    id_reg,
    FeatureLevelReg,
    FeatureLevels,
    Field,
    FwReg,
    HostWorkarounds,
    IdReg,
    IdRegState,
    IdVisibility,
    Mitigation,
    PlainVm,
    Promises,
    PsciVersion,
    Sign,
    SysReg,
    VcpuFeatures,
    VmIdIndex,
    VmReg, //
};

/// What the ID registers of a VM depend on besides their values.
pub trait ConfigHost {
    /// The state of an ID register.
    type IdReg<'a>: IdRegState
    where
        Self: 'a;

    /// Returns how the VM sees an ID register, `None` if it does not have the register. This is
    /// not called before the features of the vCPUs are known.
    fn id_visibility(&self, index: VmIdIndex) -> Option<IdVisibility>;

    /// Returns the state of an ID register whose value in the configuration is `current`, `None` if
    /// the VM does not have the register.
    ///
    /// It agrees with the configuration: [`IdRegState::current`] is `current`, and
    /// [`IdRegState::ran_once`] is that of [`VmConfig::fw`]. This costs more than
    /// [`ConfigHost::id_visibility`], and is not called earlier.
    fn id_reg(&self, index: VmIdIndex, current: u64) -> Option<Self::IdReg<'_>>;
}

/// A copy of the configuration of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmConfig {
    /// The firmware registers, the host's workarounds, the features of the vCPUs, and whether the
    /// VM has run. Whether the guest has SSBS is not taken from here.
    pub fw: PlainVm,
    /// The ID registers, at their [`VmIdIndex`].
    pub id_regs: [u64; VmIdIndex::COUNT],
    /// What was promised, `None` if the VM has not opted in to feature levels.
    pub levels: Option<Promises>,
    /// `GICD_IIDR`, `None` if the VM has no interrupt controller.
    pub gic_iidr: Option<u32>,
    /// Whether userspace knows of `GICD_IIDR`, so that it may restore the groups of interrupts of a
    /// GICv2: `v2_groups_user_writable`.
    pub gic_groups_writable: bool,
    /// Whether the VM has opted in to read-only fields of its own.
    pub keeps_gic_fields: bool,
    /// The CPU interfaces of its GICv3, `None` if it has none.
    pub gic_cpus: Option<GicCpus>,
}

/// A register of a configuration, as [`ConfigOp::Get`] reads it. All are of the VM's scope.
///
/// [`ConfigOp::Get`]: super::ConfigOp::Get
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConfigReading {
    /// Its id.
    pub id: u64,
    /// Its value.
    pub value: u64,
    /// The fields that userspace can change now, all bits of each. 0 if it can change nothing.
    pub mask: u64,
    /// The most that is accepted of each of these fields as a number; in other bits, the value. Of
    /// a workaround, which cannot be changed, the most that the host has.
    pub limit: u64,
}

/// `ID_AA64PFR1_EL1`.
pub(super) const PFR1: SysReg = SysReg::new(3, 0, 0, 4, 1);
/// `ID_AA64PFR1_EL1.SSBS`.
pub(super) const SSBS: Field = Field::nibble(1, Sign::Unsigned);
/// The version of PSCI, all bits of the major and of the minor one.
const PSCI_VERSION: u64 = 0x7fff_ffff;
/// `GICD_IIDR.Revision`.
pub(super) const IIDR_REVISION: u64 = 0xf << 12;
/// The latest revision, `KVM_VGIC_IMP_REV_LATEST`.
pub(super) const IIDR_LATEST: u64 = 3 << 12;

impl VmConfig {
    /// Returns a configuration to write another one to.
    pub const fn empty() -> Self {
        Self {
            fw: PlainVm::new(HostWorkarounds {
                spectre_v2: Mitigation::Vulnerable,
                spectre_v4: Mitigation::Vulnerable,
                ssbs: false,
                spectre_bhb: Mitigation::Vulnerable,
            }),
            id_regs: [0; VmIdIndex::COUNT],
            levels: None,
            gic_iidr: None,
            gic_groups_writable: false,
            keeps_gic_fields: false,
            gic_cpus: None,
        }
    }

    /// Returns the value of an ID register.
    #[inline]
    pub(super) fn id_reg(&self, index: VmIdIndex) -> u64 {
        self.id_regs.get(index.get()).copied().unwrap_or(0)
    }

    /// Sets the value of an ID register.
    #[inline]
    pub(super) fn set_id_reg(&mut self, index: VmIdIndex, value: u64) {
        if let Some(stored) = self.id_regs.get_mut(index.get()) {
            *stored = value;
        }
    }

    /// Takes over from the ID registers whether the guest has SSBS.
    ///
    /// C: `kvm_has_feat(kvm, ID_AA64PFR1_EL1, SSBS, IMP)`.
    #[inline]
    pub(super) fn settle_ssbs(&mut self) {
        self.fw.host.ssbs = self.has_ssbs();
    }

    /// Returns whether the guest has SSBS.
    #[inline]
    pub(super) fn has_ssbs(&self) -> bool {
        let pfr1 = PFR1.vm_id_index().map_or(0, |index| self.id_reg(index));
        SSBS.level(pfr1).get() > 0
    }

    /// Returns the host's levels of a feature-level register.
    #[inline]
    pub(super) fn host_levels(&self, reg: FeatureLevelReg) -> FeatureLevels {
        reg.levels(|| self.fw.host)
    }

    /// Returns whether the features of the vCPUs are known, on which all ID registers depend.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.fw.features != VcpuFeatures::Unknown
    }

    /// Returns the registers that can be read now, in the order of the list.
    #[inline]
    pub fn read<'a, H: ConfigHost>(
        &'a mut self,
        host: &'a H,
    ) -> impl Iterator<Item = ConfigReading> + 'a {
        self.settle_ssbs();
        let config: &'a Self = self;
        ConfigReg::all().filter_map(move |reg| config.read_reg(host, reg))
    }

    /// Reads a register whose configuration knows whether the guest has SSBS; `None` if it cannot
    /// be read now.
    #[inline]
    pub(super) fn read_reg(&self, host: &impl ConfigHost, reg: ConfigReg) -> Option<ConfigReading> {
        let (value, mask, limit) = match reg {
            ConfigReg::Id(index) => self.read_id_reg(host, index)?,
            ConfigReg::Fw(reg) => self.read_fw(reg)?,
            ConfigReg::Level(reg) => {
                let promises = self.levels.as_ref().filter(|_| self.is_level_ready(reg))?;
                let host = self.host_levels(reg);
                (promises.of(reg).seen(host).bits(), u64::MAX, host.bits())
            }
            ConfigReg::GicIidr => {
                let value = self.gic_iidr?.into();
                (value, IIDR_REVISION, (value & !IIDR_REVISION) | IIDR_LATEST)
            }
            ConfigReg::IccCtlr => self.kept_gic()?.read_ctlr(),
            ConfigReg::IchVtr if !self.is_ready() => return None,
            ConfigReg::IchVtr => self.kept_gic()?.read_vtr()?,
        };
        let stores = !matches!(
            reg,
            ConfigReg::Fw(FwReg::Workaround1 | FwReg::Workaround2 | FwReg::Workaround3)
        );
        let (mask, limit) = if stores && has_run(self.fw.ran) {
            (0, value)
        } else {
            (mask, limit)
        };
        Some(ConfigReading {
            id: reg.id(),
            value,
            mask,
            limit: if mask == 0 {
                limit
            } else {
                (limit & mask) | (value & !mask)
            },
        })
    }

    /// Returns the CPU interfaces whose read-only fields are the VM's own, if there are any.
    #[inline]
    fn kept_gic(&self) -> Option<&GicCpus> {
        self.gic_cpus.as_ref().filter(|_| self.keeps_gic_fields)
    }

    /// Returns the value, mask and limit of an ID register of a VM that has not run.
    #[inline]
    fn read_id_reg(&self, host: &impl ConfigHost, index: VmIdIndex) -> Option<(u64, u64, u64)> {
        if !self.is_ready() {
            return None;
        }
        let visibility = host.id_visibility(index)?;
        let value = self.id_reg(index);
        if has_run(self.fw.ran) || visibility != IdVisibility::Shown {
            return Some((value, 0, value));
        }
        let state = host.id_reg(index, value)?;
        let rule = IdReg::of(index.reg())?;
        Some(match rule {
            // Any number is accepted.
            IdReg::Implementation if state.imp_ids_writable() => {
                (value, state.writable(), u64::MAX)
            }
            IdReg::Implementation => (value, 0, value),
            _ => (value, state.writable(), id_reg::limit(&state)),
        })
    }

    /// Returns the value, mask and limit of a firmware register of a VM that has not run.
    #[inline]
    fn read_fw(&self, reg: FwReg) -> Option<(u64, u64, u64)> {
        let value = VmReg::Fw(reg).get(&self.fw).ok()?;
        let (mask, limit) = match reg {
            // The only version is 0.1.
            FwReg::PsciVersion if !self.may_have_psci_0_2() => (0, value),
            FwReg::PsciVersion => (PSCI_VERSION, PsciVersion::LATEST.to_raw().into()),
            FwReg::Workaround1 | FwReg::Workaround2 | FwReg::Workaround3 => (0, value),
            FwReg::Bitmap(map) => (map.supported(), map.supported()),
        };
        Some((value, mask, limit))
    }

    /// Returns whether the vCPUs have the feature `KVM_ARM_VCPU_PSCI_0_2`, or may get it.
    #[inline]
    pub(super) fn may_have_psci_0_2(&self) -> bool {
        self.fw.features != (VcpuFeatures::Known { psci_0_2: false })
    }

    /// Returns whether the host's levels of a register are known.
    #[inline]
    pub(super) fn is_level_ready(&self, reg: FeatureLevelReg) -> bool {
        self.is_ready() || !VmReg::Level(reg).needs_features()
    }
}
