// SPDX-License-Identifier: Apache-2.0 OR MIT

//! `/dev/kvm`.

#![allow(unsafe_code)] // each with a reason

use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};
use std::cell::{Cell, OnceCell};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use kvm_bindings::{
    kvm_create_device, kvm_device_attr, kvm_enable_cap, kvm_userspace_memory_region, kvm_vcpu_init,
    reg_mask_range, RegList,
};
use kvm_ioctls::{DeviceFd, VcpuExit, VcpuFd, VmFd};
use kvmfit::id::{RegId, SVE_VLS};
use kvmfit::state::VgicModel;
use vmm_sys_util::errno::Error as SysError;
use vmm_sys_util::ioctl::ioctl_with_mut_ref;
use vmm_sys_util::ioctl_ior_nr;

use crate::backend::{Backend, Errno, Refused, ScratchVm, Spec, EINVAL};
use crate::caps;
use crate::error::Error;
use crate::features::{MTE, SVE};
use crate::vgic;
use crate::vm_config::abi::{Entry, Op};
use crate::vm_config::{self, Migration};

/// `KVM_REG_LIST` of kvm-bindings has room for so many.
const MOST_REGISTERS: usize = 500;
const API_VERSION: i32 = 12;
const DEFAULT_IPA_BITS: u64 = 40;
/// `KVM_ARM_VCPU_SVE`, as `KVM_ARM_VCPU_FINALIZE` takes it.
const FINALIZE_SVE: i32 = 4;

// kvm-ioctls has no call for it.
ioctl_ior_nr!(KVM_ARM_GET_REG_WRITABLE_MASKS, kvm_bindings::KVMIO, 0xb6, reg_mask_range);
/// `KVM_ARM_FEATURE_ID_RANGE_SIZE`: three op1 times eight `CRm` times eight op2.
const MASKS: usize = 3 * 8 * 8;

pub(crate) struct Kvm {
    device: kvm_ioctls::Kvm,
    ioctls: Cell<u64>,
    vms: Cell<u64>,
    target: OnceCell<kvm_vcpu_init>,
}

impl Kvm {
    pub(crate) fn open() -> Result<Self, Error> {
        let kvm = kvm_ioctls::Kvm::new().map_err(|error| match error.errno() {
            libc::ENOENT | libc::ENODEV | libc::ENXIO => Error::NoDevice,
            libc::EACCES | libc::EPERM => Error::Permission,
            errno => Error::Open { errno },
        })?;
        match kvm.get_api_version() {
            API_VERSION => {}
            version => return Err(Error::ApiVersion { version }),
        }
        Ok(Self { device: kvm, ioctls: Cell::new(2), vms: Cell::new(0), target: OnceCell::new() })
    }
}

fn count(ioctls: &Cell<u64>) {
    ioctls.set(ioctls.get() + 1);
}

fn errno(error: SysError) -> Errno {
    Errno(error.errno())
}

impl Backend for Kvm {
    fn kernel(&self) -> String {
        let mut names = MaybeUninit::<libc::utsname>::zeroed();
        // SAFETY: `names` is a `utsname` that may be written.
        if unsafe { libc::uname(names.as_mut_ptr()) } != 0 {
            return String::new();
        }
        // SAFETY: All zeroes is a `utsname`, and so is what uname() has written.
        let names = unsafe { names.assume_init() };
        // SAFETY: uname() ends each name with a 0 within its array, which lives until the end of
        // this function.
        let release = unsafe { CStr::from_ptr(names.release.as_ptr()) };
        release.to_string_lossy().into_owned()
    }

    fn page_size(&self) -> u32 {
        // SAFETY: sysconf() takes any number and touches no memory of ours.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        u32::try_from(size).unwrap_or(0)
    }

    fn check_extension(&self, number: u32) -> i32 {
        count(&self.ioctls);
        self.device.check_extension_raw(number.into())
    }

    fn new_vm(&self, spec: &Spec) -> Result<Box<dyn ScratchVm + '_>, Refused> {
        self.vms.set(self.vms.get() + 1);
        let of = |what| {
            count(&self.ioctls);
            move |error: SysError| Refused { what, errno: errno(error) }
        };
        // 0 is 40 bits, which not every host can. No register depends on it, and more would take
        // long: from 6.18 on, the kernel walks all of it, GiB by GiB, when the VM is gone.
        let most = u64::try_from(self.check_extension(caps::VM_IPA_SIZE)).unwrap_or(0);
        let kind = if most < DEFAULT_IPA_BITS { most } else { 0 };
        let vm = self.device.create_vm_with_type(kind).map_err(of("KVM_CREATE_VM"))?;
        if spec.impl_id_regs {
            let cap = kvm_enable_cap { cap: caps::WRITABLE_IMP_ID_REGS, ..Default::default() };
            vm.enable_cap(&cap).map_err(of("KVM_CAP_ARM_WRITABLE_IMP_ID_REGS"))?;
        }
        if spec.features & MTE != 0 {
            let cap = kvm_enable_cap { cap: caps::MTE, ..Default::default() };
            vm.enable_cap(&cap).map_err(of("KVM_CAP_ARM_MTE"))?;
        }
        if spec.migration != Migration::NONE {
            vm_config::opt_in(&vm, spec.migration).map_err(of("KVM_CAP_ARM_MIGRATION"))?;
        }
        let mut init = if let Some(init) = self.target.get() {
            *init
        } else {
            let mut init = kvm_vcpu_init::default();
            vm.get_preferred_target(&mut init).map_err(of("KVM_ARM_PREFERRED_TARGET"))?;
            *self.target.get_or_init(|| init)
        };
        init.features[0] |= spec.features & !MTE;
        let mut vcpus = Vec::with_capacity(spec.vcpus);
        for n in 0..spec.vcpus {
            let vcpu = vm.create_vcpu(n as u64).map_err(of("KVM_CREATE_VCPU"))?;
            vcpu.vcpu_init(&init).map_err(of("KVM_ARM_VCPU_INIT"))?;
            let unfinished = spec.unfinished && n + 1 == spec.vcpus;
            if spec.features & SVE != 0 && !unfinished {
                if let Some(lengths) = &spec.vector_lengths {
                    vcpu.set_one_reg(SVE_VLS.raw(), lengths)
                        .map_err(of("KVM_REG_ARM64_SVE_VLS"))?;
                }
                vcpu.vcpu_finalize(&FINALIZE_SVE).map_err(of("KVM_ARM_VCPU_FINALIZE"))?;
            }
            vcpus.push(vcpu);
        }
        let device = match spec.vgic {
            None => None,
            Some(model) => {
                let type_ = match model {
                    VgicModel::V2 => kvm_bindings::kvm_device_type_KVM_DEV_TYPE_ARM_VGIC_V2,
                    _ => kvm_bindings::kvm_device_type_KVM_DEV_TYPE_ARM_VGIC_V3,
                };
                let mut create = kvm_create_device { type_, ..Default::default() };
                Some(vm.create_device(&mut create).map_err(of("KVM_CREATE_DEVICE"))?)
            }
        };
        Ok(Box::new(KvmVm { vcpus, device, vm, memory: None, ioctls: &self.ioctls }))
    }

    fn ioctls(&self) -> u64 {
        self.ioctls.get()
    }

    fn vms(&self) -> u64 {
        self.vms.get()
    }
}

// The memory is dropped last, when neither the VM nor a vCPU is there.
struct KvmVm<'k> {
    vcpus: Vec<VcpuFd>,
    device: Option<DeviceFd>,
    vm: VmFd,
    memory: Option<GuestMemory>,
    ioctls: &'k Cell<u64>,
}

impl ScratchVm for KvmVm<'_> {
    fn list(&self, vcpu: usize) -> Result<Vec<RegId>, Errno> {
        count(self.ioctls);
        let mut list = RegList::new(MOST_REGISTERS).map_err(|_| Errno(EINVAL))?;
        let vcpu = self.vcpus.get(vcpu).ok_or(Errno(EINVAL))?;
        // The kernel does not write a list for which there is no room: it is used only on success.
        vcpu.get_reg_list(&mut list).map_err(errno)?;
        Ok(list.as_slice().iter().map(|&id| RegId::new(id)).collect())
    }

    fn get(&self, vcpu: usize, id: RegId, value: &mut [u8]) -> Result<(), Errno> {
        count(self.ioctls);
        let vcpu = self.vcpus.get(vcpu).ok_or(Errno(EINVAL))?;
        if id.size().is_none_or(|size| size > value.len()) {
            return Err(Errno(EINVAL));
        }
        vcpu.get_one_reg(id.raw(), value).map_err(errno)?;
        Ok(())
    }

    fn set(&self, vcpu: usize, id: RegId, value: &[u8]) -> Result<(), Errno> {
        count(self.ioctls);
        let vcpu = self.vcpus.get(vcpu).ok_or(Errno(EINVAL))?;
        if id.size().is_none_or(|size| size > value.len()) {
            return Err(Errno(EINVAL));
        }
        vcpu.set_one_reg(id.raw(), value).map_err(errno)?;
        Ok(())
    }

    fn attribute(&self, group: u32, attr: u64) -> Result<u64, Errno> {
        count(self.ioctls);
        let device = self.device.as_ref().ok_or(Errno(libc::ENODEV))?;
        let mut value = 0u64;
        let addr = (&raw mut value) as u64;
        let mut request = kvm_device_attr { group, attr, addr, flags: 0 };
        // SAFETY: The kernel writes 4 or 8 bytes, by the group, to `value`, which has 8 and is not
        // borrowed meanwhile.
        unsafe { device.get_device_attr(&mut request) }.map_err(errno)?;
        // 4 bytes are the low ones here: arm64's user space is little-endian in this build.
        Ok(value)
    }

    fn set_attribute(&self, group: u32, attr: u64, value: u64) -> Result<(), Errno> {
        count(self.ioctls);
        let device = self.device.as_ref().ok_or(Errno(libc::ENODEV))?;
        let wide = matches!(group, vgic::GRP_ADDR | vgic::GRP_CPU_SYSREGS | vgic::GRP_ITS_REGS);
        if !wide && u32::try_from(value).is_err() {
            return Err(Errno(EINVAL));
        }
        // Of a value of 4 bytes the kernel reads the low ones.
        let addr = if group == vgic::GRP_CTRL { 0 } else { (&raw const value) as u64 };
        let request = kvm_device_attr { group, attr, addr, flags: 0 };
        device.set_device_attr(&request).map_err(errno)
    }

    fn masks(&self) -> Result<Vec<u64>, Errno> {
        count(self.ioctls);
        let mut masks = vec![0u64; MASKS];
        let mut range = reg_mask_range { addr: masks.as_mut_ptr() as u64, ..Default::default() };
        // SAFETY: `range` is what the call takes. For range 0 the kernel writes MASKS numbers to
        // `masks`, which has room for them and is not borrowed meanwhile.
        match unsafe { ioctl_with_mut_ref(&self.vm, KVM_ARM_GET_REG_WRITABLE_MASKS(), &mut range) }
        {
            0 => Ok(masks),
            _ => Err(errno(SysError::last())),
        }
    }

    fn config(&self, op: Op, flags: u32, entries: &mut [Entry]) -> Result<usize, (Errno, usize)> {
        count(self.ioctls);
        vm_config::call(&self.vm, op, flags, entries)
    }

    fn hypercall(&mut self, id: u32, args: &[u64]) -> Result<[u64; 4], Refused> {
        if self.memory.is_none() {
            self.memory = Some(self.prepare()?);
        }
        let refused = |what| move |errno| Refused { what, errno };
        for n in 0..8 {
            let value = if n == 0 { id.into() } else { args.get(n - 1).copied().unwrap_or(0) };
            self.set_core(n, value).map_err(refused("KVM_SET_ONE_REG of x0 to x7"))?;
        }
        self.run()?;
        let mut results = [0; 4];
        for (n, result) in results.iter_mut().enumerate() {
            *result = self.core(n).map_err(refused("KVM_GET_ONE_REG of x0 to x3"))?;
        }
        Ok(results)
    }
}

/// Where the guest's code is; its memory begins at 0.
const CODE: u64 = 0x1000;
/// No memory: a write there ends a run.
const NOWHERE: u64 = 0x1000_0000;
/// Indices of registers in `struct kvm_regs`, as KVM counts them.
const PC: usize = 32;
const HVC: u32 = 0xd400_0002;
/// `str x0, [x10]`
const STORE: u32 = 0xf900_0140;
/// `b .-8`
const AGAIN: u32 = 0x17ff_fffe;
/// A run that a signal ends is begun again so often.
const INTERRUPTS: usize = 100;

impl KvmVm<'_> {
    fn core(&self, n: usize) -> Result<u64, Errno> {
        let mut bytes = [0; 8];
        self.get(0, core_id(n), &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn set_core(&self, n: usize, value: u64) -> Result<(), Errno> {
        self.set(0, core_id(n), &value.to_le_bytes())
    }

    /// Gives the VM its memory: a hypercall in a loop, and a way out in every exception vector.
    fn prepare(&self) -> Result<GuestMemory, Refused> {
        let mut memory = GuestMemory::new();
        memory.fill(STORE);
        memory.put(CODE, &[HVC, STORE, AGAIN]);
        let region = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: 0,
            memory_size: GuestMemory::SIZE as u64,
            userspace_addr: memory.address(),
        };
        count(self.ioctls);
        // SAFETY: The memory is a whole number of pages of any size, is used for nothing else and
        // lives as long as the VM: the caller puts it into the field that is dropped last.
        unsafe { self.vm.set_user_memory_region(region) }
            .map_err(|error| Refused { what: "KVM_SET_USER_MEMORY_REGION", errno: errno(error) })?;
        let set = |n, value| {
            let what = "KVM_SET_ONE_REG of pc and x10";
            self.set_core(n, value).map_err(|errno| Refused { what, errno })
        };
        set(PC, CODE)?;
        set(10, NOWHERE)?;
        Ok(memory)
    }

    /// Runs until the guest has made one hypercall.
    fn run(&mut self) -> Result<(), Refused> {
        let failed = |what, errno| Refused { what, errno: Errno(errno) };
        for _ in 0..INTERRUPTS {
            count(self.ioctls);
            let vcpu = self.vcpus.first_mut().ok_or(failed("KVM_RUN", EINVAL))?;
            match vcpu.run() {
                Ok(VcpuExit::MmioWrite(NOWHERE, _)) => {
                    return match self.core(PC) {
                        // The store is done when the guest runs again.
                        Ok(pc) if pc == CODE + 4 => Ok(()),
                        _ => Err(failed("the guest took an exception at its hypercall", libc::EIO)),
                    };
                }
                Ok(_) => return Err(failed("the hypercall left the kernel", libc::EIO)),
                Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {}
                Err(error) => return Err(failed("KVM_RUN", error.errno())),
            }
        }
        Err(failed("KVM_RUN", libc::EINTR))
    }
}

/// x0 and following, in units of 4 bytes of `struct kvm_regs`.
fn core_id(n: usize) -> RegId {
    RegId::new(0x6030_0000_0010_0000 | (2 * n as u64))
}

/// Memory of a guest.
struct GuestMemory(NonNull<u8>);

impl GuestMemory {
    /// A page, on any host.
    const SIZE: usize = 0x1_0000;
    const LAYOUT: Layout = match Layout::from_size_align(Self::SIZE, Self::SIZE) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two"),
    };

    fn new() -> Self {
        // SAFETY: The layout's size is not 0.
        let memory = unsafe { alloc_zeroed(Self::LAYOUT) };
        NonNull::new(memory).map_or_else(|| handle_alloc_error(Self::LAYOUT), Self)
    }

    fn address(&self) -> u64 {
        self.0.as_ptr() as u64
    }

    fn fill(&mut self, instruction: u32) {
        for at in (0..Self::SIZE as u64).step_by(4) {
            self.put(at, &[instruction]);
        }
    }

    /// # Panics
    ///
    /// If it lies outside.
    fn put(&mut self, at: u64, instructions: &[u32]) {
        // SAFETY: The memory is SIZE bytes, all written by alloc_zeroed(), and no guest runs while
        // it is borrowed: it is given to a VM only after it was filled.
        let all = unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr(), Self::SIZE) };
        let mut at = usize::try_from(at).expect("an address below 64 KiB");
        for instruction in instructions {
            all[at..at + 4].copy_from_slice(&instruction.to_le_bytes());
            at += 4;
        }
    }
}

impl Drop for GuestMemory {
    fn drop(&mut self) {
        // SAFETY: It comes from alloc_zeroed() with this layout, and nothing else frees it.
        unsafe { dealloc(self.0.as_ptr(), Self::LAYOUT) }
    }
}
