/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64: the read-only fields of a GICv3's CPU interface that a VM has for itself.
 *
 * A guest reads ICC_CTLR_EL1 from the hardware. If a VM's fields are others, accesses
 * of its vCPUs trap, and the code that emulates the registers for errata serves them.
 * The key of that code is on once a VM has opted in; until then no VM executes more
 * than without this code.
 *
 * Include this after vgic/vgic.h, at EL1 or EL2.
 *
 * Documentation/virt/kvm/arm/rust-opt-in.rst
 */
#ifndef __KVM_ARM_GIC_FIELDS_H
#define __KVM_ARM_GIC_FIELDS_H

#include <linux/irqchip/arm-gic-v3.h>
#include <linux/kvm_host.h>

#include <asm/kvm_hyp.h>

/* Where ICC_CTLR_EL1 has them */
#define KVM_ARM_GIC_FIELDS	(ICC_CTLR_EL1_PRI_BITS_MASK | ICC_CTLR_EL1_ID_BITS_MASK | \
				 ICC_CTLR_EL1_SEIS_MASK | ICC_CTLR_EL1_A3V_MASK)

/* PRIbits and IDbits of ICH_VTR_EL2 */
#define KVM_ARM_VTR_PRI_BITS	GENMASK(31, 29)
#define KVM_ARM_VTR_ID_BITS	GENMASK(25, 23)

/**
 * kvm_arm_gic_add_traps - Add the traps of a vCPU's accesses to its CPU interface
 * @cpu_if: The CPU interface
 * @hcr: A value of ICH_HCR_EL2
 *
 * Until the key is on, the value stays as it is: no traps are ORed.
 *
 * Return: The value with the traps of all VMs, and those of this one.
 */
static __always_inline u64 kvm_arm_gic_add_traps(const struct vgic_v3_cpu_if *cpu_if,
						 u64 hcr)
{
#ifdef CONFIG_KVM_ARM64_RUST
	if (static_branch_unlikely(&vgic_v3_cpuif_trap))
		hcr |= vgic_ich_hcr_trap_bits() | cpu_if->vgic_traps;

	return hcr;
#else
	return hcr | vgic_ich_hcr_trap_bits();
#endif
}

/* Whether a vCPU has traps, if the key is on; undefined in a VM without a GICv3 */
static __always_inline bool kvm_arm_gic_serves_traps(const struct vgic_v3_cpu_if *cpu_if)
{
#ifdef CONFIG_KVM_ARM64_RUST
	return vgic_ich_hcr_trap_bits() | cpu_if->vgic_traps;
#else
	return true;
#endif
}

/* Whether a vCPU has traps. While the key is off, none has. */
static __always_inline bool kvm_arm_gic_has_traps(const struct vgic_v3_cpu_if *cpu_if)
{
	return static_branch_unlikely(&vgic_v3_cpuif_trap) &&
	       kvm_arm_gic_serves_traps(cpu_if);
}

/**
 * kvm_arm_gic_ctlr - Get the ICC_CTLR_EL1 that a guest reads by a trap
 * @vcpu: The vCPU, also at EL2
 * @val: The register of a VM without fields of its own
 *
 * Return: The register.
 */
static __always_inline u32 kvm_arm_gic_ctlr(const struct kvm_vcpu *vcpu, u32 val)
{
#ifdef CONFIG_KVM_ARM64_RUST
	const struct vgic_v3_cpu_if *cpu_if = &vcpu->arch.vgic_cpu.vgic_v3;

	if (cpu_if->vgic_traps)
		return (val & ~(u32)KVM_ARM_GIC_FIELDS) | cpu_if->vgic_fields;
#endif
	return val;
}

/* arch/arm64/kvm/rust/gic_fields.c */
#ifdef CONFIG_KVM_ARM64_RUST
extern u32 kvm_arm_gic_hw_vtr;
#endif
#ifdef CONFIG_KVM_ARM64_RUST_KUNIT_TEST
extern u32 kvm_arm_gic_debug_ctlr;
#endif

/**
 * kvm_arm_gic_patch_vtr - Note the ICH_VTR_EL2 of the hardware
 * @hw: The register
 * @vtr: What KVM takes for it
 *
 * In a kernel for tests, a parameter replaces the fields in what KVM takes for it.
 * What patches the kernel calls this, and nothing else.
 *
 * Return: What KVM takes for it.
 */
static __always_inline u32 kvm_arm_gic_patch_vtr(u32 hw, u32 vtr)
{
#ifdef CONFIG_KVM_ARM64_RUST
	kvm_arm_gic_hw_vtr = hw;
#endif
#ifdef CONFIG_KVM_ARM64_RUST_KUNIT_TEST
	if (kvm_arm_gic_debug_ctlr) {
		vtr &= ~(KVM_ARM_VTR_PRI_BITS | KVM_ARM_VTR_ID_BITS | ICH_VTR_EL2_SEIS |
			 ICH_VTR_EL2_A3V);
		vtr |= FIELD_PREP(KVM_ARM_VTR_PRI_BITS,
				  FIELD_GET(ICC_CTLR_EL1_PRI_BITS_MASK,
					    kvm_arm_gic_debug_ctlr));
		vtr |= FIELD_PREP(KVM_ARM_VTR_ID_BITS,
				  FIELD_GET(ICC_CTLR_EL1_ID_BITS_MASK,
					    kvm_arm_gic_debug_ctlr));
		vtr |= FIELD_PREP(ICH_VTR_EL2_SEIS,
				  FIELD_GET(ICC_CTLR_EL1_SEIS_MASK,
					    kvm_arm_gic_debug_ctlr));
		vtr |= FIELD_PREP(ICH_VTR_EL2_A3V,
				  FIELD_GET(ICC_CTLR_EL1_A3V_MASK,
					    kvm_arm_gic_debug_ctlr));
	}
#endif
	return vtr;
}

#endif /* __KVM_ARM_GIC_FIELDS_H */
