// SPDX-License-Identifier: Apache-2.0 OR MIT

use super::*;
use crate::read;
use crate::testing::hosts;
use crate::vmm;
use alloc::string::ToString;
use proptest::prelude::*;
use serde_json::{json, Value as Json};

fn schema() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/dump.schema.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The schema with no property allowed that it does not have.
fn strict(mut schema: Json) -> Json {
    fn close(node: &mut Json) {
        if let Some(object) = node.as_object_mut() {
            if object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            object.values_mut().for_each(close);
        } else if let Some(array) = node.as_array_mut() {
            array.iter_mut().for_each(close);
        }
    }
    close(&mut schema);
    schema
}

/// A dump with every property.
fn full() -> Json {
    let id = "0x603000000013c021";
    let digits = json!({
        "digits": ["0", "0-1", "*", "0,2-f", "", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0"],
        "errno": [22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 7],
        "independent": false,
        "conflicts": [{
            "digits": ["0", "0-1", "*", "0,2-f", "", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0"],
            "errno": 22,
        }],
        "stored": [{ "digit": 1, "value": 2, "reads": "0x10" }],
        "tried": [{ "value": "0x11", "ok": true }],
    });
    let values = json!({
        "values": ["0x2", "0x10000"], "errno": 22, "refused": ["0x3"], "complete": false,
    });
    json!({
        "kvmfit_dump": 1,
        "tool": "0.1.0",
        "host": {
            "kernel": "7.3.4", "midr": "0x413fd0c1", "page_size": 4096, "ipa_bits": 48,
            "capabilities": { "KVM_CAP_ARM_SVE": 1 }, "lacks": ["GICv2: ENODEV"],
        },
        "vms": [{
            "features": ["psci_0_2"],
            "registers": [
                { "id": id, "value": "0x20", "scope": "vm", "takes": digits },
                { "id": "0x6030000000140000", "value": "0x10003", "scope": "vm", "takes": values },
                { "id": "0x603000000013c080", "value": "0x0", "scope": "vcpu" },
                { "id": "0x6030000000160000", "value": "0x1", "takes": "unknown" },
            ],
            "affects": [{
                "id": id, "digit": 1, "value": 0, "hides": [id],
                "changes": [{ "id": id, "value": "0x3" }],
                "takes": [{ "id": id, "takes": values }],
            }],
        }],
        "impl_id_regs": [{ "id": "0x603000000013c000", "takes": "unknown" }],
        "masks": { "range 0": { id: "0xf0" } },
        "vgic": [{
            "model": "v3",
            "attributes": [{ "group": 1, "attr": "0x8", "value": "0x43b", "takes": values }],
        }],
        "hypercalls": [{ "id": "0x84000000", "args": ["0x1"], "returns": ["0x10003"] }],
        "unlisted": [id],
    })
}

#[test]
fn the_schema_describes_every_property() {
    let dump: Dump = serde_json::from_value(full()).unwrap();
    let written = serde_json::to_value(&dump).unwrap();
    assert_eq!(written, full());
    let validator = jsonschema::validator_for(&strict(schema())).unwrap();
    let errors: Vec<_> = validator.iter_errors(&written).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
}

#[test]
fn the_schema_has_no_property_that_no_dump_has() {
    fn properties(node: &Json, names: &mut Vec<String>) {
        if let Some(object) = node.as_object() {
            let properties_of = object.get("properties").and_then(Json::as_object);
            names.extend(properties_of.into_iter().flat_map(|known| known.keys().cloned()));
            object.values().for_each(|value| properties(value, names));
        } else if let Some(array) = node.as_array() {
            for value in array {
                properties(value, names);
            }
        }
    }
    let (mut names, text) = (Vec::new(), full().to_string());
    properties(&schema(), &mut names);
    for name in names {
        assert!(text.contains(&alloc::format!("\"{name}\":")), "{name}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_dump() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (pointer, wrong) in [
        ("/kvmfit_dump", json!(2)),
        ("/vms/0/registers/0/id", json!("603000000013c021")),
        ("/vms/0/registers/0/takes/digits/0", json!("g")),
        ("/vms/0/registers/1/takes", json!("nothing")),
        ("/vgic/0/model", json!("v4")),
    ] {
        let mut dump = full();
        *dump.pointer_mut(pointer).unwrap() = wrong;
        assert!(!validator.is_valid(&dump), "{pointer}");
        assert!(
            serde_json::from_value::<Dump>(dump).is_err()
                || pointer.ends_with("dump")
                || pointer.ends_with("/id")
        );
    }
}

#[test]
fn a_later_dump_may_have_more() {
    let mut dump = full();
    dump["host"]["later"] = json!({ "more": [1] });
    let wanted: Dump = serde_json::from_value(full()).unwrap();
    assert_eq!(read::read(dump.to_string().as_bytes()).unwrap().into_dump().unwrap(), wanted);
}

#[test]
fn features_have_no_order() {
    let mut dump: Dump = serde_json::from_value(full()).unwrap();
    dump.vms.push(Vm::new(["sve".to_string(), "psci_0_2".to_string()].to_vec()));
    assert_eq!(dump.vm(&["psci_0_2", "sve"]), Some(&dump.vms[1]));
    assert_eq!(dump.vm(&["sve", "psci_0_2"]), Some(&dump.vms[1]));
    assert_eq!(dump.vm(&["sve"]), None);
}

static VALIDATOR: std::sync::LazyLock<jsonschema::Validator> =
    std::sync::LazyLock::new(|| jsonschema::validator_for(&strict(schema())).unwrap());

proptest! {
    #[test]
    fn dumps_are_as_the_schema_says_and_come_back(dump in hosts()) {
        let json = serde_json::to_value(&dump).unwrap();
        prop_assert!(VALIDATOR.is_valid(&json));
        let text = serde_json::to_string_pretty(&dump).unwrap();
        prop_assert_eq!(read::read(text.as_bytes()).unwrap().into_dump().unwrap(), dump);
    }
}

/// A host with these sets of features and interrupt controllers.
fn kinds(sets: &[&str], vgic: &[VgicModel]) -> Dump {
    let mut dump = Dump::new("test", Host::default());
    dump.vms.extend(sets.iter().map(|set| Vm::new(set.split(',').map(String::from).collect())));
    dump.vgic.extend(vgic.iter().map(|&model| Vgic::new(model)));
    dump
}

#[test]
fn vms_that_are_alike_have_what_most_vms_have() {
    use VgicModel::{V2, V3};
    let pmu = kinds(&["psci_0_2", "pmu_v3,psci_0_2"], &[V3]);
    let old = kinds(&["psci_0_2", "pmu_v3,psci_0_2"], &[V2]);
    let none = kinds(&["psci_0_2", "psci_0_2,sve"], &[V3]);
    // The interrupt controller makes a difference.
    let gic = kinds(
        &[
            "psci_0_2",
            "psci_0_2,vgic_v2",
            "psci_0_2,vgic_v3",
            "pmu_v3,psci_0_2",
            "pmu_v3,psci_0_2,vgic_v3",
        ],
        &[V2, V3],
    );
    let fingerprint = kinds(&["psci_0_2"], &[]);
    for (hosts, features, vmm, expected) in [
        (vec![&pmu], None, &vmm::PLANNED, vec!["pmu_v3,psci_0_2"]),
        (vec![&pmu], None, &vmm::FIRECRACKER, vec!["psci_0_2"]),
        (vec![&pmu, &none], None, &vmm::QEMU_11, vec!["psci_0_2", "psci_0_2"]),
        (vec![&none], None, &vmm::QEMU_11, vec!["psci_0_2,sve"]),
        (vec![&pmu, &gic], None, &vmm::PLANNED, vec!["pmu_v3,psci_0_2", "pmu_v3,psci_0_2,vgic_v3"]),
        // Only a VM without PMU was measured with a GICv2.
        (vec![&old, &gic], None, &vmm::PLANNED, vec!["psci_0_2", "psci_0_2,vgic_v2"]),
        (vec![&old, &pmu], None, &vmm::PLANNED, vec!["pmu_v3,psci_0_2"; 2]),
        (vec![&gic], Some("psci_0_2"), &vmm::PLANNED, vec!["psci_0_2,vgic_v3"]),
        (vec![&gic], Some("psci_0_2,vgic_v2"), &vmm::PLANNED, vec!["psci_0_2,vgic_v2"]),
        (vec![&fingerprint, &gic], None, &vmm::PLANNED, vec!["psci_0_2", "psci_0_2,vgic_v3"]),
    ] {
        let features = features.map(|text| text.split(',').map(String::from).collect::<Vec<_>>());
        let vms = alike(&hosts, features.as_deref(), vmm).unwrap();
        let found: Vec<String> = vms.iter().map(|vm| vm.features.join(",")).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn hosts_without_vms_that_are_alike_are_an_error() {
    let (a, b) = (kinds(&["psci_0_2"], &[]), kinds(&["psci_0_2,sve", "pmu_v3,psci_0_2"], &[]));
    let sve = ["psci_0_2".to_string(), "sve".to_string()];
    assert_eq!(alike(&[], None, &vmm::PLANNED), Err(NotAlike::NoHost));
    assert_eq!(alike(&[&a, &b], None, &vmm::PLANNED), Err(NotAlike::Nothing));
    let error = alike(&[&b, &a], Some(&sve), &vmm::PLANNED).unwrap_err();
    let text = "host 2 was not measured with the features psci_0_2,sve: run `kvmfit dump` there \
                with the same --features; it has VMs with psci_0_2";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_new_vm_has_the_interrupt_controller_that_its_features_say() {
    use VgicModel::{V2, V3};
    let sets = ["psci_0_2", "psci_0_2,vgic_v3"];
    let model = |dump: &Dump, n: usize| dump.new_vm(&dump.vms[n]).vgic.map(|vgic| vgic.model);
    let dump = kinds(&sets, &[V2, V3]);
    // A GICv2 makes no difference there, so that the VM without may have it.
    assert_eq!((model(&dump, 0), model(&dump, 1)), (Some(V2), Some(V3)));
    let dump = kinds(&sets, &[V3]);
    assert_eq!((model(&dump, 0), model(&dump, 1)), (None, Some(V3)));
}
