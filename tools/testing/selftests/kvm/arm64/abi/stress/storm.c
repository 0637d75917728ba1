// SPDX-License-Identifier: GPL-2.0-only
/* Storms of CPU_ON */
#include <linux/psci.h>
#include <time.h>

#include "abi/fw_reg.h"
#include "abi/psci.h"
#include "abi/psci_race.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "processor.h"
#include "storm.h"
#include "thread.h"
#include "vm.h"

#define NR_STORM_VCPUS	4
/* One more vCPU is off; its registers are accessed. */
#define STORM_VCPUS	(NR_STORM_VCPUS + 1)

/* Calls per run, and the maximum for each vCPU */
#define STORM_CALLS	8
#define STORM_MAX_CALLS	BIT(15)

/* The last of the vCPUs makes 32-bit calls, if there are any. */
#define STORM_32BIT	(NR_STORM_VCPUS - 1)

/* After the code that smccc_vm_create_empty() has put there */
#define STORM_GPA	(SMCCC_CODE_GPA + 0x400)

struct storm;

struct storm_vcpu {
	struct storm *storm;
	struct kvm_vcpu *vcpu;
	struct stress_thread *thread;
	/* The number of its next call */
	u64 nr;
	/* By number of the call: 1 + the target's id, or 0 */
	u8 turned_on[STORM_MAX_CALLS];
	u8 has_begun[STORM_MAX_CALLS];
};

struct storm {
	struct stress_vm *v;
	struct stress_writer writer;
	struct storm_vcpu vcpus[NR_STORM_VCPUS];
	u32 cpu_off;
};

static u64 storm_gpa(const u8 *label)
{
	return STORM_GPA + (label - psci_race_code);
}

static bool storm_is_32bit(const struct storm_vcpu *s)
{
	return s->storm->v->psci_0_2 && s->vcpu->id == STORM_32BIT;
}

/* The upper half of a context id identifies the caller. */
static u64 storm_upper(const struct storm_vcpu *s)
{
	return storm_is_32bit(s) ? PSCI_GARBAGE : (s->vcpu->id + 1UL) << 32;
}

/* ---- Turning others on ---- */

/* False if it was interrupted. */
static bool storm_run(struct storm_vcpu *s)
{
	int ret;

	stress_step();
	ret = __vcpu_run(s->vcpu);
	TEST_ASSERT(!ret || errno == EINTR, "KVM_RUN: %s", strerror(errno));
	stress_set_flag(&s->storm->v->ran);
	return !ret;
}

static void storm_call_others(struct storm_vcpu *s)
{
	bool psci_0_2 = s->storm->v->psci_0_2, is_32bit = storm_is_32bit(s);
	u64 upper = storm_upper(s), id = s->vcpu->id, target;
	struct kvm_vcpu *vcpu = s->vcpu;

	/* Neither the first vCPU, which is always on, nor the caller itself */
	do {
		target = 1 + stress_random(NR_STORM_VCPUS - 1);
	} while (target == id);

	stress_step();
	vcpu_set_reg(vcpu, ARM64_CORE_REG(regs.pc),
		     storm_gpa(id & 1 ? psci_race_caller_smc :
					psci_race_caller_hvc));
	smccc_set_x(vcpu, 9, SMCCC_MMIO_GPA);
	smccc_set_x(vcpu, 19, s->nr);
	smccc_set_x(vcpu, 20, STORM_CALLS);
	smccc_set_x(vcpu, 21, target | (is_32bit ? upper : 0));
	smccc_set_x(vcpu, 22, STORM_GPA | (is_32bit ? upper : 0));
	smccc_set_x(vcpu, 23, upper);
	smccc_set_x(vcpu, 24, psci_0_2 ? PSCI_RET_ALREADY_ON :
					 PSCI_RET_INVALID_PARAMS);
	smccc_set_x(vcpu, 25, 0);
	smccc_set_x(vcpu, 26, (id & 1) * PSCI_RACE_ENTRIES / 2);
	smccc_set_x(vcpu, 27, !psci_0_2 ? KVM_PSCI_FN_CPU_ON :
			      is_32bit ? PSCI_0_2_FN_CPU_ON :
					 PSCI_0_2_FN64_CPU_ON);
	smccc_set_x(vcpu, 28, !psci_0_2 ? 0 :
			      is_32bit ? PSCI_0_2_FN_AFFINITY_INFO :
					 PSCI_0_2_FN64_AFFINITY_INFO);

	while (!storm_run(s))
		;
	TEST_ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_MMIO);
	vcpu_run_complete_io(vcpu);

	s->nr = smccc_get_x(vcpu, 19);
	TEST_ASSERT(s->nr < STORM_MAX_CALLS, "%lu calls", s->nr);
	TEST_ASSERT(!smccc_get_x(vcpu, 25),
		    "CPU_ON or AFFINITY_INFO returned something else");
	if (!smccc_get_x(vcpu, 0))
		s->turned_on[s->nr - 1] = 1 + target;
}

/* ---- Being turned on ---- */

/* Find the call to which both the entry point and the context id belong. */
static u8 *storm_find_call(struct storm *storm, u64 entry, u64 context_id)
{
	u64 who = context_id >> 32, nr = (u32)context_id >> 8;
	u64 caller = who ? who - 1 : STORM_32BIT;

	TEST_ASSERT(caller < NR_STORM_VCPUS && nr < STORM_MAX_CALLS &&
		    (who != 0) != storm_is_32bit(&storm->vcpus[caller]) &&
		    (context_id & 0xff) == entry &&
		    entry == nr % 64 + (caller & 1) * PSCI_RACE_ENTRIES / 2,
		    "entry %lu with context id %#lx", entry, context_id);

	return &storm->vcpus[caller].has_begun[nr];
}

/* The vCPU has begun, and has stored its entry's number. */
static void storm_begin(struct storm_vcpu *s)
{
	struct kvm_run *run = s->vcpu->run;
	u8 *call;
	int i;

	TEST_ASSERT(run->exit_reason == KVM_EXIT_MMIO && !run->mmio.phys_addr,
		    "vCPU %u: exit %u at %#llx", s->vcpu->id, run->exit_reason,
		    run->mmio.phys_addr);
	vcpu_run_complete_io(s->vcpu);
	TEST_ASSERT_EQ(psci_get_pc(s->vcpu),
		       storm_gpa(psci_race_target_stored));

	call = storm_find_call(s->storm, *(u32 *)run->mmio.data,
			       smccc_get_x(s->vcpu, 0));
	TEST_ASSERT(!*call, "vCPU %u begins twice by one call", s->vcpu->id);
	*call = 1 + s->vcpu->id;
	for (i = 2; i < 31; i++)
		TEST_ASSERT(!smccc_get_x(s->vcpu, i),
			    "vCPU %u begins with x%d %#lx", s->vcpu->id, i,
			    smccc_get_x(s->vcpu, i));
	stress_saw(begun);
}

/* The vCPU is off, or about to begin: then with the values of one call. */
static void storm_look(struct storm_vcpu *s)
{
	u64 pc = psci_get_pc(s->vcpu), x0 = smccc_get_x(s->vcpu, 0);

	stress_step();
	if (pc >= STORM_GPA && pc < storm_gpa(psci_race_target))
		storm_find_call(s->storm, (pc - STORM_GPA) / 8, x0);
}

static void storm_turn_off(struct storm_vcpu *s)
{
	if (stress_one_in(3)) {
		smccc_set_mp_state(s->vcpu, KVM_MP_STATE_STOPPED);
		if (stress_one_in(2))
			storm_look(s);
		return;
	}

	/* CPU_OFF, within the next KVM_RUN */
	vcpu_set_reg(s->vcpu, ARM64_CORE_REG(regs.pc),
		     storm_gpa(psci_race_target_stored));
	smccc_set_x(s->vcpu, 9, 0);
}

static bool storm_may_call(const struct storm_vcpu *s)
{
	return !stress_get_flag(&s->storm->v->stop) &&
	       s->nr + STORM_CALLS < STORM_MAX_CALLS;
}

static void storm_vcpu_run(void *arg)
{
	struct storm_vcpu *s = arg;
	int n;

	/* KVM_RUN of a vCPU that is off also counts as a run. */
	stress_set_flag(&s->storm->v->started);

	if (!s->vcpu->id) {
		while (storm_may_call(s))
			storm_call_others(s);
		return;
	}

	/* At the end run until it is off: no successful call is pending. */
	while (!stress_get_flag(&s->storm->v->stop) ||
	       smccc_get_mp_state(s->vcpu) != KVM_MP_STATE_STOPPED) {
		if (!storm_run(s)) {
			if (stress_one_in(4))
				storm_look(s);
			continue;
		}

		storm_begin(s);
		for (n = stress_random(4); n && storm_may_call(s); n--)
			storm_call_others(s);
		storm_turn_off(s);
	}
}

/* ---- Userspace, on a vCPU that does not run, and on the others ---- */

static void storm_write(void *arg)
{
	struct storm *storm = arg;
	struct stress_vm *v = storm->v;
	int i;

	while (!stress_get_flag(&v->stop)) {
		for (i = 0; i < 8; i++)
			stress_access(&storm->writer);
		stress_look(v, v->vcpus[stress_random(STORM_VCPUS)]);
		smccc_set_filter(v->vm, FILTER_FREE, 1, FILTER_DENY);
		usleep(stress_random(400));
	}
}

/* Run a vCPU that was turned on after its thread has ended. */
static void storm_finish(struct storm_vcpu *s)
{
	if (s->vcpu->id &&
	    smccc_get_mp_state(s->vcpu) == KVM_MP_STATE_RUNNABLE) {
		TEST_ASSERT(storm_run(s), "Interrupted");
		storm_begin(s);
	}
}

void stress_storm_on_signal(int sig)
{
}

void stress_storm(unsigned int ms)
{
	struct storm *storm = calloc(1, sizeof(*storm));
	struct stress_thread *writer;
	struct stress_vm *v;
	struct timespec start;
	int i, nr;
	u8 *code;

	v = stress_vm_create(STORM_VCPUS, BIT(KVM_ARM_VCPU_POWER_OFF));
	storm->v = v;
	storm->cpu_off = v->psci_0_2 ? PSCI_0_2_FN_CPU_OFF : KVM_PSCI_FN_CPU_OFF;
	code = addr_gpa2hva(v->vm, STORM_GPA);
	memcpy(code, psci_race_code, psci_race_code_end - psci_race_code);
	memcpy(code + (psci_race_off - psci_race_code), &storm->cpu_off,
	       sizeof(u32));

	storm->writer = stress_writer(v, v->vcpus[NR_STORM_VCPUS],
				      GENMASK(NR_FW_REGS - 1, 0));
	writer = stress_start("storm writer", stress_random(~0U), storm_write,
			      storm);
	for (i = 0; i < NR_STORM_VCPUS; i++) {
		storm->vcpus[i].storm = storm;
		storm->vcpus[i].vcpu = v->vcpus[i];
		storm->vcpus[i].nr = 1;
		TEST_ASSERT_EQ(psci_affinity(v->vcpus[i]), i);
		storm->vcpus[i].thread = stress_start("storm vCPU",
						      stress_random(~0U),
						      storm_vcpu_run,
						      &storm->vcpus[i]);
	}

	/* Signals interrupt KVM_RUN, and end it for a vCPU that stays off. */
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (nr = 0; nr < NR_STORM_VCPUS;) {
		stress_step();
		usleep(500 + stress_random(3000));
		if (timespec_to_ns(timespec_elapsed(start)) / 1000000 > ms)
			stress_set_flag(&v->stop);
		for (i = 0, nr = 0; i < NR_STORM_VCPUS; i++) {
			struct stress_thread *t = storm->vcpus[i].thread;

			pthread_kill(t->thread, SIGUSR1);
			nr += stress_has_ended(t);
		}
	}
	for (i = 0; i < NR_STORM_VCPUS; i++)
		stress_join(storm->vcpus[i].thread);
	stress_join(writer);

	for (i = 0; i < NR_STORM_VCPUS; i++)
		storm_finish(&storm->vcpus[i]);
	for (i = 0; i < NR_STORM_VCPUS; i++)
		TEST_ASSERT(!memcmp(storm->vcpus[i].turned_on,
				    storm->vcpus[i].has_begun, STORM_MAX_CALLS),
			    "vCPU %d: a call was successful, but no vCPU or another one began",
			    i);
	stress_expect_frozen(v);
	stress_vm_free(v);
	free(storm);
}
