// SPDX-License-Identifier: GPL-2.0

//! The errno of each reason for refusing an access.

use kernel::{
    kvm::abi::Reject,
    prelude::*, //
};

/// Returns the errno that C gives for the same reason.
#[inline]
pub(crate) fn from_reject(reject: Reject) -> Error {
    match reject {
        Reject::UnknownRegister | Reject::WrongSize => ENOENT,
        Reject::InvalidValue | Reject::AboveHost => EINVAL,
        Reject::UnsafeValue => E2BIG,
        Reject::Frozen => EBUSY,
        Reject::NotReady => ENOEXEC,
    }
}

/// Returns the result as C functions do: 0 or a negative errno.
#[inline]
pub(crate) fn to_ret(result: Result) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}
