// SPDX-License-Identifier: GPL-2.0

//! Writes to ID registers: whether each field asks for no more than the host can give.
//!
//! The meaning of "more" depends on the field. The field's rule picks the safe one of two levels,
//! for a guest that relies on the feature. A value is accepted if each of its fields is the safe
//! one of itself and the limit.
//!
//! Reference: `arm64_check_features()`, `arm64_ftr_safe_value()`.

use crate::{
    FeatureLevel,
    Field,
    Reject, //
};

mod access;
mod surface;
mod sys_reg;

pub use access::{
    IdRegAccess,
    IdRegLocked, //
};
pub(crate) use surface::{
    limit,
    IdRefusal, //
};
pub use surface::{
    IdReg,
    IdRegState,
    IdVisibility, //
};
pub use sys_reg::{
    FeatureIdIndex,
    SysReg,
    VmIdIndex, //
};

/// Which of two different levels is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SafeValue {
    /// This one, whatever the two are.
    Exact(i64),
    /// The lower one: a guest does without a feature that it does not see.
    LowerSafe,
    /// The higher one, such as for a size that a guest must not underestimate.
    HigherSafe,
    /// The higher one, where 0 is the highest of all.
    HigherOrZeroSafe,
}

impl SafeValue {
    /// Returns the safe one of two levels.
    #[inline]
    fn of(self, new: FeatureLevel, limit: FeatureLevel) -> i64 {
        let zero = FeatureLevel::UNKNOWN;
        let safe = match self {
            Self::Exact(level) => return level,
            Self::LowerSafe => new.min(limit),
            Self::HigherOrZeroSafe if new == zero || limit == zero => zero,
            Self::HigherSafe | Self::HigherOrZeroSafe => new.max(limit),
        };
        safe.get().into()
    }
}

/// A field of an ID register, and its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeatureField<R = SafeValue> {
    /// Where the field is, and its sign.
    pub field: Field,
    /// Which of two levels is safe; converted to a [`SafeValue`] only if the levels differ.
    pub rule: R,
}

impl<R: Into<SafeValue>> FeatureField<R> {
    /// Returns whether a register may have the level of `value` where the host has that of `limit`.
    #[inline]
    fn accepts(self, value: u64, limit: u64) -> bool {
        let (new, limit) = (self.field.level(value), self.field.level(limit));
        // The host's own level is safe, even where the rule names another one.
        new == limit || self.rule.into().of(new, limit) == i64::from(new.get())
    }
}

/// An ID register of a VM that has not run yet, and the values that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureRegister {
    /// Reads as zero for this vCPU.
    Raz,
    /// Limited by what the host can give.
    Limited {
        /// The most that the host can give.
        limit: u64,
        /// The bits that userspace may change. A field cannot be changed unless all its bits are
        /// set here.
        writable: u64,
    },
}

impl FeatureRegister {
    /// Decides a write, field by field.
    ///
    /// `fields` returns the fields of the register, `None` if the kernel does not know it. It is
    /// not called if the register reads as zero.
    ///
    /// # Errors
    ///
    /// - [`Reject::InvalidValue`] if the kernel does not know the register.
    /// - [`Reject::UnsafeValue`] if a field is not safe, or a bit outside the writable fields
    ///   differs from the limit.
    #[inline]
    pub fn decide<F, R>(self, value: u64, fields: impl FnOnce() -> Option<F>) -> Result<(), Reject>
    where
        F: IntoIterator<Item = FeatureField<R>>,
        R: Into<SafeValue>,
    {
        match self.offending(value, fields)? {
            0 => Ok(()),
            _ => Err(Reject::UnsafeValue),
        }
    }

    /// Returns the bits that a write is refused for: all bits of the fields that are not safe, and
    /// the bits outside the writable fields that differ from the limit; 0 if it is accepted.
    ///
    /// # Errors
    ///
    /// [`Reject::InvalidValue`] as in [`FeatureRegister::decide`].
    #[inline]
    pub fn offending<F, R>(
        self,
        value: u64,
        fields: impl FnOnce() -> Option<F>,
    ) -> Result<u64, Reject>
    where
        F: IntoIterator<Item = FeatureField<R>>,
        R: Into<SafeValue>,
    {
        let (limit, writable) = match self {
            Self::Raz => return Ok(value),
            Self::Limited { limit, writable } => (limit, writable),
        };
        // There are no rules for a register that the kernel does not know.
        let fields = fields().ok_or(Reject::InvalidValue)?;

        // Bits that equal the limit's are safe: check only those that differ.
        let differs = value ^ limit;
        if differs == 0 {
            return Ok(0);
        }

        let mut checked = 0;
        let mut not_safe = 0;
        for field in fields {
            let mask = field.field.mask();
            if mask & differs == 0 || mask & !writable != 0 {
                continue;
            }
            checked |= mask;
            if !field.accepts(value, limit) {
                not_safe |= mask;
            }
        }
        Ok(not_safe | (differs & !checked))
    }
}
