// SPDX-License-Identifier: GPL-2.0-only
/* KVM_ARM_VM_SMCCC_FILTER_LIST while the kernel is out of memory */
#include <errno.h>

#include "abi/cases.h"
#include "abi/filter_list.h"
#include "abi/opt_in.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/user_mem.h"
#include "call.h"
#include "filter.h"
#include "inject.h"

#define MAX_FAULTS	64

/* struct kvm_device_attr, the request and the number; each range is another copy. */
#define COPIES		3

static struct kvm_smccc_filter ranges[FILTER_LIST_MAX];
static u8 canaries[sizeof(ranges)];

static struct kvm_vm *create(u32 nr)
{
	struct kvm_vm *vm = vm_create_barebones();
	u32 i;
	int ret;

	opt_in(vm, BIT(OPT_IN_FILTER_LIST));
	for (i = 0; i < nr; i++) {
		ret = smccc_set_filter(vm, FILTER_FREE + 2 * i, 1, i % 3);
		TEST_ASSERT(!ret, "range %u: %s", i, strerror(ret));
	}
	return vm;
}

static struct kvm_arm_smccc_filter_list new_request(u32 n)
{
	memset(ranges, USER_CANARY, sizeof(ranges));
	return (struct kvm_arm_smccc_filter_list) { .n = n, .ranges = (u64)ranges };
}

/* Without memory nothing is written, not even the number. */
static void expect_no_memory(const struct kvm_arm_smccc_filter_list *request, int ret,
			     u32 nr)
{
	test_expect(ret == ENOMEM, "%u ranges, mode %s: %s", nr, fault_mode,
		    strerror(ret));
	test_expect(request->n == FILTER_LIST_MAX, "%u ranges, mode %s: n is %u", nr,
		    fault_mode, request->n);
	test_expect(!memcmp(ranges, canaries, sizeof(ranges)),
		    "%u ranges, mode %s: ranges were written", nr, fault_mode);
}

static void expect_list(const struct kvm_arm_smccc_filter_list *request,
			const struct filter_list *want)
{
	test_expect(request->n == want->n &&
		    !memcmp(ranges, want->range, want->n * sizeof(ranges[0])),
		    "mode %s: another list, of %u ranges", fault_mode, request->n);
}

/*
 * Each copy fails once, and each allocation. The kernel tries twice to get memory, so
 * one failure need not be enough for ENOMEM.
 */
static void fail_each(struct kvm_vm *vm, const struct filter_list *want)
{
	struct kvm_arm_smccc_filter_list request;
	unsigned int n, nr_copies = 0;
	bool hit = true;
	int ret;

	for (n = 1; n < MAX_FAULTS && hit; n++) {
		request = new_request(FILTER_LIST_MAX);
		inject_nth(n);
		ret = filter_list_request(vm, (u64)&request);
		hit = inject_end();
		nr_copies += ret == EFAULT;
		if (!ret)
			expect_list(&request, want);
		else if (ret != EFAULT)
			expect_no_memory(&request, ret, want->n);
		test_expect(hit || !ret, "mode %s: %s without a fault", fault_mode,
			    strerror(ret));
		filter_list_expect(vm, want, "a failure");
	}
	test_expect(!hit, "mode %s: more than %u faults", fault_mode, n);
	test_expect(nr_copies == COPIES + want->n, "mode %s: %u copies", fault_mode,
		    nr_copies);
}

/* Each allocation fails. A list for which there is no room needs none. */
static void fail_all(struct kvm_vm *vm, const struct filter_list *want)
{
	struct kvm_arm_smccc_filter_list request = new_request(FILTER_LIST_MAX);
	int ret;

	inject_all();
	ret = filter_list_request(vm, (u64)&request);
	inject_end();
	expect_no_memory(&request, ret, want->n);

	request = new_request(want->n - 1);
	inject_all();
	ret = filter_list_request(vm, (u64)&request);
	inject_end();
	test_expect(ret == E2BIG && request.n == want->n, "mode %s: %s, n is %u",
		    fault_mode, strerror(ret), request.n);
	filter_list_expect(vm, want, "a failure");
}

/* No range, and no need for memory */
static void fail_empty(void)
{
	struct kvm_arm_smccc_filter_list request = new_request(1);
	struct kvm_vm *vm = create(0);
	int ret;

	inject_all();
	ret = filter_list_request(vm, (u64)&request);
	inject_end();
	test_expect(!ret && !request.n, "mode %s, empty: %s, n is %u", fault_mode,
		    strerror(ret), request.n);
	kvm_vm_free(vm);
}

/* A short list, and one of more than a page */
void fault_check_list_memory(int kind)
{
	static const u32 lengths[] = { 4, FILTER_LIST_MAX };
	struct filter_list want;
	struct kvm_vm *vm;
	int pass, i;

	memset(canaries, USER_CANARY, sizeof(canaries));
	inject_select(kind);
	for (pass = 0; pass < fault_nr_passes(); pass++) {
		fault_begin_pass(pass);
		fail_empty();
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			vm = create(lengths[i]);
			want = filter_list_get(vm);
			if (!i)
				fail_each(vm, &want);
			fail_all(vm, &want);
			kvm_vm_free(vm);
		}
	}
}
