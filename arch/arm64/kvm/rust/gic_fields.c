// SPDX-License-Identifier: GPL-2.0-only
/*
 * The read-only fields of a GICv3's CPU interface that a VM has for itself: where they
 * are stored, and which accesses trap for them. What a VM can have is decided in Rust,
 * as a part of its configuration.
 */
#include <linux/cacheflush.h>
#include <linux/init.h>
#include <linux/kstrtox.h>
#include <linux/kvm_host.h>
#include <linux/lockdep.h>

#include <asm/kvm_emulate.h>
#include <asm/kvm_hyp.h>
#include <asm/virt.h>

#include "../vgic/vgic.h"

#include <kvm/arm_gic_fields.h>
#include <kvm/arm_opt_in.h>

/* What the hardware has, whatever KVM takes for it */
u32 kvm_arm_gic_hw_vtr __ro_after_init;

#ifdef CONFIG_KVM_ARM64_RUST_KUNIT_TEST
/*
 * The fields that KVM takes for the hardware's, as in ICC_CTLR_EL1, to test hosts with
 * another GIC; 0 for those of the hardware. A guest of a VM that has not opted in still
 * reads the hardware's.
 */
u32 kvm_arm_gic_debug_ctlr __ro_after_init;

static int __init early_debug_ctlr(char *arg)
{
	u32 ctlr;
	int ret = kstrtou32(arg, 0, &ctlr);

	if (ret)
		return ret;
	/* As in the architecture: at least five bits of priority, INTIDs of 16 or 24 bits */
	if (ctlr & ~KVM_ARM_GIC_FIELDS || FIELD_GET(ICC_CTLR_EL1_PRI_BITS_MASK, ctlr) < 4 ||
	    FIELD_GET(ICC_CTLR_EL1_ID_BITS_MASK, ctlr) > 1)
		return -EINVAL;

	kvm_arm_gic_debug_ctlr = ctlr;
	return 0;
}
early_param("kvm-arm.debug_icc_ctlr", early_debug_ctlr);
#endif

/**
 * kvm_arm_gic_fields_offered - Ask whether VMs can have fields of their own
 *
 * Under pKVM, the code at EL2 has its own copy of a VM, and cannot be patched once it
 * protects itself from the host.
 *
 * Return: false on a host in protected mode.
 */
bool kvm_arm_gic_fields_offered(void)
{
	return !is_protected_kvm_enabled();
}

/**
 * kvm_arm_use_gic_fields - Enable the code that serves the traps of a CPU interface
 *
 * Call this before a VM opts in.
 */
void kvm_arm_use_gic_fields(void)
{
	static_branch_enable(&vgic_v3_cpuif_trap);
	/* EL2 without VHE has the code at another address, also in instruction caches. */
	if (!has_vhe())
		icache_inval_all_pou();
}

static u32 fields_of_vtr(u64 vtr)
{
	return FIELD_PREP(ICC_CTLR_EL1_PRI_BITS_MASK, FIELD_GET(KVM_ARM_VTR_PRI_BITS, vtr)) |
	       FIELD_PREP(ICC_CTLR_EL1_ID_BITS_MASK, FIELD_GET(KVM_ARM_VTR_ID_BITS, vtr)) |
	       FIELD_PREP(ICC_CTLR_EL1_SEIS_MASK, FIELD_GET(ICH_VTR_EL2_SEIS, vtr)) |
	       FIELD_PREP(ICC_CTLR_EL1_A3V_MASK, FIELD_GET(ICH_VTR_EL2_A3V, vtr));
}

/*
 * The fields of a VM, where ICC_CTLR_EL1 has them; until userspace sets others, those
 * of the host. The stored value 0 means the host's: PRIbits of a VM is never 0.
 */
static u32 fields_of_vm(const struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.gic_fields) ?: fields_of_vtr(vgic_ich_vtr());
}

/**
 * kvm_arm_gic_fields_ctlr - Get the ICC_CTLR_EL1 of a VM with fields of its own
 * @kvm: The VM
 * @ctlr: The register of another VM
 *
 * Return: The register.
 */
u64 kvm_arm_gic_fields_ctlr(struct kvm *kvm, u64 ctlr)
{
	return (ctlr & ~(u64)KVM_ARM_GIC_FIELDS) | fields_of_vm(kvm);
}

/**
 * kvm_arm_gic_fields_vtr - Get the ICH_VTR_EL2 of a VM with fields of its own
 * @kvm: The VM
 * @vtr: The register of another VM
 *
 * Return: The register. Its IDbits and A3V are those of another VM: 0.
 */
u64 kvm_arm_gic_fields_vtr(struct kvm *kvm, u64 vtr)
{
	u32 fields = fields_of_vm(kvm);

	vtr &= ~(KVM_ARM_VTR_PRI_BITS | ICH_VTR_EL2_SEIS);
	return vtr |
	       FIELD_PREP(KVM_ARM_VTR_PRI_BITS, FIELD_GET(ICC_CTLR_EL1_PRI_BITS_MASK, fields)) |
	       FIELD_PREP(ICH_VTR_EL2_SEIS, FIELD_GET(ICC_CTLR_EL1_SEIS_MASK, fields));
}

/**
 * kvm_arm_gic_fields_to_host - Check the ICC_CTLR_EL1 that userspace restores
 * @kvm: A VM with fields of its own
 * @ctlr: The register; its fields become those of the host, which C accepts
 *
 * Return: false if the fields are not those of the VM.
 */
bool kvm_arm_gic_fields_to_host(struct kvm *kvm, u64 *ctlr)
{
	if ((*ctlr & KVM_ARM_GIC_FIELDS) != fields_of_vm(kvm))
		return false;

	*ctlr &= ~(u64)KVM_ARM_GIC_FIELDS;
	*ctlr |= fields_of_vtr(vgic_ich_vtr());
	return true;
}

/* What a guest reads whose VM has no traps of its own, see __vgic_v3_read_ctlr(). */
static u32 fields_without_traps(void)
{
	if (vgic_ich_hcr_trap_bits() & ICH_HCR_EL2_TC)
		return fields_of_vtr(vgic_ich_vtr()) & ~ICC_CTLR_EL1_SEIS_MASK;

	return fields_of_vtr(kvm_arm_gic_hw_vtr);
}

/**
 * kvm_arm_gic_fields_set_traps - Set the traps of a vCPU for the fields of its VM
 * @vcpu: The vCPU, which has not run; the fields of its VM do not change any more
 *
 * ICH_HCR_EL2.TC traps ICC_CTLR_EL1. A guest that was promised to get no SError from
 * its GIC makes no access that could cause one: the traps are those of a GIC whose
 * SErrors are broken.
 */
void kvm_arm_gic_fields_set_traps(struct kvm_vcpu *vcpu)
{
	struct vgic_v3_cpu_if *cpu_if = &vcpu->arch.vgic_cpu.vgic_v3;
	u32 fields = fields_of_vm(vcpu->kvm);
	u64 traps = 0;

	lockdep_assert_held(&vcpu->kvm->arch.config_lock);

	if (vcpu->kvm->arch.vgic.vgic_model != KVM_DEV_TYPE_ARM_VGIC_V3)
		return;

	if (fields != fields_without_traps())
		traps = ICH_HCR_EL2_TC;

	if (!(fields & ICC_CTLR_EL1_SEIS_MASK) &&
	    (kvm_arm_gic_hw_vtr | vgic_ich_vtr()) & ICH_VTR_EL2_SEIS) {
		traps = ICH_HCR_EL2_TC | ICH_HCR_EL2_TALL0 | ICH_HCR_EL2_TALL1;
		/* TC traps ICC_DIR_EL1, too. */
		if (cpus_have_final_cap(ARM64_HAS_ICH_HCR_EL2_TDIR))
			traps |= ICH_HCR_EL2_TDIR;
	}

	cpu_if->vgic_fields = fields;
	cpu_if->vgic_traps = traps;
}

/**
 * kvm_arm_read_vm_gic_cpus - Read what a VM's configuration has of its CPU interfaces
 * @kvm: The VM, whose config_lock the caller holds
 * @cpus: Set to what the VM has
 *
 * Return: false if the VM has no GICv3.
 */
bool kvm_arm_read_vm_gic_cpus(struct kvm *kvm, struct kvm_arm_gic_cpus *cpus)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	lockdep_assert_held(&kvm->arch.config_lock);

	if (kvm->arch.vgic.vgic_model != KVM_DEV_TYPE_ARM_VGIC_V3)
		return false;

	cpus->fields = fields_of_vm(kvm);
	cpus->host = fields_of_vtr(vgic_ich_vtr());
	cpus->el2 = test_bit(KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED, &kvm->arch.flags) &&
		    kvm_vcpu_has_feature(kvm, KVM_ARM_VCPU_HAS_EL2);
	cpus->vtr = kvm_get_guest_vtr_el2();
	cpus->aff3 = false;
	kvm_for_each_vcpu(i, vcpu, kvm)
		cpus->aff3 |= MPIDR_AFFINITY_LEVEL(kvm_vcpu_get_mpidr_aff(vcpu), 3);
	return true;
}

/**
 * kvm_arm_write_vm_gic_fields - Write the fields of a VM
 * @kvm: The VM, which has opted in to them and has not run, and whose config_lock the
 *	 caller holds
 * @fields: The fields, where ICC_CTLR_EL1 has them
 */
void kvm_arm_write_vm_gic_fields(struct kvm *kvm, u32 fields)
{
	lockdep_assert_held(&kvm->arch.config_lock);

	WRITE_ONCE(kvm->arch.gic_fields, fields);
}
