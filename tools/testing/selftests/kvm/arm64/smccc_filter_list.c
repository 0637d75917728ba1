// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_filter_list - The filter of hypercalls, read back as it was set.
 *
 * KVM_ARM_VM_SMCCC_FILTER can only be set, so a VMM that did not set it, such as one
 * that saves a VM of another process, loses it. A VM that has opted in to
 * KVM_ARM_MIGRATION_FILTER_LIST also has KVM_ARM_VM_SMCCC_FILTER_LIST, which can only
 * be read: the ranges, each as the request that sets it. Another VM in which they are
 * set has the same filter: the same list, and a guest that sees no difference.
 *
 * What is checked, in this order:
 *
 *	the VM has not opted in				EINVAL
 *	struct kvm_device_attr cannot be read		EFAULT
 *	another attribute				ENXIO
 *	a flag of it					EINVAL
 *	the request cannot be read			EFAULT
 *	a flag or a reserved word of it			EINVAL
 *	there is too little room			E2BIG
 *	the number or a range cannot be written		EFAULT
 */
#include <asm/kvm_migration.h>
#include <errno.h>
#include <linux/arm-smccc.h>
#include <linux/psci.h>
#include <pthread.h>

#include "abi/cases.h"
#include "abi/filter_list.h"
#include "abi/opt_in.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "abi/user_mem.h"

static const char * const modes[] = { "c", "rust", "check" };

static struct kvm_vm *create(u64 opt_ins, struct kvm_vcpu **vcpu)
{
	struct kvm_vm *vm = smccc_vm_create_empty(BIT(KVM_ARM_VCPU_PSCI_0_2));

	if (opt_ins)
		opt_in(vm, opt_ins);
	smccc_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), vcpu);
	return vm;
}

static struct kvm_vm *create_opted(struct kvm_vcpu **vcpu)
{
	return create(BIT(OPT_IN_FILTER_LIST), vcpu);
}

static void expect_ret(int ret, int want, const char *what, u64 arg)
{
	test_expect(ret == want, "%s, %#lx: %s, expected %s", what, arg,
		    strerror(ret), strerror(want));
}

/* ---- Where it is ---- */

static void check_uapi(int unused)
{
	test_expect(KVM_ARM_MIGRATION_FILTER_LIST == 0x80, "%#x",
		    KVM_ARM_MIGRATION_FILTER_LIST);
	test_expect(KVM_ARM_VM_SMCCC_FILTER_LIST == FILTER_LIST_ATTR, "%#x",
		    KVM_ARM_VM_SMCCC_FILTER_LIST);
	test_expect(sizeof(struct kvm_arm_smccc_filter_list) == 32, "%zu bytes",
		    sizeof(struct kvm_arm_smccc_filter_list));
	test_expect(sizeof(struct kvm_smccc_filter) == 24, "%zu bytes",
		    sizeof(struct kvm_smccc_filter));
}

/* A VM that has not opted in, or to all else, is as in any kernel. */
static void check_absent(int others)
{
	u64 all_else = OPT_IN_ALL & ~BIT(OPT_IN_FILTER_LIST);
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create(others ? all_else : 0, &vcpu);
	int i, j;

	filter_begin();
	filter_expect_set(vm, FILTER_FREE, 4, FILTER_FWD, 0);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		user_mem_fill_canary();
		expect_ret(filter_list_request(vm, (u64)user_mem), EINVAL, "GET", i);
		user_mem_expect_untouched("GET");
		for (j = 0; j < NR_USER_BAD_POINTERS; j++) {
			expect_ret(ioctl(vm->fd, KVM_GET_DEVICE_ATTR,
					 user_bad_pointers[j]) ? errno : 0,
				   EINVAL, "GET from", user_bad_pointers[j]);
		}
		expect_ret(filter_list_attr(vm, KVM_HAS_DEVICE_ATTR,
					    KVM_ARM_VM_SMCCC_CTRL, FILTER_LIST_ATTR, 0),
			   ENXIO, "HAS", i);
		expect_ret(filter_list_attr(vm, KVM_SET_DEVICE_ATTR,
					    KVM_ARM_VM_SMCCC_CTRL, FILTER_LIST_ATTR,
					    (u64)user_mem),
			   ENXIO, "SET", i);
	}
	abi_set_mode(abi_initial_mode());
	filter_expect_guest(vcpu);
	kvm_vm_free(vm);
}

/* It can be read, and not set; no other attribute can be read. */
static void check_attr(int unused)
{
	struct kvm_arm_smccc_filter_list request = {};
	struct kvm_smccc_filter filter = { FILTER_FREE, 1, FILTER_DENY };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_opted(&vcpu);
	int i, bit;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		expect_ret(filter_list_attr(vm, KVM_HAS_DEVICE_ATTR,
					    KVM_ARM_VM_SMCCC_CTRL, FILTER_LIST_ATTR, 0),
			   0, "HAS", i);
		expect_ret(filter_list_attr(vm, KVM_HAS_DEVICE_ATTR,
					    KVM_ARM_VM_SMCCC_CTRL,
					    KVM_ARM_VM_SMCCC_FILTER, 0),
			   0, "HAS of the filter", i);
		expect_ret(filter_list_request(vm, (u64)&request), 0, "GET", i);
		expect_ret(filter_list_attr(vm, KVM_SET_DEVICE_ATTR,
					    KVM_ARM_VM_SMCCC_CTRL, FILTER_LIST_ATTR,
					    (u64)&filter),
			   ENXIO, "SET", i);
	}
	abi_set_mode(abi_initial_mode());

	expect_ret(filter_list_attr(vm, KVM_GET_DEVICE_ATTR, KVM_ARM_VM_SMCCC_CTRL,
				    KVM_ARM_VM_SMCCC_FILTER, 0),
		   ENXIO, "GET of the filter", 0);
	for (bit = 0; bit < 64; bit++) {
		expect_ret(filter_list_attr(vm, KVM_GET_DEVICE_ATTR,
					    KVM_ARM_VM_SMCCC_CTRL,
					    FILTER_LIST_ATTR ^ BIT(bit), 0),
			   ENXIO, "GET of another attribute", bit);
		expect_ret(filter_list_attr(vm, KVM_HAS_DEVICE_ATTR, BIT(bit & 31),
					    FILTER_LIST_ATTR, 0),
			   ENXIO, "HAS of another group", bit);
		expect_ret(filter_list_attr(vm, KVM_GET_DEVICE_ATTR, BIT(bit & 31),
					    FILTER_LIST_ATTR, 0),
			   ENXIO, "GET of another group", bit);
	}
	kvm_vm_free(vm);
}

/* ---- What is refused, and in which order ---- */

static void check_errors(int unused)
{
	struct kvm_arm_smccc_filter_list request;
	struct kvm_device_attr attr = {
		.attr = FILTER_LIST_ATTR,
		.addr = (u64)user_hole,
	};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_opted(&vcpu);
	struct filter_list before;
	int i, bit;

	filter_begin();
	filter_expect_set(vm, FILTER_FREE, 4, FILTER_FWD, 0);
	before = filter_list_get(vm);

	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		expect_ret(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, user_bad_pointers[i]) ?
			   errno : 0, EFAULT, "attribute at", user_bad_pointers[i]);
		expect_ret(filter_list_request(vm, user_bad_pointers[i]), EFAULT,
			   "request at", user_bad_pointers[i]);
	}
	/* A flag is seen before the request is read, */
	for (bit = 0; bit < 32; bit++) {
		attr.flags = BIT(bit);
		expect_ret(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr) ? errno : 0,
			   EINVAL, "flag of the attribute", bit);
	}
	/* and one of the request before the number of ranges, which is not written. */
	for (bit = 0; bit < 32 + 2 * 64; bit++) {
		request = (struct kvm_arm_smccc_filter_list) { .ranges = (u64)user_hole };
		if (bit < 32)
			request.flags = BIT(bit);
		else
			request.reserved[bit >= 96] = BIT(bit & 63);
		expect_ret(filter_list_request(vm, (u64)&request), EINVAL,
			   "reserved bit", bit);
		test_expect(!request.n, "n is %u", request.n);
	}
	/* Too little room is seen before the address of the ranges is used. */
	request = (struct kvm_arm_smccc_filter_list) { .ranges = (u64)user_hole };
	expect_ret(filter_list_request(vm, (u64)&request), E2BIG, "no room", 0);
	test_expect(request.n == 1, "n is %u", request.n);

	filter_list_expect(vm, &before, "after refusals");
	filter_expect_guest(vcpu);
	kvm_vm_free(vm);
}

/* Every byte of the request and of the ranges lies across the end of the memory once. */
static void check_faults(int unused)
{
	struct kvm_arm_smccc_filter_list request = { .n = 4, .ranges = (u64)user_mem };
	size_t size = sizeof(request), i;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_opted(&vcpu);
	struct filter_list want;
	void *at;
	int ret;

	filter_begin();
	for (i = 0; i < 4; i++)
		filter_expect_set(vm, FILTER_FREE + 8 * i, 4, FILTER_DENY, 0);
	want = filter_list_get(vm);

	for (i = 1; i < size; i++) {
		user_mem_fill_canary();
		at = user_hole - i;
		memcpy(at, &request, i);
		expect_ret(filter_list_request(vm, (u64)at), EFAULT, "bytes of a request",
			   i);
		user_mem_expect_canary(at, i, "a request that cannot be read");
	}
	/* The number cannot be written. */
	user_mem_set_read_only(&request, size);
	expect_ret(filter_list_request(vm, (u64)user_read_only), EFAULT, "read-only", 0);

	size = 4 * sizeof(struct kvm_smccc_filter);
	for (i = 0; i <= size; i++) {
		user_mem_fill_canary();
		at = user_hole - i;
		request.n = 4;
		request.ranges = (u64)at;
		ret = filter_list_request(vm, (u64)&request);
		expect_ret(ret, i == size ? 0 : EFAULT, "bytes of ranges", i);
		user_mem_expect_canary(at, i, "ranges");
		/* The ranges that fit have been written. */
		test_expect(!memcmp(at, want.range, i - i % 24), "%zu bytes of ranges", i);
	}
	for (i = 0; i < NR_USER_BAD_POINTERS; i++) {
		request.ranges = user_bad_pointers[i];
		expect_ret(filter_list_request(vm, (u64)&request), EFAULT,
			   "ranges at", user_bad_pointers[i]);
	}
	filter_list_expect(vm, &want, "after faults");
	kvm_vm_free(vm);
}

static void check_room(int unused)
{
	struct kvm_arm_smccc_filter_list request;
	struct kvm_smccc_filter range[8], canary;
	static const u32 rooms[] = { 0, 1, 4, 5, 6, 8, BIT(31), ~0u };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_opted(&vcpu);
	struct filter_list list;
	int i, j, ret;

	/* No range, and no need for memory */
	request = (struct kvm_arm_smccc_filter_list) {};
	expect_ret(filter_list_request(vm, (u64)&request), 0, "empty", 0);
	test_expect(!request.n, "%u ranges", request.n);

	filter_begin();
	for (i = 0; i < 5; i++)
		filter_expect_set(vm, FILTER_FREE + i, 1, FILTER_FWD, 0);
	list = filter_list_get(vm);
	memset(&canary, USER_CANARY, sizeof(canary));
	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		memset(range, USER_CANARY, sizeof(range));
		request.n = rooms[i];
		request.ranges = (u64)range;
		ret = filter_list_request(vm, (u64)&request);
		expect_ret(ret, rooms[i] < 5 ? E2BIG : 0, "room", rooms[i]);
		test_expect(request.n == 5, "room %u: n is %u", rooms[i], request.n);
		for (j = 0; j < 8; j++)
			test_expect(!memcmp(&range[j], ret || j >= 5 ? &canary :
					    &list.range[j], sizeof(canary)),
				    "room %u: range %d", rooms[i], j);
	}
	kvm_vm_free(vm);
}

/* ---- What is listed ---- */

#define ARCH32		0x80000000U
#define ARCH64		0xc0000000U

/* In the order of the functions; @set is the place in the order of setting them. */
static const struct {
	u32 base, nr;
	u8 action;
	int set;
} ranges[] = {
	/* The longest one that there can be below the reserved ones */
	{ 0, ARCH32, FILTER_DENY, 3 },
	{ PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_HANDLE, 0 },
	/* Neighbours with the same action stay two ranges. */
	{ PSCI_0_2_FN_PSCI_VERSION + 0x100, 8, FILTER_FWD, 5 },
	{ PSCI_0_2_FN_PSCI_VERSION + 0x108, 8, FILTER_FWD, 1 },
	{ PSCI_0_2_FN_PSCI_VERSION + 0x110, 1, FILTER_DENY, 7 },
	/* Directly before and behind the reserved ranges */
	{ ARCH64 - 1, 1, FILTER_HANDLE, 2 },
	{ ARCH64 + 0x10000, 1, FILTER_DENY, 4 },
	{ 0xffffffff, 1, FILTER_FWD, 6 },
};

#define NR_RANGES	ARRAY_SIZE(ranges)

static struct filter_list all_ranges(void)
{
	struct filter_list list = { .n = NR_RANGES };
	int i;

	for (i = 0; i < NR_RANGES; i++)
		list.range[i] = (struct kvm_smccc_filter) {
			ranges[i].base, ranges[i].nr, ranges[i].action
		};
	return list;
}

static void set_ranges(struct kvm_vm *vm)
{
	int i, place;

	for (place = 0; place < NR_RANGES; place++) {
		for (i = 0; i < NR_RANGES; i++) {
			if (ranges[i].set == place)
				filter_expect_set(vm, ranges[i].base, ranges[i].nr,
						  ranges[i].action, 0);
		}
	}
}

static void check_as_set(int unused)
{
	struct filter_list want = all_ranges();
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_opted(&vcpu);

	filter_begin();
	set_ranges(vm);
	filter_list_expect(vm, &want, "set");
	/* What is refused is not listed. */
	filter_expect_set(vm, ARCH32, 1, FILTER_HANDLE, EEXIST);
	filter_expect_set(vm, ARCH64 + 8, 1, FILTER_DENY, EEXIST);
	filter_expect_set(vm, PSCI_0_2_FN_PSCI_VERSION + 0x10f, 2, FILTER_FWD, EEXIST);
	filter_list_expect(vm, &want, "others refused");
	filter_expect_guest(vcpu);
	filter_list_expect(vm, &want, "after a run");
	kvm_vm_free(vm);
}

/* A request that is refused brings the reserved ranges, and nothing to list. */
static void check_only_refused(int unused)
{
	struct filter_list none = {};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_opted(&vcpu);

	filter_begin();
	filter_list_expect(vm, &none, "new VM");
	filter_expect_set(vm, ARCH64, 4, FILTER_DENY, EEXIST);
	filter_list_expect(vm, &none, "refused");
	filter_expect_guest(vcpu);
	kvm_vm_free(vm);
}

enum order { UPWARDS, DOWNWARDS, NR_ORDERS };

/* Another VM has the same filter, in whatever order its ranges are set. */
static void check_restored(int order)
{
	struct filter_list saved, list;
	struct kvm_vcpu *vcpu, *to_vcpu;
	struct kvm_vm *vm = create_opted(&vcpu), *to = create_opted(&to_vcpu);
	u32 i;

	filter_begin();
	set_ranges(vm);
	saved = filter_list_get(vm);
	list = saved;
	for (i = 0; order == DOWNWARDS && i < saved.n; i++)
		list.range[i] = saved.range[saved.n - 1 - i];
	expect_ret(filter_list_restore(to, &list), 0, "restore", order);
	filter_list_expect(to, &saved, "restored");
	filter_expect_guest(vcpu);
	filter_expect_guest(to_vcpu);
	kvm_vm_free(to);
	kvm_vm_free(vm);
}

/* The run freezes the filter, not the list. */
static void check_frozen(int unused)
{
	struct filter_list want = all_ranges(), none = {};
	struct kvm_vcpu *vcpu, *other_vcpu;
	struct kvm_vm *vm = create_opted(&vcpu), *other = create_opted(&other_vcpu);
	int i;

	filter_begin();
	set_ranges(vm);
	filter_expect_guest(vcpu);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		abi_set_mode(modes[i]);
		filter_expect_set(vm, FILTER_FREE, 1, FILTER_DENY, EBUSY);
		filter_list_expect(vm, &want, modes[i]);
		filter_list_expect(other, &none, "another VM");
	}
	abi_set_mode(abi_initial_mode());
	kvm_vm_free(other);
	kvm_vm_free(vm);
}

/* ---- While another thread sets ranges ---- */

#define NR_RACES	256

static bool all_set;

static void *set_some(void *vm)
{
	u32 i;
	int ret;

	/* Single functions with gaps, first the even ones */
	for (i = 0; i < NR_RACES; i++) {
		u32 nr = i < NR_RACES / 2 ? 2 * i : 2 * (i - NR_RACES / 2) + 1;

		ret = smccc_set_filter(vm, FILTER_FREE + 4 * nr, 2, nr % 3);
		TEST_ASSERT(!ret, "range %u: %s", nr, strerror(ret));
	}

	__atomic_store_n(&all_set, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Each list is the filter at one moment: in order, and it has what the last one had. */
static void check_race(int unused)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_opted(&vcpu);
	struct filter_list last = {}, now;
	u32 i, j, nr_partial = 0;
	pthread_t thread;
	bool done;

	kvm_pthread_create(&thread, NULL, set_some, vm);
	do {
		done = __atomic_load_n(&all_set, __ATOMIC_ACQUIRE);
		now = filter_list_get(vm);
		nr_partial += now.n && now.n < NR_RACES;
		for (i = 0, j = 0; i < now.n; i++) {
			u32 nr = (now.range[i].base - FILTER_FREE) / 4;
			struct kvm_smccc_filter want = { FILTER_FREE + 4 * nr, 2, nr % 3 };

			test_expect(!memcmp(&now.range[i], &want, sizeof(want)) &&
				    (!i || now.range[i].base > now.range[i - 1].base),
				    "range %u: %#x", i, now.range[i].base);
			while (j < last.n && last.range[j].base < now.range[i].base)
				test_expect(false, "range %#x is gone", last.range[j++].base);
			j += j < last.n && last.range[j].base == now.range[i].base;
		}
		last = now;
	} while (!test_nr_failures() && !done);

	kvm_pthread_join(thread, NULL);
	test_expect(now.n == NR_RACES, "%u ranges in the end", now.n);
	ksft_print_msg("%u lists were of a part of the ranges\n", nr_partial);
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "numbers: bit 7, attribute 0x40, sizes", check_uapi },
	{ "absent: not opted in", check_absent, 0 },
	{ "absent: opted in to all else", check_absent, 1 },
	{ "attribute: readable in all modes, no other is", check_attr },
	{ "errors: EFAULT, EINVAL, E2BIG in this order, without effect", check_errors },
	{ "errors: each byte that cannot be accessed", check_faults },
	{ "errors: E2BIG with the number, nothing is written behind", check_room },
	{ "list: as set, in order, not merged, without the reserved ones", check_as_set },
	{ "list: empty if all requests were refused", check_only_refused },
	{ "restored in another VM, upwards: the same list and guest", check_restored, UPWARDS },
	{ "restored in another VM, downwards: the same list and guest",
	  check_restored, DOWNWARDS },
	{ "frozen by the run: the list is still there, in all modes", check_frozen },
	{ "race: lists while another thread sets ranges", check_race },
};

int main(void)
{
	ksft_print_header();
	opt_in_require();
	if (!__abi_open())
		ksft_exit_skip("The kernel has no " ABI_DIR "mode\n");
	user_mem_create(1);
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
