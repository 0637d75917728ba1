// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The interrupt controllers that the host emulates.

use kvmfit::dump::{Attribute, Vgic};
use kvmfit::explain::errno_name;
use kvmfit::state::VgicModel;
use kvmfit::takes::Takes;

use crate::backend::{Backend, Errno, Refused, ScratchVm, Spec};
use crate::digits;
use crate::error::Error;
use crate::features::PSCI_0_2;
use crate::meter::Meter;
use crate::target::Target;

pub(crate) const GRP_ADDR: u32 = 0;
pub(crate) const GRP_DIST_REGS: u32 = 1;
const GRP_CPU_REGS: u32 = 2;
pub(crate) const GRP_NR_IRQS: u32 = 3;
pub(crate) const GRP_CTRL: u32 = 4;
const GRP_REDIST_REGS: u32 = 5;
pub(crate) const GRP_CPU_SYSREGS: u32 = 6;
pub(crate) const GRP_ITS_REGS: u32 = 8;

const GICD_TYPER: u64 = 4;
const GICD_IIDR: u64 = 8;
const GICD_TYPER2: u64 = 0xc;
const GICC_CTLR: u64 = 0;
const GICC_PMR: u64 = 4;
const GICC_BPR: u64 = 8;
const GICC_ABPR: u64 = 0x1c;
const GICC_IIDR: u64 = 0xfc;
const GICR_IIDR: u64 = 4;
const GICR_TYPER: u64 = 8;

const fn sysreg(op0: u64, op1: u64, crn: u64, crm: u64, op2: u64) -> u64 {
    op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
}

const ICC_PMR_EL1: u64 = sysreg(3, 0, 4, 6, 0);
const ICC_BPR0_EL1: u64 = sysreg(3, 0, 12, 8, 3);
const ICC_BPR1_EL1: u64 = sysreg(3, 0, 12, 12, 3);
const ICC_CTLR_EL1: u64 = sysreg(3, 0, 12, 12, 4);
const ICC_SRE_EL1: u64 = sysreg(3, 0, 12, 12, 5);

/// The attributes that configure a VM, and how many digits have fields: what these take is
/// measured.
pub(crate) fn attributes(model: VgicModel) -> &'static [(u32, u64, usize)] {
    match model {
        VgicModel::V2 => &[
            (GRP_DIST_REGS, GICD_TYPER, 0),
            (GRP_DIST_REGS, GICD_IIDR, 8),
            (GRP_CPU_REGS, GICC_CTLR, 3),
            (GRP_CPU_REGS, GICC_PMR, 2),
            (GRP_CPU_REGS, GICC_BPR, 1),
            (GRP_CPU_REGS, GICC_ABPR, 1),
            (GRP_CPU_REGS, GICC_IIDR, 0),
        ],
        _ => &[
            (GRP_DIST_REGS, GICD_TYPER, 0),
            (GRP_DIST_REGS, GICD_IIDR, 8),
            (GRP_DIST_REGS, GICD_TYPER2, 0),
            (GRP_REDIST_REGS, GICR_IIDR, 0),
            (GRP_REDIST_REGS, GICR_TYPER, 0),
            (GRP_CPU_SYSREGS, ICC_PMR_EL1, 2),
            (GRP_CPU_SYSREGS, ICC_BPR0_EL1, 1),
            (GRP_CPU_SYSREGS, ICC_BPR1_EL1, 1),
            (GRP_CPU_SYSREGS, ICC_CTLR_EL1, 5),
            (GRP_CPU_SYSREGS, ICC_SRE_EL1, 1),
        ],
    }
}

/// The simplest VM with an interrupt controller.
pub(crate) fn spec(model: VgicModel) -> Spec {
    Spec { features: PSCI_0_2, vcpus: 1, vgic: Some(model), ..Spec::default() }
}

/// A VM, with the interrupt controller of `spec` ready for use.
pub(crate) fn new_vm<'b>(
    backend: &'b dyn Backend,
    spec: &Spec,
) -> Result<Box<dyn ScratchVm + 'b>, Refused> {
    let vm = backend.new_vm(spec)?;
    if let Some(model) = spec.vgic {
        let set = |what, group, attr, value| {
            vm.set_attribute(group, attr, value).map_err(|errno| Refused { what, errno })
        };
        // Anywhere above where memory could be.
        let (distributor, cpus) = match model {
            VgicModel::V2 => (0, 1),
            _ => (2, 3),
        };
        set("KVM_DEV_ARM_VGIC_GRP_ADDR", GRP_ADDR, distributor, 0x0800_0000)?;
        set("KVM_DEV_ARM_VGIC_GRP_ADDR", GRP_ADDR, cpus, 0x0900_0000)?;
        set("KVM_DEV_ARM_VGIC_GRP_NR_IRQS", GRP_NR_IRQS, 0, 64)?;
        set("KVM_DEV_ARM_VGIC_CTRL_INIT", GRP_CTRL, 0, 0)?;
    }
    Ok(vm)
}

struct AttributeTarget<'b> {
    backend: &'b dyn Backend,
    vm: Box<dyn ScratchVm + 'b>,
    spec: Spec,
    group: u32,
    attr: u64,
    digits: usize,
}

impl Target for AttributeTarget<'_> {
    fn digits(&self) -> usize {
        self.digits
    }

    fn read(&mut self) -> Result<u64, Errno> {
        self.vm.attribute(self.group, self.attr)
    }

    fn write(&mut self, value: u64) -> Result<(), Errno> {
        self.vm.set_attribute(self.group, self.attr, value)
    }

    fn renew(&mut self) -> Result<(), Error> {
        self.vm = new_vm(self.backend, &self.spec).map_err(Refused::or_error)?;
        Ok(())
    }

    // ICC_CTLR_EL1 keeps what it took before it refused a later field.
    fn is_sticky(&self) -> bool {
        true
    }
}

pub(crate) fn measure(
    backend: &dyn Backend,
    lacks: &mut Vec<String>,
    meter: &mut Meter<'_>,
) -> Result<Vec<Vgic>, Error> {
    let mut found = Vec::new();
    for model in [VgicModel::V2, VgicModel::V3] {
        let name = if model == VgicModel::V2 { "GICv2" } else { "GICv3" };
        let spec = spec(model);
        let vm = match new_vm(backend, &spec) {
            Ok(vm) => vm,
            Err(Refused { what, errno }) => {
                lacks.push(format!("{name}: {what}: {}", errno_name(errno.0)));
                continue;
            }
        };
        let mut vgic = Vgic::new(model);
        let mut target = AttributeTarget { backend, vm, spec, group: 0, attr: 0, digits: 0 };
        let attributes = attributes(model);
        for (n, &(group, attr, digits)) in attributes.iter().enumerate() {
            meter.step(name, n, 2 * attributes.len());
            (target.group, target.attr, target.digits) = (group, attr, digits);
            let value = match target.read() {
                Ok(value) => value,
                Err(errno) => {
                    let errno = errno_name(errno.0);
                    lacks.push(format!("{name}: group {group} attribute {attr:#x}: {errno}"));
                    continue;
                }
            };
            let mut attribute = Attribute::new(group, attr, value);
            if digits > 0 {
                let digits = digits::measure(&mut target, value, attr)?;
                attribute.takes = Some(Takes::Digits(digits));
                target.renew()?;
            }
            vgic.attributes.push(attribute);
        }
        found.push(vgic);
    }
    meter.part("interrupt controllers");
    Ok(found)
}
