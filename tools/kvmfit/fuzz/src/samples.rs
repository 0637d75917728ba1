// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Good files, and ways to damage them.

use kvmfit::dump::Dump;
use kvmfit::read;
use kvmfit::takes::{nibble, DigitSet, Digits, Takes, DIGITS};

pub(crate) const DUMP: &str = r#"{"kvmfit_dump":1,"tool":"0.1.0","host":{"kernel":"7.3.4",
"midr":"0x413fd0c1","page_size":4096,"ipa_bits":48,"capabilities":{"KVM_CAP_ARM_SVE":1},
"lacks":["GICv2: ENODEV"]},"vms":[{"features":["psci_0_2"],"registers":[
{"id":"0x6030000000140000","value":"0x10003","scope":"vm","takes":{"values":["0x2","0x10003"],"errno":22}},
{"id":"0x6030000000140002","value":"0x2","scope":"vm","takes":{"values":["0x0","0x2"],"errno":22,"refused":["0x3"],"complete":false}},
{"id":"0x603000000013c020","value":"0x1101000021111112","scope":"vm","takes":"unknown"},
{"id":"0x603000000013c021","value":"0x20","scope":"vm","takes":{"digits":["0","0","0","0","0","0","0","0","0","0","0","0","0","0","0-2","0"],"errno":22,"independent":false,"stored":[{"digit":1,"value":1,"reads":"0x0"}],"tried":[{"value":"0x11","ok":false}]}},
{"id":"0x603000000013c080","value":"0xc50838","scope":"vcpu"}],
"affects":[{"id":"0x603000000013c021","digit":1,"value":0,"hides":["0x603000000013c080"],
"changes":[{"id":"0x6030000000140002","value":"0x3"}],
"takes":[{"id":"0x6030000000140002","takes":{"values":["0x3"],"errno":22}}]}]}],
"impl_id_regs":[{"id":"0x603000000013c000","takes":"unknown"}],
"masks":{"range 0":{"0x603000000013c021":"0xf0"}},
"vgic":[{"model":"v3","attributes":[{"group":1,"attr":"0x8","value":"0x43b","takes":"unknown"}]}],
"hypercalls":[{"id":"0x84000000","args":[],"returns":["0x10003"]}]}"#;

pub(crate) const STATE: &str = r#"{"kvmfit_state":1,"origin":{"format":"state"},
"features":["psci_0_2"],"vcpus":[{"registers":[{"id":"0x6030000000140002","value":"0x3"},
{"id":"0x603000000013c021","value":"0x0","or":["0x10"]},{"id":"0x6030000000160003","value":"0x0"}]}],
"vgic":{"model":"v3","attributes":[{"group":1,"attr":"0x8","value":"0x43b"}]}}"#;

pub(crate) const FINGERPRINT: &str = r#"{"firecracker_version":"1.16.0","kernel_version":"6.18",
"microcode_version":"0","bios_version":"1.0","bios_revision":"1.0","guest_cpu_config":{
"kvm_capabilities":[],"vcpu_features":[{"index":0,"bitmap":"0b1x00"}],"reg_modifiers":[
{"addr":"0x6030000000140000","bitmap":"0b10000000000000011"},
{"addr":"0x6040000000100054","bitmap":"0b1"}]}}"#;

pub(crate) const TEMPLATE: &str = r#"{"kvm_capabilities":["170","!171"],
"vcpu_features":[{"index":0,"bitmap":"0b111xxxx"}],
"reg_modifiers":[{"addr":"0x603000000013c021","bitmap":"0bxxxxxxxxxxxxxxxxxxxxxxxx0000xxxx"}]}"#;

pub(crate) const VMSTATE: &str = "vcpu 0:\nkvm_mp_state: 0x0\nmpidr: 0x80000000\n\
0x6030000000140000 0x000001003\n0x603000000013c020 0x1111021111112\n\
0x6040000000100054 0x0000000000000000\n\nvcpu 1:\nkvm_mp_state: 0x0\n0x6030000000140002 0x00000002\n";

pub(crate) const CLOUD_HYPERVISOR: &str = r#"{"snapshots":{"cpu-manager":{"snapshots":{
"0":{"snapshots":{},"snapshot_data":{"state":STATE}}},"snapshot_data":null}},"snapshot_data":null}"#;

pub(crate) const VCPU: &str = r#"{"Kvm":{"mp_state":[0,0,0,0],"core_regs":[],
"sys_regs":[[0,0,20,0,0,0,48,96,3,0,1,0,0,0,0,0],{"id":6931039826525011970,"addr":2}],
"pre_finalize_regs":[{"id":6953557824660045823,"data":[1,0]}],"extended_regs":[]}}"#;

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
