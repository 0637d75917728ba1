// SPDX-License-Identifier: GPL-2.0

//! Fuzz targets for the core, `kvm_abi`.
//!
//! A target builds values from arbitrary bytes, passes them to the core, and compares the decision
//! with a slow statement of the rule in the specification: bit by bit, with tables and wide
//! numbers. The core must be total: like a difference, a panic in the core ends the run.
//!
//! `tests/bounded.rs` runs the targets on random bytes. `src/coverage.rs` runs the same targets
//! under libFuzzer, which learns from the compiler's instrumentation which bytes reach new code.

mod calls;
#[path = "../../tests/common/mod.rs"]
mod common;
mod filter;
mod fw_writes;
mod gicc;
mod id_fields;
mod input;
mod levels;
mod masks;
mod opt_in;
mod psci;
mod reg_ids;
mod workarounds;

pub use input::Input;

/// A target: its name, and its function.
pub struct Target {
    /// The name that selects the target.
    pub name: &'static str,
    /// Runs one input. Panics if the core's decision differs from the specification.
    pub run: fn(&mut Input<'_>),
}

/// All targets.
pub const TARGETS: [Target; 11] = [
    Target {
        name: "reg_ids",
        run: reg_ids::run,
    },
    Target {
        name: "func_ids",
        run: calls::func_ids,
    },
    Target {
        name: "calls",
        run: calls::run,
    },
    Target {
        name: "filter",
        run: filter::run,
    },
    Target {
        name: "levels",
        run: levels::run,
    },
    Target {
        name: "id_fields",
        run: id_fields::run,
    },
    Target {
        name: "masks",
        run: masks::run,
    },
    Target {
        name: "gicc",
        run: gicc::run,
    },
    Target {
        name: "workarounds",
        run: workarounds::run,
    },
    Target {
        name: "fw_writes",
        run: fw_writes::run,
    },
    Target {
        name: "opt_in",
        run: opt_in::run,
    },
];

/// Returns the target with this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
