/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The feature-level registers of KVM/arm64: the host's levels, computed from
 * the workaround registers that every VM has, and the levels that a write may
 * have.
 */
#ifndef SELFTEST_KVM_ARM64_FEATURE_LEVEL_H
#define SELFTEST_KVM_ARM64_FEATURE_LEVEL_H

#include <asm/kvm_migration.h>

#include "fw_reg.h"

/* In full, to check the arithmetic in the uapi header */
#define LEVEL_REG_0		0x6030000000170000UL
#define NR_LEVEL_REGS		8
#define LEVEL_FIRST_PRIVATE	6

/* Each register has sixteen fields, each a signed number of four bits. */
#define NR_LEVEL_FIELDS		16
#define NR_LEVEL_VALUES		16

static const s8 level_of[NR_LEVEL_VALUES] = {
	0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1,
};

/* The lowest level of all in each field */
#define LEVELS_LOWEST		0x8888888888888888UL

/* Levels of workarounds, as bits of a field */
#define LEVEL_NOT_AVAIL		0xfUL
#define LEVEL_UNKNOWN		0x0UL
#define LEVEL_AVAIL		0x1UL
#define LEVEL_UNAFFECTED	0x2UL

static inline u64 level_bits(u64 val, int field)
{
	return val >> (4 * field) & 0xf;
}

static inline u64 level_with(u64 val, int field, u64 bits)
{
	return (val & ~(0xfUL << (4 * field))) | bits << (4 * field);
}

/* The fields of register 0 that are in use, by number. */
static const struct level_field {
	const char *name;
	enum fw_reg_nr nr;
	/* For each value of the workaround register */
	u64 bits[4];
} level_fields[] = {
	{ "WORKAROUND_1", FW_WORKAROUND_1, {
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_AVAIL] =
			LEVEL_NOT_AVAIL,
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_AVAIL] = LEVEL_AVAIL,
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_REQUIRED] =
			LEVEL_UNAFFECTED,
	} },
	{ "WORKAROUND_2", FW_WORKAROUND_2, {
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL] =
			LEVEL_NOT_AVAIL,
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_UNKNOWN] = LEVEL_UNKNOWN,
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL] = LEVEL_AVAIL,
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED] =
			LEVEL_UNAFFECTED,
	} },
	{ "WORKAROUND_3", FW_WORKAROUND_3, {
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_AVAIL] =
			LEVEL_NOT_AVAIL,
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_AVAIL] = LEVEL_AVAIL,
		[KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_REQUIRED] =
			LEVEL_UNAFFECTED,
	} },
};

#define NR_LEVELS_USED	ARRAY_SIZE(level_fields)

/* The value that register @n of @vcpu must read now */
static inline u64 level_host(struct kvm_vcpu *vcpu, int n)
{
	u64 old, val = 0;
	int i;

	for (i = 0; !n && i < NR_LEVELS_USED; i++) {
		old = vcpu_get_reg(vcpu, fw_regs[level_fields[i].nr].id);
		TEST_ASSERT(old < 4, "%s reads %#lx", level_fields[i].name,
			    old);
		val = level_with(val, i, level_fields[i].bits[old]);
	}

	return val;
}

/* No field of @val may be above the host's. */
static inline bool level_is_accepted(u64 val, u64 host)
{
	int i;

	for (i = 0; i < NR_LEVEL_FIELDS; i++) {
		if (level_of[level_bits(val, i)] > level_of[level_bits(host, i)])
			return false;
	}

	return true;
}

/* Write @val and expect @want. Nothing is stored in any case. */
static inline void __level_expect_set(int line, struct kvm_vcpu *vcpu, int n,
				      u64 val, int want, u64 host)
{
	u64 now = ~host;
	int ret;

	ret = one_reg_set(vcpu, LEVEL_REG_0 + n, val);
	__test_expect(line, ret == want, "levels %d <- %#lx: %s, expected %s",
		      n, val, strerror(ret), strerror(want));

	ret = one_reg_get(vcpu, LEVEL_REG_0 + n, &now);
	__test_expect(line, !ret && now == host,
		      "levels %d read %#lx (%s) after %#lx was written, expected %#lx",
		      n, now, strerror(ret), val, host);
}

#define level_expect_set(...)	__level_expect_set(__LINE__, __VA_ARGS__)

/* All registers read the host's levels. */
static inline void __level_expect_host(int line, struct kvm_vcpu *vcpu,
				       const char *when)
{
	u64 now, want;
	int n, ret;

	for (n = 0; n < NR_LEVEL_REGS; n++) {
		want = level_host(vcpu, n);
		now = ~want;
		ret = one_reg_get(vcpu, LEVEL_REG_0 + n, &now);
		__test_expect(line, !ret && now == want,
			      "%s: levels %d read %#lx (%s), expected %#lx",
			      when, n, now, strerror(ret), want);
	}
}

#define level_expect_host(...)	__level_expect_host(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_FEATURE_LEVEL_H */
