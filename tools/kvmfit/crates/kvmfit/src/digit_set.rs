// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Sets of hexadecimal digits.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

/// A set of values of one hexadecimal digit.
///
/// Written as `*` for all, an empty text for none, or as hexadecimal digits and ranges with
/// commas between them: `0`, `0-1`, `0,2-f`.
///
/// ```
/// use kvmfit::takes::DigitSet;
///
/// let set: DigitSet = "0-1,f".parse().unwrap();
/// assert!(set.has(1) && set.has(15) && !set.has(2));
/// assert_eq!(set.to_string(), "0-1,f");
/// assert_eq!(DigitSet::ALL.to_string(), "*");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DigitSet(pub u16);

impl DigitSet {
    /// All 16 values.
    pub const ALL: Self = Self(0xffff);

    /// The set of one value. Only the low four bits of `value` count.
    pub const fn only(value: u8) -> Self {
        Self(1 << (value & 15))
    }

    /// Whether the set has `value`.
    pub const fn has(self, value: u8) -> bool {
        value < 16 && self.0 >> value & 1 == 1
    }

    /// The set with `value` added.
    #[must_use]
    pub const fn with(self, value: u8) -> Self {
        Self(self.0 | 1 << (value & 15))
    }

    /// The values, the lowest first.
    pub fn values(self) -> impl DoubleEndedIterator<Item = u8> {
        (0..16).filter(move |&value| self.has(value))
    }
}

impl fmt::Display for DigitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("*");
        }
        let mut comma = "";
        let mut value = 0;
        while value < 16 {
            let first = value;
            while self.has(value) {
                value += 1;
            }
            match value - first {
                0 => {
                    value += 1;
                    continue;
                }
                1 => write!(f, "{comma}{first:x}")?,
                _ => write!(f, "{comma}{first:x}-{:x}", value - 1)?,
            }
            comma = ",";
        }
        Ok(())
    }
}

/// A text is not a set of hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a set of hexadecimal digits, such as 0, 0-1, 0,2-f or *")]
pub struct NotADigitSet(pub String);

impl FromStr for DigitSet {
    type Err = NotADigitSet;

    fn from_str(text: &str) -> Result<Self, NotADigitSet> {
        let error = || NotADigitSet(text.chars().take(40).collect());
        let digit = |text: &str| match text.as_bytes() {
            [byte] => (*byte as char).to_digit(16).ok_or_else(error),
            _ => Err(error()),
        };
        match text {
            "*" => return Ok(Self::ALL),
            "" => return Ok(Self(0)),
            _ => {}
        }
        let mut set = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (digit(first)?, digit(last)?);
            if first > last {
                return Err(error());
            }
            for value in first..=last {
                set |= 1 << value;
            }
        }
        Ok(Self(set))
    }
}

impl Serialize for DigitSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DigitSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets_come_back(set: u16) {
            prop_assert_eq!(DigitSet(set).to_string().parse(), Ok(DigitSet(set)));
        }

        #[test]
        fn any_text_is_a_set_or_refused(text in "[0-9a-f,*-]{0,20}|.*") {
            let _ = text.parse::<DigitSet>();
        }
    }
}
