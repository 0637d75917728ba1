// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Reads Firecracker's fingerprints and CPU templates.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{de, Deserialize, Deserializer};

use super::{json, own};
use crate::bounded;
use crate::dump::{Dump, Host, Register, Vm, FEATURES};
use crate::error::ReadError;
use crate::id::RegId;
use crate::state::Format;
use crate::takes::Takes;
use crate::template::{Modifier, Template};
use crate::value::{Hex, Value};

// What `cpu-template-helper` leaves out: the two counters and the PC.
const UNLISTED: [RegId; 3] = [
    RegId::sysreg(3, 3, 14, 3, 2),
    RegId::sysreg(3, 3, 14, 0, 1),
    RegId::new(0x6030_0000_0010_0040),
];

const MIDR: RegId = RegId::sysreg(3, 0, 0, 0, 0);

#[derive(Deserialize)]
struct Fingerprint {
    firecracker_version: String,
    kernel_version: String,
    guest_cpu_config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::VMS }>")]
    vcpu_features: Vec<Features>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    reg_modifiers: Vec<RegModifier>,
}

#[derive(Deserialize)]
struct Features {
    index: u32,
    bitmap: Bitmap,
}

#[derive(Deserialize)]
struct RegModifier {
    #[serde(deserialize_with = "number")]
    addr: RegId,
    bitmap: Bitmap,
}

/// Bits that are 0, 1 or left as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bitmap {
    filter: u128,
    value: u128,
}

fn bitmap(text: &str) -> Option<Bitmap> {
    let digits = text.strip_prefix("0b").unwrap_or(text);
    let mut bitmap = Bitmap { filter: 0, value: 0 };
    let mut bit = 0;
    for digit in digits.bytes().rev().filter(|&digit| digit != b'_') {
        let one = 1_u128.checked_shl(bit)?;
        match digit {
            b'x' => {}
            b'0' => bitmap.filter |= one,
            b'1' => {
                bitmap.filter |= one;
                bitmap.value |= one;
            }
            _ => return None,
        }
        bit += 1;
    }
    (bit > 0).then_some(bitmap)
}

impl<'de> Deserialize<'de> for Bitmap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Bitmap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a bitmap of at most 128 digits 0, 1 and x")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bitmap, E> {
                bitmap(text).ok_or_else(|| {
                    E::custom("a bitmap has at most 128 digits, each 0, 1 or x, after 0b")
                })
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

// Firecracker writes ids as `0x…`, and reads `0b…` as well.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RegId, D::Error> {
    let text = String::deserialize(deserializer)?;
    let binary = text.strip_prefix("0b").map(|digits| u64::from_str_radix(digits, 2).ok());
    match binary {
        Some(number) => number.map(RegId::new).ok_or_else(|| {
            de::Error::custom("the number of the register has no 64 binary digits after 0b")
        }),
        None => text.parse().map_err(de::Error::custom),
    }
}

pub(super) fn fingerprint(bytes: &[u8]) -> Result<Dump, ReadError> {
    const FORMAT: Format = Format::FirecrackerFingerprint;
    let fingerprint: Fingerprint = json(Some(FORMAT), bytes)?;
    let config = fingerprint.guest_cpu_config;
    own::unique(FORMAT, config.reg_modifiers.iter().map(|modifier| modifier.addr))?;
    let mut vm = Vm::new(features(&config.vcpu_features));
    for RegModifier { addr, bitmap } in config.reg_modifiers {
        // 16 bytes always fit.
        let value = Value::from_le_bytes(&bitmap.value.to_le_bytes()).unwrap_or_else(|| 0.into());
        let mut register = Register::new(addr, value);
        register.takes = addr.configures().then_some(Takes::Unknown);
        vm.registers.push(register);
    }
    let midr = vm.register(MIDR).and_then(|midr| midr.value.as_u64()).unwrap_or(0);
    let mut host = Host::new(fingerprint.kernel_version, 0);
    host.midr = Hex(midr);
    host.lacks.push("a fingerprint does not say which values the host takes".to_string());
    let tool = format!("Firecracker {}", fingerprint.firecracker_version);
    let mut dump = Dump::new(tool, host);
    dump.vms.push(vm);
    dump.unlisted = UNLISTED.to_vec();
    Ok(dump)
}

pub(super) fn template(bytes: &[u8]) -> Result<Template, ReadError> {
    const FORMAT: Format = Format::FirecrackerTemplate;
    let config: Config = json(Some(FORMAT), bytes)?;
    own::unique(FORMAT, config.reg_modifiers.iter().map(|modifier| modifier.addr))?;
    let registers = config.reg_modifiers.iter().map(|modifier| Modifier {
        id: modifier.addr,
        filter: modifier.bitmap.filter,
        value: modifier.bitmap.value,
    });
    Ok(Template { features: features(&config.vcpu_features), registers: registers.collect() })
}

// Firecracker turns on PSCI 0.2, and what the template says.
fn features(words: &[Features]) -> Vec<String> {
    let mut bits: u128 = 1 << 2;
    for word in words.iter().filter(|word| word.index == 0) {
        bits = bits & !word.bitmap.filter | word.bitmap.value;
    }
    let mut names: Vec<String> = FEATURES
        .iter()
        .enumerate()
        .filter(|&(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, name)| (*name).to_string())
        .collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_have_three_digits() {
        assert_eq!(bitmap("0b1x0"), Some(Bitmap { filter: 0b101, value: 0b100 }));
        assert_eq!(bitmap("1_0"), Some(Bitmap { filter: 0b11, value: 0b10 }));
        assert_eq!(bitmap(&"1".repeat(128)).unwrap().value, u128::MAX);
        for text in ["", "0b", "0b2", &"0".repeat(129), "é"] {
            assert_eq!(bitmap(text), None, "{text:?}");
        }
    }

    #[test]
    fn features_are_those_of_the_template() {
        let template = template(
            br#"{"kvm_capabilities": ["170"], "vcpu_features": [{"index": 0, "bitmap": "0b111xxxx"}]}"#,
        );
        let names = ["psci_0_2", "ptrauth_address", "ptrauth_generic", "sve"];
        assert_eq!(template.unwrap().features, names);
    }
}
