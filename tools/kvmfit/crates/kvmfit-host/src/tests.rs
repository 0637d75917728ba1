// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The measurements, of a host whose rules are known.

use kvmfit::dump::{alike, Dump, Scope, Vm};
use kvmfit::id::{RegId, SVE_VLS};
use kvmfit::plan::{plan, Verdict};
use kvmfit::state::{Format, Origin, Reg, State, Vcpu, VgicModel};
use kvmfit::takes::{Answer, Takes};
use kvmfit::template::{Modifier, Template};
use kvmfit::value::{Hex, Value};
use kvmfit::vmm::PLANNED;

use crate::check::{check, CheckOptions, Place};
use crate::fake::{
    Fake, Quirk, BITMAP, CCSIDR, CLIDR, GCR, GIC, ICC_CTLR, LEVELS, MIDR, MMFR3, NEWER, OSLSR,
    PFR0, PFR1, PSCI, RAZ, TCR2, WORKAROUND_2, X0,
};
use crate::make::make;
use crate::measure::{kinds, measure, Options};

fn dump(fake: &Fake) -> Dump {
    let mut last = 0;
    let measured = measure(fake, &Options::default(), &mut |progress| {
        assert!(progress.done >= last && progress.done <= progress.total, "{progress:?} < {last}");
        last = progress.done;
    });
    measured.unwrap().dump
}

fn takes(vm: &Vm, id: RegId) -> &Takes {
    vm.register(id).unwrap().takes.as_ref().unwrap()
}

fn accepts(vm: &Vm, id: RegId, value: u64) -> Answer {
    takes(vm, id).accepts(value, vm.register(id).unwrap().value.as_u64().unwrap())
}

#[test]
fn digits_are_measured() {
    let dump = dump(&Fake::default());
    let vm = &dump.vms[0];
    assert_eq!(vm.features, ["psci_0_2"]);
    for value in [0x11, 0x10, 0x1, 0, 0xf_0011, 0xf_0000] {
        assert_eq!(accepts(vm, PFR0, value), Answer::Yes, "{value:#x}");
    }
    for (value, bits) in [(0x21, 0xf0), (0xe_0011, 0xf_0000), (0x100_0013, 0xf00_000f)] {
        assert_eq!(accepts(vm, PFR0, value), Answer::No { errno: 22, bits }, "{value:#x}");
    }
    assert_eq!(accepts(vm, RAZ, 1), Answer::No { errno: 22, bits: 15 });
    assert_eq!(accepts(vm, NEWER, 2), Answer::Yes);
    assert_eq!(accepts(vm, NEWER, 4), Answer::No { errno: 22, bits: 15 });
    // 32 bits
    assert_eq!(accepts(vm, CCSIDR, 0x200_7fe1), Answer::Yes);
    assert_eq!(accepts(vm, CCSIDR, 0x200_7fe8), Answer::No { errno: 22, bits: 15 });
    assert!(matches!(accepts(vm, CCSIDR, 1 << 32), Answer::No { .. }));
}

#[test]
fn values_are_complete() {
    let dump = dump(&Fake::default());
    let Takes::Values(values) = takes(&dump.vms[0], PSCI) else { panic!() };
    let expected = [2, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003];
    assert_eq!(values.values, expected.map(Hex));
    assert!(values.complete);
}

#[test]
fn dependent_digits_are_told() {
    let dump = dump(&Fake::default());
    let vm = &dump.vms[0];
    let Takes::Digits(digits) = takes(vm, CLIDR) else { panic!() };
    assert!(!digits.independent);
    assert_eq!(accepts(vm, CLIDR, 0x12), Answer::Yes);
    for tried in &digits.tried {
        let ok = tried.value < 0x100 && (tried.value & 15) + (tried.value >> 4) <= 4;
        assert_eq!(tried.ok, ok, "{tried:?}");
    }
    for id in [PFR0, PFR1, CCSIDR, BITMAP] {
        let Takes::Digits(digits) = takes(vm, id) else { panic!() };
        assert!(digits.independent, "{id}");
    }
}

#[test]
fn digits_that_are_not_taken_together_are_found() {
    let dump = dump(&Fake::default());
    let vm = &dump.vms[0];
    let Takes::Digits(digits) = takes(vm, LEVELS) else { panic!() };
    assert!(digits.independent && digits.tried.is_empty(), "{digits:?}");
    let sets: Vec<String> =
        digits.conflicts.iter().map(|c| c.digits.map(|set| set.to_string()).join(" ")).collect();
    // Neither unification level: bits 29 to 27, and 23 to 21. The 8 is refused anyway.
    assert_eq!(sets, ["* * * * * * * * 0,4,8,c 0-8 0-1 * * * * *"]);
    for (value, answer) in [
        (0x920_0003, Answer::Yes),
        // Of a Neoverse N1
        (0x200_0021, Answer::No { errno: 22, bits: 0xff0_0000 }),
        (0x220_0021, Answer::Yes),
        (0x1200_0021, Answer::Yes),
        (0x4210_0021, Answer::No { errno: 22, bits: 0xfff0_0000 }),
        (0x820_0003, Answer::No { errno: 22, bits: 0xf00_0000 }),
    ] {
        assert_eq!(accepts(vm, LEVELS, value), answer, "{value:#x}");
    }
}

#[test]
fn conflicts_agree_with_the_host() {
    let fake = Fake::default();
    let dump = dump(&fake);
    let mut random = crate::digits::Random(1);
    let mut no = 0;
    for _ in 0..1000 {
        let mut state = dump.new_vm(&dump.vms[0]);
        let registers = &mut state.vcpus[0].registers;
        let reg = registers.iter_mut().find(|reg| reg.id == LEVELS).unwrap();
        reg.value = (random.next() & random.next() & 0xffff_ffff).into();
        let plan = plan(&state, &dump, &PLANNED);
        let check = check(&fake, &state, &plan.order, &CheckOptions::default(), &mut |_| {});
        let expected = if check.unwrap().fits() { Verdict::Yes } else { Verdict::No };
        assert_eq!(plan.verdict, expected, "{plan:?}");
        no += usize::from(expected == Verdict::No);
    }
    assert!((50..950).contains(&no), "{no}");
}

#[test]
fn scope_is_measured() {
    let dump = dump(&Fake::default());
    let scope = |id| dump.vms[0].register(id).unwrap().scope;
    assert_eq!(scope(PSCI), Some(Scope::Vm));
    assert_eq!(scope(PFR0), Some(Scope::Vm));
    assert_eq!(scope(CCSIDR), Some(Scope::Vcpu));
    assert_eq!(scope(RAZ), None);
    assert_eq!(scope(X0), None);
}

#[test]
fn state_takes_anything_unless_it_does_not() {
    let dump = dump(&Fake::default());
    let vm = &dump.vms[0];
    assert_eq!(vm.register(X0).unwrap().takes, None);
    assert_eq!(accepts(vm, OSLSR, 8), Answer::Yes);
    assert_eq!(accepts(vm, OSLSR, 9), Answer::No { errno: 22, bits: 15 });
}

#[test]
fn effects_are_found() {
    let dump = dump(&Fake::default());
    let vm = &dump.vms[0];
    let of = |id| vm.affects.iter().filter(|a| a.id == id).collect::<Vec<_>>();
    let tcrx = of(MMFR3);
    assert_eq!(tcrx.len(), 1, "{tcrx:?}");
    assert_eq!((tcrx[0].digit, tcrx[0].value, &tcrx[0].hides[..]), (0, 0, &[TCR2][..]));
    // SSBS 2 and 1 are the same to WORKAROUND_2, 0 is not.
    let ssbs = of(PFR1);
    assert_eq!(ssbs.len(), 1, "{ssbs:?}");
    assert_eq!((ssbs[0].digit, ssbs[0].value), (1, 0));
    assert_eq!(ssbs[0].changes, [Reg::new(WORKAROUND_2, 3)]);
    let takes = &ssbs[0].takes[0];
    assert_eq!(takes.id, WORKAROUND_2);
    let Takes::Values(values) = &takes.takes else { panic!() };
    assert_eq!(values.values, [0, 1, 2, 3, 0x12].map(Hex));
    assert_eq!(vm.affects.len(), 2);
}

#[test]
fn what_is_not_there_is_told() {
    let dump = dump(&Fake::default());
    for start in ["GICv2: KVM_CREATE_DEVICE: ENODEV", "sve: KVM_CAP_ARM_SVE is 0", "pmu_v3: "] {
        assert!(dump.host.lacks.iter().any(|l| l.starts_with(start)), "{:?}", dump.host.lacks);
    }
    assert_eq!(dump.host.capabilities["KVM_CAP_ARM_SVE"], 0);
    assert_eq!(dump.host.capabilities["KVM_CAP_300"], 1);
    assert_eq!(dump.host.ipa_bits, 44);
    assert_eq!(dump.host.midr, Hex(0x410f_d0c1));
}

#[test]
fn vector_lengths_are_measured_before_they_are_final() {
    let dump = dump(&Fake { sve: true, ..Fake::default() });
    let vm = dump.vm(&["psci_0_2", "sve"]).unwrap();
    assert_eq!(accepts(vm, SVE_VLS, 0b1), Answer::Yes);
    assert_eq!(accepts(vm, SVE_VLS, 0b11), Answer::Yes);
    assert!(matches!(accepts(vm, SVE_VLS, 0b10), Answer::No { .. }));
    assert!(matches!(accepts(vm, SVE_VLS, 0b111), Answer::No { .. }));
    assert!(matches!(accepts(vm, SVE_VLS, 0xf357), Answer::CannotTell { .. }));
}

#[test]
fn the_interrupt_controller_keeps_what_it_refused() {
    let dump = dump(&Fake::default());
    assert_eq!(dump.vgic.len(), 1);
    assert_eq!(dump.vgic[0].model, VgicModel::V3);
    let of = |group, attr| {
        let found = dump.vgic[0].attributes.iter().find(|a| (a.group, a.attr) == (group, attr));
        found.unwrap()
    };
    let ctlr = of(6, ICC_CTLR);
    let takes = ctlr.takes.as_ref().unwrap();
    assert_eq!(takes.accepts(0x300, ctlr.value), Answer::Yes);
    assert!(matches!(takes.accepts(0x500, ctlr.value), Answer::No { .. }));
    assert!(matches!(takes.accepts(0x4300, ctlr.value), Answer::No { .. }));
    assert!(matches!(takes.accepts(0xb400, ctlr.value), Answer::Stores { reads: 0x400 }));
}

#[test]
fn registers_that_can_be_made_writable_and_masks() {
    let dump = dump(&Fake::default());
    assert_eq!(dump.impl_id_regs[0].id, MIDR);
    assert_eq!(dump.impl_id_regs[0].takes.accepts(0, 0x410f_d0c1), Answer::Yes);
    assert!(matches!(accepts(&dump.vms[0], MIDR, 0), Answer::No { .. }));
    let masks = &dump.masks.as_ref().unwrap()["range 0"];
    assert_eq!(masks[&PFR1], Hex(0xf0));
    assert_eq!(masks[&RegId::sysreg(3, 3, 0, 0, 1)], Hex(0xff));
    assert_eq!(masks.len(), 2);
}

#[test]
fn measurements_are_the_same_each_time() {
    let fake = || Fake { sve: true, ..Fake::default() };
    assert_eq!(dump(&fake()), dump(&fake()));
}

fn state(registers: &[(RegId, u64)]) -> State {
    let mut state = State::new(Origin::new(Format::State));
    let registers = registers.iter().map(|&(id, value)| Reg::new(id, value)).collect();
    state.vcpus.push(Vcpu { registers });
    state
}

#[test]
fn a_new_vm_fits_its_host() {
    let fake = Fake { sve: true, ..Fake::default() };
    let dump = dump(&fake);
    for vm in &dump.vms {
        let state = dump.new_vm(vm);
        let check = check(&fake, &state, &[], &CheckOptions::default(), &mut |_| {}).unwrap();
        assert!(check.fits() && check.misreads.is_empty(), "{check:?}");
    }
}

#[test]
fn an_interrupt_controller_that_shows_is_measured_with_all_features() {
    let fake = Fake { sve: true, quirk: Some(Quirk::GicShows), ..Fake::default() };
    let dump = dump(&fake);
    let features: Vec<_> = dump.vms.iter().map(|vm| vm.features.join(",")).collect();
    let expected = ["psci_0_2", "psci_0_2,vgic_v3", "psci_0_2,sve", "psci_0_2,sve,vgic_v3"];
    assert_eq!(features, expected);
    let hidden = |vm: &Vm| vm.affects.iter().any(|affects| affects.id == PFR1);
    assert!(dump.vms.iter().all(hidden));
    for vm in &dump.vms {
        let state = dump.new_vm(vm);
        assert_eq!(state.vgic.is_some(), vm.features.join(",").contains("vgic_v3"));
        let gic = state.vcpus[0].get(PFR1).and_then(Value::as_u64).unwrap() & GIC;
        assert_eq!(gic != 0, state.vgic.is_some());
        assert_eq!(plan(&state, &dump, &PLANNED).verdict, Verdict::Yes);
        let check = check(&fake, &state, &[], &CheckOptions::default(), &mut |_| {}).unwrap();
        assert!(check.fits() && check.misreads.is_empty(), "{check:?}");
    }
    // VMs of people have one.
    let sve = alike(&[&dump], Some(&["psci_0_2".into(), "sve".into()]), &PLANNED).unwrap();
    assert_eq!(sve[0].features.join(","), "psci_0_2,sve,vgic_v3");
}

#[test]
fn tagged_memory_is_a_feature_of_a_vm() {
    let fake = Fake { sve: true, mte: true, ..Fake::default() };
    let dump = dump(&fake);
    let features: Vec<_> = dump.vms.iter().map(|vm| vm.features.join(",")).collect();
    assert_eq!(features, ["psci_0_2", "psci_0_2,sve", "mte,psci_0_2", "mte,psci_0_2,sve"]);
    let run = |fake: &Fake, state: &State| {
        check(fake, state, &[], &CheckOptions::default(), &mut |_| {}).map(|check| check.fits())
    };
    for vm in &dump.vms[2..] {
        assert!(vm.register(GCR).is_some());
        // As a VMM saves it.
        let mut state = dump.new_vm(vm);
        state.features.as_mut().unwrap().retain(|name| name != "mte");
        assert!(run(&fake, &state).unwrap());
        state.features = None;
        assert!(run(&fake, &state).unwrap());
        let other = Fake { sve: true, ..Fake::default() };
        let error = run(&other, &state).unwrap_err().to_string();
        assert!(error.contains("no VM with mte"), "{error}");
        assert_eq!(plan(&state, &dump, &PLANNED).features, vm.features);
    }
    // Not what VMs mostly have.
    assert_eq!(alike(&[&dump], None, &PLANNED).unwrap()[0].features, ["psci_0_2"]);
}

#[test]
fn kinds_of_vms_are_known_without_measuring_them() {
    let fake = Fake { sve: true, ..Fake::default() };
    let (kinds, dump) = (kinds(&fake), dump(&fake));
    let features = |dump: &Dump| dump.vms.iter().map(|vm| vm.features.clone()).collect::<Vec<_>>();
    assert_eq!(features(&kinds), features(&dump));
    assert_eq!(kinds.vgic[0].model, dump.vgic[0].model);
    assert_eq!(kinds.vgic.len(), dump.vgic.len());
}

#[test]
fn the_order_decides() {
    let state = state(&[(WORKAROUND_2, 3), (PFR1, 0)]);
    let fake = Fake::default();
    let options = CheckOptions::default();
    let listed = check(&fake, &state, &[], &options, &mut |_| {}).unwrap();
    assert_eq!(listed.refusals.len(), 1);
    assert_eq!(listed.refusals[0].place, Place::Register(WORKAROUND_2));
    let ordered = check(&fake, &state, &[PFR1], &options, &mut |_| {}).unwrap();
    assert!(ordered.fits(), "{ordered:?}");
    assert_eq!(ordered.written, 2);
}

#[test]
fn refusals_name_the_digit() {
    let fake = Fake::default();
    let bits = |id, value| {
        let check =
            check(&fake, &state(&[(id, value)]), &[], &CheckOptions::default(), &mut |_| {});
        let refusal = check.unwrap().refusals.remove(0);
        (refusal.errno, refusal.bits, refusal.together)
    };
    assert_eq!(bits(PFR0, 0x2_0010), (22, 0xf_0000, false));
    assert_eq!(bits(PFR0, 0x1_0021), (22, 0xf_00f0, false));
    assert_eq!(bits(CLIDR, 0x25), (22, 0xf, false));
    assert_eq!(bits(RegId::sysreg(3, 0, 0, 1, 1), 0), (2, 0, false));
}

#[test]
fn unusable_states_are_errors() {
    let fake = Fake::default();
    let run = |state: &State| check(&fake, state, &[], &CheckOptions::default(), &mut |_| {});
    let mut none = state(&[]);
    none.vcpus.clear();
    assert!(run(&none).is_err());
    let mut many = state(&[]);
    many.vcpus = vec![Vcpu::default(); 5];
    assert!(run(&many).unwrap_err().to_string().contains("5 vCPUs"));
    let mut unknown = state(&[]);
    unknown.features = Some(vec!["avx".to_string()]);
    assert!(run(&unknown).unwrap_err().to_string().contains("avx"));
    let mut absent = state(&[]);
    absent.features = Some(vec!["ptrauth_address".to_string()]);
    assert!(run(&absent).unwrap_err().to_string().contains("no VM with psci_0_2, ptrauth_address"));
}

fn template(registers: &[(RegId, u128, u128)]) -> Template {
    let mut template = Template::default();
    let modifiers = registers.iter().map(|&(id, filter, value)| Modifier { id, filter, value });
    template.registers.extend(modifiers);
    template
}

#[test]
fn a_vm_without_a_template_is_that_of_the_dump() {
    let fake = Fake { sve: true, ..Fake::default() };
    let dump = dump(&fake);
    for vm in &dump.vms {
        let state = make(&fake, &vm.features, &Template::default()).unwrap();
        assert_eq!(state.vcpus, dump.new_vm(vm).vcpus);
        assert_eq!(state.features.as_ref(), Some(&vm.features));
        assert_eq!(state.vgic, None);
    }
}

#[test]
fn a_template_changes_what_depends_on_it() {
    let fake = Fake::default();
    let state = make(&fake, &[], &template(&[(PFR1, 0xf0, 0), (MMFR3, 15, 0)])).unwrap();
    let vcpu = &state.vcpus[0];
    assert_eq!(vcpu.get(PFR1), Some(&0.into()));
    assert_eq!(vcpu.get(WORKAROUND_2), Some(&3.into()));
    assert_eq!(vcpu.get(TCR2), None);
    // In the order of the list, where the firmware registers come first
    assert!(!check(&fake, &state, &[], &CheckOptions::default(), &mut |_| {}).unwrap().fits());
}

#[test]
fn the_implementation_ids_are_writable_only_for_a_template_of_them() {
    let fake = Fake::default();
    let state = make(&fake, &[], &template(&[(MIDR, 15, 2)])).unwrap();
    assert_eq!(state.vcpus[0].get(MIDR), Some(&0x410f_d0c2.into()));
    let state = make(&fake, &[], &template(&[(PFR1, 0xf0, 0)])).unwrap();
    assert_eq!(state.vcpus[0].get(MIDR), Some(&0x410f_d0c1.into()));
}

#[test]
fn the_interrupt_controller_is_saved() {
    let fake = Fake::default();
    let state = make(&fake, &["vgic_v3".to_string()], &Template::default()).unwrap();
    let vgic = state.vgic.unwrap();
    assert_eq!(vgic.model, VgicModel::V3);
    assert!(vgic.attributes.iter().any(|a| (a.group, a.attr, a.value) == (6, ICC_CTLR, 0x400)));
    assert_eq!(state.features.unwrap(), ["psci_0_2"]);
    let absent = make(&fake, &["vgic_v2".to_string()], &Template::default());
    assert!(absent.unwrap_err().to_string().contains("KVM_CREATE_DEVICE: ENODEV"));
}

#[test]
fn a_template_that_does_not_fit_is_named() {
    let fake = Fake::default();
    let refused =
        |id, value| make(&fake, &[], &template(&[(id, u128::MAX, value)])).unwrap_err().to_string();
    assert!(refused(PFR1, 0x30).ends_with("ID_AA64PFR1_EL1 = 0x30: EINVAL"));
    assert!(refused(RegId::sysreg(3, 0, 0, 1, 1), 0).ends_with(": ENOENT"));
    let mut unknown = Template::default();
    unknown.features.push("avx".into());
    assert!(make(&fake, &[], &unknown).unwrap_err().to_string().contains("avx"));
}
