// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Reads a migration stream of QEMU, by the stream's own description.
//!
//! The stream ends with the sections of the devices, an end mark, and a description in JSON of
//! every field of every device with its size. So the sections can be walked from the end
//! backwards, without the VM's memory, until the first vCPU is found. What comes before
//! the stream, such as libvirt's header, is not looked at either.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::de::IgnoredAny;
use serde::Deserialize;

use super::{json, own};
use crate::bounded;
use crate::error::{Place, Problem, ReadError};
use crate::id::RegId;
use crate::state::{Format, Origin, Reg, State, Vcpu};

const FORMAT: Format = Format::Qemu;
/// How many bytes at the start of a file say whether it is a stream.
#[cfg(feature = "std")]
pub(super) const START: usize = 16;
/// The most bytes of the description. A vCPU takes about 20 KiB of it.
const MAX_DESCRIPTION: u64 = 32 << 20;

const EOF: u8 = 0;
const SECTION_FULL: u8 = 4;
const SUBSECTION_HEADER: u64 = 6;
const DESCRIPTION: u8 = 6;
const FOOTER: u8 = 0x7e;

/// A stream that is read from any place.
pub trait Stream {
    /// How many bytes it has.
    fn len(&self) -> u64;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `buffer.len()` bytes from `offset` on, all of which the stream has.
    ///
    /// # Errors
    ///
    /// What the system says, as a text.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), String>;
}

pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Stream for Bytes<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let start = usize::try_from(offset).map_err(|_| "out of range")?;
        let bytes = self.0.get(start..start.saturating_add(buffer.len())).ok_or("out of range")?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(feature = "std")]
pub(super) struct File {
    file: std::fs::File,
    len: u64,
}

#[cfg(feature = "std")]
impl File {
    pub(super) fn new(file: std::fs::File) -> std::io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }
}

#[cfg(feature = "std")]
impl Stream for File {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        use alloc::string::ToString;
        use std::io::{Read, Seek, SeekFrom};
        self.file.seek(SeekFrom::Start(offset)).map_err(|error| error.to_string())?;
        self.file.read_exact(buffer).map_err(|error| error.to_string())
    }
}

/// Whether the first bytes of a file are those of a stream, or of libvirt's header before one.
pub(super) fn is_stream(start: &[u8]) -> bool {
    start.starts_with(b"QEVM") || start.starts_with(b"LibvirtQemudSave")
}

#[derive(Deserialize)]
struct Description {
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    devices: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    name: String,
    instance_id: u32,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    fields: Vec<Field>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    subsections: Vec<Subsection>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    size: u64,
    array_len: Option<u64>,
    #[serde(rename = "struct")]
    _structure: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Subsection {
    vmsd_name: String,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    fields: Vec<Field>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::MANY }>")]
    subsections: Vec<Subsection>,
}

impl Field {
    fn bytes(&self) -> Option<u64> {
        self.size.checked_mul(self.array_len.unwrap_or(1))
    }
}

// How many bytes of the stream these have, or `None` if that exceeds 64 bits.
fn bytes_of(fields: &[Field], subsections: &[Subsection]) -> Option<u64> {
    let mut sum = 0_u64;
    for field in fields {
        sum = sum.checked_add(field.bytes()?)?;
    }
    for subsection in subsections {
        let name = subsection.vmsd_name.len() as u64;
        let bytes = bytes_of(&subsection.fields, &subsection.subsections)?;
        sum = sum.checked_add(bytes.checked_add(SUBSECTION_HEADER + name)?)?;
    }
    Some(sum)
}

fn error(offset: u64, text: impl Into<String>) -> ReadError {
    ReadError::malformed(FORMAT, Place::Offset(offset), text)
}

fn bytes(stream: &mut impl Stream, offset: u64, len: u64) -> Result<Vec<u8>, ReadError> {
    let end = offset.checked_add(len).filter(|&end| end <= stream.len());
    let (Some(_), Ok(len)) = (end, usize::try_from(len)) else {
        return Err(ReadError::new(FORMAT, Place::Offset(offset), Problem::Truncated("a section")));
    };
    let mut buffer = vec![0; len];
    let io = |text| ReadError::new(FORMAT, Place::Offset(offset), Problem::Io(text));
    stream.read_at(offset, &mut buffer).map_err(io)?;
    Ok(buffer)
}

/// The vCPUs of a stream, with the registers that QEMU sends by KVM's numbers: all except the
/// core, FP and SVE registers.
pub(super) fn read(stream: &mut impl Stream) -> Result<State, ReadError> {
    let (description, mut end) = description(stream)?;
    let mut left = description.devices.iter().filter(|device| is_cpu(device)).count();
    if left == 0 {
        return Err(error(end, "the stream has no vCPU of arm64 with KVM"));
    }
    let mut vcpus = BTreeMap::new();
    for device in description.devices.iter().rev() {
        let Some((start, data)) = section(stream, device, end)? else {
            let name = &device.name;
            let text = format!("the section of {name:?} is not where the description has it");
            return Err(error(end, text));
        };
        if is_cpu(device) {
            if vcpus.insert(device.instance_id, vcpu(stream, device, data)?).is_some() {
                return Err(error(data, format!("vCPU {} is there twice", device.instance_id)));
            }
            left -= 1;
            if left == 0 {
                break;
            }
        }
        end = start;
    }
    if vcpus.len() > bounded::VCPUS {
        let problem = Problem::TooMany { what: "vCPUs", limit: bounded::VCPUS };
        return Err(ReadError::new(FORMAT, Place::File, problem));
    }
    let mut state = State::new(Origin::new(FORMAT));
    state.vcpus = vcpus.into_values().collect();
    Ok(state)
}

fn is_cpu(device: &Device) -> bool {
    device.name == "cpu" && device.fields.iter().any(|field| field.name == INDEXES)
}

const INDEXES: &str = "cpreg_vmstate_indexes";
const VALUES: &str = "cpreg_vmstate_values";

/// The description, and where the sections end.
fn description(stream: &mut impl Stream) -> Result<(Description, u64), ReadError> {
    let len = stream.len();
    let tail = len.min(MAX_DESCRIPTION);
    let start = len - tail;
    let mut tail = bytes(stream, start, tail)?;
    // Some programs fill up a file with zeros.
    let filled = tail.iter().rev().take_while(|&&byte| byte == 0).count();
    tail.truncate(tail.len() - filled);
    // JSON has no byte 0. The length before it starts with one if it is below 2^24; else the
    // last one is the end mark before the section.
    let zero = tail.iter().rposition(|&byte| byte == 0).unwrap_or(0);
    let last = (zero + 1).min(tail.len().saturating_sub(6));
    for at in zero.saturating_sub(4)..=last {
        let Some(&[kind, a, b, c, d, brace]) = tail[at..].first_chunk() else { break };
        if kind != DESCRIPTION || brace != b'{' {
            continue;
        }
        let place = start + at as u64 + 5;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(text) = tail[at + 5..].get(..length) else { continue };
        let marked = at > 0 && tail[at - 1] == EOF;
        let description = json(Some(FORMAT), text).map_err(|mut error: ReadError| {
            // The JSON is one line.
            if let Place::Line { line: 1, column } = error.place {
                error.place = Place::Offset(place + column as u64);
            }
            error
        })?;
        return Ok((description, start + at as u64 - u64::from(marked)));
    }
    Err(error(
        len,
        "there is no description at the end: the stream is cut off, or compressed, or was made \
         with `suppress-vmdesc=on`",
    ))
}

/// Where the section of a device that ends at `end` starts, and where its data does.
fn section(
    stream: &mut impl Stream,
    device: &Device,
    end: u64,
) -> Result<Option<(u64, u64)>, ReadError> {
    let name = device.name.as_bytes();
    let Some(size) = bytes_of(&device.fields, &device.subsections) else { return Ok(None) };
    // Type, section number, length of the name, name, instance, version.
    let header = 1 + 4 + 1 + name.len() as u64 + 4 + 4;
    // A footer has the section's number again. Machines of before 2.4 have none.
    for footer in [5, 0] {
        let Some(start) = size.checked_add(header + footer).and_then(|all| end.checked_sub(all))
        else {
            continue;
        };
        let head = bytes(stream, start, header)?;
        let foot = bytes(stream, end - footer, footer)?;
        let good = head[0] == SECTION_FULL
            && usize::from(head[5]) == name.len()
            && &head[6..6 + name.len()] == name
            && head[6 + name.len()..][..4] == device.instance_id.to_be_bytes()
            && (foot.is_empty() || foot[0] == FOOTER && foot[1..] == head[1..5]);
        if good {
            return Ok(Some((start, start + header)));
        }
    }
    Ok(None)
}

fn vcpu(stream: &mut impl Stream, device: &Device, data: u64) -> Result<Vcpu, ReadError> {
    let mut numbers = |wanted: &str| {
        let mut offset = data;
        for field in &device.fields {
            // `section` has found that the sum of all is a number.
            let size = field.bytes().unwrap_or(0);
            if field.name == wanted {
                if field.size != 8 || size / 8 > bounded::REGISTERS as u64 {
                    return Err(error(offset, format!("{wanted} is not a list of registers")));
                }
                let bytes = bytes(stream, offset, size)?;
                let word =
                    |word: &[u8]| word.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
                return Ok((bytes.chunks_exact(8).map(word).collect::<Vec<u64>>(), offset));
            }
            offset += size;
        }
        Err(error(data, format!("vCPU {} has no {wanted}", device.instance_id)))
    };
    let (indexes, offset) = numbers(INDEXES)?;
    let (values, _) = numbers(VALUES)?;
    if indexes.len() != values.len() {
        let (i, v) = (indexes.len(), values.len());
        return Err(error(offset, format!("the vCPU has {i} registers and {v} values")));
    }
    let regs = indexes.iter().zip(values).map(|(&id, value)| Reg::new(RegId::new(id), value));
    let registers: Vec<Reg> = regs.collect();
    if let Some(reg) = registers.iter().find(|reg| !reg.id.is_arm64()) {
        let text = format!("{} is not a register of KVM: the VM does not run on KVM", reg.id);
        return Err(error(offset, text));
    }
    own::unique(FORMAT, registers.iter().map(|reg| reg.id))?;
    Ok(Vcpu { registers })
}
