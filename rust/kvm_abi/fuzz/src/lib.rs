// SPDX-License-Identifier: GPL-2.0

//! Fuzz targets for the core, `kvm_abi`.
//!
//! A target makes values of any bytes, hands them to the core, and compares what it decides with
//! the rule as the specification states it: bit by bit, with tables and wide numbers, whatever time
//! that takes. The core must be total, too: a panic of its own ends the run as a difference does.
//!
//! The same targets are run on random bytes by `tests/bounded.rs`, and by libFuzzer, which is told
//! by the compiler which bytes led to new code, by `src/coverage.rs`.

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

/// A target: what it is called, and what it does with an input.
pub struct Target {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// Panics if the core does not do with the input what the specification says.
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

/// Returns the target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
