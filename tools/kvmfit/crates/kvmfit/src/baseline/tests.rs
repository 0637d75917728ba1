// SPDX-License-Identifier: Apache-2.0 OR MIT

use super::*;
use crate::plan::{plan, Verdict};
use crate::read::{self, Content};
use crate::takes::{DigitSet, Takes, DIGITS};
use crate::testing::*;
use crate::vmm;
use alloc::vec;
use proptest::prelude::*;

fn old_host() -> Dump {
    let mut dump = host();
    let registers = &mut dump.vms[0].registers;
    registers[0] = register(PSCI, 0x10001, Some(values(&[2, 0x10000, 0x10001])));
    registers[3] = register(PFR0, 0x1101_0100_1111_1112, Some(lower(0x1101_0100_1111_1112)));
    dump
}

fn get(baseline: &Baseline, id: RegId) -> u64 {
    let register = baseline.registers.iter().find(|register| register.id == id).unwrap();
    register.value.as_u64().unwrap()
}

#[test]
fn takes_the_lowest_of_each_field() {
    let baseline = baseline(&[&host(), &old_host()], None, &vmm::FIRECRACKER).unwrap();
    assert_eq!(get(&baseline, PFR0), 0x1101_0000_1111_1112);
    assert_eq!(get(&baseline, PSCI), 0x10001);
    assert_eq!(baseline.conflicts, []);
    assert!(baseline.is_usable());
}

#[test]
fn a_field_that_decides_about_a_workaround_is_hidden_with_it() {
    let mut other = host();
    other.vms[0].registers[1] = register(WORKAROUND_2, 3, Some(values(&[0, 1, 2, 3])));
    other.vms[0].registers[4] = register(PFR1, 0, Some(lower(0)));
    let baseline = baseline(&[&host(), &other], None, &vmm::PLANNED).unwrap();
    assert_eq!((get(&baseline, PFR1), get(&baseline, WORKAROUND_2)), (0, 3));
    for dump in [&host(), &other] {
        assert_eq!(plan(&baseline.state(), dump, &vmm::PLANNED).verdict, Verdict::Yes);
    }
}

#[test]
fn a_host_that_takes_nothing_else_is_a_conflict() {
    let mut other = old_host();
    other.vms[0].registers[0] = register(PSCI, 5, Some(values(&[5])));
    let baseline = baseline(&[&host(), &other], None, &vmm::PLANNED).unwrap();
    assert_eq!(baseline.conflicts[0].name, "KVM_REG_ARM_PSCI_VERSION");
    assert!(!baseline.is_usable());
}

#[test]
fn a_register_of_some_hosts_is_left_out() {
    let mut other = host();
    let bmap_2 = RegId::firmware_bitmap(3);
    other.vms[0].registers.push(register(bmap_2, 0, Some(lower(3))));
    let baseline = baseline(&[&host(), &other], None, &vmm::PLANNED).unwrap();
    let text = "not on host 1: leave it out of what is saved";
    assert_eq!((baseline.conflicts[0].text.as_str(), baseline.conflicts[0].fatal), (text, false));
}

#[test]
fn bitmaps_are_common_bits() {
    let id = RegId::firmware_bitmap(2);
    let (mut a, mut b) = (host(), host());
    let takes = |set: u16| {
        let Takes::Digits(mut digits) = lower(0) else { unreachable!() };
        digits.digits[DIGITS - 1] = DigitSet(set);
        Some(Takes::Digits(digits))
    };
    // Subsets of 6, and of 5.
    a.vms[0].registers.push(register(id, 6, takes(1 | 1 << 2 | 1 << 4 | 1 << 6)));
    b.vms[0].registers.push(register(id, 5, takes(1 | 1 << 1 | 1 << 4 | 1 << 5)));
    let baseline = baseline(&[&a, &b], None, &vmm::PLANNED).unwrap();
    assert_eq!(get(&baseline, id), 4);
}

#[test]
fn a_template_of_firecracker_makes_the_baseline() {
    let baseline = baseline(&[&host(), &old_host()], None, &vmm::FIRECRACKER).unwrap();
    let emitted = baseline.emit(Form::FirecrackerTemplate, &vmm::FIRECRACKER);
    let input = read::read(emitted.text.as_bytes()).unwrap();
    let Content::Template(template) = input.content else { panic!("{input:?}") };
    for dump in [host(), old_host()] {
        let mut vcpu = dump.new_vm(&dump.vms[0]).vcpus.remove(0);
        template.apply(&mut vcpu);
        for register in &baseline.registers {
            assert_eq!(vcpu.get(register.id), Some(&register.value), "{}", register.name);
        }
    }
}

#[test]
fn registers_are_a_state() {
    let baseline = baseline(&[&host(), &old_host()], None, &vmm::QEMU_11).unwrap();
    let registers = baseline.emit(Form::Registers, &vmm::PLANNED);
    let state = read::read(registers.text.as_bytes()).unwrap().into_state().unwrap();
    assert_eq!(state, baseline.state());
}

/// A host whose VMs have these features and vector lengths.
fn sve_host(features: &str, lengths: u64, pmu: i64) -> Dump {
    let mut dump = host();
    dump.host.capabilities.insert("KVM_CAP_ARM_PMU_V3".into(), pmu);
    dump.host.capabilities.insert("KVM_CAP_STEAL_TIME".into(), 1);
    dump.vms[0].features = features.split(',').map(String::from).collect();
    let shorter = [0b1, 0b11, 0b1011].into_iter().filter(|set| *set <= lengths);
    let takes = values(&shorter.collect::<Vec<_>>());
    dump.vms[0].registers.insert(0, register(crate::id::SVE_VLS, lengths, Some(takes)));
    dump
}

#[test]
fn qemu_gets_what_it_takes_on_all_hosts() {
    let plain = "psci_0_2";
    let all = "pmu_v3,psci_0_2,ptrauth_address,ptrauth_generic,sve";
    let (a, b) = (host(), old_host());
    let (pmu, no_pmu) = (sve_host(plain, 1, 1), sve_host(plain, 1, 0));
    let (long, short) = (sve_host(all, 0b1011, 1), sve_host(all, 0b11, 1));
    let mut no_steal = pmu.clone();
    no_steal.host.capabilities.insert("KVM_CAP_STEAL_TIME".into(), 0);
    let el1_32bit = sve_host("el1_32bit,psci_0_2", 1, 1);
    for (hosts, vmm, argument) in [
        // Nothing is known of a PMU there.
        (vec![&a, &b], &vmm::QEMU_10, "host,sve=off,pauth=off"),
        (vec![&a, &b], &vmm::QEMU_11, "host,sve=off,pauth=off,kvm-psci-version=1.1"),
        (vec![&a, &b], &vmm::PLANNED, "host,sve=off,pauth=off"),
        (vec![&pmu], &vmm::QEMU_11, "host,pmu=off,sve=off,pauth=off"),
        (vec![&no_pmu], &vmm::QEMU_11, "host,sve=off,pauth=off"),
        (vec![&no_pmu, &pmu], &vmm::QEMU_11, "host,sve=off,pauth=off"),
        (vec![&short], &vmm::QEMU_11, "host,pmu=on,sve=on,pauth=on"),
        (vec![&long, &short], &vmm::QEMU_11, "host,pmu=on,sve=on,sve128=on,sve256=on,pauth=on"),
        (vec![&el1_32bit], &vmm::QEMU_11, "host,aarch64=off,pmu=off"),
        (vec![&no_steal, &pmu], &vmm::QEMU_11, "host,pmu=off,sve=off,pauth=off,kvm-steal-time=off"),
    ] {
        let baseline = baseline(&hosts, None, vmm).unwrap();
        assert_eq!(baseline.emit(Form::Qemu, vmm).text, argument);
    }
}

#[test]
fn fingerprints_have_one_too() {
    let hosts = [fingerprint("V1_6.1"), fingerprint("V1_6.18"), fingerprint("N1_6.18")];
    let baseline = baseline(&[&hosts[0], &hosts[1], &hosts[2]], None, &vmm::FIRECRACKER).unwrap();
    assert_eq!(get(&baseline, PSCI), 0x10001);
    // Not certain: a fingerprint does not say what a host takes.
    assert!(baseline.registers.iter().any(|register| !register.certain));
    assert_eq!(baseline.conflicts.iter().filter(|conflict| !conflict.fatal).count(), 12);
}

#[test]
fn says_which_host_lacks_the_features() {
    let features = vec!["sve".to_string()];
    let error = baseline(&[&host()], Some(&features), &vmm::PLANNED).unwrap_err();
    assert!(error.to_string().starts_with("host 1 was not measured with the features sve"));
    assert_eq!(baseline(&[], None, &vmm::PLANNED), Err(NotAlike::NoHost));
}

proptest! {
    #[test]
    fn every_host_takes_the_baseline(dumps in proptest::collection::vec(hosts(), 1..4)) {
        let dumps: Vec<&Dump> = dumps.iter().collect();
        for vmm in [&vmm::PLANNED, &vmm::QEMU_10] {
            let baseline = baseline(&dumps, None, vmm).unwrap();
            let certain = baseline.registers.iter().all(|register| register.certain);
            for dump in &dumps {
                let plan = plan(&baseline.state(), dump, &vmm::PLANNED);
                if baseline.registers.is_empty() {
                    continue;
                }
                if certain {
                    prop_assert_eq!(plan.verdict, Verdict::Yes, "{:?}", plan);
                } else {
                    prop_assert_ne!(plan.verdict, Verdict::No, "{:?}", plan);
                }
            }
            for form in [Form::FirecrackerTemplate, Form::Registers, Form::Qemu] {
                prop_assert!(!baseline.emit(form, vmm).text.is_empty());
            }
        }
    }

    #[test]
    fn qemu_has_each_property(dumps in proptest::collection::vec(hosts(), 1..4), pmu in 0..2_i64) {
        let mut dumps = dumps;
        for dump in &mut dumps {
            dump.host.capabilities.insert("KVM_CAP_ARM_PMU_V3".into(), pmu);
        }
        let dumps: Vec<&Dump> = dumps.iter().collect();
        for vmm in [&vmm::QEMU_10, &vmm::QEMU_11] {
            let baseline = baseline(&dumps, None, vmm).unwrap();
            let text = baseline.emit(Form::Qemu, vmm).text;
            let mut words = text.split(',');
            prop_assert_eq!(words.next(), Some("host"));
            for word in words {
                let (name, value) = word.split_once('=').unwrap();
                let length = name.strip_prefix("sve").is_some_and(|n| n.parse::<u32>().is_ok());
                let name = if length { "sve<N>" } else { name };
                prop_assert!(vmm.properties.contains(&name), "{}", text);
                prop_assert!(matches!(value, "on" | "off") || name == "kvm-psci-version");
            }
        }
    }

    #[test]
    fn one_host_keeps_its_new_vm(dump in hosts()) {
        let baseline = baseline(&[&dump], None, &vmm::PLANNED).unwrap();
        prop_assert!(baseline.registers.iter().all(|register| register.differs == 0));
    }
}
