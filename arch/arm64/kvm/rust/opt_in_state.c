// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opt-ins of VMs: the ioctls of a VM's file descriptor, and C state that is hard
 * to read from Rust.
 */
#include <linux/arm-smccc.h>
#include <linux/cache.h>
#include <linux/init.h>
#include <linux/irqchip/arm-gic-v3.h>
#include <linux/kstrtox.h>
#include <linux/kvm_host.h>
#include <linux/lockdep.h>
#include <linux/maple_tree.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include <asm/kvm_emulate.h>

#include <kvm/arm_hypercalls.h>
#include <kvm/arm_opt_in.h>

#include "../vgic/vgic.h"

/* Rust knows struct vgic_vmcr as struct kvm_arm_vmcr. */
static_assert(sizeof(struct kvm_arm_vmcr) == sizeof(struct vgic_vmcr));
static_assert(offsetof(struct kvm_arm_vmcr, en) ==
	      offsetof(struct vgic_vmcr, en));
static_assert(offsetof(struct kvm_arm_vmcr, grpen0) ==
	      offsetof(struct vgic_vmcr, grpen0));
static_assert(offsetof(struct kvm_arm_vmcr, grpen1) ==
	      offsetof(struct vgic_vmcr, grpen1));
static_assert(offsetof(struct kvm_arm_vmcr, ackctl) ==
	      offsetof(struct vgic_vmcr, ackctl));
static_assert(offsetof(struct kvm_arm_vmcr, fiqen) ==
	      offsetof(struct vgic_vmcr, fiqen));
static_assert(offsetof(struct kvm_arm_vmcr, cbpr) ==
	      offsetof(struct vgic_vmcr, cbpr));
static_assert(offsetof(struct kvm_arm_vmcr, eoim) ==
	      offsetof(struct vgic_vmcr, eoim));
static_assert(offsetof(struct kvm_arm_vmcr, abpr) ==
	      offsetof(struct vgic_vmcr, abpr));
static_assert(offsetof(struct kvm_arm_vmcr, bpr) ==
	      offsetof(struct vgic_vmcr, bpr));
static_assert(offsetof(struct kvm_arm_vmcr, pmr) ==
	      offsetof(struct vgic_vmcr, pmr));

/* ICH_VTR_EL2.PRIbits */
#define ICH_VTR_PRI_BITS	GENMASK(31, 29)

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
 * @opt_ins: What a VM opts in to, bits of KVM_ARM_MIGRATION_*
 *
 * Call this before a VM opts in. The key stays enabled: to count the VMs that have
 * opted in would only save other VMs a load and a test.
 */
void kvm_arm_use_opt_ins(u32 opt_ins)
{
	static_branch_enable(&kvm_arm_opt_in_key);
	if (opt_ins & KVM_ARM_MIGRATION_GIC_FIELDS)
		kvm_arm_use_gic_fields();
}

static bool is_arm64_reg(u64 id)
{
	return (id & ~KVM_REG_SIZE_MASK) >> 32 == KVM_REG_ARM64 >> 32;
}

/**
 * kvm_arm_opt_in_serve_vm_ioctl - Access the configuration, a register or the filter
 *				   of a VM
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
	struct kvm_device_attr attr;
	struct kvm_one_reg reg;

	if (ioctl == KVM_GET_DEVICE_ATTR) {
		if (!test_bit(KVM_ARCH_FLAG_FILTER_LIST, &kvm->arch.flags))
			return -EINVAL;
		if (copy_from_user(&attr, argp, sizeof(attr)))
			return -EFAULT;
		return kvm_arm_rust_get_filter_list(kvm, &attr);
	}

	if (ioctl == KVM_ARM_VM_CONFIG) {
		if (!test_bit(KVM_ARCH_FLAG_VM_CONFIG, &kvm->arch.flags))
			return -EINVAL;
		return kvm_arm_rust_vm_config(kvm, argp);
	}

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
		return kvm_arm_rust_vm_one_reg(kvm, &reg,
					       ioctl == KVM_ARM_VM_SET_ONE_REG);
	default:
		return -EINVAL;
	}
}

/**
 * kvm_arm_opt_in_serve_vcpu_ioctl - Access the configuration of a vCPU's VM
 * @filp: The file of the vCPU, whose mutex the caller does not hold
 * @ioctl: Any ioctl
 * @arg: Its argument
 *
 * Return: 0 or a negative errno; -ENOIOCTLCMD if this is another ioctl.
 */
long kvm_arm_opt_in_serve_vcpu_ioctl(struct file *filp, unsigned int ioctl,
				     unsigned long arg)
{
	struct kvm_vcpu *vcpu = filp->private_data;

	if (ioctl != KVM_ARM_VM_CONFIG)
		return -ENOIOCTLCMD;

	return kvm_arm_opt_in_serve_vm_ioctl(vcpu->kvm, ioctl, (void __user *)arg);
}

/**
 * kvm_arm_opt_in_has_canonical - Look for a register in the form of the architecture
 * @kvm: A VM with a GICv2
 * @attr: An attribute of KVM_DEV_ARM_VGIC_GRP_CANONICAL
 *
 * An access looks for it before it initialises the GIC: a refusal changes nothing.
 *
 * Return: 0; -EINVAL if the attribute has a flag, or the VM has no such vCPU; -ENXIO
 * if it is not GICC_PMR.
 */
int kvm_arm_opt_in_has_canonical(struct kvm *kvm,
				 const struct kvm_device_attr *attr)
{
	unsigned int id = FIELD_GET(KVM_DEV_ARM_VGIC_CPUID_MASK, attr->attr);
	bool has_vcpu = kvm_get_vcpu_by_id(kvm, id);

	return kvm_arm_rust_has_canonical_pmr(attr->attr, attr->flags, has_vcpu);
}

/**
 * kvm_arm_lock_all_vcpus - Take the lock of a VM and the mutexes of its vCPUs
 * @kvm: The VM
 *
 * Return: 0; -EBUSY if a vCPU is in use or is being created, and then none is held.
 */
int kvm_arm_lock_all_vcpus(struct kvm *kvm)
{
	mutex_lock(&kvm->lock);
	if (!kvm_is_vcpu_creation_in_progress(kvm) && !kvm_trylock_all_vcpus(kvm))
		return 0;

	mutex_unlock(&kvm->lock);
	return -EBUSY;
}

/**
 * kvm_arm_unlock_all_vcpus - Release what kvm_arm_lock_all_vcpus() has taken
 * @kvm: The VM
 */
void kvm_arm_unlock_all_vcpus(struct kvm *kvm)
{
	kvm_unlock_all_vcpus(kvm);
	mutex_unlock(&kvm->lock);
}

/**
 * kvm_arm_read_vm_gic - Read what a VM's configuration has of its GIC
 * @kvm: The VM, whose config_lock the caller holds
 * @iidr: Set to GICD_IIDR
 * @groups_writable: Set to whether userspace can write the groups of a GICv2
 *
 * Return: false if the VM has no GICv2 or GICv3.
 */
bool kvm_arm_read_vm_gic(struct kvm *kvm, u32 *iidr, bool *groups_writable)
{
	struct vgic_dist *dist = &kvm->arch.vgic;

	lockdep_assert_held(&kvm->arch.config_lock);

	if (dist->vgic_model != KVM_DEV_TYPE_ARM_VGIC_V2 &&
	    dist->vgic_model != KVM_DEV_TYPE_ARM_VGIC_V3)
		return false;

	*iidr = PRODUCT_ID_KVM << GICD_IIDR_PRODUCT_ID_SHIFT |
		dist->implementation_rev << GICD_IIDR_REVISION_SHIFT |
		IMPLEMENTER_ARM << GICD_IIDR_IMPLEMENTER_SHIFT;
	*groups_writable = dist->v2_groups_user_writable;
	return true;
}

/**
 * kvm_arm_write_vm_gic - Write what a VM's configuration has of its GIC
 * @kvm: The VM, which has a GIC and has not run, and whose config_lock the caller
 *	 holds
 * @iidr: GICD_IIDR, of which only the revision differs from its own
 * @groups_writable: Whether userspace can write the groups of a GICv2
 */
void kvm_arm_write_vm_gic(struct kvm *kvm, u32 iidr, bool groups_writable)
{
	struct vgic_dist *dist = &kvm->arch.vgic;

	lockdep_assert_held(&kvm->arch.config_lock);

	dist->implementation_rev = FIELD_GET(GICD_IIDR_REVISION_MASK, iidr);
	dist->v2_groups_user_writable = groups_writable;
}

/**
 * kvm_arm_read_promise - Read what userspace has promised of feature levels
 * @kvm: The VM, which has run, or whose config_lock the caller holds
 * @nr: The number of the register
 * @levels: Set to the levels
 *
 * Return: false if userspace has promised nothing.
 */
bool kvm_arm_read_promise(struct kvm *kvm, unsigned int nr, u64 *levels)
{
	static_assert(ARRAY_SIZE(kvm->arch.promised_levels) ==
		      KVM_ARM_NR_FEATURE_LEVEL_REGS);

	nr = array_index_nospec(nr, KVM_ARM_NR_FEATURE_LEVEL_REGS);
	if (!test_bit(nr, &kvm->arch.promises))
		return false;

	*levels = kvm->arch.promised_levels[nr];
	return true;
}

/**
 * kvm_arm_store_promise - Store what userspace promises of feature levels
 * @kvm: The VM, which has not run, and whose config_lock the caller holds
 * @nr: The number of the register
 * @levels: The levels
 */
void kvm_arm_store_promise(struct kvm *kvm, unsigned int nr, u64 levels)
{
	lockdep_assert_held(&kvm->arch.config_lock);

	nr = array_index_nospec(nr, KVM_ARM_NR_FEATURE_LEVEL_REGS);
	kvm->arch.promised_levels[nr] = levels;
	set_bit(nr, &kvm->arch.promises);
}

/**
 * kvm_arm_find_filter_range - Find a range of a VM's filter of hypercalls
 * @kvm: The VM, whose config_lock the caller holds
 * @from: The function to begin at
 * @range: Set to the first range that has a function from there on
 *
 * Return: false if there is none.
 */
bool kvm_arm_find_filter_range(struct kvm *kvm, unsigned long from,
			       struct kvm_smccc_filter *range)
{
	MA_STATE(mas, &kvm->arch.smccc_filter, from, from);
	void *entry;

	lockdep_assert_held(&kvm->arch.config_lock);

	rcu_read_lock();
	entry = mas_find(&mas, U32_MAX);
	rcu_read_unlock();
	if (!entry)
		return false;

	*range = (struct kvm_smccc_filter) {
		.base = mas.index,
		.nr_functions = mas.last - mas.index + 1,
		.action = xa_to_value(entry),
	};
	return true;
}

/**
 * kvm_arm_opt_in_answer_promised - Answer a guest by what was promised to it
 * @vcpu: A vCPU that has called SMCCC_ARCH_FEATURES
 * @val: The answer without a promise
 *
 * Return: the answer with it.
 */
u64 kvm_arm_opt_in_answer_promised(struct kvm_vcpu *vcpu, u64 val)
{
	s64 level, host;
	u64 levels;
	int shift;

	switch ((u32)smccc_get_arg1(vcpu)) {
	case ARM_SMCCC_ARCH_WORKAROUND_1:
		shift = KVM_ARM_FEATURE_LEVEL_WORKAROUND_1_SHIFT;
		break;
	case ARM_SMCCC_ARCH_WORKAROUND_2:
		shift = KVM_ARM_FEATURE_LEVEL_WORKAROUND_2_SHIFT;
		break;
	case ARM_SMCCC_ARCH_WORKAROUND_3:
		shift = KVM_ARM_FEATURE_LEVEL_WORKAROUND_3_SHIFT;
		break;
	default:
		return val;
	}

	if (!kvm_arm_read_promise(vcpu->kvm, 0, &levels))
		return val;

	if (val == SMCCC_RET_NOT_SUPPORTED)
		host = KVM_ARM_FEATURE_LEVEL_NOT_AVAIL;
	else if (val == SMCCC_RET_SUCCESS)
		host = KVM_ARM_FEATURE_LEVEL_AVAIL;
	else
		host = KVM_ARM_FEATURE_LEVEL_UNAFFECTED;

	/* The host cannot keep a promise above its own level. */
	level = min_t(s64, KVM_ARM_FEATURE_LEVEL(levels, shift), host);
	if (level < KVM_ARM_FEATURE_LEVEL_AVAIL)
		return SMCCC_RET_NOT_SUPPORTED;
	if (level == KVM_ARM_FEATURE_LEVEL_AVAIL)
		return SMCCC_RET_SUCCESS;
	return val;
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
		/* Userspace may have lowered them. */
		state->pri_bits = 0;
		kvm_for_each_vcpu(i, vcpu, kvm)
			state->pri_bits = max(state->pri_bits,
					      vcpu->arch.vgic_cpu.num_pri_bits);
	} else {
		state->pri_bits = FIELD_GET(ICH_VTR_PRI_BITS, vtr) + 1;
	}

	state->el2 = test_bit(KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED,
			      &kvm->arch.flags) &&
		     kvm_vcpu_has_feature(kvm, KVM_ARM_VCPU_HAS_EL2);
	resx = kvm_get_sysreg_resx(kvm, ICH_HCR_EL2);
	state->ich_hcr = ~(resx.res0 | resx.res1);
	return true;
}
