/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ranges of KVM_ARM_GET_REG_WRITABLE_MASKS that a VM opts in to: VMs that
 * have done so, and reading their masks.
 */
#ifndef SELFTEST_KVM_ARM64_REG_MASK_H
#define SELFTEST_KVM_ARM64_REG_MASK_H

#include "id_reg.h"
#include "opt_in.h"
#include "vgic.h"

/* The larger one of the two */
#define MASK_MAX	KVM_ARM_GIC_RANGE_SIZE

struct mask_array {
	u64 val[MASK_MAX];
};

static inline int mask_count(u32 range)
{
	return range == KVM_ARM_GIC_RANGE ? KVM_ARM_GIC_RANGE_SIZE :
					    KVM_ARM_FW_RANGE_SIZE;
}

static inline size_t mask_size(u32 range)
{
	return mask_count(range) * sizeof(u64);
}

/* A VM for @nr vCPUs, which has none yet. */
static inline struct kvm_vm *mask_vm_create(int nr)
{
	struct kvm_vm *vm = vm_create(nr);

	opt_in(vm, KVM_CAP_ARM_REG_MASK_RANGES, OPT_IN_RANGES);
	return vm;
}

/* Returns 0, or the positive errno. */
static inline int mask_get_at(struct kvm_vm *vm, u32 range, u64 addr)
{
	struct reg_mask_range request = { .addr = addr, .range = range };

	return id_get_masks(vm->fd, &request);
}

static inline struct mask_array __mask_get(int line, struct kvm_vm *vm,
					   u32 range)
{
	struct mask_array masks;
	int ret;

	/* A mask that is not written stands out. */
	memset(&masks, 0xc5, sizeof(masks));
	ret = mask_get_at(vm, range, (u64)masks.val);
	__test_expect(line, !ret, "range %u: %s", range, strerror(ret));
	return masks;
}

static inline void __mask_expect(int line, struct kvm_vm *vm, u32 range,
				 const struct mask_array *want,
				 const char *when)
{
	struct mask_array now = __mask_get(line, vm, range);
	int i;

	for (i = 0; i < mask_count(range); i++)
		__test_expect(line, now.val[i] == want->val[i],
			      "%s: mask %d is %#lx, expected %#lx", when, i,
			      now.val[i], want->val[i]);
}

#define mask_get(...)		__mask_get(__LINE__, __VA_ARGS__)
#define mask_expect(...)	__mask_expect(__LINE__, __VA_ARGS__)

/* The fd of a vGICv3 at the library's addresses, not initialised. */
static inline int mask_vgic_v3_add(struct kvm_vm *vm, int nr_vcpus)
{
	int fd = __vgic_v3_setup(vm, nr_vcpus, 64);

	TEST_ASSERT(fd >= 0, __KVM_IOCTL_ERROR("KVM_CREATE_DEVICE", fd));
	return fd;
}

#endif /* SELFTEST_KVM_ARM64_REG_MASK_H */
