// SPDX-License-Identifier: GPL-2.0-only
/*
 * psci_cpu_on_race - CPU_ON by several vCPUs at once, of targets that turn off
 * over and over, while userspace accesses the registers of all of them.
 *
 * Exactly one of the calls since a target turned off is successful, and the
 * target begins as this call requests: once, at its entry point, with its
 * context id, and otherwise reset. Each call has an entry point and a context
 * id that belong together, to detect a mixture of two calls, or a stale one.
 * Meanwhile a target may sleep in KVM_RUN, be interrupted by signals, or have
 * its registers read and written by userspace as soon as it is runnable.
 *
 * On a kernel with several implementations the mode changes meanwhile.
 */
#include <errno.h>
#include <linux/psci.h>
#include <time.h>

#include "abi/cases.h"
#include "abi/flip.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/psci.h"
#include "abi/psci_race.h"
#include "abi/run_alarm.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/switch.h"
#include "processor.h"

#define NR_CALLERS	2
#define NR_TARGETS	2
/* One more vCPU is off, and its registers are accessed. */
#define NR_VCPUS	(NR_CALLERS + NR_TARGETS + 1)

#define ENTRIES_PER_CALLER	(PSCI_RACE_ENTRIES / NR_CALLERS)

/* How often signals interrupt a target's KVM_RUN */
#define TARGET_ALARM_NS	3000000

/* Calls per run, and the maximum for each caller */
#define CALLS_PER_RUN	16
#define MAX_CALLS	BIT(20)

/* After the code that smccc_vm_create() has put there */
#define CODE_GPA	(SMCCC_CODE_GPA + 0x400)

static u64 code_gpa(const u8 *label)
{
	return CODE_GPA + (label - psci_race_code);
}

enum round { PSCI_1_X, PSCI_0_1 };

static const struct race {
	u32 features;
	u32 cpu_off;
	u64 already_on;
	struct {
		u64 cpu_on;
		u64 affinity_info;
		/* In the upper half of the arguments */
		u64 upper;
		u64 kept;
	} caller[NR_CALLERS];
} races[] = {
	[PSCI_1_X] = {
		BIT(KVM_ARM_VCPU_PSCI_0_2), PSCI_0_2_FN_CPU_OFF,
		PSCI_RET_ALREADY_ON, {
			{ PSCI_0_2_FN64_CPU_ON, PSCI_0_2_FN64_AFFINITY_INFO,
			  0xc0de123400000000, 0xc0de123400000000 },
			{ PSCI_0_2_FN_CPU_ON, PSCI_0_2_FN_AFFINITY_INFO,
			  PSCI_GARBAGE, 0 },
		},
	},
	[PSCI_0_1] = {
		0, KVM_PSCI_FN_CPU_OFF, PSCI_RET_INVALID_PARAMS, {
			{ KVM_PSCI_FN_CPU_ON, 0,
			  0xc0de123400000000, 0xc0de123400000000 },
			{ KVM_PSCI_FN_CPU_ON, 0,
			  0x0ff1ce5600000000, 0x0ff1ce5600000000 },
		},
	},
};

static const struct race *race;
static struct kvm_vcpu *vcpus[NR_VCPUS];

/* By caller and number of the call: the target's id, or 0 */
static u8 turned_on[NR_CALLERS][MAX_CALLS];
static u8 has_begun[NR_CALLERS][MAX_CALLS];

/* ---- Callers ---- */

static void *run_caller(void *data)
{
	struct abi_worker *w = data;
	struct kvm_random_state rng = new_kvm_random_state(w->seed);
	struct kvm_vcpu *target, *vcpu = w->vcpu;
	u64 upper = race->caller[vcpu->id].upper, nr = 1;
	bool is_32bit = upper == PSCI_GARBAGE;

	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc),
		     code_gpa(vcpu->id ? psci_race_caller_smc :
					 psci_race_caller_hvc));
	smccc_set_x(vcpu, 9, SMCCC_MMIO_GPA);
	smccc_set_x(vcpu, 19, nr);
	smccc_set_x(vcpu, 22, CODE_GPA | (is_32bit ? upper : 0));
	smccc_set_x(vcpu, 23, upper);
	smccc_set_x(vcpu, 24, race->already_on);
	smccc_set_x(vcpu, 25, 0);
	smccc_set_x(vcpu, 26, vcpu->id * ENTRIES_PER_CALLER);
	smccc_set_x(vcpu, 27, race->caller[vcpu->id].cpu_on);
	smccc_set_x(vcpu, 28, race->caller[vcpu->id].affinity_info);

	while (!abi_stopping() && nr + CALLS_PER_RUN < MAX_CALLS) {
		target = vcpus[NR_CALLERS +
			       (kvm_random_u32(&rng) >> 8) % NR_TARGETS];
		smccc_set_x(vcpu, 20, CALLS_PER_RUN);
		smccc_set_x(vcpu, 21, target->id | (is_32bit ? upper : 0));

		TEST_ASSERT(!__vcpu_run(vcpu) &&
			    vcpu->run->exit_reason == KVM_EXIT_MMIO,
			    "caller: exit %u", vcpu->run->exit_reason);
		vcpu_run_complete_io(vcpu);

		nr = smccc_get_x(vcpu, 19);
		if (!smccc_get_x(vcpu, 0))
			turned_on[vcpu->id][nr - 1] = target->id;
		TEST_ASSERT(!smccc_get_x(vcpu, 25),
			    "CPU_ON or AFFINITY_INFO returned something else");
		abi_round_done(w);
	}

	return NULL;
}

/* ---- Targets ---- */

/* Written to x5, to detect a second reset of a target */
#define MARK		0x5e75e75e7UL

/* The entry for the call that @entry and @context_id agree on */
static u8 *find_call(struct kvm_vcpu *vcpu, u64 entry, u64 context_id)
{
	u64 caller = entry / ENTRIES_PER_CALLER, nr;

	TEST_ASSERT(entry < PSCI_RACE_ENTRIES, "vCPU %u: entry %#lx", vcpu->id,
		    entry);
	nr = (u32)context_id >> 8;
	TEST_ASSERT((context_id & 0xff) == entry &&
		    nr % ENTRIES_PER_CALLER == entry % ENTRIES_PER_CALLER &&
		    context_id >> 32 == race->caller[caller].kept >> 32 &&
		    nr < MAX_CALLS,
		    "vCPU %u: entry %lu with context id %#lx", vcpu->id, entry,
		    context_id);

	return &has_begun[caller][nr];
}

/*
 * Returns whether the target was turned on and has not begun yet. A target that
 * was seen to be runnable must be reset when its registers are read.
 */
static bool look(struct kvm_vcpu *vcpu, bool expect_begin)
{
	u32 state = smccc_get_mp_state(vcpu);
	u64 pc = psci_get_pc(vcpu);
	u64 x0 = smccc_get_x(vcpu, 0);

	if (pc >= CODE_GPA && pc < code_gpa(psci_race_target) && !(pc & 7)) {
		find_call(vcpu, (pc - CODE_GPA) / 8, x0);
		return true;
	}

	TEST_ASSERT(state != KVM_MP_STATE_RUNNABLE ||
		    (!expect_begin && pc >= CODE_GPA &&
		     pc < code_gpa(psci_race_off)),
		    "vCPU %u is runnable at %#lx", vcpu->id, pc);
	return false;
}

/* The target has begun, and has stored its entry's number. */
static void note_begin(struct kvm_vcpu *vcpu, u64 mark)
{
	struct kvm_run *run = vcpu->run;
	u64 val;
	u8 *call;
	int i;

	TEST_ASSERT(run->exit_reason == KVM_EXIT_MMIO && !run->mmio.phys_addr,
		    "vCPU %u: exit %u", vcpu->id, run->exit_reason);
	vcpu_run_complete_io(vcpu);
	TEST_ASSERT_EQ(psci_get_pc(vcpu), code_gpa(psci_race_target_stored));

	call = find_call(vcpu, *(u32 *)run->mmio.data, smccc_get_x(vcpu, 0));
	TEST_ASSERT(!*call, "vCPU %u begins twice by one call", vcpu->id);
	*call = vcpu->id;

	for (i = 2; i < 31; i++) {
		val = smccc_get_x(vcpu, i);
		TEST_ASSERT(val == (i == 5 ? mark : 0),
			    "vCPU %u begins with x%d %#lx", vcpu->id, i, val);
	}
}

/* Turn the target off, and access its registers until it is turned on. */
static u64 poll_registers(struct kvm_vcpu *vcpu)
{
	smccc_set_mp_state(vcpu, KVM_MP_STATE_STOPPED);

	while (!look(vcpu, true)) {
		if (abi_stopping())
			return 0;
		smccc_set_x(vcpu, 30, 0);
	}

	psci_expect_mp_state(vcpu, KVM_MP_STATE_RUNNABLE, "turned on");
	smccc_set_x(vcpu, 5, MARK);
	return MARK;
}

static void *run_target(void *data)
{
	struct abi_worker *w = data;
	struct kvm_random_state rng = new_kvm_random_state(w->seed);
	struct kvm_vcpu *vcpu = w->vcpu;
	timer_t timer = run_alarm_create();
	u64 mark = 0;

	run_alarm_set(timer, TARGET_ALARM_NS);
	/* At the end run until it is off: no successful call is pending. */
	while (!abi_stopping() ||
	       smccc_get_mp_state(vcpu) != KVM_MP_STATE_STOPPED) {
		if (__vcpu_run(vcpu)) {
			TEST_ASSERT_EQ(errno, EINTR);
			look(vcpu, false);
			continue;
		}

		note_begin(vcpu, mark);
		mark = 0;
		abi_round_done(w);

		switch ((kvm_random_u32(&rng) >> 8) % 3) {
		case 0:		/* CPU_OFF, within KVM_RUN */
			break;
		case 1:		/* off before KVM_RUN */
			smccc_set_mp_state(vcpu, KVM_MP_STATE_STOPPED);
			break;
		case 2:
			mark = poll_registers(vcpu);
			break;
		}
	}

	timer_delete(timer);
	return NULL;
}

/* ---- Userspace, on a vCPU that does not run ---- */

static void *access_registers(void *data)
{
	struct kvm_vcpu *vcpu = data;
	u64 bmap = vcpu_get_reg(vcpu, KVM_REG_ARM_STD_BMAP), i, version;

	for (i = 0; !abi_stopping(); i++) {
		version = race->features ?
			  fw_psci_versions[i % FW_NR_PSCI_VERSIONS] :
			  PSCI_VERSION(0, 1);
		vcpu_set_reg(vcpu, KVM_REG_ARM_PSCI_VERSION, version);
		TEST_ASSERT_EQ(vcpu_get_reg(vcpu, KVM_REG_ARM_PSCI_VERSION),
			       version);

		TEST_ASSERT_EQ(one_reg_set(vcpu, KVM_REG_ARM_STD_BMAP, bmap),
			       0);
		smccc_set_x(vcpu, i % 31, i);
		TEST_ASSERT_EQ(smccc_get_x(vcpu, i % 31), i);
		TEST_ASSERT_EQ(smccc_get_mp_state(vcpu), KVM_MP_STATE_STOPPED);
		if (i % 16)
			continue;
		vcpu_ioctl(vcpu, KVM_ARM_VCPU_INIT, &vcpu->init);
		/* Leave the CPUs to the guest most of the time */
		usleep(500);
	}

	return NULL;
}

/* ---- All of them ---- */

/* Run a target that was turned on after its thread has ended. */
static void let_begin(struct kvm_vcpu *vcpu)
{
	struct abi_worker w = { .vcpu = vcpu, .seed = 1 };

	if (smccc_get_mp_state(vcpu) == KVM_MP_STATE_STOPPED)
		return;

	run_target(&w);
	psci_expect_mp_state(vcpu, KVM_MP_STATE_STOPPED, "in the end");
}

static void check_race(int which)
{
	unsigned long nr_begun = 0, nr_won[NR_CALLERS] = {};
	pthread_t accessor;
	struct kvm_vm *vm;
	int i, nr;
	u8 *code;

	race = &races[which];
	memset(turned_on, 0, sizeof(turned_on));
	memset(has_begun, 0, sizeof(has_begun));

	vm = psci_vm_create(NR_VCPUS, race->features, vcpus);
	code = addr_gpa2hva(vm, CODE_GPA);
	memcpy(code, psci_race_code, psci_race_code_end - psci_race_code);
	memcpy(code + (psci_race_off - psci_race_code), &race->cpu_off,
	       sizeof(u32));

	/* The first two vCPUs make the calls, the next two are the targets. */
	smccc_set_mp_state(vcpus[1], KVM_MP_STATE_RUNNABLE);
	for (i = 0; i < NR_CALLERS; i++)
		abi_start_worker(i, run_caller, vcpus[i]);
	for (; i < NR_CALLERS + NR_TARGETS; i++) {
		TEST_ASSERT_EQ(psci_affinity(vcpus[i]), vcpus[i]->id);
		abi_start_worker(i, run_target, vcpus[i]);
	}
	kvm_pthread_create(&accessor, NULL, access_registers, vcpus[i]);
	abi_flip_and_join(i);
	kvm_pthread_join(accessor, NULL);
	for (i = NR_CALLERS; i < NR_CALLERS + NR_TARGETS; i++)
		let_begin(vcpus[i]);

	for (i = 0; i < NR_CALLERS; i++) {
		for (nr = 0; nr < MAX_CALLS; nr++) {
			test_expect(turned_on[i][nr] == has_begun[i][nr],
				    "call %d of caller %d turned on vCPU %u, and vCPU %u began",
				    nr, i, turned_on[i][nr], has_begun[i][nr]);
			nr_won[i] += !!turned_on[i][nr];
			nr_begun += !!has_begun[i][nr];
		}
	}
	test_expect(nr_begun > 0, "no target began");
	ksft_print_msg("%lu times turned on, %lu and %lu by each caller\n",
		       nr_begun, nr_won[0], nr_won[1]);
	kvm_vm_free(vm);
}

/* ---- Which implementation served the calls ---- */

static struct abi_stats smccc_before;

static void check_smccc_stats(int unused)
{
	struct abi_stats now;

	if (!abi_present()) {
		test_skip("this kernel has one implementation");
		return;
	}

	now = abi_read_surface("smccc");
	test_expect(now.c > smccc_before.c, "c served no hypercall");
	test_expect(now.rust > smccc_before.rust, "rust served no hypercall");
	test_expect(now.mismatches == smccc_before.mismatches, "%lu mismatches",
		    now.mismatches - smccc_before.mismatches);
}

static const struct test_case cases[] = {
	{ "32-bit and 64-bit CPU_ON: each success begins the target once",
	  check_race, PSCI_1_X },
	{ "PSCI 0.1: each success begins the target once",
	  check_race, PSCI_0_1 },
	{ "32-bit and 64-bit CPU_ON again", check_race, PSCI_1_X },
	{ "switch: C and Rust both served hypercalls", check_smccc_stats },
	{ "switch: no mismatch, C and Rust served calls, mode restored",
	  abi_check_stats },
};

int main(void)
{
	smccc_catch(SIGALRM);
	ksft_print_header();

	if (abi_begin())
		smccc_before = abi_read_surface("smccc");

	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));

	test_finished();
}
