// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Names and fields of registers.
//!
//! They are facts of the Arm Architecture Reference Manual and of the KVM API. Nothing is decided
//! from them: a register that this version does not know is measured and compared like the
//! others, and goes by its encoding.
//!
//! ```
//! use kvmfit::id::RegId;
//! use kvmfit::names;
//!
//! let pfr1 = names::find("ID_AA64PFR1_EL1").unwrap();
//! assert_eq!(names::name(pfr1), "ID_AA64PFR1_EL1");
//! assert_eq!(names::field_at(pfr1, 5).unwrap().name, "SSBS");
//! assert_eq!(names::name(RegId::sysreg(3, 0, 0, 7, 7)), "S3_0_C0_C7_7");
//! ```

mod id32;
mod id64;
mod other;
mod system;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::id::{Class, RegId};

/// A register that this version knows.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RegInfo {
    /// Its number.
    pub id: RegId,
    /// Its name in the Arm Architecture Reference Manual or in the KVM API.
    pub name: &'static str,
    /// What it is, for people, or an empty text if its name says it.
    pub about: &'static str,
    /// Its fields, by the lowest bit.
    pub fields: &'static [Field],
}

/// A field of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// Its name in the Arm Architecture Reference Manual.
    pub name: &'static str,
    /// The number of its lowest bit.
    pub lsb: u8,
    /// How many bits it has.
    pub width: u8,
    /// How its values compare.
    pub order: Order,
    /// What it says, for people.
    pub about: &'static str,
}

/// How the values of a field compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// A higher value has all that a lower one has.
    Unsigned,
    /// As `Unsigned`, of signed numbers: all bits set is the lowest common value.
    Signed,
    /// The values have no order.
    Exact,
}

/// How one value of a field compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Relation {
    /// Equal.
    Equal,
    /// The first is lower: a guest of the second may miss something.
    Lower,
    /// The first is higher.
    Higher,
    /// They differ, and neither is higher.
    Differs,
}

impl Field {
    /// The bits of the field in the register.
    pub const fn mask(&self) -> u64 {
        (u64::MAX >> (64 - self.width as u32)) << self.lsb
    }

    /// The field of `register`.
    pub const fn of(&self, register: u64) -> u64 {
        (register & self.mask()) >> self.lsb
    }

    /// `register` with the field set to `value`.
    pub const fn set(&self, register: u64, value: u64) -> u64 {
        register & !self.mask() | value << self.lsb & self.mask()
    }

    /// How the field of `a` compares with that of `b`.
    pub fn relation(&self, a: u64, b: u64) -> Relation {
        let shift = 64 - u32::from(self.width);
        let (a, b) = (self.of(a), self.of(b));
        let order = match self.order {
            _ if a == b => return Relation::Equal,
            Order::Exact => return Relation::Differs,
            Order::Unsigned => a.cmp(&b),
            Order::Signed => sign(a << shift).cmp(&sign(b << shift)),
        };
        if order.is_lt() {
            Relation::Lower
        } else {
            Relation::Higher
        }
    }
}

// `u64::cast_signed` is newer than the oldest compiler that builds this.
#[allow(clippy::cast_possible_wrap)]
const fn sign(number: u64) -> i64 {
    number as i64
}

const fn field(name: &'static str, lsb: u8, width: u8, order: Order, about: &'static str) -> Field {
    Field { name, lsb, width, order, about }
}

// An unsigned field of four bits, as most of the ID registers have.
const fn f(name: &'static str, lsb: u8, about: &'static str) -> Field {
    field(name, lsb, 4, Order::Unsigned, about)
}

const fn signed(name: &'static str, lsb: u8, about: &'static str) -> Field {
    field(name, lsb, 4, Order::Signed, about)
}

const fn wide(name: &'static str, lsb: u8, width: u8, about: &'static str) -> Field {
    field(name, lsb, width, Order::Unsigned, about)
}

const fn flag(name: &'static str, lsb: u8, about: &'static str) -> Field {
    field(name, lsb, 1, Order::Unsigned, about)
}

// Values without an order.
const fn bits(name: &'static str, lsb: u8, width: u8, about: &'static str) -> Field {
    field(name, lsb, width, Order::Exact, about)
}

// An ID register: op0 = 3, op1 = 0, CRn = 0.
const fn id(crm: u8, op2: u8, name: &'static str, fields: &'static [Field]) -> RegInfo {
    RegInfo { id: RegId::sysreg(3, 0, 0, crm, op2), name, about: "", fields }
}

/// Every register that this version knows by a name of its own, by class and number.
pub fn all() -> impl Iterator<Item = &'static RegInfo> {
    id64::REGISTERS.iter().chain(id32::REGISTERS).chain(other::REGISTERS).chain(system::REGISTERS)
}

/// What is known of a register.
pub fn info(id: RegId) -> Option<&'static RegInfo> {
    all().find(|info| info.id == id)
}

/// The fields of a register, or none if it is not known.
pub fn fields(id: RegId) -> &'static [Field] {
    match id.class() {
        Class::Demux => other::CCSIDR,
        _ => info(id).map_or(&[], |info| info.fields),
    }
}

/// The field that has bit `bit` of a register.
pub fn field_at(id: RegId, bit: u8) -> Option<&'static Field> {
    fields(id).iter().find(|field| field.lsb <= bit && bit - field.lsb < field.width)
}

/// The name of a register: that of the Arm Architecture Reference Manual or of the KVM API, or
/// else its encoding, or else its number.
pub fn name(id: RegId) -> String {
    if let Some(info) = info(id) {
        return info.name.to_string();
    }
    if !id.is_arm64() {
        return id.to_string();
    }
    other::indexed(id)
        .or_else(|| system::indexed(id))
        .or_else(|| id.encoding().map(|encoding| encoding.to_string()))
        .unwrap_or_else(|| id.to_string())
}

/// The register with a name, in any case, or with a number.
pub fn find(text: &str) -> Option<RegId> {
    let text = text.trim();
    if let Ok(id) = text.parse() {
        return Some(id);
    }
    if let Some(info) = all().find(|info| info.name.eq_ignore_ascii_case(text)) {
        return Some(info.id);
    }
    other::candidates()
        .chain(system::candidates())
        .find(|&id| name(id).eq_ignore_ascii_case(text))
        .or_else(|| encoded(text))
}

// S<op0>_<op1>_C<n>_C<m>_<op2>
fn encoded(text: &str) -> Option<RegId> {
    let mut parts = text.strip_prefix(['S', 's'])?.split('_');
    let mut next = |prefix: &[char], limit: u8| {
        let part = parts.next()?;
        let digits = if prefix.is_empty() { part } else { part.strip_prefix(prefix)? };
        digits.parse().ok().filter(|&n: &u8| n < limit)
    };
    let c = &['C', 'c'];
    let id = RegId::sysreg(next(&[], 4)?, next(&[], 8)?, next(c, 16)?, next(c, 16)?, next(&[], 8)?);
    parts.next().is_none().then_some(id)
}

/// A part of a register in which two values differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The name of the field, or `bits 23:20` if it has none.
    pub name: String,
    /// The bits of it in the register.
    pub mask: u64,
    /// The field of the first value.
    pub a: u64,
    /// The field of the second value.
    pub b: u64,
    /// How the first compares with the second.
    pub relation: Relation,
    /// What the field says, or an empty text.
    pub about: &'static str,
}

/// The parts of a register in which `a` and `b` differ, the lowest first.
pub fn differing(id: RegId, a: u64, b: u64) -> Vec<Part> {
    parts(id, a ^ b, a, b)
}

/// The parts of a register that have bits of `mask`, the lowest first.
pub fn parts(id: RegId, mask: u64, a: u64, b: u64) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = mask;
    for field in fields(id).iter().filter(|field| field.mask() & mask != 0) {
        rest &= !field.mask();
        parts.push(Part {
            name: field.name.to_string(),
            mask: field.mask(),
            a: field.of(a),
            b: field.of(b),
            relation: field.relation(a, b),
            about: field.about,
        });
    }
    // What no field has, digit by digit.
    for digit in 0..16 {
        let mask = rest & 15 << (4 * digit);
        if mask != 0 {
            let (low, high) = (mask.trailing_zeros(), mask.ilog2());
            let mask = u64::MAX >> (63 - high) & u64::MAX << low;
            let (a, b) = ((a & mask) >> low, (b & mask) >> low);
            let relation = if a == b { Relation::Equal } else { Relation::Differs };
            let name =
                if low == high { format!("bit {low}") } else { format!("bits {high}:{low}") };
            parts.push(Part { name, mask, a, b, relation, about: "" });
        }
    }
    parts.sort_by_key(|part| part.mask.trailing_zeros());
    parts
}

#[cfg(test)]
mod tests;
