// SPDX-License-Identifier: GPL-2.0-only
/*
 * fault_usercopy - Each copy from and to userspace's memory that KVM/arm64's
 * migration ABI makes fails once, although the memory is accessible: the first
 * copy of a call, the second one, and so on until a call has no further copy.
 *
 * The call then returns EFAULT and has no effect. All modes make equally many
 * such copies, in the same order.
 *
 * get_user(), put_user() and clear_user() cannot be made to fail like this: see
 * fault_page_end.
 */
#include "abi/cases.h"
#include "abi/fault/call.h"
#include "abi/fault/inject.h"
#include "abi/fault/leak.h"
#include "abi/fault/place.h"
#include "abi/fault/vm.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "abi/user_mem.h"
#include "processor.h"

static struct fault_state before;

#define MAX_COPIES	2000

/* The number of copies that failed, in all calls */
static int faults;

/* The memory's contents if no copy fails */
static u8 *full;

/* Make the call in @m's memory, with its @n-th copy failing. */
static bool call_with_fault(struct place_object *m, unsigned int n, int *ret)
{
	const struct fault_call *c = m->c;

	memset(user_mem, USER_CANARY, c->size);
	memcpy(user_mem, c->in, c->in_size);
	/* Write to the page, else it may have to be copied first. */
	fault_scratch[0] = 0;

	if (n)
		inject_nth(n);
	*ret = c->run(c, (u64)user_mem);
	return n ? inject_end() : false;
}

/* Copies that can fail for certain; others may use get_user() or similar. */
static int min_copies(const struct fault_call *c)
{
	u64 class = c->id & KVM_REG_ARM_COPROC_MASK;

	if (c->run == fault_run_one_reg)
		return class == KVM_REG_ARM64_SYSREG ? 1 : 2;

	return c->cmd == KVM_GET_REG_LIST ? 2 : 1;
}

/* Returns the number of copies that failed. */
static int fail_each_copy(struct fault_call *c)
{
	/* All, some or none of the memory may have been written. */
	struct place_object m = {
		.c = c, .p = user_mem, .w = user_mem, .there = c->size, .other = 1,
	};
	unsigned int n;
	int ret;

	for (n = 1; n < MAX_COPIES; n++) {
		if (!call_with_fault(&m, n, &ret))
			break;

		test_expect(ret == EFAULT, "%s, mode %s, copy %u: %s", c->name,
			    fault_mode, n, strerror(ret));
		fault_undo(c, ret);
		fault_check(c);
		place_expect(&m, full);
		faults++;
	}

	test_expect(ret == fault_want(c), "%s, mode %s: %s, expected %s",
		    c->name, fault_mode, strerror(ret),
		    strerror(fault_want(c)));
	test_expect(!memcmp(user_mem, full, c->size),
		    "%s, mode %s: memory in the end", c->name, fault_mode);
	fault_undo(c, ret);
	fault_check(c);
	user_mem_fill_canary();
	return n - 1;
}

static void check_call(int nr)
{
	struct fault_call *c = &fault_calls[nr];
	int i, ret, copies, want = 0;
	struct place_object m = { .c = c };

	full = realloc(full, c->size);
	for (i = 0; i < fault_nr_passes(); i++) {
		fault_begin_pass(i);
		if (c->begin)
			c->begin(c);

		memcpy(full, c->in, c->in_size);
		if (c->writes) {
			call_with_fault(&m, 0, &ret);
			test_expect(ret == fault_want(c), "%s, mode %s: %s",
				    c->name, fault_mode, strerror(ret));
			memcpy(full, user_mem, c->size);
			fault_undo(c, ret);
		}

		copies = fail_each_copy(c);
		if (!i)
			want = copies;
		test_expect(copies >= min_copies(c), "%s, mode %s: %d copies",
			    c->name, fault_mode, copies);
		test_expect(copies == want + fault_mode_is_rust() * c->more_in_rust,
			    "%s: %d copies in mode %s, %d in %s", c->name,
			    copies, fault_mode, want, fault_first_mode());
	}
	fault_expect_state(&before, c->name);
}

/* In this mode, a range is in force once all of it could be read. */
static void fail_filter(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = filter_vm_create(&vcpu);
	unsigned int n;
	int ret, i;

	filter_begin();
	for (i = 0; i < 8; i++) {
		for (n = 1; n < MAX_COPIES; n++) {
			inject_nth(n);
			ret = smccc_set_filter(vm, FILTER_FREE + 4 * i, 2,
					       FILTER_FWD);
			if (!inject_end())
				break;
			test_expect(ret == EFAULT, "mode %s, copy %u: %s",
				    fault_mode, n, strerror(ret));
		}
		test_expect(n == 3, "mode %s: %u copies", fault_mode, n - 1);
		filter_note(FILTER_FREE + 4 * i, 2, FILTER_FWD, ret);
		test_expect(!ret, "mode %s, range %d: %s", fault_mode, i,
			    strerror(ret));
	}
	filter_expect_guest(vcpu);
	kvm_vm_free(vm);
}

static void check_filter(int unused)
{
	int i;

	for (i = 0; i < fault_nr_passes(); i++) {
		fault_begin_pass(i);
		fail_filter();
	}
}

static void check_some(int unused)
{
	ksft_print_msg("%d copies failed\n", faults);
	test_expect(faults > 2 * fault_nr_calls, "%d faults", faults);
}

static const struct test_case more_cases[] = {
	{ "filter: it has the ranges that were read, and no others",
	  check_filter },
	{ "some copies failed", check_some },
	{ "no memory is lost", leak_check },
};

int main(void)
{
	test_disable_default_vgic();
	ksft_print_header();
	inject_require();
	place_create();
	leak_begin();
	if (__abi_open())
		abi_begin_stats();
	fault_add_all();
	fault_state_read(&before);
	inject_select(INJECT_USERCOPY);

	fault_run_cases(check_call, more_cases, ARRAY_SIZE(more_cases));
}
