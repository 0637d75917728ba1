// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Fuzz targets for the library, `kvmfit`.
//!
//! A target hands any bytes to a parser. The parser returns a value or an error of one line: a
//! panic, an error of more lines or one without a text ends the run. What is read goes on to the
//! rest of the library, which must not panic either.
//!
//! The same targets are run on random bytes by `tests/bounded.rs`, and by libFuzzer, which learns
//! from the compiler which bytes led to new code, by `src/coverage.rs`.

mod samples;

use kvmfit::audit::audit;
use kvmfit::baseline::{baseline, Form};
use kvmfit::compare::{compare, Side};
use kvmfit::dump::Dump;
use kvmfit::explain::{explain, Question};
use kvmfit::id::RegId;
use kvmfit::label::labels;
use kvmfit::plan::{plan, Verdict};
use kvmfit::read::{read, Content, Input};
use kvmfit::takes::DigitSet;
use kvmfit::value::Value;
use kvmfit::{names, vmm};

/// A target: its name, and what it does with an input.
pub struct Target {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// Panics if the library does not do what it should.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "any", run: any },
    Target { name: "dump", run: dump },
    Target { name: "state", run: state },
    Target { name: "fingerprint", run: fingerprint },
    Target { name: "template", run: template },
    Target { name: "vmstate", run: vmstate },
    Target { name: "cloud_hypervisor", run: cloud_hypervisor },
    Target { name: "qemu", run: qemu },
    Target { name: "texts", run: texts },
    Target { name: "decide", run: decide },
];

/// The target with this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

fn parse(bytes: &[u8]) -> Option<Input> {
    match read(bytes) {
        Ok(input) => Some(input),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.contains(['\n', '\r']), "{text:?}");
            None
        }
    }
}

// What any command does with a file that could be read.
fn use_input(input: Option<Input>) {
    let Some(input) = input else { return };
    match &input.content {
        Content::Dump(dump) => use_dump(dump),
        Content::State(state) => {
            audit(state);
            let host = samples::host();
            for vmm in vmm::ALL {
                plan(state, &host, vmm);
            }
            compare(&[Side::of_state("state", state), Side::of_vm("host", &host.vms[0])]);
        }
        Content::Template(template) => {
            let host = samples::host();
            template.new_vm(&host, &host.vms[0]);
        }
        _ => {}
    }
    let _ = input.into_state();
}

fn use_dump(dump: &Dump) {
    let text = serde_json::to_vec(dump).expect("a dump can be written");
    let again = read(&text).and_then(Input::into_dump).expect("what is written can be read");
    assert_eq!(&again, dump);
    for vm in dump.vms.iter().take(2) {
        let state = dump.new_vm(vm);
        for vmm in vmm::ALL {
            plan(&state, dump, vmm);
        }
        labels(dump, vm, None, &vmm::PLANNED);
        for register in vm.registers.iter().take(4) {
            let value = Some(register.value.clone());
            explain(register.id, &Question { value, errno: Some(22), host: Some(dump) });
        }
    }
    if let Ok(baseline) = baseline(&[dump, &samples::host()], None, &vmm::QEMU_10) {
        for form in [Form::FirecrackerTemplate, Form::Registers, Form::Qemu] {
            baseline.emit(form, &vmm::QEMU_10);
        }
    }
}

/// Bytes as they are.
fn any(bytes: &[u8]) {
    use_input(parse(bytes));
}

fn dump(bytes: &[u8]) {
    use_input(parse(&samples::damaged(samples::DUMP.as_bytes(), bytes)));
}

fn state(bytes: &[u8]) {
    use_input(parse(&samples::damaged(samples::STATE.as_bytes(), bytes)));
}

fn fingerprint(bytes: &[u8]) {
    use_input(parse(&samples::damaged(samples::FINGERPRINT.as_bytes(), bytes)));
}

fn template(bytes: &[u8]) {
    use_input(parse(&samples::damaged(samples::TEMPLATE.as_bytes(), bytes)));
}

fn vmstate(bytes: &[u8]) {
    use_input(parse(&samples::damaged(samples::VMSTATE.as_bytes(), bytes)));
}

fn cloud_hypervisor(bytes: &[u8]) {
    // The state of a vCPU is JSON in a string of JSON: damage it within.
    let text = samples::CLOUD_HYPERVISOR;
    let mut snapshot: serde_json::Value = serde_json::from_str(text).expect("the sample is JSON");
    let state = snapshot
        .pointer_mut("/snapshots/cpu-manager/snapshots/0/snapshot_data/state")
        .expect("the sample has a vCPU");
    let vcpu = state.as_str().expect("the state is a string").to_owned();
    let damaged = samples::damaged(vcpu.as_bytes(), bytes);
    *state = String::from_utf8_lossy(&damaged).into_owned().into();
    use_input(parse(snapshot.to_string().as_bytes()));
    use_input(parse(&samples::damaged(text.as_bytes(), bytes)));
}

fn qemu(bytes: &[u8]) {
    // The description, with a length that fits it.
    let description = samples::damaged(samples::DESCRIPTION.as_bytes(), bytes);
    use_input(parse(&samples::stream(&description)));
    let stream = samples::stream(samples::DESCRIPTION.as_bytes());
    use_input(parse(&samples::damaged(&stream, bytes)));
}

fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(id) = names::find(&text) {
        assert!(!names::name(id).is_empty());
    }
    if let Ok(id) = text.parse::<RegId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(value) = text.parse::<Value>() {
        assert_eq!(value.to_string().parse(), Ok(value));
    }
    if let Ok(set) = text.parse::<DigitSet>() {
        assert_eq!(set.to_string().parse(), Ok(set));
    }
    let _ = text.parse::<Form>();
}

/// Two hosts that differ in what they have and take: a new VM of a host fits it, and a baseline
/// of both is refused by neither.
fn decide(bytes: &[u8]) {
    let (a, b) = (samples::varied(bytes), samples::varied(bytes.get(1..).unwrap_or_default()));
    for dump in [&a, &b] {
        let plan = plan(&dump.new_vm(&dump.vms[0]), dump, &vmm::LIST_ORDER);
        assert_eq!(plan.verdict, Verdict::Yes, "{plan:?}");
    }
    let baseline = baseline(&[&a, &b], None, &vmm::PLANNED).expect("both have the features");
    for dump in [&a, &b] {
        let plan = plan(&baseline.state(), dump, &vmm::PLANNED);
        assert_ne!(plan.verdict, Verdict::No, "{plan:?}");
    }
    let there = compare(&[Side::of_vm("a", &a.vms[0]), Side::of_vm("b", &b.vms[0])]);
    let back = compare(&[Side::of_vm("b", &b.vms[0]), Side::of_vm("a", &a.vms[0])]);
    assert_eq!(there.rows.len(), back.rows.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_good() {
        for text in [
            samples::DUMP,
            samples::STATE,
            samples::FINGERPRINT,
            samples::TEMPLATE,
            samples::VMSTATE,
            samples::CLOUD_HYPERVISOR,
        ] {
            read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        }
        read(&samples::stream(samples::DESCRIPTION.as_bytes())).unwrap();
    }
}
