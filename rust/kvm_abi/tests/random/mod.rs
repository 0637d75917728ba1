// SPDX-License-Identifier: GPL-2.0

//! Tests of random values.

use proptest::prelude::ProptestConfig;

/// A run of so many values. One that fails is printed, and not kept in a file.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..Default::default()
    }
}
