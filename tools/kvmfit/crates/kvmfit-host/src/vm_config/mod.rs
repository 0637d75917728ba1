// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The configuration of a VM as a set: `KVM_ARM_VM_CONFIG` of kvm-arm64-rust.
//!
//! With `KVM_SET_ONE_REG` the order of the writes matters, a refusal leaves a VM half
//! configured, and an errno does not say which field is wrong. A kernel with
//! `KVM_CAP_ARM_MIGRATION` takes the registers that all vCPUs share as one set instead: in any
//! order, all or none, and with an answer to each of them. They are the ID registers, `MIDR_EL1`,
//! `REVIDR_EL1`, `AIDR_EL1`, `CTR_EL0`, the firmware registers and `GICD_IIDR`.
//!
//! The numbers are private to that kernel; its page `rust-opt-in.rst` describes them. Every other
//! kernel answers [`Migration::NONE`] when it is asked what there is, and then a VMM writes the
//! registers one by one, in the order of [`restore_order`].
//!
//! | call | does |
//! |---|---|
//! | `available`, `opt_in`, `opted_in` | `KVM_CAP_ARM_MIGRATION` |
//! | `get` | lists and reads the configuration |
//! | `Config::check` | says what `Config::set` would do now |
//! | `Config::set` | sets all registers, or none |
//!
//! They exist on Linux on arm64 only. The example `restore` is a whole VMM in this respect.
//!
//! ```
//! use kvmfit::id::RegId;
//! use kvmfit_host::vm_config::Config;
//!
//! // A VM whose SSBS is hidden. In a set, WORKAROUND_2 may come first.
//! let saved = [(RegId::firmware(2), 3), (RegId::sysreg(3, 0, 0, 4, 1), 0)];
//! let config: Config = saved.into_iter().collect();
//! assert_eq!(config.registers().count(), 2);
//! ```
//!
//! And with a VM:
//!
//! ```no_run
//! # #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
//! # fn save_and_restore() -> Result<(), Box<dyn std::error::Error>> {
//! use kvm_ioctls::Kvm;
//! use kvmfit_host::vm_config::{available, get, opt_in, Config, ConfigError, Migration};
//!
//! let kvm = Kvm::new()?;
//! let vm = kvm.create_vm()?;
//! if available(&kvm).contains(Migration::VM_CONFIG) {
//!     opt_in(&vm, Migration::VM_CONFIG)?;
//! }
//! // … the vCPUs, KVM_ARM_VCPU_INIT and the interrupt controller
//! let saved = get(&vm)?;
//! let config: Config = saved.iter().map(|reg| (reg.id, reg.value)).collect();
//! match config.set(&vm) {
//!     Err(ConfigError::Refused(refused)) => refused.iter().for_each(|why| eprintln!("{why}")),
//!     other => other?,
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`restore_order`]: kvmfit::plan::restore_order

use std::fmt;

use kvmfit::explain::errno_name;
use kvmfit::id::RegId;
use kvmfit::names;

pub(crate) mod abi;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod fd;
#[cfg(test)]
mod tests;

use abi::{Entry, Op, MOST_ENTRIES, NO_OTHER, ROOM, TOLERATE_ZERO};

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub(crate) use fd::call;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub use fd::{available, get, opt_in, opted_in, ConfigFd};

use crate::backend::Errno;

/// `GICD_IIDR` of the VM's interrupt controller, as a register of its configuration.
///
/// ```
/// # use kvmfit_host::vm_config::GICD_IIDR;
/// assert_eq!(GICD_IIDR.raw(), 0x6030_0000_0018_0008);
/// ```
pub const GICD_IIDR: RegId = RegId::new(0x6030_0000_0018_0008);

const E2BIG: i32 = 7;
const EBUSY: i32 = 16;
const ERANGE: i32 = 34;

/// What a VM opts in to, or can opt in to: a set.
///
/// ```
/// use kvmfit_host::vm_config::Migration;
///
/// let set = Migration::VM_CONFIG | Migration::FEATURE_LEVELS;
/// assert!(set.contains(Migration::VM_CONFIG) && !set.contains(Migration::REG_SCOPE));
/// assert_eq!(set.bits(), 0x41);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Migration(u32);

impl Migration {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Eight registers with what the guest is promised.
    pub const FEATURE_LEVELS: Self = Self(0x01);
    /// The writable masks of GIC registers.
    pub const GIC_MASKS: Self = Self(0x02);
    /// The writable masks of firmware registers.
    pub const FW_MASKS: Self = Self(0x04);
    /// Registers on the file descriptor of the VM.
    pub const VM_REGS: Self = Self(0x08);
    /// Lists of registers that show which ones all vCPUs share.
    pub const REG_SCOPE: Self = Self(0x10);
    /// A PSCI version that freezes when the VM runs for the first time.
    pub const PSCI_FREEZE: Self = Self(0x20);
    /// The configuration as a set. It comes with [`Migration::PSCI_FREEZE`].
    pub const VM_CONFIG: Self = Self(0x40);
    /// The ranges of the filter of hypercalls can be read.
    pub const FILTER_LIST: Self = Self(0x80);
    /// A group of a GICv2's attributes that has `GICC_PMR` in eight bits.
    pub const CANONICAL_PMR: Self = Self(0x100);

    /// The set with these bits of `KVM_CAP_ARM_MIGRATION`, also of those that have no name here.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for Migration {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Why an entry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The VM has no such register.
    Unknown,
    /// Bits have no meaning, or cannot be changed.
    BadBits,
    /// The host does not give this much.
    AboveHost,
    /// The VM has run with another value.
    Frozen,
    /// A feature of the vCPUs, or an interrupt controller, is missing for it.
    NeedsFeature,
    /// The VM has not opted in to what it takes.
    NeedsCapability,
    /// It does not go with another register.
    Conflict,
    /// No vCPU has been initialized, and it depends on their features.
    NotReady,
    /// A reason that this version of the crate does not know.
    Other(u32),
}

impl Reason {
    fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Unknown,
            2 => Self::BadBits,
            3 => Self::AboveHost,
            4 => Self::Frozen,
            5 => Self::NeedsFeature,
            6 => Self::NeedsCapability,
            7 => Self::Conflict,
            8 => Self::NotReady,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the VM has no such register",
            Self::BadBits => "bits have no meaning, or cannot be changed",
            Self::AboveHost => "the host does not give this much",
            Self::Frozen => "the VM has run with another value",
            Self::NeedsFeature => "a feature of the VM is missing for it",
            Self::NeedsCapability => "the VM has not opted in to what it takes",
            Self::Conflict => "it does not go with another register",
            Self::NotReady => "no vCPU has been initialized",
            Self::Other(number) => return write!(f, "reason {number}"),
        })
    }
}

/// A register of the configuration, as `get` reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// The register.
    pub id: RegId,
    /// Its value.
    pub value: u64,
    /// The fields that can be changed now.
    pub mask: u64,
    /// The most that is accepted of each of them.
    pub limit: u64,
    /// All vCPUs of the VM share it.
    pub shared: bool,
}

/// An entry that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Its place in the [`Config`].
    pub index: usize,
    /// The register.
    pub id: RegId,
    /// The value that it was to get.
    pub value: u64,
    /// The error number that `KVM_SET_ONE_REG` has for it.
    pub errno: i32,
    /// Why.
    pub reason: Reason,
    /// The bits for which it is refused.
    pub bits: u64,
    /// A value that would be accepted. Of a register that is not there, none is.
    pub limit: Option<u64>,
    /// The place of the entry that it conflicts with.
    pub other: Option<usize>,
}

impl Refused {
    fn new(index: usize, entry: &Entry) -> Self {
        let reason = Reason::from_number(entry.reason);
        let errno = entry.err.saturating_neg();
        // What is missing altogether, or not there yet, has none.
        let there = errno != ENOENT && reason != Reason::NotReady;
        Self {
            index,
            id: entry.reg(),
            value: entry.value,
            errno,
            reason,
            bits: entry.mask,
            limit: there.then_some(entry.limit),
            other: (entry.other != NO_OTHER).then_some(entry.other as usize),
        }
    }
}

const ENOENT: i32 = 2;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {:#x}: {}", names::name(self.id), self.value, errno_name(self.errno))?;
        write!(f, ": {}", self.reason)?;
        if let Some(limit) = self.limit {
            let parts = names::parts(self.id, self.bits & (self.value ^ limit), self.value, limit);
            for part in parts {
                write!(f, "; {} = {:#x}, {:#x} would be taken", part.name, part.a, part.b)?;
            }
        }
        Ok(())
    }
}

/// Why a configuration could not be read, checked or set. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Entries are refused; these, in their order.
    #[error("{} of the registers are refused: {}", .0.len(), list(.0))]
    Refused(Vec<Refused>),
    /// A vCPU is in use, or is being created.
    #[error("a vCPU is in use: pause the VM first")]
    Busy,
    /// There are more entries than the kernel takes.
    #[error("{entries} registers are more than {MOST_ENTRIES}")]
    TooMany {
        /// How many there are.
        entries: usize,
    },
    /// The call failed. `EINVAL` says that the VM has not opted in.
    #[error("KVM_ARM_VM_CONFIG: {}", errno_name(*errno))]
    Call {
        /// The error number.
        errno: i32,
    },
}

fn list(refused: &[Refused]) -> String {
    let lines: Vec<String> = refused.iter().map(Refused::to_string).collect();
    lines.join("; ")
}

impl ConfigError {
    fn call(errno: Errno) -> Self {
        match errno.0 {
            EBUSY => Self::Busy,
            errno => Self::Call { errno },
        }
    }
}

/// Registers with their values, to be set together.
///
/// It is made from pairs, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    registers: Vec<(RegId, u64)>,
    tolerate_zero: bool,
}

impl FromIterator<(RegId, u64)> for Config {
    fn from_iter<I: IntoIterator<Item = (RegId, u64)>>(registers: I) -> Self {
        Self { registers: registers.into_iter().collect(), tolerate_zero: false }
    }
}

impl Config {
    /// Whether a register that the VM does not have is accepted if its value is 0: that is what a
    /// register means that a newer kernel has added. By default it is refused.
    #[must_use]
    pub fn tolerate_zero(mut self, tolerate: bool) -> Self {
        self.tolerate_zero = tolerate;
        self
    }

    /// The registers in their order.
    pub fn registers(&self) -> impl Iterator<Item = (RegId, u64)> + '_ {
        self.registers.iter().copied()
    }

    /// Checks or sets it by `request`.
    pub(crate) fn ask(&self, op: Op, request: Call<'_>) -> Result<(), ConfigError> {
        let entries = self.registers.len();
        if entries > MOST_ENTRIES {
            return Err(ConfigError::TooMany { entries });
        }
        let mut entries: Vec<Entry> =
            self.registers.iter().map(|&(id, value)| Entry::new(id, value)).collect();
        let flags = if self.tolerate_zero { TOLERATE_ZERO } else { 0 };
        match request(op, flags, &mut entries) {
            Ok(_) => Ok(()),
            Err((Errno(ERANGE), _)) => Err(ConfigError::Refused(
                entries
                    .iter()
                    .enumerate()
                    .filter(|(_, entry)| entry.err != 0)
                    .map(|(index, entry)| Refused::new(index, entry))
                    .collect(),
            )),
            Err((errno, _)) => Err(ConfigError::call(errno)),
        }
    }
}

/// Makes a request, and returns `n` of it, which is also there with `E2BIG`.
pub(crate) type Call<'a> = &'a dyn Fn(Op, u32, &mut [Entry]) -> Result<usize, (Errno, usize)>;

/// Reads the configuration by `request`.
pub(crate) fn read(request: Call<'_>) -> Result<Vec<Reading>, ConfigError> {
    let mut entries = vec![Entry::default(); ROOM];
    loop {
        match request(Op::Get, 0, &mut entries) {
            Ok(n) => {
                entries.truncate(n);
                return Ok(entries.iter().map(Reading::new).collect());
            }
            Err((Errno(E2BIG), n)) if n > entries.len() && n <= MOST_ENTRIES => {
                entries.resize(n, Entry::default());
            }
            Err((errno, _)) => return Err(ConfigError::call(errno)),
        }
    }
}

impl Reading {
    fn new(entry: &Entry) -> Self {
        Self {
            id: entry.reg(),
            value: entry.value,
            mask: entry.mask,
            limit: entry.limit,
            shared: entry.scope != 0,
        }
    }
}
