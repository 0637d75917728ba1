/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of migrations: saved VMs, VMs that are restored from them, and the result */
#ifndef SELFTEST_KVM_ARM64_ABI_MATRIX_ROWS_H
#define SELFTEST_KVM_ARM64_ABI_MATRIX_ROWS_H

#include "migrant.h"

/* ---- Destinations: the columns ---- */

enum {
	STOCK, STOCK_RUN, LEVELS_ONLY, ALL, ALL_RUN, ALL_PSCI_0_1,
	ALL_NO_SSBS, ALL_CONFIG, ALL_NO_VCPU, NR_DESTS
};

struct dest {
	const char *name;
	const char *what;
	u32 in;
	bool has_run, psci_0_1, no_ssbs, as_set, no_vcpu;
};

extern const struct dest dests[NR_DESTS];

/* Sets of columns */
#define ON(d)		BIT(d)
#define ON_STOCK	(ON(STOCK) | ON(STOCK_RUN))
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

struct row {
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
};

#define NR_ROWS		34

extern const struct row rows[NR_ROWS];

#endif /* SELFTEST_KVM_ARM64_ABI_MATRIX_ROWS_H */
