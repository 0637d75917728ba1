// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Which values a host takes for a register, as measured in a scratch VM.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

use crate::bounded;
pub use crate::digit_set::{DigitSet, NotADigitSet};
use crate::value::{Hex, Value};

/// How many hexadecimal digits a register of 64 bits has.
pub const DIGITS: usize = 16;

/// The error numbers of refused values: one for all digits, or one for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Errno {
    /// One for all digits.
    One(i32),
    /// One for each digit, the highest first, as in [`Digits::digits`].
    Each([i32; DIGITS]),
}

impl<'de> Deserialize<'de> for Errno {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Errno;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an error number, or one for each of 16 digits")
            }

            fn visit_u64<E: de::Error>(self, errno: u64) -> Result<Errno, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Unsigned(errno), &self);
                errno.try_into().map(Errno::One).map_err(wrong)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Errno, A::Error> {
                let each = de::value::SeqAccessDeserializer::new(seq);
                <[i32; DIGITS]>::deserialize(each).map(Errno::Each)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Errno {
    /// The error of digit `n`, where digit 0 is the lowest.
    pub fn of(&self, n: usize) -> i32 {
        match self {
            Self::One(errno) => *errno,
            Self::Each(each) => each[DIGITS - 1 - n % DIGITS],
        }
    }
}

/// A value of a digit that is accepted and then reads as another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Which digit; 0 is the lowest.
    pub digit: u8,
    /// The value of the digit that was written.
    pub value: u8,
    /// The value of the register that was read back.
    #[serde(with = "crate::value::hex")]
    pub reads: u64,
}

/// A value of the whole register that was written to a new VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The value.
    #[serde(with = "crate::value::hex")]
    pub value: u64,
    /// Whether the host accepted it.
    pub ok: bool,
}

/// Digits that are not taken together: a value is refused if each digit is in its set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// A set for each digit, the highest digit first. A digit that does not matter has all values.
    pub digits: [DigitSet; DIGITS],
    /// The error of such a value.
    pub errno: i32,
}

impl Conflict {
    /// Whether the host refuses `value` for this conflict.
    pub fn has(&self, value: u64) -> bool {
        (0..DIGITS).all(|n| self.digits[DIGITS - 1 - n].has(nibble(value, n)))
    }

    /// The bits of the digits that matter.
    pub fn bits(&self) -> u64 {
        let matters = |n: &usize| self.digits[DIGITS - 1 - n] != DigitSet::ALL;
        (0..DIGITS).filter(matters).fold(0, |bits, n| bits | 15 << (4 * n))
    }
}

/// What a register takes, digit by digit, while all other digits are those of a new vCPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Digits {
    /// The accepted values of each hexadecimal digit, the highest digit first. The value of a new
    /// vCPU is among them.
    pub digits: [DigitSet; DIGITS],
    /// The error of a refused value.
    pub errno: Errno,
    /// Whether digits decide independently, but for `conflicts`: a value is accepted if and only if
    /// each digit is and no conflict has it. Measured by random combinations.
    pub independent: bool,
    /// Digits that are not taken together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// Values that are accepted and read back as another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stored: Vec<Stored>,
    /// Values in which several digits differ from those of a new vCPU, written for `independent`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
}

impl Digits {
    /// What a register takes that accepts only `value`.
    pub fn only(value: u64, errno: i32) -> Self {
        let mut digits = [DigitSet(0); DIGITS];
        for n in 0..DIGITS {
            digits[DIGITS - 1 - n] = DigitSet::only(nibble(value, n));
        }
        let (conflicts, stored, tried) = (Vec::new(), Vec::new(), Vec::new());
        Self { digits, errno: Errno::One(errno), independent: true, conflicts, stored, tried }
    }

    /// The accepted values of digit `n`, where digit 0 is the lowest.
    pub fn digit(&self, n: usize) -> DigitSet {
        self.digits[DIGITS - 1 - n % DIGITS]
    }

    /// Whether each of the digits that have `bits` is accepted alone, although the host refuses
    /// them together.
    pub fn conflict(&self, value: u64, bits: u64) -> bool {
        let mut refused = (0..DIGITS).filter(|n| bits & 15 << (4 * n) != 0);
        bits != 0 && refused.all(|n| self.digit(n).has(nibble(value, n)))
    }
}

/// Digit `n` of `value`, where digit 0 is the lowest.
pub const fn nibble(value: u64, n: usize) -> u8 {
    (value >> (4 * (n % DIGITS)) & 15) as u8
}

/// What a register with few values takes: the accepted ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Values {
    /// The accepted values.
    pub values: Vec<Hex>,
    /// The error of a refused value.
    pub errno: i32,
    /// Values that were tried and refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Hex>,
    /// Whether every value that is not in `values` is refused. If not, a value that is in neither
    /// list was not tried.
    #[serde(skip_serializing_if = "is_yes")]
    pub complete: bool,
}

fn yes() -> bool {
    true
}

// serde gives a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_yes(complete: &bool) -> bool {
    *complete
}

/// Which values a host takes for a register.
///
/// In JSON: `{"digits": […], …}`, `{"values": […], …}`, or the text `"unknown"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Takes {
    /// Measured digit by digit.
    Digits(Digits),
    /// Measured value by value.
    Values(Values),
    /// Not measured.
    Unknown,
}

/// What a host says to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It accepts the value and reads it back.
    Yes,
    /// It accepts the value and reads back another.
    Stores {
        /// What it reads back.
        reads: u64,
    },
    /// It refuses the value.
    No {
        /// The error number.
        errno: i32,
        /// The bits of the digits that it refuses, or 0 if it refuses the value as a whole.
        bits: u64,
    },
    /// The measurement does not say.
    CannotTell {
        /// Why not.
        why: Unsure,
    },
}

/// Why a measurement does not answer for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unsure {
    /// The host has the register, and which values it takes was not measured.
    #[error("which values the host takes was not measured")]
    NotMeasured,
    /// More than one digit differs, and the digits depend on each other.
    #[error("its fields depend on each other on this host, and this combination was not tried")]
    Combination,
    /// The value was not among those that were tried.
    #[error("this value was not tried on the host")]
    NotTried,
    /// The value is wider than what was measured.
    #[error("the value is wider than 64 bits")]
    Wide,
    /// The answer depends on another register of the VM, which the state does not have.
    #[error("the answer depends on a register that the state lacks")]
    Depends,
    /// The file may mean several values, to which the host says different things.
    #[error("the file may mean several values, and the host does not take all of them")]
    Meaning,
    /// There is nothing to answer for.
    #[error("the state has no registers")]
    Empty,
    /// The host was measured with other features than the VM has.
    #[error("the host was not measured with the features that the VM has")]
    Features,
}

impl Unsure {
    /// What to do to get an answer.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Meaning => "give the VM's state in another form than the text of snapshot-editor",
            Self::Empty => "give a state that has registers",
            Self::Features => "run `kvmfit dump` there again, and plan with that",
            _ => "run `kvmfit check STATE` there",
        }
    }
}

impl Takes {
    /// What the host says to `value`, in a VM that has `new` in a new vCPU and whose other
    /// registers are as new.
    ///
    /// ```
    /// use kvmfit::takes::{Answer, Digits, Takes};
    ///
    /// let takes = Takes::Digits(Digits::only(0x11, 22));
    /// assert_eq!(takes.accepts(0x11, 0x11), Answer::Yes);
    /// assert_eq!(takes.accepts(0x21, 0x11), Answer::No { errno: 22, bits: 0xf0 });
    /// ```
    pub fn accepts(&self, value: u64, new: u64) -> Answer {
        match self {
            Self::Digits(digits) => digits.accepts(value, new),
            Self::Values(values) => values.accepts(value),
            // What a new vCPU has is not always accepted, but no kernel is known where it is not.
            Self::Unknown if value == new => Answer::Yes,
            Self::Unknown => Answer::CannotTell { why: Unsure::NotMeasured },
        }
    }

    /// What the host says to a value of any size.
    pub fn accepts_value(&self, value: &Value, new: &Value) -> Answer {
        if value == new {
            // A value list knows whether it accepts its own.
            if let (Self::Values(values), Some(small)) = (self, value.as_u64()) {
                return values.accepts(small);
            }
            return Answer::Yes;
        }
        match (value.as_u64(), new.as_u64()) {
            (Some(value), Some(new)) => self.accepts(value, new),
            _ => Answer::CannotTell { why: Unsure::Wide },
        }
    }
}

impl Digits {
    fn accepts(&self, value: u64, new: u64) -> Answer {
        if value == new {
            return Answer::Yes;
        }
        let differing = (0..DIGITS).filter(|&n| nibble(value, n) != nibble(new, n)).count();
        if let Some(tried) = self.tried.iter().find(|tried| tried.value == value) {
            return match (tried.ok, self.refused(value)) {
                (true, _) => self.read_back(value, new),
                (false, None) => Answer::No { errno: self.errno.of(0), bits: 0 },
                (false, Some((errno, bits))) => Answer::No { errno, bits },
            };
        }
        if !self.independent && differing > 1 {
            return Answer::CannotTell { why: Unsure::Combination };
        }
        if let Some((errno, bits)) = self.refused(value) {
            return Answer::No { errno, bits };
        }
        match self.conflicts.iter().find(|conflict| conflict.has(value)) {
            Some(conflict) => {
                let differs = |n: &usize| nibble(value, *n) != nibble(new, *n);
                let differing = (0..DIGITS).filter(differs).fold(0, |bits, n| bits | 15 << (4 * n));
                Answer::No { errno: conflict.errno, bits: conflict.bits() & differing }
            }
            None => self.read_back(value, new),
        }
    }

    // The error of the highest refused digit, and the bits of all of them.
    fn refused(&self, value: u64) -> Option<(i32, u64)> {
        (0..DIGITS).filter(|&n| !self.digit(n).has(nibble(value, n))).fold(None, |refused, n| {
            let bits = refused.map_or(0, |(_, bits)| bits);
            Some((self.errno.of(n), bits | 15 << (4 * n)))
        })
    }

    // `stored` has whole registers, in which one digit was written: merge what each changed.
    fn read_back(&self, value: u64, new: u64) -> Answer {
        let mut reads = value;
        for stored in &self.stored {
            let n = usize::from(stored.digit) % DIGITS;
            if nibble(value, n) == stored.value & 15 && stored.value & 15 != nibble(new, n) {
                let written = new & !(15 << (4 * n)) | u64::from(stored.value & 15) << (4 * n);
                reads = reads & !(written ^ stored.reads) | stored.reads & (written ^ stored.reads);
            }
        }
        if reads == value {
            Answer::Yes
        } else {
            Answer::Stores { reads }
        }
    }
}

impl Values {
    fn accepts(&self, value: u64) -> Answer {
        if self.values.contains(&Hex(value)) {
            Answer::Yes
        } else if self.complete || self.refused.contains(&Hex(value)) {
            Answer::No { errno: self.errno, bits: 0 }
        } else {
            Answer::CannotTell { why: Unsure::NotTried }
        }
    }
}

impl Serialize for Takes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Digits(digits) => digits.serialize(serializer),
            Self::Values(values) => values.serialize(serializer),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

impl<'de> Deserialize<'de> for Takes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not an untagged enum: that keeps all of a hostile file in memory first.
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Takes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what a register takes: digits, values, or \"unknown\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Takes, E> {
                match text {
                    "unknown" => Ok(Takes::Unknown),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Takes, A::Error> {
                Either::deserialize(de::value::MapAccessDeserializer::new(map))?.takes()
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Deserialize)]
struct Either {
    digits: Option<[DigitSet; DIGITS]>,
    independent: Option<bool>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::VMS }>")]
    conflicts: Vec<Conflict>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    stored: Vec<Stored>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    tried: Vec<Tried>,
    errno: Errno,
    #[serde(default, deserialize_with = "bounded::some_list::<_, _, { bounded::MANY }>")]
    values: Option<Vec<Hex>>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    refused: Vec<Hex>,
    #[serde(default = "yes")]
    complete: bool,
}

impl Either {
    fn takes<E: de::Error>(self) -> Result<Takes, E> {
        match (self.digits, self.values, self.errno) {
            (Some(digits), None, errno) => {
                let (conflicts, stored, tried) = (self.conflicts, self.stored, self.tried);
                let independent =
                    self.independent.ok_or_else(|| E::missing_field("independent"))?;
                Ok(Takes::Digits(Digits { digits, errno, independent, conflicts, stored, tried }))
            }
            (None, Some(values), Errno::One(errno)) => {
                let (refused, complete) = (self.refused, self.complete);
                Ok(Takes::Values(Values { values, errno, refused, complete }))
            }
            _ => Err(E::custom("`takes` has either `digits` or `values` with one `errno`")),
        }
    }
}

impl fmt::Display for Takes {
    /// In words, for a message: what is accepted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits(digits) => {
                f.write_str("digits ")?;
                for (n, set) in digits.digits.iter().enumerate() {
                    let sep = if n == 0 { "" } else { " " };
                    let set = set.to_string();
                    write!(f, "{sep}{}", if set.is_empty() { "none" } else { &set })?;
                }
                Ok(())
            }
            Self::Values(values) => {
                for (n, value) in values.values.iter().enumerate() {
                    write!(f, "{}{value}", if n == 0 { "" } else { ", " })?;
                }
                if values.values.is_empty() {
                    f.write_str("none")?;
                }
                Ok(())
            }
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(independent: bool) -> Digits {
        let mut digits = Digits::only(0x11, 22);
        digits.digits[DIGITS - 1] = DigitSet(0b11);
        digits.digits[DIGITS - 2] = DigitSet(0b11);
        Digits { independent, ..digits }
    }

    #[test]
    fn independent_digits_combine() {
        let digits = digits(true);
        assert_eq!(digits.accepts(0, 0x11), Answer::Yes);
        assert_eq!(digits.accepts(0x122, 0x11), Answer::No { errno: 22, bits: 0xfff });
    }

    #[test]
    fn dependent_digits_answer_for_one_digit_and_what_was_tried() {
        let mut digits = digits(false);
        assert_eq!(digits.accepts(0x10, 0x11), Answer::Yes);
        assert_eq!(digits.accepts(0x12, 0x11), Answer::No { errno: 22, bits: 15 });
        assert_eq!(digits.accepts(0, 0x11), Answer::CannotTell { why: Unsure::Combination });
        digits.tried.push(Tried { value: 0, ok: false });
        assert_eq!(digits.accepts(0, 0x11), Answer::No { errno: 22, bits: 0 });
    }

    #[test]
    fn digits_may_be_refused_together() {
        let mut digits = digits(true);
        // The lowest two may not both be 0, whatever the next one is.
        let mut conflict = Conflict { digits: [DigitSet::ALL; DIGITS], errno: 7 };
        conflict.digits[DIGITS - 1] = DigitSet::only(0);
        conflict.digits[DIGITS - 2] = DigitSet::only(0);
        digits.conflicts.push(conflict);
        assert_eq!(digits.accepts(0x10, 0x11), Answer::Yes);
        assert_eq!(digits.accepts(1, 0x11), Answer::Yes);
        assert_eq!(digits.accepts(0, 0x11), Answer::No { errno: 7, bits: 0xff });
        assert!(digits.conflict(0, 0xff));
        // Of a new vCPU that has one of them, the other is at fault.
        assert_eq!(digits.accepts(0, 0x1), Answer::No { errno: 7, bits: 0xf });
        // What is refused alone comes first.
        assert_eq!(digits.accepts(0x100, 0x11), Answer::No { errno: 22, bits: 0xf00 });
        assert!(!digits.conflict(0x100, 0xf00));
    }

    #[test]
    fn says_what_reads_back() {
        let mut digits = digits(true);
        digits.stored.push(Stored { digit: 0, value: 0, reads: 0x11 });
        assert_eq!(digits.accepts(0x10, 0x11), Answer::Stores { reads: 0x11 });
        assert_eq!(digits.accepts(0, 0x11), Answer::Stores { reads: 1 });
    }

    #[test]
    fn each_digit_may_have_its_error() {
        let mut each = [22; DIGITS];
        each[DIGITS - 1] = 7;
        let digits = Digits { errno: Errno::Each(each), ..digits(true) };
        assert_eq!(digits.accepts(0x1f, 0x11), Answer::No { errno: 7, bits: 15 });
    }

    #[test]
    fn values_may_be_incomplete() {
        let mut values =
            Values { values: [Hex(2)].to_vec(), errno: 22, refused: Vec::new(), complete: true };
        assert_eq!(values.accepts(3), Answer::No { errno: 22, bits: 0 });
        values.complete = false;
        assert_eq!(values.accepts(3), Answer::CannotTell { why: Unsure::NotTried });
        values.refused.push(Hex(3));
        assert_eq!(values.accepts(3), Answer::No { errno: 22, bits: 0 });
    }

    #[test]
    fn json_is_as_documented() {
        let takes: Takes = serde_json::from_str(
            r#"{"digits":["0","0","0","0","0","0","0","0","0","0","0","0","0","*","0-1","0,2"],
                "errno":22,"independent":true}"#,
        )
        .unwrap();
        assert_eq!(takes.accepts(0xf02, 0), Answer::Yes);
        assert_eq!(takes.accepts(0xf21, 0), Answer::No { errno: 22, bits: 0xff });
        let takes: Takes = serde_json::from_str(r#"{"values":["0x2",65536],"errno":22}"#).unwrap();
        assert_eq!(takes.accepts(0x10000, 2), Answer::Yes);
        assert_eq!(
            serde_json::to_string(&takes).unwrap(),
            r#"{"values":["0x2","0x10000"],"errno":22}"#
        );
        assert_eq!(serde_json::from_str::<Takes>("\"unknown\"").unwrap(), Takes::Unknown);
        assert!(serde_json::from_str::<Takes>("\"nothing\"").is_err());
    }
}
