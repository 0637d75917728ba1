// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of sets for KVM_ARM_VM_CONFIG: CHECK and SET give the same answers; a
 * set that is refused leaves all registers as they are; the order of the entries
 * makes no difference; sizes, and vCPUs in use.
 */
#include <linux/uaccess.h>

#include "abi_kunit.h"

static u32 config_random(struct config_test *ctx, u32 limit)
{
	return prandom_u32_state(&ctx->random) % limit;
}

/* Of the registers that are listed: near to what they have, or a value of any kind */
static void config_random_entry(struct config_test *ctx, u32 listed,
				struct kvm_arm_vm_config_entry *e)
{
	const struct kvm_arm_vm_config_entry *from = &ctx->check[config_random(ctx, listed)];

	*e = (struct kvm_arm_vm_config_entry) { .id = from->id, .value = from->value };
	switch (config_random(ctx, 8)) {
	case 0:
		e->value ^= BIT_ULL(config_random(ctx, 64));
		break;
	case 1:
		e->value = opt_in_values[config_random(ctx, NR_OPT_IN_VALUES)];
		break;
	case 2:
		e->id ^= BIT_ULL(config_random(ctx, 64));
		break;
	case 3 ... 6:
		/* A lower value of a field that can be changed */
		if (from->mask) {
			int shift = config_random(ctx, 16) * 4;

			if ((from->value >> shift) & (from->mask >> shift) & 0xf)
				e->value -= BIT_ULL(shift);
		}
		break;
	}
}

/* The same entries in reverse order have the same answers, and the same effect. */
static bool config_reversed(struct kunit *test, u32 n, int ret)
{
	struct config_test *ctx = test->priv;
	int again;

	config_read(ctx, &ctx->before);
	for (u32 i = 0; i < n / 2; i++)
		swap(ctx->sent[i], ctx->sent[n - 1 - i]);
	config_reset(ctx, &ctx->initial);
	again = config_send(ctx, KVM_ARM_VM_CONFIG_SET, ctx->sent, ctx->check, n);
	if (again != ret || !config_is(ctx, &ctx->before)) {
		KUNIT_FAIL(test, "in reverse order: %d, not %d", again, ret);
		return false;
	}
	for (u32 i = 0; i < n; i++) {
		struct kvm_arm_vm_config_entry *a = &ctx->set[n - 1 - i], *b = &ctx->check[i];
		u64 other = a->other < n ? ctx->set[a->other].value : 0;

		/* Of entries that are alike, it is the index of the first one. */
		if (b->other < n && ctx->check[b->other].value == other)
			b->other = a->other;
		if (memcmp(a, b, sizeof(*a))) {
			KUNIT_FAIL(test, "%llx <- %llx: %d, %u, not %d, %u", a->id, a->value,
				   b->err, b->other, a->err, a->other);
			return false;
		}
	}
	return true;
}

static void random_sets_are_whole_or_nothing_in_any_order(struct kunit *test)
{
	unsigned int accepted = 0, refused = 0, changed = 0;
	struct config_test *ctx = test->priv;
	u32 listed, n;
	int ret;

	for (int round = 0; round < 2000; round++) {
		config_reset(ctx, &ctx->initial);
		KUNIT_ASSERT_EQ(test, config_ask(ctx, KVM_ARM_VM_CONFIG_GET, 128), 0);
		KUNIT_ASSERT_EQ(test, get_user(listed, &ctx->request->n), 0);
		KUNIT_ASSERT_EQ(test, copy_from_user(ctx->check, ctx->entries,
						     listed * sizeof(ctx->check[0])), 0);
		n = 1 + config_random(ctx, round % 2 ? 4 : 24);
		for (u32 i = 0; i < n; i++)
			config_random_entry(ctx, listed, &ctx->sent[i]);

		if (!config_check_and_set(test, n, &ret) || !config_reversed(test, n, ret))
			return;
		refused += !!ret;
		accepted += !ret;
		changed += !ret && !config_is(ctx, &ctx->initial);
	}
	kunit_info(test, "%u accepted, %u of them change something, %u refused\n", accepted,
		   changed, refused);
	KUNIT_EXPECT_GT(test, changed, 100);
	KUNIT_EXPECT_GT(test, refused, 100);
}

static void conflicts_name_the_other_entry(struct kunit *test)
{
	static const u64 bmap = KVM_REG_ARM_VENDOR_HYP_BMAP_2;
	static const struct {
		u64 values[5];
		u32 n, other[5];
	} cases[] = {
		{ { 3, 1 }, 2, { 1, 0 } },
		{ { 1, 1, 3 }, 3, { 2, 2, 0 } },
		{ { 3, 1, 1 }, 3, { 1, 0, 0 } },
		/* Each of the others conflicts with the lowest one, and that with the highest. */
		{ { 2, 3, 0, 1, 0 }, 5, { 2, 2, 1, 2, 1 } },
	};
	struct config_test *ctx = test->priv;
	int ret;

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		/* An entry of another register before and after them */
		ctx->sent[0] = (struct kvm_arm_vm_config_entry) { .id = KVM_REG_ARM_STD_BMAP };
		for (int j = 0; j < cases[i].n; j++)
			ctx->sent[1 + j] = (struct kvm_arm_vm_config_entry) {
				.id = bmap, .value = cases[i].values[j],
			};
		ctx->sent[1 + cases[i].n] = ctx->sent[0];
		if (!config_check_and_set(test, cases[i].n + 2, &ret))
			return;
		KUNIT_EXPECT_EQ(test, ret, -ERANGE);
		KUNIT_EXPECT_EQ(test, ctx->set[0].err, 0);
		KUNIT_EXPECT_EQ(test, ctx->set[1 + cases[i].n].err, 0);
		for (int j = 0; j < cases[i].n; j++) {
			const struct kvm_arm_vm_config_entry *e = &ctx->set[1 + j];

			KUNIT_EXPECT_EQ_MSG(test, e->err, -EINVAL, "case %d, %d", i, j);
			KUNIT_EXPECT_EQ_MSG(test, e->reason, KVM_ARM_VM_CONFIG_REASON_CONFLICT,
					    "case %d, %d", i, j);
			KUNIT_EXPECT_EQ_MSG(test, e->other, 1 + cases[i].other[j],
					    "case %d, %d", i, j);
		}
	}
}

/* ---- Sizes and locks ---- */

static void a_request_has_up_to_4096_entries(struct kunit *test)
{
	static const u32 sizes[] = { 0, 1, 4096, 4097 };
	struct config_test *ctx = test->priv;
	const struct kvm_arm_vm_config_entry good = {
		.id = KVM_REG_ARM_VENDOR_HYP_BMAP_2, .value = 1, .err = 1,
	};

	for (int i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		u32 n = sizes[i / 2], op = KVM_ARM_VM_CONFIG_CHECK + i % 2;
		int want = n > CONFIG_MAX_ENTRIES ? -E2BIG : 0;
		u64 val;

		config_reset(ctx, &ctx->initial);
		for (u32 j = 0; j < n; j++)
			KUNIT_ASSERT_EQ(test, copy_to_user(&ctx->entries[j], &good,
							   sizeof(good)), 0);
		KUNIT_EXPECT_EQ_MSG(test, config_ask(ctx, op, n), want, "n %u", n);
		val = ctx->abi->kvm->arch.smccc_feat.vendor_hyp_bmap_2;
		KUNIT_EXPECT_EQ_MSG(test, val, n && !want && op == KVM_ARM_VM_CONFIG_SET,
				    "n %u", n);
		for (u32 j = 0; j < n; j++) {
			s32 err;

			KUNIT_ASSERT_EQ(test, get_user(err, &ctx->entries[j].err), 0);
			KUNIT_EXPECT_EQ_MSG(test, err, want ? 1 : 0, "n %u, %u", n, j);
		}
	}
}

static void a_vcpu_in_use_is_busy_and_nothing_changes(struct kunit *test)
{
	struct config_test *ctx = test->priv;
	struct kvm *kvm = ctx->abi->kvm;

	config_read(ctx, &ctx->before);
	ctx->sent[0] = (struct kvm_arm_vm_config_entry) { .id = KVM_REG_ARM_STD_BMAP };
	for (u32 op = KVM_ARM_VM_CONFIG_GET; op <= KVM_ARM_VM_CONFIG_SET; op++) {
		mutex_lock(&ctx->abi->vcpu->mutex);
		KUNIT_EXPECT_EQ(test, config_send(ctx, op, ctx->sent, ctx->set, 1), -EBUSY);
		mutex_unlock(&ctx->abi->vcpu->mutex);

		/* A vCPU is being created. */
		kvm->created_vcpus++;
		KUNIT_EXPECT_EQ(test, config_send(ctx, op, ctx->sent, ctx->set, 1), -EBUSY);
		kvm->created_vcpus--;

		KUNIT_EXPECT_FALSE(test, mutex_is_locked(&kvm->lock));
		KUNIT_EXPECT_FALSE(test, mutex_is_locked(&kvm->arch.config_lock));
		KUNIT_EXPECT_FALSE(test, mutex_is_locked(&ctx->abi->vcpu->mutex));
	}
	KUNIT_EXPECT_TRUE(test, config_is(ctx, &ctx->before));
	KUNIT_EXPECT_EQ(test, config_send(ctx, KVM_ARM_VM_CONFIG_SET, ctx->sent, ctx->set, 1), 0);
	KUNIT_EXPECT_EQ(test, ctx->abi->kvm->arch.smccc_feat.std_bmap, 0);
}

static struct kunit_case config_set_test_cases[] = {
	KUNIT_CASE_SLOW(random_sets_are_whole_or_nothing_in_any_order),
	KUNIT_CASE(conflicts_name_the_other_entry),
	KUNIT_CASE(a_request_has_up_to_4096_entries),
	KUNIT_CASE(a_vcpu_in_use_is_busy_and_nothing_changes),
	{}
};

static struct kunit_suite config_set_test_suite = {
	.name = "kvm_arm64_vm_config_sets",
	.init = config_test_init,
	.exit = config_test_exit,
	.test_cases = config_set_test_cases,
};

kunit_test_suite(config_set_test_suite);
