// SPDX-License-Identifier: GPL-2.0

//! The read-only fields of a GICv3's CPU interface that a VM has for itself.
//!
//! C accepts fewer `PRIbits` and `IDbits` from userspace and refuses another `SEIS` or `A3V`; the
//! guest reads the hardware's fields whatever was accepted. A VM that has opted in has values of
//! its own, which its guest reads.
//!
//! `ICH_VTR_EL2` of a VM with EL2 has the same `PRIbits` and `SEIS`: it is another view of the same
//! values. Its `IDbits` and `A3V` are 0 in each VM, as C has it, and all other fields are the
//! host's.
//!
//! Reference: Arm IHI 0069; `set_gic_ctlr()`, `set_gic_ich_vtr()`, `kvm_get_guest_vtr_el2()`.

use super::{
    has_run,
    judge,
    ConfigAnswer,
    ConfigReason,
    VmConfig, //
};

/// The fields `PRIbits`, `IDbits`, `SEIS` and `A3V` of a CPU interface.
///
/// # Invariants
///
/// They are where `ICC_CTLR_EL1` has them, and all other bits are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GicFields(u64);

impl GicFields {
    /// `ICC_CTLR_EL1.PRIbits`, one less than the bits of a priority.
    const PRI_BITS: u64 = 0x7 << 8;
    /// `ICC_CTLR_EL1.IDbits`.
    const ID_BITS: u64 = 0x7 << 11;
    /// `ICC_CTLR_EL1.SEIS`.
    const SEIS: u64 = 1 << 14;
    /// `ICC_CTLR_EL1.A3V`.
    const A3V: u64 = 1 << 15;
    /// All of the fields.
    pub const MASK: u64 = Self::PRI_BITS | Self::ID_BITS | Self::SEIS | Self::A3V;

    /// The least `PRIbits` of a virtual CPU interface: five bits of a priority.
    const LEAST_PRI_BITS: u64 = 4 << 8;

    /// From `PRIbits` of `ICC_CTLR_EL1` to that of `ICH_VTR_EL2`.
    const PRI_BITS_TO_VTR: u32 = 21;
    /// From `SEIS` of `ICC_CTLR_EL1` to that of `ICH_VTR_EL2`.
    const SEIS_TO_VTR: u32 = 8;
    /// The fields of `ICH_VTR_EL2` that are the VM's.
    pub const VTR_MASK: u64 =
        (Self::PRI_BITS << Self::PRI_BITS_TO_VTR) | (Self::SEIS << Self::SEIS_TO_VTR);

    /// Returns the fields of an `ICC_CTLR_EL1`.
    #[inline]
    pub const fn of_ctlr(ctlr: u64) -> Self {
        // INVARIANT: The mask has no other bits.
        Self(ctlr & Self::MASK)
    }

    /// Returns the fields as `ICC_CTLR_EL1` has them, without the others.
    #[inline]
    pub const fn ctlr(self) -> u64 {
        self.0
    }

    /// Returns these fields with `PRIbits` and `SEIS` of an `ICH_VTR_EL2`.
    #[inline]
    const fn with_vtr(self, vtr: u64) -> Self {
        let pri_bits = (vtr >> Self::PRI_BITS_TO_VTR) & Self::PRI_BITS;
        let seis = (vtr >> Self::SEIS_TO_VTR) & Self::SEIS;
        // INVARIANT: The masks have no other bits.
        Self(self.0 & !(Self::PRI_BITS | Self::SEIS) | pri_bits | seis)
    }

    /// Returns `PRIbits` and `SEIS` as `ICH_VTR_EL2` has them, without the others.
    #[inline]
    const fn vtr(self) -> u64 {
        ((self.0 & Self::PRI_BITS) << Self::PRI_BITS_TO_VTR)
            | ((self.0 & Self::SEIS) << Self::SEIS_TO_VTR)
    }

    /// Returns one of the fields, as a number that can be compared with that of other fields.
    #[inline]
    const fn number(self, field: u64) -> u64 {
        self.0 & field
    }
}

/// The CPU interfaces of a VM that has a GICv3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GicCpus {
    /// What the guest reads.
    pub fields: GicFields,
    /// What the host has.
    pub host: GicFields,
    /// Whether a vCPU has an affinity at level 3, which software can name only with `A3V`.
    pub has_aff3: bool,
    /// `ICH_VTR_EL2` as the host lets a VM see it, `None` if the vCPUs do not have EL2. The fields
    /// in [`GicFields::VTR_MASK`] do not count.
    pub vtr: Option<u64>,
}

impl GicCpus {
    /// Returns `ICH_VTR_EL2` with these fields.
    #[inline]
    fn vtr_with(vtr: u64, fields: GicFields) -> u64 {
        vtr & !GicFields::VTR_MASK | fields.vtr()
    }

    /// Returns why the VM cannot have these fields, `None` if it can.
    ///
    /// Any host can promise `SEIS`, as no SError has to come. To promise that there is no `SEIS`
    /// takes traps, which are not the core's concern.
    #[inline]
    fn refusal(&self, fields: GicFields) -> Option<ConfigReason> {
        let is_above = |field| fields.number(field) > self.host.number(field);
        if fields.number(GicFields::PRI_BITS) < GicFields::LEAST_PRI_BITS {
            Some(ConfigReason::BadBits)
        } else if is_above(GicFields::PRI_BITS)
            || is_above(GicFields::ID_BITS)
            || is_above(GicFields::A3V)
        {
            Some(ConfigReason::AboveHost)
        } else if self.needs_a3v() && fields.number(GicFields::A3V) == 0 {
            Some(ConfigReason::NeedsFeature)
        } else {
            None
        }
    }

    /// Returns fields that the VM can have, each as near to the wanted one as possible.
    #[inline]
    fn nearest(&self, wanted: GicFields) -> GicFields {
        let lower = |field| wanted.number(field).min(self.host.number(field));
        let pri_bits = lower(GicFields::PRI_BITS).max(GicFields::LEAST_PRI_BITS);
        let a3v = if self.needs_a3v() {
            GicFields::A3V
        } else {
            lower(GicFields::A3V)
        };
        // INVARIANT: Each has only the bits of its field.
        GicFields(pri_bits | lower(GicFields::ID_BITS) | wanted.number(GicFields::SEIS) | a3v)
    }

    /// Returns whether the VM's `A3V` cannot be cleared. It is never set on a host that lacks it.
    #[inline]
    fn needs_a3v(&self) -> bool {
        self.has_aff3 && self.fields.number(GicFields::A3V) != 0
    }

    /// Returns the fields that can be changed, all bits of each.
    #[inline]
    fn changeable(&self) -> GicFields {
        let part = |field: u64, is_in: bool| if is_in { field } else { 0 };
        let host = self.host;
        let pri_bits = host.number(GicFields::PRI_BITS) > GicFields::LEAST_PRI_BITS;
        let a3v = host.number(GicFields::A3V) != 0 && !self.needs_a3v();
        // INVARIANT: Each part is a field.
        GicFields(
            part(GicFields::PRI_BITS, pri_bits)
                | part(GicFields::ID_BITS, host.number(GicFields::ID_BITS) != 0)
                | GicFields::SEIS
                | part(GicFields::A3V, a3v),
        )
    }

    /// Returns the most of each field.
    #[inline]
    fn limit(&self) -> GicFields {
        // INVARIANT: Both have only bits of fields.
        GicFields(self.host.0 | GicFields::SEIS)
    }

    /// Returns value, mask and limit of `ICC_CTLR_EL1`.
    #[inline]
    pub(super) fn read_ctlr(&self) -> (u64, u64, u64) {
        let (mask, limit) = (self.changeable(), self.limit());
        (self.fields.ctlr(), mask.ctlr(), limit.ctlr())
    }

    /// Returns value, mask and limit of `ICH_VTR_EL2`, `None` if the vCPUs do not have it.
    #[inline]
    pub(super) fn read_vtr(&self) -> Option<(u64, u64, u64)> {
        let vtr = self.vtr?;
        Some((
            Self::vtr_with(vtr, self.fields),
            self.changeable().vtr(),
            Self::vtr_with(vtr, self.limit()),
        ))
    }

    /// Stores the fields in a VM that has not run, with accepted values in place of refused ones.
    /// Returns the reason if the fields are refused.
    #[inline]
    fn take(&mut self, wanted: GicFields, ran: bool) -> Result<(), ConfigReason> {
        let refusal = match self.refusal(wanted) {
            None if ran => Some(ConfigReason::Frozen),
            refusal => refusal,
        };
        if !ran {
            self.fields = self.nearest(wanted);
        }
        refusal.map_or(Ok(()), Err)
    }
}

/// Judges the read-only fields of `ICC_CTLR_EL1`.
#[inline]
pub(super) fn icc_ctlr(value: u64, config: &mut VmConfig) -> ConfigAnswer {
    let ran = has_run(config.fw.ran);
    // The register is there, as nothing is missing.
    let Some(gic) = config.gic_cpus.as_mut() else {
        return ConfigAnswer::absent(ConfigReason::NeedsFeature);
    };
    if value == gic.fields.ctlr() {
        return ConfigAnswer::ACCEPTED;
    }
    let taken = gic.take(GicFields::of_ctlr(value), ran);
    let reason = match taken {
        _ if value & !GicFields::MASK != 0 => ConfigReason::BadBits,
        Ok(()) => return ConfigAnswer::ACCEPTED,
        Err(reason) => reason,
    };
    let accepted = gic.fields.ctlr();
    ConfigAnswer::refused(reason, value ^ accepted, accepted)
}

/// Judges `ICH_VTR_EL2`. `ctlr` says whether `ICC_CTLR_EL1` has entries, with which it must agree,
/// and the index of the entry, if there is one.
#[inline]
pub(super) fn ich_vtr(
    value: u64,
    config: &mut VmConfig,
    ctlr: Option<Option<u32>>,
) -> ConfigAnswer {
    let ran = has_run(config.fw.ran);
    // The register is there, as nothing is missing.
    let Some((gic, vtr)) = config.gic_cpus.as_mut().and_then(|gic| {
        let vtr = gic.vtr?;
        Some((gic, vtr))
    }) else {
        return ConfigAnswer::absent(ConfigReason::NeedsFeature);
    };
    if value == GicCpus::vtr_with(vtr, gic.fields) {
        return ConfigAnswer::ACCEPTED;
    }
    let taken = match ctlr {
        // What ICC_CTLR_EL1 has got stays.
        Some(_) if ran => Err(ConfigReason::Frozen),
        Some(_) => Err(ConfigReason::Conflict),
        None => gic.take(gic.fields.with_vtr(value), ran),
    };
    let reason = match taken {
        _ if (value ^ vtr) & !GicFields::VTR_MASK != 0 => ConfigReason::BadBits,
        Ok(()) => return ConfigAnswer::ACCEPTED,
        Err(reason) => reason,
    };
    let accepted = GicCpus::vtr_with(vtr, gic.fields);
    let answer = ConfigAnswer::refused(reason, value ^ accepted, accepted);
    if reason == ConfigReason::Conflict {
        judge::conflict(answer, ctlr.flatten())
    } else {
        answer
    }
}
