// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Values of registers, of up to 2048 bits.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{parse_u64, text_or_number};

/// The longest value in bytes: KVM's largest register, an SVE vector of 2048 bits.
pub const MAX_BYTES: usize = 256;

/// The value of a register, of any size.
///
/// Values are numbers: a register of 32 bits and one of 64 bits with the value 1 are equal.
///
/// ```
/// use kvmfit::value::Value;
///
/// let value: Value = "0x10003".parse().unwrap();
/// assert_eq!(value, Value::from(0x10003));
/// assert_eq!(value.as_u64(), Some(0x10003));
/// assert_eq!(value.to_le_bytes(4).unwrap(), [3, 0, 1, 0]);
/// assert_eq!(value.to_string(), "0x10003");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Repr);

// A wide value has more than 64 significant bits, most significant byte first and not 0, so that
// the derived order is right between values of one length; see `Ord` of `Wide`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Small(u64),
    Wide(Wide),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Wide {
    // Compared first: the longer value is the greater one.
    len: usize,
    bytes: Vec<u8>,
}

impl Value {
    /// The value 0.
    pub const ZERO: Self = Self(Repr::Small(0));

    /// The value of `bytes`, the least significant one first, or `None` if it has more than
    /// [`MAX_BYTES`] significant bytes.
    pub fn from_le_bytes(bytes: &[u8]) -> Option<Self> {
        let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let bytes = &bytes[..len];
        if len <= 8 {
            let small = bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            return Some(Self(Repr::Small(small)));
        }
        (len <= MAX_BYTES)
            .then(|| Self(Repr::Wide(Wide { len, bytes: bytes.iter().rev().copied().collect() })))
    }

    /// The value as `len` bytes, the least significant one first, or `None` if it does not fit.
    pub fn to_le_bytes(&self, len: usize) -> Option<Vec<u8>> {
        let mut bytes: Vec<u8> = match &self.0 {
            Repr::Small(small) => {
                let used = 8 - small.leading_zeros() as usize / 8;
                small.to_le_bytes()[..used].to_vec()
            }
            Repr::Wide(wide) => wide.bytes.iter().rev().copied().collect(),
        };
        if bytes.len() > len {
            return None;
        }
        bytes.resize(len, 0);
        Some(bytes)
    }

    /// The value, if it has at most 64 bits.
    pub fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Repr::Small(small) => Some(small),
            Repr::Wide(_) => None,
        }
    }

    /// Whether the value is 0.
    pub fn is_zero(&self) -> bool {
        self.0 == Repr::Small(0)
    }
}

impl From<u64> for Value {
    fn from(small: u64) -> Self {
        Self(Repr::Small(small))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(small) => write!(f, "{small:#x}"),
            Repr::Wide(wide) => {
                write!(f, "0x{:x}", wide.bytes[0])?;
                wide.bytes[1..].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({self})")
    }
}

/// A text is not the value of a register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a value of at most 2048 bits: write it as 0x… or, up to 64 bits, in decimal digits"
)]
pub struct NotAValue(pub String);

impl FromStr for Value {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let error = || NotAValue(text.chars().take(40).collect());
        if let Ok(small) = parse_u64(text) {
            return Ok(small.into());
        }
        let hex = text.strip_prefix("0x").ok_or_else(error)?.as_bytes();
        // Leading zeros do no harm, but a long run of them is not a value either.
        if hex.is_empty() || hex.len() > 2 * MAX_BYTES {
            return Err(error());
        }
        let mut bytes = Vec::with_capacity(hex.len().div_ceil(2));
        for pair in hex.rchunks(2) {
            let digits = core::str::from_utf8(pair).map_err(|_| error())?;
            if !pair.iter().all(u8::is_ascii_hexdigit) {
                return Err(error());
            }
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| error())?);
        }
        Self::from_le_bytes(&bytes).ok_or_else(error)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_number(deserializer, "the value of a register, as \"0x…\"", Self::from)
    }
}

/// For `#[serde(with = "hex")]`: a `u64` as `"0x…"`; a number is read as well.
pub(crate) mod hex {
    use super::{de, Deserialize, Deserializer, Serializer, Value};

    // serde gives a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:#x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let value = Value::deserialize(deserializer)?;
        value.as_u64().ok_or_else(|| de::Error::custom("a number of more than 64 bits"))
    }
}

/// A number that is written as `"0x…"` in JSON.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Hex(#[serde(with = "hex")] pub u64);

impl From<u64> for Hex {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_no_value() {
        let long = "0x1".to_string() + &"0".repeat(512);
        for text in ["", "0x", "-1", "0xé", "0x12345678123456781234567812345678g", &long] {
            assert!(text.parse::<Value>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn orders_by_number() {
        let value = |text: &str| text.parse::<Value>().unwrap();
        assert!(value("0xffffffffffffffff") < value("0x10000000000000000"));
        assert!(value("0xff0000000000000000") < value("0x10000000000000000000"));
    }

    proptest! {
        #[test]
        fn bytes_and_text_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..MAX_BYTES)) {
            let value = Value::from_le_bytes(&bytes).unwrap();
            prop_assert_eq!(value.to_le_bytes(bytes.len()), Some(bytes));
            prop_assert_eq!(value.to_string().parse::<Value>().unwrap(), value.clone());
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(0x)?[0-9a-fA-Fxg-]{0,40}|.*") {
            let _ = text.parse::<Value>();
        }
    }
}
