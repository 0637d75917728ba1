/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ranges of KVM_ARM_GET_REG_WRITABLE_MASKS that a VM opts in to: VMs that
 * have done so, and reading their masks.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_REG_MASK_H
#define SELFTEST_KVM_ARM64_ABI_REG_MASK_H

#include <asm/kvm_migration.h>
#include <linux/sizes.h>

#include "kvm_util.h"

#include "vgic.h"

/* The larger one of the two */
#define MASK_MAX	KVM_ARM_GIC_RANGE_SIZE

struct mask_array {
	u64 val[MASK_MAX];
};

size_t mask_size(u32 range);

/* A VM for @nr vCPUs, which has none yet. */
struct kvm_vm *mask_vm_create(int nr);

/* Returns 0, or the positive errno. */
int mask_get_at(struct kvm_vm *vm, u32 range, u64 addr);

struct mask_array __mask_get(int line, struct kvm_vm *vm, u32 range);
void __mask_expect(int line, struct kvm_vm *vm, u32 range,
		   const struct mask_array *want, const char *when);
#define mask_get(...)		__mask_get(__LINE__, __VA_ARGS__)
#define mask_expect(...)	__mask_expect(__LINE__, __VA_ARGS__)

/* The fd of a vGICv3 at the library's addresses, not initialised. */
int mask_vgic_v3_add(struct kvm_vm *vm, int nr_vcpus);

#endif /* SELFTEST_KVM_ARM64_ABI_REG_MASK_H */
