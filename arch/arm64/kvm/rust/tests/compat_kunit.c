// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the levels: the numbers in their rules are those of C, and the
 * registers that they name are in C's tables.
 */
#include <kunit/test.h>

#include <asm/sysreg.h>

#include <kvm/arm_compat.h>
#include <kvm/arm_psci.h>

static const u32 levels[] = {
	KVM_ARM_COMPAT_6_1, KVM_ARM_COMPAT_6_12, KVM_ARM_COMPAT_6_16, KVM_ARM_COMPAT_6_18,
};

/* The number of a register in an id is its encoding without the lower five bits. */
#define ENCODING_SHIFT	5

/* The register of an id; two timer registers have ids of each other. */
static u32 encoding(u64 id)
{
	if (id == KVM_REG_ARM_TIMER_CNT)
		return SYS_CNTVCT_EL0;
	if (id == KVM_REG_ARM_TIMER_CVAL)
		return SYS_CNTV_CVAL_EL0;

	return (id & U16_MAX) << ENCODING_SHIFT;
}

static u64 sys_reg_id(u32 reg)
{
	return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG | reg >> ENCODING_SHIFT;
}

static void registers_that_come_first_are_in_cs_table(struct kunit *test)
{
	for (int l = 0; l < ARRAY_SIZE(levels); l++) {
		bool last = levels[l] == KVM_ARM_COMPAT_6_18;
		u64 id;
		int i;

		for (i = 0; (id = kvm_arm_rust_compat_first(levels[l], i)); i++) {
			KUNIT_EXPECT_NOT_NULL_MSG(test, kvm_arm_c_sys_reg_desc(encoding(id)),
						  "level %#x: %#llx", levels[l], id);
		}
		KUNIT_EXPECT_EQ_MSG(test, i == 0, last, "level %#x: %d", levels[l], i);
		if (!last)
			KUNIT_EXPECT_EQ(test, kvm_arm_rust_compat_first(levels[l], 1),
					KVM_REG_ARM_TIMER_CNT);
	}
}

/* Where each register is listed at each level, from the oldest on */
static void registers_have_the_ids_of_c(struct kunit *test)
{
	const u32 no = KVM_ARM_COMPAT_UNLISTED, first = KVM_ARM_COMPAT_FIRST;
	const u32 in = KVM_ARM_COMPAT_IN_ORDER;
	const struct {
		u64 id;
		bool hidden;
		u32 place[ARRAY_SIZE(levels)];
	} regs[] = {
		{ KVM_REG_ARM_PSCI_VERSION, false, { in, in, in, in } },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP, false, { in, in, in, in } },
		{ KVM_REG_ARM_VENDOR_HYP_BMAP_2, false, { no, no, in, in } },
		{ KVM_REG_ARM_TIMER_CNT, false, { first, first, first, in } },
		{ KVM_REG_ARM_TIMER_CVAL, false, { first, first, first, in } },
		{ sys_reg_id(SYS_CNTV_CTL_EL0), false, { first, first, first, in } },
		{ sys_reg_id(SYS_CNTP_CTL_EL0), false, { no, first, first, in } },
		{ sys_reg_id(SYS_CNTPCT_EL0), false, { no, first, first, in } },
		{ sys_reg_id(SYS_CNTP_CVAL_EL0), false, { no, first, first, in } },
		{ sys_reg_id(SYS_TCR2_EL1), true, { no, in, no, no } },
		{ sys_reg_id(SYS_PIR_EL1), true, { no, in, no, no } },
		{ sys_reg_id(SYS_PIRE0_EL1), true, { no, in, no, no } },
		{ sys_reg_id(SYS_POR_EL1), true, { no, no, no, no } },
		{ sys_reg_id(SYS_PMMIR_EL1), false, { no, no, no, no } },
		{ sys_reg_id(SYS_SCTLR_EL1), false, { in, in, in, in } },
		{ sys_reg_id(SYS_MIDR_EL1), false, { first, first, in, in } },
		{ sys_reg_id(SYS_CTR_EL0), false, { first, in, in, in } },
		{ sys_reg_id(SYS_CLIDR_EL1), false, { first, in, in, in } },
	};

	for (int i = 0; i < ARRAY_SIZE(regs); i++) {
		for (int l = 0; l < ARRAY_SIZE(levels); l++)
			KUNIT_EXPECT_EQ_MSG(test, regs[i].place[l],
					    kvm_arm_rust_compat_place(levels[l], regs[i].id,
								      regs[i].hidden),
					    "level %#x: %#llx", levels[l], regs[i].id);
	}
}

static void capabilities_and_features_have_the_numbers_of_c(struct kunit *test)
{
	static const struct {
		u32 cap;
		bool there[ARRAY_SIZE(levels)];
	} caps[] = {
		{ KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES, { false, true, true, true } },
		{ KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, { false, false, true, true } },
		{ KVM_CAP_ARM_EL2, { false, false, false, false } },
		{ KVM_CAP_ARM_EL2_E2H0, { false, false, false, false } },
		{ KVM_CAP_ARM_SVE, { true, true, true, true } },
		{ KVM_CAP_ARM_PMU_V3, { true, true, true, true } },
	};

	for (int l = 0; l < ARRAY_SIZE(levels); l++) {
		for (int i = 0; i < ARRAY_SIZE(caps); i++)
			KUNIT_EXPECT_EQ_MSG(test, caps[i].there[l],
					    kvm_arm_rust_compat_has_cap(levels[l], caps[i].cap),
					    "level %#x: %u", levels[l], caps[i].cap);
		for (int bit = 0; bit < KVM_VCPU_MAX_FEATURES; bit++) {
			bool el2 = bit == KVM_ARM_VCPU_HAS_EL2 || bit == KVM_ARM_VCPU_HAS_EL2_E2H0;

			KUNIT_EXPECT_EQ_MSG(test, !el2,
					    kvm_arm_rust_compat_has_features(levels[l], BIT(bit)),
					    "level %#x: feature %d", levels[l], bit);
		}
	}
}

static void psci_starts_at_a_version_of_c(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kvm_arm_rust_compat_psci(KVM_ARM_COMPAT_6_1), KVM_ARM_PSCI_1_1);
	KUNIT_EXPECT_EQ(test, kvm_arm_rust_compat_psci(KVM_ARM_COMPAT_6_12), KVM_ARM_PSCI_1_1);
	/* KVM_ARM_PSCI_LATEST */
	KUNIT_EXPECT_EQ(test, kvm_arm_rust_compat_psci(KVM_ARM_COMPAT_6_16), 0);
	KUNIT_EXPECT_EQ(test, kvm_arm_rust_compat_psci(KVM_ARM_COMPAT_6_18), 0);
	KUNIT_EXPECT_EQ(test, kvm_arm_rust_compat_psci(0), 0);
}

/* Only fields that an older kernel showed can rise, and only to the host's. */
static void limits_are_those_of_c_or_less(struct kunit *test)
{
	for (int l = 0; l < ARRAY_SIZE(levels); l++) {
		u32 reg;
		u64 mask;

		for (unsigned int i = 0; kvm_arm_sys_reg_mask(i, &reg, &mask); i++) {
			u64 shown = 0, limit;

			if (reg < sys_reg(3, 0, 0, 1, 0) || reg > sys_reg(3, 0, 0, 7, 7))
				continue;
			if (reg == SYS_ID_AA64MMFR2_EL1)
				shown = ID_AA64MMFR2_EL1_NV | ID_AA64MMFR2_EL1_CCIDX;
			if (reg == SYS_ID_MMFR4_EL1)
				shown = ID_MMFR4_EL1_CCIDX;
			if (reg == SYS_ID_DFR0_EL1)
				shown = GENMASK(3, 0);	/* The version of debug */
			limit = kvm_arm_rust_compat_limit(levels[l], reg, 0);
			KUNIT_EXPECT_EQ_MSG(test, limit & ~shown, 0, "level %#x: %#x: %#llx",
					    levels[l], reg, limit);
			if (shown)
				limit &= ~read_sanitised_ftr_reg(reg);
			KUNIT_EXPECT_EQ_MSG(test, limit, 0, "level %#x: %#x: %#llx", levels[l],
					    reg, limit);
		}
	}
}

static struct kunit_case compat_test_cases[] = {
	KUNIT_CASE(registers_that_come_first_are_in_cs_table),
	KUNIT_CASE(registers_have_the_ids_of_c),
	KUNIT_CASE(capabilities_and_features_have_the_numbers_of_c),
	KUNIT_CASE(psci_starts_at_a_version_of_c),
	KUNIT_CASE(limits_are_those_of_c_or_less),
	{}
};

static struct kunit_suite compat_test_suite = {
	.name = "kvm_arm64_compat",
	.test_cases = compat_test_cases,
};

kunit_test_suite(compat_test_suite);
