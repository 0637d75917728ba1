// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What a VMM forgot to save, or restores in a fatal order.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use crate::id::{Class, RegId, SVE_VLS};
use crate::names;
use crate::state::{Format, State, Vcpu, VgicModel};
use crate::value::Value;

/// Something that is wrong with a state, or may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The register, if it is about one.
    pub id: Option<RegId>,
    /// What is wrong, and what to do.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Note,
    /// The guest may see something change.
    Warning,
    /// The VM cannot be restored as it is.
    Fatal,
}

const MPIDR: RegId = RegId::sysreg(3, 0, 0, 0, 5);
const PFR0: RegId = RegId::sysreg(3, 0, 0, 4, 0);
const PFR1: RegId = RegId::sysreg(3, 0, 0, 4, 1);
const WORKAROUND_2: RegId = RegId::firmware(2);

const DIST_REGS: u32 = 1;
const GICD_IIDR: u64 = 8;

/// Audits a state, the worst first.
///
/// ```
/// use kvmfit::audit::{audit, Severity};
/// use kvmfit::id::RegId;
/// use kvmfit::state::{Format, Origin, Reg, State, Vcpu};
///
/// let mut state = State::new(Origin::new(Format::State));
/// // SSBS is hidden, and a register that depends on it is restored first.
/// let registers = vec![
///     Reg::new(RegId::firmware(2), 3),
///     Reg::new(RegId::sysreg(3, 0, 0, 4, 1), 0),
/// ];
/// state.vcpus.push(Vcpu { registers });
/// assert_eq!(audit(&state)[0].severity, Severity::Fatal);
/// ```
pub fn audit(state: &State) -> Vec<Finding> {
    let mut findings = Vec::new();
    if state.vcpus.is_empty() {
        findings.push(finding(Severity::Fatal, None, "it has no vCPU"));
    }
    for (n, vcpu) in state.vcpus.iter().enumerate() {
        order(n, vcpu, state, &mut findings);
        meanings(n, vcpu, &mut findings);
    }
    if let Some(vcpu) = state.vcpus.first() {
        lacks(vcpu, state, &mut findings);
    }
    between(state, &mut findings);
    vgic(state, &mut findings);
    findings.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    findings
}

fn finding(severity: Severity, id: impl Into<Option<RegId>>, text: impl Into<String>) -> Finding {
    Finding { severity, id: id.into(), text: text.into() }
}

fn order(n: usize, vcpu: &Vcpu, state: &State, findings: &mut Vec<Finding>) {
    // A dump has KVM's order by itself, and QEMU sorts by number.
    let kept = !matches!(
        state.origin.format,
        Format::Dump | Format::FirecrackerFingerprint | Format::Qemu
    );
    let at = |id| vcpu.registers.iter().position(|reg| reg.id == id);
    let hidden = vcpu
        .get(PFR1)
        .and_then(Value::as_u64)
        .zip(names::field_at(PFR1, 4))
        .is_some_and(|(value, ssbs)| ssbs.of(value) == 0);
    let too_early = matches!((at(WORKAROUND_2), at(PFR1)), (Some(w), Some(p)) if w < p);
    if kept && hidden && too_early {
        let (name, first) = (names::name(WORKAROUND_2), names::name(PFR1));
        let text = format!(
            "vCPU {n}: {name} is restored before {first}, whose SSBS is hidden: a host with SSBS \
             refuses it. Restore ID registers first"
        );
        findings.push(finding(Severity::Fatal, WORKAROUND_2, text));
    }
    if kept && at(SVE_VLS).is_some_and(|place| place > 0) {
        let text = format!(
            "vCPU {n}: the vector lengths are not first: write them before KVM_ARM_VCPU_FINALIZE, \
             and only there"
        );
        findings.push(finding(Severity::Note, SVE_VLS, text));
    }
}

fn meanings(n: usize, vcpu: &Vcpu, findings: &mut Vec<Finding>) {
    let unclear = vcpu.registers.iter().filter(|reg| reg.id.configures() && !reg.or.is_empty());
    for reg in unclear {
        let text = format!(
            "vCPU {n}: the text of {} has {} meanings: snapshot-editor prints no leading zeros",
            names::name(reg.id),
            reg.or.len() + 1
        );
        findings.push(finding(Severity::Note, reg.id, text));
    }
}

fn lacks(vcpu: &Vcpu, state: &State, findings: &mut Vec<Finding>) {
    let has = |class| vcpu.registers.iter().any(|reg| reg.id.class() == class);
    let mut forgot = |severity, what: &str, then: &str| {
        findings.push(finding(severity, None, format!("it has no {what}: {then}")));
    };
    if !vcpu.registers.iter().any(|reg| reg.id.is_id_register()) {
        forgot(Severity::Warning, "ID registers", "the guest's CPU becomes that of the new host");
    }
    if !has(Class::Firmware) {
        forgot(
            Severity::Warning,
            "firmware registers (class 0x14)",
            "the PSCI version and the mitigations become those of the new host",
        );
    }
    if !has(Class::FirmwareBitmap) {
        forgot(
            Severity::Warning,
            "bitmaps of hypercall services (class 0x16)",
            "the guest's services become those of the new host, unless the kernel is older than \
             5.19 and has none",
        );
    }
    // QEMU sends these by other names.
    if state.origin.format != Format::Qemu && !has(Class::Core) {
        forgot(Severity::Fatal, "core registers", "the vCPU cannot go on");
    }
    let sve = vcpu
        .get(PFR0)
        .and_then(Value::as_u64)
        .zip(names::field_at(PFR0, 32))
        .is_some_and(|(value, field)| field.of(value) != 0);
    if sve && state.origin.format != Format::Qemu && vcpu.get(SVE_VLS).is_none() {
        forgot(Severity::Fatal, "vector lengths", "they become those of the new host, or none");
    }
}

/// What the vCPUs of a VM should have in common, and what not.
fn between(state: &State, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<&Value, usize> = BTreeMap::new();
    for (n, vcpu) in state.vcpus.iter().enumerate() {
        if let Some(other) = vcpu.get(MPIDR).and_then(|mpidr| seen.insert(mpidr, n)) {
            let text = format!("vCPUs {other} and {n} have one MPIDR_EL1");
            findings.push(finding(Severity::Fatal, MPIDR, text));
        }
    }
    let Some(first) = state.vcpus.first() else { return };
    let first: BTreeMap<RegId, &Value> =
        first.registers.iter().map(|reg| (reg.id, &reg.value)).collect();
    for (n, vcpu) in state.vcpus.iter().enumerate().skip(1) {
        let shared = |id: RegId| {
            id.is_id_register() || matches!(id.class(), Class::Firmware | Class::FirmwareBitmap)
        };
        // The workarounds have a bit of each vCPU.
        let own = |id: RegId| id == WORKAROUND_2;
        for reg in vcpu.registers.iter().filter(|reg| shared(reg.id) && !own(reg.id)) {
            if first.get(&reg.id).is_some_and(|value| **value != reg.value) {
                let text = format!(
                    "vCPU {n} has another {} than vCPU 0, and KVM keeps one for the VM",
                    names::name(reg.id)
                );
                findings.push(finding(Severity::Warning, reg.id, text));
            }
        }
    }
}

fn vgic(state: &State, findings: &mut Vec<Finding>) {
    let Some(vgic) = &state.vgic else { return };
    let saved = |group, attr: u64| {
        let mut attributes = vgic.attributes.iter();
        // Bits 31:0 are the offset, above them is the vCPU.
        attributes.any(|known| known.group == group && known.attr & 0xffff_ffff == attr)
    };
    let known = !vgic.attributes.is_empty() && state.origin.format != Format::Dump;
    if known && !saved(DIST_REGS, GICD_IIDR) {
        let name = match vgic.model {
            VgicModel::V2 => "GICv2",
            VgicModel::V3 => "GICv3",
        };
        let text = format!(
            "GICD_IIDR of the {name} is not saved: its revision decides how other registers read, \
             and becomes that of the new kernel. Save it, and restore it first"
        );
        findings.push(finding(Severity::Warning, None, text));
    }
    if state.origin.format == Format::CloudHypervisor {
        let text = "cloud-hypervisor does not save GICD_IIDR: the revision of the GICv3 becomes \
                    that of the new kernel";
        findings.push(finding(Severity::Warning, None, text.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Origin, Reg, VgicAttribute, VgicState};
    use crate::testing::{fingerprint, hosts};
    use proptest::prelude::*;

    #[test]
    fn a_fingerprint_is_complete() {
        for (name, findings) in [("N1_6.18", 0), ("N1_6.1", 0), ("N1_5.10", 1)] {
            let dump = fingerprint(name);
            let mut state = dump.new_vm(&dump.vms[0]);
            state.origin.format = Format::FirecrackerFingerprint;
            assert_eq!(audit(&state).len(), findings, "{name}: {:?}", audit(&state));
        }
    }

    #[test]
    fn what_is_forgotten_is_found() {
        let mut state = State::new(Origin::new(Format::CloudHypervisor));
        assert_eq!(audit(&state)[0].text, "it has no vCPU");
        state.vcpus.push(Vcpu { registers: [Reg::new(PFR0, 1 << 32)].to_vec() });
        let texts: Vec<_> = audit(&state).into_iter().map(|finding| finding.text).collect();
        for text in ["core registers", "vector lengths", "class 0x14", "class 0x16"] {
            assert!(texts.iter().any(|found| found.contains(text)), "{text}: {texts:?}");
        }
    }

    #[test]
    fn vcpus_share_their_id_registers() {
        let dump = fingerprint("V1_6.18");
        let mut state = dump.new_vm(&dump.vms[0]);
        let mut other = state.vcpus[0].clone();
        other.registers.iter_mut().find(|reg| reg.id == PFR0).unwrap().value = 0.into();
        state.vcpus.push(other);
        let ids: Vec<_> = audit(&state).iter().map(|finding| finding.id).collect();
        assert_eq!(ids, [Some(MPIDR), Some(PFR0)]);
    }

    #[test]
    fn the_revision_of_the_gic_is_saved() {
        let dump = fingerprint("V1_6.18");
        let mut state = dump.new_vm(&dump.vms[0]);
        state.origin.format = Format::State;
        let attribute = |attr| VgicAttribute { group: DIST_REGS, attr, value: 0 };
        let mut vgic = VgicState { model: VgicModel::V3, attributes: [attribute(0)].to_vec() };
        state.vgic = Some(vgic.clone());
        assert!(audit(&state)[0].text.contains("GICD_IIDR"));
        vgic.attributes.push(attribute(8));
        state.vgic = Some(vgic);
        assert_eq!(audit(&state), []);
    }

    proptest! {
        #[test]
        fn any_state_is_audited(dump in hosts()) {
            let mut state = dump.new_vm(&dump.vms[0]);
            state.origin.format = Format::State;
            let findings = audit(&state);
            prop_assert!(findings.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
        }
    }
}
