// SPDX-License-Identifier: GPL-2.0

//! The fields of ID registers, from the kernel's own tables.
//!
//! C header: [`arch/arm64/include/asm/cpufeature.h`](srctree/arch/arm64/include/asm/cpufeature.h)

use crate::bindings;

use super::abi::{
    FeatureField,
    Field,
    SafeValue,
    Sign, //
};

/// The fields of an ID register, as `cpufeature.c` knows them and KVM understands them.
///
/// # Invariants
///
/// `next` is null, or points to an entry of a table of the kernel: of static lifetime, not written
/// after boot, and ended by an entry of width 0.
pub struct FeatureFields {
    id: u32,
    next: *const bindings::arm64_ftr_bits,
}

impl FeatureFields {
    /// Returns the fields of a register, encoded as by `sys_reg()`, `None` if the kernel does not
    /// know it.
    #[inline]
    pub fn of(id: u32) -> Option<Self> {
        // SAFETY: Has no preconditions.
        let reg = unsafe { bindings::get_arm64_ftr_reg(id) };
        if reg.is_null() {
            return None;
        }
        // INVARIANT: The kernel's tables are as wanted.
        // SAFETY: Not null, so that it points to a static object, of which this field is constant.
        let next = unsafe { (*reg).ftr_bits };
        Some(Self { id, next })
    }
}

impl Iterator for FeatureFields {
    type Item = FeatureField;

    #[inline]
    fn next(&mut self) -> Option<FeatureField> {
        loop {
            // SAFETY: By the type invariant it is null or points to an entry.
            let bits = unsafe { self.next.as_ref() }?;
            if bits.width == 0 {
                return None;
            }
            // INVARIANT: This entry is not the last one.
            self.next = self.next.wrapping_add(1);

            let sign = if bits.sign {
                Sign::Signed
            } else {
                Sign::Unsigned
            };
            // A field that the kernel could not have described is one that cannot be changed.
            if let Some(field) = Field::new(bits.shift, bits.width, sign) {
                let rule = rule(self.id, bits);
                return Some(FeatureField { field, rule });
            }
        }
    }
}

/// Returns what KVM takes for safe in a field: in some it differs from the host.
///
/// C: `kvm_arm64_ftr_safe_value()`.
#[inline]
fn rule(id: u32, bits: &bindings::arm64_ftr_bits) -> SafeValue {
    match (id, u32::from(bits.shift)) {
        (
            bindings::SYS_ID_AA64DFR0_EL1,
            bindings::ID_AA64DFR0_EL1_PMUVer_SHIFT | bindings::ID_AA64DFR0_EL1_DebugVer_SHIFT,
        )
        | (bindings::SYS_ID_DFR0_EL1, bindings::ID_DFR0_EL1_PerfMon_SHIFT) => {
            return SafeValue::LowerSafe
        }
        _ => (),
    }
    match bits.type_ {
        bindings::ftr_type_FTR_LOWER_SAFE => SafeValue::LowerSafe,
        bindings::ftr_type_FTR_HIGHER_SAFE => SafeValue::HigherSafe,
        bindings::ftr_type_FTR_HIGHER_OR_ZERO_SAFE => SafeValue::HigherOrZeroSafe,
        // `FTR_EXACT`; C knows no other.
        _ => SafeValue::Exact(bits.safe_val),
    }
}
