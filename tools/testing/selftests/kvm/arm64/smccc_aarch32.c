// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_aarch32 - SMCCC calls of 32-bit guests: by HVC and SMC, in A32 and in
 * T32, at each version of PSCI, with gates and filters.
 *
 * 32-bit guests must not call SMC64 functions: a PSCI call would have arguments
 * that such a guest cannot set. KVM only checks this for PSCI. It serves
 * TRNG_RND64 and the calls of paravirtualised time, which are SMC64, and the
 * guest gets only the lower 32 bits of the results.
 *
 * The functions and the expected results are those of smccc_matrix. Needs a CPU
 * that has AArch32 at EL1.
 */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_run.h"
#include "abi/smccc_table.h"
#include "abi/smccc_vm.h"
#include "processor.h"

/* PSTATE.E in AArch32: data accesses are big-endian. */
#define PSTATE_E	BIT(9)

static struct smccc_vm aarch32_vm_default(void)
{
	struct smccc_vm v = smccc_vm_default();

	v.is_32bit = true;
	return v;
}

static struct smccc_vm aarch32_vm(void)
{
	struct smccc_vm v = aarch32_vm_default();

	smccc_vm_start(&v);
	return v;
}

/* ---- All functions ---- */

static void check_insn(int insn)
{
	struct smccc_vm v = aarch32_vm();

	smccc_expect_table(&v, insn);
	smccc_vm_free(&v);
}

static void check_psci_version(int version)
{
	struct smccc_vm v = aarch32_vm_default();

	v.psci = version;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_expect_table(&v, SMCCC_SMC_T32);
	smccc_vm_free(&v);
}

static void check_no_system_suspend(int unused)
{
	struct smccc_vm v = aarch32_vm_default();

	v.system_suspend = false;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

static void check_gates_closed(int unused)
{
	struct smccc_vm v = aarch32_vm_default();
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		v.bmap[i] = 0;
	v.stolen_time = false;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

/*
 * HVC and SMC have 32-bit encodings in T32 as well, so KVM_HYPERCALL_EXIT_16BIT
 * is never set.
 */
static void check_filter(int action)
{
	struct smccc_vm v = aarch32_vm_default();
	int insn;

	v.filter = action;
	smccc_vm_start(&v);
	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++)
		smccc_expect_table(&v, insn);
	for (insn = SMCCC_HVC_T32; insn <= SMCCC_SMC_T32; insn++)
		smccc_expect_table(&v, insn);
	smccc_vm_free(&v);
}

/* ---- SMC64 ---- */

static const u64 psci_smc64[] = {
	0xc4000001, 0xc4000003, 0xc4000004, 0xc4000005, 0xc4000007, 0xc400000c,
	0xc400000d, 0xc400000e, 0xc4000010, 0xc4000011, 0xc4000012, 0xc4000014,
	0xc4000015,
};

/* SMC64 PSCI functions are refused, also as arguments of PSCI_FEATURES. */
static void check_psci_smc64(int unused)
{
	struct smccc_vm v = aarch32_vm();
	struct smccc_call c;
	int i, insn;

	for (i = 0; i < ARRAY_SIZE(psci_smc64); i++) {
		for (insn = 0; insn < NR_SMCCC_INSNS; insn++) {
			c = smccc_call(v.vcpu[0], insn, psci_smc64[i], 0, 0, 0);
			smccc_expect_refused(&c);
			__smccc_expect_others(__LINE__, &v, &c, false, 0, 0);

			c = smccc_call(v.vcpu[0], insn, 0x8400000a,
				       psci_smc64[i], 0, 0);
			smccc_expect_refused(&c);
		}
	}
	smccc_vm_free(&v);
}

/* At each version; 1.1 is the first with SYSTEM_RESET2. */
static void check_reset2_smc64(int unused)
{
	struct smccc_vm v = aarch32_vm();
	struct smccc_call c;
	int i;

	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		vcpu_set_reg(v.vcpu[0], KVM_REG_ARM_PSCI_VERSION,
			     fw_psci_versions[i]);
		c = smccc_call(v.vcpu[0], SMCCC_HVC, 0xc4000012, 0, 0, 0);
		smccc_expect_refused(&c);
		c = smccc_call(v.vcpu[0], SMCCC_SMC, 0xc4000012, 0x80000000, 0,
			       0);
		smccc_expect_refused(&c);
		__smccc_expect_others(__LINE__, &v, &c, false, 0, 0);
	}
	smccc_vm_free(&v);
}

/* ---- Arguments ---- */

static void check_features(int version)
{
	struct smccc_vm v = aarch32_vm_default();

	v.psci = version;
	smccc_vm_start(&v);
	smccc_expect_psci_features(&v);
	smccc_vm_free(&v);
}

/* Bit 0 of the entry point selects the instruction set, as for BX. */
static void check_cpu_on(int is_t32)
{
	struct smccc_vm v = aarch32_vm();
	struct smccc_call c;
	u64 pstate;
	int insn;

	for (insn = 0; insn < NR_SMCCC_INSNS; insn++) {
		c = smccc_call(v.vcpu[0], insn, 0x84000003, 1,
			       SMCCC_ENTRY | is_t32, 0xfedcba98);
		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
		__smccc_expect_others(__LINE__, &v, &c, true, SMCCC_ENTRY,
				      0xfedcba98);
		pstate = vcpu_get_reg(v.vcpu[1], ARM64_CORE_REG(regs.pstate));
		test_expect(!!(pstate & SMCCC_PSTATE_T) == is_t32,
			    "vCPU 1 begins with PSTATE %#lx", pstate);
	}
	smccc_vm_free(&v);
}

/* The caller's endianness, which it may have changed with SETEND */
static void check_cpu_on_endianness(int unused)
{
	u64 pstate, id = ARM64_CORE_REG(regs.pstate);
	struct smccc_vm v = aarch32_vm();
	struct smccc_call c;
	int i;

	for (i = 0; i < 4; i++) {
		pstate = vcpu_get_reg(v.vcpu[0], id) & ~PSTATE_E;
		vcpu_set_reg(v.vcpu[0], id, pstate | (i % 2 ? PSTATE_E : 0));

		c = smccc_call(v.vcpu[0], SMCCC_HVC, 0x84000003, 1, SMCCC_ENTRY,
			       0);
		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
		__smccc_expect_others(__LINE__, &v, &c, true, SMCCC_ENTRY, 0);
		pstate = vcpu_get_reg(v.vcpu[1], id);
		test_expect(!!(pstate & PSTATE_E) == i % 2,
			    "vCPU 1 begins with PSTATE %#lx", pstate);
	}
	smccc_vm_free(&v);
}

/* -1 is negative in 32 bits, and 0x84000000 is not negative in 64. */
static void check_unimplemented(int insn)
{
	static const u64 ids[] = { 0x0, 0x4b000000, 0x7fffffff, 0x80ffffff,
				   0x8400ffff, 0xc4000000, 0xc4000020,
				   0xffffffff };
	struct smccc_vm v = aarch32_vm();
	struct smccc_call c;
	int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		c = smccc_call(v.vcpu[0], insn, ids[i], ~0UL, ~0UL, ~0UL);
		smccc_expect_refused(&c);
	}
	smccc_vm_free(&v);
}

/* The guest gets 32 bits of each register, as KVM writes 64. */
static void check_rnd64(int unused)
{
	static const struct {
		u32 bits;
		u64 any[4];
	} rows[] = {
		{ 0 },
		{ 31, { [3] = GENMASK(30, 0) } },
		{ 64, { [3] = GENMASK(31, 0) } },
		{ 65, { [2] = BIT(0), GENMASK(31, 0) } },
		{ 192, { 0, GENMASK(31, 0), GENMASK(31, 0), GENMASK(31, 0) } },
	};
	struct smccc_vm v = aarch32_vm();
	struct smccc_want want = {};
	struct smccc_call c;
	int i, n;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		c = smccc_call(v.vcpu[0], SMCCC_HVC, 0xc4000053, rows[i].bits,
			       0, 0);
		/* The upper halves are UNKNOWN. */
		for (n = 1; n < 4; n++)
			want.any[n] = rows[i].any[n] | GENMASK(63, 32);
		__smccc_expect(__LINE__, &c, &want);
	}
	c = smccc_call(v.vcpu[0], SMCCC_HVC, 0xc4000053, 193, 0, 0);
	smccc_expect(&c, .x = { -2 });
	smccc_vm_free(&v);
}

static const struct test_case cases[] = {
	{ "HVC #0 (A32): all functions", check_insn, SMCCC_HVC },
	{ "SMC #0 (A32): all functions", check_insn, SMCCC_SMC },
	{ "HVC #0 (T32): all functions", check_insn, SMCCC_HVC_T32 },
	{ "SMC #0 (T32): all functions", check_insn, SMCCC_SMC_T32 },
	{ "HVC #1: the same as HVC #0", check_insn, SMCCC_HVC_IMM },
	{ "SMC #1: the same as SMC #0, as no immediate is reported",
	  check_insn, SMCCC_SMC_IMM },

	{ "PSCI 0.1: all functions", check_psci_version, PSCI_VERSION(0, 1) },
	{ "PSCI 0.2: all functions", check_psci_version, PSCI_VERSION(0, 2) },
	{ "PSCI 1.0: all functions", check_psci_version, PSCI_VERSION(1, 0) },
	{ "PSCI 1.1: all functions", check_psci_version, PSCI_VERSION(1, 1) },
	{ "PSCI 1.2: all functions", check_psci_version, PSCI_VERSION(1, 2) },
	{ "PSCI: no SYSTEM_SUSPEND unless it is enabled",
	  check_no_system_suspend },
	{ "gates: all closed", check_gates_closed },
	{ "filter: DENY", check_filter, KVM_SMCCC_FILTER_DENY },
	{ "filter: FWD_TO_USER", check_filter, KVM_SMCCC_FILTER_FWD_TO_USER },

	{ "SMC64: PSCI functions are neither called nor found",
	  check_psci_smc64 },
	{ "SMC64: SYSTEM_RESET2 is refused at each version",
	  check_reset2_smc64 },
	{ "SMC64: TRNG_RND64 is served, and cut to 32 bits", check_rnd64 },

	{ "PSCI 0.1: there is no PSCI_FEATURES", check_features,
	  PSCI_VERSION(0, 1) },
	{ "PSCI 1.0: PSCI_FEATURES of each function", check_features,
	  PSCI_VERSION(1, 0) },
	{ "PSCI 1.3: PSCI_FEATURES of each function", check_features,
	  PSCI_VERSION(1, 3) },
	{ "CPU_ON: begins in A32", check_cpu_on, 0 },
	{ "CPU_ON: begins in T32", check_cpu_on, 1 },
	{ "CPU_ON: begins in its caller's endianness",
	  check_cpu_on_endianness },
	{ "unimplemented HVC: -1, and PC advanced once",
	  check_unimplemented, SMCCC_HVC },
	{ "unimplemented SMC (T32): -1, and PC advanced once",
	  check_unimplemented, SMCCC_SMC_T32 },
};

int main(void)
{
	ksft_print_header();
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_EL1_32BIT));
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
