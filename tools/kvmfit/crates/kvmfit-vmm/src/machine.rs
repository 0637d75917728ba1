// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The VM.

#![allow(unsafe_code)] // each with a reason

use std::io::{stdout, Stdout};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kvm_bindings::{
    kvm_create_device, kvm_device_attr, kvm_enable_cap, kvm_mp_state, kvm_userspace_memory_region,
    kvm_vcpu_init, RegList,
};
use kvm_ioctls::{DeviceFd, Kvm, VcpuExit, VcpuFd, VmFd};
use kvmfit::id::RegId;
use kvmfit::state::{Format, Origin, Reg, State, Vcpu};
use kvmfit::value::{Value, MAX_BYTES};
use kvmfit_host::vm_config::{self, Config, Migration, GICD_IIDR};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};
use vmm_sys_util::errno::Error as SysError;
use vmm_sys_util::signal::{register_signal_handler, Killable};

use crate::args::{Args, Command, Way};
use crate::behaviour::Behaviour;
use crate::error::Error;
use crate::snapshot::{Rest, Snapshot};
use crate::uart::Uart;

const VCPUS: usize = 2;
/// As of QEMU's machine virt, for which the guest is made
const MEMORY: u64 = 0x4000_0000;
const MEMORY_SIZE: usize = 4 << 20;
const PROGRAM: u64 = 0x4008_0000;
const UART: u64 = 0x0900_0000;
const UART_SIZE: u64 = 0x1000;
const DISTRIBUTOR: u64 = 0x0800_0000;
const CPU_INTERFACE: u64 = 0x0801_0000;
const REDISTRIBUTORS: u64 = 0x080a_0000;
/// `KVM_REG_LIST` of kvm-bindings has room for so many.
const MOST_REGISTERS: usize = 500;
const PC: RegId = RegId::new(0x6030_0000_0010_0040);

type Shared = Arc<Mutex<Uart<Stdout>>>;

/// Does what the command line says.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    match &args.command {
        Command::Run { gic, program, save } => {
            let machine = Machine::new(args, *gic, program)?;
            machine.run(&args.letters, true)?.save()?.write(save)
        }
        Command::Resume { directory } => {
            let machine = Machine::restore(args, &Snapshot::read(directory)?)?;
            machine.run(&args.letters, false).map(drop)
        }
    }
}

fn call(what: &'static str) -> impl Fn(SysError) -> Error {
    move |error| Error::Call { what, errno: error.errno() }
}

/// A VM that can run.
pub(crate) struct Machine {
    vcpus: Vec<VcpuFd>,
    gic: u8,
    /// Whether the VMM saves and restores `GICD_IIDR`
    saves_iidr: bool,
    memory: GuestMemoryMmap,
    // What the vCPUs need to live
    vm: VmFd,
    device: DeviceFd,
}

/// A VM that has stopped.
pub(crate) struct Stopped(Machine);

impl Machine {
    /// A VM with this program.
    pub(crate) fn new(args: &Args, gic: u8, program: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(program)
            .map_err(|source| Error::File { path: program.to_path_buf(), source })?;
        let machine = Self::empty(args, gic)?;
        machine.fill(PROGRAM, &bytes)?;
        for (n, vcpu) in machine.vcpus.iter().enumerate() {
            machine.init(n)?;
            if n == 0 {
                vcpu.set_one_reg(PC.raw(), &PROGRAM.to_le_bytes())
                    .map_err(|error| refused(0, &Reg::new(PC, PROGRAM), error))?;
            }
        }
        Ok(machine)
    }

    /// A VM that was saved.
    pub(crate) fn restore(args: &Args, snapshot: &Snapshot) -> Result<Self, Error> {
        if snapshot.state.vcpus.len() != VCPUS {
            return Err(Error::Memory(format!("it has {} vCPUs", snapshot.state.vcpus.len())));
        }
        let machine = Self::empty(args, snapshot.rest.gic)?;
        for n in 0..machine.vcpus.len() {
            machine.init(n)?;
        }
        // A refusal shows before the memory is loaded.
        let done = if machine.takes_sets() { machine.set_config(snapshot)? } else { Vec::new() };
        match snapshot.rest.gicd_iidr {
            Some(iidr) if !done.contains(&GICD_IIDR) => machine.set_iidr(iidr)?,
            _ => {}
        }
        machine.fill(MEMORY, &snapshot.memory)?;
        for (n, (vcpu, &mp_state)) in machine.vcpus.iter().zip(&snapshot.rest.mp_states).enumerate()
        {
            for reg in args.like.order(&snapshot.state, n) {
                if !done.contains(&reg.id) {
                    set(n, vcpu, reg)?;
                }
            }
            vcpu.set_mp_state(kvm_mp_state { mp_state }).map_err(call("KVM_SET_MP_STATE"))?;
        }
        Ok(machine)
    }

    /// Whether the VM has opted in to the configuration as a set.
    fn takes_sets(&self) -> bool {
        vm_config::opted_in(&self.vm).contains(Migration::VM_CONFIG)
    }

    /// Sets what configures the VM, in one call, and returns which registers that are. The vCPUs
    /// have it in common, so it is that of the first one.
    fn set_config(&self, snapshot: &Snapshot) -> Result<Vec<RegId>, Error> {
        let known = vm_config::get(&self.vm).map_err(|error| Error::Config(error.to_string()))?;
        let mut saved: Vec<(RegId, u64)> = Vec::new();
        for reg in snapshot.state.vcpus.first().iter().flat_map(|vcpu| &vcpu.registers) {
            if known.iter().any(|known| known.id == reg.id) {
                saved.extend(reg.value.as_u64().map(|value| (reg.id, value)));
            }
        }
        saved.extend(snapshot.rest.gicd_iidr.map(|iidr| (GICD_IIDR, iidr.into())));
        let config: Config = saved.iter().copied().collect();
        config.set(&self.vm).map_err(|error| Error::Config(error.to_string()))?;
        eprintln!("kvmfit-vmm: {} registers were set as a set", saved.len());
        Ok(saved.into_iter().map(|(id, _)| id).collect())
    }

    fn set_iidr(&self, mut iidr: u32) -> Result<(), Error> {
        self.device.set_device_attr(&iidr_of(&mut iidr)).map_err(call("GICD_IIDR"))
    }

    fn iidr(&self) -> Result<u32, Error> {
        let mut iidr = 0;
        let mut attr = iidr_of(&mut iidr);
        // SAFETY: The kernel writes the 32 bits of the register to `iidr`, which is not borrowed
        // meanwhile.
        unsafe { self.device.get_device_attr(&mut attr) }.map_err(call("GICD_IIDR"))?;
        Ok(iidr)
    }

    /// A VM with vCPUs that are not initialized.
    fn empty(args: &Args, gic: u8) -> Result<Self, Error> {
        let like = args.like;
        let kvm = Kvm::new().map_err(call("/dev/kvm"))?;
        let vm = kvm.create_vm().map_err(call("KVM_CREATE_VM"))?;
        let cap = kvm_bindings::KVM_CAP_ARM_WRITABLE_IMP_ID_REGS;
        if like.vmm().writable_implementation_ids && kvm.check_extension_raw(cap.into()) == 1 {
            let cap = kvm_enable_cap { cap, ..Default::default() };
            vm.enable_cap(&cap).map_err(call("KVM_CAP_ARM_WRITABLE_IMP_ID_REGS"))?;
        }
        if way(args, vm_config::available(&kvm)) == Way::Set {
            vm_config::opt_in(&vm, Migration::VM_CONFIG).map_err(|_| Error::NoSets)?;
        }
        let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(MEMORY), MEMORY_SIZE)])
            .map_err(|error| Error::Memory(error.to_string()))?;
        for (slot, region) in memory.iter().enumerate() {
            let region = kvm_userspace_memory_region {
                slot: u32::try_from(slot).unwrap_or(0),
                flags: 0,
                guest_phys_addr: region.start_addr().0,
                memory_size: region.len(),
                userspace_addr: region.as_ptr() as u64,
            };
            // SAFETY: The memory is mapped, is used by this VM only, and lives as long as the VM:
            // both are in the same `Machine`, and nothing takes the memory out of it.
            unsafe { vm.set_user_memory_region(region) }
                .map_err(call("KVM_SET_USER_MEMORY_REGION"))?;
        }
        let vcpus = (0..VCPUS as u64).map(|n| vm.create_vcpu(n)).collect::<Result<Vec<_>, _>>();
        let vcpus = vcpus.map_err(call("KVM_CREATE_VCPU"))?;
        let device = irqchip(&vm, gic)?;
        Ok(Self { vcpus, gic, saves_iidr: like == Behaviour::Planned, memory, vm, device })
    }

    fn fill(&self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let memory = &self.memory;
        memory
            .write_slice(bytes, GuestAddress(at))
            .map_err(|error| Error::Memory(error.to_string()))
    }

    /// Initializes a vCPU. All but the first one wait for PSCI.
    fn init(&self, n: usize) -> Result<(), Error> {
        let mut init = kvm_vcpu_init::default();
        self.vm.get_preferred_target(&mut init).map_err(call("KVM_ARM_PREFERRED_TARGET"))?;
        init.features[0] |= 1 << kvm_bindings::KVM_ARM_VCPU_PSCI_0_2;
        if n > 0 {
            init.features[0] |= 1 << kvm_bindings::KVM_ARM_VCPU_POWER_OFF;
        }
        let vcpu = self.vcpus.get(n).ok_or(Error::Ended(format!("there is no vCPU {n}")))?;
        vcpu.vcpu_init(&init).map_err(call("KVM_ARM_VCPU_INIT"))
    }

    /// Runs until the guest has answered all letters.
    pub(crate) fn run(mut self, letters: &str, fresh: bool) -> Result<Stopped, Error> {
        let uart = Arc::new(Mutex::new(Uart::new(letters, fresh, stdout())));
        let stop = Arc::new(AtomicBool::new(false));
        register_signal_handler(kick(), on_kick).map_err(call("sigaction"))?;
        let threads: Vec<_> = std::mem::take(&mut self.vcpus)
            .into_iter()
            .enumerate()
            .map(|(n, vcpu)| {
                let (uart, stop) = (Arc::clone(&uart), Arc::clone(&stop));
                thread::spawn(move || {
                    let result = run_vcpu(n, vcpu, &uart, &stop);
                    stop.store(true, Ordering::SeqCst);
                    result
                })
            })
            .collect();
        for thread in threads {
            while !thread.is_finished() {
                if stop.load(Ordering::SeqCst) {
                    interrupt(&thread)?;
                }
                thread::sleep(Duration::from_millis(10));
            }
            match thread.join() {
                Ok(vcpu) => self.vcpus.push(vcpu?),
                Err(_) => return Err(Error::Ended("a thread panicked".to_string())),
            }
        }
        Ok(Stopped(self))
    }
}

impl Stopped {
    /// Reads all that is to be saved.
    pub(crate) fn save(&self) -> Result<Snapshot, Error> {
        let machine = &self.0;
        let mut state = State::new(Origin::new(Format::State));
        state.features = Some(vec!["psci_0_2".to_string()]);
        let mut mp_states = Vec::new();
        for (n, vcpu) in machine.vcpus.iter().enumerate() {
            mp_states.push(vcpu.get_mp_state().map_err(call("KVM_GET_MP_STATE"))?.mp_state);
            state.vcpus.push(Vcpu { registers: registers(n, vcpu)? });
        }
        let mut memory = vec![0; MEMORY_SIZE];
        machine
            .memory
            .read_slice(&mut memory, GuestAddress(MEMORY))
            .map_err(|error| Error::Memory(error.to_string()))?;
        let gicd_iidr = if machine.saves_iidr { Some(machine.iidr()?) } else { None };
        Ok(Snapshot { state, rest: Rest { gic: machine.gic, mp_states, gicd_iidr }, memory })
    }
}

/// The way that the command line asks for. What a VM is configured by leaves no trace in what is
/// saved of it, so the VMM may choose by what the host has.
fn way(args: &Args, available: Migration) -> Way {
    match args.way {
        Way::Auto if !args.like.knows_sets() || !available.contains(Migration::VM_CONFIG) => {
            Way::Registers
        }
        Way::Auto => Way::Set,
        way => way,
    }
}

/// The attribute of the interrupt controller.
fn iidr_of(iidr: &mut u32) -> kvm_device_attr {
    kvm_device_attr {
        group: kvm_bindings::KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
        attr: 8,
        addr: (&raw mut *iidr) as u64,
        flags: 0,
    }
}

/// All registers of a vCPU, in the order of the list.
fn registers(n: usize, vcpu: &VcpuFd) -> Result<Vec<Reg>, Error> {
    let mut list =
        RegList::new(MOST_REGISTERS).map_err(|_| Error::Memory("no list".to_string()))?;
    vcpu.get_reg_list(&mut list).map_err(call("KVM_GET_REG_LIST"))?;
    list.as_slice()
        .iter()
        .map(|&id| {
            let mut bytes = [0; MAX_BYTES];
            let id = RegId::new(id);
            let failed = |error: SysError| refused(n, &Reg::new(id, 0), error);
            let size = vcpu.get_one_reg(id.raw(), &mut bytes).map_err(failed)?;
            let value = bytes.get(..size).and_then(Value::from_le_bytes).unwrap_or(Value::ZERO);
            Ok(Reg::new(id, value))
        })
        .collect()
}

fn set(n: usize, vcpu: &VcpuFd, reg: &Reg) -> Result<(), Error> {
    let invalid = || refused(n, reg, SysError::new(libc::EINVAL));
    let bytes = reg.id.size().and_then(|size| reg.value.to_le_bytes(size)).ok_or_else(invalid)?;
    vcpu.set_one_reg(reg.id.raw(), &bytes).map_err(|error| refused(n, reg, error))?;
    Ok(())
}

fn refused(vcpu: usize, reg: &Reg, error: SysError) -> Error {
    Error::Register { vcpu, id: reg.id, value: reg.value.to_string(), errno: error.errno() }
}

/// The interrupt controller, which the vCPUs must be there for.
fn irqchip(vm: &VmFd, gic: u8) -> Result<DeviceFd, Error> {
    use kvm_bindings as kvm;
    let (type_, addresses) = match gic {
        2 => (
            kvm::kvm_device_type_KVM_DEV_TYPE_ARM_VGIC_V2,
            [
                (kvm::KVM_VGIC_V2_ADDR_TYPE_DIST, DISTRIBUTOR),
                (kvm::KVM_VGIC_V2_ADDR_TYPE_CPU, CPU_INTERFACE),
            ],
        ),
        _ => (
            kvm::kvm_device_type_KVM_DEV_TYPE_ARM_VGIC_V3,
            [
                (kvm::KVM_VGIC_V3_ADDR_TYPE_DIST, DISTRIBUTOR),
                (kvm::KVM_VGIC_V3_ADDR_TYPE_REDIST, REDISTRIBUTORS),
            ],
        ),
    };
    let mut create = kvm_create_device { type_, ..Default::default() };
    let device = vm.create_device(&mut create).map_err(call("KVM_CREATE_DEVICE"))?;
    for (attr, address) in addresses {
        let attr = kvm_device_attr {
            group: kvm::KVM_DEV_ARM_VGIC_GRP_ADDR,
            attr: attr.into(),
            addr: (&raw const address) as u64,
            flags: 0,
        };
        device.set_device_attr(&attr).map_err(call("KVM_DEV_ARM_VGIC_GRP_ADDR"))?;
    }
    let init = kvm_device_attr {
        group: kvm::KVM_DEV_ARM_VGIC_GRP_CTRL,
        attr: kvm::KVM_DEV_ARM_VGIC_CTRL_INIT.into(),
        ..Default::default()
    };
    device.set_device_attr(&init).map_err(call("KVM_DEV_ARM_VGIC_CTRL_INIT"))?;
    Ok(device)
}

fn lock(uart: &Shared) -> MutexGuard<'_, Uart<Stdout>> {
    uart.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_vcpu(n: usize, mut vcpu: VcpuFd, uart: &Shared, stop: &AtomicBool) -> Result<VcpuFd, Error> {
    while !stop.load(Ordering::SeqCst) {
        match vcpu.run() {
            Ok(VcpuExit::MmioRead(at, data)) => {
                lock(uart).read(offset(n, at)?, data);
            }
            Ok(VcpuExit::MmioWrite(at, data)) => {
                let mut uart = lock(uart);
                let path = "standard output".into();
                uart.write(offset(n, at)?, data).map_err(|source| Error::File { path, source })?;
                if uart.is_done() {
                    break;
                }
            }
            Ok(exit) => return Err(Error::Ended(format!("vCPU {n}: {exit:?}"))),
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {}
            Err(error) => return Err(call("KVM_RUN")(error)),
        }
    }
    // The last access to the UART is complete when the vCPU runs again.
    vcpu.set_kvm_immediate_exit(1);
    match vcpu.run() {
        Err(error) if error.errno() == libc::EINTR => {}
        other => return Err(Error::Ended(format!("vCPU {n} did not stop: {other:?}"))),
    }
    vcpu.set_kvm_immediate_exit(0);
    Ok(vcpu)
}

/// The offset of an address in the UART.
fn offset(n: usize, at: u64) -> Result<u64, Error> {
    match at.checked_sub(UART) {
        Some(offset) if offset < UART_SIZE => Ok(offset),
        _ => Err(Error::Ended(format!("vCPU {n} used {at:#x}, where nothing is"))),
    }
}

fn kick() -> i32 {
    libc::SIGUSR1
}

extern "C" fn on_kick(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// Makes a thread leave `KVM_RUN`. It may enter it right afterwards: the caller repeats this.
fn interrupt<T>(thread: &JoinHandle<T>) -> Result<(), Error> {
    thread.kill(kick()).map_err(call("pthread_kill"))
}
