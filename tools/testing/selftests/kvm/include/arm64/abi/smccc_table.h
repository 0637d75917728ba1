/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of SMCCC (DEN0028), PSCI (DEN0022), TRNG (DEN0098), paravirtualised
 * time (DEN0057) and KVM's vendor service, both those that KVM has and those
 * that it lacks, with their results and effects. To be run on a struct
 * smccc_vm, which determines which of them are served.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_SMCCC_TABLE_H
#define SELFTEST_KVM_ARM64_ABI_SMCCC_TABLE_H

#include <linux/psci.h>

#include "abi/smccc_call.h"
#include "kvm_util.h"

/* The forms of a call; a function has a set of them. */
enum smccc_form {
	SMCCC_FAST_32,
	SMCCC_FAST_64,
	SMCCC_YIELDING_32,
	SMCCC_YIELDING_64,
	NR_SMCCC_FORMS,
};

extern const u32 smccc_form_bits[NR_SMCCC_FORMS];

/* The condition under which a function exists */
enum smccc_gate {
	SMCCC_ALWAYS,
	SMCCC_TRNG,
	SMCCC_PV_TIME,
	SMCCC_VENDOR_FEAT,
	SMCCC_VENDOR_PTP,
	SMCCC_PSCI_0_1,
	/* This version or a later one */
	SMCCC_PSCI_0_2,
	SMCCC_PSCI_1_0,
	SMCCC_PSCI_1_1,
	SMCCC_PSCI_1_3,
	/* 1.0, and KVM_CAP_ARM_SYSTEM_SUSPEND */
	SMCCC_SYSTEM_SUSPEND,
};

/* x0-x3, if they are not fixed, and effects on other vCPUs */
enum smccc_result {
	SMCCC_FIXED,
	SMCCC_THE_PSCI_VERSION,
	SMCCC_WORKAROUND_1,
	SMCCC_WORKAROUND_2,
	SMCCC_WORKAROUND_3,
	/* Only by HVC, answered at EL2: 0 in x0, x1 is clobbered. */
	SMCCC_WORKAROUND_APPLIED,
	SMCCC_VENDOR_BMAPS,
	SMCCC_HAS_STOLEN_TIME,
	SMCCC_STOLEN_TIME_GPA,
	SMCCC_TIME_AND_COUNTER,
	/* Only x0 is set, or nothing. */
	SMCCC_X1_X3_KEPT,
	SMCCC_X0_X3_KEPT,
	/* vCPU 1 runs with x2 as its program counter and x3 in x0. */
	SMCCC_VCPU_1_STARTED,
};

struct smccc_fn {
	const char *name;
	u32 id;
	u32 forms;
	enum smccc_gate gate;
	int nr_args;
	u64 args[3];
	struct smccc_want want;
	enum smccc_result result;
	/* The upper halves of the arguments count even in SMC32. */
	bool whole_args;
};

#define SMCCC_ENTRY	0x12345678UL
#define SMCCC_CONTEXT	0x9abcdef0UL

#define SMCCC_EVENT(t, d, ...) {					\
	.exit = KVM_EXIT_SYSTEM_EVENT, .mp_state = KVM_MP_STATE_STOPPED,\
	.type = KVM_SYSTEM_EVENT_##t, .ndata = 1, .data = d,		\
	.x = { PSCI_RET_INTERNAL_FAILURE } }

extern const struct smccc_fn smccc_fns[];

#define NR_SMCCC_FNS	91

#endif /* SELFTEST_KVM_ARM64_ABI_SMCCC_TABLE_H */
