// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether this host takes the state of a VM: by writing it.

use std::collections::{BTreeMap, BTreeSet};

use kvmfit::dump::{VGIC_V2, VGIC_V3};
use kvmfit::explain::errno_name;
use kvmfit::id::{Class, RegId, SVE_VLS};
use kvmfit::state::{Reg, State, VgicModel};
use kvmfit::takes::{nibble, DIGITS};
use kvmfit::value::Value;

use crate::as_set;
use crate::backend::{Backend, Errno, Refused, ScratchVm, Spec, EINVAL};
use crate::caps;
use crate::digits::with_digit;
use crate::error::Error;
use crate::features::{self, MTE, PMU_V3, PSCI_0_2, PTRAUTH, SVE};
use crate::measure::{measured, Progress};
use crate::meter::Meter;
use crate::vgic;
use crate::vm_config::Migration;

/// How to write what configures a VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Way {
    /// Register by register, in the order that is asked for.
    #[default]
    Registers,
    /// As a set, by [`vm_config`]: the order does not matter, and the kernel says which bits it
    /// refuses.
    ///
    /// [`vm_config`]: crate::vm_config
    Set,
    /// As a set if the host knows how, else register by register.
    Auto,
}

/// How to check.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckOptions {
    /// The features of the VM, for a state that does not say. By default they are inferred from
    /// its registers.
    pub features: Option<Vec<String>>,
    /// Enable `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS` if the host has it.
    pub impl_id_regs: bool,
    /// How to write what configures the VM.
    pub way: Way,
}

/// What a host said to a state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Check {
    /// How it was written: [`Way::Set`] or [`Way::Registers`].
    pub way: Way,
    /// The features of the scratch VM.
    pub features: Vec<String>,
    /// How many registers and attributes were written.
    pub written: usize,
    /// What was refused, in the order of writing.
    pub refusals: Vec<Refusal>,
    /// What was accepted and reads back as another value.
    pub misreads: Vec<Misread>,
    /// What the scratch VM could not have, in words.
    pub lacks: Vec<String>,
    /// How many system calls it took.
    pub ioctls: u64,
}

impl Check {
    /// Whether all was accepted.
    pub fn fits(&self) -> bool {
        self.refusals.is_empty() && self.lacks.is_empty()
    }
}

/// A register or an attribute of the interrupt controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A register.
    Register(RegId),
    /// An attribute of the interrupt controller.
    Attribute {
        /// `KVM_DEV_ARM_VGIC_GRP_…`.
        group: u32,
        /// The attribute within its group.
        attr: u64,
    },
}

/// A value that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Of which vCPU.
    pub vcpu: usize,
    /// What was written.
    pub place: Place,
    /// The value.
    pub value: Value,
    /// The error number.
    pub errno: i32,
    /// The bits of the digits that are refused alone, or, if each is taken alone, of the one that
    /// is refused together with those below it. Of a firmware register, whose value is a version
    /// or a state, all digits that differ from what the VM has. 0 if the register is not there or
    /// is wider than 64 bits.
    pub bits: u64,
    /// Whether each of the digits is taken alone.
    pub together: bool,
    /// The value that the scratch VM had.
    pub has: Option<u64>,
}

/// A value that was accepted and reads back as another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misread {
    /// Of which vCPU.
    pub vcpu: usize,
    /// The register.
    pub id: RegId,
    /// What was written.
    pub value: Value,
    /// What was read.
    pub reads: u64,
}

pub(crate) fn check(
    backend: &dyn Backend,
    state: &State,
    order: &[RegId],
    options: &CheckOptions,
    report: &mut dyn FnMut(&Progress<'_>),
) -> Result<Check, Error> {
    written(backend, state, order, options, report).map(|(check, _)| check)
}

/// As [`check`]; returns also the scratch VM.
pub(crate) fn written<'b>(
    backend: &'b dyn Backend,
    state: &State,
    order: &[RegId],
    options: &CheckOptions,
    report: &mut dyn FnMut(&Progress<'_>),
) -> Result<(Check, Box<dyn ScratchVm + 'b>), Error> {
    let mut meter = Meter::new(report, state.vcpus.len() + 1);
    let (mut check, vm) = begin(backend, state, options)?;
    for (n, vcpu) in state.vcpus.iter().enumerate() {
        let what = format!("vCPU {n}");
        let ids: BTreeSet<RegId> = order.iter().copied().collect();
        let first = order.iter().filter_map(|&id| vcpu.registers.iter().find(|reg| reg.id == id));
        let rest = vcpu.registers.iter().filter(|reg| !ids.contains(&reg.id));
        // The vector lengths were written before the vCPU was finalized.
        let registers: Vec<&Reg> = first.chain(rest).filter(|reg| reg.id != SVE_VLS).collect();
        check.written += registers.len();
        let mut refusals = Vec::new();
        let as_set = match check.way {
            Way::Set => as_set::write(&*vm, n, &registers, &mut refusals)?,
            _ => BTreeSet::new(),
        };
        for (step, reg) in registers.iter().enumerate() {
            meter.step(&what, step, registers.len());
            if as_set.contains(&reg.id) {
                continue;
            }
            if let Err(errno) = write(&*vm, n, reg.id, &reg.value) {
                refusals.push(explain(&*vm, n, reg.id, &reg.value, errno));
            }
        }
        let places: BTreeMap<RegId, usize> =
            registers.iter().enumerate().map(|(place, reg)| (reg.id, place)).collect();
        refusals.sort_by_key(|refusal| match refusal.place {
            Place::Register(id) => places.get(&id).copied(),
            Place::Attribute { .. } => None,
        });
        check.refusals.append(&mut refusals);
        meter.part(&what);
    }
    for (n, vcpu) in state.vcpus.iter().enumerate() {
        for reg in vcpu.registers.iter().filter(|reg| measured(reg.id)) {
            let refused =
                |refusal: &Refusal| refusal.vcpu == n && refusal.place == Place::Register(reg.id);
            match vm.get64(n, reg.id) {
                Ok(reads)
                    if Value::from(reads) != reg.value && !check.refusals.iter().any(refused) =>
                {
                    let value = reg.value.clone();
                    check.misreads.push(Misread { vcpu: n, id: reg.id, value, reads });
                }
                _ => {}
            }
        }
    }
    // Not if the scratch VM has none.
    if let (Some(vgic), true) = (&state.vgic, check.lacks.is_empty()) {
        for attribute in &vgic.attributes {
            check.written += 1;
            let (group, attr, value) = (attribute.group, attribute.attr, attribute.value);
            let has = vm.attribute(group, attr).ok();
            if let Err(errno) = vm.set_attribute(group, attr, value) {
                check.refusals.push(Refusal {
                    vcpu: 0,
                    place: Place::Attribute { group, attr },
                    value: Value::from(value),
                    errno: errno.0,
                    bits: has.map_or(0, |has| differing(has, value)),
                    together: false,
                    has,
                });
            }
        }
    }
    meter.part("done");
    check.ioctls = backend.ioctls();
    Ok((check, vm))
}

/// A scratch VM for a state, to which nothing is written yet but the vector lengths.
pub(crate) fn begin<'b>(
    backend: &'b dyn Backend,
    state: &State,
    options: &CheckOptions,
) -> Result<(Check, Box<dyn ScratchVm + 'b>), Error> {
    let most = usize::try_from(backend.check_extension(caps::MAX_VCPUS)).unwrap_or(0).max(1);
    let vcpus = state.vcpus.len();
    if vcpus == 0 || vcpus > most {
        return Err(Error::Vcpus { vcpus, most });
    }
    let mut check = Check {
        way: way(backend, options)?,
        features: Vec::new(),
        written: 0,
        refusals: Vec::new(),
        misreads: Vec::new(),
        lacks: Vec::new(),
        ioctls: 0,
    };
    let vm = scratch(backend, state, options, &mut check)?;
    Ok((check, vm))
}

/// The way that the host has.
fn way(backend: &dyn Backend, options: &CheckOptions) -> Result<Way, Error> {
    if options.way == Way::Registers {
        return Ok(Way::Registers);
    }
    if backend.migration().contains(Migration::VM_CONFIG) {
        return Ok(Way::Set);
    }
    match options.way {
        Way::Set => Err(Error::NoVmConfig),
        _ => Ok(Way::Registers),
    }
}

fn scratch<'b>(
    backend: &'b dyn Backend,
    state: &State,
    options: &CheckOptions,
    check: &mut Check,
) -> Result<Box<dyn ScratchVm + 'b>, Error> {
    let named = state.needs();
    let named = named.as_ref().or(options.features.as_ref());
    let bits = match named {
        Some(list) => features::bits(list)? | PSCI_0_2,
        None => infer(state),
    };
    let says = |name: &str| named.is_some_and(|list| list.iter().any(|n| n == name));
    let vgic = match &state.vgic {
        Some(vgic) => Some(vgic.model),
        None if says(VGIC_V3) => Some(VgicModel::V3),
        None if says(VGIC_V2) => Some(VgicModel::V2),
        None => None,
    };
    let lengths = state.vcpus.first().and_then(|vcpu| vcpu.get(SVE_VLS));
    let mut spec = Spec {
        features: bits,
        vcpus: state.vcpus.len(),
        unfinished: false,
        vector_lengths: lengths.and_then(|value| value.to_le_bytes(64)),
        impl_id_regs: options.impl_id_regs
            && backend.check_extension(caps::WRITABLE_IMP_ID_REGS) > 0,
        vgic,
        migration: match check.way {
            Way::Set => Migration::VM_CONFIG,
            _ => Migration::NONE,
        },
    };
    check.features = features::names(bits);
    // What a VM can do without is left out and reported.
    loop {
        let Refused { what, errno } = match vgic::new_vm(backend, &spec) {
            Ok(vm) => return Ok(vm),
            Err(refused) => refused,
        };
        if what == "KVM_REG_ARM64_SVE_VLS" && spec.vector_lengths.is_some() {
            spec.vector_lengths = None;
            check.refusals.push(Refusal {
                vcpu: 0,
                place: Place::Register(SVE_VLS),
                value: lengths.cloned().unwrap_or(Value::from(0)),
                errno: errno.0,
                bits: 0,
                together: false,
                has: None,
            });
        } else if spec.vgic.is_some() {
            let name = if spec.vgic == Some(VgicModel::V2) { "GICv2" } else { "GICv3" };
            check.lacks.push(format!("{name}: {what}: {}", errno_name(errno.0)));
            spec.vgic = None;
        } else {
            let features = check.features.clone();
            return Err(Error::Features { features, what, errno: errno.0 });
        }
    }
}

/// The features of a VM that has these registers.
fn infer(state: &State) -> u32 {
    const PMCR_EL0: RegId = RegId::sysreg(3, 3, 9, 12, 0);
    const APIAKEYLO_EL1: RegId = RegId::sysreg(3, 0, 2, 1, 0);
    let has = |test: &dyn Fn(RegId) -> bool| {
        state.vcpus.iter().any(|vcpu| vcpu.registers.iter().any(|reg| test(reg.id)))
    };
    let mut bits = PSCI_0_2;
    for (feature, present) in [
        (SVE, has(&|id| id.class() == Class::Sve)),
        (PMU_V3, has(&|id| id == PMCR_EL0)),
        (PTRAUTH, has(&|id| id == APIAKEYLO_EL1)),
        (MTE, state.has_mte()),
    ] {
        if present {
            bits |= feature;
        }
    }
    bits
}

pub(crate) fn write(
    vm: &dyn ScratchVm,
    vcpu: usize,
    id: RegId,
    value: &Value,
) -> Result<(), Errno> {
    let bytes = id.size().and_then(|size| value.to_le_bytes(size)).ok_or(Errno(EINVAL))?;
    vm.set(vcpu, id, &bytes)
}

/// The bits of the digits in which two values differ.
pub(crate) fn differing(a: u64, b: u64) -> u64 {
    (0..DIGITS).filter(|&n| nibble(a, n) != nibble(b, n)).map(|n| 15 << (4 * n)).sum()
}

/// Finds the digits that are refused, by writing each of them alone.
pub(crate) fn explain(
    vm: &dyn ScratchVm,
    vcpu: usize,
    id: RegId,
    value: &Value,
    errno: Errno,
) -> Refusal {
    let place = Place::Register(id);
    let mut refusal = Refusal {
        vcpu,
        place,
        value: value.clone(),
        errno: errno.0,
        bits: 0,
        together: false,
        has: vm.get64(vcpu, id).ok(),
    };
    let (Some(has), Some(value)) = (refusal.has, value.as_u64()) else { return refusal };
    if id.class() == Class::Firmware {
        // A version or a state: its digits are no fields.
        refusal.bits = differing(has, value);
        return refusal;
    }
    let digits: Vec<usize> = (0..DIGITS).filter(|&n| nibble(has, n) != nibble(value, n)).collect();
    for &n in &digits {
        if vm.set64(vcpu, id, with_digit(has, n, nibble(value, n))).is_err() {
            refusal.bits |= 15 << (4 * n);
        } else {
            // Refused it stays as it is, which shows in what is read at the end.
            let _ = vm.set64(vcpu, id, has);
        }
    }
    if refusal.bits == 0 {
        refusal.together = true;
        let mut sum = has;
        for &n in &digits {
            sum = with_digit(sum, n, nibble(value, n));
            if vm.set64(vcpu, id, sum).is_err() {
                refusal.bits = 15 << (4 * n);
                break;
            }
        }
        let _ = vm.set64(vcpu, id, has);
    }
    refusal
}
