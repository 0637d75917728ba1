// SPDX-License-Identifier: GPL-2.0

//! The errno of each reason for refusing an access.

use core::num::NonZero;

use kernel::{
    kvm::smccc::filter::InsertError,
    prelude::*, //
};
use kvm_abi::{
    BadConfigRequest,
    NoAttribute,
    NoRoom,
    Reject, //
};

/// A negative errno, as C functions return it.
#[derive(Clone, Copy)]
pub(crate) struct Errno(NonZero<c_int>);

/// The result of an access: a value, or the errno to return.
pub(crate) type Result<T = ()> = core::result::Result<T, Errno>;

impl Errno {
    /// Returns the negative number.
    #[inline]
    pub(crate) fn get(self) -> c_int {
        self.0.get()
    }
}

impl From<Error> for Errno {
    #[inline]
    fn from(error: Error) -> Self {
        // An error is never 0, as the compiler sees.
        Self(NonZero::new(error.to_errno()).unwrap_or(NonZero::<c_int>::MIN))
    }
}

impl From<InsertError> for Errno {
    #[inline]
    fn from(error: InsertError) -> Self {
        Self(error.to_errno())
    }
}

impl From<BadConfigRequest> for Errno {
    #[inline]
    fn from(bad: BadConfigRequest) -> Self {
        match bad {
            BadConfigRequest::Invalid => EINVAL,
            BadConfigRequest::TooMany => E2BIG,
        }
        .into()
    }
}

impl From<NoAttribute> for Errno {
    #[inline]
    fn from(_: NoAttribute) -> Self {
        ENXIO.into()
    }
}

impl From<NoRoom> for Errno {
    #[inline]
    fn from(_: NoRoom) -> Self {
        E2BIG.into()
    }
}

impl From<Reject> for Errno {
    /// Returns the errno that C gives for the same reason. No other place chooses one.
    #[inline]
    fn from(reject: Reject) -> Self {
        match reject {
            Reject::UnknownRegister | Reject::WrongSize => ENOENT,
            Reject::InvalidValue | Reject::AboveHost | Reject::UnsafeValue => EINVAL,
            Reject::Frozen => EBUSY,
            Reject::NotReady => ENOEXEC,
        }
        .into()
    }
}

/// Returns the result as C functions do: 0 or a negative errno.
#[inline]
pub(crate) fn to_ret<E: Into<Errno>>(result: core::result::Result<(), E>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.into().get(),
    }
}
