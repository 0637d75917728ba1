// SPDX-License-Identifier: GPL-2.0

//! The GICv2 CPU interface of a vCPU, as userspace saves and restores it.
//!
//! The state lives in one word, the virtual machine control register, in the layout of the host's
//! GIC: `GICH_VMCR` of a GICv2, `ICH_VMCR_EL2` of a GICv3. The two differ in how much of the
//! priority mask they hold.
//!
//! Reference: Arm IHI 0048B (GICv2), `GICC_*` in 4.4 and `GICH_VMCR` in 5.3; Arm IHI 0069,
//! `ICH_VMCR_EL2`; `vgic_mmio_read_vcpuif()`, `vgic_mmio_write_vcpuif()`.

use core::cell::Cell;

use crate::{
    cast,
    NoAttribute,
    Reject, //
};

/// The priority mask of the architecture, `GICC_PMR.Priority`: 8 bits; a GICv2 may implement only
/// the upper five. An interrupt is signalled if its priority is lower in number.
///
/// What userspace gets is a [`VmPriMask`]:
///
/// ```
/// let mask = kvm_abi::GiccPmr::new(0xf0).to_vm_pri_mask();
/// assert_eq!(mask.get(), 0x1e);
/// ```
///
/// A shifted mask cannot be shifted again:
///
/// ```compile_fail,E0599
/// let mask = kvm_abi::GiccPmr::new(0xf0).to_vm_pri_mask();
/// let twice = mask.to_vm_pri_mask();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GiccPmr(u8);

impl GiccPmr {
    /// Returns the mask of this priority.
    #[inline]
    pub const fn new(priority: u8) -> Self {
        Self(priority)
    }

    /// Returns the priority.
    #[inline]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Drops the lower three bits of the priority.
    #[inline]
    pub const fn to_vm_pri_mask(self) -> VmPriMask {
        // INVARIANT: Of eight bits, five remain after the shift.
        VmPriMask(self.0 >> 3)
    }
}

/// The priority mask as `GICH_VMCR.VMPriMask` holds it: the upper five bits of [`GiccPmr`], in bits
/// 4:0. For historical reasons userspace reads and writes this form.
///
/// ```
/// let pmr = kvm_abi::VmPriMask::from_user(0x1e).to_pmr();
/// assert_eq!(pmr.get(), 0xf0);
/// ```
///
/// It cannot be shifted twice, and cannot be mistaken for the other form:
///
/// ```compile_fail,E0599
/// let twice = kvm_abi::VmPriMask::from_user(0x1e).to_pmr().to_pmr();
/// ```
///
/// ```compile_fail,E0308
/// use kvm_abi::{CpuInterface, VmPriMask};
///
/// let state = CpuInterface { pmr: VmPriMask::from_user(0x1e), ..CpuInterface::default() };
/// ```
///
/// # Invariants
///
/// The value has five bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VmPriMask(u8);

impl VmPriMask {
    /// Returns the mask in a value from userspace; bits above the lower five are ignored.
    #[inline]
    pub const fn from_user(value: u64) -> Self {
        // INVARIANT: The value has five bits.
        Self(cast::low_byte(cast::low_half(value)) & 0x1f)
    }

    /// Returns the five bits.
    #[inline]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Moves the five bits to their architectural place; the lower three become zero.
    #[inline]
    pub const fn to_pmr(self) -> GiccPmr {
        GiccPmr(self.0 << 3)
    }
}

/// A binary point, `GICC_BPR` or `GICC_ABPR`: where a priority is split into group and subpriority.
///
/// # Invariants
///
/// The value has three bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BinaryPoint(u8);

impl BinaryPoint {
    /// Returns the binary point in bits 2:0; the other bits are ignored.
    #[inline]
    pub const fn from_bits(value: u64) -> Self {
        // INVARIANT: The value has three bits.
        Self(cast::low_byte(cast::low_half(value)) & 0x7)
    }

    /// Returns the three bits.
    #[inline]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The bits of `GICC_CTLR` that a vCPU implements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GiccCtlr {
    /// `EnableGrp0`, bit 0: interrupts of group 0 are signalled.
    pub enable_grp0: bool,
    /// `EnableGrp1`, bit 1: interrupts of group 1 are signalled.
    pub enable_grp1: bool,
    /// `AckCtl`, bit 2: reading `GICC_IAR` acknowledges interrupts of group 1, too.
    pub ack_ctl: bool,
    /// `FIQEn`, bit 3: interrupts of group 0 are signalled as FIQ.
    pub fiq_en: bool,
    /// `CBPR`, bit 4: `GICC_BPR` is the binary point of both groups.
    pub cbpr: bool,
    /// `EOImodeNS`, bit 9: a write to `GICC_EOIR` drops the priority only.
    pub eoi_mode_ns: bool,
}

impl GiccCtlr {
    const ENABLE_GRP0: u32 = 1 << 0;
    const ENABLE_GRP1: u32 = 1 << 1;
    const ACK_CTL: u32 = 1 << 2;
    const FIQ_EN: u32 = 1 << 3;
    const CBPR: u32 = 1 << 4;
    const EOI_MODE_NS: u32 = 1 << 9;

    /// Returns the bits in a register; bits that a vCPU does not implement are ignored.
    ///
    /// `GICC_CTLR` and both control registers of virtual machines have them at the same places.
    #[inline]
    const fn from_bits(bits: u32) -> Self {
        Self {
            enable_grp0: bits & Self::ENABLE_GRP0 != 0,
            enable_grp1: bits & Self::ENABLE_GRP1 != 0,
            ack_ctl: bits & Self::ACK_CTL != 0,
            fiq_en: bits & Self::FIQ_EN != 0,
            cbpr: bits & Self::CBPR != 0,
            eoi_mode_ns: bits & Self::EOI_MODE_NS != 0,
        }
    }

    /// Returns the bits at their places in a register.
    #[inline]
    const fn to_bits(self) -> u32 {
        const fn bit(set: bool, bit: u32) -> u32 {
            if set {
                bit
            } else {
                0
            }
        }
        bit(self.enable_grp0, Self::ENABLE_GRP0)
            | bit(self.enable_grp1, Self::ENABLE_GRP1)
            | bit(self.ack_ctl, Self::ACK_CTL)
            | bit(self.fiq_en, Self::FIQ_EN)
            | bit(self.cbpr, Self::CBPR)
            | bit(self.eoi_mode_ns, Self::EOI_MODE_NS)
    }
}

/// The control register of a virtual machine, in the layout of the host's GIC.
///
/// Both layouts have the bits of [`GiccCtlr`] at their places, the aliased binary point in bits
/// 20:18 and the binary point in 23:21.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vmcr {
    /// `GICH_VMCR`: a [`VmPriMask`] in bits 31:27.
    Gich(u32),
    /// `ICH_VMCR_EL2`: a [`GiccPmr`] in bits 31:24.
    Ich(u32),
}

impl Vmcr {
    /// Returns the register's bits.
    #[inline]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Gich(bits) | Self::Ich(bits) => bits,
        }
    }

    /// Returns the register that holds this state in the same layout.
    ///
    /// Other bits become zero. `GICH_VMCR` loses the lower three bits of the priority mask.
    #[inline]
    pub fn with(self, state: CpuInterface) -> Self {
        let common = state.ctlr.to_bits()
            | (u32::from(state.abpr.get()) << 18)
            | (u32::from(state.bpr.get()) << 21);
        match self {
            Self::Gich(_) => {
                Self::Gich(common | (u32::from(state.pmr.to_vm_pri_mask().get()) << 27))
            }
            Self::Ich(_) => Self::Ich(common | (u32::from(state.pmr.get()) << 24)),
        }
    }
}

/// The state of a CPU interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CpuInterface {
    /// `GICC_CTLR`.
    pub ctlr: GiccCtlr,
    /// `GICC_PMR`.
    pub pmr: GiccPmr,
    /// `GICC_BPR`.
    pub bpr: BinaryPoint,
    /// `GICC_ABPR`.
    pub abpr: BinaryPoint,
}

impl From<Vmcr> for CpuInterface {
    #[inline]
    fn from(vmcr: Vmcr) -> Self {
        let bits = vmcr.bits();
        let pmr = match vmcr {
            Vmcr::Gich(bits) => VmPriMask::from_user((bits >> 27).into()).to_pmr(),
            Vmcr::Ich(bits) => GiccPmr::new(cast::low_byte(bits >> 24)),
        };
        Self {
            ctlr: GiccCtlr::from_bits(bits),
            pmr,
            bpr: BinaryPoint::from_bits((bits >> 21).into()),
            abpr: BinaryPoint::from_bits((bits >> 18).into()),
        }
    }
}

/// A register of the CPU interface, other than the active priorities `GICC_APR<n>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiccReg {
    /// `GICC_CTLR`, at 0x00.
    Ctlr,
    /// `GICC_PMR`, at 0x04.
    Pmr,
    /// `GICC_BPR`, at 0x08.
    Bpr,
    /// `GICC_ABPR`, at 0x1c.
    Abpr,
    /// `GICC_IIDR`, at 0xfc.
    Iidr,
}

impl GiccReg {
    /// Returns the register at an address, `None` if there is none; only bits 7:0 count.
    #[inline]
    pub const fn from_addr(addr: u64) -> Option<Self> {
        match addr & 0xff {
            0x00 => Some(Self::Ctlr),
            0x04 => Some(Self::Pmr),
            0x08 => Some(Self::Bpr),
            0x1c => Some(Self::Abpr),
            0xfc => Some(Self::Iidr),
            _ => None,
        }
    }
}

impl CpuInterface {
    /// `GICC_IIDR`: product KVM (0x4b) in bits 31:20, architecture GICv2 in 19:16, implementer Arm
    /// (0x43b) in 11:0.
    pub const IIDR: u32 = (0x4b << 20) | (0x2 << 16) | 0x43b;

    /// Returns the value of a register.
    #[inline]
    pub fn read(self, reg: GiccReg) -> u32 {
        match reg {
            GiccReg::Ctlr => self.ctlr.to_bits(),
            GiccReg::Pmr => self.pmr.to_vm_pri_mask().get().into(),
            GiccReg::Bpr => self.bpr.get().into(),
            GiccReg::Abpr => self.abpr.get().into(),
            GiccReg::Iidr => Self::IIDR,
        }
    }

    /// Returns the state after a write to a register. Bits that a vCPU does not implement are
    /// ignored, and so is any write to `GICC_IIDR`.
    #[inline]
    pub fn written(mut self, reg: GiccReg, value: u64) -> Self {
        match reg {
            // All bits that exist are in the lower half.
            GiccReg::Ctlr => self.ctlr = GiccCtlr::from_bits(cast::low_half(value)),
            GiccReg::Pmr => self.pmr = VmPriMask::from_user(value).to_pmr(),
            GiccReg::Bpr => self.bpr = BinaryPoint::from_bits(value),
            GiccReg::Abpr => self.abpr = BinaryPoint::from_bits(value),
            GiccReg::Iidr => (),
        }
        self
    }

    /// Returns the `GICC_PMR` that userspace reads in the form of the architecture.
    #[inline]
    pub fn canonical_pmr(self) -> u32 {
        self.pmr.get().into()
    }

    /// Returns the state after a write of all eight bits to `GICC_PMR`; higher bits are ignored.
    #[inline]
    pub const fn with_canonical_pmr(mut self, value: u32) -> Self {
        self.pmr = GiccPmr::new(cast::low_byte(value));
        self
    }
}

/// An attribute of `KVM_DEV_ARM_VGIC_GRP_CANONICAL`: a register in the form of the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalAttr {
    /// The number: of a register in bits 31:0, of its vCPU in bits 39:32.
    pub number: u64,
    /// Flags; none is defined.
    pub flags: u32,
}

impl CanonicalAttr {
    /// The bits of the number of a vCPU, `KVM_DEV_ARM_VGIC_CPUID_MASK`.
    const VCPU_MASK: u64 = 0xff << 32;
    /// The number of `GICC_PMR`, without that of a vCPU.
    const PMR: u64 = 0x04;

    /// Checks whether the attribute is one of a vCPU that the VM has or has not.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if it has a flag, or if there is no such vCPU.
    #[inline]
    pub const fn admit_vcpu(self, has_vcpu: bool) -> Result<(), Reject> {
        if self.flags != 0 || !has_vcpu {
            return Err(Reject::InvalidValue);
        }
        Ok(())
    }

    /// Checks whether the attribute is `GICC_PMR`, the only register that has two forms.
    ///
    /// # Errors
    ///
    /// [`NoAttribute`] if it is another register, or if a bit of the number has no meaning.
    #[inline]
    pub const fn admit_register(self) -> Result<(), NoAttribute> {
        if self.number & !Self::VCPU_MASK != Self::PMR {
            return Err(NoAttribute);
        }
        Ok(())
    }
}

/// A vCPU with a GICv2, or a copy of its state.
pub trait GiccVcpu {
    /// The control register, which holds the state of the CPU interface.
    fn vmcr(&self) -> Vmcr;

    /// Sets the control register.
    fn set_vmcr(&self, vmcr: Vmcr);
}

impl GiccVcpu for Cell<Vmcr> {
    fn vmcr(&self) -> Vmcr {
        self.get()
    }

    fn set_vmcr(&self, vmcr: Vmcr) {
        self.set(vmcr);
    }
}

impl CpuInterface {
    /// Reads the register at an address; 0 if there is none.
    #[inline]
    pub fn get(vcpu: &impl GiccVcpu, addr: u64) -> u32 {
        let state = Self::from(vcpu.vmcr());
        GiccReg::from_addr(addr).map_or(0, |reg| state.read(reg))
    }

    /// Writes the register at an address. As in C, all of the state is stored, even if there is no
    /// such register.
    #[inline]
    pub fn set(vcpu: &impl GiccVcpu, addr: u64, value: u64) {
        let vmcr = vcpu.vmcr();
        let state = Self::from(vmcr);
        let written = GiccReg::from_addr(addr).map_or(state, |reg| state.written(reg, value));
        vcpu.set_vmcr(vmcr.with(written));
    }

    /// Reads all eight bits of `GICC_PMR`.
    #[inline]
    pub fn get_canonical_pmr(vcpu: &impl GiccVcpu) -> u32 {
        Self::from(vcpu.vmcr()).canonical_pmr()
    }

    /// Writes all eight bits of `GICC_PMR`.
    #[inline]
    pub fn set_canonical_pmr(vcpu: &impl GiccVcpu, value: u32) {
        let vmcr = vcpu.vmcr();
        vcpu.set_vmcr(vmcr.with(Self::from(vmcr).with_canonical_pmr(value)));
    }
}
