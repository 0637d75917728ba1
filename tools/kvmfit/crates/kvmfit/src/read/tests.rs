// SPDX-License-Identifier: Apache-2.0 OR MIT

use super::*;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

use crate::id::RegId;
use crate::state::Reg;

fn error(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

#[test]
fn says_what_is_wrong_and_where() {
    for (text, message) in [
        ("", "the file is empty"),
        ("hello", "unknown format: give a dump"),
        ("{}", "unknown format: give a dump"),
        ("[]", "unknown format: give a dump"),
        ("{\"kvmfit_dump\": 1,\n", "line 2: the file ends in the middle of JSON"),
        ("{\"kvmfit_dump\": 2}", "dump of kvmfit: it has version 2"),
        ("{\"kvmfit_dump\": 1,\n \"tool\": 7}", "line 2, column 10: dump of kvmfit: invalid type"),
        ("{\"kvmfit_state\": 1, \"vcpus\": []}", "state of kvmfit: missing field `origin`"),
        ("{\"guest_cpu_config\": {}}", "fingerprint of Firecracker: missing field"),
        ("{\"snapshots\": {}}", "snapshot of cloud-hypervisor: it has no snapshot `cpu-manager`"),
        (
            "{\"reg_modifiers\": [{\"addr\": \"0x1\", \"bitmap\": \"0b2\"}]}",
            "CPU template of Firecracker: a bitmap has at most 128 digits",
        ),
    ] {
        let error = error(text.as_bytes());
        assert!(error.contains(message), "{text:?}: {error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn nesting_is_limited() {
    let part = "{\"vmsd_name\":\"\",\"subsections\":[";
    let json = "{\"devices\":[{\"name\":\"\",\"instance_id\":0,\"subsections\":[".to_string()
        + &part.repeat(10_000);
    let mut stream = b"QEVM\0\x06".to_vec();
    stream.extend(u32::try_from(json.len()).unwrap().to_be_bytes());
    stream.extend(json.as_bytes());
    assert!(error(&stream).contains("recursion limit exceeded"));
    // What is ignored needs no stack.
    error(("{\"kvmfit_dump\": ".to_string() + &"[".repeat(1_000_000)).as_bytes());
}

#[test]
fn lists_are_limited() {
    let registers = "{\"id\":\"0x1\",\"value\":0},".repeat(5000);
    let text = format!(
        "{{\"kvmfit_state\":1,\"origin\":{{\"format\":\"state\"}},\"vcpus\":[{{\"registers\":[{registers}0]}}]}}"
    );
    assert!(error(text.as_bytes()).contains("a list of at most 4096 elements"));
}

#[test]
fn registers_are_unique() {
    let text = "{\"kvmfit_state\":1,\"origin\":{\"format\":\"state\"},\"vcpus\":[{\"registers\":[\
        {\"id\":\"0x1\",\"value\":0},{\"id\":\"0x1\",\"value\":0}]}]}";
    assert!(error(text.as_bytes()).contains("register 0x0000000000000001 is there twice"));
}

fn cloud_hypervisor(state: &str) -> String {
    let state = serde_json::to_string(state).unwrap();
    format!(
        "{{\"snapshots\":{{\"device-manager\":{{\"snapshots\":{{}},\"snapshot_data\":null}},\
         \"cpu-manager\":{{\"snapshots\":{{\"0\":{{\"snapshots\":{{}},\"snapshot_data\":\
         {{\"state\":{state}}}}}}},\"snapshot_data\":null}}}},\"snapshot_data\":null}}"
    )
}

#[test]
fn reads_cloud_hypervisor() {
    let core: Vec<u8> = (0..0x360).map(|n| u8::from(n == 0x40 * 4)).collect();
    let core = serde_json::to_string(&core).unwrap();
    let psci = "[0,0,20,0,0,0,48,96,3,0,1,0,0,0,0,0]";
    let named = "{\"id\":6931039826525011968,\"addr\":2}";
    let state = cloud_hypervisor(&format!(
        "{{\"Kvm\":{{\"mp_state\":[0,0,0,0],\"core_regs\":{core},\"sys_regs\":[{psci}]}}}}"
    ));
    let state = read(state.as_bytes()).unwrap().into_state().unwrap();
    assert_eq!(state.vcpus[0].get(RegId::firmware(0)), Some(&0x10003.into()));
    assert_eq!(state.vcpus[0].get(RegId::new(0x6030_0000_0010_0040)), Some(&1.into()));
    assert_eq!(state.vcpus[0].registers.len(), 41 + 32 + 2 + 1);
    let bare = cloud_hypervisor(&format!("{{\"core_regs\":[],\"sys_regs\":[{named}]}}"));
    let state = read(bare.as_bytes()).unwrap().into_state().unwrap();
    assert_eq!(state.vcpus[0].registers[0].value, 2.into());
    for (state, message) in [
        ("{\"Kvm\":{\"sys_regs\":[[1]]}}", "state of vCPU 0, column 23: invalid length 1"),
        ("{\"Kvm\":{\"core_regs\":[1],\"sys_regs\":[]}}", "the core registers are cut off"),
        ("{}", "state of vCPU 0, column 2: missing field `sys_regs`"),
    ] {
        let error = error(cloud_hypervisor(state).as_bytes());
        assert!(error.contains(message), "{error}");
    }
}

/// A stream of one vCPU between other devices, as QEMU writes it.
pub(super) fn stream(regs: &[(u64, u64)]) -> Vec<u8> {
    let mut stream = b"QEVM\0\0\0\x03\x01 some memory of the VM".to_vec();
    let mut section = |number: u32, name: &str, data: &[u8]| {
        stream.push(4);
        stream.extend(number.to_be_bytes());
        stream.push(u8::try_from(name.len()).unwrap());
        stream.extend(name.as_bytes());
        stream.extend([0, 0, 0, 0, 0, 0, 0, 22]);
        stream.extend(data);
        stream.push(0x7e);
        stream.extend(number.to_be_bytes());
    };
    section(1, "timer", &[1, 2, 3, 4]);
    let mut cpu = [0; 12].to_vec();
    cpu.extend(regs.iter().flat_map(|(id, _)| id.to_be_bytes()));
    cpu.extend(regs.iter().flat_map(|(_, value)| value.to_be_bytes()));
    cpu.extend(b"\x05\x07cpu/sve\0\0\0\x01\xff\xff");
    section(2, "cpu", &cpu);
    section(3, "gic", &[0; 40]);
    let len = regs.len();
    let json = format!(
        "{{\"page_size\": 4096, \"devices\": [\
         {{\"name\": \"timer\", \"instance_id\": 0, \"vmsd_name\": \"timer\", \"version\": 22, \
           \"fields\": [{{\"name\": \"x\", \"type\": \"int32\", \"size\": 4}}]}}, \
         {{\"name\": \"cpu\", \"instance_id\": 0, \"vmsd_name\": \"cpu\", \"version\": 22, \"fields\": [\
           {{\"name\": \"xregs\", \"array_len\": 2, \"type\": \"uint32\", \"size\": 4}}, \
           {{\"name\": \"cpreg_vmstate_array_len\", \"type\": \"int32\", \"size\": 4}}, \
           {{\"name\": \"cpreg_vmstate_indexes\", \"array_len\": {len}, \"type\": \"uint64\", \"size\": 8}}, \
           {{\"name\": \"cpreg_vmstate_values\", \"array_len\": {len}, \"type\": \"uint64\", \"size\": 8}}], \
           \"subsections\": [{{\"vmsd_name\": \"cpu/sve\", \"version\": 1, \"fields\": \
             [{{\"name\": \"y\", \"type\": \"uint16\", \"size\": 2}}]}}]}}, \
         {{\"name\": \"gic\", \"instance_id\": 0, \"vmsd_name\": \"gic\", \"version\": 22, \"fields\": [\
           {{\"name\": \"z\", \"index\": 0, \"type\": \"struct\", \"struct\": {{\"vmsd_name\": \"w\", \
             \"fields\": []}}, \"size\": 40}}]}}]}}"
    );
    stream.extend([0, 6]);
    stream.extend(u32::try_from(json.len()).unwrap().to_be_bytes());
    stream.extend(json.as_bytes());
    stream
}

#[test]
fn reads_a_stream_of_qemu() {
    let regs = [(0x6030_0000_0013_c020, 0x11), (0x6030_0000_0014_0000, 0x10003)];
    let state = read(&stream(&regs)).unwrap().into_state().unwrap();
    let wanted: Vec<_> = regs.iter().map(|&(id, value)| Reg::new(RegId::new(id), value)).collect();
    assert_eq!(state.vcpus[0].registers, wanted);
}

#[test]
fn a_stream_may_have_something_before_and_zeros_after_it() {
    let regs = [(0x6030_0000_0014_0000, 0x10003)];
    let wanted = read(&stream(&regs)).unwrap();
    let mut saved = b"LibvirtQemudSave\x01 <domain/>".to_vec();
    saved.extend(stream(&regs));
    saved.extend([0; 512]);
    assert_eq!(read(&saved).unwrap(), wanted);
}

#[test]
fn a_stream_that_is_cut_off_has_no_description() {
    let stream = stream(&[(0x6030_0000_0014_0000, 0x10003)]);
    for len in 4..stream.len() {
        assert!(read(&stream[..len]).is_err(), "{len}");
    }
    let error = error(&stream[..stream.len() - 1]);
    assert!(error.contains("there is no description at the end"), "{error}");
}

#[test]
fn registers_of_qemu_without_kvm_are_refused() {
    let error = error(&stream(&[(0xe03_0000, 1)]));
    assert!(error.contains("the VM does not run on KVM"), "{error}");
}

#[cfg(feature = "std")]
#[test]
fn reads_a_file() {
    let path = std::env::temp_dir().join(format!("kvmfit-stream-{}", std::process::id()));
    std::fs::write(&path, stream(&[(0x6030_0000_0014_0000, 0x10003)])).unwrap();
    let input = read_file(&path).unwrap();
    std::fs::write(&path, "{}").unwrap();
    let unknown = read_file(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(input.format, Format::Qemu);
    assert_eq!(unknown.problem, Problem::Unknown);
    assert!(matches!(read_file(&path).unwrap_err().problem, Problem::Io(_)));
}

// A good file with some bytes changed and cut off.
fn damage(mut bytes: Vec<u8>, changes: &[(usize, u8)], len: usize) -> Vec<u8> {
    for &(at, byte) in changes {
        let at = at % bytes.len();
        bytes[at] = byte;
    }
    let len = len % (2 * bytes.len());
    bytes.truncate(len.max(1));
    bytes
}

fn good_files() -> Vec<Vec<u8>> {
    let psci = "[0,0,20,0,0,0,48,96,3,0,1,0,0,0,0,0]";
    let ch = cloud_hypervisor(&format!("{{\"Kvm\":{{\"sys_regs\":[{psci}]}}}}"));
    let fingerprint =
        "{\"firecracker_version\":\"1\",\"kernel_version\":\"6.1\",\"guest_cpu_config\":\
        {\"reg_modifiers\":[{\"addr\":\"0x6030000000140000\",\"bitmap\":\"0b01x\"}]}}";
    let vmstate = "vcpu 0:\nkvm_mp_state: 0x0\n0x6030000000140000 0x000000123\n";
    let dump =
        "{\"kvmfit_dump\":1,\"tool\":\"0.1.0\",\"host\":{\"kernel\":\"6.1\",\"midr\":\"0x1\"},\
        \"vms\":[{\"features\":[\"sve\"],\"registers\":[{\"id\":\"0x6030000000140000\",\
        \"value\":\"0x10003\",\"scope\":\"vm\",\"takes\":{\"values\":[\"0x2\"],\"errno\":22}}]}]}";
    let texts = [ch.as_str(), fingerprint, vmstate, dump];
    let mut files: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    files.push(stream(&[(0x6030_0000_0014_0000, 0x10003)]));
    files
}

#[test]
fn good_files_are_good() {
    for file in good_files() {
        read(&file).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_files_are_read_or_refused(
        which in 0usize..5,
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6),
        len: usize,
    ) {
        let bytes = damage(good_files().swap_remove(which), &changes, len);
        if let Err(error) = read(&bytes) {
            let text = error.to_string();
            prop_assert!(text.lines().count() <= 1, "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = read(&bytes);
        let _ = qemu::read(&mut qemu::Bytes(&bytes));
    }
}
