// SPDX-License-Identifier: GPL-2.0

//! Writes to ID registers: whether each field asks for no more than the host can give.
//!
//! What "more" is depends on the field. Its rule says which of two levels is the safe one, for a
//! guest that relies on the feature; a value is accepted if each of its fields is the safe one of
//! itself and the limit.
//!
//! Reference: `arm64_check_features()`, `arm64_ftr_safe_value()`.

use crate::{FeatureLevel, Field, Reject};

/// Which of two different levels is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SafeValue {
    /// This one, whatever the two are.
    Exact(i64),
    /// The lower one: a guest does without what it is not told of.
    LowerSafe,
    /// The higher one, such as of sizes by which a guest must not be too short.
    HigherSafe,
    /// The higher one, but 0 stands for what is higher than all.
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

/// A field of an ID register, and what is safe in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeatureField<R = SafeValue> {
    /// Where the field is, and its sign.
    pub field: Field,
    /// Which of two levels is safe, or what says so: it is asked only if there are two.
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

/// An ID register, as a VM that has not run yet may be given a value for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeatureRegister {
    /// Reads as zero for this vCPU.
    Raz,
    /// Says what the host can give.
    Limited {
        /// The most that the host can give.
        limit: u64,
        /// The bits that userspace may change. A field of which one bit is missing cannot be.
        writable: u64,
    },
}

impl FeatureRegister {
    /// Checks a value, field by field.
    ///
    /// `fields` are those that the register has; they are not looked at if it reads as zero.
    ///
    /// # Errors
    ///
    /// [`Reject::UnsafeValue`] if a field is not safe, or a bit that is in no writable field is not
    /// the limit's.
    #[inline]
    pub fn write<R: Into<SafeValue>>(
        self,
        value: u64,
        fields: impl IntoIterator<Item = FeatureField<R>>,
    ) -> Result<(), Reject> {
        let (limit, writable) = match self {
            Self::Raz if value == 0 => return Ok(()),
            Self::Raz => return Err(Reject::UnsafeValue),
            Self::Limited { limit, writable } => (limit, writable),
        };

        // What is the limit's is safe, so that only what differs has to be looked at.
        let differs = value ^ limit;
        if differs == 0 {
            return Ok(());
        }

        let mut unchecked = differs;
        for field in fields {
            let mask = field.field.mask();
            if mask & differs == 0 || mask & !writable != 0 {
                continue;
            }
            if !field.accepts(value, limit) {
                return Err(Reject::UnsafeValue);
            }
            unchecked &= !mask;
        }

        if unchecked != 0 {
            return Err(Reject::UnsafeValue);
        }
        Ok(())
    }
}
