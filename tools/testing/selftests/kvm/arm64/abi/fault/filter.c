// SPDX-License-Identifier: GPL-2.0-only
/* Calls of KVM_ARM_VM_SMCCC_FILTER_LIST */
#include <errno.h>

#include "abi/cases.h"
#include "abi/filter_list.h"
#include "abi/opt_in.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "call.h"
#include "filter.h"

#define NR_LISTED	4

/* A VM with a filter, and the filter's list */
static struct kvm_vm *listed;
static struct filter_list want;

/* Where the ranges of requests go */
static struct kvm_smccc_filter ranges[NR_LISTED];

void fault_free_filter_list(void)
{
	if (listed)
		kvm_vm_free(listed);
	listed = NULL;
}

static void check_list(const struct fault_call *c)
{
	filter_list_expect(listed, &want, c->name);
}

/* The memory has the ranges. */
static int run_ranges(const struct fault_call *c, u64 addr)
{
	struct kvm_arm_smccc_filter_list request = {
		.n = NR_LISTED, .ranges = addr,
	};

	return filter_list_request(listed, (u64)&request);
}

/* The memory has the request. */
static int run_request(const struct fault_call *c, u64 addr)
{
	return filter_list_request(listed, addr);
}

static struct fault_call *add_request(const char *of, const char *what, u32 room)
{
	struct kvm_arm_smccc_filter_list request = {
		.n = room, .ranges = (u64)ranges,
	};
	struct fault_call *c = fault_add("%s: struct kvm_arm_smccc_filter_list%s", of, what);

	c->run = run_request;
	c->fd = listed->fd;
	c->cmd = KVM_GET_DEVICE_ATTR;
	c->size = sizeof(request);
	c->in_size = sizeof(request);
	c->writes = true;
	c->out_size = sizeof(request.n);
	c->check = check_list;
	memcpy(c->in, &request, sizeof(request));
	return c;
}

void fault_add_filter_list(const char *of)
{
	struct fault_call *c;
	int i, ret;

	listed = vm_create_barebones();
	opt_in(listed, BIT(OPT_IN_FILTER_LIST));
	for (i = 0; i < NR_LISTED; i++) {
		ret = smccc_set_filter(listed, FILTER_FREE + 4 * i, 1 + i, i % 3);
		TEST_ASSERT(!ret, "range %d: %s", i, strerror(ret));
	}
	want = filter_list_get(listed);

	c = add_request(of, "", NR_LISTED + 1);
	c->allocates = true;
	c = add_request(of, " without room", NR_LISTED - 1);
	c->want = E2BIG;

	c = fault_add("%s: KVM_ARM_VM_SMCCC_FILTER_LIST, ranges", of);
	c->run = run_ranges;
	c->fd = listed->fd;
	c->cmd = KVM_GET_DEVICE_ATTR;
	c->size = sizeof(ranges);
	c->writes = true;
	c->allocates = true;
	c->check = check_list;
}
