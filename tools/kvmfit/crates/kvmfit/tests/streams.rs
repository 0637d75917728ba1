// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Migration streams that QEMU wrote, compared with what the guest itself had read from its
//! registers. `data/README.md` says how they were made.

use std::path::{Path, PathBuf};

use kvmfit::id::RegId;
use kvmfit::read;
use kvmfit::state::{Format, State};
use kvmfit::value::Value;

const STREAMS: [&str; 2] = ["qemu-10-gicv3", "qemu-11-gicv3"];
const MIDR: RegId = RegId::sysreg(3, 0, 0, 0, 0);
const MPIDR: RegId = RegId::sysreg(3, 0, 0, 0, 5);
const PSCI_VERSION: RegId = RegId::firmware(0);

fn path(name: &str, end: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(format!("{name}.{end}"))
}

fn state(name: &str) -> State {
    let input = read::read_file(&path(name, "stream")).unwrap();
    assert_eq!(input.format, Format::Qemu);
    input.into_state().unwrap()
}

/// What the guest read: the vCPU, the register and its value.
fn seen(name: &str) -> Vec<(usize, RegId, u64)> {
    let text = std::fs::read_to_string(path(name, "seen")).unwrap();
    let number = |text: &str| text.trim_start_matches("cpu").parse().unwrap();
    let value = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    text.lines()
        .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            // As S3_0_C0_C4_1, without the op0, which is 3
            [cpu, "mrs", name, read] => {
                let mut parts = name
                    .split('_')
                    .skip(1)
                    .map(|part| part.trim_start_matches('c').parse::<u8>().unwrap());
                let mut part = || parts.next().unwrap();
                (number(cpu), RegId::sysreg(3, part(), part(), part(), part()), value(read))
            }
            [cpu, "ccsidr", level, read] => {
                let id = 0x6020_0000_0011_0000 | level.parse::<u64>().unwrap();
                (number(cpu), RegId::new(id), value(read))
            }
            ["hvc", "0x84000000", "0x0", "->", read, ..] => (0, PSCI_VERSION, value(read)),
            _ => panic!("{line}"),
        })
        .collect()
}

#[test]
fn every_vcpu_has_all_its_registers() {
    for name in STREAMS {
        let vcpus = state(name).vcpus;
        assert_eq!(vcpus.iter().map(|vcpu| vcpu.registers.len()).collect::<Vec<_>>(), [258, 258]);
        for (n, vcpu) in vcpus.iter().enumerate() {
            // Neoverse N1 r4p1, PSCI 1.1
            assert_eq!(vcpu.get(MIDR), Some(&Value::from(0x414f_d0c1)));
            assert_eq!(vcpu.get(PSCI_VERSION), Some(&Value::from(0x10001)));
            assert_eq!(vcpu.get(MPIDR), Some(&Value::from(0x8000_0000 + n as u64)));
        }
    }
}

#[test]
fn the_stream_has_what_the_guest_saw() {
    for name in STREAMS {
        let state = state(name);
        let mut found = 0;
        for (vcpu, id, value) in seen(name) {
            match state.vcpus[vcpu].get(id) {
                Some(saved) => {
                    assert_eq!(saved, &Value::from(value), "{name}, vCPU {vcpu}, {id}");
                    found += 1;
                }
                // KVM lists CCSIDR_EL1 by its levels only, and DCZID_EL0 not at all.
                None => assert!(
                    [RegId::sysreg(3, 1, 0, 0, 0), RegId::sysreg(3, 3, 0, 0, 7)].contains(&id),
                    "{name}, vCPU {vcpu} lacks {id}"
                ),
            }
        }
        assert_eq!(found, 153, "{name}");
    }
}

#[test]
fn a_stream_that_is_cut_off_is_an_error() {
    for name in STREAMS {
        let bytes = std::fs::read(path(name, "stream")).unwrap();
        for len in [bytes.len() - 1, bytes.len() - 4096, bytes.len() / 2, 16] {
            assert!(read::read(&bytes[..len]).is_err(), "{name}, {len}");
        }
    }
}
