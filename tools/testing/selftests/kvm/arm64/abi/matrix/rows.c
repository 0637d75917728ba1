// SPDX-License-Identifier: GPL-2.0-only
/* The table of migrations */
#include <asm/kvm_migration.h>
#include <linux/psci.h>

#include "rows.h"

const struct dest dests[NR_DESTS] = {
	[STOCK] = { "stock", "has not opted in" },
	[STOCK_RUN] = {
		"stock, run", "the same; its guest has run before the restore",
		.has_run = true,
	},
	[LEVELS_ONLY] = {
		"levels", "has opted in to FEATURE_LEVELS", IN_LEVELS,
	},
	[ALL] = { "all", "has opted in to everything", IN_ALL },
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
	[ALL_CONFIG] = {
		"all, as a set", "all, restored by one KVM_ARM_VM_CONFIG",
		IN_ALL, .as_set = true,
	},
	[ALL_NO_VCPU] = {
		"all, no vCPU", "all, restored before its vCPU exists",
		IN_ALL, .no_vcpu = true,
	},
};

const struct row rows[NR_ROWS] = {
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
