// SPDX-License-Identifier: GPL-2.0

//! Range 1 of writable masks: the CPU interface of a GICv3, and its virtualisation control.
//!
//! A bit is in the mask of a register if userspace can choose it, whatever the other bits of the
//! mask are. Bits of a read-only field are not in the mask, even if a write of their current value
//! is accepted; nor are those of a number, of which a write can lower the value alone.
//!
//! Reference: Arm IHI 0069; `gic_v3_icc_reg_descs[]` and the functions in it.

/// The state that the masks depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GicV3State {
    /// The bits of a priority that a vCPU has, which userspace can lower: 1 to 8.
    pub pri_bits: u32,
    /// In a VM with EL2, the bits of `ICH_HCR_EL2` that are not reserved.
    pub ich_hcr: Option<u64>,
}

/// The place of a register in the range.
///
/// # Invariants
///
/// The index is less than [`GicMaskIndex::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GicMaskIndex(u8);

impl GicMaskIndex {
    /// The number of places, `KVM_ARM_GIC_RANGE_SIZE`.
    pub const COUNT: usize = 256;

    /// Returns all places. A place names a register: op1 in bit 7, as 0 for 0 and 1 for 4, CRm in
    /// bits 6:3 and op2 in 2:0; op0 is 3 and CRn is 12.
    #[inline]
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    /// Returns the masks of all places; without a GICv3, all are 0.
    #[inline]
    pub fn masks(gic: Option<GicV3State>) -> impl Iterator<Item = u64> {
        Self::all().map(move |index| gic.map_or(0, |gic| gic.mask(index)))
    }

    #[inline]
    const fn is_el2(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// CRm and op2.
    #[inline]
    const fn numbers(self) -> (u8, u8) {
        ((self.0 >> 3) & 0xf, self.0 & 7)
    }
}

impl GicV3State {
    /// `ICC_CTLR_EL1.CBPR` and `EOImode`. `PRIbits` and `IDbits` are numbers.
    const CTLR: u64 = 0b11;

    /// Returns the bits of a register that userspace can choose, one by one.
    #[inline]
    pub fn mask(&self, index: GicMaskIndex) -> u64 {
        match (index.is_el2(), self.ich_hcr) {
            (false, _) => self.cpu_interface(index),
            (true, Some(ich_hcr)) => self.virtualisation_control(index, ich_hcr),
            // A VM without EL2 does not have these.
            (true, None) => 0,
        }
    }

    fn cpu_interface(&self, index: GicMaskIndex) -> u64 {
        match index.numbers() {
            // ICC_BPR0_EL1, ICC_BPR1_EL1
            (8, 3) | (12, 3) => 0x7,
            // ICC_AP0R<n>_EL1, ICC_AP1R<n>_EL1
            (8, n @ 4..=7) | (9, n @ 0..=3) if self.has_active_priorities(n & 3) => u32::MAX.into(),
            (12, 4) => Self::CTLR,
            // ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1
            (12, 6 | 7) => 0x1,
            // ICC_SRE_EL1, and registers that userspace cannot access.
            _ => 0,
        }
    }

    fn virtualisation_control(&self, index: GicMaskIndex, ich_hcr: u64) -> u64 {
        match index.numbers() {
            // ICH_AP0R<n>_EL2, ICH_AP1R<n>_EL2
            (8 | 9, n @ 0..=3) if self.has_active_priorities(n) => u64::MAX,
            (11, 0) => ich_hcr,
            // ICH_VMCR_EL2, ICH_LR<n>_EL2
            (11, 7) | (12 | 13, _) => u64::MAX,
            // ICC_SRE_EL2, ICH_VTR_EL2, and registers that userspace cannot access.
            _ => 0,
        }
    }

    /// Returns whether there is an active priorities register of this number.
    ///
    /// C: `vgic_v3_max_apr_idx()`.
    #[inline]
    fn has_active_priorities(&self, number: u8) -> bool {
        let last = match self.pri_bits {
            7 => 3,
            6 => 1,
            _ => 0,
        };
        number <= last
    }
}
