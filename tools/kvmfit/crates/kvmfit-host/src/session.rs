// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Scratch VMs that can be had anew, and their registers as targets.

use std::collections::BTreeMap;

use kvmfit::id::{RegId, SVE_VLS};
use kvmfit::takes::DIGITS;
use kvmfit::value::Value;

use crate::backend::{Backend, Errno, Refused, ScratchVm, Spec, EINVAL};
use crate::error::Error;
use crate::target::Target;
use crate::vgic;

/// A scratch VM that can be had anew.
pub(crate) struct Session<'b> {
    backend: &'b dyn Backend,
    pub(crate) spec: Spec,
    pub(crate) vm: Box<dyn ScratchVm + 'b>,
    /// Written into each new VM.
    pub(crate) also: Vec<(RegId, u64)>,
}

impl<'b> Session<'b> {
    pub(crate) fn new(backend: &'b dyn Backend, spec: Spec) -> Result<Self, Refused> {
        let vm = vgic::new_vm(backend, &spec)?;
        Ok(Self { backend, spec, vm, also: Vec::new() })
    }

    pub(crate) fn renew(&mut self) -> Result<(), Error> {
        self.vm = vgic::new_vm(self.backend, &self.spec).map_err(Refused::or_error)?;
        for &(id, value) in &self.also {
            // Was accepted before. If it is not now, what is measured shows it.
            let _ = self.vm.set64(0, id, value);
        }
        Ok(())
    }

    /// The values of `ids` in vCPU 0, without those that cannot be read.
    pub(crate) fn values(&self, ids: &[RegId]) -> BTreeMap<RegId, u64> {
        ids.iter().filter_map(|&id| Some((id, self.vm.get64(0, id).ok()?))).collect()
    }
}

/// A register of at most 64 bits.
pub(crate) struct RegisterTarget<'s, 'b> {
    pub(crate) session: &'s mut Session<'b>,
    pub(crate) id: RegId,
    pub(crate) vcpu: usize,
    pub(crate) careful: bool,
}

impl Target for RegisterTarget<'_, '_> {
    fn digits(&self) -> usize {
        self.id.size().map_or(0, |size| (2 * size).min(DIGITS))
    }

    fn read(&mut self) -> Result<u64, Errno> {
        self.session.vm.get64(self.vcpu, self.id)
    }

    fn write(&mut self, value: u64) -> Result<(), Errno> {
        self.session.vm.set64(self.vcpu, self.id, value)
    }

    fn renew(&mut self) -> Result<(), Error> {
        self.session.renew()
    }

    fn is_sticky(&self) -> bool {
        self.careful
    }
}

/// The vector lengths: one 512-bit register, of which no host has bits above 15.
pub(crate) struct VectorLengths<'s, 'b> {
    pub(crate) session: &'s mut Session<'b>,
    pub(crate) vcpu: usize,
}

impl Target for VectorLengths<'_, '_> {
    fn digits(&self) -> usize {
        4
    }

    fn read(&mut self) -> Result<u64, Errno> {
        let mut bytes = [0; 64];
        self.session.vm.get(self.vcpu, SVE_VLS, &mut bytes)?;
        Value::from_le_bytes(&bytes).and_then(|value| value.as_u64()).ok_or(Errno(EINVAL))
    }

    fn write(&mut self, value: u64) -> Result<(), Errno> {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&value.to_le_bytes());
        self.session.vm.set(self.vcpu, SVE_VLS, &bytes)
    }

    fn renew(&mut self) -> Result<(), Error> {
        self.session.renew()
    }
}
