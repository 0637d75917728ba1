// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Both ways say the same on a host that keeps to its page, and each mistake is found.

use kvmfit::state::{Format, Origin, Reg, Vcpu, VgicModel, VgicState};

use super::*;
use crate::check::check;
use crate::fake::{
    Fake, Quirk, BITMAP, CCSIDR, CLIDR, MIDR, MMFR3, PFR0, PFR1, PSCI, RAZ, TCR2, WORKAROUND_2, X0,
};
use crate::fake_config::Lie;

/// A state of one vCPU, in the order of the list.
fn state(registers: &[(RegId, u64)]) -> State {
    let mut state = State::new(Origin::new(Format::State));
    state.features = Some(vec!["psci_0_2".to_string()]);
    let registers = registers.iter().map(|&(id, value)| Reg::new(id, value)).collect();
    state.vcpus.push(Vcpu { registers });
    state
}

fn host() -> Fake {
    Fake { vm_config: true, ..Fake::default() }
}

/// States of all kinds: taken, refused for each reason, and in the order of the list.
fn states() -> Vec<(&'static str, State)> {
    let mut two = state(&[(X0, 1), (WORKAROUND_2, 3), (PFR1, 0), (PSCI, 2)]);
    two.vcpus.push(two.vcpus[0].clone());
    two.vcpus[1].registers[3].value = 0x7.into();
    let mut gic = state(&[(PFR0, 0x10)]);
    gic.vgic = Some(VgicState { model: VgicModel::V3, attributes: Vec::new() });
    vec![
        ("nothing", state(&[])),
        ("a new VM", state(&[(PSCI, 0x1_0003), (PFR0, 0x11), (PFR1, 0x20), (BITMAP, 1)])),
        ("SSBS hidden", state(&[(WORKAROUND_2, 3), (PFR1, 0)])),
        ("SSBS kept", state(&[(WORKAROUND_2, 3), (PFR1, 0x20)])),
        ("the SSBS of a refused value", state(&[(WORKAROUND_2, 3), (PFR1, 0x400)])),
        ("one digit", state(&[(PFR0, 0x21)])),
        ("several digits", state(&[(PFR0, 0xe_0021), (MMFR3, 3)])),
        ("a version", state(&[(PSCI, 0x1_0004)])),
        ("a register that reads as 0", state(&[(RAZ, 0x10), (BITMAP, 3)])),
        ("no such register", state(&[(RegId::sysreg(3, 0, 0, 1, 1), 0), (PFR0, 0x10)])),
        ("another CPU", state(&[(MIDR, 0x410f_d0c2)])),
        ("state of the vCPU", state(&[(MMFR3, 0), (TCR2, 1), (CLIDR, 0x25), (CCSIDR, 0)])),
        ("two vCPUs", two),
        ("an interrupt controller", gic),
    ]
}

fn compare(fake: &Fake, state: &State) -> Compared {
    let order = restore_order(state, None);
    super::compare(fake, state, &order, &CheckOptions::default()).unwrap()
}

#[test]
fn both_ways_say_the_same() {
    let (mut taken, mut refused) = (0, 0);
    for (what, state) in states() {
        let compared = compare(&host(), &state);
        assert_eq!(compared.differences, Vec::<String>::new(), "{what}");
        assert_eq!(compared.first_run, [], "{what}");
        let set = compared.set.unwrap();
        assert_eq!((set.way, compared.registers.way), (Way::Set, Way::Registers));
        assert_eq!(set.refusals, compared.registers.refusals, "{what}");
        assert_eq!(set.written, compared.registers.written, "{what}");
        if set.fits() {
            taken += 1;
        } else {
            refused += 1;
        }
    }
    assert!(taken >= 4 && refused >= 6, "{taken} {refused}");
}

#[test]
fn a_set_is_one_call_in_place_of_many() {
    let compared = compare(&host(), &state(&[(PFR1, !0), (PFR0, 0x11), (BITMAP, 1), (RAZ, 0)]));
    let (set, registers) = (compared.set.unwrap(), compared.registers);
    assert_eq!((set.refusals.len(), set.refusals[0].bits), (1, !0));
    // Both were counted since the host was there.
    assert!(set.ioctls - registers.ioctls < registers.ioctls, "{set:?}");
}

#[test]
fn without_it_there_is_nothing_to_compare() {
    for (what, state) in states() {
        let compared = compare(&Fake::default(), &state);
        assert!(compared.set.is_none() && compared.differences.is_empty(), "{what}");
    }
}

#[test]
fn the_way_can_be_chosen() {
    let state = state(&[(PFR0, 0x10)]);
    let way = |fake: &Fake, way| {
        let options = CheckOptions { way, ..CheckOptions::default() };
        check(fake, &state, &[], &options, &mut |_| {}).map(|check| check.way)
    };
    let old = Fake::default();
    assert_eq!(way(&host(), Way::Auto), Ok(Way::Set));
    assert_eq!(way(&old, Way::Auto), Ok(Way::Registers));
    assert_eq!(way(&host(), Way::Registers), Ok(Way::Registers));
    assert_eq!(way(&host(), Way::Set), Ok(Way::Set));
    assert_eq!(way(&old, Way::Set), Err(Error::NoVmConfig));
    assert_eq!(CheckOptions::default().way, Way::Registers);
}

/// A combination that is taken alone, and that the first run makes another one.
#[test]
fn what_the_first_run_would_change_is_no_difference() {
    let state = state(&[(PFR0, 0x1)]);
    let fake = Fake { quirk: Some(Quirk::FirstRunClears), ..host() };
    let compared = compare(&fake, &state);
    assert_eq!(compared.differences, Vec::<String>::new());
    assert_eq!(compared.first_run, [PFR0]);
    assert!(compared.set.unwrap().fits());
    // The VM has been run, as it was not believed.
    let compared = compare(&host(), &state);
    assert!(compared.first_run.is_empty() && compared.differences.is_empty());
}

#[test]
fn each_mistake_of_a_kernel_is_found() {
    for (lie, words) in [
        (Lie::CheckTakesAll, "SET refuses what CHECK has taken"),
        (Lie::SetsHalf, "a refused SET has changed the VM"),
        (Lie::OtherBits, "bits 0x"),
        (Lie::OffersNothing, "the values that SET offers are refused"),
        (Lie::OtherErrno, "errno 1"),
        (Lie::Forgets, "KVM_REG_ARM_STD_BMAP reads"),
        (Lie::RefusesMore, "KVM_REG_ARM_STD_BMAP: taken one by one"),
        (Lie::ByOldSsbs, "only the set refuses KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2 = 0x3"),
    ] {
        let fake = Fake { lie: Some(lie), ..host() };
        let found: Vec<String> = states()
            .iter()
            .map(|(_, state)| state)
            .chain([&state(&[(BITMAP, 0), (PFR0, 0x10)])])
            .flat_map(|state| compare(&fake, state).differences)
            .collect();
        assert!(found.iter().any(|text| text.contains(words)), "{lie:?}: {found:?}");
    }
}
