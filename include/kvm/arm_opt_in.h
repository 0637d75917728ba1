/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64: the hooks of the opt-ins, <uapi/asm/kvm_migration.h>, in the code
 * that serves all VMs.
 *
 * VMs can opt in whatever the mode is, see <kvm/arm_abi.h>. So the hooks ask the
 * VM, not the mode.
 *
 * Documentation/virt/kvm/arm/rust-opt-in.rst
 */
#ifndef __KVM_ARM_OPT_IN_H
#define __KVM_ARM_OPT_IN_H

#include <linux/jump_label.h>
#include <linux/kvm_host.h>

#include <asm/kvm_migration.h>

#include <kvm/arm_abi.h>

#define KVM_ARCH_OPT_IN_FLAGS		GENMASK(KVM_ARCH_FLAG_GIC_FIELDS, \
						KVM_ARCH_FLAG_FEATURE_LEVELS)

/* arch/arm64/kvm/rust/opt_in_state.c */
DECLARE_STATIC_KEY_FALSE(kvm_arm_opt_in_key);
int kvm_arm_opt_in_serve_vm_ioctl(struct kvm *kvm, unsigned int ioctl,
				  void __user *argp);
long kvm_arm_opt_in_serve_vcpu_ioctl(struct file *filp, unsigned int ioctl,
				     unsigned long arg);
int kvm_arm_opt_in_has_canonical(struct kvm *kvm,
				 const struct kvm_device_attr *attr);
u64 kvm_arm_opt_in_answer_promised(struct kvm_vcpu *vcpu, u64 val);

/* arch/arm64/kvm/rust/gic_fields.c */
u64 kvm_arm_gic_fields_ctlr(struct kvm *kvm, u64 ctlr);
u64 kvm_arm_gic_fields_vtr(struct kvm *kvm, u64 vtr);
bool kvm_arm_gic_fields_to_host(struct kvm *kvm, u64 *ctlr);
void kvm_arm_gic_fields_set_traps(struct kvm_vcpu *vcpu);

/* Whether any VM has opted in. Costs a NOP until the first one does. */
static __always_inline bool kvm_arm_opt_in_used(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_unlikely(&kvm_arm_opt_in_key);
}

/**
 * kvm_arm_opted_in - Ask whether a VM has opted in to anything
 * @kvm: The VM; not evaluated until some VM has opted in
 *
 * Return: true if it has.
 */
#define kvm_arm_opted_in(kvm)						\
	(kvm_arm_opt_in_used() &&					\
	 READ_ONCE((kvm)->arch.flags) & KVM_ARCH_OPT_IN_FLAGS)

/* KVM_CHECK_EXTENSION and KVM_ENABLE_CAP of a capability that C does not know. */
static inline int kvm_arm_opt_in_check_extension(struct kvm *kvm, long ext)
{
	if (!IS_ENABLED(CONFIG_KVM_ARM64_RUST))
		return 0;

	return kvm_arm_rust_extension(kvm, ext);
}

static inline int kvm_arm_opt_in_enable_cap(struct kvm *kvm,
					    const struct kvm_enable_cap *cap)
{
	if (!IS_ENABLED(CONFIG_KVM_ARM64_RUST))
		return -EINVAL;

	return kvm_arm_rust_enable_cap(kvm, cap);
}

/* An ioctl of a VM's file descriptor that C does not know. */
static inline int kvm_arm_opt_in_vm_ioctl(struct kvm *kvm, unsigned int ioctl,
					  void __user *argp)
{
	if (!IS_ENABLED(CONFIG_KVM_ARM64_RUST))
		return -EINVAL;

	return kvm_arm_opt_in_serve_vm_ioctl(kvm, ioctl, argp);
}

/*
 * An ioctl of a vCPU's file descriptor, before the vCPU's mutex is taken. All ioctls
 * come this way; -ENOIOCTLCMD lets KVM go on with those that are not served here.
 */
static __always_inline long
kvm_arm_opt_in_vcpu_ioctl(struct file *filp, unsigned int ioctl, unsigned long arg)
{
	if (!kvm_arm_opt_in_used())
		return -ENOIOCTLCMD;

	return kvm_arm_opt_in_serve_vcpu_ioctl(filp, ioctl, arg);
}

/**
 * kvm_arm_opt_in_answer - Answer a guest by the feature levels promised to it
 * @vcpu: A vCPU that has called SMCCC_ARCH_FEATURES
 * @val: The answer without a promise
 *
 * Values only, so that the compiler can keep those of the caller in registers.
 *
 * Return: @val, or another answer if the guest was promised less than the host has.
 */
static __always_inline u64 kvm_arm_opt_in_answer(struct kvm_vcpu *vcpu, u64 val)
{
	if (kvm_arm_opted_in(vcpu->kvm))
		return kvm_arm_opt_in_answer_promised(vcpu, val);

	return val;
}

/* The ranges of writable masks that a VM has opted in to; none without a VM. */
static inline int kvm_arm_opt_in_reg_mask_ranges(struct kvm *kvm)
{
	return kvm && kvm_arm_opted_in(kvm) ? kvm_arm_rust_reg_mask_ranges(kvm) : 0;
}

/**
 * kvm_arm_opt_in_vcpu_features_fit - Check the features of a VM's first vCPU
 * @kvm: The VM, whose config_lock is held
 * @features: The features
 *
 * Return: false if a vCPU with these features cannot have the version of PSCI
 * that userspace set before the features were known.
 */
static __always_inline bool
kvm_arm_opt_in_vcpu_features_fit(struct kvm *kvm, unsigned long features)
{
	return !kvm_arm_opted_in(kvm) ||
	       kvm_arm_rust_vcpu_features_fit(kvm, features);
}

/* Whether a VM has an attribute that C does not know */
static inline bool kvm_arm_opt_in_has_attr(struct kvm *kvm,
					   const struct kvm_device_attr *attr)
{
	return kvm_arm_opted_in(kvm) && !kvm_arm_rust_has_filter_list(kvm, attr);
}

/* Whether a VM has read-only fields of its own, which may be those of the host. */
static inline bool kvm_arm_opt_in_has_gic_fields(struct kvm *kvm)
{
	return kvm_arm_opted_in(kvm) &&
	       test_bit(KVM_ARCH_FLAG_GIC_FIELDS, &kvm->arch.flags);
}

/* The ICC_CTLR_EL1 that userspace reads, given that of another VM */
static inline u64 kvm_arm_opt_in_gic_ctlr(struct kvm *kvm, u64 ctlr)
{
	return kvm_arm_opt_in_has_gic_fields(kvm) ? kvm_arm_gic_fields_ctlr(kvm, ctlr) :
						    ctlr;
}

/* Whether userspace may restore this ICC_CTLR_EL1, which becomes that of another VM */
static inline bool kvm_arm_opt_in_gic_restores(struct kvm *kvm, u64 *ctlr)
{
	return !kvm_arm_opt_in_has_gic_fields(kvm) || kvm_arm_gic_fields_to_host(kvm, ctlr);
}

/* The ICH_VTR_EL2 that a guest at EL2 and userspace read, given that of another VM */
static inline u64 kvm_arm_opt_in_gic_vtr(struct kvm *kvm, u64 vtr)
{
	return kvm_arm_opt_in_has_gic_fields(kvm) ? kvm_arm_gic_fields_vtr(kvm, vtr) : vtr;
}

/* Set the traps of a vCPU that runs for the first time. */
static inline void kvm_arm_opt_in_set_gic_traps(struct kvm_vcpu *vcpu)
{
	if (kvm_arm_opt_in_has_gic_fields(vcpu->kvm))
		kvm_arm_gic_fields_set_traps(vcpu);
}

/* Whether an attribute that C does not know is of a group that a VM's GICv2 has */
static inline bool kvm_arm_opt_in_is_canonical(struct kvm *kvm,
					       const struct kvm_device_attr *attr)
{
	return kvm_arm_opted_in(kvm) &&
	       attr->group == KVM_DEV_ARM_VGIC_GRP_CANONICAL &&
	       test_bit(KVM_ARCH_FLAG_CANONICAL_PMR, &kvm->arch.flags);
}

#endif /* __KVM_ARM_OPT_IN_H */
