// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_matrix - Every function of SMCCC's services, in each form, by each
 * instruction, at each version of PSCI, with each gate and filter.
 *
 * A guest can call not only the functions that it can discover, but any
 * function, in a form that does not exist, with garbage in all ignored bits.
 * Each call is judged by x0-x7 and the program counter after it, by the exit to
 * userspace, and by the states of the vCPUs. The expected results are in
 * include/arm64/smccc_table.h.
 *
 * smccc_aarch32 does the same for 32-bit guests. smccc_services, smccc_features
 * and smccc_psci test the arguments.
 */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_run.h"
#include "abi/smccc_table.h"
#include "abi/smccc_vm.h"

/* ---- Conduits ---- */

static void check_insn(int insn)
{
	struct smccc_vm v = smccc_vm_default();

	smccc_vm_start(&v);
	smccc_expect_table(&v, insn);
	smccc_vm_free(&v);
}

/* Such a call is not forwarded either. */
static void check_smc_imm_filtered(int action)
{
	struct smccc_vm v = smccc_vm_default();

	v.filter = action;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_SMC_IMM);
	smccc_vm_free(&v);
}

/* ---- Versions of PSCI ---- */

static void check_psci_version(int version)
{
	struct smccc_vm v = smccc_vm_default();

	v.psci = version;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_expect_table(&v, SMCCC_SMC);
	smccc_vm_free(&v);
}

/* The version can be changed at any time, as a VMM does before a reset. */
static void check_psci_version_changes(int unused)
{
	struct smccc_vm v = smccc_vm_default();
	int i, form, n;

	smccc_vm_start(&v);
	for (i = 0; i < FW_NR_PSCI_VERSIONS; i++) {
		v.psci = fw_psci_versions[i];
		vcpu_set_reg(v.vcpu[0], KVM_REG_ARM_PSCI_VERSION, v.psci);

		for (n = 0; n < NR_SMCCC_FNS; n++) {
			if (smccc_fns[n].gate < SMCCC_PSCI_0_1)
				continue;
			for (form = 0; form < NR_SMCCC_FORMS; form++)
				smccc_expect_fn(&v, &smccc_fns[n], form,
						SMCCC_HVC, 0);
		}
	}
	smccc_vm_free(&v);
}

static void check_no_system_suspend(int unused)
{
	struct smccc_vm v = smccc_vm_default();

	v.system_suspend = false;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

/* ---- Gates ---- */

static const struct {
	enum fw_reg_nr nr;
	u64 bits;
} gate_bits[] = {
	{ FW_STD, BIT(0) },
	{ FW_STD_HYP, BIT(0) },
	{ FW_VENDOR_HYP, BIT(0) },
	{ FW_VENDOR_HYP, BIT(1) },
	{ FW_VENDOR_HYP, BIT(0) | BIT(1) },
};

static void check_gate_closed(int gate)
{
	struct smccc_vm v = smccc_vm_default();

	v.bmap[gate_bits[gate].nr] &= ~gate_bits[gate].bits;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_expect_table(&v, SMCCC_SMC);
	smccc_vm_free(&v);
}

static void check_vendor_2(int val)
{
	struct smccc_vm v = smccc_vm_default();

	v.bmap[FW_VENDOR_HYP_2] = val;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

static void check_all_gates_closed(int filter)
{
	struct smccc_vm v = smccc_vm_default();
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		v.bmap[i] = 0;
	v.filter = filter;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

static void check_no_stolen_time(int unused)
{
	struct smccc_vm v = smccc_vm_default();

	v.stolen_time = false;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

/* ---- The filter ---- */

static void check_filter(int action)
{
	struct smccc_vm v = smccc_vm_default();

	v.filter = action;
	smccc_vm_start(&v);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_expect_table(&v, SMCCC_SMC);
	smccc_vm_free(&v);
}

/* HANDLE for all calls does not enable what is gated or unknown. */
static void check_filter_handle(int unused)
{
	struct smccc_vm v = smccc_vm_default();

	v.bmap[FW_STD] = 0;
	smccc_vm_start(&v);
	smccc_filter_all(v.vm, KVM_SMCCC_FILTER_HANDLE);
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

/* A filter for one function only, also in a VM with PSCI 0.1 */
static void check_filter_one(int action)
{
	static const u32 ids[] = { 0x84000000, 0xc4000003, 0x95c1ba5f,
				   0x86000001, 0x04000000, 0xffffffff };
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	int i, n, ret;

	v.psci = PSCI_VERSION(0, 1);
	smccc_vm_start(&v);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		ret = smccc_set_filter(v.vm, ids[i], 1, action);
		test_expect(!ret, "filter %#x: %s", ids[i], strerror(ret));
	}

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		c = smccc_call(v.vcpu[0], SMCCC_HVC, ids[i], 1, 2, 3);
		if (action == KVM_SMCCC_FILTER_DENY)
			smccc_expect_refused(&c);
		else
			smccc_expect(&c, .x = { ids[i], 1, 2, 3 },
				     .exit = KVM_EXIT_HYPERCALL);
	}

	for (n = 0; n < NR_SMCCC_FNS; n++) {
		for (i = 0; i < ARRAY_SIZE(ids); i++) {
			if (smccc_fns[n].id == ids[i])
				break;
		}
		if (i == ARRAY_SIZE(ids))
			smccc_expect_fn(&v, &smccc_fns[n], SMCCC_FAST_32,
					SMCCC_HVC, SMCCC_NOISE);
	}
	smccc_vm_free(&v);
}

/* The guest gets the result that userspace sets for a forwarded call. */
static void check_forwarded_result(int insn)
{
	struct smccc_vm v = smccc_vm_default();
	struct smccc_want want = {};
	struct smccc_call c;
	int i;

	v.filter = KVM_SMCCC_FILTER_FWD_TO_USER;
	smccc_vm_start(&v);

	c = smccc_call(v.vcpu[0], insn, 0xc4000003 | SMCCC_NOISE, ~0UL,
		       FW_POISON, 3);
	smccc_expect(&c, .x = { 0xc4000003 | SMCCC_NOISE, ~0UL, FW_POISON, 3 },
		     .exit = KVM_EXIT_HYPERCALL,
		     .hypercall_flags = insn == SMCCC_SMC ?
					KVM_HYPERCALL_EXIT_SMC : 0);
	for (i = 0; i < 4; i++) {
		want.x[i] = FW_POISON + i;
		smccc_set_x(v.vcpu[0], i, want.x[i]);
	}
	smccc_call_run(&c);
	__smccc_expect(__LINE__, &c, &want);
	smccc_vm_free(&v);
}

/* An empty range is not the range of all functions. */
static void check_filter_refused(int nr_functions)
{
	struct smccc_vm v = smccc_vm_default();
	int ret, action;

	smccc_vm_start(&v);
	for (action = 0; action < 256; action++) {
		if (nr_functions && action <= KVM_SMCCC_FILTER_FWD_TO_USER)
			continue;
		ret = smccc_set_filter(v.vm, 0, nr_functions, action);
		test_expect(ret == EINVAL, "%d functions, action %d: %s",
			    nr_functions, action, strerror(ret));
		ret = smccc_set_filter(v.vm, 0x84000000, nr_functions, action);
		test_expect(ret == EINVAL, "%d functions, action %d: %s",
			    nr_functions, action, strerror(ret));
	}
	smccc_expect_table(&v, SMCCC_HVC);
	smccc_vm_free(&v);
}

/* ---- Function identifiers ---- */

/* One of them has a name: function 7 of owner 4 is MIGRATE_INFO_UP_CPU. */
static void check_owners(int insn)
{
	static const u32 nrs[] = { 0x7, 0x4b, 0x800, 0x7ffe, 0xfeff, 0xff02,
				   0xfffe };
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	int owner, form, i;

	smccc_vm_start(&v);
	for (owner = 0; owner < 64; owner++) {
		for (form = 0; form < NR_SMCCC_FORMS; form++) {
			i = (owner + form) % ARRAY_SIZE(nrs);
			c = smccc_call(v.vcpu[0], insn, smccc_form_bits[form] |
				       owner << 24 | nrs[i], FW_POISON,
				       FW_POISON, FW_POISON);
			smccc_expect_refused(&c);
		}
	}
	smccc_vm_free(&v);
}

/* Bits 23:16 are reserved; bit 16 is SMCCC 1.3's hint for no SVE state. */
static void check_reserved_bits(int bit)
{
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	int i, form;
	u64 id;

	smccc_vm_start(&v);
	for (i = 0; i < NR_SMCCC_FNS; i++) {
		for (form = SMCCC_FAST_32; form <= SMCCC_FAST_64; form++) {
			id = smccc_fn_id(&smccc_fns[i], form) ^ BIT(bit);
			c = smccc_call(v.vcpu[0], SMCCC_HVC, id,
				       smccc_fns[i].args[0],
				       smccc_fns[i].args[1],
				       smccc_fns[i].args[2]);
			smccc_expect_refused(&c);
		}
	}
	smccc_vm_free(&v);
}

/* Sign-extended, zero-extended, or neither: it is the same function. */
static void check_upper_half(int insn)
{
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	const u64 *u;

	smccc_vm_start(&v);
	for (u = smccc_upper_halves; u < SMCCC_UPPER_HALVES_END; u++) {
		c = smccc_call(v.vcpu[0], insn, 0x84000000 | *u, 0, 0, 0);
		smccc_expect(&c, .x = { FW_PSCI_LATEST });
		c = smccc_call(v.vcpu[0], insn, 0xc4000000 | *u, 0, 0, 0);
		smccc_expect_refused(&c);
	}
	smccc_vm_free(&v);
}

static void check_unimplemented(int insn)
{
	static const u64 ids[] = { 0x0, 0x4b000000, 0x7fffffff, 0x80ffffff,
				   0x8400ffff, 0xc4000020, 0xc400ffff,
				   0xffffffff, ~0UL, 0x84000000UL << 32 };
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	int i;

	smccc_vm_start(&v);
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		c = smccc_call(v.vcpu[0], insn, ids[i], FW_POISON, FW_POISON,
			       FW_POISON);
		smccc_expect_refused(&c);
	}
	smccc_vm_free(&v);
}

static const struct test_case cases[] = {
	{ "HVC #0: all functions", check_insn, SMCCC_HVC },
	{ "SMC #0: all functions", check_insn, SMCCC_SMC },
	{ "HVC #1: the same as HVC #0", check_insn, SMCCC_HVC_IMM },
	{ "SMC #1: x0 is -1, x1-x3 are kept, no call is made",
	  check_insn, SMCCC_SMC_IMM },
	{ "SMC #1: the same where all calls are forwarded",
	  check_smc_imm_filtered, KVM_SMCCC_FILTER_FWD_TO_USER },

	{ "PSCI 0.1: all functions", check_psci_version, PSCI_VERSION(0, 1) },
	{ "PSCI 0.2: all functions", check_psci_version, PSCI_VERSION(0, 2) },
	{ "PSCI 1.0: all functions", check_psci_version, PSCI_VERSION(1, 0) },
	{ "PSCI 1.1: all functions", check_psci_version, PSCI_VERSION(1, 1) },
	{ "PSCI 1.2: all functions", check_psci_version, PSCI_VERSION(1, 2) },
	{ "PSCI: the version changes after the guest has run",
	  check_psci_version_changes },
	{ "PSCI: no SYSTEM_SUSPEND unless it is enabled",
	  check_no_system_suspend },

	{ "gates: no TRNG", check_gate_closed, 0 },
	{ "gates: no PV_TIME", check_gate_closed, 1 },
	{ "gates: no FUNC_FEAT", check_gate_closed, 2 },
	{ "gates: no PTP", check_gate_closed, 3 },
	{ "gates: neither FUNC_FEAT nor PTP", check_gate_closed, 4 },
	{ "gates: DISCOVER_IMPL_VER is for userspace", check_vendor_2, 1 },
	{ "gates: DISCOVER_IMPL_CPUS is for userspace", check_vendor_2, 2 },
	{ "gates: all closed", check_all_gates_closed },
	{ "PV time: no stolen time for a vCPU without an address for it",
	  check_no_stolen_time },

	{ "filter: DENY", check_filter, KVM_SMCCC_FILTER_DENY },
	{ "filter: FWD_TO_USER", check_filter, KVM_SMCCC_FILTER_FWD_TO_USER },
	{ "filter: HANDLE changes nothing", check_filter_handle },
	{ "filter: FWD_TO_USER takes precedence over gates",
	  check_all_gates_closed, KVM_SMCCC_FILTER_FWD_TO_USER },
	{ "filter: DENY of one function applies only to it",
	  check_filter_one, KVM_SMCCC_FILTER_DENY },
	{ "filter: FWD_TO_USER of one function applies only to it",
	  check_filter_one, KVM_SMCCC_FILTER_FWD_TO_USER },
	{ "filter: userspace's result of an HVC", check_forwarded_result,
	  SMCCC_HVC },
	{ "filter: userspace's result of an SMC", check_forwarded_result,
	  SMCCC_SMC },
	{ "filter: an empty range is refused, not taken for all functions",
	  check_filter_refused, 0 },
	{ "filter: an unknown action is refused, not taken for HANDLE",
	  check_filter_refused, 1 },

	{ "identifiers: each owner, unknown function, HVC",
	  check_owners, SMCCC_HVC },
	{ "identifiers: each owner, unknown function, SMC",
	  check_owners, SMCCC_SMC },
	{ "identifiers: the SVE hint does not exist in SMCCC 1.1",
	  check_reserved_bits, 16 },
	{ "identifiers: reserved bit 17", check_reserved_bits, 17 },
	{ "identifiers: reserved bit 20", check_reserved_bits, 20 },
	{ "identifiers: reserved bit 23", check_reserved_bits, 23 },
	{ "identifiers: are unsigned and 32 bits wide, HVC",
	  check_upper_half, SMCCC_HVC },
	{ "identifiers: are unsigned and 32 bits wide, SMC",
	  check_upper_half, SMCCC_SMC },
	{ "unimplemented HVC: 64-bit -1, and PC advanced once",
	  check_unimplemented, SMCCC_HVC },
	{ "unimplemented SMC: 64-bit -1, and PC advanced once",
	  check_unimplemented, SMCCC_SMC },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
