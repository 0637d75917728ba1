/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM/arm64's firmware pseudo-registers, and what the tests expect of them.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FW_REG_H
#define SELFTEST_KVM_ARM64_ABI_FW_REG_H

#include <linux/psci.h>

#include "kvm_util.h"

/* In the order in which KVM_GET_REG_LIST returns them. */
enum fw_reg_nr {
	FW_PSCI_VERSION,
	FW_WORKAROUND_1,
	FW_WORKAROUND_2,
	FW_WORKAROUND_3,
	FW_STD,
	FW_STD_HYP,
	FW_VENDOR_HYP,
	FW_VENDOR_HYP_2,
	NR_FW_REGS,
	FW_FIRST_BMAP = FW_STD,
};

struct fw_reg {
	const char *name;
	u64 id;
	/* Bitmaps only: the services that can be offered, and the default. */
	u64 features;
	u64 initial;
};

extern const struct fw_reg fw_regs[NR_FW_REGS];

/* WORKAROUND_2 with its only flag set: accepted only with the level AVAIL */
#define FW_WORKAROUND_2_AVAIL_ENABLED				\
	(KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_AVAIL |		\
	 KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2_ENABLED)

#define FW_PSCI_LATEST	PSCI_VERSION(1, 3)

/* Versions of a vCPU with KVM_ARM_VCPU_PSCI_0_2; without it only 0.1 exists. */
#define FW_NR_PSCI_VERSIONS	5

extern const u64 fw_psci_versions[FW_NR_PSCI_VERSIONS];

bool fw_is_psci_version(u64 val);

/* Write @val, expect @want, and expect the register to read @after. */
void __fw_expect_set(int line, struct kvm_vcpu *vcpu, int nr, u64 val, int want,
		     u64 after);
#define fw_expect_set(...)	__fw_expect_set(__LINE__, __VA_ARGS__)

/* All firmware registers at one moment */
struct fw_state {
	u64 val[NR_FW_REGS];
};

struct fw_state fw_state_read(struct kvm_vcpu *vcpu);
void __fw_expect_state(int line, struct kvm_vcpu *vcpu,
		       const struct fw_state *want, const char *when);
#define fw_expect_state(...)	__fw_expect_state(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_FW_REG_H */
