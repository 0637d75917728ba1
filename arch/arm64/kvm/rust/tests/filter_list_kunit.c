// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the filter of hypercalls as a list: it has the ranges that C keeps in
 * its maple tree, except those that C adds by itself.
 */
#include <linux/maple_tree.h>
#include <linux/prandom.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include <asm/kvm_migration.h>

#include <kvm/arm_opt_in.h>

#include "abi_kunit.h"

#define MAX_RANGES	128
#define NR_ROUNDS	64
#define CANARY		0xa5

/* In the memory of the user */
struct filter_user {
	struct kvm_arm_smccc_filter_list list;
	struct kvm_smccc_filter filter;
	struct kvm_smccc_filter ranges[MAX_RANGES];
};

static_assert(sizeof(struct filter_user) <= PAGE_SIZE);

struct ranges {
	u32 n;
	struct kvm_smccc_filter range[MAX_RANGES];
};

struct filter_test {
	struct kvm *kvm;
	struct filter_user __user *user;
	struct rnd_state random;
	/* What C adds by itself */
	struct ranges reserved;
	/* What was set, what is listed, and what the tree has */
	struct ranges set, listed, tree;
};

/* ---- What a VM has ---- */

/* C sets a range. */
static int c_set(struct filter_test *t, u32 base, u32 nr, u8 action)
{
	struct kvm_smccc_filter filter = {
		.base = base, .nr_functions = nr, .action = action,
	};
	int ret;

	if (copy_to_user(&t->user->filter, &filter, sizeof(filter)))
		return -EIO;
	ret = kvm_arm_c_smccc_set_filter(t->kvm, &t->user->filter);
	if (!ret)
		t->set.range[t->set.n++] = filter;
	return ret;
}

/* The VM becomes one without a filter. */
static void reset(struct filter_test *t)
{
	mtree_destroy(&t->kvm->arch.smccc_filter);
	t->set.n = 0;
}

/* Rust reads the list, with room for @n ranges. */
static int list(struct filter_test *t, u32 n)
{
	struct kvm_arm_smccc_filter_list request = {
		.n = n, .ranges = (uintptr_t)t->user->ranges,
	};
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = KVM_ARM_VM_SMCCC_FILTER_LIST,
		.addr = (uintptr_t)&t->user->list,
	};
	int ret;

	memset(t->listed.range, CANARY, sizeof(t->listed.range));
	if (copy_to_user(&t->user->list, &request, sizeof(request)) ||
	    copy_to_user(t->user->ranges, t->listed.range, sizeof(t->listed.range)))
		return -EIO;
	ret = kvm_arm_rust_get_filter_list(t->kvm, &attr);
	if (copy_from_user(&request, &t->user->list, sizeof(request)) ||
	    copy_from_user(t->listed.range, t->user->ranges, sizeof(t->listed.range)))
		return -EIO;
	t->listed.n = request.n;
	return ret;
}

static void read_tree(struct filter_test *t)
{
	MA_STATE(mas, &t->kvm->arch.smccc_filter, 0, 0);
	void *entry;

	t->tree.n = 0;
	mas_lock(&mas);
	mas_for_each(&mas, entry, U32_MAX) {
		if (t->tree.n < MAX_RANGES)
			t->tree.range[t->tree.n] = (struct kvm_smccc_filter) {
				.base = mas.index,
				.nr_functions = mas.last - mas.index + 1,
				.action = xa_to_value(entry),
			};
		t->tree.n++;
	}
	mas_unlock(&mas);
}

static int by_base(const void *a, const void *b)
{
	u32 x = ((const struct kvm_smccc_filter *)a)->base;
	u32 y = ((const struct kvm_smccc_filter *)b)->base;

	return x < y ? -1 : x > y;
}

static void sort_by_base(struct ranges *r)
{
	sort(r->range, r->n, sizeof(r->range[0]), by_base, NULL);
}

static bool are_same(const struct ranges *a, const struct ranges *b)
{
	return a->n == b->n && a->n <= MAX_RANGES &&
	       !memcmp(a->range, b->range, a->n * sizeof(a->range[0]));
}

/* The list is what was set, and with what C adds it is the tree. */
static void expect_list(struct kunit *test, struct filter_test *t, const char *when, int nr)
{
	static struct ranges all;

	KUNIT_EXPECT_EQ_MSG(test, list(t, MAX_RANGES), 0, "%s, %d", when, nr);
	sort_by_base(&t->set);
	KUNIT_EXPECT_EQ_MSG(test, t->listed.n, t->set.n, "%s, %d", when, nr);
	KUNIT_EXPECT_TRUE_MSG(test, are_same(&t->listed, &t->set), "%s, %d: not what was set",
			      when, nr);

	all = t->listed;
	KUNIT_ASSERT_LE(test, all.n + t->reserved.n, MAX_RANGES);
	memcpy(&all.range[all.n], t->reserved.range,
	       t->reserved.n * sizeof(t->reserved.range[0]));
	all.n += t->reserved.n;
	sort_by_base(&all);
	read_tree(t);
	KUNIT_EXPECT_TRUE_MSG(test, are_same(&all, &t->tree),
			      "%s, %d: the tree has %u ranges, the list %u", when, nr,
			      t->tree.n, t->listed.n);
}

/* A function of the architecture: C refuses it, and then has what it adds by itself. */
static struct filter_test *filter_test_begin(struct kunit *test)
{
	struct filter_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct abi_test *ctx = test->priv;
	struct opt_in_user u;

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_TRUE(test, opt_in_user_init(test, &u));
	t->kvm = ctx->kvm;
	t->user = (struct filter_user __user *)u.page;
	prandom_seed_state(&t->random, 0x6b766d);
	set_bit(KVM_ARCH_FLAG_FILTER_LIST, &t->kvm->arch.flags);

	KUNIT_ASSERT_EQ(test, c_set(t, ARM_SMCCC_VERSION_FUNC_ID, 1, KVM_SMCCC_FILTER_DENY),
			-EEXIST);
	read_tree(t);
	t->reserved = t->tree;
	KUNIT_ASSERT_GT(test, t->reserved.n, 0);
	return t;
}

static void filter_test_exit(struct kunit *test)
{
	struct abi_test *ctx = test->priv;

	if (ctx)
		mtree_destroy(&ctx->kvm->arch.smccc_filter);
	opt_in_test_exit(test);
}

/* ---- Cases ---- */

static void what_c_adds_is_not_listed(struct kunit *test)
{
	struct filter_test *t = filter_test_begin(test);

	expect_list(test, t, "refused", 0);
	for (u32 i = 0; i < t->reserved.n; i++) {
		const struct kvm_smccc_filter *r = &t->reserved.range[i];

		/* C refuses to set any part of it, with its action or another one. */
		for (u8 action = 0; action < NR_SMCCC_FILTER_ACTIONS; action++) {
			KUNIT_EXPECT_EQ(test, c_set(t, r->base, r->nr_functions, action),
					-EEXIST);
			KUNIT_EXPECT_EQ(test, c_set(t, r->base, 1, action), -EEXIST);
			KUNIT_EXPECT_EQ(test, c_set(t, r->base + r->nr_functions - 1, 1, action),
					-EEXIST);
		}
		expect_list(test, t, "refused", i);
	}

	reset(t);
	KUNIT_EXPECT_EQ(test, list(t, MAX_RANGES), 0);
	KUNIT_EXPECT_EQ_MSG(test, t->listed.n, 0, "without a filter");
}

/* Also with the action that the ranges of C have */
static void ranges_beside_those_of_c_are_listed(struct kunit *test)
{
	struct filter_test *t = filter_test_begin(test);

	for (u8 action = 0; action < NR_SMCCC_FILTER_ACTIONS; action++) {
		reset(t);
		for (u32 i = 0; i < t->reserved.n; i++) {
			const struct kvm_smccc_filter *r = &t->reserved.range[i];

			KUNIT_EXPECT_EQ(test, c_set(t, r->base + r->nr_functions, 4, action), 0);
			KUNIT_EXPECT_EQ(test, c_set(t, r->base - 4, 4, action), 0);
		}
		expect_list(test, t, "action", action);
		KUNIT_EXPECT_EQ(test, t->listed.n, 2 * t->reserved.n);
	}
}

static void adjacent_ranges_are_listed_one_by_one(struct kunit *test)
{
	static const struct {
		u32 base, nr;
		u8 action;
	} cases[][3] = {
		{ { 0, 1, 1 }, { 1, 1, 1 }, { 2, 1, 1 } },
		{ { 16, 8, 0 }, { 8, 8, 0 }, { 24, 1, 0 } },
		{ { 0x84000000, 2, 2 }, { 0x84000002, 1, 1 }, { 0x84000003, 4, 2 } },
		{ { U32_MAX, 1, 2 }, { U32_MAX - 1, 1, 2 }, { U32_MAX - 0x100, 0xff, 2 } },
		{ { 1, 0x7fffffff, 1 }, { 0, 1, 1 }, { 0x80010000, 0x10000, 1 } },
	};
	struct filter_test *t = filter_test_begin(test);

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		reset(t);
		for (int j = 0; j < ARRAY_SIZE(cases[i]); j++) {
			KUNIT_EXPECT_EQ_MSG(test, c_set(t, cases[i][j].base, cases[i][j].nr,
							cases[i][j].action),
					    0, "case %d, range %d", i, j);
			expect_list(test, t, "case", i);
		}
		KUNIT_EXPECT_EQ(test, t->listed.n, ARRAY_SIZE(cases[i]));
	}
}

/* Where the last range ends, or anywhere; most of them are short. */
static void random_ranges(struct filter_test *t, u32 tries)
{
	u32 next = prandom_u32_state(&t->random);

	while (tries--) {
		u32 random = prandom_u32_state(&t->random);
		u32 base = random & 1 ? next : prandom_u32_state(&t->random);
		u32 nr = random & 0xe ? 1 + (random >> 4) % 64 : 1 + (random >> 4);

		c_set(t, base, nr, (random >> 8) % NR_SMCCC_FILTER_ACTIONS);
		next = base + nr;
	}
}

static void list_is_the_tree_of_c(struct kunit *test)
{
	struct filter_test *t = filter_test_begin(test);
	u32 most = 0;

	for (int round = 0; round < NR_ROUNDS; round++) {
		reset(t);
		/* Refused or not, there is a filter. */
		c_set(t, ARM_SMCCC_VERSION_FUNC_ID, 1, KVM_SMCCC_FILTER_DENY);
		random_ranges(t, 2 * round);
		expect_list(test, t, "round", round);
		most = max(most, t->listed.n);
	}
	KUNIT_EXPECT_GT_MSG(test, most, NR_ROUNDS / 2, "few ranges were accepted");
}

/* Each listed range is a request by which C restores it, in whatever order. */
static void list_restores_the_tree_of_c(struct kunit *test)
{
	struct filter_test *t = filter_test_begin(test);
	static struct ranges saved, tree;

	for (int round = 1; round < NR_ROUNDS; round++) {
		reset(t);
		random_ranges(t, 2 * round);
		if (!t->set.n)
			continue;
		KUNIT_ASSERT_EQ(test, list(t, MAX_RANGES), 0);
		read_tree(t);
		saved = t->listed;
		tree = t->tree;

		reset(t);
		for (u32 i = 0; i < saved.n; i++) {
			u32 nr = round & 1 ? i : saved.n - 1 - i;

			KUNIT_ASSERT_EQ(test, copy_to_user(&t->user->filter, &saved.range[nr],
							   sizeof(saved.range[nr])), 0);
			KUNIT_EXPECT_EQ(test, kvm_arm_c_smccc_set_filter(t->kvm,
									 &t->user->filter), 0);
		}
		read_tree(t);
		KUNIT_EXPECT_TRUE_MSG(test, are_same(&t->tree, &tree), "round %d", round);
	}
}

static void too_little_room_writes_the_number_alone(struct kunit *test)
{
	struct filter_test *t = filter_test_begin(test);

	reset(t);
	for (u32 i = 0; i < 5; i++)
		KUNIT_ASSERT_EQ(test, c_set(t, 8 * i, 4, KVM_SMCCC_FILTER_DENY), 0);
	for (u32 room = 0; room < 8; room++) {
		u32 written = room < 5 ? 0 : 5;

		KUNIT_EXPECT_EQ_MSG(test, list(t, room), room < 5 ? -E2BIG : 0, "room %u", room);
		KUNIT_EXPECT_EQ_MSG(test, t->listed.n, 5, "room %u", room);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(t->listed.range, t->set.range,
						 written * sizeof(t->set.range[0])), 0,
				    "room %u", room);
		KUNIT_EXPECT_NULL_MSG(test, memchr_inv(&t->listed.range[written], CANARY,
						       (MAX_RANGES - written) *
						       sizeof(t->listed.range[0])),
				      "room %u: written behind", room);
	}
}

static void list_needs_its_opt_in(struct kunit *test)
{
	struct filter_test *t = filter_test_begin(test);

	reset(t);
	KUNIT_ASSERT_EQ(test, c_set(t, 0, 1, KVM_SMCCC_FILTER_DENY), 0);
	t->kvm->arch.flags = KVM_ARCH_OPT_IN_FLAGS & ~BIT(KVM_ARCH_FLAG_FILTER_LIST);
	KUNIT_EXPECT_EQ(test, list(t, 1), -ENXIO);
	KUNIT_EXPECT_EQ(test, t->listed.n, 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->listed.range, CANARY, sizeof(t->listed.range)));
}

static struct kunit_case filter_list_test_cases[] = {
	KUNIT_CASE(what_c_adds_is_not_listed),
	KUNIT_CASE(ranges_beside_those_of_c_are_listed),
	KUNIT_CASE(adjacent_ranges_are_listed_one_by_one),
	KUNIT_CASE(list_is_the_tree_of_c),
	KUNIT_CASE(list_restores_the_tree_of_c),
	KUNIT_CASE(too_little_room_writes_the_number_alone),
	KUNIT_CASE(list_needs_its_opt_in),
	{}
};

static struct kunit_suite filter_list_test_suite = {
	.name = "kvm_arm64_filter_list",
	.init = opt_in_test_init,
	.exit = filter_test_exit,
	.test_cases = filter_list_test_cases,
};

kunit_test_suite(filter_list_test_suite);
