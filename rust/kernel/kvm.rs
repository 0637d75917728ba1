// SPDX-License-Identifier: GPL-2.0

//! KVM on arm64: safe views of a VM, its vCPUs and the state that its ABI depends on.
//!
//! The crate [`abi`], which does not depend on the kernel, decides what to do with that state. This
//! module reads the state, holds the locks and commits the decisions.
//!
//! C headers: [`include/linux/kvm_host.h`](srctree/include/linux/kvm_host.h),
//! [`include/kvm/arm_abi.h`](srctree/include/kvm/arm_abi.h).
//!
//! Reference: `Documentation/virt/kvm/arm/rust.rst`.

extern crate kvm_abi as abi;

pub mod compat;
pub mod fw_reg;
pub mod id_reg;
mod locked;
mod one_reg;
pub mod opt_in;
pub mod reg_masks;
pub mod smccc;
pub mod switch;
mod ties;
mod vcpu;
pub mod vgic_v2;
mod view;
mod vm;
pub mod vm_config;

pub use locked::{
    ConfigLock,
    Guard,
    Held,
    KvmLock,
    PowerLock,
    VcpusLock, //
};
pub use one_reg::{
    write_ids,
    OneReg, //
};
pub use smccc::{
    ExitedVcpu,
    Notes,
    ResetState,
    TrappedVcpu, //
};
pub use vcpu::Vcpu;
pub use view::{
    from_c,
    Copied,
    FromC,
    View, //
};
pub use vm::{
    NewVm,
    Vm, //
};
