/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the host's mitigation of Spectre-v2, Spectre-BHB and Spectre-v4
 * determines the workaround registers: the level of each, the values that it
 * accepts at that level, and what the guest sees.
 *
 * The level is read from the register itself and selects the row of the table;
 * /sys/devices/system/cpu/vulnerabilities determines the expected level.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_FW_HOST_H
#define SELFTEST_KVM_ARM64_ABI_FW_HOST_H

#include "abi/fw_reg.h"
#include "kvm_util.h"

/* What spectre_v2 reports about Spectre-v2 and Spectre-BHB */
struct fw_spectre_v2 {
	const char *line;
	u64 workaround_1;
	u64 workaround_3;
};

/* What spec_store_bypass reports about Spectre-v4 */
enum fw_spectre_v4 {
	FW_V4_UNAFFECTED,
	FW_V4_MITIGATED,
	FW_V4_VULNERABLE,
	/* The kernel has no such file. */
	FW_V4_UNKNOWN,
};

/* NULL if the kernel has no such file. A line that is not known is a failure. */
const struct fw_spectre_v2 *fw_host_spectre_v2(void);

enum fw_spectre_v4 fw_host_spectre_v4(void);
u64 fw_get_ssbs(struct kvm_vcpu *vcpu);
void fw_set_ssbs(struct kvm_vcpu *vcpu, u64 ssbs);

/*
 * A host that mitigates Spectre-v4 lets a guest with SSBS control the
 * mitigation, and keeps it on for a guest without SSBS.
 */
u64 fw_workaround_2_level(enum fw_spectre_v4 v4, bool ssbs);

/* For each level: the set of accepted values, and ARCH_FEATURES' result */
struct fw_workaround {
	enum fw_reg_nr nr;
	u64 level;
	u64 accepted;
	s64 arch_features;
};

extern const u64 fw_workaround_fn[NR_FW_REGS];

/* The row for the register's current value, NULL if that is no level */
const struct fw_workaround *__fw_workaround_row(int line,
						struct kvm_vcpu *vcpu, int nr);
#define fw_workaround_row(...)	__fw_workaround_row(__LINE__, __VA_ARGS__)

/* The guest sees the host's level. */
void __fw_expect_workaround(int line, struct kvm_vcpu *vcpu, int nr);
#define fw_expect_workaround(...)				\
	__fw_expect_workaround(__LINE__, __VA_ARGS__)

#endif /* SELFTEST_KVM_ARM64_ABI_FW_HOST_H */
