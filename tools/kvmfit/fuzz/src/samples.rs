// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Good files, and ways to damage them.

use kvmfit::dump::Dump;
use kvmfit::read;
use kvmfit::takes::{nibble, DigitSet, Digits, Takes, DIGITS};

pub(crate) const DUMP: &str = include_str!("../samples/dump.json");
pub(crate) const STATE: &str = include_str!("../samples/state.json");
pub(crate) const FINGERPRINT: &str = include_str!("../samples/fingerprint.json");
pub(crate) const TEMPLATE: &str = include_str!("../samples/template.json");
pub(crate) const VMSTATE: &str = include_str!("../samples/vmstate.txt");
pub(crate) const CLOUD_HYPERVISOR: &str = include_str!("../samples/cloud_hypervisor.json");

pub(crate) const DESCRIPTION: &str = r#"{"page_size":4096,"devices":[{"name":"cpu","instance_id":0,
"vmsd_name":"cpu","version":22,"fields":[{"name":"xregs","array_len":2,"type":"uint32","size":4},
{"name":"cpreg_vmstate_indexes","array_len":2,"type":"uint64","size":8},
{"name":"cpreg_vmstate_values","array_len":2,"type":"uint64","size":8}],
"subsections":[{"vmsd_name":"cpu/sve","version":1,"fields":[{"name":"y","type":"uint16","size":2}]}]}]}"#;

/// A stream of QEMU with one vCPU and this description.
pub(crate) fn stream(description: &[u8]) -> Vec<u8> {
    let mut stream = b"QEVM\0\0\0\x03memory\x04\0\0\0\x02\x03cpu\0\0\0\0\0\0\0\x16".to_vec();
    stream.extend([0; 8]);
    for word in [0x6030_0000_0013_c020_u64, 0x6030_0000_0014_0000, 0x11, 0x10003] {
        stream.extend(word.to_be_bytes());
    }
    stream.extend(b"\x05\x07cpu/sve\0\0\0\x01\xff\xff\x7e\0\0\0\x02\0\x06");
    let length = u32::try_from(description.len()).unwrap_or(0);
    stream.extend(length.to_be_bytes());
    stream.extend(description);
    stream
}

/// The host of `DUMP`.
pub(crate) fn host() -> Dump {
    read::read(DUMP.as_bytes()).and_then(read::Input::into_dump).expect("the sample is good")
}

/// `good` with pieces replaced, removed or repeated, as `bytes` say.
pub(crate) fn damaged(good: &[u8], bytes: &[u8]) -> Vec<u8> {
    // What parsers look at most: numbers at their limits, and what opens and closes.
    const PIECES: [&[u8]; 16] = [
        b"",
        b"0",
        b"-1",
        b"1e9",
        b"null",
        b"[",
        b"]",
        b"{",
        b"}",
        b"\"",
        b",",
        b"18446744073709551615",
        b"4294967296",
        b"\"0xffffffffffffffff\"",
        b"\xff",
        b"\0",
    ];
    let mut file = good.to_vec();
    for step in bytes.chunks_exact(4).take(16) {
        let at = usize::from(u16::from_le_bytes([step[0], step[1]])) % (file.len() + 1);
        let end = (at + usize::from(step[2] % 32)).min(file.len());
        match step[3] {
            0..=15 => drop(file.splice(at..end, PIECES[usize::from(step[3])].iter().copied())),
            16..=31 => {
                let piece = file[at..end].to_vec();
                let times = usize::from(step[3] - 15);
                drop(file.splice(at..at, piece.repeat(times)));
            }
            32..=39 => file.truncate(at),
            byte => {
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
    file
}

/// `host()` with other values and other sets, each of which has the value.
pub(crate) fn varied(bytes: &[u8]) -> Dump {
    let mut dump = host();
    let mut bytes = bytes.iter().copied().cycle();
    let mut next = || u16::from(bytes.next().unwrap_or(0));
    for register in &mut dump.vms[0].registers {
        if !register.id.is_id_register() {
            continue;
        }
        let mut value = register.value.as_u64().unwrap_or(0);
        value ^= u64::from(next() & 3) << (4 * (next() % 16));
        let mut digits = Digits::only(value, 22);
        for n in 0..DIGITS {
            let set = next() << 8 | next();
            digits.digits[DIGITS - 1 - n] = DigitSet(set).with(nibble(value, n));
        }
        digits.independent = next() & 1 == 0;
        register.value = value.into();
        register.takes = Some(Takes::Digits(digits));
    }
    dump
}
