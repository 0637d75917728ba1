// SPDX-License-Identifier: Apache-2.0 OR MIT

use super::*;
use crate::id::{Class, SVE_VLS};
use crate::takes::Conflict;
use crate::testing::*;
use crate::vmm;
use proptest::prelude::*;

fn names_of(refusals: &[Refusal]) -> Vec<&str> {
    refusals.iter().map(|refusal| refusal.name.as_str()).collect()
}

fn doubts_of(plan: &Plan) -> Vec<String> {
    plan.doubts.iter().map(|doubt| format!("{} {}", doubt.name, doubt.fields.join(" "))).collect()
}

fn state_of(dump: &Dump) -> State {
    dump.new_vm(&dump.vms[0])
}

/// A VM of `host()` whose SSBS was hidden before it ran.
fn without_ssbs() -> State {
    let mut state = state_of(&host());
    for reg in &mut state.vcpus[0].registers {
        match reg.id {
            PFR1 => reg.value = 0.into(),
            WORKAROUND_2 => reg.value = 3.into(),
            _ => {}
        }
    }
    state
}

#[test]
fn a_new_vm_fits_its_own_host() {
    for vmm in vmm::ALL {
        let plan = plan(&state_of(&host()), &host(), vmm);
        assert_eq!(plan.verdict, Verdict::Yes);
        assert_eq!(plan.features, ["psci_0_2"]);
    }
}

#[test]
fn the_order_puts_id_registers_before_firmware() {
    let plan = plan(&without_ssbs(), &host(), &vmm::PLANNED);
    assert_eq!(plan.verdict, Verdict::Yes);
    assert_eq!(plan.order, [PFR0, PFR1, PSCI, WORKAROUND_2, SCTLR]);
}

#[test]
fn a_vmm_that_keeps_the_order_of_the_list_cannot_restore_its_own_snapshot() {
    for vmm in [&vmm::FIRECRACKER, &vmm::CLOUD_HYPERVISOR, &vmm::LIST_ORDER] {
        let plan = plan(&without_ssbs(), &host(), vmm);
        assert_eq!(plan.verdict, Verdict::No);
        assert_eq!(names_of(&plan.refusals), ["KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2"]);
        assert_eq!(plan.refusals[0].reason, Reason::Order { after: PFR1 });
        let text = "write ID_AA64PFR1_EL1 before KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2";
        assert!(plan.refusals[0].remedy.text.starts_with(text));
    }
    for vmm in [&vmm::QEMU_10, &vmm::QEMU_11] {
        assert_eq!(plan(&without_ssbs(), &host(), vmm).verdict, Verdict::Yes, "{}", vmm.name);
    }
}

#[test]
fn another_value_of_what_affects_is_a_doubt() {
    let mut state = without_ssbs();
    state.vcpus[0].registers[4].value = 0x10.into();
    let plan = plan(&state, &host(), &vmm::PLANNED);
    assert_eq!(plan.verdict, Verdict::CannotTell);
    assert_eq!(plan.doubts[0].why, Unsure::Combination);
    // A value that both ways accept is certain.
    state.vcpus[0].registers[1].value = 1.into();
    assert_eq!(super::plan(&state, &host(), &vmm::PLANNED).verdict, Verdict::Yes);
}

#[test]
fn what_a_field_takes_is_said_in_values_of_the_field() {
    let digits = Digits::only(0x701f_e01a, 22);
    let two = |n: usize, set| {
        let mut digits = digits.clone();
        digits.digits[DIGITS - 1 - n] = set;
        digits
    };
    for (digits, mask, value, takes) in [
        // NumSets and Associativity of CCSIDR_EL1 begin within a digit.
        (digits.clone(), 0x0fff_e000, 0, "0xff"),
        (digits.clone(), 0x1ff8, 0, "0x3"),
        (digits.clone(), 0xf000_0000, 0, "7"),
        // Bits of other fields stay as they are, if the host takes that.
        (two(0, DigitSet(1 << 0x1 | 1 << 0xe)), 0x3, 0xc, "2"),
        (two(0, DigitSet(1 << 0x1 | 1 << 0xe)), 0x3, 0x0, "1"),
        (two(7, DigitSet(1 << 0 | 1 << 7)), 0x1_c000_0000, 0x3000_0000, "1"),
        // Many values are shown by their digits.
        (two(4, DigitSet::ALL), 0x0fff_0000, 0, "digits 0 1 *"),
    ] {
        assert_eq!(field_takes(&digits, mask, value), takes, "{mask:#x}");
    }
}

#[test]
fn a_refusal_names_field_value_and_what_is_taken() {
    let mut state = state_of(&host());
    state.vcpus[0].registers[3].value = 0x1101_0100_2111_1112.into();
    state.vcpus[0].registers[0].value = 0x10004.into();
    let plan = plan(&state, &host(), &vmm::FIRECRACKER);
    assert_eq!(names_of(&plan.refusals), ["KVM_REG_ARM_PSCI_VERSION", "ID_AA64PFR0_EL1"]);
    assert_eq!(plan.refusals[0].takes, "0x2, 0x10000, 0x10001, 0x10002, 0x10003");
    let field = &plan.refusals[1].fields[0];
    assert_eq!((field.name.as_str(), field.value, field.new), ("MPAM", 1, 0));
    assert_eq!(field.takes, "0");
    assert_eq!(plan.refusals[1].remedy.action, Action::Configure);
    assert_eq!(plan.refusals[1].errno, 22);
}

#[test]
fn fields_that_are_not_taken_together_are_named() {
    let clidr = RegId::sysreg(3, 1, 0, 0, 1);
    let mut digits = Digits::only(0x920_0003, 22);
    digits.digits[8..11].fill(DigitSet::ALL);
    let mut conflict = Conflict { digits: [DigitSet::ALL; DIGITS], errno: 22 };
    conflict.digits[9] = DigitSet(0xff);
    conflict.digits[10] = DigitSet(0b11);
    digits.conflicts.push(conflict);
    let mut dump = host();
    dump.vms[0].registers.push(register(clidr, 0x920_0003, Some(Takes::Digits(digits))));
    let mut state = state_of(&dump);
    state.vcpus[0].registers[5].value = 0x100_0003.into();
    let plan = plan(&state, &dump, &vmm::PLANNED);
    assert_eq!(plan.refusals[0].reason, Reason::Together);
    let fields: Vec<_> = plan.refusals[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(fields, ["LoUIS", "LoUU"]);
    let question =
        crate::explain::Question { value: Some(0x100_0003.into()), errno: None, host: Some(&dump) };
    let answer = crate::explain::explain(clidr, &question).answer.unwrap();
    assert_eq!(answer, "refused with EINVAL: LoUIS 0x0, LoUU 0x0: it takes each, and not together");
}

#[test]
fn fields_within_a_digit_have_their_values() {
    // CTR_EL0.IDC is bit 28, DIC bit 29 of one digit.
    let mut digits = Digits::only(0x3000_0000, 22);
    digits.digits[8] = DigitSet(1 << 3 | 1 << 1);
    let takes = Takes::Digits(digits);
    let ctr = RegId::sysreg(3, 3, 0, 0, 1);
    let fields = refused_fields(ctr, 0xf000_0000, 0x2000_0000, 0x3000_0000, Some(&takes));
    assert_eq!(fields[0].name, "IDC");
    assert_eq!(fields[0].takes, "1");
}

#[test]
fn vcpus_that_are_alike_are_answered_together() {
    let mut state = without_ssbs();
    let vcpu = state.vcpus[0].clone();
    state.vcpus.extend([vcpu.clone(), vcpu]);
    state.vcpus[2].registers[0].value = 5.into();
    let plan = plan(&state, &host(), &vmm::FIRECRACKER);
    let vcpus: Vec<_> = plan.refusals.iter().map(|refusal| refusal.vcpus.clone()).collect();
    assert_eq!(vcpus, [vec![0, 1, 2], vec![2]]);
}

#[test]
fn a_feature_that_the_host_lacks_is_refused() {
    let mut state = state_of(&host());
    state.features = Some(vec!["psci_0_2".into(), "sve".into()]);
    let mut dump = host();
    assert_eq!(plan(&state, &dump, &vmm::PLANNED).doubts[0].why, Unsure::Features);
    dump.host.capabilities.insert("KVM_CAP_ARM_SVE".into(), 0);
    let plan = plan(&state, &dump, &vmm::PLANNED);
    assert_eq!(plan.refusals[0].subject, Subject::Feature("sve".into()));
}

#[test]
fn a_vm_with_tagged_memory_needs_a_host_that_has_it() {
    let gcr = RegId::sysreg(3, 0, 1, 0, 6);
    let mut dump = host();
    dump.host.capabilities.insert("KVM_CAP_ARM_MTE".into(), 1);
    let mut mte = dump.vms[0].clone();
    mte.features.insert(0, crate::dump::MTE.into());
    mte.registers.push(register(gcr, 0, None));
    dump.vms.push(mte);
    let mut without = host();
    without.host.capabilities.insert("KVM_CAP_ARM_MTE".into(), 0);
    // As a VMM saves it: MTE is no feature of a vCPU.
    let mut state = dump.new_vm(&dump.vms[1]);
    for features in [Some(vec!["psci_0_2".to_string()]), None] {
        state.features = features;
        let here = plan(&state, &dump, &vmm::FIRECRACKER);
        assert_eq!((here.verdict, &here.features), (Verdict::Yes, &dump.vms[1].features));
        let there = plan(&state, &without, &vmm::FIRECRACKER);
        assert_eq!(there.refusals[0].subject, Subject::Feature("mte".into()));
    }
}

#[test]
fn a_machine_identification_of_zero_can_be_left_out() {
    let mut state = state_of(&host());
    state.features = Some(vec!["pmu_v3".to_string(), "psci_0_2".to_string()]);
    let mut there = host();
    there.vms[0].features = vec!["pmu_v3".to_string(), "psci_0_2".to_string()];
    let pmmir = names::find("PMMIR_EL1").unwrap();
    for (value, action) in [(0_u64, Action::Remove), (6, Action::NotPossible)] {
        state.vcpus[0].registers.push(Reg::new(pmmir, value));
        let plan = plan(&state, &there, &vmm::PLANNED);
        assert_eq!(names_of(&plan.refusals), ["PMMIR_EL1"]);
        assert_eq!(plan.refusals[0].reason, Reason::Missing);
        assert_eq!(plan.refusals[0].remedy.action, action, "{value}");
        state.vcpus[0].registers.pop();
    }
}

#[test]
fn an_empty_state_gets_no_answer() {
    let mut state = state_of(&host());
    state.features = None;
    let empty = Dump::new("test", crate::dump::Host::new("", 0));
    assert_eq!(plan(&state, &empty, &vmm::PLANNED).verdict, Verdict::CannotTell);
    state.vcpus[0].registers.clear();
    assert_eq!(plan(&state, &host(), &vmm::PLANNED).doubts[0].why, Unsure::Empty);
    state.vcpus.clear();
    assert_eq!(plan(&state, &host(), &vmm::PLANNED).doubts[0].why, Unsure::Empty);
}

#[test]
fn the_features_are_those_that_fit_the_registers_best() {
    let mut dump = host();
    let mut sve = dump.vms[0].clone();
    sve.features.push("sve".into());
    sve.registers.push(register(RegId::sysreg(3, 0, 1, 2, 0), 0, None));
    dump.vms.push(sve);
    for vm in &dump.vms {
        let mut state = dump.new_vm(vm);
        state.features = None;
        assert_eq!(plan(&state, &dump, &vmm::PLANNED).features, vm.features);
    }
}

#[test]
fn an_interrupt_controller_that_the_host_lacks_is_refused() {
    let mut dump = host();
    let mut v3 = crate::dump::Vgic::new(VgicModel::V3);
    let mut iidr = crate::dump::Attribute::new(1, 8, 0x43b);
    iidr.takes = Some(values(&[0x43b]));
    v3.attributes.push(iidr);
    dump.vgic.push(v3);
    let mut state = state_of(&dump);
    assert_eq!(plan(&state, &dump, &vmm::PLANNED).verdict, Verdict::Yes);
    let vgic = state.vgic.as_mut().unwrap();
    vgic.attributes[0].value = 0x143b;
    let wrong = plan(&state, &dump, &vmm::PLANNED);
    assert_eq!(wrong.refusals[0].subject, Subject::Attribute { group: 1, attr: 8 });
    state.vgic.as_mut().unwrap().model = VgicModel::V2;
    let lacking = plan(&state, &dump, &vmm::PLANNED);
    assert_eq!((lacking.refusals[0].name.as_str(), lacking.refusals[0].errno), ("GICv2", 19));
}

#[test]
fn implementation_registers_depend_on_the_vmm() {
    let midr = RegId::sysreg(3, 0, 0, 0, 0);
    let mut dump = host();
    let takes = Takes::Digits(Digits::only(1, 22));
    dump.vms[0].registers.push(register(midr, 1, Some(takes)));
    dump.impl_id_regs.push(crate::dump::RegTakes { id: midr, takes: values(&[1, 2]) });
    let mut state = state_of(&dump);
    state.vcpus[0].registers[5].value = 2.into();
    assert_eq!(plan(&state, &dump, &vmm::FIRECRACKER).verdict, Verdict::Yes);
    assert_eq!(plan(&state, &dump, &vmm::QEMU_11).verdict, Verdict::No);
}

#[test]
fn a_line_with_several_meanings_is_a_doubt_if_they_matter() {
    let mut state = state_of(&host());
    state.vcpus[0].registers[0].or.push(0x10001.into());
    assert_eq!(plan(&state, &host(), &vmm::PLANNED).verdict, Verdict::Yes);
    state.vcpus[0].registers[0].or.push(0x10005.into());
    assert_eq!(plan(&state, &host(), &vmm::PLANNED).doubts[0].why, Unsure::Meaning);
}

#[test]
fn tolerances_of_qemu() {
    let mut state = state_of(&host());
    let bmap_2 = RegId::firmware_bitmap(3);
    state.vcpus[0].registers.push(Reg::new(bmap_2, 0));
    let refused = plan(&state, &host(), &vmm::QEMU_10);
    assert_eq!(refused.refusals[0].remedy.action, Action::NewerVmm);
    assert_eq!(plan(&state, &host(), &vmm::QEMU_11).verdict, Verdict::Yes);
    state.vcpus[0].registers[5].value = 1.into();
    assert_eq!(plan(&state, &host(), &vmm::QEMU_11).verdict, Verdict::No);
}

#[test]
fn the_order_needs_no_dump() {
    let mut state = without_ssbs();
    assert_eq!(restore_order(&state, None), [PFR0, PFR1, PSCI, WORKAROUND_2, SCTLR]);
    // A register that only another vCPU has is in its place.
    let midr = RegId::sysreg(3, 0, 0, 0, 0);
    let mut other = state.vcpus[0].clone();
    other.registers.extend([Reg::new(midr, 1), Reg::new(SVE_VLS, 3)]);
    state.vcpus.push(other);
    let order = [SVE_VLS, PFR0, PFR1, midr, PSCI, WORKAROUND_2, SCTLR];
    assert_eq!(restore_order(&state, None), order);
    assert_eq!(plan(&state, &host(), &vmm::PLANNED).order, order);
}

// The known answers of real hosts, without measurements.

#[test]
fn fingerprints_of_6_18_on_6_1() {
    for (cpu, fields) in [
        ("N1", vec!["ID_AA64DFR0_EL1 DebugVer"]),
        ("V1", vec!["ID_AA64PFR0_EL1 MPAM", "ID_AA64DFR0_EL1 DebugVer", "ID_AA64MMFR2_EL1 NV"]),
    ] {
        let source = fingerprint(&format!("{cpu}_6.18"));
        let plan = plan(&state_of(&source), &fingerprint(&format!("{cpu}_6.1")), &vmm::FIRECRACKER);
        assert_eq!(plan.verdict, Verdict::No);
        assert_eq!(plan.refusals.len(), 12);
        for (n, refusal) in plan.refusals[..11].iter().enumerate() {
            let id = RegId::new(0x6020_0000_0011_0003 + n as u64);
            assert_eq!(refusal.subject, Subject::Register(id));
            assert_eq!((&refusal.reason, refusal.errno), (&Reason::Missing, 2));
            assert!(refusal
                .remedy
                .text
                .starts_with("`snapshot-editor edit-vmstate remove-regs 0x"));
        }
        assert_eq!(plan.refusals[11].name, "KVM_REG_ARM_VENDOR_HYP_BMAP_2");
        assert_eq!(plan.removable().map(|ids| ids.len()), Some(12));
        let doubts = doubts_of(&plan);
        assert_eq!(doubts[3..doubts.len() - 2], fields);
        assert_eq!(doubts[doubts.len() - 1], "KVM_REG_ARM_PSCI_VERSION minor");
    }
}

#[test]
fn fingerprints_of_6_1_on_6_18() {
    for (cpu, id_registers) in [("N1", 1), ("V1", 3)] {
        let source = fingerprint(&format!("{cpu}_6.1"));
        let plan =
            plan(&state_of(&source), &fingerprint(&format!("{cpu}_6.18")), &vmm::FIRECRACKER);
        assert_eq!(plan.verdict, Verdict::CannotTell);
        assert_eq!(names_of(&plan.refusals), [""; 0]);
        // Three caches, CLIDR, PSCI, and the ID registers.
        assert_eq!(plan.doubts.len(), 5 + id_registers);
        assert!(plan.doubts.iter().all(|doubt| doubt.why == Unsure::NotMeasured));
        assert_eq!(plan.notes.len(), 12);
    }
}

#[test]
fn fingerprints_of_6_1_on_a_host_that_forgives() {
    let mut host = fingerprint("V1_6.18");
    let differing = |register: &crate::dump::Register| register.takes.is_some();
    for register in host.vms[0].registers.iter_mut().filter(|register| differing(register)) {
        let value = register.value.as_u64().unwrap();
        register.takes = Some(match names::name(register.id).as_str() {
            "KVM_REG_ARM_PSCI_VERSION" => values(&[0x10000, 0x10001, 0x10003]),
            // Caches take any description.
            name if name.starts_with("CCSIDR") || name == "CLIDR_EL1" => {
                let mut digits = Digits::only(value, 22);
                digits.digits = [DigitSet::ALL; DIGITS];
                Takes::Digits(digits)
            }
            _ => lower(value),
        });
    }
    let state = state_of(&fingerprint("V1_6.1"));
    let strict = plan(&state, &host, &vmm::FIRECRACKER);
    let fields: Vec<_> = strict
        .refusals
        .iter()
        .map(|refusal| format!("{} {}", refusal.name, refusal.fields[0].name))
        .collect();
    assert_eq!(fields, ["ID_AA64PFR0_EL1 MPAM", "ID_AA64MMFR2_EL1 NV"]);
    // A host that also takes these.
    for register in &mut host.vms[0].registers {
        if let Some(Takes::Digits(digits)) = &mut register.takes {
            match names::name(register.id).as_str() {
                "ID_AA64PFR0_EL1" => digits.digits[DIGITS - 1 - 10].0 |= 0b10,
                "ID_AA64MMFR2_EL1" => digits.digits[DIGITS - 1 - 6].0 |= 0b110,
                _ => {}
            }
        }
    }
    assert_eq!(plan(&state, &host, &vmm::FIRECRACKER).verdict, Verdict::Yes);
}

#[test]
fn fingerprints_of_5_10_on_6_1() {
    for cpu in ["N1", "V1"] {
        let source = fingerprint(&format!("{cpu}_5.10"));
        let plan = plan(&state_of(&source), &fingerprint(&format!("{cpu}_6.1")), &vmm::FIRECRACKER);
        assert_eq!(plan.refusals.len(), 74);
        assert!(plan.refusals.iter().all(|refusal| refusal.name.starts_with("PM")));
        assert!(plan.refusals.iter().all(|refusal| refusal.remedy.action == Action::Remove));
    }
}

#[test]
fn fingerprints_fit_themselves() {
    for name in ["N1_5.10", "N1_6.1", "N1_6.18", "V1_5.10", "V1_6.1", "V1_6.18"] {
        let dump = fingerprint(name);
        assert_eq!(plan(&state_of(&dump), &dump, &vmm::FIRECRACKER).verdict, Verdict::Yes);
    }
}

proptest! {
    #[test]
    fn what_affects_others_is_restored_before_them(dump in hosts()) {
        for vm in &dump.vms {
            let order = restore_order(&dump.new_vm(vm), Some(vm));
            let place = |id| order.iter().position(|&other| other == id).unwrap();
            let decides = |id: RegId| id.configures() && id.class() == Class::SysReg;
            let affects: Vec<(RegId, RegId)> = vm
                .affects
                .iter()
                .flat_map(|affects| affects.targets().map(|target| (affects.id, target)))
                .filter(|(id, target)| id != target && decides(*id))
                .collect();
            for &(id, target) in &affects {
                // Of registers that affect each other in a circle, any is first.
                let mut reached = vec![target];
                for n in 0.. {
                    let Some(&from) = reached.get(n) else { break };
                    let next = affects.iter().filter(|(id, _)| *id == from).map(|(_, to)| *to);
                    let new: Vec<_> = next.filter(|to| !reached.contains(to)).collect();
                    reached.extend(new);
                }
                prop_assert!(reached.contains(&id) || place(id) < place(target), "{:?} {:?}", id, target);
            }
        }
    }

    #[test]
    fn new_vms_fit_their_own_host(dump in hosts()) {
        for vm in &dump.vms {
            for vmm in vmm::ALL {
                let plan = plan(&dump.new_vm(vm), &dump, vmm);
                prop_assert_eq!(plan.verdict, Verdict::Yes, "{:?}", plan);
            }
        }
    }

    #[test]
    fn plans_are_complete(a in hosts(), b in hosts()) {
        for vm in &a.vms {
            let state = a.new_vm(vm);
            for vmm in vmm::ALL {
                let plan = plan(&state, &b, vmm);
                prop_assert_eq!(plan.verdict == Verdict::No, !plan.refusals.is_empty());
                if !plan.features.is_empty() {
                    let mut order = plan.order.clone();
                    let mut ids: Vec<_> = vm.registers.iter().map(|register| register.id).collect();
                    order.sort();
                    ids.sort();
                    prop_assert_eq!(order, ids);
                }
            }
        }
    }
}
