// SPDX-License-Identifier: GPL-2.0

//! The rules of the levels against what the older kernels were measured to do, CPU by CPU.
//!
//! `tests/data/compat` has what kvmfit measured; `scripts/matrix/reduce.py` makes it and says what
//! its lines mean. From what this kernel was measured to do without a level, the rules must make
//! what each older kernel does.

use std::collections::BTreeMap;

use kvm_abi::{
    Clidr,
    CompatLevel,
    CompatPlace,
    PsciVersion,
    SysReg, //
};

const CPUS: [(&str, &str); 6] = [
    ("neoverse-n1", include_str!("data/compat/neoverse-n1")),
    ("neoverse-v1", include_str!("data/compat/neoverse-v1")),
    ("neoverse-n2", include_str!("data/compat/neoverse-n2")),
    ("max", include_str!("data/compat/max")),
    ("cortex-a72", include_str!("data/compat/cortex-a72")),
    ("a64fx", include_str!("data/compat/a64fx")),
];

const LEVELS: [CompatLevel; 4] = [
    CompatLevel::V6_1,
    CompatLevel::V6_12,
    CompatLevel::V6_16,
    CompatLevel::V6_18,
];

const CLIDR_EL1: u64 = 0x6030_0000_0013_c801;
const ID_AA64MMFR2_EL1: u64 = 0x6030_0000_0013_c03a;
const ID_MMFR4_EL1: u64 = 0x6030_0000_0013_c016;

/// A new VM.
#[derive(Clone, Default)]
struct Vm {
    list: Vec<u64>,
    ids: BTreeMap<u64, u64>,
    psci: Vec<u64>,
}

/// A kernel on a CPU.
#[derive(Clone, Default)]
struct Kernel {
    masks: BTreeMap<u64, u64>,
    vms: BTreeMap<String, Vm>,
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text, 16).expect(text)
}

fn id(text: &str) -> u64 {
    let (class, number) = text.split_at(1);
    let class = match class {
        "d" => 0x6020_0000_0011_0000,
        "s" => 0x6030_0000_0013_0000,
        "f" => 0x6030_0000_0014_0000,
        "b" => 0x6030_0000_0016_0000,
        class => panic!("class {class}"),
    };
    class | hex(number)
}

/// Reads the data of a CPU. A kernel has what this one has, but for what its lines say.
fn read(text: &str) -> BTreeMap<String, Kernel> {
    let mut kernels: BTreeMap<String, Kernel> = BTreeMap::new();
    let (mut kernel, mut vm) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["kernel", name] => {
                kernel = name.into();
                let own = kernels.get("own").cloned().unwrap_or_default();
                kernels.insert(kernel.clone(), own);
                continue;
            }
            ["vm", features] => {
                vm = features.into();
                continue;
            }
            _ => (),
        }
        let here = kernels.get_mut(&kernel).expect("a kernel comes first");
        let new = here.vms.entry(vm.clone());
        match words[..] {
            ["mask", reg, mask] => {
                here.masks.insert(id(reg), hex(mask));
            }
            ["list", ref ids @ ..] => {
                let vm = new.or_default();
                vm.list = ids.iter().map(|text| id(text)).collect();
            }
            ["id", reg, value] => {
                new.or_default().ids.insert(id(reg), hex(value));
            }
            ["psci", ref versions @ ..] => {
                new.or_default().psci = versions.iter().map(|text| hex(text)).collect();
            }
            _ => panic!("{line}"),
        }
    }
    for kernel in kernels.values_mut() {
        kernel.vms.remove("");
    }
    kernels
}

/// Calls the function with each VM that an older kernel was measured with, and with what this
/// kernel has in its place.
fn each_vm(mut check: impl FnMut(&str, CompatLevel, &Vm, &Vm, Clidr)) {
    let mut checked = 0;
    for (cpu, text) in CPUS {
        let kernels = read(text);
        // The oldest kernel does not make caches up.
        let host = &kernels["6.1"].vms["psci_0_2"];
        let clidr = Clidr(host.ids[&CLIDR_EL1]);
        for level in LEVELS {
            let Some(old) = kernels.get(level.name()) else {
                continue;
            };
            for (features, vm) in &old.vms {
                let name = format!("{cpu}, {}, {features}", level.name());
                check(&name, level, vm, &kernels["own"].vms[features], clidr);
                checked += 1;
            }
        }
    }
    assert!(checked >= 48, "only {checked} VMs");
}

/// Returns the host's value of a field that only the oldest kernel shows, from its VM.
fn host_values() -> BTreeMap<&'static str, BTreeMap<u64, u64>> {
    let ids = |text| read(text)["6.1"].vms["psci_0_2"].ids.clone();
    CPUS.map(|(cpu, text)| (cpu, ids(text))).into()
}

#[test]
fn the_list_is_that_of_the_old_kernel_in_its_order() {
    each_vm(|name, level, old, own, clidr| {
        let system = |id: &&u64| **id & 0xffff_0000 == 0x13_0000;
        // What this kernel hides is in the table, too: where the old kernel has it.
        let mut table: Vec<_> = own.list.clone();
        for (at, id) in old.list.iter().enumerate() {
            if !table.contains(id) {
                let after = table.iter().position(|other| *other == old.list[at - 1]);
                table.insert(after.expect("it follows a known one") + 1, *id);
            }
        }
        let place = |id: u64| level.place(id, !own.list.contains(&id), clidr);
        let in_order = |id: &u64| place(*id) == CompatPlace::InOrder;
        let mut list: Vec<_> = own.list.iter().filter(|id| !system(id)).copied().collect();
        list.retain(in_order);
        let caches = list.iter().position(|id| id >> 52 == 0x602).unwrap();
        let caches = list.split_off(caches);
        list.extend(
            (0..)
                .map_while(|index| level.first_in_list(index))
                .filter(|id| place(*id) == CompatPlace::First),
        );
        list.extend(table.iter().filter(system).copied().filter(in_order));
        list.extend(caches);
        assert_eq!(list, old.list, "{name}");
    });
}

#[test]
fn id_registers_start_where_the_old_kernel_did() {
    let hosts = host_values();
    each_vm(|name, level, old, own, clidr| {
        let cpu = name.split(',').next().unwrap();
        for (id, value) in &own.ids {
            let Some(reg) = SysReg::from_id(*id).filter(|reg| reg.is_vm_id()) else {
                continue;
            };
            let host = || match *id {
                ID_AA64MMFR2_EL1 | ID_MMFR4_EL1 => hosts[cpu][id],
                // A field that is not limited is the host's in this kernel as well.
                _ => *value,
            };
            // AArch32 ID registers of a host without AArch32 are UNKNOWN; this kernel makes them 0.
            if reg.is_aarch32_id() && own.ids[&0x6030_0000_0013_c008] == 0 {
                continue;
            }
            let limit = level.limit(reg, *value, host);
            assert_eq!(limit, old.ids[id], "{name}: {id:#x}: {limit:#x}");
        }
        if level.has_host_caches() {
            assert_eq!(clidr.0, old.ids[&CLIDR_EL1], "{name}");
        } else {
            assert_eq!(own.ids[&CLIDR_EL1], old.ids[&CLIDR_EL1], "{name}");
        }
    });
}

#[test]
fn psci_starts_and_ends_where_the_old_kernel_did() {
    each_vm(|name, level, old, own, _| {
        let mut taken = own.psci.clone();
        taken.retain(|raw| PsciVersion::from_raw(*raw).unwrap() <= level.psci());
        let new = match level.stored_psci() {
            0 => own.psci[0],
            stored => stored.into(),
        };
        taken.retain(|raw| *raw != new);
        taken.insert(0, new);
        let mut expected = old.psci.clone();
        expected[1..].sort_unstable();
        taken[1..].sort_unstable();
        assert_eq!(taken, expected, "{name}");
    });
}

#[test]
fn userspace_may_change_the_bits_that_it_could_change_on_the_old_kernel() {
    let mut compared = 0;
    for (cpu, text) in CPUS {
        let kernels = read(text);
        // The oldest kernel cannot be asked.
        for level in &LEVELS[1..] {
            let Some(old) = kernels.get(level.name()) else {
                continue;
            };
            for (id, own) in &kernels["own"].masks {
                let reg = SysReg::from_id(*id).unwrap();
                let mask = level.mask(reg, *own);
                let name = level.name();
                assert_eq!(mask, old.masks[id], "{cpu}, {name}: {id:#x}: {mask:#x}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 600, "only {compared} masks");
}
