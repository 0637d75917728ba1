// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Reads what `snapshot-editor info-vmstate vcpu-states` of Firecracker prints.
//!
//! For each vCPU, after a line `vcpu 0:`, a line for each register: its number, and the bytes of
//! its value from the highest on, in hexadecimal without leading zeros. So 0x0104 is printed as
//! `0x14`, as is 0x14 if it has one byte. The size of the register says how many bytes there
//! are, and often only one value is left; where more are, [`Reg::or`] has the others.

use alloc::format;
use alloc::vec::Vec;

use super::own;
use crate::bounded;
use crate::error::{Place, Problem, ReadError};
use crate::id::RegId;
use crate::state::{Format, Origin, Reg, State, Vcpu};
use crate::value::{Value, MAX_BYTES};

const FORMAT: Format = Format::FirecrackerVmstate;
// A value of 64 bits has at most 70 meanings; wider ones are state of a vCPU.
const MEANINGS: usize = 128;

pub(super) fn read(bytes: &[u8]) -> Result<State, ReadError> {
    let text = core::str::from_utf8(bytes).map_err(|error| {
        let place = Place::Offset(error.valid_up_to() as u64);
        ReadError::malformed(FORMAT, place, "the text is not UTF-8")
    })?;
    let mut state = State::new(Origin::new(FORMAT));
    for (n, line) in text.lines().enumerate() {
        let place = Place::Line { line: n + 1, column: 0 };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some(number) = line.strip_prefix("vcpu ").and_then(|rest| rest.strip_suffix(':')) {
            if number.parse() != Ok(state.vcpus.len()) {
                let text = format!("vCPU {} is expected here", state.vcpus.len());
                return Err(ReadError::malformed(FORMAT, place, text));
            }
            if state.vcpus.len() == bounded::VCPUS {
                let problem = Problem::TooMany { what: "vCPUs", limit: bounded::VCPUS };
                return Err(ReadError::new(FORMAT, place, problem));
            }
            state.vcpus.push(Vcpu::default());
            continue;
        }
        let Some(vcpu) = state.vcpus.last_mut() else {
            return Err(ReadError::malformed(FORMAT, place, "`vcpu 0:` is expected first"));
        };
        if line.starts_with("kvm_mp_state:") || line.starts_with("mpidr:") {
            continue;
        }
        let reg = register(line).map_err(|text| ReadError::malformed(FORMAT, place, text))?;
        if vcpu.registers.len() == bounded::REGISTERS {
            let problem = Problem::TooMany { what: "registers", limit: bounded::REGISTERS };
            return Err(ReadError::new(FORMAT, place, problem));
        }
        vcpu.registers.push(reg);
    }
    if state.vcpus.is_empty() {
        return Err(ReadError::new(FORMAT, Place::File, Problem::Truncated("its first line")));
    }
    for vcpu in &state.vcpus {
        own::unique(FORMAT, vcpu.registers.iter().map(|reg| reg.id))?;
    }
    Ok(state)
}

fn register(line: &str) -> Result<Reg, &'static str> {
    let (id, value) = line.split_once(' ').ok_or("a register and its value are expected")?;
    let id: RegId = id.parse().map_err(|_| "the number of a register is expected")?;
    let size = id.size().ok_or("the register has no known size")?;
    let digits = value.trim().strip_prefix("0x").ok_or("the value has no 0x")?.as_bytes();
    if digits.len() > 2 * size || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err("the value is not one of the register's size");
    }
    let mut values = meanings(digits, size);
    if values.is_empty() {
        return Err("the value has fewer digits than the register has bytes");
    }
    let mut reg = Reg::new(id, values.remove(0));
    reg.or = values;
    Ok(reg)
}

/// The values of `size` bytes that `digits` may mean.
fn meanings(digits: &[u8], size: usize) -> Vec<Value> {
    // How many bytes of two digits those from `n` on can have: such a byte does not start with 0.
    let mut pairs = [0; 2 * MAX_BYTES + 2];
    for n in (0..digits.len().saturating_sub(1)).rev() {
        let pair = if digits[n] == b'0' { 0 } else { 1 + pairs[n + 2] };
        pairs[n] = pair.max(pairs[n + 1]);
    }
    // Wide registers are state of a vCPU: it is enough to know whether there are two.
    let limit = if size > 16 { 2 } else { MEANINGS };
    let mut split = Split { digits, pairs, limit, bytes: Vec::new(), values: Vec::new() };
    split.from(0, size);
    split.values
}

struct Split<'a> {
    digits: &'a [u8],
    pairs: [usize; 2 * MAX_BYTES + 2],
    limit: usize,
    // The highest byte first.
    bytes: Vec<u8>,
    values: Vec<Value>,
}

impl Split<'_> {
    // Splits the digits from `n` on into `left` bytes, in each way.
    fn from(&mut self, n: usize, left: usize) {
        let digits = self.digits.len() - n;
        // Every way that passes here leads to a value.
        if self.values.len() == self.limit || digits < left || digits - left > self.pairs[n] {
            return;
        }
        if left == 0 {
            let low_first: Vec<u8> = self.bytes.iter().rev().copied().collect();
            self.values.extend(Value::from_le_bytes(&low_first));
            return;
        }
        let hex =
            |digit: u8| (digit as char).to_digit(16).map_or(0, |digit| digit.to_le_bytes()[0]);
        let high = hex(self.digits[n]);
        self.bytes.push(high);
        self.from(n + 1, left - 1);
        self.bytes.pop();
        if high != 0 && digits > 1 {
            self.bytes.push(high << 4 | hex(self.digits[n + 1]));
            self.from(n + 2, left - 1);
            self.bytes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use core::fmt::Write;
    use proptest::prelude::*;

    fn printed(value: u64) -> String {
        value.to_be_bytes().iter().fold("0x".to_string(), |mut text, byte| {
            write!(text, "{byte:x}").unwrap();
            text
        })
    }

    #[test]
    fn one_digit_for_each_byte_has_one_meaning() {
        let reg = register(&format!("0x6030000000140000 {}", printed(0x10003))).unwrap();
        assert_eq!(reg, Reg::new(RegId::firmware(0), 0x10003));
    }

    #[test]
    fn some_lines_have_more_than_one() {
        let reg = register("0x6030000000140000 0x000000123").unwrap();
        assert_eq!((reg.value, reg.or), (0x0123.into(), [0x1203.into()].to_vec()));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("vcpu 1:", "line 1: vCPU states of Firecracker: vCPU 0 is expected here"),
            ("vcpu 0:\n0x6030000000140000 0x1", "line 2: vCPU states of Firecracker: the value has fewer digits than the register has bytes"),
            ("vcpu 0:\nhello", "line 2: vCPU states of Firecracker: a register and its value are expected"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), error);
        }
    }

    proptest! {
        #[test]
        fn the_value_is_among_the_meanings(value: u64, high in 0u32..64) {
            let value = value >> high;
            let reg = register(&format!("0x6030000000140000 {}", printed(value))).unwrap();
            prop_assert!(reg.value == value.into() || reg.or.contains(&value.into()));
        }

        #[test]
        fn any_line_is_read_or_refused(line in "0x60[2-8]0000000140000 0x[0-9a-f]{0,600}|.*") {
            let _ = register(&line);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(vcpu [0-9]:\n|0x[0-9a-f]{16} 0x[0-9a-f]{8,16}\n|.*\n){0,20}") {
            let _ = read(text.as_bytes());
        }
    }
}
