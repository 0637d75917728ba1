/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls of SMCCC (DEN0028), PSCI (DEN0022), TRNG (DEN0098), paravirtualised
 * time (DEN0057) and KVM's vendor service, both those that KVM has and those
 * that it lacks, with their results and effects. To be run on a struct
 * smccc_vm, which determines which of them are served.
 */
#ifndef SELFTEST_KVM_ARM64_SMCCC_TABLE_H
#define SELFTEST_KVM_ARM64_SMCCC_TABLE_H

#include "smccc_vm.h"

/* The forms of a call; a function has a set of them. */
enum smccc_form {
	SMCCC_FAST_32,
	SMCCC_FAST_64,
	SMCCC_YIELDING_32,
	SMCCC_YIELDING_64,
	NR_SMCCC_FORMS,
};

static const u32 smccc_form_bits[NR_SMCCC_FORMS] = {
	[SMCCC_FAST_32] = BIT(31),
	[SMCCC_FAST_64] = BIT(31) | BIT(30),
	[SMCCC_YIELDING_32] = 0,
	[SMCCC_YIELDING_64] = BIT(30),
};

/* KVM has no yielding calls. NONE: a function that KVM does not have. */
#define NONE	0
#define SMC32	BIT(SMCCC_FAST_32)
#define SMC64	BIT(SMCCC_FAST_64)
#define BOTH	(SMC32 | SMC64)

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

static const struct smccc_fn smccc_fns[] = {
	/* Arm Architecture Calls */
	{ "SMCCC_VERSION", 0x80000000, SMC32, SMCCC_ALWAYS,
	  .want.x = { 0x10001 } },
	{ "ARCH_FEATURES(SMCCC_VERSION)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0x80000000 }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "ARCH_FEATURES(ARCH_FEATURES)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0x80000001 }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "ARCH_FEATURES(SOC_ID)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0x80000002 }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "ARCH_FEATURES(WORKAROUND_1)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0x80008000 }, .result = SMCCC_WORKAROUND_1 },
	{ "ARCH_FEATURES(WORKAROUND_2)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0x80007fff }, .result = SMCCC_WORKAROUND_2 },
	{ "ARCH_FEATURES(WORKAROUND_3)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0x80003fff }, .result = SMCCC_WORKAROUND_3 },
	{ "ARCH_FEATURES(PV_TIME_FEATURES)", 0x80000001, SMC32, SMCCC_PV_TIME,
	  1, { 0xc5000020 } },
	{ "ARCH_FEATURES(PV_TIME_ST)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0xc5000021 }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "ARCH_FEATURES(TRNG_VERSION)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0x84000050 }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "ARCH_FEATURES(-1)", 0x80000001, SMC32, SMCCC_ALWAYS,
	  1, { 0xffffffff }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "ARCH_SOC_ID", 0x80000002, NONE, .nr_args = 1 },
	{ "ARCH_FEATURE_AVAILABILITY", 0x80000003, NONE },
	{ "ARCH_WORKAROUND_4", 0x80000004, NONE },
	{ "ARCH_WORKAROUND_3", 0x80003fff, SMC32, SMCCC_ALWAYS,
	  .result = SMCCC_WORKAROUND_APPLIED },
	{ "ARCH_WORKAROUND_2", 0x80007fff, SMC32, SMCCC_ALWAYS, 1, { 1 },
	  .result = SMCCC_WORKAROUND_APPLIED },
	{ "ARCH_WORKAROUND_1", 0x80008000, SMC32, SMCCC_ALWAYS,
	  .result = SMCCC_WORKAROUND_APPLIED },
	{ "above ARCH_WORKAROUND_1", 0x80008001, NONE },
	{ "Arm Architecture Call UID", 0x8000ff01, NONE },

	/* CPU, SiP and OEM services */
	{ "CPU_WORKAROUND_4193714", 0x81000010, NONE },
	{ "SiP Call UID", 0x8200ff01, NONE },
	{ "OEM Call UID", 0x8300ff01, NONE },

	/* PSCI; vCPU 1 is off */
	{ "PSCI_VERSION", 0x84000000, SMC32, SMCCC_PSCI_0_2,
	  .result = SMCCC_THE_PSCI_VERSION },
	{ "CPU_SUSPEND", 0x84000001, BOTH, SMCCC_PSCI_0_2, 3, { 0, SMCCC_ENTRY,
								SMCCC_CONTEXT },
	  { .exit = KVM_EXIT_INTR } },
	{ "CPU_SUSPEND to power down", 0x84000001, BOTH, SMCCC_PSCI_0_2,
	  3, { BIT(16), SMCCC_ENTRY, SMCCC_CONTEXT }, { .exit = KVM_EXIT_INTR } },
	{ "CPU_OFF", 0x84000002, SMC32, SMCCC_PSCI_0_2,
	  .want = { .exit = KVM_EXIT_INTR,
		    .mp_state = KVM_MP_STATE_STOPPED } },
	{ "CPU_ON", 0x84000003, BOTH, SMCCC_PSCI_0_2, 3, { 1, SMCCC_ENTRY,
							   SMCCC_CONTEXT },
	  .result = SMCCC_VCPU_1_STARTED },
	{ "CPU_ON of a vCPU that is on", 0x84000003, BOTH, SMCCC_PSCI_0_2,
	  3, { 2, SMCCC_ENTRY, SMCCC_CONTEXT }, { { PSCI_RET_ALREADY_ON } } },
	{ "CPU_ON of no vCPU", 0x84000003, BOTH, SMCCC_PSCI_0_2,
	  3, { 3, SMCCC_ENTRY, SMCCC_CONTEXT }, { { PSCI_RET_INVALID_PARAMS } } },
	{ "AFFINITY_INFO of a vCPU that is on", 0x84000004, BOTH,
	  SMCCC_PSCI_0_2, 2, { 0, 0 }, { { PSCI_0_2_AFFINITY_LEVEL_ON } } },
	{ "AFFINITY_INFO of a vCPU that is off", 0x84000004, BOTH,
	  SMCCC_PSCI_0_2, 2, { 1, 0 }, { { PSCI_0_2_AFFINITY_LEVEL_OFF } } },
	{ "AFFINITY_INFO of no vCPU", 0x84000004, BOTH, SMCCC_PSCI_0_2,
	  2, { 3, 0 }, { { PSCI_RET_INVALID_PARAMS } } },
	{ "MIGRATE", 0x84000005, NONE, .nr_args = 1 },
	{ "MIGRATE_INFO_TYPE", 0x84000006, SMC32, SMCCC_PSCI_0_2,
	  .want.x = { PSCI_0_2_TOS_MP } },
	{ "MIGRATE_INFO_UP_CPU", 0x84000007, NONE },
	{ "SYSTEM_OFF", 0x84000008, SMC32, SMCCC_PSCI_0_2,
	  .want = SMCCC_EVENT(SHUTDOWN, 0) },
	{ "SYSTEM_RESET", 0x84000009, SMC32, SMCCC_PSCI_0_2,
	  .want = SMCCC_EVENT(RESET, 0) },
	{ "PSCI_FEATURES(PSCI_FEATURES)", 0x8400000a, SMC32, SMCCC_PSCI_1_0,
	  1, { 0x8400000a } },
	{ "CPU_FREEZE", 0x8400000b, NONE },
	{ "CPU_DEFAULT_SUSPEND", 0x8400000c, NONE,
	  .nr_args = 2, .args = { SMCCC_ENTRY, SMCCC_CONTEXT } },
	{ "NODE_HW_STATE", 0x8400000d, NONE, .nr_args = 2 },
	{ "SYSTEM_SUSPEND", 0x8400000e, BOTH, SMCCC_SYSTEM_SUSPEND,
	  2, { SMCCC_ENTRY, SMCCC_CONTEXT },
	  { .exit = KVM_EXIT_SYSTEM_EVENT, .type = KVM_SYSTEM_EVENT_SUSPEND },
	  SMCCC_X0_X3_KEPT },
	{ "PSCI_SET_SUSPEND_MODE", 0x8400000f, NONE, .nr_args = 1 },
	{ "PSCI_STAT_RESIDENCY", 0x84000010, NONE, .nr_args = 2 },
	{ "PSCI_STAT_COUNT", 0x84000011, NONE, .nr_args = 2 },
	{ "SYSTEM_RESET2", 0x84000012, BOTH, SMCCC_PSCI_1_1, 2, { 0, 0 },
	  SMCCC_EVENT(RESET,
		      KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2), SMCCC_X1_X3_KEPT },
	{ "MEM_PROTECT", 0x84000013, NONE, .nr_args = 1, .args = { 1 } },
	{ "MEM_PROTECT_CHECK_RANGE", 0x84000014, NONE,
	  .nr_args = 2, .args = { SMCCC_CODE_GPA, 4096 } },
	{ "SYSTEM_OFF2", 0x84000015, BOTH, SMCCC_PSCI_1_3,
	  2, { PSCI_1_3_OFF_TYPE_HIBERNATE_OFF, 0 },
	  SMCCC_EVENT(SHUTDOWN, KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2) },
	{ "PSCI: first unknown function", 0x84000016, NONE },
	{ "PSCI: last of the range", 0x8400001f, NONE },
	{ "SDEI_VERSION", 0x84000020, NONE },

	/* KVM's PSCI 0.1 */
	{ "0.1 CPU_SUSPEND", 0x95c1ba5e, NONE },
	{ "0.1 CPU_OFF", 0x95c1ba5f, SMC32, SMCCC_PSCI_0_1,
	  .want = { .exit = KVM_EXIT_INTR,
		    .mp_state = KVM_MP_STATE_STOPPED } },
	{ "0.1 CPU_ON", 0x95c1ba60, SMC32, SMCCC_PSCI_0_1,
	  3, { 1, SMCCC_ENTRY, SMCCC_CONTEXT }, .result = SMCCC_VCPU_1_STARTED,
	  .whole_args = true },
	{ "0.1 CPU_ON of a vCPU that is on", 0x95c1ba60, SMC32, SMCCC_PSCI_0_1,
	  3, { 2, SMCCC_ENTRY, SMCCC_CONTEXT }, { { PSCI_RET_INVALID_PARAMS } } },
	{ "0.1 MIGRATE", 0x95c1ba61, NONE },
	{ "below 0.1 CPU_SUSPEND", 0x95c1ba5d, NONE },
	{ "above 0.1 MIGRATE", 0x95c1ba62, NONE },

	/* TRNG */
	{ "below TRNG_VERSION", 0x8400004f, NONE },
	{ "TRNG_VERSION", 0x84000050, SMC32, SMCCC_TRNG,
	  .want.x = { 0x10000 } },
	{ "TRNG_FEATURES(TRNG_RND64)", 0x84000051, SMC32, SMCCC_TRNG,
	  1, { 0xc4000053 }, .whole_args = true },
	{ "TRNG_GET_UUID", 0x84000052, SMC32, SMCCC_TRNG,
	  .want.x = { 0x00e0210d, 0xeb118443, 0x44527080, 0x4c5a4e55 } },
	{ "TRNG_RND of 20 bits", 0x84000053, BOTH, SMCCC_TRNG,
	  1, { 20 }, { .any = { [3] = GENMASK(19, 0) } } },
	{ "above TRNG_RND", 0x84000054, NONE },
	{ "FFA_VERSION", 0x84000063, NONE, .nr_args = 1, .args = { 0x10000 } },
	{ "Standard Secure Service Call UID", 0x8400ff01, NONE },

	/* Paravirtualised time */
	{ "below PV_TIME_FEATURES", 0x8500001f, NONE },
	{ "PV_TIME_FEATURES(PV_TIME_FEATURES)", 0x85000020, SMC64,
	  SMCCC_PV_TIME, 1, { 0xc5000020 }, .result = SMCCC_HAS_STOLEN_TIME },
	{ "PV_TIME_FEATURES(PV_TIME_ST)", 0x85000020, SMC64, SMCCC_PV_TIME,
	  1, { 0xc5000021 }, .result = SMCCC_HAS_STOLEN_TIME },
	{ "PV_TIME_FEATURES(SMCCC_VERSION)", 0x85000020, SMC64, SMCCC_PV_TIME,
	  1, { 0x80000000 }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "PV_TIME_ST", 0x85000021, SMC64, SMCCC_PV_TIME,
	  .result = SMCCC_STOLEN_TIME_GPA },
	{ "above PV_TIME_ST", 0x85000022, NONE },
	{ "Standard Hypervisor Call UID", 0x8500ff01, NONE },

	/* KVM's vendor service: 28b46fb6-2ec5-11e9-a9ca-4b564d003a74 */
	{ "vendor: Call UID", 0x8600ff01, SMC32, SMCCC_VENDOR_FEAT,
	  .want.x = { 0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d } },
	{ "vendor: Call Count", 0x8600ff00, NONE },
	{ "vendor: Revision", 0x8600ff03, NONE },
	{ "vendor: FEATURES", 0x86000000, SMC32, SMCCC_VENDOR_FEAT,
	  .result = SMCCC_VENDOR_BMAPS },
	{ "vendor: PTP, virtual counter", 0x86000001, SMC32, SMCCC_VENDOR_PTP,
	  1, { KVM_PTP_VIRT_COUNTER }, .result = SMCCC_TIME_AND_COUNTER },
	{ "vendor: PTP, physical counter", 0x86000001, SMC32, SMCCC_VENDOR_PTP,
	  1, { KVM_PTP_PHYS_COUNTER }, .result = SMCCC_TIME_AND_COUNTER },
	{ "vendor: PTP, no counter", 0x86000001, SMC32, SMCCC_VENDOR_PTP,
	  1, { 2 }, { { SMCCC_RET_NOT_SUPPORTED } } },
	{ "vendor: HYP_MEMINFO", 0x86000002, NONE },
	{ "vendor: MEM_SHARE", 0x86000003, NONE },
	{ "vendor: MEM_UNSHARE", 0x86000004, NONE },
	{ "vendor: MMIO_GUARD", 0x86000007, NONE },
	{ "vendor: last reserved for pKVM", 0x8600003f, NONE },
	{ "vendor: DISCOVER_IMPL_VER", 0x86000040, NONE },
	{ "vendor: DISCOVER_IMPL_CPUS", 0x86000041, NONE },
	{ "vendor: FEATURES_2", 0x8600007f, NONE },

	/* Trusted applications and operating systems */
	{ "Trusted OS Call UID", 0xbf00ff01, NONE },
	{ "Trusted OS, last", 0xbf00ffff, NONE },
};

#define NR_SMCCC_FNS	ARRAY_SIZE(smccc_fns)

/*
 * The functions that PSCI_FEATURES knows, since which version, and the result:
 * 0, or flags. Bit 0 of SYSTEM_OFF2 is HIBERNATE_OFF.
 */
static const struct {
	u64 id;
	u64 since;
	u64 x0;
} smccc_psci_features[] = {
	{ 0x80000000, PSCI_VERSION(1, 0) },
	{ 0x84000000, PSCI_VERSION(1, 0) },
	{ 0x84000001, PSCI_VERSION(1, 0) },
	{ 0xc4000001, PSCI_VERSION(1, 0) },
	{ 0x84000002, PSCI_VERSION(1, 0) },
	{ 0x84000003, PSCI_VERSION(1, 0) },
	{ 0xc4000003, PSCI_VERSION(1, 0) },
	{ 0x84000004, PSCI_VERSION(1, 0) },
	{ 0xc4000004, PSCI_VERSION(1, 0) },
	{ 0x84000006, PSCI_VERSION(1, 0) },
	{ 0x84000008, PSCI_VERSION(1, 0) },
	{ 0x84000009, PSCI_VERSION(1, 0) },
	{ 0x8400000a, PSCI_VERSION(1, 0) },
	{ 0x8400000e, PSCI_VERSION(1, 0) },
	{ 0xc400000e, PSCI_VERSION(1, 0) },
	{ 0x84000012, PSCI_VERSION(1, 1) },
	{ 0xc4000012, PSCI_VERSION(1, 1) },
	{ 0x84000015, PSCI_VERSION(1, 3), BIT(0) },
	{ 0xc4000015, PSCI_VERSION(1, 3), BIT(0) },
};

#endif /* SELFTEST_KVM_ARM64_SMCCC_TABLE_H */
