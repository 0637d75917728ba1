// SPDX-License-Identifier: GPL-2.0-only
/* Masks of the ranges that a VM opts in to */
#include "abi/cases.h"
#include "abi/id_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_mask.h"

static int mask_count(u32 range)
{
	return range == KVM_ARM_GIC_RANGE ? KVM_ARM_GIC_RANGE_SIZE :
					    KVM_ARM_FW_RANGE_SIZE;
}

size_t mask_size(u32 range)
{
	return mask_count(range) * sizeof(u64);
}

struct kvm_vm *mask_vm_create(int nr)
{
	struct kvm_vm *vm = vm_create(nr);

	opt_in(vm, OPT_IN_RANGES);
	return vm;
}

int mask_get_at(struct kvm_vm *vm, u32 range, u64 addr)
{
	struct reg_mask_range request = { .addr = addr, .range = range };

	return id_get_masks(vm->fd, &request);
}

struct mask_array __mask_get(int line, struct kvm_vm *vm, u32 range)
{
	struct mask_array masks;
	int ret;

	/* A mask that is not written stands out. */
	memset(&masks, 0xc5, sizeof(masks));
	ret = mask_get_at(vm, range, (u64)masks.val);
	__test_expect(line, !ret, "range %u: %s", range, strerror(ret));
	return masks;
}

void __mask_expect(int line, struct kvm_vm *vm, u32 range,
		   const struct mask_array *want, const char *when)
{
	struct mask_array now = __mask_get(line, vm, range);
	int i;

	for (i = 0; i < mask_count(range); i++)
		__test_expect(line, now.val[i] == want->val[i],
			      "%s: mask %d is %#lx, expected %#lx", when, i,
			      now.val[i], want->val[i]);
}

int mask_vgic_v3_add(struct kvm_vm *vm, int nr_vcpus)
{
	int fd = __vgic_v3_setup(vm, nr_vcpus, 64);

	TEST_ASSERT(fd >= 0, __KVM_IOCTL_ERROR("KVM_CREATE_DEVICE", fd));
	return fd;
}
