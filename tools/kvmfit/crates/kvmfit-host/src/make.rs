// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The state of a VM that was configured and never ran.

use kvmfit::id::RegId;
use kvmfit::state::{Format, Origin, Reg, State, Vcpu, VgicAttribute, VgicModel, VgicState};
use kvmfit::template::Template;
use kvmfit::value::Value;

use crate::backend::{Backend, Errno, Refused, ScratchVm, Spec, EINVAL};
use crate::caps;
use crate::error::Error;
use crate::features::{self, PSCI_0_2, VGIC_V2, VGIC_V3};
use crate::measure::IMPLEMENTATION_IDS;
use crate::vgic;

pub(crate) fn make(
    backend: &dyn Backend,
    names: &[String],
    template: &Template,
) -> Result<State, Error> {
    let names: Vec<&str> = names.iter().chain(&template.features).map(String::as_str).collect();
    let bits = features::bits(&names)? | PSCI_0_2;
    // Registers that are writable only on demand: a VM that does not change them is as any other.
    let changes = |id: &RegId| template.registers.iter().any(|modifier| modifier.id == *id);
    let spec = Spec {
        features: bits,
        vcpus: 1,
        impl_id_regs: IMPLEMENTATION_IDS.iter().any(changes)
            && backend.check_extension(caps::WRITABLE_IMP_ID_REGS) > 0,
        vgic: if names.contains(&VGIC_V3) {
            Some(VgicModel::V3)
        } else if names.contains(&VGIC_V2) {
            Some(VgicModel::V2)
        } else {
            None
        },
        ..Spec::default()
    };
    let vm = vgic::new_vm(backend, &spec).map_err(|Refused { what, errno }| {
        let features = names.iter().map(|name| (*name).to_string()).collect();
        Error::Features { features, what, errno: errno.0 }
    })?;
    for modifier in &template.registers {
        let id = modifier.id;
        let refused = |value, errno: Errno| Error::Template { id, value, errno: errno.0 };
        let old = read(&*vm, id).map_err(|errno| refused(Value::from(0), errno))?;
        let new = modifier.apply(&old).ok_or_else(|| refused(old, Errno(EINVAL)))?;
        let bytes = id.size().and_then(|size| new.to_le_bytes(size));
        let written = match &bytes {
            Some(bytes) => vm.set(0, id, bytes),
            None => Err(Errno(EINVAL)),
        };
        written.map_err(|errno| refused(new, errno))?;
    }
    let mut origin = Origin::new(Format::State);
    origin.kernel = Some(backend.kernel());
    let mut state = State::new(origin);
    state.features = Some(features::names(bits));
    let list = vm.list(0).map_err(|errno| Error::call("KVM_GET_REG_LIST", errno))?;
    let registers = list.iter().filter_map(|&id| Some(Reg::new(id, read(&*vm, id).ok()?)));
    state.vcpus.push(Vcpu { registers: registers.collect() });
    state.vgic = spec.vgic.map(|model| VgicState { model, attributes: attributes(&*vm, model) });
    Ok(state)
}

fn read(vm: &dyn ScratchVm, id: RegId) -> Result<Value, Errno> {
    let mut bytes = vec![0; id.size().unwrap_or(0)];
    vm.get(0, id, &mut bytes)?;
    Value::from_le_bytes(&bytes).ok_or(Errno(EINVAL))
}

/// The attributes that configure the VM; of a kernel that lacks one it is left out.
fn attributes(vm: &dyn ScratchVm, model: VgicModel) -> Vec<VgicAttribute> {
    let attributes = vgic::attributes(model).iter();
    attributes
        .filter_map(|&(group, attr, _)| {
            let value = vm.attribute(group, attr).ok()?;
            Some(VgicAttribute { group, attr, value })
        })
        .collect()
}
