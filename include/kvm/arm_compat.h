/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64: the hooks of the levels, KVM_CAP_ARM_COMPAT of
 * <uapi/asm/kvm_migration.h>, in the code that serves all VMs.
 *
 * A level does not depend on the mode, see <kvm/arm_abi.h>: what it changes is
 * decided by Rust in all modes.
 *
 * Documentation/virt/kvm/arm/rust-compat.rst
 */
#ifndef __KVM_ARM_COMPAT_H
#define __KVM_ARM_COMPAT_H

#include <linux/jump_label.h>
#include <linux/kvm_host.h>

#include <asm/kvm_migration.h>

#include <kvm/arm_abi.h>
#include <kvm/arm_hypercalls.h>

/* Where a list has a system register; as in rust/kvm_abi/src/compat/mod.rs */
enum kvm_arm_compat_place {
	KVM_ARM_COMPAT_UNLISTED,
	KVM_ARM_COMPAT_FIRST,
	KVM_ARM_COMPAT_IN_ORDER,
};

/* arch/arm64/kvm/rust/compat_state.c */
DECLARE_STATIC_KEY_FALSE(kvm_arm_compat_key);
int kvm_arm_compat_fw_regs(struct kvm_vcpu *vcpu, u64 __user *uindices);
bool kvm_arm_compat_lists(struct kvm *kvm, u64 id, bool hidden, bool first);
bool kvm_arm_compat_lacks_cap(struct kvm *kvm, long ext);
void kvm_arm_compat_start_vm(struct kvm *kvm);
u64 kvm_arm_host_ccsidr(u32 csselr);

/* Whether any VM has a level. Costs a NOP until the first one does. */
static __always_inline bool kvm_arm_compat_used(void)
{
	return IS_ENABLED(CONFIG_KVM_ARM64_RUST) &&
	       static_branch_unlikely(&kvm_arm_compat_key);
}

#ifdef CONFIG_KVM_ARM64_RUST
static __always_inline u32 kvm_arm_compat_level(const struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.compat_level);
}
#else
static __always_inline u32 kvm_arm_compat_level(const struct kvm *kvm)
{
	return 0;
}
#endif

/**
 * kvm_arm_has_compat - Ask whether a VM behaves as under an older kernel
 * @kvm: The VM; not evaluated until some VM does
 *
 * Return: true if it does.
 */
#define kvm_arm_has_compat(kvm)						\
	(kvm_arm_compat_used() && kvm_arm_compat_level(kvm))

/* A VM that is being created gets the level of the command line. */
static inline void kvm_arm_compat_init_vm(struct kvm *kvm)
{
	if (kvm_arm_compat_used())
		kvm_arm_compat_start_vm(kvm);
}

/* Whether a VM, or without one a new VM, lacks a capability. */
static inline bool kvm_arm_compat_lacks(struct kvm *kvm, long ext)
{
	return kvm_arm_compat_used() && kvm_arm_compat_lacks_cap(kvm, ext);
}

/* Whether the vCPUs of a VM can have these features. */
static __always_inline bool
kvm_arm_compat_has_features(struct kvm *kvm, unsigned long features)
{
	return !kvm_arm_has_compat(kvm) ||
	       kvm_arm_rust_compat_has_features(kvm_arm_compat_level(kvm), features);
}

/* The most that the host can give to a VM in an ID register that is not zero. */
static __always_inline u64
kvm_arm_compat_limit(struct kvm *kvm, u32 id, u64 limit)
{
	if (!kvm_arm_has_compat(kvm))
		return limit;

	return kvm_arm_rust_compat_limit(kvm_arm_compat_level(kvm), id, limit);
}

/* The number of firmware registers that a vCPU lists */
static inline int kvm_arm_compat_num_fw_regs(struct kvm_vcpu *vcpu)
{
	return kvm_arm_has_compat(vcpu->kvm) ? kvm_arm_compat_fw_regs(vcpu, NULL) :
					       kvm_arm_get_fw_num_regs(vcpu);
}

/* Whether a VM has the caches of its host. */
static __always_inline bool kvm_arm_compat_host_caches(struct kvm *kvm)
{
	return kvm_arm_has_compat(kvm) &&
	       kvm_arm_rust_compat_host_caches(kvm_arm_compat_level(kvm));
}

#endif /* __KVM_ARM_COMPAT_H */
