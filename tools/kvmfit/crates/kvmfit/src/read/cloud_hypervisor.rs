// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Reads `state.json` of cloud-hypervisor.
//!
//! It is a tree of snapshots. The one called `cpu-manager` has one for each vCPU by its number,
//! whose state is JSON within a string. KVM's structures in it are lists of bytes.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{de, Deserialize, Deserializer};

use super::{json, json_message, own};
use crate::bounded;
use crate::error::{Place, Problem, ReadError};
use crate::id::RegId;
use crate::state::{Format, Origin, Reg, State, Vcpu, VgicModel, VgicState};
use crate::value::Value;

const FORMAT: Format = Format::CloudHypervisor;

#[derive(Deserialize)]
struct Root {
    snapshots: Managers,
}

#[derive(Deserialize)]
struct Managers {
    #[serde(rename = "cpu-manager")]
    cpus: Option<CpuManager>,
}

#[derive(Deserialize)]
struct CpuManager {
    snapshots: BTreeMap<String, Snapshot>,
}

#[derive(Deserialize)]
struct Snapshot {
    snapshot_data: Option<SnapshotData>,
}

#[derive(Deserialize)]
struct SnapshotData {
    state: String,
}

#[derive(Deserialize)]
struct CpuState {
    #[serde(rename = "Kvm")]
    kvm: Option<VcpuState>,
}

// The names are cloud-hypervisor's.
#[allow(clippy::struct_field_names)]
#[derive(Deserialize)]
struct VcpuState {
    #[serde(default)]
    core_regs: Bytes,
    #[serde(deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    sys_regs: Vec<OneReg>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    pre_finalize_regs: Vec<ExtendedReg>,
    #[serde(default, deserialize_with = "bounded::list::<_, _, { bounded::REGISTERS }>")]
    extended_regs: Vec<ExtendedReg>,
}

#[derive(Deserialize)]
struct ExtendedReg {
    id: u64,
    data: Bytes,
}

/// `struct kvm_one_reg`, in which `addr` has the value: 16 bytes, or its fields by name.
struct OneReg {
    id: u64,
    value: u64,
}

#[derive(Default)]
struct Bytes(Vec<u8>);

// The most bytes of a structure: `struct kvm_regs` has 864.
const MAX: usize = 4096;

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bounded::list::<_, _, MAX>(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for OneReg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = OneReg;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a register, as 16 bytes or as an id and an addr")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<OneReg, A::Error> {
                let mut word = || {
                    let mut bytes = [0; 8];
                    for (n, byte) in bytes.iter_mut().enumerate() {
                        let next = seq.next_element()?;
                        *byte = next.ok_or_else(|| de::Error::invalid_length(n, &Visitor))?;
                    }
                    Ok(u64::from_le_bytes(bytes))
                };
                let reg = OneReg { id: word()?, value: word()? };
                match seq.next_element::<u8>()? {
                    None => Ok(reg),
                    Some(_) => Err(de::Error::invalid_length(17, &Visitor)),
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<OneReg, A::Error> {
                #[derive(Deserialize)]
                struct Named {
                    id: u64,
                    addr: u64,
                }
                let named = Named::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(OneReg { id: named.id, value: named.addr })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<State, ReadError> {
    let root: Root = json(Some(FORMAT), bytes)?;
    let malformed = |text: String| ReadError::malformed(FORMAT, Place::File, text);
    let Some(cpus) = root.snapshots.cpus else {
        return Err(malformed("it has no snapshot `cpu-manager`".into()));
    };
    if cpus.snapshots.len() > bounded::VCPUS {
        let problem = Problem::TooMany { what: "vCPUs", limit: bounded::VCPUS };
        return Err(ReadError::new(FORMAT, Place::File, problem));
    }
    // By number: as texts, 10 is before 2.
    let mut vcpus = BTreeMap::new();
    for (id, snapshot) in &cpus.snapshots {
        let number: u32 =
            id.parse().map_err(|_| malformed(format!("{id:?} is not the number of a vCPU")))?;
        let Some(data) = &snapshot.snapshot_data else {
            return Err(malformed(format!("vCPU {number} has no state")));
        };
        let state = cpu_state(&data.state).map_err(|error| {
            let message = json_message(&error);
            malformed(format!("state of vCPU {number}, column {}: {message}", error.column()))
        })?;
        let vcpu = vcpu(state).map_err(|text| malformed(format!("vCPU {number}: {text}")))?;
        own::unique(FORMAT, vcpu.registers.iter().map(|reg| reg.id))?;
        vcpus.insert(number, vcpu);
    }
    if vcpus.is_empty() {
        return Err(malformed("it has no vCPU".into()));
    }
    let mut state = State::new(Origin::new(FORMAT));
    state.vcpus = vcpus.into_values().collect();
    // On arm64 it knows no other; its registers have no numbers in the file.
    state.vgic = Some(VgicState { model: VgicModel::V3, attributes: Vec::new() });
    Ok(state)
}

// With the name of the hypervisor around it, or, from older versions, without.
fn cpu_state(text: &str) -> Result<VcpuState, serde_json::Error> {
    match serde_json::from_str(text)? {
        CpuState { kvm: Some(state) } => Ok(state),
        CpuState { kvm: None } => serde_json::from_str(text),
    }
}

// In the order in which cloud-hypervisor restores them.
fn vcpu(state: VcpuState) -> Result<Vcpu, &'static str> {
    let mut registers = Vec::new();
    let extended = |regs: Vec<ExtendedReg>, registers: &mut Vec<Reg>| {
        for reg in regs {
            let value = Value::from_le_bytes(&reg.data.0).ok_or("a register is too wide")?;
            registers.push(Reg::new(RegId::new(reg.id), value));
        }
        Ok::<(), &str>(())
    };
    extended(state.pre_finalize_regs, &mut registers)?;
    let sve = !state.extended_regs.is_empty();
    core(&state.core_regs.0, !sve, &mut registers)?;
    extended(state.extended_regs, &mut registers)?;
    for OneReg { id, value } in state.sys_regs {
        registers.push(Reg::new(RegId::new(id), value));
    }
    if registers.len() > bounded::REGISTERS {
        return Err("it has too many registers");
    }
    Ok(Vcpu { registers })
}

// The offset of the FP registers in `struct kvm_regs`, and its size.
const FP: usize = 0x150;
const SIZE: usize = 0x360;

/// The core registers: their numbers are offsets in `struct kvm_regs`, in words of 32 bits.
fn core(bytes: &[u8], fp: bool, registers: &mut Vec<Reg>) -> Result<(), &'static str> {
    // Not saved, or by another structure.
    if bytes.is_empty() {
        return Ok(());
    }
    if bytes.len() < SIZE {
        return Err("the core registers are cut off");
    }
    let mut push = |size_log2: u64, offset: usize| {
        let id = RegId::new(0x6000_0000_0010_0000 | size_log2 << 52 | (offset as u64 >> 2));
        let value = Value::from_le_bytes(&bytes[offset..offset + (1 << size_log2)]);
        registers.extend(value.map(|value| Reg::new(id, value)));
    };
    // 31 general registers, SP_EL0, PC, PSTATE, SP_EL1, ELR_EL1 and five SPSRs.
    (0..0x148).step_by(8).for_each(|offset| push(3, offset));
    if fp {
        (FP..FP + 32 * 16).step_by(16).for_each(|offset| push(4, offset));
        (FP + 32 * 16..FP + 32 * 16 + 8).step_by(4).for_each(|offset| push(2, offset));
    }
    Ok(())
}
