// SPDX-License-Identifier: GPL-2.0

//! The fields of ID registers, from the kernel's own tables.
//!
//! C header: [`arch/arm64/include/asm/cpufeature.h`](srctree/arch/arm64/include/asm/cpufeature.h)

use crate::bindings;

use super::{
    abi::{
        FeatureField,
        Field,
        SafeValue,
        Sign, //
    },
    view::calls, //
};

calls! {
    /// Returns null or a static object. Has no preconditions.
    fn ftr_reg(id: u32) -> *mut bindings::arm64_ftr_reg = get_arm64_ftr_reg;
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
