// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of a virtual GICv2.
//!
//! C headers: [`include/kvm/arm_vgic.h`](srctree/include/kvm/arm_vgic.h),
//! [`arch/arm64/kvm/vgic/vgic.h`](srctree/arch/arm64/kvm/vgic/vgic.h)

use crate::{
    bindings,
    jump_label::static_branch_unlikely, //
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
    view::{
        fields,
        known,
        FromC, //
    },
    Vcpu, //
};

known! {
    /// A vCPU whose VM has a GICv2.
    ///
    /// # Invariants
    ///
    /// The model of the VM's vGIC is the GICv2.
    pub struct VgicV2<'_>(Vcpu);
}

fields! {
    impl VgicV2<'_> as Vcpu {
        /// `ICH_VMCR_EL2`, which C loads and stores as a whole; any bits are a value of the union's
        /// integers.
        fn ich_vmcr() -> Shared<u32> = arch.vgic_cpu.__bindgen_anon_1.vgic_v3.vgic_vmcr;
        /// `GICH_VMCR`; as above.
        fn gich_vmcr() -> Shared<u32> = arch.vgic_cpu.__bindgen_anon_1.vgic_v2.vgic_vmcr;
    }
}

impl VgicV2<'_> {
    /// Returns the control register of a host that has a GICv2.
    #[inline]
    pub fn host_gicv2_vmcr(self) -> Vmcr {
        Vmcr::Gich(self.gich_vmcr().load())
    }
}

impl GiccVcpu for VgicV2<'_> {
    /// While the vCPU runs, its state is in the host's GIC, and this returns an earlier state.
    #[inline]
    fn vmcr(&self) -> Vmcr {
        if host_is_gicv3() {
            Vmcr::Ich(self.ich_vmcr().load())
        } else {
            self.host_gicv2_vmcr()
        }
    }

    /// Of two concurrent writes, one is lost.
    #[inline]
    fn set_vmcr(&self, vmcr: Vmcr) {
        match vmcr {
            Vmcr::Ich(bits) => self.ich_vmcr().store(bits),
            Vmcr::Gich(bits) => self.gich_vmcr().store(bits),
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

/// A copy of the state in C's `struct vgic_vmcr`; excess bits of its fields are ignored. The field
/// that only a GICv5 has need not be initialised.
impl FromC for CpuInterface {
    type Raw = *const bindings::vgic_vmcr;

    #[inline]
    unsafe fn from_c(raw: *const bindings::vgic_vmcr) -> Self {
        let ptr: *const bindings::kvm_arm_vmcr = raw.cast();
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
}

/// Writes the state to a `struct vgic_vmcr`, except to the field that only a GICv5 has.
///
/// # Safety
///
/// `raw` must point to a `struct vgic_vmcr` that nobody else accesses during the call. It need not
/// be initialised.
#[inline]
pub unsafe fn state_to_raw(state: CpuInterface, raw: *mut bindings::vgic_vmcr) {
    let ptr: *mut bindings::kvm_arm_vmcr = raw.cast();
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
