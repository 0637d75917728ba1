// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The dump of a host.

use std::collections::{BTreeMap, BTreeSet};

use kvmfit::dump::{Dump, Host, RegTakes, Register, Scope, Vgic, Vm, VGIC_V2, VGIC_V3};
use kvmfit::explain::errno_name;
use kvmfit::id::{Class, RegId, SVE_VLS};
use kvmfit::state::VgicModel;
use kvmfit::takes::{DigitSet, Takes, DIGITS};
use kvmfit::value::{Hex, Value};

use crate::backend::{Backend, Errno, Refused, Spec};
use crate::error::Error;
use crate::features::{self, PSCI_0_2, SVE};
use crate::meter::Meter;
use crate::session::{RegisterTarget, Session, VectorLengths};
use crate::target::Target;
use crate::{affects, caps, digits, hypercall, values, vgic};

/// What to measure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The sets of features to measure, by name, or `None` for all that the host has.
    pub features: Option<Vec<Vec<String>>>,
    /// Whether to lower each digit of the ID registers to see what else changes.
    pub affects: bool,
    /// Whether to let a VM run that makes hypercalls.
    pub hypercalls: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { features: None, affects: true, hypercalls: true }
    }
}

impl Options {
    /// All that the host has.
    pub fn new() -> Self {
        Self::default()
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// How much is done.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
    /// What is done now.
    pub what: &'a str,
}

/// A dump, and what it took.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Measured {
    /// The dump.
    pub dump: Dump,
    /// How many system calls it took.
    pub ioctls: u64,
    /// How many scratch VMs were made.
    pub vms: u64,
}

pub(crate) fn measure(
    backend: &dyn Backend,
    options: &Options,
    report: &mut dyn FnMut(&Progress<'_>),
) -> Result<Measured, Error> {
    let (sets, mut lacks) = match &options.features {
        None => features::sets(backend),
        Some(named) => {
            let bits = named.iter().map(|names| Ok(features::bits(names)? | PSCI_0_2));
            (bits.collect::<Result<Vec<u32>, Error>>()?, Vec::new())
        }
    };
    let mut meter = Meter::new(report, 2 * sets.len() + 4);
    let mut host = Host::default();
    host.kernel = backend.kernel();
    host.page_size = backend.page_size();
    host.capabilities = caps::all(backend);
    let ipa_bits = backend.check_extension(caps::VM_IPA_SIZE);
    host.ipa_bits = u32::try_from(ipa_bits).ok().filter(|&bits| bits > 0).unwrap_or(40);

    let controllers = vgic::measure(backend, &mut lacks, &mut meter)?;
    let mut dump = Dump::new(env!("CARGO_PKG_VERSION"), host);
    let mut models: Vec<VgicModel> = controllers.iter().map(|vgic| vgic.model).collect();
    for (n, &set) in sets.iter().enumerate() {
        measure_set(backend, options, (set, None), &mut dump, &mut lacks, &mut meter)?;
        meter.more(2 * models.len());
        let mut differing = Vec::new();
        for &model in &models {
            let kind = (set, Some(model));
            if measure_set(backend, options, kind, &mut dump, &mut lacks, &mut meter)? {
                differing.push(model);
            }
        }
        // An interrupt controller that makes no difference makes none with other features, too.
        if n == 0 {
            models = differing;
        }
    }
    dump.vgic = controllers;
    if let Some(midr) = dump.vms.first().and_then(|vm| vm.register(RegId::sysreg(3, 0, 0, 0, 0))) {
        dump.host.midr = Hex(midr.value.as_u64().unwrap_or(0));
    }
    dump.impl_id_regs = impl_id_regs(backend, &mut lacks)?;
    meter.part("masks");
    dump.masks = masks(backend, &mut lacks)?;
    meter.part("hypercalls");
    if options.hypercalls {
        dump.hypercalls = hypercall::measure(backend, &mut lacks)?;
    } else {
        lacks.push("hypercalls: not measured, by option".to_string());
    }
    meter.part("done");
    dump.host.lacks = lacks;
    Ok(Measured { dump, ioctls: backend.ioctls(), vms: backend.vms() })
}

fn spec(set: u32, vgic: Option<VgicModel>) -> Spec {
    let unfinished = set & SVE != 0;
    let vcpus = if unfinished { 3 } else { 2 };
    Spec { features: set, vcpus, unfinished, vgic, ..Spec::default() }
}

/// Adds the VM with these features and this interrupt controller of the kernel; says whether the
/// latter makes a difference. A VM that is like the one without is left out.
fn measure_set(
    backend: &dyn Backend,
    options: &Options,
    (set, model): (u32, Option<VgicModel>),
    dump: &mut Dump,
    lacks: &mut Vec<String>,
    meter: &mut Meter<'_>,
) -> Result<bool, Error> {
    let mut vm = named(set, model);
    let what = vm.features.join(", ");
    let mut session = match Session::new(backend, spec(set, model)) {
        Ok(session) => session,
        Err(refused) if model.is_some() => {
            lacks.push(format!("{what}: {}: {}", refused.what, errno_name(refused.errno.0)));
            return Ok(false);
        }
        Err(Refused { what, errno: Errno(errno) }) => {
            return Err(Error::Features { features: vm.features, what, errno });
        }
    };
    vm.registers = registers(&mut session, &what, lacks, meter)?;
    meter.part(&what);
    // Once a VM with the interrupt controller is in the dump, those with it are all there.
    let known = |other: &Vm| model.is_some_and(|model| has(other, model));
    let plain = dump.vms.iter().find(|other| other.features == features::names(set));
    let same = model.is_some() && plain.is_some_and(|plain| alike(&vm, plain));
    if same && !dump.vms.iter().any(known) {
        meter.part(&what);
        return Ok(false);
    }
    if options.affects {
        vm.affects = affects::measure(&mut session, &vm.registers, &what, lacks, meter)?;
    }
    probe_state(&mut session, &mut vm.registers)?;
    meter.part(&what);
    dump.vms.push(vm);
    Ok(model.is_some())
}

/// A VM with these features, of which nothing is known yet.
fn named(set: u32, model: Option<VgicModel>) -> Vm {
    let mut names = features::names(set);
    names.extend(model.map(|model| vgic_name(model).to_string()));
    Vm::new(names)
}

fn vgic_name(model: VgicModel) -> &'static str {
    match model {
        VgicModel::V2 => VGIC_V2,
        _ => VGIC_V3,
    }
}

fn has(vm: &Vm, model: VgicModel) -> bool {
    vm.features.iter().any(|name| name == vgic_name(model))
}

/// Whether VMs have the same registers, and the same in those that configure them. What a new
/// vCPU has in others is chance.
fn alike(a: &Vm, b: &Vm) -> bool {
    let differs = |id: RegId| measured(id) && a.register(id) != b.register(id);
    a.registers.len() == b.registers.len()
        && a.registers.iter().all(|register| b.register(register.id).is_some())
        && !a.registers.iter().any(|register| differs(register.id))
}

pub(crate) fn kinds(backend: &dyn Backend) -> Dump {
    let mut dump = Dump::new(env!("CARGO_PKG_VERSION"), Host::default());
    dump.host.kernel = backend.kernel();
    dump.vms = features::sets(backend).0.into_iter().map(|set| named(set, None)).collect();
    let models = [VgicModel::V2, VgicModel::V3].into_iter();
    let usable = |model: &VgicModel| vgic::new_vm(backend, &vgic::spec(*model)).is_ok();
    dump.vgic = models.filter(usable).map(Vgic::new).collect();
    dump
}

/// Whether it is measured what a register takes.
pub(crate) fn measured(id: RegId) -> bool {
    // Registers of a class that is not known may configure a VM.
    id.configures() || matches!(id.class(), Class::Other(_))
}

fn registers(
    session: &mut Session<'_>,
    what: &str,
    lacks: &mut Vec<String>,
    meter: &mut Meter<'_>,
) -> Result<Vec<Register>, Error> {
    let list = session.vm.list(0).map_err(|errno| Error::call("KVM_GET_REG_LIST", errno))?;
    let mut registers = Vec::with_capacity(list.len());
    for &id in &list {
        let mut bytes = vec![0; id.size().unwrap_or(0)];
        match session.vm.get(0, id, &mut bytes) {
            Ok(()) => {
                let value = Value::from_le_bytes(&bytes).unwrap_or(Value::from(0));
                registers.push(Register::new(id, value));
            }
            Err(errno) => {
                lacks.push(format!("{what}: {id} is listed, and read: {}", errno_name(errno.0)));
            }
        }
    }
    let ids: Vec<RegId> = list.iter().copied().filter(|&id| measured(id)).collect();
    let new = session.values(&ids);
    let count = registers.len();
    for (n, register) in registers.iter_mut().enumerate() {
        meter.step(what, n, count);
        if !measured(register.id) {
            continue;
        }
        let takes = takes(session, register.id, &register.value, Depth::Combined)?;
        if let Some(other) = another(&takes, &register.value) {
            register.scope = scope(session, register.id, &register.value, other)?;
            if session.values(&ids) != new {
                session.renew()?;
            }
        }
        register.takes = Some(takes);
    }
    Ok(registers)
}

/// How well to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Each digit alone.
    Alone,
    /// Combinations, too.
    Combined,
}

/// Which values a register takes.
pub(crate) fn takes(
    session: &mut Session<'_>,
    id: RegId,
    value: &Value,
    depth: Depth,
) -> Result<Takes, Error> {
    let Some(new) = value.as_u64() else { return Ok(Takes::Unknown) };
    if id == SVE_VLS {
        let vcpu = session.spec.vcpus - 1;
        let candidates = vector_lengths(new);
        let mut target = VectorLengths { session, vcpu };
        return values::measure_only(&mut target, new, &candidates).map(Takes::Values);
    }
    if id.size().is_none_or(|size| size > 8) {
        return Ok(Takes::Unknown);
    }
    let mut target = RegisterTarget { session, id, vcpu: 0, careful: false };
    let takes = of_target(&mut target, new, depth)?;
    if target.read() == Ok(new) {
        return Ok(takes);
    }
    // The register cannot be set back to what it was, so what was measured after that is wrong.
    target.careful = true;
    target.renew()?;
    of_target(&mut target, new, depth)
}

fn of_target(target: &mut RegisterTarget<'_, '_>, new: u64, depth: Depth) -> Result<Takes, Error> {
    let id = target.id;
    if id.class() == Class::Firmware {
        let seeds = (0..0x20).chain(0x1_0000..0x1_0010).chain(0x2_0000..0x2_0010);
        if let Some(values) = values::measure(target, new, seeds)? {
            return Ok(Takes::Values(values));
        }
    }
    match depth {
        Depth::Alone => digits::alone(target, new),
        Depth::Combined => digits::measure(target, new, id.raw()),
    }
    .map(Takes::Digits)
}

/// Sets of vector lengths that a CPU may have, by those of this host.
fn vector_lengths(host: u64) -> BTreeSet<u64> {
    let powers = (0..16u32).filter(|vq| (vq + 1).is_power_of_two());
    let mut sets = BTreeSet::from([0, host]);
    let mut sum = 0;
    for bit in powers {
        sum |= 1 << bit;
        sets.insert(sum);
    }
    for bit in 0..16 {
        let up_to = (2u64 << bit) - 1;
        sets.extend([up_to, host & up_to, host ^ 1 << bit]);
    }
    // A host with few lengths is measured wholly.
    if host.count_ones() <= 6 {
        let mut subset = host;
        while subset != 0 {
            sets.insert(subset);
            subset = (subset - 1) & host;
        }
    }
    sets
}

/// An accepted value other than `new` that reads back as it was written.
fn another(takes: &Takes, new: &Value) -> Option<u64> {
    let new = new.as_u64()?;
    match takes {
        Takes::Values(values) => values.values.iter().map(|v| v.0).find(|&value| value != new),
        Takes::Digits(digits) => (0..DIGITS).find_map(|n| {
            let reads = |digit: u8| {
                !digits.stored.iter().any(|s| usize::from(s.digit) == n && s.value == digit)
            };
            let set = digits.digit(n);
            let others = set.values().map(|digit| (digit, digits::with_digit(new, n, digit)));
            others
                .filter(|&(digit, value)| value != new && reads(digit))
                .map(|(_, value)| value)
                .next()
        }),
        _ => None,
    }
}

/// Writes through one vCPU and reads through another.
fn scope(
    session: &mut Session<'_>,
    id: RegId,
    new: &Value,
    other: u64,
) -> Result<Option<Scope>, Error> {
    let (Some(new), Some(size)) = (new.as_u64(), id.size()) else { return Ok(None) };
    if size > 8 || session.vm.set64(0, id, other).is_err() {
        return Ok(None);
    }
    let scope = match (session.vm.get64(0, id), session.vm.get64(1, id)) {
        // Checked and not stored.
        (Ok(own), _) if own != other => None,
        (Ok(_), Ok(seen)) if seen == other => Some(Scope::Vm),
        (Ok(_), Ok(_)) => Some(Scope::Vcpu),
        _ => None,
    };
    if session.vm.set64(0, id, new).is_err() || session.vm.get64(0, id) != Ok(new) {
        session.renew()?;
    }
    Ok(scope)
}

/// State of a vCPU takes any value, by its nature. What does not is measured as well. PSTATE does
/// not, either, but a guest cannot make it have what KVM refuses.
fn probe_state(session: &mut Session<'_>, registers: &mut [Register]) -> Result<(), Error> {
    session.also.clear();
    session.renew()?;
    let mut refusing = Vec::new();
    for (n, register) in registers.iter().enumerate() {
        let size = register.id.size().unwrap_or(0);
        let state = register.id.class() == Class::SysReg && !measured(register.id);
        if !state || !(1..=8).contains(&size) {
            continue;
        }
        let ones = u64::MAX >> (64 - 8 * size);
        if session.vm.set64(0, register.id, ones).is_err() {
            refusing.push(n);
        }
    }
    session.renew()?;
    for n in refusing {
        let register = &mut registers[n];
        // Another VM has another value if it is a counter.
        let Ok(new) = session.vm.get64(0, register.id) else { continue };
        if register.value != Value::from(new) {
            continue;
        }
        register.takes = Some(takes(session, register.id, &register.value, Depth::Combined)?);
    }
    Ok(())
}

/// MIDR, REVIDR and AIDR.
pub(crate) const IMPLEMENTATION_IDS: [RegId; 3] =
    [RegId::sysreg(3, 0, 0, 0, 0), RegId::sysreg(3, 0, 0, 0, 6), RegId::sysreg(3, 1, 0, 0, 7)];

/// MIDR, REVIDR and AIDR, in a VM in which they can be written.
fn impl_id_regs(backend: &dyn Backend, lacks: &mut Vec<String>) -> Result<Vec<RegTakes>, Error> {
    if backend.check_extension(caps::WRITABLE_IMP_ID_REGS) <= 0 {
        lacks.push(format!(
            "writable MIDR, REVIDR, AIDR: {} is 0",
            caps::name(caps::WRITABLE_IMP_ID_REGS)
        ));
        return Ok(Vec::new());
    }
    let spec = Spec { features: PSCI_0_2, vcpus: 1, impl_id_regs: true, ..Spec::default() };
    let mut session = match Session::new(backend, spec) {
        Ok(session) => session,
        Err(refused) => {
            let errno = errno_name(refused.errno.0);
            lacks.push(format!("writable MIDR, REVIDR, AIDR: {}: {errno}", refused.what));
            return Ok(Vec::new());
        }
    };
    let mut measured = Vec::new();
    for id in IMPLEMENTATION_IDS {
        if let Ok(new) = session.vm.get64(0, id) {
            let takes = takes(&mut session, id, &Value::from(new), Depth::Combined)?;
            measured.push(RegTakes { id, takes });
        }
    }
    Ok(measured)
}

type Masks = BTreeMap<String, BTreeMap<RegId, Hex>>;

fn masks(backend: &dyn Backend, lacks: &mut Vec<String>) -> Result<Option<Masks>, Error> {
    let ranges = backend.check_extension(caps::REG_MASK_RANGES);
    let name = caps::name(caps::REG_MASK_RANGES);
    if ranges <= 0 {
        lacks.push(format!("writable masks: {name} is 0"));
        return Ok(None);
    }
    for range in (1..31).filter(|range| ranges >> range & 1 == 1) {
        lacks.push(format!("writable masks: range {range} is newer than kvmfit"));
    }
    let vm = backend
        .new_vm(&Spec { features: PSCI_0_2, vcpus: 1, ..Spec::default() })
        .map_err(Refused::or_error)?;
    match vm.masks() {
        Ok(masks) => {
            let ids = masks.iter().enumerate().filter(|(_, &mask)| mask != 0);
            let range = ids.map(|(index, &mask)| (id_of_mask(index), Hex(mask))).collect();
            Ok(Some(BTreeMap::from([("range 0".to_string(), range)])))
        }
        Err(errno) => {
            lacks.push(format!("KVM_ARM_GET_REG_WRITABLE_MASKS: {}", errno_name(errno.0)));
            Ok(None)
        }
    }
}

/// The register of a place in the array that `KVM_ARM_GET_REG_WRITABLE_MASKS` fills.
#[allow(clippy::cast_possible_truncation)] // at most 7 each
fn id_of_mask(index: usize) -> RegId {
    let op1 = [0, 1, 3][(index >> 6).min(2)];
    RegId::sysreg(3, op1, 0, (index >> 3 & 7) as u8, (index & 7) as u8)
}

/// Whether two measurements say the same of which digits or values are taken.
pub(crate) fn same(a: &Takes, b: &Takes) -> bool {
    let sets = |takes: &Takes| match takes {
        Takes::Digits(digits) => digits.digits.to_vec(),
        _ => Vec::<DigitSet>::new(),
    };
    match (a, b) {
        (Takes::Values(a), Takes::Values(b)) => a.values == b.values,
        _ => sets(a) == sets(b),
    }
}
