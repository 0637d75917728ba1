// SPDX-License-Identifier: GPL-2.0-only
/* Workaround registers and the mitigations of the host */
#include <linux/arm-smccc.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "processor.h"

#define FW_VULNERABILITIES	"/sys/devices/system/cpu/vulnerabilities/"

/* The levels of WORKAROUND_1 and WORKAROUND_3, as sets */
#define FW_NOT_AVAIL	BIT(KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_AVAIL)
#define FW_AVAIL	BIT(KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_AVAIL)
#define FW_NOT_REQUIRED	BIT(KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_REQUIRED)
#define FW_ANY_LEVEL	(FW_NOT_AVAIL | FW_AVAIL | FW_NOT_REQUIRED)

static const struct fw_spectre_v2 fw_spectre_v2_lines[] = {
	{ "Not affected", FW_NOT_REQUIRED, FW_NOT_REQUIRED },
	{ "Mitigation: CSV2, but not BHB", FW_NOT_REQUIRED, FW_NOT_AVAIL },
	{ "Mitigation: CSV2, BHB", FW_NOT_REQUIRED, FW_AVAIL },
	{ "Mitigation: Branch predictor hardening, but not BHB",
	  FW_AVAIL, FW_NOT_AVAIL },
	{ "Mitigation: Branch predictor hardening, BHB", FW_AVAIL, FW_AVAIL },
	{ "Mitigation: Branch predictor hardening", FW_AVAIL, FW_NOT_REQUIRED },
	{ "Vulnerable: Unprivileged eBPF enabled",
	  FW_AVAIL | FW_NOT_REQUIRED, FW_AVAIL },
	{ "Vulnerable", FW_NOT_AVAIL, FW_ANY_LEVEL },
};

static bool fw_read_vulnerability(const char *name, char *buf, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), FW_VULNERABILITIES "%s", name);
	f = fopen(path, "r");
	if (!f)
		return false;

	TEST_ASSERT(fgets(buf, size, f), "%s is empty", path);
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

const struct fw_spectre_v2 *fw_host_spectre_v2(void)
{
	char buf[128];
	int i;

	if (!fw_read_vulnerability("spectre_v2", buf, sizeof(buf)))
		return NULL;

	for (i = 0; i < ARRAY_SIZE(fw_spectre_v2_lines); i++) {
		if (!strcmp(buf, fw_spectre_v2_lines[i].line))
			return &fw_spectre_v2_lines[i];
	}

	TEST_FAIL(FW_VULNERABILITIES
		  "spectre_v2 is '%s': add to fw_host.c what that means",
		  buf);
}

enum fw_spectre_v4 fw_host_spectre_v4(void)
{
	char buf[128];

	if (!fw_read_vulnerability("spec_store_bypass", buf, sizeof(buf)))
		return FW_V4_UNKNOWN;
	if (!strncmp(buf, "Not affected", strlen("Not affected")))
		return FW_V4_UNAFFECTED;
	if (!strncmp(buf, "Mitigation", strlen("Mitigation")))
		return FW_V4_MITIGATED;
	if (!strcmp(buf, "Vulnerable"))
		return FW_V4_VULNERABLE;

	TEST_FAIL(FW_VULNERABILITIES
		  "spec_store_bypass is '%s': add to fw_host.c what that means",
		  buf);
}

u64 fw_get_ssbs(struct kvm_vcpu *vcpu)
{
	u64 pfr1 = vcpu_get_reg(vcpu, KVM_ARM64_SYS_REG(SYS_ID_AA64PFR1_EL1));

	return SYS_FIELD_GET(ID_AA64PFR1_EL1, SSBS, pfr1);
}

void fw_set_ssbs(struct kvm_vcpu *vcpu, u64 ssbs)
{
	u64 id = KVM_ARM64_SYS_REG(SYS_ID_AA64PFR1_EL1);
	u64 pfr1 = vcpu_get_reg(vcpu, id);

	pfr1 &= ~ID_AA64PFR1_EL1_SSBS_MASK;
	pfr1 |= ssbs << ID_AA64PFR1_EL1_SSBS_SHIFT;
	vcpu_set_reg(vcpu, id, pfr1);
}

u64 fw_workaround_2_level(enum fw_spectre_v4 v4, bool ssbs)
{
	if (v4 == FW_V4_UNAFFECTED || (v4 == FW_V4_MITIGATED && !ssbs))
		return KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED;

	return KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL;
}

static const struct fw_workaround fw_workarounds[] = {
	{ FW_WORKAROUND_1, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_AVAIL,
	  BIT(0), SMCCC_RET_NOT_SUPPORTED },
	{ FW_WORKAROUND_1, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_AVAIL,
	  BIT(0) | BIT(1), SMCCC_RET_SUCCESS },
	{ FW_WORKAROUND_1, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1_NOT_REQUIRED,
	  BIT(0) | BIT(1) | BIT(2), SMCCC_ARCH_WORKAROUND_RET_UNAFFECTED },

	{ FW_WORKAROUND_2, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_AVAIL,
	  BIT(0) | BIT(1), SMCCC_RET_NOT_SUPPORTED },
	{ FW_WORKAROUND_2, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_NOT_REQUIRED,
	  BIT(0) | BIT(1) | BIT(2) | BIT(3) |
	  BIT(FW_WORKAROUND_2_AVAIL_ENABLED), SMCCC_RET_NOT_REQUIRED },

	{ FW_WORKAROUND_3, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_AVAIL,
	  BIT(0), SMCCC_RET_NOT_SUPPORTED },
	{ FW_WORKAROUND_3, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_AVAIL,
	  BIT(0) | BIT(1), SMCCC_RET_SUCCESS },
	{ FW_WORKAROUND_3, KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3_NOT_REQUIRED,
	  BIT(0) | BIT(1) | BIT(2), SMCCC_ARCH_WORKAROUND_RET_UNAFFECTED },
};

const u64 fw_workaround_fn[NR_FW_REGS] = {
	[FW_WORKAROUND_1] = ARM_SMCCC_ARCH_WORKAROUND_1,
	[FW_WORKAROUND_2] = ARM_SMCCC_ARCH_WORKAROUND_2,
	[FW_WORKAROUND_3] = ARM_SMCCC_ARCH_WORKAROUND_3,
};

const struct fw_workaround *__fw_workaround_row(int line,
						struct kvm_vcpu *vcpu, int nr)
{
	u64 level = vcpu_get_reg(vcpu, fw_regs[nr].id);
	const struct fw_workaround *row;

	for (row = fw_workarounds;
	     row < fw_workarounds + ARRAY_SIZE(fw_workarounds); row++) {
		if (row->nr == nr && row->level == level)
			return row;
	}

	__test_expect(line, false, "%s: %#lx is no level", fw_regs[nr].name,
		      level);
	return NULL;
}

void __fw_expect_workaround(int line, struct kvm_vcpu *vcpu, int nr)
{
	const struct fw_workaround *row = __fw_workaround_row(line, vcpu, nr);
	struct fw_regs4 want;
	u64 val;

	if (!row)
		return;

	want = (struct fw_regs4) { { row->arch_features } };
	__fw_expect_call(line, vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
			 fw_workaround_fn[nr], want);

	/* Writing a lower level does not change what the guest sees. */
	for (val = 0; val < 64; val++) {
		if (!(row->accepted & BIT(val)))
			continue;

		__fw_expect_set(line, vcpu, nr, val, 0, row->level);
		__fw_expect_call(line, vcpu, ARM_SMCCC_ARCH_FEATURES_FUNC_ID,
				 fw_workaround_fn[nr], want);
	}
}
