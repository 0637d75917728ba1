// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_vcpu_states - PSCI's CPU_OFF and AFFINITY_INFO, and that they and
 * KVM_SET_MP_STATE, KVM_ARM_VCPU_INIT and CPU_ON agree on which vCPUs are on.
 *
 * A vCPU is off if its state is KVM_MP_STATE_STOPPED, and on otherwise, even if
 * it is suspended or has never run. AFFINITY_INFO is asked about the vCPUs that
 * share the affinity fields from a level on: one that is on is enough for ON.
 *
 * psci_cpu_on tests the state in which a vCPU that is turned on begins.
 */
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"

#define ENTRY		(SMCCC_CODE_GPA + 4)
#define CONTEXT_ID	0x5111UL

#define ON		PSCI_0_2_AFFINITY_LEVEL_ON
#define OFF		PSCI_0_2_AFFINITY_LEVEL_OFF
#define INVALID		((u64)PSCI_RET_INVALID_PARAMS)

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

#define NR_VCPUS	4

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];

static void begin(u32 features)
{
	vm = psci_vm_create(NR_VCPUS, features, vcpus);
	image_set_context("PSCI");
}

static void end(void)
{
	kvm_vm_free(vm);
}

/* ---- AFFINITY_INFO ---- */

static void __expect_info(int line, u32 fn, u64 affinity, u64 level, u64 want)
{
	struct smccc_call c;

	/* x3 is not an argument. */
	c = smccc_call(vcpus[0], SMCCC_HVC, fn, affinity, level, FW_POISON);
	__smccc_expect(line, &c, &(struct smccc_want) { .x = { want } });
	c = smccc_call(vcpus[0], SMCCC_SMC, fn, affinity, level, ~0UL);
	__smccc_expect(line, &c, &(struct smccc_want) { .x = { want } });
}

/* In both forms, with garbage in the upper halves of the 32-bit form */
static void __expect_affinity(int line, u64 affinity, u64 level, u64 want)
{
	__expect_info(line, PSCI_0_2_FN64_AFFINITY_INFO, affinity, level, want);
	if (affinity >> 32 || level >> 32)
		return;
	__expect_info(line, PSCI_0_2_FN_AFFINITY_INFO, affinity, level, want);
	__expect_info(line, PSCI_0_2_FN_AFFINITY_INFO, affinity | PSCI_GARBAGE,
		      level | PSCI_GARBAGE, want);
}

#define expect_affinity(...)	__expect_affinity(__LINE__, __VA_ARGS__)

static void __expect_power(int line, struct kvm_vcpu *vcpu, u64 want)
{
	__expect_affinity(line, psci_affinity(vcpu), 0, want);
}

#define expect_power(...)	__expect_power(__LINE__, __VA_ARGS__)

static void set_state(int nr, u32 state)
{
	smccc_set_mp_state(vcpus[nr], state);
}

static void check_level_0(int unused)
{
	int i;

	begin(PSCI_0_2);
	expect_power(vcpus[0], ON);
	for (i = 1; i < NR_VCPUS; i++) {
		expect_power(vcpus[i], OFF);
		set_state(i, KVM_MP_STATE_RUNNABLE);
		expect_power(vcpus[i], ON);
		set_state(i, KVM_MP_STATE_SUSPENDED);
		expect_power(vcpus[i], ON);
		set_state(i, KVM_MP_STATE_STOPPED);
		expect_power(vcpus[i], OFF);
	}
	expect_power(vcpus[0], ON);

	for (i = NR_VCPUS; i <= 0xff; i++)
		expect_affinity(i, 0, INVALID);
	end();
}

/* Two clusters at this level; the second one has vCPUs 2 and 3. */
static void check_levels(int level)
{
	u64 bit = BIT(level < 3 ? 8 * level : 32);
	u64 below = level < 3 ? bit - 1 : PSCI_AFF(0, 0xff, 0xff, 0xff);
	u64 other;
	int l;

	begin(PSCI_0_2);
	psci_set_affinity(vcpus[2], bit * 0x81);
	psci_set_affinity(vcpus[3], bit * 0x81 | 1);
	other = psci_affinity(vcpus[2]);

	/* The first cluster is on, due to the caller; the second one is off. */
	expect_affinity(0, level, ON);
	expect_affinity(other, level, OFF);
	/* Fields below the level are ignored, reserved bits are not. */
	expect_affinity(below, level, ON);
	expect_affinity(other | below, level, OFF);
	expect_affinity(other | BIT(24), level, INVALID);
	/* A cluster that differs in a single bit does not exist. */
	for (l = 0; l < 8; l++)
		expect_affinity(other ^ bit << l, level, INVALID);

	set_state(3, KVM_MP_STATE_RUNNABLE);
	expect_affinity(other, level, ON);
	set_state(2, KVM_MP_STATE_SUSPENDED);
	set_state(3, KVM_MP_STATE_STOPPED);
	expect_affinity(other, level, ON);
	set_state(2, KVM_MP_STATE_STOPPED);
	expect_affinity(other, level, OFF);

	/* Levels below distinguish the clusters, levels above do not. */
	for (l = 0; l <= 3; l++)
		expect_affinity(other, l, l <= level ? OFF : ON);
	/* vCPU 1 alone is off, though its cluster is on. */
	expect_affinity(1, 0, OFF);
	expect_affinity(1, level, ON);
	end();
}

static void check_reserved_bits(int unused)
{
	int bit, level;

	begin(PSCI_0_2);
	for (level = 0; level <= 3; level++) {
		for (bit = 0; bit < 64; bit++) {
			if (BIT(bit) & PSCI_AFFINITY)
				continue;
			expect_affinity(BIT(bit), level, INVALID);
		}
		expect_affinity(vcpu_get_reg(vcpus[0],
					     IMAGE_SYS_REG(MPIDR_EL1)),
				level, INVALID);
		expect_affinity(~0UL, level, INVALID);
		expect_affinity(-1U, level, INVALID);
		expect_affinity(~PSCI_AFFINITY, level, INVALID);
	}
	end();
}

static void check_bad_levels(int unused)
{
	int bit, level;

	begin(PSCI_0_2);
	for (level = 4; level <= 0x100; level++)
		expect_affinity(0, level, INVALID);
	for (bit = 2; bit < 64; bit++) {
		expect_affinity(0, BIT(bit), INVALID);
		expect_affinity(0, BIT(bit) | 3, INVALID);
	}
	expect_affinity(0, -1U, INVALID);
	expect_affinity(0, -1UL, INVALID);
	expect_affinity(0, 3, ON);
	end();
}

/* ---- CPU_OFF ---- */

static const struct {
	u32 features;
	u32 off;
	u32 on;
	u32 other_form;
} calls[] = {
	{ PSCI_0_2, PSCI_0_2_FN_CPU_OFF, PSCI_0_2_FN64_CPU_ON,
	  PSCI_0_2_FN_CPU_OFF | PSCI_0_2_64BIT },
	{ 0, KVM_PSCI_FN_CPU_OFF, KVM_PSCI_FN_CPU_ON, PSCI_0_2_FN_CPU_OFF },
};

/* The vCPU turns itself off. Its KVM_RUN continues until there is a signal. */
static void __expect_cpu_off(int line, struct kvm_vcpu *vcpu,
			     enum smccc_insn insn, u32 fn)
{
	struct smccc_call c;

	c = smccc_call_blocking(vcpu, insn, fn, FW_POISON, FW_POISON,
				FW_POISON);
	__smccc_expect(line, &c, &(struct smccc_want) {
		.x = { PSCI_RET_SUCCESS },
		.exit = KVM_EXIT_INTR,
		.mp_state = KVM_MP_STATE_STOPPED,
	});

	/* It does not go on when KVM_RUN is called again either. */
	smccc_call_run_blocking(&c);
	__smccc_expect(line, &c, &(struct smccc_want) {
		.x = { PSCI_RET_SUCCESS },
		.exit = KVM_EXIT_INTR,
		.mp_state = KVM_MP_STATE_STOPPED,
	});
}

#define expect_cpu_off(...)	__expect_cpu_off(__LINE__, __VA_ARGS__)

static void expect_cpu_on(int which, struct kvm_vcpu *vcpu, u64 entry, u64 want)
{
	struct smccc_call c;

	c = smccc_call(vcpus[0], SMCCC_HVC, calls[which].on,
		       psci_affinity(vcpu), entry, CONTEXT_ID);
	smccc_expect(&c, .x = { want });
}

static void check_off_and_on(int which)
{
	u64 entry = ENTRY;
	int i, insn;

	begin(calls[which].features);
	set_state(1, KVM_MP_STATE_RUNNABLE);

	for (i = 0; i < 4; i++, entry += 8) {
		insn = i % 2 ? SMCCC_SMC : SMCCC_HVC;
		expect_cpu_off(vcpus[1], insn, calls[which].off);
		psci_expect_mp_state(vcpus[0], KVM_MP_STATE_RUNNABLE, "caller");
		psci_expect_mp_state(vcpus[2], KVM_MP_STATE_STOPPED, "another");
		if (calls[which].features)
			expect_power(vcpus[1], OFF);

		expect_cpu_on(which, vcpus[1], entry, PSCI_RET_SUCCESS);
		psci_expect_mp_state(vcpus[1], KVM_MP_STATE_RUNNABLE, "on");
		psci_expect_begin(vcpus[1], entry, CONTEXT_ID);
		if (calls[which].features)
			expect_power(vcpus[1], ON);
	}
	end();
}

/* Userspace turns the vCPU on again: it goes on after its call. */
static void check_off_undone(int which)
{
	struct smccc_call c;

	begin(calls[which].features);
	c = smccc_call_blocking(vcpus[0], SMCCC_SMC, calls[which].off,
				FW_POISON, FW_POISON, FW_POISON);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS }, .exit = KVM_EXIT_INTR,
		     .mp_state = KVM_MP_STATE_STOPPED);
	set_state(0, KVM_MP_STATE_RUNNABLE);
	smccc_call_run(&c);
	smccc_expect(&c, .x = { PSCI_RET_SUCCESS });

	/* It is on, without a reset. */
	expect_cpu_on(which, vcpus[0], ENTRY, calls[which].features ?
		      PSCI_RET_ALREADY_ON : PSCI_RET_INVALID_PARAMS);
	end();
}

/* CPU_OFF has no 64-bit form, and PSCI 0.1 lacks the later ids. */
static void check_off_other_form(int which)
{
	struct smccc_call c;
	int insn;

	begin(calls[which].features);
	for (insn = SMCCC_HVC; insn <= SMCCC_SMC; insn++) {
		c = smccc_call(vcpus[0], insn, calls[which].other_form, 0, 0,
			       0);
		smccc_expect_refused(&c);
	}
	end();
}

/* ---- Userspace ---- */

static void check_created_off(int which)
{
	int i;

	begin(calls[which].features);
	for (i = 1; i < NR_VCPUS; i++) {
		psci_expect_mp_state(vcpus[i], KVM_MP_STATE_STOPPED, "created");
		expect_cpu_on(which, vcpus[i], ENTRY, PSCI_RET_SUCCESS);
		psci_expect_mp_state(vcpus[i], KVM_MP_STATE_RUNNABLE, "on");
	}
	end();
}

/* A reset by userspace, with or without POWER_OFF */
static void check_initialised_again(int which)
{
	struct kvm_vcpu_init init;

	begin(calls[which].features);
	expect_cpu_on(which, vcpus[1], ENTRY, PSCI_RET_SUCCESS);
	psci_expect_begin(vcpus[1], ENTRY, CONTEXT_ID);

	init = vcpus[1]->init;
	init.features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	vcpu_ioctl(vcpus[1], KVM_ARM_VCPU_INIT, &init);
	psci_expect_mp_state(vcpus[1], KVM_MP_STATE_STOPPED, "INIT");
	psci_expect_begin(vcpus[1], 0, 0);
	expect_cpu_on(which, vcpus[1], ENTRY + 8, PSCI_RET_SUCCESS);
	psci_expect_begin(vcpus[1], ENTRY + 8, CONTEXT_ID);

	init.features[0] &= ~BIT(KVM_ARM_VCPU_POWER_OFF);
	vcpu_ioctl(vcpus[1], KVM_ARM_VCPU_INIT, &init);
	psci_expect_mp_state(vcpus[1], KVM_MP_STATE_RUNNABLE, "INIT");
	expect_cpu_on(which, vcpus[1], ENTRY, calls[which].features ?
		      PSCI_RET_ALREADY_ON : PSCI_RET_INVALID_PARAMS);
	psci_expect_begin(vcpus[1], 0, 0);
	end();
}

static void check_states_set(int which)
{
	begin(calls[which].features);
	set_state(1, KVM_MP_STATE_RUNNABLE);
	set_state(1, KVM_MP_STATE_STOPPED);
	expect_cpu_on(which, vcpus[1], ENTRY, PSCI_RET_SUCCESS);

	/* Setting the state to on again does not cancel the reset. */
	set_state(1, KVM_MP_STATE_RUNNABLE);
	psci_expect_begin(vcpus[1], ENTRY, CONTEXT_ID);

	set_state(1, KVM_MP_STATE_SUSPENDED);
	psci_expect_begin(vcpus[1], ENTRY, CONTEXT_ID);
	set_state(1, KVM_MP_STATE_STOPPED);
	expect_cpu_on(which, vcpus[1], ENTRY + 8, PSCI_RET_SUCCESS);
	set_state(1, KVM_MP_STATE_SUSPENDED);
	psci_expect_begin(vcpus[1], ENTRY + 8, CONTEXT_ID);
	end();
}

/* The vCPU with the same number in another VM */
static void check_other_vm(int which)
{
	struct kvm_vcpu *others[NR_VCPUS];
	struct kvm_vm *other;
	int i;

	other = psci_vm_create(NR_VCPUS, calls[which].features, others);
	begin(calls[which].features);
	for (i = 1; i < NR_VCPUS; i++)
		expect_cpu_on(which, vcpus[i], ENTRY, PSCI_RET_SUCCESS);
	expect_cpu_off(vcpus[0], SMCCC_HVC, calls[which].off);

	psci_expect_mp_state(others[0], KVM_MP_STATE_RUNNABLE, "another VM");
	for (i = 1; i < NR_VCPUS; i++)
		psci_expect_mp_state(others[i], KVM_MP_STATE_STOPPED,
				     "another VM");
	end();
	kvm_vm_free(other);
}

static const struct test_case cases[] = {
	{ "AFFINITY_INFO: ON, OFF or INVALID_PARAMS for one CPU",
	  check_level_0 },
	{ "AFFINITY_INFO: level 1, clusters in Aff1", check_levels, 1 },
	{ "AFFINITY_INFO: level 2, clusters in Aff2", check_levels, 2 },
	{ "AFFINITY_INFO: level 3, clusters in Aff3", check_levels, 3 },
	{ "AFFINITY_INFO: any reserved bit of the affinity is INVALID_PARAMS",
	  check_reserved_bits },
	{ "AFFINITY_INFO: any level above 3 is INVALID_PARAMS",
	  check_bad_levels },

	{ "CPU_OFF: off, and on again with a new entry", check_off_and_on, 0 },
	{ "CPU_OFF: userspace makes it runnable, it returns SUCCESS",
	  check_off_undone, 0 },
	{ "CPU_OFF: there is no 64-bit form", check_off_other_form, 0 },
	{ "userspace: a vCPU is created off, and turned on by CPU_ON",
	  check_created_off, 0 },
	{ "userspace: KVM_ARM_VCPU_INIT turns off and on",
	  check_initialised_again, 0 },
	{ "userspace: KVM_SET_MP_STATE does not lose a reset by CPU_ON",
	  check_states_set, 0 },
	{ "another VM is not affected", check_other_vm, 0 },

	{ "PSCI 0.1: CPU_OFF, and on again", check_off_and_on, 1 },
	{ "PSCI 0.1: userspace makes it runnable", check_off_undone, 1 },
	{ "PSCI 0.1: ids of later versions", check_off_other_form, 1 },
	{ "PSCI 0.1: a vCPU is created off", check_created_off, 1 },
	{ "PSCI 0.1: KVM_ARM_VCPU_INIT", check_initialised_again, 1 },
	{ "PSCI 0.1: KVM_SET_MP_STATE", check_states_set, 1 },
	{ "PSCI 0.1: another VM is not affected", check_other_vm, 1 },
};

int main(void)
{
	ksft_print_header();
	test_set_plan(ARRAY_SIZE(cases));

	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
