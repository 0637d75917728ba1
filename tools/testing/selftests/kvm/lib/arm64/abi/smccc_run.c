// SPDX-License-Identifier: GPL-2.0-only
/* Calls to the functions of the table */
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

const u64 smccc_upper_halves[] = {
	0, BIT(32), BIT(63), SMCCC_NOISE, GENMASK(63, 32),
};

kvm_static_assert(ARRAY_SIZE(smccc_upper_halves) == NR_SMCCC_UPPER_HALVES);

u32 smccc_fn_id(const struct smccc_fn *fn, enum smccc_form form)
{
	return (fn->id & GENMASK(29, 0)) | smccc_form_bits[form];
}

static bool smccc_is_64bit_form(enum smccc_form form)
{
	return smccc_form_bits[form] & BIT(30);
}

static bool smccc_gate_is_open(const struct smccc_vm *v, enum smccc_gate gate)
{
	switch (gate) {
	case SMCCC_ALWAYS:
		return true;
	case SMCCC_TRNG:
		return v->bmap[FW_STD] & BIT(0);
	case SMCCC_PV_TIME:
		return v->bmap[FW_STD_HYP] & BIT(0);
	case SMCCC_VENDOR_FEAT:
		return v->bmap[FW_VENDOR_HYP] & BIT(0);
	case SMCCC_VENDOR_PTP:
		return v->bmap[FW_VENDOR_HYP] & BIT(1);
	case SMCCC_PSCI_0_1:
		return v->psci == PSCI_VERSION(0, 1);
	case SMCCC_PSCI_0_2:
		return v->psci >= PSCI_VERSION(0, 2);
	case SMCCC_PSCI_1_0:
		return v->psci >= PSCI_VERSION(1, 0);
	case SMCCC_PSCI_1_1:
		return v->psci >= PSCI_VERSION(1, 1);
	case SMCCC_PSCI_1_3:
		return v->psci >= PSCI_VERSION(1, 3);
	case SMCCC_SYSTEM_SUSPEND:
		return v->psci >= PSCI_VERSION(1, 0) && v->system_suspend;
	}

	TEST_FAIL("No gate %u", gate);
}

/*
 * According to SMCCC a 32-bit guest cannot call SMC64 functions. KVM enforces
 * this for PSCI, and serves other SMC64 functions.
 */
static bool smccc_is_served(const struct smccc_vm *v, const struct smccc_fn *fn,
			    enum smccc_form form)
{
	if (!(fn->forms & BIT(form)) || !smccc_gate_is_open(v, fn->gate))
		return false;

	return !(v->is_32bit && smccc_is_64bit_form(form) &&
		 fn->gate >= SMCCC_PSCI_0_1);
}

bool smccc_host_uses_counter(void)
{
	char buf[64] = "";
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource",
			"r");

	if (f) {
		if (!fgets(buf, sizeof(buf), f))
			buf[0] = '\0';
		fclose(f);
	}

	return !strcmp(buf, "arch_sys_counter\n");
}

/* The result of ARCH_FEATURES for a workaround, by the register's level */
static u64 smccc_workaround(int line, const struct smccc_vm *v, int nr)
{
	const struct fw_workaround *row = __fw_workaround_row(line, v->vcpu[0],
							      nr);

	return row ? row->arch_features : 0;
}

/* The expected outcome of a served call to @fn, depending on @v */
static struct smccc_want smccc_want_served(int line, const struct smccc_vm *v,
					   const struct smccc_fn *fn,
					   enum smccc_form form,
					   enum smccc_insn insn,
					   const u64 in[8])
{
	struct smccc_want w = fn->want;
	int i;

	switch (fn->result) {
	case SMCCC_FIXED:
	case SMCCC_VCPU_1_STARTED:
		break;
	case SMCCC_THE_PSCI_VERSION:
		w.x[0] = v->psci;
		break;
	case SMCCC_WORKAROUND_1:
		w.x[0] = smccc_workaround(line, v, FW_WORKAROUND_1);
		break;
	case SMCCC_WORKAROUND_2:
		w.x[0] = smccc_workaround(line, v, FW_WORKAROUND_2);
		break;
	case SMCCC_WORKAROUND_3:
		w.x[0] = smccc_workaround(line, v, FW_WORKAROUND_3);
		break;
	case SMCCC_VENDOR_BMAPS:
		w.x[0] = v->bmap[FW_VENDOR_HYP];
		w.x[2] = v->bmap[FW_VENDOR_HYP_2];
		break;
	case SMCCC_HAS_STOLEN_TIME:
		w.x[0] = v->stolen_time ? 0 : SMCCC_RET_NOT_SUPPORTED;
		break;
	case SMCCC_STOLEN_TIME_GPA:
		w.x[0] = v->stolen_time ? SMCCC_DATA_GPA :
					  SMCCC_RET_NOT_SUPPORTED;
		break;
	case SMCCC_TIME_AND_COUNTER:
		for (i = 0; i < 4 && smccc_host_uses_counter(); i++)
			w.any[i] = GENMASK(31 - !i, 0);
		if (!i)
			w.x[0] = SMCCC_RET_NOT_SUPPORTED;
		break;
	case SMCCC_WORKAROUND_APPLIED:
		if (smccc_is_smc(insn)) {
			w.x[0] = SMCCC_RET_NOT_SUPPORTED;
			break;
		}
		w.any[1] = ~0UL;
		w.x[2] = in[2];
		w.x[3] = in[3];
		break;
	case SMCCC_X0_X3_KEPT:
		w.x[0] = in[0];
		fallthrough;
	case SMCCC_X1_X3_KEPT:
		/* An SMC32 call only uses the lower halves. */
		for (i = 1; i < 4; i++)
			w.x[i] = smccc_is_64bit_form(form) ? in[i] :
							     (u32)in[i];
		break;
	}

	return w;
}

struct smccc_want smccc_want(int line, const struct smccc_vm *v,
			     const struct smccc_fn *fn, enum smccc_form form,
			     enum smccc_insn insn, const u64 in[8])
{
	struct smccc_want w = {};
	u8 filter = smccc_is_arch_call(in[0]) ? KVM_SMCCC_FILTER_HANDLE :
						v->filter;

	if (filter == KVM_SMCCC_FILTER_FWD_TO_USER) {
		w.exit = KVM_EXIT_HYPERCALL;
		w.hypercall_flags = smccc_is_smc(insn) ?
				    KVM_HYPERCALL_EXIT_SMC : 0;
		memcpy(w.x, in, sizeof(w.x));
	} else if (filter == KVM_SMCCC_FILTER_DENY ||
		   !smccc_is_served(v, fn, form)) {
		w.x[0] = SMCCC_RET_NOT_SUPPORTED;
	} else {
		w = smccc_want_served(line, v, fn, form, insn, in);
	}

	return w;
}

/* Print which row of the table failed. */
static void smccc_print_fn(const struct smccc_vm *v, const struct smccc_fn *fn,
			   enum smccc_form form)
{
	static const char * const forms[NR_SMCCC_FORMS] = {
		"SMC32", "SMC64", "yielding SMC32", "yielding SMC64",
	};

	if (test_nr_failures() <= TEST_MAX_REPORTS)
		printf("#   that is %s, %s, PSCI %lu.%lu\n", fn->name,
		       forms[form], PSCI_VERSION_MAJOR(v->psci),
		       PSCI_VERSION_MINOR(v->psci));
}

void __smccc_expect_fn(int line, struct smccc_vm *v, const struct smccc_fn *fn,
		       enum smccc_form form, enum smccc_insn insn, u64 noise)
{
	u64 arg_noise = smccc_is_64bit_form(form) || fn->whole_args ? 0 : noise;
	unsigned int before = test_nr_failures();
	struct smccc_want want = {};
	struct smccc_call c = {
		.vcpu = v->vcpu[0],
		.insn = insn,
		.in = { smccc_fn_id(fn, form) | noise, FW_POISON, FW_POISON,
			FW_POISON, SMCCC_X4, SMCCC_X5, SMCCC_X6, SMCCC_X7 },
	};
	bool started;
	int i;

	for (i = 0; i < fn->nr_args; i++)
		c.in[i + 1] = fn->args[i] | arg_noise;

	smccc_call_start(&c);
	if (insn == SMCCC_SMC_IMM && !v->is_32bit) {
		/* Reserved, and not a call: only x0 is set. */
		memcpy(want.x, c.in, sizeof(want.x));
		want.x[0] = SMCCC_RET_NOT_SUPPORTED;
		started = false;
	} else {
		want = smccc_want(line, v, fn, form, insn, c.in);
		started = fn->result == SMCCC_VCPU_1_STARTED && !want.exit &&
			  !want.x[0];
	}

	if (want.exit == KVM_EXIT_INTR)
		smccc_call_run_blocking(&c);
	else
		smccc_call_run(&c);

	__smccc_expect(line, &c, &want);
	__smccc_expect_others(line, v, &c, started, fn->args[1], fn->args[2]);
	__smccc_go_on(line, &c);

	if (test_nr_failures() != before)
		smccc_print_fn(v, fn, form);
}

void __smccc_expect_table(int line, struct smccc_vm *v, enum smccc_insn insn)
{
	int i, form;

	for (i = 0; i < NR_SMCCC_FNS; i++) {
		for (form = 0; form < NR_SMCCC_FORMS; form++)
			__smccc_expect_fn(line, v, &smccc_fns[i], form, insn,
					  (i + form + insn) % 2 ? SMCCC_NOISE :
								  0);
	}
}

void __smccc_expect_psci_features(int line, struct smccc_vm *v)
{
	struct smccc_want want = {};
	int i, n, form;

	for (n = 0; n < NR_SMCCC_FNS; n++) {
		for (form = 0; form < NR_SMCCC_FORMS; form++) {
			u64 id = smccc_fn_id(&smccc_fns[n], form);
			struct smccc_call c;

			want.x[0] = PSCI_RET_NOT_SUPPORTED;
			for (i = 0; i < ARRAY_SIZE(smccc_psci_features); i++) {
				if (smccc_psci_features[i].id == id &&
				    smccc_psci_features[i].since <= v->psci)
					want.x[0] = smccc_psci_features[i].x0;
			}
			if ((smccc_fns[n].gate == SMCCC_SYSTEM_SUSPEND &&
			     !v->system_suspend) ||
			    (v->is_32bit && smccc_is_64bit_form(form)))
				want.x[0] = PSCI_RET_NOT_SUPPORTED;

			c = smccc_call(v->vcpu[0], n % 2 ? SMCCC_HVC :
				       SMCCC_SMC, 0x8400000a,
				       id | (form % 2 ? SMCCC_NOISE : 0),
				       FW_POISON, FW_POISON);
			__smccc_expect(line, &c, &want);
		}
	}
}
