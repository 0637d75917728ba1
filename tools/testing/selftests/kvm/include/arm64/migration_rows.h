/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which VM can be restored from which: the destinations, the sources, and which
 * registers are refused with which errno, according to the documentation.
 */
#ifndef SELFTEST_KVM_ARM64_MIGRATION_ROWS_H
#define SELFTEST_KVM_ARM64_MIGRATION_ROWS_H

#include "migration.h"

/* ---- Destinations: the columns ---- */

enum {
	OLDER, STOCK, STOCK_RUN, LEVELS_ONLY, ALL, ALL_RUN, ALL_PSCI_0_1,
	ALL_NO_SSBS, ALL_NO_VCPU, NR_DESTS
};

static const struct dest {
	const char *name;
	const char *what;
	u32 in;
	bool has_run, psci_0_1, no_ssbs, no_vcpu;
} dests[NR_DESTS] = {
	[OLDER] = {
		"older",
		"on a kernel without opt-ins; its VMM tries to enable what the source has",
	},
	[STOCK] = { "stock", "has not opted in" },
	[STOCK_RUN] = {
		"stock, run", "the same; its guest has run before the restore",
		.has_run = true,
	},
	[LEVELS_ONLY] = {
		"levels", "has opted in to FEATURE_LEVELS", IN_LEVELS,
	},
	[ALL] = { "all", "has opted in to all capabilities", IN_ALL },
	[ALL_RUN] = {
		"all, run", "the same; its guest has run before the restore",
		IN_ALL, .has_run = true,
	},
	[ALL_PSCI_0_1] = {
		"all, PSCI 0.1", "all, its vCPU is without KVM_ARM_VCPU_PSCI_0_2",
		IN_ALL, .psci_0_1 = true,
	},
	[ALL_NO_SSBS] = {
		"all, no SSBS", "all, its ID_AA64PFR1_EL1.SSBS is 0",
		IN_ALL, .no_ssbs = true,
	},
	[ALL_NO_VCPU] = {
		"all, no vCPU", "all, restored before its vCPU exists",
		IN_ALL, .no_vcpu = true,
	},
};

/* Sets of columns */
#define ON(d)		BIT(d)
#define ON_STOCK	(ON(OLDER) | ON(STOCK) | ON(STOCK_RUN))
#define ON_ANY_VCPU	(BIT(NR_DESTS) - 1)
#define ON_LEVELS	(ON_ANY_VCPU & ~ON_STOCK)
#define ON_NO_SCOPE	(ON_STOCK | ON(LEVELS_ONLY))
#define ON_PSCI_0_2	(ON_ANY_VCPU & ~ON(ALL_PSCI_0_1) & ~ON(ALL_NO_VCPU))

/* ---- Sources: the rows ---- */

#define NR_CHANGES	5
#define NR_RULES	4

/* In these columns these registers return this errno, or are accepted (0). */
struct rule {
	u32 dests;
	int err;
	u32 regs;
};

static const struct row {
	const char *name;
	/* The saved VM */
	u32 in;
	bool fewer, psci_0_1, no_ssbs;
	/* Its vCPU, and the destination's, have all features. */
	bool all_features;
	/* The number of its registers in the stream, 0 for all; and changes */
	int nr;
	struct {
		u64 id;
		u64 keep;
		u64 val;
	} change[NR_CHANGES];
	struct rule rules[NR_RULES];
} rows[] = {
	/* VMs of this kernel on this host */
	{ "stock" },
	{ "stock, no SSBS", .no_ssbs = true },
	{ "stock, PSCI 1.1, fewer services", .fewer = true, .rules = {
		{ ON(STOCK_RUN), EBUSY, STD | VENDOR_2 },
		{ ON(ALL_RUN), EBUSY, PSCI | STD | VENDOR_2 } } },
	{ "stock, PSCI 0.1", .psci_0_1 = true, .rules = {
		{ ON_PSCI_0_2, EINVAL, PSCI },
		{ ON(ALL_PSCI_0_1), 0, PSCI } } },
	{ "levels", IN_LEVELS },
	{ "levels, no SSBS", IN_LEVELS, .no_ssbs = true },
	{ "levels, scope", IN_LEVELS | IN_SCOPE, .rules = {
		{ ON_NO_SCOPE, ENOENT, ANY_REG } } },
	{ "VM's fd", IN_LEVELS | IN_VM, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG } } },
	{ "VM's fd, PSCI 1.1, fewer services", IN_LEVELS | IN_VM,
	  .fewer = true, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG },
		{ ON(ALL_RUN), EBUSY, PSCI | STD | VENDOR_2 } } },
	{ "VM's fd, PSCI 0.1", IN_LEVELS | IN_VM, .psci_0_1 = true, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG },
		{ ON_PSCI_0_2, EINVAL, PSCI },
		{ ON(ALL_PSCI_0_1) | ON(ALL_NO_VCPU), 0, PSCI },
		{ ON(ALL_NO_VCPU), EINVAL, VCPU_INIT } } },

	{ "levels, SVE, PMU and PTRAUTH", IN_LEVELS, .all_features = true },
	{ "VM's fd, SVE, PMU and PTRAUTH", IN_LEVELS | IN_VM,
	  .all_features = true, .rules = {
		{ ON_NO_SCOPE, EINVAL, ANY_REG } } },

	/* Older kernels: fewer registers, or fewer fields */
	{ "Linux 5.10: 3 registers, PSCI 1.0", .nr = 3, .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 0) } },
	  .rules = { { ON(ALL_RUN), EBUSY, PSCI } } },
	{ "Linux 6.12: 7 registers, PSCI 1.1", .nr = 7, .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 1) } },
	  .rules = { { ON(ALL_RUN), EBUSY, PSCI } } },
	{ "older: only WA_1's level", IN_LEVELS, .change = {
		{ LEVEL_REG_0, 0xf, 0 } } },

	/* Newer kernels: what this kernel does not know */
	{ "newer: field at -1, another at -8", IN_LEVELS, .change = {
		{ LEVEL_REG_0, ~0UL, 0xf000 },
		{ LEVEL_REG_0 + 5, 0, 0x8000000000000000 } } },
	{ "newer: field at 1", IN_LEVELS, .change = {
		{ LEVEL_REG_0, ~0UL, 0x1000000000000000 } },
	  .rules = { { ON_LEVELS, EINVAL, LEVELS(0) } } },
	{ "newer: fields at 1 and -1, register 3", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 3, 0, 0x00000000000f1000 } },
	  .rules = { { ON_LEVELS, EINVAL, LEVELS(3) } } },
	{ "newer: private levels, below 0", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 6, 0, 0xffffffffffffffff },
		{ LEVEL_REG_0 + 7, 0, 0x0000f00800000000 } } },
	{ "newer: private levels, above 0", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 6, 0, 0x0000000000000007 },
		{ LEVEL_REG_0 + 7, 0, 0x1000000000000000 } },
	  .rules = { { ON_LEVELS, EINVAL, LEVELS(6) | LEVELS(7) } } },
	{ "newer: a ninth register of levels", IN_LEVELS, .change = {
		{ LEVEL_REG_0 + 8, 0, 0 } } },
	{ "newer: bitmap 4, all 0", .change = {
		{ KVM_REG_ARM_FW_FEAT_BMAP_REG(4), 0, 0 } } },
	{ "newer: firmware register 4", .change = {
		{ KVM_REG_ARM_FW_REG(4), 0, 0 } } },
	{ "newer: another service in STD", .change = {
		{ KVM_REG_ARM_STD_BMAP, ~0UL, BIT(1) } },
	  .rules = { { ON_ANY_VCPU, EINVAL, STD } } },
	{ "newer: PSCI 1.4", .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 4) } },
	  .rules = { { ON_ANY_VCPU, EINVAL, PSCI } } },
	{ "newer: PSCI 1.4, through the VM's fd", IN_LEVELS | IN_VM, .change = {
		{ KVM_REG_ARM_PSCI_VERSION, 0, PSCI_VERSION(1, 4) } },
	  .rules = { { ON_NO_SCOPE, EINVAL, ANY_REG },
		     { ON_ANY_VCPU, EINVAL, PSCI } } },

	/* Other hosts, without and with levels: only the workarounds differ */
	{ "host: vulnerable", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 } } },
	{ "host: state unknown", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 } } },
	{ "host: mitigated by firmware", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 1 } } },
	{ "host: unaffected", .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 3 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 2 } } },
	{ "levels, host: vulnerable", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 },
		{ LEVEL_REG_0, 0, 0xfff } } },
	{ "levels, host: state unknown", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 0 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 0 },
		{ LEVEL_REG_0, 0, 0x000 } } },
	{ "levels, host: mitigated by firmware", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 1 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 1 },
		{ LEVEL_REG_0, 0, 0x111 } } },
	{ "levels, host: unaffected", IN_LEVELS, .change = {
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 0, 2 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, 0, 3 },
		{ KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3, 0, 2 },
		{ LEVEL_REG_0, 0, 0x222 } } },
};

#define NR_ROWS		ARRAY_SIZE(rows)

/* For all rows, after their own */
static const struct rule rules[] = {
	{ ON(OLDER), EINVAL, ENABLE_CAP },
	{ ON_ANY_VCPU, ENOENT, NEW },
	{ ON_STOCK, ENOENT, ALL_LEVELS },
	/* A vCPU without KVM_ARM_VCPU_PSCI_0_2 has only PSCI 0.1. */
	{ ON(ALL_PSCI_0_1), EINVAL, PSCI },
	/* These depend on the vCPUs' features. */
	{ ON(ALL_NO_VCPU), ENOEXEC, WA_2 | LEVELS(0) },
};

#endif /* SELFTEST_KVM_ARM64_MIGRATION_ROWS_H */
