// SPDX-License-Identifier: GPL-2.0-only
/*
 * smccc_psci - The arguments of PSCI's functions, at each version: reserved
 * bits, upper halves, types, and the effect on registers and vCPUs.
 *
 * smccc_matrix tests every function at every version with one set of arguments;
 * this tests arguments that must be refused, and ignored halves of registers.
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
#include "processor.h"

#define CPU_SUSPEND	0x84000001UL
#define CPU_OFF		0x84000002UL
#define CPU_ON		0x84000003UL
#define AFFINITY_INFO	0x84000004UL
#define SYSTEM_SUSPEND	0x8400000eUL
#define SYSTEM_RESET2	0x84000012UL
#define SYSTEM_OFF2	0x84000015UL
#define IS_SMC64	BIT(30)

#define PSCI_0_1_CPU_OFF 0x95c1ba5fUL
#define PSCI_0_1_CPU_ON	0x95c1ba60UL

#define UPPER_HALF	GENMASK(63, 32)

static struct smccc_vm psci_vm(u64 version)
{
	struct smccc_vm v = smccc_vm_default();

	v.psci = version;
	smccc_vm_start(&v);
	return v;
}

/* A call that stops only its own vCPU, or none */
static void __expect_call(int line, struct smccc_vm *v, u64 fn, u64 x1, u64 x2,
			  u64 x3, const struct smccc_want *want)
{
	int insn;

	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
		struct smccc_call c = smccc_call(v->vcpu[0], insn, fn, x1, x2,
						 x3);

		__smccc_expect(line, &c, want);
		__smccc_expect_others(line, v, &c, false, 0, 0);
		__smccc_go_on(line, &c);
	}
}

#define expect_call(v, fn, x1, x2, x3, ...)				\
	__expect_call(__LINE__, v, fn, x1, x2, x3,			\
		      &(struct smccc_want) { __VA_ARGS__ })

#define expect_x0(v, fn, x1, x2, x3, x0)				\
	expect_call(v, fn, x1, x2, x3, .x = { x0 })

/* ---- Versions ---- */

/* Other versions' functions are refused like unknown ones; KVM_RUN succeeds. */
static void check_not_supported(int version)
{
	static const u64 since_1_0[] = { 0x8400000a, 0x8400000e, 0xc400000e,
					 0x84000012, 0xc4000012, 0x84000015,
					 0xc4000015 };
	struct smccc_vm v = psci_vm(version);
	u64 nr;
	int i;

	for (nr = 0x84000000; version == PSCI_VERSION(0, 1) &&
	     nr <= 0x8400001f; nr++) {
		expect_x0(&v, nr, 1, 2, 3, PSCI_RET_NOT_SUPPORTED);
		expect_x0(&v, nr | IS_SMC64, 1, 2, 3, PSCI_RET_NOT_SUPPORTED);
	}
	for (nr = 0x95c1ba5c; version != PSCI_VERSION(0, 1) &&
	     nr <= 0x95c1ba63; nr++)
		expect_x0(&v, nr, 1, 2, 3, PSCI_RET_NOT_SUPPORTED);
	for (i = 0; version < PSCI_VERSION(1, 0) &&
	     i < ARRAY_SIZE(since_1_0); i++)
		expect_x0(&v, since_1_0[i], 0, 0, 0, PSCI_RET_NOT_SUPPORTED);
	smccc_vm_free(&v);
}

/* ---- CPU_ON and AFFINITY_INFO ---- */

static void expect_cpu_on(struct smccc_vm *v, u64 fn, u64 x1, u64 pc, u64 x0,
			  u64 mask)
{
	int insn;

	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
		struct smccc_call c = smccc_call(v->vcpu[0], insn, fn, x1, pc,
						 x0);

		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
		__smccc_expect_others(__LINE__, v, &c, true, pc & mask,
				      x0 & mask);
	}
}

static void check_cpu_on_width(int version)
{
	u64 pc = SMCCC_NOISE | 0x12345678, x0 = FW_POISON;
	struct smccc_vm v = psci_vm(version);

	if (version == PSCI_VERSION(0, 1)) {
		expect_cpu_on(&v, PSCI_0_1_CPU_ON, 1, pc, x0, ~0UL);
		expect_x0(&v, PSCI_0_1_CPU_ON, 1 | UPPER_HALF, pc, x0,
			  PSCI_RET_INVALID_PARAMS);
	} else {
		expect_cpu_on(&v, CPU_ON, 1 | UPPER_HALF, pc, x0,
			      GENMASK(31, 0));
		expect_cpu_on(&v, CPU_ON | IS_SMC64, 1, pc, x0, ~0UL);
		expect_x0(&v, CPU_ON | IS_SMC64, 1 | UPPER_HALF, pc, x0,
			  PSCI_RET_INVALID_PARAMS);
	}
	smccc_vm_free(&v);
}

/* MPIDR_EL1 has Aff3 in 39:32 and Aff2-Aff0 in 23:0. */
static bool is_affinity_bit(int bit)
{
	return bit < 24 || (bit >= 32 && bit < 40);
}

/*
 * No vCPU has an affinity with such a bit set, so all are refused. If KVM
 * ignored a reserved bit, the affinity would be vCPU 1's.
 */
static void check_cpu_on_affinity(int version)
{
	struct smccc_vm v = psci_vm(version);
	int bit;
	u64 x1;

	for (bit = 2; bit < 64; bit++) {
		x1 = 1 | BIT(bit);
		if (version == PSCI_VERSION(0, 1)) {
			expect_x0(&v, PSCI_0_1_CPU_ON, x1, SMCCC_ENTRY,
				  SMCCC_CONTEXT, PSCI_RET_INVALID_PARAMS);
			continue;
		}
		expect_x0(&v, CPU_ON | IS_SMC64, x1, SMCCC_ENTRY, SMCCC_CONTEXT,
			  PSCI_RET_INVALID_PARAMS);
		if (bit < 32)
			expect_x0(&v, CPU_ON, x1, SMCCC_ENTRY, SMCCC_CONTEXT,
				  PSCI_RET_INVALID_PARAMS);
		else
			expect_cpu_on(&v, CPU_ON, x1, SMCCC_ENTRY,
				      SMCCC_CONTEXT, ~0UL);
	}
	smccc_vm_free(&v);
}

/* vCPU 0, which is on, calls CPU_ON of itself. */
static void check_cpu_on_already(int version)
{
	struct smccc_vm v = psci_vm(version);

	if (version == PSCI_VERSION(0, 1)) {
		expect_x0(&v, PSCI_0_1_CPU_ON, 0, SMCCC_ENTRY, SMCCC_CONTEXT,
			  PSCI_RET_INVALID_PARAMS);
	} else {
		expect_x0(&v, CPU_ON, UPPER_HALF, SMCCC_ENTRY, SMCCC_CONTEXT,
			  PSCI_RET_ALREADY_ON);
		expect_x0(&v, CPU_ON | IS_SMC64, 0, SMCCC_ENTRY, SMCCC_CONTEXT,
			  PSCI_RET_ALREADY_ON);
	}
	smccc_vm_free(&v);
}

static void check_affinity_info(int version)
{
	struct smccc_vm v = psci_vm(version);
	u64 fn64 = AFFINITY_INFO | IS_SMC64, fn, want;
	int bit, level, i;

	for (i = 0; i < 2; i++) {
		fn = i ? fn64 : AFFINITY_INFO;
		expect_x0(&v, fn, 0, 0, ~0UL, PSCI_0_2_AFFINITY_LEVEL_ON);
		expect_x0(&v, fn, 1, 0, ~0UL, PSCI_0_2_AFFINITY_LEVEL_OFF);
		expect_x0(&v, fn, 2, 0, ~0UL, PSCI_0_2_AFFINITY_LEVEL_ON);
		expect_x0(&v, fn, 3, 0, ~0UL, PSCI_RET_INVALID_PARAMS);

		/* All vCPUs are in one cluster; lower fields are ignored. */
		for (level = 1; level <= 3; level++) {
			u64 below = GENMASK(level * 8 - 1, 0);

			expect_x0(&v, fn, 0, level, 0,
				  PSCI_0_2_AFFINITY_LEVEL_ON);
			expect_x0(&v, fn, below, level, 0,
				  PSCI_0_2_AFFINITY_LEVEL_ON);
			if (level < 3)
				expect_x0(&v, fn, below + 1, level, 0,
					  PSCI_RET_INVALID_PARAMS);
		}

		expect_x0(&v, fn, 0, 4, 0, PSCI_RET_INVALID_PARAMS);
		expect_x0(&v, fn, 0, 0xffffffff, 0, PSCI_RET_INVALID_PARAMS);

		for (bit = 2; bit < 64; bit++) {
			want = i || bit < 32 ? PSCI_RET_INVALID_PARAMS :
					       PSCI_0_2_AFFINITY_LEVEL_OFF;
			expect_x0(&v, fn, 1 | BIT(bit), 0, 0, want);

			/* Reserved bits are refused at any level. */
			if (want == PSCI_0_2_AFFINITY_LEVEL_OFF ||
			    is_affinity_bit(bit))
				continue;
			expect_x0(&v, fn, 1 | BIT(bit), 3, 0, want);
		}
	}

	/* Only in SMC32 the level has 32 bits. */
	expect_x0(&v, AFFINITY_INFO, 1 | UPPER_HALF, UPPER_HALF, 0,
		  PSCI_0_2_AFFINITY_LEVEL_OFF);
	expect_x0(&v, fn64, 1, BIT(32), 0, PSCI_RET_INVALID_PARAMS);
	expect_x0(&v, fn64, BIT(32), 0, 0, PSCI_RET_INVALID_PARAMS);
	smccc_vm_free(&v);
}

/* ---- CPU_SUSPEND and CPU_OFF ---- */

/* A pending interrupt ends CPU_SUSPEND, even if it is masked. */
static void check_suspend_pending(int irq)
{
	struct smccc_vm v = psci_vm(FW_PSCI_LATEST);
	u32 line = KVM_ARM_IRQ_TYPE_CPU << KVM_ARM_IRQ_TYPE_SHIFT | irq;

	kvm_irq_line(v.vm, line, 1);
	expect_x0(&v, CPU_SUSPEND, FW_POISON, FW_POISON, FW_POISON, 0);
	expect_x0(&v, CPU_SUSPEND | IS_SMC64, ~0UL, ~0UL, ~0UL, 0);
	kvm_irq_line(v.vm, line, 0);
	smccc_vm_free(&v);
}

/* A signal ends it, too: x0 is set before the exit, and not again. */
static void check_suspend_signal(int insn)
{
	struct smccc_vm v = psci_vm(FW_PSCI_LATEST);
	struct smccc_call c;

	c = smccc_call_blocking(v.vcpu[0], insn, CPU_SUSPEND, 1, 2, 3);
	smccc_expect(&c, .exit = KVM_EXIT_INTR);
	smccc_set_x(v.vcpu[0], 0, FW_POISON);
	smccc_call_run(&c);
	smccc_expect(&c, .x = { FW_POISON });
	smccc_vm_free(&v);
}

/* A vCPU that is off is off for the others, and does not run by itself. */
static void check_cpu_off(int version)
{
	bool is_0_1 = version == PSCI_VERSION(0, 1);
	struct smccc_vm v = psci_vm(version);
	struct smccc_call c;

	c = smccc_call_blocking(v.vcpu[0], SMCCC_HVC,
				is_0_1 ? PSCI_0_1_CPU_OFF : CPU_OFF,
				~0UL, ~0UL, ~0UL);
	smccc_expect(&c, .exit = KVM_EXIT_INTR,
		     .mp_state = KVM_MP_STATE_STOPPED);
	__smccc_expect_others(__LINE__, &v, &c, false, 0, 0);
	smccc_call_run_blocking(&c);
	smccc_expect(&c, .exit = KVM_EXIT_INTR,
		     .mp_state = KVM_MP_STATE_STOPPED);

	if (!is_0_1) {
		c = smccc_call(v.vcpu[2], SMCCC_HVC, AFFINITY_INFO, 0, 0, 0);
		smccc_expect(&c, .x = { PSCI_0_2_AFFINITY_LEVEL_OFF });
	}
	c = smccc_call(v.vcpu[2], SMCCC_SMC, is_0_1 ? PSCI_0_1_CPU_ON : CPU_ON,
		       0, SMCCC_ENTRY, SMCCC_CONTEXT);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
	test_expect(smccc_get_mp_state(v.vcpu[0]) == KVM_MP_STATE_RUNNABLE &&
		    vcpu_get_reg(v.vcpu[0],
				 ARM64_CORE_REG(regs.pc)) == SMCCC_ENTRY &&
		    smccc_get_x(v.vcpu[0], 0) == SMCCC_CONTEXT,
		    "vCPU 0 is not on");
	smccc_vm_free(&v);
}

/* ---- System events ---- */

/* x1-x3 are unchanged, but narrowed in SMC32. */
static void check_reset2(int version)
{
	static const u64 types[] = { 0, 1, 2, 0x7fffffff, 0x80000000,
				     0x80000001, 0xffffffff };
	struct smccc_vm v = psci_vm(version);
	u64 noise, in[3], mask;
	int i;

	for (i = 0; i < 4 * ARRAY_SIZE(types); i++) {
		noise = i & 1 ? SMCCC_NOISE : 0;
		mask = i & 2 ? ~0UL : GENMASK(31, 0);
		in[0] = types[i / 4] | noise;
		in[1] = 2 | noise;
		in[2] = FW_POISON;

		if (types[i / 4] && types[i / 4] < 0x80000000)
			expect_x0(&v, SYSTEM_RESET2 | (i & 2 ? IS_SMC64 : 0),
				  in[0], in[1], in[2], PSCI_RET_INVALID_PARAMS);
		else
			expect_call(&v, SYSTEM_RESET2 | (i & 2 ? IS_SMC64 : 0),
				    in[0], in[1], in[2],
				    .x = { PSCI_RET_INTERNAL_FAILURE,
					   in[0] & mask, in[1] & mask,
					   in[2] & mask },
				    .exit = KVM_EXIT_SYSTEM_EVENT,
				    .mp_state = KVM_MP_STATE_STOPPED,
				    .type = KVM_SYSTEM_EVENT_RESET, .ndata = 1,
				    .data = KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2);
	}
	smccc_vm_free(&v);
}

static void check_off2(int unused)
{
	static const struct {
		u64 x1;
		u64 x2;
		bool ok_32;
		bool ok_64;
	} rows[] = {
		{ 0, 0, true, true },
		{ 1, 0, true, true },
		{ 2, 0 },
		{ 3, 0 },
		{ BIT(31), 0 },
		{ 0xffffffff, 0 },
		{ 0, 1 },
		{ 1, 1 },
		{ 1, 0xffffffff },
		/* The type has 32 bits, the cookie the whole register. */
		{ UPPER_HALF, 0, true, true },
		{ 1 | BIT(32), 0, true, true },
		{ 2 | BIT(32), 0 },
		{ 0, UPPER_HALF, true, false },
		{ 1, BIT(32), true, false },
	};
	struct smccc_vm v = psci_vm(FW_PSCI_LATEST);
	const struct smccc_want refused = { .x = { PSCI_RET_INVALID_PARAMS } };
	const struct smccc_want off =
		SMCCC_EVENT(SHUTDOWN, KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2);
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		__expect_call(__LINE__, &v, SYSTEM_OFF2, rows[i].x1, rows[i].x2,
			      FW_POISON, rows[i].ok_32 ? &off : &refused);
		__expect_call(__LINE__, &v, SYSTEM_OFF2 | IS_SMC64, rows[i].x1,
			      rows[i].x2, FW_POISON,
			      rows[i].ok_64 ? &off : &refused);
	}
	smccc_vm_free(&v);
}

/* Userspace suspends the VM, or refuses with its own result. */
static void check_system_suspend(int version)
{
	u64 fn, mask, in[3] = { SMCCC_NOISE | SMCCC_ENTRY, FW_POISON, ~0UL };
	struct smccc_vm v = psci_vm(version);
	struct smccc_want want = {
		.exit = KVM_EXIT_SYSTEM_EVENT,
		.type = KVM_SYSTEM_EVENT_SUSPEND,
	};
	struct smccc_call c;
	int i, n;

	for (i = 0; i < 4; i++) {
		mask = i & 1 ? ~0UL : GENMASK(31, 0);
		fn = SYSTEM_SUSPEND | SMCCC_NOISE | (i & 1 ? IS_SMC64 : 0);
		c = smccc_call(v.vcpu[0], i & 2 ? SMCCC_SMC : SMCCC_HVC, fn,
			       in[0], in[1], in[2]);
		want.x[0] = fn;
		for (n = 0; n < 3; n++)
			want.x[n + 1] = in[n] & mask;
		__smccc_expect(__LINE__, &c, &want);
		__smccc_expect_others(__LINE__, &v, &c, false, 0, 0);

		smccc_set_x(v.vcpu[0], 0, PSCI_RET_DENIED);
		c.x[0] = PSCI_RET_DENIED;
		__smccc_go_on(__LINE__, &c);
	}
	smccc_vm_free(&v);
}

static const struct test_case cases[] = {
	{ "0.1: functions of later versions are NOT_SUPPORTED, no error leaks",
	  check_not_supported, PSCI_VERSION(0, 1) },
	{ "0.2: functions of 1.0 and of 0.1 are NOT_SUPPORTED, no error leaks",
	  check_not_supported, PSCI_VERSION(0, 2) },
	{ "1.3: functions of 0.1 are NOT_SUPPORTED, no error leaks",
	  check_not_supported, PSCI_VERSION(1, 3) },

	{ "0.1: CPU_ON has 64-bit arguments", check_cpu_on_width,
	  PSCI_VERSION(0, 1) },
	{ "0.2: CPU_ON's SMC32 narrows its arguments, SMC64 does not",
	  check_cpu_on_width, PSCI_VERSION(0, 2) },
	{ "1.3: CPU_ON's SMC32 narrows its arguments, SMC64 does not",
	  check_cpu_on_width, PSCI_VERSION(1, 3) },
	{ "0.1: CPU_ON refuses any further affinity bit, also reserved ones",
	  check_cpu_on_affinity, PSCI_VERSION(0, 1) },
	{ "0.2: CPU_ON refuses any further affinity bit, also reserved ones",
	  check_cpu_on_affinity, PSCI_VERSION(0, 2) },
	{ "1.3: CPU_ON refuses any further affinity bit, also reserved ones",
	  check_cpu_on_affinity, PSCI_VERSION(1, 3) },
	{ "0.1: CPU_ON of the caller is INVALID_PARAMS", check_cpu_on_already,
	  PSCI_VERSION(0, 1) },
	{ "0.2: CPU_ON of the caller is ALREADY_ON", check_cpu_on_already,
	  PSCI_VERSION(0, 2) },
	{ "0.2: AFFINITY_INFO by level, affinity and reserved bits",
	  check_affinity_info, PSCI_VERSION(0, 2) },
	{ "1.3: AFFINITY_INFO by level, affinity and reserved bits",
	  check_affinity_info, PSCI_VERSION(1, 3) },

	{ "CPU_SUSPEND: returns for a pending IRQ", check_suspend_pending,
	  KVM_ARM_IRQ_CPU_IRQ },
	{ "CPU_SUSPEND: returns for a pending FIQ", check_suspend_pending,
	  KVM_ARM_IRQ_CPU_FIQ },
	{ "CPU_SUSPEND: ends at a signal, HVC", check_suspend_signal,
	  SMCCC_HVC },
	{ "CPU_SUSPEND: ends at a signal, SMC", check_suspend_signal,
	  SMCCC_SMC },
	{ "0.1: CPU_OFF until CPU_ON", check_cpu_off, PSCI_VERSION(0, 1) },
	{ "0.2: CPU_OFF until CPU_ON", check_cpu_off, PSCI_VERSION(0, 2) },
	{ "1.3: CPU_OFF until CPU_ON", check_cpu_off, PSCI_VERSION(1, 3) },

	{ "1.1: SYSTEM_RESET2 by type", check_reset2, PSCI_VERSION(1, 1) },
	{ "1.3: SYSTEM_RESET2 by type", check_reset2, PSCI_VERSION(1, 3) },
	{ "1.3: SYSTEM_OFF2 by type and cookie", check_off2 },
	{ "1.0: SYSTEM_SUSPEND leaves its arguments to userspace",
	  check_system_suspend, PSCI_VERSION(1, 0) },
	{ "1.3: SYSTEM_SUSPEND leaves its arguments to userspace",
	  check_system_suspend, PSCI_VERSION(1, 3) },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
