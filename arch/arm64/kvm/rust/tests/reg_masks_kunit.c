// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of KVM_ARM_GET_REG_WRITABLE_MASKS: C and Rust leave the same
 * bytes in userspace, even if not all of them can be written.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include <asm/sysreg.h>

#include "abi_kunit.h"

#define REG_MASKS_SIZE	(KVM_ARM_FEATURE_ID_RANGE_SIZE * sizeof(u64))
#define REG_MASKS_FILL	0xa5

/* A page of userspace, with nothing mapped after it, and each side's result. */
struct reg_masks_test {
	unsigned long page;
	u8 *c;
	u8 *rust;
};

static bool reg_masks_test_prepare(struct kunit *test, struct reg_masks_test *t)
{
	t->page = kunit_vm_mmap(test, NULL, 0, 2 * PAGE_SIZE,
				PROT_READ | PROT_WRITE,
				MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, t->page, 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(t->page + PAGE_SIZE, PAGE_SIZE), 0);
	t->c = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	t->rust = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	return t->c && t->rust;
}

/* Returns the result of the ioctl, and copies the page afterwards. */
static int reg_masks_get(struct reg_masks_test *t, bool rust,
			 struct reg_mask_range *range, u8 *page)
{
	int ret;

	memset(page, REG_MASKS_FILL, PAGE_SIZE);
	if (copy_to_user((void __user *)t->page, page, PAGE_SIZE))
		return -EIO;

	ret = rust ? kvm_arm_rust_get_reg_writable_masks(range) :
		     kvm_vm_ioctl_get_reg_writable_masks(NULL, range);

	if (copy_from_user(page, (void __user *)t->page, PAGE_SIZE))
		return -EIO;

	return ret;
}

static void reg_masks_agree(struct kunit *test, struct reg_masks_test *t,
			    struct reg_mask_range *range, int want)
{
	int c, rust;

	c = reg_masks_get(t, false, range, t->c);
	rust = reg_masks_get(t, true, range, t->rust);

	KUNIT_EXPECT_EQ(test, c, want);
	KUNIT_EXPECT_EQ(test, rust, want);
	KUNIT_EXPECT_MEMEQ_MSG(test, t->c, t->rust, PAGE_SIZE,
			       "addr page + 0x%llx", range->addr - t->page);
}

static void masks_are_those_of_c(struct kunit *test)
{
	struct reg_masks_test t;
	struct reg_mask_range range = {};
	unsigned int nr = 0;
	u64 *masks;

	KUNIT_ASSERT_TRUE(test, reg_masks_test_prepare(test, &t));
	abi_test_set_mode(KVM_ARM_ABI_C);

	/* The masks exist from the second time on. Try any alignment. */
	for (int i = 0; i < 16; i++) {
		range.addr = t.page + 512 + i;
		reg_masks_agree(test, &t, &range, 0);
	}

	range.addr = t.page;
	reg_masks_agree(test, &t, &range, 0);
	masks = (u64 *)t.rust;
	for (int i = 0; i < KVM_ARM_FEATURE_ID_RANGE_SIZE; i++)
		nr += !!masks[i];
	KUNIT_EXPECT_GT(test, nr, 10);
	KUNIT_EXPECT_NE(test, masks[KVM_ARM_FEATURE_ID_RANGE_IDX(3, 0, 0, 4, 0)], 0);
	KUNIT_EXPECT_NE(test, masks[KVM_ARM_FEATURE_ID_RANGE_IDX(3, 3, 0, 0, 1)], 0);
	KUNIT_EXPECT_EQ(test, t.rust[REG_MASKS_SIZE], REG_MASKS_FILL);
}

static void refused_requests_touch_nothing(struct kunit *test)
{
	struct reg_masks_test t;
	struct reg_mask_range range = {};

	KUNIT_ASSERT_TRUE(test, reg_masks_test_prepare(test, &t));
	abi_test_set_mode(KVM_ARM_ABI_C);
	range.addr = t.page;

	for (u32 bit = 0; bit < 32; bit++) {
		range.range = BIT(bit);
		reg_masks_agree(test, &t, &range, -EINVAL);
		KUNIT_EXPECT_PTR_EQ(test, memchr_inv(t.rust, REG_MASKS_FILL, PAGE_SIZE),
				    NULL);
	}

	range.range = 0;
	for (int i = 0; i < sizeof(range.reserved); i++) {
		u8 *reserved = (u8 *)range.reserved;

		reserved[i] = 1;
		reg_masks_agree(test, &t, &range, -EINVAL);
		reserved[i] = 0;
	}
}

/* The array ends past the mapped page, or begins before it. */
static void faults_leave_the_same_as_c(struct kunit *test)
{
	struct reg_masks_test t;
	struct reg_mask_range range = {};

	KUNIT_ASSERT_TRUE(test, reg_masks_test_prepare(test, &t));
	abi_test_set_mode(KVM_ARM_ABI_C);

	for (int beyond = 0; beyond <= REG_MASKS_SIZE; beyond++) {
		range.addr = t.page + PAGE_SIZE - REG_MASKS_SIZE + beyond;
		reg_masks_agree(test, &t, &range, beyond ? -EFAULT : 0);
	}
	for (int before = 1; before <= 16; before++) {
		range.addr = t.page - before;
		reg_masks_agree(test, &t, &range, -EFAULT);
	}

	/* A kernel address, and addresses at the end of userspace and above it. */
	range.addr = (unsigned long)t.c;
	reg_masks_agree(test, &t, &range, -EFAULT);
	range.addr = TASK_SIZE_MAX - 8;
	reg_masks_agree(test, &t, &range, -EFAULT);
	range.addr = ~0ULL;
	reg_masks_agree(test, &t, &range, -EFAULT);
}

static void check_of_the_masks_is_silent(struct kunit *test)
{
	long before = abi_test_mismatches();
	struct reg_masks_test t;
	struct reg_mask_range range = {};

	KUNIT_ASSERT_TRUE(test, reg_masks_test_prepare(test, &t));
	abi_test_set_mode(KVM_ARM_ABI_CHECK);

	range.addr = t.page;
	KUNIT_EXPECT_EQ(test, reg_masks_get(&t, false, &range, t.c), 0);
	range.addr = 0;
	KUNIT_EXPECT_EQ(test, reg_masks_get(&t, false, &range, t.c), -EFAULT);
	range.range = 1;
	KUNIT_EXPECT_EQ(test, reg_masks_get(&t, false, &range, t.c), -EINVAL);

	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);
}

static void planted_mask_differences_are_counted(struct kunit *test)
{
	struct reg_mask_range good = {}, bad = { .range = 1 };
	long before = abi_test_mismatches();

	/* No differences. */
	kvm_arm_check_reg_mask_range(&good, 0);
	kvm_arm_check_reg_mask_range(&good, -EFAULT);
	kvm_arm_check_reg_mask_range(&bad, -EINVAL);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);

	kvm_arm_check_reg_mask_range(&good, -EINVAL);
	kvm_arm_check_reg_mask_range(&bad, 0);
	kvm_arm_check_reg_mask_range(&bad, -EFAULT);
	kvm_arm_check_nr_reg_masks(0);
	kvm_arm_check_reg_mask(SYS_ID_AA64PFR0_EL1, 1);
	kvm_arm_check_reg_mask(SYS_SCTLR_EL1, 1);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before + 6);
}

/* The masks that two concurrent first callers must both find. */
static struct {
	struct completion go, done;
	u64 ctr;
	unsigned int nr;
} reg_masks_first;

static int reg_masks_ask_first(void *unused)
{
	wait_for_completion(&reg_masks_first.go);
	/* CTR_EL0 is one of the last in the table, so its mask is made late. */
	kvm_arm_check_reg_mask(SYS_CTR_EL0, reg_masks_first.ctr);
	kvm_arm_check_nr_reg_masks(reg_masks_first.nr);
	complete(&reg_masks_first.done);
	return 0;
}

static void two_first_callers_find_all_masks(struct kunit *test)
{
	long before = abi_test_mismatches();
	struct reg_mask_range range = {};
	struct reg_masks_test t;
	u64 *masks;

	KUNIT_ASSERT_TRUE(test, reg_masks_test_prepare(test, &t));
	abi_test_set_mode(KVM_ARM_ABI_C);
	range.addr = t.page;
	KUNIT_ASSERT_EQ(test, reg_masks_get(&t, false, &range, t.c), 0);
	masks = (u64 *)t.c;
	reg_masks_first.ctr = masks[KVM_ARM_FEATURE_ID_RANGE_IDX(3, 3, 0, 0, 1)];
	reg_masks_first.nr = 0;
	for (int i = 0; i < KVM_ARM_FEATURE_ID_RANGE_SIZE; i++)
		reg_masks_first.nr += !!masks[i];

	for (int round = 0; round < 200; round++) {
		kvm_arm_rust_forget_reg_masks();
		init_completion(&reg_masks_first.go);
		init_completion(&reg_masks_first.done);
		for (int i = 0; i < 2; i++) {
			struct task_struct *task;

			task = kthread_run_on_cpu(reg_masks_ask_first, NULL,
						  i % num_online_cpus(),
						  "reg_masks/%u");
			KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
		}
		complete_all(&reg_masks_first.go);
		for (int i = 0; i < 2; i++)
			wait_for_completion(&reg_masks_first.done);
		KUNIT_ASSERT_EQ_MSG(test, abi_test_mismatches(), before, "round %d",
				    round);
	}
}

static struct kunit_case reg_masks_test_cases[] = {
	KUNIT_CASE(masks_are_those_of_c),
	KUNIT_CASE(refused_requests_touch_nothing),
	KUNIT_CASE(faults_leave_the_same_as_c),
	KUNIT_CASE(check_of_the_masks_is_silent),
	KUNIT_CASE(planted_mask_differences_are_counted),
	KUNIT_CASE(two_first_callers_find_all_masks),
	{}
};

static struct kunit_suite reg_masks_test_suite = {
	.name = "kvm_arm64_reg_masks_oracle",
	.init = abi_test_init,
	.exit = abi_test_exit,
	.test_cases = reg_masks_test_cases,
};

kunit_test_suite(reg_masks_test_suite);
