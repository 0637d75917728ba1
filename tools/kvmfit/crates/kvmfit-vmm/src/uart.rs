// SPDX-License-Identifier: Apache-2.0 OR MIT

//! As much of a PL011 as a guest needs that polls it, and the conversation with the guest.

use std::collections::VecDeque;
use std::io::Write;

const DATA: u64 = 0;
const FLAGS: u64 = 0x18;
/// `UARTFR.RXFE`: there is nothing to read. The transmit FIFO is never full.
const RECEIVE_EMPTY: u8 = 1 << 4;
/// The last line of each answer.
const END: &[u8] = b"end";

/// The UART of a guest, whose letters come one by one.
pub(crate) struct Uart<W> {
    letters: VecDeque<u8>,
    input: Option<u8>,
    line: Vec<u8>,
    done: bool,
    output: W,
}

impl<W: Write> Uart<W> {
    /// `fresh`: the guest says something before the first letter.
    pub(crate) fn new(letters: &str, fresh: bool, output: W) -> Self {
        let mut uart = Self {
            letters: letters.bytes().collect(),
            input: None,
            line: Vec::new(),
            done: false,
            output,
        };
        if !fresh {
            uart.next();
        }
        uart
    }

    /// Whether the guest has answered all letters.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    fn next(&mut self) {
        self.input = self.letters.pop_front();
        self.done = self.input.is_none();
    }

    pub(crate) fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        let Some(low) = data.first_mut() else { return };
        *low = match offset {
            DATA => self.input.take().unwrap_or(0),
            FLAGS if self.input.is_none() => RECEIVE_EMPTY,
            _ => 0,
        };
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let (DATA, Some(&byte)) = (offset, data.first()) else { return Ok(()) };
        self.output.write_all(&[byte])?;
        if byte != b'\n' {
            self.line.push(byte);
            return Ok(());
        }
        if self.line == END {
            self.next();
        }
        self.line.clear();
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest_reads(uart: &mut Uart<&mut Vec<u8>>) -> Option<u8> {
        let mut data = [0xff; 4];
        uart.read(FLAGS, &mut data);
        if u32::from_le_bytes(data) & u32::from(RECEIVE_EMPTY) != 0 {
            return None;
        }
        uart.read(DATA, &mut data);
        Some(data[0])
    }

    fn guest_says(uart: &mut Uart<&mut Vec<u8>>, text: &str) {
        for byte in text.bytes() {
            uart.write(DATA, &u32::from(byte).to_le_bytes()).unwrap();
        }
    }

    #[test]
    fn a_letter_comes_when_the_guest_has_answered_the_one_before() {
        let mut out = Vec::new();
        let mut uart = Uart::new("ab", true, &mut out);
        assert_eq!(guest_reads(&mut uart), None);
        guest_says(&mut uart, "hello\nend\n");
        assert_eq!(guest_reads(&mut uart), Some(b'a'));
        assert_eq!(guest_reads(&mut uart), None);
        guest_says(&mut uart, "x\nthe end\n end\n");
        assert_eq!(guest_reads(&mut uart), None);
        guest_says(&mut uart, "end\n");
        assert!(!uart.is_done());
        assert_eq!(guest_reads(&mut uart), Some(b'b'));
        guest_says(&mut uart, "end\n");
        assert!(uart.is_done());
        assert_eq!(out, b"hello\nend\nx\nthe end\n end\nend\nend\n");
    }

    #[test]
    fn a_resumed_guest_is_asked_at_once() {
        let mut out = Vec::new();
        let mut uart = Uart::new("a", false, &mut out);
        assert_eq!(guest_reads(&mut uart), Some(b'a'));
        assert!(!uart.is_done());
    }

    #[test]
    fn without_letters_a_resumed_guest_is_done() {
        assert!(Uart::new("", false, &mut Vec::new()).is_done());
    }

    #[test]
    fn other_registers_read_as_zero_and_ignore_writes() {
        let mut out = Vec::new();
        let mut uart = Uart::new("", true, &mut out);
        let mut data = [0xff; 4];
        uart.read(0x38, &mut data);
        assert_eq!(data, [0; 4]);
        uart.write(0x38, &[1]).unwrap();
        uart.write(DATA, &[]).unwrap();
        assert!(out.is_empty());
    }
}
