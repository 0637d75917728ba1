// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the ID registers: arm64_check_features() and its twin decide
 * alike on every field of every register that the kernel knows.
 */
#include <linux/cpufeature.h>

#include <asm/sysreg.h>

#include "abi_kunit.h"
#include "../../sys_regs.h"

/* A register that exists, with limits and masks that need not. */
struct id_reg_case {
	u32 id;
	bool raz;
	u64 limit;
	u64 writable;
	u64 val;
};

static struct id_reg_case id_reg_now;

static u64 id_reg_limit(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd)
{
	return id_reg_now.limit;
}

static unsigned int id_reg_visibility(const struct kvm_vcpu *vcpu,
				      const struct sys_reg_desc *rd)
{
	return id_reg_now.raz ? REG_RAZ : 0;
}

static int id_reg_c(struct kunit *test)
{
	struct abi_test *ctx = test->priv;
	struct sys_reg_desc rd = {
		SYS_DESC(id_reg_now.id),
		.reset = id_reg_limit,
		.val = id_reg_now.writable,
		.visibility = id_reg_visibility,
	};

	return kvm_arm_c_check_features(ctx->vcpu, &rd, id_reg_now.val);
}

static unsigned long id_reg_refused, id_reg_accepted;

/* Reports a failure, and returns false, if the sides differ. */
static bool id_reg_agree(struct kunit *test, struct id_reg_case now)
{
	int c, rust;

	id_reg_now = now;
	c = id_reg_c(test);
	rust = kvm_arm_rust_accept_id_reg(now.id, now.raz, now.limit,
					  now.writable, now.val);
	if (c)
		id_reg_refused++;
	else
		id_reg_accepted++;

	if (c == rust)
		return true;

	KUNIT_FAIL(test, "0x%x raz %d limit 0x%llx writable 0x%llx val 0x%llx: C %d, Rust %d",
		   now.id, now.raz, now.limit, now.writable, now.val, c, rust);
	return false;
}

/* All levels of fields up to 4 bits, and nine levels of wider fields. */
static unsigned int id_reg_nr_levels(unsigned int width)
{
	return width <= 4 ? 1 << width : 9;
}

static u64 id_reg_level(unsigned int width, unsigned int i)
{
	u64 max = GENMASK_ULL(width - 1, 0);
	u64 sign = BIT_ULL(width - 1);
	u64 levels[] = { 0, 1, 2, sign - 1, sign, sign + 1, max - 1, max, 0xa5 };

	return width <= 4 ? i : levels[i] & max;
}

static bool id_reg_test_field(struct kunit *test, u32 id,
			      const struct arm64_ftr_bits *bits)
{
	u64 mask = arm64_ftr_mask(bits);
	/* All bits writable; only the field; all but one bit of it; all but the field. */
	u64 writable[] = { ~0ULL, mask, ~BIT_ULL(bits->shift), ~mask };
	u64 others[] = { 0, ~mask };
	int nr = id_reg_nr_levels(bits->width);

	for (int i = 0; i < nr * nr * ARRAY_SIZE(others); i++) {
		u64 rest = others[i / (nr * nr)];
		u64 val = id_reg_level(bits->width, i % nr) << bits->shift;
		u64 limit = id_reg_level(bits->width, i / nr % nr) << bits->shift;

		for (int j = 0; j < ARRAY_SIZE(writable); j++) {
			struct id_reg_case now = {
				.id = id,
				.limit = limit | rest,
				.writable = writable[j],
				.val = val | rest,
			};

			if (!id_reg_agree(test, now))
				return false;

			/* Also with a bit of another field. */
			now.val ^= BIT_ULL((bits->shift + bits->width) % 64);
			if (!id_reg_agree(test, now))
				return false;
		}
	}

	return true;
}

/* Asking for a register that does not exist warns. */
static const struct arm64_ftr_bits *id_reg_fields(struct kunit *test, u32 id)
{
	const struct arm64_ftr_bits *bits = NULL;

	kunit_warning_suppress(test) {
		struct arm64_ftr_reg *reg = get_arm64_ftr_reg(id);

		if (reg)
			bits = reg->ftr_bits;
	}

	return bits;
}

static void every_field_of_every_register(struct kunit *test)
{
	unsigned int regs = 0, fields = 0;

	id_reg_accepted = 0;
	id_reg_refused = 0;

	for (u32 i = 0; i < BIT(14); i++) {
		u32 id = sys_reg(3, i >> 11, (i >> 7) & 0xf, (i >> 3) & 0xf, i & 7);
		const struct arm64_ftr_bits *bits = id_reg_fields(test, id);

		if (!bits)
			continue;

		regs++;
		for (; bits->width; bits++, fields++) {
			if (!id_reg_test_field(test, id, bits))
				return;
		}
	}

	kunit_info(test, "%u registers, %u fields, %lu accepted, %lu refused\n",
		   regs, fields, id_reg_accepted, id_reg_refused);
	KUNIT_EXPECT_GT(test, regs, 30);
	KUNIT_EXPECT_GT(test, fields, 200);
	KUNIT_EXPECT_GT(test, id_reg_accepted, 1000);
	KUNIT_EXPECT_GT(test, id_reg_refused, 1000);
}

static void register_that_reads_as_zero(struct kunit *test)
{
	static const u64 values[] = { 0, 1, BIT_ULL(63), ~0ULL };

	for (int i = 0; i < ARRAY_SIZE(values); i++) {
		struct id_reg_case now = {
			.id = SYS_ID_AA64ZFR0_EL1,
			.raz = true,
			.limit = ~0ULL,
			.writable = ~0ULL,
			.val = values[i],
		};

		id_reg_agree(test, now);
		/* The kernel may or may not know this register. */
		now.id = sys_reg(3, 0, 0, 7, 7);
		id_reg_agree(test, now);
	}
}

static void register_that_the_kernel_does_not_know(struct kunit *test)
{
	struct id_reg_case now = { .id = sys_reg(3, 0, 0, 7, 7) };

	kunit_warning_suppress(test) {
		id_reg_agree(test, now);
		KUNIT_EXPECT_EQ(test, id_reg_c(test), -EINVAL);
	}
}

static void planted_feature_differences_are_counted(struct kunit *test)
{
	static const struct {
		u64 val;
		int ret;
		bool differs;
	} cases[] = {
		/* ID_AA64ISAR0_EL1.AES; the host has level 1. */
		{ 0x00, 0,       false },
		{ 0x10, 0,       false },
		{ 0x20, -E2BIG,  false },
		{ 0x10, -E2BIG,  true },
		{ 0x20, 0,       true },
		{ 0x20, -EINVAL, true },
		{ 0x21, 0,       true },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		long before = abi_test_mismatches();

		kvm_arm_check_id_reg(SYS_ID_AA64ISAR0_EL1, false, 0x10, ~0ULL,
				     cases[i].val, cases[i].ret);
		KUNIT_EXPECT_EQ_MSG(test, abi_test_mismatches() - before,
				    cases[i].differs, "case %d", i);
	}
}

static struct kunit_case id_reg_test_cases[] = {
	/* A second, and two minutes with KASAN */
	KUNIT_CASE_ATTR(every_field_of_every_register,
			{ .speed = KUNIT_SPEED_VERY_SLOW }),
	KUNIT_CASE(register_that_reads_as_zero),
	KUNIT_CASE(register_that_the_kernel_does_not_know),
	KUNIT_CASE(planted_feature_differences_are_counted),
	{}
};

static struct kunit_suite id_reg_test_suite = {
	.name = "kvm_arm64_id_reg_oracle",
	.init = abi_test_init,
	.exit = abi_test_exit,
	.test_cases = id_reg_test_cases,
};

kunit_test_suite(id_reg_test_suite);
