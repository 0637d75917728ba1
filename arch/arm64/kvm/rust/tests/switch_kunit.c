// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the switch and of mode check, included by switch.c: planted
 * differences are counted, and nothing else is.
 */
#include "abi_kunit.h"

void abi_test_set_mode(enum kvm_arm_abi_mode new)
{
	guard(mutex)(&mode_lock);
	set_mode(new, counting);
}

int abi_test_init(struct kunit *test)
{
	struct abi_test *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return -ENOMEM;

	ctx->kvm = kunit_kzalloc(test, sizeof(*ctx->kvm), GFP_KERNEL);
	ctx->vcpu = kunit_kzalloc(test, sizeof(*ctx->vcpu), GFP_KERNEL);
	if (!ctx->kvm || !ctx->vcpu)
		return -ENOMEM;

	mutex_init(&ctx->kvm->lock);
	mutex_init(&ctx->kvm->arch.config_lock);
	mt_init(&ctx->kvm->arch.smccc_filter);
	xa_init(&ctx->kvm->vcpu_array);
	ctx->vcpu->kvm = ctx->kvm;
	ctx->boot_mode = mode;
	ctx->boot_count = counting;
	ctx->boot_fast = fast;
	ctx->boot_check = check_every;
	check_set(NULL, 1);
	test->priv = ctx;

	return 0;
}

void abi_test_exit(struct kunit *test)
{
	struct abi_test *ctx = test->priv;

	if (!ctx)
		return;

	abi_test_set_mode(ctx->boot_mode);
	count_set(NULL, ctx->boot_count);
	fast_set(NULL, ctx->boot_fast);
	check_set(NULL, ctx->boot_check);
}

void abi_test_set_switched(bool new)
{
	WRITE_ONCE(switched, new);
}

long abi_test_unjudged(enum kvm_arm_abi_surface surface)
{
	return atomic_long_read(&abi_unjudged[surface]);
}

long abi_test_mismatches(void)
{
	long sum = 0;

	for (int i = 0; i < NR_KVM_ARM_ABI_SURFACES; i++)
		sum += atomic_long_read(&abi_mismatches[i]);

	return sum;
}

/* Whether a door leads to Rust. */
static bool abi_test_rust_serves(void)
{
	return kvm_arm_abi_serve(false, true, kvm_arm_abi_count(KVM_ARM_ABI_FW_REG) ==
					      KVM_ARM_ABI_RUST);
}

static void mode_chooses_the_side(struct kunit *test)
{
	abi_test_set_mode(KVM_ARM_ABI_C);
	KUNIT_EXPECT_FALSE(test, abi_test_rust_serves());
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&kvm_arm_abi_check_key));

	abi_test_set_mode(KVM_ARM_ABI_RUST);
	KUNIT_EXPECT_TRUE(test, abi_test_rust_serves());
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&kvm_arm_abi_check_key));

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	KUNIT_EXPECT_FALSE(test, abi_test_rust_serves());
	KUNIT_EXPECT_TRUE(test, static_key_enabled(&kvm_arm_abi_check_key));

	abi_test_set_mode(KVM_ARM_ABI_C);
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&kvm_arm_abi_check_key));
}

static void c_alone_costs_one_nop(struct kunit *test)
{
	static const struct {
		enum kvm_arm_abi_mode mode;
		bool count, on, rust;
	} cases[] = {
		{ KVM_ARM_ABI_C,     false, false, false },
		{ KVM_ARM_ABI_C,     true,  true,  false },
		{ KVM_ARM_ABI_RUST,  false, true,  true },
		{ KVM_ARM_ABI_RUST,  true,  true,  false },
		{ KVM_ARM_ABI_CHECK, false, true,  false },
		{ KVM_ARM_ABI_CHECK, true,  true,  false },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		abi_test_set_mode(cases[i].mode);
		count_set(NULL, cases[i].count);
		KUNIT_EXPECT_EQ(test, static_key_enabled(&kvm_arm_abi_key), cases[i].on);
		KUNIT_EXPECT_EQ(test, static_key_enabled(&kvm_arm_abi_rust_key),
				cases[i].rust);
		KUNIT_EXPECT_EQ(test, abi_test_rust_serves(),
				cases[i].mode == KVM_ARM_ABI_RUST);
	}
}

static void calls_are_fast_where_nobody_looks(struct kunit *test)
{
	for (int m = KVM_ARM_ABI_C; m <= KVM_ARM_ABI_CHECK; m++) {
		for (int bits = 0; bits < 4; bits++) {
			bool count = bits & BIT(0), allowed = bits & BIT(1);

			abi_test_set_mode(m);
			count_set(NULL, count);
			fast_set(NULL, allowed);
			KUNIT_EXPECT_EQ(test, kvm_arm_abi_fast(),
					m == KVM_ARM_ABI_RUST && allowed && !count);
		}
	}

	KUNIT_EXPECT_EQ(test, fast_set(NULL, 2), -EINVAL);
}

static void abi_test_sum(unsigned long *c, unsigned long *rust)
{
	int cpu;

	*c = 0;
	*rust = 0;
	for_each_possible_cpu(cpu) {
		*c += per_cpu(abi_calls.c[KVM_ARM_ABI_FW_REG], cpu);
		*rust += per_cpu(abi_calls.rust[KVM_ARM_ABI_FW_REG], cpu);
	}
}

static void calls_are_counted_by_side(struct kunit *test)
{
	static const struct {
		enum kvm_arm_abi_mode mode;
		bool count, c, rust;
	} cases[] = {
		{ KVM_ARM_ABI_C,     true,  true,  false },
		{ KVM_ARM_ABI_RUST,  true,  false, true },
		{ KVM_ARM_ABI_CHECK, true,  true,  true },
		{ KVM_ARM_ABI_RUST,  false, false, false },
	};
	unsigned long c0, rust0, c, rust;

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		abi_test_set_mode(cases[i].mode);
		count_set(NULL, cases[i].count);
		abi_test_sum(&c0, &rust0);
		abi_test_rust_serves();
		abi_test_sum(&c, &rust);
		KUNIT_EXPECT_EQ(test, c - c0, cases[i].c);
		KUNIT_EXPECT_EQ(test, rust - rust0, cases[i].rust);
	}

	KUNIT_EXPECT_EQ(test, count_set(NULL, 2), -EINVAL);
}

/* How many of @calls calls of a surface mode check compares. */
static unsigned int abi_test_compared(enum kvm_arm_abi_surface surface, unsigned int calls)
{
	unsigned int nr = 0;

	while (calls--)
		nr += kvm_arm_abi_count(surface) == KVM_ARM_ABI_CHECK;
	return nr;
}

static void check_compares_one_in_n_calls(struct kunit *test)
{
	static const unsigned int every[] = { 2, 3, 10, 1000 };
	const unsigned int wanted = 500;

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	for (int i = 0; i < ARRAY_SIZE(every); i++) {
		unsigned int n = every[i], nr;

		KUNIT_EXPECT_EQ(test, check_set(NULL, n), 0);
		/* At most 2 N - 1 apart, and N on average. */
		nr = abi_test_compared(KVM_ARM_ABI_SMCCC, wanted * n);
		KUNIT_EXPECT_GT_MSG(test, nr, wanted / 2, "N %u", n);
		KUNIT_EXPECT_LT_MSG(test, nr, wanted + wanted / 2, "N %u", n);
	}
}

/* Calls that recur in pairs: either of a pair is compared as often. */
static void check_compares_any_call(struct kunit *test)
{
	const unsigned int wanted = 500, n = 10;
	unsigned int nr[2] = {};

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	KUNIT_ASSERT_EQ(test, check_set(NULL, n), 0);
	for (int i = 0; i < 2 * wanted * n; i++)
		nr[i % 2] += abi_test_compared(KVM_ARM_ABI_SMCCC, 1);

	for (int i = 0; i < 2; i++) {
		KUNIT_EXPECT_GT_MSG(test, nr[i], wanted / 2, "call %d", i);
		KUNIT_EXPECT_LT_MSG(test, nr[i], wanted + wanted / 2, "call %d", i);
	}
}

/* A surface that is seldom called is not skipped for the calls of another one. */
static void check_skips_by_surface(struct kunit *test)
{
	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	KUNIT_ASSERT_EQ(test, check_set(NULL, ABI_CHECK_EVERY_MAX), 0);

	migrate_disable();
	this_cpu_write(abi_skips[KVM_ARM_ABI_SMCCC], 3);
	this_cpu_write(abi_skips[KVM_ARM_ABI_ID_REG], 1);
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_SMCCC, 3), 0);
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_ID_REG, 1), 0);
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_ID_REG, 1), 1);
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_SMCCC, 1), 1);
	migrate_enable();
}

static void a_smaller_n_takes_effect_at_once(struct kunit *test)
{
	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	KUNIT_ASSERT_EQ(test, check_set(NULL, ABI_CHECK_EVERY_MAX), 0);

	migrate_disable();
	this_cpu_write(abi_skips[KVM_ARM_ABI_SMCCC], 2 * ABI_CHECK_EVERY_MAX - 2);
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_SMCCC, 100), 0);
	KUNIT_EXPECT_EQ(test, check_set(NULL, 5), 0);
	/* The next one at most 9 calls later, and all at once. */
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_SMCCC, 8), 0);
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_SMCCC, 1), 1);
	KUNIT_EXPECT_EQ(test, check_set(NULL, 1), 0);
	KUNIT_EXPECT_EQ(test, abi_test_compared(KVM_ARM_ABI_SMCCC, 100), 100);
	migrate_enable();
}

static void n_has_limits_and_is_for_check_alone(struct kunit *test)
{
	static const u64 bad[] = { 0, ABI_CHECK_EVERY_MAX + 1, BIT(32), BIT(32) + 1, ~0ULL };
	u64 n;

	KUNIT_EXPECT_EQ(test, check_set(NULL, ABI_CHECK_EVERY_MAX), 0);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, check_set(NULL, bad[i]), -EINVAL, "%llu", bad[i]);
		KUNIT_EXPECT_EQ(test, check_get(NULL, &n), 0);
		KUNIT_EXPECT_EQ(test, n, ABI_CHECK_EVERY_MAX);
	}

	abi_test_set_mode(KVM_ARM_ABI_RUST);
	for (int i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, kvm_arm_abi_count(KVM_ARM_ABI_SMCCC), KVM_ARM_ABI_RUST);
	abi_test_set_mode(KVM_ARM_ABI_C);
	for (int i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, kvm_arm_abi_count(KVM_ARM_ABI_SMCCC), KVM_ARM_ABI_C);
}

/* Of calls that are not compared, C's alone is counted. */
static void calls_that_are_compared_are_counted(struct kunit *test)
{
	unsigned long c0, rust0, c, rust;

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	KUNIT_ASSERT_EQ(test, check_set(NULL, 100), 0);
	count_set(NULL, 1);

	migrate_disable();
	this_cpu_write(abi_skips[KVM_ARM_ABI_FW_REG], 50);
	abi_test_sum(&c0, &rust0);
	abi_test_compared(KVM_ARM_ABI_FW_REG, 50);
	abi_test_sum(&c, &rust);
	KUNIT_EXPECT_EQ(test, c - c0, 50);
	KUNIT_EXPECT_EQ(test, rust - rust0, 0);
	abi_test_compared(KVM_ARM_ABI_FW_REG, 1);
	abi_test_sum(&c, &rust);
	KUNIT_EXPECT_EQ(test, c - c0, 51);
	KUNIT_EXPECT_EQ(test, rust - rust0, 1);
	migrate_enable();
}

static void check_is_silent_if_the_sides_agree(struct kunit *test)
{
	static const u64 values[] = { 0, 1, 2, 3, 0x12, 0x10003, BIT(63) };
	struct abi_test *ctx = test->priv;
	long before = abi_test_mismatches();
	struct kvm_one_reg reg = {};
	u64 val;

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	for (int i = 0; i < kvm_arm_get_fw_num_regs(ctx->vcpu); i++) {
		reg.id = kvm_arm_c_fw_reg_ids[i];
		for (int j = 0; j < ARRAY_SIZE(values); j++) {
			kvm_arm_c_traced_get_fw_reg(ctx->vcpu, &reg, &val, true);
			kvm_arm_c_traced_set_fw_reg(ctx->vcpu, &reg, values[j], true);
		}
	}

	/* An id that neither side knows. */
	reg.id = KVM_REG_ARM_FW_REG(4);
	KUNIT_EXPECT_EQ(test, kvm_arm_c_traced_get_fw_reg(ctx->vcpu, &reg, &val, true),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, kvm_arm_c_traced_set_fw_reg(ctx->vcpu, &reg, 0, true), -ENOENT);

	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);
}

/* Results that C might give for a write of a bitmap, in a VM that has run. */
static void planted_bitmap_differences_are_counted(struct kunit *test)
{
	static const struct {
		u64 id, old, val, now;
		int ret;
		bool differs;
	} cases[] = {
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 1, 1, 1, 0,       false },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 1, 3, 1, -EBUSY,  false },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 1, 4, 1, -EINVAL, false },
		/* Refused without a reason; not refused; for another reason. */
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 1, 1, 1, -EBUSY,  true },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 1, 3, 3, 0,       true },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 1, 3, 1, -EINVAL, true },
		/* Rightly refused, but stored. */
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, 1, 3, 3, -EBUSY,  true },
		/* Not a bitmap. */
		{ KVM_REG_ARM_PSCI_VERSION,    1, 1, 1, 0,       true },
		{ KVM_REG_ARM_FW_REG(4),       1, 1, 1, 0,       true },
	};
	struct abi_test *ctx = test->priv;

	set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &ctx->kvm->arch.flags);

	guard(mutex)(&ctx->kvm->arch.config_lock);
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		long before = abi_test_mismatches();

		ctx->kvm->arch.smccc_feat.vendor_hyp_bmap = cases[i].now;
		kvm_arm_check_fw_reg_bmap(ctx->vcpu, cases[i].id, cases[i].old,
					  cases[i].val, cases[i].ret);
		KUNIT_EXPECT_EQ_MSG(test, abi_test_mismatches() - before,
				    cases[i].differs, "case %d", i);
	}
}

static void planted_list_differences_are_counted(struct kunit *test)
{
	u64 ids[9];
	long before = abi_test_mismatches();

	memcpy(ids, kvm_arm_c_fw_reg_ids, 8 * sizeof(*ids));
	ids[8] = KVM_REG_ARM_FW_REG(4);

	kvm_arm_check_fw_reg_ids(ids, 8);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);

	kvm_arm_check_fw_reg_ids(ids, 7);
	kvm_arm_check_fw_reg_ids(ids, 9);
	swap(ids[2], ids[3]);
	kvm_arm_check_fw_reg_ids(ids, 8);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before + 3);
}

static void planted_initial_differences_are_counted(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct kvm_smccc_features *feat = &ctx->kvm->arch.smccc_feat;
	long before = abi_test_mismatches();

	*feat = (struct kvm_smccc_features){ 1, 1, 3, 0 };
	kvm_arm_check_init_hypercalls(ctx->kvm);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);

	*feat = (struct kvm_smccc_features){ 1, 1, 3, 3 };
	kvm_arm_check_init_hypercalls(ctx->kvm);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before + 1);
}

/* The last traced mismatch, and the number of traced ones. */
struct abi_traced {
	unsigned int nr;
	const char *surface;
	u64 id;
	struct kvm_arm_abi_outcome c, rust;
};

static void abi_trace_mismatch(void *data, const char *surface, u64 id,
			       int c_ret, u64 c_val, int rust_ret, u64 rust_val)
{
	struct abi_traced *traced = data;

	*traced = (struct abi_traced) {
		traced->nr + 1, surface, id,
		{ c_ret, c_val }, { rust_ret, rust_val },
	};
}

static void each_mismatch_is_counted_once_and_traced(struct kunit *test)
{
	static const struct kvm_arm_abi_outcome c = { -EINVAL, 0x1234 };
	static const struct kvm_arm_abi_outcome rust = { 0, ~0ULL };
	struct abi_traced traced = {};

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "no tracepoints");
	KUNIT_ASSERT_EQ(test,
			register_trace_kvm_arm64_abi_mismatch(abi_trace_mismatch,
							      &traced), 0);

	for (int i = 0; i < NR_KVM_ARM_ABI_SURFACES; i++) {
		long all = abi_test_mismatches();
		long one = atomic_long_read(&abi_mismatches[i]);

		kvm_arm_abi_mismatch(i, 0x6030 + i, &c, &rust);
		KUNIT_EXPECT_EQ(test, atomic_long_read(&abi_mismatches[i]), one + 1);
		KUNIT_EXPECT_EQ(test, abi_test_mismatches(), all + 1);
		KUNIT_EXPECT_EQ(test, traced.nr, i + 1);
		KUNIT_EXPECT_STREQ(test, traced.surface, surface_names[i]);
		KUNIT_EXPECT_EQ(test, traced.id, 0x6030 + i);
		KUNIT_EXPECT_MEMEQ(test, &traced.c, &c, sizeof(c));
		KUNIT_EXPECT_MEMEQ(test, &traced.rust, &rust, sizeof(rust));
	}

	/* From a judge: claims that C lists none of the eight registers. */
	kvm_arm_check_fw_reg_ids(kvm_arm_c_fw_reg_ids, 0);
	KUNIT_EXPECT_STREQ(test, traced.surface, "fw_reg");
	KUNIT_EXPECT_EQ(test, traced.c.val, 0);
	KUNIT_EXPECT_EQ(test, traced.rust.val, 8);

	unregister_trace_kvm_arm64_abi_mismatch(abi_trace_mismatch, &traced);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, traced.nr, NR_KVM_ARM_ABI_SURFACES + 1);
}

static void stats_show_the_counters(struct kunit *test)
{
	static const struct kvm_arm_abi_outcome same;
	char *buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	long mismatches, unjudged;
	unsigned long c, rust;
	struct seq_file m = { .buf = buf, .size = PAGE_SIZE };
	char want[128];

	KUNIT_ASSERT_NOT_NULL(test, buf);
	kvm_arm_abi_mismatch(KVM_ARM_ABI_FW_REG, 0, &same, &same);
	kvm_arm_abi_unjudged(KVM_ARM_ABI_FW_REG);
	kvm_arm_abi_unjudged(KVM_ARM_ABI_FW_REG);
	mismatches = atomic_long_read(&abi_mismatches[KVM_ARM_ABI_FW_REG]);
	unjudged = atomic_long_read(&abi_unjudged[KVM_ARM_ABI_FW_REG]);
	KUNIT_EXPECT_GE(test, unjudged, 2);

	abi_test_sum(&c, &rust);
	snprintf(want, sizeof(want),
		 "surface c rust mismatches unjudged\nfw_reg %lu %lu %ld %ld\n",
		 c, rust, mismatches, unjudged);
	KUNIT_EXPECT_EQ(test, stats_show(&m, NULL), 0);
	KUNIT_EXPECT_FALSE(test, seq_has_overflowed(&m));
	buf[m.count] = '\0';
	KUNIT_EXPECT_TRUE_MSG(test, str_has_prefix(buf, want), "%s", buf);
}

static struct kunit_case abi_test_cases[] = {
	KUNIT_CASE(mode_chooses_the_side),
	KUNIT_CASE(c_alone_costs_one_nop),
	KUNIT_CASE(calls_are_fast_where_nobody_looks),
	KUNIT_CASE(calls_are_counted_by_side),
	KUNIT_CASE(check_compares_one_in_n_calls),
	KUNIT_CASE(check_compares_any_call),
	KUNIT_CASE(check_skips_by_surface),
	KUNIT_CASE(a_smaller_n_takes_effect_at_once),
	KUNIT_CASE(n_has_limits_and_is_for_check_alone),
	KUNIT_CASE(calls_that_are_compared_are_counted),
	KUNIT_CASE(check_is_silent_if_the_sides_agree),
	KUNIT_CASE(planted_bitmap_differences_are_counted),
	KUNIT_CASE(planted_list_differences_are_counted),
	KUNIT_CASE(planted_initial_differences_are_counted),
	KUNIT_CASE(each_mismatch_is_counted_once_and_traced),
	KUNIT_CASE(stats_show_the_counters),
	{}
};

static struct kunit_suite abi_test_suite = {
	.name = "kvm_arm64_abi",
	.init = abi_test_init,
	.exit = abi_test_exit,
	.test_cases = abi_test_cases,
};

kunit_test_suite(abi_test_suite);
