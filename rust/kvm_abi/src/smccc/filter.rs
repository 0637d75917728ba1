// SPDX-License-Identifier: GPL-2.0

//! The filter of hypercalls that userspace installs.
//!
//! Reference: `Documentation/virt/kvm/devices/vm.rst`, `KVM_ARM_VM_SMCCC_FILTER`;
//! `kvm_smccc_set_filter()`.

use core::ops::Deref;

use super::{
    Convention,
    FuncId, //
};
use crate::{
    FwLocked,
    NoAttribute,
    RanOnce,
    Reject, //
};

/// What the filter does with a call.
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
    pub const fn from_raw(raw: u64) -> Option<Self> {
        match raw {
            0 => Some(Self::Handle),
            1 => Some(Self::Deny),
            2 => Some(Self::ForwardToUser),
            _ => None,
        }
    }

    /// Returns the value of the action.
    #[inline]
    pub const fn to_raw(self) -> u64 {
        match self {
            Self::Handle => 0,
            Self::Deny => 1,
            Self::ForwardToUser => 2,
        }
    }
}

/// The filter's entry for a function: an action, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterEntry(u64);

impl FilterEntry {
    /// Returns the entry that has this value: the value of an action, zero if there is none.
    #[inline]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// Returns whether KVM handles the function.
    #[inline]
    pub const fn handles(self) -> bool {
        self.0 == FilterAction::Handle.to_raw()
    }

    /// Returns whether userspace handles the function.
    #[inline]
    pub const fn forwards(self) -> bool {
        self.0 == FilterAction::ForwardToUser.to_raw()
    }

    /// Returns the action for the function. A value that is no action means to deny the call.
    #[inline]
    pub const fn action(self) -> FilterAction {
        if self.handles() {
            FilterAction::Handle
        } else if self.forwards() {
            FilterAction::ForwardToUser
        } else {
            FilterAction::Deny
        }
    }
}

/// A range of functions, and the action for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterRange {
    /// The first function.
    pub first: FuncId,
    /// The last function, not lower than the first.
    pub last: FuncId,
    /// The action for the functions.
    pub action: FilterAction,
}

impl FilterRange {
    /// The calls of the architecture, in both conventions. KVM always handles them, because
    /// userspace must not answer how the host mitigates Spectre.
    pub const RESERVED: [Self; 2] = [
        Self::architecture(Convention::Smc32),
        Self::architecture(Convention::Smc64),
    ];

    /// Decides whether the range may be added. The filter itself checks that it is free.
    ///
    /// # Errors
    ///
    /// [`Reject::Frozen`] if the VM has run.
    #[inline]
    pub const fn decide(self, ran: RanOnce) -> Result<Self, Reject> {
        match ran {
            RanOnce::No => Ok(self),
            RanOnce::Yes => Err(Reject::Frozen),
        }
    }

    const fn architecture(convention: Convention) -> Self {
        Self {
            first: FuncId::fast(convention, FuncId::OWNER_ARCH, 0),
            last: FuncId::fast(convention, FuncId::OWNER_ARCH, u16::MAX),
            action: FilterAction::Handle,
        }
    }
}

/// A VM whose filter userspace sets.
pub trait FilterVm {
    /// The VM while its configuration is locked.
    type Locked<'a>: Deref<Target: FilterLocked<Error = Self::Error>>
    where
        Self: 'a;

    /// An error of the filter: a function of a range is in it already, or there is no memory.
    type Error;

    /// Locks the configuration, and so the filter, until the result is dropped.
    fn lock_filter(&self) -> Self::Locked<'_>;
}

/// A VM whose configuration, and so its filter, is locked.
pub trait FilterLocked: FwLocked {
    /// As [`FilterVm::Error`].
    type Error;

    /// Whether the filter has no range.
    fn is_empty(&self) -> bool;

    /// Adds a range.
    ///
    /// # Errors
    ///
    /// If a function of the range is in the filter already, or there is no memory.
    fn insert(&self, range: &FilterRange) -> Result<(), Self::Error>;

    /// Removes all ranges.
    fn clear(&self);
}

/// A request to filter a range of functions; `struct kvm_smccc_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FilterRequest {
    base: u32,
    nr_functions: u32,
    /// The action in bits 7:0 of the first word; all other bits are reserved and zero.
    action: [u64; 2],
}

impl FilterRequest {
    /// The number of the attribute, `KVM_ARM_VM_SMCCC_FILTER`; it is the only one of its group.
    const ATTRIBUTE: u64 = 0;

    /// Checks whether a VM has an attribute.
    ///
    /// # Errors
    ///
    /// [`NoAttribute`] if it is not that of the filter.
    #[inline]
    pub const fn admit_attribute(number: u64) -> Result<(), NoAttribute> {
        match number {
            Self::ATTRIBUTE => Ok(()),
            _ => Err(NoAttribute),
        }
    }

    /// Returns the request that has these fields; `pad` is reserved.
    #[inline]
    pub const fn new(base: u32, nr_functions: u32, action: u8, pad: [u8; 15]) -> Self {
        let [p0, p1, p2, p3, p4, p5, p6, pad @ ..] = pad;
        Self {
            base,
            nr_functions,
            action: [
                u64::from_le_bytes([action, p0, p1, p2, p3, p4, p5, p6]),
                u64::from_le_bytes(pad),
            ],
        }
    }

    /// Returns the request that has these bytes, as little-endian words.
    #[inline]
    pub const fn from_le_words([functions, action, pad]: [u64; 3]) -> Self {
        let [b0, b1, b2, b3, n0, n1, n2, n3] = functions.to_le_bytes();
        Self {
            base: u32::from_le_bytes([b0, b1, b2, b3]),
            nr_functions: u32::from_le_bytes([n0, n1, n2, n3]),
            action: [action, pad],
        }
    }

    /// Returns the first function.
    #[inline]
    pub const fn base(&self) -> u32 {
        self.base
    }

    /// Checks what does not depend on the state of the VM, and so needs no lock.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] if a reserved byte is not zero, if the range is empty or goes
    /// beyond the last identifier, or if the action does not exist. This check comes before that
    /// for [`Reject::Frozen`].
    #[inline]
    pub fn admit(&self) -> Result<FilterRange, Reject> {
        let [action, pad] = self.action;
        if pad != 0 {
            return Err(Reject::InvalidValue);
        }
        // This also rejects a reserved byte in the word that is not zero.
        let action = FilterAction::from_raw(action).ok_or(Reject::InvalidValue)?;
        let last = self
            .nr_functions
            .checked_sub(1)
            .and_then(|more| self.base.checked_add(more))
            .ok_or(Reject::InvalidValue)?;
        Ok(FilterRange {
            first: FuncId::from_raw(self.base),
            last: FuncId::from_raw(last),
            action,
        })
    }

    /// Adds the range to the filter of a VM. Before the first range, adds the reserved ones.
    ///
    /// # Errors
    ///
    /// The first of: those of [`FilterRequest::admit`]; those of [`FilterRange::decide`]; the
    /// filter's own. A guest sees no effect of a refused request.
    #[inline]
    pub fn add_to<V, E>(&self, vm: &V) -> Result<(), E>
    where
        V: FilterVm,
        E: From<Reject> + From<V::Error>,
    {
        let range = self.admit()?;
        let locked = vm.lock_filter();
        let range = range.decide(locked.ran_once())?;
        if locked.is_empty() {
            for reserved in &FilterRange::RESERVED {
                if let Err(error) = locked.insert(reserved) {
                    // Nobody may see a part of the reserved ranges.
                    locked.clear();
                    return Err(error.into());
                }
            }
        }
        Ok(locked.insert(&range)?)
    }
}
