// SPDX-License-Identifier: GPL-2.0

//! The state of an ID register that consists of values.

use super::{
    FeatureField,
    IdRegState,
    IdVisibility, //
};
use crate::RanOnce;

/// The state of an ID register that consists of values: what mode `check` gets from C, and what a
/// program on the host knows about a destination.
#[derive(Clone, Copy, Debug)]
pub struct PlainIdReg<F> {
    /// How the vCPUs of the VM see the register.
    pub visibility: IdVisibility,
    /// Whether the vCPUs of the VM have EL2.
    pub has_el2: bool,
    /// The host's own value.
    pub host: u64,
    /// The most that the host can give to the VM.
    pub limit: u64,
    /// The bits that userspace may change.
    pub writable: u64,
    /// The register's value in the VM.
    pub current: u64,
    /// Whether a vCPU of the VM has run.
    pub ran: RanOnce,
    /// Whether the VM has `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS`.
    pub imp_ids_writable: bool,
    /// The fields of the register, `None` if the kernel does not know it.
    pub fields: Option<F>,
}

impl<F, R> IdRegState for PlainIdReg<F>
where
    F: IntoIterator<Item = FeatureField<R>> + Clone,
    R: Into<super::SafeValue>,
{
    type Rule = R;
    type Fields = F;

    fn visibility(&self) -> IdVisibility {
        self.visibility
    }

    fn has_el2(&self) -> bool {
        self.has_el2
    }

    fn host(&self) -> u64 {
        self.host
    }

    fn limit(&self) -> u64 {
        self.limit
    }

    fn writable(&self) -> u64 {
        self.writable
    }

    fn current(&self) -> u64 {
        self.current
    }

    fn ran_once(&self) -> RanOnce {
        self.ran
    }

    fn imp_ids_writable(&self) -> bool {
        self.imp_ids_writable
    }

    fn fields(&self) -> Option<F> {
        self.fields.clone()
    }
}
