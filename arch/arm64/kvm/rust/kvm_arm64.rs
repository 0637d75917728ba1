// SPDX-License-Identifier: GPL-2.0

//! The functions of KVM/arm64 that C calls in Rust.
//!
//! Each surface has a module of exports, declared in
//! [`include/kvm/arm_rust.h`](srctree/include/kvm/arm_rust.h). The exports turn C's pointers into
//! the views of [`kernel::kvm`], ask for a decision, and return it as an errno or compare it with
//! that of C.
//!
//! Reference: `Documentation/virt/kvm/arm/rust.rst`.

mod check;
mod errno;
pub mod fw_reg;
pub mod fw_reg_check;
pub mod id_reg;
#[cfg(CONFIG_KVM_ARM64_RUST_KUNIT_TEST)]
mod kunit;
pub mod opt_in;
pub mod reg_masks;
pub mod smccc;
pub mod smccc_check;
pub mod smccc_filter;
pub mod vgic_v2;
pub mod vm_reg;
