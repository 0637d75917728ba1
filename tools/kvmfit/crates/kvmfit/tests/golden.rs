// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What the library says about real hosts, compared with files. `KVMFIT_UPDATE=1 cargo test`
//! writes the files again: look at the difference before it is committed.

use std::path::{Path, PathBuf};

use kvmfit::audit::audit;
use kvmfit::baseline::{baseline, Form};
use kvmfit::compare::{compare, Side};
use kvmfit::dump::Dump;
use kvmfit::explain::{explain, Question};
use kvmfit::label::labels;
use kvmfit::plan::plan;
use kvmfit::{names, read, vmm};

fn path(parts: &[&str]) -> PathBuf {
    parts
        .iter()
        .fold(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), |path, part| path.join(part))
}

fn host(name: &str) -> Dump {
    let file = format!("fingerprint_ARM_NEOVERSE_{name}host.json");
    read::read_file(&path(&["data", &file])).unwrap().into_dump().unwrap()
}

fn golden(name: &str, text: &str) {
    let path = path(&["golden", name]);
    let text = text.trim_end().to_string() + "\n";
    if std::env::var_os("KVMFIT_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == wanted, "{} differs; this is what the library says:\n{text}", path.display());
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn plans() {
    for (from, to, vmm) in [
        ("V1_6.18", "V1_6.1", &vmm::FIRECRACKER),
        ("V1_6.1", "V1_6.18", &vmm::FIRECRACKER),
        ("N1_6.18", "N1_6.1", &vmm::QEMU_11),
        ("V1_6.18", "N1_6.18", &vmm::PLANNED),
    ] {
        let (source, destination) = (host(from), host(to));
        let mut plan = plan(&source.new_vm(&source.vms[0]), &destination, vmm);
        // 254 numbers, which a property test checks.
        plan.order.truncate(8);
        golden(&format!("plan-{from}-{to}-{}.json", vmm.name), &json(&plan));
    }
}

#[test]
fn comparison() {
    let hosts = ["V1_5.10", "V1_6.1", "V1_6.18"].map(|name| (name, host(name)));
    let sides: Vec<_> = hosts.iter().map(|(name, dump)| Side::of_vm(*name, &dump.vms[0])).collect();
    let mut comparison = compare(&sides);
    // The PMU's registers and the counters say little, and much of it.
    comparison.rows.retain(|row| row.configures && !row.name.starts_with("CCSIDR"));
    golden("compare-V1.json", &json(&comparison));
}

#[test]
fn baselines() {
    let hosts = [host("N1_6.18"), host("V1_6.1"), host("V1_6.18")];
    let hosts: Vec<&Dump> = hosts.iter().collect();
    let baseline = baseline(&hosts, None, &vmm::FIRECRACKER).unwrap();
    for (form, name) in [
        (Form::FirecrackerTemplate, "baseline-template.json"),
        (Form::Registers, "baseline-registers.json"),
        (Form::Qemu, "baseline-qemu.txt"),
    ] {
        let emitted = baseline.emit(form, &vmm::QEMU_11);
        golden(name, &emitted.text);
        golden(&format!("{name}.notes"), &emitted.notes.join("\n"));
    }
}

#[test]
fn explanation() {
    let host = host("V1_6.18");
    let id = names::find("ID_AA64PFR0_EL1").unwrap();
    let value = Some(0x1101_0100_2111_1112.into());
    let question = Question { value, errno: Some(22), host: Some(&host) };
    golden("explain.json", &json(&explain(id, &question)));
}

#[test]
fn audits_and_labels() {
    let host = host("N1_5.10");
    golden("audit-N1_5.10.json", &json(&audit(&host.new_vm(&host.vms[0]))));
    golden("label-N1_5.10.json", &json(&labels(&host, &host.vms[0], None, &vmm::PLANNED)));
}
