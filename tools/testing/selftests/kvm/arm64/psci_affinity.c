// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_affinity - Which vCPU a PSCI call addresses, when userspace writes
 * MPIDR_EL1.
 *
 * KVM makes a table of the affinities when the first vCPU runs, and userspace
 * can write MPIDR_EL1 before and after that, give two vCPUs the same affinity,
 * and create vCPUs later. In each case CPU_ON turns on exactly one vCPU that
 * has the affinity at the time of the call; and AFFINITY_INFO takes all that
 * have it into account.
 *
 * What userspace has written to MPIDR_EL1 and CLIDR_EL1 is part of the machine:
 * neither CPU_ON nor KVM_ARM_VCPU_INIT resets it.
 */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/cases.h"
#include "abi/fw_guest.h"
#include "abi/psci.h"
#include "abi/reg_image.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_sysreg.h"
#include "processor.h"

#define PSCI_0_2	BIT(KVM_ARM_VCPU_PSCI_0_2)

#define ENTRY		(SMCCC_CODE_GPA + 4)
#define CONTEXT_ID	0x0affUL

#define ON		PSCI_0_2_AFFINITY_LEVEL_ON
#define OFF		PSCI_0_2_AFFINITY_LEVEL_OFF
#define INVALID		((u64)PSCI_RET_INVALID_PARAMS)

#define NR_VCPUS	5

static struct kvm_vm *vm;
static struct kvm_vcpu *vcpus[NR_VCPUS];

/* Make a VM of @nr vCPUs, none of which has run; vCPU 0 is the caller. */
static void begin(u32 nr)
{
	image_set_context("affinity");
	vm = smccc_vm_create(nr, PSCI_0_2 | BIT(KVM_ARM_VCPU_POWER_OFF), vcpus);
}

/* The first run makes the table. */
static void make_table(void)
{
	struct smccc_call c = smccc_call(vcpus[0], SMCCC_HVC,
					 ARM_SMCCC_VERSION_FUNC_ID, 0, 0, 0);

	smccc_expect(&c, .x = { ARM_SMCCC_VERSION_1_1 });
}

static void __expect_info(int line, u64 affinity, u64 level, u64 want)
{
	struct smccc_call c;

	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN64_AFFINITY_INFO,
		       affinity, level, FW_POISON);
	__smccc_expect(line, &c, &(struct smccc_want) { .x = { want } });
}

#define expect_info(...)	__expect_info(__LINE__, __VA_ARGS__)

/*
 * All of the @nr vCPUs except the caller are off. CPU_ON of @affinity turns on
 * only vCPU @who, or fails if @who is -1. They are off again in the end.
 */
static void __expect_named(int line, u32 nr, u64 affinity, int who)
{
	struct smccc_call c;
	u32 i;

	__expect_info(line, affinity, 0, who < 0 ? INVALID : OFF);
	c = smccc_call(vcpus[0], nr & 1 ? SMCCC_HVC : SMCCC_SMC,
		       PSCI_0_2_FN64_CPU_ON, affinity, ENTRY, CONTEXT_ID);
	__smccc_expect(line, &c, &(struct smccc_want) {
		.x = { who < 0 ? INVALID : PSCI_RET_SUCCESS },
	});
	/* Others with the same affinity are off, but one is enough. */
	__expect_info(line, affinity, 0, who < 0 ? INVALID : ON);

	for (i = 1; i < nr; i++)
		__psci_expect_mp_state(line, vcpus[i], i == who ?
				       KVM_MP_STATE_RUNNABLE :
				       KVM_MP_STATE_STOPPED, "CPU_ON");
	if (who < 0)
		return;

	__psci_expect_begin(line, vcpus[who], ENTRY, CONTEXT_ID);
	smccc_set_mp_state(vcpus[who], KVM_MP_STATE_STOPPED);
}

#define expect_named(...)	__expect_named(__LINE__, __VA_ARGS__)

/* ---- Affinities that are written before and after the table is made ---- */

/* The index needs so many bits that the table would not fit into a page. */
#define FAR	PSCI_AFF(0, 0xff, 0xff, 0x80)

#define KEEP	~0UL
#define END	~1UL

static const struct scenario {
	const char *name;
	/* Affinities of vCPUs 0 to 4 before and after the table is made */
	u64 before[NR_VCPUS];
	u64 after[NR_VCPUS];
	/* The vCPU that an affinity addresses, -1 for none */
	struct {
		u64 affinity;
		int who;
	} ask[8];
} scenarios[] = {
	{ "a vCPU that moves is found at its new affinity alone",
	  { 0, 1, 2, 3, 4 }, { KEEP, PSCI_AFF(0, 1, 0, 0), KEEP, KEEP, KEEP },
	  { { PSCI_AFF(0, 1, 0, 0), 1 }, { 1, -1 }, { 2, 2 }, { 4, 4 },
	    { END } } },
	{ "a vCPU that moves within Aff3 is found there",
	  { 0, 1, 2, 3, 4 },
	  { KEEP, KEEP, KEEP, KEEP, PSCI_AFF(0x80, 0, 0, 4) },
	  { { PSCI_AFF(0x80, 0, 0, 4), 4 }, { 4, -1 }, { 3, 3 }, { END } } },
	{ "two vCPUs swap their affinities",
	  { 0, 1, 2, 3, 4 }, { KEEP, 2, 1, KEEP, KEEP },
	  { { 1, 2 }, { 2, 1 }, { 3, 3 }, { END } } },
	{ "all vCPUs but the caller rotate",
	  { 0, 1, 2, 3, 4 }, { KEEP, 2, 3, 4, 1 },
	  { { 2, 1 }, { 3, 2 }, { 4, 3 }, { 1, 4 }, { END } } },
	{ "a vCPU takes the affinity that another has left",
	  { 0, 1, 2, 3, 4 }, { KEEP, 0x40, 1, KEEP, KEEP },
	  { { 0x40, 1 }, { 1, 2 }, { 2, -1 }, { END } } },
	{ "duplicate: the one that has had it since the table was made",
	  { 0, 1, 2, 3, 4 }, { KEEP, 3, KEEP, KEEP, KEEP },
	  { { 3, 3 }, { 1, -1 }, { 2, 2 }, { END } } },
	{ "duplicate: of two that moved there, the first one",
	  { 0, 1, 2, 3, 4 }, { KEEP, KEEP, 0x50, KEEP, 0x50 },
	  { { 0x50, 2 }, { 2, -1 }, { 4, -1 }, { 1, 1 }, { END } } },
	{ "duplicate: the last one, of two in the table",
	  { 0, 1, 2, 1, 4 }, { KEEP, KEEP, KEEP, KEEP, KEEP },
	  { { 1, 3 }, { 3, -1 }, { 2, 2 }, { END } } },
	{ "duplicate: the first one, if there is no table",
	  { 0, 1, 2, 1, FAR }, { KEEP, KEEP, KEEP, KEEP, KEEP },
	  { { 1, 1 }, { 3, -1 }, { FAR, 4 }, { END } } },
	{ "two vCPUs swap their affinities, if there is no table",
	  { 0, 1, 2, 3, FAR }, { KEEP, FAR, KEEP, KEEP, 1 },
	  { { 1, 4 }, { FAR, 1 }, { 3, 3 }, { END } } },
	{ "two vCPUs swap their affinities before the table is made",
	  { 0, 3, 2, 1, 4 }, { KEEP, KEEP, KEEP, KEEP, KEEP },
	  { { 1, 3 }, { 3, 1 }, { 2, 2 }, { 4, 4 }, { END } } },
};

static void set_affinities(const u64 affinities[NR_VCPUS])
{
	int i;

	for (i = 0; i < NR_VCPUS; i++) {
		if (affinities[i] != KEEP)
			psci_set_affinity(vcpus[i], affinities[i]);
	}
}

static void check_scenario(int nr)
{
	const struct scenario *s = &scenarios[nr];
	int i, round;

	begin(NR_VCPUS);
	set_affinities(s->before);
	make_table();
	set_affinities(s->after);
	/* A lookup has no effect. */
	for (round = 0; round < 2; round++) {
		for (i = 0; s->ask[i].affinity != END; i++)
			expect_named(NR_VCPUS, s->ask[i].affinity,
				     s->ask[i].who);
	}
	kvm_vm_free(vm);
}

/* The caller asks for its own current affinity. */
static void check_caller(int unused)
{
	struct smccc_call c;

	begin(NR_VCPUS);
	make_table();
	psci_set_affinity(vcpus[0], 2);
	psci_set_affinity(vcpus[2], 0);
	expect_info(2, 0, ON);
	c = smccc_call(vcpus[0], SMCCC_HVC, PSCI_0_2_FN64_CPU_ON, 2, ENTRY, 0);
	smccc_expect(&c, .x = { PSCI_RET_ALREADY_ON });
	expect_named(NR_VCPUS, 0, 2);
	kvm_vm_free(vm);
}

/* ---- vCPUs that are created after the table was made ---- */

static void init_late_vcpu(int nr)
{
	struct kvm_vcpu_init init = vcpus[0]->init;

	init.features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	vcpus[nr]->init = init;
	vcpu_ioctl(vcpus[nr], KVM_ARM_VCPU_INIT, &init);
}

static void check_created_late(int unused)
{
	begin(3);
	make_table();
	expect_named(3, 1, 1);
	expect_named(3, 3, -1);

	/* Before it is initialised, no call finds it. */
	vcpus[3] = __vm_vcpu_add(vm, 3);
	expect_info(3, 0, INVALID);
	expect_named(3, 3, -1);
	expect_named(3, 2, 2);

	init_late_vcpu(3);
	expect_named(4, 3, 3);
	expect_named(4, 1, 1);
	psci_set_affinity(vcpus[3], 0x77);
	expect_named(4, 0x77, 3);
	expect_named(4, 3, -1);
	kvm_vm_free(vm);
}

/* Its first run makes the table again. */
static void check_created_late_runs(int unused)
{
	struct smccc_call c;

	begin(3);
	make_table();
	vcpus[3] = __vm_vcpu_add(vm, 3);
	init_late_vcpu(3);
	smccc_set_mp_state(vcpus[3], KVM_MP_STATE_RUNNABLE);
	c = smccc_call(vcpus[3], SMCCC_HVC, PSCI_0_2_FN64_CPU_ON, 3, ENTRY, 0);
	if (c.err == EINVAL && smccc_has_pvms()) {
		test_skip("pKVM runs no vCPU that is created after the first run");
		kvm_vm_free(vm);
		return;
	}
	smccc_expect(&c, .x = { PSCI_RET_ALREADY_ON });
	smccc_set_mp_state(vcpus[3], KVM_MP_STATE_STOPPED);

	expect_named(4, 3, 3);
	psci_set_affinity(vcpus[3], 1);
	psci_set_affinity(vcpus[1], 3);
	expect_named(4, 1, 3);
	expect_named(4, 3, 1);
	expect_named(4, 2, 2);
	kvm_vm_free(vm);
}

/* Its initial affinity is one that another vCPU was given. */
static void check_created_late_twin(int unused)
{
	begin(3);
	psci_set_affinity(vcpus[1], 3);
	make_table();
	expect_named(3, 3, 1);
	vcpus[3] = __vm_vcpu_add(vm, 3);
	init_late_vcpu(3);
	expect_named(4, 3, 1);
	psci_set_affinity(vcpus[1], 1);
	expect_named(4, 3, 3);
	expect_named(4, 1, 1);
	kvm_vm_free(vm);
}

/* ---- What a reset keeps ---- */

static const u32 kept[] = { SYS_MPIDR_EL1, SYS_CLIDR_EL1 };

static void __expect_regs(int line, u64 mpidr, u64 clidr, const char *when)
{
	u64 now[] = { vcpu_get_reg(vcpus[1], IMAGE_SYS_REG(MPIDR_EL1)),
		      vcpu_get_reg(vcpus[1], IMAGE_SYS_REG(CLIDR_EL1)) };

	__test_expect(line, now[0] == mpidr, "%s: MPIDR_EL1 is %#lx, not %#lx",
		      when, now[0], mpidr);
	__test_expect(line, now[1] == clidr, "%s: CLIDR_EL1 is %#lx, not %#lx",
		      when, now[1], clidr);
}

#define expect_regs(...)	__expect_regs(__LINE__, __VA_ARGS__)

static void check_kept(int insn)
{
	const u64 affinity = PSCI_AFF(0, 0x12, 0x34, 0x56);
	struct smccc_call c;
	u64 mpidr, clidr;
	int i;

	begin(2);
	smccc_write_mrs(vm, kept, ARRAY_SIZE(kept));
	psci_set_affinity(vcpus[1], affinity);
	mpidr = vcpu_get_reg(vcpus[1], IMAGE_SYS_REG(MPIDR_EL1));
	/* Change the inner cache boundary. */
	clidr = vcpu_get_reg(vcpus[1], IMAGE_SYS_REG(CLIDR_EL1)) ^ BIT(30);
	vcpu_set_reg(vcpus[1], IMAGE_SYS_REG(CLIDR_EL1), clidr);
	expect_regs(mpidr, clidr, "written");

	for (i = 0; i < 3; i++) {
		c = smccc_call(vcpus[0], insn, PSCI_0_2_FN64_CPU_ON, affinity,
			       SMCCC_MRS_GPA, CONTEXT_ID);
		smccc_expect(&c, .x = { PSCI_RET_SUCCESS });
		/* The reset comes before the first access or the run. */
		if (i != 1)
			expect_regs(mpidr, clidr, "CPU_ON");

		smccc_run_mrs(vcpus[1]);
		test_expect(smccc_get_x(vcpus[1], 1) == mpidr &&
			    smccc_get_x(vcpus[1], 2) == clidr,
			    "the guest reads %#lx, %#lx, not %#lx, %#lx",
			    smccc_get_x(vcpus[1], 1), smccc_get_x(vcpus[1], 2),
			    mpidr, clidr);
		expect_regs(mpidr, clidr, "run");

		init_late_vcpu(1);
		expect_regs(mpidr, clidr, "KVM_ARM_VCPU_INIT");
	}
	kvm_vm_free(vm);
}

static const struct test_case cases[] = {
	{ "the caller is where it has moved to", check_caller },
	{ "a late vCPU is found as soon as it is initialised",
	  check_created_late },
	{ "a late vCPU that has run is found, and moves",
	  check_created_late_runs },
	{ "a late vCPU with the affinity of another one comes second",
	  check_created_late_twin },
	{ "CPU_ON by HVC and KVM_ARM_VCPU_INIT keep MPIDR_EL1 and CLIDR_EL1",
	  check_kept, SMCCC_HVC },
	{ "CPU_ON by SMC and KVM_ARM_VCPU_INIT keep MPIDR_EL1 and CLIDR_EL1",
	  check_kept, SMCCC_SMC },
};

int main(void)
{
	struct test_case c = { .run = check_scenario };

	ksft_print_header();
	test_set_plan(ARRAY_SIZE(scenarios) + ARRAY_SIZE(cases));

	for (c.arg = 0; c.arg < ARRAY_SIZE(scenarios); c.arg++) {
		c.name = scenarios[c.arg].name;
		test_run_cases(&c, 1);
	}
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
