// SPDX-License-Identifier: GPL-2.0-only
/* Feature-level registers */
#include <asm/kvm_migration.h>
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/level.h"
#include "abi/one_reg.h"

const s8 level_of[NR_LEVEL_VALUES] = {
	0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1,
};

u64 level_bits(u64 val, int field)
{
	return val >> (4 * field) & 0xf;
}

u64 level_with(u64 val, int field, u64 bits)
{
	return (val & ~(0xfUL << (4 * field))) | bits << (4 * field);
}

const struct level_field level_fields[] = {
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

kvm_static_assert(ARRAY_SIZE(level_fields) == NR_LEVELS_USED);

u64 level_host(struct kvm_vcpu *vcpu, int n)
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

bool level_is_accepted(u64 val, u64 host)
{
	int i;

	for (i = 0; i < NR_LEVEL_FIELDS; i++) {
		int level = level_of[level_bits(val, i)];

		if (level > 0 && level > level_of[level_bits(host, i)])
			return false;
	}

	return true;
}

u64 level_answer(int field, int level)
{
	if (level < 1)
		return SMCCC_RET_NOT_SUPPORTED;
	if (level == 1)
		return SMCCC_RET_SUCCESS;
	return level_fields[field].nr == FW_WORKAROUND_2 ?
	       SMCCC_RET_NOT_REQUIRED : SMCCC_ARCH_WORKAROUND_RET_UNAFFECTED;
}

void __level_expect_set(int line, struct kvm_vcpu *vcpu, int n, u64 val,
			int want)
{
	u64 after = vcpu_get_reg(vcpu, LEVEL_REG_0 + n), now = ~after;
	int ret;

	if (!want)
		after = val;
	ret = one_reg_set(vcpu, LEVEL_REG_0 + n, val);
	__test_expect(line, ret == want, "levels %d <- %#lx: %s, expected %s",
		      n, val, strerror(ret), strerror(want));

	ret = one_reg_get(vcpu, LEVEL_REG_0 + n, &now);
	__test_expect(line, !ret && now == after,
		      "levels %d read %#lx (%s) after %#lx was written, expected %#lx",
		      n, now, strerror(ret), val, after);
}

void __level_expect_host(int line, struct kvm_vcpu *vcpu, const char *when)
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
