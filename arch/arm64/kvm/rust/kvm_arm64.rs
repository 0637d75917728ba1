// SPDX-License-Identifier: GPL-2.0

//! The functions of KVM/arm64 that C calls in Rust.
//!
//! Each surface has a module of exports, declared in
//! [`include/kvm/arm_rust.h`](srctree/include/kvm/arm_rust.h). The exports turn C's pointers into
//! the views of [`kernel::kvm`], run the core's sequence, and return its result as an errno. Those
//! in [`check`] compare it with that of C instead.
//!
//! Reference: `Documentation/virt/kvm/arm/rust.rst`.

pub mod check;
pub mod compat;
mod errno;
pub mod fw_reg;
pub mod id_reg;
#[cfg(CONFIG_KVM_ARM64_RUST_KUNIT_TEST)]
#[path = "tests/kunit.rs"]
mod kunit;
pub mod opt_in;
pub mod reg_masks;
pub mod smccc;
pub mod smccc_filter;
pub mod vgic_v2;
