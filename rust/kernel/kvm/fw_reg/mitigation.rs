// SPDX-License-Identifier: GPL-2.0

//! The host's mitigations of speculative execution vulnerabilities.
//!
//! C header: [`arch/arm64/include/asm/spectre.h`](srctree/arch/arm64/include/asm/spectre.h)

use crate::bindings;

use crate::kvm::{
    abi::{
        Mitigation,
        WorkaroundQuery, //
    },
    view::calls, //
};

calls! {
    /// Has no preconditions.
    fn spectre_v2_state() -> bindings::mitigation_state = arm64_get_spectre_v2_state;
    /// Has no preconditions.
    fn spectre_v4_state() -> bindings::mitigation_state = arm64_get_spectre_v4_state;
    /// Has no preconditions.
    fn spectre_bhb_state() -> bindings::mitigation_state = arm64_get_spectre_bhb_state;
}

/// Returns the state of a workaround's vulnerability.
#[inline]
pub fn of(query: WorkaroundQuery) -> Mitigation {
    match query {
        WorkaroundQuery::Workaround1 => spectre_v2(),
        WorkaroundQuery::Workaround2 => spectre_v4(),
        WorkaroundQuery::Workaround3 => spectre_bhb(),
    }
}

/// Returns the state of Spectre-v2, branch target injection.
#[inline]
pub fn spectre_v2() -> Mitigation {
    from_raw(spectre_v2_state())
}

/// Returns the state of Spectre-v4, speculative store bypass.
#[inline]
pub fn spectre_v4() -> Mitigation {
    from_raw(spectre_v4_state())
}

/// Returns the state of Spectre-BHB, branch history injection.
#[inline]
pub fn spectre_bhb() -> Mitigation {
    from_raw(spectre_bhb_state())
}

/// Converts C's enumeration; an unknown value counts as the worst state.
#[inline]
fn from_raw(state: bindings::mitigation_state) -> Mitigation {
    match state {
        bindings::mitigation_state_SPECTRE_UNAFFECTED => Mitigation::Unaffected,
        bindings::mitigation_state_SPECTRE_MITIGATED => Mitigation::Mitigated,
        _ => Mitigation::Vulnerable,
    }
}
