// SPDX-License-Identifier: GPL-2.0

//! The ID registers that all vCPUs of a VM share, and their fields, from the kernel's own tables.
//!
//! C headers: [`arch/arm64/include/asm/cpufeature.h`](srctree/arch/arm64/include/asm/cpufeature.h),
//! [`include/kvm/arm_abi.h`](srctree/include/kvm/arm_abi.h)

use crate::{
    bindings,
    types::Opaque, //
};

use super::{
    abi::{
        CompatLevel,
        FeatureField,
        Field,
        FwVm,
        IdRegAccess,
        IdRegLocked,
        IdRegState,
        IdVisibility,
        RanOnce,
        SafeValue,
        Sign, //
    },
    compat::level_from,
    view::{
        calls,
        View, //
    },
    ConfigLock,
    Guard,
    Held,
    Vcpu,
    Vm, //
};

/// Wraps the kernel's `struct sys_reg_desc`.
///
/// # Invariants
///
/// It describes an ID register that all vCPUs of a VM share.
#[repr(transparent)]
pub struct IdRegDesc(Opaque<bindings::sys_reg_desc>);

// SAFETY: It wraps the structure, and only `from_c()` creates references, for which it demands the
// invariants.
unsafe impl View for IdRegDesc {
    type C = bindings::sys_reg_desc;
}

calls! {
    impl Held<'_, ConfigLock> as Vm {
        /// Needs a valid VM whose lock is held. If it has run, or does not share the register, this
        /// stores nothing and the VM is dead.
        pub(super) fn write_id_reg(id: u32, value: u64) = kvm_set_vm_id_reg;
    }
}

calls! {
    /// Returns 0, and warns, if the kernel does not know the register. Has no preconditions.
    pub fn host_value(id: u32) -> u64 = read_sanitised_ftr_reg;
    /// Returns null or a static object. Has no preconditions.
    fn ftr_reg(id: u32) -> *mut bindings::arm64_ftr_reg = get_arm64_ftr_reg;
}

/// The state of an ID register, as C has read it.
pub struct SeenIdReg(bindings::kvm_arm_id_reg);

impl From<bindings::kvm_arm_id_reg> for SeenIdReg {
    #[inline]
    fn from(reg: bindings::kvm_arm_id_reg) -> Self {
        Self(reg)
    }
}

impl IdRegState for SeenIdReg {
    type Rule = Rule;
    type Fields = FeatureFields;

    #[inline]
    fn visibility(&self) -> IdVisibility {
        IdVisibility::new(self.0.raz, self.0.ignored)
    }

    #[inline]
    fn has_el2(&self) -> bool {
        self.0.el2
    }

    #[inline]
    fn host(&self) -> u64 {
        host_value(self.0.id)
    }

    #[inline]
    fn limit(&self) -> u64 {
        self.0.limit
    }

    #[inline]
    fn writable(&self) -> u64 {
        self.0.writable
    }

    #[inline]
    fn current(&self) -> u64 {
        self.0.val
    }

    #[inline]
    fn ran_once(&self) -> RanOnce {
        if self.0.ran {
            RanOnce::Yes
        } else {
            RanOnce::No
        }
    }

    #[inline]
    fn imp_ids_writable(&self) -> bool {
        self.0.imp_writable
    }

    #[inline]
    fn level(&self) -> CompatLevel {
        level_from(self.0.level)
    }

    #[inline]
    fn fields(&self) -> Option<FeatureFields> {
        FeatureFields::of(self.0.id)
    }
}

/// An ID register of a VM, as one of its vCPUs sees it.
pub struct VcpuIdReg<'a> {
    vcpu: &'a Vcpu,
    desc: &'a IdRegDesc,
}

impl<'a> VcpuIdReg<'a> {
    /// Creates the register of a descriptor.
    #[inline]
    pub fn new(vcpu: &'a Vcpu, desc: &'a IdRegDesc) -> Self {
        Self { vcpu, desc }
    }
}

impl IdRegAccess for VcpuIdReg<'_> {
    type Locked<'a>
        = LockedIdReg<'a>
    where
        Self: 'a;

    #[inline]
    fn lock_config(&self) -> LockedIdReg<'_> {
        let config = self.vcpu.vm().lock_config();
        let mut reg = bindings::kvm_arm_id_reg::default();
        // SAFETY: Both are valid, and the lock of the VM's configuration is held; `reg` can be
        // written.
        unsafe {
            bindings::kvm_arm_c_read_id_reg(self.vcpu.as_ptr(), self.desc.as_ptr(), &raw mut reg)
        };
        LockedIdReg {
            config,
            seen: reg.into(),
        }
    }
}

/// An ID register of a VM whose configuration is locked.
pub struct LockedIdReg<'a> {
    config: Guard<'a, ConfigLock>,
    seen: SeenIdReg,
}

impl IdRegLocked for LockedIdReg<'_> {
    type State = SeenIdReg;

    #[inline]
    fn state(&self) -> &SeenIdReg {
        &self.seen
    }

    #[inline]
    fn store(&self, value: u64) {
        self.config.write_id_reg(self.seen.0.id, value);
    }
}

/// The fields of an ID register: those of `cpufeature.c`, with the rules of KVM.
///
/// # Invariants
///
/// `next` points to an entry of a constant, static table that ends with an entry of width 0. The
/// pointer may be used for all entries from there on.
pub struct FeatureFields {
    id: u32,
    next: *const bindings::arm64_ftr_bits,
}

/// The table of a register without fields. No `static`: modules would see it.
const NO_FIELDS: &bindings::arm64_ftr_bits = &bindings::arm64_ftr_bits {
    sign: false,
    visible: false,
    strict: false,
    type_: bindings::ftr_type_FTR_EXACT,
    shift: 0,
    width: 0,
    safe_val: 0,
};

impl FeatureFields {
    /// Returns the fields of a register, encoded as by `sys_reg()`, `None` if the kernel does not
    /// know it.
    #[inline]
    pub fn of(id: u32) -> Option<Self> {
        let reg = ftr_reg(id);
        if reg.is_null() {
            return None;
        }
        // SAFETY: Not null, so it points to a static object; this field of it is constant.
        let table = unsafe { (*reg).ftr_bits };
        let next = if table.is_null() { NO_FIELDS } else { table };
        // INVARIANT: The kernel's tables are constant and end with an entry of width 0, and so does
        // the empty one.
        Some(Self { id, next })
    }
}

impl Iterator for FeatureFields {
    type Item = FeatureField<Rule>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: By the type invariant it points to an entry that never changes.
        let bits: &'static bindings::arm64_ftr_bits = unsafe { &*self.next };
        let sign = if bits.sign {
            Sign::Signed
        } else {
            Sign::Unsigned
        };
        // The entry of width 0 is no field, so it ends the iteration.
        let field = Field::new(bits.shift, bits.width, sign)?;
        // SAFETY: This entry is a field, so it is not the last one of the table.
        // INVARIANT: The next entry belongs to the same table.
        self.next = unsafe { self.next.add(1) };
        let rule = Rule { id: self.id, bits };
        Some(FeatureField { field, rule })
    }
}

/// KVM's rule for the safe value of a field; in some fields it differs from the host's rule.
///
/// C: `kvm_arm64_ftr_safe_value()`.
pub struct Rule {
    id: u32,
    bits: &'static bindings::arm64_ftr_bits,
}

impl From<Rule> for SafeValue {
    #[inline]
    fn from(Rule { id, bits }: Rule) -> Self {
        match (id, u32::from(bits.shift)) {
            (
                bindings::SYS_ID_AA64DFR0_EL1,
                bindings::ID_AA64DFR0_EL1_PMUVer_SHIFT | bindings::ID_AA64DFR0_EL1_DebugVer_SHIFT,
            )
            | (bindings::SYS_ID_DFR0_EL1, bindings::ID_DFR0_EL1_PerfMon_SHIFT) => {
                return Self::LowerSafe
            }
            _ => (),
        }
        match bits.type_ {
            bindings::ftr_type_FTR_LOWER_SAFE => Self::LowerSafe,
            bindings::ftr_type_FTR_HIGHER_SAFE => Self::HigherSafe,
            bindings::ftr_type_FTR_HIGHER_OR_ZERO_SAFE => Self::HigherOrZeroSafe,
            // `FTR_EXACT`; `rust/helpers/kvm.c` checks that C has no other type.
            _ => Self::Exact(bits.safe_val),
        }
    }
}
