// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opt-ins of VMs: the ioctls of a VM's file descriptor, and C state that is hard
 * to read from Rust.
 */
#include <linux/cache.h>
#include <linux/init.h>
#include <linux/irqchip/arm-gic-v3.h>
#include <linux/kstrtox.h>
#include <linux/kvm_host.h>
#include <linux/lockdep.h>
#include <linux/uaccess.h>

#include <asm/kvm_emulate.h>

#include <kvm/arm_opt_in.h>

#include "../vgic/vgic.h"

/* ICH_VTR_EL2.PRIbits and IDbits */
#define ICH_VTR_PRI_BITS	GENMASK(31, 29)
#define ICH_VTR_ID_BITS		GENMASK(25, 23)

DEFINE_STATIC_KEY_FALSE(kvm_arm_opt_in_key);

static bool opt_in_offered __ro_after_init = true;

static int __init early_opt_in(char *arg)
{
	return kstrtobool(arg, &opt_in_offered);
}
early_param("kvm-arm.abi_opt_in", early_opt_in);

/**
 * kvm_arm_opt_in_offered - Ask whether VMs can opt in
 *
 * It does not depend on the mode: a host whose mode is changed still takes the VMs
 * of other hosts.
 *
 * Return: false if the kernel was booted with kvm-arm.abi_opt_in=0.
 */
bool kvm_arm_opt_in_offered(void)
{
	return opt_in_offered;
}

/**
 * kvm_arm_use_opt_ins - Enable the opt-in call sites
 *
 * Call this before a VM opts in. The key stays enabled: counting VMs, to save
 * later ones a load and a test, is not worth it.
 */
void kvm_arm_use_opt_ins(void)
{
	static_branch_enable(&kvm_arm_opt_in_key);
}

static bool is_arm64_reg(u64 id)
{
	return (id & ~KVM_REG_SIZE_MASK) >> 32 == KVM_REG_ARM64 >> 32;
}

/**
 * kvm_arm_opt_in_serve_vm_ioctl - Access a register of a VM
 * @kvm: The VM
 * @ioctl: An ioctl that C does not know
 * @argp: Its argument
 *
 * Return: 0 or a negative errno; -EINVAL if there is no such ioctl, or the VM has
 * not opted in to it.
 */
int kvm_arm_opt_in_serve_vm_ioctl(struct kvm *kvm, unsigned int ioctl,
				  void __user *argp)
{
	struct kvm_one_reg reg;

	if (!test_bit(KVM_ARCH_FLAG_VM_REGS, &kvm->arch.flags))
		return -EINVAL;

	switch (ioctl) {
	case KVM_ARM_VM_GET_REG_LIST:
		return kvm_arm_rust_get_vm_reg_list(kvm, argp);
	case KVM_ARM_VM_GET_ONE_REG:
	case KVM_ARM_VM_SET_ONE_REG:
		if (copy_from_user(&reg, argp, sizeof(reg)))
			return -EFAULT;
		if (!is_arm64_reg(reg.id))
			return -EINVAL;
		return ioctl == KVM_ARM_VM_SET_ONE_REG ?
		       kvm_arm_rust_set_vm_reg(kvm, &reg) :
		       kvm_arm_rust_get_vm_reg(kvm, &reg);
	default:
		return -EINVAL;
	}
}

/**
 * kvm_arm_gicv3_state - Get the state that the masks of a VM's GIC depend on
 * @kvm: The VM, whose config_lock is held
 * @state: Set to the state
 *
 * Return: false if the VM has no GICv3.
 */
bool kvm_arm_gicv3_state(struct kvm *kvm, struct kvm_arm_gicv3_state *state)
{
	struct kvm_vcpu *vcpu;
	struct resx resx;
	unsigned long i;
	u64 vtr = vgic_ich_vtr();

	lockdep_assert_held(&kvm->arch.config_lock);

	if (kvm->arch.vgic.vgic_model != KVM_DEV_TYPE_ARM_VGIC_V3)
		return false;

	if (vgic_initialized(kvm)) {
		/* Userspace may have lowered the sizes. */
		state->pri_bits = 0;
		state->id_bits = 0;
		kvm_for_each_vcpu(i, vcpu, kvm) {
			struct vgic_cpu *cpu = &vcpu->arch.vgic_cpu;

			state->pri_bits = max(state->pri_bits, cpu->num_pri_bits);
			state->id_bits = max(state->id_bits, cpu->num_id_bits);
		}
	} else {
		state->pri_bits = FIELD_GET(ICH_VTR_PRI_BITS, vtr) + 1;
		state->id_bits = FIELD_GET(ICH_VTR_ID_BITS, vtr);
	}

	state->el2 = test_bit(KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED,
			      &kvm->arch.flags) &&
		     kvm_vcpu_has_feature(kvm, KVM_ARM_VCPU_HAS_EL2);
	resx = kvm_get_sysreg_resx(kvm, ICH_HCR_EL2);
	state->ich_hcr = ~(resx.res0 | resx.res1);
	return true;
}
