// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The calls, on the file descriptors of kvm-ioctls.

#![allow(unsafe_code)] // with a reason

use std::os::fd::AsRawFd;

use kvm_bindings::{kvm_enable_cap, KVMIO};
use kvm_ioctls::{Kvm, VcpuFd, VmFd};
use vmm_sys_util::errno::Error as SysError;
use vmm_sys_util::ioctl::ioctl_with_mut_ref;
use vmm_sys_util::ioctl_iowr_nr;

use super::abi::{Entry, Op, Request, CAP};
use super::{Config, ConfigError, Migration, Reading};
use crate::backend::Errno;

ioctl_iowr_nr!(KVM_ARM_VM_CONFIG, KVMIO, 0xf3, Request);

mod sealed {
    pub trait Sealed: std::os::fd::AsRawFd {}

    impl Sealed for kvm_ioctls::VmFd {}
    impl Sealed for kvm_ioctls::VcpuFd {}
}

/// A file descriptor that has the configuration: a VM's or a vCPU's.
pub trait ConfigFd: sealed::Sealed {}

impl ConfigFd for VmFd {}
impl ConfigFd for VcpuFd {}

/// What VMs of this host can opt in to: [`Migration::NONE`] on a kernel that does not know it.
pub fn available(kvm: &Kvm) -> Migration {
    found(kvm.check_extension_raw(CAP.into()))
}

/// What a VM has opted in to.
pub fn opted_in(vm: &VmFd) -> Migration {
    found(vm.check_extension_raw(CAP.into()))
}

fn found(answer: i32) -> Migration {
    // A bit mask, unless it is an error.
    Migration::from_bits(u32::try_from(answer).unwrap_or(0))
}

/// Lets a VM opt in, in addition to what it has, before its first vCPU is created.
///
/// # Errors
///
/// The error number: `EINVAL` if the host does not have one of `set`, or if there is a vCPU.
pub fn opt_in(vm: &VmFd, set: Migration) -> Result<(), SysError> {
    let args = [set.bits().into(), 0, 0, 0];
    vm.enable_cap(&kvm_enable_cap { cap: CAP, args, ..Default::default() })
}

/// Lists and reads the configuration of a VM.
///
/// # Errors
///
/// [`ConfigError::Call`] with `EINVAL` if the VM has not opted in to [`Migration::VM_CONFIG`], or
/// [`ConfigError::Busy`].
pub fn get(fd: &impl ConfigFd) -> Result<Vec<Reading>, ConfigError> {
    super::read(&|op, flags, entries| call(fd, op, flags, entries))
}

impl Config {
    /// Says what [`Config::set`] would do now, and changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Config::set`].
    pub fn check(&self, fd: &impl ConfigFd) -> Result<(), ConfigError> {
        self.ask(Op::Check, &|op, flags, entries| call(fd, op, flags, entries))
    }

    /// Sets all of it, or nothing.
    ///
    /// Registers that it does not name keep their values.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Refused`] with the entries that are refused. If the VM has not opted in to
    /// [`Migration::VM_CONFIG`], [`ConfigError::Call`] with `EINVAL`.
    pub fn set(&self, fd: &impl ConfigFd) -> Result<(), ConfigError> {
        self.ask(Op::Set, &|op, flags, entries| call(fd, op, flags, entries))
    }
}

/// Makes a request.
pub(crate) fn call(
    fd: &impl AsRawFd,
    op: Op,
    flags: u32,
    entries: &mut [Entry],
) -> Result<usize, (Errno, usize)> {
    let n = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let mut request = Request::new(op, flags, n, entries.as_mut_ptr() as u64);
    // SAFETY: `request` is what the call takes. The kernel reads and writes at most `n` entries of
    // 64 bytes at the address of `entries`, which has so many, is not borrowed meanwhile, and may
    // have any bytes.
    let status = unsafe { ioctl_with_mut_ref(fd, KVM_ARM_VM_CONFIG(), &mut request) };
    let n = request.n as usize;
    if status == 0 {
        Ok(n)
    } else {
        Err((Errno(SysError::last().errno()), n))
    }
}
