// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_features - The calls that a guest uses to discover functions:
 * ARCH_FEATURES, PV_TIME_FEATURES, TRNG_FEATURES and PSCI_FEATURES.
 *
 * Each is called with all functions of the specifications, in all forms, and
 * must know exactly its own. What ARCH_FEATURES returns for the workarounds
 * depends on the host: run this on hosts of each kind.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/fw_host.h"
#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_run.h"
#include "abi/smccc_table.h"
#include "abi/smccc_vm.h"

#define ARCH_FEATURES	0x80000001UL
#define PV_TIME_FEATURES 0xc5000020UL
#define PV_TIME_ST	0xc5000021UL
#define TRNG_FEATURES	0x84000051UL
#define TRNG_RND64	0xc4000053UL

/*
 * Call @features with all functions of the table, in all forms: it must know
 * exactly those in @known.
 */
static void __expect_known(int line, struct smccc_vm *v, u64 features,
			   const u64 *known, int nr_known)
{
	struct smccc_call c;
	u64 id, want;
	int i, n, form;

	for (n = 0; n < NR_SMCCC_FNS; n++) {
		for (form = 0; form < NR_SMCCC_FORMS; form++) {
			id = smccc_fn_id(&smccc_fns[n], form);
			want = SMCCC_RET_NOT_SUPPORTED;
			for (i = 0; i < nr_known; i++) {
				if (id == known[i])
					want = SMCCC_RET_SUCCESS;
			}

			c = smccc_call(v->vcpu[0], SMCCC_HVC, features, id,
				       FW_POISON, FW_POISON);
			__smccc_expect(line, &c, &(struct smccc_want) {
				       .x = { want } });
		}
	}
}

#define expect_known(...)	__expect_known(__LINE__, __VA_ARGS__)

/* ---- Workarounds ---- */

static void expect_workarounds(struct smccc_vm *v)
{
	const struct fw_workaround *row;
	struct smccc_call c;
	const u64 *u;
	int nr, insn;

	for (nr = FW_WORKAROUND_1; nr <= FW_WORKAROUND_3; nr++) {
		row = fw_workaround_row(v->vcpu[0], nr);
		if (!row)
			continue;

		for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
			for (u = smccc_upper_halves; u < SMCCC_UPPER_HALVES_END; u++) {
				c = smccc_call(v->vcpu[0], insn, ARCH_FEATURES,
					       fw_workaround_fn[nr] | *u,
					       FW_POISON, FW_POISON);
				smccc_expect(&c, .x = { row->arch_features });
			}
		}
	}
}

static void check_workarounds(int unused)
{
	struct smccc_vm v = smccc_vm_default();

	smccc_vm_start(&v);
	expect_workarounds(&v);
	smccc_vm_free(&v);
}

/*
 * A guest without SSBS cannot control the mitigation, so a host that has it
 * keeps it on.
 */
static void check_workaround_2_no_ssbs(int unused)
{
	enum fw_spectre_v4 v4 = fw_host_spectre_v4();
	struct smccc_vm v = smccc_vm_default();
	u64 level, want;

	if (v4 == FW_V4_UNKNOWN) {
		test_skip("the host does not report Spectre-v4");
		return;
	}

	smccc_vm_start(&v);
	fw_set_ssbs(v.vcpu[0], 0);
	want = fw_workaround_2_level(v4, false);
	level = vcpu_get_reg(v.vcpu[0], KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2);
	test_expect(level == want, "WORKAROUND_2 reads %#lx, expected %#lx",
		    level, want);
	expect_workarounds(&v);
	smccc_vm_free(&v);
}

/* The three workarounds are tested above. */
static void check_arch_features(int pv_time)
{
	static const u64 known = PV_TIME_FEATURES;
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	u64 id;
	int n, form, nr;

	v.bmap[FW_STD_HYP] = pv_time;
	smccc_vm_start(&v);
	for (n = 0; n < NR_SMCCC_FNS; n++) {
		for (form = 0; form < NR_SMCCC_FORMS; form++) {
			id = smccc_fn_id(&smccc_fns[n], form);
			for (nr = FW_WORKAROUND_1; nr <= FW_WORKAROUND_3; nr++) {
				if (id == fw_workaround_fn[nr])
					break;
			}
			if (nr <= FW_WORKAROUND_3)
				continue;

			c = smccc_call(v.vcpu[0], SMCCC_HVC, ARCH_FEATURES,
				       id | SMCCC_NOISE, FW_POISON, FW_POISON);
			if (pv_time && id == known)
				smccc_expect(&c, .x = { SMCCC_RET_SUCCESS });
			else
				smccc_expect_refused(&c);
		}
	}
	smccc_vm_free(&v);
}

/* ---- Paravirtualised time and TRNG ---- */

static void check_pv_features(int stolen_time)
{
	static const u64 known[] = { PV_TIME_FEATURES, PV_TIME_ST };
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	const u64 *u;

	if (stolen_time && !v.stolen_time) {
		test_skip("the host has no stolen time");
		return;
	}

	v.stolen_time = stolen_time;
	smccc_vm_start(&v);
	expect_known(&v, PV_TIME_FEATURES, known,
		     stolen_time ? ARRAY_SIZE(known) : 0);
	for (u = smccc_upper_halves; u < SMCCC_UPPER_HALVES_END; u++) {
		c = smccc_call(v.vcpu[0], SMCCC_HVC, PV_TIME_FEATURES | *u,
			       PV_TIME_ST | *u, FW_POISON, FW_POISON);
		smccc_expect(&c, .x = { stolen_time ? 0 :
					SMCCC_RET_NOT_SUPPORTED });
	}
	smccc_vm_free(&v);
}

static void check_trng_features(int unused)
{
	static const u64 known[] = {
		0x84000050, 0x84000051, 0x84000052, 0x84000053, 0xc4000053,
	};
	struct smccc_vm v = smccc_vm_default();
	struct smccc_call c;
	const u64 *u;

	smccc_vm_start(&v);
	expect_known(&v, TRNG_FEATURES, known, ARRAY_SIZE(known));

	/* KVM uses all 64 bits of x1, unlike in other FEATURES calls. */
	for (u = smccc_upper_halves; u < SMCCC_UPPER_HALVES_END; u++) {
		c = smccc_call(v.vcpu[0], SMCCC_HVC, TRNG_FEATURES,
			       TRNG_RND64 | *u, FW_POISON, FW_POISON);
		smccc_expect(&c, .x = { *u ? SMCCC_RET_NOT_SUPPORTED : 0 });
	}
	smccc_vm_free(&v);
}

/* ---- PSCI ---- */

static void check_psci_features(int version)
{
	struct smccc_vm v = smccc_vm_default();

	v.psci = version;
	smccc_vm_start(&v);
	smccc_expect_psci_features(&v);
	smccc_vm_free(&v);
}

static void check_psci_features_no_suspend(int unused)
{
	struct smccc_vm v = smccc_vm_default();

	v.system_suspend = false;
	smccc_vm_start(&v);
	smccc_expect_psci_features(&v);
	smccc_vm_free(&v);
}

static const struct test_case cases[] = {
	{ "ARCH_FEATURES: workarounds agree with the registers",
	  check_workarounds },
	{ "ARCH_FEATURES: WORKAROUND_2 of a guest without SSBS",
	  check_workaround_2_no_ssbs },
	{ "ARCH_FEATURES: workarounds and PV_TIME_FEATURES, no others",
	  check_arch_features, true },
	{ "ARCH_FEATURES: workarounds alone, with PV_TIME gated",
	  check_arch_features, false },

	{ "PV_TIME_FEATURES: knows PV_TIME_FEATURES and PV_TIME_ST",
	  check_pv_features, true },
	{ "PV_TIME_FEATURES: knows nothing without an address for stolen time",
	  check_pv_features, false },
	{ "TRNG_FEATURES: knows TRNG's five functions", check_trng_features },

	{ "PSCI_FEATURES: absent in 0.1", check_psci_features,
	  PSCI_VERSION(0, 1) },
	{ "PSCI_FEATURES: absent in 0.2", check_psci_features,
	  PSCI_VERSION(0, 2) },
	{ "PSCI_FEATURES: of each function in 1.0", check_psci_features,
	  PSCI_VERSION(1, 0) },
	{ "PSCI_FEATURES: of each function in 1.1", check_psci_features,
	  PSCI_VERSION(1, 1) },
	{ "PSCI_FEATURES: of each function in 1.2", check_psci_features,
	  PSCI_VERSION(1, 2) },
	{ "PSCI_FEATURES: of each function in 1.3", check_psci_features,
	  PSCI_VERSION(1, 3) },
	{ "PSCI_FEATURES: SYSTEM_SUSPEND is known if it is enabled",
	  check_psci_features_no_suspend },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
