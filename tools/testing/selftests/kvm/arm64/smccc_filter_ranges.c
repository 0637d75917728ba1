// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_filter_ranges - Where the ranges of KVM_ARM_VM_SMCCC_FILTER begin and
 * end.
 *
 * A range that shares a function with another one, or with those that KVM
 * reserves for Arm's architecture calls in their 32-bit and 64-bit form, is
 * refused with EEXIST as a whole; ranges may be adjacent. The guest makes calls
 * around the ends of every range, accepted or refused, and must get the action
 * of the range that contains the function.
 *
 * smccc_filter_errors tests all other refusals.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/smccc_filter.h"

/* A request, and the expected result */
struct step {
	u32 base;
	u32 nr;
	u8 action;
	int want;
};

#define MAX_STEPS	20

enum script { OVERLAP, OVERLAP_HANDLE, ADJACENT, SINGLE, TOP };

/* Unused steps are zero. */
static const struct step scripts[][MAX_STEPS] = {
	[OVERLAP] = {
		{ FILTER_FREE + 4, 4, FILTER_FWD, 0 },
		{ FILTER_FREE + 4, 4, FILTER_FWD, EEXIST },
		{ FILTER_FREE + 4, 4, FILTER_DENY, EEXIST },
		{ FILTER_FREE + 4, 1, FILTER_DENY, EEXIST },
		{ FILTER_FREE + 5, 2, FILTER_DENY, EEXIST },
		{ FILTER_FREE + 7, 1, FILTER_DENY, EEXIST },
		{ FILTER_FREE + 3, 2, FILTER_DENY, EEXIST },
		{ FILTER_FREE + 7, 2, FILTER_DENY, EEXIST },
		{ FILTER_FREE + 3, 6, FILTER_DENY, EEXIST },
		{ FILTER_FREE, 8, FILTER_DENY, EEXIST },
		{ FILTER_FREE + 4, 0x100, FILTER_FWD, EEXIST },
		{ 0, FILTER_FREE + 5, FILTER_FWD, EEXIST },
		{ FILTER_FREE + 3, 1, FILTER_HANDLE, 0 },
		{ FILTER_FREE + 8, 4, FILTER_DENY, 0 },
		{ FILTER_FREE + 2, 11, FILTER_FWD, EEXIST },
		{ FILTER_FREE + 12, 4, FILTER_FWD, 0 },
	},
	/* HANDLE occupies the range like any other action. */
	[OVERLAP_HANDLE] = {
		{ PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_HANDLE, 0 },
		{ PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_FWD, EEXIST },
		{ PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_DENY, EEXIST },
		{ PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_HANDLE, EEXIST },
		{ PSCI_0_2_FN_PSCI_VERSION - 1, 1, FILTER_FWD, 0 },
		{ PSCI_0_2_FN_PSCI_VERSION - 1, 2, FILTER_HANDLE, EEXIST },
		{ ARM_SMCCC_TRNG_VERSION, 1, FILTER_FWD, 0 },
		{ ARM_SMCCC_TRNG_VERSION, 1, FILTER_HANDLE, EEXIST },
	},
	[ADJACENT] = {
		{ PSCI_0_2_FN_PSCI_VERSION - 8, 8, FILTER_FWD, 0 },
		{ PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_DENY, 0 },
		{ PSCI_0_2_FN_PSCI_VERSION + 1, 5, FILTER_FWD, 0 },
		{ PSCI_0_2_FN_MIGRATE_INFO_TYPE, 1, FILTER_HANDLE, 0 },
		{ PSCI_0_2_FN_MIGRATE_INFO_TYPE + 1, 3, FILTER_FWD, 0 },
		{ PSCI_1_0_FN_PSCI_FEATURES, 1, FILTER_HANDLE, 0 },
		{ PSCI_1_0_FN_PSCI_FEATURES + 1, 1, FILTER_DENY, 0 },
		{ PSCI_1_0_FN_PSCI_FEATURES + 2, 8, FILTER_FWD, 0 },
		{ ARM_SMCCC_TRNG_VERSION - 1, 1, FILTER_FWD, 0 },
		{ ARM_SMCCC_TRNG_VERSION + 1, 1, FILTER_FWD, 0 },
		{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID, 1, FILTER_DENY, 0 },
		{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID - 1, 1, FILTER_FWD, 0 },
		{ ARM_SMCCC_VENDOR_HYP_CALL_UID_FUNC_ID + 1, 1, FILTER_FWD, 0 },
	},
	/* Functions that differ in one bit, also the highest and lowest */
	[SINGLE] = {
		{ PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_FWD, 0 },
		{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID, 1, FILTER_FWD, 0 },
		{ PSCI_0_2_FN_PSCI_VERSION ^ BIT(31), 1, FILTER_DENY, 0 },
		{ PSCI_1_0_FN_PSCI_FEATURES ^ BIT(30), 1, FILTER_FWD, 0 },
		{ PSCI_0_2_FN_MIGRATE_INFO_TYPE ^ BIT(30), 1, FILTER_DENY, 0 },
		{ ARM_SMCCC_TRNG_VERSION ^ BIT(16), 1, FILTER_FWD, 0 },
		{ PSCI_0_2_FN_MIGRATE_INFO_TYPE ^ BIT(29), 1, FILTER_FWD, 0 },
		{ 0, 1, FILTER_FWD, 0 },
		{ 0, 1, FILTER_DENY, EEXIST },
		{ 0xffffffff, 1, FILTER_FWD, 0 },
		{ 0xffffffff, 1, FILTER_DENY, EEXIST },
	},
	[TOP] = {
		{ 0xfffffffe, 1, FILTER_DENY, 0 },
		{ 0xfffffffe, 2, FILTER_FWD, EEXIST },
		{ 0xffffffff, 1, FILTER_FWD, 0 },
		{ 0xc0010000, 0x3ffefffe, FILTER_FWD, 0 },
		{ 0, 0x80000001, FILTER_FWD, EEXIST },
		{ 0, 0x80000000, FILTER_FWD, 0 },
		{ 1, 1, FILTER_DENY, EEXIST },
	},
};

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpu;

static void begin(void)
{
	vm = filter_vm_create(&vcpu);
	filter_begin();
}

/* Check the filter by the guest's calls. */
static void end(void)
{
	filter_expect_guest(vcpu);
	kvm_vm_free(vm);
}

static void check_script(int script)
{
	const struct step *s = scripts[script];
	int i;

	begin();
	for (i = 0; i < MAX_STEPS && s[i].nr; i++)
		filter_expect_set(vm, s[i].base, s[i].nr, s[i].action,
				  s[i].want);
	end();
}

/* Offsets from the first function of a reserved range of 0x10000. */
static const struct {
	s32 first;
	u32 nr;
} over_reserved[] = {
	{ 0, 1 }, { 1, 1 }, { 0x4000, 1 }, { 0x3fff, 2 }, { 0xfffe, 1 },
	{ 0xffff, 1 }, { 0, 0x10000 }, { -1, 2 }, { 0xffff, 2 },
	{ -1, 0x10002 }, { -0x1000, 0x1001 }, { 0xffff, 0x1000 },
	{ -0x80, 0x20000 },
};

static void check_reserved(int is_64bit)
{
	u32 first = is_64bit ? 0xc0000000 : 0x80000000;
	u8 action;
	int i;

	begin();
	for (action = FILTER_HANDLE; action <= FILTER_FWD; action++) {
		for (i = 0; i < ARRAY_SIZE(over_reserved); i++)
			filter_expect_set(vm, first + over_reserved[i].first,
					  over_reserved[i].nr, action, EEXIST);
	}

	filter_expect_set(vm, first - 1, 1, FILTER_FWD, 0);
	filter_expect_set(vm, first + 0x10000, 1, FILTER_FWD, 0);
	filter_expect_set(vm, 0x7fffffff, 0x40010003, FILTER_FWD, EEXIST);
	end();
}

/* All function ids except the reserved ones */
static void check_whole_range(int action)
{
	begin();
	filter_expect_set(vm, 0, 0x80000001, action, EEXIST);
	filter_expect_set(vm, 0, 0x80000000, action, 0);
	filter_expect_set(vm, 0x8000ffff, 0x3fff0001, action, EEXIST);
	filter_expect_set(vm, 0x80010000, 0x3fff0001, action, EEXIST);
	filter_expect_set(vm, 0x80010000, 0x3fff0000, action, 0);
	filter_expect_set(vm, 0xc000ffff, 0x3fff0001, action, EEXIST);
	filter_expect_set(vm, 0xc0010000, 0x3fff0000, action, 0);
	filter_expect_set(vm, 0, 1, action, EEXIST);
	filter_expect_set(vm, 0x7fffffff, 1, action, EEXIST);
	filter_expect_set(vm, PSCI_0_2_FN_PSCI_VERSION, 1, FILTER_HANDLE,
			  EEXIST);
	filter_expect_set(vm, 0xffffffff, 1, FILTER_HANDLE, EEXIST);
	end();
}

/* Ranges set one by one: from both ends, in the middle, out of order */
static void check_many(int unused)
{
	const u32 stride = 3, nr = 61;
	u32 i, n;

	begin();
	for (i = 0; i < nr; i++) {
		n = i * 17 % nr;
		filter_expect_set(vm, FILTER_FREE + n * stride, stride,
				  n % 2 ? FILTER_DENY : FILTER_FWD, 0);
		filter_expect_set(vm, FILTER_FREE + n * stride + stride - 1, 1,
				  FILTER_FWD, EEXIST);
	}
	end();
}

static const struct test_case cases[] = {
	{ "EEXIST: the same, a part, more, either side; adjacent is accepted",
	  check_script, OVERLAP },
	{ "EEXIST: a range that has calls handled",
	  check_script, OVERLAP_HANDLE },
	{ "EEXIST: each end of the reserved range of 32-bit calls",
	  check_reserved, false },
	{ "EEXIST: each end of the reserved range of 64-bit calls",
	  check_reserved, true },

	{ "adjacent ranges, each with its action", check_script, ADJACENT },
	{ "single functions, not others that differ in one bit",
	  check_script, SINGLE },
	{ "ranges that begin at 0 or end at 0xffffffff", check_script, TOP },
	{ "many ranges in any order", check_many },

	{ "all ids except the reserved ones are forwarded",
	  check_whole_range, FILTER_FWD },
	{ "all ids except the reserved ones are denied",
	  check_whole_range, FILTER_DENY },
	{ "all ids are handled", check_whole_range, FILTER_HANDLE },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
