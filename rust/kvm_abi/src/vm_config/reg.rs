// SPDX-License-Identifier: GPL-2.0

//! The registers of a VM's configuration.

use core::{
    hint::black_box,
    iter::once, //
};

use crate::{
    cast,
    reg_id::{
        Class,
        RegId, //
    },
    FeatureBitmap,
    FeatureLevelReg,
    FwReg,
    Reject,
    SysReg,
    VmIdIndex, //
};

/// A register of a VM's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigReg {
    /// An ID register.
    Id(VmIdIndex),
    /// A firmware register.
    Fw(FwReg),
    /// A feature-level register.
    Level(FeatureLevelReg),
    /// `GICD_IIDR` of the interrupt controller.
    GicIidr,
    /// `ICC_CTLR_EL1` of all CPU interfaces of a GICv3: its read-only fields.
    IccCtlr,
    /// `ICH_VTR_EL2` of all CPU interfaces of a GICv3.
    IchVtr,
}

impl ConfigReg {
    const FW: usize = VmIdIndex::COUNT;
    const LEVEL: usize = Self::FW.saturating_add(FwReg::ALL.len());
    const GIC_IIDR: usize = Self::LEVEL.saturating_add(FeatureLevelReg::COUNT);

    /// The number of registers.
    pub const COUNT: usize = Self::GIC_IIDR.saturating_add(3);

    /// The number of places for registers, a power of two.
    pub const PLACES: usize = 128;

    /// The number of `GICD_IIDR` in its class, its offset in the distributor.
    const GIC_IIDR_NUMBER: u32 = 0x8;
    /// The number of `ICC_CTLR_EL1` in its class, that in `KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS`.
    const ICC_CTLR_NUMBER: u32 = SysReg::new(3, 0, 12, 12, 4).encoding() >> 5;
    /// The number of `ICH_VTR_EL2`, as above.
    const ICH_VTR_NUMBER: u32 = SysReg::new(3, 4, 12, 11, 1).encoding() >> 5;

    /// Returns all registers, in the order of the list.
    ///
    /// Written one by one in this order, each finds what it depends on.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        VmIdIndex::all().map(Self::Id).chain(Self::all_but_ids())
    }

    /// Returns the id by which userspace names the register.
    #[inline]
    pub fn id(self) -> u64 {
        match self {
            Self::Id(index) => index.reg().id(),
            Self::Fw(reg) => reg.id(),
            Self::Level(reg) => reg.id(),
            Self::GicIidr => Self::gic_id(Self::GIC_IIDR_NUMBER),
            Self::IccCtlr => Self::gic_id(Self::ICC_CTLR_NUMBER),
            Self::IchVtr => Self::gic_id(Self::ICH_VTR_NUMBER),
        }
    }

    /// Returns the registers of the interrupt controller, in the order of the list.
    // Not an array: objgate would have to know that its index is not a guest's.
    #[inline]
    fn gic_regs() -> impl Iterator<Item = Self> {
        once(Self::GicIidr)
            .chain(once(Self::IccCtlr))
            .chain(once(Self::IchVtr))
    }

    /// Returns the id of a register of the interrupt controller.
    #[inline]
    const fn gic_id(number: u32) -> u64 {
        Class::VGIC.ids() | cast::wide(number)
    }

    /// Returns the register that has this id.
    ///
    /// # Errors
    ///
    /// - [`Reject::WrongSize`] if the id's size field is not 64 bits.
    /// - [`Reject::UnknownRegister`] if no register of the configuration has the id.
    #[inline]
    pub fn from_id(id: u64) -> Result<Self, Reject> {
        if let Some(reg) = SysReg::from_id(id) {
            let index = reg.vm_id_index().ok_or(Reject::UnknownRegister)?;
            return Ok(Self::Id(index));
        }
        if FeatureLevelReg::is_in_group(id) {
            return FeatureLevelReg::from_id(id).map(Self::Level);
        }
        if RegId::new(id).is_of(Class::VGIC) {
            RegId::new(id).admit_size()?;
            return Self::gic_regs()
                .find(|reg| reg.id() == id)
                .ok_or(Reject::UnknownRegister);
        }
        FwReg::from_id(id).map(Self::Fw)
    }

    /// Returns all registers but the ID registers, in the order of the list.
    #[inline]
    pub(super) fn all_but_ids() -> impl Iterator<Item = Self> {
        FwReg::ALL
            .into_iter()
            .map(Self::Fw)
            .chain(FeatureLevelReg::all().map(Self::Level))
            .chain(Self::gic_regs())
    }

    /// Returns the place of the register, less than [`ConfigReg::PLACES`].
    ///
    /// Also under speculation: the id comes from userspace, and the compiler must not know that the
    /// mask changes nothing.
    #[inline]
    pub(super) fn place(self) -> usize {
        black_box(self.number()) & Self::PLACES.saturating_sub(1)
    }

    /// Returns the number of the register among all, less than [`ConfigReg::COUNT`].
    #[inline]
    const fn number(self) -> usize {
        match self {
            Self::Id(index) => index.get(),
            Self::Fw(reg) => Self::FW.saturating_add(match reg {
                FwReg::PsciVersion => 0,
                FwReg::Workaround1 => 1,
                FwReg::Workaround2 => 2,
                FwReg::Workaround3 => 3,
                FwReg::Bitmap(FeatureBitmap::Std) => 4,
                FwReg::Bitmap(FeatureBitmap::StdHyp) => 5,
                FwReg::Bitmap(FeatureBitmap::VendorHyp) => 6,
                FwReg::Bitmap(FeatureBitmap::VendorHyp2) => 7,
            }),
            Self::Level(reg) => Self::LEVEL.saturating_add(reg.index()),
            Self::GicIidr => Self::GIC_IIDR,
            Self::IccCtlr => Self::GIC_IIDR.saturating_add(1),
            Self::IchVtr => Self::GIC_IIDR.saturating_add(2),
        }
    }
}
