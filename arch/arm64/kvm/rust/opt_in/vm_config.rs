// SPDX-License-Identifier: GPL-2.0

//! `KVM_ARM_VM_CONFIG`: the configuration of a VM, read, checked and set as a whole.

use core::mem::offset_of;

use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    bindings,
    kvm::{
        from_c,
        vm_config::LockedVm,
        Vm, //
    },
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use kvm_abi::{
    ConfigAnswer,
    ConfigDone,
    ConfigEntry,
    ConfigFlags,
    ConfigOp,
    ConfigReading,
    ConfigReg,
    ConfigRequest,
    ConfigSlot,
    ConfigWorkspace,
    NoRoom,
    VmConfig, //
};

use crate::errno::{
    to_ret,
    Errno,
    Result, //
};

/// A request, as userspace has it in its memory.
#[repr(transparent)]
struct Request(bindings::kvm_arm_vm_config);

// SAFETY: It has numbers only, so each value is valid.
unsafe impl FromBytes for Request {}

// SAFETY: It has numbers only, without padding between them.
unsafe impl AsBytes for Request {}

/// An entry, as userspace has it in its memory.
#[derive(Clone, Default)]
#[repr(transparent)]
struct Entry(bindings::kvm_arm_vm_config_entry);

// SAFETY: It has numbers only, so each value is valid.
unsafe impl FromBytes for Entry {}

// SAFETY: It has numbers only, without padding between them.
unsafe impl AsBytes for Entry {}

impl ConfigEntry for Entry {
    #[inline]
    fn id(&self) -> u64 {
        self.0.id
    }

    #[inline]
    fn value(&self) -> u64 {
        self.0.value
    }

    #[inline]
    fn answer(&mut self, answer: ConfigAnswer) {
        let ConfigAnswer {
            refused,
            bits,
            limit,
            other,
        } = answer;
        let entry = &mut self.0;
        (entry.err, entry.reason) = match refused {
            Some((reason, reject)) => (Errno::from(reject).get(), reason.number()),
            None => (0, 0),
        };
        entry.mask = bits;
        entry.limit = limit;
        entry.other = other.unwrap_or(u32::MAX);
        entry.scope = 0;
    }

    #[inline]
    fn fill(&mut self, reading: ConfigReading) {
        self.0 = bindings::kvm_arm_vm_config_entry {
            id: reading.id,
            value: reading.value,
            mask: reading.mask,
            limit: reading.limit,
            other: u32::MAX,
            scope: 1,
            ..Default::default()
        };
    }
}

impl Request {
    /// Returns what the core decides on.
    #[inline]
    fn fields(&self) -> ConfigRequest {
        ConfigRequest {
            op: self.0.op,
            flags: self.0.flags,
            n: self.0.n,
            entry_size: self.0.entry_size,
            reserved: self.0.reserved,
        }
    }

    /// Returns the place of the first `n` entries in the memory of userspace.
    #[inline]
    fn place(&self, n: usize) -> UserSlice {
        // CAST: An address has 64 bits on arm64.
        let at = UserPtr::from_addr(self.0.entries as usize);
        UserSlice::new(at, n.saturating_mul(size_of::<Entry>()))
    }

    /// Reads the entries to check or set.
    fn read(&self) -> Result<KVVec<Entry>> {
        // CAST: Widens.
        let n = self.0.n as usize;
        let mut entries = empty_entries(n)?;
        let bytes = entries.as_mut_slice().as_bytes_mut();
        self.place(n).reader().read_slice(bytes)?;
        if entries.iter().any(|entry| entry.0.reserved != [0; 2]) {
            return Err(EINVAL.into());
        }
        Ok(entries)
    }

    /// Returns room for the registers of the configuration, as much as userspace has.
    fn room(&self) -> Result<KVVec<Entry>> {
        // CAST: Widens.
        let n = (self.0.n as usize).min(ConfigReg::COUNT);
        empty_entries(n)
    }

    /// Writes entries to userspace.
    fn write(&self, entries: &[Entry]) -> Result {
        let mut writer = self.place(entries.len()).writer();
        Ok(writer.write_slice(entries.as_bytes())?)
    }
}

#[inline]
fn fill<T: Clone>(value: T, n: usize) -> Result<KVVec<T>> {
    Ok(KVVec::from_elem(value, n, GFP_KERNEL_ACCOUNT).map_err(Error::from)?)
}

#[inline(never)]
fn empty_entries(n: usize) -> Result<KVVec<Entry>> {
    fill(Entry::default(), n)
}

/// Serves a request, with the memory for a decision, if there is one.
fn run(vm: &Vm, op: ConfigOp, flags: ConfigFlags, entries: &mut [Entry]) -> Result<ConfigDone> {
    if op == ConfigOp::Get {
        return Ok(VmConfig::list(&LockedVm::lock(vm)?, entries));
    }
    let mut slots = fill(ConfigSlot::EMPTY, ConfigReg::PLACES)?;
    let mut answers = fill(ConfigAnswer::ACCEPTED, ConfigReg::PLACES)?;
    // They have as many as they were made with.
    let slots = slots.as_mut_slice().try_into().map_err(|_| NoRoom)?;
    let answers = answers.as_mut_slice().try_into().map_err(|_| NoRoom)?;
    let mut config = KBox::new(VmConfig::empty(), GFP_KERNEL_ACCOUNT).map_err(Error::from)?;
    let mut workspace = ConfigWorkspace::new(slots, answers, &mut config);
    Ok(op.run(&LockedVm::lock(vm)?, flags, entries, &mut workspace))
}

fn serve(vm: &Vm, argp: UserPtr) -> Result {
    let request: Request = UserSlice::new(argp, size_of::<Request>()).reader().read()?;
    let (op, flags) = request.fields().decide()?;
    let mut entries = if op == ConfigOp::Get {
        request.room()?
    } else {
        let mut entries = request.read()?;
        // The answers if the set is accepted. Nothing has to be written once it is set.
        for entry in entries.iter_mut() {
            entry.answer(ConfigAnswer::ACCEPTED);
        }
        request.write(&entries)?;
        entries
    };
    match run(vm, op, flags, &mut entries)? {
        ConfigDone::Listed(count) => {
            let n = argp.wrapping_byte_add(offset_of!(bindings::kvm_arm_vm_config, n));
            // CAST: A configuration has few registers.
            UserSlice::new(n, size_of::<u32>())
                .writer()
                .write(&(count as u32))?;
            request.write(entries.get(..count).ok_or(NoRoom)?)
        }
        ConfigDone::Accepted => Ok(()),
        ConfigDone::Refused => {
            request.write(&entries)?;
            Err(ERANGE.into())
        }
    }
}

/// Reads, checks or sets the configuration of a VM for userspace.
///
/// Returns 0, or the first of: `-EFAULT` if the request cannot be read; `-EINVAL` if one of its
/// fields has no meaning; `-E2BIG` if there are more than 4096 entries; `-EFAULT` if an entry
/// cannot be read; `-EINVAL` if one has a reserved word that is not zero; `-EFAULT` if an answer
/// cannot be written; `-ENOMEM`, also before the entries are read; `-EBUSY` if a vCPU is in use. To
/// get it, also `-E2BIG` if there is too little room, after writing how much it needs. To check or
/// set it, also `-ERANGE` if the set is refused, after writing the answers; then nothing has
/// changed.
///
/// # Safety
///
/// `kvm` must point to a valid VM, of which the caller holds no lock, nor the mutex of a vCPU;
/// `argp` is checked.
#[export]
pub unsafe extern "C" fn kvm_arm_rust_vm_config(
    kvm: *mut bindings::kvm,
    argp: *mut bindings::kvm_arm_vm_config,
) -> c_int {
    // SAFETY: The caller guarantees that the VM is valid during the call.
    let vm: &Vm = unsafe { from_c(kvm) };
    to_ret(serve(vm, UserPtr::from_ptr(argp.cast())))
}
