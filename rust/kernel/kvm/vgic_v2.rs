// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of a virtual GICv2.
//!
//! C headers: [`include/kvm/arm_vgic.h`](srctree/include/kvm/arm_vgic.h),
//! [`arch/arm64/kvm/vgic/vgic.h`](srctree/arch/arm64/kvm/vgic/vgic.h)

use crate::{
    bindings,
    jump_label::static_branch_unlikely,
    sync::atomic::{
        atomic_load,
        atomic_store,
        Relaxed, //
    }, //
};

use super::{
    abi::{
        BinaryPoint,
        CpuInterface,
        GiccCtlr,
        GiccPmr,
        GiccVcpu,
        Vmcr, //
    },
    Vcpu, //
};

/// A vCPU whose VM has a GICv2.
///
/// # Invariants
///
/// The model of the VM's vGIC is the GICv2.
#[derive(Clone, Copy)]
pub struct VgicV2<'a>(&'a Vcpu);

impl<'a> VgicV2<'a> {
    /// Creates a view of a vCPU's GICv2.
    ///
    /// # Safety
    ///
    /// The model of the VM's vGIC must be the GICv2.
    #[inline]
    pub unsafe fn new(vcpu: &'a Vcpu) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(vcpu)
    }

    /// Returns the control register of a host that has a GICv2.
    #[inline]
    pub fn host_gicv2_vmcr(self) -> Vmcr {
        // SAFETY: `gich_vmcr()` returns a valid, aligned pointer; C writes the field in one store.
        Vmcr::Gich(unsafe { atomic_load(self.gich_vmcr(), Relaxed) })
    }

    /// Returns a pointer, valid and aligned as long as the vCPU is, to `ICH_VMCR_EL2`.
    #[inline]
    fn ich_vmcr(self) -> *mut u32 {
        // SAFETY: By the invariant of `Vcpu` it is valid, so that its fields have addresses; any
        // bits are valid for the union's integer fields.
        unsafe {
            let cpu = &raw mut (*self.0.as_ptr()).arch.vgic_cpu;
            &raw mut (*cpu).__bindgen_anon_1.vgic_v3.vgic_vmcr
        }
    }

    /// Returns a pointer, valid and aligned as long as the vCPU is, to `GICH_VMCR`.
    #[inline]
    fn gich_vmcr(self) -> *mut u32 {
        // SAFETY: As in `ich_vmcr()`.
        unsafe {
            let cpu = &raw mut (*self.0.as_ptr()).arch.vgic_cpu;
            &raw mut (*cpu).__bindgen_anon_1.vgic_v2.vgic_vmcr
        }
    }
}

impl GiccVcpu for VgicV2<'_> {
    /// While the vCPU runs, its state is in the host's GIC, and this returns an earlier state.
    #[inline]
    fn vmcr(&self) -> Vmcr {
        if host_is_gicv3() {
            // SAFETY: `ich_vmcr()` returns a valid, aligned pointer; C writes the field in one
            // store.
            Vmcr::Ich(unsafe { atomic_load(self.ich_vmcr(), Relaxed) })
        } else {
            self.host_gicv2_vmcr()
        }
    }

    /// Of two concurrent writes, one is lost.
    #[inline]
    fn set_vmcr(&self, vmcr: Vmcr) {
        match vmcr {
            // SAFETY: As in `vmcr()`; C reads the field in one load.
            Vmcr::Ich(bits) => unsafe { atomic_store(self.ich_vmcr(), bits, Relaxed) },
            // SAFETY: As in `host_gicv2_vmcr()`; C reads the field in one load.
            Vmcr::Gich(bits) => unsafe { atomic_store(self.gich_vmcr(), bits, Relaxed) },
        }
    }
}

/// Returns whether virtual interrupts go through the CPU interface of a GICv3, with any vGIC model.
#[inline]
fn host_is_gicv3() -> bool {
    // SAFETY: The key is a field of a static object that C defines.
    unsafe {
        static_branch_unlikely!(
            bindings::kvm_vgic_global_state,
            bindings::vgic_global,
            gicv3_cpuif
        )
    }
}

/// Returns the state in C's `struct vgic_vmcr`; excess bits of its fields are ignored.
///
/// # Safety
///
/// `ptr` must point to a `struct vgic_vmcr` that nobody writes during the call. All its fields must
/// be initialised, except the one that only a GICv5 has.
#[inline]
pub unsafe fn state_from_raw(ptr: *const bindings::vgic_vmcr) -> CpuInterface {
    // No reference to the whole structure: one field may be uninitialised.
    // SAFETY: The caller guarantees that these fields can be read.
    unsafe {
        CpuInterface {
            ctlr: GiccCtlr {
                enable_grp0: (*ptr).grpen0 & 1 != 0,
                enable_grp1: (*ptr).grpen1 & 1 != 0,
                ack_ctl: (*ptr).ackctl & 1 != 0,
                fiq_en: (*ptr).fiqen & 1 != 0,
                cbpr: (*ptr).cbpr & 1 != 0,
                eoi_mode_ns: (*ptr).eoim & 1 != 0,
            },
            // CAST: Priorities have eight bits, and so do the masks of C.
            pmr: GiccPmr::new((*ptr).pmr as u8),
            bpr: BinaryPoint::from_bits((*ptr).bpr.into()),
            abpr: BinaryPoint::from_bits((*ptr).abpr.into()),
        }
    }
}

/// Writes the state to a `struct vgic_vmcr`, except to the field that only a GICv5 has.
///
/// # Safety
///
/// `ptr` must point to a `struct vgic_vmcr` that nobody else accesses during the call. It need not
/// be initialised.
#[inline]
pub unsafe fn state_to_raw(state: CpuInterface, ptr: *mut bindings::vgic_vmcr) {
    // SAFETY: The caller guarantees that the fields can be written.
    unsafe {
        (&raw mut (*ptr).grpen0).write(state.ctlr.enable_grp0.into());
        (&raw mut (*ptr).grpen1).write(state.ctlr.enable_grp1.into());
        (&raw mut (*ptr).ackctl).write(state.ctlr.ack_ctl.into());
        (&raw mut (*ptr).fiqen).write(state.ctlr.fiq_en.into());
        (&raw mut (*ptr).cbpr).write(state.ctlr.cbpr.into());
        (&raw mut (*ptr).eoim).write(state.ctlr.eoi_mode_ns.into());
        (&raw mut (*ptr).abpr).write(state.abpr.get().into());
        (&raw mut (*ptr).bpr).write(state.bpr.get().into());
        (&raw mut (*ptr).pmr).write(state.pmr.get().into());
    }
}
