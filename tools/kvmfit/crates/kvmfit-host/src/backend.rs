// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What the measurements ask of a host. There are two: `/dev/kvm`, and a model for tests.

use kvmfit::id::RegId;
use kvmfit::state::VgicModel;

use crate::error::Error;
use crate::vm_config::abi::{Entry, Op};
use crate::vm_config::{self, Migration};

/// An error number of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

#[cfg(test)]
pub(crate) const ENOENT: i32 = 2;
pub(crate) const EINVAL: i32 = 22;

/// A scratch VM to be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    /// `KVM_ARM_VCPU_…`, a bit each, and [`MTE`](crate::features::MTE).
    pub(crate) features: u32,
    pub(crate) vcpus: usize,
    /// Leave the last vCPU as it is before `KVM_ARM_VCPU_FINALIZE`.
    pub(crate) unfinished: bool,
    /// The vector lengths to be set before `KVM_ARM_VCPU_FINALIZE`.
    pub(crate) vector_lengths: Option<Vec<u8>>,
    /// Enable `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS`.
    pub(crate) impl_id_regs: bool,
    pub(crate) vgic: Option<VgicModel>,
    /// What the VM opts in to.
    pub(crate) migration: Migration,
}

/// Which call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) what: &'static str,
    pub(crate) errno: Errno,
}

pub(crate) trait Backend {
    fn kernel(&self) -> String;
    fn page_size(&self) -> u32;
    fn check_extension(&self, number: u32) -> i32;
    /// What a VM can opt in to.
    fn migration(&self) -> Migration {
        let bits = self.check_extension(vm_config::abi::CAP);
        Migration::from_bits(u32::try_from(bits).unwrap_or(0))
    }
    fn new_vm(&self, spec: &Spec) -> Result<Box<dyn ScratchVm + '_>, Refused>;
    /// How many system calls were made.
    fn ioctls(&self) -> u64;
    /// How many scratch VMs were made.
    fn vms(&self) -> u64;
}

pub(crate) trait ScratchVm {
    fn list(&self, vcpu: usize) -> Result<Vec<RegId>, Errno>;
    /// The value of a register; its size is that of its number.
    fn get(&self, vcpu: usize, id: RegId, value: &mut [u8]) -> Result<(), Errno>;
    fn set(&self, vcpu: usize, id: RegId, value: &[u8]) -> Result<(), Errno>;
    fn attribute(&self, group: u32, attr: u64) -> Result<u64, Errno>;
    fn set_attribute(&self, group: u32, attr: u64, value: u64) -> Result<(), Errno>;
    /// The writable masks of range 0, by their index.
    fn masks(&self) -> Result<Vec<u64>, Errno>;
    /// `KVM_ARM_VM_CONFIG`: the number of registers, which is also there with `E2BIG`.
    fn config(&self, op: Op, flags: u32, entries: &mut [Entry]) -> Result<usize, (Errno, usize)>;
    /// Lets the VM run, for one hypercall of vCPU 0: x0 to x3 as the guest finds them.
    fn hypercall(&mut self, id: u32, args: &[u64]) -> Result<[u64; 4], Refused>;
}

impl dyn ScratchVm + '_ {
    /// The value of a register of at most 64 bits.
    pub(crate) fn get64(&self, vcpu: usize, id: RegId) -> Result<u64, Errno> {
        let size = small(id)?;
        let mut bytes = [0; 8];
        self.get(vcpu, id, &mut bytes[..size])?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// As `get64`. Bits above the register's size must be 0.
    pub(crate) fn set64(&self, vcpu: usize, id: RegId, value: u64) -> Result<(), Errno> {
        let size = small(id)?;
        let bytes = value.to_le_bytes();
        if bytes[size..].iter().any(|&byte| byte != 0) {
            return Err(Errno(EINVAL));
        }
        self.set(vcpu, id, &bytes[..size])
    }
}

fn small(id: RegId) -> Result<usize, Errno> {
    id.size().filter(|&size| size <= 8).ok_or(Errno(EINVAL))
}

impl Refused {
    pub(crate) fn or_error(self) -> Error {
        Error::call(self.what, self.errno)
    }
}
