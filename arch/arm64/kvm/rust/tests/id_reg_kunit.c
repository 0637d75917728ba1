// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the ID registers: set_id_reg(), set_imp_id_reg(), the functions
 * around them and their twin return and store the same for every field of every
 * register that all vCPUs of a VM share.
 */
#include <linux/cpufeature.h>

#include <asm/kvm_emulate.h>
#include <asm/sysreg.h>

#include "abi_kunit.h"
#include "../../sys_regs.h"

/* What limits a register; it need not exist in a host. */
struct id_reg_case {
	u64 limit;
	u64 writable;
	unsigned int visibility;
};

static struct id_reg_case id_reg_now;

static u64 id_reg_limit(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd)
{
	return id_reg_now.limit;
}

static unsigned int id_reg_visibility(const struct kvm_vcpu *vcpu,
				      const struct sys_reg_desc *rd)
{
	return id_reg_now.visibility;
}

/* The register as C's table has it, except for what limits it. */
static struct sys_reg_desc id_reg_desc(struct kunit *test, u32 id,
				       struct id_reg_case now)
{
	const struct sys_reg_desc *real = kvm_arm_c_sys_reg_desc(id);
	struct sys_reg_desc rd;

	KUNIT_ASSERT_NOT_NULL(test, real);
	rd = *real;
	id_reg_now = now;
	rd.reset = id_reg_limit;
	rd.val = now.writable;
	rd.visibility = id_reg_visibility;

	return rd;
}

/* The place of an index among the registers that all vCPUs of a VM share. */
#define NR_ID_REGS	(7 * 8 + 4)

static u32 id_reg_nr(unsigned int i)
{
	static const u32 others[] = { SYS_MIDR_EL1, SYS_REVIDR_EL1, SYS_AIDR_EL1, SYS_CTR_EL0 };

	if (i < 7 * 8)
		return sys_reg(3, 0, 0, 1 + i / 8, i % 8);

	return others[i - 7 * 8];
}

/* Asking for a register that does not exist warns. */
static struct arm64_ftr_reg *id_reg_host(struct kunit *test, u32 id)
{
	struct arm64_ftr_reg *reg = NULL;

	kunit_warning_suppress(test)
		reg = get_arm64_ftr_reg(id);

	return reg;
}

static unsigned long id_reg_accepted, id_reg_amended, id_reg_refused, id_reg_frozen;

/*
 * Lets C and Rust write the register of a VM that has the value old, and in mode
 * check both. Reports a failure, and returns false, unless all agree.
 */
static bool id_reg_agree(struct kunit *test, const struct sys_reg_desc *rd,
			 u64 old, u64 val)
{
	struct abi_test *ctx = test->priv;
	u32 id = reg_to_encoding(rd);
	u64 *stored = __vm_id_reg(&ctx->kvm->arch, id);
	u64 c_val, rust_val;
	int c, rust;

	*stored = old;
	c = kvm_arm_c_set_id_reg(ctx->vcpu, rd, val);
	c_val = *stored;

	*stored = old;
	rust = kvm_arm_rust_set_id_reg(ctx->vcpu, rd, id, val);
	rust_val = *stored;

	if (c == -EBUSY)
		id_reg_frozen++;
	else if (c)
		id_reg_refused++;
	else if (c_val != val)
		id_reg_amended++;
	else
		id_reg_accepted++;

	if (c == rust && c_val == rust_val) {
		long before = abi_test_mismatches();

		if (!static_key_enabled(&kvm_arm_abi_check_key))
			return true;

		*stored = old;
		if (kvm_arm_abi_set_id_reg(ctx->vcpu, rd, id, val) == c &&
		    *stored == c_val && abi_test_mismatches() == before &&
		    !ctx->vcpu->arch.id_reg_notes)
			return true;
	}

	kunit_info(test, "flags 0x%lx features 0x%lx limit 0x%llx writable 0x%llx\n",
		   ctx->kvm->arch.flags, ctx->kvm->arch.vcpu_features[0],
		   rd->reset(ctx->vcpu, rd), rd->val);
	KUNIT_FAIL(test, "%s: 0x%llx <- 0x%llx: C %d 0x%llx, Rust %d 0x%llx",
		   rd->name, old, val, c, c_val, rust, rust_val);
	return false;
}

static void id_reg_begin(void)
{
	id_reg_accepted = 0;
	id_reg_amended = 0;
	id_reg_refused = 0;
	id_reg_frozen = 0;
}

static void id_reg_end(struct kunit *test, const char *what)
{
	kunit_info(test, "%s: %lu accepted, %lu amended, %lu refused, %lu frozen\n", what,
		   id_reg_accepted, id_reg_amended, id_reg_refused, id_reg_frozen);
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
	/* No VM has this before, so a value that is stored is seen. */
	u64 old = 0x5a5a5a5a5a5a5a5aULL;
	int nr = id_reg_nr_levels(bits->width);

	for (int i = 0; i < nr * nr * ARRAY_SIZE(others); i++) {
		u64 rest = others[i / (nr * nr)];
		u64 val = id_reg_level(bits->width, i % nr) << bits->shift | rest;
		u64 limit = id_reg_level(bits->width, i / nr % nr) << bits->shift;

		for (int j = 0; j < ARRAY_SIZE(writable); j++) {
			struct sys_reg_desc rd = id_reg_desc(test, id, (struct id_reg_case) {
				.limit = limit | rest,
				.writable = writable[j],
			});

			/* Also with a bit of another field. */
			if (!id_reg_agree(test, &rd, old, val) ||
			    !id_reg_agree(test, &rd, old, val ^
					  BIT_ULL((bits->shift + bits->width) % 64)))
				return false;
		}
	}

	return true;
}

static void every_field_of_every_register(struct kunit *test)
{
	unsigned int regs = 0, fields = 0;

	abi_test_set_mode(KVM_ARM_ABI_C);
	id_reg_begin();
	for (int i = 0; i < NR_ID_REGS; i++) {
		struct arm64_ftr_reg *reg = id_reg_host(test, id_reg_nr(i));
		const struct arm64_ftr_bits *bits;

		if (!reg || !reg->ftr_bits)
			continue;

		regs++;
		for (bits = reg->ftr_bits; bits->width; bits++, fields++) {
			if (!id_reg_test_field(test, id_reg_nr(i), bits))
				return;
		}
	}

	id_reg_end(test, "every field");
	KUNIT_EXPECT_GT(test, regs, 30);
	KUNIT_EXPECT_GT(test, fields, 200);
	KUNIT_EXPECT_GT(test, id_reg_accepted, 1000);
	KUNIT_EXPECT_GT(test, id_reg_refused, 1000);
}

/* Each level of each four bits, and each bit, of some values. */
static bool id_reg_test_values(struct kunit *test, const struct sys_reg_desc *rd,
			       u64 old)
{
	struct abi_test *ctx = test->priv;
	u64 bases[] = { rd->reset(ctx->vcpu, rd), old, 0, ~0ULL };

	for (int i = 0; i < ARRAY_SIZE(bases); i++) {
		for (int bit = 0; bit < 64; bit++) {
			if (!id_reg_agree(test, rd, old, bases[i] ^ BIT_ULL(bit)))
				return false;
		}
		for (int level = 0; level < 16 * 16; level++) {
			int shift = level / 16 * 4;
			u64 val = bases[i] & ~(0xfULL << shift);

			if (!id_reg_agree(test, rd, old, val | (level % 16ULL) << shift))
				return false;
		}
	}

	return true;
}

static void every_register_of_this_host(struct kunit *test)
{
	static const struct {
		const char *name;
		unsigned long features, flags;
		bool el2;
	} vms[] = {
		{ "plain" },
		{ "with a PMU, MTE, SVE and pointer authentication",
		  BIT(KVM_ARM_VCPU_PMU_V3) | BIT(KVM_ARM_VCPU_SVE) |
		  BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) | BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC),
		  BIT(KVM_ARCH_FLAG_MTE_ENABLED) | BIT(KVM_ARCH_FLAG_GUEST_HAS_SVE) },
		{ "with implementation IDs", 0, BIT(KVM_ARCH_FLAG_WRITABLE_IMP_ID_REGS) },
		{ "with EL2", BIT(KVM_ARM_VCPU_HAS_EL2) | BIT(KVM_ARM_VCPU_PMU_V3), 0, true },
		{ "with EL2 and E2H0", BIT(KVM_ARM_VCPU_HAS_EL2) | BIT(KVM_ARM_VCPU_HAS_EL2_E2H0),
		  0, true },
	};
	struct abi_test *ctx = test->priv;
	struct kvm_arch *arch = &ctx->kvm->arch;

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	for (int i = 0; i < ARRAY_SIZE(vms); i++) {
		if (vms[i].el2 && !cpus_have_final_cap(ARM64_HAS_NESTED_VIRT))
			continue;

		arch->vcpu_features[0] = vms[i].features;
		KUNIT_EXPECT_EQ(test, vcpu_has_nv(ctx->vcpu), vms[i].el2);
		id_reg_begin();
		for (int j = 0; j < NR_ID_REGS * 2; j++) {
			u32 id = id_reg_nr(j / 2);
			const struct sys_reg_desc *rd = kvm_arm_c_sys_reg_desc(id);
			u64 old;

			KUNIT_ASSERT_NOT_NULL(test, rd);
			arch->flags = vms[i].flags;
			old = rd->reset(ctx->vcpu, rd);
			if (j % 2)
				set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &arch->flags);
			/* A VM that has run need not have what its host could give. */
			if (!id_reg_test_values(test, rd, old) ||
			    !id_reg_test_values(test, rd, old & ~0xf0f0ULL) ||
			    !id_reg_test_values(test, rd, 0))
				return;
		}
		id_reg_end(test, vms[i].name);
		KUNIT_EXPECT_GT(test, id_reg_accepted, 100);
		KUNIT_EXPECT_GT(test, id_reg_refused, 1000);
		KUNIT_EXPECT_GT(test, id_reg_frozen, 1000);
	}
}

/* A field of which KVM forgives some value, depending on the host's own. */
struct id_reg_forgiven {
	u32 id;
	int shift;
	bool el2;
};

/* The host's registers are put back before anybody else could rely on them. */
static bool id_reg_test_forgiven(struct kunit *test, const struct id_reg_forgiven *f,
				 struct arm64_ftr_reg *reg)
{
	/* ID_AA64PFR1_EL1.MTE decides about MTE_frac. */
	int nr_mte = f->id == SYS_ID_AA64PFR1_EL1 ? 4 : 1;
	u64 mask = 0xfULL << f->shift;
	u64 own = reg->sys_val;
	bool agree = true;

	for (int i = 0; agree && i < 16 * 16 * 2 * nr_mte; i++) {
		u64 mte = (u64)(i / 512) << ID_AA64PFR1_EL1_MTE_SHIFT;
		u64 val = i % 16ULL << f->shift, host = i / 16 % 16ULL << f->shift;
		u64 rest = own & ~mask;
		struct sys_reg_desc rd;

		if (nr_mte > 1)
			rest = (rest & ~ID_AA64PFR1_EL1_MTE_MASK) | mte;
		/* The VM may have the field or not. */
		rd = id_reg_desc(test, f->id, (struct id_reg_case) {
			.limit = rest | (i / 256 % 2 ? host : 0),
			.writable = ~0ULL,
		});
		reg->sys_val = rest | host;
		agree = id_reg_agree(test, &rd, ~rest, rest | val);
	}
	reg->sys_val = own;

	return agree;
}

static void values_that_depend_on_the_host(struct kunit *test)
{
	static const struct id_reg_forgiven fields[] = {
		{ SYS_ID_AA64PFR0_EL1,	ID_AA64PFR0_EL1_MPAM_SHIFT },
		{ SYS_ID_AA64PFR1_EL1,	ID_AA64PFR1_EL1_MPAM_frac_SHIFT },
		{ SYS_ID_AA64PFR1_EL1,	ID_AA64PFR1_EL1_MTE_frac_SHIFT },
		{ SYS_ID_AA64MMFR2_EL1, ID_AA64MMFR2_EL1_NV_SHIFT },
		{ SYS_ID_AA64DFR0_EL1,	36 }, /* DoubleLock */
		{ SYS_ID_AA64DFR0_EL1,	36, true },
	};
	struct abi_test *ctx = test->priv;

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	for (int i = 0; i < ARRAY_SIZE(fields); i++) {
		struct arm64_ftr_reg *reg = id_reg_host(test, fields[i].id);

		if (fields[i].el2 && !cpus_have_final_cap(ARM64_HAS_NESTED_VIRT))
			continue;

		KUNIT_ASSERT_NOT_NULL(test, reg);
		ctx->kvm->arch.vcpu_features[0] = fields[i].el2 ? BIT(KVM_ARM_VCPU_HAS_EL2) : 0;
		id_reg_begin();
		if (!id_reg_test_forgiven(test, &fields[i], reg))
			return;
		id_reg_end(test, reg->name);
		if (fields[i].id != SYS_ID_AA64DFR0_EL1 || fields[i].el2)
			KUNIT_EXPECT_GT(test, id_reg_amended, 0);
		KUNIT_EXPECT_GT(test, id_reg_refused, 0);
	}
}

static void register_that_reads_as_zero(struct kunit *test)
{
	static const u64 values[] = { 0, 1, 6, 0x666, BIT_ULL(63), ~0ULL };
	static const unsigned int visibilities[] = { REG_RAZ, REG_RAZ | REG_USER_WI };

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	for (int i = 0; i < NR_ID_REGS * ARRAY_SIZE(visibilities); i++) {
		struct sys_reg_desc rd = id_reg_desc(test, id_reg_nr(i / 2), (struct id_reg_case) {
			.visibility = visibilities[i % 2],
			.limit = ~0ULL,
			.writable = ~0ULL,
		});

		for (int j = 0; j < ARRAY_SIZE(values); j++) {
			if (!id_reg_agree(test, &rd, 0, values[j]))
				return;
		}
	}
}

static void register_that_the_kernel_does_not_know(struct kunit *test)
{
	struct sys_reg_desc rd = id_reg_desc(test, sys_reg(3, 0, 0, 7, 7), (struct id_reg_case) {});
	struct abi_test *ctx = test->priv;

	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	kunit_warning_suppress(test) {
		id_reg_agree(test, &rd, 0, 0);
		KUNIT_EXPECT_EQ(test, kvm_arm_c_set_id_reg(ctx->vcpu, &rd, 0), -EINVAL);
	}
}

/* C's table is not a constant to the compiler, which ties the rest. */
static void rust_knows_each_function(struct kunit *test)
{
	const struct sys_reg_desc *plain = kvm_arm_c_sys_reg_desc(SYS_ID_AA64ISAR0_EL1);

	KUNIT_ASSERT_NOT_NULL(test, plain);
	for (int i = 0; i < NR_ID_REGS; i++) {
		const struct sys_reg_desc *rd = kvm_arm_c_sys_reg_desc(id_reg_nr(i));
		bool known = false;

		KUNIT_ASSERT_NOT_NULL(test, rd);
		switch ((enum kvm_arm_id_rule_known_to_rust)id_reg_nr(i)) {
		case KVM_KNOWN_ID_RULE_MIDR_EL1:
		case KVM_KNOWN_ID_RULE_REVIDR_EL1:
		case KVM_KNOWN_ID_RULE_ID_DFR0_EL1:
		case KVM_KNOWN_ID_RULE_ID_AA64PFR0_EL1:
		case KVM_KNOWN_ID_RULE_ID_AA64PFR1_EL1:
		case KVM_KNOWN_ID_RULE_ID_AA64PFR2_EL1:
		case KVM_KNOWN_ID_RULE_ID_AA64DFR0_EL1:
		case KVM_KNOWN_ID_RULE_ID_AA64MMFR0_EL1:
		case KVM_KNOWN_ID_RULE_ID_AA64MMFR2_EL1:
		case KVM_KNOWN_ID_RULE_AIDR_EL1:
		case KVM_KNOWN_ID_RULE_CTR_EL0:
			known = true;
		}
		KUNIT_EXPECT_EQ_MSG(test, rd->set_user != plain->set_user, known, "%s", rd->name);
	}
}

/* Results that C might give under its lock. */
static void planted_differences_are_counted(struct kunit *test)
{
	static const struct {
		u64 old, val, stored;
		bool ran;
		int ret;
		bool differs;
	} cases[] = {
		/* ID_AA64PFR0_EL1 with a limit of 0x11112, and MPAM in no host */
		{ 0x11112, 0x01112, 0x01112, false, 0,       false },
		{ 0x11112, 0x21112, 0x11112, false, -EINVAL, false },
		{ 0x11112, 0x11110, 0x11112, false, -EINVAL, false },
		{ 0x01112, 0x01112, 0x01112, true,  0,       false },
		{ 0x01112, 0x11112, 0x01112, true,  -EBUSY,  false },
		{ 0x01112, 0x11110, 0x01112, true,  -EINVAL, false },
		/* Refused without a reason; not refused; for another reason. */
		{ 0x11112, 0x01112, 0x11112, false, -EINVAL, true },
		{ 0x11112, 0x21112, 0x21112, false, 0,       true },
		{ 0x11112, 0x21112, 0x11112, false, -EBUSY,  true },
		{ 0x01112, 0x01112, 0x01112, true,  -EBUSY,  true },
		{ 0x01112, 0x11112, 0x11112, true,  0,       true },
		{ 0x01112, 0x11112, 0x01112, true,  -EINVAL, true },
		/* Rightly accepted, but not stored, or something else is. */
		{ 0x11112, 0x01112, 0x11112, false, 0,       true },
		{ 0x11112, 0x01112, 0,       false, 0,       true },
		/* Rightly refused, but stored. */
		{ 0x11112, 0x21112, 0x21112, false, -EINVAL, true },
		{ 0x01112, 0x11112, 0x11112, true,  -EBUSY,  true },
	};

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		long before = abi_test_mismatches();
		struct kvm_arm_id_reg reg = {
			.id = SYS_ID_AA64PFR0_EL1,
			.ran = cases[i].ran,
			.limit = 0x11112,
			.writable = ~0ULL,
			.val = cases[i].old,
		};

		kvm_arm_check_id_reg(reg, cases[i].val, cases[i].stored, cases[i].ret);
		KUNIT_EXPECT_EQ_MSG(test, abi_test_mismatches() - before,
				    cases[i].differs, "case %d", i);
	}
}

static int id_reg_ret;

static int id_reg_set_nothing(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd, u64 val)
{
	return id_reg_ret;
}

static int id_reg_end_check(struct kvm_vcpu *vcpu, const struct sys_reg_desc *rd, u64 val)
{
	abi_test_set_mode(KVM_ARM_ABI_C);
	return id_reg_ret;
}

/* Results that C might give without its lock. */
static void planted_early_results_are_counted(struct kunit *test)
{
	static const struct {
		u64 val;
		int ret;
		bool ignored, differs;
	} cases[] = {
		{ 0x11110, -EINVAL, false, false },
		{ 0x11110, 0,       true,  false },
		{ 0x11112, -EINVAL, false, true },
		{ 0x11110, 0,       false, true },
		{ 0x11110, -EBUSY,  false, true },
		/* Nothing is stored, so it is not the write of another value. */
		{ 0x01112, 0,       false, true },
	};
	struct abi_test *ctx = test->priv;

	for (int i = 0; i < ARRAY_SIZE(cases) * 2; i++) {
		bool ignored = cases[i / 2].ignored;
		struct id_reg_case now = {
			.limit = 0x11112,
			.writable = ~0ULL,
			.visibility = ignored * (REG_RAZ | REG_USER_WI),
		};
		struct sys_reg_desc rd = id_reg_desc(test, SYS_ID_AA64PFR0_EL1, now);
		long before = abi_test_mismatches();
		long unjudged = abi_test_unjudged(KVM_ARM_ABI_ID_REG);

		*__vm_id_reg(&ctx->kvm->arch, SYS_ID_AA64PFR0_EL1) = 0x11112;
		id_reg_ret = cases[i / 2].ret;
		/* The mode may change meanwhile. */
		rd.set_user = i % 2 ? id_reg_end_check : id_reg_set_nothing;
		abi_test_set_mode(KVM_ARM_ABI_CHECK);
		KUNIT_EXPECT_EQ(test, kvm_arm_abi_set_id_reg(ctx->vcpu, &rd, SYS_ID_AA64PFR0_EL1,
							     cases[i / 2].val),
				cases[i / 2].ret);
		KUNIT_EXPECT_EQ_MSG(test, abi_test_mismatches() - before,
				    cases[i / 2].differs, "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, abi_test_unjudged(KVM_ARM_ABI_ID_REG), unjudged,
				    "case %d", i);
	}
}

static struct kunit_case id_reg_test_cases[] = {
	/* Seconds, and minutes with KASAN */
	KUNIT_CASE_ATTR(every_field_of_every_register,
			{ .speed = KUNIT_SPEED_VERY_SLOW }),
	KUNIT_CASE_ATTR(every_register_of_this_host,
			{ .speed = KUNIT_SPEED_VERY_SLOW }),
	KUNIT_CASE_SLOW(values_that_depend_on_the_host),
	KUNIT_CASE(register_that_reads_as_zero),
	KUNIT_CASE(register_that_the_kernel_does_not_know),
	KUNIT_CASE(rust_knows_each_function),
	KUNIT_CASE(planted_differences_are_counted),
	KUNIT_CASE(planted_early_results_are_counted),
	{}
};

static struct kunit_suite id_reg_test_suite = {
	.name = "kvm_arm64_id_reg_oracle",
	.init = abi_test_init,
	.exit = abi_test_exit,
	.test_cases = id_reg_test_cases,
};

kunit_test_suite(id_reg_test_suite);
