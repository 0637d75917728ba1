// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Numbers of registers, as `KVM_GET_ONE_REG` and `KVM_SET_ONE_REG` take them.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

const ARCH_MASK: u64 = 0xff00_0000_0000_0000;
const ARCH_ARM64: u64 = 0x6000_0000_0000_0000;
const SIZE_SHIFT: u32 = 52;
const SIZE_MASK: u64 = 0xf;
const CLASS_SHIFT: u32 = 16;
const CLASS_MASK: u64 = 0xfff;

/// The number of a register.
///
/// It is written as 16 hexadecimal digits and read as hexadecimal (`0x…`) or decimal digits.
///
/// ```
/// use kvmfit::id::{Class, RegId};
///
/// let id: RegId = "0x603000000013c020".parse().unwrap();
/// assert_eq!(id, RegId::sysreg(3, 0, 0, 4, 0));
/// assert_eq!(id.class(), Class::SysReg);
/// assert_eq!(id.size(), Some(8));
/// assert_eq!("6931039826524487712".parse(), Ok(id));
/// assert_eq!(id.to_string(), "0x603000000013c020");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegId(u64);

/// The class of a register: the field of its number that KVM calls coprocessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Class {
    /// General purpose registers, PC, PSTATE and the FP/SIMD registers.
    Core,
    /// A register that another one selects: `CCSIDR_EL1` by cache level and type.
    Demux,
    /// A system register, by op0, op1, `CRn`, `CRm` and op2.
    SysReg,
    /// A firmware register with a value of its own, such as the PSCI version.
    Firmware,
    /// A firmware register with one bit for each hypercall service.
    FirmwareBitmap,
    /// SVE's registers and vector lengths.
    Sve,
    /// A class that this version of the crate does not know.
    Other(u16),
}

/// The encoding of a system register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SysReg {
    /// op0, 2 bits.
    pub op0: u8,
    /// op1, 3 bits.
    pub op1: u8,
    /// `CRn`, 4 bits.
    pub crn: u8,
    /// `CRm`, 4 bits.
    pub crm: u8,
    /// op2, 3 bits.
    pub op2: u8,
}

impl fmt::Display for SysReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}_{}_C{}_C{}_{}", self.op0, self.op1, self.crn, self.crm, self.op2)
    }
}

impl RegId {
    /// The register with this number.
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// A system register of 64 bits. Bits that an operand does not have are dropped.
    pub const fn sysreg(op0: u8, op1: u8, crn: u8, crm: u8, op2: u8) -> Self {
        Self(
            0x6030_0000_0013_0000
                | (op0 as u64 & 3) << 14
                | (op1 as u64 & 7) << 11
                | (crn as u64 & 15) << 7
                | (crm as u64 & 15) << 3
                | (op2 as u64 & 7),
        )
    }

    /// A firmware register (`KVM_REG_ARM_FW_REG`).
    pub const fn firmware(n: u16) -> Self {
        Self(0x6030_0000_0014_0000 | n as u64)
    }

    /// A bitmap of hypercall services (`KVM_REG_ARM_FW_FEAT_BMAP_REG`).
    pub const fn firmware_bitmap(n: u16) -> Self {
        Self(0x6030_0000_0016_0000 | n as u64)
    }

    /// The number.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Whether the number names a register of arm64.
    pub const fn is_arm64(self) -> bool {
        self.0 & ARCH_MASK == ARCH_ARM64
    }

    /// The size in bytes, or `None` for one that KVM does not define.
    pub const fn size(self) -> Option<usize> {
        match (self.0 >> SIZE_SHIFT) & SIZE_MASK {
            n @ 0..=8 => Some(1 << n),
            _ => None,
        }
    }

    /// The class.
    pub const fn class(self) -> Class {
        match ((self.0 >> CLASS_SHIFT) & CLASS_MASK) as u16 {
            0x10 => Class::Core,
            0x11 => Class::Demux,
            0x13 => Class::SysReg,
            0x14 => Class::Firmware,
            0x15 => Class::Sve,
            0x16 => Class::FirmwareBitmap,
            n => Class::Other(n),
        }
    }

    /// The number within its class.
    pub const fn index(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The encoding, if it is a system register.
    pub const fn encoding(self) -> Option<SysReg> {
        if !self.is_arm64() || !matches!(self.class(), Class::SysReg) {
            return None;
        }
        Some(SysReg {
            op0: (self.0 >> 14 & 3) as u8,
            op1: (self.0 >> 11 & 7) as u8,
            crn: (self.0 >> 7 & 15) as u8,
            crm: (self.0 >> 3 & 15) as u8,
            op2: (self.0 & 7) as u8,
        })
    }

    /// Whether it is in the space of the ID registers: op0 = 3, op1 = 0, `CRn` = 0, `CRm` = 1 to 7.
    pub const fn is_id_register(self) -> bool {
        match self.encoding() {
            Some(s) => s.op0 == 3 && s.op1 == 0 && s.crn == 0 && s.crm >= 1 && s.crm <= 7,
            None => false,
        }
    }

    /// Whether it configures a VM, and a host may refuse a value: firmware registers and
    /// bitmaps, ID registers, MIDR, REVIDR, AIDR, CTR, CLIDR, CCSIDR and the vector lengths.
    ///
    /// Registers that this function does not know are state of a vCPU. A dump may measure them
    /// nevertheless.
    pub const fn configures(self) -> bool {
        match self.class() {
            Class::Firmware | Class::FirmwareBitmap | Class::Demux => true,
            Class::Sve => self.0 == SVE_VLS.0,
            Class::SysReg => match self.encoding() {
                // MIDR and REVIDR, not MPIDR, which a VMM sets as it likes.
                Some(SysReg { op0: 3, op1: 0, crn: 0, crm: 0, op2 }) => op2 != 5,
                // CLIDR and AIDR, not CSSELR; CTR and DCZID.
                Some(SysReg { op0: 3, op1: 1 | 3, crn: 0, crm: 0, .. }) => true,
                _ => self.is_id_register(),
            },
            _ => false,
        }
    }
}

/// `KVM_REG_ARM64_SVE_VLS`: the vector lengths of a VM with SVE, a bit each.
pub const SVE_VLS: RegId = RegId::new(0x6060_0000_0015_ffff);

impl From<u64> for RegId {
    fn from(raw: u64) -> Self {
        Self(raw)
    }
}

impl fmt::Display for RegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

impl fmt::Debug for RegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegId({self})")
    }
}

/// A text is not a number of at most 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a number of 64 bits: write it as 0x… or in decimal digits")]
pub struct NotANumber(pub String);

/// Reads hexadecimal digits after `0x`, or decimal digits.
///
/// # Errors
///
/// [`NotANumber`] for anything else, a sign or an empty text among it. The error has the first
/// 40 characters of the text.
pub fn parse_u64(text: &str) -> Result<u64, NotANumber> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            u64::from_str_radix(hex, 16).ok()
        }
        None if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    parsed.ok_or_else(|| NotANumber(text.chars().take(40).collect()))
}

/// Reads what is written as text, and takes a small number as well.
pub(crate) fn text_or_number<'de, D, T>(
    deserializer: D,
    expected: &'static str,
    of_number: fn(u64) -> T,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    struct Visitor<T>(&'static str, fn(u64) -> T);

    impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Visitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
            Ok(self.1(number))
        }
    }

    deserializer.deserialize_any(Visitor(expected, of_number))
}

impl FromStr for RegId {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        parse_u64(text).map(Self)
    }
}

impl Serialize for RegId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RegId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_number(deserializer, "the number of a register, as \"0x…\"", Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn knows_the_classes() {
        let class = |raw| RegId::new(raw).class();
        assert_eq!(class(0x6030_0000_0010_0000), Class::Core);
        assert_eq!(class(0x6020_0000_0011_0002), Class::Demux);
        assert_eq!(class(0x6030_0000_0014_0001), Class::Firmware);
        assert_eq!(class(0x6080_0000_0015_0000), Class::Sve);
        assert_eq!(class(0x6030_0000_0016_0003), Class::FirmwareBitmap);
        assert_eq!(class(0x6030_0000_0017_0003), Class::Other(0x17));
    }

    #[test]
    fn knows_what_configures_a_vm() {
        assert!(RegId::sysreg(3, 0, 0, 0, 0).configures(), "MIDR_EL1");
        assert!(!RegId::sysreg(3, 0, 0, 0, 5).configures(), "MPIDR_EL1");
        assert!(RegId::sysreg(3, 3, 0, 0, 1).configures(), "CTR_EL0");
        assert!(RegId::sysreg(3, 1, 0, 0, 1).configures(), "CLIDR_EL1");
        assert!(!RegId::sysreg(3, 2, 0, 0, 0).configures(), "CSSELR_EL1");
        assert!(!RegId::sysreg(3, 0, 1, 0, 0).configures(), "SCTLR_EL1");
        assert!(RegId::firmware(0).configures());
        assert!(SVE_VLS.configures());
        assert!(!RegId::new(0x6080_0000_0015_0000).configures(), "Z0");
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "0x", "-1", "+1", "0x+1", "0x-1", "1 ", "0x1ffffffffffffffff", "none"] {
            assert!(text.parse::<RegId>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_comes_back(raw: u64) {
            let id = RegId::new(raw);
            prop_assert_eq!(id.to_string().parse::<RegId>().unwrap(), id);
            prop_assert_eq!(raw.to_string().parse::<RegId>().unwrap(), id);
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<RegId>(&json).unwrap(), id);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = text.parse::<RegId>();
        }

        #[test]
        fn encodings_come_back(op0 in 0u8..4, op1 in 0u8..8, crn in 0u8..16, crm in 0u8..16, op2 in 0u8..8) {
            let encoding = SysReg { op0, op1, crn, crm, op2 };
            prop_assert_eq!(RegId::sysreg(op0, op1, crn, crm, op2).encoding(), Some(encoding));
        }
    }
}
