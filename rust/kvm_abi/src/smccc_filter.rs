// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The filter by which userspace takes calls away from KVM.
//!
//! Reference: `Documentation/virt/kvm/devices/vm.rst`, `KVM_ARM_VM_SMCCC_FILTER`;
//! `kvm_smccc_set_filter()`.

use crate::{
    Convention,
    FuncId,
    RanOnce,
    Reject, //
};

/// What becomes of a call before KVM looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterAction {
    /// KVM handles it.
    Handle,
    /// The caller gets `NOT_SUPPORTED`.
    Deny,
    /// Userspace handles it.
    ForwardToUser,
}

impl FilterAction {
    /// All actions, in the order of their values.
    pub const ALL: [Self; 3] = [Self::Handle, Self::Deny, Self::ForwardToUser];

    /// Returns the action that has this value.
    #[inline]
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Handle),
            1 => Some(Self::Deny),
            2 => Some(Self::ForwardToUser),
            _ => None,
        }
    }

    /// Returns the action that a value of the filter stands for.
    ///
    /// Zero is also the value of functions that are not in it. A value that no request could have
    /// brought there denies the call.
    #[inline]
    pub const fn in_effect(value: u64) -> Self {
        match value {
            0 => Self::Handle,
            2 => Self::ForwardToUser,
            _ => Self::Deny,
        }
    }

    /// Returns the value of the action.
    #[inline]
    pub const fn to_raw(self) -> u8 {
        match self {
            Self::Handle => 0,
            Self::Deny => 1,
            Self::ForwardToUser => 2,
        }
    }
}

/// A range of functions, and what becomes of their calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterRange {
    /// The first function.
    pub first: FuncId,
    /// The last function, not lower than the first.
    pub last: FuncId,
    /// What becomes of them.
    pub action: FilterAction,
}

impl FilterRange {
    /// The calls of the architecture, in both conventions, which KVM handles in any VM: userspace
    /// must not tell a guest how the host mitigates Spectre.
    pub const RESERVED: [Self; 2] = [
        Self::architecture(Convention::Smc32),
        Self::architecture(Convention::Smc64),
    ];

    const fn architecture(convention: Convention) -> Self {
        Self {
            first: FuncId::fast(convention, FuncId::OWNER_ARCH, 0),
            last: FuncId::fast(convention, FuncId::OWNER_ARCH, u16::MAX),
            action: FilterAction::Handle,
        }
    }
}

/// A request to filter a range of functions; `struct kvm_smccc_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterRequest {
    /// The first function.
    pub base: u32,
    /// How many functions.
    pub nr_functions: u32,
    /// What becomes of them.
    pub action: u8,
    /// Reserved: zeros.
    pub pad: [u8; 15],
}

impl FilterRequest {
    /// Checks what does not depend on the state of the VM, and so needs no lock.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a reserved byte is not zero, if there are no functions or more
    /// than there are identifiers from the first one on, or if there is no such action. This comes
    /// before [`Reject::Frozen`].
    #[inline]
    pub fn admit(&self) -> Result<FilterRange, Reject> {
        if self.pad != [0; 15] {
            return Err(Reject::InvalidValue);
        }
        let last = self
            .nr_functions
            .checked_sub(1)
            .and_then(|more| self.base.checked_add(more));
        match (last, FilterAction::from_raw(self.action)) {
            (Some(last), Some(action)) => Ok(FilterRange {
                first: FuncId::from_raw(self.base),
                last: FuncId::from_raw(last),
                action,
            }),
            _ => Err(Reject::InvalidValue),
        }
    }

    /// Decides the request; whether the range is free is known to the filter alone.
    ///
    /// # Errors
    ///
    /// - [`Reject::InvalidValue`] as in [`FilterRequest::admit`].
    /// - [`Reject::Frozen`] if the VM has run.
    #[inline]
    pub fn decide(&self, ran: RanOnce) -> Result<FilterRange, Reject> {
        let range = self.admit()?;
        match ran {
            RanOnce::No => Ok(range),
            RanOnce::Yes => Err(Reject::Frozen),
        }
    }
}
