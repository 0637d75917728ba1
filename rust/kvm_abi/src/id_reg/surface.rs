// SPDX-License-Identifier: GPL-2.0

//! Writes to the ID registers that all vCPUs of a VM share, from the value to what is stored.
//!
//! Before the fields of a register are compared with the host's, some registers have a rule of
//! their own: KVM forgives values that an older kernel has given to userspace by mistake, and
//! refuses some that no field's rule finds. The rules of each register name the C function that
//! they follow, and check in its order.
//!
//! Reference: `kvm_sys_reg_set_user()`, `set_id_reg()`, `set_imp_id_reg()`.

use super::{
    FeatureField,
    FeatureRegister,
    SafeValue,
    SysReg, //
};
use crate::{
    CompatLevel,
    Field,
    RanOnce,
    Reject,
    Sign, //
};

/// How the vCPUs of a VM see an ID register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdVisibility {
    /// As it is.
    Shown,
    /// It reads as zero, `REG_RAZ`.
    Raz,
    /// It reads as zero, and writes by userspace are ignored, `REG_RAZ | REG_USER_WI`: the AArch32
    /// ID registers of a host without AArch32.
    RazIgnored,
}

impl IdVisibility {
    /// Returns it from the flags `REG_RAZ` and `REG_USER_WI`.
    #[inline]
    pub const fn new(raz: bool, ignored: bool) -> Self {
        match (raz, ignored) {
            (_, true) => Self::RazIgnored,
            (true, false) => Self::Raz,
            (false, false) => Self::Shown,
        }
    }
}

/// The state that a write to an ID register depends on: the register, its VM and the host.
///
/// A decision looks only at the state that it needs. All of it belongs to one hold of the lock of
/// the VM's configuration.
pub trait IdRegState {
    /// The rule of a field.
    type Rule: Into<SafeValue>;
    /// The fields of a register.
    type Fields: IntoIterator<Item = FeatureField<Self::Rule>>;

    /// How the vCPUs of the VM see the register.
    fn visibility(&self) -> IdVisibility;

    /// Whether the vCPUs of the VM have EL2, `vcpu_has_nv()`.
    fn has_el2(&self) -> bool;

    /// The host's own value, `read_sanitised_ftr_reg()`.
    fn host(&self) -> u64;

    /// The most that the host can give to the VM, what `reset()` of the register returns.
    fn limit(&self) -> u64;

    /// The bits that userspace may change. A field cannot be changed unless all its bits are set
    /// here.
    fn writable(&self) -> u64;

    /// The register's value in the VM.
    fn current(&self) -> u64;

    /// Whether a vCPU of the VM has run.
    fn ran_once(&self) -> RanOnce;

    /// Whether the VM has `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS`.
    fn imp_ids_writable(&self) -> bool;

    /// The level of the VM, which the limit and the bits that userspace may change follow.
    fn level(&self) -> CompatLevel {
        CompatLevel::Native
    }

    /// The fields of the register, with KVM's rules; `None` if the kernel does not know it.
    fn fields(&self) -> Option<Self::Fields>;
}

/// An ID register that all vCPUs of a VM share, by the rule for its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdReg {
    /// `ID_AA64PFR0_EL1`.
    Aa64Pfr0,
    /// `ID_AA64PFR1_EL1`.
    Aa64Pfr1,
    /// `ID_AA64DFR0_EL1`.
    Aa64Dfr0,
    /// `ID_DFR0_EL1`.
    Dfr0,
    /// `ID_AA64MMFR0_EL1`.
    Aa64Mmfr0,
    /// `ID_AA64MMFR2_EL1`.
    Aa64Mmfr2,
    /// `CTR_EL0`.
    Ctr,
    /// `MIDR_EL1`, `REVIDR_EL1` and `AIDR_EL1`, which have no fields that are compared.
    Implementation,
    /// Any other one: its fields alone decide.
    Plain,
}

/// Why a write to an ID register is refused, and what would be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct IdRefusal {
    /// Why.
    pub(crate) reject: Reject,
    /// Whether only a capability is missing.
    pub(crate) needs_capability: bool,
    /// The bits that the write is refused for.
    pub(crate) bits: u64,
    /// What would be accepted: the value with the limit's level in those bits, or the current value
    /// if that is refused, too.
    pub(crate) accepted: u64,
}

/// An [`IdRefusal`] before anybody has looked at what would be accepted.
struct Refused {
    reject: Reject,
    needs_capability: bool,
    bits: u64,
    /// What may be accepted, before the current value.
    instead: Option<u64>,
}

const UNSIGNED: Sign = Sign::Unsigned;

/// Fields of `ID_AA64PFR0_EL1`.
mod aa64pfr0 {
    use super::{Field, UNSIGNED};

    pub(super) const EL0: Field = Field::nibble(0, UNSIGNED);
    pub(super) const EL1: Field = Field::nibble(1, UNSIGNED);
    pub(super) const EL2: Field = Field::nibble(2, UNSIGNED);
    pub(super) const MPAM: Field = Field::nibble(10, UNSIGNED);
}

/// Fields of `ID_AA64PFR1_EL1`.
mod aa64pfr1 {
    use super::{Field, UNSIGNED};

    pub(super) const MTE: Field = Field::nibble(2, UNSIGNED);
    pub(super) const MTE2: i32 = 2;
    pub(super) const MPAM_FRAC: Field = Field::nibble(4, UNSIGNED);
    pub(super) const MTE_FRAC: Field = Field::nibble(10, UNSIGNED);
    pub(super) const MTE_FRAC_ASYNC: i32 = 0;
    pub(super) const MTE_FRAC_NI: i32 = 0xf;
}

/// Fields of `ID_AA64DFR0_EL1`.
mod aa64dfr0 {
    use super::{Field, UNSIGNED};

    pub(super) const DEBUG_VER: Field = Field::nibble(0, UNSIGNED);
    pub(super) const DEBUG_VER_IMP: i32 = 6;
    pub(super) const PMU_VER: Field = Field::nibble(2, UNSIGNED);
    pub(super) const PMU_VER_IMP_DEF: i32 = 0xf;
    pub(super) const DOUBLE_LOCK: Field = Field::nibble(9, UNSIGNED);
    pub(super) const DOUBLE_LOCK_IMP: i32 = 0;
    pub(super) const DOUBLE_LOCK_NI: i32 = 0xf;
}

/// Fields of `ID_DFR0_EL1`.
mod dfr0 {
    use super::{Field, UNSIGNED};

    pub(super) const COP_DBG: Field = Field::nibble(0, UNSIGNED);
    pub(super) const COP_DBG_ARMV8: i32 = 6;
    pub(super) const PERF_MON: Field = Field::nibble(6, UNSIGNED);
    pub(super) const PERF_MON_NI: i32 = 0;
    pub(super) const PERF_MON_PMUV3: i32 = 3;
    pub(super) const PERF_MON_IMP_DEF: i32 = 0xf;
}

/// Fields of `ID_AA64MMFR0_EL1`.
mod aa64mmfr0 {
    use super::{Field, UNSIGNED};

    /// `TGRAN4_2`, `TGRAN16_2` and `TGRAN64_2`.
    pub(super) const TGRANS_2: [Field; 3] = [
        Field::nibble(10, UNSIGNED),
        Field::nibble(8, UNSIGNED),
        Field::nibble(9, UNSIGNED),
    ];
    pub(super) const TGRAN_2_NI: i32 = 1;
}

/// Fields of `ID_AA64MMFR2_EL1`.
mod aa64mmfr2 {
    use super::{Field, SysReg, UNSIGNED};

    pub(super) const REG: SysReg = SysReg::new(3, 0, 0, 7, 2);
    pub(super) const NV: Field = Field::nibble(6, UNSIGNED);
}

/// Fields of `CTR_EL0`.
mod ctr {
    /// `L1Ip`, bits 15:14.
    pub(super) const L1IP: u64 = 0b11 << 14;
    /// The bit of `L1Ip` without which the policy is a reserved one.
    pub(super) const L1IP_NOT_RESERVED: u64 = 0b10 << 14;
}

/// Returns the number in a field.
#[inline(always)]
const fn number(field: Field, value: u64) -> i32 {
    field.level(value).get()
}

/// Returns the value without the field, if the field is the host's own.
///
/// KVM once showed the field to guests, and hides it now: a guest's value is the host's, or zero.
#[inline(always)]
const fn forgive_host(field: Field, value: u64, host: u64) -> u64 {
    if (value ^ host) & field.mask() == 0 {
        value & !field.mask()
    } else {
        value
    }
}

/// Returns the bits of the field if it breaks a rule.
#[inline(always)]
const fn bits_if(broken: bool, field: Field) -> u64 {
    if broken {
        field.mask()
    } else {
        0
    }
}

impl IdReg {
    /// The registers whose writes have a function of their own in C, in the order of C's table.
    /// That of one of them, `ID_AA64PFR2_EL1`, has no rule.
    pub const FUNCTIONS: [SysReg; 11] = [
        SysReg::new(3, 0, 0, 0, 0),
        SysReg::new(3, 0, 0, 0, 6),
        SysReg::new(3, 0, 0, 1, 2),
        SysReg::new(3, 0, 0, 4, 0),
        SysReg::new(3, 0, 0, 4, 1),
        SysReg::new(3, 0, 0, 4, 2),
        SysReg::new(3, 0, 0, 5, 0),
        SysReg::new(3, 0, 0, 7, 0),
        SysReg::new(3, 0, 0, 7, 2),
        SysReg::new(3, 1, 0, 0, 7),
        SysReg::new(3, 3, 0, 0, 1),
    ];

    /// Returns the rule of a register, `None` if it is not an ID register that all vCPUs of a VM
    /// share.
    #[inline]
    pub const fn of(reg: SysReg) -> Option<Self> {
        if !reg.is_vm_id() {
            return None;
        }
        Some(match (reg.op1(), reg.crm(), reg.op2()) {
            (0, 4, 0) => Self::Aa64Pfr0,
            (0, 4, 1) => Self::Aa64Pfr1,
            (0, 5, 0) => Self::Aa64Dfr0,
            (0, 1, 2) => Self::Dfr0,
            (0, 7, 0) => Self::Aa64Mmfr0,
            (0, 7, 2) => Self::Aa64Mmfr2,
            (3, 0, 1) => Self::Ctr,
            (0 | 1, 0, _) => Self::Implementation,
            _ => Self::Plain,
        })
    }

    /// Decides a write, and returns the value to store.
    ///
    /// The value differs from the written one where KVM forgives a field.
    ///
    /// # Errors
    ///
    /// - [`Reject::InvalidValue`] if a rule of the register itself, or the kernel not knowing it,
    ///   forbids the value; or if an implementation ID register would change without the
    ///   capability, or in a bit that it does not have.
    /// - [`Reject::Frozen`] if the VM has run and the register has another value. In most registers
    ///   a rule of the register itself comes first.
    /// - [`Reject::UnsafeValue`] as in [`FeatureRegister::decide`].
    #[inline]
    pub fn decide(self, value: u64, state: &impl IdRegState) -> Result<u64, Reject> {
        self.weigh(value, state).map_err(|refused| refused.reject)
    }

    /// As [`IdReg::decide`], and says of a refused value for which bits it is refused and what
    /// would be accepted.
    #[inline]
    pub(crate) fn judge(self, value: u64, state: &impl IdRegState) -> Result<u64, IdRefusal> {
        self.weigh(value, state).map_err(|refused| IdRefusal {
            reject: refused.reject,
            needs_capability: refused.needs_capability,
            bits: refused.bits,
            accepted: match refused.instead {
                Some(instead) if self.is_safe(instead, state) => instead,
                _ => state.current(),
            },
        })
    }

    /// As [`IdReg::judge`], without a look at what would be accepted.
    #[inline]
    fn weigh(self, value: u64, state: &impl IdRegState) -> Result<u64, Refused> {
        if state.visibility() == IdVisibility::RazIgnored {
            return Ok(state.current());
        }
        if self == Self::Implementation {
            return weigh_implementation(value, state);
        }

        let (stored, broken) = self.amend(value, state);
        let ran = state.ran_once() == RanOnce::Yes;
        // The values that the fields accept are those of a VM that has not run.
        let not_safe = if ran {
            Ok(0)
        } else {
            limits(state).offending(stored, || state.fields())
        };

        let reject = match not_safe {
            _ if broken != 0 => Reject::InvalidValue,
            _ if ran && stored != state.current() => Reject::Frozen,
            Err(reject) => reject,
            Ok(0) => return Ok(stored),
            Ok(_) => Reject::UnsafeValue,
        };
        let (bits, instead) = match not_safe {
            Ok(not_safe) if !ran => {
                let bits = broken | not_safe;
                (bits, Some((stored & !bits) | (limit(state) & bits)))
            }
            _ => (broken | (stored ^ state.current()), None),
        };
        Err(Refused {
            reject,
            needs_capability: false,
            bits,
            instead,
        })
    }

    /// Returns whether a VM that has not run accepts the value. An implementation ID register is
    /// asked only for values within its mask.
    #[inline]
    fn is_safe(self, value: u64, state: &impl IdRegState) -> bool {
        if self == Self::Implementation {
            return true;
        }
        let (stored, broken) = self.amend(value, state);
        broken == 0 && limits(state).offending(stored, || state.fields()) == Ok(0)
    }

    /// Applies the rules of the register itself. Returns the value whose fields are to be compared,
    /// and the bits of the fields that break a rule.
    #[inline]
    fn amend(self, value: u64, state: &impl IdRegState) -> (u64, u64) {
        match self {
            Self::Aa64Pfr0 => amend_aa64pfr0(value, state),
            Self::Aa64Pfr1 => (amend_aa64pfr1(value, state.host()), 0),
            Self::Aa64Dfr0 => amend_aa64dfr0(value, state),
            Self::Dfr0 => amend_dfr0(value),
            Self::Aa64Mmfr0 => (value, check_aa64mmfr0(value, state)),
            Self::Aa64Mmfr2 => (amend_aa64mmfr2(value, state), 0),
            Self::Ctr => (value, check_ctr(value)),
            Self::Implementation | Self::Plain => (value, 0),
        }
    }
}

/// Returns the register to compare the fields with.
#[inline]
fn limits(state: &impl IdRegState) -> FeatureRegister {
    match state.visibility() {
        IdVisibility::Shown => FeatureRegister::Limited {
            limit: state.limit(),
            writable: state.writable(),
        },
        IdVisibility::Raz | IdVisibility::RazIgnored => FeatureRegister::Raz,
    }
}

/// Returns the most that the host can give to the VM.
#[inline]
pub(crate) fn limit(state: &impl IdRegState) -> u64 {
    match state.visibility() {
        IdVisibility::Shown => state.limit(),
        IdVisibility::Raz | IdVisibility::RazIgnored => 0,
    }
}

/// C: `set_imp_id_reg()`. Here the current value comes first, and the freeze after the capability.
#[inline]
fn weigh_implementation(value: u64, state: &impl IdRegState) -> Result<u64, Refused> {
    let current = state.current();
    if value == current {
        return Ok(value);
    }
    let refused = |reject, needs_capability| Refused {
        reject,
        needs_capability,
        bits: value ^ current,
        instead: None,
    };
    if !state.imp_ids_writable() {
        return Err(refused(Reject::InvalidValue, true));
    }
    if state.ran_once() == RanOnce::Yes {
        return Err(refused(Reject::Frozen, false));
    }
    let missing = value & !state.writable();
    if missing != 0 {
        return Err(Refused {
            bits: missing,
            instead: Some(value & state.writable()),
            ..refused(Reject::InvalidValue, false)
        });
    }
    Ok(value)
}

/// Forgives `MPAM`, and refuses a guest without AArch64.
///
/// C: `set_id_aa64pfr0_el1()`.
#[inline]
fn amend_aa64pfr0(value: u64, state: &impl IdRegState) -> (u64, u64) {
    let value = forgive_host(aa64pfr0::MPAM, value, state.host());
    let missing = |field| number(field, value) == 0;
    let broken = bits_if(missing(aa64pfr0::EL0), aa64pfr0::EL0)
        | bits_if(missing(aa64pfr0::EL1), aa64pfr0::EL1)
        | bits_if(missing(aa64pfr0::EL2) && state.has_el2(), aa64pfr0::EL2);
    (value, broken)
}

/// Forgives `NV`, unless the VM's level shows it.
///
/// C: `set_id_aa64mmfr2_el1()`.
#[inline]
fn amend_aa64mmfr2(value: u64, state: &impl IdRegState) -> u64 {
    if state.level().shows(aa64mmfr2::REG, aa64mmfr2::NV.mask()) {
        return value;
    }
    forgive_host(aa64mmfr2::NV, value, state.host())
}

/// Forgives `MPAM_frac`, and an `MTE_frac` that promised asynchronous faults of MTE2.
///
/// C: `set_id_aa64pfr1_el1()`. As there, `MTE_frac` becomes the host's even in a VM without MTE.
/// The limit of such a VM is 0, so it then refuses the value that it reads.
#[inline]
fn amend_aa64pfr1(value: u64, host: u64) -> u64 {
    let frac = aa64pfr1::MTE_FRAC;
    let value = forgive_host(aa64pfr1::MPAM_FRAC, value, host);
    let hidden = number(aa64pfr1::MTE, host) == aa64pfr1::MTE2
        && number(frac, host) == aa64pfr1::MTE_FRAC_NI
        && number(frac, value) == aa64pfr1::MTE_FRAC_ASYNC;
    if hidden {
        (value & !frac.mask()) | (host & frac.mask())
    } else {
        value
    }
}

/// Forgives a PMU that is not Arm's, and `DoubleLock` in a VM with EL2; refuses a `DebugVer` below
/// the lowest that exists.
///
/// C: `set_id_aa64dfr0_el1()`, `ignore_feat_doublelock()`.
#[inline]
fn amend_aa64dfr0(value: u64, state: &impl IdRegState) -> (u64, u64) {
    let mut amended = value;
    if number(aa64dfr0::PMU_VER, value) == aa64dfr0::PMU_VER_IMP_DEF {
        amended &= !aa64dfr0::PMU_VER.mask();
    }
    let lock = aa64dfr0::DOUBLE_LOCK;
    if state.has_el2()
        && number(lock, state.host()) == aa64dfr0::DOUBLE_LOCK_NI
        && number(lock, value) == aa64dfr0::DOUBLE_LOCK_IMP
    {
        amended |= lock.mask();
    }
    let debug = aa64dfr0::DEBUG_VER;
    let broken = bits_if(number(debug, value) < aa64dfr0::DEBUG_VER_IMP, debug);
    (amended, broken)
}

/// Forgives a PMU that is not Arm's; refuses a PMU before version 3, and a `CopDbg` before Armv8.
///
/// C: `set_id_dfr0_el1()`.
#[inline]
fn amend_dfr0(value: u64) -> (u64, u64) {
    let perf_mon = dfr0::PERF_MON;
    let (value, is_old) = match number(perf_mon, value) {
        dfr0::PERF_MON_IMP_DEF => (value & !perf_mon.mask(), false),
        dfr0::PERF_MON_NI => (value, false),
        version => (value, version < dfr0::PERF_MON_PMUV3),
    };
    let debug = dfr0::COP_DBG;
    let broken =
        bits_if(is_old, perf_mon) | bits_if(number(debug, value) < dfr0::COP_DBG_ARMV8, debug);
    (value, broken)
}

/// Returns the fields of stage-2 granules that are neither the limit's nor "not supported", in a
/// VM with EL2.
///
/// C: `set_id_aa64mmfr0_el1()`, `tgran2_val_allowed()`.
#[inline]
fn check_aa64mmfr0(value: u64, state: &impl IdRegState) -> u64 {
    if !state.has_el2() {
        return 0;
    }
    let limit = limit(state);
    aa64mmfr0::TGRANS_2.into_iter().fold(0, |broken, granule| {
        let wanted = number(granule, value);
        let allowed = wanted == number(granule, limit) || wanted == aa64mmfr0::TGRAN_2_NI;
        broken | bits_if(!allowed, granule)
    })
}

/// Returns the bits of a reserved policy of the instruction cache.
///
/// C: `set_ctr_el0()`.
#[inline]
const fn check_ctr(value: u64) -> u64 {
    if value & ctr::L1IP_NOT_RESERVED == 0 {
        ctr::L1IP
    } else {
        0
    }
}
