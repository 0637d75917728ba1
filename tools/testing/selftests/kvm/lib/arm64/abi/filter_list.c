// SPDX-License-Identifier: GPL-2.0-only
/* The filter of hypercalls as a list of ranges */
#include <errno.h>

#include "abi/cases.h"
#include "abi/filter_list.h"
#include "abi/smccc_guest.h"

int filter_list_attr(struct kvm_vm *vm, unsigned long cmd, u32 group, u64 attr,
		     u64 addr)
{
	struct kvm_device_attr dev_attr = {
		.group = group, .attr = attr, .addr = addr,
	};

	return ioctl(vm->fd, cmd, &dev_attr) ? errno : 0;
}

int filter_list_request(struct kvm_vm *vm, u64 addr)
{
	return filter_list_attr(vm, KVM_GET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
				FILTER_LIST_ATTR, addr);
}

struct filter_list filter_list_get(struct kvm_vm *vm)
{
	struct filter_list list = {};
	struct kvm_arm_smccc_filter_list request = {
		.n = FILTER_LIST_MAX,
		.ranges = (u64)list.range,
	};
	int ret = filter_list_request(vm, (u64)&request);

	TEST_ASSERT(!ret && request.n <= FILTER_LIST_MAX, "%s, %u ranges",
		    strerror(ret), request.n);
	list.n = request.n;
	return list;
}

int filter_list_restore(struct kvm_vm *vm, const struct filter_list *list)
{
	const struct kvm_smccc_filter *r;
	int ret;

	for (r = list->range; r < list->range + list->n; r++) {
		ret = filter_list_attr(vm, KVM_SET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
				       KVM_ARM_VM_SMCCC_FILTER, (u64)r);
		if (ret)
			return ret;
	}

	return 0;
}

void __filter_list_expect(int line, struct kvm_vm *vm, const struct filter_list *want,
			  const char *when)
{
	struct filter_list now = filter_list_get(vm);
	u32 i;

	__test_expect(line, now.n == want->n, "%s: %u ranges, expected %u", when,
		      now.n, want->n);
	for (i = 0; i < min(now.n, want->n); i++)
		__test_expect(line, !memcmp(&now.range[i], &want->range[i],
					    sizeof(now.range[i])),
			      "%s: range %u: %#x + %#x, %u", when, i,
			      now.range[i].base, now.range[i].nr_functions,
			      now.range[i].action);
}
